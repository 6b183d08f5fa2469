"""What the lines and squares of a picture mean: two rows, and only what occurs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from gradflow.picture.metrics import width
from gradflow.picture.plan import Point, Rect
from gradflow.picture.shapes import Bars, Disc, Group, Head, Line, Primitive, Square, Text
from gradflow.verdict import Span

Items = list[Primitive | Group]
Sample = Callable[[float, float], list[Primitive | Group]]

_ROW = 28.0
_GAP = 24.0
_SMALL = 10.0


def legend(items: Sequence[Primitive | Group], x: float, y: float, room: float) -> tuple[Items, float]:
    """The explanation of everything that is drawn, below a rule at the height ``y``; and where it ends."""
    kinds = _kinds_of_lines(items) - (set() if any(_is_told(item) for item in items) else {"quiet"})
    edges = [Entry(label, wide, sample) for kind, label, wide, sample in _EDGES if kind in kinds]
    squares = _entries_of_squares(items)
    drawn: Items = [Line("rule", (Point(x, y), Point(x + room, y)))]
    y += 20
    for entries in filter(None, (edges, squares)):
        rows, y = _rows(entries, x, y, room)
        drawn += rows
    return drawn, y - _ROW + 20


def _is_told(item: Primitive | Group) -> bool:
    """Whether it is known of a line what came back along it."""
    return isinstance(item, Group) and any(name == "status" for data in item.data for name, _ in data)


class Entry(NamedTuple):
    """One sample with its words.

    Attributes:
        label: what it means.
        wide: how wide the sample is.
        sample: what is drawn at a place.
    """

    label: str
    wide: float
    sample: Sample


def _rows(entries: Iterable[Entry], x: float, y: float, room: float) -> tuple[Items, float]:
    """Entries side by side, in as many rows as they need, and where the next row stands."""
    drawn: Items = []
    at = x
    for label, wide, sample in entries:
        needed = wide + 7 + width(label, "legend")
        if at > x and at + needed > x + room:
            at, y = x, y + _ROW
        drawn += sample(at, y)
        drawn.append(Text(at + wide + 7, y + 4, (Span(label),), "legend"))
        at += needed + _GAP
    return drawn, y + _ROW


def _kinds_of_lines(items: Iterable[Primitive | Group]) -> set[str]:
    kinds = set()
    for item in items:
        if isinstance(item, Group) and item.kind == "wire":
            looks = {one.look.split()[0] for one in item.items if isinstance(one, Line)}
            kinds |= looks | {f"disc {one.mark}" for one in item.items if isinstance(one, Disc)}
    if any(isinstance(one, Bars) for one in _flat(items)):
        kinds.add("cut")
    return kinds


def _entries_of_squares(items: Sequence[Primitive | Group]) -> list[Entry]:
    """The states that occur; in the small form if no square has another."""
    kinds = _kinds_of_squares(items)
    is_small = all(one.rect.w < _SMALL for one in _flat(items) if isinstance(one, Square))
    size = 8.0 if is_small else 16.0
    if not is_small and "still" in kinds:
        kinds = kinds - {"still"} | {"reached"}
    return [Entry(label, size, _square(state, size)) for state, label in _SQUARES if state in kinds]


def _kinds_of_squares(items: Iterable[Primitive | Group]) -> set[str]:
    squares = [one for one in _flat(items) if isinstance(one, Square)]
    return {one.state for one in squares} | {"drift" for one in squares if one.drift}


def _flat(items: Iterable[Primitive | Group]) -> Iterator[Primitive]:
    for item in items:
        if isinstance(item, Group):
            yield from item.items
        else:
            yield item


def _arrow(look: str) -> Sample:
    """A line that points back."""
    room = 6 if look == "reached" else 8

    def sample(x: float, y: float) -> Items:
        line = Line(look, (Point(x + room, y), Point(x + 30, y)))
        return [line, Head(look, Point(x, y), (-1, 0))]

    return sample


def _forward(look: str) -> Sample:
    def sample(x: float, y: float) -> Items:
        return [Line(look, (Point(x, y), Point(x + 30, y))), Head("quiet", Point(x + 30, y), (1, 0))]

    return sample


def _cut(x: float, y: float) -> Items:
    return [Line("cut", (Point(x + 11, y), Point(x + 30, y))), Bars(Point(x + 5, y), (1, 0), 14.0)]


def _disc(mark: str) -> Sample:
    def sample(x: float, y: float) -> Items:
        line = [Line("undefined", (Point(x, y), Point(x + 30, y)))] if mark == "undefined" else []
        return [*line, Disc(mark, Point(x + 8.5, y))]

    return sample


def _square(state: str, size: float) -> Sample:
    shown = "quiet" if state == "drift" else state

    def sample(x: float, y: float) -> Items:
        square = Square(shown, Rect(x, y - size / 2, size, size), state == "drift")
        return [Group("sample", shown, (), (), (square,))]

    return sample


_EDGES: tuple[tuple[str, str, float, Sample], ...] = (
    ("reached", "reached", 30.0, _arrow("reached")),
    ("zero", "exactly 0", 30.0, _arrow("zero")),
    ("cut", "cut", 30.0, _cut),
    ("missing", "none, because of a cut", 30.0, _forward("missing")),
    ("undefined", "None sent", 30.0, _disc("undefined")),
    ("disc nonfinite", "NaN or inf is born here", 17.0, _disc("nonfinite")),
    ("quiet", "no gradient due", 30.0, _forward("quiet")),
)
_SQUARES = (
    ("reached", "reached"),
    ("still", "reached, did not move"),
    ("moved", "moved by the step"),
    ("unheld", "not in optimizer"),
    ("zero", "exactly 0"),
    ("nonfinite", "NaN or inf"),
    ("frozen", "frozen"),
    ("none", "none"),
    ("undefined", "undefined"),
    ("quiet", "none due"),
    ("drift", "moved without a gradient"),
    ("trainable", "trainable"),
)
