"""Programs in which a gradient arrives: exact zeros, NaN and inf, tiny and huge numbers, gradient hooks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from truth import case, given, layers

from gradflow import Reason

RECEIVED, ZERO, NONFINITE = Reason.RECEIVED, Reason.ZERO, Reason.NONFINITE


# -- exact zeros -------------------------------------------------------------------------------------------


@case({"a.weight": ZERO, "a.bias": ZERO, "b.weight": RECEIVED})
def test_round(name):
    """`round` is differentiable, and its derivative is exactly zero."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    before = net.a(x)
    after = (before * 10).round()  # cut: ZERO round
    name(before=before, after=after)
    yield net.b(after).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_sign():
    """So it is with `sign`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).sign()  # cut: ZERO sign
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_floor():
    """So it is with `floor`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = (net.a(x) * 10).floor()  # cut: ZERO floor
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_bernoulli():
    """So it is with a sample drawn by `bernoulli`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = torch.bernoulli(net.a(x).sigmoid())  # cut: ZERO bernoulli
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": ZERO, "b.bias": RECEIVED})
def test_dead_relu():
    """A ReLU whose inputs are all negative sends zeros to everything below it, and outputs zeros upwards."""
    net, x = layers("a b"), torch.randn(5, 4)
    nn.init.constant_(net.a.bias, -100.0)
    yield given(net)
    h = net.a(x).relu()  # cut[a.weight]: ZERO relu
    yield net.b(h).sum()  # cut[b.weight]: ZERO linear


@case({"a.weight": RECEIVED})
def test_half_dead_relu():
    """A ReLU that is dead for some columns leaves a support below 1."""
    net, x = layers("a b"), torch.randn(5, 4)
    with torch.no_grad():
        net.a.bias[:2] = -100.0
    yield given(net)
    yield net.b(net.a(x).relu()).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_clamp():
    """Beyond its bounds, `clamp` sends zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).clamp(100.0, 101.0)  # cut: ZERO clamp
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_where_never_chosen():
    """The branch that `where` never chose gets zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = torch.where(x > 100, h, x)  # cut: ZERO where
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_masked_fill():
    """What was masked away gets zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).masked_fill(x < 100, 0.5)  # cut: ZERO masked_fill
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_times_zero():
    """`* 0` sends zeros; `+ x` after it does not."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) * 0  # cut: ZERO mul
    yield net.b(h + x).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_times_a_zero_weight():
    """A loss term of weight 0 sends zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    weight = 0.0
    yield given(net)
    task = net.b(x).sum()
    penalty = net.a(x).pow(2).sum()
    weighted = weight * penalty  # cut: ZERO mul
    yield task + weighted


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_zero_weights_above():
    """A layer whose weights are all zero sends zeros to what is below it."""
    net, x = layers("a b"), torch.randn(5, 4)
    nn.init.zeros_(net.b.weight)
    yield given(net)
    h = net.a(x)
    yield net.b(h).sum()  # cut: ZERO linear


@case({"a.weight": ZERO, "b.weight": ZERO, "b.bias": RECEIVED})
def test_dropout_of_everything():
    """Dropout with p = 1 sends zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = F.dropout(net.a(x), 1.0)  # cut[a.weight]: ZERO dropout
    yield net.b(h).sum()  # cut[b.weight]: ZERO linear


@case({"a.weight": ZERO})
def test_cancellation():
    """Two shares that cancel exactly: something arrives along both, and their sum is zero."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)  # cut maybe: ZERO linear
    d = h - h  # cut maybe: ZERO sub
    yield d.sum()


@case({"a.weight": ZERO, "a.bias": ZERO})
def test_mean_of_normalized():
    """The mean of a softmax is a constant, but only almost: its gradient is what PyTorch makes of it."""
    net = layers("a", 1)
    x = torch.randn(5, 1)
    yield given(net)
    yield net.a(x).softmax(1).sum()  # cut: ZERO softmax


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_two_zeros_in_a_row():
    """The operation nearest to the loss that made the zero is the culprit."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).round()
    h = h * 0  # cut: ZERO mul
    yield net.b(h + x).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_zero_on_one_path_and_a_detach_on_the_other():
    """Where a zero arrives along one path, the reason is ZERO though another path is cut."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    rounded = h.round()  # cut: ZERO round
    yield net.b(rounded + h.detach()).sum()


# -- tiny, huge, NaN, inf ----------------------------------------------------------------------------------


@case({"a.weight": RECEIVED})
def test_tiny_gradient_is_not_zero():
    """Zero is decided by counting: the float32 norm of 1e-30 underflows, the gradient is there."""
    net, x = layers("a"), torch.ones(5, 4)
    yield given(net)
    yield (net.a(x) * 1e-30).sum()


@case({"a.weight": RECEIVED})
def test_denormal_gradient_is_not_zero():
    """Nor is the smallest number there is."""
    net, x = layers("a"), torch.ones(1, 4)
    yield given(net)
    yield (net.a(x) * 1e-45).sum()


@case({"a.weight": RECEIVED})
def test_huge_gradient_is_finite():
    """A gradient of 1e30 is finite, though its square overflows in float32."""
    net, x = layers("a"), torch.ones(5, 4)
    yield given(net)
    yield (net.a(x) * 1e30).sum()


@case({"a.weight": RECEIVED})
def test_huge_gradient_in_half_precision():
    """A float16 gradient of 60000 is finite, though its norm does not fit in float16."""
    w = torch.full((4,), 0.5, dtype=torch.float16, requires_grad=True)
    net = nn.Module()
    net.a = nn.Module()
    net.a.weight = nn.Parameter(w.detach())
    yield given(net)
    yield (net.a.weight * 60000.0).sum()


@case({"a.weight": NONFINITE, "b.weight": RECEIVED})
def test_sqrt_of_zero():
    """The derivative of `sqrt` at 0 is inf; the zero below makes NaN of it; the sqrt is the culprit."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) * 0
    h = h.sqrt()  # cut: NONFINITE sqrt
    yield net.b(h + x).sum()


@case({"a.weight": NONFINITE, "b.weight": RECEIVED})
def test_masked_logarithm():
    """The trap of `where`: a zero gradient times an infinite derivative is NaN."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x) * 0
    logarithm = h.log()  # cut: NONFINITE log
    h = torch.where(h > 0, logarithm, x)
    yield net.b(h).sum()


@case({"a.weight": NONFINITE})
def test_division_by_zero():
    """A division by zero sends inf."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = h / torch.zeros(4)  # cut: NONFINITE div
    yield h.sum()


@case({"a.weight": NONFINITE, "a.bias": NONFINITE})
def test_one_nan_among_numbers():
    """One NaN among finite numbers is enough."""
    net, x = layers("a"), torch.randn(5, 4)
    factor = torch.ones(4)
    factor[2] = float("nan")
    yield given(net)
    h = net.a(x)
    h = h * factor  # cut: NONFINITE mul
    yield h.sum()


@case({"a.weight": NONFINITE})
def test_nan_counts_as_not_zero():
    """A gradient of zeros and NaN is not zero."""
    net, x = layers("a"), torch.randn(5, 4)
    factor = torch.tensor([0.0, float("nan"), 0.0, 0.0])
    yield given(net)
    h = net.a(x)
    h = h * factor  # cut: NONFINITE mul
    yield h.sum()


@case({"w": NONFINITE})
def test_overflow():
    """A finite computation whose derivative overflows sends inf."""
    w = torch.tensor([2.0], requires_grad=True)
    yield given(w=w)
    h = w * 1e30  # cut: NONFINITE mul
    yield (h * 1e30).sum()


# -- hooks and straight-through ----------------------------------------------------------------------------


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_hook_that_zeroes():
    """A hook that zeroes an intermediate gradient: everything below gets zeros."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)  # cut maybe: ZERO linear
    h.register_hook(lambda grad: grad * 0)  # cut maybe: ZERO register_hook
    yield net.b(h).sum()  # cut maybe: ZERO linear


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_hook_that_scales():
    """A hook that scales is part of the gradient."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.register_hook(lambda grad: grad * 3)
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_hook_that_replaces():
    """A hook that returns another tensor replaces the gradient."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.register_hook(torch.ones_like)
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_hook_on_a_parameter_that_zeroes():
    """A hook on the parameter itself, set before the trace, zeroes what arrives."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.weight.register_hook(torch.zeros_like)
    yield given(net)
    h = net.a(x)  # cut maybe: ZERO linear
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_hook_on_a_parameter_that_scales():
    """A hook on the parameter itself is part of the gradient."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.weight.register_hook(lambda grad: grad * 0.5)
    yield given(net)
    yield net(x).sum()


@case({"a.weight": RECEIVED})
def test_full_backward_hook_that_scales():
    """A module's full backward hook may replace the gradient of its inputs."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.b.register_full_backward_hook(lambda module, grad_input, grad_output: tuple(2 * g for g in grad_input))
    yield given(net)
    yield net(x).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_full_backward_hook_that_zeroes():
    """It may also zero it."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.b.register_full_backward_hook(lambda module, grad_input, grad_output: tuple(0 * g for g in grad_input))
    yield given(net)
    yield net(x).sum()  # cut: ZERO linear|BackwardHook|BackwardHookFunction|apply|identity


@case({"a.weight": RECEIVED})
def test_full_backward_pre_hook():
    """A full backward pre-hook may replace the gradient of the outputs."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.register_full_backward_pre_hook(lambda module, grad_output: tuple(-g for g in grad_output))
    yield given(net)
    yield net(x).sum()


@case({"a.weight": RECEIVED})
def test_hook_that_only_looks():
    """A hook that returns nothing changes nothing."""
    net, x = layers("a b"), torch.randn(5, 4)
    seen = []
    yield given(net)
    h = net.a(x)
    h.register_hook(lambda grad: seen.append(grad.norm().item()))
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_post_accumulate_hook():
    """A post-accumulate hook runs in a real backward, and has no part in the gradient."""
    net, x = layers("a b"), torch.randn(5, 4)
    seen = []
    net.a.bias.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.norm().item()))
    yield given(net)
    yield net(x).sum()


@case({"a.weight": RECEIVED})
def test_retain_grad(name):
    """`retain_grad` is the user's own; the flow leaves the retained `.grad` as it was."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.retain_grad()
    name(h=h)
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_straight_through_with_detach(name):
    """The straight-through estimator: the detach beside an open path is no cut of it."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    name(h=h)
    h = h + (h.round() - h).detach()
    yield net.b(h).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_straight_through_without_detach():
    """Without the detach the estimator cancels itself, and the zero of `round` is left."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)  # cut maybe: ZERO linear
    r = h.round()  # cut maybe: ZERO round
    d = r - h  # cut maybe: ZERO sub
    h = h + d  # cut maybe: ZERO add
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_noise_in_a_hook():
    """A hook that draws random numbers: the flow restores the random state."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.register_hook(lambda grad: grad + 0 * torch.randn_like(grad))
    yield net.b(h).sum()
