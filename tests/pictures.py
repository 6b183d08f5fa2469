"""Sketches and layouts made by hand, so that what is drawn can be tested apart from where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gradflow.flow import Flow
from gradflow.graph import Edge, Graph, Op
from gradflow.picture.cells import form
from gradflow.picture.plan import Frame, Label, Layout, Place, Point, Rect, Route
from gradflow.picture.scene import compose
from gradflow.picture.shapes import Group, Scene
from gradflow.picture.sketch import Box, Cell, Leaf, Note, Sketch, Wire
from gradflow.picture.states import Pass
from gradflow.picture.states import notes as notes_of
from tests import graphs
from tests.graphs import sent


def bridge() -> Flow:
    """Three linear layers with a detach between the second and the third."""
    s = graphs.Sketch(("", "Net", None), ("A", "Linear", 0), ("B", "Linear", 0), ("C", "Linear", 0))
    weights = [(s.leaf(f"{layer}.weight"), s.leaf(f"{layer}.bias")) for layer in "ABC"]
    x, y = s.leaf("x", "input"), s.leaf("y", "input")
    a = s.op("linear", x, *weights[0], at="bridge.py:10", call=1)
    b = s.op("linear", a, *weights[1], at="bridge.py:11", call=2)
    cut = s.op("detach", b, at="bridge.py:12", grad_fn=None, call=0)
    c = s.op("linear", cut, *weights[2], at="bridge.py:13", call=3)
    loss = s.op("mse_loss", c, y, at="bridge.py:14", name="loss", scalar=0.5)
    arrivals = (
        (loss, sent(1.0, scalar=1.0)),
        (Edge(c, 4, 0), sent(0.6)),
        (c, sent(0.6)),
        (Edge(weights[2][0], 3, 1), sent(0.4)),
        (Edge(weights[2][1], 3, 2), sent(0.2)),
        (weights[2][0], sent(0.4)),
        (weights[2][1], sent(0.2)),
    )
    return Flow(s.graph(), loss, arrivals)


def bridge_sketch() -> Sketch:
    """The marks of the bridge."""
    linears = [
        Cell(
            1 + i + (i == 2),
            "op",
            "linear",
            (i + (i == 2),),
            box=i,
            leaves=tuple(
                Leaf(2 * i + p, "parameter", name, (Edge(2 * i + p, i + (i == 2), 1 + p),))
                for p, name in enumerate(("weight", "bias"))
            ),
        )
        for i in range(3)
    ]
    cut = Cell(3, "cut", "detach", (2,), notes=(Note(2, "cut", "detach", "bridge.py:12"),))
    mse = Cell(5, "op", "mse", (4,), leaves=(Leaf(7, "input", "y", (Edge(7, 4, 1),)),))
    cells = (
        Cell(0, "input", "x", value=6),
        *linears[:2],
        cut,
        linears[2],
        mse,
        Cell(6, "loss", "loss", value=12),
    )
    boxes = tuple(Box(i, "module", name, "Linear", None, name) for i, name in enumerate("ABC"))
    uses = [Edge(6, 0, 0), Edge(8, 1, 0), Edge(9, 2, 0), Edge(10, 3, 0), Edge(11, 4, 0)]
    wires = [Wire(edge.value, i, i + 1, (edge,)) for i, edge in enumerate(uses)]
    return Sketch(cells, boxes, (*wires, Wire(12, 5, 6, ())))


def in_a_row(sketch: Sketch, xs: list[float], y: float = 58.0) -> tuple[Place, ...]:
    """The cells of a sketch beside each other."""
    places = []
    for cell, x in zip(sketch.cells, xs, strict=True):
        place = form(cell, "LR")
        places.append(
            place._replace(
                rect=place.rect.moved(x, y),
                shape=place.shape.moved(x, y),
                leaves=tuple(rect.moved(x, y) for rect in place.leaves),
                stems=tuple(tuple(Point(p.x + x, p.y + y) for p in stem) for stem in place.stems),
                labels=tuple(label.moved(x, y) for label in place.labels),
                squares=tuple(rect.moved(x, y) for rect in place.squares),
            )
        )
    return tuple(places)


def bridge_layout(sketch: Sketch) -> Layout:
    """The bridge from left to right."""
    places = in_a_row(sketch, [20.0, 116.0, 272.0, 388.0, 504.0, 614.0, 686.0])
    frames = tuple(
        Frame(
            box.id,
            Rect(48.0 + 156 * i + 76 * (i == 2), 16, 136, 106),
            (
                Label(58 + 156 * i + 76 * (i == 2), 34, box.name, "name"),
                Label(74 + 156 * i + 76 * (i == 2), 34, box.detail, "class"),
            ),
        )
        for i, box in enumerate(sketch.boxes)
    )
    routes = tuple(
        Route(i, (Point(places[w.source].shape.right, 58.0), Point(places[w.target].shape.x, 58.0)))
        for i, w in enumerate(sketch.wires)
    )
    return Layout(720, 134, "LR", "boxes", places, frames, routes)


def row_sketch(graph: Graph, losses: Sequence[tuple[int, str]], notes: Sequence[Note] = ()) -> Sketch:
    """Every op as a cell, leaves hanging on each use, a wire for each use of an intermediate value."""
    cells = [_op_cell(graph, op, notes) for op in graph.ops]
    wires = [
        Wire(edge.value, graph.producers[edge.value], edge.op, (edge,), disc=_disc_of(edge.op, notes))
        for edge in graph.edges()
        if edge.value in graph.producers
    ]
    for value, label in losses:
        wires.append(Wire(value, graph.producers[value], len(cells), ()))
        cells.append(Cell(len(cells), "loss", label, value=value))
    return Sketch(tuple(cells), (), tuple(wires))


def _op_cell(graph: Graph, op: Op, notes: Sequence[Note]) -> Cell:
    leaves = tuple(
        Leaf(value, graph.values[value].kind, graph.values[value].name or "", (Edge(value, op.id, position),))
        for position, value in enumerate(op.inputs)
        if value not in graph.producers
    )
    kind = "cut" if any(note.op == op.id and note.mark == "cut" for note in notes) else "op"
    own = tuple(note for note in notes if note.op == op.id)
    return Cell(op.id, kind, op.target, (op.id,), leaves=leaves if kind == "op" else (), notes=own)


def _disc_of(op: int, notes: Sequence[Note]) -> str:
    return next((note.mark for note in notes if note.op == op and note.mark != "cut"), "")


def row_layout(sketch: Sketch) -> Layout:
    """Cells beside each other, 160 px apart; wires that skip a cell go over it."""
    y = 120.0
    places = in_a_row(sketch, [80.0 + 160 * i for i in range(len(sketch.cells))], y)
    routes = []
    for index, wire in enumerate(sketch.wires):
        start, end = places[wire.source].shape.right, places[wire.target].shape.x
        over = [Point(start, y), Point(start + 20, y), Point(start + 20, 20), Point(end - 20, 20), Point(end - 20, y)]
        between = over if wire.target > wire.source + 1 else [Point(start, y)]
        routes.append(Route(index, (*between, Point(end, y))))
    return Layout(160.0 * len(sketch.cells), 220.0, "LR", "boxes", places, (), tuple(routes))


def scene_of(flow: Flow, **known: Any) -> Scene:
    """A flow's ops in a row, with its verdict."""
    one = Pass(flow, **known)
    causes = notes_of(flow, one.explanations.values())
    sketch = row_sketch(flow.graph, [(flow.output, "loss")], causes)
    return compose(sketch, row_layout(sketch), flow.graph, (one,), legend=True)


def groups(scene: Scene, kind: str) -> list[Group]:
    """The groups of a kind in a scene."""
    return [item for item in scene.items if isinstance(item, Group) and item.kind == kind]


def closed_scene(flow: Flow, **known: Any) -> Scene:
    """All parameters of a flow in one closed module."""
    values = tuple(flow.graph.names[name] for name in flow.graph.parameter_names())
    cell = Cell(0, "module", "net", squares=values, notes=(Note(0, "cut", "detach", "net.py:1"),), tally="1 of 2")
    sketch = Sketch((cell,), (), ())
    return compose(sketch, row_layout(sketch), flow.graph, (Pass(flow, **known),))
