"""Several backward passes over one graph."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gradflow.errors import GradflowError, unknown_name
from gradflow.flow import NONE, Arrival, Flow
from gradflow.graph import Graph
from gradflow.notation import arrival, printable, table


@dataclass(frozen=True)
class Comparison:
    """What each of several losses sent to each parameter.

    Attributes:
        flows: ``(label, Flow)`` in the order given.
    """

    flows: tuple[tuple[str, Flow], ...]

    @property
    def graph(self) -> Graph:
        """The graph that all flows are over, as it was for the last of them."""
        return max((flow.graph for _, flow in self.flows), key=lambda graph: len(graph.values))

    @property
    def losses(self) -> tuple[str, ...]:
        """The labels of the flows, in the order given."""
        return tuple(label for label, _ in self.flows)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters, in the order of the trace."""
        return self.graph.parameter_names()

    @cached_property
    def _by_label(self) -> dict[str, Flow]:
        return dict(self.flows)

    def at(self, loss: str, name: str) -> Arrival:
        """The gradient that one of the losses sent to a named value.

        Raises:
            GradflowError: there is no such loss or value; the nearest names are offered.
        """
        if not isinstance(loss, str) or loss not in self._by_label:
            raise unknown_name(loss, self.losses, "loss")
        flow = self._by_label[loss]
        if isinstance(name, str) and name not in flow.graph.names and name in self.graph.names:
            return NONE  # it came into the trace after this loss
        return flow.at(name)

    def __str__(self) -> str:
        """One line for each parameter, one column for each loss."""
        rows = [("parameter", *map(printable, self.losses))]
        for name in self.names:
            rows.append((printable(name), *(arrival(self.at(loss, name)) for loss in self.losses)))
        return "\n".join(table(rows, right=range(1, len(self.flows) + 1)))

    def __repr__(self) -> str:
        return f"<Comparison: {', '.join(self.losses)}>"


def compare(*args: object, **flows: Flow) -> Comparison:
    """Set the flows of several losses of one trace side by side.

    Raises:
        GradflowError: no flows were given, one is not a Flow or has no label, or they are not all over
            the same graph.

    >>> import torch, gradflow as gf
    >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> with gf.trace(a=a, b=b) as t:
    ...     task, penalty = (a * b).sum(), a.sum()
    >>> print(gf.compare(task=t.flow(task), penalty=t.flow(penalty)).at("penalty", "b").status)
    none
    """
    if args or not flows:
        given = f"{len(args)} without a label" if args else "none"
        raise GradflowError(
            f"compare() takes flows by keyword, but got {given}. "
            "Label each loss: gf.compare(task=t.flow(task), penalty=t.flow(penalty))"
        )
    for label, flow in flows.items():
        if not isinstance(flow, Flow):
            raise GradflowError(
                f"compare({label}=...) got {type(flow).__name__}; expected a Flow, as t.flow(loss) gives it."
            )
    (first, reference), *others = flows.items()
    for label, flow in others:
        if flow.graph is not reference.graph and not of_one_trace(flow.graph, reference.graph):
            raise _different(first, reference.graph, label, flow.graph)
    return Comparison(tuple(flows.items()))


def of_one_trace(a: Graph, b: Graph) -> bool:
    """Whether two graphs are equal, or one is the beginning of the other."""
    small, large = sorted((a, b), key=lambda graph: (len(graph.ops), len(graph.values)))
    return small.ops == large.ops[: len(small.ops)] and small.values == large.values[: len(small.values)]


def _different(first: str, one: Graph, second: str, other: Graph) -> GradflowError:
    return GradflowError(
        f'these flows come from different traces: "{first}" has {len(one.ops)} ops, '
        f'"{second}" has {len(other.ops)}.\n'
        "Trace once, then call flow() for each loss:\n"
        "    with gf.trace(model) as t: ...\n"
        f"    gf.compare({first}=t.flow({first}), {second}=t.flow({second}))"
    )
