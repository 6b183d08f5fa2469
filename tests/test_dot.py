"""DOT: every op, value and use of the graph is there once, and names mean nothing to Graphviz."""

from __future__ import annotations

import re
import shutil
from collections import Counter

import pydot
import pytest
from graphs import HOSTILE, ZERO, Sketch, chain, every_flow, everywhere, sent, tower
from zoo import ZOO

from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.graph import Edge, Graph
from gradflow.notation import printable
from gradflow.picture.dot import dot, render
from gradflow.picture.states import Pass
from gradflow.stepdiff import Change, StepDiff
from gradflow.targets import HOOK

FLOWS = every_flow()
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pydot")


class Read:
    """DOT as another program reads it."""

    def __init__(self, graph: Graph, *more):
        self.source = dot(graph, *more).source
        (self.whole,) = pydot.graph_from_dot_data(self.source)
        self.nodes, self.edges, self.clusters, self.inside = {}, {}, {}, {}
        self._collect(self.whole, None)

    def _collect(self, part, cluster):
        for node in part.get_nodes():
            if node.get_name() not in ("node", "edge", "graph"):
                assert node.get_name() not in self.nodes, "a node stands in one cluster"
                self.nodes[node.get_name()] = plain(node.get_attributes())
                self.inside[node.get_name()] = cluster
        for edge in part.get_edges():
            looks = plain(edge.get_attributes())
            self.edges[looks["id"]] = (edge.get_source(), edge.get_destination(), looks)
        for inner in part.get_subgraphs():
            self.clusters[inner.get_name()] = (cluster, plain(inner.get_attributes()))
            self._collect(inner, inner.get_name())


def plain(attributes):
    return {key: unquoted(value) for key, value in attributes.items()}


def unquoted(text: str) -> str:
    """What Graphviz takes a text for, up to the escapes of labels."""
    assert not text.startswith("<"), "an HTML label"
    return text[1:-1].replace('\\"', '"') if text.startswith('"') else text


def shown(label: str) -> str:
    """What a label shows."""
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] in "nl" else match[1], label)


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
@pytest.mark.parametrize("observed", [True, False])
def test_every_use_is_one_edge(flow, observed):
    """The edges are the uses of values, from where each was made to the op that uses it, and the one into the loss."""
    graph = flow.graph
    source = {
        value.id: f"o{graph.producers[value.id]}" if value.id in graph.producers else f"v{value.id}"
        for value in graph.values
    }
    uses = {
        f"e{use.op}_{use.position}": (source[use.value], f"o{use.op}")
        for use in graph.edges()
        if graph.ops[use.op].target != HOOK
    }
    if observed:
        uses["e_loss"] = (source[flow.output], "loss")

    read = Read(graph, flow if observed else None)
    assert uses == {key: tuple(ends) for key, (*ends, _) in read.edges.items()}
    assert all(end in read.nodes for *ends, _ in read.edges.values() for end in ends)


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_every_op_and_parameter_is_one_node(flow):
    """Ops and parameters are all there, used or not."""
    graph, nodes = flow.graph, Read(flow.graph, flow).nodes
    ops = {f"o{op.id}" for op in graph.ops if op.target != HOOK}
    parameters = {f"v{v.id}" for v in graph.values if v.kind == "parameter" and v.id not in graph.producers}

    assert ops == {name for name in nodes if name.startswith("o")}
    assert parameters <= set(nodes)


LOOKS = {
    "reached": ("back", "solid", "#0072B2"),
    "zero": ("back", "dotted", "#882255"),
    "undefined": ("none", "dashed", "#4A4A4A"),
    "missing": ("forward", "dashed", "#949494"),
    "quiet": ("forward", "solid", "#949494"),
}


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_edges_look_like_their_state(flow):
    """Direction, line and colour of every edge are those of its state."""
    one, read = Pass(flow), Read(flow.graph, flow)
    cuts = {cut.op for found in one.explanations.values() for cut in found.cuts}

    for key, (source, _, looks) in read.edges.items():
        if key == "e_loss":
            state = one.into_loss(flow.output)
        else:
            op, position = map(int, key[1:].split("_"))
            state = one.edge(Edge(flow.graph.ops[op].inputs[position], op, position))
        seen = (looks.get("dir", "forward"), looks.get("style", "solid"), looks["color"])
        if state == "missing" and source[0] == "o" and int(source[1:]) in cuts:
            assert ("forward", "dashed", "#D55E00") == seen
        else:
            assert LOOKS[state] == seen


def test_cut():
    """A cut has its name and line, and a border that nothing else has."""
    read = Read(chain().graph, chain())
    cut = next(op for op in chain().graph.ops if op.target == "detach")

    assert f"detach\n{cut.source}" == shown(read.nodes[f"o{cut.id}"]["label"])
    doubled = [name for name, looks in read.nodes.items() if looks.get("color") == "#D55E00"]
    assert [f"o{cut.id}"] == doubled


def test_region_without_gradients():
    """An op under no_grad says so."""
    s = Sketch()
    w = s.leaf("w")
    h = s.op("exp", w, at="a.py:3", grad_fn=None, grad_enabled=False, grad_mode="no_grad")
    loss = s.op("sum", h, grad_fn=None)
    read = Read(s.graph(), Flow(s.graph(), loss, (), seeded=False))

    assert "exp\nno_grad\na.py:3" == shown(read.nodes["o0"]["label"])
    assert "dashed" in read.nodes["o0"]["style"]


def test_calls_are_clusters():
    """Each call is a cluster inside that of the call around it; a parameter lies with all its uses."""
    s = Sketch(("", "Net", None), ("a", "Linear", 0), ("b", "Linear", 0))
    alone, both, unused, x = s.leaf("a.weight"), s.leaf("tied"), s.leaf("spare"), s.leaf("x", "input")
    h = s.op("linear", x, alone, both, call=1)
    s.op("sum", s.op("linear", h, both, call=2))
    read = Read(s.graph())

    assert [None, "cluster_c0", "cluster_c0"] == [read.clusters[f"cluster_c{i}"][0] for i in range(3)]
    assert ["Net", "a · Linear", "b · Linear"] == [read.clusters[f"cluster_c{i}"][1]["label"] for i in range(3)]
    where = {f"v{alone}": "cluster_c1", f"v{both}": "cluster_c0", f"v{unused}": None, f"v{x}": None}
    assert where == {name: read.inside[name] for name in where}
    assert ["cluster_c1", "cluster_c2", None] == [read.inside[f"o{i}"] for i in range(3)]
    assert "weight" == read.nodes[f"v{alone}"]["label"]


def test_parameters_look_like_their_state():
    """A parameter's mark tells its state without colour."""
    s = Sketch()
    names = ("moved", "unheld", "reached", "zero", "frozen")
    values = [s.leaf(name, requires_grad=name != "frozen") for name in names]
    s.leaf("unused")
    out = s.op("stack", *values)
    arrivals = [
        (Edge(v, 0, i), ZERO if n == "zero" else sent(1.0)) for i, (v, n) in enumerate(zip(values, names, strict=True))
    ]
    arrivals = arrivals[:-1] + [(v, arrival) for (v, _, _), arrival in arrivals[:-1]] + [(out, sent(1.0))]
    holders = {name: ("opt",) for name in (*names, "unused") if name != "unheld"}
    step = StepDiff(
        tuple((name, Change(1.0, 1, 1) if name == "moved" else Change(0.0, 0, 1)) for name in (*names, "unused"))
    )
    read = Read(s.graph(), Flow(s.graph(), out, tuple(arrivals)), holders, step)

    marks = [shown(read.nodes[f"v{i}"]["label"]).partition("\n")[2] for i in range(6)]
    assert ["Δ", "not in the optimizer", "", "0", "frozen", "–"] == marks


@pytest.mark.parametrize(
    "name",
    [
        *HOSTILE,
        "<b>bold</b>",
        "<>",
        'a\\"b',
        "back\\",
        "\\N\\G\\l",
        "&lt;&#65;",
        "{a|<p>b}",
        "node",
        "a;b->c [x=y]",
        "/* c */",
        "# x",
    ],
)
def test_hostile_names(name):
    """A name in every place is read back as itself, and nothing else changes."""

    def built(word):
        s = Sketch(("", word, None), (word, word, 0))
        w = s.leaf(word)
        h = s.op(word, w, at=f"{word}:1", code=word, call=1, name=word)
        return s.graph(), everywhere(s.graph(), h)

    read, tame = Read(*built(name)), Read(*built("tame"))
    told = printable(name).replace("&lt;", "&amp;lt;").replace("&#", "&amp;#")
    assert told == shown(read.nodes["o0"]["label"])
    assert told == shown(read.nodes["loss"]["label"])
    assert f"{told} · {told}" == shown(read.clusters["cluster_c1"][1]["label"]) or not name
    assert tame.nodes.keys() == read.nodes.keys()
    assert tame.edges.keys() == read.edges.keys()
    assert tame.clusters.keys() == read.clusters.keys()
    assert tame.inside == read.inside


def test_verdict_is_below():
    """The conclusion stands below the picture; a graph alone has none."""
    (observed,), (alone,) = (Read(chain().graph, *flow).whole.get_graph_defaults() for flow in ([chain()], []))

    assert "a is cut by detach" in shown(observed["label"])
    assert "label" not in alone


def test_big():
    """Nothing is folded, however big, and nothing is deep."""
    flow = tower(400)
    source = dot(flow.graph, flow).source

    assert sum(1 for _ in flow.graph.edges()) + 1 == source.count(" -> ")
    assert dot(flow.graph, flow).source == source


def test_twice_the_same_value():
    """Two uses of one value by one op are two edges."""
    s = Sketch()
    w = s.leaf("w")
    s.op("mul", w, w)

    assert Counter({("v0", "o0"): 2}) == Counter(ends[:2] for ends in Read(s.graph()).edges.values())


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_rendered(flow):
    """Graphviz draws every node and edge."""
    drawn = render(dot(flow.graph, flow).source, "svg").decode()
    read = Read(flow.graph, flow)

    assert len(read.nodes) == drawn.count('class="node"')
    assert len(read.edges) == drawn.count('class="edge"')


def test_without_graphviz(monkeypatch):
    """Where the program is not there, the error says what to install."""
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(GradflowError, match="install Graphviz"):
        render("digraph {}")


def test_form_that_graphviz_does_not_write():
    """An unknown form is the caller's slip."""
    with pytest.raises(GradflowError, match="does not write 'word'"):
        render("digraph {}", "word")


@pytest.mark.parametrize("family", ZOO)
def test_real_models(family):
    """Of every family of models, each use is one edge and each op one node."""
    flow = ZOO[family]()
    ops = {op.id for op in flow.graph.ops if op.target != HOOK}
    source = dot(flow.graph, flow).source

    uses = [f"e{edge.op}_{edge.position}" for edge in flow.graph.edges() if edge.op in ops]
    assert Counter(uses) == Counter(re.findall(r"\bid=(e\d+_\d+) ", source))
    assert Counter(f"o{op}" for op in ops) == Counter(re.findall(r"^\t+(o\d+) \[", source, re.MULTILINE))
