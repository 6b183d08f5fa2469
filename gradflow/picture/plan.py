"""Where everything in a sketch stands: rectangles, lines and texts in pixels, y pointing down."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    """A place in the picture."""

    x: float
    y: float


class Rect(NamedTuple):
    """A rectangle by its upper left corner and its size."""

    x: float
    y: float
    w: float
    h: float

    @property
    def right(self) -> float:
        """The x of the right side."""
        return self.x + self.w

    @property
    def bottom(self) -> float:
        """The y of the lower side."""
        return self.y + self.h

    @property
    def center(self) -> Point:
        """The middle."""
        return Point(self.x + self.w / 2, self.y + self.h / 2)

    def moved(self, dx: float, dy: float) -> Rect:
        """The same rectangle elsewhere."""
        return Rect(self.x + dx, self.y + dy, self.w, self.h)


class Label(NamedTuple):
    """One line of text.

    Attributes:
        x: where it is anchored.
        y: its baseline.
        text: what it says; already shortened to fit.
        role: its type, a key of ``metrics.FONTS``.
        anchor: ``start``, ``middle`` or ``end``.
        leaf: in a cell, the index of the leaf that it belongs to, or None.
        note: in a cell, the index of the note that it belongs to, or None. In a closed module the 14 px left of
            a note's title are free for its mark.
    """

    x: float
    y: float
    text: str
    role: str
    anchor: str = "start"
    leaf: int | None = None
    note: int | None = None

    def moved(self, dx: float, dy: float) -> Label:
        """The same text elsewhere."""
        return self._replace(x=self.x + dx, y=self.y + dy)


class Place(NamedTuple):
    """Where a cell stands. Everything lies inside ``rect``.

    Attributes:
        cell: id of the cell.
        rect: the room of the cell.
        shape: its pill, circle, bars, square or closed box; wires end on its border.
        leaves: square or circle of each leaf (a bare number: the room of its text), in the cell's order.
        stems: of each leaf the line from its border to the border of the shape; empty for none.
        labels: everything written in the cell.
        squares: of a closed module, the little squares, in the cell's order.
    """

    cell: int
    rect: Rect
    shape: Rect
    leaves: tuple[Rect, ...] = ()
    stems: tuple[tuple[Point, ...], ...] = ()
    labels: tuple[Label, ...] = ()
    squares: tuple[Rect, ...] = ()


class Frame(NamedTuple):
    """Where a box stands; ``idle`` are the squares of its unused parameters."""

    box: int
    rect: Rect
    labels: tuple[Label, ...]
    idle: tuple[Rect, ...] = ()


class Route(NamedTuple):
    """The way of one wire from the border of its source's shape to the border of its target's shape.

    Attributes:
        wire: index in ``Sketch.wires``.
        points: corners; neighbours share an x or a y. No three in one line.
        labels: what is written above and below it.
    """

    wire: int
    points: tuple[Point, ...]
    labels: tuple[Label, ...] = ()


class Bracket(NamedTuple):
    """A bracket over (or beside) a run of equal blocks, from ``start`` to ``end``, open towards the run.

    Of a run that is broken into lines each has one; ``first`` and ``last`` tell where the run begins and ends.
    """

    run: int
    start: Point
    end: Point
    labels: tuple[Label, ...]
    first: bool = True
    last: bool = True


class Layout(NamedTuple):
    """Where everything stands.

    Attributes:
        width: of the whole, margins included.
        height: of the whole, margins included.
        direction: ``LR`` or ``TB``; the list is ``TB``.
        style: ``boxes`` or ``list``.
        places: of the cells, in their order.
        frames: of the boxes, in their order; a list has none.
        routes: of the wires, in their order.
        dots: where wires of one value part.
        brackets: of the runs.
        fits: whether the width asked for was enough.
    """

    width: float
    height: float
    direction: str
    style: str
    places: tuple[Place, ...]
    frames: tuple[Frame, ...]
    routes: tuple[Route, ...]
    dots: tuple[Point, ...] = ()
    brackets: tuple[Bracket, ...] = ()
    fits: bool = True
