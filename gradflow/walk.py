"""The backward graph below a loss, and where its nodes belong in a traced graph."""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import torch

SITE_BITS = 20  # 2**20 is more outputs than any backward node has
NUMBER = (1 << SITE_BITS) - 1  # the part of a site that is the output number


@dataclass
class Sites:
    """Where the backward nodes of a trace belong in its graph.

    Attributes:
        starts: the sequence number that each op's first backward node got, ascending.
        stops: the sequence number after its last one; equal where it created none.
        owners: ops of backward nodes outside the range of their op, by sequence number.
        values_of: the values whose gradient arrives at output ``number`` of the backward node with that
            sequence number, by ``site(sequence, number)``.
        leaves: value ids of each leaf tensor, by ``id(tensor)``; an in-place write under ``no_grad`` gives a
            leaf further values.
        tensors: the leaf tensors, weakly.
        inputs: the input values of each op.
        sizes: the number of entries of each value.
        hooked: the values whose gradient a hook may change.
    """

    starts: Sequence[int]
    stops: Sequence[int]
    owners: Mapping[int, int]
    values_of: Mapping[int, tuple[int, ...]]
    leaves: Mapping[int, tuple[int, ...]]
    tensors: Sequence[weakref.ref[torch.Tensor]]
    inputs: Sequence[tuple[int, ...]]
    sizes: Sequence[int]
    hooked: Set[int]

    def op_of(self, sequence: int) -> int | None:
        """The op whose call created the backward node of that sequence number."""
        owner = self.owners.get(sequence)
        if owner is None:
            i = bisect_right(self.starts, sequence) - 1
            owner = i if i >= 0 and sequence < self.stops[i] else None
        return owner

    def single(self, op: int) -> bool:
        """Whether an op created exactly one backward node."""
        return self.stops[op] - self.starts[op] == 1

    def alive(self) -> list[torch.Tensor]:
        """The leaves of the trace that require grad, also those that only a checkpoint knows."""
        alive = (ref() for ref in self.tensors)
        return [leaf for leaf in alive if leaf is not None and leaf.requires_grad and leaf.is_leaf]


def site(sequence: int, number: int) -> int:
    """One output of a backward node, as a key."""
    return sequence << SITE_BITS | number


@dataclass
class Walk:
    """The backward graph below a loss, the root first.

    Attributes:
        nodes: the backward nodes.
        index: their positions in ``nodes``.
        sequences: their sequence numbers.
        edges: for each node ``(k, child, number)``: what it sends as ``k`` goes to output ``number`` of the
            node at position ``child``.
        leaves: the leaf tensor of each AccumulateGrad, by position.
    """

    nodes: list[Any]
    index: dict[Any, int]
    sequences: list[int]
    edges: list[list[tuple[int, int, int]]]
    leaves: dict[int, torch.Tensor]

    @classmethod
    def below(cls, root: Any) -> Walk:
        """Everything that can be reached from a backward node."""
        nodes, index = [root], {root: 0}
        sequences: list[int] = []
        edges: list[list[tuple[int, int, int]]] = []
        leaves: dict[int, torch.Tensor] = {}
        for i, node in enumerate(nodes):  # grows while it is read
            sequences.append(node._sequence_nr())
            below = []
            for k, (child, number) in enumerate(node.next_functions):
                if child is not None:
                    c = index.get(child)
                    if c is None:
                        c = index[child] = len(nodes)
                        nodes.append(child)
                    below.append((k, c, number))
            edges.append(below)
            if not below and hasattr(node, "variable"):
                leaves[i] = node.variable
        return cls(nodes, index, sequences, edges, leaves)

    def reentrant(self) -> bool:
        """Whether a reentrant checkpoint is inside, which refuses ``torch.autograd.grad``."""
        return any(type(node).__name__ == "CheckpointFunctionBackward" for node in self.nodes)

    def needed(self, targets: set[int]) -> set[int]:
        """Positions of the nodes from which one of the targets can be reached."""
        parents: dict[int, list[int]] = {}
        for i, edges in enumerate(self.edges):
            for _, child, _ in edges:
                parents.setdefault(child, []).append(i)
        seen, stack = set(targets), list(targets)
        while stack:
            for parent in parents.get(stack.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return seen

    def edge_order(self) -> dict[tuple[int, int], int]:
        """When a depth-first search from the root comes along each edge ``(node, k)``.

        Inside a call, this is the order of its arguments.
        """
        times: dict[tuple[int, int], int] = {}
        seen = {0}
        stack = [(0, edge) for edge in reversed(self.edges[0])]
        while stack:
            i, (k, child, _) = stack.pop()
            times[i, k] = len(times)
            if child not in seen:
                seen.add(child)
                stack.extend((child, edge) for edge in reversed(self.edges[child]))
        return times

    def order(self) -> list[int]:
        """Positions in the order in which the engine runs them: of the ready nodes, the one created last."""
        waiting = [0] * len(self.nodes)
        for edges in self.edges:
            for _, child, _ in edges:
                waiting[child] += 1
        ready, order = [(-self.sequences[0], 0)], []
        while ready:
            i = heappop(ready)[1]
            order.append(i)
            for _, child, _ in self.edges[i]:
                waiting[child] -= 1
                if not waiting[child]:
                    heappush(ready, (-self.sequences[child], child))
        return order
