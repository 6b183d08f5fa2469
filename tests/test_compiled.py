"""Compiled code is traced as it was written."""

from __future__ import annotations

import warnings

import torch
from torch import nn

import gradflow as gf


class Cut(nn.Module):
    """Two layers with a cut between them."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.b(self.a(x).detach()).sum()


def test_cut_inside_is_named():
    """A cut inside a compiled model is named with its line, and nothing is said on the way."""
    model = Cut()
    compiled = torch.compile(model, backend="eager")
    compiled(torch.ones(2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with gf.trace(model) as t:
            loss = compiled(torch.ones(2, 3))
    found = gf.explain(t.flow(loss), "a.weight")

    assert gf.Reason.DETACHED is found.reason
    assert "return self.b(self.a(x).detach()).sum()" == found.cuts[0].code


def test_compiled_code_is_compiled_again_after_the_block():
    """The stance and the filters of the reader are back after the block, also after an exception."""
    from torch._dynamo.eval_frame import _stance

    before, filters = (_stance.stance, _stance.backend), list(warnings.filters)
    try:
        with gf.trace():
            raise KeyError("the reader's own")
    except KeyError:
        pass

    assert before == (_stance.stance, _stance.backend)
    assert filters == warnings.filters
