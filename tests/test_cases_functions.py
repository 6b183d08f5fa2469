"""Programs with their own derivatives: custom Functions of all kinds."""

from __future__ import annotations

import torch
from torch import nn
from torch.autograd import Function
from truth import case, given, layers

from gradflow import Reason

RECEIVED, ZERO, UNDEFINED = Reason.RECEIVED, Reason.ZERO, Reason.UNDEFINED
NOT_DIFFERENTIABLE, NONFINITE = Reason.NOT_DIFFERENTIABLE, Reason.NONFINITE


class Reversal(Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -grad


class ReturnsNone(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return None


class OneOfTwo(Function):
    """Sends a gradient to its first argument only."""

    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, grad):
        return grad, None


class SendsZeros(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return torch.zeros_like(grad)


class SendsNan(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * float("nan")


class Marked(Function):
    @staticmethod
    def forward(ctx, x):
        y = x.sign()
        ctx.mark_non_differentiable(y)
        return y

    @staticmethod
    def backward(ctx, grad):
        return grad


class ValueAndIndex(Function):
    """Two outputs, one of them an index."""

    @staticmethod
    def forward(ctx, x):
        value, index = x.max(1)
        ctx.mark_non_differentiable(index)
        ctx.save_for_backward(index)
        ctx.shape = x.shape
        return value, index

    @staticmethod
    def backward(ctx, grad, _):
        (index,) = ctx.saved_tensors
        return torch.zeros(ctx.shape).scatter(1, index[:, None], grad[:, None])


class TwoOutputs(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, double, triple):
        return 2 * double + 3 * triple


class InPlace(Function):
    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


class WithContext(Function):
    """The newer form: `setup_context` apart from `forward`."""

    @staticmethod
    def forward(x, scale):
        return x * scale

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.scale = inputs[1]

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.scale, None


class StraightThrough(Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad


class NotMaterialized(Function):
    """Two outputs, and no zeros made up for the one that is not used."""

    @staticmethod
    def forward(ctx, x, y):
        ctx.set_materialize_grads(False)
        return x * 1, y * 1

    @staticmethod
    def backward(ctx, first, second):
        return first, second


class CallsAutograd(Function):
    """Uses autograd inside its forward."""

    @staticmethod
    def forward(ctx, x):
        with torch.enable_grad():
            inner = x.detach().requires_grad_()
            y = inner.tanh().sum()
            (ctx.inner,) = torch.autograd.grad(y, inner)
        return y.detach()

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.inner


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_gradient_reversal(name):
    """A Function that turns the sign is an open path, though its forward runs with gradients off."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    r = Reversal.apply(h)
    name(h=h, r=r)
    yield net.b(r).sum()


@case({"a.weight": UNDEFINED, "b.weight": RECEIVED})
def test_function_that_returns_none():
    """A backward that returns None leaves `.grad` None though everything below it runs."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = ReturnsNone.apply(h)  # cut: UNDEFINED ReturnsNone|apply
    yield net.b(h).sum()


@case({"w": UNDEFINED})
def test_function_that_returns_none_to_a_leaf():
    """So it is when the leaf hangs directly below."""
    w = torch.randn(4, requires_grad=True)
    yield given(w=w)
    yield ReturnsNone.apply(w).sum()  # cut: UNDEFINED ReturnsNone|apply


@case({"a.weight": UNDEFINED, "b.weight": RECEIVED, "first.weight": UNDEFINED})
def test_operations_below_a_none():
    """The op that received a gradient and sent None is the culprit, not the ones below that only passed it on."""
    net, x = layers("first a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(net.first(x).tanh()).relu()
    h = ReturnsNone.apply(h)  # cut: UNDEFINED ReturnsNone|apply
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": UNDEFINED})
def test_function_that_serves_one_of_two_arguments():
    """One argument gets a gradient, the other None."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h, g = net.a(x), net.b(x)
    yield OneOfTwo.apply(h, g).sum()  # cut: UNDEFINED OneOfTwo|apply


@case({"a.weight": RECEIVED})
def test_none_on_one_path_of_two():
    """None along one path and a gradient along the other: it is received."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    yield (ReturnsNone.apply(h) + h).sum()


@case({"w": RECEIVED})
def test_same_argument_twice():
    """A leaf given twice, of which one use gets None."""
    w = torch.randn(4, requires_grad=True)
    yield given(w=w)
    yield OneOfTwo.apply(w, w).sum()


@case({"a.weight": ZERO, "b.weight": RECEIVED})
def test_function_that_sends_zeros():
    """A Function may be the culprit of a zero."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = SendsZeros.apply(h)  # cut: ZERO SendsZeros|apply
    yield net.b(h).sum()


@case({"a.weight": NONFINITE, "b.weight": RECEIVED})
def test_function_that_sends_nan():
    """Or of a NaN."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = SendsNan.apply(h)  # cut: NONFINITE SendsNan|apply
    yield net.b(h).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_mark_non_differentiable():
    """An output marked as not differentiable cuts."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = Marked.apply(h)  # cut: NOT_DIFFERENTIABLE Marked|apply
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_function_with_a_value_and_an_index():
    """Of several outputs, the differentiable one is an open path."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    value, index = ValueAndIndex.apply(net.a(x))
    yield (value * index).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_function_of_which_only_the_index_is_used():
    """Of several outputs, the index is none."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    _, index = ValueAndIndex.apply(h)  # cut: NOT_DIFFERENTIABLE ValueAndIndex|apply
    yield (net.b(x).sum(1) * index).sum()


@case({"a.weight": RECEIVED})
def test_function_with_two_outputs():
    """Both outputs used."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    double, triple = TwoOutputs.apply(net.a(x))
    yield (double * triple).sum()


@case({"a.weight": RECEIVED})
def test_function_with_one_of_two_outputs_used():
    """One output used: the other's gradient is made up of zeros."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    double, _ = TwoOutputs.apply(net.a(x))
    yield double.sum()


@case({"a.weight": RECEIVED})
def test_function_in_place():
    """`mark_dirty`: the same tensor comes back, with another history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    InPlace.apply(h)
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_function_with_setup_context():
    """The form with `setup_context`, and an argument that is no tensor."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield net.b(WithContext.apply(net.a(x), 3.0)).sum()


@case({"a.weight": RECEIVED})
def test_straight_through_function():
    """A straight-through Function passes what `round` would zero."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield net.b(StraightThrough.apply(net.a(x) * 10)).sum()


@case({"a.weight": RECEIVED, "b.weight": UNDEFINED})
def test_function_that_makes_up_no_zeros():
    """Without materialized gradients the unused half gets None."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h, g = net.a(x), net.b(x)
    first, _ = NotMaterialized.apply(h, g)  # cut: UNDEFINED NotMaterialized|apply
    yield first.sum()


@case({"a.weight": RECEIVED})
def test_function_that_uses_autograd_inside():
    """What happens inside a Function is its own affair."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    yield CallsAutograd.apply(net.a(x)).sum()


@case({"a.weight": RECEIVED, "inner.weight": RECEIVED})
def test_function_in_a_module():
    """A Function within modules, between other layers."""
    net, x = layers("a inner b"), torch.randn(5, 4)

    class Layer(nn.Module):
        def forward(self, h):
            return Reversal.apply(net.inner(h)) + StraightThrough.apply(h)

    layer = Layer()
    yield given(net, layer=layer)
    yield net.b(layer(net.a(x))).sum()


@case({"w": RECEIVED})
def test_function_that_returns_its_input():
    """A Function that returns its own argument makes a new value of it."""

    class Identity(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, grad):
            return grad * 5

    w = torch.randn(4, requires_grad=True)
    yield given(w=w)
    yield Identity.apply(w * 1).sum()
