"""Graphs and flows built by hand, without PyTorch."""

from __future__ import annotations

import math
from typing import Any

from gradflow.flow import Arrival, Flow
from gradflow.graph import Call, Edge, Graph, Op, Value

HOSTILE = (
    'say "hi"',
    "two\nlines",
    "</script><!--",
    "\u202egnp.exe",
    "שלום",
    "🦊🦊",
    "\ud800",
    "tab\tand\x1b[31m",
)


class Sketch:
    """A graph under construction: values and ops are named by what ``leaf`` and ``op`` return."""

    def __init__(self, *calls: tuple[str, str, int | None]):
        self.values: list[Value] = []
        self.ops: list[Op] = []
        self.calls = tuple(Call(i, module, type_, parent) for i, (module, type_, parent) in enumerate(calls))

    def leaf(self, name: str, kind: str = "parameter", shape: tuple[int, ...] = (), **more: Any) -> int:
        more.setdefault("requires_grad", kind == "parameter")
        return self._value(name, kind, shape, **more)

    def op(
        self,
        target: str,
        *inputs: int,
        at: str = "",
        code: str = "",
        shape: tuple[int, ...] = (),
        grad_fn: str | None = "Backward0",
        name: str | None = None,
        scalar: Any = None,
        dtype: str = "float32",
        outputs: int = 1,
        call: int | None = None,
        **more: Any,
    ) -> int:
        """Add an op; the id of its first output, or -1 if it has none."""
        facts = {"requires_grad": grad_fn is not None, "scalar": scalar, "dtype": dtype}
        made = tuple(self._value(name, "intermediate", shape, **facts) for _ in range(outputs))
        module = "" if call is None else self.calls[call].module
        op = Op(len(self.ops), target, inputs, made, module, at, code, grad_fn=grad_fn, call=call, **more)
        self.ops.append(op)
        return made[0] if made else -1

    def _value(self, name: str | None, kind: str, shape: tuple[int, ...], **more: Any) -> int:
        more.setdefault("dtype", "float32")
        self.values.append(Value(len(self.values), name, kind, shape, **more))
        return self.values[-1].id

    def graph(self, **more: Any) -> Graph:
        graph = Graph(tuple(self.values), tuple(self.ops), self.calls, **more)
        graph.lint()
        return graph


def sent(norm: float, support: float | None = 1.0, scalar: Any = None) -> Arrival:
    """An arrival that is not zero."""
    return Arrival("nonzero", norm, support, scalar)


ZERO = Arrival("zero", 0.0, 0.0)
UNDEFINED = Arrival("undefined")


def chain() -> Flow:
    """Two linear layers with a detach between them; ``c`` is frozen and ``d`` is never used."""
    s = Sketch(("", "Net", None), ("a", "Linear", 0), ("b", "Linear", 0))
    a_weight, a_bias = s.leaf("a.weight", shape=(5, 3)), s.leaf("a.bias", shape=(5,))
    b_weight, b_bias = s.leaf("b.weight", shape=(2, 5)), s.leaf("b.bias", shape=(2,))
    c = s.leaf("c", shape=(2,), requires_grad=False)
    s.leaf("d", shape=(2,))
    x, y = s.leaf("x", "input", (4, 3)), s.leaf("y", "input", (4, 2))
    h = s.op("linear", x, a_weight, a_bias, at="net.py:18", code="h = self.a(x)", shape=(4, 5), call=1)
    cut = s.op("detach", h, at="net.py:19", code="h = h.detach()", shape=(4, 5), grad_fn=None, call=0)
    out = s.op("linear", cut, b_weight, b_bias, at="net.py:20", code="out = self.b(h)", shape=(4, 2), call=2)
    scaled = s.op("mul", out, c, at="net.py:21", code="return out * self.c", shape=(4, 2), call=0)
    loss = s.op("mse_loss", scaled, y, at="train.py:7", code="loss = mse(net(x), y)", name="loss", scalar=0.75)
    arrivals = (
        (loss, sent(1.0, scalar=1.0)),
        (Edge(scaled, 4, 0), sent(0.61237)),
        (scaled, sent(0.61237)),
        (Edge(out, 3, 0), sent(0.3)),
        (out, sent(0.3)),
        (Edge(b_weight, 2, 1), sent(0.41824)),
        (Edge(b_bias, 2, 2), sent(0.12, 0.5)),
        (b_weight, sent(0.41824)),
        (b_bias, sent(0.12, 0.5)),
    )
    return Flow(s.graph(), loss, arrivals)


def square() -> Flow:
    """One number times itself: two edges from one value, and a parameter with two names."""
    s = Sketch()
    w = s.leaf("w", scalar=3.0)
    p = s.op("mul", w, w, at="cell:1", code="p = w * w", name="p", scalar=9.0)
    arrivals = (
        (p, sent(1.0, scalar=1.0)),
        (Edge(w, 0, 0), sent(3.0, scalar=3.0)),
        (Edge(w, 0, 1), sent(3.0, scalar=3.0)),
        (w, sent(6.0, scalar=6.0)),
    )
    return Flow(s.graph(aliases=(("tied", w),)), p, arrivals)


def dead() -> Flow:
    """A relu that is off everywhere: the gradient arrives and is exactly zero."""
    s = Sketch()
    w = s.leaf("w", shape=(3,))
    h = s.op("relu", w, at="net.py:4", code="h = torch.relu(w)", shape=(3,))
    loss = s.op("sum", h, at="net.py:5", code="loss = h.sum()", name="loss", scalar=0.0)
    arrivals = (
        (loss, sent(1.0, scalar=1.0)),
        (Edge(h, 1, 0), sent(math.sqrt(3))),
        (h, sent(math.sqrt(3))),
        (Edge(w, 0, 0), ZERO),
        (w, ZERO),
    )
    return Flow(s.graph(), loss, arrivals)


def nan() -> Flow:
    """A logarithm of a negative number: NaN forward and backward."""
    s = Sketch()
    w = s.leaf("w", scalar=-1.0)
    h = s.op("log", w, at="net.py:4", code="h = w.log()", scalar=math.nan)
    loss = s.op("sqrt", h, at="net.py:5", code="loss = h.sqrt()", name="loss", scalar=math.nan)
    broken = sent(math.nan, 1.0, math.nan)
    arrivals = (
        (loss, sent(1.0, scalar=1.0)),
        (Edge(h, 1, 0), broken),
        (h, broken),
        (Edge(w, 0, 0), broken),
        (w, broken),
    )
    return Flow(s.graph(), loss, arrivals)


def undefined() -> Flow:
    """A custom function whose backward returns None."""
    s = Sketch()
    w = s.leaf("w", shape=(2,))
    h = s.op("Stop", w, at="net.py:9", code="h = Stop.apply(w)", shape=(2,), grad_fn="StopBackward")
    loss = s.op("sum", h, at="net.py:10", code="loss = h.sum()", name="loss", scalar=2.0)
    arrivals = (
        (loss, sent(1.0, scalar=1.0)),
        (Edge(h, 1, 0), sent(math.sqrt(2))),
        (h, sent(math.sqrt(2))),
        (Edge(w, 0, 0), UNDEFINED),
        (w, UNDEFINED),
    )
    return Flow(s.graph(), loss, arrivals)


def two_losses() -> tuple[Flow, Flow]:
    """A shared layer ``a`` and a head ``b`` that only the first loss uses."""
    s = Sketch()
    a, b = s.leaf("a", shape=(2,)), s.leaf("b", shape=(2,))
    h = s.op("exp", a, at="net.py:3", code="h = a.exp()", shape=(2,))
    out = s.op("mul", h, b, at="net.py:4", code="out = h * b", shape=(2,))
    task = s.op("sum", out, at="net.py:5", code="task = out.sum()", name="task", scalar=1.5)
    penalty = s.op("norm", h, at="net.py:6", code="penalty = h.norm()", name="penalty", scalar=0.5)
    graph = s.graph()
    first = (
        (task, sent(1.0, scalar=1.0)),
        (Edge(out, 2, 0), sent(math.sqrt(2))),
        (out, sent(math.sqrt(2))),
        (Edge(h, 1, 0), sent(0.5)),
        (Edge(b, 1, 1), sent(2.25)),
        (b, sent(2.25)),
        (h, sent(0.5)),
        (Edge(a, 0, 0), sent(0.125)),
        (a, sent(0.125)),
    )
    second = (
        (penalty, sent(1.0, scalar=1.0)),
        (Edge(h, 3, 0), sent(1.0)),
        (h, sent(1.0)),
        (Edge(a, 0, 0), sent(0.75)),
        (a, sent(0.75)),
    )
    return Flow(graph, task, first), Flow(graph, penalty, second)


def hostile() -> Flow:
    """A parameter for each name that could break out of a table, a page or a script."""
    s = Sketch()
    names = [s.leaf(name) for name in HOSTILE]
    total = s.op("stack", *names, at='a "b".py:1', code="</script>\n", shape=(len(names),))
    loss = s.op("sum", total, at="net.py:2", code="\u202e", name="loss")
    return Flow(s.graph(), loss, tuple((name, sent(1.0)) for name in names))


def tower(blocks: int, cut: int | None = None) -> Flow:
    """Equal residual blocks, with a detach behind one of them if asked for; every gradient has norm 0.5."""
    s = Sketch(("net", "Net", None), *((f"net.h.{i}", "Block", 0) for i in range(blocks)))
    weights = [(s.leaf(f"net.h.{i}.up", shape=(4, 4)), s.leaf(f"net.h.{i}.down", shape=(4, 4))) for i in range(blocks)]
    x = s.leaf("x", "input", (2, 4))
    for i, (up, down) in enumerate(weights):
        here = {"shape": (2, 4), "call": i + 1}
        h = s.op("matmul", x, up, at="net.py:5", code="h = x @ self.up", **here)
        h = s.op("relu", h, at="net.py:6", code="h = h.relu()", **here)
        h = s.op("matmul", h, down, at="net.py:7", code="h = h @ self.down", **here)
        x = s.op("add", x, h, at="net.py:8", code="return x + h", **here)
        if i == cut:
            here["call"] = 0
            x = s.op("detach", x, at="net.py:21", code="x = x.detach()", grad_fn=None, **here)
    loss = s.op("sum", x, at="train.py:3", code="loss = net(x).sum()", name="loss")
    return everywhere(s.graph(), loss)


def everywhere(graph: Graph, output: int) -> Flow:
    """A gradient of norm 0.5 along every edge that history leads along."""
    arrivals: dict[int | Edge, Arrival] = {output: sent(0.5)}
    for op in reversed(graph.ops):
        if op.grad_fn and not arrivals.keys().isdisjoint(op.outputs):
            edges = [Edge(value, op.id, position) for position, value in enumerate(op.inputs)]
            for edge in edges:
                if graph.values[edge.value].requires_grad:
                    arrivals |= {edge: sent(0.5), edge.value: sent(0.5)}
    return Flow(graph, output, tuple(arrivals.items()))


def every_flow() -> dict[str, Flow]:
    """All of the above, by name."""
    task, penalty = two_losses()
    flows = {build.__name__: build() for build in (chain, square, dead, nan, undefined, hostile)}
    return flows | {"task": task, "penalty": penalty}
