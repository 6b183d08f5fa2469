"""Snapshots, and what an optimizer step moved."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import gradflow as gf
from gradflow.errors import GradflowError
from gradflow.step import diff, snapshot
from gradflow.stepdiff import Change, StepDiff


def change(before, after):
    """The Change from one tensor to another."""
    return diff(snapshot(t=before), snapshot(t=after)).at("t")


def test_a_step_moves_what_it_moves():
    """What moved is what the optimizer held and had a gradient for, with the exact change."""
    model = nn.Sequential(nn.Linear(2, 1, bias=False), nn.Linear(1, 1, bias=False))
    before = snapshot(model)
    model(torch.ones(1, 2)).sum().backward()
    gradient = model[0].weight.grad.clone()
    torch.optim.SGD([model[0].weight], lr=0.5).step()
    step = diff(before, snapshot(model))

    assert ("0.weight",) == step.moved
    assert pytest.approx(0.5 * gradient.abs().max().item()) == step.at("0.weight").largest
    assert (2, 2) == step.at("0.weight")[1:]
    assert Change(0.0, 0, 1) == step.at("1.weight")


def test_buffers():
    """Buffers count too, whole numbers included."""
    model = nn.BatchNorm1d(2)
    before = snapshot(model)
    model(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    step = diff(before, snapshot(model))

    assert {"running_mean", "running_var", "num_batches_tracked"} == set(step.moved)
    assert Change(1.0, 1, 1) == step.at("num_batches_tracked")
    assert pytest.approx(0.4) == step.at("running_mean").largest


def test_keyword_prefix():
    """A module passed by keyword gives its names that prefix, and a tensor has the keyword as name."""
    w = torch.ones(1)
    step = diff(snapshot(G=nn.Linear(1, 1), w=w), snapshot(G=nn.Linear(1, 1), w=w))

    assert ("G.weight", "G.bias") == step.moved
    assert ["G.weight", "G.bias", "w"] == [name for name, _ in step.changes]


def test_shared_parameter():
    """A shared parameter answers to each of its names, is copied once and listed in one line."""
    model = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False), "b": nn.Linear(1, 1, bias=False)})
    model.b.weight = model.a.weight
    before = snapshot(model)
    with torch.no_grad():
        model.a.weight += 1
    step = diff(before, snapshot(model))

    assert "<Snapshot: 1 parameters and buffers>" == repr(before)
    assert ("a.weight", "b.weight") == step.moved
    assert step.at("a.weight") == step.at("b.weight")
    assert "name                 largest change  entries\na.weight = b.weight               1   1 of 1" == str(step)


def test_untied_in_between():
    """A parameter that was shared before and is not after is two."""
    model = nn.ModuleDict({"a": nn.Linear(1, 1, bias=False), "b": nn.Linear(1, 1, bias=False)})
    model.b.weight = model.a.weight
    before = snapshot(model)
    model.b.weight = nn.Parameter(model.a.weight.detach() + 2)

    assert ("b.weight",) == diff(before, snapshot(model)).moved


def test_copies():
    """A snapshot does not follow the model, and the model does not follow it."""
    layer = nn.Linear(1, 1)
    before = snapshot(layer)
    with torch.no_grad():
        layer.weight.fill_(7)

    assert 7 != before.tensors["weight"].item()
    assert not before.tensors["weight"].requires_grad


def test_random_state():
    """A snapshot draws no random number."""
    layer, state = nn.Linear(3, 3), torch.get_rng_state()
    diff(snapshot(layer), snapshot(layer))

    assert torch.equal(state, torch.get_rng_state())


def test_inside_a_trace():
    """A trace does not record the copying, and a backward pass after it is undisturbed."""
    layer, x = nn.Linear(2, 1), torch.ones(1, 2)
    with gf.trace(layer, x=x) as t:
        before = snapshot(layer)
        loss = layer(x).sum()
        assert () == diff(before, snapshot(layer)).moved

    assert ["linear", "sum"] == [op.target for op in t.graph.ops]
    loss.backward()
    assert torch.equal(x, layer.weight.grad)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1.0, math.nan], [1.0, math.nan], Change(0.0, 0, 2)),
        ([1.0, 2.0], [4.0, 2.0], Change(3.0, 1, 2)),
        ([math.inf, -math.inf], [math.inf, -math.inf], Change(0.0, 0, 2)),
        ([math.inf], [1.0], Change(math.inf, 1, 1)),
        ([0.0], [-0.0], Change(0.0, 0, 1)),
        ([], [], Change(0.0, 0, 0)),
        ([True, False], [True, True], Change(1.0, 1, 2)),
        ([3, 2**60], [3, 2**60 + 1], Change(1.0, 1, 2)),
        ([1 + 1j, 2j], [1 + 1j, 3 - 2j], Change(5.0, 1, 2)),
    ],
)
def test_change(before, after, expected):
    """A change counts entries that differ; NaN that stays NaN does not, and neither does a sign of zero."""
    assert expected == change(torch.tensor(before), torch.tensor(after))


@pytest.mark.parametrize("gone", [[1.0, math.nan], [math.nan, 5.0]])
def test_change_to_or_from_nan(gone):
    """Where a number becomes NaN, or NaN a number, the largest change is NaN."""
    found = change(torch.tensor([1.0, 5.0]), torch.tensor(gone))

    assert math.isnan(found.largest)
    assert (1, 2) == found[1:]
    assert math.isnan(change(torch.tensor(gone), torch.tensor([1.0, 5.0])).largest)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.uint8, torch.complex64])
def test_dtypes(dtype):
    """The change is exact in each dtype."""
    assert Change(2.0, 3, 4) == change(torch.tensor([0, 0, 0, 1]).to(dtype), torch.tensor([1, 1, 2, 1]).to(dtype))


def test_sparse():
    """A sparse tensor changes like a dense one."""
    before = torch.tensor([0.0, 1.0]).to_sparse()

    assert Change(1.0, 1, 2) == change(before, before * 2)


def test_text():
    """The text is a table of what moved, with a last line that counts what did not."""
    model = nn.ModuleDict({"encoder": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
    before = snapshot(model)
    with torch.no_grad():
        model.encoder.weight[0, 0] += 0.5
        model.head.bias -= 0.125

    assert """\
name            largest change  entries
encoder.weight             0.5   1 of 4
head.bias                0.125   1 of 1
2 of 4 did not move: encoder.bias and head.weight""" == str(diff(before, snapshot(model)))


def test_text_of_nothing():
    """Nothing moved, and nothing there, can be said as well."""
    layer = nn.Linear(1, 1)

    assert "2 of 2 did not move: weight and bias" == str(diff(snapshot(layer), snapshot(layer)))
    assert "no parameters or buffers" == str(StepDiff(()))


def test_text_of_hostile_names():
    """A name cannot break out of its line."""
    assert 2 == len(str(StepDiff((("a\nb", Change(1.0, 1, 1)),))).splitlines())


def test_plain_data():
    """A StepDiff holds no tensors: it can be compared and hashed."""
    layer = nn.Linear(1, 1)
    one, other = (diff(snapshot(layer), snapshot(layer)) for _ in range(2))

    assert one == other
    assert hash(one) == hash(other)


def test_unknown_name():
    """Asking for a name that is not there offers the nearest."""
    layer = nn.Linear(1, 1)
    with pytest.raises(GradflowError, match=r"unknown name 'wieght'\. Did you mean 'weight'\?"):
        diff(snapshot(layer), snapshot(layer)).at("wieght")


def test_collision():
    """Two modules with a name in common are an error that shows the keyword form."""
    with pytest.raises(GradflowError, match=r"named 'weight'.*gf\.snapshot\(first=\.\.\., second=\.\.\.\)"):
        snapshot(nn.Linear(1, 1), nn.Linear(1, 1))


def test_one_module_twice():
    """One module twice is the same as once, as in a trace."""
    layer = nn.Linear(1, 1)

    assert ["weight", "bias"] == list(snapshot(layer, layer).tensors)


@pytest.mark.parametrize("wrong", [[nn.Linear(1, 1)], torch.ones(1), None, {"a": 1}])
def test_not_a_module(wrong):
    """What is not a module is an error that says what to pass."""
    with pytest.raises(GradflowError, match=r"which is not a module\. Pass the modules themselves"):
        snapshot(wrong)


def test_lazy_module():
    """A lazy module that has not run has nothing to copy."""
    with pytest.raises(GradflowError, match="'weight' has no values yet"):
        snapshot(nn.LazyLinear(2))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (nn.Linear(2, 1), nn.Linear(3, 1), r"'weight' is f32\[1, 2\] before and f32\[1, 3\] after"),
        (nn.Linear(2, 1), nn.Linear(2, 1, bias=False), r"'bias' is f32\[1\] before and absent after"),
        (nn.Linear(2, 1), nn.Linear(2, 1).double(), r"'weight' is f32\[1, 2\] before and f64\[1, 2\] after"),
    ],
)
def test_different_modules(before, after, message):
    """Snapshots of different names, shapes or dtypes cannot be compared."""
    with pytest.raises(GradflowError, match=message):
        diff(snapshot(before), snapshot(after))


def test_not_a_snapshot():
    """Comparing modules themselves is an error that shows how to take snapshots."""
    with pytest.raises(GradflowError, match=r"takes two snapshots, but got Linear\. Take them by gf\.snapshot"):
        diff(nn.Linear(1, 1), nn.Linear(1, 1))
