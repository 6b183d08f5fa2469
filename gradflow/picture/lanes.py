"""The list: one row for each cell in the order of execution, lines in lanes at the left, as in a log of commits.

It is as narrow as a phone, and it is what is left for graphs in which everything is tied to everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gradflow.picture.cells import bounds
from gradflow.picture.entries import Entry, entries
from gradflow.picture.metrics import width as text_width
from gradflow.picture.plan import Frame, Label, Layout, Place, Point, Rect, Route
from gradflow.picture.sketch import Cell, Sketch, Wire

MARGIN = 12.0
_FIRST = 26.0
_PITCHES = (20.0, 16.0, 14.0, 12.0, 10.0)
_LEAST_TEXT = 150.0
_PORT = 6.0
_HALF_ROW = 14.0
_SIZES = {"input": (16.0, 16.0), "parameter": (16.0, 16.0), "cut": (20.0, 10.0), "exit": (20.0, 10.0)}
_NODE = (12.0, 12.0)
_DISC_ROOM = 24.0


class Lanes(NamedTuple):
    """Which lane each cell stands in, and how each wire runs.

    Attributes:
        of_cell: by cell.
        of_wire: by wire.
        ways: by wire: ``straight`` down a lane, ``in`` along the row of its source first, ``out`` along the row of
            its target last, ``track`` down a lane of its own between two rows.
        busy: of each lane the rows between which something runs there.
    """

    of_cell: tuple[int, ...]
    of_wire: tuple[int, ...]
    ways: tuple[str, ...]
    busy: tuple[tuple[tuple[int, int], ...], ...]


class Port(NamedTuple):
    """Where a line meets the side of a node: how far below its middle, and whether on its right."""

    dy: float
    right: bool


Ports = dict[tuple[int, int, bool], Port]
"""By cell, wire, and whether the wire leaves there."""


def lay_list(sketch: Sketch, width: float) -> Layout:
    """The list of a sketch; text is shortened to fit the width.

    >>> cells = (Cell(0, "input", "x", value=0), Cell(1, "op", "relu", ops=(0,)))
    >>> layout = lay_list(Sketch(cells, (), (Wire(0, 0, 1, ()),)), 200)
    >>> layout.routes[0].points
    (Point(x=26.0, y=36.0), Point(x=26.0, y=52.0))
    """
    lanes = assign(sketch)
    ports = _ports(sketch, lanes)
    most = max(len(lanes.busy) - 1, 0)
    pitch = next((p for p in _PITCHES if _FIRST + p * most + 18 + _LEAST_TEXT <= width - MARGIN), _PITCHES[-1])
    left = _FIRST + pitch * most + 18
    boxed = [cell.id for cell in sketch.cells if cell.kind == "loss" and _has_room(lanes, cell, pitch)]
    rows, idle = entries(sketch, boxed, left, max(width - MARGIN, left + _LEAST_TEXT))
    xs = [_FIRST + pitch * lane for lane in lanes.of_cell]
    heights = [_height(sketch, ports, cell, cell.id in boxed) for cell in sketch.cells]
    middles, bottom = _middles(sketch, lanes, heights, rows)
    placed = zip(sketch.cells, xs, middles, heights, rows, strict=True)
    places = tuple(_place(cell, x, y, height, row.moved(y), cell.id in boxed) for cell, x, y, height, row in placed)
    routes = tuple(
        Route(at, _way(lanes, ports, places, wire, at, _FIRST + pitch * lanes.of_wire[at], xs))
        for at, wire in enumerate(sketch.wires)
    )
    frames, bottom = _idle_frames(sketch, idle, bottom)
    right = max([MARGIN, *(place.rect.right for place in places), *(frame.rect.right for frame in frames)])
    fits = right + MARGIN <= width + 0.5
    wide = width if fits else right + MARGIN
    return Layout(wide, bottom + MARGIN, "TB", "list", places, frames, routes, _dots(sketch, routes), fits=fits)


def assign(sketch: Sketch) -> Lanes:
    """The spine in the first lane, each chain in the first that is free over its rows, then the other wires."""
    chains = _chains(sketch)
    busy: list[list[tuple[int, int]]] = []
    of_cell = [0] * len(sketch.cells)
    of_wire = [0] * len(sketch.wires)
    ways = ["track"] * len(sketch.wires)
    leaving: dict[int, list[int]] = {}
    entering: dict[int, list[int]] = {}
    for at, wire in enumerate(sketch.wires):
        leaving.setdefault(wire.source, []).append(at)
        entering.setdefault(wire.target, []).append(at)
    for chain in chains:
        inside = [_between(sketch, leaving, *pair) for pair in pairwise(chain)]
        first = _last_source(sketch, entering.get(chain[0], ()), ways) if busy else None
        last = _first_target(sketch, leaving.get(chain[-1], ()), ways) if busy else None
        start = chain[0] if first is None else sketch.wires[first].source
        end = chain[-1] if last is None else sketch.wires[last].target
        lane = _free(busy, start, end)
        for cell in chain:
            of_cell[cell] = lane
        for wires, way in ((inside, "straight"), ([first], "in"), ([last], "out")):
            for which in wires:
                if which is not None:
                    of_wire[which], ways[which] = lane, way
    tracks: dict[tuple[int, int], list[int]] = {}
    for at, wire in enumerate(sketch.wires):
        if ways[at] == "track":
            tracks.setdefault((wire.source, wire.value), []).append(at)
    for (source, _), members in sorted(tracks.items(), key=lambda item: (_reach(sketch, item[1]), item[0])):
        lane = _free(busy, source, max(sketch.wires[at].target for at in members), 1)
        for at in members:
            of_wire[at] = lane
    return Lanes(tuple(of_cell), tuple(of_wire), tuple(ways), tuple(map(tuple, busy)))


def _reach(sketch: Sketch, wires: Sequence[int]) -> int:
    return max(sketch.wires[at].target - sketch.wires[at].source for at in wires)


def _between(sketch: Sketch, leaving: dict[int, list[int]], source: int, target: int) -> int:
    return next(at for at in leaving[source] if sketch.wires[at].target == target)


def _last_source(sketch: Sketch, wires: Sequence[int], ways: Sequence[str]) -> int | None:
    free = [at for at in wires if ways[at] == "track"]
    return max(free, key=lambda at: (sketch.wires[at].source, -at), default=None)


def _first_target(sketch: Sketch, wires: Sequence[int], ways: Sequence[str]) -> int | None:
    free = [at for at in wires if ways[at] == "track"]
    return min(free, key=lambda at: (sketch.wires[at].target, at), default=None)


def _free(busy: list[list[tuple[int, int]]], start: int, end: int, least: int = 0) -> int:
    """The first lane in which nothing runs between two rows; it is taken."""
    for lane in range(least, len(busy)):
        if all(last < start or end < first for first, last in busy[lane]):
            busy[lane].append((start, end))
            return lane
    while len(busy) < least:
        busy.append([])
    busy.append([(start, end)])
    return len(busy) - 1


def _chains(sketch: Sketch) -> list[list[int]]:
    """The spine, then in order the longest continuations; every cell is in one."""
    targets: dict[int, list[int]] = {}
    sources: dict[int, list[int]] = {}
    for wire in sketch.wires:
        targets.setdefault(wire.source, []).append(wire.target)
        sources.setdefault(wire.target, []).append(wire.source)
    ahead = [0.0] * len(sketch.cells)
    for cell in reversed(sketch.cells):
        ahead[cell.id] = 1 + max((ahead[target] for target in targets.get(cell.id, ())), default=0.0)
    spine = _spine(sketch, sources)
    chains, placed = [spine] if spine else [], set(spine)
    for cell in sketch.cells:
        if cell.id in placed:
            continue
        chain = [cell.id]
        while following := [at for at in targets.get(chain[-1], ()) if at not in placed]:
            chain.append(max(following, key=lambda at: (ahead[at], -at)))
        chains.append(chain)
        placed.update(chain)
    return chains


def _spine(sketch: Sketch, sources: dict[int, list[int]]) -> list[int]:
    """The heaviest path to the first loss, or where there is none the heaviest of all."""
    best: list[float] = []
    before: list[int | None] = []
    for cell in sketch.cells:
        heaviest = max(sources.get(cell.id, ()), key=lambda at: (best[at], -at), default=None)
        before.append(heaviest)
        best.append(cell.weight + (0.0 if heaviest is None else best[heaviest]))
    ends = [cell.id for cell in sketch.cells if cell.kind == "loss"][:1] or range(len(best))
    at = max(ends, key=lambda end: (best[end], -end), default=None)
    path: list[int] = []
    while at is not None:
        path.append(at)
        at = before[at]
    return path[::-1]


def _ports(sketch: Sketch, lanes: Lanes) -> Ports:
    """Where lines meet the sides of the nodes: those that come in above those that go out, none crossing another."""
    sides: dict[tuple[int, bool], dict[tuple[bool, int], list[tuple[int, int]]]] = {}
    for at, wire in enumerate(sketch.wires):
        lane = lanes.of_wire[at]
        if lanes.ways[at] in ("in", "track"):
            right = lane > lanes.of_cell[wire.source]
            key = (True, wire.value)
            sides.setdefault((wire.source, right), {}).setdefault(key, []).append((lane, at))
        if lanes.ways[at] in ("out", "track"):
            right = lane > lanes.of_cell[wire.target]
            sides.setdefault((wire.target, right), {}).setdefault((False, at), []).append((lane, at))
    ports: Ports = {}
    for (cell, right), lines in sides.items():
        order = sorted(lines.items(), key=lambda item: (item[0][0], _height_on_side(item, right), item[0][1]))
        for place, ((out, _), members) in enumerate(order):
            port = Port(_pitch(sketch.cells[cell].kind, len(order)) * (place - (len(order) - 1) / 2), right)
            ports.update({(cell, at, out): port for _, at in members})
    return ports


def _pitch(kind: str, lines: int) -> float:
    """How far apart lines meet a node; bars and squares keep their size."""
    return min(_PORT, 8.0 / max(lines - 1, 1)) if kind in ("cut", "exit", "parameter") else _PORT


def _height_on_side(line: tuple[tuple[bool, int], list[tuple[int, int]]], right: bool) -> int:
    """The order of lines on one side: the nearest is the highest that comes in, and the lowest that leaves."""
    (out, _), members = line
    far = max(lane if right else -lane for lane, _ in members)
    return -far if out else far


def _height(sketch: Sketch, ports: Ports, cell: Cell, boxed: bool) -> float:
    """The height of a node: as many lines as meet one of its sides find room there."""
    if boxed:
        return 24.0
    if cell.kind in ("cut", "exit", "parameter"):
        return _SIZES[cell.kind][1]
    reach = max((abs(port.dy) for (at, _, _), port in ports.items() if at == cell.id), default=0.0)
    return _SIZES.get(cell.kind, _NODE)[1] + 2 * reach


def _has_room(lanes: Lanes, cell: Cell, pitch: float) -> bool:
    """Whether the box of a loss can stand at the first lane: nothing runs where it would reach."""
    if lanes.of_cell[cell.id] != 0:
        return False
    reach = MARGIN + _box_width(cell) + 6
    over = range(1, min(len(lanes.busy), math.ceil((reach - _FIRST) / pitch) + 1))
    return all(last < cell.id or cell.id < first for lane in over for first, last in lanes.busy[lane])


def _box_width(cell: Cell) -> float:
    return max(4.0 * math.ceil((text_width(cell.label, "loss") + 20) / 4), 40.0)


def _middles(
    sketch: Sketch, lanes: Lanes, heights: Sequence[float], rows: Sequence[Entry]
) -> tuple[list[float], float]:
    """The y of each row, and where the last ends; a disc on a short line has room above its row."""
    tall = {wire.target for at, wire in enumerate(sketch.wires) if wire.disc and lanes.ways[at] in ("straight", "in")}
    middles, y = [], MARGIN
    for cell, height, row in zip(sketch.cells, heights, rows, strict=True):
        half = max(_HALF_ROW, height / 2 + 8)
        y += half + (_DISC_ROOM if cell.id in tall else 0.0)
        middles.append(y)
        y += max(half, row.bottom)
    return middles, y


def _place(cell: Cell, x: float, y: float, height: float, row: Entry, boxed: bool) -> Place:
    wide = _SIZES.get(cell.kind, _NODE)[0]
    shape = Rect(x - wide / 2, y - height / 2, wide, height)
    labels = row.labels
    if boxed:
        shape = Rect(MARGIN, y - height / 2, _box_width(cell), height)
        labels = (*labels, Label(shape.center.x, y + 4.5, cell.label, "loss", "middle"))
    rects = [shape, *row.leaves, *row.squares, *map(bounds, labels)]
    left, top = min(rect.x for rect in rects), min(rect.y for rect in rects)
    right, bottom = max(rect.right for rect in rects), max(rect.bottom for rect in rects)
    stems: tuple[tuple[Point, ...], ...] = ((),) * len(row.leaves)
    return Place(cell.id, Rect(left, top, right - left, bottom - top), shape, row.leaves, stems, labels, row.squares)


def _way(
    lanes: Lanes, ports: Ports, places: Sequence[Place], wire: Wire, at: int, lane: float, xs: Sequence[float]
) -> tuple[Point, ...]:
    """The corners of a wire."""
    source, target, way = places[wire.source].shape, places[wire.target].shape, lanes.ways[at]
    if way in ("straight", "out"):
        start = [Point(xs[wire.source], source.bottom)]
    else:
        start = _side(source, ports[wire.source, at, True])
        start.append(Point(lane, start[0].y))
    if way in ("straight", "in"):
        return (*start, Point(xs[wire.target], target.y))
    end = _side(target, ports[wire.target, at, False])
    return (*start, Point(lane, end[0].y), *end)


def _side(shape: Rect, port: Port) -> list[Point]:
    """Where a line meets the side of a shape."""
    return [Point(shape.right if port.right else shape.x, shape.center.y + port.dy)]


def _dots(sketch: Sketch, routes: Sequence[Route]) -> tuple[Point, ...]:
    """Where wires of one value part: a corner of one on the way of another."""
    by_value: dict[tuple[int, int], list[tuple[Point, ...]]] = {}
    for wire, route in zip(sketch.wires, routes, strict=True):
        by_value.setdefault((wire.source, wire.value), []).append(route.points)
    dots: dict[Point, None] = {}
    for ways in by_value.values():
        for way in ways:
            for corner in way[1:-1]:
                if any(_passes(other, corner) for other in ways if other is not way):
                    dots[corner] = None
    return tuple(dots)


def _passes(way: Sequence[Point], point: Point) -> bool:
    """Whether a way runs through a point without turning there."""
    return point not in way and any(
        min(a.x, b.x) <= point.x <= max(a.x, b.x) and min(a.y, b.y) <= point.y <= max(a.y, b.y)
        for a, b in pairwise(way)
    )


def _idle_frames(sketch: Sketch, rows: Sequence[Entry], bottom: float) -> tuple[tuple[Frame, ...], float]:
    """Rows for the parameters of modules that were never used, below everything."""
    frames = []
    for box, row in zip((box for box in sketch.boxes if box.idle), rows, strict=True):
        bottom += _HALF_ROW + 4
        at = row.moved(bottom)
        right = max(bounds(label).right for label in at.labels) + 8
        left = at.labels[0].x - 8
        frames.append(Frame(box.id, Rect(left, bottom - 12, right - left, row.bottom + 10), at.labels, at.squares))
        bottom += row.bottom
    return tuple(frames), bottom
