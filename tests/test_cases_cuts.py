"""Programs that cut a path: the detach family, gradients off, no derivative, numbers that leave PyTorch."""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from truth import case, given, layers

from gradflow import Reason

DETACHED, NO_GRAD, RECEIVED = Reason.DETACHED, Reason.NO_GRAD, Reason.RECEIVED
NOT_DIFFERENTIABLE, LEFT_PYTORCH = Reason.NOT_DIFFERENTIABLE, Reason.LEFT_PYTORCH
NOT_CONNECTED, UNUSED = Reason.NOT_CONNECTED, Reason.UNUSED


# -- copies without history --------------------------------------------------------------------------------


@case({"a.weight": DETACHED, "a.bias": DETACHED, "b.weight": RECEIVED})
def test_detach(name):
    """`detach` cuts, and is named with its line."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    before = net.a(x)
    h = before.detach()  # cut: DETACHED detach
    loss = net.b(h).sum()
    name(before=before, h=h, loss=loss)
    yield loss


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_in_place():
    """`detach_` cuts the value itself, without a new tensor or version."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.detach_()  # cut: DETACHED detach_
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_detach_in_place_after_the_use():
    """What used a value before its `detach_` still sends its gradient back."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    loss = (h + net.b(x)).sum()
    h.detach_()
    yield loss


@case({"a.weight": DETACHED, "b.weight": DETACHED, "c.weight": RECEIVED})
def test_two_detaches_in_a_row():
    """Each of two detaches cuts by itself, so both are named; the lower layer sees the second only."""
    net, x = layers("a b c"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).detach()  # cut[a.weight]: DETACHED detach
    h = net.b(h).detach()  # cut: DETACHED detach
    yield net.c(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_two_branches_each_with_a_detach():
    """All paths are cut, each by another line."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    left = h.sigmoid().detach()  # cut: DETACHED detach
    right = h.tanh().detach()  # cut: DETACHED detach
    yield net.b(left + right).sum()


@case({"a.weight": RECEIVED})
def test_one_branch_detached():
    """A detach beside an open path does not stop the gradient."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    yield net.b(h * h.detach()).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_data_read():
    """Reading `.data` gives a copy without history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).data  # cut: DETACHED data
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_data_written():
    """Writing `h.data = u` brings the value of u without its history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = torch.zeros(5, 4)
    u = net.a(x)
    h.data = u  # cut: DETACHED data
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED, "c.weight": DETACHED})
def test_data_written_over_a_value_with_history():
    """Writing `h.data` keeps the history of h, and cuts that of the new content."""
    net, x = layers("a b c"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h.data = net.c(x)  # cut[c.weight]: DETACHED data
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_copy_with_torch_tensor():
    """`torch.tensor(t)` copies without history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    h = torch.tensor(h)  # cut: DETACHED tensor
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_as_tensor_returns_its_argument():
    """`torch.as_tensor(t)` is t itself, and cuts nothing."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield net.b(torch.as_tensor(net.a(x))).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_copy_with_parameter():
    """`nn.Parameter(t)` makes a new leaf; PyTorch shows no call, so the next op's line may stand for it."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    w = nn.Parameter(h)  # cut or below: DETACHED Parameter
    loss = net.b(w).sum()
    yield loss


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_copy_of_a_dead_value_with_parameter():
    """The source of `nn.Parameter(t)` is found by its storage though it is gone."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    w = nn.Parameter(net.a(x) * 2)  # cut or below: DETACHED Parameter
    loss = net.b(w).sum()
    yield loss


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_clone_detach():
    """`clone().detach()` cuts at the detach; the clone does not."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).clone().detach()  # cut: DETACHED detach
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_clone():
    """`detach().clone()` cuts at the detach; the clone does not."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).detach().clone()  # cut: DETACHED detach
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detached_parameter():
    """A parameter that is used only through its detach is cut there."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    w = net.a.weight.detach()  # cut: DETACHED detach
    yield net.b(F.linear(x, w)).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_deep_copy_of_a_parameter():
    """A deep copy of a parameter is another leaf."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    w = copy.deepcopy(net.a.weight)  # cut: DETACHED deepcopy|data
    # cut maybe or below: DETACHED Parameter
    h = F.linear(x, w)
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_then_requires_grad():
    """`detach().requires_grad_()` starts anew: the cut stays a cut."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).detach().requires_grad_()  # cut: DETACHED detach
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_in_a_forward_hook():
    """A detach in a module's forward hook is the line of the hook."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.a.register_forward_hook(lambda module, args, out: out.detach())  # cut: DETACHED detach
    yield given(net)
    yield net(x).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_autograd_grad_without_create_graph():
    """The result of `torch.autograd.grad` has no history unless it is asked for."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).tanh()
    (g,) = torch.autograd.grad((h**2).sum(), h)  # cut: DETACHED grad
    yield net.b(g).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_set_aliases_the_storage():
    """`u.set_(t)` takes over t's storage without history; PyTorch shows no call."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    u = torch.empty(0)
    h = h.detach()  # cut: DETACHED detach
    u.set_(h)  # cut maybe or below: DETACHED set_
    loss = net.b(u).sum()
    yield loss


@case({"a.weight": (DETACHED, NO_GRAD), "b.weight": RECEIVED})
def test_set_of_a_storage_with_gradients_off():
    """With gradients off, `set_` takes a value with history, and is the cut itself."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    u = torch.empty(0)
    with torch.no_grad():
        u.set_(h)  # cut or below: DETACHED|NO_GRAD set_|no_grad
    loss = net.b(u).sum()
    yield loss


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_in_the_middle_of_an_expression_over_lines():
    """The line of a cut is that of the call, not that of the statement's first line."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.b(
        net.a(x)
        .tanh()
        .detach()  # cut: DETACHED detach
        .sigmoid()
    )
    yield h.sum()


# -- gradients off -----------------------------------------------------------------------------------------


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_no_grad_block():
    """Every op in a `no_grad` block cuts by itself, at its own line, not at the `with`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.no_grad():
        h = net.a(x)  # cut: NO_GRAD no_grad
        h = h.relu()  # cut: NO_GRAD no_grad
    yield net.b(h).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_no_grad_decorator():
    """A decorated function cuts at its own lines."""
    net, x = layers("a b"), torch.randn(5, 4)

    @torch.no_grad()
    def encode(x):
        return net.a(x)  # cut: NO_GRAD no_grad

    yield given(net)
    yield net.b(encode(x)).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_inference_mode_block():
    """`inference_mode` gives tensors that can never be differentiated."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.inference_mode():
        h = net.a(x)  # cut: NO_GRAD inference_mode
        h = h.relu()  # cut: NO_GRAD inference_mode
    yield net.b(h.clone()).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_inference_mode_decorator():
    """So does a decorated function."""
    net, x = layers("a b"), torch.randn(5, 4)

    @torch.inference_mode()
    def encode(x):
        return net.a(x)  # cut: NO_GRAD inference_mode

    yield given(net)
    yield net.b(encode(x).clone()).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_set_grad_enabled_block():
    """`set_grad_enabled(False)` is a `no_grad`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.set_grad_enabled(False):
        h = net.a(x)  # cut: NO_GRAD no_grad
    yield net.b(h).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_set_grad_enabled_call():
    """Also when it is called as a function."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    torch.set_grad_enabled(False)
    h = net.a(x)  # cut: NO_GRAD no_grad
    torch.set_grad_enabled(True)
    yield net.b(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_enable_grad_within_no_grad():
    """`enable_grad` inside `no_grad` brings gradients back."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.no_grad(), torch.enable_grad():
        h = net.a(x)
    yield net.b(h).sum()


@case({"a.weight": NO_GRAD, "b.weight": RECEIVED})
def test_no_grad_then_detach():
    """A detach behind a `no_grad` cuts by itself too; the earliest gives the reason."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.no_grad():
        h = net.a(x)  # cut: NO_GRAD no_grad
    h = h.tanh().detach()  # cut: DETACHED detach
    yield net.b(h).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_then_no_grad():
    """The other way round, the detach gives the reason."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).detach()  # cut: DETACHED detach
    with torch.no_grad():
        h = h.tanh()  # cut: NO_GRAD no_grad
    yield net.b(h).sum()


# -- no derivative -----------------------------------------------------------------------------------------


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_argmax():
    """An index has no derivative."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    index = net.a(x).argmax(1)  # cut: NOT_DIFFERENTIABLE argmax
    h = F.one_hot(index, 4)  # cut maybe: NOT_DIFFERENTIABLE one_hot
    h = h.float()
    yield net.b(h).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "table.weight": RECEIVED})
def test_argmax_into_an_embedding():
    """A lookup sends its gradient to the table, never to the index; the argmax is the cut."""
    net, x = layers("a"), torch.randn(5, 4)
    net.table = nn.Embedding(4, 3)
    yield given(net)
    index = net.a(x).argmax(1)  # cut: NOT_DIFFERENTIABLE argmax
    yield net.table(index).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_comparison():
    """A comparison has no derivative."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    mask = net.a(x) > 0  # cut: NOT_DIFFERENTIABLE gt
    yield net.b(mask.float()).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_equality():
    """Neither has `==`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    mask = net.a(x) == x  # cut: NOT_DIFFERENTIABLE eq
    yield net.b(mask.float() + x).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_long():
    """A cast to integers cuts."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = (net.a(x) * 10).long()  # cut: NOT_DIFFERENTIABLE long
    yield net.b(h.float()).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_to_int():
    """So does `.to(torch.int32)`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = (net.a(x) * 10).to(torch.int32)  # cut: NOT_DIFFERENTIABLE to
    yield net.b(h.float()).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_bool():
    """A cast to booleans cuts."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x).relu().bool()  # cut: NOT_DIFFERENTIABLE bool
    yield net.b(h.float()).sum()


@case({"a.weight": RECEIVED, "gate.weight": NOT_DIFFERENTIABLE})
def test_where_condition():
    """`where` passes gradients to its branches, and the comparison cuts the condition."""
    net, x = layers("a gate"), torch.randn(5, 4)
    yield given(net)
    condition = net.gate(x) > 0  # cut: NOT_DIFFERENTIABLE gt
    yield torch.where(condition, net.a(x), x).sum()


@case({"a.weight": RECEIVED, "q.weight": NOT_DIFFERENTIABLE})
def test_argument_without_derivative():
    """An argument that the op has no derivative for is cut at the op."""
    net, x = layers("a q"), torch.randn(5, 4)
    yield given(net)
    q = net.q(x).sigmoid().mean()
    yield torch.quantile(net.a(x), q, interpolation="nearest")  # cut: NOT_DIFFERENTIABLE quantile


@case({"a.weight": (NOT_DIFFERENTIABLE, NOT_CONNECTED), "b.weight": RECEIVED})
def test_only_the_shape_is_used():
    """`zeros_like` takes a shape from its argument, and no number."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = torch.zeros_like(net.a(x))  # cut: NOT_DIFFERENTIABLE zeros_like
    yield net.b(x + h).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_multinomial_sample():
    """A sample has no derivative with respect to its probabilities."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    index = torch.multinomial(net.a(x).softmax(1), 1)  # cut: NOT_DIFFERENTIABLE multinomial
    h = torch.zeros(5, 4).scatter(1, index, 1.0)
    yield net.b(h).sum()


@case({"a.weight": NOT_DIFFERENTIABLE, "b.weight": RECEIVED})
def test_random_threshold():
    """A sample drawn by comparing with noise is cut at the comparison."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = (net.a(x).sigmoid() > torch.rand(5, 4)).float()  # cut: NOT_DIFFERENTIABLE gt
    yield net.b(h).sum()


@case({"a.weight": RECEIVED})
def test_max_gives_values_and_indices():
    """`max` along a dimension is differentiable in its values; only its indices are not."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    values, indices = net.a(x).max(1)
    yield (values * indices.float()).sum()


# -- numbers that leave PyTorch ----------------------------------------------------------------------------


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_item():
    """`.item()` is where the value left PyTorch."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    scale = net.a(x).sum().item()  # cut: LEFT_PYTORCH item
    yield net.b(x * scale).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_float_of_a_tensor():
    """So is `float(t)`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    scale = float(net.a(x).sum())  # cut: LEFT_PYTORCH float
    yield net.b(x * scale).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_tolist():
    """So is `.tolist()`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    rows = net.a(x).tolist()  # cut: LEFT_PYTORCH tolist
    yield net.b(torch.tensor(rows)).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_numpy_and_back_with_from_numpy():
    """`.numpy()` and `from_numpy` share the memory, and no history."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    array = net.a(x).detach().numpy()  # cut: LEFT_PYTORCH numpy
    yield net.b(torch.from_numpy(array)).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_numpy_computation_and_back():
    """A computation in NumPy hides the way back; what left is still named."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    array = net.a(x).detach().numpy()  # cut: LEFT_PYTORCH numpy
    array = np.tanh(array)
    yield net.b(torch.from_numpy(array)).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_item_in_a_tensor_constructor():
    """A number may come back inside `torch.tensor`."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    scale = net.a(x).sum().item()  # cut: LEFT_PYTORCH item
    h = torch.tensor([scale, 1.0, 2.0, 3.0])
    yield net.b(h).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_python_branch_on_a_tensor():
    """A branch decides what is computed, and no gradient goes through a decision."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    positive = net.a(x).sum() > 0  # cut maybe: NOT_DIFFERENTIABLE gt
    if positive:  # cut: LEFT_PYTORCH bool
        x = x * 2
    yield net.b(x).sum()


@case({"a.weight": RECEIVED})
def test_item_for_logging():
    """A number that is only printed cuts nothing."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    print(f"mean {h.mean().item():.3f}, {h.sum()}")
    yield net.b(h).sum()


@case({"a.weight": NOT_CONNECTED, "b.weight": RECEIVED})
def test_used_but_not_for_this_loss():
    """A value that nothing of the loss depends on is not connected."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    net.a(x).relu()
    yield net.b(x).sum()


@case({"a.weight": LEFT_PYTORCH, "b.weight": RECEIVED})
def test_index_by_a_number_that_left():
    """A number may come back as an index."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    best = int(net.a(x).argmax())  # cut: LEFT_PYTORCH int
    yield net.b(x[best % 5]).sum()


@case({"a.weight": (LEFT_PYTORCH, NOT_CONNECTED), "b.weight": RECEIVED})
def test_python_loop_counted_by_a_tensor():
    """A loop that runs as often as a tensor says is a branch as well."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    for _ in range(int(net.a(x).abs().sum()) % 3 + 1):  # cut: LEFT_PYTORCH int
        x = x.sin()
    yield net.b(x).sum()
