"""The public names mean what the contract says."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import textwrap

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint
from truth import layers, place

import gradflow as gf
from gradflow import Reason


def here(offset=0):
    """The place of the calling line, plus some lines."""
    frame = inspect.currentframe().f_back
    return place(frame.f_code.co_filename, frame.f_lineno + offset)


# -- names -------------------------------------------------------------------------------------------------


def test_public_names():
    """Every name of the contract is there."""
    names = """trace explain draw compare snapshot diff testing to_json from_json
        GradflowError Reason Graph Flow Value Op Edge Arrival Cut Explanation __version__"""

    assert [] == [name for name in names.split() if not hasattr(gf, name)]


def test_reasons():
    """The reasons are these, and no more."""
    names = """RECEIVED ZERO NONFINITE UNDEFINED FROZEN DETACHED NO_GRAD NOT_DIFFERENTIABLE
        LEFT_PYTORCH NOT_CONNECTED UNUSED NOT_REQUESTED"""

    assert set(names.split()) == {reason.name for reason in Reason}


def test_signatures():
    """`flow`, `backward`, `name` and `explain` take what the contract says."""
    parameters = {
        gf.trace: "*modules **named",
        gf.explain: "flow name *optimizer *step",
    }
    trace = type(gf.trace())
    parameters |= {
        trace.flow: "self loss gradient inputs support",
        trace.backward: "self loss *support **kw",
        trace.name: "self **tensors",
    }
    marks = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    marks[inspect.Parameter.KEYWORD_ONLY] = "*"
    for function, expected in parameters.items():
        found = inspect.signature(function).parameters.values()

        assert expected == " ".join(marks.get(p.kind, "") + p.name for p in found)
        for p in found:
            assert p.default is None or p.default is inspect.Parameter.empty


def test_names_of_a_positional_module():
    """A positional module's parameters and buffers have the names of `named_parameters`."""
    net = layers("a b")
    net.norm = nn.BatchNorm1d(4)
    with gf.trace(net) as t:
        net(torch.ones(5, 4))

    assert [name for name, _ in net.named_parameters()] == list(t.graph.parameter_names())
    assert "parameter" == t.graph.value("a.weight").kind
    assert "buffer" == t.graph.value("norm.running_mean").kind
    assert (4, 4) == t.graph.value("a.weight").shape
    assert "float32" == t.graph.value("a.weight").dtype
    assert t.graph.value("a.weight").requires_grad


def test_names_by_keyword():
    """Keywords prefix modules, dicts and lists, and name tensors."""
    g, d = layers("a"), layers("a")
    batch = {"input_ids": torch.ones(2, 4), "extra": [torch.ones(1), torch.ones(1)]}
    w, x = torch.ones(4, requires_grad=True), torch.ones(2, 4)
    with gf.trace(G=g, D=d, batch=batch, w=w, x=x) as t:
        loss = (d(g(batch["input_ids"])) * w * x * batch["extra"][1]).sum()
    flow = t.flow(loss)
    graph = t.graph

    assert {"G.a.weight", "G.a.bias", "D.a.weight", "D.a.bias", "w"} == set(graph.parameter_names())
    assert "parameter" == graph.value("w").kind
    assert ["input"] * 4 == [
        graph.value(name).kind for name in ("x", "batch.input_ids", "batch.extra.0", "batch.extra.1")
    ]
    assert "nonzero" == flow.at("G.a.weight").status
    assert "none" == flow.at("x").status


def test_tuple_of_tensors():
    """A tuple is named like a list."""
    pair = (torch.ones(2), torch.ones(2, requires_grad=True))
    with gf.trace(pair=pair) as t:
        loss = (pair[0] * pair[1]).sum()

    assert "nonzero" == t.flow(loss).at("pair.1").status


def test_shared_parameter_answers_to_each_name():
    """A shared parameter is one value, and `at` and `explain` take each of its names."""
    net = layers("a b")
    net.b.weight = net.a.weight
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    flow = t.flow(loss)

    assert flow.at("a.weight") == flow.at("b.weight")
    assert t.graph.value("a.weight").id == t.graph.value("b.weight").id
    assert Reason.RECEIVED is gf.explain(flow, "b.weight").reason
    assert 1 == list(t.graph.parameter_names()).count("a.weight")
    assert "b.weight" not in t.graph.parameter_names()


def test_leaves_that_were_not_passed_in():
    """Other leaves that require grad are `leaf_1`, … in the order of use."""
    first, second = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with gf.trace() as t:
        loss = (second * 2 + first).sum()
    flow = t.flow(loss)

    assert 2 * 3**0.5 == pytest.approx(flow.at("leaf_1").norm)
    assert 3**0.5 == pytest.approx(flow.at("leaf_2").norm)
    assert Reason.RECEIVED is gf.explain(flow, "leaf_1").reason


def test_unused_parameter_is_a_value():
    """A parameter that nothing uses is in the graph all the same."""
    net = layers("a spare")
    with gf.trace(net) as t:
        loss = net.a(torch.ones(2, 4)).sum()

    assert "parameter" == t.graph.value("spare.weight").kind
    assert "none" == t.flow(loss).at("spare.weight").status


def test_empty_trace():
    """A trace of nothing has a graph of the given values."""
    net = layers("a")
    with gf.trace(net) as t:
        pass

    assert 0 == len(t.graph.ops)
    assert ("a.weight", "a.bias") == t.graph.parameter_names()


def test_names_given_in_the_block_and_after_it():
    """`t.name` names intermediates and losses, in the block or before the graph is first asked for."""
    net = layers("a b")
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))
        t.name(h=h)
        loss = net.b(h).sum()
    t.name(loss=loss)
    flow = t.flow(loss)

    assert "intermediate" == t.graph.value("h").kind
    assert 1.0 == flow.at("loss").scalar
    assert flow.output == t.graph.value("loss").id
    assert "nonzero" == flow.at("h").status


def test_explain_takes_inputs_and_buffers():
    """`at` and `explain` also take inputs and buffers."""
    net = layers("a")
    net.register_buffer("scale", torch.ones(4))
    x, z = torch.ones(2, 4), torch.ones(2, 4, requires_grad=True)
    with gf.trace(net, x=x, z=z) as t:
        loss = (net.a(x * z) * net.scale).sum()
    flow = t.flow(loss)

    assert Reason.FROZEN is gf.explain(flow, "x").reason
    assert Reason.FROZEN is gf.explain(flow, "scale").reason
    assert Reason.RECEIVED is gf.explain(flow, "z").reason


def test_explain_takes_named_intermediates():
    """A named intermediate can be asked about like a parameter."""
    net = layers("a b")
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))
        g = h.detach()
        loss = net.b(g).sum()
    t.name(h=h, g=g)
    flow = t.flow(loss)

    assert Reason.DETACHED is gf.explain(flow, "h").reason
    assert gf.explain(flow, "g").reason not in (Reason.RECEIVED, Reason.ZERO)


# -- values and ops ----------------------------------------------------------------------------------------


def test_scalars_are_kept():
    """The number of a one-element tensor is kept, and the signed number of its gradient."""
    p = torch.tensor(6.0, requires_grad=True)
    with gf.trace(p=p) as t:
        loss = -2 * p
    flow = t.flow(loss)

    assert 6.0 == t.graph.value("p").scalar
    assert -12.0 == t.graph.values[flow.output].scalar
    assert -2.0 == flow.at("p").scalar


def test_scalar_is_the_value_at_that_moment():
    """A later write does not change what was."""
    p = torch.tensor(6.0, requires_grad=True)
    with gf.trace(p=p) as t:
        h = p * 1
        k = h * 2
        h.mul_(5)
    t.name(k=k, h=h)

    assert 30.0 == t.graph.value("h").scalar
    assert 12.0 == t.graph.value("k").scalar


def test_source_and_code():
    """An op has the line of the reader's own code, also when it runs inside torch."""
    net = layers("a")
    with gf.trace(net) as t:
        h = net(torch.ones(2, 4)).relu()
        where = here(-1)

    assert h is not None
    assert {where} == {op.source for op in t.graph.ops}
    assert {"h = net(torch.ones(2, 4)).relu()"} == {op.code for op in t.graph.ops}
    assert ["linear", "relu"] == [op.target for op in t.graph.ops]


def test_source_below_the_working_directory_is_relative(tmp_path):
    """Files below the working directory are given relative to it, others as they were compiled."""
    (tmp_path / "sub").mkdir()
    program = textwrap.dedent(
        """
        import torch, gradflow as gf
        w = torch.ones(3, requires_grad=True)
        with gf.trace(w=w) as t:
            loss = (w * 2).sum()
        print(t.graph.ops[0].source)
        """
    )
    (tmp_path / "sub" / "program.py").write_text(program)
    run = [sys.executable, str(tmp_path / "sub" / "program.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    below = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    (tmp_path / "other").mkdir()
    beside = subprocess.run(run, cwd=tmp_path / "other", env=environment, capture_output=True, text=True, check=True)

    assert os.path.join("sub", "program.py:5") == below.stdout.strip()
    assert f"{tmp_path / 'sub' / 'program.py'}:5" == beside.stdout.strip()


def test_code_without_a_file():
    """Code that was compiled from a string has a place, and the tracer survives its missing lines."""
    w = torch.ones(3, requires_grad=True)
    scope = {"w": w, "gf": gf}
    exec(compile("with gf.trace(w=w) as t:\n    loss = (w * 2).sum()\n", "<made up>", "exec"), scope)

    assert {"<made up>:2"} == {op.source for op in scope["t"].graph.ops}
    assert "nonzero" == scope["t"].flow(scope["loss"]).at("w").status


def test_modules_of_ops():
    """An op knows the dotted path of the module that it ran in."""
    net = nn.Sequential(layers("a"), layers("b"))
    with gf.trace(net=net) as t:
        net(torch.ones(2, 4)).sum()

    assert ["net.0.a", "net.1.b", ""] == [op.module for op in t.graph.ops]


def test_grad_mode_of_ops():
    """An op knows whether gradients were on."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        w.sin()
        with torch.no_grad():
            w.cos()

    assert [("sin", True), ("cos", False)] == [(op.target, op.grad_enabled) for op in t.graph.ops]


def test_graph_grows_with_the_block():
    """`t.graph` in the block is what was computed so far."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w.sin()
        early = t.graph
        h.cos()

    assert ["sin"] == [op.target for op in early.ops]
    assert ["sin", "cos"] == [op.target for op in t.graph.ops]


def test_graphs_are_sound():
    """`lint` finds nothing wrong."""
    net = nn.TransformerEncoderLayer(8, 2, 16)
    with gf.trace(net) as t:
        net(torch.ones(2, 5, 8)).sum()

    t.graph.lint()


# -- flows -------------------------------------------------------------------------------------------------


def test_flow_in_the_block_after_it_and_again():
    """`flow` may be called in the block or after it, and again, and says the same."""
    net = layers("a b")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
        flows = [t.flow(loss)]
    flows += [t.flow(loss), t.flow(loss)]

    assert flows[0] == flows[1] == flows[2]
    assert 1 == len({repr(flow) for flow in flows})


def test_flow_in_the_middle_of_the_block():
    """What is computed after a flow belongs to the trace as well."""
    net = layers("a b")
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))
        early = t.flow(h.sum())
        loss = net.b(h).sum()

    assert "none" == early.at("b.weight").status
    assert "nonzero" == t.flow(loss).at("b.weight").status


def test_flow_under_no_grad():
    """`flow` works wherever it is called from."""
    net = layers("a")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    with torch.no_grad():
        flow = t.flow(loss)
        left_off = not torch.is_grad_enabled()
    with torch.inference_mode():
        again = t.flow(loss)

    assert left_off
    assert "nonzero" == flow.at("a.weight").status == again.at("a.weight").status


def test_flow_and_plain_backward_go_together():
    """After a flow, the reader's own backward works, and leaves the plain gradient."""
    net = layers("a")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    t.flow(loss)
    loss.backward()

    assert torch.equal(torch.full((4,), 2.0), net.a.bias.grad)


def test_backward_in_the_block():
    """A training step may stand within the block, by `t.backward` or as it is."""
    net = layers("a")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
        flow = t.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        again = net(torch.ones(2, 4)).sum()
        again.backward()
        optimizer.step()

    assert "nonzero" == flow.at("a.weight").status
    assert torch.equal(torch.full((4,), 2.0), net.a.bias.grad)


def test_backward_accumulates():
    """`t.backward` adds to what is in `.grad`, and the flow is what this backward sent."""
    net = layers("a")
    net.a.bias.grad = torch.ones(4)
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    flow = t.backward(loss)

    assert torch.equal(torch.full((4,), 3.0), net.a.bias.grad)
    assert 4.0 == flow.at("a.bias").norm


def test_backward_passes_its_arguments_on():
    """`t.backward` takes what `Tensor.backward` takes."""
    w, v = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with gf.trace(w=w, v=v) as t:
        y = w * v * 2
    t.backward(y, gradient=torch.tensor([1.0, 0.0, 0.0]), inputs=[w], retain_graph=True)
    flow = t.backward(y, gradient=torch.tensor([1.0, 0.0, 0.0]), inputs=w, create_graph=True)

    assert [4.0, 0.0, 0.0] == w.grad.tolist()
    assert w.grad.requires_grad
    assert v.grad is None
    assert (2.0, 1 / 3) == (flow.at("w").norm, flow.at("w").support)
    assert Reason.NOT_REQUESTED is gf.explain(flow, "v").reason


def test_backward_frees_the_graph():
    """Without `retain_graph`, `t.backward` frees the graph, as PyTorch does."""
    net = layers("a")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).pow(2).sum()
    t.backward(loss)

    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_order_of_arrivals():
    """Arrivals stand in the order in which the engine reached them: from the output down."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        a = w.sin()
        b = a.cos()
        loss = b.sum()
    t.name(a=a, b=b)
    flow = t.flow(loss)
    reached = [key for key, _ in flow.arrivals if isinstance(key, int)]
    expected = [flow.output, *(flow.graph.value(name).id for name in ("b", "a", "w"))]

    assert expected == [key for key in reached if key in expected]
    assert expected[0] == reached[0]


def test_support_of_large_tensors():
    """Above 100,000 entries the support is left out, unless all are to be counted."""
    small, large = torch.ones(100_000, requires_grad=True), torch.ones(100_001, requires_grad=True)
    with gf.trace(small=small, large=large) as t:
        loss = (small[:50_000] * 2).sum() + large.sum()
    flow, counted = t.flow(loss), t.flow(loss, support=True)

    assert 0.5 == flow.at("small").support
    assert None is flow.at("large").support
    assert "nonzero" == flow.at("large").status
    assert 1.0 == counted.at("large").support
    assert 0.5 == counted.at("small").support
    assert 1.0 == t.backward(loss, support=True).at("large").support


def test_loss_that_does_not_require_grad():
    """An empty flow that can be spoken about, and not PyTorch's error."""
    net = layers("a")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum().detach()
    flow = t.flow(loss)

    assert "none" == flow.at("a.weight").status
    assert Reason.DETACHED is gf.explain(flow, "a.weight").reason


def test_tensor_hooks_run_and_post_accumulate_hooks_do_not():
    """A flow runs the reader's tensor hooks, which are part of the gradient, and no post-accumulate hook."""
    net, calls = layers("a"), []
    net.a.weight.register_hook(lambda grad: calls.append("tensor"))
    net.a.weight.register_post_accumulate_grad_hook(lambda p: calls.append("post-accumulate"))
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    t.flow(loss)

    assert ["tensor"] == calls
    t.backward(loss)
    assert ["tensor", "tensor", "post-accumulate"] == calls


def test_reentrant_checkpoint_with_post_accumulate_hooks():
    """Where only a real backward works, and a post-accumulate hook would run, `flow` refuses."""
    net = layers("a b")
    net.b.weight.register_post_accumulate_grad_hook(lambda p: None)
    with gf.trace(net) as t:
        loss = checkpoint(net.b, net.a(torch.ones(2, 4)), use_reentrant=True).sum()

    with pytest.raises(gf.GradflowError, match="post-accumulate"):
        t.flow(loss)
    assert None is net.a.weight.grad
    flow = t.backward(loss)
    assert "nonzero" == flow.at("b.weight").status
    assert net.b.weight.grad is not None


def test_random_state_is_restored():
    """A backward that draws random numbers leaves the state as it was, after `flow`."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 2
        h.register_hook(lambda grad: grad * torch.rand(3))
        loss = h.sum()
    before = torch.get_rng_state()
    flow = t.flow(loss)

    assert torch.equal(before, torch.get_rng_state())
    assert flow == t.flow(loss)


def test_retained_gradient_of_an_intermediate_stays():
    """The retained `.grad` of an intermediate is the reader's."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 2
        h.retain_grad()
        loss = h.sum()
    t.flow(loss)
    empty = h.grad
    t.backward(loss, retain_graph=True)
    kept = h.grad
    t.flow(loss)

    assert None is empty
    assert kept is h.grad
    assert [1.0, 1.0, 1.0] == h.grad.tolist()


def test_inputs_may_be_intermediates():
    """`inputs=` takes intermediates too: nothing below them is asked for."""
    net = layers("a b")
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))
        t.name(h=h)
        loss = net.b(h).sum()
    flow = t.flow(loss, inputs=[h])

    assert "nonzero" == flow.at("h").status
    assert Reason.NOT_REQUESTED is gf.explain(flow, "a.weight").reason
    assert flow.at("h") == t.flow(loss, inputs=["h"]).at("h")


# -- around the flow ---------------------------------------------------------------------------------------


def two_losses():
    net = layers("trunk one two")
    with gf.trace(net) as t:
        h = net.trunk(torch.ones(2, 4))
        one, two = net.one(h).sum(), net.two(h).pow(2).sum()
    return t.flow(one), t.flow(two)


def test_comparison():
    """A comparison answers for each loss and name."""
    one, two = two_losses()
    comparison = gf.compare(task=one, penalty=two)

    assert ("task", "penalty") == tuple(comparison.losses)
    assert set(one.graph.parameter_names()) == set(comparison.names)
    assert one.at("trunk.weight") == comparison.at("task", "trunk.weight")
    assert "none" == comparison.at("penalty", "one.weight").status
    assert all(name in str(comparison) for name in ("task", "penalty", "two.bias"))


def test_comparison_of_different_traces():
    """Flows of different traces cannot be compared; the message says what to do."""
    one, _ = two_losses()
    net = layers("a")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()

    with pytest.raises(gf.GradflowError, match="different traces"):
        gf.compare(one=one, other=t.flow(loss))


def test_step():
    """A step says what moved, buffers included, and by how much."""
    net = layers("a b")
    net.norm = nn.BatchNorm1d(4)
    optimizer = torch.optim.SGD([net.a.weight], lr=0.5)
    before = gf.snapshot(net)
    net(torch.randn(5, 4)).pow(2).sum().backward()
    optimizer.step()
    step = gf.diff(before, gf.snapshot(net))

    assert {"a.weight", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"} == set(step.moved)
    assert (0.0, 0, 4) == tuple(step.at("a.bias"))
    assert 16 == step.at("a.weight").total
    assert (0.5 * net.a.weight.grad).abs().max().item() == pytest.approx(step.at("a.weight").largest, rel=1e-4)
    assert "a.weight" in str(step)


def test_explanation_with_an_optimizer_and_a_step():
    """Reached but not held is what a `var_list` does; the sentence says so."""
    net = layers("a b")
    optimizer = torch.optim.SGD(net.a.parameters(), lr=0.5)
    before = gf.snapshot(net)
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    flow = t.backward(loss)
    optimizer.step()
    step = gf.diff(before, gf.snapshot(net))
    alone = str(gf.explain(flow, "b.weight"))

    assert Reason.RECEIVED is gf.explain(flow, "b.weight", optimizer=optimizer, step=step).reason
    assert "optimizer" not in alone
    assert "optimizer" in str(gf.explain(flow, "b.weight", optimizer=optimizer))
    assert str(gf.explain(flow, "a.weight", optimizer=optimizer)) != str(gf.explain(flow, "a.weight"))
    sentences = {
        str(gf.explain(flow, name, optimizer=optimizer, step=step)).replace(name, "it") for name in ("a.bias", "b.bias")
    }
    assert 2 == len(sentences)
    assert str(gf.explain(flow, "b.weight", step=step)) != alone


def test_optimizer_may_be_a_list_or_a_dict():
    """Several optimizers are given as a list, or by name."""
    net = layers("a b")
    one, two = torch.optim.SGD(net.a.parameters(), lr=1), torch.optim.Adam([net.b.weight], lr=1)
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    flow = t.flow(loss)
    by_list = [str(gf.explain(flow, name, optimizer=[one, two])) for name in ("a.weight", "b.weight", "b.bias")]
    by_name = [str(gf.explain(flow, name, optimizer={"one": one, "two": two})) for name in ("b.weight", "b.bias")]

    assert by_list[2] != by_list[1].replace("b.weight", "b.bias")
    assert by_name[1] != by_name[0].replace("b.weight", "b.bias")


def mixed_flow():
    """Reached, zero, cut, undefined, frozen, unused and NaN, each in a module of its own."""
    net = layers("reached zero cut frozen unused nan")
    net.frozen.requires_grad_(False)
    x = torch.ones(2, 4)
    with gf.trace(net) as t:
        h = net.reached(x) + net.zero(x) * 0 + net.cut(x).detach() + net.frozen(x)
        loss = h.sum() + (net.nan(x) * 0).sqrt().sum()
    return t.flow(loss)


@pytest.mark.parametrize("name", ["reached.weight", "reached.bias", "reached"])
def test_assert_gradient_passes(name):
    """A parameter, or every parameter of a module, received a gradient."""
    gf.testing.assert_gradient(mixed_flow(), name)


@pytest.mark.parametrize("name", ["zero.weight", "cut.weight", "frozen.weight", "unused", "nan.weight", "nan"])
def test_assert_gradient_fails(name):
    """Zero, nothing, NaN: the message holds the explanation of each offender."""
    flow = mixed_flow()
    offender = name if "." in name else f"{name}.weight"

    with pytest.raises(AssertionError) as failure:
        gf.testing.assert_gradient(flow, name)
    assert str(gf.explain(flow, offender)) in str(failure.value)


@pytest.mark.parametrize("name", ["cut.weight", "cut", "frozen", "unused.bias"])
def test_assert_no_gradient_passes(name):
    """Nothing arrived, for whatever reason."""
    gf.testing.assert_no_gradient(mixed_flow(), name)


@pytest.mark.parametrize("name", ["reached.weight", "zero.weight", "zero", "nan"])
def test_assert_no_gradient_fails(name):
    """A zero is a gradient."""
    flow = mixed_flow()
    offender = name if "." in name else f"{name}.weight"

    with pytest.raises(AssertionError) as failure:
        gf.testing.assert_no_gradient(flow, name)
    assert str(gf.explain(flow, offender)) in str(failure.value)


@pytest.mark.parametrize("check", ["assert_gradient", "assert_no_gradient"])
def test_assertions_about_nothing(check):
    """An unknown name, or a module without parameters, is a mistake in the test."""
    net = layers("a")
    net.act = nn.ReLU()
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    flow = t.flow(loss)

    for name in ("b", "a.wieght", "act"):
        with pytest.raises(gf.GradflowError):
            getattr(gf.testing, check)(flow, name)


def test_json_of_a_graph_and_a_flow():
    """A graph and a flow come back equal, and explain the same."""
    net = layers("a b")
    with gf.trace(net, x=torch.ones(2, 4)) as t:
        loss = F.relu(net.b(net.a(torch.ones(2, 4)).detach())).sum()
    flow = t.flow(loss)
    back = gf.from_json(gf.to_json(flow))

    assert t.graph == gf.from_json(gf.to_json(t.graph))
    assert flow == back
    assert gf.explain(flow, "a.weight") == gf.explain(back, "a.weight")


def test_frozen_objects():
    """Graphs and flows are values."""
    flow = mixed_flow()

    for thing, attribute in ((flow, "output"), (flow.graph, "ops"), (flow.graph.ops[0], "target")):
        with pytest.raises(AttributeError):
            setattr(thing, attribute, None)


def test_graph_keeps_no_tensor_alive():
    """A graph outlives its model."""
    flow = mixed_flow()

    assert all(ref() is None for ref in flow.graph.parameters.values())
    assert Reason.DETACHED is gf.explain(flow, "cut.weight").reason


def test_set_before_a_module_is_not_of_the_module():
    """`set_` is seen when its result is first used; it belongs to what runs around that module."""
    first, second = nn.Linear(2, 2), nn.Linear(2, 2)
    x, taken = torch.ones(2), torch.empty(0)
    with gf.trace(first=first, second=second, x=x) as t:
        h = first(x)
        with torch.no_grad():
            taken.set_(h)
        second(taken)

    assert ["first", "", "second"] == [op.module for op in t.graph.ops]


def test_set_inside_a_module_is_of_the_module():
    """Where a module calls `set_` on what it made itself, the op is its own."""

    class Inner(nn.Module):
        def forward(self, x):
            taken, h = torch.empty(0), x * 2
            with torch.no_grad():
                taken.set_(h)
            return taken * 3

    inner = Inner()
    x = torch.ones(2, requires_grad=True)
    with gf.trace(inner=inner, x=x) as t:
        inner(x)

    assert {"inner"} == {op.module for op in t.graph.ops}
    assert "set_" in {op.target for op in t.graph.ops}
