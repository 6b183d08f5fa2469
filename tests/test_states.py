"""In which state a picture shows edges and parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import gradflow as gf
from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.picture.states import Parameter, Pass, at_rest, due, merged, notes, tally
from gradflow.stepdiff import Change, StepDiff
from tests import graphs, pictures
from tests.graphs import UNDEFINED, ZERO, sent


def states(flow: Flow, **known: object) -> dict[str, str]:
    """The state of every parameter."""
    one = Pass(flow, **known)
    return {name: one.parameter(name).state for name in flow.graph.parameter_names()}


def edges(flow: Flow) -> dict[tuple[int, int], str]:
    """The state of every edge, by value and op."""
    one = Pass(flow)
    return {(edge.value, edge.op): one.edge(edge) for edge in flow.graph.edges()}


def traced(compute, **tensors) -> Flow:
    with gf.trace(**tensors) as t:
        loss = compute(**tensors)
    return t.flow(loss)


def leaf(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers, requires_grad=True)


def test_bridge():
    """Behind the detach gradients are due and missing, as far as data; the loss reaches what is before it."""
    flow = pictures.bridge()

    assert {
        (6, 0): "quiet",  # x
        (0, 0): "missing",
        (1, 0): "missing",
        (8, 1): "missing",
        (2, 1): "missing",
        (3, 1): "missing",
        (9, 2): "missing",
        (10, 3): "missing",
        (4, 3): "reached",
        (5, 3): "reached",
        (11, 4): "reached",
        (7, 4): "quiet",  # y
    } == edges(flow)
    assert {"A.weight": "none", "B.bias": "none", "C.weight": "reached"}.items() <= states(flow).items()


@pytest.mark.parametrize("name", sorted(set(graphs.every_flow()) - {"hostile"}))  # that one has no edges
def test_edges_agree_with_parameters(name):
    """A parameter's own edges say the same as its square."""
    flow = graphs.every_flow()[name]
    one = Pass(flow)
    allowed = {
        "reached": {"reached"},
        "zero": {"zero"},
        "nonfinite": {"reached"},
        "undefined": {"undefined", "missing"},
        "none": {"missing"},
        "frozen": {"quiet"},
        "quiet": {"quiet"},
    }
    for parameter in flow.graph.parameter_names():
        uses = flow.graph.consumers.get(flow.graph.names[parameter], ())
        found = {one.edge(edge) for edge in uses}
        assert not uses or found & allowed[one.parameter(parameter).state], parameter


def test_zero_and_undefined_and_nan():
    """Zero, None and NaN are told apart, at the edge and at the parameter."""
    assert ({(0, 0): "zero", (1, 1): "reached"}, {"w": "zero"}) == (edges(graphs.dead()), states(graphs.dead()))
    assert {"w": "nonfinite"} == states(graphs.nan())
    assert ({(0, 0): "undefined", (1, 1): "reached"}, {"w": "undefined"}) == (
        edges(graphs.undefined()),
        states(graphs.undefined()),
    )


def test_none_is_marked_where_it_was_first_sent():
    """Beyond the edge that got None the gradient is missing, though None was handed on there as well."""
    s = graphs.Sketch()
    w = s.leaf("w")
    h = s.op("exp", w, name="h")
    out = s.op("Stop", h)
    loss = s.op("sum", out, name="loss")
    arrivals = (
        (loss, sent(1.0)),
        (Edge(out, 2, 0), sent(1.0)),
        (out, sent(1.0)),
        (Edge(h, 1, 0), UNDEFINED),
        (h, UNDEFINED),
        (Edge(w, 0, 0), UNDEFINED),
        (w, UNDEFINED),
    )

    assert {(w, 0): "missing", (h, 1): "undefined", (out, 2): "reached"} == edges(Flow(s.graph(), loss, arrivals))


def test_another_loss():
    """What does not lead to this loss is quiet, not missing."""
    task, penalty = graphs.two_losses()

    assert ("reached", "quiet") == (Pass(task).edge(Edge(1, 1, 1)), Pass(penalty).edge(Edge(1, 1, 1)))
    assert {"a": "reached", "b": "quiet"} == states(penalty)
    assert ("reached", "quiet") == (Pass(task).into_loss(task.output), Pass(task).into_loss(penalty.output))


def test_frozen_is_no_fault():
    """A frozen parameter and the line to it are quiet."""
    flow = traced(lambda a, b: (a * b).sum(), a=leaf(1.0, 2.0), b=torch.ones(2))
    assert "quiet" == Pass(flow).edge(flow.graph.consumers[flow.graph.names["b"]][0])


def test_a_number_that_left():
    """A gradient is due up to the exit where the number left, and along the way that it came back."""
    flow = traced(lambda a, b: (a.exp().sum().item() * b).sum(), a=leaf(0.1, 0.2), b=leaf(1.0))
    by_target = {
        (flow.graph.ops[edge.op].target, edge.position): Pass(flow).edge(edge) for edge in flow.graph.edges()
    }

    assert "missing" == by_target["exp", 0] == by_target["item", 0]
    assert {"a": "none", "b": "reached"} == states(flow)


def test_a_branch_that_may_depend_on_it():
    """The same where it was not seen how the number came back."""

    def compute(a, b):
        return (b if (a > 0).all() else -b).sum()

    flow = traced(compute, a=leaf(0.1, 0.2), b=leaf(1.0))
    assert {"missing"} == {Pass(flow).edge(edge) for edge in flow.graph.consumers[flow.graph.names["a"]]}
    assert {"a": "none", "b": "reached"} == states(flow)


def test_not_asked_for():
    """With inputs=, a gradient is due only for what was asked for."""
    a, b = leaf(1.0), leaf(2.0)
    with gf.trace(a=a, b=b) as t:
        loss = (a * b).sum()
    flow = t.flow(loss, inputs=[a])

    assert {"a": "reached", "b": "quiet"} == states(flow)
    assert {"reached", "quiet"} == {Pass(flow).edge(edge) for edge in flow.graph.edges() if edge.op == 0}


def test_a_loss_without_history():
    """Where nothing could run, all that leads to the loss is missing."""
    flow = traced(lambda w: w.detach().sum(), w=leaf(1.0))

    assert {"missing"} == set(edges(flow).values()) | {Pass(flow).into_loss(flow.output)}


def test_silent_writes():
    """A parameter that was written to with gradients off is one and the same for the way to the loss."""

    def compute(w, v):
        h = w * 2
        with torch.no_grad():
            v.mul_(2)
        return (h.detach() * v).sum()

    flow = traced(compute, w=leaf(1.0), v=leaf(1.0))
    assert {"w": "none", "v": "reached"} == states(flow)
    for name in ("w", "v"):
        uses = [e for v in flow.graph.versions(flow.graph.names[name]) for e in flow.graph.consumers.get(v, ())]
        assert {"w": "missing", "v": "reached"}[name] in {Pass(flow).edge(edge) for edge in uses}


def step(**largest: float) -> StepDiff:
    return StepDiff(tuple((name, Change(size, int(size > 0), 1)) for name, size in largest.items()))


def test_optimizer_and_step():
    """Moved wins over reached; reached but held by nobody is hollow; what moved without a gradient drifted."""
    task, penalty = graphs.two_losses()
    held = {"a": ("Adam",)}

    assert {"a": "reached", "b": "unheld"} == states(task, holders=held)
    assert {"a": "moved", "b": "reached"} == states(task, step=step(a=0.1, b=0.0))
    assert {"a": "moved", "b": "unheld"} == states(task, holders=held, step=step(a=0.1, b=0.0))
    drifted = Pass(penalty, step=step(a=0.0, b=0.1))
    assert [False, True] == [drifted.parameter(name).drift for name in "ab"]
    assert "quiet" == drifted.parameter("b").state
    assert not Pass(graphs.nan(), step=step(w=1.0)).parameter("w").drift
    assert Pass(graphs.dead(), step=step(w=1.0)).parameter("w").drift


def test_at_rest():
    """Without a pass, parameters are trainable or frozen."""
    graph = graphs.chain().graph
    assert ("trainable", "frozen") == tuple(at_rest(graph.value(name)).state for name in ("a.weight", "c"))


def test_shared_parameter_by_any_name():
    """A parameter has one state, whichever of its names is asked for."""
    one = Pass(graphs.square())
    assert one.parameter("w") == one.parameter("tied")


def test_merged():
    """After several passes a parameter is shown in the strongest of its states."""
    frozen, zero, reached = (Parameter("w", state) for state in ("frozen", "zero", "reached"))
    assert [reached, zero] == [merged([zero, reached]), merged([frozen, zero])]


def parameters(*named: str) -> list[Parameter]:
    return [Parameter("w", state, False, "x", "RECEIVED" if state == "reached" else "OTHER") for state in named]


@pytest.mark.parametrize(
    ("short", "full", "found"),
    [
        ("", "", []),
        ("1 of 1", "1 of 1", ["reached"]),
        ("all 3", "all 3", ["reached"] * 3),
        ("2 frozen", "2 frozen", ["frozen"] * 2),
        ("1 of 4", "1 of 4 · 1 zero · 2 frozen", ["reached", "zero", "frozen", "frozen"]),
        ("0 of 2", "0 of 2 · 1 cut", ["none", "quiet"]),
    ],
)
def test_tally(short, full, found):
    """A closed module counts what was reached; the list also what was not, by state."""
    assert (short, full) == (tally(parameters(*found)), tally(parameters(*found), full=True))


def test_tally_at_rest():
    """Without a pass it counts the parameters."""
    trainable, frozen = Parameter("a", "trainable"), Parameter("b", "frozen")
    assert ["2 parameters", "2 frozen", "2 parameters, 1 frozen"] == [
        tally([trainable] * 2), tally([frozen] * 2), tally([trainable, frozen])
    ]  # fmt: skip


def titles(flow: Flow) -> list[tuple[str, str]]:
    return [(note.mark, note.title) for note in notes(flow, Pass(flow).explanations.values())]


class Stop(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        return None


def hooked(h: torch.Tensor, factor: float) -> torch.Tensor:
    h.register_hook(lambda gradient: gradient * factor)
    return h


@pytest.mark.parametrize(
    ("mark", "title", "compute"),
    [
        ("zero", "every entry dead", lambda w: F.relu(-w).sum()),
        ("zero", "dead wherever reached", lambda w: (F.relu(w - 1.5) * torch.tensor([1.0, 0.0])).sum()),
        ("zero", "every entry clamped", lambda w: w.clamp(max=0.5).sum()),
        ("zero", "slope 0", lambda w: w.round().sum()),
        ("zero", "times 0", lambda w: w.sum() * torch.tensor(0.0)),
        ("zero", "sent back only 0", lambda w: (w * 0).sum()),
        ("zero", "the gradients cancel", lambda w: (w.exp() - w.exp()).sum()),
        ("zero", "a hook made it 0", lambda w: hooked(w.exp(), 0.0).sum()),
        ("undefined", "backward returned None", lambda w: Stop.apply(w).sum()),
        ("nonfinite", "NaN or inf is born here", lambda w: (w - w.detach()).sqrt().sum()),
        ("nonfinite", "a hook made it NaN or inf", lambda w: hooked(w.exp(), float("nan")).sum()),
    ],
)
def test_notes(mark, title, compute):
    """What made a gradient zero, None or NaN is said at its op in a few words that are true."""
    assert [(mark, title)] == titles(traced(compute, w=leaf(1.0, 2.0)))


def test_notes_are_said_once():
    """An op that spoiled the gradient of several parameters has one note; a cut has none from here."""
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    nn.init.constant_(model[0].bias, -99.0)
    with gf.trace(model, x=torch.ones(1, 2)) as t:
        loss = model(torch.ones(1, 2)).sum()

    assert [("zero", "every entry dead")] == titles(t.flow(loss))
    assert [] == titles(pictures.bridge())


def test_due_passes_numbers_on():
    """A value made from a number that left is due what the number was due."""
    s = graphs.Sketch()
    w = s.leaf("w")
    h = s.op("exp", w)
    s.op("item", h, outputs=0)
    made = s.op("full", grad_fn=None, reenters=(1,))
    loss = s.op("sum", made, grad_fn=None)
    other = s.op("cos", w)
    found = due(s.graph(), [loss])

    assert ({w, h, made, loss, other}, {0, 1, 2, 3}) == (set(found.values), set(found.ops))


def test_zero_status_is_that_of_the_edge():
    """A line is drawn as what came along it, not as what the value got in sum."""
    s = graphs.Sketch()
    w = s.leaf("w")
    dead, live = s.op("relu", w), s.op("exp", w)
    loss = s.op("add", dead, live)
    arrivals = (
        (loss, sent(1.0)),
        (Edge(dead, 2, 0), sent(1.0)),
        (Edge(live, 2, 1), sent(1.0)),
        (dead, sent(1.0)),
        (live, sent(1.0)),
        (Edge(w, 0, 0), ZERO),
        (Edge(w, 1, 0), sent(1.0)),
        (w, sent(1.0)),
    )
    flow = Flow(s.graph(), loss, arrivals)

    assert {(w, 0): "zero", (w, 1): "reached", (dead, 2): "reached", (live, 2): "reached"} == edges(flow)
    assert {"w": "reached"} == states(flow)
