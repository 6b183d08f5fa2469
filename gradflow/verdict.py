"""The conclusion of a flow in one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from gradflow.flow import Flow
from gradflow.modules import cover, runs
from gradflow.notation import listed, printable
from gradflow.reason import Cut, Explanation, Reason, causes
from gradflow.stepdiff import StepDiff

_CLAUSES = {
    Reason.NONFINITE: "{names} got NaN or inf{from_}",
    Reason.ZERO: "{names} got exactly 0{from_}",
    Reason.UNDEFINED: "{names} got None{from_}",
    Reason.DETACHED: "{names} {are} cut{by}",
    Reason.NO_GRAD: "{names} {are} cut{by}",
    Reason.NOT_DIFFERENTIABLE: "{names} {are} cut{by}",
    Reason.LEFT_PYTORCH: "{names} may have left PyTorch{by}",
    Reason.NOT_CONNECTED: "{names} {are} not on the way to this loss",
    Reason.UNUSED: "{names} {are} never used",
    Reason.NOT_REQUESTED: "{names} {were} left out by inputs=",
    Reason.FROZEN: "{names} {are} frozen",
}


def verdict(
    flow: Flow,
    explanations: Mapping[str, Explanation],
    held: Collection[str] | None = None,
    step: StepDiff | None = None,
) -> str:
    """How many parameters the loss reached, and what stopped it before the others.

    Args:
        flow: what one backward pass did.
        explanations: of every parameter, in the order of the trace.
        held: names that the optimizer holds.
        step: what moved.
    """
    if not explanations:
        return "This trace has no parameters."
    names = list(explanations)
    reached = [name for name, e in explanations.items() if e.reason is Reason.RECEIVED]
    clauses = [f"{len(reached)} of {len(names)} parameter{'s' if len(names) > 1 else ''} reached"]
    if not flow.seeded:
        clauses.insert(0, "the loss does not require grad")
    for (reason, because), members in _groups(explanations).items():
        if reason in _CLAUSES:
            clauses.append(_clause(_CLAUSES[reason], members, names, because))
    if held is not None:
        idle = [name for name in reached if name not in held]
        clauses += _if_any("{names} {are} reached but not in the optimizer", idle, names)
    if step is not None:
        moved = set(step.moved)
        still = [n for n in reached if n in step and n not in moved and (held is None or n in held)]
        clauses += _if_any("{names} {are} reached but did not move", still, names)
        drifted = [name for name in names if name in moved and name not in set(reached)]
        clauses += _if_any("{names} moved without a gradient", drifted, names)
    sentence = "; ".join(clauses)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _groups(explanations: Mapping[str, Explanation]) -> dict[tuple[Reason, tuple[str, ...]], list[str]]:
    groups: dict[tuple[Reason, tuple[str, ...]], list[str]] = {}
    for name, explanation in explanations.items():
        groups.setdefault((explanation.reason, tuple(causes_in_words(explanation.cuts))), []).append(name)
    order = list(_CLAUSES)
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0][0]) if item[0][0] in order else -1))


def _if_any(template: str, members: Sequence[str], everything: Sequence[str]) -> list[str]:
    return [_clause(template, members, everything)] if members else []


def _clause(template: str, members: Sequence[str], everything: Sequence[str], because: Sequence[str] = ()) -> str:
    short = [printable(name) for name in runs(cover(members, everything))]
    subject = "all" if len(members) == len(everything) > 1 else listed(short)
    plural = subject == "all" or len(cover(members, everything)) > 1
    reasons = listed(because, most=3)
    return template.format(
        names=subject,
        are="are" if plural else "is",
        were="were" if plural else "was",
        by=f" by {reasons}" if because else "",
        from_=f" from {reasons}" if because else "",
    )


def causes_in_words(cuts: Iterable[Cut]) -> list[str]:
    """The causes as ``target (file:line)``.

    >>> causes_in_words([Cut(Reason.DETACHED, "detach", "net.py:20", "", 30)])
    ['detach (net.py:20)']
    """
    return [
        printable(f"{cause.target} ({cause.source})" if cause.source else cause.target) for cause in causes(cuts)
    ]
