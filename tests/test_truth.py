"""The judge is judged: a wrong flow, a wrong explanation or a disturbance fails the comparison."""

from __future__ import annotations

import pytest
import torch
import truth
from truth import check, expected_cuts, given, layers, measured

import gradflow as gf
from gradflow import Arrival, Reason
from gradflow.flow import Flow
from gradflow.trace import Trace

REASONS = {"a.weight": Reason.DETACHED, "b.weight": Reason.RECEIVED}


def program():
    net, x = layers("a b"), torch.ones(5, 4)
    yield given(net)
    h = net.a(x).detach()  # cut: DETACHED detach
    yield net.b(h).sum()


def zero_program():
    net, x = layers("a b"), torch.ones(5, 4)
    yield given(net)
    h = net.a(x) * 0  # cut: ZERO mul
    yield net.b(h + x).sum()


def test_agreement_passes():
    """A right flow with a right explanation passes."""
    check(program, REASONS)
    check(zero_program, {"a.weight": Reason.ZERO})


LIES = {
    "reached though it is not": ("a.weight", Arrival("nonzero", 1.0, 1.0)),
    "zero though nothing came": ("a.weight", Arrival("zero", 0.0, 0.0)),
    "undefined though nothing was sent": ("a.weight", Arrival("undefined")),
    "a norm where nothing came": ("a.weight", Arrival("none", 0.0)),
    "nothing though it is reached": ("b.weight", Arrival("none")),
    "zero though it is reached": ("b.weight", Arrival("zero", 0.0, 0.0)),
    "a norm that is too large": ("b.bias", Arrival("nonzero", 10.001, 1.0)),
    "a support that is too small": ("b.bias", Arrival("nonzero", 10.0, 0.75)),
}


@pytest.mark.parametrize(("name", "lie"), LIES.values(), ids=LIES)
def test_wrong_flow_fails(monkeypatch, name, lie):
    """A flow that says something else about one parameter fails, and the message names the parameter."""
    at = Flow.at
    monkeypatch.setattr(Flow, "at", lambda flow, key: lie if key == name else at(flow, key))

    with pytest.raises(AssertionError, match=name):
        check(program, {})


def test_wrong_flow_of_backward_is_not_needed_to_fail(monkeypatch):
    """The gradients that `t.backward` leaves are compared bit for bit."""
    backward = Trace.backward

    def spoilt(trace, loss, **kw):
        flow = backward(trace, loss, **kw)
        for ref in flow.graph.parameters.values():
            if ref().grad is not None:
                ref().grad.mul_(1.0000001)
        return flow

    monkeypatch.setattr(Trace, "backward", spoilt)

    with pytest.raises(AssertionError, match=r"t\.backward left another b\.\w+\.grad"):
        check(program, {})


EXPLANATIONS = {
    "another reason": lambda e: e._replace(reason=Reason.NO_GRAD),
    "no cut": lambda e: e._replace(cuts=()),
    "a cut at another line": lambda e: e._replace(cuts=(e.cuts[0]._replace(source="tests/test_truth.py:1"),)),
    "a cut of another kind": lambda e: e._replace(cuts=(e.cuts[0]._replace(kind=Reason.NO_GRAD),)),
    "a cut by another name": lambda e: e._replace(cuts=(e.cuts[0]._replace(target="detach_"),)),
    "a cut with other code": lambda e: e._replace(cuts=(e.cuts[0]._replace(code="h = 1"),)),
    "a cut too many": lambda e: e._replace(cuts=(*e.cuts, e.cuts[0]._replace(op=99))),
    "a sentence without the line": lambda e: e._replace(sentence="It is cut.", advice=""),
}


@pytest.mark.parametrize("spoil", EXPLANATIONS.values(), ids=EXPLANATIONS)
def test_wrong_explanation_fails(monkeypatch, spoil):
    """An explanation with another reason, cut or sentence fails."""
    explain = gf.explain
    monkeypatch.setattr(gf, "explain", lambda f, name: spoil(explain(f, name)) if name[0] == "a" else explain(f, name))

    with pytest.raises(AssertionError, match=r"a\.weight"):
        check(program, REASONS)


def test_reason_that_contradicts_the_gradient_fails(monkeypatch):
    """A reason that cannot go with the gradient fails though nobody wrote down what is expected."""
    explain = gf.explain
    monkeypatch.setattr(gf, "explain", lambda f, name: explain(f, name)._replace(reason=Reason.RECEIVED, cuts=()))

    with pytest.raises(AssertionError, match=r"a\.weight"):
        check(program, {})


def leave_mode(trace, loss):
    mode = torch.overrides.BaseTorchFunctionMode()
    mode.__enter__()
    return mode


def touch_grad(trace, loss):
    for ref in trace.graph.parameters.values():
        if ref().grad is not None:
            ref().grad.add_(1)


def fill_grad(trace, loss):
    for ref in trace.graph.parameters.values():
        if ref().grad is None:
            ref().grad = torch.zeros_like(ref())


def leave_hook(trace, loss):
    for ref in trace.graph.parameters.values():
        ref().register_hook(lambda grad: None)


DISTURBANCES = {
    "a mode left behind": (leave_mode, "function modes"),
    "a gradient changed": (touch_grad, "flow changed"),
    "a gradient made": (fill_grad, "flow changed"),
    "a hook left behind": (leave_hook, "tensor hooks"),
    "random numbers drawn": (lambda trace, loss: torch.rand(1), "random state"),
    "a flag changed": (lambda trace, loss: torch.set_grad_enabled(False), "grad mode"),
    "a parameter frozen": (
        lambda trace, loss: [ref().requires_grad_(False) for ref in trace.graph.parameters.values()],
        "requires_grad",
    ),
    "a parameter written": (
        lambda trace, loss: (
            [ref().data.view(-1)[:1].add_(0) for ref in trace.graph.parameters.values()]
            and [torch._C._increment_version(ref()) for ref in trace.graph.parameters.values()]
        ),
        "versions",
    ),
}


@pytest.mark.parametrize(("disturb", "message"), DISTURBANCES.values(), ids=DISTURBANCES)
def test_disturbance_fails(monkeypatch, disturb, message):
    """A flow that leaves a trace behind fails."""
    flow, left = Trace.flow, []

    def disturbing(trace, loss, **kw):
        result = flow(trace, loss, **kw)
        if torch._C._len_torch_function_stack() == 0:  # after the block, once
            left.append(disturb(trace, loss))
        return result

    monkeypatch.setattr(Trace, "flow", disturbing)
    try:
        with pytest.raises(AssertionError, match=message):
            check(program, {})
    finally:
        torch.set_grad_enabled(True)
        if disturb is leave_mode:
            left[0].__exit__(None, None, None)


def test_patched_function_is_seen(monkeypatch):
    """A function of PyTorch that was replaced is among the surroundings."""
    before = truth.surroundings()["patched"]  # PyTorch's compiler replaces functions of its own accord
    monkeypatch.setattr(torch.nn.functional, "relu", torch.nn.functional.gelu)

    assert {"torch.nn.functional.relu"} == set(truth.surroundings()["patched"]) - set(before)


def test_gradients_are_measured():
    """Zero is decided by counting, sparse gradients by their dense shape, NaN counts as not zero."""
    sparse = torch.sparse_coo_tensor([[0, 0, 2]], [[1.0, 0.0], [2.0, 0.0], [0.0, 4.0]], (5, 2))

    assert truth.MISSING == measured(None)
    assert "zero" == measured(torch.zeros(3)).status
    assert ("nonzero", 5.0, 0.2) == (measured(sparse).status, measured(sparse).norm, measured(sparse).support)
    assert "nonzero" == measured(torch.tensor([1e-45])).status
    assert ("nonzero", False) == (measured(torch.tensor([0.0, float("nan")])).status, False)
    assert measured(torch.full((4,), 1e30)).finite


def test_marks_are_read_from_the_source():
    """The expected lines are those of the comments."""
    (cut,) = expected_cuts(program, "a.weight")

    assert ((Reason.DETACHED,), ("detach",)) == (cut.kinds, cut.targets)
    assert cut.places[0].startswith("tests/test_truth.py:") or "test_truth.py:" in cut.places[0]
    assert "h = net.a(x).detach()  # cut: DETACHED detach" == cut.code
