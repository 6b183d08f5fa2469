"""What a picture shows: lines, heads, bars, squares and words, before any markup."""

from __future__ import annotations

from collections import Counter

import pytest

from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.picture.conclusion import wrapped
from gradflow.picture.matrix import matrix
from gradflow.picture.metrics import FONTS, width
from gradflow.picture.multiples import Panel, compose_grid
from gradflow.picture.paths import length
from gradflow.picture.plan import Frame, Layout, Point, Rect
from gradflow.picture.scene import compose
from gradflow.picture.shapes import Bars, Disc, Dot, Group, Head, Line, Scene, Shape, Square, Text
from gradflow.picture.sketch import Box, Cell, Leaf, Sketch, Wire
from gradflow.picture.states import Pass, notes
from gradflow.picture.tracks import Track, drawn
from gradflow.picture.view import View
from gradflow.stepdiff import Change, StepDiff
from gradflow.verdict import Span, plain
from tests import graphs, pictures
from tests.graphs import sent
from tests.pictures import groups, scene_of


def bridge(**more: bool) -> Scene:
    sketch = pictures.bridge_sketch()
    flow = pictures.bridge()
    return compose(sketch, pictures.bridge_layout(sketch), flow.graph, (Pass(flow),), **more)


def of(group: Group, kind: type) -> list:
    return [item for item in group.items if isinstance(item, kind)]


def words(scene: Scene) -> list[str]:
    return [plain(item.spans) for item in scene.items if isinstance(item, Text)]


def track(*points: tuple[float, float], state: str = "reached", **more) -> Track:
    return Track(tuple(Point(*point) for point in points), state, **more)


STRAIGHT = ((0.0, 0.0), (100.0, 0.0))


def test_every_edge_is_drawn_with_one_mark():
    """Each wire has one head, or ends or begins at bars; only blue points back."""
    for group in groups(bridge(), "wire"):
        heads = of(group, Head)
        at_bars = any(line.look == "cut" for line in of(group, Line)) or group.keys == (Edge(9, 2, 0),)
        assert (0 if at_bars else 1) == len(heads), group
        assert all((head.look == "reached") == (group.state == "reached") for head in heads)


def test_heads_point_to_who_receives():
    """A gradient's head stands at what made the value, and points at it; else at what uses it."""
    (line, head) = drawn([track(*STRAIGHT)])[0]
    assert (Point(0, 0), (-1, 0), Point(6, 0)) == (head.tip, head.toward, line.points[0])

    (line, head) = drawn([track(*STRAIGHT, state="quiet")])[0]
    assert (Point(100, 0), (1, 0), "quiet") == (head.tip, head.toward, line.look)

    (line, head) = drawn([track(*STRAIGHT, state="zero")])[0]
    assert (Point(0, 0), "zero", "zero") == (head.tip, head.look, line.look)

    assert ["undefined"] == [item.look for item in drawn([track(*STRAIGHT, state="undefined")])[0]]


@pytest.mark.parametrize(("far", "orange"), [(40, 39), (64, 63), (100, 64), (80, 59)])
def test_orange_only_near_the_bars(far, orange):
    """Orange begins at the bars and is at most 64 px long; grey dashes with a head go on."""
    items = drawn([track((0, 0), (far, 0), state="missing", after_cut=True)])[0]
    lines = [item for item in items if isinstance(item, Line)]

    assert ("cut", orange) == (lines[0].look, length(lines[0].points))
    assert (["missing"], 1) == ([line.look for line in lines[1:]], sum(isinstance(one, Head) for one in items)) or (
        orange == far - 1 and len(items) == 1
    )


def test_no_orange_where_none_was_due():
    """A line behind bars that does not lead to this loss is grey all the way."""
    looks = [item.look for item in drawn([track(*STRAIGHT, state="quiet", after_cut=True)])[0]]
    assert ["quiet", "quiet"] == looks


def test_bars_on_a_line():
    """Bars break a line: dashes before them, orange behind them."""
    before, near, far, head, bars = drawn([track((0, 0), (300, 0), state="missing", bars=(100.0,))])[0]

    assert [("missing", 0, 94), ("cut", 106, 170), ("missing", 170, 300)] == [
        (line.look, line.points[0].x, line.points[-1].x) for line in (before, near, far)
    ]
    assert (Point(300, 0), Point(100, 0), (1, 0)) == (head.tip, bars.center, bars.along)


def test_what_is_trained_behind_bars():
    """A leaf made behind a cut gets its gradient up to the bars, and nothing comes before them."""
    before, line, head, _ = drawn([track((0, 0), (300, 0), bars=(100.0,))])[0]
    assert ("missing", "reached", Point(106, 0)) == (before.look, line.look, head.tip)


def test_a_shared_stretch_is_drawn_once():
    """The strongest state lies on the stretch that lines of one value share; the others begin where they part."""
    trunk = track((0, 0), (60, 0), (60, 90), (200, 90), state="reached")
    weak = track((0, 0), (200, 0), state="missing")
    (dashes, forward), (line, back) = drawn([weak, trunk])

    assert (Point(60, 0), Point(200, 0)) == (dashes.points[0], forward.tip)
    assert (Point(0, 0), (Point(60, 0),)) == (back.tip, line.sharp)


def test_equal_lines_share_a_head():
    """A second reached line has no head of its own where it joins the first; a zero one has."""
    trunk = track((0, 0), (200, 0))
    second = track((0, 0), (60, 0), (60, 90), (200, 90))
    assert ["Line", "Line Head"] == sorted(
        " ".join(type(one).__name__ for one in items) for items in drawn([second, trunk])
    )

    zero = second._replace(state="zero")
    (_, head), _ = drawn([zero, trunk])
    assert (Point(60, 4), (0, -1)) == (head.tip, head.toward)


def test_comb():
    """Stems that come together share their trunk; each reached square keeps its head."""
    first = track((20, 40), (0, 40), (0, 0))
    second = track((20, 60), (0, 60), (0, 0))
    frozen = track((20, 80), (0, 80), (0, 0), state="quiet")
    one, two, three = drawn([first, second, frozen], joined_at_end=True)

    assert [Point(20, 40), Point(20, 60)] == [next(i.tip for i in x if isinstance(i, Head)) for x in (one, two)]
    assert Point(0, 64) == next(item.tip for item in three if isinstance(item, Head))  # where it meets the others


def test_cores():
    """Of two losses the second has a hollow line; a line that both reached is thin, thick, thin."""
    looks = {core: [i.look for i in drawn([track(*STRAIGHT, core=core)])[0]] for core in ("solid", "hollow", "both")}
    assert {
        "solid": ["reached", "reached"],
        "hollow": ["reached shell", "reached core", "reached"],
        "both": ["reached wide", "reached gap", "reached inner", "reached"],
    } == looks


def test_two_losses_share_a_stretch():
    """The stretch of a value that each loss reached another way is drawn as reached by both."""
    solid, hollow = track((0, 0), (200, 0), core="solid"), track((0, 0), (60, 0), (60, 90), core="hollow")
    items = drawn([solid, hollow])[1]
    both = [item for item in items if isinstance(item, Line) and item.look == "reached wide"]
    assert (Point(6, 0), Point(60, 0)) == (both[0].points[0], both[0].points[-1])


def region(view_passes: bool = True) -> tuple[Sketch, Layout, Flow]:
    """One op under no_grad, whose value goes into the loss."""
    s = graphs.Sketch()
    w, v = s.leaf("w"), s.leaf("v")
    inside = s.op("exp", w, grad_fn=None, grad_enabled=False, grad_mode="no_grad", at="net.py:3")
    loss = s.op("mul", inside, v, at="net.py:4", name="loss")
    flow = Flow(s.graph(), loss, ((loss, sent(1.0)), (Edge(v, 1, 1), sent(1.0)), (v, sent(1.0))))
    sketch = pictures.row_sketch(flow.graph, [(loss, "loss")])
    sketch = sketch._replace(
        boxes=(Box(0, "region", "no_grad", "net.py:3", None),),
        cells=(sketch.cells[0]._replace(box=0), *sketch.cells[1:]),
    )
    layout = pictures.row_layout(sketch)
    return sketch, layout._replace(frames=(Frame(0, Rect(20, 60, 120, 140), ()),)), flow


def test_bars_on_the_border_of_a_region():
    """The bars of a region stand exactly where the line leaves it."""
    sketch, layout, flow = region()
    scene = compose(sketch, layout, flow.graph, (Pass(flow),))
    (bars,) = [bars for group in groups(scene, "wire") for bars in of(group, Bars)]

    assert (Point(140, 120), (1, 0), True) == (bars.center, bars.along, bars.clear)
    assert "cut" in [line.look for group in groups(scene, "wire") for line in of(group, Line)]


def test_bars_without_a_pass():
    """A bare graph has the bars, and no colour: no gradient was asked for."""
    sketch, layout, flow = region()
    scene = compose(sketch, layout, flow.graph)
    lines = [line.look for group in groups(scene, "wire") for line in of(group, Line)]

    assert {"quiet"} == set(lines)
    assert 1 == sum(len(of(group, Bars)) for group in groups(scene, "wire"))
    assert ["trainable", "trainable"] == [group.state for group in groups(scene, "parameter")]
    assert "2 ops, 2 parameters; cut by no_grad (net.py:3)." in words(scene)


def test_no_bars_for_data():
    """What nothing trainable is behind of leaves a region without bars."""
    sketch, layout, flow = region()
    values = tuple(value._replace(requires_grad=False) for value in flow.graph.values)
    graph = type(flow.graph)(values, flow.graph.ops)
    scene = compose(sketch, layout, graph)

    assert [] == [bars for group in groups(scene, "wire") for bars in of(group, Bars)]


@pytest.mark.parametrize(("flow", "mark"), [("dead", "zero"), ("undefined", "undefined"), ("nan", "nonfinite")])
def test_discs_and_squares(flow, mark):
    """The op that made the gradient zero, NaN or None has a disc beside it, and the square has the state."""
    flow = graphs.every_flow()[flow]
    one = Pass(flow)
    (note,) = notes(flow, one.explanations.values())
    sketch = pictures.row_sketch(flow.graph, [(flow.output, "loss")], [note])
    cells = [cell._replace(leaves=tuple(leaf._replace(disc=mark) for leaf in cell.leaves)) for cell in sketch.cells]
    scene = compose(
        sketch._replace(cells=tuple(cells)),
        pictures.row_layout(sketch._replace(cells=tuple(cells))),
        flow.graph,
        (one,),
    )

    assert mark in [disc.mark for group in groups(scene, "wire") for disc in of(group, Disc)]
    assert [mark] == [square.state for group in groups(scene, "parameter") for square in of(group, Square)]


def test_squares_agree_with_the_verdict():
    """The count in the verdict is the count of the pale squares."""
    scene = bridge()
    squares = Counter(group.state for group in groups(scene, "parameter"))

    assert Counter(reached=2, none=4) == squares
    assert "2 of 6 parameters reached; A and B are cut by detach (bridge.py:12)." in words(scene)


def test_description_for_those_who_do_not_see_it():
    """Title and description say who is connected, in which state, and the conclusion."""
    scene = bridge()
    assert "Gradient of loss" == scene.title
    assert (
        "2 of 6 parameters reached; A and B are cut by detach (bridge.py:12). Reached: C. Cut off: A and B."
        == scene.description
    )


def test_containers_lie_behind_everything():
    """Frames come first, then lines, then what stands on them; reached lines lie on those that are not."""
    kinds = [item.kind if isinstance(item, Shape | Group) else "" for item in bridge().items]
    assert kinds.index("wire") > max(index for index, kind in enumerate(kinds) if kind == "module")
    states = [group.state for group in groups(bridge(), "wire")][:6]
    assert ["quiet", "missing", "missing", "missing", "reached", "reached"] == states


def test_step_and_optimizer():
    """Moved is solid, not held hollow, drifted has its mark; still squares of closed modules are pale."""
    task, penalty = graphs.two_losses()
    step = StepDiff((("a", Change(0.1, 1, 1)), ("b", Change(0.0, 0, 1))))
    states = {group.data[0][0][1]: group.state for group in groups(scene_of(task, step=step), "parameter")}
    assert {"a": "moved", "b": "reached"} == states

    step = StepDiff((("a", Change(0.0, 0, 1)), ("b", Change(0.1, 1, 1))))
    drifted = [
        square.drift for group in groups(scene_of(penalty, step=step), "parameter") for square in of(group, Square)
    ]
    assert [False, True] == sorted(drifted)


def closed(flow: Flow, **known) -> list[Square]:
    """The little squares of everything in one closed module, which has one little mark."""
    scene = pictures.closed_scene(flow, **known)
    assert 1 == sum(isinstance(item, Bars) and item.size < 12 for item in scene.items)
    return [square for group in groups(scene, "parameter") for square in of(group, Square)]


def test_closed_module():
    """A closed module has a little square for each parameter, and a little mark at each cause."""
    task, _ = graphs.two_losses()
    step = StepDiff((("a", Change(0.1, 1, 1)), ("b", Change(0.0, 0, 1))))
    assert ["reached", "reached"] == [square.state for square in closed(task)]
    assert ["moved", "still"] == [square.state for square in closed(task, step=step)]


def test_buffers_and_inputs_are_circles():
    """A buffer is a circle with a bar across it, an input one without."""
    s = graphs.Sketch()
    mean, x = s.leaf("mean", "buffer"), s.leaf("x", "input")
    loss = s.op("sub", x, mean, grad_fn=None, name="loss")
    scene = scene_of(Flow(s.graph(), loss, (), seeded=False))
    circles = [item for item in scene.items if isinstance(item, Shape) and item.kind == "input"]
    across = [item for item in scene.items if isinstance(item, Line) and item.look == "across"]

    assert (2, 1) == (len(circles), len(across))


def test_dots_have_the_strongest_state():
    """A dot where a value parts is blue if any of its lines is."""
    task, _ = graphs.two_losses()
    sketch = pictures.row_sketch(task.graph, [(task.output, "loss")])
    layout = pictures.row_layout(sketch)
    start = layout.places[0].shape.right
    layout = layout._replace(dots=(Point(start + 10, 120.0), Point(5.0, 5.0)))
    scene = compose(sketch, layout, task.graph, (Pass(task),))

    assert ["reached", "quiet"] == [item.look for item in scene.items if isinstance(item, Dot)]


def test_several_edges_on_one_line():
    """A line that stands for several uses carries the data of each, and the strongest state."""
    s = graphs.Sketch()
    w = s.leaf("w")
    h = s.op("exp", w)
    loss = s.op("mul", h, h, name="loss")
    flow = Flow(s.graph(), loss, ((loss, sent(1.0)), (Edge(h, 1, 1), sent(1.0)), (h, sent(1.0))))
    sketch = pictures.row_sketch(flow.graph, [(loss, "loss")])
    one = sketch.wires[0]._replace(edges=(Edge(h, 1, 0), Edge(h, 1, 1)))
    sketch = sketch._replace(wires=(one, sketch.wires[2]))
    scene = compose(sketch, pictures.row_layout(sketch), flow.graph, (Pass(flow),))
    wire = next(group for group in groups(scene, "wire") if len(group.data) == 2)

    assert ("reached", ["none", "nonzero"]) == (wire.state, [dict(data)["status"] for data in wire.data])


def test_legend_shows_what_occurs():
    """Two rows: the lines, then the squares, and nothing that is not in the picture."""
    texts = words(bridge(legend=True))
    assert ["reached", "cut", "none, because of a cut", "no gradient due", "reached", "none"] == texts[-6:]
    assert "frozen" not in texts


def test_legend_of_a_bare_graph():
    """Without a pass, a legend says nothing about gradients."""
    sketch, layout, flow = region()
    assert ["cut", "trainable"] == words(compose(sketch, layout, flow.graph, legend=True))[-2:]


def test_three_losses_are_not_hollow():
    """Only of two losses is one told by a hollow line; in a table of three all are drawn alike."""
    task, penalty = graphs.two_losses()
    items, _, _ = matrix(View(task.graph, (Pass(task, "a"), Pass(penalty, "b"), Pass(penalty, "c"))), 0.0, 0.0, 700.0)
    assert {"loss"} == {item.kind for item in items if isinstance(item, Shape)}
    assert [] == [item for item in items if isinstance(item, Line) and "shell" in item.look]


def test_comparison():
    """Two losses: the second is hollow, and a table says what each sent to whom, and who holds it."""
    task, penalty = graphs.two_losses()
    held = {"a": ("opt",)}
    passes = (Pass(task, "task", held), Pass(penalty, "penalty", held))
    sketch = pictures.row_sketch(task.graph, [(task.output, "task"), (penalty.output, "penalty")])
    scene = compose(sketch, pictures.row_layout(sketch), task.graph, passes)
    cores = {
        group.data[0][0][1]: [line.look for line in of(group, Line)]
        for group in groups(scene, "wire")
        if group.state == "reached"
    }
    texts = words(scene)

    assert ["reached wide", "reached gap", "reached inner"] == cores["0"]  # the stem of a: both
    assert ["reached"] == cores["1"]
    assert ["loss", "second"] == [s.kind for s in scene.items if isinstance(s, Shape) and s.kind in ("loss", "second")][
        :2
    ]
    assert ["gradient from", "task", "penalty", "held by", "a", "opt", "b", "–", "–"] == texts[
        texts.index("gradient from") : texts.index("gradient from") + 9
    ]
    assert "task: 2 of 2 parameters reached; b is reached but not in the optimizer." in texts
    assert (("value", "0"), ("op", "0"), ("position", "0"), ("status", "nonzero nonzero")) == groups(scene, "wire")[
        [group.keys for group in groups(scene, "wire")].index((Edge(0, 0, 0),))
    ].data[0]


def test_words_that_belong_to_a_line():
    """Derivatives and factors stand in the group of the line or square that brings them."""
    flow = graphs.square()
    cells = (
        Cell(
            0,
            "op",
            "×",
            (0,),
            factor="×3",
            leaves=(Leaf(0, "parameter", "w", (Edge(0, 0, 0),), above="w = 3", below="6", factor="×3"),),
        ),
        Cell(1, "loss", "p", value=1, above="p = 9", below="1"),
    )
    sketch = Sketch(cells, (), (Wire(1, 0, 1, ()),))
    scene = compose(sketch, pictures.row_layout(sketch), flow.graph, (Pass(flow, "p"),))
    told = {
        (group.kind, *group.keys): [plain(text.spans) for text in of(group, Text)]
        for group in (*groups(scene, "wire"), *groups(scene, "parameter"))
    }

    assert {("wire", 1): ["1"], ("wire", Edge(0, 0, 0)): ["×3"], ("parameter", 0): ["w = 3", "6"]} == told
    guide = "Plain: forward, left to right. Bold: derivative of p, right to left; each op multiplies by its "
    assert f"{guide}grey factor." == " ".join(words(scene)[-3:])


def test_smallest_text():
    """No text is smaller than 11 px."""
    assert 11 <= min(font.size for font in FONTS.values())


def test_verdict_fits():
    """Lines are no wider than there is room; what is too much goes: folders, then places, then words at the end."""
    spans = (
        Span("a", "bold"),
        Span(" is cut by "),
        Span("detach", "bold"),
        Span(" ("),
        Span("x/y.py:3", "mono"),
        Span(")."),
    )
    assert ["a is cut by detach (x/y.py:3)."] == [plain(line) for line in wrapped(spans, 400, "verdict")]
    for room in (60, 120, 200):
        for line in wrapped(spans * 3, room, "verdict"):
            assert room + 1 >= sum(width(text, f"verdict-{style}" if style else "verdict") for text, style in line)


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (720, "2 of 6 parameters reached; A and B are cut by detach (bridge.py:12)."),
        (120, "2 of 6 parameters reached; A and B are cut by detach."),
        (84, "2 of 6 parameters reached; A and B are …"),
    ],
)
def test_long_verdict(room, expected):
    """A verdict leaves out its places before it takes a line more, and only then its end."""
    sketch = pictures.bridge_sketch()
    flow = pictures.bridge()
    layout = pictures.bridge_layout(sketch)._replace(width=room + 24.0)
    scene = compose(sketch, layout, flow.graph, (Pass(flow),))
    assert expected == " ".join(
        text
        for text, item in zip(words(scene), [i for i in scene.items if isinstance(i, Text)], strict=True)
        if item.role.startswith("verdict")
    )


def panels(*columns: str) -> list[Panel]:
    found = []
    for column, flow in zip(columns, graphs.two_losses() * 2, strict=False):
        sketch = pictures.row_sketch(flow.graph, [(flow.output, "loss")])
        layout = pictures.row_layout(sketch)
        found.append(Panel("row\ncode()", column, sketch, layout, flow.graph, (Pass(flow),)))
    return found


def test_grid():
    """Pictures stand beside each other where there is room, else below each other, each with its caption."""
    wide = compose_grid(panels("one", "two"), width=2000)
    narrow = compose_grid(panels("one", "two"), width=420)

    assert ["one", "two", "row", "code()"] == [text for text in words(wide) if text in ("one", "two", "row", "code()")]
    assert {"row, one", "row, two"} <= set(words(narrow))
    assert ["a, b reached", "a reached"] == [text for text in words(wide) if text.endswith("reached")]
    assert {"0", "1"} == {dict(data)["panel"] for group in groups(wide, "wire") for data in group.data}
    assert wide.height < narrow.height


def test_captions_name_who_is_missed():
    """A caption says who is cut off, if somebody is."""
    sketch = pictures.bridge_sketch()
    flow = pictures.bridge()
    panel = Panel("", "", sketch, pictures.bridge_layout(sketch), flow.graph, (Pass(flow),))
    assert "C only: A and B are cut off" in words(compose_grid([panel]))
    assert "by hand" in words(compose_grid([panel._replace(caption=(Span("by hand"),))]))


def test_grids_are_turned():
    """What does not fit as one row of three, but as three rows of one, is turned before it is stacked."""
    told = [panel._replace(row="all", column=column) for panel, column in zip(panels(*"ab") * 2, "abc", strict=False)]
    scene = compose_grid(told, width=1200)
    assert ["all", "a", "b", "c"] == [text for text in words(scene) if text in ("all", "a", "b", "c")]


def test_small_pictures_share_their_geometry():
    """Pictures that differ in their cuts only stand on the same places: those of the one with most room."""
    first = panels("one")[0]
    sketch = pictures.row_sketch(first.graph, [(first.passes[0].flow.output, "loss")])
    roomy = first.layout._replace(
        width=first.layout.width + 44,
        places=pictures.in_a_row(sketch, [90.0 + 171 * i for i in range(len(sketch.cells))], 120.0),
    )
    scene = compose_grid([first, first._replace(column="two", layout=roomy)], width=2400)
    lefts = [item.rect.x for item in scene.items if isinstance(item, Shape) and item.kind == "pill"]
    half = len(lefts) // 2

    assert 1 == len({round(b - a, 3) for a, b in zip(lefts[:half], lefts[half:], strict=True)})


def test_bars_of_small_pictures():
    """Bars stand where a line runs alone, not on the stretch that it shares with one that is not cut."""
    other = track((0, 0), (100, 0), (100, 40))
    cut = track((0, 0), (100, 0), (100, -20), (150, -20), state="missing", is_cut=True)
    bars = [item for item in drawn([other, cut])[1] if isinstance(item, Bars)]
    assert [Point(125, -20)] == [one.center for one in bars]

    alone = [item for item in drawn([cut])[0] if isinstance(item, Bars)]
    assert [Point(50, 0)] == [one.center for one in alone]


def test_a_sum_starts_from_each_loss():
    """Where the pass started from a sum, the boxes of its parts are black, and the lines from them blue."""
    s = graphs.Sketch()
    w = s.leaf("w")
    one, two, third = s.op("exp", w), s.op("cos", w), s.op("sin", w)
    total = s.op("add", one, two)
    arrivals = [(total, sent(1.0)), (Edge(one, 3, 0), sent(1.0)), (Edge(two, 3, 1), sent(1.0))]
    arrivals += [(one, sent(1.0)), (two, sent(1.0)), (Edge(w, 0, 0), sent(1.0)), (w, sent(1.0))]
    flow = Flow(s.graph(), total, tuple(arrivals))
    sketch = pictures.row_sketch(flow.graph, [(one, "one"), (two, "two"), (third, "third")])
    scene = compose(sketch, pictures.row_layout(sketch), flow.graph, (Pass(flow),))
    into = {group.keys[0]: group.state for group in groups(scene, "wire") if isinstance(group.keys[0], int)}
    boxes = [item.kind for item in scene.items if isinstance(item, Shape) and item.kind in ("loss", "end")]

    assert ["loss", "loss", "end"] == boxes
    assert {one: "reached", two: "reached", third: "quiet"} == into


def test_a_single_row_of_many_pictures_is_broken_into_even_lines():
    """Four pictures of which three fit are two lines of two; each keeps its name and its number."""
    names = ("one", "two", "three", "four")
    told = [panel._replace(row="") for panel in panels(*names)]
    scene = compose_grid(told, width=3 * told[0].layout.width + 100)
    heads = [
        item for item in scene.items if isinstance(item, Text) and "".join(span.text for span in item.spans) in names
    ]

    assert names == tuple(head.spans[0].text for head in heads)
    assert [2, 2] == [sum(head.y == y for head in heads) for y in sorted({head.y for head in heads})]
    assert 2 == len({head.x for head in heads})
    numbers = {dict(one)["panel"] for item in scene.items if isinstance(item, Group) for one in item.data}
    assert {"0", "1", "2", "3"} == numbers
