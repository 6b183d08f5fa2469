"""Change a program from outside: a detach at one operand of one call, and nothing else of it is touched."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from programs import Calls, Outcome, backward, ranges_of
from torch import Tensor

import gradflow as gf
from gradflow.graph import Graph
from gradflow.tensors import tensors_in

Place = tuple[int, int]  # a call, and which of the tensors that it is given


class Mapped(Calls):
    """Finds out which op of a trace each call became, and which edge each operand.

    Attributes:
        ops: the op of each call.
        given: how many tensors each call was given.
    """

    def __init__(self, trace: gf.Trace) -> None:
        super().__init__()
        self._tape = trace._recorder.tape
        self.before = 0
        self.ops: dict[int, int] = {}
        self.given: dict[int, int] = {}

    def ran(self, call: int, args: Any, kwargs: Any) -> None:
        """The last op since the call before is that of this call."""
        if len(self._tape) > self.before:
            self.ops[call] = len(self._tape) - 1
            self.given[call] = len(list(tensors_in((args, kwargs))))
        self.before = len(self._tape)

    def places(self, graph: Graph) -> dict[str, Place]:
        """Where each edge is an operand of a call."""
        return {
            f"{value}.{op}.{position}": (call, position)
            for call, op in self.ops.items()
            for position, value in enumerate(graph.ops[op].inputs[: self.given[call]])
        }


class Cutter(Calls):
    """Detaches some operands of some calls."""

    def __init__(self, places: Sequence[Place]) -> None:
        super().__init__()
        self._places = places

    def changed(self, call: int, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """What the call is really given."""
        here = {position for at, position in self._places if at == call}
        return _detached((args, kwargs), here, [0]) if here else (args, kwargs)


def _detached(thing: Any, positions: set[int], seen: list[int]) -> Any:
    """The same nest, with the tensors at some positions detached."""
    if isinstance(thing, Tensor):
        seen[0] += 1
        if seen[0] - 1 not in positions:
            return thing
        with torch._C.DisableTorchFunction():
            return thing.detach()
    if isinstance(thing, list | tuple):
        parts = [_detached(part, positions, seen) for part in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else type(thing)(parts)
    if isinstance(thing, dict):
        return {key: _detached(part, positions, seen) for key, part in thing.items()}
    return thing


@dataclass
class Outside:
    """A change that needs no other program.

    Attributes:
        cut: edges.
        frozen: names of parameters that do not require grad.
        ask: names given to ``inputs=``.
    """

    cut: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    ask: tuple[str, ...] | None = None

    def asked(self) -> dict[str, Any]:
        """The change as the page is asked about it."""
        asked = {} if self.ask is None else {"ask": list(self.ask)}
        return {"cut": list(self.cut), "frozen": list(self.frozen), **asked}


def changes(data: dict[str, Any], places: dict[str, Place], draw: random.Random, count: int) -> list[Outside]:
    """Random changes of a graph, single and combined; the first is none."""
    names = [name for name, values in data["parameters"] if data["values"][values[0]] == "r"]
    edges = [edge for edge in places if data["values"][int(edge.split(".")[0])] == "r"]
    found = [Outside()]
    for _ in range(count - 1):
        kinds = draw.sample(["cut", "cut", "frozen", "ask"], draw.choice([1, 1, 2]))
        cut = tuple(draw.sample(edges, min(len(edges), draw.choice([1, 1, 2])))) if "cut" in kinds else ()
        frozen = tuple(draw.sample(names, min(len(names), draw.choice([1, 3])))) if "frozen" in kinds else ()
        ask = tuple(draw.sample(names, min(len(names), draw.choice([1, 2, 4])))) if "ask" in kinds else None
        found.append(Outside(cut, frozen, ask or None))
    return found


class Plain:
    """Stands in for a trace: a block in which nothing is recorded, but for a change that is made.

    Attributes:
        parameters: by name, what a trace would call its parameters.
    """

    def __init__(self, change: Outside, places: dict[str, Place], modules: Sequence[Any], named: dict[str, Any]):
        self._change, self.cutter = change, Cutter([places[edge] for edge in change.cut])
        self.parameters: dict[str, Tensor] = {}
        for module in modules:
            self.parameters |= dict(module.named_parameters(remove_duplicate=False))
        for name, thing in named.items():
            self._take(name, thing)

    def _take(self, name: str, thing: Any) -> None:
        if isinstance(thing, torch.nn.Module):
            found = thing.named_parameters(remove_duplicate=False)
            self.parameters |= {f"{name}.{inner}": parameter for inner, parameter in found}
        elif isinstance(thing, Tensor):
            self.parameters |= {name: thing} if thing.is_leaf and thing.requires_grad else {}
        elif isinstance(thing, dict | list | tuple):
            for key, part in thing.items() if isinstance(thing, dict) else enumerate(thing):
                self._take(f"{name}.{key}", part)

    def __enter__(self) -> Plain:
        for name in self._change.frozen:
            self.parameters[name].requires_grad_(False)
        self.cutter.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.cutter.__exit__(*error)

    def name(self, **tensors: Tensor) -> None:
        """Nothing: names are for graphs."""

    def outcome(self, loss: Tensor) -> Outcome:
        """What a backward pass really did."""
        for parameter in self.parameters.values():
            parameter.grad = None
        ask = self._change.ask
        ran = backward(loss, None if ask is None else [self.parameters[name] for name in ask])
        reached = [name for name, parameter in self.parameters.items() if parameter.grad is not None]
        inside = {number for start, stop in self.cutter.ranges for number in range(start, stop)}
        return Outcome(reached, reached, ranges_of(self.cutter.ranges, ran), {-1} if ran - inside else set())


class Recording:
    """A real trace that also finds out which call became which op."""

    def __init__(self, trace: gf.Trace, mapped: Callable[[Mapped], None]) -> None:
        self._trace, self._keep = trace, mapped

    def __enter__(self) -> gf.Trace:
        trace = self._trace.__enter__()
        self._mapped = Mapped(trace)
        self._keep(self._mapped)
        self._mapped.__enter__()
        return trace

    def __exit__(self, *error: Any) -> None:
        self._mapped.__exit__(*error)
        self._trace.__exit__(*error)
