"""Small pictures: modules, one square each, and lines that say where something is cut."""

from __future__ import annotations

import re

import pytest
import torch
from claims import SmallClaims
from geometry import violations
from graphs import tower
from torch import nn
from zoo import ZOO

import gradflow as gf
from gradflow.picture.mini import mini
from gradflow.picture.small import lay_small


def bridge(cut):
    a, b, c = (nn.Linear(2, 2) for _ in range(3))
    x, y = torch.ones(1, 2), torch.ones(1, 2)
    with gf.trace(A=a, B=b, C=c, x=x, y=y) as t:
        h = b(a(x))
        out = c(h.detach() if cut else h)
        loss_b, loss_c = (h - y).pow(2).mean(), (out - y).pow(2).mean()
        both = loss_b + loss_c
        t.name(loss_b=loss_b, loss_c=loss_c, both=both)
    values = [t.graph.value(name).id for name in ("loss_b", "loss_c", "both")]
    return t.graph, mini(t.graph, list(zip(values, ("B", "C", "both"), strict=True)))


def lines(shown):
    names = [cell.label for cell in shown.cells]
    return [(names[wire.source], names[wire.target]) for wire in shown.wires]


def test_one_geometry_with_and_without_the_cut():
    """The cut adds bars, and nothing else; a sum of losses is drawn as those; targets are left out."""
    (graph, cut), (_, whole) = bridge(True), bridge(False)

    assert ["x", "A", "B", "C", "B", "C"] == [cell.label for cell in cut.cells]
    assert [("x", "A"), ("A", "B"), ("B", "C"), ("B", "B"), ("C", "C")] == lines(cut)
    assert lines(whole) == lines(cut)
    assert [None] * 5 == [wire.bars for wire in whole.wires]
    assert ["detach"] == [graph.ops[wire.bars].target for wire in cut.wires if wire.bars is not None]
    assert all(cell.small for cell in cut.cells)


def test_each_module_has_one_square_for_all_its_parameters():
    graph, shown = bridge(False)
    leaves = [cell.leaves for cell in shown.cells if cell.kind == "module"]

    assert [1, 1, 1] == list(map(len, leaves))
    assert [["A.weight", "A.bias"], ["B.weight", "B.bias"], ["C.weight", "C.bias"]] == [
        [graph.values[value].name for value in leaf.values] for (leaf,) in leaves
    ]


def test_parameters_that_share_nothing_have_squares_of_their_own():
    flow = tower(2)
    shown = mini(flow.graph, [(flow.output, "loss")], share=lambda value: value % 2)

    assert [[1, 1], [1, 1]] == [[len(leaf.values) for leaf in cell.leaves] for cell in shown.cells if cell.leaves]


@pytest.mark.parametrize("name", ZOO)
def test_lines_run_forward_and_stand_for_real_uses(name):
    """Every line leaves an earlier cell, and stands for uses of the value that leaves, or of what became of it."""
    flow = ZOO[name]()
    shown = mini(flow.graph, [(flow.output, "loss")])
    uses = set(flow.graph.edges())

    assert "loss" == shown.cells[-1].kind
    assert any(wire.target == len(shown.cells) - 1 for wire in shown.wires)
    for wire in shown.wires:
        source = shown.cells[wire.source]
        assert wire.source < wire.target
        assert uses.issuperset(wire.edges)
        assert wire.value == source.value or flow.graph.producers[wire.value] in source.ops
    squares = [value for cell in shown.cells for leaf in cell.leaves for value in leaf.values]
    assert len(squares) == len(set(squares))


def test_a_teacher_without_gradients_has_bars_behind_it():
    flow = ZOO["dqn"]()
    shown = mini(flow.graph, [(flow.output, "loss")])
    barred = [shown.cells[wire.source].label for wire in shown.wires if wire.bars is not None]

    assert ["target"] == barred


def test_a_loss_of_a_branch_stands_above_its_module():
    """The spine goes on to the last loss; both pictures have one geometry, which fits three times on a page."""
    (_, cut), (_, whole) = bridge(True), bridge(False)
    layouts = [lay_small(shown) for shown in (cut, whole)]
    centers = [place.shape.center for place in layouts[0].places]
    names = [cell.label for cell in cut.cells]
    above, last = (at for at, cell in enumerate(cut.cells) if cell.kind == "loss")

    assert centers[names.index("B")].x == centers[above].x and centers[above].y < centers[names.index("B")].y
    assert {centers[last].y} == {centers[at].y for at in range(len(names)) if at != above}
    assert [(2, 2)] * len(cut.wires) == [(len(a.points), len(b.points)) for a, b in _both(layouts)]
    assert [[], []] == [violations(shown, layout) for shown, layout in zip((cut, whole), layouts, strict=True)]
    assert max(layout.width for layout in layouts) - 24 <= 190


def _both(layouts):
    return zip(layouts[0].routes, layouts[1].routes, strict=True)


@pytest.mark.parametrize("name", ZOO)
def test_small_pictures_keep_the_rules_of_geometry(name):
    flow = ZOO[name]()
    shown = mini(flow.graph, [(flow.output, "loss")])

    assert [] == violations(shown, lay_small(shown))


def test_a_module_with_a_cut_between_its_parameters_is_taken_apart():
    """The squares before and behind the cut are apart, and the bars stand between them; elsewhere it stays whole."""

    def drawn(cut):
        first, second, head = (nn.Linear(2, 2) for _ in range(3))
        enc = nn.Sequential(first, cut, second)
        with gf.trace(enc=enc, head=head, x=torch.ones(1, 2)) as t:
            t.name(loss=head(enc(torch.ones(1, 2))).sum())
        return mini(t.graph, [(t.graph.value("loss").id, "loss")])

    class Detach(nn.Module):
        def forward(self, x):
            return x.detach()

    cut, whole = drawn(Detach()), drawn(nn.Identity())

    assert ["enc.0", "enc.2", "head"] == [cell.label for cell in cut.cells if cell.kind == "module"]
    assert ["enc", "head"] == [cell.label for cell in whole.cells if cell.kind == "module"]
    assert [("enc.0", "enc.2")] == [
        pair for pair, wire in zip(lines(cut), cut.wires, strict=True) if wire.bars is not None
    ]


def test_number_that_left():
    """A number that an explanation names ends its line in bars, also in the small form; others are not drawn."""
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    x = torch.ones(1, 2)
    with gf.trace(net, x=x) as t:
        factor = net["a"](x).detach().sum().item()
        net["b"](x).sum().item()
        loss = net["b"](x).sum() * factor
    shown = gf.grid({("", "loss"): t.flow(loss)})._picture().sketches[0]
    exits = [cell for cell in shown.cells if cell.kind == "exit"]

    assert 1 == len(exits)
    assert ["a"] == [shown.cells[wire.source].label for wire in shown.wires if wire.target == exits[0].id]
    assert [None] * len(shown.wires) == [wire.bars for wire in shown.wires]


def leaf(number):
    return torch.tensor(number, requires_grad=True)


def flow_of(compute, *modules, **given):
    with gf.trace(*modules, **given) as t:
        loss = compute()
    return t.flow(loss)


def claims(*flows):
    """What small pictures of some flows claim, side by side."""
    picture = gf.grid({("", str(at)): flow for at, flow in enumerate(flows)})._picture()
    return [SmallClaims(flow, picture, at) for at, flow in enumerate(flows)]


def marks(flow, kind):
    """How many marks of a kind stand in the SVG of one small picture."""
    return len(re.findall(f'class="{kind}"', gf.grid({("a", "b"): flow}).svg()))


def around(one):
    """The states of the squares, and of the lines into and out of each, as the SVG says them."""
    return [(square, sorted(lines)) for square, lines in one.standing()]


def test_cut_directly_behind_a_parameter():
    """The bars stand on a line from the parameter, beside the line along which it is reached."""
    w = leaf(3.0)
    flow = flow_of(lambda: w * 2 + w.detach() * 5, w=w)
    (one,) = claims(flow)

    assert [] == one.false()
    assert [("reached", ["missing", "reached"])] == around(one)
    assert 1 == marks(flow, "bar")


@pytest.mark.parametrize("times", [1, 2])
def test_parameter_of_which_every_use_is_cut(times):
    """It has its square, and one line with bars into the loss; the picture is not empty."""
    w = leaf(3.0)
    flow = flow_of(lambda: sum(w.detach() * at for at in range(1, times + 1)), w=w)
    (one,) = claims(flow)

    assert [] == one.false()
    assert [("none", ["missing"])] == around(one)
    assert (1, 1) == (marks(flow, "bar"), marks(flow, "loss"))


def test_cut_directly_behind_an_input():
    """An input with a gradient of its own is told as a parameter is."""
    x = torch.ones(2, requires_grad=True)
    flow = flow_of(lambda: (x.detach() * 2).sum(), x=x)

    assert 1 == marks(flow, "bar")
    assert [] == claims(flow)[0].false()


def test_parameter_that_its_own_module_cuts():
    """What a module stops while other things go through it has bars on a line into the module."""

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.kept, self.cut = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))

        def forward(self, x):
            return x * self.kept + (self.cut * 2).detach()

    half = nn.ModuleDict({"m": Half()})
    flow = flow_of(lambda: half["m"](torch.ones(2)).sum(), half)
    (one,) = claims(flow)

    assert [] == one.false()
    assert [("none", ["missing"]), ("reached", ["reached"])] == sorted(around(one))
    assert 1 == marks(flow, "bar")


def test_input_that_a_module_cuts():
    """A module that detaches what comes in has bars before it, although it is closed."""

    class Second(nn.Linear):
        def forward(self, x):
            return super().forward(x.detach())

    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": Second(2, 2)})
    flow = flow_of(lambda: net["b"](net["a"](torch.ones(1, 2))).sum(), net)

    assert 1 == marks(flow, "bar")
    assert [] == claims(flow)[0].false()


def test_shared_parameter_shows_every_use():
    """A square that is reached has the line along which it was reached, and the others as they are."""
    w = leaf(3.0)
    (one,) = claims(flow_of(lambda: (w * 2).detach() + w * 5, w=w))

    assert [] == one.false()
    assert [("reached", ["missing", "reached"])] == around(one)


def test_module_that_is_called_twice():
    """Calls that got the same share one square below the first; calls that did not have a line each."""
    net = nn.ModuleDict({"d": nn.Linear(2, 2)})

    def twice(cut):
        def compute():
            first, second = net["d"](torch.ones(1, 2)), net["d"](2 * torch.ones(1, 2))
            return ((first.detach() if cut else first) + second).sum()

        return flow_of(compute, net)

    (whole,), (cut,) = claims(twice(False)), claims(twice(True))
    assert [("reached", ["reached"])] == around(whole)
    assert [("reached", ["missing", "reached"])] == around(cut)
    assert [] == whole.false() == cut.false()
    assert [2, 2] == [len(lines) for one in claims(twice(False), twice(True)) for _, lines in around(one)]


class Silent(torch.autograd.Function):
    """Sends None."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return None


def test_none_that_was_sent():
    """A disc stands on the line on which None was sent: in the picture of that pass, and of no other."""
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    with gf.trace(net) as t:
        h, other = net["a"](torch.ones(1, 2)), net["b"](torch.ones(1, 2))
        silent = (Silent.apply(h.relu()) + other).sum()
        plain = (h + other).sum()
    silenced, reached = t.flow(silent), t.flow(plain)
    both = gf.grid({("", "silent"): silenced, ("", "plain"): reached})

    assert 1 == marks(silenced, "disc undefined") == len(re.findall('class="disc undefined"', both.svg()))
    assert 0 == marks(reached, "disc undefined")
    assert [[], []] == [one.false() for one in claims(silenced, reached)]


def test_none_that_was_sent_to_a_parameter():
    """The disc stands on the line from the parameter."""
    w, v = leaf(2.0), leaf(3.0)
    flow = flow_of(lambda: Silent.apply(w) * v, w=w, v=v)
    (one,) = claims(flow)

    assert [("reached", ["reached"]), ("undefined", ["undefined"])] == sorted(around(one))
    assert [] == one.false()
    assert 1 == marks(flow, "disc undefined")


def test_line_into_a_loss_of_another_pass():
    """What two losses have in common is reached from one of them; the line into the other is grey."""
    net = nn.ModuleDict({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
    with gf.trace(net) as t:
        h = net["a"](torch.ones(1, 2)).relu()
        one, other = h.sum(), net["b"](h).sum() * h.mean()
    flows = t.flow(one), t.flow(other)

    assert [[], []] == [each.false() for each in claims(*flows)]


def test_parameter_made_from_another():
    """It has a square of its own behind the bars, and is reached there."""
    w = leaf(3.0)

    def compute():
        made = nn.Parameter(w * 2)
        return made * 2 + w * 3

    (one,) = claims(flow_of(compute, w=w))
    assert [] == one.false()
    assert 2 == len(around(one))


@pytest.mark.parametrize("given", [True, False])
def test_loss_that_nothing_was_computed_for(given):
    """A loss that is given, or that no parameter leads to, is drawn all the same."""
    w, x = leaf(3.0), torch.ones(2)
    flow = flow_of(lambda: w, w=w) if given else flow_of(lambda: (x * 2).sum(), x=x)
    (one,) = claims(flow)

    assert [] == one.false()
    assert 1 == len(one.sketch.wires)
