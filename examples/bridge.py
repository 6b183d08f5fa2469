"""Three layers and a detach between the second and the third."""

import torch
import torch.nn.functional as F
from torch import nn

import gradflow as gf


class Bridge(nn.Module):
    def __init__(self):
        super().__init__()
        self.A = nn.Linear(4, 4)
        self.B = nn.Linear(4, 4)
        self.C = nn.Linear(4, 2)

    def forward(self, x):
        b = self.B(self.A(x))
        return self.C(b.detach())


def figure(**options):
    torch.manual_seed(0)
    model, x, y = Bridge(), torch.randn(8, 4), torch.randn(8, 2)
    with gf.trace(model, x=x, y=y) as t:
        loss = F.mse_loss(model(x), y)
    return gf.draw(t.flow(loss), **options)
