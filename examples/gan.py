"""One step of a GAN: two losses, and a detach that keeps the first of them away from the generator."""

import torch
import torch.nn.functional as F
from torch import nn

import gradflow as gf


def figure(**options):
    torch.manual_seed(0)
    G, D = nn.Linear(2, 4), nn.Linear(4, 1)
    opt_G, opt_D = torch.optim.SGD(G.parameters(), 0.1), torch.optim.SGD(D.parameters(), 0.1)
    z, real = torch.randn(8, 2), torch.randn(8, 4)
    labels = torch.cat([torch.ones(8, 1), torch.zeros(8, 1)])
    with gf.trace(G=G, D=D, z=z, real=real, labels=labels) as t:
        fake = G(z)
        loss_D = F.binary_cross_entropy_with_logits(D(torch.cat([real, fake.detach()])), labels)
        loss_G = F.binary_cross_entropy_with_logits(D(fake), labels[:8])
        t.name(fake=fake)
    both = gf.compare(loss_D=t.flow(loss_D), loss_G=t.flow(loss_G))
    return gf.draw(both, optimizer={"opt_G": opt_G, "opt_D": opt_D}, **options)
