"""Every edge and every value of a graph carries what plain PyTorch sends there.

The truth about an edge: in a plain run, every argument of every call is replaced by an alias of its own, and the
alias's retained ``.grad`` is what this one use sent back.
"""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from truth import MISSING, bare, disagreement, measured

import gradflow as gf


class Aliased(TorchFunctionMode):
    """Gives every argument of every call an alias of its own, and keeps the aliases and the outputs."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        aliases = []

        def alias(thing):
            if isinstance(thing, Tensor):
                own = thing.view_as(thing) if thing.requires_grad else thing
                if own.requires_grad:
                    own.retain_grad()
                aliases.append(own)
                return own
            if isinstance(thing, list | tuple):
                return type(thing)(alias(item) for item in thing)
            return thing

        args, kwargs = alias(args), {key: alias(item) for key, item in (kwargs or {}).items()}
        result = func(*args, **kwargs)
        outputs = [t for t in (result if isinstance(result, tuple | list) else [result]) if isinstance(t, Tensor)]
        for output in outputs:
            if output.requires_grad:
                output.retain_grad()
        if aliases:  # `zeros` and the like make constants, which are values without an op
            self.calls.append((bare(func.__name__), aliases, outputs))
        return result


def leaves():
    torch.manual_seed(3)
    return {
        "w": torch.randn(4, 4, requires_grad=True),
        "v": torch.randn(4, 4, requires_grad=True),
        "b": torch.randn(4, requires_grad=True),
    }


def compare(program, seed=0):
    """Fail unless every edge and every value agrees."""
    plain = leaves()
    torch.manual_seed(seed)
    with Aliased() as mode:
        loss = program(**plain)
    loss.backward()

    given = leaves()
    torch.manual_seed(seed)
    with gf.trace(**given) as t:
        loss = program(**given)
    flow = t.flow(loss)
    graph = flow.graph

    assert [name for name, _, _ in mode.calls] == [bare(op.target) for op in graph.ops]
    problems = []
    for (name, aliases, outputs), op in zip(mode.calls, graph.ops, strict=True):
        assert len(aliases) == len(op.inputs), name
        assert len(outputs) == len(op.outputs), name
        for position, (alias, value) in enumerate(zip(aliases, op.inputs, strict=True)):
            truth = measured(alias.grad if alias.requires_grad else None)
            problem = disagreement(flow.at(gf.Edge(value, op.id, position)), truth, alias.numel())
            problems += [f"{name}, position {position}: {problem}"] if problem else []
        for output, value in zip(outputs, op.outputs, strict=True):
            truth = measured(output.grad if output.requires_grad else None)
            problem = disagreement(flow.at(value), truth, output.numel())
            problems += [f"output of {name}: {problem}"] if problem else []
    for name, leaf in plain.items():
        problem = disagreement(flow.at(name), measured(leaf.grad), leaf.numel())
        problems += [f"{name}: {problem}"] if problem else []
    assert problems == []


def diamond(w, v, b):
    h = w @ v
    return (h.tanh() + h.sigmoid() * b).sum()


def pieces(w, v, b):
    first, second = w.chunk(2)
    top, bottom = torch.split(v, 2, dim=1)
    return (first @ top).sum() + torch.cat([second.t(), bottom]).pow(2).sum() + b.unbind()[2]


def shares(w, v, b):
    h = w * 2
    return (h.detach() * v + h * 0 + h.round()).sum() + (b - b).sum()


def nans(w, v, b):
    h = (w * 0).sqrt()
    return (h * v).sum() + b.sum()


PROGRAMS = {
    "one value at two positions": lambda w, v, b: (w * w).sum(),
    "diamond": diamond,
    "pieces": pieces,
    "shares of all kinds": shares,
    "nan on one path": nans,
    "linear": lambda w, v, b: F.linear(w, v, b).pow(2).sum(),
    "addmm": lambda w, v, b: torch.addmm(b, w, v, beta=0.5).tanh().sum(),
    "einsum": lambda w, v, b: torch.einsum("ij,jk,k->i", w, v, b).sum(),
    "where": lambda w, v, b: torch.where(w > 0, w, v).sum() + b.sum() * 0,
    "where, one branch never chosen": lambda w, v, b: torch.where(w > 100, w, v).sum(),
    "cat and stack": lambda w, v, b: torch.cat([w, v, w]).sum() + torch.stack([b, b * 2]).prod(),
    "mse": lambda w, v, b: F.mse_loss(w, v),
    "cross entropy": lambda w, v, b: F.cross_entropy(w + b, torch.tensor([0, 1, 2, 3])),
    "cross entropy with distributions": lambda w, v, b: F.cross_entropy(w, v.softmax(1)),
    "layer norm": lambda w, v, b: F.layer_norm(w, (4,), b, v[0]).pow(3).sum(),
    "convolution": lambda w, v, b: F.conv1d(w.view(1, 4, 4), v.view(4, 4, 1), b).pow(2).sum(),
    "maximum of each row": lambda w, v, b: (w.max(dim=1)[0] * b).sum(),
    "maximum of two": lambda w, v, b: torch.maximum(w, v).sum(),
    "clamp": lambda w, v, b: torch.clamp(w, b, b + 1).sum() + v.clamp(min=100).sum(),
    "gather and scatter": lambda w, v, b: (
        w.gather(1, torch.zeros(4, 1, dtype=torch.long)) * v.scatter(0, torch.zeros(1, 4, dtype=torch.long), 1.0)
    ).sum(),
    "index": lambda w, v, b: w[0, 1] + v[[1, 1, 2]].sum() + b[b > 0].sum(),
    "attention": lambda w, v, b: F.scaled_dot_product_attention(w[None, None], v[None, None], w[None, None]).sum(),
    "addcmul and lerp": lambda w, v, b: torch.addcmul(w, v, b, value=3).sum() + torch.lerp(w, v, 0.25).sum(),
    "bilinear": lambda w, v, b: F.bilinear(w, v, w.view(1, 4, 4)).sum() + b.norm(),
    "a power of itself": lambda w, v, b: (w.abs() ** v).sum() + b.exp().log().sum(),
    "given by keyword": lambda w, v, b: torch.add(input=w, other=v, alpha=2).sum() + b.sum(),
    "a loss among values": lambda w, v, b: (w.sum() * v.mean()) / b.norm(),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_edges(program):
    """Status, norm and support of every edge and value are those of its own alias in a plain run."""
    compare(program)


UNARY = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "round": torch.round,
    "sign": torch.sign,
    "detach": torch.detach,
    "softmax": lambda h: torch.softmax(h, 1),
    "transpose": torch.t,
    "times zero": lambda h: torch.mul(h, 0),
    "square": torch.square,
    "cumsum": lambda h: torch.cumsum(h, 0),
    "roll": lambda h: torch.roll(h, 1, 0),
    "triu": torch.triu,
    "clamp": lambda h: torch.clamp(h, -0.5, 0.5),
    "dropout": lambda h: F.dropout(h, 0.5),
}
BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "matmul": torch.matmul,
    "maximum": torch.maximum,
    "where": lambda g, h: torch.where(torch.gt(g, 0), g, h),
    "cat": lambda g, h: torch.narrow(torch.cat([g, h]), 0, 2, 4),
    "linear": lambda g, h: F.linear(g, h),
}


def random_program(seed):
    """A program of 12 steps over three leaves; each step takes what was made before."""

    def program(w, v, b):
        draw = random.Random(seed)
        made = [w, v]
        for _ in range(12):
            if draw.random() < 0.5:
                made.append(UNARY[draw.choice(sorted(UNARY))](draw.choice(made)))
            else:
                made.append(BINARY[draw.choice(sorted(BINARY))](draw.choice(made), draw.choice(made)))
        return torch.sum(torch.mul(made[-1], b))

    return program


@pytest.mark.parametrize("seed", range(40))
def test_edges_of_random_programs(seed):
    """So it is for programs that nobody chose."""
    compare(random_program(seed), seed)


def test_edges_of_a_function_that_serves_one_of_two():
    """An edge that a custom backward sent None along is undefined, its neighbour is not."""

    class OneOfTwo(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, grad):
            return grad, None

    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        loss = OneOfTwo.apply(w, w).sum()
    flow = t.flow(loss)
    (op,) = [op for op in flow.graph.ops if flow.graph.value("w").id in op.inputs]
    first, second = (flow.at(gf.Edge(op.inputs[p], op.id, p)) for p in (0, 1))

    assert ("nonzero", "undefined") == (first.status, second.status)
    assert None is disagreement(flow.at("w"), measured(torch.ones(3)), 3)
    assert None is disagreement(second, MISSING, 3)


def test_edges_of_a_value_used_twice_add_up():
    """What arrives at a value is the sum of what its edges carry, also where they cancel."""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 3
        loss = (h - 2 * h + h).sum()
    t.name(h=h)
    flow = t.flow(loss)
    edges = flow.graph.consumers[flow.graph.value("h").id]

    assert ["nonzero", "nonzero", "nonzero"] == [flow.at(edge).status for edge in edges]
    assert "zero" == flow.at("h").status
    assert "zero" == flow.at("w").status
