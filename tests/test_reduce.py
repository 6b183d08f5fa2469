"""What is drawn of a graph: nothing twice, nothing left out, nothing in the wrong place."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from graphs import Sketch as Draft
from graphs import chain, hostile, tower
from zoo import ZOO

from gradflow.graph import Edge, Graph
from gradflow.picture.cuts import static_cuts
from gradflow.picture.reduce import Drafts, Numbers, sketch
from gradflow.picture.sketch import Note

EVERYTHING = [(name, most) for name in ZOO for most in (12, 40, 1000)]


def drawn(name, most=40, **more):
    flow = ZOO[name]()
    return flow.graph, sketch(flow.graph, [(flow.output, "loss")], most=most, **more)


def labels(shown, kind):
    return [cell.label for cell in shown.cells if cell.kind == kind]


def cell(shown, label):
    return next(cell for cell in shown.cells if cell.label == label)


@pytest.mark.parametrize(("name", "most"), EVERYTHING)
def test_each_use_is_drawn_once(name, most):
    """Every use of a value is in exactly one wire or leaf, or its two ends are in one cell."""
    graph, shown = drawn(name, most)
    times = Counter(edge for wire in shown.wires for edge in wire.edges)
    times.update(edge for one in shown.cells for leaf in one.leaves for edge in leaf.edges)
    place = {op: one for one in shown.cells for op in one.ops}

    for edge in graph.edges():
        if edge.op not in place:
            assert 0 == times[edge]
            continue
        here, maker = place[edge.op], graph.producers.get(edge.value)
        inside = maker in here.ops if maker is not None else graph.values[edge.value].kind != "input"
        inside = inside and here.kind in ("module", "group")
        assert 1 == times[edge] + inside, edge


@pytest.mark.parametrize(("name", "most"), EVERYTHING)
def test_each_op_is_in_one_cell(name, most):
    """Every op is in one cell; those in none prepare data that nobody uses."""
    graph, shown = drawn(name, most)
    times = Counter(op for one in shown.cells for op in one.ops)

    assert {1} == set(times.values())
    for op in graph.ops:
        if op.id not in times:
            users = [edge.op for value in op.outputs for edge in graph.consumers.get(value, ())]
            assert not any(graph.values[value].requires_grad for value in op.inputs)
            assert not any(user in times for user in users)


@pytest.mark.parametrize(("name", "most"), EVERYTHING)
def test_each_parameter_is_drawn_once(name, most):
    """Every parameter has one square that counts; further ones say that they are it again."""
    graph, shown = drawn(name, most)
    squares = [leaf.value for one in shown.cells for leaf in one.leaves if leaf.kind == "parameter" and not leaf.again]
    squares += [one.value for one in shown.cells if one.kind == "parameter"]
    squares += [value for one in shown.cells for value in one.squares]
    squares += [value for box in shown.boxes for _, value in box.idle]

    assert Counter(graph.parameter_names()) == Counter(graph.values[value].name for value in squares)


@pytest.mark.parametrize(("name", "most"), EVERYTHING)
def test_wires_run_forward_between_their_values(name, most):
    """A wire leaves the cell that made its value, enters one that uses it, and never runs back."""
    graph, shown = drawn(name, most)
    for wire in shown.wires:
        source, target = shown.cells[wire.source], shown.cells[wire.target]

        assert source.id < target.id
        for value in wire.values or (wire.value,):
            assert value == source.value or graph.producers[value] in source.ops
        assert {edge.op for edge in wire.edges} <= set(target.ops)
        assert {edge.value for edge in wire.edges} <= set(wire.values or (wire.value,))
        assert wire.edges or target.value == wire.value
    assert len(shown.wires) == len({(w.value, w.source, w.target, w.edges) for w in shown.wires})


@pytest.mark.parametrize(("name", "most"), EVERYTHING)
def test_cells_stand_in_order_and_in_their_box(name, most):
    """Cells stand in the order of execution, and the box of each is a module in which it ran."""
    graph, shown = drawn(name, most)

    assert [one.id for one in shown.cells] == list(range(len(shown.cells)))
    last = [one.ops[0] if one.kind == "op" else one.ops[-1] for one in shown.cells if one.ops]
    assert last == sorted(last)
    assert all(box.parent is None or box.parent < box.id for box in shown.boxes)
    for one in shown.cells:
        for box in (shown.boxes[at] for at in shown.boxes_around(one.id)):
            if box.kind == "module":
                assert all(inside(graph.ops[op].module, box.path) for op in one.ops[:1])


def inside(module, path):
    return module == path or module.startswith(path + ".")


@pytest.mark.parametrize("name", ZOO)
def test_the_same_graph_gives_the_same_sketch(name):
    assert drawn(name)[1] == drawn(name)[1]


@pytest.mark.parametrize(("name", "most"), EVERYTHING)
def test_the_budget_holds(name, most):
    """No more marks are shown than asked for, but for causes and a few at both ends."""
    graph, shown = drawn(name, most)
    marks = sum(bool(one.ops) for one in shown.cells)
    causes = len(static_cuts(graph))

    assert marks <= max(most, 12) + 2 * causes + 8


def test_bridge():
    """Three modules, a cut outside of them with its line, the input before and the target below."""
    _, shown = drawn("bridge")

    assert [("A", "Linear"), ("B", "Linear"), ("C", "Linear")] == [(box.name, box.detail) for box in shown.boxes]
    assert ["x", "linear", "linear", "detach", "linear", "mse", "loss"] == [one.label for one in shown.cells]
    assert [None, 0, 1, None, 2, None, None] == [one.box for one in shown.cells]
    assert ["weight", "bias"] == [leaf.label for leaf in shown.cells[1].leaves]
    assert [("input", "y")] == [(leaf.kind, leaf.label) for leaf in cell(shown, "mse").leaves]
    (note,) = cell(shown, "detach").notes
    assert ("cut", "detach") == (note.mark, note.title)
    assert "zoo.py:" in note.source


def test_all_states():
    """A region where gradients are off, an exit at which the line ends, a number that comes back, idle squares."""
    _, shown = drawn("all_states")
    region = next(box for box in shown.boxes if box.kind == "region")
    teacher = next(box for box in shown.boxes if box.name == "teacher")

    assert ("no_grad", None, region.id) == (region.name, region.parent, teacher.parent)
    assert [".item()"] == labels(shown, "exit")
    assert [] == labels(shown, "cut")
    (number,) = cell(shown, "÷").leaves
    assert ("number", "1.649", "a Python number") == (number.kind, number.label, number.detail)
    assert ("never used", 2) == (cell(shown, "spare").tally, len(cell(shown, "spare").squares))
    assert 4 == sum(wire.source == cell(shown, "x").id for wire in shown.wires)


def test_notes_of_a_flow_become_discs():
    """A note stands at its op, and its mark on the line where it happened."""
    flow = ZOO["all_states"]()
    relu = next(op.id for op in flow.graph.ops if op.target == "relu")
    shown = sketch(flow.graph, [(flow.output, "loss")], notes=[Note(relu, "zero", "every entry dead", "net.py:21")])
    at = cell(shown, "relu")

    assert ["every entry dead"] == [note.title for note in at.notes]
    assert ["zero"] == [wire.disc for wire in shown.wires if wire.target == at.id]
    assert 1 == sum(bool(wire.disc) for wire in shown.wires)


def test_a_disc_stands_only_where_it_happened():
    """Of two lines into a product, only the one that got zero has the disc."""
    s = Draft()
    a, b = s.leaf("a"), s.leaf("b")
    product = s.op("mul", s.op("exp", a), s.op("exp", b))
    graph = s.graph()
    zero = Edge(graph.ops[2].inputs[1], 2, 1)
    shown = sketch(
        graph,
        [(product, "loss")],
        notes=[Note(2, "zero", "times 0", "")],
        status=lambda edge: "zero" if edge == zero else "reached",
    )

    assert [(zero,)] == [wire.edges for wire in shown.wires if wire.disc]


def test_scalars_begin_with_a_square_and_carry_numbers():
    """In a small graph the first parameter stands at the left; numbers stand on lines, leaves and ends."""
    flow = ZOO["scalar"]()
    graph = flow.graph
    above = {value.id: f"{value.name} = {value.scalar}" for value in graph.values}
    below = {value.id: f"d{value.name}" for value in graph.values}
    factors = {edge: f"×{edge.position}" for edge in graph.edges()}
    shown = sketch(graph, [(flow.output, "f")], numbers=Numbers(above, below, factors))

    assert [("x = 2.0", "dx")] == [(one.above, one.below) for one in shown.cells if one.kind == "parameter"]
    assert ["", "p = 6.0", "y = 7.0", "s = -7.0", "t = -2.0", ""] == [wire.above for wire in shown.wires]
    assert ["", "dp", "dy", "ds", "dt", ""] == [wire.below for wire in shown.wires]
    assert ("f = 4.0", "df") == (shown.cells[-1].above, shown.cells[-1].below)
    first = cell(shown, "×")
    assert "×0" == first.factor
    assert [("w = 3.0", "dw", "×1")] == [(leaf.above, leaf.below, leaf.factor) for leaf in first.leaves]
    assert "( )²" == shown.cells[-2].label


def test_two_uses_of_one_value_by_one_op_are_one_line():
    graph, shown = drawn("square")

    assert [tuple(graph.edges()), ()] == [wire.edges for wire in shown.wires]


def test_uses_of_different_status_are_not_one_line():
    flow = ZOO["square"]()
    edges = tuple(flow.graph.edges())
    shown = sketch(flow.graph, [(flow.output, "loss")], status=lambda edge: str(edge.position))

    assert [(edges[0],), (edges[1],), ()] == [wire.edges for wire in shown.wires]


def test_gpt2_is_closed_to_blocks():
    """Twelve equal closed blocks below one bracket; wte is drawn once; the mask is drawn once, then named."""
    _, shown = drawn("gpt2")

    blocks = [f"h.{i}" for i in range(12)]
    assert ["wte", "wpe", *blocks, "ln_f", "lm_head"] == labels(shown, "module")
    assert {12} == {len(one.squares) for one in shown.cells if one.label in blocks}
    (run,) = shown.runs
    assert ("12 blocks", "12 parameters each", 12) == (run.title, run.detail, len(run.cells))
    assert "= wte" == cell(shown, "lm_head").tally
    assert () == shown.boxes
    named = [leaf for one in shown.cells if one.label in blocks for leaf in one.leaves]
    assert 11 == len(named)
    assert len({leaf.label for leaf in named}) == 1


def test_runs_part_where_counts_differ():
    _, shown = drawn("gpt2_lora")

    assert [6, 6] == [len(run.cells) for run in shown.runs]
    assert ["14 parameters each", "12 parameters each"] == [run.detail for run in shown.runs]


def test_many_equal_blocks_are_one_mark():
    _, shown = drawn("gpt2_deep")
    blocks = cell(shown, "h.0 – h.47")

    assert ("48 blocks", 48 * 12) == (blocks.detail, len(blocks.squares))


def test_a_cut_parts_a_run():
    """A cut between equal blocks parts their run."""
    flow = tower(60, cut=30)
    shown = sketch(flow.graph, [(flow.output, "loss")])

    assert [31, 29] == [int(one.detail.split()[0]) for one in shown.cells if one.detail.endswith("blocks")]
    assert 1 == len(labels(shown, "cut"))


def test_asked_for_modules_open():
    """``open=`` opens a module and those around it, however many marks there are."""
    _, shown = drawn("gpt2", opened=("transformer.h.5.attn",))

    assert ["h.5", "attn"] == [box.name for box in shown.boxes if "h.5" in box.path and box.path.count(".") < 4]
    assert "h.5" not in labels(shown, "module")


def test_causes_in_closed_modules_are_listed():
    flow = tower(3, cut=1)
    shown = sketch(flow.graph, [(flow.output, "loss")], most=1)
    notes = [note for one in shown.cells if one.kind == "module" for note in one.notes]

    assert ["detach"] == [note.title for note in notes] or labels(shown, "cut")


def test_the_second_call_of_a_module_names_its_parameters():
    _, shown = drawn("simsiam")
    heads = [one for one in shown.cells if one.box is not None and "h" == shown.boxes[one.box].name]

    assert [["weight", "bias"], ["= weight", "= bias"]] == [[leaf.label for leaf in one.leaves] for one in heads]


def test_a_cut_parameter_stands_for_itself():
    """Nothing hangs on bars, so a parameter that is detached has a cell and lines to all its users."""
    _, shown = drawn("detached_weight")
    weight = next(one for one in shown.cells if one.kind == "parameter")
    users = {shown.cells[wire.target].kind for wire in shown.wires if wire.source == weight.id}

    assert {"cut", "op"} == users


def test_data_is_grouped_and_hung():
    """Data-only ops: three or more are one pill, a view of an input beside something else hangs on its user."""
    _, shown = drawn("gpt2")
    entropy = cell(shown, "cross_entropy")
    assert ["ids[ ].reshape"] == [leaf.label for leaf in entropy.leaves]
    assert 3 == len(entropy.ops)


def test_metrics_are_drawn_and_end_in_their_name():
    _, shown = drawn("cnn")

    assert ["accuracy"] == labels(shown, "end")
    assert ["argmax"] == labels(shown, "cut")


def test_hand_made_graphs():
    """Names that could break out are escaped; a parameter that nobody uses is there."""
    flow = hostile()
    shown = sketch(flow.graph, [(flow.output, "loss")])
    assert all(leaf.label.isprintable() for one in shown.cells for leaf in one.leaves)

    flow = chain()
    shown = sketch(flow.graph, [(flow.output, "loss")])
    assert ["d"] == labels(shown, "parameter")


def test_an_empty_graph_and_a_loss_that_nothing_made():
    assert ((), (), ()) == sketch(Graph((), ()))[:3]
    s = Draft()
    w = s.leaf("w")
    shown = sketch(s.graph(), [(w, "loss")])
    assert ["parameter", "loss"] == [one.kind for one in shown.cells]
    assert [(0, 1)] == [(wire.source, wire.target) for wire in shown.wires]


def test_long_flat_code_keeps_both_ends():
    """Thousands of ops without modules: the ends are drawn, the middle is one mark."""
    s = Draft()
    w = s.leaf("w")
    h = s.leaf("x", "input", requires_grad=False)
    for _ in range(5000):
        h = s.op("tanh", s.op("mul", h, w))
    shown = sketch(s.graph(), [(h, "loss")])

    assert len(shown.cells) < 20
    assert ["9,994 ops"] == [one.detail for one in shown.cells if one.detail]


@pytest.mark.parametrize("blocks", [1, 12, 80])
def test_order_of_equal_blocks(blocks):
    flow = tower(blocks)
    shown = sketch(flow.graph, [(flow.output, "loss")])
    wires = {(wire.source, wire.target) for wire in shown.wires}
    spine = [one.id for one in shown.cells if one.ops]

    assert all(pair in wires for pair in pairwise(spine)) or blocks == 1


def test_a_parameter_is_drawn_in_its_own_module():
    """A teacher that follows its student uses the student's parameters first, but they stand in the student."""
    _, shown = drawn("teacher_student")
    at = next(one for one in shown.cells if one.box is not None and "student" == shown.boxes[one.box].name)
    follows = next(one for one in shown.cells if one.label == "+")

    assert ["weight", "bias"] == [leaf.label for leaf in at.leaves]
    assert ["= student.weight"] == [leaf.label for leaf in follows.leaves]


@pytest.mark.parametrize(("name", "first"), [("vqvae", "x"), ("dqn", "state"), ("all_states", "x")])
def test_the_spine_goes_around_cuts(name, first):
    """The heaviest way to the loss is not through a cut where another one is nearly as heavy."""
    _, shown = drawn(name)
    before, best = {}, {}
    for one in shown.cells:
        sources = [wire.source for wire in shown.wires if wire.target == one.id]
        before[one.id] = max(sources, key=best.get, default=None)
        best[one.id] = one.weight + best.get(before[one.id], 0)
    spine = [next(one.id for one in shown.cells if one.kind == "loss")]
    while before[spine[-1]] is not None:
        spine.append(before[spine[-1]])

    assert first == shown.cells[spine[-1]].label
    regions = {box.id for box in shown.boxes if box.kind == "region"}
    assert all(regions.isdisjoint(shown.boxes_around(at)) for at in spine)
    assert "cut" not in {shown.cells[at].kind for at in spine}


def prepared(ops):
    """A linear layer whose input is scaled by so many data-only ops before it, on a value used twice."""
    s = Draft()
    x, w = s.leaf("x", "input", requires_grad=False), s.leaf("w")
    h = x
    for _ in range(ops):
        h = s.op("clamp", h, grad_fn=None)
    loss = s.op("sum", s.op("add", s.op("mul", h, w), h))
    return sketch(s.graph(), [(loss, "loss")])


def test_three_ops_on_data_are_one_pill_and_two_are_two():
    assert ["clamp", "clamp"] == [one.label for one in prepared(2).cells if one.label.startswith("clamp")]
    assert [("group", "clamp … 3 ops", (0, 1, 2))] == [
        (one.kind, one.label, one.ops) for one in prepared(3).cells if one.label.startswith("clamp")
    ]


def test_what_is_made_from_a_number_that_left_is_no_data():
    """A tensor made from ``loss.item()`` depends on the parameters, so it is drawn, with the number below it."""
    s = Draft()
    w, fresh = s.leaf("w"), s.leaf("fresh", "constant")
    s.op("item", s.op("exp", w), outputs=0, grad_fn=None)
    scale = s.op("tensor", fresh, grad_fn=None, reenters=(1,))
    loss = s.op("mul", s.op("tanh", w), scale)
    shown = sketch(s.graph(), [(loss, "loss")])

    assert ["number"] == [leaf.kind for leaf in cell(shown, "tensor").leaves if not leaf.edges]


def test_no_region_where_nothing_is_cut():
    """Data that is prepared under no_grad cuts nothing, so there is no frame around it."""
    s = Draft()
    off = {"grad_enabled": False, "grad_mode": "no_grad", "grad_fn": None}
    x, w = s.leaf("x", "input", requires_grad=False), s.leaf("w")
    h = s.op("exp", s.op("clamp", x, **off), **off)
    loss = s.op("mul", h, w)
    assert () == sketch(s.graph(), [(loss, "loss")]).boxes

    goal = s.op("tanh", w, **off)
    apart = s.op("sub", loss, goal)
    shown = sketch(s.graph(), [(apart, "loss")])
    assert ["no_grad"] == [box.name for box in shown.boxes]
    assert [0] == [one.box for one in shown.cells if one.label == "tanh"]


def test_modules_with_a_cause_open_first():
    """Where only one of two modules can be open it is the one with a cut inside."""
    s = Draft(("", "Net", None), ("first", "One", 0), ("second", "Two", 0))
    h = s.leaf("x", "input", requires_grad=False)
    for call, name in ((1, "first"), (2, "second")):
        for at in range(4):
            h = s.op("linear", h, s.leaf(f"{name}.{at}"), call=call)
            if (call, at) == (2, 1):
                h = s.op("detach", h, call=call, grad_fn=None)
    shown = sketch(s.graph(), [(h, "loss")], most=7)

    assert (["second"], ["first"]) == ([box.name for box in shown.boxes], labels(shown, "module"))


def test_very_many_causes_do_not_break_the_budget():
    """A moving average of a hundred parameters under no_grad, and a hundred detaches: most of them are folded."""
    s = Draft()
    off = {"grad_enabled": False, "grad_mode": "no_grad"}
    for at in range(100):
        s.op("lerp_", s.leaf(f"slow.{at}"), s.leaf(f"fast.{at}"), grad_fn=None, **off)
    h = s.leaf("x", "input", requires_grad=False)
    for at in range(100):
        h = s.op("detach", s.op("mul", h, s.leaf(f"w{at}")), grad_fn=None)
    shown = sketch(s.graph(), [(h, "loss")])

    assert sum(bool(one.ops) for one in shown.cells) <= 60
    assert 4 <= len(labels(shown, "cut"))
    assert ["no_grad"] == [box.name for box in shown.boxes]


def test_an_input_that_asks_for_a_gradient_begins_the_spine():
    """It counts as a parameter, but it is no part of a module and comes first: it stands at the left."""
    _, shown = drawn("physics")

    assert ["x"] == labels(shown, "parameter")
    assert 2 == sum(wire.source == cell(shown, "x").id for wire in shown.wires)


def logged(after=None):
    """A loss that is also printed, and an accuracy; what comes after may take the loss's number."""
    s = Draft()
    w = s.leaf("w", shape=(2,))
    loss = s.op("sum", s.op("mul", w, w, shape=(2,)), scalar=5.0)
    s.op("item", s.op("detach", loss, grad_fn=None, scalar=5.0), outputs=0)
    s.op("item", s.op("mean", s.op("gt", w, grad_fn=None, dtype="bool"), grad_fn=None), outputs=0)
    if after is not None:
        s.op("exp", w, reenters=after, name="later")
    return s.graph(), loss


def test_what_only_watches_is_left_out():
    """`loss.item()` and a metric show nothing; a number that comes back, or that is named, is drawn."""
    (plain, loss), (returned, _) = logged(), logged((3,))
    labels = {
        case: {c.label for c in sketch(graph, [(loss, "loss")], named=named).cells} - {"w", "×", "sum", "loss"}
        for case, (graph, named) in {"plain": (plain, ()), "returned": (returned, ()), "named": (plain, (3,))}.items()
    }

    assert {
        "plain": set(),
        "returned": {"detach", ".item()", "exp", "later"},
        "named": {"detach", ".item()"},
    } == labels


def test_drafts_are_what_sketches_are():
    """Whatever was drafted before, a draft is the sketch of its budget; one object for budgets that show the same."""
    flow = ZOO["gpt2"]()
    losses = [(flow.output, "loss")]
    drafts = Drafts(flow.graph, losses)
    budgets = (400, 10, 40, 14, 1000)
    drawn = [drafts.at(most) for most in budgets]

    assert [sketch(flow.graph, losses, most=most) for most in budgets] == drawn
    assert drafts.at(10) is drawn[1] and drafts.at(2000) is drawn[4]
    assert [True, False] == [drawn[4].whole, drawn[1].whole]
    assert len(drawn[1].cells) < len(drawn[2].cells) < len(drawn[4].cells)


def test_a_run_has_no_more_to_show():
    """A run of equal blocks is never opened, so a picture with nothing else closed shows everything."""
    drafts = Drafts(tower(60).graph)

    assert drafts.at(10_000).whole
    assert any(cell.detail == "60 blocks" for cell in drafts.at(10_000).cells)


def test_beside_a_row_of_closed_blocks_modules_stay_closed():
    """What stands in one row with many equal blocks is closed like them; opened where the blocks are, or asked for."""
    flow = ZOO["gpt2"]()
    losses = [(flow.output, "loss")]

    assert not sketch(flow.graph, losses, most=60).boxes
    assert {"h.0", "wte"} <= {box.name for box in sketch(flow.graph, losses, most=1000).boxes}
    assert ["wte"] == [box.name for box in sketch(flow.graph, losses, most=40, opened=["transformer.wte"]).boxes]
