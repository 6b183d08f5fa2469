"""Laws of explanations: precedence, completeness, healing; and one named test for every Reason."""

from __future__ import annotations

import itertools
import linecache
import random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from truth import Backward, case, given, layers

import gradflow as gf
from gradflow import Reason

# -- every reason has its named test -----------------------------------------------------------------------


class ReturnsNone(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return None


@case({"a.weight": Reason.RECEIVED})
def test_received_is_named():
    """A gradient that arrived is RECEIVED."""
    net, x = layers("a"), torch.ones(2, 4)
    yield given(net)
    yield net(x).sum()


@case({"a.weight": Reason.ZERO})
def test_zero_is_named():
    """An exact zero is ZERO, with the op that made it."""
    net, x = layers("a"), torch.ones(2, 4)
    yield given(net)
    h = net(x)
    yield (h * 0).sum()  # cut: ZERO mul


@case({"a.weight": Reason.NONFINITE})
def test_nonfinite_is_named():
    """NaN or inf is NONFINITE, with the op that made it."""
    net, x = layers("a"), torch.ones(2, 4)
    yield given(net)
    h = net(x) * 0
    yield h.sqrt().sum()  # cut: NONFINITE sqrt


@case({"a.weight": Reason.UNDEFINED})
def test_undefined_is_named():
    """None from a backward is UNDEFINED, with the op that returned it."""
    net, x = layers("a"), torch.ones(2, 4)
    yield given(net)
    h = net(x)
    yield ReturnsNone.apply(h).sum()  # cut: UNDEFINED ReturnsNone|apply


@case({"a.weight": Reason.FROZEN})
def test_frozen_is_named():
    """A parameter that does not require grad is FROZEN."""
    net, x = layers("a b"), torch.ones(2, 4)
    net.a.requires_grad_(False)
    yield given(net)
    yield net(x).sum()


@case({"a.weight": Reason.DETACHED})
def test_detached_is_named():
    """A copy without history is DETACHED, with its line."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    h = net.a(x).detach()  # cut: DETACHED detach
    yield net.b(h).sum()


@case({"a.weight": Reason.NO_GRAD})
def test_no_grad_is_named():
    """An op that ran with gradients off is NO_GRAD, with its line."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    with torch.no_grad():
        h = net.a(x)  # cut: NO_GRAD no_grad
    yield net.b(h).sum()


@case({"a.weight": Reason.NOT_DIFFERENTIABLE})
def test_not_differentiable_is_named():
    """An op without a derivative is NOT_DIFFERENTIABLE, with its line."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    h = net.a(x).sign() > 0  # cut: NOT_DIFFERENTIABLE gt
    yield net.b(h.float()).sum()


@case({"a.weight": Reason.LEFT_PYTORCH})
def test_left_pytorch_is_named():
    """A number that left is LEFT_PYTORCH, with the line where it did."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    scale = net.a(x).sum().item()  # cut: LEFT_PYTORCH item
    yield net.b(x * scale).sum()


@case({"a.weight": Reason.NOT_CONNECTED})
def test_not_connected_is_named():
    """What was used but leads nowhere is NOT_CONNECTED."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    net.a(x).sum()
    yield net.b(x).sum()


@case({"a.weight": Reason.UNUSED})
def test_unused_is_named():
    """What nothing took is UNUSED."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    yield net.b(x).sum()


@case({"a.weight": Reason.NOT_REQUESTED})
def test_not_requested_is_named():
    """What `inputs=` left out is NOT_REQUESTED."""
    net, x = layers("a b"), torch.ones(2, 4)
    yield given(net)
    yield Backward(net(x).sum(), inputs=["b.weight"])


NAMED = {reason: globals()[f"test_{reason.name.lower()}_is_named"] for reason in Reason}


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_without_its_explanation_the_named_test_fails(monkeypatch, reason):
    """The tests are tested: an engine that does not know one reason fails that reason's own test."""
    explain = gf.explain

    def forgetful(flow, name, **more):
        e = explain(flow, name, **more)
        cuts = tuple(cut for cut in e.cuts if cut.kind is not reason)
        other = Reason.UNUSED if reason is Reason.NOT_CONNECTED else Reason.NOT_CONNECTED
        return e._replace(reason=other if e.reason is reason else e.reason, cuts=cuts)

    monkeypatch.setattr(gf, "explain", forgetful)

    with pytest.raises(AssertionError):
        NAMED[reason]()


def flow_of(build):
    """The flow of the last loss of a case, without a comparison."""
    torch.manual_seed(0)
    run = build()
    things = next(run)
    with gf.trace(*things.modules, **things.named) as t:
        *_, last = run
        last = last if isinstance(last, Backward) else Backward(last)
        return t.flow(last.loss, **last.arguments())


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_every_reason_has_a_sentence_and_advice(reason):
    """The sentence names the parameter, and one more says what to do, unless nothing is to be done."""
    e = gf.explain(flow_of(NAMED[reason].build), "a.weight")

    assert reason is e.reason
    assert e.sentence.startswith("a.weight")
    assert e.sentence.endswith(".")
    assert f"{e.sentence} {e.advice}".rstrip() == str(e)
    assert (reason is Reason.RECEIVED) == (e.advice == "")
    assert all(cut.source in str(e) for cut in e.cuts)
    assert e == gf.explain(flow_of(NAMED[reason].build), "a.weight")


def test_sentences_of_different_reasons_differ():
    """No two reasons are said in the same words."""
    sentences = {gf.explain(flow_of(NAMED[reason].build), "a.weight").sentence for reason in Reason}

    assert len(Reason) == len(sentences)


# -- each way to cut is known by its own name --------------------------------------------------------------

WAYS = {
    # what stands in the program, and (kind, target) of the cuts on that line
    "h.detach()": (Reason.DETACHED, "detach"),
    "h.clone().detach_()": (Reason.DETACHED, "detach_"),
    "h.data": (Reason.DETACHED, "data"),
    "torch.tensor(h)": (Reason.DETACHED, "tensor"),
    "h.new_tensor(h)": (Reason.DETACHED, "new_tensor"),
    "torch.autograd.grad(h.exp().sum(), h)[0]": (Reason.DETACHED, "grad"),
    "torch.argmax(h, 1)[:, None] * x": (Reason.NOT_DIFFERENTIABLE, "argmax"),
    "h.argsort(1) * x": (Reason.NOT_DIFFERENTIABLE, "argsort"),
    "h.argmin() * x": (Reason.NOT_DIFFERENTIABLE, "argmin"),
    "(h > 0) * x": (Reason.NOT_DIFFERENTIABLE, "gt"),
    "(h >= 0) * x": (Reason.NOT_DIFFERENTIABLE, "ge"),
    "(h < 0) * x": (Reason.NOT_DIFFERENTIABLE, "lt"),
    "(h != 0) * x": (Reason.NOT_DIFFERENTIABLE, "ne"),
    "h.isnan() * x": (Reason.NOT_DIFFERENTIABLE, "isnan"),
    "h.long() * x": (Reason.NOT_DIFFERENTIABLE, "long"),
    "h.int() * x": (Reason.NOT_DIFFERENTIABLE, "int"),
    "h.to(torch.uint8) * x": (Reason.NOT_DIFFERENTIABLE, "to"),
    "h.type(torch.int16) * x": (Reason.NOT_DIFFERENTIABLE, "type"),
    "h.bool() * x": (Reason.NOT_DIFFERENTIABLE, "bool"),
    "h.nonzero().sum() * x": (Reason.NOT_DIFFERENTIABLE, "nonzero"),
    "torch.bucketize(h, x[0].sort()[0]) * x": (Reason.NOT_DIFFERENTIABLE, "bucketize"),
    "torch.multinomial(h.softmax(1), 1) * x": (Reason.NOT_DIFFERENTIABLE, "multinomial"),
    "h.mean().item() * x": (Reason.LEFT_PYTORCH, "item"),
    "float(h.mean()) * x": (Reason.LEFT_PYTORCH, "float"),
    "int(10 * h.mean()) * x": (Reason.LEFT_PYTORCH, "int"),
    "complex(h.mean()).real * x": (Reason.LEFT_PYTORCH, "complex"),
    "range(20)[h.argmax()] * x": (Reason.LEFT_PYTORCH, "index"),
    "h.mean().tolist() * x": (Reason.LEFT_PYTORCH, "tolist"),
    "torch.tensor(h.tolist())": (Reason.LEFT_PYTORCH, "tolist"),
    "torch.from_numpy(np.asarray(h.detach()))": (Reason.LEFT_PYTORCH, "array"),
    "torch.from_numpy(h.detach().numpy())": (Reason.LEFT_PYTORCH, "numpy"),
    "torch.tensor(h.detach().numpy())": (Reason.LEFT_PYTORCH, "numpy"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("way", WAYS)
def test_way_to_cut(way):
    """The kind and the bare name of the function as it was called."""
    net, x, kind, target = layers("a b"), torch.ones(5, 4), *WAYS[way]
    torch.manual_seed(0)
    with gf.trace(net) as t:
        h = net.a(torch.randn(5, 4))
        cut = eval(way, {"h": h, "x": x, "torch": torch, "np": np})
        loss = net.b(cut).sum()
    loss.backward(retain_graph=True)
    e = gf.explain(t.flow(loss), "a.weight")

    assert None is net.a.weight.grad
    assert (kind, [(kind, target)]) == (e.reason, [(cut.kind, cut.target) for cut in e.cuts])


BRANCHES = {
    "h.sum() > 0": "bool",
    "h.sum().is_nonzero()": "is_nonzero",
    "torch.equal(h, x)": "equal",
    "torch.allclose(h, x)": "allclose",
    "0.5 in h": "contains",
}


@pytest.mark.parametrize("condition", BRANCHES)
def test_way_to_branch(condition):
    """A decision of Python's is named where the tensor became a truth value."""
    net, x = layers("a b"), torch.ones(5, 4)
    torch.manual_seed(0)
    with gf.trace(net) as t:
        h = net.a(torch.randn(5, 4))
        factor = 2 if eval(condition, {"h": h, "x": x, "torch": torch}) else 3
        loss = net.b(x * factor).sum()
    e = gf.explain(t.flow(loss), "a.weight")

    assert (Reason.LEFT_PYTORCH, BRANCHES[condition]) == (e.reason, e.cuts[-1].target.strip("_"))
    assert "may have" in str(e)


# -- precedence --------------------------------------------------------------------------------------------


def build(*, used=True, frozen=False, connected=True, left_out=False, way=lambda h: h, extra=None):
    """Explain a parameter in a program for which several reasons hold at once."""
    torch.manual_seed(0)
    p, q = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.randn(4, 4))
    p.requires_grad_(not frozen)
    with gf.trace(p=p, q=q) as t:
        loss = (q * 1).sum()
        if used:
            h = way(p * 2)
            loss = loss + (h * q).sum() if connected else loss
        if extra:
            loss = loss + extra(p).sum()
    return gf.explain(t.flow(loss, inputs=["q"] if left_out else None), "p")


def number(h):
    return h.sum().item()


PRECEDENCE = {
    "nonfinite before received": (
        Reason.NONFINITE,
        {"way": lambda h: h * torch.tensor([float("nan"), 1, 1, 1])},
    ),
    "nonfinite before the cut of another path": (
        Reason.NONFINITE,
        {"way": torch.detach, "extra": lambda p: (p * 0).sqrt()},
    ),
    "received before the cut of another path": (Reason.RECEIVED, {"way": torch.detach, "extra": lambda p: p * 1}),
    "received before the zero of another path": (Reason.RECEIVED, {"way": torch.round, "extra": lambda p: p * 1}),
    "received before a number that left": (Reason.RECEIVED, {"way": number, "extra": lambda p: p * 1}),
    "zero before the cut of another path": (Reason.ZERO, {"way": torch.detach, "extra": lambda p: p * 0}),
    "zero before a number that left": (Reason.ZERO, {"way": number, "extra": lambda p: p * 0}),
    "frozen before not requested": (Reason.FROZEN, {"frozen": True, "left_out": True}),
    "frozen before unused": (Reason.FROZEN, {"frozen": True, "used": False}),
    "frozen before not connected": (Reason.FROZEN, {"frozen": True, "connected": False}),
    "frozen before detached": (Reason.FROZEN, {"frozen": True, "way": torch.detach}),
    "frozen before a number that left": (Reason.FROZEN, {"frozen": True, "way": number}),
    "not requested before unused": (Reason.NOT_REQUESTED, {"left_out": True, "used": False}),
    "not requested before not connected": (Reason.NOT_REQUESTED, {"left_out": True, "connected": False}),
    "not requested before detached": (Reason.NOT_REQUESTED, {"left_out": True, "way": torch.detach}),
    "not requested before a number that left": (Reason.NOT_REQUESTED, {"left_out": True, "way": number}),
    "not requested before undefined": (Reason.NOT_REQUESTED, {"left_out": True, "way": ReturnsNone.apply}),
    "a path with a cut before a number that left": (Reason.DETACHED, {"way": number, "extra": torch.detach}),
    "the earliest of two paths": (Reason.NOT_DIFFERENTIABLE, {"way": lambda h: h > 0, "extra": torch.detach}),
    "the earliest of two cuts in a row": (Reason.DETACHED, {"way": lambda h: h.detach() > 0}),
    "the earliest of two cuts in a row, turned": (Reason.NOT_DIFFERENTIABLE, {"way": lambda h: (h > 0).detach()}),
}


@pytest.mark.parametrize(("reason", "program"), PRECEDENCE.values(), ids=PRECEDENCE)
def test_precedence(reason, program):
    """Where several reasons hold, the first of the list is given."""
    assert reason is build(**program).reason


# -- programs as data --------------------------------------------------------------------------------------

OPEN = {
    "tanh": "{o} = torch.tanh({a})",
    "sigmoid": "{o} = torch.sigmoid({a})",
    "matmul": "{o} = {a} @ {b} / 4",
    "add": "{o} = {a} + {b}",
    "multiply": "{o} = torch.tanh({a}) * {b}",
    "concatenate": "{o} = torch.cat([{a}[:2], {b}[2:]])",
    "write": "{o} = {a}.clone(); {o}[0] = {b}[1]",
    "norm": "{o} = F.layer_norm({a}, (4,)) + {b}",
}
# each cut, and what stands in its place when it is healed
CUTS = {
    "detach": ("{o} = {a}.detach()", "{o} = {a}"),
    "detach_": ("{o} = {a}.clone(); {o}.detach_()", "{o} = {a}.clone()"),
    "data": ("{o} = {a}.data", "{o} = {a}"),
    "tensor": ("{o} = torch.tensor({a})", "{o} = {a}.clone()"),
    "no_grad": ("with torch.no_grad(): {o} = torch.tanh({a})", "{o} = torch.tanh({a})"),
    "no_grad, two ops": ("with torch.no_grad(): {o} = torch.tanh({a}).cos()", "{o} = torch.tanh({a}).cos()"),
    "inference_mode": (
        "with torch.inference_mode(): {o}_ = torch.tanh({a})\n{o} = {o}_.clone()",
        "{o}_ = torch.tanh({a})\n{o} = {o}_.clone()",
    ),
    "argmax": ("{o} = x.gather(1, {a}.argmax(1)[:, None]) * {b}", "{o} = {a}.softmax(1) * {b}"),
    "greater": ("{o} = ({a} > 0).double()", "{o} = {a}.sigmoid()"),
    "long": ("{o} = (3 * {a}).long().double()", "{o} = 3 * {a}"),
}
EXITS = {
    "item": ("{o} = {b} * {a}.mean().item()", "{o} = {b} * {a}.mean()"),
    "float": ("{o} = {b} + float({a}.norm())", "{o} = {b} + {a}.norm()"),
    "tolist": ("{o} = torch.tensor({a}.tolist(), dtype=torch.double)", "{o} = {a}"),
    "numpy": ("{o} = torch.from_numpy({a}.detach().numpy())", "{o} = {a}"),
}
ARRIVALS = {
    "round": ("{o} = {a}.round()", "{o} = {a} * 1"),
    "times zero": ("{o} = {a} * 0", "{o} = {a} * 1"),
    "dead relu": ("{o} = F.relu({a}.tanh() - 5)", "{o} = {a}.tanh() - 5"),
    "clamp": ("{o} = {a}.tanh().clamp(5, 6)", "{o} = {a}.tanh()"),
    "returns none": ("{o} = ReturnsNone.apply({a})", "{o} = {a} * 2"),
}
NAMES = ("p0", "p1", "p2", "p3")


class Program:
    """Lines of Python over four parameters, one step each, of which some can be healed."""

    def __init__(self, seed, kinds, steps):
        draw = random.Random(seed)
        self.seed, self.kinds, self.steps = seed, kinds, []
        values = list(NAMES)
        for i in range(steps):
            kind = draw.choice(sorted(OPEN)) if draw.random() < 0.55 else draw.choice(sorted(kinds))
            # mostly what is new, so that chains grow long
            a, b = (draw.choice(values[-4:] if draw.random() < 0.7 else values) for _ in "ab")
            self.steps.append((kind, {"o": f"h{i}", "a": a, "b": b}))
            values.append(f"h{i}")
        self.last = f"loss = ({values[-1]} + {values[-2]}).sum() + x.sum()"

    def lines(self, healed=frozenset()):
        """The source, and the step of each line."""
        lines, owners = [], []
        for i, (kind, names) in enumerate(self.steps):
            text = OPEN.get(kind) or self.kinds[kind][i in healed]
            for line in text.format(**names).split("\n"):
                lines.append(line)
                owners.append(i)
        return [*lines, self.last], owners

    def run(self, healed=frozenset()):
        """The flow, and plain PyTorch's gradients, of the program with some of its cuts healed."""
        lines, owners = self.lines(healed)
        file = f"<program {self.seed}>"
        linecache.cache[file] = (0, None, [line + "\n" for line in lines], file)
        code = compile("\n".join(lines), file, "exec")
        scopes = []
        for _ in "pt":
            generator = torch.Generator().manual_seed(1)
            leaves = {
                name: torch.randn(4, 4, dtype=torch.double, generator=generator).requires_grad_() for name in NAMES
            }
            x = torch.randn(4, 4, dtype=torch.double, generator=generator)
            scopes.append({**leaves, "x": x, "torch": torch, "F": F, "ReturnsNone": ReturnsNone})
        plain, traced = scopes
        exec(code, plain)
        if plain["loss"].requires_grad:
            plain["loss"].backward()
        with gf.trace(**{name: traced[name] for name in NAMES}) as t:
            exec(code, traced)
        return t.flow(traced["loss"]), {name: plain[name].grad for name in NAMES}, owners

    def cut_steps(self):
        return {i for i, (kind, _) in enumerate(self.steps) if kind in self.kinds}


def steps_of(e, owners):
    """The steps that an explanation names."""
    return {owners[int(cut.source.rpartition(":")[2]) - 1] for cut in e.cuts}


def covered(sentence, source):
    """Whether a sentence names a line, by itself or within a range of lines."""
    line = int(source.rpartition(":")[2])
    ranges = [(int(a), int(b)) for a, b in re.findall(r"(\d+)–(\d+)", sentence)]
    return source in sentence or any(a <= line <= b for a, b in ranges)


def agreeing(flow, grads):
    """Fail unless the flow says what plain PyTorch says; the arrived ones."""
    for name, grad in grads.items():
        status = "none" if grad is None else "nonzero" if torch.count_nonzero(grad) else "zero"
        found = flow.at(name).status
        assert status == {"undefined": "none"}.get(found, found), name
    return {name for name, grad in grads.items() if grad is not None}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(60))
def test_healing_all_named_cuts_reaches_the_parameter(seed):
    """If the named cuts are taken out of a program, and nothing else, the gradient arrives."""
    program = Program(seed, CUTS, steps=5 + seed % 8)
    flow, grads, owners = program.run()
    arrived = agreeing(flow, grads)
    for name in sorted(set(NAMES) - arrived):
        e = gf.explain(flow, name)
        assert all(covered(str(e), cut.source) for cut in e.cuts), e
        if e.cuts:
            assert steps_of(e, owners) <= program.cut_steps(), e
            _, healed, _ = program.run(steps_of(e, owners))
            assert healed[name] is not None, e
        else:
            assert e.reason in (Reason.UNUSED, Reason.NOT_CONNECTED)
            _, healed, _ = program.run(program.cut_steps())
            assert healed[name] is None, e


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("seed", range(60))
def test_healing_again_and_again_gives_every_parameter_a_gradient(seed):
    """With zeros, None and numbers that leave among the cuts, one healing may show the next; it ends in RECEIVED."""
    program = Program(1000 + seed, {**CUTS, **EXITS, **ARRIVALS}, steps=5 + seed % 8)
    cuts = program.cut_steps()
    flow, grads, lines = program.run()
    agreeing(flow, grads)
    connected = agreeing(*program.run(cuts)[:2])
    for name in NAMES:
        healed, at, owners = set(), flow, lines
        while (e := gf.explain(at, name)).reason not in (Reason.RECEIVED, Reason.UNUSED, Reason.NOT_CONNECTED):
            assert e.reason is not Reason.ZERO or makes_zero(at, e.cuts[0].op), e
            steps = steps_of(e, owners)
            if e.reason is Reason.ZERO and not steps <= cuts - healed:
                break  # an ordinary op made it, of the numbers that it met
            assert steps <= cuts, e
            assert steps - healed, f"{e} names nothing new"
            healed |= steps
            at, grads, owners = program.run(healed)
            agreeing(at, grads)
        else:
            assert (name in connected) == (e.reason is Reason.RECEIVED), e


def makes_zero(flow, op):
    """Whether an op received a gradient and sent an exact zero."""
    op = flow.graph.ops[op]
    sent = {flow.at(gf.Edge(value, op.id, position)).status for position, value in enumerate(op.inputs)}
    return "zero" in sent and "nonzero" in {flow.at(value).status for value in op.outputs}


IN_A_ROW = [
    (first, second)
    for first, second in itertools.product({**CUTS, **EXITS}, repeat=2)
    # a copy that only feeds `.tolist()` belongs to this exit
    if not (second == "tolist" and first in ("detach", "detach_", "data", "tensor", "inference_mode"))
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("first", "second"), IN_A_ROW, ids=lambda kind: kind.replace(" ", "_"))
def test_both_of_two_cuts_in_a_row_are_named(first, second):
    """The second cuts by itself too, so healing the first alone would not help: both are named, in their order."""
    program = Program(0, {**CUTS, **EXITS}, steps=0)
    program.steps = [
        ("tanh", {"o": "h0", "a": "p0"}),
        (first, {"o": "h1", "a": "h0", "b": "p1"}),
        ("add", {"o": "h2", "a": "h1", "b": "x"}),
        (second, {"o": "h3", "a": "h2", "b": "p1"}),
    ]
    program.last = "loss = (h3 * p2).sum()"
    flow, grads, owners = program.run()
    agreeing(flow, grads)
    e = gf.explain(flow, "p0")
    places = [(file, int(line)) for file, _, line in (cut.source.rpartition(":") for cut in e.cuts)]

    assert {1, 3} == steps_of(e, owners), e
    assert sorted(places) == places
    assert all(covered(str(e), cut.source) for cut in e.cuts)
    assert [linecache.getline(*place).strip() for place in places] == [cut.code for cut in e.cuts]


def test_region_is_one_cause():
    """The sentence folds the lines of one region into one cause, and leaves no line of it out."""
    net, x = layers("a b c"), torch.ones(2, 4)
    with gf.trace(net) as t:
        with torch.no_grad():
            h = net.a(x)
            h = h.relu()
            h = h * 2
        loss = net.b(h).sum()
    e = gf.explain(t.flow(loss), "a.weight")
    lines = [int(cut.source.rpartition(":")[2]) for cut in e.cuts]

    assert 3 == len(e.cuts)
    assert 1 == str(e).count("no_grad")
    assert f"{lines[0]}–{lines[-1]}" in str(e)
    assert "test_explain_laws.py" in str(e)


def test_regions_apart_are_two_causes():
    """Two regions with other lines between them are both named."""
    net, x = layers("a b c"), torch.ones(2, 4)
    with gf.trace(net) as t:
        with torch.no_grad():
            h = net.a(x)
        h = h.detach()
        with torch.no_grad():
            h = h.relu()
        loss = net.b(h).sum()
    e = gf.explain(t.flow(loss), "a.weight")

    assert ["no_grad", "detach", "no_grad"] == [cut.target for cut in e.cuts]
    assert all(cut.source in str(e) for cut in e.cuts)
