"""Arrivals stand in the order in which PyTorch's engine runs the backward nodes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd.graph import get_gradient_edge

from gradflow.walk import Walk

X = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))


def shared():
    layer = nn.Linear(6, 6)
    h = layer(X)
    return (layer(h.tanh()) + h.sigmoid() * h).sum()


PROGRAMS = {
    "chain": lambda: nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2))(X).sum(),
    "shared": shared,
    "attention": lambda: nn.MultiheadAttention(6, 2)(X, X, X)[0].pow(2).sum(),
    "transformer": lambda: nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)(X).sum(),
    "lstm": lambda: nn.LSTM(6, 4, 2)(X)[0].sum(),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_order_of_the_engine(program):
    """The computed order is the one that hooks on all nodes but the leaves' see."""
    loss = program()
    walk = Walk.below(get_gradient_edge(loss).node)
    ran = []
    for i, node in enumerate(walk.nodes):
        if i not in walk.leaves:
            node.register_prehook(lambda _, i=i: ran.append(i))
    loss.backward()

    assert ran == [i for i in walk.order() if i not in walk.leaves]
