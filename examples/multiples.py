"""The bridge once open and once cut, and three losses: on the second layer, on the third, on both."""

import torch
import torch.nn.functional as F
from torch import nn

import gradflow as gf


def flows(bridge):
    torch.manual_seed(0)
    layers = {name: nn.Linear(4, 4) for name in "ABC"}
    x, y = torch.randn(8, 4), torch.randn(8, 4)
    with gf.trace(x=x, y=y, **layers) as t:
        b = layers["B"](layers["A"](x))
        c = layers["C"](b.detach() if bridge else b)
        loss_b, loss_c = F.mse_loss(b, y), F.mse_loss(c, y)
        both = loss_b + loss_c
        t.name(loss_b=loss_b, loss_c=loss_c, both=both)
    row = "bridge" if bridge else "no bridge"
    return {
        (row, "loss on B"): t.flow(loss_b),
        (row, "loss on C"): t.flow(loss_c),
        (row, "loss on both"): t.flow(both),
    }


def figure(**options):
    return gf.grid({**flows(False), **flows(True)}, **options)
