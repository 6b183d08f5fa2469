"""Random programs that write in place, through views, aliases and `out=`, judged by plain PyTorch."""

from __future__ import annotations

import random

import pytest
import torch
from truth import disagreement, measured

import gradflow as gf

NAMES = ("w", "v", "u")


def program(seed, leaves):
    """A loss after 25 steps that make tensors and views and write to them.

    Everything is linear, so that no write spoils what a backward needs; the factors differ, so that a gradient
    that takes a wrong way has a wrong norm.
    """
    draw = random.Random(seed)
    weights = torch.arange(1.0, 17.0).view(4, 4)
    made = [leaf * draw.uniform(0.5, 2) for leaf in leaves.values()]
    made += [torch.zeros(4, 4), torch.ones(4, 4)]

    def like(view):
        return draw.choice(made).clone().reshape(-1)[: view.numel()].reshape(view.shape)

    for _ in range(25):
        base = draw.choice(made)
        view = draw.choice(
            [
                lambda t: t,
                lambda t: t[0],
                lambda t: t[:, 1:3],
                lambda t: t.t(),
                lambda t: t.view(-1)[3:11],
                lambda t: t.view(2, 8)[1],
                lambda t: t.diagonal(),
                lambda t: t.select(1, 2),
                lambda t: t.unsqueeze(0).squeeze(0)[::2],
            ]
        )(base)
        step = draw.randrange(13)
        if step == 0:
            made.append(base + draw.choice(made))
        elif step == 1:
            made.append(base.clone())
        elif step == 2:
            made.append(base.t().contiguous() * draw.uniform(0.5, 2))
        elif step == 3:
            made.append(base.detach() if draw.random() < 0.5 else base.detach().clone())
        elif step == 4:
            view.mul_(draw.uniform(0.5, 2))
        elif step == 5:
            view.add_(like(view), alpha=draw.uniform(0.5, 2))
        elif step == 6:
            view.copy_(like(view))
        elif step == 7:
            view.zero_()
        elif step == 8:
            view[..., 0] = draw.uniform(0.5, 2)
        elif step == 9:
            view[...] = like(view) * draw.uniform(0.5, 2)
        elif step == 10:
            view.masked_fill_(torch.rand(view.shape, generator=torch.Generator().manual_seed(seed)) < 0.3, 2.0)
        elif step == 11:
            with torch.no_grad():
                view.mul_(draw.uniform(0.5, 2))
        elif step == 12:
            with torch.no_grad():
                view.copy_(like(view))
        if len(made) > 7:
            made.pop(draw.randrange(len(made)))
    return sum((tensor * weights * draw.uniform(0.5, 2)).sum() for tensor in made[-4:])


def new_leaves():
    torch.manual_seed(5)
    return {name: torch.randn(4, 4, requires_grad=True) for name in NAMES}


@pytest.mark.parametrize("seed", range(80))
def test_random_writes(seed):
    """Whatever was written where, every leaf gets what plain PyTorch gives it, and the explanation names a cut."""
    plain = new_leaves()
    expected = program(seed, plain)
    if expected.requires_grad:
        expected.backward()

    leaves = new_leaves()
    with gf.trace(**leaves) as t:
        loss = program(seed, leaves)
    flow = t.flow(loss)
    flow.graph.lint()

    assert expected.item() == loss.item()
    for name, leaf in plain.items():
        assert None is disagreement(flow.at(name), measured(leaf.grad), 16)
        e = gf.explain(flow, name)
        if leaf.grad is None:
            assert bool(e.cuts) == (e.reason is not gf.Reason.NOT_CONNECTED), e
        elif not leaf.grad.any():
            assert 1 == len(e.cuts), e
