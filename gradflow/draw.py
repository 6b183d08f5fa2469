"""Draw a graph, a flow or a comparison."""

from __future__ import annotations

from collections.abc import Iterable

from gradflow.compare import Comparison
from gradflow.errors import GradflowError
from gradflow.figure import Figure
from gradflow.flow import Flow
from gradflow.graph import Graph
from gradflow.modules import check_paths
from gradflow.optimizer import holders
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

    This version shows text and saves ``.txt`` and ``.json``.

    Args:
        data: ``t.graph``, what ``t.flow(loss)`` gave, or a comparison.
        optimizer: one, a list, or ``{"opt_G": …}``: also say which parameters it holds.
        step: a ``StepDiff``: also say which parameters moved.
        open: paths of modules to show in full, however many ops there are.
        legend: explain the signs below the figure.
        theme: ``auto``, ``light``, ``dark`` or ``grey``, for pictures.
        width: of pictures, in pixels.
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
    if theme not in THEMES:
        raise GradflowError(f"theme={theme!r} is not one of {', '.join(map(repr, THEMES))}.")
    if direction not in DIRECTIONS:
        raise GradflowError(f"direction={direction!r} is not one of {', '.join(map(repr, DIRECTIONS))}.")
    if not isinstance(width, int | float) or isinstance(width, bool) or not 0 < width < float("inf"):
        raise GradflowError(f"width={width!r} is not a positive number of pixels.")
    graph = data if isinstance(data, Graph) else data.graph
    held = None if optimizer is None else holders(graph, optimizer)
    return Figure(data, held, step, check_paths(graph, open), bool(legend))
