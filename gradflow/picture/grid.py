"""The words of the layout: what a container sees of what is in it, and the grid on which it routes.

Everything is measured along the reading direction and across it, so that one code serves both: left to right,
along is x; top to bottom, along is y. A container has columns along and rows across. Row 0 is the spine. A column
has three slots: its item, then the left and the right part of the channel behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

LEFT, RIGHT = -1, -2
LINE, UP, DOWN, OUT, IN = range(5)

Level = tuple[int, int]
"""Where a line runs along: a row, and there ``LINE`` on its middle, ``UP`` or ``DOWN`` on a track before or after
it, ``OUT`` or ``IN`` on a stub beside an item."""


class Room(NamedTuple):
    """A rectangle along (u) and across (v)."""

    u0: float
    u1: float
    v0: float
    v1: float


class Item(NamedTuple):
    """A cell or an open box, as the container around it sees it; measured from its anchor on the spine.

    Attributes:
        room: all of it.
        core: where along lines end: the shape of a cell, the border of a box.
        half: half the height of the shape of a cell, across; 0 for a box.
        rounded: whether the shape of the cell has round ends.
        before: how many lines may enter it from before (above), without touching what is written there.
        after: the same from after (below).
        lead: how long a line runs straight before it may turn, once it has left.
        entry: how long the last piece of a line into it is at least.
        inward: of a box, how far across each stream enters.
        outward: of a box, how far across each stream leaves.
        order: when it is executed.
        is_input: whether it is an input: what follows it stays left.
        apart: in small multiples, how far from the next cell; else None.
        rooms: among numbers, the parts of its room; else ``()``.
    """

    room: Room
    core: tuple[float, float]
    half: float
    rounded: bool
    before: int
    after: int
    lead: float
    entry: float
    inward: Mapping[int, float]
    outward: Mapping[int, float]
    order: int
    is_input: bool = False
    apart: float | None = None
    rooms: tuple[Room, ...] = ()

    @property
    def is_cell(self) -> bool:
        """Whether it is a cell, not an open box."""
        return self.half > 0


class Link(NamedTuple):
    """A stream on its way from one item of a container to another one, or from or to its border.

    Attributes:
        stream: the number of what flows: one value of one cell.
        source: index of the item it leaves, or ``LEFT``.
        target: index of the item it enters, or ``RIGHT``.
        least: how long its last piece is at least, for a disc.
        text: how long the text on it is, or 0.
        beside: how far that text reaches across, before and after the line.
        bus: whether it shares the way into its target with others.
    """

    stream: int
    source: int
    target: int
    least: float = 0.0
    text: float = 0.0
    beside: tuple[float, float] = (0.0, 0.0)
    bus: bool = False


class Path(NamedTuple):
    """The way of a link on the grid: along a level, across at a turn, along the next level, and so on.

    Attributes:
        levels: the levels it runs along.
        turns: between two levels the channel (``2 c + 1`` behind column c) where it goes across. One more turn
            than between levels: it enters its target from before or after, in the middle of the column (``2 c``).
    """

    levels: tuple[Level, ...]
    turns: tuple[int, ...]

    @property
    def enters_across(self) -> bool:
        """Whether it enters its target from before or after."""
        return len(self.turns) == len(self.levels)


class Board(NamedTuple):
    """A container with its items on the grid, and the ways between them.

    Attributes:
        items: what stands in it.
        links: what flows between them.
        columns: of each item.
        rows: of each item.
        free: the items that hang on no input and lead to one place: they may stand as late as they like.
        anchored: the items that stand below what is in row 0 of their column, and not further left.
        paths: of each link.
    """

    items: tuple[Item, ...]
    links: tuple[Link, ...]
    columns: tuple[int, ...]
    rows: tuple[int, ...]
    free: frozenset[int] = frozenset()
    anchored: frozenset[int] = frozenset()
    paths: tuple[Path, ...] = ()

    @property
    def width(self) -> int:
        """The number of columns."""
        return max(self.columns, default=-1) + 1


def rank(level: Level, turn: int = 0) -> int:
    """The levels of a board as numbers from before to after; a stub lies on the side on which it goes on."""
    row, lane = level
    return 10 * row + (0, -3, 3, turn, turn)[lane]


def spread(total: int, reach: float, pitch: float = 14.0) -> list[float]:
    """Offsets of so many lines around a middle, at most ``reach`` away from it.

    >>> spread(1, 9), spread(2, 9), spread(3, 9)
    ([0.0], [-7.0, 7.0], [-9.0, 0.0, 9.0])
    """
    if total == 1:
        return [0.0]
    step = min(pitch, 2 * reach / (total - 1))
    return [step * (i - (total - 1) / 2) for i in range(total)]


def border(toward: float, half: float, offset: float, rounded: bool) -> float:
    """How far from its middle the border of a shape is, in the direction in which it is ``toward`` long.

    Args:
        toward: half the size of the shape in that direction.
        half: half the size across it.
        offset: how far across from the middle.
        rounded: whether the ends are round.
    """
    if not rounded:
        return toward
    radius = min(toward, half)
    beyond = max(abs(offset) - (half - radius), 0.0)
    return toward - radius + math.sqrt(max(radius * radius - beyond * beyond, 0.0))
