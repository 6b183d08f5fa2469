"""A computation while it is being recorded: columns instead of objects, so that a long trace stays small."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gradflow.graph import Call, Graph, Op, Scalar, Value

LEAF, NO_HISTORY = -1, -2  # sites of values that no backward node made
MODES = ("grad", "no_grad", "inference_mode")


class Region:
    """An op whose inside is not drawn, and which is complete only when its last output was used.

    Attributes:
        target: its name.
        place: the line that called it.
        call: the module call around it.
        mode: the grad mode around it.
        inputs: values that went in: what it was called with, then what else was used inside.
        outputs: values that came out and were used.
        op: its id, once an output of it was used.
    """

    def __init__(self, target: str, place: int, call: int, mode: int) -> None:
        self.target, self.place, self.call, self.mode = target, place, call, mode
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.op: int | None = None

    def take(self, values: Iterable[int]) -> None:
        """Add values that were used inside."""
        self.inputs.extend(value for value in dict.fromkeys(values) if value >= 0 and value not in self.inputs)


class Tape:
    """Values and ops in the order in which they were recorded. Ids are positions."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.calls: list[Call] = []
        self.silent: list[tuple[int, int]] = []  # values before and after a write with gradients off
        self.writes: list[tuple[int, int]] = []  # values before and after any write in place
        self.memory = array("Q")  # the storage of each value, 0 if unknown
        self.scalars: dict[int, Scalar] = {}
        self.sites = array("q")  # walk.site of each value, LEAF or NO_HISTORY
        self.described: list[tuple[str, tuple[int, ...], str, bool]] = []  # kind, shape, dtype, requires_grad
        self._descriptions: dict[tuple[Any, ...], tuple[str, tuple[int, ...], str, bool]] = {}
        self.targets: list[str] = []
        self.starts = array("q")  # sequence numbers of the backward nodes that an op created
        self.stops = array("q")
        self._places = array("l")
        self._calls = array("l")  # -1: outside every module
        self._modes = bytearray()
        self._inputs = array("l")
        self._outputs = array("l")
        self._input_ends = array("l")
        self._output_ends = array("l")
        self._nodes: dict[int, str] = {}
        self._reenters: dict[int, tuple[int, ...]] = {}
        self._constants: dict[int, tuple[tuple[str, float], ...]] = {}
        self._regions: dict[int, Region] = {}

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def size(self) -> tuple[int, ...]:
        """Changes whenever something was recorded."""
        outputs = sum(len(region.outputs) for region in self._regions.values())
        return len(self.targets), len(self.described), len(self.calls), outputs

    def add_value(
        self, kind: str, shape: Any, dtype: str, requires_grad: bool, site: int, scalar: Scalar = None
    ) -> int:
        """Store a value; equal descriptions are stored once."""
        value = len(self.described)
        key = (kind, shape, dtype, requires_grad)
        described = self._descriptions.get(key)
        if described is None:
            described = self._descriptions[key] = (kind, _sizes(shape), dtype, requires_grad)
        self.described.append(described)
        self.sites.append(site)
        self.memory.append(0)
        if scalar is not None:
            self.scalars[value] = scalar
        return value

    def describe(
        self,
        value: int,
        kind: str | None = None,
        shape: tuple[int, ...] | None = None,
        requires_grad: bool | None = None,
    ) -> None:
        """Change what is known of a value."""
        old_kind, old_shape, dtype, old_flag = self.described[value]
        self.described[value] = (
            old_kind if kind is None else kind,
            old_shape if shape is None else shape,
            dtype,
            old_flag if requires_grad is None else requires_grad,
        )

    def add_op(
        self,
        target: str,
        inputs: Iterable[int],
        outputs: Iterable[int],
        place: int,
        call: int,
        mode: int,
        start: int,
        stop: int,
    ) -> int:
        """Store an op."""
        op = len(self.targets)
        self.targets.append(target)
        for value in inputs:
            self._inputs.append(value)
        for value in outputs:
            self._outputs.append(value)
        self._input_ends.append(len(self._inputs))
        self._output_ends.append(len(self._outputs))
        self._places.append(place)
        self._calls.append(call)
        self._modes.append(mode)
        self.starts.append(start)
        self.stops.append(stop)
        return op

    def add_region(self, region: Region, sequence: int) -> int:
        """Store an op whose inputs and outputs are still to come."""
        region.op = self.add_op(region.target, (), (), region.place, region.call, region.mode, sequence, sequence)
        self._regions[region.op] = region
        return region.op

    def name_node(self, op: int, node: str) -> None:
        """Note the name of an op's backward node."""
        self._nodes[op] = node

    def note_return(self, op: int, exits: tuple[int, ...]) -> None:
        """Note that an op takes numbers that had left at these exits."""
        self._reenters[op] = exits

    def note_constants(self, op: int, constants: tuple[tuple[str, float], ...]) -> None:
        """Note the plain numbers that an op was called with."""
        self._constants[op] = constants

    def inputs(self, op: int) -> tuple[int, ...]:
        """The input values of an op."""
        region = self._regions.get(op)
        if region is not None:
            return tuple(region.inputs)
        return tuple(self._inputs[self._input_ends[op - 1] if op else 0 : self._input_ends[op]])

    def outputs(self, op: int) -> tuple[int, ...]:
        """The output values of an op."""
        region = self._regions.get(op)
        if region is not None:
            return tuple(region.outputs)
        return tuple(self._outputs[self._output_ends[op - 1] if op else 0 : self._output_ends[op]])

    def all_inputs(self) -> list[tuple[int, ...]]:
        """The input values of every op."""
        found = _pieces(self._inputs, self._input_ends)
        for op, region in self._regions.items():
            found[op] = tuple(region.inputs)
        return found

    def all_outputs(self) -> list[tuple[int, ...]]:
        """The output values of every op."""
        found = _pieces(self._outputs, self._output_ends)
        for op, region in self._regions.items():
            found[op] = tuple(region.outputs)
        return found

    def maker(self, value: int) -> int | None:
        """The op that made a value."""
        return next((op for op in reversed(range(len(self))) if value in self.outputs(op)), None)

    def call_around(self, call: int, values: Iterable[int]) -> int:
        """The innermost call that runs around a call and around the ops that made the values, -1 for none."""
        for op in (self.maker(value) for value in values):
            made_in = set(self._calls_from(self._calls[op])) if op is not None else None
            if made_in is not None:
                call = next((outer for outer in self._calls_from(call) if outer in made_in), -1)
        return call

    def _calls_from(self, call: int) -> Iterator[int]:
        """A call and those around it, from the inside out."""
        at: int | None = None if call < 0 else call
        while at is not None:
            yield at
            at = self.calls[at].parent

    def unused(self, value: int) -> bool:
        """Whether no op took a value."""
        return value not in self._inputs

    def entries(self) -> list[int]:
        """The number of entries of each value."""
        sizes = {shape: math.prod(shape) for _, shape, _, _ in self._descriptions.values()}
        return [sizes.get(shape) or math.prod(shape) for _, shape, _, _ in self.described]

    def graph(
        self,
        words: Sequence[tuple[str, str]],
        aliases: Iterable[tuple[str, int]],
        parameters: Mapping[str, Any],
    ) -> Graph:
        """Everything recorded so far.

        Args:
            words: source and code of each place; the last one stands for -1.
            aliases: further names of values.
            parameters: weak references to the parameters, by name.
        """
        names, scalars = self.names, self.scalars
        new_value, new_op = partial(tuple.__new__, Value), partial(tuple.__new__, Op)  # faster than their own
        values: list[Value] = [
            new_value((i, names.get(i), kind, shape, dtype, requires_grad, scalars.get(i)))
            for i, (kind, shape, dtype, requires_grad) in enumerate(self.described)
        ]
        paths = [*(call.module for call in self.calls), ""]  # the last one is that of call -1
        nodes, reenters, constants = self._nodes, self._reenters, self._constants
        ops: list[Op] = []
        rows = zip(
            self.targets, self.all_inputs(), self.all_outputs(), self._places, self._calls, self._modes, strict=True
        )
        for i, (target, inputs, outputs, place, call, mode) in enumerate(rows):
            source, code = words[place]
            made = (i, target, inputs, outputs, paths[call], source, code, not mode, nodes.get(i))
            ops.append(new_op((*made, None if call < 0 else call, MODES[mode], reenters.get(i), constants.get(i))))
        calls, silent, writes = tuple(self.calls), tuple(self.silent), tuple(self.writes)
        return Graph(
            tuple(values), tuple(ops), calls, tuple(aliases), parameters, silent, writes, self._written_memory()
        )

    def _written_memory(self) -> tuple[tuple[int, ...], ...]:
        """The values on each storage that was written to."""
        shared: dict[int, list[int]] = {self.memory[after]: [] for _, after in self.writes}
        shared.pop(0, None)
        for value, storage in enumerate(self.memory if shared else ()):
            if storage in shared:
                shared[storage].append(value)
        return tuple(map(tuple, shared.values()))


def _sizes(shape: Iterable[int]) -> tuple[int, ...]:
    """The sizes as numbers; -1 for that of a ragged dimension."""
    return tuple(size if type(size) is int else -1 for size in shape)


def _pieces(column: array[int], ends: array[int]) -> list[tuple[int, ...]]:
    flat, start, found = column.tolist(), 0, []
    for end in ends:
        found.append(tuple(flat[start:end]))
        start = end
    return found
