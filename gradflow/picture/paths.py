"""Lines with corners: how long they are, where they part, and their pieces."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from gradflow.picture.plan import Point, Rect

Path = tuple[Point, ...]
_NEAR = 0.05


def length(path: Sequence[Point]) -> float:
    """How long a line is whose pieces are horizontal or vertical.

    >>> length([Point(0, 0), Point(10, 0), Point(10, 5)])
    15
    """
    return sum(_distance(a, b) for a, b in pairwise(path))


def split(path: Sequence[Point], at: float) -> tuple[Path, Path]:
    """The first piece of a line, of the given length, and the rest.

    >>> split([Point(0, 0), Point(10, 0)], 4)
    ((Point(x=0, y=0), Point(x=4.0, y=0.0)), (Point(x=4.0, y=0.0), Point(x=10, y=0)))
    """
    if at <= 0:
        return (), tuple(path)
    for index, (a, b) in enumerate(pairwise(path)):
        step = _distance(a, b)
        if at < step - _NEAR:
            between = _along(a, b, at / step)
            return (*path[: index + 1], between), (between, *path[index + 1 :])
        at -= step
        if at <= _NEAR:
            return tuple(path[: index + 2]), tuple(path[index + 1 :]) if index + 2 < len(path) else ()
    return tuple(path), ()


def shortened(path: Sequence[Point], start: float = 0.0, end: float = 0.0) -> Path:
    """A line without so much of its start and of its end; at least 2 px of it stay.

    >>> shortened([Point(0, 0), Point(10, 0)], 2, 3)
    (Point(x=2.0, y=0.0), Point(x=7.0, y=0.0))
    """
    room = max(length(path) - 2, 0)
    start, end = min(start, room), min(end, max(room - start, 0))
    kept = split(path, length(path) - end)[0]
    return split(kept, start)[1]


def shared(trunk: Sequence[Point], branch: Sequence[Point]) -> float:
    """How far two lines run together from their common start.

    >>> shared([Point(0, 0), Point(9, 0)], [Point(0, 0), Point(4, 0), Point(4, 5)])
    4.0
    """
    together, i, j = 0.0, 0, 0
    if not _same(trunk[0], branch[0]):
        return together
    at = trunk[0]
    while i + 1 < len(trunk) and j + 1 < len(branch):
        one, other = trunk[i + 1], branch[j + 1]
        if _heading(at, one) != _heading(at, other):
            break
        step = min(_distance(at, one), _distance(at, other))
        together += step
        at = one if _distance(at, one) <= _distance(at, other) else other
        i += _same(at, one)
        j += _same(at, other)
    return together


def leaving(path: Sequence[Point], frame: Rect) -> float | None:
    """Where a line leaves a frame for good, as a length from its start; None if it never does.

    >>> leaving([Point(0, 5), Point(30, 5)], Rect(-10, 0, 20, 10))
    10.0
    """
    walked, found = 0.0, None
    for a, b in pairwise(path):
        if _within(a, frame) and not _within(b, frame):
            border = Point(min(max(b.x, frame.x), frame.right), min(max(b.y, frame.y), frame.bottom))
            found = walked + _distance(a, border)
        walked += _distance(a, b)
    return found


def longest(path: Sequence[Point]) -> tuple[float, float]:
    """Where the longest straight stretch of a line begins and ends, as lengths from its start."""
    walked, best = 0.0, (0.0, 0.0)
    for a, b in pairwise(path):
        step = _distance(a, b)
        if step > best[1] - best[0] + _NEAR:
            best = walked, walked + step
        walked += step
    return best


def heading(path: Sequence[Point]) -> tuple[int, int]:
    """The direction in which a line starts, as steps in x and y."""
    return next((_heading(a, b) for a, b in pairwise(path) if not _same(a, b)), (1, 0))


def backwards(path: Sequence[Point]) -> Path:
    """The same line from its end to its start."""
    return tuple(reversed(path))


def on(path: Sequence[Point], point: Point) -> bool:
    """Whether a line passes through a point."""
    return any(
        min(a.x, b.x) - _NEAR <= point.x <= max(a.x, b.x) + _NEAR
        and min(a.y, b.y) - _NEAR <= point.y <= max(a.y, b.y) + _NEAR
        for a, b in pairwise(path)
    )


def distance(point: Point, path: Sequence[Point]) -> float:
    """How far a point is from a line, along or across, whichever is more.

    >>> distance(Point(5, 4), [Point(0, 0), Point(10, 0), Point(10, 9)])
    4
    """
    (x, y), pieces = point, pairwise(path)
    return min(max(min(a.x, b.x) - x, x - max(a.x, b.x), min(a.y, b.y) - y, y - max(a.y, b.y), 0) for a, b in pieces)


def _distance(a: Point, b: Point) -> float:
    return abs(a.x - b.x) + abs(a.y - b.y)


def _same(a: Point, b: Point) -> bool:
    return _distance(a, b) <= _NEAR


def _along(a: Point, b: Point, share: float) -> Point:
    return Point(a.x + share * (b.x - a.x), a.y + share * (b.y - a.y))


def _heading(a: Point, b: Point) -> tuple[int, int]:
    return _sign(b.x - a.x), _sign(b.y - a.y)


def _sign(x: float) -> int:
    return 0 if abs(x) <= _NEAR else (1 if x > 0 else -1)


def _within(point: Point, frame: Rect) -> bool:
    return frame.x <= point.x <= frame.right and frame.y <= point.y <= frame.bottom
