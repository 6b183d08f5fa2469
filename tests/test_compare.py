"""Several losses side by side."""

from __future__ import annotations

import pytest
import torch
from graphs import Sketch, chain, dead, hostile, sent, two_losses

import gradflow as gf
from gradflow.compare import compare
from gradflow.errors import GradflowError
from gradflow.flow import NONE, Flow
from gradflow.serialize import from_json, to_json


def test_both_losses():
    """A comparison knows its losses, the parameters, and what each loss sent to each parameter."""
    task, penalty = two_losses()
    both = compare(task=task, penalty=penalty)

    assert ("task", "penalty") == both.losses
    assert ("a", "b") == both.names
    assert sent(2.25) == both.at("task", "b")
    assert NONE == both.at("penalty", "b")


def test_text():
    """The text is a table: a line for each parameter, a column for each loss."""
    task, penalty = two_losses()

    assert """\
parameter   task  penalty
a          0.125     0.75
b           2.25        -""" == str(compare(task=task, penalty=penalty))
    assert "<Comparison: task, penalty>" == repr(compare(task=task, penalty=penalty))


def test_states_in_the_table():
    """Zero and nothing are told apart."""
    flow = dead()
    idle = Flow(flow.graph, flow.output, ())

    assert "parameter  dead  idle\nw             0     -" == str(compare(dead=flow, idle=idle))


def test_equal_graphs():
    """Flows over equal graphs can be compared, also where one was read from JSON."""
    task, penalty = two_losses()

    assert ("a", "b") == compare(task=task, penalty=from_json(to_json(penalty))).names


def test_hostile_names():
    """A name cannot break out of its line."""
    flow = hostile()

    assert 1 + len(flow.graph.parameter_names()) == len(str(compare(a=flow)).splitlines())


def test_one_loss_of_a_label_with_spaces():
    """Labels need not be Python names."""
    assert ("the task",) == compare(**{"the task": chain()}).losses


def test_different_traces():
    """Flows of different traces are an error that says how to trace once."""
    with pytest.raises(GradflowError) as error:
        compare(task=chain(), penalty=dead())

    assert """\
these flows come from different traces: "task" has 5 ops, "penalty" has 2.
Trace once, then call flow() for each loss:
    with gf.trace(model) as t: ...
    gf.compare(task=t.flow(task), penalty=t.flow(penalty))""" == str(error.value)


def test_different_traces_of_one_size():
    """Graphs with as many ops each are still different."""
    sketch = Sketch()
    sketch.op("sin", sketch.op("cos", sketch.leaf("v")))

    with pytest.raises(GradflowError, match=r'"a" has 2 ops, "b" has 2'):
        compare(a=dead(), b=Flow(sketch.graph(), 2, ()))


def test_nothing_to_compare():
    """No flows, or flows without a label, are an error that shows the keyword form."""
    with pytest.raises(GradflowError, match=r"but got none\. Label each loss: gf\.compare\(task="):
        compare()
    with pytest.raises(GradflowError, match=r"but got 2 without a label"):
        compare(*two_losses())


def test_not_a_flow():
    """A graph, say, is not a flow."""
    with pytest.raises(GradflowError, match=r"compare\(task=\.\.\.\) got Graph; expected a Flow"):
        compare(task=chain().graph)


def test_unknown_names():
    """An unknown loss or parameter is an error that offers the nearest."""
    task, penalty = two_losses()
    both = compare(task=task, penalty=penalty)

    with pytest.raises(GradflowError, match=r"unknown loss 'taks'\. Did you mean 'task'\?"):
        both.at("taks", "a")
    with pytest.raises(GradflowError, match="unknown name 'c'"):
        both.at("task", "c")


def test_flows_taken_while_the_trace_goes_on():
    """A flow taken in the block and one of a later loss are of one trace; what came later got nothing before."""
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    with gf.trace(a=a) as t:
        first = t.flow((a * a).sum())
        second = t.flow((a * b).sum())
    both = gf.compare(first=first, second=second)

    assert ("a", "leaf_1") == both.names
    assert "none" == both.at("first", "leaf_1").status
    assert "nonzero" == both.at("second", "leaf_1").status
    assert "leaf_1" in str(both)
