"""Programs that differ in how backward is called: inputs, gradient, several losses, derivatives of derivatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from truth import Backward, case, given, layers

from gradflow import Reason

RECEIVED, ZERO, UNUSED = Reason.RECEIVED, Reason.ZERO, Reason.UNUSED
DETACHED, NOT_REQUESTED, NOT_CONNECTED = Reason.DETACHED, Reason.NOT_REQUESTED, Reason.NOT_CONNECTED
FROZEN, NO_GRAD = Reason.FROZEN, Reason.NO_GRAD


@case({"a.weight": NOT_REQUESTED, "b.weight": RECEIVED, "b.bias": NOT_REQUESTED})
def test_inputs_by_tensor():
    """`inputs=` leaves out all others, and they get nothing."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield Backward(net(x).sum(), inputs=[net.b.weight])


@case({"a.weight": RECEIVED, "b.weight": NOT_REQUESTED})
def test_inputs_by_name():
    """The flow also takes names."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield Backward(net(x).sum(), inputs=["a.weight", "a.bias"])


@case({"a.weight": DETACHED, "b.weight": NOT_REQUESTED, "b.bias": RECEIVED}, fill=False)
def test_inputs_that_are_cut():
    """What was asked for and is cut is explained by the cut; PyTorch only refuses if nothing is left."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).detach()  # cut: DETACHED detach
    yield Backward(net.b(h).sum(), inputs=["a.weight", "b.bias"])


@case({"a.weight": NOT_REQUESTED, "b.weight": FROZEN, "b.bias": RECEIVED, "spare.weight": NOT_REQUESTED})
def test_inputs_and_frozen():
    """FROZEN comes before NOT_REQUESTED, NOT_REQUESTED before UNUSED."""
    net, x = layers("a b spare"), torch.randn(5, 4)
    net.b.weight.requires_grad_(False)
    yield given(net)
    yield Backward(net.b(net.a(x)).sum(), inputs=["b.bias"])


@case({"a.weight": RECEIVED})
def test_loss_of_many_entries():
    """A loss of many entries takes the gradient to start from."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    y = net(x)
    yield Backward(y, gradient=torch.arange(20.0).view(5, 4))


@case({"a.weight": ZERO, "b.bias": ZERO})
def test_gradient_of_zeros():
    """If the given gradient is zero, so is everything; no op is the culprit but the loss itself."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    y = net(x)
    yield Backward(y, gradient=torch.zeros(5, 4))


@case({"a.weight": RECEIVED})
def test_gradient_for_a_scalar():
    """A scalar loss takes one as well."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield Backward(net(x).sum(), gradient=torch.tensor(-2.5))


@case({"a.weight": RECEIVED})
def test_loss_of_one_entry():
    """A loss of shape (1, 1) needs none."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield net(x).sum().view(1, 1)


@case({"w": RECEIVED})
def test_parameter_that_is_the_loss():
    """A parameter that is itself the loss gets the gradient one."""
    w = torch.tensor(3.0, requires_grad=True)
    yield given(w=w)
    yield w


@case({"w": RECEIVED})
def test_loss_that_is_a_used_parameter():
    """Also when it was used elsewhere."""
    w = torch.tensor(3.0, requires_grad=True)
    yield given(w=w)
    w * 2
    yield w


@case({"a.weight": DETACHED})
def test_loss_that_does_not_require_grad():
    """A loss that is cut entirely gives an empty flow that can be explained."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    yield net.a(x).sum().detach()  # cut: DETACHED detach


@case({"a.weight": NO_GRAD})
def test_loss_computed_with_gradients_off():
    """So does one computed under `no_grad`."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    with torch.no_grad():
        h = net.a(x)  # cut: NO_GRAD no_grad
        loss = h.sum()  # cut: NO_GRAD no_grad
    yield loss


@case({"a.weight": UNUSED})
def test_loss_that_is_a_constant():
    """So does one that nothing was used for."""
    net = layers("a")
    yield given(net)
    yield torch.ones(()) * 2


@case({"a.weight": FROZEN, "a.bias": FROZEN})
def test_loss_of_a_frozen_model():
    """And one of a frozen model."""
    net, x = layers("a"), torch.randn(5, 4)
    net.requires_grad_(False)
    yield given(net)
    yield net.a(x).sum()


@case({"a.weight": RECEIVED})
def test_loss_seen_from_the_middle():
    """Backward from an intermediate, while the loss goes on."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    net.b(h).sum()
    yield Backward(h, gradient=torch.ones(5, 4))


@case({"w": RECEIVED})
def test_double_backward():
    """The gradient of a gradient: `create_graph` makes the first one differentiable."""
    w = torch.randn(4, requires_grad=True)
    yield given(w=w)
    loss = (w**3).sum()
    (g,) = torch.autograd.grad(loss, w, create_graph=True)
    yield g.pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_gradient_penalty(name):
    """A WGAN's gradient penalty, the derivative of an intermediate's derivative."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    score = net.b(h.tanh()).sum()
    (g,) = torch.autograd.grad(score, h, create_graph=True)
    penalty = (g.norm(dim=1) - 1).pow(2).mean()
    name(h=h, g=g)
    yield score + penalty


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_gradient_as_a_constant():
    """Without `create_graph` it is a constant."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    score = h.tanh().sum()
    (g,) = torch.autograd.grad(score, h, retain_graph=True)  # cut: DETACHED grad
    yield (net.b(x) * g).sum()


@case({"a.weight": RECEIVED})
def test_both_losses_and_their_sum():
    """The flows of two losses and of their sum, over one graph."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    one, two = h.pow(2).sum(), net.b(h).sum()
    both = one + two
    yield one
    yield two
    yield both


@case({"w": RECEIVED})
def test_hessian_vector_product():
    """Two derivatives in a row, both kept differentiable."""
    w, v = torch.randn(4, requires_grad=True), torch.randn(4)
    yield given(w=w)
    (g,) = torch.autograd.grad((w**4).sum(), w, create_graph=True)
    (hv,) = torch.autograd.grad((g * v).sum(), w, create_graph=True)
    yield (hv * v).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED}, fill=False)
def test_loss_from_an_earlier_grad():
    """A user's backward with `create_graph` within the trace, whose `.grad` is part of the next loss."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    loss = net(x).pow(2).sum()
    loss.backward(create_graph=True)
    kept = net.b.weight.grad.clone()
    for parameter in net.parameters():
        parameter.grad = None
    yield loss + kept.pow(2).sum()


@case({"inner": RECEIVED, "outer": RECEIVED})
def test_step_of_meta_learning():
    """MAML: an inner gradient step written as an expression, differentiated through."""
    inner, outer = torch.randn(4, requires_grad=True), torch.tensor(0.1, requires_grad=True)
    x = torch.randn(4)
    yield given(inner=inner, outer=outer)
    (g,) = torch.autograd.grad(((inner - x) ** 2).sum(), inner, create_graph=True)
    stepped = inner - outer * g
    yield ((stepped - 1) ** 2).sum()


@case({"a.weight": RECEIVED})
def test_loss_of_pytorch():
    """Losses with targets that are numbers, words and distributions."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    losses = [
        F.mse_loss(h, x),
        F.cross_entropy(h, torch.tensor([0, 1, 2, 3, 0])),
        F.kl_div(h.log_softmax(1), x.softmax(1), reduction="batchmean"),
        F.binary_cross_entropy_with_logits(h, x.sigmoid()),
        F.smooth_l1_loss(h, x),
        F.cosine_embedding_loss(h, x, torch.ones(5)),
    ]
    yield sum(losses)
