"""The playground: what it shows is what PyTorch does with the same changes, and the model is left as it was."""

from __future__ import annotations

import copy
import inspect
import random
import subprocess
import sys
from collections import OrderedDict
from dataclasses import dataclass

import numpy
import pytest
import torch
import torch.nn.functional as F
import zoo
from torch import nn
from torch.nn.modules import module as nn_module
from torch.utils._pytree import tree_map
from torch.utils.checkpoint import checkpoint
from truth import random_states, same

import gradflow as gf
from gradflow.live import Changes

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")


# -- what must be as it was ----------------------------------------------------------------------------------


def tensors_of(model):
    return dict((*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)))


def facts(model):
    """All that a run could leave behind, in a form that can be compared."""
    return {
        "objects": {name: id(tensor) for name, tensor in tensors_of(model).items()},
        "flags": {name: (t.requires_grad, t.is_leaf, t._backward_hooks) for name, t in tensors_of(model).items()},
        "grads": {name: id(t.grad) if t.grad is not None else None for name, t in model.named_parameters()},
        "memory": {name: t.data_ptr() for name, t in tensors_of(model).items()},
        "hooks": {path: [len(getattr(m, kind)) for kind in HOOKS] for path, m in model.named_modules()},
        "modes": {path: m.training for path, m in model.named_modules()},
        "global hooks": (len(nn_module._global_forward_hooks), len(nn_module._global_forward_pre_hooks)),
        "grad mode": torch.is_grad_enabled(),
        "random": random_states(),
    }


def numbers(model):
    grads = {f"{name}.grad": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {name: tensor.detach().clone() for name, tensor in (tensors_of(model) | grads).items()}


class Kept:
    """A model as it is now; `check` fails if anything of it is different later."""

    def __init__(self, model):
        self.model, self.facts, self.numbers = model, facts(model), numbers(model)

    def check(self):
        assert self.facts == facts(self.model)
        now = numbers(self.model)
        assert list(self.numbers) == list(now)
        assert [] == [name for name, tensor in self.numbers.items() if not same(tensor, now[name])]


# -- the same by hand ----------------------------------------------------------------------------------------


def by_hand(model, inputs, loss, changes):
    """Which parameters have a `.grad` and which move, in a copy of the model that was really changed."""
    model = copy.deepcopy(model)
    parameters = dict(model.named_parameters())
    for parameter in parameters.values():
        parameter.grad = None
    for path in changes.cut:

        def detach(module, args, out):
            return tree_map(lambda t: t.detach() if torch.is_tensor(t) else t, out)

        model.get_submodule(path).register_forward_hook(detach)
    for name in changes.frozen:
        parameters[name].requires_grad_(False)
    value = loss(model(*inputs))
    if value.requires_grad:
        value.backward(inputs=None if changes.asked is None else [parameters[name] for name in changes.asked])
    before = {name: p.detach().clone() for name, p in parameters.items()}
    held = list(parameters) if changes.held is None else changes.held
    if held:
        torch.optim.SGD([parameters[name] for name in held], lr=0.1).step()
    return (
        [name for name, p in parameters.items() if p.grad is not None],
        [name for name, p in parameters.items() if not same(before[name], p)],
    )


@dataclass
class Caught(Exception):
    """A model of the zoo on its way into a trace."""

    model: nn.Module
    inputs: tuple
    loss: object


def caught(name, monkeypatch):
    """Model, inputs and loss of a family of the zoo, on their way into `zoo.run`."""

    def run(model, *inputs, target=None, **named):
        raise Caught(model, inputs, torch.mean if target is None else lambda out: F.mse_loss(out, target))

    def language_model(model):
        ids = torch.randint(11, (2, 6))

        def entropy(logits):
            return F.cross_entropy(logits.reshape(-1, 11), ids.reshape(-1))

        raise Caught(model, (ids,), entropy)

    monkeypatch.setattr(zoo, "run", run)
    monkeypatch.setattr(zoo, "language_model", language_model)
    torch.manual_seed(0)
    with pytest.raises(Caught) as found:
        getattr(zoo, name)()
    return found.value


def some(chance, names, least=0):
    names = list(names)
    return tuple(chance.sample(names, chance.randint(min(least, len(names)), len(names)))) if names else ()


def random_changes(chance, model):
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    everything = [name for name, _ in model.named_parameters()]
    modules = [path for path, m in model.named_modules() if path and not isinstance(m, nn.ModuleList)]
    frozen = chance.choice([(), some(chance, trained)])
    asked = [name for name in trained if name not in frozen]
    return Changes(
        cut=tuple(chance.sample(modules, min(len(modules), chance.choice([0, 1, 1, 2])))),
        frozen=frozen,
        asked=chance.choice([None, some(chance, asked, least=1) or None]),
        held=chance.choice([None, some(chance, everything)]),
    )


def _caught_by(name):
    source = inspect.getsource(getattr(zoo, name))
    return "return run(" in source or "return language_model(" in source


PLAYED = [name for name in sorted(zoo.ZOO) if _caught_by(name) and name != "gpt2_deep"]


@pytest.mark.parametrize("name", PLAYED)
def test_agrees_with_the_same_changes_made_by_hand(name, monkeypatch):
    """Reached is `.grad is not None` and moved is another number, in plain PyTorch; the model stays bit for bit."""
    program = caught(name, monkeypatch)
    chance, model = random.Random(name), program.model
    for parameter in some(chance, model.parameters()):
        parameter.grad = torch.ones_like(parameter)
    state, kept = torch.get_rng_state(), Kept(model)
    with gf.playground(model, *program.inputs, loss=program.loss) as p:
        for _ in range(5 if len(kept.numbers) < 60 else 2):
            changes = random_changes(chance, model)
            p.change(**changes._asdict())
            kept.check()
            torch.set_rng_state(state)
            expected = by_hand(model, program.inputs, program.loss, changes)
            torch.set_rng_state(state)

            names = [parameter for parameter, _ in model.named_parameters()]
            moved = [parameter for parameter in names if parameter in p.step.moved]
            assert expected == ([name for name in names if p.flow.at(name).arrived], moved), changes
    kept.check()


def test_enough_of_the_zoo_is_played_with():
    """The list above has not become short by accident."""
    assert 15 <= len(PLAYED)


# -- nothing is left behind ----------------------------------------------------------------------------------


class Unruly(nn.Module):
    """Changes all that a forward pass can change of its own module."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5)), nn.Linear(3, 1)
        self.register_buffer("bound", torch.zeros(3))
        self.register_buffer("history", torch.zeros(5, 3))
        self.memory, self.seen, self.calls, self.fails = torch.zeros(2), [], 0, False

    def forward(self, x):
        x += random.random() + numpy.random.rand() + torch.rand(())
        self.calls += 1
        self.seen.append(self.calls)
        self.memory += 1
        self.bound = self.bound + 1
        self.head.register_forward_hook(lambda module, args, out: None)
        self.head.bias.register_hook(lambda gradient: gradient)
        with torch.no_grad():
            self.head.weight.neg_()
        h = self.body(x)
        self.history.copy_(h)
        self.body[0].weight.data = self.body[0].weight.data.clone()
        self.head.weight.grad = torch.zeros(1, 3)
        self.body[1].weight.grad.zero_()
        self.head.eval()
        self.head.new = nn.Parameter(torch.ones(1))
        out = self.head(h)
        self.body[0].bias.requires_grad_(False)
        if self.fails:
            torch.set_grad_enabled(False)
            raise KeyError("unruly")
        return out


def unruly():
    model, x = Unruly(), torch.randn(5, 3)
    for parameter in model.parameters():
        parameter.grad = torch.rand_like(parameter)
    with torch.no_grad():
        model.head.bias.fill_(-0.0)  # equal to 0, but other bits
    return model, x


def test_an_unruly_model_is_as_it_was():
    """Numbers, objects, memory, flags, hooks, modes, attributes, inputs and random states, after every run."""
    model, x = unruly()
    kept, before = Kept(model), x.clone()
    with gf.playground(model, x, loss=torch.sum) as p:
        kept.check()
        p.cut(["body"])
        kept.check()
        p.hold("head")
    kept.check()
    assert (0, [], [0.0, 0.0]) == (model.calls, model.seen, model.memory.tolist())
    assert same(before, x)
    assert "new" not in dict(model.head.named_parameters())


def test_an_unruly_model_is_as_it_was_after_an_error():
    """The error is the model's own; the last run stays."""
    model, x = unruly()
    p = gf.playground(model, x, loss=torch.sum)
    flow, changes = p.flow, p.changes
    model.fails = True
    kept = Kept(model)
    with pytest.raises(KeyError, match="unruly"):
        p.cut(["body"])
    kept.check()
    assert (flow, changes) == (p.flow, p.changes)
    with pytest.raises(KeyError, match="unruly"):
        gf.playground(model, x, loss=torch.sum)
    kept.check()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_error_of_a_loss_or_an_optimizer_leaves_nothing(error):
    """Also one that is not an Exception, and also from inside the step."""
    model, x = unruly()
    kept = Kept(model)

    def fail(thing):
        raise error

    for arguments in ({"loss": fail}, {"loss": torch.sum, "optimizer": fail}):
        with pytest.raises(error):
            gf.playground(model, x, **arguments)
        kept.check()


def test_another_model_inside_a_loss_keeps_its_grads():
    """A discriminator that the loss calls gets no `.grad`."""
    model, judge = nn.Linear(3, 3), nn.Linear(3, 1)
    judge.weight.grad = grad = torch.ones(1, 3)
    gf.playground(model, torch.ones(2, 3), loss=lambda out: judge(out).sum()).cut([])

    assert judge.weight.grad is grad
    assert [1.0] * 3 == grad[0].tolist()
    assert judge.bias.grad is None


def test_runs_differ_by_their_changes_alone():
    """Dropout draws the same numbers in each run, whatever was drawn between two."""
    torch.manual_seed(0)
    p = gf.playground(nn.Sequential(nn.Linear(9, 9), nn.Dropout(0.5)), torch.ones(4, 9), loss=torch.sum)
    torch.rand(7)

    assert () == p.reset().changed


# -- cuts ----------------------------------------------------------------------------------------------------


class Shared(nn.Module):
    """One layer twice, another that is never called, and outputs of every shape."""

    def __init__(self, pack):
        super().__init__()
        self.layer, self.idle, self.pack = nn.Linear(2, 2), nn.Linear(2, 2), Packing(pack)
        self.same = self.layer

    def forward(self, x):
        return self.pack(self.same(self.layer(x)))


class Packing(nn.Module):
    """Puts a tensor into something."""

    def __init__(self, pack):
        super().__init__()
        self.pack = pack

    def forward(self, x):
        return self.pack(x)


@dataclass
class Output:
    """What some libraries return."""

    tensor: torch.Tensor
    name: str = "out"


PACKS = {
    "tuple": (lambda t: (t, 1), lambda out: out[0]),
    "list": (lambda t: [[t]], lambda out: out[0][0]),
    "dict": (lambda t: OrderedDict(a={"b": t}), lambda out: out["a"]["b"]),
    "dataclass": (Output, lambda out: out.tensor),
    "max": (lambda t: t.max(0), lambda out: out.values),
    "packed": (lambda t: nn.utils.rnn.pack_sequence([t]), lambda out: out.data),
}


@pytest.mark.parametrize("pack", PACKS)
def test_every_tensor_of_an_output_is_cut(pack):
    """Whatever it is in, and the thing it is in keeps its type."""
    make, take = PACKS[pack]
    kinds = []
    p = gf.playground(Shared(make), torch.ones(2, 2), loss=lambda out: (kinds.append(type(out)), take(out).sum())[1])
    assert ("layer.weight", "layer.bias") == p.cut(["pack"]).lost
    assert 1 == len(set(kinds))
    assert not p.flow.seeded


def test_a_cut_says_how_often_it_cut():
    """All calls of a module are cut, under any of its names; one that is not called cuts nothing."""
    p = gf.playground(Shared(lambda t: t), torch.ones(2, 2), loss=torch.sum)
    p.cut(["same", "idle"])

    assert {"same": 2, "idle": 0} == p.detached
    assert ["playground", "playground"] == [op.source for op in p.flow.graph.ops if op.target == "detach"]
    assert () == p.cut([]).lost


def test_reentrant_checkpoint():
    """Where `torch.autograd.grad` is refused, the run is an ordinary backward pass."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.body = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            return checkpoint(self.body, self.first(x), use_reentrant=True)

    model = Net()
    kept = Kept(model)
    p = gf.playground(model, torch.ones(2, 2), loss=torch.sum)
    assert ("body.weight", "body.bias") == p.freeze("body").lost
    kept.check()


# -- what it says --------------------------------------------------------------------------------------------


def chain():
    torch.manual_seed(0)
    model = nn.Sequential(OrderedDict(a=nn.Linear(2, 2), b=nn.Linear(2, 2)))
    losses = {"sum": torch.sum, "none": lambda out: out.detach().sum()}
    return gf.playground(model, torch.ones(3, 2), loss=losses)


def test_difference():
    """Each method says what its change did, against the run before."""
    p = chain()
    assert "Every parameter gets what it got before." == p.difference.words()
    assert "a is no longer reached. a no longer moves." == p.cut("a").words()
    assert "a is newly reached. a now moves." == p.cut([]).words()
    assert "b no longer moves." == p.hold("a").words()
    assert "b is no longer reached." == p.ask("a").words()
    p.reset()
    assert "b.bias is no longer reached. b.bias no longer moves." == p.freeze("b.bias").words()
    p.reset()
    assert "Every parameter is no longer reached. Every parameter no longer moves." == p.losses("none").words()
    assert Changes(losses=("none",)) == p.changes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.cut("aa"), "unknown module path 'aa'. Did you mean 'a'?"),
        (lambda p: p.freeze("a.wieght"), "Did you mean 'a.weight'"),
        (lambda p: p.hold("input"), "kind input, not a parameter"),
        (lambda p: p.losses("summ"), "unknown loss 'summ'. Did you mean 'sum'?"),
        (lambda p: p.losses([]), "name at least one loss"),
        (lambda p: (p.ask("a.bias"), p.freeze("a")), "inputs= names a.bias, which PyTorch refuses"),
        (lambda p: (p.close(), p.cut("a")), "this playground is closed"),
        (lambda p: gf.playground(nn.Linear(2, 2), torch.ones(1, 2)), "the model returned a tensor of shape (1, 2)"),
        (lambda p: gf.playground(len), "takes a module first, but got builtin_function"),
        (lambda p: gf.playground(nn.Linear(2, 2), loss=3), "loss= takes a function"),
        (lambda p: gf.playground(nn.Linear(2, 2), loss={}), "loss= is empty"),
        (lambda p: gf.playground(nn.Linear(2, 2), optimizer=3), "optimizer= takes a function"),
        (lambda p: gf.playground(nn.LazyLinear(2), torch.ones(1, 2), loss=torch.sum), "run the model once before"),
    ],
)
def test_what_does_not_fit_is_said(change, message):
    """Names with the nearest that are known; what PyTorch would refuse before it does."""
    with pytest.raises(gf.GradflowError) as error:
        change(chain())
    assert message in str(error.value)


# -- in a notebook -------------------------------------------------------------------------------------------


def test_ipywidgets_is_imported_only_to_show():
    """Importing gradflow, and playing without a page, need no ipywidgets; showing says what to install."""
    code = """
import sys
sys.modules["ipywidgets"] = None
import gradflow as gf, torch
p = gf.playground(torch.nn.Linear(2, 1), torch.ones(1, 2), loss=torch.sum)
p.freeze("bias")
try:
    p._repr_mimebundle_()
except gf.GradflowError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "a playground shows itself with ipywidgets, which is not installed: pip install ipywidgets\n" == run.stdout


def test_a_tick_is_a_change_and_a_change_is_a_tick():
    """Both ways, also where a module's parameters are ticked in part."""
    p = chain()
    assert "application/vnd.jupyter.widget-view+json" in p._repr_mimebundle_()
    boxes = {name: line._boxes for name, line in p._controls._lines.items()}
    boxes["a"]["cut"].value = True
    boxes["b"]["frozen"].value = True
    assert Changes(cut=("a",), frozen=("b.weight", "b.bias")) == p.changes
    p.freeze("b.bias")
    assert (False, "freeze 1/2") == (boxes["b"]["frozen"].value, boxes["b"]["frozen"].description)
    boxes["b"]["asked"].value = True
    assert ("b.weight",) == p.changes.asked
    boxes["b"]["asked"].value = False
    assert p.changes.asked is None
    p._controls._losses["sum"].value = True
    assert ("sum",) == p.changes.losses


def test_an_error_in_a_notebook_is_said_and_taken_back():
    """The boxes and the picture stay those of the last good run."""
    model = nn.Sequential(OrderedDict(a=nn.Linear(2, 2)))
    failing = []

    def loss(out):
        if failing:
            raise ValueError("<b>too cold</b>")
        return out.sum()

    p = gf.playground(model, torch.ones(1, 2), loss=loss)
    p._repr_mimebundle_()
    panel, picture = p._controls, p._controls._picture.outputs
    failing.append(True)
    panel._lines["a"]._boxes["frozen"].value = True
    assert "ValueError: &lt;b&gt;too cold&lt;/b&gt; (" in panel._said.value
    assert "test_playground.py:" in panel._said.value
    assert (False, Changes()) == (panel._lines["a"]._boxes["frozen"].value, p.changes)
    assert picture is panel._picture.outputs


def test_another_path_can_be_typed():
    """A line of its own for it; what is unknown is said."""
    model = nn.Sequential(nn.Sequential(nn.Sequential(nn.Linear(2, 2))))
    p = gf.playground(model, torch.ones(1, 2), loss=torch.sum)
    p._repr_mimebundle_()
    panel = p._controls
    assert ["0", "0.0"] == list(panel._lines)
    for typed in ("0.0.0", "0.0.0.bias"):
        panel._other.value = typed
    assert ["0", "0.0", "0.0.0", "0.0.0.bias"] == list(panel._lines)
    panel._other.value = "0.0.7"
    assert "unknown module or parameter &#x27;0.0.7&#x27;" in panel._said.value
    p.close()
    assert panel._rows.comm is None
