"""What a sentence claims is so: programs whose first explanation was right in kind, but false in words."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import gradflow as gf
from gradflow import GradflowError, Reason

X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))


def explained(model, loss_fn, name, **kwargs):
    with gf.trace(model) as t:
        loss = loss_fn()
    return gf.explain(t.flow(loss, **kwargs), name)


@pytest.mark.parametrize(
    "back",
    [
        lambda y: torch.tensor(y.tolist(), requires_grad=True),
        lambda y: torch.tensor(y.sum().item(), requires_grad=True),
        lambda y: torch.full((3,), y.sum().item(), requires_grad=True),
        lambda y: torch.tensor(y.detach().numpy(), requires_grad=True),
        lambda y: nn.Parameter(torch.tensor(y.tolist())),
    ],
)
def test_number_that_comes_back_as_a_leaf(back):
    """A number may come back as a tensor that requires grad, and is recognised all the same."""
    model = nn.Linear(4, 1)
    e = explained(model, lambda: back(model(X)).sum(), "weight")

    assert Reason.LEFT_PYTORCH is e.reason
    assert "left PyTorch" in str(e) and "may" not in str(e)


@pytest.mark.parametrize(
    ("cut", "target"), [(lambda h: h.data, "data"), (lambda h: h.detach(), "detach")], ids=["data", "detach"]
)
def test_parameter_made_of_a_cut_names_both(cut, target):
    """In `nn.Parameter(h.data)` both are cuts: healing one leaves the other."""
    model = nn.Linear(4, 1)
    e = explained(model, lambda: nn.Parameter(cut(model(X))).sum(), "weight")

    assert [target, "Parameter"] == [c.target for c in e.cuts]


def test_checks_inside_pytorch_are_no_branches():
    """What PyTorch checks for itself is not a branch of the reader's program."""
    pi, v = nn.Linear(4, 3), nn.Linear(4, 1)
    with gf.trace(pi=pi, v=v) as t:
        torch.distributions.Categorical(logits=pi(X))
        loss = v(X).sum()

    assert Reason.NOT_CONNECTED is gf.explain(t.flow(loss), "pi.weight").reason


def test_assertion_is_no_branch():
    """Nor does an assertion choose between two ways."""
    a, b = nn.Linear(4, 3), nn.Linear(4, 1)
    with gf.trace(a=a, b=b) as t:
        h = a(X)
        assert torch.isfinite(h).all()
        loss = b(X).sum()

    assert Reason.NOT_CONNECTED is gf.explain(t.flow(loss), "a.weight").reason


def test_gradient_that_does_not_depend_on_a_parameter():
    """A last bias has no part in the gradient of its input: that is no fault to cure by create_graph."""
    model, x = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)), X.clone().requires_grad_()

    def penalty():
        (g,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        return (g.norm(2, 1) - 1).pow(2).mean()

    e = explained(model, penalty, "2.bias")

    assert "does not depend on it" in str(e)
    assert "create_graph" not in str(e).split("`")[-1]


@pytest.mark.parametrize(("factor", "reason"), [(0.0, Reason.ZERO), (float("nan"), Reason.NONFINITE)])
def test_hook_that_was_there_before(factor, reason):
    """With one use nothing can cancel: it was a hook, also where the trace did not see it registered."""
    model = nn.Linear(4, 2)
    model.weight.register_hook(lambda g: g * factor)
    e = explained(model, lambda: model(X).sum(), "weight")

    assert reason is e.reason
    assert "hook" in str(e) and "cancel" not in str(e)


def test_gradient_of_zeros_is_named():
    """A pass that starts with zeros brings zeros, and no op is to blame."""
    model = nn.Linear(4, 2)
    e = explained(model, lambda: model(X), "weight", gradient=torch.zeros(5, 2))

    assert Reason.ZERO is e.reason
    assert "gradient=" in str(e) and "hook" not in str(e)


@pytest.mark.parametrize(("zero", "slope"), [(lambda h: (h - 100).relu(), True), (lambda h: h * 0, False)])
def test_slope_is_blamed_where_there_is_one(zero, slope):
    """`relu` has a flat side; `* 0` has none."""
    model = nn.Linear(4, 2)
    e = explained(model, lambda: zero(model(X)).sum(), "weight")

    assert slope == ("slope" in e.advice)


def test_parameter_that_something_else_moved():
    """What no optimizer holds was moved by something else, and no sentence says that nothing moves it."""
    model = nn.Linear(4, 2)
    before = gf.snapshot(model)
    with gf.trace(model) as t:
        loss = model(X).sum()
    flow = t.flow(loss)
    with torch.no_grad():
        model.weight.add_(1)
    e = gf.explain(flow, "weight", optimizer=set(), step=gf.diff(before, gf.snapshot(model)))

    assert "something other than the optimizer" in str(e)
    assert "no step moves it" not in str(e)


def test_other_name_of_a_shared_parameter_is_the_one_in_the_sentence():
    """The sentence begins with the name that was asked for."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    e = explained(model, lambda: model(X).sum(), "1.weight")

    assert str(e).startswith("1.weight (= 0.weight) received")


def test_meta_device_is_refused_before_anything_runs():
    """On the meta device there are no numbers: an error, and `.grad` is untouched."""
    model = nn.Linear(4, 2, device="meta")
    with gf.trace(model) as t:
        loss = model(X.to("meta")).sum()

    with pytest.raises(GradflowError, match="meta"):
        t.backward(loss)
    assert model.weight.grad is None


def test_ragged_tensors():
    """Nested tensors of ragged shape are observed, and the flow can be kept."""
    model = nn.Linear(4, 3)
    with gf.trace(model) as t:
        ragged = torch.nested.nested_tensor([X[:2], X[2:]], layout=torch.jagged)
        loss = model(ragged).values().sum()
    flow = t.flow(loss)
    loss.backward()

    assert flow == gf.from_json(gf.to_json(flow))
    assert flow.at("weight").norm == pytest.approx(float(model.weight.grad.norm()))


def test_watched_parameters():
    """Under `register_multi_grad_hook` PyTorch allows only real backward passes, and the error says so."""
    model = nn.Linear(4, 1)
    torch.autograd.graph.register_multi_grad_hook(tuple(model.parameters()), lambda grads: None)
    with gf.trace(model) as t:
        loss = model(X).sum()

    with pytest.raises(GradflowError, match=r"t\.backward"):
        t.flow(loss)
    assert "nonzero" == t.backward(loss).at("weight").status


def test_step_that_is_none():
    """`step=` takes what `gf.diff` gives."""
    model = nn.Linear(4, 1)
    with gf.trace(model) as t:
        loss = model(X).sum()

    with pytest.raises(GradflowError, match=r"gf\.diff"):
        gf.explain(t.flow(loss), "weight", step=3)
