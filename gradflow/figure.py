"""What a notebook shows and a file holds: a graph, flow or comparison, ready to look at."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gradflow.compare import Comparison
from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.graph import Graph
from gradflow.roster import Holders
from gradflow.serialize import to_json
from gradflow.stepdiff import StepDiff
from gradflow.text import LEGEND, comparison_text, flow_text, graph_text

WRITTEN = ("txt", "json")
PLANNED = ("svg", "html", "png", "pdf", "dot")


@dataclass(frozen=True, repr=False)
class Figure:
    """A graph, flow or comparison with the choices of how to show it; made by :func:`gradflow.draw`.

    Attributes:
        subject: what is shown.
        holders: which optimizers hold each parameter, or None.
        step: what an optimizer step moved, or None.
        opened: paths of modules to show in full.
        legend: whether the signs are explained below.
    """

    subject: Graph | Flow | Comparison
    holders: Holders | None = None
    step: StepDiff | None = None
    opened: tuple[str, ...] = ()
    legend: bool = False

    def text(self) -> str:
        """The figure as aligned lines of text."""
        if isinstance(self.subject, Comparison):
            shown = comparison_text(self.subject, holders=self.holders, step=self.step)
        elif isinstance(self.subject, Flow):
            shown = flow_text(self.subject, holders=self.holders, step=self.step, opened=self.opened)
        else:
            shown = graph_text(self.subject, holders=self.holders, step=self.step, opened=self.opened)
        return f"{shown}\n\n{LEGEND}" if self.legend else shown

    def svg(self) -> str:
        """Not yet: this version writes text and JSON.

        Raises:
            GradflowError: always.
        """
        _not_yet("svg")

    def html(self) -> str:
        """Not yet: this version writes text and JSON.

        Raises:
            GradflowError: always.
        """
        _not_yet("html")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the figure to a file; its suffix says how. A file that is there is replaced only as a whole.

        Raises:
            GradflowError: the suffix is not ``.txt`` or ``.json``, or the file cannot be written.
        """
        target = _checked(path)
        if target.suffix.lower() == ".txt":
            _write(target, self.text() + "\n")
        elif isinstance(self.subject, Comparison):
            raise GradflowError("a comparison is not saved as JSON; save each of its flows, or the text.")
        else:
            _write(target, to_json(self.subject) + "\n")

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return {"text/plain": self.text()}


def _checked(path: object) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise GradflowError(f"save() takes a path, as in save('figure.txt'), but got {type(path).__name__}.")
    target = Path(os.fsdecode(path))
    suffix = target.suffix.lower().removeprefix(".")
    if suffix in PLANNED:
        _not_yet(suffix)
    if suffix not in WRITTEN:
        raise GradflowError(
            f"{str(target)!r} does not say how to write the figure; end it in .{' or .'.join(WRITTEN)}."
        )
    return target


def _not_yet(suffix: str) -> NoReturn:
    raise GradflowError(f"this version of gradflow writes .{' and .'.join(WRITTEN)}; .{suffix} is not there yet.")


def _write(target: Path, content: str) -> None:
    """Write beside the target, then move there, so that a failure leaves the old file."""
    target = target.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        draft.write_text(content, encoding="utf-8", newline="\n")
        draft.replace(target)
    except OSError as error:
        raise GradflowError(f"cannot write {str(target)!r}: {error.strerror}.") from None
    finally:
        draft.unlink(missing_ok=True)
