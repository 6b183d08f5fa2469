"""A backward pass as steps to walk through, in the order in which the engine went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from gradflow.flow import Arrival, Flow
from gradflow.graph import Edge, Graph
from gradflow.notation import number, printable
from gradflow.picture.wording import MOST_SHARES, addition, bracketed, called, op_name, signed
from gradflow.targets import HOOK


class Step(NamedTuple):
    """The gradient of one value arrives.

    Attributes:
        keys: what arrives: the uses that send a share, and the value.
        label: what the value is called.
        sentence: what happens.
    """

    keys: tuple[int | Edge, ...]
    label: str
    sentence: str


def steps(flow: Flow, names: Mapping[int, str] | None = None) -> tuple[Step, ...]:
    """One step for each value that something arrived at, in the order in which its gradient was complete.

    Args:
        flow: what one backward pass did.
        names: what the picture calls a value, where that is not its name.

    >>> from gradflow.graph import Op, Value
    >>> w = Value(0, "w", "parameter", (), "float32", True, 3.0)
    >>> f = Value(1, "f", "intermediate", (), "float32", True, -3.0)
    >>> graph = Graph((w, f), (Op(0, "neg", (0,), (1,)),))
    >>> one, minus = Arrival("nonzero", 1.0, 1.0, 1.0), Arrival("nonzero", 1.0, 1.0, -1.0)
    >>> flow = Flow(graph, 1, ((1, one), (Edge(0, 0, 0), minus), (0, minus)))
    >>> for step in steps(flow):
    ...     print(step.label, "|", step.sentence)
    f | The pass starts here: ∂f/∂f = 1.
    w | The op − hands on ∂f/∂f times its factor: 1 × (−1) = −1.
    """
    last: dict[int, int] = {}
    keys: dict[int, list[int | Edge]] = {}
    for position, (key, arrival) in enumerate(flow.arrivals):
        if arrival.status != "none":
            value = key.value if isinstance(key, Edge) else key
            last[value] = position
            keys.setdefault(value, []).append(key)
    teller = _Teller(flow, names or {})
    return tuple(
        Step(tuple(keys[value]), teller.label(value), teller.sentence(value))
        for value in sorted(keys, key=last.__getitem__)
    )


class _Teller(NamedTuple):
    flow: Flow
    names: Mapping[int, str]

    @property
    def graph(self) -> Graph:
        return self.flow.graph

    def label(self, value: int) -> str:
        return printable(self.names[value]) if value in self.names else called(self.graph, value)

    def named(self, value: int) -> bool:
        return value in self.names or self.graph.values[value].name is not None

    def sentence(self, value: int) -> str:
        arrival = self.flow.at(value)
        shares = [edge for edge in self.graph.consumers.get(value, ()) if self.flow.at(edge).status != "none"]
        if value == self.flow.output:
            return self.start(arrival)
        if self.changed(value, arrival, shares):
            return f"{_sentence_case(_amount(arrival))} arrives."
        if len(shares) == 1:
            return self.one_share(shares[0])
        return self.sum_of(arrival, shares)

    def start(self, arrival: Arrival) -> str:
        if _real(arrival) is None or not self.named(self.flow.output):
            return f"The pass starts here, with {_amount(arrival)}."
        loss = self.label(self.flow.output)
        if arrival.scalar == 1:
            return f"The pass starts here: ∂{loss}/∂{loss} = 1."
        return f"The pass starts here, with {_written(arrival.scalar)} in place of ∂{loss}/∂{loss} = 1."

    def changed(self, value: int, arrival: Arrival, shares: list[Edge]) -> bool:
        """Whether what arrived is not what the uses sent: a hook stands there, or they were not seen."""
        if not shares or any(self.graph.ops[edge.op].target == HOOK for edge in self.graph.consumers[value]):
            return True
        return len(shares) == 1 and not _same(self.flow.at(shares[0]), arrival)

    def one_share(self, edge: Edge) -> str:
        op = self.graph.ops[edge.op]
        share, name = self.flow.at(edge), op_name(op.target)
        received = [output for output in op.outputs if self.flow.at(output).arrived]
        if len(received) == 1 and (product := _product(self.flow.at(received[0]), share)):
            loss, output = self.label(self.flow.output), self.label(received[0])
            both = self.named(self.flow.output) and self.named(received[0])
            what = f"∂{loss}/∂{output}" if both else "what it received"
            return f"The op {name} hands on {what} times its factor: {product}."
        if share.status == "undefined":
            return f"The op {name} sends back None."
        if share.status == "zero" and any(self.flow.at(output).status == "nonzero" for output in received):
            return f"The op {name} received a gradient and sends back exactly 0."
        return f"The op {name} sends back {_amount(share)}."

    def sum_of(self, arrival: Arrival, shares: list[Edge]) -> str:
        parts = [_real(self.flow.at(edge)) for edge in shares]
        total = _real(arrival)
        numbers = [part for part in parts if part is not None]
        if total is None or len(numbers) < len(parts) or len(parts) > MOST_SHARES:
            return f"{len(shares)} shares meet here; their sum is {_amount(arrival)}."
        terms, sign = addition(numbers, total)
        return f"{len(shares)} shares meet here: {terms} {sign} {_written(total)}."


def _product(received: Arrival, share: Arrival) -> str:
    """What was received, times the factor of the op, as a calculation; ``""`` where no number says it."""
    before, after = _real(received), _real(share)
    if before is None or after is None or before == 0:
        return ""
    factors = [_written(before), _written(after / before), _written(after)]
    product = _read(factors[0]) * _read(factors[1])
    sign = "=" if math.isclose(product, _read(factors[2]), rel_tol=1e-9, abs_tol=1e-300) else "≈"
    return f"{factors[0]} × {bracketed(factors[1])} {sign} {factors[2]}"


def _amount(arrival: Arrival) -> str:
    if not arrival.finite:
        return "a gradient with NaN or inf"
    if arrival.status == "undefined":
        return "None"
    if arrival.status == "zero":
        return "a gradient that is exactly 0"
    if arrival.scalar is not None:
        return _written(arrival.scalar)
    return f"a gradient of norm {signed(number(arrival.norm))}"


def _real(arrival: Arrival) -> float | None:
    """The number of a finite one-element gradient."""
    if isinstance(arrival.scalar, int | float) and math.isfinite(arrival.scalar):
        return float(arrival.scalar)
    return None


def _same(one: Arrival, other: Arrival) -> bool:
    return (one.status, one.scalar, one.norm) == (other.status, other.scalar, other.norm) or not one.finite


def _written(value: float | complex | None) -> str:
    return signed(number(value))


def _read(text: str) -> float:
    return float(text.replace("−", "-"))


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
