"""Tracing and observing disturb nothing: values, gradients, random states, flags, hooks, modes, memory."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
import weakref

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from truth import layers, random_states, same, start, surroundings

import gradflow as gf


class Mlp(nn.Module):
    """Layers with dropout."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 16), nn.Tanh())
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.body(x))


class Normalized(Mlp):
    """Batch normalization, which writes buffers."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x):
        return super().forward(self.norm(x))


class Checkpointed(Mlp):
    """A checkpointed body, with dropout in it."""

    def __init__(self, use_reentrant):
        super().__init__()
        self.first, self.use_reentrant = nn.Linear(6, 6), use_reentrant

    def forward(self, x):
        return self.head(checkpoint(self.body, self.first(x), use_reentrant=self.use_reentrant))


class Hooked(Mlp):
    """Hooks of every kind, some of which change things."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.body[0].register_forward_pre_hook(lambda module, args: (args[0] * 2,))
        self.body[0].register_forward_hook(lambda module, args, out: out + 1)
        self.body[3].register_full_backward_hook(lambda module, grads, _: tuple(g * 2 for g in grads))
        self.head.weight.register_hook(lambda grad: grad * 0.5)
        self.head.bias.register_hook(lambda grad: grad + torch.rand_like(grad))

    def forward(self, x):
        h = self.body(x)
        h.register_hook(lambda grad: self.seen.append(float(grad.sum())))
        return self.head(h)


class Transformer(nn.Module):
    """Attention with dropout."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.layer(x[None]))[0]


class FrozenTransformer(Transformer):
    """A transformer in evaluation mode under `no_grad`, where PyTorch takes its fused path."""

    def __init__(self):
        super().__init__()
        self.layer.eval()

    def forward(self, x):
        with torch.no_grad():
            h = self.layer(x[None])
        return self.head(h)[0]


class Recurrent(nn.Module):
    """A recurrent net with in-place writes."""

    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.GRUCell(6, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = x.new_zeros(1, 8)
        out = x.new_zeros(len(x), 8)
        for i, row in enumerate(x):
            h = self.cell(row[None], h)
            out[i] = h[0]
        return self.head(out.relu_())


MODELS = {
    "mlp with dropout": Mlp,
    "batch norm": Normalized,
    "checkpoint": lambda: Checkpointed(False),
    "reentrant checkpoint": lambda: Checkpointed(True),
    "hooks": Hooked,
    "transformer": Transformer,
    "frozen transformer": FrozenTransformer,
    "recurrent": Recurrent,
}


class Given:
    """A model as `truth.surroundings` takes it."""

    def __init__(self, net):
        self.net = net

    def all_modules(self):
        return self.net.modules()

    def tensors(self):
        return dict(self.net.named_parameters())


def step(build, traced):
    """Three training steps; everything that can be seen of them."""
    net, x, y = start(lambda: (build(), torch.randn(8, 6), torch.randint(3, (8,))), None)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    seen = []
    for _ in range(3):
        optimizer.zero_grad()
        if traced:
            with gf.trace(net, x=x) as t:
                out = net(x)
                loss = nn.functional.cross_entropy(out, y)
            if not isinstance(net, Hooked):  # a flow runs the reader's hooks, which draw and append
                t.flow(loss)
            t.backward(loss)
        else:
            out = net(x)
            loss = nn.functional.cross_entropy(out, y)
            loss.backward()
        seen += [out.detach().clone(), loss.detach().clone()]
        seen += [None if p.grad is None else p.grad.clone() for p in net.parameters()]
        optimizer.step()
        seen += [p.detach().clone() for p in net.parameters()] + [b.clone() for b in net.buffers()]
    return seen, random_states(), surroundings(Given(net)), getattr(net, "seen", None)


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_training_is_the_same_bit_for_bit(build):
    """Outputs, losses, gradients, parameters, buffers, random states, hooks and flags of three steps."""
    plain, traced = step(build, False), step(build, True)

    assert [] == [i for i, (a, b) in enumerate(zip(plain[0], traced[0], strict=True)) if not same(a, b)]
    assert plain[1:] == traced[1:]


@pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)
def test_exception_leaves_everything_as_it_was(build):
    """A block that raises in the middle of the model leaves the next steps untouched."""

    def run(traced):
        net, x = start(lambda: (build(), torch.randn(8, 6)), None)
        before = surroundings(Given(net))
        handle = net.head.register_forward_hook(lambda *_: 1 / 0)
        if traced:
            with pytest.raises(ZeroDivisionError), gf.trace(net) as t:
                net(x)
            assert len(t.graph.ops) > 0
        else:
            with pytest.raises(ZeroDivisionError):
                net(x)
        handle.remove()
        after = surroundings(Given(net))
        assert {**before, "versions": None} == {**after, "versions": None}
        loss = net(x).sum()
        loss.backward()
        return [loss.detach(), *(p.grad for p in net.parameters())], random_states()

    plain, traced = run(False), run(True)

    assert all(same(a, b) for a, b in zip(plain[0], traced[0], strict=True))
    assert plain[1] == traced[1]


def test_modes_of_the_reader_stay():
    """Modes that are on around a trace, or within it, stay what they are."""
    w = torch.ones(3, requires_grad=True)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16), torch.overrides.BaseTorchFunctionMode():
        before = surroundings()
        with gf.trace(w=w) as t:
            (w * 2).sum()
        after = surroundings()

    assert before == after
    assert [False, False] == [op.grad_enabled for op in t.graph.ops]


def test_mode_of_the_reader_sees_the_same_calls():
    """A function mode of the reader's own sees what it sees without a trace."""

    class Names(torch.overrides.TorchFunctionMode):
        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.names.append(func.__name__)
            return func(*args, **(kwargs or {}))

    def run():
        with Names() as mode:
            w = torch.ones(3, requires_grad=True)
            (w * 2).sum().item()
        return mode.names

    alone = run()
    with gf.trace():
        inside = run()

    assert alone == inside


def test_saved_tensor_hooks_of_the_reader_stay():
    """Saved-tensor hooks of the reader's run as often as without a trace."""

    def run(traced):
        packed = []
        w = torch.ones(3, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t.shape) or t, lambda t: t):
            if traced:
                with gf.trace(w=w):
                    (w.exp() * w).sum()
            else:
                (w.exp() * w).sum()
        return packed

    assert run(False) == run(True)


def test_flags_of_the_reader_stay():
    """Anomaly detection, the default dtype and the garbage collector stay as they are."""
    gc.disable()
    try:
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            w = torch.ones(3, requires_grad=True)
            with gf.trace(w=w) as t:
                loss = (w * 2).sum()
            t.flow(loss)
            anomaly = torch.is_anomaly_enabled()
        collecting = gc.isenabled()
    finally:
        gc.enable()

    assert anomaly
    assert not collecting


def test_hooks_of_nodes_are_gone():
    """After a flow, a backward runs no hook of ours: it takes a graph that is otherwise freed."""
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        loss = (w * 2).sum()
    flow = t.flow(loss)
    arrivals = flow.arrivals
    loss.backward()

    assert arrivals == flow.arrivals
    assert [2.0, 2.0, 2.0] == w.grad.tolist()
    assert not w._backward_hooks
    assert not w._post_accumulate_grad_hooks


def test_post_accumulate_hooks_run_as_often_as_without():
    """`t.backward` runs the reader's hooks once, in the reader's order."""

    def run(traced):
        calls = []
        net = start(lambda: layers("a b"), None)
        for name, p in net.named_parameters():
            p.register_hook(lambda g, name=name: calls.append(("tensor", name)))
            p.register_post_accumulate_grad_hook(lambda p, name=name: calls.append(("after", name)))
        with gf.trace(net) as t:
            loss = net(torch.ones(2, 4)).sum()
        t.backward(loss) if traced else loss.backward()
        return calls

    assert run(False) == run(True)


# -- memory ------------------------------------------------------------------------------------------------


def alive_after(traced, observe=None):
    """Shapes of the activations that are alive after a step, once its loss is gone."""
    torch.manual_seed(0)
    net, x = Mlp(), torch.randn(8, 6)
    born = []
    for module in net.modules():
        module.register_forward_hook(lambda module, args, out: born.append(weakref.ref(out)) or None)
    gc.collect()
    before = {id(thing) for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)}
    if traced:
        with gf.trace(net, x=x) as t:
            loss = net(x).pow(2).sum()
        kept = [t, observe(t, loss) if observe else None]
    else:
        loss = net(x).pow(2).sum()
        kept = []
    del loss
    now = [ref for ref in born if ref() is not None]
    gc.collect()
    new = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor) and id(thing) not in before]
    result = len(now), sorted(tuple(tensor.shape) for tensor in new)
    del kept
    return result


OBSERVERS = {
    "traced": None,
    "graph": lambda t, loss: t.graph,
    "flow": lambda t, loss: t.flow(loss),
    "two flows and explanations": lambda t, loss: [
        (f, [gf.explain(f, n) for n in f.graph.parameter_names()]) for f in (t.flow(loss), t.flow(loss))
    ],
    "backward": lambda t, loss: t.backward(loss),
}


@pytest.mark.parametrize("observe", OBSERVERS.values(), ids=OBSERVERS)
def test_no_activation_is_kept_alive(observe):
    """A trace and its flows hold metadata: with the loss gone, every activation is gone at once.

    Not even the garbage collector is needed for it.
    """
    plain, traced = alive_after(False), alive_after(True, observe)

    assert plain[0] == traced[0] == 0
    if observe is not OBSERVERS["backward"]:
        assert plain[1] == traced[1]


def test_no_activation_is_kept_alive_within_the_block():
    """What the reader drops in the block is freed in the block."""
    w = torch.ones(100, requires_grad=True)
    with gf.trace(w=w):
        h = w * 2
        ref = weakref.ref(h)
        del h
        gone = ref() is None

    assert gone


def test_nothing_is_kept_after_an_exception():
    """Nor does an exception keep anything."""
    net, x = Mlp(), torch.randn(8, 6)
    born = []
    net.body.register_forward_hook(lambda module, args, out: born.append(weakref.ref(out)) or None)
    try:
        with gf.trace(net) as t:
            net(x)
            raise ValueError("mine")
    except ValueError:
        pass

    assert t is not None
    assert [None] == [ref() for ref in born]


def test_model_is_not_kept_alive():
    """A trace does not keep the model, nor its parameters."""
    net = Mlp()
    refs = [weakref.ref(net), *(weakref.ref(p) for p in net.parameters())]
    with gf.trace(net) as t:
        loss = net(torch.ones(2, 6)).sum()
    flow = t.flow(loss)
    del net, loss

    assert flow is not None
    assert [None] * len(refs) == [ref() for ref in refs]


def test_ids_that_are_used_again():
    """A new tensor at the address of a dead one is another value."""
    w, v = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    with gf.trace(w=w, v=v) as t:
        for _ in range(200):
            h = w * 2
            del h
        total = torch.zeros(3)
        for _ in range(200):
            total = total + v * 2
        loss = total.sum()
    flow = t.flow(loss)

    assert "none" == flow.at("w").status
    assert 400 * 3**0.5 == pytest.approx(flow.at("v").norm)


# -- long chains -------------------------------------------------------------------------------------------


def chain(length):
    """A program that traces a chain, observes it twice and frees it, in a process of its own."""
    return textwrap.dedent(
        f"""
        import sys, torch, gradflow as gf
        w = torch.ones(3, requires_grad=True)
        with gf.trace(w=w) as t:
            h = w
            for _ in range({length}):
                h = h + 1e-4
            loss = h.sum()
        flow = t.flow(loss)
        assert flow.at("w").status == "nonzero", flow.at("w")
        assert len(flow.graph.ops) == {length} + 1, flow.graph
        assert gf.explain(flow, "w").reason is gf.Reason.RECEIVED
        flow.graph.lint()
        again = t.backward(loss)
        assert again.at("w") == flow.at("w")
        assert w.grad.tolist() == [1.0, 1.0, 1.0]
        del h, loss
        with gf.trace(w=w) as t:
            loss = (w * 2).sum()
        t.flow(loss)
        del t, loss, flow, again
        print("done")
        """
    )


@pytest.mark.parametrize("length", [20_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_long_chain(length):
    """A chain of tiny ops neither recurses nor crashes, not while it is freed either."""
    run = subprocess.run([sys.executable, "-c", chain(length)], capture_output=True, text=True, timeout=300)

    assert (0, "done") == (run.returncode, run.stdout.strip()), run.stderr[-2000:]


CUT_CHAIN = """
    import torch, gradflow as gf
    w = torch.ones(3, requires_grad=True)
    with gf.trace(w=w) as t:
        h = w * 1
        for i in range(20_000):
            h = h + 1e-4
            if i == 10_000:
                h = h.detach()
        loss = (h * torch.ones(3, requires_grad=True)).sum()
    flow = t.flow(loss)
    e = gf.explain(flow, "w")
    assert e.reason is gf.Reason.DETACHED, e
    assert [cut.target for cut in e.cuts] == ["detach"], e
    print("done")
"""


def test_long_chain_with_a_cut():
    """A cut in the middle of a long chain is found without recursion."""
    program = textwrap.dedent(CUT_CHAIN)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)

    assert (0, "done") == (run.returncode, run.stdout.strip()), run.stderr[-2000:]


def test_long_chain_in_a_thread():
    """A thread has a small stack; nothing recurses there either."""
    result = []

    def work():
        w = torch.ones(3, requires_grad=True)
        with gf.trace(w=w) as t:
            h = w
            for _ in range(3_000):
                h = h * 1.0001
            loss = h.sum()
        result.append(gf.explain(t.flow(loss), "w").reason)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert [gf.Reason.RECEIVED] == result
