"""Which ops get no mark of their own: data that is prepared on the side, and ops that only watch."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gradflow.graph import Edge, Graph, Op
from gradflow.targets import EXITS, HOOK

LEAST_GROUP = 3


class Chain(NamedTuple):
    """Data-only ops that become a leaf of the one op that uses their result.

    Attributes:
        source: id of the value it begins with: an input, a buffer or a constant.
        ops: ids of its ops, in order.
        edges: every use in it, that by the op it hangs on last.
    """

    source: int
    ops: tuple[int, ...]
    edges: tuple[Edge, ...]


class Folding(NamedTuple):
    """What became of the ops.

    Attributes:
        drawn: ids of the ops that have a mark of their own, in order.
        hosts: of the others the id of the op whose mark stands for them; hidden ones are in neither.
        groups: of an op that stands for a group, the ids of all its ops, itself last.
        chains: of an op, the chains that hang on it.
        data: ids of the values that depend on no parameter and nothing else that requires grad.
    """

    drawn: tuple[int, ...]
    hosts: dict[int, int]
    groups: dict[int, tuple[int, ...]]
    chains: dict[int, tuple[Chain, ...]]
    data: frozenset[int]


def fold(graph: Graph, kept: Collection[int], cuts: Collection[int], named: Collection[int] = ()) -> Folding:
    """Fold data-only ops into groups and leaves, and hide those that nobody uses.

    Args:
        graph: the computation.
        kept: ids of values that are drawn themselves, as losses are.
        cuts: ids of the ops that cut a gradient; nothing hangs on them.
        named: ids of ops that are drawn because an explanation names them.
    """
    data = _data(graph)
    hidden = _hidden(graph, data, frozenset(kept), frozenset(named))
    roots = _roots(graph, data, hidden, frozenset(kept))
    members: dict[int, list[int]] = {}
    for op in graph.ops:
        if op.id in roots:
            members.setdefault(roots[op.id], []).append(op.id)
    hosts: dict[int, int] = {}
    groups: dict[int, tuple[int, ...]] = {}
    chains: dict[int, list[Chain]] = {}
    for root, ops in members.items():
        chain = _chain(graph, data, hidden, frozenset(cuts), ops)
        if chain is not None:
            chains.setdefault(chain.edges[-1].op, []).append(chain)
            hosts.update(dict.fromkeys(ops, chain.edges[-1].op))
        elif len(ops) >= LEAST_GROUP:
            groups[root] = tuple(ops)
            hosts.update(dict.fromkeys(ops[:-1], root))
    drawn = tuple(op.id for op in graph.ops if op.id not in hidden and op.id not in hosts)
    return Folding(drawn, hosts, groups, {op: tuple(some) for op, some in chains.items()}, data)


def _data(graph: Graph) -> frozenset[int]:
    data = {value.id for value in graph.values if value.kind != "parameter" and not value.requires_grad}
    for op in graph.ops:
        if op.reenters or not data.issuperset(op.inputs):
            data.difference_update(op.outputs)
    return frozenset(data)


def _is_data(op: Op, data: frozenset[int]) -> bool:
    return data.issuperset(op.inputs) and data.issuperset(op.outputs)


def _hidden(graph: Graph, data: frozenset[int], kept: frozenset[int], named: frozenset[int]) -> set[int]:
    """Hooks; and data-only ops and ops that only watch, as ``loss.item()``, whose result nothing uses that is drawn."""
    hidden: set[int] = set()
    returned = {exit_ for op in graph.ops for exit_ in op.reenters or ()}
    for op in reversed(graph.ops):
        uses = [edge.op for value in op.outputs for edge in graph.consumers.get(value, ())]
        leaves = op.target in EXITS and not op.outputs and op.id not in returned
        watches = bool(uses) and not any(graph.values[value].requires_grad for value in op.outputs)
        aside = _is_data(op, data) or ((leaves or watches) and op.id not in named)
        if op.target == HOOK or (aside and kept.isdisjoint(op.outputs) and hidden.issuperset(uses)):
            hidden.add(op.id)
    return hidden


def _roots(graph: Graph, data: frozenset[int], hidden: set[int], kept: frozenset[int]) -> dict[int, int]:
    """The last op of the group that each data-only op belongs to: what only a group of its own call uses is in it."""
    roots: dict[int, int] = {}
    for op in reversed(graph.ops):
        if op.id in hidden or not _is_data(op, data):
            continue
        uses = {edge.op for value in op.outputs for edge in graph.consumers.get(value, ())} - hidden
        found = {roots.get(use) for use in uses}
        root = found.pop() if len(found) == 1 and kept.isdisjoint(op.outputs) else None
        roots[op.id] = root if root is not None and graph.ops[root].call == op.call else op.id
    return roots


def _chain(graph: Graph, data: frozenset[int], hidden: set[int], cuts: frozenset[int], ops: list[int]) -> Chain | None:
    """The group as a leaf: it begins with at most one input, and one op uses its result beside something else."""
    inside = set(ops)
    outputs = graph.ops[ops[-1]].outputs
    uses = [edge for value in outputs for edge in graph.consumers.get(value, ()) if edge.op not in hidden]
    if len(uses) != 1 or uses[0].op in cuts or not graph.ops[uses[0].op].outputs:
        return None
    user = graph.ops[uses[0].op]
    if _is_data(user, data):
        return None
    edges = [Edge(value, op, at) for op in ops for at, value in enumerate(graph.ops[op].inputs)]
    taken = [edge.value for edge in edges if graph.producers.get(edge.value) not in inside]
    if not taken or any(value in graph.producers for value in taken):
        return None
    given = [value for value in dict.fromkeys(taken) if graph.values[value].kind != "constant"]
    beside = [value for at, value in enumerate(user.inputs) if at != uses[0].position and value in graph.producers]
    if len(given) > 1 or (given and not any(value not in data for value in beside)):
        return None
    return Chain(given[0] if given else taken[0], tuple(ops), (*edges, uses[0]))
