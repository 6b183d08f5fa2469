"""The ways from values to the output of a backward pass, for many values in one walk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gradflow.graph import Edge, Graph, Op, Value

Judgement = TypeVar("Judgement")
# Ids of the ops that took the number that left PyTorch at an op, by its id.
WaysBack = Mapping[int, Iterable[int]]
_SPARSE = 16  # a mask with one bit in so many, or fewer, is read bit by bit


@dataclass(frozen=True)
class Ways:
    """What lies between several starts and an output. Bit i of a mask stands for the i-th start.

    Attributes:
        graph: what was computed.
        ops: by id, in the order of execution, the starts that have a way through the op.
        below: by value id, the starts that the value depends on.
        above: ids of the values that the output depends on.

    >>> w, h = (Value(i, None, "intermediate", (), "float32", True) for i in range(2))
    >>> graph = Graph((w, h), (Op(0, "detach", (0,), (1,)), Op(1, "neg", (0,), ())))
    >>> ways_to(graph, 1, [[0]]).ops
    {0: 1}
    """

    graph: Graph
    ops: dict[int, int]
    below: dict[int, int]
    above: set[int]

    def firsts(self) -> dict[int, Op]:
        """The first op on a way from each start that has one."""
        found: dict[int, Op] = {}
        seen = 0
        for op, starts in self.ops.items():
            found.update(dict.fromkeys(bits(starts & ~seen), self.graph.ops[op]))
            seen |= starts
        return found

    def judged(
        self, judge: Callable[[Op, list[Edge], list[Value]], Judgement | None]
    ) -> Iterator[tuple[Judgement, int]]:
        """What is found of each op on the ways, and the starts of which it holds.

        Args:
            judge: of an op, the edges into it that depend on a start, and its outputs on the way; None is no finding.
        """
        values = self.graph.values
        for op_id, starts in self.ops.items():
            op = self.graph.ops[op_id]
            outputs = [values[v] for v in op.outputs if v in self.above]
            for mask, positions in _groups(starts, [self.below.get(v, 0) for v in op.inputs]):
                edges = [Edge(op.inputs[position], op_id, position) for position in positions]
                if (found := judge(op, edges, outputs)) is not None:
                    yield found, mask


def bits(mask: int) -> Iterator[int]:
    """The places of the ones in a mask.

    >>> list(bits(0b1010))
    [1, 3]
    """
    if mask.bit_count() * _SPARSE > mask.bit_length():
        yield from (place for place, bit in enumerate(reversed(f"{mask:b}")) if bit == "1")
        return
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _groups(starts: int, inputs: Sequence[int]) -> list[tuple[int, tuple[int, ...]]]:
    """The starts in groups that come in by the same inputs, with the positions of these.

    >>> _groups(0b111, [0b011, 0b100])
    [(4, (1,)), (3, (0,))]
    """
    groups: list[tuple[int, tuple[int, ...]]] = [(starts, ())]
    for position, mask in enumerate(inputs):
        if mask:
            split = [(s & mask, (*p, position)) for s, p in groups] + [(s & ~mask, p) for s, p in groups]
            groups = [(s, p) for s, p in split if s]
    return groups


def ways_to(graph: Graph, output: int, starts: Sequence[Iterable[int]], back: WaysBack | None = None) -> Ways:
    """The ways from each start, which is one or several values, to an output.

    Args:
        graph: what was computed.
        output: id of the value at the end.
        starts: value ids of each start.
        back: also go from an op to the ops that took its number.
    """
    back = {op: set(later) for op, later in (back or {}).items()}
    above, up = {output}, set[int]()
    for op in reversed(graph.ops):
        if not above.isdisjoint(op.outputs) or not up.isdisjoint(back.get(op.id, ())):
            up.add(op.id)
            above.update(op.inputs)
    below: dict[int, int] = {}
    for i, values in enumerate(starts):
        for value in values:
            below[value] = below.get(value, 0) | 1 << i
    ops: dict[int, int] = {}
    resumed: dict[int, int] = {}
    for op in graph.ops:
        if op.id not in up:
            continue
        through = resumed.get(op.id, 0)
        carried = graph.carried(op)
        for position, value in enumerate(op.inputs):
            # what was only written to stays what it is
            if (after := carried.get(position)) is not None:
                below[after] = below.get(after, 0) | below.get(value, 0)
            else:
                through |= below.get(value, 0)
        if through:
            ops[op.id] = through
            for value in op.outputs:
                below[value] = below.get(value, 0) | through
            for later in back.get(op.id, ()):
                resumed[later] = resumed.get(later, 0) | through
    return Ways(graph, ops, below, above)
