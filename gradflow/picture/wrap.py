"""A long row is broken into lines like text, where the spine alone crosses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from gradflow.picture.compact import Spot, all_pieces
from gradflow.picture.grid import LINE, Board

_LAST = 0.22
"""The least part of a line that the last one fills."""
_LEAST = 0.15
_WIDTHS = 24
_MANY = 400
"""So many widths are tried, unless there are too many places to break."""
"""The least part of a line that any fills."""


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


def _broken(
    places: Sequence[int],
    ends: Mapping[int, tuple[float, float]],
    width: float,
    gutter: float,
    avoid: set[int],
) -> list[tuple[int, int]] | None:
    """Lines as full as they can be, at most ``width`` long, broken outside ``avoid`` where that is not much shorter."""
    last = max(ends)
    stops = [*places, 3 * last + 2]
    done: list[tuple[int, int]] = []
    column, position = 0, 0
    while column <= last:
        first = done[-1][1] + 1 if done else -3
        start, high = math.inf, -math.inf
        best: tuple[int, int, float, int] | None = None
        for i in range(position, len(stops)):
            while column <= last and 3 * column <= stops[i]:
                low, far = ends.get(column, (start, high))
                start, high = min(start, low), max(high, far)
                column += 1
            used = high - start + (gutter if done else 0) + (gutter if i < len(stops) - 1 else 0)
            if used > width:
                break
            if best is None or stops[i] not in avoid or best[1] in avoid or used > 1.4 * best[2]:
                best = (i, stops[i], used, column)
        if best is None:
            return None
        done.append((first, best[1]))
        position, column = best[0] + 1, best[3]
    return done


def _even(
    places: Sequence[int], ends: Mapping[int, tuple[float, float]], width: float, gutter: float, avoid: set[int]
) -> list[tuple[int, int]] | None:
    """As few lines as possible, as equally long as they can be; None where one would be a mere rest."""
    best, least = None, (math.inf, math.inf)
    for step in range(_WIDTHS if len(places) <= _MANY else 1):
        for outside in (avoid, set[int]()):
            tried = _broken(places, ends, width * (1 - 0.025 * step), gutter, outside)
            if tried is None:
                continue
            sizes = _sizes(tried, ends)
            cost = (len(tried), max(sizes) + (0.0 if outside else 40.0))
            if cost < least and (_fills(sizes) or len(places) > _MANY):
                best, least = tried, cost
    return best


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
