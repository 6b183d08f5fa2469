"""One network in which a gradient meets everything that can happen to it."""

import torch
import torch.nn.functional as F
from torch import nn

import gradflow as gf


class Quantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return None


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.adapter = nn.Linear(4, 3)
        self.mid = nn.Linear(3, 3).requires_grad_(False)
        self.gate = nn.Linear(4, 3)
        self.code = nn.Linear(4, 3)
        self.teacher = nn.Linear(4, 3)
        self.log_t = nn.Parameter(torch.tensor(0.5))
        nn.init.constant_(self.gate.bias, -9.0)

    def forward(self, x):
        h = self.mid(self.adapter(x))
        h = h + F.relu(self.gate(x))
        h = h + Quantize.apply(self.code(x))
        with torch.no_grad():
            target = self.teacher(x)
        temperature = self.log_t.exp().item()
        return F.mse_loss(h / temperature, target)


def figure(**options):
    torch.manual_seed(0)
    model, x = Net(), torch.randn(8, 4)
    optimizer = torch.optim.SGD([model.adapter.weight], lr=0.1)
    before = gf.snapshot(model)
    with gf.trace(model, x=x) as t:
        loss = model(x)
    flow = t.backward(loss)
    optimizer.step()
    step = gf.diff(before, gf.snapshot(model))
    return gf.draw(flow, optimizer=optimizer, step=step, **{"legend": True, **options})
