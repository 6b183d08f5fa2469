"""A picture is never wrong: over all programs of the tests it is read back and compared with the flow."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator

import pytest
import test_random_writes
import torch
from claims import Claims, SmallClaims
from torch import nn
from truth import layers, losses, start

import gradflow as gf
from gradflow.grid import checked_grid
from gradflow.picture.pictures import Picture, Wish, passes, pictured, pictured_grid
from tests import zoo

CASES = ("backward", "cuts", "functions", "modern", "modules", "recipes", "values", "writes")
WIDTHS = (720, 420)
EACH = 12


def programs() -> Iterator[tuple[str, Callable[[], list[gf.Flow]]]]:
    """All programs by name: what runs one gives its flows."""
    for name in CASES:
        module = importlib.import_module(f"test_cases_{name}")
        for test in [each for each in vars(module).values() if hasattr(each, "build")]:
            yield f"{name}-{test.__name__[5:]}", lambda build=test.build: observed(build)
    for seed in range(80):
        yield f"random-{seed}", lambda seed=seed: [random_writes(seed)]
    for name, family in zoo.ZOO.items():
        yield f"zoo-{name}", lambda family=family: [family()]


def observed(build: Callable[..., object]) -> list[gf.Flow]:
    """The flows of a case."""
    tracer: list[gf.Trace] = []
    run = start(build, lambda **tensors: tracer[0].name(**tensors))
    things = next(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with gf.trace(*things.modules, **things.named) as t:
            tracer.append(t)
            kept = list(losses(run))
        return [t.flow(one.loss, **one.arguments()) for one in kept]


def random_writes(seed: int) -> gf.Flow:
    leaves = test_random_writes.new_leaves()
    with gf.trace(**leaves) as t:
        loss = test_random_writes.program(seed, leaves)
    return t.flow(loss)


def drawn(flow: gf.Flow, width: float = 720) -> Picture:
    return pictured(flow.graph, passes(flow), Wish())(width)


def claims(flow: gf.Flow, width: float = 720) -> Claims:
    return Claims(flow, drawn(flow, width))


def sampled() -> list[object]:
    marks = (pytest.mark.slow,)
    return [pytest.param(run, id=name, marks=marks if at % EACH else ()) for at, (name, run) in enumerate(programs())]


@pytest.mark.parametrize("run", sampled())
def test_says_what_the_flow_says(run):
    """Every line, square, bar and word of a picture, wide and narrow, agrees with the flow and its explanations."""
    for flow in run():
        for width in WIDTHS:
            assert [] == claims(flow, width).false()


def small(*flows: gf.Flow) -> list[SmallClaims]:
    """Small pictures of some flows, side by side."""
    grid = checked_grid({("", str(at)): flow for at, flow in enumerate(flows)})
    picture = pictured_grid(grid)(720)
    return [SmallClaims(flow, picture, at) for at, flow in enumerate(flows)]


@pytest.mark.parametrize("run", sampled())
def test_small_pictures_say_what_the_flow_says(run):
    """Every square, line, bar and disc of small pictures, alone and together, agrees with its flow; none is empty."""
    flows = run()
    alone = [small(flow)[0] for flow in flows]

    assert [] == [wrong for one in (*alone, *small(*flows)) for wrong in one.false()]


def bars(flow: gf.Flow) -> list[tuple[int, int]]:
    """Values and ops of the lines and stems on which bars stand."""
    (shown,) = drawn(flow).sketches
    wires = [edge for wire in shown.wires if wire.bars is not None for edge in wire.edges]
    stems = [edge for cell in shown.cells for leaf in cell.leaves if leaf.bars for edge in leaf.edges]
    return [(edge.value, edge.op) for edge in (*wires, *stems)]


def states(flow: gf.Flow) -> dict[str, set[str]]:
    """The states of all lines, by the target of the op that they enter."""
    (one,) = passes(flow)
    found: dict[str, set[str]] = {}
    for edge in flow.graph.edges():
        found.setdefault(flow.graph.ops[edge.op].target, set()).add(one.edge(edge))
    return found


def test_bars_on_one_of_two_inputs():
    """An op that lets one input through and stops another has bars on the line of the other, and a title."""
    net, x = layers("a b"), torch.randn(5, 4)
    with gf.trace(net, x=x) as t:
        loss = torch.quantile(net.a(x), net.b(x).sigmoid().mean(), interpolation="nearest")
    flow = t.flow(loss)
    by_target = {op.target: op for op in flow.graph.ops}

    assert gf.Reason.NOT_DIFFERENTIABLE is gf.explain(flow, "b.weight").reason
    assert [(by_target["mean"].outputs[0], by_target["quantile"].id)] == bars(flow)
    (shown,) = drawn(flow).sketches
    assert ["quantile"] == [note.title for cell in shown.cells for note in cell.notes]


def test_bars_on_a_stem():
    """A parameter whose own use is stopped has bars on its stem; the other one of the op is reached."""
    w, q = torch.randn(5, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    with gf.trace(w=w, q=q, x=torch.ones(5)) as t:
        loss = torch.quantile(w * 2, q, interpolation="nearest")
    flow = t.flow(loss)
    quantile = next(op for op in flow.graph.ops if op.target == "quantile")

    assert [(quantile.inputs[1], quantile.id)] == bars(flow)
    assert [] == claims(flow).false()


def test_second_cut_has_bars_too():
    """What an explanation names is cut in the picture, although its input has lost its history before."""
    net, x = layers("a b"), torch.randn(5, 4)
    with gf.trace(net, x=x) as t:
        with torch.no_grad():
            h = net.a(x)
        loss = net.b(h.detach()).sum()
    (shown,) = drawn(t.flow(loss)).sketches

    assert ["no_grad"] == [box.name for box in shown.boxes if box.kind == "region"]
    assert ["detach"] == [cell.label for cell in shown.cells if cell.kind == "cut"]


def test_write_with_gradients_off():
    """A parameter that is clipped keeps its history: the line through the write is reached, and no bars stand there."""
    w, x = torch.randn(4, requires_grad=True), torch.randn(4)
    with gf.trace(w=w, x=x) as t:
        with torch.no_grad():
            w.clamp_(-1, 1)
        loss = (w * x).sum()
    flow = t.flow(loss)

    assert {"reached"} == states(flow)["clamp_"]
    assert [] == claims(flow).false() == bars(flow)


def test_content_written_with_gradients_off():
    """What is written into a value with gradients off has bars on its line; the value goes on."""
    net, x = layers("a b"), torch.randn(5, 4)
    with gf.trace(net, x=x) as t:
        h, new = net.a(x), net.b(x)
        with torch.no_grad():
            h.copy_(new)
        loss = h.sum()
    flow = t.flow(loss)
    copy = next(op for op in flow.graph.ops if op.target == "copy_")
    (shown,) = drawn(flow).sketches

    assert [(copy.inputs[1], copy.id)] == bars(flow)
    assert {"reached", "missing"} == states(flow)["copy_"]
    assert ["no_grad"] == [note.title for cell in shown.cells for note in cell.notes]


def test_view_written_with_gradients_off():
    """A write through a view with gradients off is no cut of what the view belongs to."""
    w = torch.randn(4, 4, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 2
        row = h[0]
        with torch.no_grad():
            row.mul_(2)
        loss = h.detach().sum() * w.sum()
        other = h.detach().sum()
    cuts = gf.explain(t.flow(other), "w").cuts

    assert ["detach"] == [cut.target for cut in cuts]
    assert gf.Reason.RECEIVED is gf.explain(t.flow(loss), "w").reason


def test_assigned_data():
    """A value keeps its history when its data is replaced, and the picture shows the line that carries it."""
    net, x = layers("a b"), torch.randn(5, 4)
    with gf.trace(net, x=x) as t:
        h = net.a(x)
        h.data = h.data * 2
        loss = net.b(h).sum()
    flow = t.flow(loss)
    written = [op for op in flow.graph.ops if op.target == "data"][-1]

    assert 2 == len(written.inputs) and "reached" in states(flow)["data"]
    assert [] == claims(flow).false()


def test_no_gradient_is_missing_without_a_cut():
    """Where a gradient takes another way, as in a second derivative, no line says that one is missing."""
    w = torch.randn(4, requires_grad=True)
    with gf.trace(w=w) as t:
        y = w.pow(3).sum()
        (g,) = torch.autograd.grad(y, w, create_graph=True)
        loss = g.sum()

    assert "missing" not in set().union(*states(t.flow(loss)).values())


def test_loss_that_is_a_used_parameter():
    """A parameter that is the loss is one square, with lines to its uses and to the box."""
    w = torch.tensor(2.0, requires_grad=True)
    with gf.trace(w=w) as t:
        (w * 3).exp()

    assert [] == claims(t.flow(w)).false()


def test_lines_of_one_look():
    """Two uses of one status that are drawn differently are two lines."""
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    x = torch.randn(2, 3)
    with gf.trace(net, x=x) as t:
        h = net[0](x)
        side = net[1](h)  # leads nowhere
        loss = net[1](h.detach()).sum()
    flow = t.flow(loss)

    assert side.requires_grad
    assert [] == claims(flow).false()


def test_parameters_of_a_reentrant_checkpoint():
    """What a region reached on a way of its own came along the one use that there is."""
    net = layers("a b")
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))
        loss = torch.utils.checkpoint.checkpoint(net.b, h, use_reentrant=True).sum()
    flow = t.flow(loss)
    (use,) = flow.graph.consumers[flow.graph.names["b.weight"]]

    assert flow.at("b.weight") == flow.at(use) and flow.at(use).arrived
    assert flow.at(use) == t.backward(loss).at(use)


def test_parameter_without_a_name():
    """A parameter that has no name is drawn with what came to it."""
    w, made = (
        gf.Value(0, None, "parameter", (), "float32", True),
        gf.Value(1, None, "intermediate", (), "float32", True),
    )
    graph = gf.Graph((w, made), (gf.Op(0, "exp", (0,), (1,)),))
    flow = gf.Flow(
        graph,
        1,
        (
            (1, gf.Arrival("nonzero", 1.0)),
            (gf.Edge(0, 0, 0), gf.Arrival("zero", 0.0, 0.0)),
            (0, gf.Arrival("zero", 0.0, 0.0)),
        ),
    )

    (square,) = claims(flow).marks("parameter")
    assert ("zero", "ZERO") == (square["data-status"], square["data-reason"])
