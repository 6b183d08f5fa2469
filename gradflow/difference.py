"""What two runs of one program give each parameter: the difference, in words and in rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NamedTuple

from gradflow.flow import Arrival, Flow
from gradflow.modules import cover, runs
from gradflow.notation import arrival, listed, printable, table


class Row(NamedTuple):
    """One parameter before and now.

    Attributes:
        name: of the parameter.
        before: the gradient that it got in the run before.
        now: the gradient that it gets now.
        moved: whether the step moved it before.
        moves: whether it moves it now.
    """

    name: str
    before: Arrival
    now: Arrival
    moved: bool
    moves: bool

    @property
    def mark(self) -> str:
        """``+`` newly reached, ``−`` no longer, ``≠`` another gradient or another step, else nothing."""
        if self.before.arrived != self.now.arrived:
            return "+" if self.now.arrived else "−"
        return "≠" if self.moved != self.moves or not _alike(self.before, self.now) else ""

    def cells(self) -> tuple[str, ...]:
        """Mark, name, both gradients and both steps, as a reader sees them."""
        steps = ("moved" if one else "-" for one in (self.moved, self.moves))
        return (self.mark, printable(self.name), arrival(self.before), arrival(self.now), *steps)


HEADS = ("", "parameter", "gradient before", "gradient now", "step before", "step now")


@dataclass(frozen=True)
class Difference:
    """What each parameter got in two runs.

    Attributes:
        rows: one for each parameter, in the order of the model.

    >>> row = Row("w", Arrival("none"), Arrival("nonzero", 2.0), False, True)
    >>> print(Difference((row,)))
    w is newly reached. w now moves.
       parameter  gradient before  gradient now  step before  step now
    +  w                        -             2            -     moved
    """

    rows: tuple[Row, ...]

    @property
    def reached(self) -> tuple[str, ...]:
        """Parameters that get a gradient now and got none before."""
        return self._names(lambda row: row.mark == "+")

    @property
    def lost(self) -> tuple[str, ...]:
        """Parameters that got a gradient before and get none now."""
        return self._names(lambda row: row.mark == "−")

    @property
    def moves(self) -> tuple[str, ...]:
        """Parameters that the step moves now and did not before."""
        return self._names(lambda row: row.moves > row.moved)

    @property
    def stays(self) -> tuple[str, ...]:
        """Parameters that the step moved before and does not now."""
        return self._names(lambda row: row.moves < row.moved)

    @property
    def resized(self) -> tuple[str, ...]:
        """Parameters that get a gradient as before, of another size."""
        return self._names(lambda row: row.now.arrived and row.before.arrived and not _alike(row.before, row.now))

    @property
    def changed(self) -> tuple[Row, ...]:
        """The rows that differ."""
        return tuple(row for row in self.rows if row.mark)

    def words(self) -> str:
        """The difference in sentences."""
        everything = [row.name for row in self.rows]
        clauses = (
            (self.reached, "{} {} newly reached.", ("is", "are")),
            (self.lost, "{} {} no longer reached.", ("is", "are")),
            (self.resized, "{} {} another size of gradient.", ("gets", "get")),
            (self.moves, "{} now {}.", ("moves", "move")),
            (self.stays, "{} no longer {}.", ("moves", "move")),
        )
        said = [_sentence(names, everything, form, verbs) for names, form, verbs in clauses if names]
        return " ".join(said) or "Every parameter gets what it got before."

    def __str__(self) -> str:
        rows = [row.cells() for row in self.changed]
        return "\n".join([self.words(), *(table([HEADS, *rows], right=[2, 3, 4, 5]) if rows else [])])

    def _names(self, wanted: Callable[[Row], bool]) -> tuple[str, ...]:
        return tuple(row.name for row in self.rows if wanted(row))


def difference(before: Flow, moved: Collection[str], now: Flow, moves: Collection[str]) -> Difference:
    """What each parameter of the later run got in both.

    Args:
        before: the earlier backward pass.
        moved: the names that the step after it moved.
        now: the later backward pass.
        moves: the names that the step after it moved.
    """
    known = set(before.graph.parameter_names())
    return Difference(
        tuple(
            Row(name, before.at(name) if name in known else Arrival("none"), now.at(name), name in moved, name in moves)
            for name in now.graph.parameter_names()
        )
    )


def _alike(one: Arrival, other: Arrival) -> bool:
    if one.status != other.status or one.norm is None or other.norm is None:
        return one.status == other.status
    return math.isclose(one.norm, other.norm, rel_tol=1e-6) or (math.isnan(one.norm) and math.isnan(other.norm))


def _sentence(names: Collection[str], everything: Collection[str], form: str, verbs: tuple[str, str]) -> str:
    if 1 < len(names) == len(everything):
        return form.format("Every parameter", verbs[0])
    short = [printable(name) for name in runs(cover(names, everything))]
    plural = len(short) > 1 or "–" in short[0]
    return form.format(listed(short), verbs[plural])
