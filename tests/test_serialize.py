"""Graphs and flows as JSON."""

from __future__ import annotations

import json
import math

import pytest
from graphs import Sketch, chain, every_flow, hostile, sent, square

from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.graph import Graph, Value
from gradflow.serialize import from_json, to_json

FLOWS = every_flow()


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_round_trip(flow):
    """What is written is read back equal: flow and graph, and a second writing is the same."""
    assert flow == from_json(to_json(flow))
    assert flow.graph == from_json(to_json(flow.graph))
    assert to_json(flow) == to_json(from_json(to_json(flow)))


@pytest.mark.parametrize("scalar", [1, 1.0, True, 0, -0.0, False, math.inf, -math.inf, 1 + 2j, 2**70, 1e300, 5e-324])
def test_numbers_keep_their_type(scalar):
    """A number comes back as the number it was: of the same type, and finite or not."""
    back = from_json(to_json(graph_of(scalar))).values[0].scalar

    assert (type(scalar), repr(scalar)) == (type(back), repr(back))


def test_not_a_number():
    """NaN comes back as the one NaN that equals itself in a tuple; in a complex number it comes back too."""
    assert math.nan is from_json(to_json(graph_of(math.nan))).values[0].scalar
    assert "(nan+1j)" == str(from_json(to_json(graph_of(complex(math.nan, 1)))).values[0].scalar)


def graph_of(scalar):
    """A graph of one value, which is that number."""
    return Graph((Value(0, "x", "input", (), "float32", False, scalar),), ())


def test_all_fields():
    """Every field that is not at its default survives."""
    s = Sketch(("m", "Linear", None))
    w = s.leaf("w", shape=(2,))
    s.op("item", w, outputs=0, call=0, grad_enabled=False, grad_mode="inference_mode")
    s.op("mul", w, reenters=(0,))
    s.op("add", w, reenters=())
    flow = Flow(s.graph(aliases=(("tied", w),)), 1, ((1, sent(1.0)),), inputs=("w",), seeded=False)

    assert flow == from_json(to_json(flow))
    assert ((0,), ()) == tuple(op.reenters for op in from_json(to_json(flow)).graph.ops[1:])


def test_strict():
    """The JSON is ASCII, has no bare NaN, and nothing in it ends a script element."""
    for flow in FLOWS.values():
        text = to_json(flow)

        assert text.isascii()
        assert "<" not in text
        assert "gradflow" == json.loads(text, parse_constant=pytest.fail)["format"]


def test_hostile_names():
    """Every name survives, whatever it is made of."""
    flow = hostile()

    assert flow.graph.parameter_names() == from_json(to_json(flow)).graph.parameter_names()


def test_one_line_each():
    """Each value, op and arrival stands in a line of its own."""
    flow = square()

    assert """\
{"format": "gradflow", "version": 1, "type": "flow", "output": 1,
"graph": {"values": [
{"id": 0, "name": "w", "kind": "parameter", "shape": [], "dtype": "float32", "requires_grad": true, "scalar": 3.0},
{"id": 1, "name": "p", "kind": "intermediate", "shape": [], "dtype": "float32", "requires_grad": true, "scalar": 9.0}],
"ops": [
{"id": 0, "target": "mul", "inputs": [0, 0], "outputs": [1], "source": "cell:1", "code": "p = w * w", \
"grad_fn": "Backward0"}],
"aliases": [
["tied", 0]]},
"arrivals": [
[1, {"status": "nonzero", "norm": 1.0, "support": 1.0, "scalar": 1.0}],
[{"value": 0, "op": 0, "position": 0}, {"status": "nonzero", "norm": 3.0, "support": 1.0, "scalar": 3.0}],
[{"value": 0, "op": 0, "position": 1}, {"status": "nonzero", "norm": 3.0, "support": 1.0, "scalar": 3.0}],
[0, {"status": "nonzero", "norm": 6.0, "support": 1.0, "scalar": 6.0}]]}""" == to_json(flow)


def test_references_are_not_saved():
    """A graph with live parameters is written as one without."""
    graph = square().graph
    alive = Graph(graph.values, graph.ops, graph.calls, graph.aliases, {"w": object()})

    assert to_json(graph) == to_json(alive)
    assert {} == from_json(to_json(alive)).parameters


def test_only_graphs_and_flows():
    """Anything else is not written."""
    with pytest.raises(GradflowError, match="takes a Graph or a Flow, but got dict"):
        to_json({})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not JSON"),
        ("{", "this is not JSON"),
        ('{"a": NaN}', "this is not JSON: a bare NaN"),
        ("[" * 100_000, "this is not JSON"),
        ("[]", 'has no "format": "gradflow"'),
        ('{"format": "vega"}', 'has no "format": "gradflow"'),
        ('{"format": "gradflow", "version": 2}', "has format version 2, and this gradflow reads version 1"),
        ('{"format": "gradflow"}', "has format version None"),
        ('{"format": "gradflow", "version": 1, "type": "tree"}', 'of type \'tree\'; expected "graph" or "flow"'),
        ('{"format": "gradflow", "version": 1, "type": "graph"}', "graph has no 'values'"),
        ('{"format": "gradflow", "version": 1, "type": ["graph"]}', "of type"),
    ],
)
def test_not_ours(text, message):
    """What is no JSON, of another format or of another version is an error that says which."""
    with pytest.raises(GradflowError, match=message):
        from_json(text)


def test_not_a_string():
    """Bytes, say, are not read."""
    with pytest.raises(GradflowError, match="takes a string, but got bytes"):
        from_json(b"{}")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"norm": 0.3', '"norm": "much"', r"flow\.arrivals\[3\]\.norm is 'much'; expected float \| None"),
        ('"shape": [5, 3]', '"shape": 15', r"flow\.graph\.values\[0\]\.shape is '15'; expected list"),
        ('"shape": [5, 3]', '"shape": [5, true]', r"values\[0\]\.shape\[1\] is 'True'; expected int"),
        ('"kind": "buffer"', '"kind": "tree"', "has kind 'tree'"),
        ('"target": "detach", ', "", r"flow\.graph\.ops\[1\] has no 'target'"),
        ('"target": "detach"', '"colour": 1, "target": "detach"', r"ops\[1\] has an unknown 'colour'"),
        ('"inputs": [8]', '"inputs": [99]', r"op 1 \(detach\) names value 99"),
        ('"inputs": [8]', '"inputs": [10]', "uses value 10 before it is made"),
        ('"output": 12', '"output": 13', "value 13 does not exist"),
        ('"output": 12', '"output": -1', "value -1 does not exist"),
        ('[12, {"status": "nonzero"', '[99, {"status": "nonzero"', "value 99 does not exist"),
        ('[12, {"status": "nonzero"', '[12, {"status": "big"', "status 'big'; expected one of nonzero, zero"),
        ('"op": 4, "position": 0', '"op": 4, "position": 1', "is not an edge of the graph"),
        ('"op": 4, "position": 0', '"op": 40, "position": 0', "is not an edge of the graph"),
        ('"call": 1', '"call": 7', "belongs to call 7, which does not exist"),
        ('"parent": 0', '"parent": 1', "call 1 stands at position 1 below call 1"),
        ('"call": 1', '"call": 1, "reenters": [4]', r"takes numbers from ops \(4,\), not all before it"),
        ('[[12, {"status"', '[[12, 13, {"status"', "expected list of 2"),
    ],
)
def test_damaged(old, new, message):
    """A file that does not hold together is an error that says where."""
    text = to_json(chain()).replace('"arrivals": [\n', '"arrivals": [').replace('"kind": "input"', '"kind": "buffer"')
    assert old in text

    with pytest.raises(GradflowError, match=message):
        from_json(text.replace(old, new, 1))
