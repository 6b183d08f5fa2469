"""Several figures as one piece of HTML in which a reader chooses one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradflow.picture.bundle import bundle
from gradflow.picture.element import attribute, encoded, parted


class Option(NamedTuple):
    """One of the figures: what was chosen of each question, what it says, and its fragment."""

    state: tuple[str, ...]
    said: str
    html: str


def choice_fragment(labels: Sequence[str], options: Sequence[Option], together: str, theme: str = "auto") -> str:
    """One piece of HTML that shows one of several figures, and all of them together.

    Without scripts it shows them together. With them it is the custom element ``<gf-choice>``: a group of
    radio buttons for each question, and the figure that they choose.

    Args:
        labels: what each question is called.
        options: the figures, each the fragment of one figure; the first option of each question is chosen.
        together: the fragment of a figure that shows all of them.
        theme: ``auto``, ``light``, ``dark`` or ``grey``.
    """
    questions = [
        {"label": label, "options": list(dict.fromkeys(option.state[at] for option in options))}
        for at, label in enumerate(labels)
    ]
    states = [[questions[at]["options"].index(text) for at, text in enumerate(option.state)] for option in options]
    data = {"questions": questions, "states": states, "said": [option.said for option in options]}
    (shown, code), *others = [parted(html) for html in (together, *(option.html for option in options))]
    needed = dict.fromkeys([*code, *(one for _, more in others for one in more)])
    return "\n".join(
        [
            f'<gf-choice theme="{attribute(theme)}">',
            shown,
            *(f"<template>{html}</template>" for html, _ in others),
            f'<script type="application/json">{encoded(data)}</script>',
            "</gf-choice>",
            *needed,
            f"<script>{choice_script()}</script>",
        ]
    )


def choice_script() -> str:
    """The code of the element."""
    return bundle("choice.js", 'customElements.get("gf-choice")')
