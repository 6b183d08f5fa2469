"""Why a parameter did or did not receive a gradient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from gradflow.errors import GradflowError
from gradflow.flow import Arrival, Flow
from gradflow.graph import Edge, Graph, Op, Value
from gradflow.notation import listed, number, percent, printable
from gradflow.optimizer import held
from gradflow.reason import Cause, Cut, Explanation, Reason, causes
from gradflow.targets import ARRAY_EXITS, BRANCH_EXITS, DETACHING, DETACHING_UNLESS_TRACKED, EXITS, FLAT, HOOK

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
    value = flow.graph.value(name)
    if step is not None and not (hasattr(step, "at") and hasattr(step, "moved")):
        raise GradflowError(
            f"step= got {type(step).__name__}; expected what gf.diff(before, gf.snapshot(model)) gives."
        )
    finding = replace(_find(flow, value), asked=name)
    sentence, advice = _SENTENCES[finding.reason](finding)
    holds = held(flow.graph, optimizer)
    extra = _about_step(finding, None if holds is None else value.name in holds, step)
    return Explanation(name, finding.reason, finding.cuts, " ".join([sentence, *extra]), advice)


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


def _find(flow: Flow, value: Value) -> _Finding:
    """The first reason that holds."""
    graph, arrival = flow.graph, flow.at(value.id)
    seeds = set(graph.versions(value.id))
    if arrival.status == "nonzero":
        if arrival.finite:
            return _Finding(flow, value, Reason.RECEIVED)
        return _Finding(flow, value, Reason.NONFINITE, _culprit(flow, value, Reason.NONFINITE, _is_infinite))
    if arrival.status == "zero":
        return _Finding(flow, value, Reason.ZERO, _culprit(flow, value, Reason.ZERO, _is_zero))
    if not value.requires_grad and value.kind != "intermediate":
        return _Finding(flow, value, Reason.FROZEN)
    if flow.inputs is not None and not {value.name or f"%{value.id}"} & set(flow.inputs):
        return _Finding(flow, value, Reason.NOT_REQUESTED)
    if not any(graph.ops[edge.op].target != HOOK for s in seeds for edge in graph.consumers.get(s, ())):
        return _Finding(flow, value, Reason.UNUSED)
    if arrival.status == "undefined":
        return _Finding(flow, value, Reason.UNDEFINED, _culprit(flow, value, Reason.UNDEFINED, _is_undefined))
    between = _Between.real(flow, seeds)
    if not between.ops:
        return _left_pytorch(flow, value, seeds) or _Finding(flow, value, Reason.NOT_CONNECTED)
    cuts = tuple(cut for op in between.ops if (cut := _cut(flow, op, between)))
    if not cuts:  # an op that nothing gives away: the first one that did not send on
        op = between.ops[0]
        cuts = (Cut(Reason.NOT_DIFFERENTIABLE, op.target, op.source, op.code, op.id),)
    return _Finding(flow, value, cuts[0].kind, cuts)


@dataclass(frozen=True)
class _Between:
    """The ops on the ways from some values to the output of a flow, and the values below and above."""

    ops: list[Op]
    below: set[int]
    above: set[int]

    @classmethod
    def real(cls, flow: Flow, seeds: set[int]) -> _Between:
        """By tensors alone."""
        return cls._along(flow, seeds, {})

    @classmethod
    def _along(cls, flow: Flow, seeds: set[int], ways_back: dict[int, set[int]]) -> _Between:
        """Also from each exit to the ops that took its number: ``ways_back`` by exit."""
        graph = flow.graph
        below, down, resumed = set(seeds), set(), set[int]()
        for op in graph.ops:
            led = [v for v in op.inputs if v in below]
            if op.id in resumed or any(graph.successors.get(v) not in op.outputs for v in led):
                down.add(op.id)
                below.update(op.outputs)
                resumed |= ways_back.get(op.id, set())
            else:  # nothing, or only what was written to: that stays what it is
                below.update(graph.successors[v] for v in led)
        above, up = {flow.output}, set[int]()
        for op in reversed(graph.ops):
            if not above.isdisjoint(op.outputs) or not up.isdisjoint(ways_back.get(op.id, ())):
                up.add(op.id)
                above.update(op.inputs)
        return cls([op for op in graph.ops if op.id in down and op.id in up], below, above)

    @classmethod
    def with_numbers(cls, flow: Flow, seeds: set[int], certain: bool) -> _Between:
        """By tensors, and by numbers that left PyTorch and came back, or may have."""
        graph = flow.graph
        ways_back = {
            op.id: {later.id for later in graph.ops[op.id + 1 :] if _returns(graph, op, later, certain)}
            for op in graph.ops
            if op.target in EXITS and not op.outputs
        }
        return cls._along(flow, seeds, ways_back)


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


def _left_pytorch(flow: Flow, value: Value, seeds: set[int]) -> _Finding | None:
    """The finding if the only ways to the loss go through numbers outside PyTorch."""
    for certain in (True, False):
        between = _Between.with_numbers(flow, seeds, certain)
        cuts = []
        for op in between.ops:
            if op.target in EXITS and not op.outputs:
                cuts.append(Cut(Reason.LEFT_PYTORCH, op.target, op.source, op.code, op.id))
            elif not _only_feeds_exits(flow.graph, op) and (cut := _cut(flow, op, between)):
                cuts.append(cut)
        if cuts:
            return _Finding(flow, value, Reason.LEFT_PYTORCH, tuple(cuts), certain)
    return None


def _only_feeds_exits(graph: Graph, op: Op) -> bool:
    """Whether an op belongs to the exit behind it: the ``detach`` before ``.numpy()``, the ``>`` of an ``if``."""
    uses = [edge for output in op.outputs for edge in graph.consumers.get(output, ())]
    if not uses or any(graph.ops[edge.op].target not in EXITS for edge in uses):
        return False
    return op.target in DETACHING or not any(_continuous(graph.values[output]) for output in op.outputs)


def _cut(flow: Flow, op: Op, between: _Between) -> Cut | None:
    """The cut that an op makes by itself on the ways between, or None."""
    kind, target = _kind_of_cut(flow, op, between), op.target
    if kind is Reason.NO_GRAD:
        target = op.grad_mode
    return kind and Cut(kind, target, op.source, op.code, op.id)


def _kind_of_cut(flow: Flow, op: Op, between: _Between) -> Reason | None:
    values = flow.graph.values
    edges = [Edge(v, op.id, p) for p, v in enumerate(op.inputs) if v in between.below]
    outputs = [values[v] for v in op.outputs if v in between.above]
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


def _culprit(flow: Flow, value: Value, kind: Reason, bad: Callable[[Arrival], bool]) -> tuple[Cut, ...]:
    """The op that received something good and sent something bad towards the value."""
    graph = flow.graph
    stack = list(graph.versions(value.id))
    seen = set(stack)
    found: list[tuple[int, str]] = []
    while stack:
        at = stack.pop()
        spoiled = [edge for edge in graph.consumers.get(at, ()) if bad(flow.at(edge))]
        if at not in graph.successors and not spoiled and bad(flow.at(at)):
            found.extend(_spoiled_here(flow, at))
        for edge in spoiled:
            outputs = graph.ops[edge.op].outputs
            received = [v for v in outputs if flow.at(v).status != "none"]
            if any(not bad(flow.at(v)) for v in received) or not received:
                found.append((edge.op, graph.ops[edge.op].target))
            fresh = {w for v in received if bad(flow.at(v)) for w in graph.versions(v)} - seen
            seen |= fresh
            stack.extend(sorted(fresh))
    if not found:
        return ()
    op, target = min(found)
    return (Cut(kind, target, graph.ops[op].source, graph.ops[op].code, op),)


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
