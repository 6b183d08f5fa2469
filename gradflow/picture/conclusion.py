"""What a picture says in words: the lines under it, its title, and its description for those who do not see it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gradflow.modules import cover, runs
from gradflow.notation import count, file_line, listed, printable
from gradflow.picture.cuts import static_cuts
from gradflow.picture.metrics import shorten, width
from gradflow.picture.shapes import Text
from gradflow.picture.states import PARAMETER_STATES, Pass
from gradflow.picture.view import View
from gradflow.reason import Reason
from gradflow.verdict import Span, Spans, plain

NARROW = 560.0
_LEADING = {"verdict": 21.0, "verdict-narrow": 19.0, "caption": 16.0}
_IN_WORDS = {
    "nonfinite": "NaN or inf",
    "moved": "moved by the step",
    "reached": "reached",
    "unheld": "reached but in no optimizer",
    "zero": "exactly 0",
    "undefined": "None sent",
    "none": "cut off",
    "frozen": "frozen",
    "quiet": "none due",
    "trainable": "trainable",
}


def conclusion(view: View) -> list[Spans]:
    """The verdict of each pass as a paragraph; of a bare graph how much there is."""
    if not view.passes:
        return [_of_graph(view)]
    found = [_verdict(one) for one in view.passes]
    if len(found) == 1:
        return found
    return [(Span(f"{one.label}: ", "bold"), *spans) for one, spans in zip(view.passes, found, strict=True)]


def _verdict(one: Pass) -> Spans:
    return tuple(Span(file_line(text), style) if style == "mono" else Span(text, style) for text, style in one.verdict)


def all_reached(view: View) -> bool:
    """Whether each pass reached every parameter."""
    return all(found.reason is Reason.RECEIVED for one in view.passes for found in one.explanations.values())


def how_to_read(view: View, direction: str, factors: bool) -> Spans:
    """How to read the numbers of a picture, and the factors if it shows some."""
    forth, back = ("left to right", "right to left") if direction == "LR" else ("downwards", "upwards")
    loss = printable(view.passes[0].label)
    return (
        Span(f"Plain: forward, {forth}. "),
        Span(f"Bold: derivative of {loss}, {back}{';' if factors else '.'}", "bold"),
        *([Span(" each op multiplies by its grey factor.")] if factors else []),
    )


def _of_graph(view: View) -> Spans:
    names = view.graph.parameter_names()
    counts = ", ".join(_counts(view))
    frozen = [name for name in names if not view.graph.value(name).requires_grad]
    words = [] if not frozen else ["all" if len(frozen) == len(names) else listed(_short(frozen, names)), "frozen"]
    ops = (view.graph.ops[op] for op in static_cuts(view.graph) if view.graph.ops[op].outputs)
    by = ((op.target if op.grad_enabled else op.grad_mode, file_line(op.source)) for op in ops)
    cuts = dict.fromkeys(f"{printable(name)} ({place})" if place else printable(name) for name, place in by)
    clauses = filter(None, [" ".join(words), f"cut by {listed(list(cuts))}" if cuts else ""])
    return Span(counts, "bold"), Span("".join(f"; {clause}" for clause in clauses) + ".")


def _counts(view: View) -> list[str]:
    return [count(len(view.graph.ops), "op"), count(len(view.graph.parameter_names()), "parameter")]


def title(view: View) -> str:
    """A few words that name the picture."""
    if not view.passes:
        return f"Graph of {' and '.join(_counts(view))}"
    return f"Gradient of {listed([printable(one.label) for one in view.passes])}"


def description(view: View) -> str:
    """Who is connected, in which state, and the conclusion."""
    sentences = [plain(spans) for spans in conclusion(view)]
    for one in view.passes or [None]:
        before = f"{printable(one.label)}: " if one is not None and len(view.passes) > 1 else ""
        sentences.append(before + _states(view, one))
    return " ".join(filter(None, sentences))


def _states(view: View, one: Pass | None) -> str:
    """The parameters in each state, by name."""
    names = view.graph.parameter_names()
    groups: dict[str, list[str]] = {}
    for name in names:
        known = one is None or name in one.graph.names
        state = view.parameter(view.graph.names[name]).state if one is None else "quiet"
        groups.setdefault(one.parameter(name).state if one is not None and known else state, []).append(name)
    return " ".join(
        f"{_IN_WORDS[state][0].upper()}{_IN_WORDS[state][1:]}: {listed(_short(groups[state], names), most=8)}."
        for state in PARAMETER_STATES
        if state in groups
    )


def _short(members: Sequence[str], everything: Sequence[str]) -> list[str]:
    if len(members) == len(everything) > 1:
        return ["all parameters"]
    return [printable(name) for name in runs(cover(members, everything))]


def set_lines(
    paragraphs: Iterable[Spans], x: float, y: float, room: float, role: str, most: int
) -> tuple[list[Text], float]:
    """Paragraphs as lines of text, and the baseline of the last of them.

    Args:
        paragraphs: what they say.
        x: where they begin.
        y: the baseline of the first line.
        room: how wide they may be.
        role: their type.
        most: how many lines each paragraph should take. One that needs more does without what the graph says as
            well: the folders of its places, then the places. Then it takes one line more, and ends in an ellipsis.
    """
    texts: list[Text] = []
    for paragraph in paragraphs:
        lines = _fitted(paragraph, room, role, most)
        texts += [Text(x, y + _LEADING[role] * i, line, role) for i, line in enumerate(lines)]
        y += _LEADING[role] * len(lines) + 4
    return texts, texts[-1].y if texts else y


def _fitted(paragraph: Spans, room: float, role: str, most: int) -> list[Spans]:
    briefer = [paragraph, _without_folders(paragraph), _without_places(paragraph)]
    for allowed in (most, most + 1):
        for spans in briefer:
            lines = wrapped(spans, room, role)
            if len(lines) <= allowed:
                return lines
    return [*lines[:most], _cropped(lines[most], room, role)]


def _without_folders(spans: Spans) -> Spans:
    return tuple(
        Span(text.replace("\\", "/").rpartition("/")[2], style) if style == "mono" else Span(text, style)
        for text, style in spans
    )


def _without_places(spans: Spans) -> Spans:
    """A paragraph without what stands in brackets in the type of code."""
    places = [index for index, span in enumerate(spans) if span.style == "mono"]
    dropped = {index + step for index in places for step in (-1, 0, 1)}
    return tuple(span for index, span in enumerate(spans) if index not in dropped)


def wrapped(spans: Spans, room: float, role: str) -> list[Spans]:
    """A paragraph as lines that fit; only a word that is wider than a line is shortened.

    >>> [plain(line) for line in wrapped((Span("a is reached", "bold"), Span("; b is not.")), 100, "verdict")]
    ['a is reached;', 'b is not.']
    """
    lines: list[list[Span]] = [[]]
    used = 0.0
    for word in _words(spans):
        fitted = _fit(word, room, role)
        wide = _width(fitted, role)
        bare = _width([Span(text.rstrip(), style) for text, style in fitted], role)
        if used and used + bare > room:
            lines.append([])
            used = 0.0
        lines[-1] += fitted
        used += wide
    return [_tidied(line) for line in lines]


def _fit(word: Spans, room: float, role: str) -> Spans:
    """A word of which the longest piece is shortened if it is wider than a line."""
    if _width(word, role) <= room:
        return word
    longest = max(range(len(word)), key=lambda index: len(word[index].text))
    left = room - _width([*word[:longest], *word[longest + 1 :]], role)
    text, style = word[longest]
    return (*word[:longest], Span(shorten(text, _role(style, role), left), style), *word[longest + 1 :])


def _words(spans: Spans) -> Iterator[Spans]:
    """Pieces between which a line may break: after each space, whatever the style on its sides."""
    word: list[Span] = []
    for text, style in spans:
        for piece in re.findall(r"\S+\s*|\s+", printable(text)):
            word.append(Span(piece, style))
            if piece[-1].isspace():
                yield tuple(word)
                word = []
    if word:
        yield tuple(word)


def _tidied(line: Sequence[Span]) -> Spans:
    """Neighbours of one style as one piece, without space at the end."""
    merged: list[Span] = []
    for span in line:
        if merged and merged[-1].style == span.style:
            merged[-1] = Span(merged[-1].text + span.text, span.style)
        else:
            merged.append(span)
    if merged:
        merged[-1] = Span(merged[-1].text.rstrip(), merged[-1].style)
    return tuple(merged)


def _cropped(line: Spans, room: float, role: str) -> Spans:
    """A line that ends in an ellipsis."""
    words = list(_words((*line, Span(" "))))
    while len(words) > 1 and _width([span for word in words for span in word], role) + width(" …", role) > room:
        words.pop()
    return _tidied([*(span for word in words for span in word), Span("…")])


def _width(spans: Iterable[Span], role: str) -> float:
    return sum(width(text, _role(style, role)) for text, style in spans)


def _role(style: str, role: str) -> str:
    return f"{role}-{style}" if style else role
