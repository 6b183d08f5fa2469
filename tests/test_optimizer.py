"""Which parameters an optimizer holds."""

from __future__ import annotations

import weakref
from types import SimpleNamespace

import pytest
from graphs import Sketch, chain, square

from gradflow.errors import GradflowError
from gradflow.optimizer import held, holders


class Tensor:
    """Stands for a parameter: it cannot be compared, only identified."""

    def __eq__(self, other):
        raise AssertionError("compared by value")

    __hash__ = None


class SGD:
    def __init__(self, *groups):
        self.param_groups = [{"params": list(group)} for group in groups]


class Adam(SGD):
    pass


@pytest.fixture
def traced():
    """A graph with parameters a, b and c, and the tensors they stand for; ``tied`` is a further name of a."""
    sketch = Sketch()
    tensors = [Tensor(), Tensor(), Tensor()]
    for name in "abc":
        sketch.leaf(name)
    references = {name: weakref.ref(tensor) for name, tensor in zip("abc", tensors, strict=True)}
    return sketch.graph(parameters=references, aliases=(("tied", 0),)), tensors


def test_no_optimizer(traced):
    """Without an optimizer there is nothing to say, which is not the same as holding nothing."""
    graph, _ = traced

    assert held(graph, None) is None
    assert {} == holders(graph, None)
    assert frozenset() == held(graph, SGD())


def test_identity(traced):
    """An optimizer holds the parameters whose very tensors are in one of its groups."""
    graph, (a, _, c) = traced

    assert frozenset({"a", "c"}) == held(graph, SGD([a, Tensor()], [c]))


def test_several(traced):
    """Of several optimizers each says what it holds: by its key, or by its class."""
    graph, (a, b, c) = traced

    assert {"a": ("SGD",), "b": ("SGD", "Adam")} == holders(graph, [SGD([a, b]), Adam([b])])
    assert {"b": ("opt_D",), "c": ("opt_G",)} == holders(graph, {"opt_G": SGD([c]), "opt_D": SGD([b])})


def test_several_of_one_class(traced):
    """Optimizers of one class are told apart by their place in the list."""
    graph, (a, b, _) = traced

    assert {"a": ("SGD[1]",), "b": ("SGD[0]",)} == holders(graph, (SGD([b]), SGD([a]), Adam()))


def test_names(traced):
    """A set of names says it directly; a further name of a shared parameter means its first one."""
    graph, _ = traced

    assert frozenset({"a", "b"}) == held(graph, {"b", "tied"})
    assert {"a": ("optimizer",)} == holders(graph, frozenset({"a"}))


def test_order_of_the_trace(traced):
    """The answer is in the order of the trace, whatever the order in the optimizer."""
    graph, (a, b, c) = traced

    assert ["a", "b", "c"] == list(holders(graph, SGD([c, a, b])))


def test_freed_parameter(traced):
    """A parameter that is gone is held by nobody."""
    graph, tensors = traced
    optimizer = SGD([tensors[1]])
    del tensors[:]

    assert frozenset({"b"}) == held(graph, optimizer)


def test_unknown_name(traced):
    """A name that is not in the trace is an error with the nearest names."""
    with pytest.raises(GradflowError, match=r"unknown name 'weigth'\. Did you mean 'weight'\?"):
        sketch = Sketch()
        sketch.leaf("weight")
        held(sketch.graph(), {"weigth"})


@pytest.mark.parametrize("wrong", [3, "a.weight", SimpleNamespace(), ["a.weight"], SimpleNamespace(param_groups=[1])])
def test_something_else(traced, wrong):
    """What is no optimizer is an error that says what would be one."""
    with pytest.raises(GradflowError, match=r"has no param_groups\. Pass an optimizer, a list of them, a dict"):
        held(traced[0], wrong)


def test_graph_without_tensors():
    """A graph without live parameters cannot find them in an optimizer; it asks for names."""
    with pytest.raises(GradflowError, match=r'Pass the names it holds: optimizer=\{"a\.weight", "a\.bias"\}'):
        held(chain().graph, SGD())

    assert frozenset({"w"}) == held(square().graph, {"tied"})
