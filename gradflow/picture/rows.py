"""Which column and which row each thing gets: the spine first, then chain after chain."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gradflow.picture.grid import LEFT, RIGHT, Board, Item, Link
from gradflow.picture.sketch import Sketch

NEAR, BESIDE, BELOW, LEFT_SIDE = "near", "beside", "below", "left"
ORDERS = 3
"""How many orders of the chains :func:`board` knows."""


class Line(NamedTuple):
    """A path through a sketch: its cells, and the wires between them."""

    cells: tuple[int, ...]
    wires: tuple[int, ...]


def spine(sketch: Sketch) -> Line:
    """The heaviest path to the first loss, or where there is none to any end.

    >>> from gradflow.picture.sketch import Cell, Wire
    >>> cells = tuple(Cell(i, "op", name) for i, name in enumerate("abcd"))
    >>> wires = tuple(Wire(a, a, b, ()) for a, b in ((0, 1), (0, 2), (1, 2), (2, 3)))
    >>> spine(Sketch(cells, (), wires))
    Line(cells=(0, 1, 2, 3), wires=(0, 2, 3))
    """
    losses = [cell.id for cell in sketch.cells if cell.kind == "loss"]
    return heaviest(sketch, range(len(sketch.cells)), range(len(sketch.wires)), losses[:1])


def heaviest(sketch: Sketch, cells: Iterable[int], wires: Iterable[int], ends: Sequence[int]) -> Line:
    """The heaviest path over some cells and wires to one of ``ends``; without any, to any cell."""
    into: dict[int, list[int]] = defaultdict(list)
    for wire in wires:
        into[sketch.wires[wire].target].append(wire)
    after = [(sketch.wires[wire].source, target) for target, some in into.items() for wire in some]
    best: dict[int, float] = {}
    by: dict[int, int] = {}
    for cell in in_order(list(cells), after):
        best[cell] = sketch.cells[cell].weight
        for wire in into[cell]:
            weight = sketch.cells[cell].weight + best[sketch.wires[wire].source]
            if weight > best[cell] or cell not in by:
                best[cell], by[cell] = weight, wire
    if not best:
        return Line((), ())
    end = max(ends or sorted(best), key=lambda cell: (best[cell], -cell))
    path_cells, path_wires = [end], []
    while path_cells[-1] in by:
        path_wires.append(by[path_cells[-1]])
        path_cells.append(sketch.wires[path_wires[-1]].source)
    return Line(tuple(path_cells[::-1]), tuple(path_wires[::-1]))


def in_order(nodes: Sequence[int], pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Nodes such that the first of each pair precedes the second; otherwise smaller ones first.

    Raises:
        ValueError: where the pairs form a circle.
    """
    follow: dict[int, list[int]] = defaultdict(list)
    waiting = dict.fromkeys(nodes, 0)
    for before, after in pairs:
        follow[before].append(after)
        waiting[after] += 1
    ready = [node for node in nodes if not waiting[node]]
    heapq.heapify(ready)
    done = []
    while ready:
        node = heapq.heappop(ready)
        done.append(node)
        for after in follow[node]:
            waiting[after] -= 1
            if not waiting[after]:
                heapq.heappush(ready, after)
    if len(done) < len(waiting):
        raise ValueError("what a picture shows goes round in a circle")
    return done


def board(
    items: Sequence[Item], links: Sequence[Link], main: Sequence[int], order: int = 0, islands: str = NEAR
) -> Board:
    """Items in columns and rows, the spine in row 0.

    Args:
        items: what stands in a container.
        links: what flows between them.
        main: the items on the spine.
        order: in which order the other chains choose their rows.
        islands: where what is joined to nothing else stands: ``NEAR`` what is executed next, up to there or, with
            columns of its own, from there on (``BESIDE``); ``BELOW`` that, or below all at the ``LEFT_SIDE``.
    """
    inner = [(link.source, link.target) for link in links if link.source >= 0 and link.target >= 0]
    by_time = sorted(range(len(items)), key=lambda i: (items[i].order, i))
    place = {item: i for i, item in enumerate(by_time)}
    sorted_items = [by_time[i] for i in in_order(range(len(items)), [(place[a], place[b]) for a, b in inner])]
    free = _free(items, links, sorted_items)
    columns = _columns(items, links, inner, sorted_items, main, free)
    apart = _islands(links, inner, sorted_items, main)
    if islands == BESIDE:
        _make_room(apart, columns, sorted_items)
    elif islands != LEFT_SIDE:
        _shift_islands(apart, columns, sorted_items)
    chains = _chains(inner, sorted_items, main)
    rows = _rows(items, links, columns, chains, order)
    if islands in (BELOW, LEFT_SIDE):
        _rows_below(apart, rows)
    _rows_of_lone(_lone(links, sorted_items, main), columns, rows)
    anchored = frozenset(item for island in apart for item in island) if islands == BELOW else frozenset()
    return Board(tuple(items), tuple(links), tuple(columns), tuple(rows), frozenset(free), anchored)


def _columns(
    items: Sequence[Item],
    links: Sequence[Link],
    inner: Sequence[tuple[int, int]],
    order: Sequence[int],
    main: Sequence[int],
    free: set[int],
) -> list[int]:
    """The longest way from a border or a beginning; what hangs on no input stands before its first use."""
    into, out = _neighbours(inner)
    columns = [0] * len(items)
    for item in order:
        columns[item] = max((columns[source] + 1 for source in into[item]), default=0)
    for item in reversed(order):
        if item in free and out[item]:
            columns[item] = min(columns[target] for target in out[item]) - 1
    _spread_lone(links, columns, order, main)
    return columns


def _lone(links: Sequence[Link], order: Sequence[int], main: Sequence[int]) -> list[int]:
    """The items that nothing flows into or out of."""
    joined = {end for link in links for end in (link.source, link.target)} | set(main)
    return [item for item in order if item not in joined]


def _spread_lone(links: Sequence[Link], columns: list[int], order: Sequence[int], main: Sequence[int]) -> None:
    """Items that are joined to nothing stand side by side."""
    lone = _lone(links, order, main)
    wide = max([4, *(columns[item] + 1 for item in order)])
    for i, item in enumerate(lone):
        columns[item] = i % wide


def _free(items: Sequence[Item], links: Sequence[Link], order: Sequence[int]) -> set[int]:
    """The items that hang on no input and lead to one place."""
    into, out = _neighbours((link.source, link.target) for link in links)
    found: set[int] = set()
    for item in order:
        if all(s in found and len(out[s]) == 1 and not items[s].is_input for s in into[item]):
            found.add(item)
    return found


def _neighbours(inner: Iterable[tuple[int, int]]) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    into: dict[int, list[int]] = defaultdict(list)
    out: dict[int, list[int]] = defaultdict(list)
    for source, target in inner:
        into[target].append(source)
        out[source].append(target)
    return into, out


def _islands(
    links: Sequence[Link], inner: Sequence[tuple[int, int]], order: Sequence[int], main: Sequence[int]
) -> list[set[int]]:
    """Items that are joined to each other, but not to the rest."""
    into, out = _neighbours(inner)
    reached = {link.target for link in links if link.source == LEFT} | set(main)
    reached |= {link.source for link in links if link.target == RIGHT}
    seen: set[int] = set()
    found = []
    for first in order:
        if first not in seen:
            island = _reachable(first, into, out)
            seen |= island
            if len(island) > 1 and not island & reached:
                found.append(island)
    return found


def _shift_islands(islands: Iterable[set[int]], columns: list[int], order: Sequence[int]) -> None:
    """Items that are joined to nothing else end before what is executed next."""
    at = {item: i for i, item in enumerate(order)}
    for island in islands:
        last = max(at[item] for item in island)
        follower = next((item for item in order[last:] if item not in island), None)
        if follower is not None:
            shift = max(0, columns[follower] - max(columns[item] for item in island))
            for item in island:
                columns[item] += shift


def _make_room(islands: Iterable[set[int]], columns: list[int], order: Sequence[int]) -> None:
    """Items that are joined to nothing else begin below what is executed next, in columns of their own."""
    at = {item: i for i, item in enumerate(order)}
    for island in islands:
        last = max(at[item] for item in island)
        follower = next((item for item in order[last:] if item not in island), None)
        if follower is None:
            continue
        start = min(columns[item] for item in island)
        more = max(columns[item] for item in island) - start
        for item in order:
            if item not in island and columns[item] > columns[follower]:
                columns[item] += more
        for item in island:
            columns[item] += columns[follower] - start


def _rows_below(islands: Sequence[set[int]], rows: list[int]) -> None:
    """Items that are joined to nothing else stand below all others."""
    inside = {item for island in islands for item in island}
    last = max((row for item, row in enumerate(rows) if item not in inside), default=-1)
    for island in islands:
        lanes = sorted({rows[item] for item in island})
        for item in island:
            rows[item] = last + 1 + lanes.index(rows[item])
        last += len(lanes)


def _reachable(first: int, into: dict[int, list[int]], out: dict[int, list[int]]) -> set[int]:
    found, todo = {first}, [first]
    while todo:
        item = todo.pop()
        for other in (*into[item], *out[item]):
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def _chains(inner: Iterable[tuple[int, int]], order: Sequence[int], main: Sequence[int]) -> list[list[int]]:
    """The spine, then in the order of execution the longest continuation that has no row yet."""
    _, out = _neighbours(inner)
    length: dict[int, int] = {}
    for item in reversed(order):
        length[item] = 1 + max((length[target] for target in out[item]), default=0)
    at = {item: i for i, item in enumerate(order)}
    placed = set(main)
    chains = [list(main)] if main else []
    for first in order:
        if first in placed:
            continue
        chain = [first]
        while free := [target for target in out[chain[-1]] if target not in placed]:
            placed.add(chain[-1])
            chain.append(max(free, key=lambda item: (length[item], -at[item])))
        placed |= set(chain)
        chains.append(chain)
    return chains


def _rows(
    items: Sequence[Item], links: Sequence[Link], columns: list[int], chains: list[list[int]], order: int
) -> list[int]:
    """Each chain takes the first row that is free from behind its source to before its target."""
    rows = [0] * len(items)
    total = max(columns, default=-1) + 1
    into, out = _neighbours((link.source, link.target) for link in links)
    spans = [_span(into[chain[0]], out[chain[-1]], chain, items, columns, total) for chain in chains]
    rest = list(range(1, len(chains)))
    if order == 1:
        rest.sort(key=lambda i: (spans[i][1] - spans[i][0], i))
    elif order == 2:
        rest.sort(key=lambda i: (spans[i][1], -spans[i][0], i))
    taken: dict[int, list[tuple[int, int]]] = defaultdict(list)
    if chains:
        taken[0].append((-3, 3 * total + 3))
    for chain in rest:
        low, high = spans[chain]
        row = 1
        while any(low <= end and start <= high for start, end in taken[row]):
            row += 1
        taken[row].append((low, high))
        for item in chains[chain]:
            rows[item] = row
    return rows


def _rows_of_lone(lone: Sequence[int], columns: Sequence[int], rows: list[int]) -> None:
    """Items that are joined to nothing stand below all others."""
    alone = set(lone)
    row = max((row for item, row in enumerate(rows) if item not in alone), default=-1)
    for item in lone:
        row += columns[item] == 0
        rows[item] = row


def _span(
    sources: list[int], targets: list[int], chain: list[int], items: Sequence[Item], columns: list[int], total: int
) -> tuple[int, int]:
    """The slots that a chain needs in its row, with the lines into and out of it."""
    low = max((3 * columns[s] + 1 if s >= 0 else -2 for s in sources), default=3 * columns[chain[0]])
    ends = [3 * total if t == RIGHT else 3 * columns[t] - (0 if items[t].after else 1) for t in targets]
    return low, min(ends, default=3 * columns[chain[-1]])
