"""How much a picture shows, and in which direction: as much as fits, and can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from gradflow.picture.layout import lay
from gradflow.picture.plan import Layout, Point
from gradflow.picture.sketch import Sketch

BUDGETS = (40, 34, 30, 26, 22, 18, 14, 10)
NARROW = 560.0
_TALL = 1.0
"""How high a picture from left to right may be, as part of its width."""
_TALL_DOWN = 1.8
_EVERYTHING = 1_000_000

Draft = Callable[[int], Sketch]


def arrange(draft: Draft, width: float, direction: str | None = None) -> tuple[Sketch, Layout]:
    """The sketch that shows the most of what fits, and its layout.

    Args:
        draft: the sketch that shows at most about so many marks.
        width: the width to fit.
        direction: ``LR`` or ``TB``; None chooses.

    >>> from gradflow.picture.sketch import Cell, Wire
    >>> cells = (Cell(0, "input", "x", value=0), Cell(1, "op", "relu", ops=(0,)))
    >>> _, layout = arrange(lambda most: Sketch(cells, (), (Wire(0, 0, 1, ()),)), 720)
    >>> layout.direction, layout.style
    ('LR', 'boxes')
    """
    drafts = list(_drafts(draft))
    ways = [direction] if direction else ["LR", "TB"] if width >= NARROW else ["TB"]
    known: dict[tuple[int, str], Layout] = {}

    def laid(number: int, way: str) -> Layout:
        if (number, way) not in known:
            known[number, way] = lay(drafts[number], width, way)
        return known[number, way]

    for number, way in _choices(len(drafts), ways, draft(_EVERYTHING) == drafts[0]):
        if _is_good(laid(number, way), width):
            return drafts[number], laid(number, way)
    for way in ways:
        for number in range(len(drafts)):
            if laid(number, way).fits and not _is_tangled(laid(number, way)):
                return drafts[number], laid(number, way)
    way = direction or ways[-1]
    number = min(range(len(drafts)), key=lambda n: (laid(n, way).width, n))
    return drafts[number], laid(number, way)


def _drafts(draft: Draft) -> Iterator[Sketch]:
    """Sketches that show less and less."""
    last = None
    for most in BUDGETS:
        sketch = draft(most)
        if sketch != last:
            yield sketch
        last = sketch


def _choices(total: int, ways: list[str], all_open: bool) -> Iterator[tuple[int, str]]:
    """Which sketch to try in which direction: one that shows everything in every direction first."""
    if all_open:
        yield from ((0, way) for way in ways)
    for way in ways:
        yield from ((number, way) for number in range(total))


def _is_good(layout: Layout, width: float) -> bool:
    """Whether a picture fits, is not too high, and can be followed."""
    most = max(width, 700.0) * _TALL if layout.direction == "LR" else max(width, 420.0) * _TALL_DOWN
    return layout.fits and layout.height <= most and not _is_tangled(layout)


def _is_tangled(layout: Layout) -> bool:
    """Whether lines cross more often than once each."""
    return crossings(layout, len(layout.routes)) > len(layout.routes)


def crossings(layout: Layout, most: int) -> int:
    """How often lines cross, counted up to ``most`` and one more."""
    flat: list[tuple[float, float, float]] = []
    steep: list[tuple[float, float, float]] = []
    for route in layout.routes:
        for a, b in pairwise(route.points):
            (flat if a.y == b.y else steep).append(_span(a, b))
    flat.sort()
    found: set[tuple[float, float]] = set()
    for x, top, bottom in sorted(set(steep)):
        for y, left, right in flat:
            if left < x < right and top < y < bottom:
                found.add((x, y))
                if len(found) > most:
                    return len(found)
    return len(found)


def _span(a: Point, b: Point) -> tuple[float, float, float]:
    """A segment as the line it lies on, and from where to where."""
    if a.y == b.y:
        return a.y, min(a.x, b.x), max(a.x, b.x)
    return a.x, min(a.y, b.y), max(a.y, b.y)
