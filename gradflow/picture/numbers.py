"""What is written into a picture in which every value is a single number."""

from __future__ import annotations

from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.notation import number
from gradflow.picture.reduce import Numbers
from gradflow.picture.wording import signed

MOST_OPS = 12


def numbers(flow: Flow) -> Numbers | None:
    """Values, derivatives and local factors of a flow, or None if it is not all of single numbers, or not small.

    >>> from gradflow.graph import Graph, Op, Value
    >>> from gradflow.flow import Arrival
    >>> w = Value(0, "w", "parameter", (), "float32", True, 3.0)
    >>> f = Value(1, "f", "intermediate", (), "float32", True, -3.0)
    >>> one, minus = Arrival("nonzero", 1.0, 1.0, 1.0), Arrival("nonzero", 1.0, 1.0, -1.0)
    >>> arrivals = ((1, one), (Edge(0, 0, 0), minus), (0, minus))
    >>> shown = numbers(Flow(Graph((w, f), (Op(0, "neg", (0,), (1,)),)), 1, arrivals))
    >>> shown.above, shown.below, list(shown.factors.values())
    ({0: 'w = 3', 1: 'f = −3'}, {0: '−1', 1: '1'}, ['×(−1)'])
    """
    graph = flow.graph
    if len(graph.ops) > MOST_OPS or any(not isinstance(value.scalar, int | float) for value in graph.values):
        return None
    above = {v.id: f"{v.name} = {_written(v.scalar)}" if v.name else _written(v.scalar) for v in graph.values}
    below = {v.id: _written(flow.at(v.id).scalar) for v in graph.values if flow.at(v.id).scalar is not None}
    factors = {edge: _factor(flow, edge) for edge in graph.edges()}
    sent = frozenset(edge for edge in graph.edges() if flow.at(edge).arrived)
    return Numbers(above, below, {edge: factor for edge, factor in factors.items() if factor}, sent)


def _factor(flow: Flow, edge: Edge) -> str:
    """What the op multiplies the gradient at its output by, on the way to one of its inputs."""
    sent = flow.at(edge).scalar
    received = [flow.at(output).scalar for output in flow.graph.ops[edge.op].outputs]
    if not isinstance(sent, int | float) or len(received) != 1 or not received[0] or isinstance(received[0], complex):
        return ""
    factor = _written(sent / received[0])
    return f"×({factor})" if factor.startswith("−") else f"×{factor}"


def _written(value: object) -> str:
    assert isinstance(value, int | float)
    return signed(number(value))
