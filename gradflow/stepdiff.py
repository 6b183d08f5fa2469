"""What an optimizer step changed, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from gradflow.errors import unknown_name
from gradflow.notation import listed, number, printable, table


class Change(NamedTuple):
    """How one parameter or buffer changed.

    Attributes:
        largest: the largest absolute change of an entry; NaN where a number became NaN.
        changed: how many entries changed; NaN that stays NaN did not.
        total: how many entries there are.
    """

    largest: float
    changed: int
    total: int


@dataclass(frozen=True)
class StepDiff:
    """The changes between two snapshots, buffers included.

    Attributes:
        changes: ``(name, Change)`` in the order of the modules.
        aliases: further names of shared tensors, as ``(name, first name)``.

    >>> step = StepDiff((("a.weight", Change(0.1, 2, 6)), ("a.bias", Change(0.0, 0, 2))))
    >>> print(step)
    name      largest change  entries
    a.weight             0.1   2 of 6
    1 of 2 did not move: a.bias
    """

    changes: tuple[tuple[str, Change], ...]
    aliases: tuple[tuple[str, str], ...] = ()

    @cached_property
    def _by_name(self) -> dict[str, Change]:
        changes = dict(self.changes)
        return changes | {alias: changes[name] for alias, name in self.aliases}

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def at(self, name: str) -> Change:
        """The change of the parameter or buffer of that name.

        Raises:
            GradflowError: neither snapshot has it; the nearest names are offered.
        """
        if not isinstance(name, str) or name not in self._by_name:
            raise unknown_name(name, self._by_name)
        return self._by_name[name]

    @property
    def moved(self) -> tuple[str, ...]:
        """Every name whose tensor changed; a shared one is listed by each of its names."""
        return tuple(name for name, change in self._by_name.items() if change.changed)

    def __str__(self) -> str:
        if not self.changes:
            return "no parameters or buffers"
        still = [printable(name) for name, change in self.changes if not change.changed]
        rows = [
            (self._all_names(name), number(change.largest), f"{change.changed:,} of {change.total:,}")
            for name, change in self.changes
            if change.changed
        ]
        lines = table([("name", "largest change", "entries"), *rows], right=[1, 2]) if rows else []
        if still:
            lines.append(f"{len(still)} of {len(self.changes)} did not move: {listed(still, most=6)}")
        return "\n".join(lines)

    def _all_names(self, name: str) -> str:
        return " = ".join(map(printable, (name, *(alias for alias, first in self.aliases if first == name))))
