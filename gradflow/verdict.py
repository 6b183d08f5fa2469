"""The conclusion of a flow in one sentence."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from gradflow.flow import Flow
from gradflow.modules import cover, runs
from gradflow.notation import printable
from gradflow.reason import Cause, Cut, Explanation, Reason, causes
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
_FIELD = re.compile(r"\{(\w+)\}")


class Span(NamedTuple):
    """A piece of a sentence.

    Attributes:
        text: what it says.
        style: ``""``, ``bold`` for counts, names and causes, or ``mono`` for a place in the code.
    """

    text: str
    style: str = ""


Spans = tuple[Span, ...]


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
    return plain(verdict_spans(flow, explanations, held, step))


def verdict_spans(
    flow: Flow,
    explanations: Mapping[str, Explanation],
    held: Collection[str] | None = None,
    step: StepDiff | None = None,
) -> Spans:
    """The verdict with its counts, names and causes told apart from the words between them."""
    if not explanations:
        return (Span("This trace has no parameters."),)
    names = list(explanations)
    reached = [name for name, e in explanations.items() if e.reason is Reason.RECEIVED]
    noun = "parameters" if len(names) > 1 else "parameter"
    clauses: list[Spans] = [(Span(f"{len(reached)} of {len(names)} {noun} reached", "bold"),)]
    if not flow.seeded:
        clauses.insert(0, (Span("the loss does not require grad"),))
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
        pushed = {name for name, e in explanations.items() if e.reason in (Reason.RECEIVED, Reason.NONFINITE)}
        drifted = [name for name in names if name in moved and name not in pushed]
        clauses += _if_any("{names} moved without a gradient", drifted, names)
    return _sentence(clauses)


def plain(spans: Iterable[Span]) -> str:
    """The text alone.

    >>> plain([Span("a", "bold"), Span(" is frozen.")])
    'a is frozen.'
    """
    return "".join(span.text for span in spans)


def _sentence(clauses: Sequence[Spans]) -> Spans:
    first, *others = (span for clause in _joined(clauses, "; ") for span in clause)
    return (first._replace(text=f"{first.text[0].upper()}{first.text[1:]}"), *others, Span("."))


def _joined(parts: Sequence[Spans], between: str) -> list[Spans]:
    return [part if index == 0 else (Span(between), *part) for index, part in enumerate(parts)]


def _groups(explanations: Mapping[str, Explanation]) -> dict[tuple[Reason, tuple[Cause, ...]], list[str]]:
    groups: dict[tuple[Reason, tuple[Cause, ...]], list[str]] = {}
    for name, explanation in explanations.items():
        because = tuple(cause._replace(code="") for cause in causes(explanation.cuts))
        groups.setdefault((explanation.reason, because), []).append(name)
    order = list(_CLAUSES)
    return dict(sorted(groups.items(), key=lambda item: order.index(item[0][0]) if item[0][0] in order else -1))


def _if_any(template: str, members: Sequence[str], everything: Sequence[str]) -> list[Spans]:
    return [_clause(template, members, everything)] if members else []


def _clause(template: str, members: Sequence[str], everything: Sequence[str], because: Sequence[Cause] = ()) -> Spans:
    covered = cover(members, everything)
    everyone = len(members) == len(everything) > 1
    plural = everyone or len(covered) > 1
    names = [(Span(printable(name), "bold"),) for name in runs(covered)]
    reasons = _listed([_cause(cause) for cause in because], most=3)
    fields = {
        "names": (Span("all", "bold"),) if everyone else _listed(names, most=4),
        "are": (Span("are" if plural else "is"),),
        "were": (Span("were" if plural else "was"),),
        "by": (Span(" by "), *reasons) if because else (),
        "from_": (Span(" from "), *reasons) if because else (),
    }
    pieces = _FIELD.split(template)  # words and names of fields in turn
    return tuple(
        span
        for index, piece in enumerate(pieces)
        for span in (fields[piece] if index % 2 else [Span(piece)])
        if span.text
    )


def _listed(parts: Sequence[Spans], most: int) -> Spans:
    """Parts as one would say them, as ``notation.listed`` does with words."""
    shown = list(parts)
    if len(parts) > most:
        shown[most:] = [(Span(f"{len(parts) - most:,} more"),)]
    words = [word for part in _joined(shown[:-1], ", ") for word in part]
    return tuple([*words, Span(" and "), *shown[-1]] if words else [span for part in shown for span in part])


def _cause(cause: Cause) -> Spans:
    target = Span(printable(cause.target), "bold")
    return (target, Span(" ("), Span(printable(cause.source), "mono"), Span(")")) if cause.source else (target,)


def causes_in_words(cuts: Iterable[Cut]) -> list[str]:
    """The causes as ``target (file:line)``.

    >>> causes_in_words([Cut(Reason.DETACHED, "detach", "net.py:20", "", 30)])
    ['detach (net.py:20)']
    """
    return [plain(_cause(cause)) for cause in causes(cuts)]
