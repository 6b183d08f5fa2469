"""Five scalars, four operations: every value and every derivative on its edge."""

import torch

import gradflow as gf


def flow():
    x, w, b, y_ = (torch.tensor(number, requires_grad=True) for number in (2.0, 3.0, 1.0, 5.0))
    with gf.trace(x=x, w=w, b=b, y_=y_) as t:
        p = x * w
        y = p + b
        s = -y
        u = s + y_
        f = u**2
        t.name(p=p, y=y, s=s, t=u, f=f)
    return t.flow(f)


def figure(**options):
    return gf.draw(flow(), **options)


def steps(**options):
    return gf.animate(flow(), **options)
