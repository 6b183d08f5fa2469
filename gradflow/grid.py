"""Several flows in rows and columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from gradflow.errors import GradflowError, unknown_name
from gradflow.flow import Flow

Position = tuple[str, str]


@dataclass(frozen=True)
class Grid:
    """Flows by row and column, which may come from different traces.

    Attributes:
        flows: ``((row, column), Flow)`` in the order given.
        captions: ``((row, column), text)`` of those that have one.
    """

    flows: tuple[tuple[Position, Flow], ...]
    captions: tuple[tuple[Position, str], ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """The names of the rows, from the top."""
        return tuple(dict.fromkeys(row for (row, _), _ in self.flows))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, from the left."""
        return tuple(dict.fromkeys(column for (_, column), _ in self.flows))

    @cached_property
    def _by_position(self) -> dict[Position, Flow]:
        return dict(self.flows)

    def at(self, row: str, column: str) -> Flow | None:
        """The flow at a place, or None where there is none."""
        return self._by_position.get((row, column))

    @cached_property
    def _captions(self) -> dict[Position, str]:
        return dict(self.captions)

    def caption(self, row: str, column: str) -> str:
        """The caption that was given for a place, or ``""``."""
        return self._captions.get((row, column), "")


def checked_grid(flows: object, captions: object = None) -> Grid:
    """A grid of what a caller gave.

    Raises:
        GradflowError: it is not ``{(row, column): Flow}``, or a caption is for no flow.

    >>> checked_grid({})
    Traceback (most recent call last):
    gradflow.errors.GradflowError: grid() takes flows by (row, column), but got none. For example:
        gf.grid({("with detach", "loss"): flow, ("without", "loss"): other})
    """
    if not isinstance(flows, Mapping) or not flows:
        given = "none" if isinstance(flows, Mapping) else type(flows).__name__
        raise GradflowError(
            f"grid() takes flows by (row, column), but got {given}. For example:\n"
            '    gf.grid({("with detach", "loss"): flow, ("without", "loss"): other})'
        )
    for position, flow in flows.items():
        if not (isinstance(position, tuple) and len(position) == 2 and all(isinstance(part, str) for part in position)):
            raise GradflowError(f"grid() got the key {position!r}; expected two strings, (row, column).")
        if not isinstance(flow, Flow):
            raise GradflowError(
                f"grid() got {type(flow).__name__} at {position!r}; expected a Flow, as t.flow(loss) gives it."
            )
    return Grid(tuple(flows.items()), _checked_captions(captions, flows))


def _checked_captions(captions: object, flows: Mapping[Position, Flow]) -> tuple[tuple[Position, str], ...]:
    if captions is None:
        return ()
    if not isinstance(captions, Mapping):
        raise GradflowError(f"captions= takes texts by (row, column), but got {type(captions).__name__}.")
    for position, text in captions.items():
        if position not in flows:
            raise unknown_name(str(position), map(str, flows), "place in the grid")
        if not isinstance(text, str):
            raise GradflowError(f"captions= got {type(text).__name__} at {position!r}; expected a text.")
    return tuple(captions.items())
