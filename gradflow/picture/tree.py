"""A sketch as containers: what stands directly in each box, and every wire filed where its ends part."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gradflow.picture.grid import LEFT, RIGHT
from gradflow.picture.rows import Line, heaviest, spine
from gradflow.picture.sketch import Sketch

Name = tuple[str, int]
"""``cell`` or ``box`` and its id."""


class Strand(NamedTuple):
    """A stream inside one container, from one item to another, or from or to its border."""

    stream: int
    source: int
    target: int
    wires: tuple[int, ...]


class Container(NamedTuple):
    """A box, or the whole picture: what stands directly in it.

    Attributes:
        box: its id; None for the whole picture.
        items: cells and boxes, in the order of execution.
        orders: when each item is executed.
        strands: what flows between the items.
        main: the items on its spine.
        straight: the strands along its spine.
    """

    box: int | None
    items: tuple[Name, ...]
    orders: tuple[int, ...]
    strands: tuple[Strand, ...]
    main: tuple[int, ...]
    straight: tuple[int, ...]


class Tree(NamedTuple):
    """All containers by box, and of each wire its way through them as (box, strand), from source to target."""

    containers: dict[int | None, Container]
    ways: tuple[tuple[tuple[int | None, int], ...], ...]
    streams: tuple[int, ...]


def grow(sketch: Sketch) -> Tree:
    """The containers of a sketch."""
    around = [sketch.boxes_around(cell.id) for cell in sketch.cells]
    items, index = _items(sketch)
    streams = _streams(sketch)
    steps = [_steps(around[wire.source], around[wire.target], wire.source, wire.target) for wire in sketch.wires]
    strands: dict[int | None, dict[tuple[int, int, int], list[int]]] = {box: {} for box in items}
    numbers: dict[int | None, dict[tuple[int, int, int], int]] = {box: {} for box in items}
    ways = []
    for wire, (stream, through) in enumerate(zip(streams, steps, strict=True)):
        way = []
        for box, source, target in through:
            ends = [LEFT if source is None else index[source], RIGHT if target is None else index[target]]
            key = (stream, ends[0], ends[1])
            strands[box].setdefault(key, []).append(wire)
            way.append((box, numbers[box].setdefault(key, len(numbers[box]))))
        ways.append(tuple(way))
    lines = _lines(sketch, around, list(items))
    containers = {}
    for box, names in items.items():
        own = [Strand(*key, tuple(wires)) for key, wires in strands[box].items()]
        main, straight = _main(lines[box], around, box, index, own, streams)
        orders = tuple(_first(sketch, items, name) for name in names)
        containers[box] = Container(box, tuple(names), orders, tuple(own), main, straight)
    return Tree(containers, tuple(ways), tuple(streams))


def _items(sketch: Sketch) -> tuple[dict[int | None, list[Name]], dict[Name, int]]:
    """What stands directly in each box, and the place of each thing there."""
    items: dict[int | None, list[Name]] = {None: [], **{box.id: [] for box in sketch.boxes}}
    index: dict[Name, int] = {}
    for cell in sketch.cells:
        index["cell", cell.id] = len(items[cell.box])
        items[cell.box].append(("cell", cell.id))
    for box in sketch.boxes:
        index["box", box.id] = len(items[box.parent])
        items[box.parent].append(("box", box.id))
    return items, index


def _first(sketch: Sketch, items: dict[int | None, list[Name]], name: Name) -> int:
    """When the first cell of an item is executed."""
    kind, number = name
    if kind == "cell":
        return number
    return min((_first(sketch, items, inner) for inner in items[number]), default=len(sketch.cells))


def _streams(sketch: Sketch) -> list[int]:
    """The stream of each wire: wires of one value from one cell are one stream, unless they only differ in bars."""
    twins = Counter((wire.source, wire.target, wire.value, wire.values) for wire in sketch.wires)
    known: dict[object, int] = {}
    streams = []
    for wire in sketch.wires:
        marks = (wire.bars, wire.mute) if twins[wire.source, wire.target, wire.value, wire.values] > 1 else None
        streams.append(known.setdefault((wire.source, wire.value, wire.values, marks), len(known)))
    return streams


def _steps(
    source_in: Sequence[int], target_in: Sequence[int], source: int, target: int
) -> list[tuple[int | None, Name | None, Name | None]]:
    """The containers on the way of a wire: where, from what, and to what; None for a border."""
    shared = set(source_in) & set(target_in)
    out = [box for box in source_in if box not in shared]
    into = [box for box in target_in if box not in shared]
    common = next((box for box in source_in if box in shared), None)
    leaving: list[Name] = [("cell", source), *(("box", box) for box in out)]
    entering: list[Name] = [("cell", target), *(("box", box) for box in into)]
    steps: list[tuple[int | None, Name | None, Name | None]] = [(box, leaving[i], None) for i, box in enumerate(out)]
    steps.append((common, leaving[-1], entering[-1]))
    steps += [(into[i], None, entering[i]) for i in reversed(range(len(into)))]
    return steps


def _lines(sketch: Sketch, around: Sequence[tuple[int, ...]], boxes: list[int | None]) -> dict[int | None, Line]:
    """The spine in each box: the part there of the one around it, or its own heaviest path."""
    inside: dict[int, list[int]] = defaultdict(list)
    wires: dict[int, list[int]] = defaultdict(list)
    ends: dict[int, set[int]] = defaultdict(set)
    for cell in sketch.cells:
        for box in around[cell.id]:
            inside[box].append(cell.id)
    for number, wire in enumerate(sketch.wires):
        target_in = set(around[wire.target])
        for box in around[wire.source]:
            if box in target_in:
                wires[box].append(number)
            else:
                ends[box].add(wire.source)
    lines: dict[int | None, Line] = {None: spine(sketch)}
    parts: dict[int | None, dict[int, Line]] = {None: _parts(sketch, lines[None], None, around)}
    for box in (each for each in boxes if each is not None):
        part = parts[sketch.boxes[box].parent].get(box)
        lines[box] = part or heaviest(sketch, inside[box], wires[box], sorted(ends[box]))
        parts[box] = _parts(sketch, lines[box], box, around)
    return lines


def _parts(sketch: Sketch, line: Line, box: int | None, around: Sequence[tuple[int, ...]]) -> dict[int, Line]:
    """The parts of a line in the boxes that stand directly in a box, with the wires that come in and go out."""
    homes = {cell: item for cell in line.cells for kind, item in [_item_of(cell, around[cell], box)] if kind == "box"}
    cells: dict[int, list[int]] = defaultdict(list)
    wires: dict[int, list[int]] = defaultdict(list)
    for cell, home in homes.items():
        cells[home].append(cell)
    for wire in line.wires:
        ends = (sketch.wires[wire].source, sketch.wires[wire].target)
        for home in {homes[cell] for cell in ends if cell in homes}:
            wires[home].append(wire)
    return {home: Line(tuple(some), tuple(wires[home])) for home, some in cells.items()}


def _main(
    line: Line,
    around: Sequence[tuple[int, ...]],
    box: int | None,
    index: dict[Name, int],
    strands: Sequence[Strand],
    streams: Sequence[int],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The items on the spine of a container, and the strands between them."""
    main: list[int] = []
    for cell in line.cells:
        item = index[_item_of(cell, around[cell], box)]
        if not main or main[-1] != item:
            main.append(item)
    on_line = {streams[wire] for wire in line.wires}
    pairs = set(pairwise(main))
    straight = []
    seen = set()
    for number, strand in enumerate(strands):
        ends = strand.source, strand.target
        if ends in pairs and strand.stream in on_line and ends not in seen:
            seen.add(ends)
            straight.append(number)
    if main:
        entering = [n for n, s in enumerate(strands) if s.source == LEFT and s.target == main[0]]
        leaving = [n for n, s in enumerate(strands) if s.target == RIGHT and s.source == main[-1]]
        for some in (entering, leaving):
            some.sort(key=lambda n: (strands[n].stream not in on_line, strands[n].stream))
            straight += some[:1]
    return tuple(main), tuple(straight)


def _item_of(cell: int, boxes: Sequence[int], box: int | None) -> Name:
    """What stands directly in a container and holds a cell."""
    item: Name = ("cell", cell)
    for other in boxes:
        if other == box:
            break
        item = ("box", other)
    return item
