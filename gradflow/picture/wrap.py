"""A long row is broken into lines like text, where the spine alone crosses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from gradflow.picture.compact import Spot, all_pieces
from gradflow.picture.grid import LINE, Board

_LAST = 0.22
"""The least part of a line that the last one fills."""
_LEAST = 0.15
"""The least part of a line that any fills."""
_BREAK, _REST = 0.45, 0.5
"""What it costs to break a run of equal blocks, and to leave the last line nearly empty; a full line costs 1."""


def cuts(board: Board) -> list[int]:
    """The slots behind which only the spine goes on; nothing else runs there."""
    if not board.items:
        return []
    last = 3 * board.width - 1
    change: dict[int, int] = {}
    streams: dict[int, set[int]] = {}
    spans: dict[tuple[tuple[int, int], int], list[tuple[int, int]]] = {}
    for piece in (piece for some in all_pieces(board) for piece in some):
        spans.setdefault((piece.level, board.links[piece.link].stream), []).append((piece.low, piece.high))
    for (level, stream), some in spans.items():
        for low, high in _merged(some):
            if level == (0, LINE):
                for slot in range(low, high):
                    streams.setdefault(slot, set()).add(stream)
            else:
                change[low] = change.get(low, 0) + 1
                change[high] = change.get(high, 0) - 1
    found, others = [], 0
    for slot in range(-3, last):
        others += change.get(slot, 0)
        if slot >= 0 and slot % 3 != 1 and not others and len(streams.get(slot, ())) == 1:
            found.append(slot)
    return found


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    done: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if done and low <= done[-1][1]:
            done[-1] = done[-1][0], max(high, done[-1][1])
        else:
            done.append((low, high))
    return done


def lines(
    board: Board, spot: Spot, places: Sequence[int], runs: Iterable[tuple[int, ...]], width: float, gutter: float
) -> list[tuple[int, int]] | None:
    """The first and last slot of each line, equally full; None where no break makes it fit."""
    ends = _extents(board, spot)
    inside = {slot for run in runs for slot in _between(board, run)}
    return _even(places, ends, width, gutter, inside)


def _between(board: Board, run: tuple[int, ...]) -> Iterable[int]:
    """The slots between the first and the last item of a run."""
    numbers = [board.columns[item] for item in run]
    return range(3 * min(numbers), 3 * max(numbers))


def _extents(board: Board, spot: Spot) -> Mapping[int, tuple[float, float]]:
    """How far the items of each column reach."""
    found: dict[int, tuple[float, float]] = {}
    for item, at in spot.along.items():
        room, column = board.items[item].room, board.columns[item]
        low, high = found.get(column, (at + room.u0, at + room.u1))
        found[column] = min(low, at + room.u0), max(high, at + room.u1)
    return found


def _even(
    places: Sequence[int], ends: Mapping[int, tuple[float, float]], width: float, gutter: float, avoid: set[int]
) -> list[tuple[int, int]] | None:
    """As few lines as possible, as equally long as they can be; None where one would be a mere rest."""
    last = max(ends)
    stops = [-4, *places, 3 * last + 2]
    best: list[tuple[int, float, int]] = [(0, 0.0, -1)] + [(len(stops), math.inf, -1)] * (len(stops) - 1)
    for i in range(len(stops) - 1):
        if best[i][1] == math.inf:
            continue
        for j, size in _reaches(stops, i, ends, width, gutter):
            rest = j == len(stops) - 1 and size < _LAST * width
            cost = (size / width) ** 2 + _BREAK * (stops[j] in avoid) + _REST * rest
            best[j] = min(best[j], (best[i][0] + 1, best[i][1] + cost, i))
    if best[-1][1] == math.inf:
        return None
    done: list[tuple[int, int]] = []
    at = len(stops) - 1
    while at > 0:
        before = best[at][2]
        done.append((stops[before] + 1, stops[at]))
        at = before
    done.reverse()
    return done if _fills(_sizes(done, ends)) else None


def _reaches(
    stops: Sequence[int], start: int, ends: Mapping[int, tuple[float, float]], width: float, gutter: float
) -> Iterator[tuple[int, float]]:
    """How far a line can go that begins behind a stop: the stops at which it may end, and how long it then is."""
    low, high = math.inf, -math.inf
    column = -(-(stops[start] + 1) // 3)
    for stop in range(start + 1, len(stops)):
        while 3 * column <= stops[stop]:
            one, other = ends.get(column, (low, high))
            low, high = min(low, one), max(high, other)
            column += 1
        used = high - low + (gutter if start else 0.0) + (gutter if stop < len(stops) - 1 else 0.0)
        if used > width:
            return
        yield stop, high - low


def _sizes(lines: list[tuple[int, int]], ends: Mapping[int, tuple[float, float]]) -> list[float]:
    """How long each line is."""
    found = []
    for first, last in lines:
        some = [ends[column] for column in range(-(-first // 3), last // 3 + 1) if column in ends]
        found.append(max(high for _, high in some) - min(low for low, _ in some) if some else 0.0)
    return found


def _fills(sizes: Sequence[float]) -> bool:
    """Whether no line is a mere rest."""
    return sizes[-1] >= _LAST * max(sizes) and min(sizes) >= _LEAST * max(sizes)
