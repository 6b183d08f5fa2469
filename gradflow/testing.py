"""Assertions about gradients, for the tests of other projects."""

from __future__ import annotations

from collections.abc import Callable

from gradflow.errors import GradflowError
from gradflow.explain import explain
from gradflow.flow import Arrival, Flow
from gradflow.modules import parameters_of


def assert_gradient(flow: Flow, name: str) -> None:
    """Pass if and only if every parameter meant received a gradient that is finite and not all zero.

    Args:
        flow: what one backward pass did.
        name: a parameter, or a module, which means all of its parameters.

    Raises:
        AssertionError: with the explanation of each that did not.
        GradflowError: no such parameter or module, or a module without parameters.

    >>> import torch, gradflow as gf
    >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> with gf.trace(a=a, b=b) as t:
    ...     loss = (a.detach() * b).sum()
    >>> assert_gradient(t.flow(loss), "b")
    >>> assert_no_gradient(t.flow(loss), "a")
    """
    __tracebackhide__ = True
    _check(flow, name, lambda arrival: arrival.status == "nonzero" and arrival.finite, "received no usable gradient")


def assert_no_gradient(flow: Flow, name: str) -> None:
    """Pass if and only if nothing was sent to any parameter meant; a gradient of zeros fails.

    Takes and raises what ``assert_gradient`` does.

    >>> import torch, gradflow as gf
    >>> w = torch.ones(2, requires_grad=True)
    >>> with gf.trace(w=w) as t:
    ...     loss = w.detach().sum()
    >>> assert_no_gradient(t.flow(loss), "w")
    """
    __tracebackhide__ = True
    _check(flow, name, lambda arrival: not arrival.arrived, "received a gradient")


def _check(flow: Flow, name: str, passes: Callable[[Arrival], bool], claim: str) -> None:
    __tracebackhide__ = True
    if not isinstance(flow, Flow):
        raise GradflowError(f"expected a Flow, as t.flow(loss) gives it, but got {type(flow).__name__}.")
    meant = parameters_of(flow.graph, name)
    offenders = [parameter for parameter in meant if not passes(flow.at(parameter))]
    if offenders:
        head = f"{len(offenders)} of {len(meant)} parameters of {name!r} {claim}:"
        if meant == (name,):
            head = f"{name!r} {claim}:"
        raise AssertionError("\n".join([head, *(f"  {explain(flow, parameter)}" for parameter in offenders)]))
