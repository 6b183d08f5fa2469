"""The text forms, as exact strings."""

from __future__ import annotations

import pytest
from graphs import (
    HOSTILE,
    Sketch,
    chain,
    dead,
    every_flow,
    everywhere,
    hostile,
    nan,
    sent,
    square,
    tower,
    two_losses,
    undefined,
)

from gradflow.compare import compare
from gradflow.explain import explain
from gradflow.flow import Flow
from gradflow.notation import width
from gradflow.roster import explanations, flow_roster
from gradflow.stepdiff import Change, StepDiff
from gradflow.text import comparison_text, explanation_table, flow_text, graph_text


def test_graph():
    """A graph's text lists its ops in the order of execution, marks its cuts, and notes its parameters."""
    assert """\
5 ops, 6 parameters

inputs: x: f32[4, 3], y: f32[4, 2]

module  value           operation                         line        code
a       %8: f32[4, 5]   linear(x, .weight, .bias)         net.py:18   h = self.a(x)
.       %9: f32[4, 5]   detach(%8)                  -//-  net.py:19   h = h.detach()
b       %10: f32[4, 2]  linear(%9, .weight, .bias)        net.py:20   out = self.b(h)
.       %11: f32[4, 2]  mul(%10, c)                       net.py:21   return out * self.c
        loss: f32[]     mse_loss(%11, y) = 0.75           train.py:7  loss = mse(net(x), y)

parameter  type       note
a.weight   f32[5, 3]
a.bias     f32[5]
b.weight   f32[2, 5]
b.bias     f32[2]
c          f32[2]     frozen
d          f32[2]     unused""" == graph_text(chain().graph)


def test_flow():
    """A flow's text is its verdict, what came back along each edge, and what each parameter got and why."""
    assert """\
2 of 6 parameters reached; a is cut by detach (net.py:19); d is never used; c is frozen.

  net.py:19  h = h.detach()

inputs: x: f32[4, 3], y: f32[4, 2]

module  value           operation                         gradient back         line
a       %8: f32[4, 5]   linear(x, .weight, .bias)         -       -       -     net.py:18
.       %9: f32[4, 5]   detach(%8)                  -//-  -                     net.py:19
b       %10: f32[4, 2]  linear(%9, .weight, .bias)        -       0.4182  0.12  net.py:20
.       %11: f32[4, 2]  mul(%10, c)                       0.3     -             net.py:21
        loss: f32[]     mse_loss(%11, y) = 0.75           0.6124  -             train.py:7

parameter  type       gradient  support  reason    why
a.weight   f32[5, 3]  -         -        DETACHED  detach (net.py:19)
a.bias     f32[5]     -         -        DETACHED  detach (net.py:19)
b.weight   f32[2, 5]  0.4182    100%     RECEIVED
b.bias     f32[2]     0.12      50%      RECEIVED
c          f32[2]     -         -        FROZEN    requires_grad is False
d          f32[2]     -         -        UNUSED    never used""" == flow_text(chain())


def test_numbers_and_names():
    """A number shows its value and its signed gradient, an edge for each use, and a parameter its further names."""
    assert """\
1 of 1 parameter reached.

value     operation      gradient back  line    code
p: f32[]  mul(w, w) = 9  3  3           cell:1  p = w * w

parameter  type       gradient  support  reason    why
w          f32[] = 3  6         100%     RECEIVED  also tied""" == flow_text(square())


@pytest.mark.parametrize(
    ("flow", "verdict", "op", "parameter"),
    [
        (
            dead(),
            "0 of 1 parameter reached; w got exactly 0 from relu (net.py:4).",
            "%1: f32[3]   relu(w)      makes 0  0              net.py:4  h = torch.relu(w)",
            "w          f32[3]  0         0%       ZERO    relu (net.py:4)",
        ),
        (
            nan(),
            "0 of 1 parameter reached; w got NaN or inf from sqrt (net.py:5).",
            "loss: f32[]  sqrt(%1) = NaN  makes NaN  NaN            net.py:5  loss = h.sqrt()",
            "w          f32[] = -1  NaN       100%     NONFINITE  sqrt (net.py:5)",
        ),
        (
            undefined(),
            "0 of 1 parameter reached; w got None from Stop (net.py:9).",
            "%1: f32[2]   Stop(w)      sends None  undefined      net.py:9   h = Stop.apply(w)",
            "w          f32[2]  undefined  -        UNDEFINED  Stop (net.py:9)",
        ),
        (
            two_losses()[1],
            "1 of 2 parameters reached; b is not on the way to this loss.",
            "%3: f32[2]      mul(%2, b)      -     -        net.py:4  out = h * b",
            "b          f32[2]  -         -        NOT_CONNECTED  used, but not on the way to this loss",
        ),
    ],
    ids=["zero", "nan", "undefined", "not connected"],
)
def test_states(flow, verdict, op, parameter):
    """Zero, NaN, undefined and absent are told apart in the verdict, at the op and at the parameter."""
    lines = flow_text(flow).splitlines()

    assert verdict == lines[0]
    assert op in lines
    assert parameter in lines


def test_region():
    """Ops that ran with gradients off are labelled, and are one cause."""
    s = Sketch()
    w = s.leaf("w")
    off = {"grad_fn": None, "grad_enabled": False, "grad_mode": "no_grad"}
    h = s.op("sin", w, at="net.py:7", **off)
    h = s.op("cos", h, at="net.py:8", **off)
    loss = s.op("mul", h, s.leaf("v"), at="net.py:9", name="loss")

    assert """\
1 of 2 parameters reached; w is cut by no_grad (net.py:7–8).

value        operation                 gradient back  line
%1: f32[]    sin(w)      -//- no_grad  -              net.py:7
%2: f32[]    cos(%1)     -//- no_grad  -              net.py:8
loss: f32[]  mul(%2, v)                -  0.5         net.py:9

parameter  type   gradient  support  reason    why
w          f32[]  -         -        NO_GRAD   no_grad (net.py:7–8)
v          f32[]  0.5       100%     RECEIVED""" == flow_text(everywhere(s.graph(), loss))


def test_open_modules():
    """Where there is room, every module is open below its title; a dot is the module of the title itself."""
    assert """\
2 of 2 parameters reached.

inputs: x: f32[2, 4]

module  value          operation          gradient back  line        code
net                    Net
  h.0                  Block
    .   %3: f32[2, 4]  matmul(x, .up)     -    0.5       net.py:5    h = x @ self.up
    .   %4: f32[2, 4]  relu(%3)           0.5            net.py:6    h = h.relu()
    .   %5: f32[2, 4]  matmul(%4, .down)  0.5  0.5       net.py:7    h = h @ self.down
    .   %6: f32[2, 4]  add(x, %5)         -    0.5       net.py:8    return x + h
        loss: f32[]    sum(%6)            0.5            train.py:3  loss = net(x).sum()

parameter     type       gradient  support  reason
net.h.0.up    f32[4, 4]  0.5       100%     RECEIVED
net.h.0.down  f32[4, 4]  0.5       100%     RECEIVED""" == flow_text(tower(1))


def test_closed_modules():
    """Of many ops, modules stand in one line each, with what came back and how many parameters were reached."""
    listing, roster = (part.splitlines() for part in flow_text(tower(21, cut=2)).split("\n\n")[3:])

    assert [
        "module  value            operation                 gradient back  line          code",
        "net                      Net",
        "  h.0   %46: f32[2, 4]   Block(x): 4 ops           -              none reached",
        "  h.1   %50: f32[2, 4]   Block(%46): 4 ops         -              none reached",
        "  h.2   %54: f32[2, 4]   Block(%50): 4 ops         -              none reached",
        "  .     %55: f32[2, 4]   detach(%54)         -//-  -              net.py:21     x = x.detach()",
        "  h.3   %59: f32[2, 4]   Block(%55): 4 ops         -              all reached",
        "  h.4   %63: f32[2, 4]   Block(%59): 4 ops         0.5            all reached",
    ] == listing[:8]
    assert (
        "        loss: f32[]      sum(%127)                 0.5            train.py:3    loss = net(x).sum()"
        == listing[-1]
    )
    assert 2 + 21 + 2 == len(listing)
    assert [
        "parameter  type          gradient  support  reason    why",
        "net.h.0    2 parameters  -         -        DETACHED  detach (net.py:21)",
        "net.h.1    2 parameters  -         -        DETACHED  detach (net.py:21)",
        "net.h.2    2 parameters  -         -        DETACHED  detach (net.py:21)",
        "net.h.3    2 parameters  0.5       100%     RECEIVED",
    ] == roster[:5]
    assert 1 + 21 == len(roster)


def test_opened_module():
    """A module that is asked for is open, in the ops and in the parameters, and the others stay closed."""
    text = flow_text(tower(21), opened=["net.h.1"])

    assert (
        """
  h.0   %46: f32[2, 4]   Block(x): 4 ops     -              all reached
  h.1                    Block
    .   %47: f32[2, 4]   matmul(%46, .up)    0.5  0.5       net.py:5     h = x @ self.up
    .   %48: f32[2, 4]   relu(%47)           0.5            net.py:6     h = h.relu()
    .   %49: f32[2, 4]   matmul(%48, .down)  0.5  0.5       net.py:7     h = h @ self.down
    .   %50: f32[2, 4]   add(%46, %49)       0.5  0.5       net.py:8     return x + h
  h.2   %54: f32[2, 4]   Block(%50): 4 ops   0.5            all reached
"""
        in text
    )
    assert (
        """
net.h.0       2 parameters  0.5       100%     RECEIVED
net.h.1.up    f32[4, 4]     0.5       100%     RECEIVED
net.h.1.down  f32[4, 4]     0.5       100%     RECEIVED
net.h.2       2 parameters  0.5       100%     RECEIVED
"""
        in text
    )


def test_closed_module_with_a_cut():
    """A cut inside a closed module shows on the module's line."""
    s = Sketch(*((f"h.{i}", "Block", None) for i in range(50)))
    at = s.leaf("w")
    for block in range(50):
        for target in ("sin", "detach", "cos"):
            at = s.op(target, at, grad_fn=None if target == "detach" else "Fn", call=block)
    lines = flow_text(everywhere(s.graph(), at)).splitlines()

    assert "h.49    %150: f32[]  Block(%147): 3 ops  1 × -//-  -" in lines


def test_long_chain():
    """Of a long chain the ends are shown, and the cuts between them."""
    s = Sketch()
    at = s.leaf("w")
    for step in range(500):
        at = s.op("detach" if step == 250 else "sin", at, at=f"net.py:{step}", grad_fn=None if step == 250 else "Sin")
    text = flow_text(everywhere(s.graph(), at))

    assert (
        """
%20: f32[]   sin(%19)            -              net.py:19
             … 230 ops
%251: f32[]  detach(%250)  -//-  -              net.py:250
             … 229 ops
%481: f32[]  sin(%480)           0.5            net.py:480
"""
        in text
    )
    assert 50 > len(text.splitlines())


def test_very_many_modules():
    """Of very many modules the ends are shown, the cuts between them, and their parameters as one line."""
    text = flow_text(tower(400, cut=200))

    assert (
        """
  h.19   %880: f32[2, 4]   Block(%876): 4 ops         -              none reached
                           … 724 ops                                 none reached
  .      %1605: f32[2, 4]  detach(%1604)        -//-  -              net.py:21     x = x.detach()
                           … 720 ops                                 all reached
  h.381  %2329: f32[2, 4]  Block(%2325): 4 ops        0.5            all reached
"""
        in text
    )
    assert text.endswith("""
parameter  type            gradient  support  reason                      why
net.h      800 parameters  0.5       100%     402 DETACHED, 398 RECEIVED  detach (net.py:21)""")


def test_asked_for_among_very_many():
    """A module that is asked for is open also where the lines around it are left out."""
    assert """
                           … 720 ops                            all reached
  h.200                    Block
    .    %1601: f32[2, 4]  matmul(%1600, .up)    0.5  0.5       net.py:5     h = x @ self.up
    .    %1602: f32[2, 4]  relu(%1601)           0.5            net.py:6     h = h.relu()
    .    %1603: f32[2, 4]  matmul(%1602, .down)  0.5  0.5       net.py:7     h = h @ self.down
    .    %1604: f32[2, 4]  add(%1600, %1603)     0.5  0.5       net.py:8     return x + h
                           … 720 ops                            all reached
""" in flow_text(tower(400), opened=["net.h.200"])


def test_truncated_but_reached():
    """A cut on the way is marked also where every parameter is reached by another way."""
    s = Sketch()
    w = s.leaf("w")
    h = s.op("detach", s.op("sin", w), grad_fn=None)
    loss = s.op("mul", h, w)

    assert "1 of 1 parameter reached." == flow_text(everywhere(s.graph(), loss)).splitlines()[0]
    assert "detach(%1)  -//-  -" in flow_text(everywhere(s.graph(), loss))


def test_many_edges():
    """Of many edges the text says how many got something, and how large the least and the largest were."""
    s = Sketch()
    loss = s.op("stack", *(s.leaf(f"w{i}") for i in range(9)), s.leaf("x", "input"))

    assert "stack(w0, w1, w2, … 7 more)  9 of 10: 0.5" in flow_text(everywhere(s.graph(), loss))


def test_signed_gradient():
    """The gradient of a number keeps its sign; of several parameters in a line the norms are shown."""
    s = Sketch()
    down, up = s.leaf("m.down", scalar=1.0), s.leaf("m.up", scalar=1.0)
    loss = s.op("add", down, up)
    flow = Flow(s.graph(), loss, ((down, sent(4.0, scalar=-4.0)), (up, sent(2.0, scalar=2.0))))
    found = explanations(flow)

    assert "m.down     f32[] = 1  -4        100%     RECEIVED" == flow_roster(flow, found)[1]
    assert "m          2 parameters  2 – 4     100%     RECEIVED" == flow_roster(flow, found, most=1)[1]


def test_many_inputs_and_lines():
    """Of many inputs, and of many lines of code in the verdict, the first are named and the others counted."""
    s = Sketch()
    w = s.leaf("w")
    cuts = [s.op("detach", w, at=f"net.py:{i}", code=f"cut {i}", grad_fn=None) for i in range(8)]
    loss = s.op("stack", *cuts, *(s.leaf(f"x{i}", "input") for i in range(9)))
    _, code, inputs, *_ = flow_text(Flow(s.graph(), loss, ())).split("\n\n")

    assert [*(f"  net.py:{i}        cut {i}" for i in range(6)), "  … 2 more lines"] == code.splitlines()
    assert f"inputs: {', '.join(f'x{i}: f32[]' for i in range(7))}, … 2 more" == inputs


def test_optimizer_and_step():
    """With an optimizer and a step, the table says who is held and who moved, and the verdict what is odd."""
    a, b = Change(0.25, 2, 2), Change(0.0, 0, 2)
    task, penalty = two_losses()
    step = StepDiff((("a", a), ("b", b)))

    assert """\
2 of 2 parameters reached; b is reached but not in the optimizer.

parameter  type    gradient  support  optimizer  moved by  reason
a          f32[2]  0.125     100%     opt_G      0.25      RECEIVED
b          f32[2]  2.25      100%     -          -         RECEIVED""" == without_listing(
        flow_text(task, holders={"a": ("opt_G",)}, step=step)
    )
    assert "2 of 2 parameters reached." == flow_text(task, step=StepDiff((("a", a),))).splitlines()[0]
    assert "b is reached but did not move." in flow_text(task, holders={"a": ("o",), "b": ("o",)}, step=step)
    assert "b moved without a gradient." in flow_text(penalty, step=StepDiff((("a", a), ("b", a))))
    assert """\
parameter  type    optimizer  moved by
a          f32[2]  opt_G      0.25
b          f32[2]  -          -""" == graph_text(task.graph, holders={"a": ("opt_G",)}, step=step).split("\n\n")[-1]


def without_listing(text):
    """The first and the last part of a text."""
    parts = text.split("\n\n")
    return "\n\n".join([parts[0], parts[-1]])


def test_loss_without_history():
    """A loss that does not require grad is named before anything else."""
    flow = chain()

    assert flow_text(Flow(flow.graph, flow.output, (), seeded=False)).startswith(
        "The loss does not require grad; 0 of 6 parameters reached; "
    )


def test_empty():
    """A graph of nothing, and a flow without parameters, can be said."""
    graph = Sketch().graph()

    assert "0 ops, 0 parameters" == graph_text(graph)
    assert "This trace has no parameters." == flow_text(Flow(graph, 0, ()))
    assert "This trace has no parameters." == explanation_table(Flow(graph, 0, ()))


def test_comparison():
    """A comparison's text is the verdict of each loss, and the table."""
    task, penalty = two_losses()

    assert """\
task: 2 of 2 parameters reached.
penalty: 1 of 2 parameters reached; b is not on the way to this loss.

parameter   task  penalty
a          0.125     0.75
b           2.25        -""" == comparison_text(compare(task=task, penalty=penalty))


def test_explanation_table():
    """The table of explanations has a line for each parameter, and each explanation once, with its names."""
    flow = chain()
    verdict, table, *sentences = explanation_table(flow).split("\n\n")

    assert [verdict, table] == [flow_text(flow).split("\n\n")[part] for part in (0, -1)]
    assert ["a.weight, a.bias:", "c:", "d:"] == [part.splitlines()[0] for part in sentences]
    for part, name in zip(sentences, ("a.weight", "c", "d"), strict=True):
        assert str(explain(flow, name)) == " ".join(" ".join(part.splitlines()[1:]).split())


def test_explanation_table_has_every_parameter():
    """However many parameters there are, each has its line."""
    flow = tower(30)

    assert 1 + 60 == len(explanation_table(flow).split("\n\n")[1].splitlines())


def test_unheld_parameter_is_explained():
    """A parameter that is reached but held by no optimizer gets its sentence too."""
    task, _ = two_losses()

    assert "\n\nb:\n    b received" in explanation_table(task, holders={"a": ("SGD",)})
    assert "\n\na:" not in explanation_table(task, holders={"a": ("SGD",)})


def test_unmoved_parameter_is_explained():
    """So does one that is reached but that the step did not move."""
    task, _ = two_losses()
    step = StepDiff((("a", Change(1.0, 1, 2)), ("b", Change(0.0, 0, 2))))

    assert "\n\nb:\n    b received" in explanation_table(task, step=step)
    assert "\n\na:" not in explanation_table(task, step=step)


@pytest.mark.parametrize("flow", every_flow().values(), ids=every_flow())
def test_fits(flow):
    """No line is wider than 100 columns, and nothing in it can move the cursor."""
    task = compare(one=flow)
    for text in (flow_text(flow), graph_text(flow.graph), comparison_text(task), explanation_table(flow)):
        assert all(100 >= width(line) for line in text.splitlines())
        assert all(line.isprintable() for line in text.split("\n"))


def test_hostile_names():
    """Every name is in the text, escaped where it does not print."""
    text = flow_text(hostile())

    for name in (
        'say "hi"',
        r"two\nlines",
        "</script><!--",
        r"\u202egnp.exe",
        "שלום",
        "🦊🦊",
        r"\ud800",
        r"tab\tand\x1b[31m",
    ):
        assert f"\n{name} " in text
    assert len(HOSTILE) == len(hostile().graph.parameter_names())


@pytest.mark.parametrize(
    ("length", "source", "expected"),
    [
        (10, "net.py:1", f"%1: f32[5, 5, 5, 5]  {'v' * 10}(x)  net.py:1  x = x.view(5, 5, 5, 5).reshape(25, 25)"),
        (28, "net.py:1", f"%1: f32[5, 5, 5, 5]  {'v' * 28}(x)  net.py:1  x = x.view(5, 5, 5, 5).reshape(25, …"),
        (50, "net.py:1", f"%1: f32[5, 5, 5, 5]  {'v' * 50}(x)  net.py:1"),
        (50, "src/package/models/net.py:1", f"%1: f32[5, 5, 5, 5]  {'v' * 50}(x)  net.py:1"),
        (85, "net.py:1", f"%1: f32[5,5,5,5]  {'v' * 36}…{'v' * 32}(x)  net.py:1"),
    ],
    ids=["fits", "code", "no code", "folders", "spaces and names"],
)
def test_narrow(length, source, expected):
    """What does not fit gives way: first the code, then folders, then the spaces in shapes, then names."""
    s = Sketch()
    x = s.leaf("x", "input", shape=(5, 5, 5, 5))
    s.op("v" * length, x, at=source, code="x = x.view(5, 5, 5, 5).reshape(25, 25)", shape=(5, 5, 5, 5))

    assert expected == graph_text(s.graph()).splitlines()[-1]


def test_deterministic():
    """The same flow has the same text."""
    assert flow_text(tower(21, cut=4)) == flow_text(tower(21, cut=4))
