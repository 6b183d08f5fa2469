"""Where everything stands: each container from the inside out, its spine straight, its lines on a grid."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise, product
from typing import NamedTuple

from gradflow.picture.cells import bounds, form
from gradflow.picture.compact import (
    Piece,
    Spot,
    Walls,
    across_end,
    all_pieces,
    along_end,
    settle,
    settle_lines,
)
from gradflow.picture.frames import Framed, box_item, cell_item, flipped, frame, point, straight
from gradflow.picture.grid import DOWN, IN, LEFT, OUT, RIGHT, UP, Board, Item, Link, Room
from gradflow.picture.metrics import width as text_width
from gradflow.picture.plan import Bracket, Frame, Label, Layout, Place, Point, Rect, Route
from gradflow.picture.routes import route
from gradflow.picture.rows import BELOW, BESIDE, LEFT_SIDE, NEAR, ORDERS, board
from gradflow.picture.sketch import Sketch, Wire
from gradflow.picture.tree import Container, Strand, Tree, grow
from gradflow.picture.wrap import cuts, lines

MARGIN = 12.0
GUTTER = 12.0
BETWEEN_LINES = 44.0
WIDE_FAN = 6
_DISC, _BARS, _SMALL_BARS, _SMALL_DISC = 44.0, 56.0, 30.0, 40.0
_COMPARED = 120
"""Up to that many links, several orders of the rows are tried."""


class Spacing(NamedTuple):
    """How far things stay apart along, inside boxes and outside; and where islands stand."""

    inside: Walls
    outside: Walls
    islands: str = NEAR


_NEARLY = 1.4
"""What is at most so much too long is tried a little tighter."""
WIDE = Spacing(Walls(12.0, 12.0, 18.0, 20.0), Walls(0.0, 0.0, 0.0, 20.0))
_EVEN = tuple(WIDE._replace(outside=WIDE.outside._replace(step=step)) for step in (108.0, 76.0))
"""Among numbers, which read like one calculation."""
_SMALL = WIDE._replace(outside=Walls(0.0, 0.0, 0.0, 14.0))
_TIGHT = Spacing(Walls(12.0, 8.0, 12.0, 20.0), Walls(0.0, 0.0, 0.0, 20.0))
TIGHTER = (
    _TIGHT,
    _TIGHT._replace(islands=BELOW),
    _TIGHT._replace(islands=LEFT_SIDE),
    _TIGHT._replace(outside=_TIGHT.outside._replace(level=True)),
    Spacing(Walls(12.0, 8.0, 12.0, 16.0), Walls(0.0, 0.0, 0.0, 16.0), LEFT_SIDE),
)


class LineOf(NamedTuple):
    """A part of a container between two slots, and where it begins; ``right`` is where it is left for the next."""

    low: int
    high: int
    spot: Spot
    u: float = 0.0
    v: float = 0.0
    right: float = 0.0


class Placed(NamedTuple):
    """A container with everything in it placed.

    Attributes:
        board: its items on the grid, with the ways of the links.
        pieces: of each link, its way in pieces.
        lines: one, or where it is wrapped several rows of it.
        left: where lines from the left border begin.
        right: where lines to the right border end.
        framed: of a box, its frame.
    """

    board: Board
    pieces: tuple[tuple[Piece, ...], ...]
    lines: tuple[LineOf, ...]
    left: float = 0.0
    right: float = 0.0
    framed: Framed | None = None


class Setting(NamedTuple):
    """What a layout is made from, and how."""

    sketch: Sketch
    tree: Tree
    places: tuple[Place, ...]
    direction: str
    beside: bool = False
    spacing: Spacing = WIDE


def lay(sketch: Sketch, width: float, direction: str) -> Layout:
    """Place everything in a sketch, in a picture at most so wide if that is possible.

    Args:
        sketch: what is drawn.
        width: the width to fit, margins included; ``fits`` tells whether it does.
        direction: ``LR``, where what is too long is broken into lines, or ``TB``.

    >>> from gradflow.picture.sketch import Cell, Wire
    >>> cells = (Cell(0, "input", "x", value=0), Cell(1, "op", "relu", ops=(0,)))
    >>> layout = lay(Sketch(cells, (), (Wire(0, 0, 1, ()),)), 720, "LR")
    >>> layout.routes[0].points, layout.fits
    ((Point(x=28.0, y=40.0), Point(x=52.0, y=40.0)), True)
    """
    tree = grow(sketch)
    places = tuple(form(cell, direction) for cell in sketch.cells)
    spacing = _SMALL if sketch.cells and all(cell.small for cell in sketch.cells) else WIDE
    setting = Setting(sketch, tree, places, direction, spacing=spacing)
    if direction == "LR":
        return _in_lines(setting, width)
    layout = _lay(setting._replace(beside=True), width)
    return layout if layout.fits else _lay(setting, width)


def _in_lines(setting: Setting, width: float) -> Layout:
    """From left to right: in one line if need be a little tighter, else in several."""
    if any(cell.below for cell in setting.sketch.cells):
        for spacing in _EVEN:
            even = _inside_out(setting._replace(spacing=spacing))
            if _extent(even[None]) + 2 * MARGIN <= width:
                return _assemble(setting, even, width)
    placed = _inside_out(setting)
    if _extent(placed[None]) + 2 * MARGIN > width:
        for spacing in TIGHTER if _extent(placed[None]) <= _NEARLY * width else ():
            tighter = _inside_out(setting._replace(spacing=spacing))
            if _extent(tighter[None]) + 2 * MARGIN <= width:
                return _assemble(setting, tighter, width)
        placed[None] = _wrapped(setting, setting.tree.containers[None], placed[None], width - 2 * MARGIN)
    return _assemble(setting, placed, width)


def _lay(setting: Setting, width: float) -> Layout:
    return _assemble(setting, _inside_out(setting), width)


def _inside_out(setting: Setting) -> dict[int | None, Placed]:
    """Every container placed, the inner ones first."""
    placed: dict[int | None, Placed] = {}
    for box in reversed(setting.sketch.boxes):
        placed[box.id] = _place_box(setting, box.id, placed)
    placed[None] = _place(setting, setting.tree.containers[None], placed, setting.spacing.outside)
    return placed


def _place_box(setting: Setting, box: int, placed: Mapping[int | None, Placed]) -> Placed:
    """The content of a box, with its frame around it."""
    container = setting.tree.containers[box]
    inner = _place(setting, container, placed, setting.spacing.inside)
    spot = inner.lines[0].spot
    content = straight(Room(0.0, spot.end, spot.low, spot.high), setting.direction)
    down = setting.direction == "TB"
    ports = sorted({_port(inner, i) for i, link in enumerate(inner.board.links) if down and link.source == LEFT})
    exits = sorted({_port(inner, i) for i, link in enumerate(inner.board.links) if down and link.target == RIGHT})
    first = spot.along.get(container.main[0], 0.0) if container.main else 0.0
    beside = setting.beside and all(kind == "cell" for kind, _ in container.items)
    beside = beside and setting.sketch.boxes[box].kind == "module"
    framed = frame(setting.sketch.boxes[box], content, ports, exits, first, setting.direction, beside)
    room = flipped(framed.rect, setting.direction)
    return inner._replace(left=room.u0, right=room.u1, framed=framed)


def _port(placed: Placed, index: int) -> float:
    """How far across a link enters or leaves its container, measured from the spine."""
    link, path = placed.board.links[index], placed.board.paths[index]
    level = path.levels[0] if link.source == LEFT else path.levels[-1]
    return _height(placed.board, placed.lines[0].spot, level, link)


def _height(board: Board, spot: Spot, level: tuple[int, int], link: Link, key: int | None = None) -> float:
    """How far across a level is."""
    row, lane = level
    if lane in (UP, DOWN):
        return spot.tracks[level, link.stream if key is None else key]
    if lane == OUT:
        return spot.rows[row] + spot.stubs[link.source, link.stream, False]
    if lane == IN:
        return spot.rows[row] + spot.stubs[link.target, link.stream, True]
    return spot.rows[row]


def _place(setting: Setting, container: Container, placed: Mapping[int | None, Placed], walls: Walls) -> Placed:
    """Everything in a container, in the order of rows with the fewest crossings and bends."""
    items = [_item(setting, name, order, placed) for name, order in zip(container.items, container.orders, strict=True)]
    items = _under_brackets(setting, container, items)
    links = _links(setting, container, items)
    best, least = None, float("inf")
    few = len(links) <= _COMPARED and len(items) - len(container.main) > 1
    islands = (NEAR, BESIDE) if few and setting.spacing.islands == NEAR else (setting.spacing.islands,)
    for order, where in product(range(ORDERS if few else 1), islands):
        laid = route(board(items, links, container.main, order, where), container.straight)
        option = Placed(laid, all_pieces(laid), (LineOf(-3, 3 * laid.width, settle(laid, walls)),))
        cost = _cost(option) if few else 0.0
        if cost < least:
            best, least = option, cost
    assert best is not None
    return best


def _cost(placed: Placed) -> float:
    """Crossings and bends of a container, its inner ones left out."""
    paths = [_polyline(placed, index) for index in range(len(placed.board.links))]
    bends = sum(len(path) - 2 for path in paths)
    lines = [
        (link.stream, a, b) for link, path in zip(placed.board.links, paths, strict=True) for a, b in pairwise(path)
    ]
    flat = [(s, a[1], min(a[0], b[0]), max(a[0], b[0])) for s, a, b in lines if a[1] == b[1]]
    steep = [(s, a[0], min(a[1], b[1]), max(a[1], b[1])) for s, a, b in lines if a[1] != b[1]]
    found = {(v, u) for s, v, low, high in flat for t, u, v0, v1 in steep if s != t and low < u < high and v0 < v < v1}
    return 3 * len(found) + bends


def _item(setting: Setting, name: tuple[str, int], order: int, placed: Mapping[int | None, Placed]) -> Item:
    """A cell or a box, as its container sees it."""
    kind, number = name
    if kind == "cell":
        return cell_item(setting.sketch.cells[number], setting.places[number], setting.direction)
    inner = placed[number]
    assert inner.framed is not None
    inward = {link.stream: _port(inner, i) for i, link in enumerate(inner.board.links) if link.source == LEFT}
    outward = {link.stream: _port(inner, i) for i, link in enumerate(inner.board.links) if link.target == RIGHT}
    return box_item(inner.framed, setting.sketch.boxes[number], setting.direction, (inward, outward), order)


def _under_brackets(setting: Setting, container: Container, items: list[Item]) -> list[Item]:
    """Cells of a run leave room for its bracket."""
    at = {number: i for i, (kind, number) in enumerate(container.items) if kind == "cell"}
    for run in setting.sketch.runs:
        if run.cells[0] not in at:
            continue
        members = [at[cell] for cell in run.cells]
        low, high = min(items[i].room.v0 for i in members), max(items[i].room.v1 for i in members)
        texts = _bracket_text(run.title, run.detail)
        for i in members:
            room = items[i].room
            if setting.direction == "LR":
                room = room._replace(v0=low - _BRACKET)
            else:
                room = room._replace(v1=high + 24 + max(wide for _, _, wide in texts))
            items[i] = items[i]._replace(room=room, before=0, after=items[i].after if setting.direction == "LR" else 0)
        if setting.direction == "LR":
            taken = sum(items[i].core[1] - items[i].core[0] + 20 for i in members) - 20
            more = max(0.0, sum(wide for _, _, wide in texts) + 4 - taken) / 2
            for i, u0, u1 in ((members[0], more, 0.0), (members[-1], 0.0, more)):
                room, core = items[i].room, items[i].core
                room = room._replace(u0=min(room.u0, core[0] - u0), u1=max(room.u1, core[1] + u1))
                items[i] = items[i]._replace(room=room)
    return items


_BRACKET = 36.0


def _bracket_text(title: str, detail: str) -> list[tuple[str, str, float]]:
    """The texts of a bracket with their widths, a space behind the first."""
    texts = [(title, "bracket-bold"), (detail, "bracket")]
    return [(text, role, text_width(text + " ", role)) for text, role in texts if text]


def _links(setting: Setting, container: Container, items: Sequence[Item]) -> list[Link]:
    """What flows between the items of a container, with what is written on it."""
    streams: dict[int, set[int]] = defaultdict(set)
    for strand in container.strands:
        streams[strand.target].add(strand.stream)
    wide = {
        target
        for target, some in streams.items()
        if target >= 0 and items[target].is_cell and len(some) > min(WIDE_FAN, _ways_in(items[target]))
    }
    return [
        _link(setting, container, strand)._replace(bus=strand.target in wide and not _is_barred(setting, strand))
        for strand in container.strands
    ]


def _is_barred(setting: Setting, strand: Strand) -> bool:
    """Whether bars stand on one of its wires."""
    return any(setting.sketch.wires[wire].bars is not None for wire in strand.wires)


def _ways_in(item: Item) -> int:
    """How many lines find a place of their own at a cell."""
    return (3 if item.apart is None else 2) + item.before + item.after


def _link(setting: Setting, container: Container, strand: Strand) -> Link:
    wires = [setting.sketch.wires[wire] for wire in strand.wires]
    ends_here = strand.target >= 0 and container.items[strand.target][0] == "cell"
    least = _DISC if ends_here and any(wire.disc for wire in wires) else 0.0
    parts_here = strand.source >= 0 and strand.target >= 0
    if not parts_here:
        return Link(strand.stream, strand.source, strand.target, least)
    if any(wire.bars is not None for wire in wires):
        least = max(least, _SMALL_BARS if setting.spacing == _SMALL else _BARS)
    if any(wire.mute is not None for wire in wires):
        least = max(least, _SMALL_DISC)
    wide = max((_text_of(wire) for wire in wires), default=0.0)
    if not wide:
        return Link(strand.stream, strand.source, strand.target, least)
    if setting.direction == "LR":
        return Link(strand.stream, strand.source, strand.target, least, wide, (24.0, 26.0))
    return Link(strand.stream, strand.source, strand.target, least, 34.0, (8.0, 16.0 + wide))


def _text_of(wire: Wire) -> float:
    """How wide what is written on a wire is."""
    return max(text_width(wire.above, "value-bold"), text_width(wire.below, "derivative"))


def _wrapped(setting: Setting, container: Container, flat: Placed, width: float) -> Placed:
    """A container that is too long, broken into lines; as it was, where that is not possible."""
    spot = flat.lines[0].spot
    if spot.end <= width:
        return flat
    at = {name: i for i, name in enumerate(container.items)}
    runs = [
        tuple(at["cell", cell] for cell in run.cells) for run in setting.sketch.runs if ("cell", run.cells[0]) in at
    ]
    places = cuts(flat.board)
    best = None
    for attempt in range(4):
        spans = lines(flat.board, spot, places, runs, width * (1 - 0.06 * attempt), 2 * GUTTER + 8)
        if spans is None:
            break
        option = _broken(flat.board, spans, setting.spacing.outside)
        best = best or option
        if _extent(option) <= width:
            return option
    return best or flat


def _broken(board: Board, spans: Sequence[tuple[int, int]], walls: Walls) -> Placed:
    """A container in lines between these slots."""
    done: list[LineOf] = []
    v = 0.0
    for number, ((low, high), spot) in enumerate(zip(spans, settle_lines(board, walls, spans), strict=True)):
        if done:
            before = done[-1]
            v = before.v + before.spot.high + BETWEEN_LINES - spot.low
            v = 4.0 * -(-v // 4)
        u = GUTTER if number else 0.0
        right = u + spot.end + 8 if number < len(spans) - 1 else u + spot.end
        done.append(LineOf(low, high, spot, u, v, right))
    return Placed(board, all_pieces(board), tuple(done))


def _extent(placed: Placed) -> float:
    return max(line.right or line.spot.end for line in placed.lines)


def _polyline(placed: Placed, index: int) -> list[tuple[float, float]]:
    """The way of a link in its container, along and across."""
    link = placed.board.links[index]
    points: list[tuple[float, float]] = []
    current: int | None = None
    for piece in placed.pieces[index]:
        for stop, slot, leaving in ((piece.start, piece.low, True), (piece.end, piece.high, False)):
            number = _line_at(placed, slot)
            for before in range(number if current is None else current, number):
                points += _connector(placed, before)
            current, line = number, placed.lines[number]
            height = _height(placed.board, line.spot, piece.level, link, piece.key)
            points += [(line.u + u, line.v + v) for u, v in _stop(placed, line, stop, height, leaving)]
    return _simple(points)


def _line_at(placed: Placed, slot: int) -> int:
    """The line of a wrapped container in which a slot is."""
    return min(bisect_left(placed.lines, slot, key=lambda line: line.high), len(placed.lines) - 1)


def _connector(placed: Placed, number: int) -> list[tuple[float, float]]:
    """From the end of a line to the beginning of the next one."""
    line, following = placed.lines[number], placed.lines[number + 1]
    between = line.v + line.spot.high + BETWEEN_LINES / 2
    return [(line.right, line.v), (line.right, between), (0.0, between), (0.0, following.v)]


def _stop(
    placed: Placed, line: LineOf, stop: tuple[str, int, int], height: float, leaving: bool
) -> list[tuple[float, float]]:
    """The points at which a piece of a path begins or ends."""
    kind, number, key = stop
    spot = line.spot
    if kind == "wall":
        return [(placed.left if number == LEFT else placed.right, height)]
    if kind == "turn":
        return [(spot.turns[number, key], height)]
    item, at = placed.board.items[number], spot.along[number]
    middle = spot.rows[placed.board.rows[number]]
    if kind == "entry":
        u = at + spot.entries[number, key]
        end = across_end(item, u - at)
        return [(u, height), (u, middle + end if height > middle else middle - end)]
    if not item.is_cell:
        return [(at + item.core[leaving], height)]
    end = along_end(item, height - middle)
    return [(at + end if leaving else at - end, height)]


def _simple(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corners without repetitions, and without those in the middle of a line."""
    done: list[tuple[float, float]] = []
    for each in points:
        if done and abs(done[-1][0] - each[0]) + abs(done[-1][1] - each[1]) < 0.01:
            continue
        while len(done) > 1 and (done[-2][0] == done[-1][0] == each[0] or done[-2][1] == done[-1][1] == each[1]):
            done.pop()
        done.append(each)
    return done


class _Origin(NamedTuple):
    """Where the origin of a container is in the picture."""

    u: float
    v: float


def _assemble(setting: Setting, placed: Mapping[int | None, Placed], width: float) -> Layout:
    """The whole picture in its own coordinates."""
    origins, anchors = _origins(setting, placed)
    sketch, direction = setting.sketch, setting.direction
    places = [_moved(setting.places[cell.id], point(*anchors["cell", cell.id], direction)) for cell in sketch.cells]
    frames = [_frame_at(box.id, placed, point(*origins[box.id], direction)) for box in sketch.boxes]
    polylines = _polylines(setting, placed, origins)
    routes = [Route(i, line, _wire_labels(setting, placed, origins, i)) for i, line in enumerate(polylines)]
    dots = _dots(setting, placed, polylines)
    brackets = _brackets(setting, placed, places)
    return _on_page(places, frames, routes, dots, brackets, direction, width)


def _origins(
    setting: Setting, placed: Mapping[int | None, Placed]
) -> tuple[dict[int | None, _Origin], dict[tuple[str, int], tuple[float, float]]]:
    """Where every container begins, and where every item has its anchor."""
    origins: dict[int | None, _Origin] = {None: _Origin(0.0, 0.0)}
    anchors: dict[tuple[str, int], tuple[float, float]] = {}
    for box in (None, *(box.id for box in setting.sketch.boxes)):
        here, container = placed[box], setting.tree.containers[box]
        for line in here.lines:
            for number, u in line.spot.along.items():
                name = container.items[number]
                v = line.spot.rows[here.board.rows[number]]
                anchors[name] = (origins[box].u + line.u + u, origins[box].v + line.v + v)
                if name[0] == "box":
                    origins[name[1]] = _Origin(*anchors[name])
    return origins, anchors


def _moved(place: Place, to: Point) -> Place:
    """A cell where its anchor belongs."""
    x, y = to
    return Place(
        place.cell,
        place.rect.moved(x, y),
        place.shape.moved(x, y),
        tuple(leaf.moved(x, y) for leaf in place.leaves),
        tuple(tuple(Point(p.x + x, p.y + y) for p in stem) for stem in place.stems),
        tuple(label.moved(x, y) for label in place.labels),
        tuple(square.moved(x, y) for square in place.squares),
    )


def _frame_at(box: int, placed: Mapping[int | None, Placed], to: Point) -> Frame:
    framed = placed[box].framed
    assert framed is not None
    return Frame(
        box,
        framed.rect.moved(*to),
        tuple(label.moved(*to) for label in framed.labels),
        tuple(square.moved(*to) for square in framed.idle),
    )


def _polylines(
    setting: Setting, placed: Mapping[int | None, Placed], origins: Mapping[int | None, _Origin]
) -> list[tuple[Point, ...]]:
    """The corners of every wire, through all the containers on its way."""
    known: dict[tuple[int | None, int], list[tuple[float, float]]] = {}
    found = []
    for way in setting.tree.ways:
        points: list[tuple[float, float]] = []
        for box, strand in way:
            if (box, strand) not in known:
                origin = origins[box]
                known[box, strand] = [(origin.u + u, origin.v + v) for u, v in _polyline(placed[box], strand)]
            points += known[box, strand]
        found.append(tuple(point(u, v, setting.direction) for u, v in _simple(points)))
    return found


def _wire_labels(
    setting: Setting, placed: Mapping[int | None, Placed], origins: Mapping[int | None, _Origin], index: int
) -> tuple[Label, ...]:
    """What is written above and below a wire."""
    wire = setting.sketch.wires[index]
    if not wire.above and not wire.below:
        return ()
    box, strand = next(
        (box, strand)
        for box, strand in setting.tree.ways[index]
        if setting.tree.containers[box].strands[strand].source >= 0
        and setting.tree.containers[box].strands[strand].target >= 0
    )
    here = placed[box]
    link, last = here.board.links[strand], here.pieces[strand][-1]
    line = here.lines[_line_at(here, last.high - 1)]
    u = origins[box].u + line.u + line.spot.texts[strand]
    v = origins[box].v + line.v + _height(here.board, line.spot, last.level, link, last.key)
    if setting.direction == "LR":
        labels = [Label(u, v - 8, wire.above, "value", "middle"), Label(u, v + 20, wire.below, "derivative", "middle")]
    else:
        labels = [Label(v + 10, u - 3, wire.above, "value"), Label(v + 10, u + 14, wire.below, "derivative")]
    return tuple(label for label in labels if label.text)


def _dots(setting: Setting, placed: Mapping[int | None, Placed], polylines: Sequence[tuple[Point, ...]]) -> list[Point]:
    """Where wires of one value part, and where many values join a bus."""
    streams: dict[int, list[tuple[Point, ...]]] = defaultdict(list)
    for stream, line in zip(setting.tree.streams, polylines, strict=True):
        if line not in streams[stream]:
            streams[stream].append(line)
    dots: dict[Point, None] = {}
    for some in streams.values():
        for a, b in combinations(some, 2):
            parting = _parting(a, b)
            if parting is not None:
                dots[parting] = None
    for joint in _joints(setting, placed, polylines):
        dots[joint] = None
    return list(dots)


def _joints(
    setting: Setting, placed: Mapping[int | None, Placed], polylines: Sequence[tuple[Point, ...]]
) -> Iterator[Point]:
    """Where many values join a bus into one op: one for each bus."""
    for box, here in placed.items():
        joined: set[int] = set()
        for number, link in enumerate(here.board.links):
            line = polylines[setting.tree.containers[box].strands[number].wires[0]]
            if link.bus and len(line) > 3 and link.target not in joined:
                joined.add(link.target)
                yield line[-2]


def _parting(a: Sequence[Point], b: Sequence[Point]) -> Point | None:
    """The last point that two lines with one beginning have in common; None where they part at once."""
    if a[0] != b[0]:
        return None
    same = 0
    while same < min(len(a), len(b)) and a[same] == b[same]:
        same += 1
    if same == min(len(a), len(b)):
        return a[same - 1]
    last, one, other = a[same - 1], a[same], b[same]
    for along, across in ((0, 1), (1, 0)):
        if last[across] == one[across] == other[across]:
            steps = one[along] - last[along], other[along] - last[along]
            if steps[0] * steps[1] > 0:
                return one if abs(steps[0]) < abs(steps[1]) else other
    return last if same > 1 else None


def _brackets(setting: Setting, placed: Mapping[int | None, Placed], places: Sequence[Place]) -> list[Bracket]:
    """A bracket over each run, one for each line that it is broken into."""
    found = []
    for number, run in enumerate(setting.sketch.runs):
        texts = _bracket_text(run.title, run.detail)
        parts = _parts_of_run(setting, placed, run.cells)
        lengths = [places[cells[-1]].shape.right - places[cells[0]].shape.x for cells in parts]
        needed = sum(wide for _, _, wide in texts)
        told = next((i for i, length in enumerate(lengths) if length >= needed), lengths.index(max(lengths)))
        for i, cells in enumerate(parts):
            shapes = [places[cell].shape for cell in cells]
            if setting.direction == "TB":
                found.append(_beside_run(number, shapes, [places[cell].rect for cell in cells], texts))
                continue
            bracket = _over_run(number, shapes, [places[cell].rect for cell in cells], texts if i == told else [])
            found.append(bracket._replace(first=i == 0, last=i == len(parts) - 1))
    return found


def _parts_of_run(setting: Setting, placed: Mapping[int | None, Placed], cells: Sequence[int]) -> list[list[int]]:
    """The cells of a run, line by line."""
    container = setting.tree.containers[setting.sketch.cells[cells[0]].box]
    here = placed[container.box]
    at = {name: i for i, name in enumerate(container.items)}
    parts: dict[int, list[int]] = defaultdict(list)
    for cell in cells:
        parts[_line_at(here, 3 * here.board.columns[at["cell", cell]])].append(cell)
    return [parts[line] for line in sorted(parts)]


def _over_run(
    run: int, shapes: Sequence[Rect], rects: Sequence[Rect], texts: Sequence[tuple[str, str, float]]
) -> Bracket:
    top = min(rect.y for rect in rects) - 12
    start, end = Point(shapes[0].x, top), Point(shapes[-1].right, top)
    x = (start.x + end.x) / 2 - (sum(wide for _, _, wide in texts) - 4) / 2
    labels = []
    for text, role, wide in texts:
        labels.append(Label(round(x, 1), top - 8, text, role))
        x += wide
    return Bracket(run, start, end, tuple(labels))


def _beside_run(
    run: int, shapes: Sequence[Rect], rects: Sequence[Rect], texts: Sequence[tuple[str, str, float]]
) -> Bracket:
    x = max(rect.right for rect in rects) + 12
    start, end = Point(x, shapes[0].y), Point(x, shapes[-1].bottom)
    y = (start.y + end.y) / 2 + 5 - 8 * (len(texts) - 1)
    labels = [Label(x + 8, y + 16 * i, text, role) for i, (text, role, _) in enumerate(texts)]
    return Bracket(run, start, end, tuple(labels))


def _on_page(
    places: Sequence[Place],
    frames: Sequence[Frame],
    routes: Sequence[Route],
    dots: Sequence[Point],
    brackets: Sequence[Bracket],
    direction: str,
    width: float,
) -> Layout:
    """Everything moved so that the margins are kept."""
    rects = [*(place.rect for place in places), *(frame.rect for frame in frames)]
    rects += [Rect(p.x, p.y, 0, 0) for line in routes for p in line.points]
    rects += [bounds(label) for line in routes for label in line.labels]
    rects += [bounds(label) for bracket in brackets for label in bracket.labels]
    rects += [Rect(b.start.x, b.start.y, b.end.x - b.start.x, b.end.y - b.start.y) for b in brackets]
    if not rects:
        return Layout(2 * MARGIN, 2 * MARGIN, direction, "boxes", (), (), ())
    left, top = 4.0 * (min(rect.x for rect in rects) // 4), 4.0 * (min(rect.y for rect in rects) // 4)
    right, bottom = max(rect.right for rect in rects), max(rect.bottom for rect in rects)
    dx, dy = MARGIN - left, MARGIN - top
    wide, tall = 4.0 * -(-(right + dx + MARGIN) // 4), 4.0 * -(-(bottom + dy + MARGIN) // 4)
    return Layout(
        wide,
        tall,
        direction,
        "boxes",
        tuple(_moved(place, Point(dx, dy)) for place in places),
        tuple(
            Frame(f.box, f.rect.moved(dx, dy), _shifted(f.labels, dx, dy), tuple(i.moved(dx, dy) for i in f.idle))
            for f in frames
        ),
        tuple(Route(r.wire, _points(r.points, dx, dy), _shifted(r.labels, dx, dy)) for r in routes),
        _points(dots, dx, dy),
        tuple(
            b._replace(
                start=_points((b.start,), dx, dy)[0],
                end=_points((b.end,), dx, dy)[0],
                labels=_shifted(b.labels, dx, dy),
            )
            for b in brackets
        ),
        wide <= width,
    )


def _points(points: Iterable[Point], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple(Point(round(p.x + dx, 1), round(p.y + dy, 1)) for p in points)


def _shifted(labels: Iterable[Label], dx: float, dy: float) -> tuple[Label, ...]:
    return tuple(label.moved(dx, dy) for label in labels)
