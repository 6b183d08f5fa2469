"""Where things stand: invariants on generated sketches and on the zoo, and the pictures known by heart."""

from __future__ import annotations

import importlib
import time
from itertools import pairwise
from pathlib import Path

import geometry
import pytest
import sketches
import zoo
from geometry import counts, violations

from gradflow.picture.fit import BUDGETS, arrange
from gradflow.picture.layout import lay
from gradflow.picture.plan import Layout, Point
from gradflow.picture.reduce import sketch
from gradflow.picture.rows import spine
from gradflow.picture.sketch import Cell, Sketch, Wire

WAYS = (("LR", 1200), ("LR", 560), ("TB", 420))
LIMIT = 700  # a page column in pixels, with room for a scroll bar


@pytest.mark.parametrize("seed", range(61))
def test_invariants_of_generated_sketches(seed):
    drawn = sketches.generated(seed)
    for direction, width in WAYS:
        assert [] == violations(drawn, lay(drawn, width, direction), width), direction


@pytest.mark.parametrize("name", zoo.ZOO)
def test_invariants_of_the_zoo(name):
    flow = zoo.ZOO[name]()
    for most in (14, 1000):
        drawn = sketch(flow.graph, [(flow.output, "loss")], most=most)
        for direction, width in WAYS[1:]:
            assert [] == violations(drawn, lay(drawn, width, direction), width), (most, direction)


@pytest.mark.parametrize("name", ["bridge", "all_states", "scalar", "blocks"])
@pytest.mark.parametrize(("direction", "width"), [("LR", 720), ("TB", 420)])
def test_invariants_of_what_is_known_by_heart(name, direction, width):
    drawn = getattr(sketches, name)()

    assert [] == violations(drawn, lay(drawn, width, direction), width)


def test_one_line_from_input_to_loss():
    drawn = sketches.bridge()
    wide, narrow = lay(drawn, 720, "LR"), lay(drawn, 420, "TB")

    assert wide.fits and {2} == {len(route.points) for route in wide.routes}
    assert 1 == len({place.shape.center.y for place in wide.places})
    assert narrow.fits and {2} == {len(route.points) for route in narrow.routes}
    assert 1 == len({place.shape.center.x for place in narrow.places})


def test_numbers_stand_in_the_middle_of_equal_steps():
    """A calculation reads evenly: every op is as far from the next, every number on a line in its middle."""
    drawn = sketches.scalar()
    spine_of = [cell.id for cell in drawn.cells if cell.id in spine(drawn).cells]
    layout = lay(drawn, 800, "LR")
    at = [layout.places[cell].shape.center.x for cell in spine_of]
    assert layout.fits and 1 == len({round(b - a) for a, b in pairwise(at)})
    for direction in ("LR", "TB"):
        for route in lay(drawn, 720, direction).routes:
            start, end = route.points[0], route.points[-1]
            for label in route.labels[:1] if direction == "LR" else ():
                assert (start.x + end.x) / 2 == pytest.approx(label.x, abs=1)


def test_a_calculation_can_be_broken_into_lines():
    drawn = sketches.scalar()

    assert [] == violations(drawn, lay(drawn, 560, "LR"), 560)


def test_equal_modules_are_equally_large():
    for direction, width in (("LR", 720), ("TB", 420)):
        frames = lay(sketches.bridge(), width, direction).frames
        assert 1 == len({(frame.rect.w, frame.rect.h) for frame in frames})


def test_equal_blocks_have_equal_insides():
    pen = sketches.Pen()
    cells, heads = [pen.cell("input", "x")], []
    for i in range(3):
        block = pen.box(f"h{i}", "Block")
        norm, attn = pen.linear("norm", parent=block), pen.linear("attn", parent=block)
        plus = pen.cell("op", "+", box=block)
        pen.chain(cells[-1], norm, attn, plus)
        pen.wire(cells[-1], plus)
        cells.append(plus)
        heads.append((norm, attn, plus))
    pen.chain(cells[-1], pen.cell("loss", "loss"))
    layout = lay(pen.sketch(), 5000, "LR")
    middles = [[layout.places[cell].shape.center for cell in head] for head in heads]

    assert 1 == len({tuple(p.x - block[0].x for p in block) for block in middles})
    assert 1 == len({tuple(p.y for p in block) for block in middles})


def test_branches_lie_below_the_spine_and_before_it_when_narrow():
    drawn = sketches.all_states()
    layout = lay(drawn, 720, "LR")
    names = {drawn.cells[place.cell].label + str(place.cell): place.shape.center for place in layout.places}
    spine_y = names["loss13"].y

    assert {spine_y} == {layout.places[cell].shape.center.y for cell in spine(drawn).cells}
    assert all(place.shape.center.y >= spine_y for place in layout.places)


def test_a_fan_out_has_one_trunk_and_one_dot_for_each_parting():
    drawn = sketches.all_states()
    layout = lay(drawn, 720, "LR")
    trunk = {route.points[1].x for route in layout.routes if drawn.wires[route.wire].source == 0 if route.points[2:]}

    assert 1 == len(trunk)
    assert 3 == len(layout.dots) and {dot.x for dot in layout.dots} == trunk


def test_many_values_into_one_op_share_a_bus():
    drawn = sketches.fan(12)
    layout = lay(drawn, 720, "LR")
    ends = {route.points[-1] for route in layout.routes if drawn.wires[route.wire].target == 13}

    assert 1 == len(ends) and [] == violations(drawn, layout, 720)
    assert (0, 44) == counts(layout)


def test_what_is_too_long_is_broken_like_text():
    drawn = sketches.blocks()
    layout = lay(drawn, 720, "LR")
    lines = {place.shape.center.y for place in layout.places if drawn.cells[place.cell].kind == "module"}
    connectors = [route for route in layout.routes if len(route.points) == 6]

    assert layout.fits and len(lines) == len(layout.brackets) >= 2
    assert len(connectors) >= len(lines) - 1
    assert lay(drawn, 5000, "LR").height < layout.height and len(lay(drawn, 5000, "LR").brackets) == 1


def test_a_bracket_covers_its_run():
    drawn = sketches.blocks(4)
    layout = lay(drawn, 5000, "LR")
    shapes = [layout.places[cell].shape for cell in drawn.runs[0].cells]
    (bracket,) = layout.brackets

    assert (shapes[0].x, shapes[-1].right) == (bracket.start.x, bracket.end.x)
    assert bracket.start.y < min(shape.y for shape in shapes)
    assert ["4 blocks:", "all 12 reached in each"] == [label.text for label in bracket.labels]


def test_texts_of_a_wire_are_above_and_below_it():
    drawn = sketches.scalar()
    for route in lay(drawn, 1000, "LR").routes:
        above, below = route.labels
        assert (route.points[0].y - 8, route.points[0].y + 20) == (above.y, below.y)
        assert route.points[0].x + 14 < above.x < route.points[-1].x - 14


def test_a_wire_leaves_a_region_straight():
    """The checker looks at the length; here, that there is such a wire, and that it is looked at."""
    drawn = sketches.all_states()
    layout = lay(drawn, 720, "LR")
    region = next(frame for frame in layout.frames if drawn.boxes[frame.box].kind == "region")
    (wire,) = (i for i, wire in enumerate(drawn.wires) if drawn.cells[wire.source].box == region.box + 1)
    points = layout.routes[wire].points
    bent = tuple(Point(region.rect.right + 8, p.y) if p == points[1] else p for p in points)

    assert points[1].x >= region.rect.right + 24
    assert "no room for bars" in " ".join(violations(drawn, moved(layout, wire, bent)))


def test_islands_and_empty_sketches_have_a_layout():
    lone = Sketch(tuple(Cell(i, "parameter", f"p{i}", value=i) for i in range(3)), (), ())

    assert [] == violations(lone, lay(lone, 720, "LR"), 720)
    assert (24, 24) == lay(Sketch((), (), ()), 720, "LR")[:2]


def test_the_same_sketch_gives_the_same_picture():
    for seed in (3, 12, 30):
        drawn = sketches.generated(seed)
        assert lay(drawn, 720, "LR") == lay(drawn, 720, "LR")
        shuffled = drawn._replace(wires=tuple(Wire(*wire) for wire in drawn.wires))
        assert lay(drawn, 720, "TB") == lay(shuffled, 720, "TB")


def test_a_long_chain_does_not_take_long():
    drawn = sketches.long_chain(1000)
    start = time.perf_counter()
    layout = lay(drawn, 720, "LR")

    assert layout.fits and time.perf_counter() - start < 5


def moved(layout: Layout, wire: int, points: tuple[Point, ...]) -> Layout:
    routes = list(layout.routes)
    routes[wire] = routes[wire]._replace(points=points)
    return layout._replace(routes=tuple(routes))


def nudged(layout: Layout, cell: int, dx: float, dy: float) -> Layout:
    places = list(layout.places)
    place = places[cell]
    places[cell] = place._replace(
        rect=place.rect.moved(dx, dy),
        shape=place.shape.moved(dx, dy),
        leaves=tuple(leaf.moved(dx, dy) for leaf in place.leaves),
        labels=tuple(label.moved(dx, dy) for label in place.labels),
    )
    return layout._replace(places=tuple(places))


class TestTheChecker:
    """What is wrong is found: a checker that finds nothing proves nothing."""

    drawn = sketches.all_states()
    layout = lay(drawn, 720, "LR")

    def found(self, layout: Layout) -> str:
        return " ".join(violations(self.drawn, layout, 720))

    def test_a_good_layout(self):
        assert "" == self.found(self.layout)

    def test_a_moved_cell(self):
        assert "does not end on the border" in self.found(nudged(self.layout, 7, 0, 6))
        assert "overlap" in self.found(nudged(self.layout, 7, 80, 0))
        assert "is not inside frame" in self.found(nudged(self.layout, 1, 0, 30))

    def test_a_moved_corner(self):
        bent = next(route for route in self.layout.routes if len(route.points) > 2)
        points = list(bent.points)
        points[1] = Point(points[1].x + 5, points[1].y + 3)
        assert "not horizontal or vertical" in self.found(moved(self.layout, bent.wire, tuple(points)))

    def test_a_line_through_a_cell_and_along_another_line(self):
        start, end = self.layout.routes[0].points[0], self.layout.routes[2].points[-1]
        found = self.found(moved(self.layout, 2, (start, end)))
        assert "runs through cell 1" in found and "share a line" in found

    def test_a_missing_route_and_a_page_too_small(self):
        assert "routes are not those" in " ".join(geometry._complete(self.drawn, self.layout._replace(routes=())))
        assert "outside the margins" in self.found(self.layout._replace(width=300.0))
        assert "fits is False" in self.found(self.layout._replace(fits=False))

    def test_a_dot_where_nothing_parts(self):
        assert "no lines part" in self.found(self.layout._replace(dots=(Point(5, 5),)))

    def test_frames_that_overlap(self):
        frames = list(self.layout.frames)
        frames[0] = frames[0]._replace(rect=frames[0].rect._replace(w=400.0))
        assert "overlap" in self.found(self.layout._replace(frames=tuple(frames)))


def test_a_picture_shows_as_much_as_fits():
    drafts = {most: sketches.long_chain(most) for most in range(1, 41)}
    shown, layout = arrange(lambda most: drafts[min(most, 40)], 720)

    assert (41, True, "LR") == (len(shown.cells), layout.fits, layout.direction)


def test_only_what_is_asked_for_is_drafted():
    """A picture that is seen at once at the first budget needs no other draft, and no other direction."""
    asked = []
    arrange(lambda most: asked.append(most) or sketches.bridge(), 720)

    assert {BUDGETS[0]} == set(asked)


def test_a_narrow_picture_goes_down():
    shown, layout = arrange(lambda most: sketches.bridge(), LIMIT // 2)

    assert ("TB", True) == (layout.direction, layout.fits) and 7 == len(shown.cells)


def test_what_is_too_wide_shows_less():
    """Ten branches beside each other do not fit in a narrow picture; four do."""
    shown, layout = arrange(lambda most: sketches.fan(min(most, 40) // 10), 560, "TB")

    assert layout.fits and len(shown.cells) < len(sketches.fan(4).cells)


def test_runs_are_broken_as_little_as_can_be():
    """Six equal blocks that fit into a line are one line, with one bracket; a bracket is open where its run goes on."""
    flow = zoo.ZOO["gpt2_lora"]()
    drawn = sketch(flow.graph, [(flow.output, "loss")])
    whole, broken = lay(drawn, 900, "LR"), lay(drawn, 560, "LR")

    assert [(True, True)] * 2 == [(bracket.first, bracket.last) for bracket in whole.brackets]
    assert all(bracket.labels for bracket in whole.brackets)
    first = [bracket for bracket in broken.brackets if bracket.run == 0]
    assert [True, *[False] * (len(first) - 1)] == [bracket.first for bracket in first] and len(first) > 1
    assert [*[False] * (len(first) - 1), True] == [bracket.last for bracket in first]
    assert 1 == sum(bool(bracket.labels) for bracket in first)


@pytest.mark.parametrize(("name", "module"), [("metric_learning", "net"), ("writes_in_place", "layer"), ("gan", "D")])
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_a_module_that_is_called_again_is_as_large(name, module, direction):
    flow = zoo.ZOO[name]()
    drawn = sketch(flow.graph, [(flow.output, "loss")], most=1000)
    frames = [frame for frame in lay(drawn, 5000, direction).frames if drawn.boxes[frame.box].name == module]

    assert len(frames) > 1
    assert 1 == len({(frame.rect.w, frame.rect.h) for frame in frames})


def test_rows_that_do_not_interleave_are_narrower(monkeypatch):
    """Two losses stand side by side where interleaved rows would be broken into lines."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "examples")
    (layout,) = importlib.import_module("gan").figure(width=720)._picture().layouts

    assert layout.fits and "LR" == layout.direction
    assert all(len(route.points) <= 4 for route in layout.routes)


def test_what_is_joined_to_nothing_else_is_in_nobodys_way():
    """A number that leaves stands beside the spine, and the branches go straight up into their sums."""
    flow = zoo.ZOO["all_states"]()
    drawn = sketch(flow.graph, [(flow.output, "loss")])
    layout = lay(drawn, 1100, "LR")
    into_sums = [route for route in layout.routes if "+" == drawn.cells[drawn.wires[route.wire].target].label]
    branches = [route.points for route in into_sums if len(route.points) > 2]

    assert 2 == len(branches)
    assert all(3 == len(points) and points[-1].x == points[-2].x for points in branches)
