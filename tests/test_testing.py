"""The assertions for other people's tests."""

from __future__ import annotations

import pytest
from graphs import ZERO, Sketch, chain, dead, nan, sent, square, two_losses, undefined

from gradflow.errors import GradflowError
from gradflow.explain import explain
from gradflow.flow import Flow
from gradflow.testing import assert_gradient, assert_no_gradient


@pytest.mark.parametrize(
    ("flow", "name", "received", "silent"),
    [
        (chain(), "b.weight", True, False),
        (chain(), "b", True, False),
        (chain(), "a", False, True),
        (chain(), "c", False, True),
        (chain(), "d", False, True),
        (square(), "tied", True, False),
        (dead(), "w", False, False),
        (nan(), "w", False, False),
        (undefined(), "w", False, True),
    ],
    ids=["parameter", "module", "detached", "frozen", "unused", "shared", "zero", "nan", "undefined"],
)
def test_both(flow, name, received, silent):
    """A finite gradient passes the one, no gradient the other; zeros and NaN pass neither."""
    assert received is passes(assert_gradient, flow, name)
    assert silent is passes(assert_no_gradient, flow, name)


def passes(assertion, flow, name):
    """Whether the assertion passes."""
    try:
        assertion(flow, name)
    except AssertionError:
        return False
    return True


def test_module_partly_reached():
    """A module passes only if all of its parameters do, and only the offenders are explained."""
    s = Sketch()
    one, other, far = s.leaf("net.one"), s.leaf("net.two"), s.leaf("network")
    loss = s.op("add", one, s.op("mul", other, far))
    flow = Flow(s.graph(), loss, ((one, sent(1.0)), (other, ZERO), (far, ZERO)))

    with pytest.raises(AssertionError) as error:
        assert_gradient(flow, "net")
    assert f"1 of 2 parameters of 'net' received no usable gradient:\n  {explain(flow, 'net.two')}" == str(error.value)
    with pytest.raises(
        AssertionError, match=r"^2 of 2 parameters of 'net' received a gradient:\n  net\.one .*\n  net\.two"
    ):
        assert_no_gradient(flow, "net")


def test_message_of_one_parameter():
    """The message of a parameter is its explanation."""
    flow = chain()
    with pytest.raises(AssertionError) as error:
        assert_gradient(flow, "a.bias")

    assert f"'a.bias' received no usable gradient:\n  {explain(flow, 'a.bias')}" == str(error.value)


def test_shared_parameter_counts_for_each_module():
    """A module that has a parameter only by a further name has it all the same."""
    s = Sketch()
    weight = s.leaf("encoder.weight")
    flow = Flow(s.graph(aliases=(("decoder.weight", weight),)), s.op("sum", weight), ((weight, sent(1.0)),))

    assert passes(assert_gradient, flow, "decoder")
    assert passes(assert_gradient, flow, "decoder.weight")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a.wieght", r"unknown parameter or module 'a\.wieght'\. Did you mean 'a\.weight'"),
        ("aa", r"unknown parameter or module 'aa'\. Did you mean 'a'\?"),
        ("x", "'x' is of kind input, not a parameter or a module"),
        ("loss", "'loss' is of kind intermediate"),
        (3, "is a string, but 3 is of type int"),
        ("", "unknown parameter or module ''"),
    ],
)
@pytest.mark.parametrize("assertion", [assert_gradient, assert_no_gradient])
def test_unknown_names(assertion, name, message):
    """A name that means no parameters is an error, not a passed test."""
    with pytest.raises(GradflowError, match=message):
        assertion(chain(), name)


def test_module_without_parameters():
    """A module that has no parameters is an error too."""
    s = Sketch(("act", "ReLU", None))
    loss = s.op("relu", s.leaf("w"), call=0)

    with pytest.raises(GradflowError, match="the module 'act' has no parameters"):
        assert_no_gradient(Flow(s.graph(), loss, ()), "act")


def test_not_a_flow():
    """A graph cannot tell."""
    with pytest.raises(GradflowError, match=r"expected a Flow, as .* but got Graph"):
        assert_gradient(two_losses()[0].graph, "a")


def test_traceback_ends_in_the_test():
    """A failing assertion points at the line of the test that made it, not into gradflow."""
    with pytest.raises(AssertionError) as error:
        assert_gradient(chain(), "a")

    assert ["test_traceback_ends_in_the_test"] == [e.name for e in error.traceback if not e.ishidden(error)]
