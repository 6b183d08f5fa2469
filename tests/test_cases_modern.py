"""Programs in other number formats and through PyTorch's transformations: autocast, torch.func, torch.compile."""

from __future__ import annotations

import threading

import torch
import torch.nn.functional as F
from torch import nn
from truth import case, given, layers

from gradflow import Reason

RECEIVED, ZERO, DETACHED = Reason.RECEIVED, Reason.ZERO, Reason.DETACHED


@case({"w": RECEIVED})
def test_complex_parameter():
    """A complex parameter."""
    w = torch.randn(4, dtype=torch.complex64, requires_grad=True)
    yield given(w=w)
    yield (w * w.conj()).real.sum() + w.angle().sum()


@case({"w": RECEIVED})
def test_one_complex_number():
    """Its gradient is one complex number."""
    w = torch.tensor(1 + 2j, requires_grad=True)
    yield given(w=w)
    yield w.abs() ** 2 + w.imag


@case({"a.weight": RECEIVED})
def test_fourier_transform():
    """Through complex numbers and back."""
    net, x = layers("a"), torch.randn(5, 4)
    yield given(net)
    yield torch.fft.ifft(torch.fft.fft(net.a(x)) * 1j).imag.pow(2).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detached_complex():
    """A cut in complex numbers."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    spectrum = torch.fft.fft(net.a(x)).detach()  # cut: DETACHED detach
    yield net.b(spectrum.abs()).sum()


@case({"a.weight": RECEIVED})
def test_float64():
    """float64."""
    net, x = layers("a b").double(), torch.randn(5, 4, dtype=torch.float64)
    yield given(net)
    yield net(x).pow(2).sum()


@case({"a.weight": RECEIVED})
def test_bfloat16():
    """bfloat16: the norm is accumulated in more."""
    net, x = layers("a b").bfloat16(), torch.randn(5, 4, dtype=torch.bfloat16)
    yield given(net)
    yield net(x).pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_mixed_formats():
    """A cast between formats passes gradients."""
    net, x = layers("a b"), torch.randn(5, 4)
    net.b.double()
    yield given(net)
    yield net.b(net.a(x).double()).float().sum()


@case({"a.weight": RECEIVED})
def test_autocast():
    """Autocast on the CPU computes in bfloat16; the parameters get float32."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = F.mse_loss(net(x).tanh(), x)
    yield loss


@case({"a.weight": DETACHED, "b.weight": RECEIVED})
def test_detach_under_autocast():
    """A cut under autocast."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        h = net.a(x).detach()  # cut: DETACHED detach
        loss = net.b(h).sum()
    yield loss


@case({"w": RECEIVED})
def test_func_grad():
    """`torch.func.grad` inside the forward, and a backward through it."""
    w, x = torch.randn(4, requires_grad=True), torch.randn(4)
    yield given(w=w)
    g = torch.func.grad(lambda x: ((x * w) ** 3).sum())(x)
    yield g.pow(2).sum()


@case({"w": RECEIVED})
def test_vmap():
    """`torch.func.vmap` over a batch."""
    w, x = torch.randn(4, requires_grad=True), torch.randn(5, 4)
    yield given(w=w)
    yield torch.func.vmap(lambda row: (row * w).tanh().sum())(x).pow(2).sum()


@case({"w": RECEIVED})
def test_gradients_per_sample():
    """`vmap` over `grad`: the gradients of each sample, differentiated again."""
    w, x = torch.randn(4, requires_grad=True), torch.randn(5, 4)
    yield given(w=w)
    rows = torch.func.vmap(torch.func.grad(lambda w, row: (row * w).tanh().sum()), in_dims=(None, 0))(w, x)
    yield rows.pow(2).sum()


@case({"w": RECEIVED})
def test_jacobian():
    """`torch.func.jacrev`."""
    w, x = torch.randn(3, 4, requires_grad=True), torch.randn(4)
    yield given(w=w)
    yield torch.func.jacrev(lambda x: torch.tanh(w @ x))(x).pow(2).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_functional_call():
    """`functional_call` with the module's own parameters."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    yield torch.func.functional_call(net, dict(net.named_parameters()), (x,)).sum()


@case({"a.weight": RECEIVED, "a.bias": RECEIVED, "b.weight": RECEIVED})
def test_functional_call_with_changed_parameters():
    """`functional_call` with parameters computed from the module's own."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    changed = {name: p * 2 for name, p in net.named_parameters()}
    yield torch.func.functional_call(net, changed, (x,)).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED}, bitwise=False)
def test_compiled_eagerly():
    """A compiled region, `backend="eager"`: right, or opaque, never wrong."""
    torch._dynamo.reset()
    net, x = layers("a b"), torch.randn(5, 4)
    compiled = torch.compile(net, backend="eager")
    yield given(net)
    yield compiled(x).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED}, bitwise=False)
def test_compiled_ahead_of_time():
    """A compiled region, `backend="aot_eager"`."""
    torch._dynamo.reset()
    net, x = layers("a b"), torch.randn(5, 4)
    compiled = torch.compile(net, backend="aot_eager")
    yield given(net)
    yield compiled(x).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED}, bitwise=False, retain=False)
def test_compiled_before_the_trace():
    """A region that was compiled before the trace began."""
    torch._dynamo.reset()
    net, x = layers("a b"), torch.randn(5, 4)
    compiled = torch.compile(net, backend="aot_eager")
    compiled(x).sum().backward()
    net.zero_grad(set_to_none=True)
    yield given(net)
    yield compiled(x).sum()


@case({"a.weight": DETACHED, "b.weight": RECEIVED}, bitwise=False)
def test_detach_before_a_compiled_region():
    """A cut outside the compiled region is named."""
    torch._dynamo.reset()
    net, x = layers("a b"), torch.randn(5, 4)
    compiled = torch.compile(net.b, backend="aot_eager")
    yield given(net)
    h = net.a(x).detach()  # cut: DETACHED detach
    yield compiled(h).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_scripted_module():
    """A scripted function is one call that cannot be looked into."""
    net, x = layers("a b"), torch.randn(5, 4)
    scripted = torch.jit.script(nn.Tanh())
    yield given(net)
    yield net.b(scripted(net.a(x))).sum()


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_computed_in_another_thread():
    """A part computed by another thread is not recorded, and the verdict is right all the same."""
    net, x = layers("a b"), torch.randn(5, 4)
    yield given(net)
    h = net.a(x)
    results = []
    thread = threading.Thread(target=lambda: results.append(torch.tanh(h)))
    thread.start()
    thread.join()
    yield net.b(results[0]).sum()


class Tagged(torch.Tensor):
    """A subclass of Tensor without a behaviour of its own."""


@case({"a.weight": RECEIVED, "b.weight": RECEIVED})
def test_tensor_subclass():
    """A subclass of Tensor is a tensor."""
    net, x = layers("a b"), torch.randn(5, 4).as_subclass(Tagged)
    yield given(net)
    yield net(x).sum()


@case({"w": RECEIVED})
def test_sampled_with_reparametrization():
    """`rsample` passes gradients."""
    w = torch.randn(4, requires_grad=True)
    yield given(w=w)
    yield torch.distributions.Normal(w, 1.0).rsample().pow(2).sum()


@case({"w": Reason.NO_GRAD})
def test_sampled_without_reparametrization():
    """`sample` runs with gradients off inside PyTorch; the line is the reader's own."""
    w, v = torch.randn(4, requires_grad=True), torch.randn(4, requires_grad=True)
    yield given(w=w, v=v)
    z = torch.distributions.Normal(w * 1, 1.0).sample()  # cut: NO_GRAD no_grad x+
    yield (v * z).sum()


@case({"w": RECEIVED})
def test_policy_gradient():
    """REINFORCE: the sample is cut, its log-probability is not."""
    w = torch.randn(4, requires_grad=True)
    yield given(w=w)
    policy = torch.distributions.Categorical(logits=w)
    action = policy.sample((8,))
    yield -(policy.log_prob(action) * torch.randn(8)).mean()


@case({"w": RECEIVED})
def test_gumbel_softmax():
    """The hard Gumbel softmax is a straight-through estimator."""
    w = torch.randn(5, 4, requires_grad=True)
    yield given(w=w)
    yield (F.gumbel_softmax(w, hard=True) * torch.randn(5, 4)).sum()


@case({"w": RECEIVED})
def test_einsum_and_linear_algebra():
    """einsum, solve, svd, eigh: calls that own several backward nodes."""
    w = torch.eye(3).add(0.1 * torch.arange(9.0).view(3, 3)).requires_grad_()
    yield given(w=w)
    s = w @ w.t() + torch.eye(3)
    h = torch.einsum("ij,jk->ik", w, s)
    yield torch.linalg.solve(s, h).sum() + torch.linalg.eigvalsh(s).sum() + torch.linalg.svdvals(h).sum()
