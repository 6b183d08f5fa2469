"""In which state every edge and every parameter is, as a picture shows it.

Of an edge: ``reached``, ``zero``, ``undefined`` (None was first sent along this very edge), ``missing`` (a gradient
was due and none came) or ``quiet`` (none was due: data, frozen, another loss).

Of a parameter: ``reached``, ``moved``, ``unheld`` (reached, but no optimizer holds it), ``zero``, ``nonfinite``,
``undefined``, ``none`` (cut off), ``frozen``, ``quiet`` (not on the way, not asked for, never used) or, without a
flow, ``trainable``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from gradflow.flow import Flow
from gradflow.graph import Edge, Graph, Value
from gradflow.notation import count, file_line
from gradflow.picture.cuts import Writes, silent_writes, static_cuts, whole_cuts
from gradflow.picture.labels import cut_label
from gradflow.picture.sketch import Note
from gradflow.reason import Cut, Explanation, Reason
from gradflow.roster import Holders, explanations
from gradflow.stepdiff import StepDiff
from gradflow.targets import HOOK
from gradflow.verdict import Spans, verdict_spans

EDGE_STATES = ("reached", "zero", "undefined", "missing", "quiet")  # the strongest first
PARAMETER_STATES = (
    "nonfinite", "moved", "reached", "unheld", "zero", "undefined", "none", "frozen", "quiet", "trainable",
)  # fmt: skip

_OF_STATUS = {"nonzero": "reached", "zero": "zero", "undefined": "undefined"}
_OF_ARRIVAL = {"nonzero": Reason.RECEIVED, "zero": Reason.ZERO, "undefined": Reason.UNDEFINED}
_OF_REASON = {
    Reason.RECEIVED: "reached",
    Reason.ZERO: "zero",
    Reason.NONFINITE: "nonfinite",
    Reason.UNDEFINED: "undefined",
    Reason.FROZEN: "frozen",
    Reason.DETACHED: "none",
    Reason.NO_GRAD: "none",
    Reason.NOT_DIFFERENTIABLE: "none",
    Reason.LEFT_PYTORCH: "none",
    Reason.NOT_CONNECTED: "quiet",
    Reason.NOT_REQUESTED: "quiet",
    Reason.UNUSED: "quiet",
}
_CUTS = (Reason.DETACHED, Reason.NO_GRAD, Reason.NOT_DIFFERENTIABLE, Reason.LEFT_PYTORCH)
_OF_NOTE = {Reason.ZERO: "zero", Reason.UNDEFINED: "undefined", Reason.NONFINITE: "nonfinite"}
_TALLIED = {"zero": "zero", "nonfinite": "NaN", "undefined": "undefined", "none": "cut", "frozen": "frozen"}


class Parameter(NamedTuple):
    """How one parameter stands.

    Attributes:
        name: its first name.
        state: one of ``PARAMETER_STATES``.
        drift: whether it moved although no nonzero gradient arrived.
        status: what arrived, or None without a flow.
        reason: name of the Reason, or None without a flow.
    """

    name: str
    state: str
    drift: bool = False
    status: str | None = None
    reason: str | None = None

    @property
    def arrived(self) -> bool:
        """Whether it counts as reached: a finite gradient that is not all zero."""
        return self.reason == Reason.RECEIVED.name


@dataclass(frozen=True)
class Pass:
    """One backward pass with what is known around it: enough to say how everything stands.

    Attributes:
        flow: what the pass did.
        label: what its loss is called.
        holders: which optimizers hold each parameter, or None if no optimizer was given.
        step: what a step moved, or None.
        found: the explanation of each parameter.
    """

    flow: Flow
    label: str = "loss"
    holders: Holders | None = None
    step: StepDiff | None = None
    found: Mapping[str, Explanation] | None = None

    @property
    def graph(self) -> Graph:
        """What the pass ran on."""
        return self.flow.graph

    @cached_property
    def explanations(self) -> Mapping[str, Explanation]:
        """Why each parameter did or did not receive a gradient."""
        return explanations(self.flow, self.holders, self.step) if self.found is None else self.found

    @cached_property
    def verdict(self) -> Spans:
        """The pass in one sentence."""
        held = None if self.holders is None else frozenset(self.holders)
        return verdict_spans(self.flow, self.explanations, held, self.step)

    @cached_property
    def due(self) -> Due:
        """Where a gradient was due."""
        exits = self._named((Reason.LEFT_PYTORCH,)).keys()
        stops = {*self._named((*_CUTS, Reason.UNDEFINED)), *(edge.op for edge in self._writes.contents)}
        ran = {op.id for op in self.graph.ops if self._received(op.id)}
        asked = None if self.flow.inputs is None else _asked(self.graph, self.flow.inputs)
        return due(self.graph, [self.flow.output], exits, asked, stops, ran, self._writes.views)

    @cached_property
    def _writes(self) -> Writes:
        return silent_writes(self.graph)

    def _named(self, kinds: Collection[Reason]) -> dict[int, Cut]:
        """The cuts of some kinds that explanations name, by op."""
        return {cut.op: cut for one in self.explanations.values() for cut in one.cuts if cut.kind in kinds}

    @cached_property
    def _partial(self) -> frozenset[int]:
        """Ids of the ops that an explanation names, and that let other uses through."""
        named = self._named(_CUTS)
        whole = frozenset(whole_cuts(self.graph, named))
        return frozenset(op for op in named if op not in whole and self.graph.ops[op].target != HOOK)

    @cached_property
    def barred(self) -> frozenset[Edge]:
        """The uses that an op stops that lets others through."""
        writes, ops = self._writes, self.graph.ops
        of_partial = {Edge(value, op, at) for op in self._partial for at, value in enumerate(ops[op].inputs)}
        edges = (of_partial - writes.kept) | writes.contents
        return frozenset(edge for edge in edges if not self.flow.at(edge).arrived and self.due.misses(edge))

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """What is written beside ops, each once: where a gradient became zero, NaN or None, and what stopped it."""
        stops = sorted(self._partial | {edge.op for edge in self.barred})
        told = (*notes(self.flow, self.explanations.values()), *map(self._stop, stops))
        return tuple(sorted(told, key=lambda note: note.op))

    def _stop(self, op: int) -> Note:
        by, named = self.graph.ops[op], self._named(_CUTS).get(op)
        is_mode = not by.grad_enabled if named is None else named.kind is Reason.NO_GRAD
        return Note(op, "cut", by.grad_mode if is_mode else cut_label(by), file_line(by.source))

    def edge(self, edge: Edge) -> str:
        """The state of one use of a value."""
        if edge in self._writes.kept:
            return strongest([self._by_itself(edge), self._handed_on[self.graph.successors[edge.value]]])
        return self._by_itself(edge)

    def _by_itself(self, edge: Edge) -> str:
        arrived = _OF_STATUS.get(self.flow.at(edge).status)
        if arrived == "undefined" and not self._received(edge.op):
            return "missing"  # None was sent further up, and only handed on here
        return arrived or ("missing" if self.due.misses(edge) else "quiet")

    @cached_property
    def _handed_on(self) -> Mapping[int, str]:
        """What came to a value that was written to with gradients off, and with it to the value before."""
        found: dict[int, str] = {}
        for _, value in sorted(self.graph.silent, key=lambda pair: -pair[1]):
            uses = (edge for edge in self.graph.consumers.get(value, ()) if edge not in self._writes.kept)
            later = self.graph.successors.get(value)
            states = [*map(self._by_itself, uses), *([found[later]] if later is not None else [])]
            found[value] = strongest([*states, self.into_loss(value)] if value == self.flow.output else states)
        return found

    def _received(self, op: int) -> bool:
        """Whether a gradient came to an op."""
        return any(self.flow.at(value).arrived for value in self.graph.ops[op].outputs)

    def into_loss(self, value: int) -> str:
        """The state of the line from a value to the box of a loss: this one, or one that this one sums up."""
        arrived = _OF_STATUS.get(self.flow.at(value).status)
        return arrived or ("missing" if value == self.flow.output and value in self.due.past else "quiet")

    def parameter(self, name: str) -> Parameter:
        """How the parameter of that name stands."""
        name = self.graph.value(name).name or name
        found = self.explanations[name]
        state = _OF_REASON[found.reason]
        moved = self.step is not None and name in self.step and self.step.at(name).changed > 0
        if state == "reached" and moved:
            state = "moved"
        elif state == "reached" and self.holders is not None and name not in self.holders:
            state = "unheld"
        drift = moved and found.reason not in (Reason.RECEIVED, Reason.NONFINITE)
        return Parameter(name, state, drift, self.flow.at(name).status, found.reason.name)

    def nameless(self, value: int) -> Parameter:
        """How a parameter stands that has no name and so no explanation: of it only what came is known."""
        status = self.flow.at(value).status
        reason = _OF_ARRIVAL.get(status, Reason.NOT_CONNECTED)
        return Parameter(f"%{value}", _OF_REASON[reason], False, status, reason.name)


class Due(NamedTuple):
    """Where a gradient is due: along each edge from one of ``values`` into one of ``ops``.

    Attributes:
        values: ids of the values that depend on something trainable.
        ops: ids of the ops that lead to the loss.
        before: of these, ids of those that stop a gradient, and of those to which none came because of one.
        past: ids of the values without a history that come after one.
        aside: uses along which none is due all the same.
    """

    values: frozenset[int]
    ops: frozenset[int]
    before: frozenset[int] = frozenset()
    past: frozenset[int] = frozenset()
    aside: frozenset[Edge] = frozenset()

    def misses(self, edge: Edge) -> bool:
        """Whether something stands on the way of the gradient that was due on an edge along which none came."""
        on_the_way = edge.value in self.values and edge.op in self.ops and edge not in self.aside
        return on_the_way and (edge.op in self.before or edge.value in self.past)


def due(
    graph: Graph,
    outputs: Iterable[int],
    exits: Iterable[int] = (),
    asked: Iterable[int] | None = None,
    stops: Iterable[int] = (),
    ran: Collection[int] = (),
    aside: Collection[Edge] = (),
) -> Due:
    """Where a gradient is due if one starts from some values: across cuts, and across numbers that left.

    Args:
        graph: what was computed.
        outputs: ids of the values that it starts from.
        exits: ids of ops at which a number left whose way to the loss was not seen.
        asked: ids of the values that ``inputs=`` asked for; None for everything trainable.
        stops: ids of ops that are known to stop a gradient, besides those that do by what they are.
        ran: ids of ops to which a gradient came: what they did not send on was not due, but for the stops.
        aside: uses along which none is ever due.
    """
    values, ops = _depending(graph, asked), _leading(graph, outputs, exits)
    stopping = {*static_cuts(graph), *stops}
    before, past = _before(graph, stopping & ops, ops - set(ran), aside), _past(graph, stopping, values)
    return Due(frozenset(values), frozenset(ops), frozenset(before), frozenset(past), frozenset(aside))


def _before(graph: Graph, stops: Collection[int], ops: Collection[int], aside: Collection[Edge]) -> set[int]:
    """Ids of the stops, and of those ops from which a way leads to one of them."""
    before, resumed = set(stops), set[int]()
    for op in reversed(graph.ops):
        if op.id not in ops and op.id not in before:
            continue
        uses = (edge for value in op.outputs for edge in graph.consumers.get(value, ()))
        if op.id in resumed or any(use.op in before and use not in aside for use in uses):
            before.add(op.id)
        if op.id in before:
            resumed.update(op.reenters or ())
    return before


def _past(graph: Graph, stops: Collection[int], values: Collection[int]) -> set[int]:
    """Ids of the values without a history that something came to through a stop."""
    past, left = set[int](), set[int]()
    for op in graph.ops:
        stopped = op.id in stops and any(value in values for value in op.inputs)
        if stopped or not past.isdisjoint(op.inputs) or not left.isdisjoint(op.reenters or ()):
            past.update(value for value in op.outputs if not graph.values[value].requires_grad)
            if not op.outputs:
                left.add(op.id)
    return past


def _depending(graph: Graph, asked: Iterable[int] | None = None) -> set[int]:
    """Ids of the values that depend on something trainable, or on what was asked for."""
    given = (value for value in graph.values if value.requires_grad and value.id not in graph.producers)
    below = {value.id for value in given} if asked is None else set(asked)
    left: set[int] = set()
    for op in graph.ops:
        led = [value for value in op.inputs if value in below]
        if not left.isdisjoint(op.reenters or ()) or any(graph.successors.get(v) not in op.outputs for v in led):
            below.update(op.outputs)
            if not op.outputs:
                left.add(op.id)
        else:  # nothing, or only what was written to: that stays what it is
            below.update(graph.successors[value] for value in led)
    return below


def _leading(graph: Graph, outputs: Iterable[int], exits: Iterable[int]) -> set[int]:
    """Ids of the ops that some values were computed by, through numbers as well."""
    above, up, resumed = set(outputs), set[int](), set(exits)
    before = {after: value for value, after in graph.silent}
    for op in reversed(graph.ops):
        above.update(before[value] for value in op.outputs if value in above and value in before)
        if not above.isdisjoint(op.outputs) or op.id in resumed:
            up.add(op.id)
            above.update(op.inputs)
            resumed.update(op.reenters or ())
    return up


def _asked(graph: Graph, names: Iterable[str]) -> set[int]:
    ids = (int(name[1:]) if name.startswith("%") else graph.names.get(name) for name in names)
    return {version for value in ids if value is not None for version in graph.versions(value)}


def dependent(graph: Graph) -> frozenset[int]:
    """Ids of the values that depend on something trainable, which is where a cut is one."""
    return frozenset(_depending(graph))


def at_rest(value: Value) -> Parameter:
    """How a parameter stands as long as no gradient was asked for."""
    return Parameter(value.name or f"%{value.id}", "trainable" if value.requires_grad else "frozen")


def strongest(states: Iterable[str]) -> str:
    """The state that is shown where several meet.

    >>> strongest(["quiet", "zero", "missing"])
    'zero'
    """
    return min(states, key=EDGE_STATES.index, default="quiet")


def merged(parameters: Sequence[Parameter]) -> Parameter:
    """How a parameter stands after several passes: the strongest of its states."""
    return min(parameters, key=lambda parameter: PARAMETER_STATES.index(parameter.state))


def tally(parameters: Sequence[Parameter], full: bool = False) -> str:
    """How many of some parameters were reached, in a few words.

    >>> reached, frozen = Parameter("a", "reached", reason="RECEIVED"), Parameter("b", "frozen", reason="FROZEN")
    >>> tally([reached, frozen]), tally([reached] * 12), tally([frozen] * 2), tally([reached, frozen], full=True)
    ('1 of 2', 'all 12', '2 frozen', '1 of 2 · 1 frozen')
    """
    if not parameters:
        return ""
    total, arrived = len(parameters), sum(parameter.arrived for parameter in parameters)
    others = Counter(_TALLIED[one.state] for one in parameters if one.state in _TALLIED)
    if all(parameter.state == "trainable" for parameter in parameters):
        return count(total, "parameter")
    if arrived == total > 1:
        return f"all {total:,}"
    if max(others.values(), default=0) == total:
        return f"{total:,} {next(iter(others))}"
    if parameters[0].reason is None:
        return f"{count(total, 'parameter')}, {others['frozen']:,} frozen"
    words = [f"{arrived:,} of {total:,}"]
    if full:
        words += [f"{others[word]:,} {word}" for word in _TALLIED.values() if others[word]]
    return " · ".join(words)


def notes(flow: Flow, found: Iterable[Explanation]) -> tuple[Note, ...]:
    """What is written beside the ops at which a gradient became zero, NaN or None, each once."""
    graph, marked = flow.graph, {cut.op: cut for one in found for cut in one.cuts if cut.kind in _OF_NOTE}
    return tuple(
        Note(op, _OF_NOTE[cut.kind], _title(flow, cut), file_line(graph.ops[op].source))
        for op, cut in sorted(marked.items())
    )


def _title(flow: Flow, cut: Cut) -> str:
    if cut.kind is Reason.UNDEFINED:
        return "backward returned None"
    if cut.target == HOOK:
        return "a hook made it 0" if cut.kind is Reason.ZERO else "a hook made it NaN or inf"
    if cut.kind is Reason.NONFINITE:
        return "NaN or inf is born here"
    inputs = enumerate(flow.graph.ops[cut.op].inputs)
    if not any(flow.at(Edge(value, cut.op, position)).status == "zero" for position, value in inputs):
        return "the gradients cancel" if _meet(flow, cut) else "a hook made it 0"
    return _FLATTENED.get(cut.target.rstrip("_"), _sent_zeros)(flow, cut)


def _meet(flow: Flow, cut: Cut) -> bool:
    """Whether the value that got zero from this op got gradients along other uses as well."""
    values = [value for value in flow.graph.ops[cut.op].inputs if flow.at(value).status == "zero"]
    return any(sum(flow.at(use).arrived for use in flow.graph.consumers[value]) > 1 for value in values)


Title = Callable[[Flow, Cut], str]


def _sent_zeros(flow: Flow, cut: Cut) -> str:
    return "sent back only 0"


def _wherever(word: str) -> Title:
    """Every entry is so, if a gradient arrived at every entry; else all of those at which one did."""

    def title(flow: Flow, cut: Cut) -> str:
        supports = [flow.at(value).support for value in flow.graph.ops[cut.op].outputs]
        return f"every entry {word}" if supports == [1.0] else f"{word} wherever reached"

    return title


def _always(words: str) -> Title:
    return lambda flow, cut: words


def _times(flow: Flow, cut: Cut) -> str:
    numbers = [flow.graph.values[value].scalar for value in flow.graph.ops[cut.op].inputs]
    return "times 0" if any(number == 0 and number is not None for number in numbers) else _sent_zeros(flow, cut)


_FLATTENED: dict[str, Title] = (
    dict.fromkeys(("relu", "relu6", "threshold"), _wherever("dead"))
    | dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max", "hardtanh"), _wherever("clamped"))
    | dict.fromkeys(("hardswish", "hardsigmoid"), _wherever("flat"))
    | dict.fromkeys(("softshrink", "hardshrink"), _wherever("shrunk to 0"))
    | dict.fromkeys(("dropout", "alpha_dropout", "feature_dropout"), _wherever("dropped"))
    | dict.fromkeys(("where", "masked_fill"), _wherever("masked out"))
    | dict.fromkeys(("setitem", "__setitem__", "copy", "fill", "zero"), _wherever("overwritten"))
    | dict.fromkeys(("round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "heaviside"), _always("slope 0"))
    | dict.fromkeys(("mul", "multiply"), _times)
)
