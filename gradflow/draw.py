"""The public verbs that make figures: draw, grid, choose, animate, puzzle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradflow.choice import checked_choice
from gradflow.compare import Comparison
from gradflow.errors import GradflowError
from gradflow.figure import Figure
from gradflow.flow import Flow
from gradflow.graph import Graph
from gradflow.grid import checked_grid
from gradflow.modules import check_paths
from gradflow.optimizer import holders
from gradflow.picture.payload import MOST_CHANGED
from gradflow.puzzle import checked_puzzle
from gradflow.stepdiff import StepDiff

THEMES = ("auto", "light", "dark", "grey")
DIRECTIONS = (None, "LR", "TB")


def draw(
    data: Graph | Flow | Comparison,
    *,
    optimizer: object = None,
    step: StepDiff | None = None,
    open: Iterable[str] = (),
    legend: bool = False,
    theme: str = "auto",
    width: int = 720,
    direction: str | None = None,
) -> Figure:
    """A figure that shows itself in a notebook and can be saved.

    Args:
        data: ``t.graph``, what ``t.flow(loss)`` gave, or a comparison.
        optimizer: one, a list, or ``{"opt_G": …}``: also say which parameters it holds.
        step: a ``StepDiff``: also say which parameters moved.
        open: paths of modules to show in full, however many ops there are.
        legend: explain lines, squares and signs below the figure.
        theme: ``auto`` (as the page), ``light``, ``dark`` or ``grey``.
        width: of the picture, in pixels, at most; on a narrow page it is laid out anew.
        direction: ``LR``, ``TB``, or None to choose by the width.

    Raises:
        GradflowError: an argument does not fit; the message says what would.

    >>> import gradflow as gf, torch
    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> with gf.trace(w=w) as t:
    ...     loss = (w * w).detach() * w
    >>> print(draw(t.flow(loss)).text().splitlines()[0])
    1 of 1 parameter reached.
    """
    if not isinstance(data, Graph | Flow | Comparison):
        raise GradflowError(
            f"draw() takes a Graph, a Flow or a Comparison, but got {type(data).__name__}. "
            "Draw what a trace gives: gf.draw(t.graph), gf.draw(t.flow(loss))"
        )
    if step is not None and not isinstance(step, StepDiff):
        raise GradflowError(f"step= takes what gf.diff(before, after) gives, but got {type(step).__name__}.")
    graph = data if isinstance(data, Graph) else data.graph
    held = None if optimizer is None else holders(graph, optimizer)
    look = _checked_look(theme, width)
    if direction not in DIRECTIONS:
        raise GradflowError(f"direction={direction!r} is not one of {', '.join(map(repr, DIRECTIONS))}.")
    return Figure(data, held, step, check_paths(graph, open), bool(legend), *look, direction)


def grid(
    flows: Mapping[tuple[str, str], Flow],
    captions: Mapping[tuple[str, str], str] | None = None,
    width: int = 720,
    theme: str = "auto",
) -> Figure:
    """Small pictures of several flows in rows and columns, each drawn alike, so that only what differs differs.

    Args:
        flows: ``{(row, column): flow, …}``, of one trace or of several.
        captions: ``{(row, column): text, …}`` to stand below a picture instead of who is reached.
        width: of the whole, in pixels.
        theme: ``auto`` (as the page), ``light``, ``dark`` or ``grey``.

    Raises:
        GradflowError: an argument does not fit; the message says what would.

    >>> import gradflow as gf, torch
    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> with gf.trace(w=w) as t:
    ...     whole, cut = w * 2, w.detach() * w
    >>> print(grid({("whole", "loss"): t.flow(whole), ("cut", "loss"): t.flow(cut)}).text())
    whole
        loss: 1 of 1 parameter reached.
    <BLANKLINE>
    cut
        loss: 1 of 1 parameter reached.
    """
    theme, width = _checked_look(theme, width)
    return Figure(checked_grid(flows, captions), theme=theme, width=width)


def choose(
    flows: Mapping[Any, Flow],
    labels: Iterable[str] | None = None,
    width: int = 720,
    theme: str = "auto",
) -> Figure:
    """A figure in which a reader chooses one of several flows; all of them are shown small below it.

    Args:
        flows: ``{(bridge, mode): flow, …}``: by what is chosen of each thing that can be chosen.
        labels: what can be chosen, as ``("bridge", "loss")``.
        width: of the picture, in pixels.
        theme: ``auto`` (as the page), ``light``, ``dark`` or ``grey``.

    Raises:
        GradflowError: an argument does not fit; the message says what would.

    >>> import gradflow as gf, torch
    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> with gf.trace(w=w) as t:
    ...     whole, cut = w * 2, w.detach() * w
    >>> figure = choose({"whole": t.flow(whole), "cut": t.flow(cut)}, labels=["path"])
    >>> print(figure.text())
    whole: 1 of 1 parameter reached.
    cut: 1 of 1 parameter reached.
    """
    theme, width = _checked_look(theme, width)
    return Figure(checked_choice(flows, labels), theme=theme, width=width)


def animate(flow: Flow, *, open: Iterable[str] = (), theme: str = "auto", width: int = 720) -> Figure:
    """A figure that walks through the backward pass, in the order in which the engine went.

    Args:
        flow: what ``t.flow(loss)`` gave.
        open: paths of modules to show in full.
        theme: ``auto`` (as the page), ``light``, ``dark`` or ``grey``.
        width: of the picture, in pixels.

    Raises:
        GradflowError: an argument does not fit; the message says what would.

    >>> import gradflow as gf, torch
    >>> w = torch.tensor(3.0, requires_grad=True)
    >>> with gf.trace(w=w) as t:
    ...     f = w * 2
    ...     t.name(f=f)
    >>> print(animate(t.flow(f)).text().splitlines()[-1])
    2. w: The op × hands on ∂f/∂f times its factor: 1 × 2 = 2.
    """
    if not isinstance(flow, Flow):
        raise GradflowError(f"animate() takes a Flow, as t.flow(loss) gives it, but got {type(flow).__name__}.")
    theme, width = _checked_look(theme, width)
    return Figure(flow, opened=check_paths(flow.graph, open), theme=theme, width=width, animated=True)


def puzzle(
    data: Flow | Comparison,
    task: str,
    *,
    goal: Mapping[str, Any],
    hints: str | Iterable[str] = (),
    solution: Mapping[str, Any],
    optimizer: object = None,
    width: int = 720,
    theme: str = "auto",
) -> Figure:
    """A figure with a task that a reader solves by changing it; where there is no script, an ordinary exercise.

    Args:
        data: what ``t.flow(loss)`` gave, or a comparison of several losses.
        task: what to do, in a sentence.
        goal: what must hold, of parameters or paths of modules: ``reached``, ``spared`` (not reached), ``stepped``,
            ``still`` (not stepped); ``work``, a share of the backward operations; ``cuts``, a count of values; and
            in ``only`` which changes are allowed: ``cut``, ``heal``, ``freeze``, ``ask``, ``hold``, ``loss``.
        hints: from vague to plain.
        solution: one change that does it: ``cut`` (``("B", "C")`` is the line from ``B`` to ``C``; names of values
            or modules, or a ``gf.Edge``), ``heal`` (what the cut makes), ``frozen``, ``thaw``, ``ask``, ``hold``,
            ``losses``; in ``python`` the code that does it.
        optimizer: one, a list, or ``{"opt_G": …}``; without one, whatever is reached is stepped.
        width: of the picture, in pixels.
        theme: ``auto`` (as the page), ``light``, ``dark`` or ``grey``.

    Raises:
        GradflowError: an argument does not fit, or the puzzle is solved before anything is changed.

    >>> import gradflow as gf, torch
    >>> a, b = (torch.tensor(one, requires_grad=True) for one in (2.0, 3.0))
    >>> with gf.trace(a=a, b=b) as t:
    ...     h = a * 2
    ...     loss = h * b
    ...     t.name(h=h, loss=loss)
    >>> goal = {"reached": "b", "spared": "a", "only": ["cut"]}
    >>> made = puzzle(t.flow(loss), "Reach b alone.", goal=goal, solution={"cut": ("h", "loss")})
    >>> print(made.text().partition("Puzzle: ")[2])
    Reach b alone.
    - b would be reached
    - a would not be reached
    You may cut a line.
    Solution: Cut the line from h to loss.
    """
    theme, width = _checked_look(theme, width)
    held = None if optimizer is None or not isinstance(data, Flow | Comparison) else holders(data.graph, optimizer)
    made = checked_puzzle(data, task, goal, hints, solution, held)
    if len(data.graph.ops) > MOST_CHANGED:
        raise GradflowError(f"puzzle() takes at most {MOST_CHANGED} operations, but got {len(data.graph.ops)}.")
    return Figure(data, held, theme=theme, width=width, puzzle=made)


def _checked_look(theme: str, width: int) -> tuple[str, int]:
    if theme not in THEMES:
        raise GradflowError(f"theme={theme!r} is not one of {', '.join(map(repr, THEMES))}.")
    if not isinstance(width, int | float) or isinstance(width, bool) or not 0 < width < float("inf"):
        raise GradflowError(f"width={width!r} is not a positive number of pixels.")
    return theme, width
