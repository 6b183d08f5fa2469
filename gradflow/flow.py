"""What one backward pass sent along each edge of a graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from gradflow.errors import unknown_name
from gradflow.graph import Edge, Graph, Scalar

STATUSES = ("nonzero", "zero", "undefined", "none")


class Arrival(NamedTuple):
    """The gradient that arrived at a value, or one edge's share of it.

    Attributes:
        status: ``nonzero`` (also NaN and inf), ``zero`` (arrived, every entry exactly 0), ``undefined``
            (a backward node sent None) or ``none`` (nothing was sent). ``.grad`` is None exactly for the
            last two.
        norm: 2-norm; 0.0 for ``zero``, None where nothing arrived.
        support: share of the entries that are not zero; None where nothing arrived or it was not counted.
        scalar: the signed number of a one-element gradient, else None.
    """

    status: str
    norm: float | None = None
    support: float | None = None
    scalar: Scalar = None

    @property
    def arrived(self) -> bool:
        """Whether ``.grad`` is a tensor, zero or not."""
        return self.status in ("nonzero", "zero")

    @property
    def finite(self) -> bool:
        """Whether neither NaN nor inf arrived."""
        return self.norm is None or math.isfinite(self.norm)


NONE = Arrival("none")


@dataclass(frozen=True)
class Flow:
    """What one backward pass did on a graph.

    Attributes:
        graph: the graph it ran on.
        output: id of the value that it started from.
        arrivals: ``(value id, Arrival)`` and ``(Edge, Arrival)`` in the order in which the engine reached
            them; what is absent got nothing.
        inputs: the names asked for by ``inputs=``, or None if all leaves were.
        seeded: False where nothing could run because the output does not require grad.

    >>> from gradflow.graph import Value
    >>> w = Value(0, "w", "parameter", (2,), "float32", True)
    >>> flow = Flow(Graph((w,), ()), 0, ((0, Arrival("zero", 0.0, 0.0)),))
    >>> flow.at("w").status
    'zero'
    """

    graph: Graph
    output: int
    arrivals: tuple[tuple[int | Edge, Arrival], ...]
    inputs: tuple[str, ...] | None = None
    seeded: bool = True

    def __repr__(self) -> str:
        reached = sum(self.at(name).arrived for name in self.graph.parameter_names())
        return f"<Flow: {reached} of {len(self.graph.parameter_names())} parameters reached>"

    @cached_property
    def _by_key(self) -> dict[int | Edge, Arrival]:
        return dict(self.arrivals)

    def at(self, key: str | int | Edge) -> Arrival:
        """The gradient that arrived at a named value, at a value id, or along an edge.

        Raises:
            GradflowError: no value has that name; the nearest names are offered.
        """
        if isinstance(key, str):
            key = self.graph.value(key).id
        elif not isinstance(key, (int, Edge)):
            raise unknown_name(key, self.graph.names)
        return self._by_key.get(key, NONE)
