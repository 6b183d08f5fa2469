"""Which parameters an optimizer holds, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from gradflow.errors import GradflowError
from gradflow.graph import Graph


def held(graph: Graph, optimizer: object) -> frozenset[str] | None:
    """The names of the traced parameters that the optimizer holds, or None if there is no optimizer.

    Args:
        graph: whose parameters are meant.
        optimizer: None, an optimizer, several in a list or in a dict ``{"opt_G": …}``, or a set of names.

    Raises:
        GradflowError: it is something else, or a name is not in the graph.
    """
    return None if optimizer is None else frozenset(holders(graph, optimizer))


def holders(graph: Graph, optimizer: object) -> dict[str, tuple[str, ...]]:
    """Which optimizers hold each parameter: their keys in a dict, otherwise their class names.

    Parameters that none of them holds are absent. Takes and raises what ``held`` does.
    """
    found: dict[str, list[str]] = {}
    for label, one in _labelled(optimizer):
        for name in _names(graph, one):
            found.setdefault(name, []).append(label)
    order = [*graph.parameter_names(), *sorted(found)]
    return {name: tuple(found[name]) for name in dict.fromkeys(order) if name in found}


def _labelled(optimizer: object) -> list[tuple[str, object]]:
    if optimizer is None:
        return []
    if isinstance(optimizer, Mapping):
        return [(str(label), one) for label, one in optimizer.items()]
    if not isinstance(optimizer, list | tuple):
        return [(_label(optimizer), optimizer)]
    total = Counter(map(_label, optimizer))
    seen: Counter[str] = Counter()
    labelled: list[tuple[str, object]] = []
    for one in optimizer:
        label = _label(one)
        labelled.append((label if total[label] == 1 else f"{label}[{seen[label]}]", one))
        seen[label] += 1
    return labelled


def _label(optimizer: object) -> str:
    return "optimizer" if isinstance(optimizer, AbstractSet) else type(optimizer).__name__


def _names(graph: Graph, optimizer: object) -> Iterator[str]:
    if isinstance(optimizer, AbstractSet):
        for name in optimizer:
            yield _canonical(graph, name)
        return
    if graph.parameter_names() and not graph.parameters:
        raise GradflowError(
            "this graph does not know its parameters as tensors (it was read from JSON, or made by hand), so "
            'no optimizer can be looked up in it. Pass the names it holds: optimizer={"a.weight", "a.bias"}.'
        )
    tensors = {id(tensor) for tensor in _tensors(optimizer)}
    for name, reference in graph.parameters.items():
        parameter = reference()
        if parameter is not None and id(parameter) in tensors:
            yield _canonical(graph, name)


def _canonical(graph: Graph, name: str) -> str:
    return graph.value(name).name or name


def _tensors(optimizer: Any) -> Iterator[object]:
    try:
        for group in optimizer.param_groups:
            yield from group["params"]
    except (AttributeError, KeyError, TypeError):
        raise GradflowError(
            f"optimizer= got {type(optimizer).__name__}, which has no param_groups. Pass an optimizer, "
            'a list of them, a dict {"opt_G": opt_G}, or a set of parameter names.'
        ) from None
