"""What must hold of every picture, in plain geometry: a checker that knows nothing of how a layout is made."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations, pairwise

from gradflow.picture.cells import bounds
from gradflow.picture.metrics import FONTS
from gradflow.picture.plan import Label, Layout, Place, Point, Rect
from gradflow.picture.sketch import Sketch

HEAD = 14.0  # an arrow head and 4 px of line
WIDE_FAN = 3  # above that many values out of one op or into it, they may share a bus
Segment = tuple[Point, Point]


def violations(sketch: Sketch, layout: Layout, width: float | None = None) -> list[str]:
    """Everything that is wrong with a layout, in words."""
    return [
        *_complete(sketch, layout),
        *_apart(sketch, layout),
        *_frames(sketch, layout),
        *_inside(layout, width),
        *_ends(sketch, layout),
        *_lines(sketch, layout),
        *_foreign(sketch, layout),
        *_shared(sketch, layout),
        *_texts(layout),
        *_dots(sketch, layout),
        *_lengths(sketch, layout),
    ]


def counts(layout: Layout) -> tuple[int, int]:
    """How often lines of different values cross, and how often lines turn."""
    lines = [(route.wire, segments(route.points)) for route in layout.routes]
    seen: set[tuple[float, float]] = set()
    for (_, some), (_, others) in combinations(lines, 2):
        seen |= {(round(p.x), round(p.y)) for a in some for b in others if (p := _crossing(a, b))}
    return len(seen), sum(len(route.points) - 2 for route in layout.routes)


def segments(points: tuple[Point, ...]) -> list[Segment]:
    return list(pairwise(points))


def _crossing(a: Segment, b: Segment) -> Point | None:
    """Where one goes across the other, away from the ends of both."""
    if (a[0].y == a[1].y) == (b[0].y == b[1].y):
        return None
    across, down = (a, b) if a[0].y == a[1].y else (b, a)
    (left, right), (top, bottom) = sorted(p.x for p in across), sorted(p.y for p in down)
    at = Point(down[0].x, across[0].y)
    return at if left + 0.1 < at.x < right - 0.1 and top + 0.1 < at.y < bottom - 0.1 else None


def _overlap(a: Rect, b: Rect, slack: float = 0.0) -> bool:
    return a.x < b.right - slack and b.x < a.right - slack and a.y < b.bottom - slack and b.y < a.bottom - slack


def _within(inner: Rect, outer: Rect, slack: float = 0.6) -> bool:
    return (
        inner.x >= outer.x - slack
        and inner.y >= outer.y - slack
        and inner.right <= outer.right + slack
        and inner.bottom <= outer.bottom + slack
    )


def _complete(sketch: Sketch, layout: Layout) -> Iterator[str]:
    if [place.cell for place in layout.places] != [cell.id for cell in sketch.cells]:
        yield "the places are not those of the cells"
    if [route.wire for route in layout.routes] != list(range(len(sketch.wires))):
        yield "the routes are not those of the wires"
    if layout.style == "boxes" and [frame.box for frame in layout.frames] != [box.id for box in sketch.boxes]:
        yield "the frames are not those of the boxes"
    for frame in layout.frames:
        if len(frame.idle) != len(sketch.boxes[frame.box].idle):
            yield f"frame {frame.box}: unused parameters are missing"


def _apart(sketch: Sketch, layout: Layout) -> Iterator[str]:
    for a, b in combinations(layout.places, 2):
        if _overlap(a.rect, b.rect) and not (_has_numbers(sketch, a, b) and _parts_apart(a, b)):
            yield f"cells {a.cell} and {b.cell} overlap"
    for place in layout.places:
        for part in (place.shape, *place.leaves, *place.squares, *map(bounds, place.labels)):
            if not _within(part, place.rect):
                yield f"cell {place.cell}: a part is outside"
        for a, b in combinations((place.shape, *place.leaves), 2):
            if _overlap(a, b, 0.5) and not _within(b, a):
                yield f"cell {place.cell}: shape and leaves overlap"
        for a, b in combinations(map(bounds, place.labels), 2):
            if _overlap(a, b, 1.5):
                yield f"cell {place.cell}: two labels overlap"


def _has_numbers(sketch: Sketch, *places: Place) -> bool:
    return any(sketch.cells[place.cell].above or sketch.cells[place.cell].factor for place in places)


def _parts_apart(a: Place, b: Place) -> bool:
    """Whether nothing of one cell meets anything of another: among numbers the room of a cell is no rectangle."""
    return not any(_overlap(_grown(one, 2), other) for one in _parts(a) for other in _parts(b))


def _frames(sketch: Sketch, layout: Layout) -> Iterator[str]:
    around = {frame.box: _ancestors(sketch, frame.box) for frame in layout.frames}
    for a, b in combinations(layout.frames, 2):
        if a.box in around[b.box]:
            if not _within(b.rect, a.rect, -4):
                yield f"frame {b.box} is not inside {a.box}"
        elif b.box not in around[a.box] and _overlap(a.rect, b.rect):
            yield f"frames {a.box} and {b.box} overlap"
    for frame in layout.frames:
        own = [*map(bounds, frame.labels), *frame.idle]
        if not all(_within(part, frame.rect) for part in own):
            yield f"frame {frame.box}: a part is outside"
        for place in layout.places:
            if frame.box in sketch.boxes_around(place.cell):
                if not _within(place.rect, frame.rect, -4):
                    yield f"cell {place.cell} is not inside frame {frame.box}"
                if any(_overlap(part, place.rect) for part in own):
                    yield f"frame {frame.box}: its name is in cell {place.cell}"
            elif _overlap(place.rect, frame.rect):
                yield f"cell {place.cell} is in frame {frame.box}"
        for other in layout.frames:
            if frame.box in around[other.box] and any(_overlap(part, other.rect) for part in own):
                yield f"frame {frame.box}: its name is in frame {other.box}"


def _ancestors(sketch: Sketch, box: int) -> list[int]:
    above, parent = [], sketch.boxes[box].parent
    while parent is not None:
        above.append(parent)
        parent = sketch.boxes[parent].parent
    return above


def _inside(layout: Layout, width: float | None) -> Iterator[str]:
    page = Rect(12, 12, layout.width - 24, layout.height - 24)
    rects = [*(p.rect for p in layout.places), *(f.rect for f in layout.frames)]
    rects += [Rect(p.x, p.y, 0, 0) for route in layout.routes for p in route.points]
    rects += [bounds(label) for thing in (*layout.routes, *layout.brackets) for label in thing.labels]
    if not all(_within(rect, page) for rect in rects):
        yield "something is outside the margins"
    if width is not None and layout.fits != (layout.width <= width):
        yield f"fits is {layout.fits}, but it is {layout.width} of {width} wide"


def off_border(sketch: Sketch, place: Place, point: Point) -> float:
    """How far a point is from the border of the shape of a cell."""
    shape, cell = place.shape, sketch.cells[place.cell]
    dx, dy = abs(point.x - shape.center.x), abs(point.y - shape.center.y)
    radius = min(shape.w, shape.h) / 2 if cell.kind in ("op", "group", "input") else 0.0
    dx, dy = dx - (shape.w / 2 - radius), dy - (shape.h / 2 - radius)
    if dx > 0 and dy > 0:
        return abs(math.hypot(dx, dy) - radius)
    return abs(max(dx, dy) - radius)


def _ends(sketch: Sketch, layout: Layout) -> Iterator[str]:
    for route, wire in zip(layout.routes, sketch.wires, strict=True):
        for point, cell in ((route.points[0], wire.source), (route.points[-1], wire.target)):
            if off_border(sketch, layout.places[cell], point) > 1.5:
                yield f"wire {route.wire} does not end on the border of cell {cell}"


def _lines(sketch: Sketch, layout: Layout) -> Iterator[str]:
    for route in layout.routes:
        for a, b in segments(route.points):
            if (a.x != b.x) == (a.y != b.y):
                yield f"wire {route.wire} is not horizontal or vertical"
        for a, b, c in zip(route.points, route.points[1:], route.points[2:], strict=False):
            if (a.x == b.x == c.x) or (a.y == b.y == c.y):
                yield f"wire {route.wire} has three corners in one line"
        a, b = route.points[-2:]
        if abs(a.x - b.x) + abs(a.y - b.y) < HEAD:
            yield f"wire {route.wire}: no room for the head"


def _hits(segment: Segment, rect: Rect, slack: float = 0.5) -> bool:
    (left, right), (top, bottom) = sorted(p.x for p in segment), sorted(p.y for p in segment)
    return (
        left < rect.right - slack and right > rect.x + slack and top < rect.bottom - slack and bottom > rect.y + slack
    )


def _foreign(sketch: Sketch, layout: Layout) -> Iterator[str]:
    texts = [bounds(label) for thing in (*layout.frames, *layout.brackets) for label in thing.labels]
    texts += [square for frame in layout.frames for square in frame.idle]
    named = [(route.wire, bounds(label)) for route in layout.routes for label in route.labels]
    for route, wire in zip(layout.routes, sketch.wires, strict=True):
        home = {wire.source, wire.target}
        boxes = {box for cell in home for box in sketch.boxes_around(cell)}
        for segment in segments(route.points):
            for place in layout.places:
                rooms = _parts(place) if _has_numbers(sketch, place) else [place.rect]
                if place.cell not in home and any(_hits(segment, room) for room in rooms):
                    yield f"wire {route.wire} runs through cell {place.cell}"
                elif place.cell in home:
                    parts = [*place.leaves, *map(bounds, place.labels)]
                    if any(_hits(segment, part) for part in parts) or _hits(segment, place.shape, 4.5):
                        yield f"wire {route.wire} runs through a part of its own cell {place.cell}"
                    if any(_on_one_line(segment, s) > 2 for stem in place.stems for s in segments(stem)):
                        yield f"wire {route.wire} runs along a stem of cell {place.cell}"
            for frame in layout.frames:
                if frame.box not in boxes and _hits(segment, frame.rect):
                    yield f"wire {route.wire} runs through frame {frame.box}"
            if any(_hits(segment, text) for text in texts):
                yield f"wire {route.wire} runs through a name"
            if any(_hits(segment, text) for _, text in named):
                yield f"wire {route.wire} runs through what is written on a wire"


def _on_one_line(a: Segment, b: Segment) -> float:
    """The length that two segments have in common."""
    for along, across in ((0, 1), (1, 0)):
        if abs(a[0][across] - a[1][across]) < 0.1 and abs(b[0][across] - b[1][across]) < 0.1:
            if abs(a[0][across] - b[0][across]) > 2.9:
                return 0.0
            (l1, r1), (l2, r2) = sorted(p[along] for p in a), sorted(p[along] for p in b)
            return max(0.0, min(r1, r2) - max(l1, l2))
    return 0.0


def stream(sketch: Sketch, wire: int) -> tuple[int, int, tuple[int, ...]]:
    """What runs in a wire: wires of the same stream may share a line."""
    return sketch.wires[wire].source, sketch.wires[wire].value, sketch.wires[wire].values


def _shared(sketch: Sketch, layout: Layout) -> Iterator[str]:
    wide = _wide(sketch)
    for a, b in combinations(layout.routes, 2):
        if stream(sketch, a.wire) == stream(sketch, b.wire):
            continue
        if _ends_of(sketch, a.wire) & _ends_of(sketch, b.wire) & wide:
            continue
        if any(_on_one_line(s, t) > 4 for s in segments(a.points) for t in segments(b.points)):
            yield f"wires {a.wire} and {b.wire} share a line"


def _ends_of(sketch: Sketch, wire: int) -> set[tuple[str, int]]:
    return {("from", sketch.wires[wire].source), ("to", sketch.wires[wire].target)}


def _wide(sketch: Sketch) -> set[tuple[str, int]]:
    """The cells that so many values leave or enter that they may share a line there."""
    streams: dict[tuple[str, int], set[object]] = defaultdict(set)
    for index in range(len(sketch.wires)):
        for end in _ends_of(sketch, index):
            streams[end].add(stream(sketch, index))
    return {end for end, some in streams.items() if len(some) > (2 if sketch.cells[end[1]].small else WIDE_FAN)}


def _texts(layout: Layout) -> Iterator[str]:
    things = (*layout.frames, *layout.routes, *layout.brackets)
    loose = [(label, bounds(label)) for thing in things for label in thing.labels]
    phrases = {frozenset(pair) for each in layout.brackets for pair in combinations(each.labels, 2)}
    fixed = [(label, bounds(label)) for place in layout.places for label in place.labels]
    for label, _ in (*loose, *fixed):
        if FONTS[label.role].size < 11:
            yield f"{label.text!r} is too small"
    for (a, this), (b, that) in combinations(loose, 2):
        near = 5.5 if this.y == that.y and frozenset((a, b)) not in phrases else 0
        if _overlap(_grown(this, near), that):
            yield f"{a.text!r} and {b.text!r} are too close"
    for a, this in loose:
        if any(_overlap(this, rect) for _, rect in fixed):
            yield f"{a.text!r} is over a label of a cell"
        if any(_overlap(_grown(this, 4), part) for place in layout.places for part in _parts(place)):
            yield f"{a.text!r} is over a part of a cell"


def _parts(place: Place) -> Iterator[Rect]:
    """Shapes and lines of a cell."""
    yield from (place.shape, *place.leaves, *place.squares)
    for a, b in (pair for stem in place.stems for pair in segments(stem)):
        yield Rect(min(a.x, b.x) - 1, min(a.y, b.y) - 1, abs(a.x - b.x) + 2, abs(a.y - b.y) + 2)


def _grown(rect: Rect, by: float) -> Rect:
    return Rect(rect.x - by, rect.y, rect.w + 2 * by, rect.h)


def _dots(sketch: Sketch, layout: Layout) -> Iterator[str]:
    wide = _wide(sketch)
    for dot in layout.dots:
        here = [r.wire for r in layout.routes if any(_touches(dot, segment) for segment in segments(r.points))]
        streams = [stream(sketch, wire) for wire in here]
        bus = sum(bool(_ends_of(sketch, wire) & wide) for wire in here)
        if bus < 2 and all(streams.count(each) < 2 for each in streams):
            yield f"no lines part at {dot}"


def _touches(point: Point, segment: Segment) -> bool:
    (left, right), (top, bottom) = sorted(p.x for p in segment), sorted(p.y for p in segment)
    return left - 0.1 <= point.x <= right + 0.1 and top - 0.1 <= point.y <= bottom + 0.1


def _lengths(sketch: Sketch, layout: Layout) -> Iterator[str]:
    if layout.style != "boxes":
        return
    for route, wire in zip(layout.routes, sketch.wires, strict=True):
        lengths = [abs(a.x - b.x) + abs(a.y - b.y) for a, b in segments(route.points)]
        if wire.disc and lengths[-1] < 44:
            yield f"wire {route.wire}: no room for its disc"
        least = 30 if sketch.cells[wire.source].small else 44
        if wire.bars is not None and max(lengths) < least:
            yield f"wire {route.wire}: no room for its bars"
        wanted = [text for text in (wire.above, wire.below) if text]
        if wanted != [label.text for label in route.labels]:
            yield f"wire {route.wire}: its texts are missing"
        if layout.direction == "LR":
            need = max((bounds(label).w + 16 for label in route.labels), default=0.0)
            if max(lengths) < need - 0.5:
                yield f"wire {route.wire}: no room for its texts"
    yield from _regions(sketch, layout)


def _regions(sketch: Sketch, layout: Layout) -> Iterator[str]:
    """Where a wire leaves a region it runs straight, for the bars."""
    along = 0 if layout.direction == "LR" else 1
    for frame in layout.frames:
        if sketch.boxes[frame.box].kind != "region":
            continue
        border = frame.rect.right if along == 0 else frame.rect.bottom
        for route, wire in zip(layout.routes, sketch.wires, strict=True):
            inside = [frame.box in sketch.boxes_around(cell) for cell in (wire.source, wire.target)]
            if inside != [True, False]:
                continue
            for a, b in segments(route.points):
                if a[along] < border < b[along] and a[1 - along] == b[1 - along]:
                    if border - a[along] < 12 or b[along] - border < 24:
                        yield f"wire {route.wire}: no room for bars where it leaves region {frame.box}"
                    break
            else:
                yield f"wire {route.wire} does not leave region {frame.box} straight"


def tangled(layout: Layout) -> float:
    """Crossings for each line."""
    return counts(layout)[0] / max(1, len(layout.routes))


def texts(layout: Layout) -> list[Label]:
    """Everything that is written."""
    things = (*layout.places, *layout.frames, *layout.routes, *layout.brackets)
    return [label for thing in things for label in thing.labels]
