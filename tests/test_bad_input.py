"""Bad input: the error says what was given, what was expected and what to do; everything is left clean."""

from __future__ import annotations

import gc
import threading

import pytest
import torch
from torch import nn
from truth import layers, surroundings

import gradflow as gf
from gradflow import GradflowError, Reason


@pytest.fixture(autouse=True)
def clean():
    """Whatever happened, nothing is left switched on."""
    before = surroundings()
    yield
    assert before == surroundings()


def traced(net=None):
    net = net or layers("a b")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()
    return net, t, loss


# -- names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["at", "explain", "inputs"])
def test_unknown_name(ask):
    """The nearest names are offered."""
    _, t, loss = traced()
    flow = t.flow(loss)

    with pytest.raises(GradflowError, match=r"a\.wieght.*a\.weight"):
        if ask == "at":
            flow.at("a.wieght")
        elif ask == "explain":
            gf.explain(flow, "a.wieght")
        else:
            t.flow(loss, inputs=["a.wieght"])


@pytest.mark.parametrize("name", [None, 1.5, b"a.weight", ("a", "weight")])
def test_name_that_is_no_string(name):
    """A name is a string."""
    _, t, loss = traced()
    flow = t.flow(loss)

    with pytest.raises(GradflowError):
        gf.explain(flow, name)
    with pytest.raises(GradflowError):
        flow.at(name)


def test_two_modules_with_a_name_in_common():
    """The message names it and shows the keyword form."""
    with pytest.raises(GradflowError, match=r"(?s)a\.(weight|bias).*gf\.trace\(\w+=\w+, \w+=\w+\)"):
        gf.trace(layers("a"), layers("a"))


def test_keyword_that_collides_with_a_parameter():
    """A keyword tensor may not have the name of a parameter."""
    with pytest.raises(GradflowError, match="scale"):
        gf.trace(nn.ParameterDict({"scale": torch.ones(1)}), scale=torch.ones(1))


def test_name_that_is_taken():
    """`t.name` may not give one name to two values, nor the name of a parameter to another value."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h, g = w * 2, w * 3
        t.name(h=h)
        with pytest.raises(GradflowError, match="'h'"):
            t.name(h=g)
        with pytest.raises(GradflowError, match="'w'"):
            t.name(w=g)


def test_names_that_come_too_late():
    """After the graph was asked for, names are fixed."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 2
    assert 1 == len(t.graph.ops)

    with pytest.raises(GradflowError, match=r"before|earlier"):
        t.name(h=h)


HOSTILE = [
    "it's",
    'say "hi"',
    "two\nlines",
    "tab\tand\x1b[31m red",
    "</script><script>alert(1)</script>",
    "<b>&amp;",
    "\u202eevil",
    "שלום",
    "🦊🔥",
    "%s {0} {name}",
    "a" * 500,
    "\ud800",
    " ",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(name):
    """Names with quotes, markup, control characters, right-to-left marks and emoji are names like others."""
    net = nn.ParameterDict()
    net._parameters[name] = nn.Parameter(torch.ones(3))
    with gf.trace(net, **{f"x {name}": torch.ones(3)}) as t:
        h = net._parameters[name] * 2
        loss = h.detach().sum()
    t.name(**{f"loss {name}": loss})
    flow = t.flow(loss)
    e = gf.explain(flow, name)

    assert "none" == flow.at(name).status
    assert Reason.DETACHED is e.reason
    assert name == e.name
    assert "\n" not in str(e)
    assert "\x1b" not in str(e)
    assert "\u202e" not in str(e)
    with pytest.raises(GradflowError) as error:
        flow.at(name + "?")
    assert "\x1b" not in str(error.value)


def test_hostile_module_names():
    """So are the names of modules."""
    net = nn.Module()
    for name in HOSTILE:
        net.add_module(name.replace(".", ""), nn.Linear(4, 4))
    with gf.trace(net) as t:
        x = torch.ones(2, 4)
        for child in net.children():
            x = child(x)
        loss = x.sum()
    flow = t.flow(loss)

    assert {"nonzero"} == {flow.at(name).status for name, _ in net.named_parameters()}


# -- losses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [None, 1.0, "loss", [torch.ones(1)], {"loss": torch.ones(1)}])
@pytest.mark.parametrize("verb", ["flow", "backward"])
def test_loss_that_is_no_tensor(verb, loss):
    """The message says what was given."""
    _, t, _ = traced()

    with pytest.raises(GradflowError, match="tensor"):
        getattr(t, verb)(loss)


@pytest.mark.parametrize("verb", ["flow", "backward"])
def test_loss_of_another_trace(verb):
    """A loss that was computed elsewhere is no value of this trace."""
    _, t, _ = traced()
    net = layers("a")
    with gf.trace(net):
        other = net(torch.ones(2, 4)).sum()
    outside = layers("a")(torch.ones(2, 4)).sum()

    for loss in (other, outside, torch.ones(())):
        with pytest.raises(GradflowError, match="trace"):
            getattr(t, verb)(loss)


@pytest.mark.parametrize("verb", ["flow", "backward"])
@pytest.mark.parametrize("free", ["backward", "t.backward"])
def test_freed_loss(verb, free):
    """After a backward that freed the graph, the message says how to keep it; `.grad` is as it was."""
    net = layers("a b")
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).pow(2).sum()
    if free == "backward":
        loss.backward()
    else:
        t.backward(loss)
    before = {name: p.grad.clone() for name, p in net.named_parameters()}

    with pytest.raises(GradflowError, match="retain_graph=True"):
        getattr(t, verb)(loss)
    assert all(torch.equal(before[name], p.grad) for name, p in net.named_parameters())


@pytest.mark.parametrize("verb", ["flow", "backward"])
def test_loss_of_many_entries_without_a_gradient(verb):
    """The message says the shape, and what to pass."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        y = w * 2

    with pytest.raises(GradflowError, match=r"(?s)\(?3,?.*gradient"):
        getattr(t, verb)(y)
    assert w.grad is None


@pytest.mark.parametrize("gradient", [torch.ones(2), torch.ones(3, 1), 1.0, "ones"], ids=["2", "3x1", "1.0", "text"])
def test_gradient_of_another_shape(gradient):
    """So does the one for a gradient that does not fit."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        y = w * 2

    with pytest.raises(GradflowError, match="gradient"):
        t.flow(y, gradient=gradient)


def test_inputs_that_are_nothing():
    """Empty inputs, inputs of another trace, inputs that do not require grad."""
    _, t, loss = traced()

    for inputs in ([], [torch.ones(3)], [torch.ones(3, requires_grad=True)], [None], [1]):
        with pytest.raises(GradflowError):
            t.flow(loss, inputs=inputs)


def test_flow_after_an_inplace_error():
    """PyTorch's own error about a changed tensor reaches the reader, and `.grad` is as it was."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w.exp()
        loss = (h * h).sum()
        h.add_(1)

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        t.flow(loss)
    assert w.grad is None
    assert gc.isenabled()


# -- traces ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [torch.ones(3), 3, "net", None, [nn.Linear(2, 2)], nn.Linear], ids=repr)
def test_positional_argument_that_is_no_module(thing):
    """Only modules go by position; the message shows how to pass a tensor."""
    with pytest.raises(GradflowError, match=r"gf\.trace"):
        gf.trace(thing)


def test_keyword_argument_of_an_unknown_kind():
    """By keyword go tensors, modules, dicts and lists."""
    with pytest.raises(GradflowError, match="x"):
        gf.trace(x=object())


def test_module_that_has_no_shape_yet():
    """A lazy module that is made in the block is right, or refused with a word on what to do."""
    net = nn.Sequential(nn.LazyLinear(4))
    try:
        t = gf.trace(net)
    except GradflowError as error:
        assert "lazy" in str(error).lower() or "uninitialized" in str(error).lower()
        return
    with t:
        loss = net(torch.ones(2, 4)).sum()

    assert "nonzero" == t.flow(loss).at("0.weight").status


def test_flow_before_the_block():
    """There is no loss before the block."""
    t = gf.trace(layers("a"))

    with pytest.raises(GradflowError):
        t.flow(torch.ones((), requires_grad=True))


def test_trace_used_twice():
    """A trace records one block."""
    t = gf.trace(layers("a"))
    with t:
        pass

    with pytest.raises(GradflowError, match=r"gf\.trace"):
        t.__enter__()


def test_nested_traces():
    """A trace within a trace is refused, and the outer one goes on."""
    net = layers("a b")
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))
        with pytest.raises(GradflowError, match="already"), gf.trace(net):
            pass
        loss = net.b(h).sum()

    assert "nonzero" == t.flow(loss).at("a.weight").status


def test_trace_after_a_nested_one():
    """After a refused trace the next one works."""
    net = layers("a")
    with gf.trace(net), pytest.raises(GradflowError), gf.trace(net):
        pass
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 4)).sum()

    assert "nonzero" == t.flow(loss).at("a.weight").status


class Mistake(Exception):
    """The reader's own error."""


def test_exception_in_the_block():
    """The reader's exception arrives as the same object, with no context of ours; the trace can still be read."""
    net, mistake = layers("a"), Mistake("mine")
    before = surroundings()

    with pytest.raises(Mistake) as caught, gf.trace(net) as t:
        net(torch.ones(2, 4))
        raise mistake
    assert mistake is caught.value
    assert mistake.__context__ is None
    assert mistake.__cause__ is None
    assert before == surroundings()
    assert ["linear"] == [op.target for op in t.graph.ops]


def test_exception_in_a_module():
    """So does one from within a module's forward, and the module's place is forgotten."""
    net = layers("a")
    net.bad = nn.Module()

    def forward(x):
        raise mistake

    net.bad.forward, mistake = forward, Mistake("mine")
    with gf.trace(net=net) as t:
        with pytest.raises(Mistake) as caught:
            net(torch.ones(2, 4))
        assert mistake is caught.value
        assert mistake.__context__ is None
        torch.ones(2, 4).sin()

    assert ["net.a", ""] == [op.module for op in t.graph.ops if op.target in ("linear", "sin")]


def test_exception_in_a_pytorch_function():
    """So does one of PyTorch's: same type, same words as without a trace."""
    with pytest.raises(RuntimeError) as plain:
        torch.ones(2, 3) @ torch.ones(2, 3)
    with pytest.raises(RuntimeError) as caught, gf.trace():
        torch.ones(2, 3) @ torch.ones(2, 3)

    assert type(plain.value) is type(caught.value)
    assert str(plain.value) == str(caught.value)
    assert caught.value.__context__ is None


def test_exception_in_a_hook_during_a_flow():
    """An exception in the reader's hook reaches the reader, and everything is as it was."""
    net, mistake = layers("a"), Mistake("mine")
    net.a.bias.grad = torch.ones(4)
    kept = net.a.bias.grad
    with gf.trace(net) as t:
        h = net.a(torch.ones(2, 4))

        def hook(grad):
            raise mistake

        h.register_hook(hook)
        loss = h.sum()
    before = surroundings()

    for verb in (t.flow, t.backward):
        with pytest.raises(Mistake) as caught:
            verb(loss)
        assert mistake is caught.value
        assert before == surroundings()
        assert kept is net.a.bias.grad
        assert [1.0] * 4 == kept.tolist()
        assert net.a.weight.grad is None


def test_exception_in_a_flow_within_the_block():
    """After a refused flow the block goes on recording."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        with pytest.raises(GradflowError):
            t.flow("loss")
        loss = (w * 2).sum()

    assert ["mul", "sum"] == [op.target for op in t.graph.ops]
    assert "nonzero" == t.flow(loss).at("w").status


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interrupt_in_the_block(error):
    """An interrupt leaves nothing switched on either."""
    before = surroundings()

    with pytest.raises(error), gf.trace(layers("a")):
        raise error
    assert before == surroundings()


# -- threads -----------------------------------------------------------------------------------------------


def test_two_threads_that_trace():
    """Two threads trace at once, and both are right."""
    together = threading.Barrier(2, timeout=30)
    results = {}

    def work(name, cut):
        net = layers(name)
        with gf.trace(net) as t:
            total = torch.zeros(())
            for _ in range(30):
                together.wait()
                h = net(torch.ones(2, 4))
                total = total + (h.detach() if cut else h).sum()
        together.wait()
        flow = t.flow(total)
        results[name] = (
            flow.at(f"{name}.weight"),
            gf.explain(flow, f"{name}.weight").reason,
            len(t.graph.ops),
            net,
            total,
        )

    threads = [threading.Thread(target=work, args=(name, name == "cut")) for name in ("cut", "open")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {"cut", "open"} == set(results)
    *opened, net, total = results["open"]
    total.backward()
    assert ["nonzero", Reason.RECEIVED] == [opened[0].status, opened[1]]
    assert net.open.weight.grad.norm().item() == pytest.approx(opened[0].norm)
    assert ["none", Reason.DETACHED] == [results["cut"][0].status, results["cut"][1]]
    assert 30 * 3 == opened[2]
    assert 30 * 4 == results["cut"][2]


def test_thread_that_does_not_trace():
    """What another thread computes meanwhile is not recorded, and not disturbed."""
    go, done = threading.Event(), threading.Event()
    result = []

    def work():
        go.wait(30)
        w = torch.ones(3, requires_grad=True)
        (nn.Linear(3, 3)(w).sum() * 2).backward()
        result.append(w.grad)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    net = layers("a")
    with gf.trace(net) as t:
        h = net(torch.ones(2, 4))
        go.set()
        assert done.wait(30)
        loss = h.sum()
    thread.join()

    assert ["linear", "sum"] == [op.target for op in t.graph.ops]
    assert {"a.weight", "a.bias"} == {value.name for value in t.graph.values if value.kind == "parameter"}
    assert "nonzero" == t.flow(loss).at("a.weight").status
    assert result[0] is not None


def test_flow_in_another_thread():
    """A flow may be asked for from another thread."""
    _, t, loss = traced()
    result = []
    thread = threading.Thread(target=lambda: result.append(t.flow(loss)))
    thread.start()
    thread.join()

    assert t.flow(loss) == result[0]
