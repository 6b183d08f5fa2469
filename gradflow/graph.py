"""A computation as data: what was computed, from what, by which line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from gradflow.errors import GradflowError, unknown_name

Scalar = float | int | bool | complex | None

KINDS = ("parameter", "buffer", "input", "constant", "intermediate")


class Value(NamedTuple):
    """One tensor at one moment: an in-place write makes a new value of the same tensor.

    Attributes:
        id: index in ``Graph.values``.
        name: dotted name of a parameter or buffer, keyword of an input, ``leaf_1`` … for other leaves,
            or None.
        kind: ``parameter``, ``buffer``, ``input``, ``constant`` (nothing recorded before it) or
            ``intermediate``.
        shape: sizes, ``()`` for a number.
        dtype: as in ``"float32"``.
        requires_grad: the tensor's flag when it was last used in the trace.
        scalar: the number of a one-element tensor, else None.
    """

    id: int
    name: str | None
    kind: str
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    scalar: Scalar = None


class Op(NamedTuple):
    """One call of a PyTorch function.

    Attributes:
        id: index in ``Graph.ops``; ops stand in the order of execution.
        target: the bare name of the function, as in ``"linear"``.
        inputs: value ids by position; a value can stand at several.
        outputs: value ids; empty where the number left PyTorch (``item``).
        module: dotted path of the module in whose ``forward`` it ran, ``""`` for the outermost.
        source: ``file:line`` of the user's own code, ``""`` if unknown.
        code: that line, stripped.
        grad_enabled: False under ``no_grad`` and ``inference_mode``.
        grad_fn: name of the backward node of the first output, or None.
        call: id of the module call it belongs to, or None.
        grad_mode: ``"grad"``, ``"no_grad"`` or ``"inference_mode"``.
        reenters: None if it takes tensors only; ids of the ops at which a number that it takes had left
            PyTorch; ``()`` if it takes a number or fresh data whose origin was not seen.
        constants: of an op that makes a single number, the plain numbers that it was called with, each with its
            position or its keyword; None of other ops, and where it was called with more than that.
    """

    id: int
    target: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    module: str = ""
    source: str = ""
    code: str = ""
    grad_enabled: bool = True
    grad_fn: str | None = None
    call: int | None = None
    grad_mode: str = "grad"
    reenters: tuple[int, ...] | None = None
    constants: tuple[tuple[str, float], ...] | None = None


class Edge(NamedTuple):
    """One use of a value: ``w * w`` has two edges from ``w``, at positions 0 and 1."""

    value: int
    op: int
    position: int


class Call(NamedTuple):
    """One run of a module's ``forward``; calls nest, and ``parent`` is the call around this one."""

    id: int
    module: str
    type: str
    parent: int | None


@dataclass(frozen=True)
class Graph:
    """What was computed, as values and ops.

    Attributes:
        values: every tensor of the trace, by id.
        ops: every call, in order of execution.
        calls: every module call, in order of entry.
        aliases: further names of a value, as ``(name, value id)``: a shared parameter answers to each.
        silent: ``(before, after)`` values of a tensor that was written to with gradients off: its content is
            new, but for autograd it is the same.
        writes: ``(before, after)`` values of every tensor that was written to in place, in order.
        memory: the values that share memory that was written to, a tuple for each piece of memory.
        parameters: weak references to the traced parameters, by name; neither compared nor saved.

    >>> w = Value(0, "w", "parameter", (), "float32", True)
    >>> h = Value(1, None, "intermediate", (), "float32", True)
    >>> graph = Graph((w, h), (Op(0, "mul", (0, 0), (1,)),))
    >>> graph.consumers[0]
    (Edge(value=0, op=0, position=0), Edge(value=0, op=0, position=1))
    """

    values: tuple[Value, ...]
    ops: tuple[Op, ...]
    calls: tuple[Call, ...] = ()
    aliases: tuple[tuple[str, int], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    silent: tuple[tuple[int, int], ...] = ()
    writes: tuple[tuple[int, int], ...] = ()
    memory: tuple[tuple[int, ...], ...] = ()

    def __repr__(self) -> str:
        return f"<Graph: {len(self.ops)} ops, {len(self.values)} values>"

    @cached_property
    def names(self) -> dict[str, int]:
        """The id of the first value of each name, aliases included."""
        names: dict[str, int] = {}
        for value in self.values:
            if value.name is not None:
                names.setdefault(value.name, value.id)
        for name, value_id in self.aliases:
            names.setdefault(name, value_id)
        return names

    @cached_property
    def producers(self) -> dict[int, int]:
        """The id of the op that made each value; values that nothing made are absent."""
        return {value: op.id for op in self.ops for value in op.outputs}

    @cached_property
    def consumers(self) -> dict[int, tuple[Edge, ...]]:
        """The uses of each value, in order of execution; values that nobody uses are absent."""
        uses: dict[int, list[Edge]] = {}
        for edge in self.edges():
            uses.setdefault(edge.value, []).append(edge)
        return {value: tuple(edges) for value, edges in uses.items()}

    def edges(self) -> Iterator[Edge]:
        """Every use of every value, in order of execution."""
        for op in self.ops:
            for position, value in enumerate(op.inputs):
                yield Edge(value, op.id, position)

    def value(self, name: str) -> Value:
        """The first value of that name.

        Raises:
            GradflowError: no value has it; the nearest names are offered.
        """
        if not isinstance(name, str) or name not in self.names:
            raise unknown_name(name, self.names)
        return self.values[self.names[name]]

    @cached_property
    def successors(self) -> dict[int, int]:
        """The value that each silently written one became."""
        return dict(self.silent)

    @cached_property
    def rewritten(self) -> frozenset[int]:
        """Ids of the values that silent writes made."""
        return frozenset(self.successors.values())

    def carried(self, op: Op) -> dict[int, int]:
        """By position, what an op with gradients off only writes to, and the output that it goes on as.

        That is a tensor with a history, and the view that it is written through; not what is written.
        """
        if self.rewritten.isdisjoint(op.outputs):
            return {}
        found = {p: self.successors[v] for p, v in enumerate(op.inputs) if self.successors.get(v) in op.outputs}
        if found and 0 not in found and op.outputs[0] not in found.values():
            found[0] = op.outputs[0]
        return found

    def versions(self, value: int) -> tuple[int, ...]:
        """The value, and what silent writes made of it: one and the same for autograd."""
        versions = [value]
        while (after := self.successors.get(versions[-1])) is not None:
            versions.append(after)
        return tuple(versions)

    def parameter_names(self) -> tuple[str, ...]:
        """Names of all parameters, in the order of the trace, each once."""
        return tuple(dict.fromkeys(v.name for v in self.values if v.kind == "parameter" and v.name))

    def ancestors(self, values: Iterable[int]) -> tuple[set[int], set[int]]:
        """Ids of the values that the given ones depend on, themselves included, and of the ops between."""
        reached, ops = set(values), set()
        for op in reversed(self.ops):
            if not reached.isdisjoint(op.outputs):
                ops.add(op.id)
                reached.update(op.inputs)
        return reached, ops

    def lint(self) -> None:
        """Check that ids are positions, that every input exists before its use, and that names resolve.

        Raises:
            GradflowError: naming the first thing that is wrong.
        """
        for position, value in enumerate(self.values):
            if value.id != position:
                raise GradflowError(f"value {value.id} stands at position {position} of Graph.values.")
            if value.kind not in KINDS:
                raise GradflowError(f"value {value.id} has kind {value.kind!r}; expected one of {', '.join(KINDS)}.")
        made: set[int] = set()
        outputs = {value for op in self.ops for value in op.outputs}
        for position, op in enumerate(self.ops):
            if op.id != position:
                raise GradflowError(f"op {op.id} stands at position {position} of Graph.ops.")
            for value_id in (*op.inputs, *op.outputs):
                if not 0 <= value_id < len(self.values):
                    raise GradflowError(f"op {op.id} ({op.target}) names value {value_id}, which does not exist.")
            for value_id in op.inputs:
                if value_id in outputs and value_id not in made:
                    raise GradflowError(f"op {op.id} ({op.target}) uses value {value_id} before it is made.")
            for value_id in op.outputs:
                if value_id in made:
                    raise GradflowError(f"op {op.id} ({op.target}) makes value {value_id} a second time.")
                made.add(value_id)
        for before, after in (*self.silent, *self.writes):
            if not 0 <= before < after < len(self.values):
                raise GradflowError(f"value {before} cannot have become value {after} by a write.")
        for value_id in (value_id for shared in self.memory for value_id in shared):
            if not 0 <= value_id < len(self.values):
                raise GradflowError(f"value {value_id} shares memory that was written to, but does not exist.")
        for name, value_id in self.aliases:
            if not 0 <= value_id < len(self.values):
                raise GradflowError(f"the name {name!r} stands for value {value_id}, which does not exist.")
