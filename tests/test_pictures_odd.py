"""A picture never fails: odd subjects, hostile names, every width, every form; and it is the same everywhere."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest
import torch
from claims import Claims
from torch import nn
from truth import layers

import gradflow as gf
from gradflow.graph import Op, Value
from gradflow.modules import paths
from gradflow.picture.pictures import Wish, passes, pictured
from tests import graphs

X = torch.linspace(-1, 1, 12).view(3, 4)
NAMES = (
    *('say "hi"', "it's", "<b>&amp;</b>", "</script><script>alert(1)</script>", "🦊🦊", "שלום עולם", "a\nb", "x" * 300),
    *("", "\u202eabc", "\x00\x1b", "\ud800", "a.b..c", ".", "..", "%3", "= w", "日本語" * 40),
)
SUFFIXES = (".svg", ".html", ".png", ".pdf", ".json", ".dot", ".txt")

Subject = gf.Graph | gf.Flow | gf.Comparison | gf.Figure
SUBJECTS: dict[str, Callable[[], list[Subject]]] = {}


def subject(make: Callable[[], list[Subject]]) -> Callable[[], list[Subject]]:
    """Put what is drawn into the list."""
    SUBJECTS[make.__name__] = make
    return make


def flow_of(compute: Callable[..., torch.Tensor], *modules: nn.Module, **given: torch.Tensor) -> gf.Flow:
    with gf.trace(*modules, **given) as t:
        loss = compute()
    return t.flow(loss)


def leaf(*data: float) -> torch.Tensor:
    return torch.tensor(data if len(data) > 1 else data[0], requires_grad=True)


@subject
def nothing() -> list[Subject]:
    with gf.trace() as empty:
        pass
    with gf.trace(nn.Linear(2, 2)) as unused:
        pass
    return [empty.graph, unused.graph, gf.Graph((), ())]


@subject
def no_parameters() -> list[Subject]:
    numbers = torch.tensor(3), torch.tensor([1, 2])
    return [flow_of(lambda: (X * 2).sum(), x=X), flow_of(lambda: (numbers[0] * numbers[1]).sum(), a=numbers[0])]


@subject
def losses_that_are_given() -> list[Subject]:
    w, used, x = leaf(2.0), leaf(3.0), torch.tensor(2.0)
    return [flow_of(lambda: w, w=w), flow_of(lambda: (used * 3, used)[1], w=used), flow_of(lambda: (x * 2, x)[1], x=x)]


@subject
def loss_without_history() -> list[Subject]:
    net = layers("a b")
    return [flow_of(torch.no_grad()(lambda: net(X).sum()), net, x=X)]


@subject
def loss_inside_a_module() -> list[Subject]:
    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            self.penalty = self.a(x).sum()
            return self.b(x) * self.penalty

    net = nn.Sequential(Inner(), nn.Linear(4, 4))
    with gf.trace(net, x=X) as t:
        out = net(X).sum()
    inner, whole = t.flow(net[0].penalty), t.flow(out)
    return [inner, whole, gf.draw(inner, open=["0"]), gf.compare(a=inner, b=whole), gf.compare(a=inner, b=inner)]


@subject
def value_used_often() -> list[Subject]:
    w, s, net = torch.ones(3, requires_grad=True), leaf(3.0), nn.Linear(4, 4)

    def forty():
        h = w.exp()
        return sum((h * factor).sum() for factor in range(40))

    def thirty():
        h = X
        for _ in range(30):
            h = net(h)
        return h.sum()

    return [flow_of(forty, w=w), flow_of(lambda: s * s, s=s), flow_of(thirty, nn.Sequential(net), x=X)]


@subject
def many_parameters() -> list[Subject]:
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.many = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(500)])
            self.w = nn.Parameter(torch.ones(1))

        def forward(self, x):
            return self.w * x

    net, loose = Many(), {f"w{at}": leaf(1.0) for at in range(300)}
    return [flow_of(lambda: net(torch.ones(1)).sum(), net), flow_of(lambda: loose["w0"] * 2, **loose)]


@subject
def complex_numbers() -> list[Subject]:
    w, v = torch.tensor([1 + 2j, 3j], requires_grad=True), torch.tensor(1 + 1j, requires_grad=True)
    return [flow_of(lambda: (w * v).abs().sum(), w=w, v=v), flow_of(lambda: (v * v).real, v=v)]


@subject
def numbers_that_are_none() -> list[Subject]:
    w, flat = leaf(0.0), torch.zeros((1,) * 30, requires_grad=True)
    return [flow_of(lambda: (w / w).log(), w=w), flow_of(lambda: flat.sum(), flat=flat)]


def chain_of(names: tuple[str, ...]) -> gf.Flow:
    """Each name as a parameter, a module, a place and a line of code."""
    s = graphs.Sketch(*[(name, name or "Net", None) for name in names])
    h: tuple[int, ...] = ()
    for at, name in enumerate(names):
        h = (s.op("mul", s.leaf(name), *h, call=at, at=f"{name}:3", code=name),)
    loss = s.op("sum", *h, name=names[0])
    return graphs.everywhere(s.graph(), loss)


@subject
def hostile_names() -> list[Subject]:
    modules = chain_of(tuple(f"{name}.weight" for name in NAMES if name))
    opened = [gf.draw(modules, open=[path]) for path in paths(modules.graph)[:3]]
    return [chain_of(NAMES), *(chain_of((name,)) for name in NAMES[2:5]), modules, *opened, graphs.hostile()]


@subject
def hostile_functions() -> list[Subject]:
    s = graphs.Sketch()
    value = s.leaf("w")
    for name in NAMES:
        value = s.op(name, value, at=name, code=name)
    graph = s.graph()
    return [graphs.everywhere(graph, value), gf.Flow(graph, value, ())]


def leaves_and(*rest: Value, parameters: int) -> tuple[Value, ...]:
    return (*(Value(at, f"p{at}", "parameter", (2,), "float32", True) for at in range(parameters)), *rest)


def made(at: int) -> Value:
    return Value(at, None, "intermediate", (2,), "float32", True)


@subject
def calls_that_go_on() -> list[Subject]:
    order = (0, 1, 2, 0, 1, 2, 3, 0, 1, None)
    ops = [
        Op(at, "add", (at % 6, *((5 + at,) if at else ())), (6 + at,), call=order[at], module="abca"[at % 4])
        for at in range(10)
    ]
    calls = (gf.Call(0, "a", "A", None), gf.Call(1, "b", "B", 0), gf.Call(2, "c", "C", None), gf.Call(3, "a", "A", 2))
    graph = gf.Graph(leaves_and(*map(made, range(6, 16)), parameters=6), tuple(ops), calls)
    return [read for flow in (graphs.everywhere(graph, 15), gf.Flow(graph, 15, ())) for read in again(flow)]


def again(flow: gf.Flow) -> list[Subject]:
    """A flow, and what is left of it when it was written and read."""
    return [flow, gf.from_json(gf.to_json(flow))]


@subject
def odd_values() -> list[Subject]:
    w, x = Value(1, "w", "parameter", (), "float32", True), Value(3, "x", "input", (), "float32", False)
    backwards = gf.Graph((made(0), w, made(2), x), (Op(0, "mul", (1, 3), (2,)), Op(1, "exp", (2,), (0,))))
    lone = gf.Graph((made(0), w), (Op(0, "exp", (1,), ()),))
    nameless = (Value(0, None, "parameter", (), "float32", True), Value(1, "", "parameter", (), "float32", False))
    without = gf.Graph((*nameless, made(2)), (Op(0, "mul", (0, 1), (2,)),))
    return [
        *again(graphs.everywhere(backwards, 0)), gf.Flow(lone, 0, ()), without, graphs.everywhere(without, 2),
        gf.Flow(without, 2, ()),
    ]  # fmt: skip


@subject
def comparisons() -> list[Subject]:
    net = nn.ModuleList([nn.Linear(4, 4) for _ in range(8)])
    with gf.trace(net, x=X) as t:
        flows = {f"l{at}": t.flow(layer(X).sum()) for at, layer in enumerate(net)}
        nothing = X.sum()
    some = [gf.compare(**dict(list(flows.items())[:total])) for total in (1, 2, 3, 8)]
    hostile = gf.compare(**{"": flows["l0"], '<b>"\n' + "x" * 300: flows["l1"]})
    return [*some, hostile, gf.compare(a=flows["l0"], nothing=t.flow(nothing))]


@subject
def grids() -> list[Subject]:
    net = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
    with gf.trace(net, x=X) as t:
        flows = [t.flow(layer(X).sum()) for layer in net]
    others = flow_of(lambda: (X * 2).sum(), nn.Linear(4, 1), x=X), losses_that_are_given()[0]
    places = {(f"r{row}", f"c{column}"): flows[(row + column) % 3] for row in range(5) for column in range(7)}
    missing = {("a", "b"): flows[0], ("c", "d"): others[0], ("q", "b"): others[1]}
    hostile = {(name, name): flows[0] for name in NAMES if name}
    return [
        gf.grid({("", ""): flows[0]}),
        gf.grid(places),
        gf.grid(missing),
        gf.grid(hostile, {k: k[0] for k in hostile}),
    ]


@subject
def steps_and_optimizers() -> list[Subject]:
    net = layers("a b")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    flow = flow_of(lambda: net.b(net.a(X).detach()).sum(), net, x=X)
    net(X).sum().backward()
    before = gf.snapshot(net)
    optimizer.step()
    step = gf.diff(before, gf.snapshot(net))
    named = {"a<b": optimizer, '"q"\n': torch.optim.Adam(net.b.parameters())}
    return [
        gf.draw(flow, step=step, optimizer=[optimizer, torch.optim.Adam([net.a.weight])]),
        gf.draw(flow, step=step, optimizer=named, legend=True),
        gf.draw(flow.graph, step=step, optimizer=optimizer, legend=True),
        gf.draw(gf.compare(a=flow, b=flow), step=step, optimizer=optimizer, legend=True),
    ]


def figure(data: Subject) -> gf.Figure:
    return data if isinstance(data, gf.Figure) else gf.draw(data)


LOOKS = (
    {"width": 1},
    {"width": 300, "theme": "grey", "legend": True, "direction": "LR"},
    {"width": 3000, "theme": "dark", "direction": "TB"},
)


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_look(name):
    """Whatever is drawn, at every width and in every look, the SVG is well-formed and says what is so."""
    for data in SUBJECTS[name]():
        for look in LOOKS:
            shown = replace(figure(data), **look)
            drawn = shown.svg()
            ElementTree.fromstring(drawn)
            assert drawn.rstrip("\n").isprintable()
            if isinstance(data, gf.Flow):
                wish = Wish((), bool(look.get("legend")), look.get("direction"))
                assert [] == Claims(data, pictured(data.graph, passes(data), wish)(look["width"])).false(), look


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_form(name, tmp_path):
    """Every form can be saved; text has no control characters, HTML nothing of the user's that is not escaped."""
    for data in SUBJECTS[name]()[: None if name == "hostile_names" else 3]:
        shown = figure(data)
        single = isinstance(shown.subject, gf.Graph | gf.Flow)
        for suffix in SUFFIXES if single else [one for one in SUFFIXES if one not in (".json", ".dot")]:
            if suffix in (".png", ".pdf") and data is not shown and isinstance(data, gf.Graph):
                continue  # like that of its flow
            path = tmp_path / f"picture{suffix}"
            shown.save(path)
            if suffix in (".svg", ".html", ".txt"):
                text = path.read_text(encoding="utf-8")
                assert text.replace("\n", "").isprintable() or suffix == ".html"
                assert not {"\x00", "\x1b", "\u202e"} & set(text)
                assert suffix == ".txt" or not ("<script>alert" in text or "<b>&amp;" in text)
            if suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SUBJECTS)
def test_every_walk(name):
    """Every flow can be walked through."""
    for data in SUBJECTS[name]()[:4]:
        if isinstance(data, gf.Flow):
            walked = gf.animate(data)
            assert walked.html() and walked.text()


DRAW_ALL = """
import gradflow as gf, torch, sys
from torch import nn
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.0)), nn.Linear(4, 2))
unused, x = nn.Linear(3, 3), torch.ones(2, 4)
with gf.trace(net=net, unused=unused, x=x) as t:
    h = net[0](x)
    with torch.no_grad():
        k = net[1](h)
    out = net[3](net[2](k) + h.detach())
    loss, other = out.sum() * out.mean().item(), h.pow(2).sum()
flows = {"loss": t.flow(loss), "other": t.flow(other)}
figures = [gf.draw(flows["loss"], legend=True), gf.draw(gf.compare(**flows)), gf.animate(flows["other"])]
figures.append(gf.grid({("a", name): flow for name, flow in flows.items()}))
for figure in figures:
    print(figure.html(), figure.text())
"""


def test_same_in_every_process():
    """A process with another hash seed draws the same, byte for byte."""
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    child = [sys.executable, "-c", DRAW_ALL]
    there = subprocess.run(child, capture_output=True, check=True, env=os.environ | {"PYTHONHASHSEED": seed}).stdout
    here = io.StringIO()
    with contextlib.redirect_stdout(here):
        exec(compile(DRAW_ALL, "<string>", "exec"), {})

    assert there.decode() == here.getvalue() and len(there) > 10_000


def test_subject_is_left_alone(tmp_path):
    """Drawing changes nothing of what is drawn, and keeps no tensor alive."""
    net, x = layers("a b"), X.clone()
    with gf.trace(net, x=x) as t:
        loss = net.b(net.a(x).detach()).sum()
    flow = t.flow(loss)
    before = gf.to_json(flow)
    gone = [weakref.ref(tensor) for tensor in (loss, x, *net.parameters())]
    shown = gf.draw(flow, legend=True)
    for suffix in SUFFIXES:
        shown.save(tmp_path / f"picture{suffix}")
    assert before == gf.to_json(flow) and shown == gf.draw(flow, legend=True)
    del net, x, loss, t
    gc.collect()
    assert [None] * len(gone) == [tensor() for tensor in gone]
    assert shown.svg()
