"""The way of every line on the grid of a container: the cheapest shape that is free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from gradflow.picture.grid import DOWN, IN, LEFT, LINE, OUT, RIGHT, UP, Board, Level, Link, Path, rank

_ITEM = -1
_CAREFUL = 150
"""Up to that many links, crossings are counted before a way is chosen."""
_MOST_CHANNELS = 12


def route(board: Board, main: Sequence[int]) -> Board:
    """A board with a path for every link; the links of ``main`` go first, and straight."""
    router = _Router(board)
    first = set(main)

    def rank_of(index: int) -> tuple[int, int, int]:
        link = board.links[index]
        low, high = router.ends(link)
        return (0 if index in first else 1 if router.is_next(link) else 2, high - low, index)

    paths: dict[int, Path] = {}
    for index in sorted(range(len(board.links)), key=rank_of):
        paths[index] = router.add(index)
    return board._replace(paths=tuple(paths[index] for index in range(len(board.links))))


class _Router:
    """What is taken so far: slots of rows, turns in channels, and sides of items."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.taken: dict[tuple[int, int], int] = {
            (row, 3 * column): _ITEM for row, column in zip(board.rows, board.columns, strict=True)
        }
        self.rows_of: dict[int, set[int]] = defaultdict(set)
        for row, column in zip(board.rows, board.columns, strict=True):
            self.rows_of[column].add(row)
        self.starts: dict[tuple[int, int], Level] = {}
        self.across: dict[tuple[int, bool], set[int]] = defaultdict(set)
        self.along: list[tuple[int, float, float, int]] = []
        self.down: list[tuple[int, float, int, int]] = []
        self.claims: dict[tuple[int, Level, bool], set[int]] = defaultdict(set)
        self.before: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        self.careful = len(board.links) <= _CAREFUL

    def ends(self, link: Link) -> tuple[int, int]:
        """The slots of source and target."""
        columns = self.board.columns
        low = -3 if link.source == LEFT else 3 * columns[link.source]
        return low, 3 * self.board.width if link.target == RIGHT else 3 * columns[link.target]

    def is_next(self, link: Link) -> bool:
        """Whether a link leads to the next item of the same row."""
        rows, (low, high) = self.board.rows, self.ends(link)
        if link.source < 0 or link.target < 0 or rows[link.source] != rows[link.target]:
            return False
        return not any((rows[link.source], slot) in self.taken for slot in range(low + 3, high, 3))

    def add(self, index: int) -> Path:
        """Choose the path of a link and take what it needs."""
        link = self.board.links[index]
        best, least = None, float("inf")
        for path in self._paths(link):
            cost = self._cost(link, path)
            if cost < least and self._orderly(link, path):
                best, least = path, cost
        if best is None:
            best = next(self._paths(link), None) or self._anyhow(link)
        self._take(link, best)
        return best

    def _anyhow(self, link: Link) -> Path:
        """A way where none is free."""
        row = self.board.rows[link.target if link.target >= 0 else link.source]
        start = self._start(link, row)[0]
        end = (row, DOWN) if link.target == RIGHT else (row, IN)
        if not self.board.items[link.target].is_cell and not self.board.items[link.target].inward.get(link.stream, 0.0):
            end = (row, LINE)
        return Path((start, end), (_channel(self.ends(link)[0]),))

    def _free(self, row: int, low: int, high: int, owner: int) -> bool:
        return all(self.taken.get((row, slot), owner) == owner for slot in range(low, high + 1))

    def _clear(self, column: int, one: int, other: int) -> bool:
        """Whether no item of a column stands between two rows."""
        low, high = sorted((one, other))
        return not any(low < row < high for row in self.rows_of[column])

    def _start(self, link: Link, row: int) -> list[Level]:
        """The levels at which a link may leave its source."""
        known = self.starts.get((link.source, link.stream))
        if known is not None:
            return [known]
        if link.source == LEFT:
            return [(row, LINE), (row, UP), (row, DOWN)]
        source, own = self.board.items[link.source], self.board.rows[link.source]
        level = (own, LINE) if not source.outward.get(link.stream, 0.0) else (own, OUT)
        slot = 3 * self.board.columns[link.source] + 1
        if level[1] == LINE and self.taken.get((own, slot), link.stream) != link.stream:
            level = (own, OUT)
        return [level]

    def _paths(self, link: Link) -> Iterator[Path]:
        """Every shape that is free, the simple ones first."""
        low, high = self.ends(link)
        rows = self.board.rows
        row = rows[link.target] if link.target >= 0 else rows[link.source] if link.source >= 0 else 0
        for start in self._start(link, row):
            if start[1] == LINE and not self._free(start[0], low + 1, low + 1, link.stream):
                continue
            if link.target == RIGHT:
                yield from self._leaving(link, start, low, high)
            else:
                yield from self._entering(link, start, low, high)

    def _leaving(self, link: Link, start: Level, low: int, high: int) -> Iterator[Path]:
        """Ways to the right border."""
        row, lane = start
        if lane in (UP, DOWN) or self._passes(link, start, low, high):
            yield Path((start,), ())
        near = _channel(low)
        rows = sorted(set(self.board.rows))
        for other in (r for r in (row + 1, row - 1) if r in rows and r != 0):
            if self._free(other, low + 2, high - 1, link.stream):
                yield Path((start, (other, LINE)), (near,))
        for track in ((row, DOWN), (row, UP)):
            yield Path((start, track), (near,))

    def _entering(self, link: Link, start: Level, low: int, high: int) -> Iterator[Path]:
        """Ways into an item."""
        columns, rows, items = self.board.columns, self.board.rows, self.board.items
        target, row, column = items[link.target], rows[link.target], columns[link.target]
        near, last = _channel(low), _channel(high - 3)
        deep = target.inward.get(link.stream, 0.0)
        owner = -2 - link.target if link.bus else link.stream
        ends = [(row, IN)] if deep else [(row, LINE)] if not target.is_cell or link.bus else [(row, LINE), (row, IN)]
        level = start[0] == row and (not deep if start[1] == LINE else deep == self._depth(link))
        if level and start[1] in (LINE, OUT) and self._passes(link, start, low, high):
            yield Path((start,), ())
        across = target.is_cell and not link.bus and not link.least
        if across and start != (row, LINE) and self._reaches(start, low, high, link.stream):
            after = rank(start) > rank((row, LINE))
            if self._clear(column, start[0], row) and self._side_free(link, after):
                yield Path((start,), (2 * column,))
        for end in ends:
            for channel in self._channels(start, near, last):
                at = _slot(channel)
                if end[1] == IN and channel != last:
                    continue
                if start == end or not self._reaches(start, low, at, link.stream):
                    continue
                if end[1] == LINE and not self._free(row, at + 1, high - 1, owner):
                    continue
                yield Path((start, end), (channel,))
        if across:
            for track, after in (((row, UP), False), ((row, DOWN), True)):
                if track != start and self._side_free(link, after):
                    yield Path((start, track), (near, 2 * column))
        for track in dict.fromkeys(((row, UP), (row, DOWN), (start[0], DOWN), (start[0], UP))):
            if track == start or near == last:
                continue
            for end in ends:
                if end[1] == IN or self._free(row, high - 1, high - 1, owner):
                    yield Path((start, track, end), (near, last))

    def _depth(self, link: Link) -> float:
        """How far from the middle of its row a stream leaves an open box."""
        return self.board.items[link.source].outward.get(link.stream, 0.0) if link.source >= 0 else 0.0

    def _passes(self, link: Link, start: Level, low: int, high: int) -> bool:
        """Whether a link can stay on the level at which it starts all the way."""
        row, lane = start
        if lane == LINE and link.bus:
            own = self._free(row, low + 1, high - 2, link.stream)
            return own and self._free(row, high - 1, high - 1, -2 - link.target)
        if lane == LINE:
            return self._free(row, low + 1, high - 1, link.stream)
        if lane != OUT or not self._depth(link):
            return False
        return not any(self.taken.get((row, slot)) == _ITEM for slot in range(low + 1, high))

    def _channels(self, start: Level, near: int, last: int) -> list[int]:
        """The channels in which a link may change its level: the first, the last, then those between."""
        if start[1] == OUT or near == last:
            return [near]
        between = range(near + 2, last, 2) if (last - near) // 2 <= _MOST_CHANNELS else ()
        return [near, last, *between]

    def _reaches(self, start: Level, low: int, high: int, owner: int) -> bool:
        """Whether a link can stay on its first level up to a slot, the channel parts before it included."""
        row, lane = start
        if lane == OUT:
            return high <= low + 1
        return lane != LINE or self._free(row, low + 1, high, owner)

    def _side_free(self, link: Link, after: bool) -> bool:
        """Whether one more line may enter an item from before or after."""
        target = self.board.items[link.target]
        return len(self.across[link.target, after]) < (target.after if after else target.before)

    def _pieces(self, link: Link, path: Path) -> tuple[list[tuple[float, float, int]], list[tuple[float, int, int]]]:
        """A path as pieces along (from, to, level) and pieces across (at, level, level)."""
        low, high = self.ends(link)
        row = self.board.rows[link.target] if link.target >= 0 else 0
        ranks = [rank(level) for level in path.levels]
        for i, (_, lane) in enumerate(path.levels):
            if lane in (OUT, IN):
                ranks[i] += 1 if self._toward(link, ranks, i, lane) > 0 else -1
        stops: list[float] = [low, *(_middle(turn) for turn in path.turns)]
        if not path.enters_across:
            stops.append(high)
        goals = [*ranks[1:], 10 * row] if path.enters_across else ranks[1:]
        along = [(stops[i], stops[i + 1], ranks[i]) for i in range(len(ranks))]
        across = [(_middle(turn), ranks[i], goals[i]) for i, turn in enumerate(path.turns)]
        return along, across

    def _toward(self, link: Link, ranks: list[int], level: int, lane: int) -> float:
        """On which side of the middle of its row a stub lies."""
        if len(ranks) == 1:
            return self._depth(link)
        return ranks[level + 1 if lane == OUT else level - 1] - ranks[level]

    def _cost(self, link: Link, path: Path) -> float:
        bends = len(path.levels) + len(path.turns) - 1
        tracks = sum(lane in (UP, DOWN) for _, lane in path.levels)
        stubs = sum(lane == IN for _, lane in path.levels)
        along, across = self._pieces(link, path)
        length = sum(b - a for a, b, _ in along) * 0.01 + sum(abs(a - b) for _, a, b in across) * 0.005
        cost = bends + 0.5 * tracks + 0.4 * stubs + length
        if self.careful:
            cost += 3 * self._crossings(link.stream, along, across)
        return cost

    def _crossings(
        self, stream: int, along: list[tuple[float, float, int]], across: list[tuple[float, int, int]]
    ) -> int:
        found = 0
        for a, b, level in along:
            for other, at, low, high in self.down:
                if a < at < b and low < level < high and other != stream:
                    found += 1
        for at, one, two in across:
            low, high = (one, two) if one < two else (two, one)
            for other, a, b, level in self.along:
                if low < level < high and a < at < b and other != stream:
                    found += 1
        return found

    def _meetings(self, link: Link, path: Path) -> Iterator[tuple[int, Level, bool]]:
        """Where a path leaves or enters a channel on a row: the parts that two streams may not both have."""
        for i, turn in enumerate(path.turns):
            if turn % 2:
                if path.levels[i][1] in (LINE, OUT):
                    row, lane = path.levels[i]
                    yield turn, (row, LINE if lane == LINE else OUT), True
                if i + 1 < len(path.levels) and path.levels[i + 1][1] in (LINE, IN):
                    row, lane = path.levels[i + 1]
                    yield turn, (row, LINE if lane == LINE else OUT), False

    def _owner(self, link: Link, path: Path, turn_index: int) -> int:
        return -2 - link.target if link.bus and turn_index == len(path.turns) - 1 else link.stream

    def _constraints(self, link: Link, path: Path) -> Iterator[tuple[int, int, int]]:
        """In which channel which line must stand before which other one."""
        for turn, level, leaving in self._meetings(link, path):
            for other in self.claims[turn, level, not leaving]:
                if other != link.stream:
                    yield (turn, link.stream, other) if leaving else (turn, other, link.stream)

    def _orderly(self, link: Link, path: Path) -> bool:
        """Whether the lines of each channel can still be put in an order."""
        new = list(self._constraints(link, path))
        return not any(self._precedes(turn, after, first, new) for turn, first, after in new)

    def _precedes(self, channel: int, first: int, after: int, new: Sequence[tuple[int, int, int]]) -> bool:
        """Whether one line must stand before another one."""
        known = self.before[channel]
        seen, todo = {first}, [first]
        while todo:
            one = todo.pop()
            if one == after:
                return True
            more = [b for turn, a, b in new if turn == channel and a == one]
            for other in (*known.get(one, ()), *more):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return False

    def _take(self, link: Link, path: Path) -> None:
        for turn, first, after in list(self._constraints(link, path)):
            self.before[turn][first].add(after)
        for turn, level, leaving in self._meetings(link, path):
            self.claims[turn, level, leaving].add(link.stream)
        self.starts.setdefault((link.source, link.stream), path.levels[0])
        low, high = self.ends(link)
        stops = [low + 1]
        for turn in path.turns:
            stops += [_slot(turn), _slot(turn) + 1] if turn % 2 else [_slot(turn)]
        if not path.enters_across:
            stops.append(high - 1)
        for i, (row, lane) in enumerate(path.levels):
            if lane == LINE:
                owner = -2 - link.target if link.bus and i == len(path.levels) - 1 else link.stream
                for slot in range(stops[2 * i], stops[2 * i + 1] + 1):
                    self.taken[row, slot] = owner
                if link.bus and not path.turns:
                    self.taken[row, high - 1] = owner
                    for slot in range(low + 1, high - 1):
                        self.taken[row, slot] = link.stream
        if path.enters_across:
            self.across[link.target, rank(path.levels[-1]) > 10 * self.board.rows[link.target]].add(link.stream)
        along, across = self._pieces(link, path)
        if self.careful:
            self.along += [(link.stream, a, b, level) for a, b, level in along]
            self.down += [(link.stream, at, min(one, two), max(one, two)) for at, one, two in across]


def _channel(slot: int) -> int:
    """The channel behind the item of a slot."""
    return 2 * (slot // 3) + 1


def _slot(turn: int) -> int:
    """The left part of a channel as a slot, or the slot of the item of a column."""
    return 3 * (turn // 2) + (turn % 2)


def _middle(turn: int) -> float:
    return _slot(turn) + (0.5 if turn % 2 else 0.0)
