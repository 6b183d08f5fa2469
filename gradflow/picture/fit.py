"""How much a picture shows, and in which direction: as much as fits, and can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise

from gradflow.picture.lanes import lay_list
from gradflow.picture.layout import lay
from gradflow.picture.plan import Layout, Point
from gradflow.picture.sketch import Sketch

BUDGETS = (40, 34, 30, 26, 22, 18, 14, 10)
NARROW = 560.0
_SCREEN = 700.0
_PAGE = 1300.0
"""How high a picture may be: so that it is seen at once; and at most."""
_NEARLY = 0.8
"""A picture that is seen at once is taken if it shows that part of what a higher one shows."""
_WORTH = 0.6
"""The other direction, or a list, is taken where this one shows less than that part of what it shows."""

Draft = Callable[[int], Sketch]


def _folds(sketch: Sketch) -> int:
    """How many marks stand for neighbours that have nothing in common but their place."""
    return sum(cell.kind == "module" and not cell.path for cell in sketch.cells)


Option = tuple[Sketch, Layout]


def arrange(draft: Draft, width: float, direction: str | None = None) -> tuple[Sketch, Layout]:
    """The sketch that shows the most of what fits, and its layout.

    Boxes from left to right, or where that does not fit or the page is narrow from top to bottom; a list where
    even that does not fit, or where lines would be too tangled.

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

    @cache
    def at(most: int, way: str) -> Option:
        return draft(most), lay(draft(most), width, way)

    first = draft(BUDGETS[0])
    ways = [direction] if direction else ["LR", "TB"] if width >= NARROW else ["TB"]
    if len(ways) > 1 and first.whole:
        found = _best((at(BUDGETS[0], way) for way in ways), nearly=0.0)
        if found is not None:
            return found
    best = [_best((at(most, way) for most in _different(draft)), _NEARLY) for way in ways]
    shown = [len(each[0].cells) if each else 0 for each in best]
    least = _WORTH * (max(shown) if width >= NARROW else len(first.cells))
    for each, cells in zip(best, shown, strict=True):
        if each is None:
            continue
        if direction == "LR" or (cells >= least and (width >= NARROW or _folds(each[0]) <= _folds(first))):
            return each
    if direction == "LR":
        return min((at(most, "LR") for most in _different(draft)), key=lambda each: (not each[1].fits, each[1].width))
    return first, lay_list(first, width)


def _different(draft: Draft) -> Iterator[int]:
    """The budgets that show less than the one before; each is drafted when it is asked for."""
    last = None
    for most in BUDGETS:
        sketch = draft(most)
        if sketch is not last and sketch != last:
            yield most
        last = sketch


def _best(options: Iterable[Option], nearly: float) -> Option | None:
    """The first that fits, is not too high, and can be followed; or one that is seen at once and shows nearly as much.

    Args:
        options: what shows most first.
        nearly: the least part of what the first one shows.
    """
    most = None
    for each in options:
        if most is None and _is_good(each[1], _PAGE):
            most = each
        if most is not None and _is_good(each[1], _SCREEN):
            return each if len(each[0].cells) >= nearly * len(most[0].cells) else most
    return most


def _is_good(layout: Layout, height: float) -> bool:
    """Whether a picture fits, is not too high, and can be followed."""
    return layout.fits and layout.height <= height and crossings(layout, len(layout.routes)) <= len(layout.routes)


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
