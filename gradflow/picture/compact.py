"""Where the items and lines of a board stand: as close together as their distances allow."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from gradflow.picture.grid import (
    DOWN,
    IN,
    LEFT,
    LINE,
    OUT,
    RIGHT,
    UP,
    Board,
    Item,
    Level,
    Link,
    Path,
    border,
    rank,
    spread,
)

PITCH = 14.0
ITEMS_APART = 12.0
TRACK_APART = 16.0
LINE_APART = 14.0
WALL_LINE = 12.0
TEXT_APART = 8.0
_MOST_SORTED = 60
_MOST_BESIDE = 3
"""Up to that many lines leave or enter a cell apart from each other, on either side of its middle."""


class Walls(NamedTuple):
    """How far the lines, rooms and shapes in a container stay away from its borders, along; and from each other.

    Where there is a ``step``, everything on the spine is equally far from the next: at least so far. Where rows are
    ``level``, all of a row is below all of the row before.
    """

    line: float
    room: float
    shape: float
    gap: float = 20.0
    step: float = 0.0
    level: bool = False


class Spot(NamedTuple):
    """Where things of a container stand; along from its left wall, across from its spine.

    Attributes:
        along: of each item, its anchor.
        rows: of each row, how far across.
        tracks: of each (level, stream) off the middle of a row, how far across.
        stubs: of each (item, stream, whether it enters), how far from the middle of the item.
        turns: of each (channel, stream), how far along.
        entries: of each (item, stream) that enters across, how far from the middle of the item.
        texts: of each link with a text, where its middle is.
        end: where the right wall is.
        low: the least across, of everything.
        high: the greatest.
    """

    along: Mapping[int, float]
    rows: Mapping[int, float]
    tracks: Mapping[tuple[Level, int], float]
    stubs: Mapping[tuple[int, int, bool], float]
    turns: Mapping[tuple[int, int], float]
    entries: Mapping[tuple[int, int], float]
    texts: Mapping[int, float]
    end: float
    low: float
    high: float


class Piece(NamedTuple):
    """One piece of a path along a level, between two stops."""

    link: int
    level: Level
    key: int
    low: int
    high: int
    start: tuple[str, int, int]
    end: tuple[str, int, int]
    last: bool


def settle(board: Board, walls: Walls) -> Spot:
    """Place everything on a board."""
    pieces = [piece for some in all_pieces(board) for piece in some]
    return _settle(board, walls, range(len(board.items)), pieces, -3, 3 * board.width)


def settle_lines(board: Board, walls: Walls, spans: Sequence[tuple[int, int]]) -> list[Spot]:
    """Place everything on a board that is broken into lines between these slots, each line on its own."""
    ends = [high for _, high in spans]
    items: list[list[int]] = [[] for _ in spans]
    pieces: list[list[Piece]] = [[] for _ in spans]
    for item, column in enumerate(board.columns):
        items[bisect_left(ends, 3 * column)].append(item)
    for piece in (piece for some in all_pieces(board) for piece in some):
        last = min(bisect_left(ends, piece.high), len(spans) - 1)
        for line in range(bisect_left(ends, piece.low), last + 1):
            pieces[line].append(piece)
    return [_settle(board, walls, items[i], pieces[i], *span) for i, span in enumerate(spans)]


def _settle(board: Board, walls: Walls, inside: Sequence[int], pieces: Sequence[Piece], low: int, high: int) -> Spot:
    stubs = _stubs(board, pieces)
    across, tracks = _stack(board, inside, pieces, stubs, low, high, walls.level)
    heights = Heights(board, across, tracks, stubs)
    return _pack(board, inside, pieces, heights, walls, low, high)


def all_pieces(board: Board) -> tuple[tuple[Piece, ...], ...]:
    """Every path as pieces along levels."""
    return tuple(
        tuple(_pieces(board, index, link, path))
        for index, (link, path) in enumerate(zip(board.links, board.paths, strict=True))
    )


def _pieces(board: Board, index: int, link: Link, path: Path) -> Iterator[Piece]:
    low = -3 if link.source == LEFT else 3 * board.columns[link.source]
    high = 3 * board.width if link.target == RIGHT else 3 * board.columns[link.target]
    stop: tuple[str, int, int] = ("wall", LEFT, 0) if link.source == LEFT else ("item", link.source, 0)
    slot = low
    for i, level in enumerate(path.levels):
        key = owner(link, path, i)
        is_last = i == len(path.levels) - 1
        start, first = stop, slot
        if i < len(path.turns):
            turn = path.turns[i]
            if turn % 2:
                stop, last, slot = ("turn", turn, turn_key(link, path, i)), 3 * (turn // 2) + 1, 3 * (turn // 2) + 2
            else:
                stop, last = ("entry", link.target, link.stream), high
        else:
            stop, last = (("wall", RIGHT, 0) if link.target == RIGHT else ("item", link.target, 0)), high
        yield Piece(index, level, key, first, last, start, stop, is_last)


def owner(link: Link, path: Path, level: int) -> int:
    """What a level of a path belongs to: its stream, or the bus into its target."""
    return -2 - link.target if link.bus and level == len(path.levels) - 1 and path.turns else link.stream


def turn_key(link: Link, path: Path, turn: int) -> int:
    """What a turn of a path belongs to: its stream, or the bus into its target."""
    return -2 - link.target if link.bus and turn == len(path.turns) - 1 else link.stream


def _stubs(board: Board, pieces: Iterable[Piece]) -> dict[tuple[int, int, bool], float]:
    """How far from the middle of an item each line beside it leaves or enters."""
    sides: dict[tuple[int, bool], dict[int, int]] = defaultdict(dict)
    fixed: dict[tuple[int, int, bool], float] = {}
    for piece in pieces:
        link, path = board.links[piece.link], board.paths[piece.link]
        row, lane = piece.level
        if lane == OUT:
            item = board.items[link.source]
            if not item.is_cell:
                fixed[link.source, link.stream, False] = item.outward[link.stream]
            else:
                sides[link.source, False][link.stream] = rank(path.levels[1]) - 10 * row
        if lane == IN:
            item = board.items[link.target]
            if not item.is_cell:
                fixed[link.target, link.stream, True] = item.inward[link.stream]
            else:
                sides[link.target, True][link.stream] = rank(path.levels[-2]) - 10 * row
    for (number, enters), streams in sides.items():
        limit = _reach(board.items[number])
        for sign in (-1, 1):
            some = sorted((s for s in streams if (streams[s] > 0) == (sign > 0)), key=lambda s: abs(streams[s]))
            step = min(7.0, limit / max(1, len(some)))
            for i, stream in enumerate(some):
                fixed[number, stream, enters] = sign * (step * (len(some) - i) if len(some) <= _MOST_BESIDE else 7.0)
    return fixed


def _reach(item: Item) -> float:
    """How far from the middle of its side a line may enter a cell."""
    return max(item.half - (3.0 if item.apart is None else 2.0), 4.0)


class Heights:
    """How far across every level is."""

    def __init__(
        self,
        board: Board,
        across: Mapping[int, float],
        tracks: Mapping[tuple[Level, int], float],
        stubs: Mapping[tuple[int, int, bool], float],
    ) -> None:
        self.board, self.across, self.tracks, self.stubs = board, across, tracks, stubs

    def of(self, piece: Piece) -> float:
        """Where a piece runs."""
        link = self.board.links[piece.link]
        row, lane = piece.level
        if lane in (UP, DOWN):
            return self.tracks[piece.level, piece.key]
        if lane == OUT:
            return self.across[row] + self.stubs[link.source, link.stream, False]
        if lane == IN:
            return self.across[row] + self.stubs[link.target, link.stream, True]
        return self.across[row]


def _stack(
    board: Board,
    inside: Sequence[int],
    pieces: Sequence[Piece],
    stubs: Mapping[tuple[int, int, bool], float],
    low: int,
    high: int,
    level: bool,
) -> tuple[dict[int, float], dict[tuple[Level, int], float]]:
    """How far across each row and each track is: every one as near to the one before as it can."""
    rows: dict[int, list[int]] = defaultdict(list)
    for item in inside:
        rows[board.rows[item]].append(item)
    lines: dict[int, list[tuple[int, int, float, float]]] = defaultdict(list)
    tracks: dict[Level, dict[int, tuple[int, int]]] = defaultdict(dict)
    for piece in pieces:
        row, lane = piece.level
        link = board.links[piece.link]
        first, last = max(piece.low, low), min(piece.high, high)
        if lane != LINE:
            first, last = first - (first % 3 == 2), last + (last % 3 == 1)
        if lane in (UP, DOWN):
            known = tracks[piece.level].get(piece.key, (first, last))
            tracks[piece.level][piece.key] = min(known[0], first), max(known[1], last)
            continue
        offset = 0.0
        if lane == OUT:
            offset = stubs[link.source, link.stream, False]
        if lane == IN:
            offset = stubs[link.target, link.stream, True]
        lines[row].append((first, last, offset - LINE_APART, offset + LINE_APART))
        if piece.end[0] == "entry":
            lines[row].append((last, last, -LINE_APART - 6, LINE_APART + 4))
        if link.text and piece.last and low <= piece.high - 1 <= high:
            lines[row].append((last - 1, last - 1, -link.beside[0], link.beside[1]))
    size = high - low + 3
    joined = {end for link in board.links for end in (link.source, link.target)}
    floor = [-math.inf] * size
    across: dict[int, float] = {}
    heights: dict[tuple[Level, int], float] = {}
    numbers = sorted({*rows, *lines, *(row for row, _ in tracks)})
    for row in numbers:
        up = _by_length(tracks.get((row, UP), {}))
        for (first, last), key in reversed(up) if across else ():
            at = max(floor[first - low : last - low + 1]) + TRACK_APART - ITEMS_APART
            heights[(row, UP), key] = at
            _lift(floor, first - low, last - low, at + PITCH)
        here = [(3 * board.columns[i], 3 * board.columns[i], *board.items[i].room[2:]) for i in rows[row]]
        needs = [max(floor[first - low : last - low + 1]) - v0 for first, last, v0, _ in here]
        needs += [max(floor[first - low : last - low + 1]) - v0 - LINE_APART for first, last, v0, _ in lines[row]]
        if not lines[row] and not any(i in joined for i in rows[row]):
            needs += [max(floor) - v0 for _, _, v0, _ in here]
        at = max(needs, default=0.0)
        across[row] = 4.0 * math.ceil(at / 4) if math.isfinite(at) else 0.0
        ceiling = [math.inf] * size
        for first, last, v0, v1 in here:
            _lift(floor, first - low, last - low, across[row] + v1 + ITEMS_APART)
            _lower(ceiling, first - low, last - low, across[row] + v0 - TRACK_APART)
        for first, last, v0, v1 in lines[row]:
            _lift(floor, first - low, last - low, across[row] + v1)
            _lower(ceiling, first - low, last - low, across[row] + v0)
        for (first, last), key in up:
            at = min(ceiling[first - low : last - low + 1])
            heights[(row, UP), key] = at if math.isfinite(at) else across[row] - PITCH
            _lower(ceiling, first - low, last - low, heights[(row, UP), key] - PITCH)
        for (first, last), key in _by_length(tracks.get((row, DOWN), {})):
            under = [across[row] + v1 + TRACK_APART for slot, _, _, v1 in here if first <= slot <= last]
            at = max(*floor[first - low : last - low + 1], *under)
            heights[(row, DOWN), key] = at if math.isfinite(at) else across[row] + PITCH
            _lift(floor, first - low, last - low, heights[(row, DOWN), key] + PITCH)
        if level:
            floor = [max(floor)] * size
    return across, heights


def _by_length(tracks: Mapping[int, tuple[int, int]]) -> list[tuple[tuple[int, int], int]]:
    """Tracks, the short ones first."""
    return sorted(((span, key) for key, span in tracks.items()), key=lambda each: (each[0][1] - each[0][0], each))


def _lift(floor: list[float], first: int, last: int, to: float) -> None:
    for i in range(first, last + 1):
        floor[i] = max(floor[i], to)


def _lower(ceiling: list[float], first: int, last: int, to: float) -> None:
    for i in range(first, last + 1):
        ceiling[i] = min(ceiling[i], to)


class Front:
    """How far along things reach, at every place across."""

    def __init__(self) -> None:
        self.cuts: list[float] = [-math.inf]
        self.reach: list[float] = [-math.inf]

    def over(self, low: float, high: float) -> float:
        """The farthest between two places across."""
        first = bisect_right(self.cuts, low) - 1
        return max(self.reach[first : max(bisect_left(self.cuts, high), first + 1)])

    def add(self, low: float, high: float, to: float) -> None:
        """Something reaches that far."""
        first, last = self._cut(low), self._cut(high if high > low else low + 0.01)
        reach = max(to, max(self.reach[first:last]))
        if all(each <= to for each in self.reach[first:last]):
            self.cuts[first:last], self.reach[first:last] = [low], [reach]
        else:
            self.reach[first:last] = [max(each, to) for each in self.reach[first:last]]

    def _cut(self, at: float) -> int:
        i = bisect_left(self.cuts, at)
        if i == len(self.cuts) or self.cuts[i] != at:
            self.cuts.insert(i, at)
            self.reach.insert(i, self.reach[i - 1])
        return i


class Part(NamedTuple):
    """A part of a block: what it is, its extent along from the block, and its extent across."""

    kind: str
    u0: float
    u1: float
    v0: float
    v1: float


class Block(NamedTuple):
    """What moves along as one: an item with the lines that enter it across, a turn, or a text."""

    name: tuple[str, int, int]
    parts: tuple[Part, ...]
    grid: float


_APART = {
    ("room", "room"): 8.0,
    ("line", "line"): PITCH,
    ("room", "line"): 8.0,
    ("line", "room"): 8.0,
    ("core", "line"): LINE_APART,
    ("line", "core"): LINE_APART,
}


class Fronts:
    """The fronts of rooms, cores and lines together."""

    def __init__(self, gap: float) -> None:
        self.apart = {**_APART, ("core", "core"): gap}
        self.by_kind = {"room": Front(), "core": Front(), "line": Front()}

    def bound(self, block: Block, sign: int) -> float:
        """How far along a block must be, seen from the left (1) or the right (-1)."""
        bound = -math.inf
        for part in block.parts:
            inset = part.u0 if sign > 0 else -part.u1
            for kind, front in self.by_kind.items():
                apart = self.apart.get((kind, part.kind))
                if apart is not None:
                    bound = max(bound, front.over(part.v0 - 0.5, part.v1 + 0.5) + apart - inset)
        return bound

    def add(self, block: Block, at: float, sign: int) -> None:
        """A block stands there."""
        for part in block.parts:
            outer = part.u1 if sign > 0 else -part.u0
            self.by_kind[part.kind].add(part.v0, part.v1, sign * at + outer)


def _pack(
    board: Board,
    inside: Sequence[int],
    pieces: Sequence[Piece],
    heights: Heights,
    walls: Walls,
    low: int,
    high: int,
) -> Spot:
    """How far along everything is: as far left as it can be; what hangs on no input, as far right."""
    across = {item: heights.across[board.rows[item]] for item in inside}
    entries = _entries(board, pieces, heights, across)
    turns = _turns(board, pieces, heights, entries, low, high)
    texts = {
        piece.link: (piece, board.links[piece.link].text)
        for piece in pieces
        if piece.last and board.links[piece.link].text and low <= piece.high - 1 <= high
    }
    blocks = _blocks(board, inside, heights, across, entries, turns, texts)
    at = _push_left(board, blocks, pieces, heights, entries, walls, low, high)
    if walls.step:
        step = max(walls.step, _widest_step(board, at))
        at = _push_left(board, blocks, pieces, heights, entries, walls, low, high, step)
    end = _end(board, blocks, pieces, at, walls, high)
    _pull_right(board, blocks, pieces, at, entries, walls, end)
    _center_texts(board, blocks, texts, at)
    spans = [(across[i] + board.items[i].room.v0, across[i] + board.items[i].room.v1) for i in inside]
    spans += [(heights.of(piece), heights.of(piece)) for piece in pieces]
    return Spot(
        {item: at["item", item, 0] for item in inside},
        heights.across,
        heights.tracks,
        heights.stubs,
        {(channel, key): at["turn", channel, key] for channel, key in turns},
        {(item, stream): offset for (item, stream), (offset, _, _) in entries.items()},
        {link: at["text", link, 0] for link in texts},
        end,
        min((v0 for v0, _ in spans), default=0.0),
        max((v1 for _, v1 in spans), default=0.0),
    )


Entries = dict[tuple[int, int], tuple[float, float, float]]
Turns = dict[tuple[int, int], "Turn"]


def _entries(board: Board, pieces: Iterable[Piece], heights: Heights, across: Mapping[int, float]) -> Entries:
    """Of each line that enters an item across: how far from its middle, and between which places across."""
    sides: dict[tuple[int, bool], dict[int, float]] = defaultdict(dict)
    for piece in pieces:
        if piece.end[0] == "entry" and piece.end[1] in across:
            item, v = piece.end[1], heights.of(piece)
            sides[item, v > across[item]][piece.end[2]] = v
    found: Entries = {}
    for (item, after), streams in sides.items():
        here = board.items[item]
        nearest = sorted(streams, key=lambda s: (abs(streams[s] - across[item]), s))
        for stream, offset in zip(nearest, spread(len(nearest), entry_reach(here)), strict=True):
            far, near = streams[stream], across[item] + (here.half if after else -here.half)
            found[item, stream] = offset, min(far, near), max(far, near)
    return found


def entry_reach(item: Item) -> float:
    """How far from its middle a line may enter a cell from before or after."""
    half = item.core[1]
    return max(half - item.half, 9.0) if item.rounded else max(half - 8.0, 0.0)


class Turn(NamedTuple):
    """Where lines of one stream change their level: between which places, and where they come and go."""

    v0: float
    v1: float
    come: frozenset[float]
    go: frozenset[float]


def _turns(
    board: Board, pieces: Sequence[Piece], heights: Heights, entries: Entries, low: int, high: int
) -> dict[tuple[int, int], Turn]:
    """The turns in each channel, from left to right."""
    come: dict[tuple[int, int], set[float]] = defaultdict(set)
    go: dict[tuple[int, int], set[float]] = defaultdict(set)
    for piece in pieces:
        if piece.end[0] == "turn" and low <= piece.high <= high:
            come[piece.end[1:]].add(heights.of(piece))
        if piece.start[0] == "turn" and low <= piece.low <= high:
            go[piece.start[1:]].add(heights.of(piece))
    found: dict[tuple[int, int], Turn] = {}
    by_channel: dict[int, list[int]] = defaultdict(list)
    for channel, key in come:
        both = come[channel, key] | go[channel, key]
        found[channel, key] = Turn(min(both), max(both), frozenset(come[channel, key]), frozenset(go[channel, key]))
        by_channel[channel].append(key)
    return {
        (channel, key): found[channel, key]
        for channel in sorted(by_channel)
        for key in _sorted_turns({key: found[channel, key] for key in by_channel[channel]})
    }


def _sorted_turns(turns: Mapping[int, Turn]) -> list[int]:
    """Turns of one channel in an order with few crossings, and no two streams on one line."""
    keys = list(turns)
    if len(keys) > _MOST_SORTED:
        return keys
    cost = {(a, b): _crossed(turns[a], turns[b]) for a in keys for b in keys if a != b}
    done: list[int] = []
    while keys:
        best = min(keys, key=lambda a: (sum(cost[a, b] - cost[b, a] for b in keys if b != a), keys.index(a)))
        allowed = [a for a in keys if all(cost[a, b] < 1000 for b in keys if b != a)]
        if allowed and best not in allowed:
            best = min(allowed, key=lambda a: (sum(cost[a, b] - cost[b, a] for b in keys if b != a), keys.index(a)))
        done.append(best)
        keys.remove(best)
    return done


def _crossed(left: Turn, right: Turn) -> int:
    """What it costs that one turn stands left of the other: crossings; far more where they share a line."""
    crossings = sum(right.v0 < v < right.v1 for v in left.go) + sum(left.v0 < v < left.v1 for v in right.come)
    shared = sum(abs(v - w) < 3 for v in left.go for w in right.come)
    return crossings + 1000 * shared


def _blocks(
    board: Board,
    inside: Sequence[int],
    heights: Heights,
    across: Mapping[int, float],
    entries: Entries,
    turns: Mapping[tuple[int, int], Turn],
    texts: Mapping[int, tuple[Piece, float]],
) -> list[Block]:
    """Everything that has a place along, from left to right."""
    entering: dict[int, list[tuple[float, float, float]]] = defaultdict(list)
    for (item, _), entry in entries.items():
        entering[item].append(entry)
    blocks: list[tuple[float, int, Block]] = []
    for order, ((channel, key), turn) in enumerate(turns.items()):
        block = Block(("turn", channel, key), (Part("line", 0.0, 0.0, turn.v0, turn.v1),), 2.0)
        blocks.append((3 * (channel // 2) + 1.5, order, block))
    for link, (piece, wide) in texts.items():
        v, (before, after) = heights.of(piece), board.links[link].beside
        part = Part("room", -wide / 2, wide / 2, v - before + 1, v + after - 1)
        blocks.append((piece.high - 0.9, link, Block(("text", link, 0), (part,), 1.0)))
    for item in inside:
        here, v = board.items[item], across[item]
        parts = [Part("room", room.u0, room.u1, v + room.v0, v + room.v1) for room in here.rooms or (here.room,)]
        parts.append(Part("core", *here.core, v + here.room.v0, v + here.room.v1))
        parts += [Part("line", offset, offset, v0, v1) for offset, v0, v1 in entering[item]]
        block = Block(("item", item, 0), tuple(parts), 2.0)
        blocks.append((3.0 * board.columns[item], board.rows[item], block))
    return [block for _, _, block in sorted(blocks, key=lambda each: each[:2])]


def _edge(board: Board, at: Mapping[tuple[str, int, int], float], stop: tuple[str, int, int]) -> float:
    """Where a piece starts."""
    if stop[0] == "item":
        return at["item", stop[1], 0] + board.items[stop[1]].core[1]
    return at[stop] if stop[0] == "turn" else 0.0


def _far_edge(
    board: Board, at: Mapping[tuple[str, int, int], float], entries: Entries, stop: tuple[str, int, int], wall: float
) -> float:
    """Where a piece ends; at the right wall, where that is in another line."""
    kind, number, key = stop
    if kind == "turn":
        return at.get(stop, wall)
    if kind == "wall" or ("item", number, 0) not in at:
        return wall
    offset = board.items[number].core[0] if kind == "item" else entries[number, key][0]
    return at["item", number, 0] + offset


def _least(board: Board, piece: Piece, walls: Walls) -> float:
    """How long a piece is at least."""
    link, (start, first, _), (end, last, _) = board.links[piece.link], piece.start, piece.end
    marked = max(link.least, link.text + 2 * TEXT_APART if link.text else 0.0) if piece.last else 0.0
    if start == "wall" and end == "item":
        return max(0.0 if walls.line else walls.gap, marked)
    out = board.items[first].lead if start == "item" else WALL_LINE if start == "wall" else PITCH
    if end != "item":
        return max(out, PITCH, marked)
    need = max(out, board.items[last].entry, marked)
    if start != "item":
        return need
    source, target = board.items[first], board.items[last]
    if source.apart is not None and target.apart is not None:
        return max(need, min(source.apart, target.apart))
    return max(need, walls.gap + 4 if source.is_cell and target.is_cell else walls.gap)


def _push_left(
    board: Board,
    blocks: Sequence[Block],
    pieces: Sequence[Piece],
    heights: Heights,
    entries: Entries,
    walls: Walls,
    low: int,
    high: int,
    step: float = 0.0,
) -> dict[tuple[str, int, int], float]:
    """Every block as far left as the ones before it allow, those on the spine a step apart."""
    on_spine = -math.inf
    texts = {piece.link: piece for piece in pieces if piece.last}
    ending: dict[tuple[str, int, int], list[Piece]] = defaultdict(list)
    for piece in pieces:
        name = ("item", piece.end[1], 0) if piece.end[0] == "entry" else piece.end
        ending[name].append(piece)
    fronts = Fronts(walls.gap)
    at: dict[tuple[str, int, int], float] = {}
    margin = {"room": walls.room, "core": walls.shape, "line": walls.line}
    for block in blocks:
        bound = max(margin[part.kind] - part.u0 for part in block.parts)
        bound = max(bound, fronts.bound(block, 1))
        for piece in ending[block.name]:
            known = piece.start[0] == "wall" or ("item", piece.start[1], 0) in at or piece.start in at
            start = _edge(board, at, piece.start) if known and piece.low >= low else 0.0
            if piece.end[0] == "item":
                inset = board.items[piece.end[1]].core[0]
            elif piece.end[0] == "entry":
                inset = entries[piece.end[1], piece.end[2]][0]
            else:
                inset = 0.0
            least = max(_least(board, piece, walls), _room_for_text(board, piece) if piece.end[0] == "item" else 0.0)
            bound = max(bound, start + least - inset)
        if step and block.name[0] == "item" and not board.rows[block.name[1]]:
            bound = max(bound, on_spine + step)
        if block.name[0] == "text":
            piece = texts[block.name[1]]
            start = _edge(board, at, piece.start) if piece.low >= low else 0.0
            bound = max(bound, start + TEXT_APART - block.parts[0].u0)
        if block.name[0] == "item" and block.name[1] in board.anchored:
            bound = max(bound, _above(board, at, block.name[1]))
        at[block.name] = block.grid * math.ceil(bound / block.grid - 1e-6)
        fronts.add(block, at[block.name], 1)
        if block.name[0] == "item" and not board.rows[block.name[1]]:
            on_spine = at[block.name]
    return at


def _widest_step(board: Board, at: Mapping[tuple[str, int, int], float]) -> float:
    """How far things on the spine are apart, at most."""
    spine = sorted(at[name] for name in at if name[0] == "item" and not board.rows[name[1]])
    return max((b - a for a, b in pairwise(spine)), default=0.0)


def _room_for_text(board: Board, piece: Piece) -> float:
    """How long a line from item to item is at least, so that what is written on it can stand in its middle."""
    link = board.links[piece.link]
    if not link.text or piece.start[0] != "item":
        return 0.0
    source, target = board.items[piece.start[1]], board.items[piece.end[1]]
    low, high = -link.beside[0], link.beside[1]
    out = [room.u1 - source.core[1] for room in source.rooms or (source.room,) if room.v0 < high and low < room.v1]
    into = [target.core[0] - room.u0 for room in target.rooms or (target.room,) if room.v0 < high and low < room.v1]
    return link.text + 2 * (max([0.0, *out, *into]) + TEXT_APART)


def _center_texts(
    board: Board,
    blocks: Sequence[Block],
    texts: Mapping[int, tuple[Piece, float]],
    at: dict[tuple[str, int, int], float],
) -> None:
    """What is written on a line from item to item moves to its middle, where nothing is in the way."""
    by_name = {block.name: block for block in blocks}
    for link, (piece, _) in texts.items():
        ends = [("item", number, 0) for kind, number, _ in (piece.start, piece.end) if kind == "item"]
        if len(ends) < 2 or not all(name in at for name in ends):
            continue
        start = at["item", piece.start[1], 0] + board.items[piece.start[1]].core[1]
        end = at["item", piece.end[1], 0] + board.items[piece.end[1]].core[0]
        text = by_name["text", link, 0]
        if not any(_meet(text, (start + end) / 2, other, at[other.name]) for other in blocks if other != text):
            at[text.name] = (start + end) / 2


def _meet(text: Block, at: float, other: Block, there: float) -> bool:
    """Whether a text would come too near to something else."""
    part = text.parts[0]
    return any(
        at + part.u0 - 6 < there + one.u1
        and there + one.u0 < at + part.u1 + 6
        and part.v0 < one.v1
        and one.v0 < part.v1
        for one in other.parts
        if one.kind != "core"
    )


def _above(board: Board, at: Mapping[tuple[str, int, int], float], item: int) -> float:
    """Where the last item of row 0 stands that is not behind the column of an item."""
    column = board.columns[item]
    spine = [number for kind, number, _ in at if kind == "item" and not board.rows[number]]
    return max((at["item", i, 0] for i in spine if board.columns[i] <= column), default=-math.inf)


def _end(
    board: Board,
    blocks: Sequence[Block],
    pieces: Sequence[Piece],
    at: Mapping[tuple[str, int, int], float],
    walls: Walls,
    high: int,
) -> float:
    """Where the right wall is."""
    margin = {"room": walls.room, "core": walls.shape, "line": walls.line}
    ends = [at[block.name] + part.u1 + margin[part.kind] for block in blocks for part in block.parts]
    for piece in pieces:
        if piece.end == ("wall", RIGHT, 0) or piece.high > high:
            if piece.start[0] == "item":
                item = board.items[piece.start[1]]
                ends.append(at.get(("item", piece.start[1], 0), 0.0) + item.core[1] + max(item.lead, WALL_LINE))
            elif piece.start in at:
                ends.append(at[piece.start] + WALL_LINE)
    return 4.0 * math.ceil(max(ends, default=0.0) / 4 - 1e-6)


def _pull_right(
    board: Board,
    blocks: Sequence[Block],
    pieces: Sequence[Piece],
    at: dict[tuple[str, int, int], float],
    entries: Entries,
    walls: Walls,
    end: float,
) -> None:
    """What hangs on no input moves as far right as what comes behind it allows."""
    margin = {"room": walls.room, "core": walls.shape, "line": walls.line}
    free = _free_blocks(board, blocks, pieces)
    if walls.step:
        free = {name for name in free if name[0] != "item" or board.rows[name[1]]}
    if not free:
        return
    starting: dict[tuple[str, int, int], list[Piece]] = defaultdict(list)
    for piece in pieces:
        starting[piece.start].append(piece)
    fronts = Fronts(walls.gap)
    for block in reversed(blocks):
        if block.name in free and starting[block.name]:
            bound = min(end - margin[part.kind] - part.u1 for part in block.parts)
            bound = min(bound, -fronts.bound(block, -1))
            inset = board.items[block.name[1]].core[1] if block.name[0] == "item" else 0.0
            for piece in starting[block.name]:
                edge = _far_edge(board, at, entries, piece.end, end)
                bound = min(bound, edge - _least(board, piece, walls) - inset)
            if math.isfinite(bound):
                at[block.name] = max(at[block.name], block.grid * math.floor(bound / block.grid + 1e-6))
        fronts.add(block, at[block.name], -1)


def _free_blocks(board: Board, blocks: Sequence[Block], pieces: Sequence[Piece]) -> set[tuple[str, int, int]]:
    """The items that hang on no input, with the turns of what they send."""
    items = board.free
    users: dict[tuple[str, int, int], set[int]] = defaultdict(set)
    for piece in pieces:
        if piece.end[0] == "turn":
            users[piece.end].add(board.links[piece.link].source)
    free: set[tuple[str, int, int]] = set()
    for block in blocks:
        kind, number, _ = block.name
        if number in items if kind == "item" else kind == "turn" and users[block.name] <= items:
            free.add(block.name)
    return free


def along_end(item: Item, offset: float) -> float:
    """How far from its anchor the right border of an item is, so far across from its middle."""
    return border(item.core[1], item.half, offset, item.rounded) if item.is_cell else item.core[1]


def across_end(item: Item, offset: float) -> float:
    """How far from its anchor the border of a cell is across, so far along from its middle."""
    return border(item.half, item.core[1], offset, item.rounded)
