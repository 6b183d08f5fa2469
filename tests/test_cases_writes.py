"""Programs that write: in place, by index, through views and aliases, into `out=`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from truth import case, given, layers

from gradflow import Reason

RECEIVED, ZERO, DETACHED, NO_GRAD = Reason.RECEIVED, Reason.ZERO, Reason.DETACHED, Reason.NO_GRAD


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_add_in_place():
    """`add_` makes a new value of the same tensor."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.add_(1)
    h += net.b(x)
    yield h.sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_multiply_in_place_by_zero():
    """`mul_(0)` is the culprit of the zero."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.mul_(0)  # cut: ZERO mul_
    yield net.b(h + x).sum()


@case({"a.weight": RECEIVED})
def test_relu_in_place():
    """A module that works in place."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.act = nn.ReLU(inplace=True)
    yield given(net)
    yield net.b(net.act(net.a(x))).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_overwritten_by_copy():
    """`copy_` puts another value in the place; the old one gets zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.copy_(net.b(x))  # cut: ZERO copy_
    yield h.sum()


@case({"a.weight": ZERO, "b.weight": ZERO})
def test_zero_in_place():
    """`zero_` overwrites, and sends zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.zero_()  # cut[a.weight]: ZERO zero_
    yield net.b(h).sum()  # cut[b.weight]: ZERO linear


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_write_by_index():
    """`h[:, 0] = …` mixes the old value with the new one."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h[:, 0] = net.b(x)[:, 1]
    yield h.pow(2).sum()


@case({"a.weight": RECEIVED})
def test_write_by_index_into_a_constant():
    """A constant that is written into becomes part of the computation."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    out = torch.zeros(5, 4)
    for row in range(5):
        out[row] = net.a(x[row])
    yield out.tanh().sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_write_with_a_mask():
    """So does a write with a boolean mask."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h[x > 0] = net.b(x)[x > 0]
    yield h.pow(2).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_write_over_everything():
    """A write by index over the whole tensor leaves zeros for what was there."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h[:] = net.b(x)  # cut: ZERO setitem
    yield h.sum()


@case({"a.weight": RECEIVED})
def test_multiply_a_row():
    """`h[0].mul_(2)` changes h too."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h[0].mul_(2)
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_write_through_a_view_of_a_view():
    """A write through `h.view(-1)[1:]` reaches h."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.view(-1)[1:].add_(net.b(x).view(-1)[1:])
    yield h.pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_stale_alias():
    """A view that was taken before the write shows the written value."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    first = h[0]
    h.mul_(net.b(x).sigmoid())
    yield first.pow(2).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_stale_alias_of_what_was_overwritten():
    """A stale view of an overwritten value gives its gradient to the new content."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    first = h[0]
    h.copy_(net.b(x))  # cut: ZERO copy_
    yield first.pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_two_views_written_in_turn():
    """Two views of one base, each written."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) * 1
    left, right = h[:, :2], h[:, 2:]
    left.mul_(2)
    right.copy_(net.b(x)[:, 2:])
    left.add_(1)
    yield h.pow(2).sum()


@case({"a.weight": RECEIVED})
def test_transposed_view_written():
    """A write through a transposed view."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).clone()
    h.t()[1] = 3.0
    yield h.pow(2).sum()


@case({"a.weight": RECEIVED})
def test_index_add_and_scatter_in_place():
    """`index_add_`, `scatter_add_` and `index_put_` write by index."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    out = torch.zeros(3, 4)
    out.index_add_(0, torch.tensor([0, 1, 2, 0, 1]), h)
    out.scatter_add_(0, torch.zeros(5, 4, dtype=torch.long), h)
    out.index_put_((torch.tensor([2]),), h[0])
    yield out.pow(2).sum()


@case({"a.weight": RECEIVED})
def test_masked_fill_in_place():
    """A mask in place, as attention does it."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).clone()
    h.masked_fill_(torch.ones(5, 4).triu(1).bool(), float("-inf"))
    yield (h.softmax(1) * x).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_out_argument():
    """`out=` writes into a tensor given; PyTorch allows it only without gradients."""
    net, x = layers("a b"), torch.randn(5, 4)
    out = torch.empty(5, 4)
    yield given(net)
    h = net.a(x)
    with torch.no_grad():
        torch.tanh(h, out=out)  # cut: NO_GRAD no_grad
    yield net.b(out).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_out_argument_of_a_detached_value():
    """Without gradients in play, `out=` carries the value on, and what cut it is upstream."""
    net, x = layers("a b"), torch.randn(5, 4)
    out = torch.empty(5, 4)
    yield given(net)
    h = net.a(x).detach()  # cut: DETACHED detach
    torch.tanh(h, out=out)
    yield net.b(out).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_write_of_a_detached_value():
    """A write by index of a detached value."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = torch.zeros(5, 4)
    h[:, 1:] = net.a(x).detach()[:, 1:]  # cut: DETACHED detach
    yield net.b(h).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_write_with_gradients_off():
    """A write with gradients off carries the number, and no history."""
    net, x = layers("a b"), torch.randn(5, 4)
    h = torch.zeros(5, 4)
    yield given(net)
    u = net.a(x)
    with torch.no_grad():
        h.copy_(u)  # cut: NO_GRAD no_grad
    yield net.b(h).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_parameter_written_with_gradients_off():
    """A parameter written from another one (a target network) is still the same leaf."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.no_grad():
        net.b.weight.copy_(net.a.weight)  # cut: NO_GRAD no_grad
    yield net.b(x).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_moving_average_of_a_parameter():
    """A parameter that is also used keeps its gradient, whatever was read with gradients off."""
    net, x = layers("a b"), torch.randn(5, 4)
    average = torch.zeros(4, 4)
    yield given(net)
    with torch.no_grad():
        average.mul_(0.9).add_(net.a.weight, alpha=0.1)
    yield (net(x) + F.linear(x, average)).sum()


@case({"a.weight": RECEIVED})
def test_write_through_numpy():
    """A write through NumPy moves no version; the path that is there stays."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) + 0
    h.detach().numpy()[0] = 1.0
    yield h.sum()


@case({"a.weight": RECEIVED})
def test_write_under_detached_alias():
    """A write through a detached alias changes numbers, and no history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) + 0
    h.detach()[0] = 1.0
    yield h.sum()


@case({"a.weight": RECEIVED, "a.bias": RECEIVED})
def test_views_without_writes():
    """Views of all kinds pass gradients."""
    net, x = layers("a"), torch.randn(6, 4)
    yield given(net)
    h = net.a(x)
    parts = [*h.chunk(2), *h.split(3), h.t().reshape(6, 4), h.unsqueeze(0)[0], h.expand(2, 6, 4)[1], h.narrow(0, 1, 2)]
    parts += list(h.unbind(1))
    yield sum(part.pow(2).mean() for part in parts)


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_one_of_several_views_used():
    """Of two halves only one is used; the support of the bias is 1/2."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    left, _ = net.a(x).chunk(2, dim=1)
    yield (net.b(x)[:, :2] * left).sum()


@case({"w": RECEIVED})
def test_leaf_view_used():
    """A row of a leaf: the gradient is dense, its support that of the row."""
    w = torch.randn(5, 4, requires_grad=True)
    yield given(w=w)
    yield w[2].pow(2).sum()


@case({"a.weight": RECEIVED})
def test_resize_and_swap_of_names():
    """Names in Python do not matter: the same tensor under two names, the same name for two tensors."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = g = net.a(x)
    h = h + 1
    g, h = h, g
    yield (net.b(h) * g).sum()
