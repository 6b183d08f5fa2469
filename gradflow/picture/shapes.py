"""What a picture is made of, with meaning and without markup: lines, heads, bars, squares, texts."""

from __future__ import annotations

from typing import NamedTuple

from gradflow.graph import Edge
from gradflow.picture.plan import Point, Rect
from gradflow.verdict import Span


class Shape(NamedTuple):
    """A rectangle or circle.

    Attributes:
        kind: its class, as ``module``, ``pill`` or ``loss``.
        rect: where it stands.
        radius: of its corners; a circle's is half of its size.
        path: of a closed module, its dotted path.
    """

    kind: str
    rect: Rect
    radius: float = 0.0
    path: str = ""


class Line(NamedTuple):
    """A line with rounded corners.

    Attributes:
        look: its classes: a state, or ``cut``; ``shell`` and ``core`` of a hollow line, ``rule``, ``bar``.
        points: its corners.
        sharp: corners that are not rounded, because something parts there.
    """

    look: str
    points: tuple[Point, ...]
    sharp: tuple[Point, ...] = ()


class Head(NamedTuple):
    """An arrow head: filled (reached), hollow (zero) or open (everything that points forward)."""

    look: str
    tip: Point
    toward: tuple[int, int]


class Bars(NamedTuple):
    """The two bars of a cut, across a line.

    Attributes:
        center: the middle between them.
        along: the direction of the line.
        size: their length.
        clear: whether what lies under them is covered, as the border of a region.
    """

    center: Point
    along: tuple[int, int]
    size: float = 20.0
    clear: bool = False


class Disc(NamedTuple):
    """A disc with 0, ∅ or an exclamation mark."""

    mark: str
    center: Point
    radius: float = 8.5


class Dot(NamedTuple):
    """Where a value parts."""

    look: str
    center: Point


class Square(NamedTuple):
    """The square of a parameter, with the mark of its state.

    Attributes:
        state: one of ``states.PARAMETER_STATES``.
        rect: where it stands; below 10 px it is drawn in the small form.
        drift: whether it has a Δ at its corner.
    """

    state: str
    rect: Rect
    drift: bool = False


class Text(NamedTuple):
    """One line of text in pieces.

    Attributes:
        x: where it is anchored.
        y: its baseline.
        spans: what it says.
        role: its type, a key of ``metrics.FONTS``.
        anchor: ``start``, ``middle`` or ``end``.
        tone: its colour: ``""`` (ink), ``soft``, ``inverse``, ``of-zero`` or ``of-undefined``.
        keys: whose number, derivative or factor it is: the id of a value, or edges.
        path: of the name of a module, its dotted path.
    """

    x: float
    y: float
    spans: tuple[Span, ...]
    role: str
    anchor: str = "start"
    tone: str = ""
    keys: tuple[Edge | int, ...] = ()
    path: str = ""


Primitive = Shape | Line | Head | Bars | Disc | Dot | Square | Text


class Group(NamedTuple):
    """Everything that is drawn for one use of a value, or for one parameter.

    Attributes:
        kind: ``wire`` or ``parameter``; ``sample`` in a legend.
        state: as of ``states``.
        keys: what it stands for: edges, or the id of a value.
        data: names and texts of its data attributes, one set for each thing it stands for.
        items: what is drawn, of all of them together.
        band: the line, or the room of the square, for the band that shows what is looked at.
        arrived: whether a gradient, zero or None was sent there.
    """

    kind: str
    state: str
    keys: tuple[Edge | int, ...]
    data: tuple[tuple[tuple[str, str], ...], ...]
    items: tuple[Primitive, ...]
    band: tuple[Point, ...] = ()
    arrived: bool = False


class Scene(NamedTuple):
    """A picture.

    Attributes:
        width: in pixels.
        height: in pixels.
        title: what it is about.
        description: who is connected, in which state, and the conclusion.
        items: what is drawn, the lowest first.
    """

    width: float
    height: float
    title: str
    description: str
    items: tuple[Primitive | Group, ...]


def moved(item: Primitive | Group, dx: float, dy: float) -> Primitive | Group:
    """The same thing elsewhere."""
    if not isinstance(item, Group):
        return _moved(item, dx, dy)
    items = tuple(_moved(one, dx, dy) for one in item.items)
    return item._replace(items=items, band=_points(item.band, dx, dy))


def _moved(item: Primitive, dx: float, dy: float) -> Primitive:
    match item:
        case Line():
            return item._replace(points=_points(item.points, dx, dy), sharp=_points(item.sharp, dx, dy))
        case Head():
            return item._replace(tip=_point(item.tip, dx, dy))
        case Shape() | Square():
            return item._replace(rect=item.rect.moved(dx, dy))
        case Text():
            return item._replace(x=item.x + dx, y=item.y + dy)
        case _:
            return item._replace(center=_point(item.center, dx, dy))


def _point(point: Point, dx: float, dy: float) -> Point:
    return Point(point.x + dx, point.y + dy)


def _points(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple(_point(point, dx, dy) for point in points)
