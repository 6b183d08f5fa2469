"""The inside of cells: everything in its room, nothing over anything else, stems from border to border."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import pytest
from zoo import ZOO

from gradflow.picture.cells import bounds, form
from gradflow.picture.metrics import width
from gradflow.picture.plan import Rect
from gradflow.picture.reduce import sketch
from gradflow.picture.sketch import Cell, Leaf, Note


def parameter(label, **more):
    return Leaf(0, "parameter", label, (), **more)


def numbered(name):
    return parameter(name, above=f"{name} = 3", below="8", factor="×2")


CUT = (Note(0, "cut", "detach", "some/where/net.py:12"),)
ZERO = (Note(0, "zero", "every entry dead", "net.py:21"), Note(0, "undefined", "backward returned None", ""))
LSTM = (*map(parameter, ("weight_ih", "weight_hh", "bias_ih", "bias_hh")), Leaf(1, "input", "xs.getitem", ()))

CELLS = [
    Cell(0, "op", "linear"),
    Cell(0, "op", "linear", leaves=(parameter("weight"), parameter("bias"))),
    Cell(0, "op", "+", leaves=(parameter("w"),)),
    Cell(0, "op", "+", leaves=(parameter("a"), parameter("b"), parameter("c"))),
    Cell(0, "op", "÷", leaves=(Leaf(-1, "number", "1.65", (), detail="a float"),)),
    Cell(0, "op", "where", leaves=(Leaf(1, "constant", "0.5", ()), Leaf(2, "buffer", "mask", ()), parameter("p"))),
    Cell(0, "op", "lstm_cell", leaves=LSTM),
    Cell(0, "op", "lstm", leaves=(*LSTM, *LSTM, *LSTM, *LSTM)),
    Cell(0, "op", "layer_norm", leaves=(parameter("weight", disc="zero"), parameter("bias"))),
    Cell(0, "op", "a_function_with_a_very_long_name_indeed", leaves=(parameter("another.long.name.of.a.parameter"),)),
    Cell(0, "op", "relu", notes=ZERO),
    Cell(0, "op", "linear", leaves=(parameter("weight"), parameter("bias")), notes=ZERO),
    Cell(0, "op", "×", leaves=(numbered("w"),), factor="×3"),
    Cell(0, "op", "×", leaves=(numbered("w"), numbered("b")), factor="×3"),
    Cell(0, "op", "( )²", factor="×(−4)"),
    Cell(0, "group", "where … 7 ops"),
    Cell(0, "cut", "detach", notes=CUT),
    Cell(0, "exit", ".item()", notes=CUT),
    Cell(0, "input", "x"),
    Cell(0, "parameter", "scale"),
    Cell(0, "parameter", "x", above="x = 2", below="12"),
    Cell(0, "constant", "0.5"),
    Cell(0, "loss", "loss"),
    Cell(0, "loss", "f", above="f = 4", below="1"),
    Cell(0, "end", "accuracy"),
    Cell(0, "module", "h.0", squares=tuple(range(14)), tally="9 of 14"),
    Cell(0, "module", "h.1", squares=tuple(range(14)), tally="9 of 14", leaves=(Leaf(0, "constant", "= mask", ()),)),
    Cell(0, "module", "h.0 – h.47", detail="48 blocks", squares=tuple(range(576)), tally="576 parameters"),
    Cell(0, "module", "attn", squares=(1, 2), tally="none of 2", notes=CUT + ZERO),
    Cell(0, "module", "a.module.with.a.name.that.is.far.too.long.for.a.box", tally="= wte"),
    Cell(0, "module", "A", leaves=(parameter(""),), small=True),
    Cell(0, "module", "head", leaves=(parameter(""), parameter("")), small=True),
    Cell(0, "loss", "loss", small=True),
    Cell(0, "input", "x", small=True),
]


def touches(a, b, slack=0.0):
    return a.x < b.right - slack and b.x < a.right - slack and a.y < b.bottom - slack and b.y < a.bottom - slack


def within(inner, outer, slack=0.01):
    return (
        outer.x - slack <= inner.x
        and outer.y - slack <= inner.y
        and inner.right <= outer.right + slack
        and inner.bottom <= outer.bottom + slack
    )


def from_border(cell, shape, point):
    """How far a point is from the border of a pill, circle or box."""
    radius = min(shape.w, shape.h) / 2 if cell.kind in ("op", "group") else 0.0
    dx = max(abs(point.x - shape.center.x) - (shape.w / 2 - radius), 0.0)
    dy = max(abs(point.y - shape.center.y) - (shape.h / 2 - radius), 0.0)
    return abs(math.hypot(dx, dy) - radius)


def check(cell, direction):
    place = form(cell, direction)
    texts = [bounds(label) for label in place.labels]

    assert abs(place.shape.center.x) < 0.01 > abs(place.shape.center.y)
    for part in (place.shape, *place.leaves, *place.squares, *texts):
        assert within(part, place.rect)
    assert len(cell.leaves) == len(place.leaves) == len(place.stems)
    assert all(11 <= text.h for text in texts)
    for one, other in combinations(place.leaves, 2):
        assert not touches(one, other)
    for index, text in enumerate(texts):
        label = place.labels[index]
        for other in texts[index + 1 :]:
            grown = Rect(other.x - 5, other.y, other.w + 10, other.h) if other.y == text.y else other
            assert not touches(text, grown, 0.4), label.text
        for at, leaf in enumerate(place.leaves):
            if label.leaf != at or cell.leaves[at].kind not in ("constant", "number"):
                assert not touches(text, leaf, 0.4), label.text
        for square in place.squares:
            assert not touches(text, square)
    check_stems(cell, place, texts)


def check_stems(cell, place, texts):
    for leaf, rect, stem in zip(cell.leaves, place.leaves, place.stems, strict=True):
        if not stem:
            assert "module" == cell.kind
            continue
        assert from_border(cell, place.shape, stem[-1]) <= 1.5
        start = stem[0]
        assert rect.x - 0.1 <= start.x <= rect.right + 0.1
        assert rect.y - 0.1 <= start.y <= rect.bottom + 0.1
        assert start.x in (rect.x, rect.right) or start.y in (rect.y, rect.bottom)
        assert (
            sum(abs(a.x - b.x) + abs(a.y - b.y) for a, b in pairwise(stem)) >= (44 if leaf.disc else 14) or cell.small
        )
        for a, b in pairwise(stem):
            assert a.x == b.x or a.y == b.y
            line = Rect(min(a.x, b.x), min(a.y, b.y), abs(a.x - b.x), abs(a.y - b.y))
            assert not any(touches(Rect(line.x - 1, line.y - 1, line.w + 2, line.h + 2), text) for text in texts)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.kind}-{cell.label[:12]}-{len(cell.leaves)}")
def test_parts_lie_apart_in_their_room(cell, direction):
    check(cell, direction)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_parts_lie_apart_in_every_cell_of_the_zoo(direction):
    for name in ZOO:
        flow = ZOO[name]()
        for cell in sketch(flow.graph, [(flow.output, "loss")], most=1000).cells:
            check(cell, direction)


def test_a_linear_layer_is_set_as_in_print():
    """A pill of 24, squares of 18 on stems 44 below the spine, names right of them."""
    place = form(CELLS[1], "LR")

    assert 24 == place.shape.h
    assert [(18, 18, 44), (18, 18, 44)] == [(leaf.w, leaf.h, leaf.center.y) for leaf in place.leaves]
    assert [("linear", "middle"), ("weight", "start"), ("bias", "start")] == [(t.text, t.anchor) for t in place.labels]
    assert [None, 0, 1] == [label.leaf for label in place.labels]
    assert 100 <= place.shape.w <= 112


def test_a_symbol_is_a_circle_until_it_has_to_be_wider():
    one, three = form(CELLS[2], "LR").shape, form(CELLS[3], "LR").shape

    assert (28, 28) == (one.w, one.h)
    assert 28 == three.h < three.w
    assert (28, 28) == (form(CELLS[3], "TB").shape.w, form(CELLS[3], "TB").shape.h)


def test_bars_lie_across_the_line():
    assert [(10, 20), (20, 10)] == [(s.w, s.h) for s in (form(CELLS[16], d).shape for d in ("LR", "TB"))]


def test_of_a_path_only_folders_are_dropped():
    note = Note(0, "cut", "detach", "a/rather/deep/folder/with/many/parts/in/it/net.py:12")
    texts = [label.text for label in form(Cell(0, "cut", "detach", notes=(note,)), "LR").labels]

    assert ["net.py:12", "detach"] == texts


def test_equal_blocks_have_equal_boxes():
    """A block that names something from afar is as large as the one with a blank line in its place."""
    named = form(CELLS[26], "LR").shape
    blank = form(CELLS[25]._replace(blank=1), "LR").shape

    assert named == blank


def test_more_than_thirty_squares_are_a_count():
    assert ((), 576) == (form(CELLS[27], "LR").squares, len(CELLS[27].squares))
    assert 14 == len(form(CELLS[25], "LR").squares)
    assert {2} == {len({square.y for square in form(CELLS[25], "LR").squares})}


def test_long_names_are_cut_in_the_middle():
    label = form(CELLS[9], "LR").labels[0]

    assert "…" in label.text
    assert width(label.text, "op") <= 168
