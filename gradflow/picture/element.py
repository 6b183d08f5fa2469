"""The picture as a piece of HTML: a static part for every reader, and a custom element around it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from urllib.parse import quote
from zlib import compress

from gradflow.notation import printable
from gradflow.picture.bundle import bundle
from gradflow.picture.steps import Step
from gradflow.picture.wording import key

View = tuple[str, Sequence[tuple[int, str]]]

_FIT = 0.95  # the least scale at which a picture is shown, as in the script
_PLAIN = '"()*+,-./:;<=>@[]_{}|!'  # what needs no escape in an address
_KEY = re.compile(r' data-key="([^"]*)"')
_IN_SCRIPT = {code: f"\\u{code:04x}" for code in (*map(ord, "<>&"), 0x2028, 0x2029)}


def fragment(
    *,
    label: str,
    pictures: Sequence[tuple[int, str]],
    table: Sequence[Sequence[str]],
    data: Mapping[str, object],
    steps: Sequence[Step] = (),
    views: Sequence[View] = (),
    theme: str = "auto",
    mode: str = "",
    exercise: str = "",
) -> str:
    r"""One piece of HTML that needs nothing else: no file, no network, no other figure of the page.

    Without scripts it shows the picture that suits the window, and a table. With them it is the custom element
    ``<gf-figure>``: its lines and squares have cards, it follows its own width and the colours of the
    page, and it can be stepped through.

    Args:
        label: what the picture shows, in one sentence.
        pictures: width in pixels and SVG of the same picture for several widths; ``data-key`` says in them what a
            line or square stands for, as :func:`gradflow.picture.wording.key` does. The widest that fits is shown;
            of two with one width the first counts.
        table: the same facts in rows, the first of which are the headings; empty for no table.
        data: what :func:`gradflow.picture.payload.payload` gives.
        steps: what :func:`gradflow.picture.steps.steps` gives; one that no picture shows is left out.
        views: other pictures of the same thing, each with what it is called, for the same widths; one without any
            is only named.
        theme: ``auto``, ``light``, ``dark`` or ``grey``.
        mode: the panel that is open at first: ``step``, ``whatif`` or none.
        exercise: what :func:`gradflow.picture.exercise.exercise` gives.

    >>> html = fragment(label="x > y", pictures=[(80, "<svg/>")], table=[("name",), ("w",)], data={})
    >>> html.splitlines()[:3]  # doctest: +NORMALIZE_WHITESPACE
    ['<gf-figure theme="auto">',
     '<picture><img width="80" style="max-width:100%;height:auto" alt="x &gt; y"
      src=\'data:image/svg+xml;charset=utf-8,<svg/>\'></picture>',
     '<details slot="table"><summary>Table (1 row)</summary><table><thead><tr><th
      scope="col">name</th></tr></thead><tbody><tr><th scope="row">w</th></tr></tbody></table></details>']
    """
    opened = f' mode="{mode}"' if mode else ""
    told = {**data, "steps": _told(steps, pictures, views)}
    drawn = dict(pictures)
    held = [
        [label, [[width, "" if drawn.get(width) == svg else _packed(svg)] for width, svg in other]]
        for label, other in views
    ]
    return "\n".join(
        filter(
            None,
            [
                f'<gf-figure theme="{attribute(theme)}"{opened}>',
                exercise,
                _pictures(sorted(dict(reversed(pictures)).items()), label),
                _table(table),
                f'<script type="application/json">{encoded({**told, "views": held} if held else told)}</script>',
                "</gf-figure>",
                *(f"<script>{code}</script>" for code in _scripts(data)),
            ],
        )
    )


def _told(steps: Sequence[Step], pictures: Sequence[tuple[int, str]], views: Sequence[View]) -> list[list[object]]:
    """The steps that a picture shows.

    Each has its keys, its words, and the keys of what only another view shows and what came since the step before:
    nothing is drawn there before it has come.
    """
    if not steps:
        return []
    shown = {found for _, svg in pictures for found in _KEY.findall(svg)}
    elsewhere = {found for _, other in views for _, svg in other for found in _KEY.findall(svg)}
    told: list[tuple[list[str], str, str, list[str]]] = []
    since: list[str] = []
    for step in steps:
        keys = [key(one) for one in step.keys]
        if shown.isdisjoint(keys):
            since += [one for one in keys if one in elsewhere]
            continue
        told.append((keys, step.label, step.sentence, since))
        since = []
    if told:
        told[-1][3].extend(since)
    return [[*said, late] if late else [*said] for *said, late in told]


def _packed(svg: str) -> str:
    """A picture for the data of a page: small, and the same each time."""
    return b64encode(compress(_encodable(svg).encode(), 9)).decode()


def script() -> str:
    """The code of the element."""
    return bundle("element.js", 'customElements.get("gf-figure")')


_MORE = {"net": "more_export.js", "formulas": "more_numbers.js", "puzzle": "more_puzzle.js"}
"""What a figure can do beside the element's own, by the data that it takes."""


def _scripts(data: Mapping[str, object]) -> Iterator[str]:
    """The code of the element, and of what only some figures can do."""
    yield script()
    yield from (bundle(entry, "!customElements.get('gf-figure')") for name, entry in _MORE.items() if data.get(name))


def parted(html: str) -> tuple[str, tuple[str, ...]]:
    """A fragment as its element and its scripts."""
    element, *scripts = re.split(r"\n(?=<script>)", html.strip())
    return element, tuple(scripts)


def _pictures(pictures: Sequence[tuple[int, str]], label: str) -> str:
    """The widest picture, and in front of it the narrower ones with the width of the window up to which they serve."""
    sources = [
        f"""<source media="(max-width: {round(wider * _FIT) - 1}px)" width="{width}" srcset='{_uri(svg)}'>"""
        for (width, svg), (wider, _) in pairwise(pictures)
    ]
    width, svg = pictures[-1]
    style = "max-width:100%;height:auto"
    img = f"""<img width="{width}" style="{style}" alt="{attribute(label)}" src='{_uri(svg, " ")}'>"""
    return f"<picture>{''.join(sources)}{img}</picture>"


def _uri(svg: str, plain: str = "") -> str:
    """The picture as an address, for an attribute in single quotes.

    It is shorter than in base64, and packs well on its way to the reader.

    Args:
        svg: the picture.
        plain: what may also stand as it is.
    """
    return "data:image/svg+xml;charset=utf-8," + quote(_encodable(svg), safe=_PLAIN + plain)


def _table(rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    head, *body = rows
    noun = "row" if len(body) == 1 else "rows"
    columns = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    lines = "".join(f"<tr>{_row(cells)}</tr>" for cells in body)
    return (
        f'<details slot="table"><summary>Table ({len(body)} {noun})</summary>'
        f"<table><thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></details>"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return f'<th scope="row">{_text(first)}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in others)


def encoded(data: object) -> str:
    """JSON that cannot end the script it stands in, in which what does not print stands as its number."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = _encodable(written.translate(_IN_SCRIPT))
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in safe)


def attribute(text: str) -> str:
    """A text for an attribute in double quotes."""
    return escape(printable(text), quote=True)


def _text(text: str) -> str:
    return escape(printable(text), quote=False)


def _encodable(text: str) -> str:
    """The text with half characters, which no file can hold, replaced."""
    return text.encode("utf-8", "replace").decode()
