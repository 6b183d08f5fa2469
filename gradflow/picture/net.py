"""A whole graph in few bytes, with all that decides where a gradient would go if something were changed.

What a pass was seen to do comes first. Where none was seen, the table of ``derivatives`` says what PyTorch does;
what neither knows is written down as unknown, and stays so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from gradflow.flow import Flow
from gradflow.graph import Edge, Graph, Op, Value
from gradflow.notation import printable
from gradflow.picture.derivatives import sends
from gradflow.targets import ARRAY_EXITS, DETACHING, EXITS, HOOK

# What goes on along a use: a gradient, None, one of the two, nothing, or nobody knows.
PASSED, NONE_SENT, EITHER, NOTHING, UNKNOWN = "1", "u", "m", "0", "?"
# What an op is: it computes; it is known only as it ran; it detaches; gradients are off; it can never pass one on.
PLAIN, RECORDED, DETACH, NO_GRAD, INFERENCE, SHUT = "+", "=", "/", "o", "i", "-"
# What a value is: it requires grad; it could; it cannot; it is a leaf although an op made it.
REQUIRES, COULD, CANNOT, OWN_LEAF = "r", "f", "n", "L"

_HEALED = frozenset({"detach", "data"})
_IMPLIED = frozenset({"alias", "set_", "Parameter", "deepcopy"})  # no call with an operand to change
_WHOLE = frozenset({"grad", "torch.func"})  # whole computations of derivatives, known only as they ran
_RAISING = (ARRAY_EXITS - {"tolist"}) | {"deepcopy", "grad"}  # they raise for some tensors that require grad

_NO_HEAL = {
    "number": "a number has left PyTorch here: there is no one way to bring its history back",
    "derivative": "it has no derivative, so nothing can be healed",
    "copy": "it makes a new tensor, and there is no one way to do the same with a history",
    "memory": "what it gives shares memory that is written to later, so healing has no one meaning",
    "leaf": "what it gives is made a leaf by requires_grad_(), so healing has no one meaning",
}
_NO_CUT = {
    "memory": "it shares memory that is written to here or later, so a detach() here has no one meaning",
    "inside": "its inside is not recorded, so it is not known where this value goes in",
    "call": "no call of the program stands here, so there is nowhere to put a detach()",
    "hook": "a hook cannot be put on a tensor that does not require grad",
}


def net(
    graph: Graph,
    flows: Mapping[str, Flow],
    holders: Collection[str] | None = None,
) -> dict[str, object]:
    """All that a prediction needs, as JSON can hold it.

    Args:
        graph: what was computed.
        flows: by the name of its loss, what each backward pass did.
        holders: names of the parameters that the optimizers hold; None if there is none.

    Returns:
        ``ops``: inputs and outputs of each. ``kinds``, ``values``: a letter for each op and each value, see above.
        ``conducts``: a letter for each use, in the order of the ops. ``same``: values before and after a write that
        autograd does not see. ``grow``, ``shrink``: ops that may raise if something newly requires grad, or no
        longer does. ``unrun``: ops that may raise in a backward pass, and were not seen in one.
        ``grads``: calls of ``torch.autograd.grad``, whose result hangs on all that was computed before.
        ``seen``: of ops known only as they ran, the outputs at which a gradient arrived. ``noHeal``, ``noCut``:
        reasons, each with its ops or its uses. ``set``: leaves whose flag the program itself sets. ``parameters``,
        ``leaves``: names and values. ``names``: other names. ``losses``: name, value, names asked for.
        ``candidates``: names and values. ``held``: names.
    """
    found, leaves = _Net(graph, list(flows.values())), _leaves(graph)
    parameters = set(graph.parameter_names())
    return {
        "ops": [[list(op.inputs), list(op.outputs)] for op in graph.ops],
        "kinds": "".join(found.kinds),
        "values": "".join(map(found.nature, graph.values)),
        "conducts": "".join("".join(row) for row in found.conducts),
        "same": [list(pair) for pair in graph.silent],
        "grow": [op.id for op in graph.ops if found.may_raise(op)],
        "unrun": [op.id for op in graph.ops if found.may_not_run(op)],
        "shrink": [op.id for op in graph.ops if op.target == HOOK],
        "grads": [op.id for op in graph.ops if op.target == "grad"],
        "seen": [[op, outputs] for op, outputs in found.seen.items()],
        "noHeal": _by_reason((found.no_heal(op), op.id) for op in graph.ops),
        "noCut": _by_reason((found.no_cut(edge), ".".join(map(str, edge))) for edge in graph.edges()),
        "set": sorted(found.flagged),
        "parameters": [[name, leaves[name]] for name in graph.parameter_names()],
        "leaves": [[name, leaves[name]] for name in leaves if name not in parameters],
        "names": [[name, value] for name, value in graph.names.items() if _is_named(graph, name)],
        "losses": [[printable(name), flow.output, _asked(flow)] for name, flow in flows.items()],
        "candidates": [[value.name or f"%{value.id}", value.id] for value in _candidates(graph)],
        "held": None if holders is None else sorted(holders),
    }


def continuous(value: Value) -> bool:
    """Whether a value is of a kind that can require grad.

    >>> continuous(Value(0, None, "constant", (), "int64", False))
    False
    """
    return value.dtype.startswith(("float", "bfloat", "complex"))


def pattern_of(graph: Graph, op: Op) -> str:
    """An ``f`` for each input that can require grad, an ``i`` for each other one."""
    return "".join("f" if continuous(graph.values[value]) else "i" for value in op.inputs)


class _Net:
    """What is found of a graph and of the passes over it."""

    def __init__(self, graph: Graph, flows: Sequence[Flow]) -> None:
        self._graph, self._flows = graph, flows
        self.kinds = [self._kind(op) for op in graph.ops]
        self.conducts = [[self._conducts(op, edge) for edge in _uses(op)] for op in graph.ops]

    @cached_property
    def _unasked(self) -> list[Flow]:
        """The passes that went everywhere: what did not get a gradient in them can get none."""
        return [flow for flow in self._flows if flow.inputs is None]

    @cached_property
    def _producers(self) -> dict[int, Op]:
        return {value: op for op in self._graph.ops for value in op.outputs}

    @cached_property
    def _last_write(self) -> dict[int, int]:
        """By value, the last op that writes to its memory."""
        made = {value: op.id for value, op in self._producers.items()}
        last: dict[int, int] = {}
        for shared in self._graph.memory:
            members = set(shared)
            writes = [made.get(after, -1) for _, after in self._graph.writes if after in members]
            last.update(dict.fromkeys(shared, max(writes, default=-1)))
        for before, after in self._graph.writes:  # memory that is not known, as of sparse tensors
            for value in (before, after):
                last[value] = max(last.get(value, -1), made.get(after, -1))
        return last

    @cached_property
    def _written(self) -> dict[int, int]:
        """How many tensors each op writes to."""
        counts: dict[int, int] = {}
        for _, after in self._graph.writes:
            if after in self._producers:
                counts[self._producers[after].id] = counts.get(self._producers[after].id, 0) + 1
        return counts

    def _later(self, value: int, op: Op) -> bool:
        """Whether the memory of a value is written to by this op or a later one."""
        return self._last_write.get(value, -1) >= op.id

    # what each op is

    def _kind(self, op: Op) -> str:
        if op.target in _HEALED and not self._detach_stays(op):
            return DETACH
        if op.target in DETACHING or not op.outputs:
            return SHUT
        if not op.grad_enabled:
            return SHUT if self._off_stays(op) else NO_GRAD if op.grad_mode == "no_grad" else INFERENCE
        return RECORDED if self._only_as_recorded(op) else PLAIN

    def _only_as_recorded(self, op: Op) -> bool:
        own = (op.grad_fn or "").endswith("Backward")
        if own or op.target in _WHOLE or op.target in _IMPLIED or self._written.get(op.id, 0) > 1:
            return True
        known = sends(op.target, pattern_of(self._graph, op))
        if ".apply(" in op.code and known is None:
            return True
        several = len([v for v in op.outputs if continuous(self._graph.values[v])]) > 1
        return several and (known is None or len(set(known)) > 1)

    def _detach_stays(self, op: Op) -> str | None:
        """The reason why a detach cannot be healed."""
        if any(map(self._is_own_leaf, op.outputs)):
            return "leaf"
        return "memory" if len(op.inputs) != 1 or any(self._later(v, op) for v in op.outputs) else None

    def _off_stays(self, op: Op) -> str | None:
        """The reason why an op with gradients off cannot be healed."""
        if any(map(self._is_own_leaf, op.outputs)):
            return "leaf"
        if any(self._later(v, op) for v in (*op.inputs, *op.outputs)):
            return "memory"
        values = self._graph.values
        return None if any(continuous(values[v]) for v in op.outputs) else "derivative"

    def no_heal(self, op: Op) -> str | None:
        """Why healing an op that cuts has no one meaning; None if it has, or if the op cuts nothing."""
        kind = self.kinds[op.id]
        if kind in (PLAIN, RECORDED):
            dead = all(self.nature(self._graph.values[v]) == CANNOT for v in op.outputs)
            return _NO_HEAL["derivative"] if dead else None
        if kind != SHUT:
            return None
        if op.target in EXITS and not op.outputs:
            return _NO_HEAL["number"]
        if op.target in _HEALED:
            return _NO_HEAL[self._detach_stays(op) or "memory"]
        if op.target in DETACHING:
            return _NO_HEAL["copy"]
        return _NO_HEAL[self._off_stays(op) or "derivative"] if op.outputs else None

    def no_cut(self, edge: Edge) -> str | None:
        """Why a detach on a use has no one meaning; None if it has."""
        op = self._graph.ops[edge.op]
        if op.target == HOOK:
            return _NO_CUT["hook"]
        if op.target in _IMPLIED:
            return _NO_CUT["call"]
        kind = self.kinds[op.id]
        if kind == RECORDED and (len(op.inputs) > 1 or op.target in _WHOLE):
            return _NO_CUT["memory" if op.id in self._written else "inside"]
        if kind in (PLAIN, RECORDED) and self._shares(edge.value, op):
            return _NO_CUT["memory"]
        return None

    def _shares(self, value: int, op: Op) -> bool:
        """Whether what an op gives shares the memory of a value, and something is written there from now on."""
        if not self._later(value, op):
            return False
        same = {v for shared in self._graph.memory if value in shared for v in shared}
        same |= {after for before, after in self._graph.writes if before == value}
        return not same.isdisjoint(op.outputs)

    def may_raise(self, op: Op) -> bool:
        """Whether an op, or a backward pass through it, may raise once something in it newly requires grad."""
        if op.target in _RAISING:
            return True
        if self.kinds[op.id] in (DETACH, SHUT):
            return op.id in self._written
        if any(self._is_own_leaf(v) for v in op.outputs) or any(self._later(v, op) for v in (*op.inputs, *op.outputs)):
            return True
        return any(v in self._producers and self._producers[v].grad_mode == "inference_mode" for v in op.inputs)

    def may_not_run(self, op: Op) -> bool:
        """Whether a backward pass through an op may raise, because of what was written over, and none was seen."""
        if self.kinds[op.id] not in (PLAIN, RECORDED) or not self._graph.writes:
            return False
        written = any(self._later(v, op) for v in (*op.inputs, *op.outputs))
        return written and not any(flow.at(v).arrived for flow in self._flows for v in op.outputs)

    # what each value is

    def _is_own_leaf(self, value: int) -> bool:
        """Whether a value requires grad although the op that made it gives it no history."""
        op = self._producers.get(value)
        if op is None or value in self._graph.rewritten or not self._graph.values[value].requires_grad:
            return False
        if not op.grad_enabled or op.target in DETACHING:
            return True
        return op.grad_fn is None and not any(self._graph.values[v].requires_grad for v in op.inputs)

    def nature(self, value: Value) -> str:
        """The letter of a value."""
        if self._is_own_leaf(value.id):
            return OWN_LEAF
        if value.requires_grad:
            return REQUIRES
        return COULD if continuous(value) and not self._is_dead(value) else CANNOT

    def _is_dead(self, value: Value) -> bool:
        """Whether an op was seen, or is known, to give this value without a history whatever goes in."""
        op = self._producers.get(value.id)
        if op is None or self.kinds[op.id] != PLAIN:
            return False
        row = self.conducts[op.id]
        return all(letter == NOTHING for letter in row)

    # what goes on along each use

    def _conducts(self, op: Op, edge: Edge) -> str:
        value = self._graph.values[edge.value]
        if not continuous(value):
            return NOTHING
        kind = self.kinds[op.id]
        if kind == SHUT:
            return NOTHING
        if kind == DETACH:
            return PASSED
        if any(flow.at(edge).arrived for flow in self._flows):
            return PASSED
        known = self._known(op)[edge.position]
        if not (value.requires_grad and op.grad_enabled):
            return UNKNOWN if kind == RECORDED else known
        if not any(self._graph.values[v].requires_grad for v in op.outputs):
            return NOTHING
        asked = [flow for flow in self._unasked if any(flow.at(v).arrived for v in op.outputs)]
        if not asked:
            return UNKNOWN if kind == RECORDED else known
        return NONE_SENT if any(flow.at(edge).status == "undefined" for flow in asked) else NOTHING

    def _known(self, op: Op) -> str:
        """What the table says of each use; a write through a view says nothing of others."""
        known = sends(op.target, pattern_of(self._graph, op))
        return UNKNOWN * len(op.inputs) if known is None else known

    @cached_property
    def seen(self) -> dict[int, list[int]]:
        """Of the ops that are known only as they ran, the outputs at which a gradient arrived."""
        found = {}
        for op in self._graph.ops:
            if self.kinds[op.id] == RECORDED:
                sets = {tuple(v for v in op.outputs if flow.at(v).arrived) for flow in self._unasked} - {()}
                if len(sets) == 1:
                    found[op.id] = list(sets.pop())
        return found

    @cached_property
    def flagged(self) -> set[str]:
        """Names of the leaves of which some ops were seen to have another flag than they have in the end."""
        found = set()
        for op, row in zip(self._graph.ops, self.conducts, strict=True):
            for value, letter, known in zip(op.inputs, row, self._known(op), strict=True):
                leaf = self._graph.values[value]
                told = leaf.requires_grad and self.kinds[op.id] == PLAIN and (letter, known) == (NOTHING, PASSED)
                if leaf.name is not None and leaf.kind != "intermediate" and told:
                    found.add(leaf.name)
        return found


def _uses(op: Op) -> Iterable[Edge]:
    return (Edge(value, op.id, position) for position, value in enumerate(op.inputs))


def _by_reason(found: Iterable[tuple[str | None, object]]) -> list[list[object]]:
    """Each reason with all that it holds of."""
    rows: dict[str, list[object]] = {}
    for reason, key in found:
        if reason is not None:
            rows.setdefault(reason, []).append(key)
    return [[reason, keys] for reason, keys in rows.items()]


def _leaves(graph: Graph) -> dict[str, list[int]]:
    """The values of each leaf by its name: a write in place under ``no_grad`` gives it further ones."""
    found: dict[str, list[int]] = {}
    for value in graph.values:
        if value.name is not None and (value.kind != "intermediate" or value.name.startswith("leaf_")):
            found.setdefault(value.name, []).append(value.id)
    return found


def _is_named(graph: Graph, name: str) -> bool:
    """Whether a name is an alias, or that of an intermediate."""
    value = graph.values[graph.names[name]]
    return value.name != name or value.kind == "intermediate"


def _asked(flow: Flow) -> list[str] | None:
    return None if flow.inputs is None else list(flow.inputs)


def _candidates(graph: Graph) -> Iterable[Value]:
    """The numbers that may be losses: they have a name, or nobody uses them."""
    for value in graph.values:
        alone = all(size == 1 for size in value.shape) and (value.name is not None or value.id not in graph.consumers)
        if alone and value.kind == "intermediate" and continuous(value):
            yield value
