"""What the page knows about a picture: every card it can show, and where a gradient would go."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from gradflow.flow import Arrival, Flow
from gradflow.graph import Edge, Graph, Op, Value
from gradflow.notation import file_line, number, printable
from gradflow.picture.cells import MOST_SQUARES
from gradflow.picture.net import net
from gradflow.picture.sketch import Leaf, Sketch, Wire
from gradflow.picture.wording import MOST_SHARES, addition, called, facts, op_name, signed, size, state
from gradflow.reason import Explanation, Reason

MOST_OPS = 100
MOST_CHANGED = 2_000  # ops of a graph that can be changed in a page
_CODE = re.compile(r" \(`.*?`\)")

Row = list[object]


class Drawn(NamedTuple):
    """The part of a graph that a picture shows one by one.

    Attributes:
        ops: ids of the ops with a mark of their own.
        edges: the uses with a line.
        values: ids of the values with a line or a square.
    """

    ops: Collection[int]
    edges: Collection[Edge]
    values: Collection[int]


def drawn(*sketches: Sketch) -> Drawn:
    """What sketches show one by one: what lies inside a closed module is left out, its parameters if they are many."""
    cells = [cell for sketch in sketches for cell in sketch.cells]
    wires = [wire for sketch in sketches for wire in sketch.wires]
    leaves = [leaf for cell in cells for leaf in cell.leaves]
    idle = {value for sketch in sketches for box in sketch.boxes for _, value in box.idle}
    ops = {op for cell in cells if cell.kind not in ("module", "group") for op in cell.ops}
    lines: list[Wire | Leaf] = [*wires, *leaves]
    edges = {edge for line in lines for edge in line.edges}
    values = {value for line in lines for value in (line.value, *line.values)}
    squares = {value for cell in cells if len(cell.squares) <= MOST_SQUARES for value in cell.squares}
    named = {cell.value for cell in cells if cell.value is not None}
    return Drawn(ops, edges, values | squares | named | idle | {edge.value for edge in edges})


def everything(graph: Graph) -> Drawn:
    """All of a graph."""
    return Drawn(range(len(graph.ops)), list(graph.edges()), range(len(graph.values)))


def payload(
    graph: Graph,
    flows: Mapping[str, Flow],
    explanations: Mapping[str, Explanation],
    *,
    sketch: Sketch | None = None,
    also: Iterable[Sketch] = (),
    holders: Collection[str] | None = None,
    most: int = MOST_OPS,
) -> dict[str, object]:
    """The data of a page, as JSON can hold it.

    Args:
        graph: what was computed.
        flows: by the name of its loss, what each backward pass did; empty for a plain graph.
        explanations: of every parameter.
        sketch: what the picture shows. Of a graph of many ops only that is kept.
        also: what the same picture shows where it is narrower.
        holders: names of the parameters that the optimizers hold; None if there is none.
        most: how many ops count as many.

    Returns:
        ``losses``: name, value id, state and size of each. ``values``: id, name, facts. ``ops``: id, outputs, line,
        function and module. ``edges``: value, op and position; status, state and size. ``parameters``: value id,
        status, state, size, reason, why, line and op of its first use. ``blame``: by value, the ops that cut a
        parameter off. ``net``: the whole graph, for predictions; None if it is too large for a page.
    """
    part = drawn(sketch, *also) if sketch is not None and len(graph.ops) > most else everything(graph)
    names = (graph.values[value].name for value in part.values)
    values = {*part.values, *(graph.names[name] for name in names if name is not None)}  # what all versions go by
    edges = sorted(part.edges, key=lambda edge: (edge.op, edge.position, edge.value))
    return {
        "losses": [_loss(graph, name, flow) for name, flow in flows.items()],
        "values": [_value(graph, graph.values[value]) for value in sorted(values)],
        "ops": [_op(graph.ops[op]) for op in sorted(part.ops)],
        "edges": [_edge(graph, flows, edge) for edge in edges],
        "parameters": [
            _parameter(graph, flows, value, explanations.get(value.name or ""))
            for value in graph.values
            if value.kind == "parameter" and value.id in values
        ],
        "net": net(graph, flows, holders) if len(graph.ops) <= MOST_CHANGED else None,
        "blame": {
            str(value): cuts
            for value in sorted(values)
            if (cuts := _blamed(explanations.get(graph.values[value].name or "")))
        },
    }


def _loss(graph: Graph, name: str, flow: Flow) -> Row:
    arrival = flow.at(flow.output)
    return [printable(name), flow.output, state(arrival), size(arrival, graph.values[flow.output].shape)]


def _value(graph: Graph, value: Value) -> Row:
    return [value.id, called(graph, value.id), facts(value)]


def _op(op: Op) -> Row:
    return [op.id, list(op.outputs), file_line(op.source), op_name(op.target), printable(op.module)]


def _edge(graph: Graph, flows: Mapping[str, Flow], edge: Edge) -> Row:
    return [*edge, _status(flows, edge), *_said(flows, edge, graph.values[edge.value].shape)]


def _status(flows: Mapping[str, Flow], at: int | Edge) -> str:
    return " ".join(flow.at(at).status for flow in flows.values())


def _said(flows: Mapping[str, Flow], at: int | Edge, shape: tuple[int, ...]) -> tuple[str, str]:
    """State and size of what arrived; of several losses no state, and a line for each in place of the size."""
    if len(flows) == 1:
        (flow,) = flows.values()
        return state(_whole(flow, at)), "\n".join(filter(None, (_size(flow, at, shape), _origin(flow, at))))
    return "", "\n".join(f"{printable(name)}: {_brief(flow, at, shape)}" for name, flow in flows.items())


def _brief(flow: Flow, at: int | Edge, shape: tuple[int, ...]) -> str:
    arrival = _whole(flow, at)
    plain = arrival.status == "nonzero" and arrival.finite
    return _size(flow, at, shape) if plain else state(arrival)


def _whole(flow: Flow, at: int | Edge) -> Arrival:
    """What arrived there: of a single number that several uses sent shares of, their sum."""
    return flow.at(at.value) if isinstance(at, Edge) and _shares(flow, at) else flow.at(at)


def _shares(flow: Flow, at: int | Edge) -> dict[Edge, float]:
    """What each use of a single number sent, if this one sent a share, and not alone."""
    if not isinstance(at, Edge) or not flow.at(at).arrived or not isinstance(flow.at(at.value).scalar, int | float):
        return {}
    sent = {use: flow.at(use).scalar for use in flow.graph.consumers.get(at.value, ()) if flow.at(use).arrived}
    real = {use: float(share) for use, share in sent.items() if isinstance(share, int | float)}
    return real if len(real) == len(sent) > 1 else {}


def _size(flow: Flow, at: int | Edge, shape: tuple[int, ...]) -> str:
    """What arrived, and the sum that it is."""
    whole, shares = _whole(flow, at), _shares(flow, at)
    total = whole.scalar
    if not 0 < len(shares) <= MOST_SHARES or not isinstance(total, int | float):
        return size(whole, shape)
    if not math.isclose(sum(shares.values()), total, rel_tol=1e-3, abs_tol=1e-6):  # a hook stands there
        return size(whole, shape)
    terms, sign = addition([*shares.values()], total)
    return f"{size(whole, shape)} {sign} {terms}"


def _origin(flow: Flow, at: int | Edge) -> str:
    """Which share of a single number came from the op of a use, if others sent some as well."""
    shares = _shares(flow, at)
    if not isinstance(at, Edge) or len({use.op for use in shares}) < 2:
        return ""
    here = sum(share for use, share in shares.items() if use.op == at.op)
    return f"{signed(number(here))} from {op_name(flow.graph.ops[at.op].target)}"


def _parameter(graph: Graph, flows: Mapping[str, Flow], value: Value, found: Explanation | None) -> Row:
    uses = [edge for version in graph.versions(value.id) for edge in graph.consumers.get(version, ())]
    first, source = (uses[0].op, file_line(graph.ops[uses[0].op].source)) if uses else (-1, "")
    reason = "" if found is None else found.reason.name
    return [
        value.id,
        _status(flows, value.id),
        *_said(flows, value.id, value.shape),
        reason,
        _why(found),
        source,
        first,
    ]


def _blamed(found: Explanation | None) -> list[int]:
    return [] if found is None else sorted({cut.op for cut in found.cuts if cut.op >= 0})


def _why(found: Explanation | None) -> str:
    """What the sentence of an explanation adds to name, state and size; lines of code are left out."""
    if found is None:
        return ""
    told = _CODE.sub("", found.sentence).removeprefix(printable(found.name)).lstrip()
    if found.reason is Reason.RECEIVED:
        told = told.partition(". ")[2]
    return told[:1].upper() + told[1:]
