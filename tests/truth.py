"""What plain PyTorch says about a program, as the judge of what gradflow says about it.

A case is a generator. Its first ``yield given(...)`` hands over what ``gf.trace`` is given; every later
``yield`` hands over a loss, and stands for one backward pass from it::

    @case({"a.weight": Reason.DETACHED, "b.weight": Reason.RECEIVED})
    def test_detach(name):
        net = layers("a b")
        yield given(net)
        h = net.a(X).detach()  # cut: DETACHED detach
        name(h=h)
        yield net.b(h).sum()

The case runs plainly, then traced and observed, each time from the same seed, and everything is compared. A
comment ``# cut: KIND target`` says that the explanation has to name this very line; ``# cut[b.weight]: …``
says so for one parameter only, ``or below`` accepts the next two lines too (PyTorch does not show the
construct itself), ``maybe`` allows the cut without asking for it, ``x3`` expects it three times, ``x+``
once or more, and ``|`` separates what is accepted.
"""

from __future__ import annotations

import gc
import inspect
import math
import os
import random
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy
import torch
import torch.utils.checkpoint
from torch import Tensor, nn

import gradflow as gf
from gradflow import Reason

SEED = 7
COUNTED = 100_000  # above it, support is only counted on request

REACHED = {Reason.RECEIVED, Reason.ZERO, Reason.NONFINITE}
WITH_CUTS = {
    Reason.ZERO,
    Reason.NONFINITE,
    Reason.UNDEFINED,
    Reason.DETACHED,
    Reason.NO_GRAD,
    Reason.NOT_DIFFERENTIABLE,
    Reason.LEFT_PYTORCH,
}
ONE_CULPRIT = {Reason.ZERO, Reason.NONFINITE, Reason.UNDEFINED}


# -- what a gradient is ------------------------------------------------------------------------------------


class Gradient(NamedTuple):
    """A gradient as plain PyTorch leaves it in ``.grad``."""

    status: str  # "missing", "zero" or "nonzero"
    finite: bool = True
    norm: float | None = None
    support: float | None = None
    scalar: Any = None


MISSING = Gradient("missing")


def measured(grad: Tensor | None) -> Gradient:
    """The gradient in numbers, computed in float64, zero decided by counting.

    >>> measured(torch.tensor([3.0, 0.0, 4.0, 0.0]))
    Gradient(status='nonzero', finite=True, norm=5.0, support=0.5, scalar=None)
    """
    if grad is None:
        return MISSING
    entries = grad.detach().coalesce().values() if grad.layout == torch.sparse_coo else grad.detach()
    entries = entries.resolve_conj().resolve_neg()
    count = int(torch.count_nonzero(entries))
    size = entries.to(torch.complex128 if entries.is_complex() else torch.float64).abs().reshape(-1)
    return Gradient(
        status="nonzero" if count else "zero",
        finite=bool(torch.isfinite(size).all()),
        norm=float(torch.linalg.vector_norm(size)) if count else 0.0,
        support=count / max(1, grad.numel()),
        scalar=grad.detach().to_dense().item() if grad.numel() == 1 else None,
    )


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two tensors are the same bit for bit (NaN equals the same NaN)."""
    if a is None or b is None:
        return a is b
    if (a.shape, a.dtype, a.layout) != (b.shape, b.dtype, b.layout):
        return False
    if a.layout == torch.sparse_coo:
        a, b = a.detach().coalesce(), b.detach().coalesce()
        return same(a.indices(), b.indices()) and same(a.values(), b.values())
    bits = [t.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8) for t in (a, b)]
    return torch.equal(*bits)


def disagreement(arrival: Any, truth: Gradient, numel: int) -> str | None:
    """In what an Arrival differs from the truth, or None; above 100,000 entries the support may be left out."""
    if truth.status == "missing":
        if arrival.status not in ("none", "undefined"):
            return f".grad is None, status is {arrival.status!r}"
        if (arrival.norm, arrival.support, arrival.scalar) != (None, None, None):
            return f".grad is None, but numbers are there: {arrival}"
        return None
    if arrival.status != truth.status:
        return f".grad is {truth.status}, status is {arrival.status!r}"
    # PyTorch's float32 norm of millions of entries is right to three or four digits only
    if not close(truth.norm, arrival.norm, 1e-5 if numel <= COUNTED else 1e-3):
        return f"norm is {truth.norm!r}, not {arrival.norm!r}"
    if arrival.support != truth.support and (numel <= COUNTED or arrival.support is not None):
        return f"support is {truth.support!r}, not {arrival.support!r}"
    if not close(truth.scalar, arrival.scalar):
        return f"the one entry is {truth.scalar!r}, not {arrival.scalar!r}"
    return None


def close(expected: Any, got: Any, tolerance: float = 1e-5) -> bool:
    """Whether two numbers agree; NaN agrees with NaN, inf with inf, None with None."""
    if expected is None or got is None:
        return expected is got
    if isinstance(expected, complex) or isinstance(got, complex):
        return close(complex(expected).real, complex(got).real) and close(complex(expected).imag, complex(got).imag)
    if not math.isfinite(expected):
        return repr(float(expected)) == repr(float(got))
    return math.isclose(expected, got, rel_tol=tolerance, abs_tol=0.0)


# -- what a case is made of --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """What is handed to ``gf.trace``: modules by position, anything by keyword."""

    modules: tuple[nn.Module, ...]
    named: Mapping[str, Any]

    def tensors(self) -> dict[str, Tensor]:
        """Every leaf by each of its names: what `named_parameters` gives, prefixed by the keyword if there is one."""
        found: dict[str, Tensor] = {}

        def visit(prefix: str, thing: Any) -> None:
            if isinstance(thing, nn.Module):
                for name, parameter in thing.named_parameters(remove_duplicate=False):
                    found[f"{prefix}.{name}" if prefix else name] = parameter
            elif isinstance(thing, Tensor):
                found[prefix] = thing
            elif isinstance(thing, Mapping):
                for key, item in thing.items():
                    visit(f"{prefix}.{key}", item)
            elif isinstance(thing, list | tuple):
                for index, item in enumerate(thing):
                    visit(f"{prefix}.{index}", item)

        for module in self.modules:
            visit("", module)
        for name, thing in self.named.items():
            visit(name, thing)
        return {name: tensor for name, tensor in found.items() if tensor.is_leaf}

    def all_modules(self) -> Iterator[nn.Module]:
        for thing in (*self.modules, *self.named.values()):
            if isinstance(thing, nn.Module):
                yield from thing.modules()


def given(*modules: nn.Module, **named: Any) -> Given:
    """What the trace is given, to be yielded first."""
    return Given(modules, named)


@dataclass(frozen=True)
class Backward:
    """A loss, and how to run backward from it; ``inputs`` holds names or tensors."""

    loss: Tensor
    gradient: Tensor | None = None
    inputs: list[Any] | None = None

    def arguments(self, tensors: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
        """The arguments of ``backward``; with ``tensors``, names in ``inputs`` are replaced by them."""
        arguments: dict[str, Any] = {}
        if self.gradient is not None:
            arguments["gradient"] = self.gradient
        if self.inputs is not None:
            resolve = (lambda i: tensors[i] if isinstance(i, str) else i) if tensors else (lambda i: i)
            arguments["inputs"] = [resolve(i) for i in self.inputs]
        return arguments


def layers(names: str, width: int = 4) -> nn.Sequential:
    """Linear layers of these names, one after the other: ``layers("a b").a`` is the first."""
    return nn.Sequential(OrderedDict((name, nn.Linear(width, width)) for name in names.split()))


def case(
    reasons: Mapping[str, Any] | None = None, **options: Any
) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """Make a test of a case: plain PyTorch and gradflow agree on it, and the explanation is the expected one.

    Args:
        reasons: the Reason (or the tuple of acceptable ones) for names.
        options: passed to `check`.
    """

    def decorate(build: Callable[..., Any]) -> Callable[[], None]:
        def test() -> None:
            check(build, reasons or {}, **options)

        test.__name__, test.__doc__, test.__module__ = build.__name__, build.__doc__, build.__module__
        test.build = build  # type: ignore[attr-defined]
        return test

    return decorate


def start(build: Callable[..., Any], name: Callable[..., None]) -> Any:
    """The case from the fixed seed, at its first yield not yet."""
    torch.manual_seed(SEED)
    random.seed(SEED)
    numpy.random.seed(SEED)
    return build(name) if inspect.signature(build).parameters else build()


def losses(run: Any) -> Iterator[Backward]:
    """The losses that a running case yields."""
    for item in run:
        yield item if isinstance(item, Backward) else Backward(item)


# -- the plain run -----------------------------------------------------------------------------------------


@dataclass
class Plain:
    """One backward pass of a plain run."""

    value: Tensor
    grads: dict[str, Tensor | None]
    intermediates: dict[str, tuple[Tensor | None, int]]
    sent_none: set[str]
    requested: bool
    rng_forward: Tensor
    rng_backward: Tensor
    surroundings: dict[str, Any]


def plainly(build: Callable[..., Any], *, fill: bool = False, retain: bool = True) -> list[Plain]:
    """Run a case without gradflow; one entry for each loss.

    Args:
        build: the case.
        fill: begin every backward with ``.grad`` full of ones, where gradients are possible.
        retain: keep the graph, for the next loss.
    """
    named: dict[str, Tensor] = {}

    def name(**tensors: Tensor) -> None:
        named.update(tensors)
        for tensor in tensors.values():
            if tensor.requires_grad and not tensor.is_leaf:
                tensor.retain_grad()

    run = start(build, name)
    things: Given = next(run)
    results = []
    for backward in losses(run):
        tensors = things.tensors()
        rng = torch.get_rng_state()
        if fill:
            fill_with_ones(tensors)
        sent_none: set[str] = set()
        if backward.loss.requires_grad:
            watched = watch_leaves(backward.loss, tensors, sent_none)
            backward.loss.backward(**backward.arguments(tensors), retain_graph=retain)
            del watched
        results.append(
            Plain(
                value=backward.loss.detach().clone(),
                grads={n: None if t.grad is None else t.grad.detach().clone() for n, t in tensors.items()},
                intermediates={
                    n: (t.grad if t.is_leaf or t.retains_grad else None, t.numel()) for n, t in named.items()
                },
                sent_none=sent_none,
                requested=backward.inputs is not None,
                rng_forward=rng,
                rng_backward=torch.get_rng_state(),
                surroundings=surroundings(things),
            )
        )
        for tensor in (*tensors.values(), *(t for t in named.values() if t.requires_grad)):
            tensor.grad = None
    return results


def fill_with_ones(tensors: Mapping[str, Tensor]) -> None:
    for tensor in tensors.values():
        if tensor.requires_grad:
            tensor.grad = torch.ones_like(tensor)


def watch_leaves(loss: Tensor, tensors: Mapping[str, Tensor], sent_none: set[str]) -> list[Any]:
    """Note the names of the leaves that a backward node sends None to; the result has to be kept alive."""
    names = {id(tensor): name for name, tensor in tensors.items()}
    nodes, seen = [loss.grad_fn] if loss.grad_fn else [], set()
    walked = []
    while nodes:
        node = nodes.pop()
        if node in seen:
            continue
        seen.add(node)
        walked.append(node)
        leaves = {}
        for position, (below, _) in enumerate(node.next_functions):
            if below is None:
                continue
            if hasattr(below, "variable"):
                leaves[position] = names.get(id(below.variable))
            else:
                nodes.append(below)
        if leaves:

            def hook(grad_inputs: Any, _: Any, leaves: dict[int, str | None] = leaves) -> None:
                sent_none.update(n for i, n in leaves.items() if n and grad_inputs[i] is None)

            node.register_hook(hook)
    return walked


# -- what must not be disturbed ----------------------------------------------------------------------------

MODULE_HOOKS = [attribute for attribute in vars(nn.Module()) if "hooks" in attribute]
GLOBAL_HOOKS = [name for name in vars(nn.modules.module) if name.startswith("_global_") and name.endswith("hooks")]
PATCHABLE = [
    torch,
    Tensor,
    nn.Module,
    nn.Parameter,
    nn.functional,
    torch.autograd,
    torch.autograd.Function,
    torch.utils.checkpoint,
]
UNPATCHED = [dict(vars(place)) for place in PATCHABLE]


def surroundings(things: Given | None = None) -> dict[str, Any]:
    """Everything that a trace could leave behind, in a form that two runs can be compared in."""
    modules = list(things.all_modules()) if things else []
    tensors = things.tensors() if things else {}
    return {
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled()),
        "autocast": torch.is_autocast_enabled("cpu"),
        "saved tensor hooks": torch._C._autograd._top_saved_tensors_default_hooks(True) is not None,
        "gc": gc.isenabled(),
        "patched": [
            f"{getattr(place, '__name__', place)}.{name}"
            for place, before in zip(PATCHABLE, UNPATCHED, strict=True)
            for name, value in before.items()
            if vars(place).get(name) is not value
        ],
        "global hooks": {name: len(getattr(nn.modules.module, name)) for name in GLOBAL_HOOKS},
        "module hooks": [[len(getattr(m, attribute, ())) for attribute in MODULE_HOOKS] for m in modules],
        "module attributes": [sorted(vars(m)) for m in modules],
        "module classes": [type(m).__qualname__ for m in modules],
        "training": [m.training for m in modules],
        "tensor hooks": {
            n: (len(t._backward_hooks or ()), len(t._post_accumulate_grad_hooks or ())) for n, t in tensors.items()
        },
        # Dynamo marks the parameters it compiles for; a traced region runs as it was written.
        "tensor attributes": {
            n: sorted(a for a in vars(t) if not a.startswith("_dynamo")) for n, t in tensors.items()
        },
        "tensor classes": {n: type(t) for n, t in tensors.items()},
        "requires_grad": {n: t.requires_grad for n, t in tensors.items()},
        "versions": {n: t._version for n, t in tensors.items() if not t.is_inference()},
    }


def differences(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    return [f"{key}: {expected[key]!r} became {got[key]!r}" for key in expected if expected[key] != got[key]]


unseen = torch._C.DisableTorchFunction  # what the judge does in the block is no part of the program


# -- the comparison ----------------------------------------------------------------------------------------


@dataclass
class Check:
    """Collects what is wrong, so that one failure shows all of it."""

    problems: list[str] = field(default_factory=list)

    def that(self, holds: bool, problem: str) -> None:
        if not holds:
            self.problems.append(problem)

    def none_of(self, problems: list[str], where: str) -> None:
        self.problems += [f"{where}: {problem}" for problem in problems]


def check(
    build: Callable[..., Any],
    reasons: Mapping[str, Any],
    *,
    bitwise: bool = True,
    fill: bool = True,
    leaves: bool = True,
    retain: bool = True,
) -> None:
    """Fail unless gradflow agrees with plain PyTorch on this case, disturbs nothing, and explains it as expected.

    Args:
        build: the case.
        reasons: the Reason, or the acceptable ones, of some names.
        bitwise: require the traced run to give the plain run's very bits.
        fill: also observe ``t.backward`` onto ``.grad`` that is there already.
        leaves: require ``undefined`` to be told from ``none`` (cannot be judged where nodes are hidden).
        retain: run backward with ``retain_graph=True``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict = Check()
        plain = plainly(build, retain=retain)
        flows = compare_flow(build, plain, verdict, bitwise, leaves)
        compare_explanations(build, reasons, plain, flows, verdict)
        compare_backward(build, plain, verdict, bitwise, fill, retain)
    assert verdict.problems == [], "\n" + "\n".join(verdict.problems)


def compare_flow(
    build: Callable[..., Any], plain: list[Plain], verdict: Check, bitwise: bool, leaves: bool
) -> list[Any]:
    """Trace a case, observe every loss in the block and after it, and note every disagreement."""
    tracer: list[Any] = []
    named: dict[str, Tensor] = {}

    def name(**tensors: Tensor) -> None:
        named.update(tensors)
        tracer[0].name(**tensors)

    run = start(build, name)
    things: Given = next(run)
    kept: list[Backward] = []
    early: list[Any] = []
    with gf.trace(*things.modules, **things.named) as t:
        tracer.append(t)
        for backward, truth in zip(losses(run), plain, strict=True):
            with unseen():
                verdict.that(same_value(truth.value, backward.loss, bitwise), "the traced loss has another value")
                verdict.that(torch.equal(truth.rng_forward, torch.get_rng_state()), "the trace moved the random state")
            early.append(observe(t, backward, things, named, verdict))
            kept.append(backward)
    verdict.none_of(differences(plain[-1].surroundings, surroundings(things)), "after the trace")
    tensors = things.tensors()
    flows = []
    for backward, truth, before in zip(kept, plain, early, strict=True):
        flow = observe(t, backward, things, named, verdict)
        flows.append(flow)
        flow.graph.lint()
        for key, tensor in tensors.items():
            arrival = flow.at(key)
            problem = disagreement(arrival, measured(truth.grads[key]), tensor.numel())
            verdict.that(problem is None, f"{key}: {problem}")
            if leaves and truth.grads[key] is None and not truth.requested:
                status = "undefined" if key in truth.sent_none else "none"
                verdict.that(arrival.status == status, f"{key}: status is {arrival.status!r}, expected {status!r}")
            same_twice = repr(arrival) == repr(before.at(key))
            verdict.that(same_twice, f"{key}: in the block {before.at(key)}, after it {arrival}")
        for key, (grad, numel) in truth.intermediates.items():
            if not truth.requested:
                problem = disagreement(flow.at(key), measured(grad), numel)
                verdict.that(problem is None, f"{key}: {problem}")
    verdict.none_of(differences(plain[-1].surroundings, surroundings(things)), "after the flow")
    return flows


def observe(t: Any, backward: Backward, things: Given, named: Mapping[str, Tensor], verdict: Check) -> Any:
    """The flow, after a check that it left ``.grad`` and the random state alone."""
    tensors = things.tensors()
    everything = {**{n: x for n, x in named.items() if x.is_leaf or x.retains_grad}, **tensors}
    marked = []
    with unseen():
        for tensor in list(tensors.values())[::2]:
            if tensor.requires_grad and tensor.grad is None:
                tensor.grad = torch.full_like(tensor, 7)
                marked.append(tensor)
        before = {n: (x.grad, None if x.grad is None else x.grad.clone()) for n, x in everything.items()}
        random_before = random_states()
    flow = t.flow(backward.loss, **backward.arguments())
    with unseen():
        verdict.that(random_before == random_states(), "flow moved a random state")
        for n, x in everything.items():
            verdict.that(x.grad is before[n][0] and same(x.grad, before[n][1]), f"flow changed {n}.grad")
        for tensor in marked:
            tensor.grad = None
    return flow


def random_states() -> list[Any]:
    return [torch.get_rng_state().tolist(), random.getstate(), numpy.random.get_state()[1].tolist()]


def compare_backward(
    build: Callable[..., Any], alone: list[Plain], verdict: Check, bitwise: bool, fill: bool, retain: bool
) -> None:
    """Observe `t.backward`: ``.grad`` has the very bits that plain backward leaves, onto what was there.

    What the flow says is what this backward sent, as it is found ``alone``, without what was there.
    """
    plain = plainly(build, fill=fill, retain=retain)
    tracer: list[Any] = []
    run = start(build, lambda **tensors: tracer[0].name(**tensors))
    things: Given = next(run)
    with gf.trace(*things.modules, **things.named) as t:
        tracer.append(t)
        for backward, truth, increment in zip(losses(run), plain, alone, strict=True):
            if not backward.loss.requires_grad:
                continue
            tensors = things.tensors()
            if fill:
                with unseen():
                    fill_with_ones(tensors)
            flow = t.backward(backward.loss, **backward.arguments(tensors), retain_graph=retain)
            with unseen():
                same_state = torch.equal(truth.rng_backward, torch.get_rng_state())
                verdict.that(same_state, "t.backward moved the random state")
                for n, x in tensors.items():
                    verdict.that(same_value(truth.grads[n], x.grad, bitwise), f"t.backward left another {n}.grad")
                    problem = disagreement(flow.at(n), measured(increment.grads[n]), x.numel())
                    verdict.that(problem is None, f"{n}, by t.backward: {problem}")
            for x in tensors.values():
                x.grad = None
    verdict.none_of(differences(plain[-1].surroundings, surroundings(things)), "after t.backward")


def same_value(expected: Tensor | None, got: Tensor | None, bitwise: bool) -> bool:
    if bitwise or expected is None or got is None:
        return same(expected, got)
    return torch.allclose(expected, got.detach(), equal_nan=True)


# -- the explanation ---------------------------------------------------------------------------------------

MARK = re.compile(r"# cut(?:\[(?P<name>[^\]]+)\])?(?P<maybe> maybe)?(?P<below> or below)?: (?P<cuts>[^#]+)")


@dataclass(frozen=True)
class Expected:
    """A cut that the source of a case announces."""

    kinds: tuple[Reason, ...]
    targets: tuple[str, ...]
    places: tuple[str, ...]
    code: str
    required: bool
    several: bool

    def matches(self, cut: Any) -> bool:
        return (
            cut.kind in self.kinds
            and bare(cut.target) in self.targets
            and cut.source in self.places
            and (len(self.places) > 1 or cut.code == self.code)
        )

    def __str__(self) -> str:
        kinds = "|".join(kind.name for kind in self.kinds)
        return f"{kinds} {'|'.join(self.targets)} at {self.places[0]}: {self.code}"


def bare(target: str) -> str:
    return target[2:-2] if target.startswith("__") and target.endswith("__") else target


def place(path: str, line: int) -> str:
    """``file:line`` as the contract has it: below the working directory relative to it, else as compiled."""
    relative = os.path.relpath(path)
    return f"{path if relative.startswith('..') else relative}:{line}"


def expected_cuts(build: Callable[..., Any], name: str) -> list[Expected]:
    """The cuts that the comments of a case announce for a name, in the order of the lines."""
    path = inspect.getsourcefile(build) or ""
    text, first = inspect.getsourcelines(build)
    found = []
    for line, source in enumerate(text, first):
        for mark in MARK.finditer(source):
            if mark["name"] not in (None, name):
                continue
            for cut in mark["cuts"].split(";"):
                kinds, targets, *times = cut.split()
                several = times == ["x+"]
                lines = range(line, line + (3 if mark["below"] else 1))
                expected = Expected(
                    kinds=tuple(Reason[kind] for kind in kinds.split("|")),
                    targets=tuple(targets.split("|")),
                    places=tuple(place(path, n) for n in lines),
                    code=source.strip(),
                    required=not mark["maybe"],
                    several=several,
                )
                found += [expected] * (int(times[0][1:]) if times and not several else 1)
    return found


def unmatched(expected: list[Expected], got: Any) -> list[str]:
    """What is missing among the cuts, and what is too many."""
    missing, extra, found = list(expected), [], set()
    for cut in got:
        match = next((e for e in missing if e.matches(cut)), None)
        if match is None:
            extra.append(cut)
        elif match.several:
            found.add(match)
        else:
            missing.remove(match)
    return [f"missing cut: {e}" for e in missing if e.required and e not in found] + [
        f"extra cut: {c.kind.name} {c.target} at {c.source} ({c.code})" for c in extra
    ]


def consistent(reason: Reason, truth: Gradient) -> bool:
    """Whether a reason can be given for such a gradient at all."""
    if truth.status == "missing":
        return reason not in REACHED
    if not truth.finite:
        return reason is Reason.NONFINITE
    return reason is (Reason.ZERO if truth.status == "zero" else Reason.RECEIVED)


def compare_explanations(
    build: Callable[..., Any], reasons: Mapping[str, Any], plain: list[Plain], flows: list[Any], verdict: Check
) -> None:
    """Explain every leaf of every flow; the expected reasons and cuts are those of the last one."""
    for truth, flow in zip(plain, flows, strict=True):
        for name, grad in truth.grads.items():
            e = gf.explain(flow, name)
            verdict.that(consistent(e.reason, measured(grad)), f"{name}: {e.reason} for a gradient {measured(grad)}")
            verdict.none_of(sentence_problems(e), name)
    for name, expected in reasons.items():
        e = gf.explain(flows[-1], name)
        accepted = expected if isinstance(expected, tuple) else (expected,)
        verdict.that(e.reason in accepted, f"{name}: expected {expected}, got {e.reason}: {e}")
        if e.reason in WITH_CUTS:
            verdict.none_of(unmatched(expected_cuts(build, name), e.cuts), name)
            if e.reason in ONE_CULPRIT and expected_cuts(build, name):
                verdict.that(len(e.cuts) == 1, f"{name}: one culprit, got {e.cuts}")
        else:
            verdict.that(not e.cuts, f"{name}: {e.reason} has no cuts, got {e.cuts}")


def sentence_problems(e: Any) -> list[str]:
    """In what an explanation breaks the laws that hold for all of them."""
    problems = []
    ops = [cut.op for cut in e.cuts]
    if ops != sorted(ops):
        problems.append(f"the cuts are not in the order of execution: {e.cuts}")
    if len(set(ops)) != len(ops):
        problems.append(f"an op is named twice: {e.cuts}")
    if e.reason in WITH_CUTS and e.cuts and e.cuts[0].kind is not e.reason and Reason.LEFT_PYTORCH is not e.reason:
        problems.append(f"the reason {e.reason} is not that of the earliest cut: {e.cuts}")
    problems += [f"the sentence does not say {cut.source}: {e}" for cut in e.cuts[:1] if not says(str(e), cut.source)]
    if "\n" in str(e) or not str(e).endswith((".", ".)")):
        problems.append(f"not one line of prose: {str(e)!r}")
    return problems


def says(sentence: str, source: str) -> bool:
    """Whether a sentence names a place, be it as ``file:line`` or as the first of ``lines 12–16 of file``."""
    path, _, line = source.rpartition(":")
    return source in sentence or (path in sentence and re.search(rf"\b{line}\b", sentence) is not None)
