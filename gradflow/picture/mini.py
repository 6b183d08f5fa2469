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


class Trail(NamedTuple):
    """How a value came from a cell through ops that are not drawn.

    Attributes:
        source: the cell.
        value: that left the cell.
        cut: the op that cut it on the way, or None.
    """

    source: Key
    value: int
    cut: int | None


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
) -> Sketch:
    """The small form of a graph.

    Args:
        graph: the computation.
        losses: ``(value id, label)`` of every loss of any of the pictures that stand side by side; a sum of others
            of them is drawn as those.
        share: what parameters of one module must have in common to be drawn as one square.
        named: ids of ops that an explanation names as causes.
        barred: uses that an op stops that lets others through.

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
    lines = _lines(graph, losses, part_of, Stops(cuts, exits, frozenset(barred)))
    used = {source for source, _, _, _ in lines}
    inputs = sorted(at for kind, at in used if kind == "value")
    ends = [at for at in range(len(losses)) if any(target == ("end", at) for _, target, _, _ in lines)]
    cells: list[tuple[float, Key, Cell]] = [
        *((at, ("part", at), _part_cell(graph, parts, at, share)) for at in range(len(parts))),
        *((_nearest(lines, ("value", value)) - 0.5, ("value", value), _input(graph, value)) for value in inputs),
        *((_last(lines, ("exit", op)) + 0.5, ("exit", op), _exit(op)) for op in sorted(exits) if _is_met(lines, op)),
        *((len(parts) + at, ("end", at), _loss(*losses[at])) for at in ends),
    ]
    cells.sort(key=lambda item: item[0])
    ids = {key: at for at, (_, key, _) in enumerate(cells)}
    wires = [
        Wire(value, ids[source], ids[target], tuple(edges), bars=cut)
        for (source, target, value, cut), edges in lines.items()
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
    """

    cuts: frozenset[int]
    exits: frozenset[int]
    barred: frozenset[Edge]

    def at(self, trail: Trail, edge: Edge) -> Trail:
        """A trail after a use: with the first op that stopped it."""
        is_cut = trail.cut is None and (edge.op in self.cuts or edge in self.barred)
        return trail._replace(cut=edge.op) if is_cut else trail


Lines = dict[tuple[Key, Key, int, int | None], list[Edge]]


def _lines(graph: Graph, losses: Sequence[tuple[int, str]], part_of: Mapping[int, int], stops: Stops) -> Lines:
    """The uses that each line stands for, by its ends, the value that leaves, and the op that cuts it."""
    ends = {value: at for at, (value, _) in enumerate(losses)}
    trails: dict[int, dict[Trail, list[Edge]]] = {}
    arrivals: dict[tuple[Trail, Key], tuple[list[Edge], list[Edge]]] = {}
    for op in graph.ops:
        part = part_of.get(op.id)
        for at, value in enumerate(op.inputs):
            edge = Edge(value, op.id, at)
            inside = None if op.id in stops.exits else part
            for trail, edges in _trails(graph, trails, value, part_of, stops.cuts, inside).items():
                if op.id in stops.exits:
                    if trail.source[0] == "part":
                        end = trail._replace(cut=None), ("exit", op.id)  # bars at its end, and no others
                        arrivals.setdefault(end, ([], []))[0].extend(edges or [edge])
                    continue
                if part is not None:
                    trail = stops.at(trail, edge) if edge in stops.barred else trail
                    leaving, arriving = arrivals.setdefault((trail, ("part", part)), ([], []))
                    leaving += [one for one in (edges or [edge]) if one not in leaving]
                    arriving.append(edge)
                    continue
                passed = stops.at(trail, edge)
                for output in op.outputs:
                    known = trails.setdefault(output, {}).setdefault(passed, [])
                    known += [one for one in (edges or [edge]) if one not in known]
        for output in op.outputs:
            if output in ends and part is None:
                for trail, edges in trails.pop(output, {}).items():
                    if trail.source[0] != "value":
                        arrivals.setdefault((trail, ("end", ends[output])), ([], []))[0].extend(edges)
                trails[output] = {}
            elif output in ends:
                arrivals.setdefault((Trail(("part", part or 0), output, None), ("end", ends[output])), ([], []))
    return _chosen(arrivals)


def _trails(
    graph: Graph,
    trails: Mapping[int, dict[Trail, list[Edge]]],
    value: int,
    part_of: Mapping[int, int],
    cuts: frozenset[int],
    target: int | None,
) -> dict[Trail, list[Edge]]:
    """Where a value comes from; what begins in a cell has no uses yet."""
    maker = graph.producers.get(value)
    part = None if maker is None else part_of.get(maker)
    if part is not None:
        return (
            {} if part == target else {Trail(("part", part), value, _cut_inside(graph, value, part_of, part, cuts)): []}
        )
    if maker is not None:
        return trails.get(value, {})
    return {Trail(("value", value), value, None): []} if graph.values[value].kind == "input" else {}


def _cut_inside(graph: Graph, value: int, part_of: Mapping[int, int], part: int, cuts: frozenset[int]) -> int | None:
    """The last cut inside a part, if what leaves it has no history."""
    inside = [op for op in cuts if part_of.get(op) == part]
    return max(inside, default=None) if not graph.values[value].requires_grad else None


def _chosen(arrivals: Mapping[tuple[Trail, Key], tuple[list[Edge], list[Edge]]]) -> Lines:
    """For each line the uses where it leaves, or where those belong to several lines, those where it arrives."""
    owners: dict[Edge, int] = {}
    for leaving, _ in arrivals.values():
        for edge in leaving:
            owners[edge] = owners.get(edge, 0) + 1
    lines: Lines = {}
    for (trail, target), (leaving, arriving) in arrivals.items():
        shared = arriving and any(owners[edge] > 1 for edge in leaving)
        lines.setdefault((trail.source, target, trail.value, trail.cut), []).extend(arriving if shared else leaving)
    return {key: edges for key, edges in lines.items() if key[0] != key[1]}


def _nearest(lines: Lines, source: Key) -> float:
    return min(at for start, (kind, at), _, _ in lines if start == source and kind == "part")


def _last(lines: Lines, target: Key) -> float:
    return max(at for (_, at), end, _, _ in lines if end == target)


def _is_met(lines: Lines, op: int) -> bool:
    return any(target == ("exit", op) for _, target, _, _ in lines)


def _exit(op: int) -> Cell:
    return Cell(0, "exit", "", (op,), weight=0.0, small=True)


def _part_cell(graph: Graph, parts: Sequence[Part], at: int, share: Share | None) -> Cell:
    part = parts[at]
    before = {value for earlier in parts[:at] for op in earlier.ops for value in graph.ops[op].inputs}
    uses: dict[int, list[Edge]] = {}
    for op in part.ops:
        for position, value in enumerate(graph.ops[op].inputs):
            if graph.values[value].kind == "parameter" and value not in graph.producers and value not in before:
                uses.setdefault(value, []).append(Edge(value, op, position))
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


def _loss(value: int, label: str) -> Cell:
    return Cell(0, "loss", printable(label), value=value, weight=0.0, small=True)
