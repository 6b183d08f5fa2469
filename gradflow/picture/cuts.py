"""Where bars stand: at ops that cut everything that goes through them, and on lines into ops that cut only these."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gradflow.graph import Edge, Graph, Op
from gradflow.picture.sketch import Sketch
from gradflow.targets import DETACHING, HOOK


def static_cuts(graph: Graph) -> tuple[int, ...]:
    """Ids of the ops into which something goes that requires grad, and out of which nothing comes with its history."""
    values = graph.values
    return tuple(
        op.id
        for op in graph.ops
        if any(values[value].requires_grad for value in op.inputs) and _ends_history(graph, op)
    )


def whole_cuts(graph: Graph, named: Collection[int]) -> tuple[int, ...]:
    """The same, with the ops that an explanation names although what goes in has lost its history before.

    >>> from gradflow.graph import Value
    >>> w, h, g = (Value(at, None, "intermediate", (), "float32", at == 0) for at in range(3))
    >>> graph = Graph((w, h, g), (Op(0, "detach", (0,), (1,)), Op(1, "detach", (1,), (2,))))
    >>> whole_cuts(graph, ()), whole_cuts(graph, {1})
    ((0,), (0, 1))
    """
    static = set(static_cuts(graph))
    return tuple(op.id for op in graph.ops if op.id in static or (op.id in named and _ends_history(graph, op)))


def _ends_history(graph: Graph, op: Op) -> bool:
    """Whether nothing comes out of an op with the history of what goes in."""
    if op.target == HOOK or graph.carried(op):
        return False
    return op.target in DETACHING or not any(graph.values[value].requires_grad for value in op.outputs)


class Writes(NamedTuple):
    """What goes into writes with gradients off, to tensors whose history goes on.

    Attributes:
        kept: uses of such a tensor: for autograd it is the same before and after.
        views: uses of a view that it is written through.
        contents: uses of what is written: that loses its history here.
    """

    kept: frozenset[Edge]
    views: frozenset[Edge]
    contents: frozenset[Edge]


def silent_writes(graph: Graph) -> Writes:
    """The uses in writes with gradients off, by what they are."""
    kept, views, contents = list[Edge](), list[Edge](), list[Edge]()
    for op in graph.ops:
        if graph.rewritten.isdisjoint(op.outputs):
            continue
        carried = graph.carried(op)
        for position, value in enumerate(op.inputs):
            is_same = carried.get(position) == graph.successors.get(value, -1)
            uses = kept if is_same else views if position in carried else contents
            uses.append(Edge(value, op.id, position))
    return Writes(frozenset(kept), frozenset(views), frozenset(contents))


def with_bars(drawn: Sketch, edges: Collection[Edge]) -> Sketch:
    """The sketch with bars on the lines of some uses: their ops cut these, and let others through."""
    if not edges:
        return drawn
    barred = frozenset(edges)
    cells = tuple(
        cell._replace(leaves=tuple(leaf._replace(bars=not barred.isdisjoint(leaf.edges)) for leaf in cell.leaves))
        if any(not barred.isdisjoint(leaf.edges) for leaf in cell.leaves)
        else cell
        for cell in drawn.cells
    )
    wires = tuple(
        wire._replace(bars=next(edge.op for edge in wire.edges if edge in barred))
        if cells[wire.target].kind in ("op", "group") and not barred.isdisjoint(wire.edges)
        else wire
        for wire in drawn.wires
    )
    return drawn._replace(cells=cells, wires=wires)
