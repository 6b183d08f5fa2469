"""A model that can be changed from run to run, and what follows from each change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol

from gradflow.difference import Difference, difference
from gradflow.draw import draw
from gradflow.errors import GradflowError, unknown_name
from gradflow.figure import Figure
from gradflow.flow import Flow
from gradflow.live import Changes, Program
from gradflow.modules import parameters_of
from gradflow.stepdiff import StepDiff

Names = str | Iterable[str]


class Controls(Protocol):
    """What shows a playground on a page."""

    def draw(self) -> None:
        """Show the last run."""

    def close(self) -> None:
        """Leave the page."""

    def bundle(self) -> dict[str, Any]:
        """What IPython is given to show them."""


class Playground:
    """A model to play with. Made by :func:`gradflow.playground`; in a notebook it shows itself with its controls.

    Between two runs, and so after it is closed, the model is as it was. A change that fails raises what the model or
    PyTorch raised, and changes nothing.
    """

    def __init__(
        self, program: Program, look: Mapping[str, Any], make_controls: Callable[[Playground], Controls]
    ) -> None:
        self._program, self._look, self._make_controls = program, look, make_controls
        self._controls: Controls | None = None
        self._closed = False
        self._run = self._before = program.run(Changes())

    @property
    def changes(self) -> Changes:
        """What the last run did otherwise than the program by itself."""
        return self._run.changes

    @property
    def flow(self) -> Flow:
        """The backward pass of the last run."""
        return self._run.flow

    @property
    def step(self) -> StepDiff:
        """What one step of the optimizer moved in the last run."""
        return self._run.step

    @property
    def detached(self) -> dict[str, int]:
        """How many tensors each cut detached in the last run; 0 where the module was not called."""
        return self._run.detached

    @property
    def difference(self) -> Difference:
        """What the last run gave each parameter, beside what the run before it gave."""
        return difference(self._before.flow, self._before.step.moved, self._run.flow, self._run.step.moved)

    @property
    def figure(self) -> Figure:
        """The picture of the last run."""
        return draw(self._run.flow, optimizer=frozenset(self._run.held), step=self._run.step, **self._look)

    def cut(self, paths: Names) -> Difference:
        """Detach what these modules return, at every call, and nothing else; ``[]`` heals all.

        Args:
            paths: names of modules as in ``model.named_modules()``.

        Raises:
            GradflowError: there is no such module; the nearest are offered.
        """
        known = [path for path, _ in self._program.model.named_modules(remove_duplicate=False) if path]
        for path in _listed(paths):
            if path not in known:
                raise unknown_name(path, known, "module path")
        return self.change(cut=_listed(paths))

    def freeze(self, names: Names) -> Difference:
        """Let these parameters not require grad, beside those that do not anyway; ``[]`` for no others.

        Args:
            names: parameters, or modules for all of theirs.

        Raises:
            GradflowError: there is no such parameter or module; the nearest are offered.
        """
        return self.change(frozen=self.parameters(names))

    def ask(self, names: Names | None) -> Difference:
        """Ask for these gradients only, as ``backward(inputs=...)`` does; None asks for all.

        Args:
            names: parameters, modules for those of theirs that require grad, or inputs that require grad.

        Raises:
            GradflowError: there is no such name; the nearest are offered.
        """
        return self.change(asked=None if names is None else self._asked(_listed(names)))

    def hold(self, names: Names | None) -> Difference:
        """Give only these parameters to the optimizer; None gives it all.

        Args:
            names: parameters, or modules for all of theirs.

        Raises:
            GradflowError: there is no such parameter or module; the nearest are offered.
        """
        return self.change(held=None if names is None else self.parameters(names))

    def losses(self, names: Names | None) -> Difference:
        """Run backward from the sum of these losses only; None sums all.

        Args:
            names: keys of ``loss=``.

        Raises:
            GradflowError: there is no such loss, or none is named.
        """
        wanted = None if names is None else _listed(names)
        for name in wanted or ():
            if name not in self._program.losses:
                raise unknown_name(name, self._program.losses, "loss")
        if wanted == ():
            raise GradflowError("name at least one loss, or None for the sum of all.")
        return self.change(losses=wanted)

    def reset(self) -> Difference:
        """Run the program without any change."""
        return self.change(**Changes()._asdict())

    def change(self, **changes: Any) -> Difference:
        """Replace some fields of ``changes``, run, and say what is different."""
        if self._closed:
            raise GradflowError("this playground is closed; open another one with gf.playground(...).")
        run = self._program.run(self._run.changes._replace(**changes))
        self._before, self._run = self._run, run
        if self._controls is not None:
            self._controls.draw()
        return self.difference

    def parameters(self, names: Names) -> tuple[str, ...]:
        """The parameters of the model that these names of parameters and modules mean.

        Raises:
            GradflowError: there is no such parameter or module; the nearest are offered.
        """
        own = dict(self._program.model.named_parameters())
        meant = {one for name in _listed(names) for one in parameters_of(self._run.flow.graph, name)}
        for name in meant - own.keys():
            raise unknown_name(name, own, "parameter of the model")
        return tuple(name for name in own if name in meant)

    def _asked(self, names: tuple[str, ...]) -> tuple[str, ...]:
        graph = self._run.flow.graph
        meant: dict[str, None] = {}
        for name in names:
            if name in graph.names:
                meant[graph.value(name).name or name] = None
            else:
                meant |= dict.fromkeys(one for one in self.parameters(name) if graph.value(one).requires_grad)
        return tuple(meant)

    @property
    def program(self) -> Program:
        """What is run."""
        return self._program

    def close(self) -> None:
        """Take the controls off the page. The model is as it was already."""
        self._closed = True
        if self._controls is not None:
            self._controls.close()
            self._controls = None

    def __enter__(self) -> Playground:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        verdict, _, _ = self.figure.text().partition("\n\n")
        return f"{verdict}\n{self.difference.words()}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        if self._closed:
            return {"text/plain": repr(self)}
        if self._controls is None:
            self._controls = self._make_controls(self)
        return {**self._controls.bundle(), "text/plain": repr(self)}


def _listed(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
