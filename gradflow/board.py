"""What the controls of a playground say: what can be changed, how it stands, and what differs, as HTML."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import NamedTuple

from gradflow.difference import HEADS, Difference
from gradflow.errors import unknown_name
from gradflow.modules import cover, runs
from gradflow.notation import count, listed, printable
from gradflow.playing import Playground

LEVELS, MOST_KNOWN, MOST_DIFFERENT = 2, 1000, 60
STYLE = """<style>
.gf-live { color: var(--jp-ui-font-color1, #1b1b1b); font-size: 13px; line-height: 1.4; overflow-wrap: anywhere; }
.gf-live p { margin: 0; }
.gf-live small { color: var(--jp-ui-font-color2, #5a5a5a); font-size: 12px; }
.gf-live .gf-wrong { border-left: 3px solid #d55e00; padding: 2px 8px; margin-top: 4px; }
.gf-live table { border-collapse: collapse; margin-top: 6px; font-size: 12px; line-height: 1.5; }
.gf-live :is(td, th) { padding: 1px 12px 1px 0; text-align: right; font-weight: normal; }
.gf-live :is(td, th):nth-child(-n+2) { text-align: left; }
.gf-live tbody th { font-weight: bold; }
.gf-live thead th { color: var(--jp-ui-font-color2, #5a5a5a); border-bottom: 1px solid currentColor; }
.gf-scroll { overflow: auto; max-height: 260px; }
.gf-row .widget-checkbox label { display: flex; align-items: center; gap: 4px; padding: 0; font-size: 12px; }
.gf-row .widget-checkbox label > * { margin: 0; padding: 0; min-width: 0; }
.gf-row { border-top: 1px solid var(--jp-border-color2, #d9d6cf); }
</style>"""


class Subject(NamedTuple):
    """A module or a parameter that can be changed.

    Attributes:
        name: its path.
        parameters: those that it stands for.
        calls: how often it was called; None for a parameter.
    """

    name: str
    parameters: tuple[str, ...]
    calls: int | None

    def meant(self, playing: Playground, field: str) -> tuple[str, ...]:
        """The names that ticking a field of ``Changes`` means for it; none where it cannot be ticked."""
        if field == "cut":
            return () if self.calls is None else (self.name,)
        if field == "asked":
            graph = playing.flow.graph
            return tuple(name for name in self.parameters if graph.value(name).requires_grad) or self.parameters
        return self.parameters


def offered(playing: Playground) -> list[Subject]:
    """The upper levels of the model: modules that ran or have parameters, and parameters beside them."""
    names = [name for name in known(playing) if name.count(".") < LEVELS]
    modules = dict(playing.program.model.named_modules())
    subjects = [subject(playing, name) for name in names if name in modules or "." not in name]
    return [one for one in subjects if one.parameters or one.calls]


def known(playing: Playground) -> tuple[str, ...]:
    """The modules of the model and the parameters, each before what is in it."""
    model = playing.program.model
    parameters = [name for name, _ in model.named_parameters()]
    return tuple(dict.fromkeys([path for path, _ in model.named_modules() if path] + parameters))


def subject(playing: Playground, name: str) -> Subject:
    """The module or parameter of that name.

    Raises:
        GradflowError: there is none; the nearest are offered.
    """
    model = playing.program.model
    modules = dict(model.named_modules(remove_duplicate=False))
    if name in modules and name:
        has_parameters = next(modules[name].parameters(), None) is not None
        calls = Counter(call.module for call in playing.flow.graph.calls)
        return Subject(name, playing.parameters(name) if has_parameters else (), calls[name])
    if name not in dict(model.named_parameters(remove_duplicate=False)):
        raise unknown_name(name, known(playing), "module or parameter")
    return Subject(name, playing.parameters(name), None)


# -- in words ------------------------------------------------------------------------------------------------


def situation(playing: Playground, wrong: str = "", running: bool = False) -> str:
    """What is changed, what that did, and what went wrong."""
    if running:
        return _live("<p>Running …</p>")
    lines = [f"<b>{_text(changed(playing))}</b>", *map(_text, without_effect(playing))]
    if not wrong:
        lines.append(_text(playing.difference.words()))
    said = "".join(f"<p>{line}</p>" for line in lines)
    if wrong:
        said += f'<p class="gf-wrong" role="alert">That failed and was taken back. {_text(wrong)}</p>'
    return _live(said)


def changed(playing: Playground) -> str:
    """The changes in one line."""
    changes = playing.changes
    everything = [name for name, _ in playing.program.model.named_parameters()]
    said = [
        f"{words} {listed(runs(names if field in ('cut', 'losses') else cover(names, everything))) or 'nothing'}"
        for field, words in _WORDS.items()
        if (names := getattr(changes, field)) or (field == "held" and names is not None)
    ]
    words = "; ".join(said) or "the program as it is"
    return f"{words[0].upper()}{words[1:]}."


_WORDS = {
    "losses": "only the loss",
    "cut": "cut after",
    "frozen": "frozen",
    "asked": "asked only for",
    "held": "the optimizer holds only",
}


def without_effect(playing: Playground) -> list[str]:
    """Which cuts cut nothing, in sentences."""
    idle = [path for path, tensors in playing.detached.items() if not tensors]
    return [f"{path} returned no tensor in this run, so that nothing is cut there." for path in idle]


def standing(playing: Playground, about: Subject) -> str:
    """A subject, and how many of its parameters were reached and moved."""
    names, flow, moved = about.parameters, playing.flow, set(playing.step.moved)
    reached = sum(flow.at(name).arrived for name in names)
    facts = [f"{reached} of {len(names)} reached", f"{len(moved.intersection(names))} moved"] if names else []
    if about.calls is not None and about.calls != 1:
        facts.append("not called" if not about.calls else f"called {about.calls:,} times, a cut cuts all")
    return _live(f"<b>{_text(about.name)}</b> <small>{', '.join(facts)}</small>")


def difference_table(difference: Difference) -> str:
    """What differs from the run before, a row for each parameter."""
    rows = difference.changed
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{_text(head)}</th>' for head in HEADS)
    body = "".join(f"<tr>{_cells(row.cells())}</tr>" for row in rows[:MOST_DIFFERENT])
    left = len(rows) - MOST_DIFFERENT
    more = f"<p>and {count(left, 'parameter')} more</p>" if left > 0 else ""
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return _live(f'<div class="gf-scroll" tabindex="0" role="region" aria-label="Difference">{table}{more}</div>')


def _cells(cells: tuple[str, ...]) -> str:
    mark, name, *rest = map(_text, cells)
    return f'<td>{mark}</td><th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)


def _live(inner: str) -> str:
    return f'<div class="gf-live">{inner}</div>'


def _text(text: str) -> str:
    return escape(printable(text))
