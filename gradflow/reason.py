"""The words of an explanation: reasons and cuts."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class Reason(Enum):
    """Why a parameter did or did not receive a gradient. The value says it in a few words."""

    RECEIVED = "received a gradient"
    ZERO = "a gradient arrived, and every entry of it is exactly 0"
    NONFINITE = "a gradient arrived, and it holds NaN or inf"
    UNDEFINED = "a backward node ran and sent None"
    FROZEN = "requires_grad is False"
    DETACHED = "a copy without history stands on the way"
    NO_GRAD = "an operation on the way ran with gradients off"
    NOT_DIFFERENTIABLE = "an operation on the way has no derivative"
    LEFT_PYTORCH = "the value left PyTorch as a number"
    NOT_CONNECTED = "used, but not on the way to this loss"
    UNUSED = "never used"
    NOT_REQUESTED = "left out by inputs="

    def __repr__(self) -> str:
        return f"Reason.{self.name}"


class Cut(NamedTuple):
    """One op that stops a gradient by itself.

    Attributes:
        kind: the Reason it is one.
        target: the bare name as called, as in ``"detach"``; ``"no_grad"`` or ``"inference_mode"`` for an op
            that ran with gradients off.
        source: ``file:line`` of the op itself.
        code: that line, stripped.
        op: id of the op in the graph.
    """

    kind: Reason
    target: str
    source: str
    code: str
    op: int = -1


class Cause(NamedTuple):
    """One thing to look at: a cut, or all lines of a region with gradients off.

    Attributes:
        target: as of the cuts.
        source: ``file:line`` or ``file:first–last``.
        code: the line, if it is one.
    """

    target: str
    source: str
    code: str


def causes(cuts: Iterable[Cut]) -> list[Cause]:
    """Cuts as a reader counts them: a region with gradients off is one, and so is a line that ran often.

    >>> rows = [Cut(Reason.NO_GRAD, "no_grad", f"net.py:{line}", "", line) for line in (7, 8, 12)]
    >>> [cause.source for cause in causes([*rows, Cut(Reason.DETACHED, "detach", "net.py:20", "", 30)])]
    ['net.py:7–12', 'net.py:20']
    """
    runs: list[tuple[str, str, dict[str, str]]] = []  # target, file, code by line
    last: Cut | None = None
    for cut in cuts:
        file, _, line = cut.source.rpartition(":")
        if last is not None and last.kind is cut.kind is Reason.NO_GRAD and (cut.target, file) == runs[-1][:2]:
            runs[-1][2][line] = cut.code
        else:
            runs.append((cut.target, file, {line: cut.code}))
        last = cut
    return list(dict.fromkeys(_cause(*run) for run in runs))


def _cause(target: str, file: str, lines: dict[str, str]) -> Cause:
    ordered = sorted(lines, key=lambda line: int(line) if line.isdigit() else 0)
    if len(ordered) == 1:
        return Cause(target, f"{file}:{ordered[0]}" if file else ordered[0], lines[ordered[0]])
    return Cause(target, f"{file}:{ordered[0]}–{ordered[-1]}", "")


class Explanation(NamedTuple):
    """Why one value did or did not receive a gradient, and what to do about it.

    Attributes:
        name: the name asked about.
        reason: the first Reason that holds.
        cuts: every op on the way that cuts by itself, in the order of execution.
        sentence: what happened.
        advice: what to do about it, or ``""`` where nothing is to be done.
    """

    name: str
    reason: Reason
    cuts: tuple[Cut, ...]
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}".rstrip()
