"""What a picture knows of its graph: the state of everything, after no, one or several backward passes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from gradflow.graph import Edge, Graph
from gradflow.picture.states import Parameter, Pass, at_rest, dependent, merged, strongest
from gradflow.reason import Reason

Data = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class View:
    """A graph and the passes over it.

    Attributes:
        graph: what was computed.
        passes: none, or one for each loss.
    """

    graph: Graph
    passes: tuple[Pass, ...] = ()

    @cached_property
    def dependent(self) -> frozenset[int]:
        """Ids of the values on whose way bars stand for something: they depend on something trainable."""
        return dependent(self.graph)

    @cached_property
    def written(self) -> frozenset[int]:
        """Ids of the values that a write with gradients off made: they keep the history that they had."""
        return self.graph.rewritten

    def edges(self, edges: Iterable[Edge]) -> tuple[str, str]:
        """The state of some uses of a value, and which of two losses reached one of them."""
        uses = tuple(edges)
        return _together([strongest(one.edge(edge) for edge in uses) for one in self.passes])

    def into_loss(self, value: int) -> tuple[str, str]:
        """The same of the line into the box of a loss."""
        return _together([one.into_loss(value) for one in self.passes])

    def parameter(self, value: int) -> Parameter:
        """How the parameter stands that a value is."""
        found = self._after_each(value)
        return merged(found) if found else at_rest(self.graph.values[value])

    def _after_each(self, value: int) -> list[Parameter]:
        name = self.graph.values[value].name
        return [one.parameter(name) if name else one.nameless(value) for one in self.passes]

    def loss(self, value: int | None) -> str:
        """How the box of a loss is drawn: ``loss``, ``second``, or ``end`` if no pass started there.

        A pass that starts from a sum of losses starts from each of them.
        """
        if not self.passes or value is None:
            return "loss"
        started = [one.flow.output == value for one in self.passes]
        if not any(started):
            started = [one.flow.at(value).arrived for one in self.passes]
        is_second = len(started) == 2 and started == [False, True]
        return "end" if not any(started) else "second" if is_second else "loss"

    def edge_data(self, edge: Edge) -> Data:
        """The data of one use of a value."""
        statuses = [one.flow.at(edge).status for one in self.passes]
        position = (("value", str(edge.value)), ("op", str(edge.op)), ("position", str(edge.position)))
        return position + _status(statuses)

    def result_data(self, value: int, is_loss: bool) -> Data:
        """The data of the line into a loss, or into a named result, from which nothing comes back."""
        statuses = [one.flow.at(value).status if is_loss else "none" for one in self.passes]
        return (("value", str(value)), *_status(statuses))

    def parameter_data(self, value: int) -> Data:
        """The data of a parameter: what arrived, and why."""
        name, passes = self.graph.values[value].name, self._after_each(value)
        known: Data = (("name", name or f"%{value}"),)
        if passes:
            known += _status([one.status or "none" for one in passes])
            known += (("reason", " ".join(one.reason or Reason.UNUSED.name for one in passes)),)
        return (*known, ("value", str(self.graph.names[name] if name else value)))


def _status(statuses: Sequence[str]) -> Data:
    return (("status", " ".join(statuses)),) if statuses else ()


def _together(states: Sequence[str]) -> tuple[str, str]:
    """The strongest of the states of several passes; and which of two reached."""
    state = strongest(states)
    if state != "reached" or len(states) != 2:
        return state, ""
    reached = [index for index, one in enumerate(states) if one == "reached"]
    return state, "both" if len(reached) > 1 else ("hollow" if reached == [1] else "solid")
