"""Why a parameter did or did not receive a gradient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gradflow.errors import GradflowError
from gradflow.flow import Arrival, Flow
from gradflow.graph import Edge, Graph, Op, Value
from gradflow.notation import listed, number, percent, printable
from gradflow.optimizer import held
from gradflow.reason import Cause, Cut, Explanation, Reason, causes
from gradflow.targets import ARRAY_EXITS, BRANCH_EXITS, DETACHING, DETACHING_UNLESS_TRACKED, EXITS, FLAT, HOOK
from gradflow.ways import bits, ways_to

_BRANCH = re.compile(r"^(if|elif|while)\b|\sif\s")


def explain(flow: Flow, name: str, *, optimizer: object = None, step: Any = None) -> Explanation:
    """Say why the value of that name did or did not receive a gradient, and what to do about it.

    Args:
        flow: one observed backward pass.
        name: a parameter, buffer, input or named value.
        optimizer: one, a list, ``{"opt_G": …}`` or a set of names: also say whether it holds the parameter.
        step: a ``StepDiff``: also say whether the parameter moved.

    Raises:
        GradflowError: no value has that name; the nearest names are offered.

    >>> import torch, gradflow as gf
    >>> a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    >>> with gf.trace(a=a, b=b) as t:
    ...     loss = (a.detach() * b).sum()
    >>> gf.explain(t.flow(loss), "a").reason
    Reason.DETACHED
    """
    return explain_all(flow, (name,), optimizer=optimizer, step=step)[name]


def explain_all(
    flow: Flow, names: Iterable[str], *, optimizer: object = None, step: Any = None
) -> dict[str, Explanation]:
    """What :func:`explain` says of each of several names, found in one walk over the graph."""
    values = {name: flow.graph.value(name) for name in names}
    if step is not None and not (hasattr(step, "at") and hasattr(step, "moved")):
        raise GradflowError(
            f"step= got {type(step).__name__}; expected what gf.diff(before, gf.snapshot(model)) gives."
        )
    holds = held(flow.graph, optimizer)
    found = _findings(flow, values.values())
    explanations = {}
    for name, value in values.items():
        finding = replace(found[value.id], asked=name)
        sentence, advice = _SENTENCES[finding.reason](finding)
        extra = _about_step(finding, None if holds is None else value.name in holds, step)
        explanations[name] = Explanation(name, finding.reason, finding.cuts, " ".join([sentence, *extra]), advice)
    return explanations


@dataclass(frozen=True)
class _Finding:
    """What was found out about one value, before it is put into words."""

    flow: Flow
    value: Value
    reason: Reason
    cuts: tuple[Cut, ...] = ()
    certain: bool = True  # False where a number's way back was guessed
    asked: str = ""  # the name asked for, which may be another one of a shared parameter

    @property
    def name(self) -> str:
        own = self.value.name or f"%{self.value.id}"
        return printable(own if self.asked in ("", own) else f"{self.asked} (= {own})")

    @property
    def arrival(self) -> Arrival:
        return self.flow.at(self.value.id)


def _findings(flow: Flow, values: Iterable[Value]) -> dict[int, _Finding]:
    """The first reason that holds of each value, by its id."""
    reasons = [(value, _reason_by_itself(flow, value)) for value in values]
    culprits = {kind: _culprits(flow, bad) for kind, bad in _BAD.items() if any(kind is r for _, r in reasons)}
    found = {}
    for value, reason in reasons:
        if reason is not None:
            cuts = _culprit(flow, value, reason, culprits[reason]) if reason in culprits else ()
            found[value.id] = _Finding(flow, value, reason, cuts)
    return found | _stopped(flow, [value for value, reason in reasons if reason is None])


def _reason_by_itself(flow: Flow, value: Value) -> Reason | None:
    """The reason, if it needs no look at the ways from the value to the output."""
    graph, arrival = flow.graph, flow.at(value.id)
    if arrival.status == "nonzero":
        return Reason.RECEIVED if arrival.finite else Reason.NONFINITE
    if arrival.status == "zero":
        return Reason.ZERO
    if not value.requires_grad and value.kind != "intermediate":
        return Reason.FROZEN
    if flow.inputs is not None and not {value.name or f"%{value.id}"} & set(flow.inputs):
        return Reason.NOT_REQUESTED
    uses = (edge for version in graph.versions(value.id) for edge in graph.consumers.get(version, ()))
    if all(graph.ops[edge.op].target == HOOK for edge in uses):
        return Reason.UNUSED
    return Reason.UNDEFINED if arrival.status == "undefined" else None


def _stopped(flow: Flow, values: Sequence[Value]) -> dict[int, _Finding]:
    """Of values from which gradients were due: the cuts on their ways to the output, or that there is no way."""
    if not values:
        return {}
    starts = [flow.graph.versions(value.id) for value in values]
    ways = ways_to(flow.graph, flow.output, starts)
    cuts = _by_start(ways.judged(partial(_cut, flow)), len(values))
    found = {}
    for i, first in ways.firsts().items():
        # without a cut there is an op that nothing gives away: the first one that did not send on
        named = cuts[i] or (Cut(Reason.NOT_DIFFERENTIABLE, first.target, first.source, first.code, first.id),)
        found[values[i].id] = _Finding(flow, values[i], named[0].kind, named)
    return found | _left_pytorch(flow, [value for value in values if value.id not in found])


def _by_start(found: Iterable[tuple[Cut, int]], starts: int) -> list[tuple[Cut, ...]]:
    """The cuts of each start."""
    cuts: list[list[Cut]] = [[] for _ in range(starts)]
    for cut, mask in found:
        for i in bits(mask):
            cuts[i].append(cut)
    return [tuple(some) for some in cuts]


def _left_pytorch(flow: Flow, values: Sequence[Value]) -> dict[int, _Finding]:
    """Of values without a way: whether there is one through numbers outside PyTorch, which then is the cut."""
    found: dict[int, _Finding] = {}
    for certain in (True, False):
        left = [value for value in values if value.id not in found]
        if not left:
            break
        starts = [flow.graph.versions(value.id) for value in left]
        ways = ways_to(flow.graph, flow.output, starts, _ways_back(flow.graph, certain))
        for value, cuts in zip(left, _by_start(ways.judged(partial(_exit_or_cut, flow)), len(left)), strict=True):
            if cuts:
                found[value.id] = _Finding(flow, value, Reason.LEFT_PYTORCH, cuts, certain)
    return {value.id: _Finding(flow, value, Reason.NOT_CONNECTED) for value in values} | found


def _ways_back(graph: Graph, certain: bool) -> dict[int, list[int]]:
    """From each op at which a number left PyTorch, the later ops that took it back, or may have."""
    exits = [op for op in graph.ops if op.target in EXITS and not op.outputs]
    return {
        exit_.id: [op.id for op in graph.ops[exit_.id + 1 :] if _returns(graph, exit_, op, certain)] for exit_ in exits
    }


def _returns(graph: Graph, exit_: Op, later: Op, certain: bool) -> bool:
    """Whether a later op took the number that left at an exit; if not ``certain``, whether it may have."""
    if later.reenters and exit_.id in later.reenters:
        return True
    if certain or not later.outputs:
        return False
    if exit_.code.startswith("assert "):
        return False  # it chooses no branch
    if exit_.target in BRANCH_EXITS or _BRANCH.search(exit_.code):
        return True
    if later.reenters == ():
        return True
    return exit_.target in ARRAY_EXITS and any(
        graph.values[v].kind == "constant" and graph.consumers[v][0].op > exit_.id for v in later.inputs
    )


def _exit_or_cut(flow: Flow, op: Op, edges: list[Edge], outputs: list[Value]) -> Cut | None:
    """The cut that an op makes on a way that may lead through numbers."""
    if op.target in EXITS and not op.outputs:
        return Cut(Reason.LEFT_PYTORCH, op.target, op.source, op.code, op.id)
    return None if _only_feeds_exits(flow.graph, op) else _cut(flow, op, edges, outputs)


def _only_feeds_exits(graph: Graph, op: Op) -> bool:
    """Whether an op belongs to the exit behind it: the ``detach`` before ``.numpy()``, the ``>`` of an ``if``."""
    uses = [edge for output in op.outputs for edge in graph.consumers.get(output, ())]
    if not uses or any(graph.ops[edge.op].target not in EXITS for edge in uses):
        return False
    return op.target in DETACHING or not any(_continuous(graph.values[output]) for output in op.outputs)


def _cut(flow: Flow, op: Op, edges: list[Edge], outputs: list[Value]) -> Cut | None:
    """The cut that an op makes by itself between those edges and outputs, or None."""
    kind, target = _kind_of_cut(flow, op, edges, outputs), op.target
    if kind is Reason.NO_GRAD:
        target = op.grad_mode
    return kind and Cut(kind, target, op.source, op.code, op.id)


def _kind_of_cut(flow: Flow, op: Op, edges: list[Edge], outputs: list[Value]) -> Reason | None:
    values = flow.graph.values
    tracked = any(output.requires_grad for output in outputs)
    if op.target in DETACHING or (op.target in DETACHING_UNLESS_TRACKED and not tracked):
        return Reason.DETACHED
    if not op.grad_enabled:
        return Reason.NO_GRAD
    if any(_continuous(values[edge.value]) for edge in edges) and not any(map(_continuous, outputs)):
        return Reason.NOT_DIFFERENTIABLE
    sources = [edge for edge in edges if values[edge.value].requires_grad]
    if sources and not tracked:
        return Reason.NOT_DIFFERENTIABLE
    if any(flow.at(output.id).arrived for output in outputs):
        statuses = {flow.at(edge).status for edge in sources}
        if "undefined" in statuses:
            return Reason.UNDEFINED
        if "none" in statuses:
            return Reason.NOT_DIFFERENTIABLE
    return None


def _continuous(value: Value) -> bool:
    return value.dtype.startswith(("float", "bfloat", "complex"))


def _is_zero(arrival: Arrival) -> bool:
    return arrival.status == "zero"


def _is_infinite(arrival: Arrival) -> bool:
    return not arrival.finite


def _is_undefined(arrival: Arrival) -> bool:
    return arrival.status == "undefined"


_BAD: dict[Reason, Callable[[Arrival], bool]] = {
    Reason.NONFINITE: _is_infinite,
    Reason.ZERO: _is_zero,
    Reason.UNDEFINED: _is_undefined,
}


def _culprit(flow: Flow, value: Value, kind: Reason, culprits: Mapping[int, tuple[int, str]]) -> tuple[Cut, ...]:
    """The op that received something good and sent something bad towards the value."""
    found = [culprits[version] for version in flow.graph.versions(value.id) if version in culprits]
    if not found:
        return ()
    op, target = min(found)
    return (Cut(kind, target, flow.graph.ops[op].source, flow.graph.ops[op].code, op),)


def _culprits(flow: Flow, bad: Callable[[Arrival], bool]) -> dict[int, tuple[int, str]]:
    """By value, the first op below it that received something good and sent something bad towards it."""
    graph = flow.graph
    culprits: dict[int, tuple[int, str]] = {}

    def blame(value: int, found: Iterable[tuple[int, str]]) -> None:
        first = min(found, default=None)
        if first is not None:
            culprits[value] = min(first, culprits.get(value, first))

    def look_at(value: int) -> None:
        spoiled = any(bad(flow.at(edge)) for edge in graph.consumers.get(value, ()))
        if value not in graph.successors and not spoiled and bad(flow.at(value)):
            blame(value, _spoiled_here(flow, value))

    for op in reversed(graph.ops):
        for value in op.outputs:
            look_at(value)
        received = [v for v in op.outputs if flow.at(v).status != "none"]
        ruined = [w for v in received if bad(flow.at(v)) for w in graph.versions(v)]
        here = [(op.id, op.target)] if not received or any(not bad(flow.at(v)) for v in received) else []
        for position, value in enumerate(op.inputs):
            if bad(flow.at(Edge(value, op.id, position))):
                blame(value, [*here, *(culprits[w] for w in ruined if w in culprits)])
    for leaf in graph.values:
        if leaf.id not in graph.producers:
            look_at(leaf.id)
    return culprits


def _spoiled_here(flow: Flow, value: int) -> list[tuple[int, str]]:
    """Good gradients arrived along every edge, and their sum is bad: a hook, or they cancel."""
    graph = flow.graph
    uses = graph.consumers.get(value, ())
    hooks = [edge.op for edge in uses if graph.ops[edge.op].target == HOOK]
    arrived = [edge.op for edge in uses if flow.at(edge).arrived]
    if hooks:
        return [(hooks[-1], HOOK)]
    return [(arrived[-1], graph.ops[arrived[-1]].target)] if arrived else []


Words = tuple[str, str]


def _received(f: _Finding) -> Words:
    size = number(f.arrival.norm)
    share = "" if f.arrival.support is None else f", {percent(f.arrival.support)} of its entries nonzero"
    return f"{f.name} received a gradient: norm {size}{share}.", ""


def _zero(f: _Finding) -> Words:
    start = f"{f.name} received a gradient that is exactly 0 everywhere"
    if _is_zero(f.flow.at(f.flow.output)):
        return f"{start}, as the gradient= that the pass was started with is.", "Start it with another gradient=."
    if not f.cuts:
        return f"{start}.", _OUTSIDE_HOOK
    cut = f.cuts[0]
    if cut.target == HOOK:
        return f"{start}: a gradient hook made it so, at {_place(cut)}.", _OWN_HOOK
    spoiled = _spoiled_after(f, cut, _is_zero)
    if spoiled == 1:
        return f"{start}: a gradient hook made it so, on what comes back from {_named(cut)}.", _OUTSIDE_HOOK
    if spoiled:
        return (
            f"{start}: the gradients from its uses cancel, the last of them in {_named(cut)}.",
            "Detach one of the uses if only the other should teach it.",
        )
    where = printable(cut.target)
    cure = f"Look at the values that enter {where}: all lie where its slope is 0."
    if cut.target.rstrip("_") not in FLAT:
        does = "multiplies it by 0, overwrites it, leaves it out, or sends zeros back"
        cure = f"Look at what {where} does with it: {does}."
    return f"{start}: {_named(cut)} sent zeros where it received a gradient.", cure


def _nonfinite(f: _Finding) -> Words:
    start = f"{f.name} received a gradient with NaN or inf"
    if not f.cuts:
        return f"{start}, as the loss's own gradient did.", "Check gradient= and the loss itself."
    cut = f.cuts[0]
    if cut.target == HOOK:
        return f"{start}: a gradient hook made it so, at {_place(cut)}.", _OWN_HOOK
    if _spoiled_after(f, cut, _is_infinite):
        return f"{start}: a gradient hook made it so, on what comes back from {_named(cut)}.", _OUTSIDE_HOOK
    return (
        f"{start}: it was born in the backward of {_named(cut)}.",
        f"Look at the values that enter {printable(cut.target)}: NaN or inf among them, or a point where its slope "
        "is infinite (clamp them, or add a small constant).",
    )


_OWN_HOOK = "Remove the hook, or let it keep the gradient."
_OUTSIDE_HOOK = "Look at the gradient hooks that were registered before the trace."


def _spoiled_after(f: _Finding, cut: Cut, bad: Callable[[Arrival], bool]) -> int:
    """How many good gradients met at a value the op took, to give a bad one; 0 if the op itself sent a bad one."""
    graph, flow = f.flow.graph, f.flow
    inputs = graph.ops[cut.op].inputs
    if any(bad(flow.at(Edge(value, cut.op, p))) for p, value in enumerate(inputs)):
        return 0
    spoiled = next((value for value in inputs if bad(flow.at(value))), None)
    return 0 if spoiled is None else sum(flow.at(edge).arrived for edge in graph.consumers[spoiled])


def _undefined(f: _Finding) -> Words:
    if not f.cuts:
        return f"{f.name} gets no gradient: a backward node sent None to it.", "Look at custom backward functions."
    return (
        f"{f.name} gets no gradient: the backward of {_named(f.cuts[0])} returned None for it.",
        "Return a gradient from its backward for every input that should learn.",
    )


def _frozen(f: _Finding) -> Words:
    if f.value.kind in ("input", "buffer", "constant"):
        return f"{f.name} is {_article(f.value.kind)} that does not require grad, so no gradient is due.", (
            f"Call {f.name}.requires_grad_() before the forward pass if you want its gradient."
        )
    return f"{f.name} is frozen: its requires_grad is False.", (
        "Call requires_grad_(True) on it before the forward pass if it should learn."
    )


def _not_requested(f: _Finding) -> Words:
    names = ["an unnamed tensor" if name.startswith("%") else printable(name) for name in f.flow.inputs or ()]
    asked = listed(names, most=4)
    return f"{f.name} gets no gradient: inputs= asked only for {asked}.", "Add it to inputs= if it should get one."


def _unused(f: _Finding) -> Words:
    return f"{f.name} is not used: no operation of this trace took it.", (
        "Call the module that owns it in the forward pass, or remove it; what another thread computes is not seen."
    )


def _not_connected(f: _Finding) -> Words:
    return f"{f.name} is used, but nothing computed from it leads to this loss.", (
        "Add what depends on it to the loss, or look at the loss that it is meant for."
    )


def _left(f: _Finding) -> Words:
    exits = [cut for cut in f.cuts if cut.kind is Reason.LEFT_PYTORCH]
    others = [cut for cut in f.cuts if cut.kind is not Reason.LEFT_PYTORCH]
    way = f"{_causes(exits)}, and came back as a plain number"
    if not f.certain:
        way = f"{_causes(exits)}, and may have come back as a plain number or as a choice of branch"
    more = f" On the way it is also cut by {_causes(others)}." if others else ""
    verb = "left" if f.certain else "may have left"
    return f"{f.name} gets no gradient: its value {verb} PyTorch by {way}.{more}", (
        "Keep the tensor instead of the number, and compute with PyTorch functions all the way."
    )


def _cut_off(f: _Finding) -> Words:
    if f.cuts[0].kind is Reason.NOT_DIFFERENTIABLE and f.cuts[0].target in ("grad", "torch.func"):
        return f"{f.name} gets no gradient: what {_named(f.cuts[0])} computed does not depend on it.", (
            "Nothing is wrong: the derivative that was taken there is the same whatever its value is."
        )
    verb = "cuts" if len(causes(f.cuts)) == 1 else "cut"
    return f"{f.name} gets no gradient: {_causes(f.cuts)} {verb} its way from the loss.", _CURES.get(
        f.cuts[0].target, _CURES_BY_KIND[f.cuts[0].kind]
    )


_SENTENCES: dict[Reason, Callable[[_Finding], Words]] = {
    Reason.RECEIVED: _received,
    Reason.ZERO: _zero,
    Reason.NONFINITE: _nonfinite,
    Reason.UNDEFINED: _undefined,
    Reason.FROZEN: _frozen,
    Reason.DETACHED: _cut_off,
    Reason.NO_GRAD: _cut_off,
    Reason.NOT_DIFFERENTIABLE: _cut_off,
    Reason.LEFT_PYTORCH: _left,
    Reason.NOT_CONNECTED: _not_connected,
    Reason.UNUSED: _unused,
    Reason.NOT_REQUESTED: _not_requested,
}
_CURES_BY_KIND = {
    Reason.DETACHED: "Use the tensor itself there if this parameter should learn from this loss.",
    Reason.NO_GRAD: "Run those lines with gradients on if this parameter should learn from this loss.",
    Reason.NOT_DIFFERENTIABLE: "Use a smooth relative of it, or a straight-through estimate, "
    "if this parameter should learn from this loss.",
    Reason.UNDEFINED: "Return a gradient from its backward for every input that should learn.",
}
_CURES = {
    "detach": "Leave the detach out if this parameter should learn from this loss.",
    "detach_": "Leave the detach_ out if this parameter should learn from this loss.",
    "data": "Use the tensor instead of its .data if this parameter should learn from this loss.",
    "tensor": "torch.tensor(t) copies without history: use t or t.clone() "
    "if this parameter should learn from this loss.",
    "new_tensor": "new_tensor copies without history: use t.clone() if this parameter should learn from this loss.",
    "Parameter": "nn.Parameter(t) starts a new leaf: keep t itself if what is behind it should learn from this loss.",
    "set_": "set_ shares memory without history: use the tensor itself if this parameter should learn from this loss.",
    "deepcopy": "A deep copy is a new leaf: use the original if it should learn from this loss.",
    "grad": "Pass create_graph=True to torch.autograd.grad if this parameter should learn through that gradient.",
}


def _about_step(f: _Finding, held_: bool | None, step: Any) -> list[str]:
    """What an optimizer and its step add to the story."""
    reached = f.reason in (Reason.RECEIVED, Reason.ZERO, Reason.NONFINITE)
    change = step.at(f.value.name) if step is not None and f.value.name in step else None
    sentences = []
    if held_ is not None and f.value.kind == "parameter":
        if reached and not held_ and not (change and change.changed):
            sentences.append("No optimizer holds it, so no step moves it: pass it to the optimizer if it should move.")
        elif held_ and not reached:
            sentences.append("The optimizer holds it all the same.")
        else:
            sentences.append("The optimizer holds it." if held_ else "No optimizer holds it.")
    if change is not None:
        sentences.append(_moved(change, reached, held_))
    return sentences


def _moved(change: Any, reached: bool, held_: bool | None) -> str:
    if not change.changed:
        return "The step did not move it."
    share = f"{change.changed:,} of its {change.total:,} entries"
    moved = f"{share} moved, by at most {number(change.largest)}"
    if change.largest != change.largest:
        moved = f"{share} moved, some to NaN"
    if held_ is False:
        return f"All the same {moved}: something other than the optimizer wrote to it."
    if not reached:
        return f"All the same {moved}: by momentum, weight decay, an old .grad, or a write of your own."
    return f"In the step {moved}."


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _named(cause: Cut | Cause) -> str:
    return f"{printable(cause.target)} at {_place(cause)}"


def _place(cause: Cut | Cause) -> str:
    where = printable(cause.source) or "an unknown line"
    return f"{where} (`{printable(cause.code)}`)" if cause.code else where


def _causes(cuts: Iterable[Cut]) -> str:
    """Cuts in words, a region of neighbouring ones as one cause."""
    words = [_named(cause) for cause in causes(cuts)]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
