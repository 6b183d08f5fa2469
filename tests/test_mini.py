"""Small pictures: modules, one square each, and lines that say where something is cut."""

from __future__ import annotations

import pytest
import torch
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
