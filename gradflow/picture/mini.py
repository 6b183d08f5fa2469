"""A graph as a small picture: a rounded box for each module, one square for its parameters, lines for the rest.

Graphs that differ only in their cuts give sketches that differ only in the bars on their wires.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gradflow.graph import Edge, Graph
from gradflow.notation import printable
from gradflow.picture.cuts import whole_cuts
from gradflow.picture.folding import fold
from gradflow.picture.labels import below, op_label, value_label
from gradflow.picture.opening import Branch, tree
from gradflow.picture.sketch import Cell, Leaf, Sketch, Wire

Key = tuple[str, int]
Share = Callable[[int], Hashable]
Become = Callable[[Sequence[Edge]], Hashable]


class Trail(NamedTuple):
    """How a value came from a cell through ops that are not drawn.

    Attributes:
        source: the cell.
        value: that left the cell.
        cut: the op that cut it on the way, or None.
        mute: the first use on the way along which None was sent, or None.
    """

    source: Key
    value: int
    cut: int | None = None
    mute: Edge | None = None


class Part(NamedTuple):
    """What becomes a box: the ops of a call of a module, or one op that takes a parameter."""

    label: str
    ops: tuple[int, ...]
    path: str


def mini(
    graph: Graph,
    losses: Sequence[tuple[int, str]],
    share: Share | None = None,
    named: Collection[int] = (),
    barred: Collection[Edge] = (),
    muted: Collection[Edge] = (),
    become: Become | None = None,
    apart: Collection[int] = (),
) -> Sketch:
    """The small form of a graph.

    Args:
        graph: the computation.
        losses: ``(value id, label)`` of every loss of any of the pictures that stand side by side; a sum of others
            of them is drawn as those.
        share: what parameters of one module must have in common to be drawn as one square.
        named: ids of ops that an explanation names as causes.
        barred: uses that an op stops that lets others through.
        muted: uses along which None was first sent.
        become: what became of some uses; a parameter whose uses differ in it has a line to each.
        apart: ids of parameters that have lines to their uses in any case.

    >>> from gradflow.graph import Op, Value
    >>> x = Value(0, "x", "input", (2,), "float32", False)
    >>> w = Value(1, "w", "parameter", (2,), "float32", True)
    >>> y, s = (Value(at, None, "intermediate", (2,), "float32", True) for at in (2, 3))
    >>> shown = mini(Graph((x, w, y, s), (Op(0, "mul", (0, 1), (2,)), Op(1, "sum", (2,), (3,)))), [(3, "loss")])
    >>> [(cell.kind, cell.label) for cell in shown.cells]
    [('input', 'x'), ('module', '×'), ('loss', 'loss')]
    """
    cuts = frozenset(whole_cuts(graph, named))
    parts = _parts(graph, [value for value, _ in losses], cuts)
    part_of = {op: at for at, part in enumerate(parts) for op in part.ops}
    exits = frozenset(op for op in cuts.intersection(named) if not graph.ops[op].outputs)
    stops = Stops(cuts, exits, frozenset(barred), frozenset(muted))
    lines, hung, alone = _hung(parts, _lines(graph, losses, part_of, stops), share, become, frozenset(apart))
    sources = dict.fromkeys(line.source for line in lines)
    ends = [at for at in range(len(losses)) if _is_met(lines, ("end", at)) or not _is_sum(graph, losses, at)]
    cells: list[tuple[float, Key, Cell]] = [
        *((at, ("part", at), _part_cell(graph, part, at, hung[at], share)) for at, part in enumerate(parts)),
        *((_before(lines, key), key, _input(graph, key[1])) for key in sorted(sources) if key[0] == "value"),
        *((_before(lines, ("leaf", value)), ("leaf", value), _alone(alone[value])) for value in sorted(alone)),
        *((_behind(lines, ("exit", op)), ("exit", op), _exit(op)) for op in exits if _is_met(lines, ("exit", op))),
        *((len(parts) + at, ("end", at), _loss(*losses[at])) for at in ends),
    ]
    cells.sort(key=lambda item: item[0])
    ids = {key: at for at, (_, key, _) in enumerate(cells)}
    wires = [
        Wire(
            line.value,
            ids[line.source],
            ids[line.target],
            tuple(uses.told),
            bars=line.cut,
            mute=line.mute,
            also=tuple(uses.also),
        )
        for line, uses in lines.items()
    ]
    wires.sort(key=lambda wire: (wire.target, wire.source, wire.value))
    return Sketch(tuple(cell._replace(id=at) for at, (_, _, cell) in enumerate(cells)), (), tuple(wires))


def _parts(graph: Graph, losses: Sequence[int], cuts: frozenset[int]) -> list[Part]:
    """The calls and ops that take parameters, in order; their parameters' names say the rest."""
    root = tree(graph, fold(graph, losses, cuts).drawn, (), lambda branch: False)
    takes = {op.id for op in graph.ops if any(graph.values[value].kind == "parameter" for value in op.inputs)}
    parts = []
    for child in _undivided(graph, root, takes, cuts):
        if isinstance(child, Branch):
            ops = tuple(child.ops())
            if not takes.isdisjoint(ops):
                parts.append(Part(printable(below(child.path, *root.wrappers)), ops, child.path))
        elif child in takes and child not in cuts:
            parts.append(Part(op_label(graph.ops[child]), (child,), ""))
    return parts


def _undivided(graph: Graph, branch: Branch, takes: set[int], cuts: frozenset[int]) -> Iterator[Branch | int]:
    """What is in a branch; what a cut parts from its own parameters is taken apart, so that the cut is seen."""
    for child in branch.children:
        if isinstance(child, Branch) and _is_parted(graph, tuple(child.ops()), takes, cuts):
            yield from _undivided(graph, child, takes, cuts)
        else:
            yield child


def _is_parted(graph: Graph, ops: Sequence[int], takes: set[int], cuts: frozenset[int]) -> bool:
    """Whether what comes from a parameter is cut within some ops, and goes on there to an op with a parameter."""
    if cuts.isdisjoint(ops):
        return False
    trained: set[int] = set()
    parted: set[int] = set()
    for op in ops:
        inputs, outputs = graph.ops[op].inputs, graph.ops[op].outputs
        if op in takes and not parted.isdisjoint(inputs):
            return True
        if op in cuts and not trained.isdisjoint(inputs):
            parted.update(outputs)
            continue
        if not parted.isdisjoint(inputs):
            parted.update(outputs)
        if not trained.isdisjoint(inputs) or any(graph.values[value].kind == "parameter" for value in inputs):
            trained.update(outputs)
    return False


class Stops(NamedTuple):
    """What stops a gradient.

    Attributes:
        cuts: ids of the ops that stop everything.
        exits: of these, ids of those at which a number left; lines end there.
        barred: uses that an op stops that lets others through.
        muted: uses along which None was first sent.
    """

    cuts: frozenset[int]
    exits: frozenset[int]
    barred: frozenset[Edge]
    muted: frozenset[Edge]

    def at(self, trail: Trail, edge: Edge) -> Trail:
        """A trail after a use: with the first op that stopped it."""
        if trail.cut is not None:
            return trail
        if edge.op in self.cuts or edge in self.barred:
            return trail._replace(cut=edge.op, mute=None)
        return trail._replace(mute=edge) if trail.mute is None and edge in self.muted else trail

    def into_part(self, trail: Trail, edge: Edge) -> Trail:
        """A trail at the border of a box: ops that stop everything are inside."""
        return self.at(trail, edge) if edge in self.barred or edge in self.muted else trail

    def holds(self, edge: Edge) -> bool:
        """Whether something stops a gradient at a use."""
        return edge.op in self.cuts or edge in self.barred or edge in self.muted


class Line(NamedTuple):
    """A line by its ends, the value that leaves, the op that cuts it, and the use along which None was sent."""

    source: Key
    target: Key
    value: int
    cut: int | None
    mute: Edge | None


class Uses(NamedTuple):
    """The uses that a line stands for.

    Attributes:
        told: those where it leaves; into a box, if other lines leave with it, those where it arrives.
        also: those at its other end, if other lines leave with it; else none.
    """

    told: list[Edge]
    also: list[Edge]


Lines = dict[Line, Uses]
Arrivals = dict[tuple[Trail, Key], tuple[list[Edge], list[Edge]]]


def _lines(graph: Graph, losses: Sequence[tuple[int, str]], part_of: Mapping[int, int], stops: Stops) -> Lines:
    """The uses that each line stands for; data has a line into a loss only where nothing else has."""
    ends = {value: at for at, (value, _) in enumerate(losses)}
    trails: dict[int, dict[Trail, list[Edge]]] = {}
    arrivals: Arrivals = {}
    data: Arrivals = {}
    for op in graph.ops:
        part = part_of.get(op.id)
        last: dict[Trail, list[Edge]] = {}
        for at, value in enumerate(op.inputs):
            edge = Edge(value, op.id, at)
            inside = None if op.id in stops.exits else part
            for trail, edges in _trails(graph, trails, value, part_of, stops.cuts, inside).items():
                if op.id in stops.exits:
                    if trail.source[0] != "value":
                        end = trail._replace(cut=None), ("exit", op.id)  # bars at its end, and no others
                        arrivals.setdefault(end, ([], []))[0].extend(edges or [edge])
                    continue
                if part is not None:
                    trail = stops.into_part(trail, edge)
                    leaving, arriving = arrivals.setdefault((trail, ("part", part)), ([], []))
                    leaving += [one for one in (edges or [edge]) if one not in leaving]
                    arriving.append(edge)
                    continue
                passed = stops.at(trail, edge)
                last.setdefault(passed, []).append(edge)
                for output in op.outputs:
                    known = trails.setdefault(output, {}).setdefault(passed, [])
                    known += [one for one in (edges or [edge]) if one not in known]
        for output in op.outputs:
            if output in ends and part is None:
                for trail, edges in trails.pop(output, {}).items():
                    is_data = trail.source[0] == "value" and not graph.values[trail.value].requires_grad
                    into = data if is_data else arrivals
                    into[trail, ("end", ends[output])] = (edges, last[trail])
                trails[output] = {}
            elif output in ends:
                arrivals.setdefault((Trail(("part", part or 0), output), ("end", ends[output])), ([], []))
        for output in filter(lambda value: _is_made(graph, value), op.outputs):
            for trail, edges in trails.pop(output, {}).items():
                if trail.source[0] != "value":
                    arrivals[trail, ("leaf", output)] = (edges, last[trail])
            if part is not None:
                made = Trail(("part", part), output, op.id if op.id in stops.cuts else None)
                arrivals[made, ("leaf", output)] = ([], [])
    arrivals |= _from_given(graph, ends)
    met = {target for _, target in arrivals}
    arrivals |= {arrival: edges for arrival, edges in data.items() if arrival[1] not in met}
    return _chosen(_stopped_inside(graph, part_of, stops, arrivals))


def _from_given(graph: Graph, ends: Mapping[int, int]) -> Arrivals:
    """The lines into losses that are given."""
    sources = {value: _source(graph, value) for value in ends}
    return {(Trail(key, value), ("end", ends[value])): ([], []) for value, key in sources.items() if key}


def _source(graph: Graph, value: int) -> Key | None:
    """The cell of a value that is given, or a parameter that is made from others."""
    if value in graph.producers and not _is_made(graph, value):
        return None
    kind = graph.values[value].kind
    return ("leaf", value) if kind == "parameter" else ("value", value) if kind == "input" else None


def _is_made(graph: Graph, value: int) -> bool:
    """Whether a parameter was made by an op, and is not one that was written to."""
    made = value in graph.producers and graph.values[value].kind == "parameter"
    return made and value not in graph.rewritten and graph.values[value].requires_grad


def _trails(
    graph: Graph,
    trails: Mapping[int, dict[Trail, list[Edge]]],
    value: int,
    part_of: Mapping[int, int],
    cuts: frozenset[int],
    target: int | None,
) -> dict[Trail, list[Edge]]:
    """Where a value comes from; what begins in a cell has no uses yet."""
    source, maker = _source(graph, value), graph.producers.get(value)
    if source is not None:
        return {Trail(source, value): []}
    part = None if maker is None else part_of.get(maker)
    if part is not None:
        return (
            {} if part == target else {Trail(("part", part), value, _cut_inside(graph, value, part_of, part, cuts)): []}
        )
    return trails.get(value, {})


def _cut_inside(graph: Graph, value: int, part_of: Mapping[int, int], part: int, cuts: frozenset[int]) -> int | None:
    """The last cut inside a part, if what leaves it has no history."""
    inside = [op for op in cuts if part_of.get(op) == part]
    return max(inside, default=None) if not graph.values[value].requires_grad else None


def _stopped_inside(graph: Graph, part_of: Mapping[int, int], stops: Stops, arrivals: Arrivals) -> Arrivals:
    """The same; what a box stops of itself, while other things go through it, is stopped on the line into it."""
    found: Arrivals = {}
    for (trail, target), (leaving, arriving) in arrivals.items():
        stopped = trail
        if target[0] == "part" and arriving and trail.cut is None and trail.mute is None:
            within = [_stop_inside(graph, part_of, stops, edge) for edge in arriving]
            if None not in within and within[0] is not None:
                stopped = stops.at(trail, within[0])
        known = found.setdefault((stopped, target), ([], []))
        known[0].extend(leaving)
        known[1].extend(arriving)
    return found


def _stop_inside(graph: Graph, part_of: Mapping[int, int], stops: Stops, edge: Edge) -> Edge | None:
    """The use inside a part at which all is stopped that comes in along an edge, if something else goes through."""
    part, first = part_of[edge.op], None
    through: set[int] = set()
    stopped: set[int] = set()
    for op in graph.ops[edge.op :]:
        if part_of.get(op.id) != part:
            if not through.isdisjoint(op.inputs):
                return None
            continue
        for at, value in enumerate(op.inputs):
            use = Edge(value, op.id, at)
            if use != edge and value not in through:
                if value in stopped:
                    stopped.update(op.outputs)
            elif stops.holds(use):
                first = first or use
                stopped.update(op.outputs)
            else:
                through.update(op.outputs)
    leaves = any(
        part_of.get(use.op) != part and graph.values[value].requires_grad
        for value in stopped
        for use in graph.consumers.get(value, ())
    )
    return first if leaves else None


def _chosen(arrivals: Arrivals) -> Lines:
    """For each line the uses where it leaves, and where those belong to several lines, those where it arrives.

    What one cut and another stop on its way to one place is one line.
    """
    owners: dict[Edge, int] = {}
    for leaving, _ in arrivals.values():
        for edge in leaving:
            owners[edge] = owners.get(edge, 0) + 1
    lines: Lines = {}
    bars: dict[tuple[Key, Key, int], int] = {}
    for (trail, target), (leaving, arriving) in arrivals.items():
        if trail.source == target:
            continue
        cut = None if trail.cut is None else bars.setdefault((trail.source, target, trail.value), trail.cut)
        shared = bool(arriving) and any(owners[edge] > 1 for edge in leaving)
        told, also = (arriving, leaving) if shared and target[0] == "part" else (leaving, arriving if shared else [])
        uses = lines.setdefault(Line(trail.source, target, trail.value, cut, trail.mute), Uses([], []))
        uses.told.extend(edge for edge in told if edge not in uses.told)
        uses.also.extend(also)
    return lines


def _hung(
    parts: Sequence[Part], lines: Lines, share: Share | None, become: Become | None, apart: frozenset[int]
) -> tuple[Lines, list[dict[int, list[Edge]]], dict[int, list[int]]]:
    """The lines without those of parameters that hang on a box; those, with their uses, by box; and the others.

    Those that are alike and go into the same boxes are one square, and their lines are one.
    """
    made = {value for _, (kind, value), *_ in lines if kind == "leaf"}
    of: dict[int, Lines] = {value: {} for value in sorted(made)}
    for line, uses in lines.items():
        if line.source[0] == "leaf":
            of.setdefault(line.value, {})[line] = uses
    hung: list[dict[int, list[Edge]]] = [{} for _ in parts]
    kept: Lines = {line: uses for line, uses in lines.items() if line.source[0] != "leaf"}
    hosts: dict[Hashable, int] = {}
    bars: dict[tuple[int, Key], int] = {}
    alone: dict[int, list[int]] = {}
    for value, own in of.items():
        if value not in apart | made and _can_hang(parts, own, become):
            (_, first), uses = min((line.target, uses) for line, uses in own.items())
            hung[first][value] = uses.told
            continue
        targets = frozenset((line.target, line.cut is None, line.mute) for line in own)
        called = value not in made and any(kind == "part" and parts[at].path for (kind, at), _, _ in targets)
        host = hosts.setdefault((share(value) if share else None, targets) if called else value, value)
        alone.setdefault(host, []).append(value)
        for line, uses in own.items():
            cut = None if line.cut is None else bars.setdefault((host, line.target), line.cut)
            known = kept.setdefault(line._replace(source=("leaf", host), value=host, cut=cut), Uses([], []))
            known.told.extend(uses.told)
            known.also.extend(uses.also)
    return kept, hung, alone


def _can_hang(parts: Sequence[Part], lines: Lines, become: Become | None) -> bool:
    """Whether a parameter can hang on the first box that uses it: the others are calls, and say nothing else."""
    if any(kind != "part" or cut is not None or mute is not None for _, (kind, _), _, cut, mute in lines):
        return False
    calls = all(parts[line.target[1]].path for line in lines)
    return len(lines) == 1 or (calls and (become is None or len({become(uses.told) for uses in lines.values()}) == 1))


def _before(lines: Lines, source: Key) -> float:
    """Where something given stands: before the first box that it goes into, or else behind those that it is made by."""
    targets = {target for start, target, *_ in lines if start == source}
    boxes = [at - 0.5 for kind, at in targets if kind == "part"]
    made = [_before(lines, target) - 0.01 for target in targets if target[0] == "leaf"]
    return min([*boxes, *made], default=_behind(lines, source))


def _behind(lines: Lines, target: Key) -> float:
    """Where a line ends: behind the last box that it comes from."""
    boxes = (at for (kind, at), end, *_ in lines if end == target and kind == "part")
    return max(boxes, default=-1) + 0.5


def _is_met(lines: Lines, target: Key) -> bool:
    return any(line.target == target for line in lines)


def _is_sum(graph: Graph, losses: Sequence[tuple[int, str]], at: int) -> bool:
    """Whether a loss was computed from others."""
    value = losses[at][0]
    above = graph.ancestors([value])[0]
    return any(other != value and other in above for other, _ in losses)


def _exit(op: int) -> Cell:
    return Cell(0, "exit", "", (op,), weight=0.0, small=True)


def _part_cell(graph: Graph, part: Part, at: int, uses: Mapping[int, list[Edge]], share: Share | None) -> Cell:
    groups: dict[Hashable, list[int]] = {}
    for value in sorted(uses):
        groups.setdefault(share(value) if share else None, []).append(value)
    leaves = tuple(
        Leaf(
            members[0],
            "parameter",
            "",
            tuple(edge for value in members for edge in uses[value]),
            values=tuple(members),
        )
        for members in groups.values()
    )
    trainable = sum(graph.values[value].requires_grad for value in uses)
    weight = len(part.ops) + 2.0 * trainable
    return Cell(at, "module", part.label, part.ops, leaves=leaves, weight=weight, path=part.path, small=True)


def _input(graph: Graph, value: int) -> Cell:
    return Cell(0, "input", value_label(graph.values[value]), value=value, weight=0.0, small=True)


def _alone(values: Sequence[int]) -> Cell:
    """Parameters that have a line to each use, as one square."""
    return Cell(0, "parameter", "", value=values[0], weight=0.0, small=True, squares=tuple(values))


def _loss(value: int, label: str) -> Cell:
    return Cell(0, "loss", printable(label), value=value, weight=0.0, small=True)
