"""The list: nothing over anything else, on any model of the zoo, at the width of a phone."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from geometry import counts, segments, violations
from graphs import Sketch as Draft
from zoo import ZOO

from gradflow.picture.cells import bounds
from gradflow.picture.lanes import assign, lay_list
from gradflow.picture.reduce import sketch
from gradflow.picture.sketch import Note


def drawn(name, **more):
    flow = ZOO[name]()
    return sketch(flow.graph, [(flow.output, "loss")], **more)


def wrong(shown, layout, width):
    """What the checker finds; a line may run through a row, but not through anything in it; frames hold no cells."""
    found = [what for what in violations(shown, layout, width) if not re.search("through cell|inside frame", what)]
    for route, wire in zip(layout.routes, shown.wires, strict=True):
        for place in layout.places:
            if place.cell in (wire.source, wire.target):
                continue
            parts = (place.shape, *place.leaves, *place.squares, *map(bounds, place.labels))
            if any(crosses(segment, part) for segment in segments(route.points) for part in parts):
                found.append(f"wire {route.wire} runs through a part of cell {place.cell}")
    return found


def crosses(segment, rect):
    (left, right), (top, bottom) = sorted(p.x for p in segment), sorted(p.y for p in segment)
    return left < rect.right and right > rect.x and top < rect.bottom and bottom > rect.y


@pytest.mark.parametrize("width", [340, 420])
@pytest.mark.parametrize("name", ZOO)
def test_zoo(name, width):
    shown = drawn(name)
    layout = lay_list(shown, width)

    assert [] == wrong(shown, layout, width)
    assert layout.fits
    assert ("list", "TB") == (layout.style, layout.direction)
    assert all(len(route.points) <= 4 for route in layout.routes)


@pytest.mark.parametrize("name", ["all_states", "gpt2", "vqvae", "unet"])
def test_the_spine_is_one_straight_line(name):
    """Everything in the first lane follows each other, and the loss stands at its end."""
    shown = drawn(name)
    lanes = assign(shown)
    spine = [cell.id for cell in shown.cells if lanes.of_cell[cell.id] == 0]
    straight = {(wire.source, wire.target) for at, wire in enumerate(shown.wires) if lanes.ways[at] == "straight"}
    loss = next(cell.id for cell in shown.cells if cell.kind == "loss")

    assert loss in spine
    until_loss = spine[: spine.index(loss) + 1]
    assert straight.issuperset(pairwise(until_loss))


def test_nothing_shares_a_lane_over_the_same_rows():
    for name in ZOO:
        for taken in assign(drawn(name)).busy:
            for (_, end), (start, _) in pairwise(sorted(taken)):
                assert end < start


def test_tangles_fit_or_say_that_they_do_not():
    """Random graphs of 30 ops that use anything before them; lanes may stand closer than a head is long."""
    for seed in range(12):
        chance = random.Random(seed)
        s = Draft()
        values = [s.leaf("x", "input", requires_grad=False), s.leaf("w")]
        for _ in range(30):
            values.append(s.op("op", *chance.sample(values, min(len(values), chance.choice((1, 1, 2, 3))))))
        shown = sketch(s.graph(), [(values[-1], "loss")])
        layout = lay_list(shown, 420)

        assert [] == [what for what in wrong(shown, layout, 420) if "head" not in what]
        assert layout.fits == (layout.width <= 420)


def test_rows_of_squares_and_counts_are_aligned():
    """The squares of equal blocks begin at one x, below each other, and so do the counts."""
    shown = drawn("gpt2")
    places = [place for place in lay_list(shown, 420).places if shown.cells[place.cell].label.startswith("h.")]

    assert 12 == len(places)
    assert 1 == len({place.squares[0].x for place in places})
    assert 1 == len({label.x for place in places for label in place.labels if label.role == "tally"})
    assert {12} == {len(place.squares) for place in places}
    assert {28} == {round(b.shape.center.y - a.shape.center.y) for a, b in pairwise(places)}


def test_causes_have_their_line():
    """Title and line of a cut stand in its row; without room the line goes below; a region is named where it ends."""
    shown = drawn("all_states")
    for width in (420, 260):
        layout = lay_list(shown, width)
        exit_cell = next(cell.id for cell in shown.cells if cell.kind == "exit")
        texts = [label.text for label in layout.places[exit_cell].labels]
        assert ".item()" == texts[0]
        assert texts[1].rpartition("/")[2].startswith("zoo.py:")
    teacher = next(cell.id for cell in shown.cells if cell.box is not None and "teacher" == shown.boxes[cell.box].name)
    assert "no_grad" in [label.text for label in layout.places[teacher].labels]


def test_a_shared_cause_is_told_once():
    flow = ZOO["gpt2_lora"]()
    at_zero = [op.id for op in flow.graph.ops if op.target == "T"]
    notes = [Note(op, "zero", "weights are 0", "lora.py:3") for op in at_zero]
    shown = sketch(flow.graph, [(flow.output, "loss")], notes=notes)
    layout = lay_list(shown, 420)

    assert 1 == sum(label.text == "weights are 0" for place in layout.places for label in place.labels)
    assert ["14 parameters each · weights are 0, lora.py:3", "12 parameters each"] == [run.detail for run in shown.runs]


def test_unused_parameters_are_there():
    s = Draft(("", "Net", None), ("enc", "Encoder", 0), ("enc.fc", "Linear", 1), ("head", "Linear", 0))
    used, _, _ = s.leaf("enc.fc.weight"), s.leaf("enc.scale"), s.leaf("enc.shift")
    h = s.op("tanh", s.op("linear", s.leaf("x", "input", requires_grad=False), used, call=2), call=1)
    loss = s.op("linear", h, s.leaf("head.weight"), call=3)
    shown = sketch(s.graph(), [(loss, "loss")])
    layout = lay_list(shown, 420)

    assert [("scale", "shift")] == [tuple(label for label, _ in box.idle) for box in shown.boxes if box.idle]
    (frame,) = layout.frames
    assert 2 == len(frame.idle)
    assert [] == wrong(shown, layout, 420)


def test_lines_of_one_node_do_not_cross():
    """Several outputs of one op, used far below: the farthest lane leaves first."""
    s = Draft()
    first = s.op("split", s.leaf("w"), outputs=4)
    h = s.op("sum", first)
    for other in (first + 1, first + 2, first + 3):
        h = s.op("add", s.op("tanh", h), other)
    shown = sketch(s.graph(), [(h, "loss")])

    assert 0 == counts(lay_list(shown, 420))[0]


def test_of_long_names_the_outer_modules_are_left_out():
    """The module that an op belongs to is the last to go."""
    shown = drawn("transformer")
    first = [place.labels[0].text for place in lay_list(shown, 420).places if place.leaves]

    assert "….norm1 · layer_norm" in first
    assert {"encoder.norm · layer_norm", "multi-head attention"} < set(first)
