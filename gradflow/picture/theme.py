"""Colours and pens: the style sheet of a picture, for light and dark grounds and for grey print.

Colours are literal, so that whatever converts an SVG understands them. Each rule is written only into pictures
that have a use for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import NamedTuple

from gradflow.picture.metrics import FONTS

SANS = 'Arial,Helvetica,"Liberation Sans",Arimo,sans-serif'
MONO = '"Liberation Mono",Cousine,Menlo,Consolas,"DejaVu Sans Mono",monospace'

PALETTES: dict[str, dict[str, str]] = {
    "light": {
        "paper": "#FFFFFF",
        "ink": "#1B1B1B",
        "soft": "#5A5A5A",
        "shape": "#8A8A8A",
        "grey": "#949494",
        "reached": "#0072B2",
        "reached-pale": "#B9D8EB",
        "zero": "#882255",
        "zero-pale": "#F3E4EC",
        "cut": "#D55E00",
        "undefined": "#4A4A4A",
        "module": "#F6F5F1",
        "module-line": "#E0DDD5",
        "region": "#FDF3EC",
        "region-line": "#EBB48D",
        "rule": "#D9D6CF",
    },
    "dark": {
        "paper": "#17191D",
        "ink": "#ECEAE4",
        "soft": "#A9A7A1",
        "shape": "#7C7F86",
        "grey": "#8A8A8A",
        "reached": "#56B4E9",
        "reached-pale": "#22506B",
        "zero": "#F0A8C6",
        "zero-pale": "#3A2430",
        "cut": "#F5863A",
        "undefined": "#C9C7C1",
        "module": "#1F2228",
        "module-line": "#33373E",
        "region": "#2B2019",
        "region-line": "#7A4A28",
        "rule": "#3A3D43",
    },
    "grey": {
        "paper": "#FFFFFF",
        "ink": "#1B1B1B",
        "soft": "#5A5A5A",
        "shape": "#8A8A8A",
        "grey": "#949494",
        "reached": "#3D3D3D",
        "reached-pale": "#CFCFCF",
        "zero": "#5C5C5C",
        "zero-pale": "#ECECEC",
        "cut": "#6B6B6B",
        "undefined": "#4A4A4A",
        "module": "#F5F5F5",
        "module-line": "#DDDDDD",
        "region": "#FAFAFA",
        "region-line": "#ABABAB",
        "rule": "#D6D6D6",
    },
}


class Rule(NamedTuple):
    """One rule of the style sheet.

    Attributes:
        selector: below the root, without it; several are parted by commas.
        looks: declarations; ``$name`` stands for a colour of the palette.
    """

    selector: str
    looks: str


_DASHED, _DOTTED, _DASH_DOT = "stroke-dasharray:4.5 3.5", "stroke-dasharray:.1 5;stroke-linecap:round", "7 3 1 3"

_GROUNDS = (
    Rule(".paper", "fill:$paper"),
    Rule(".module", "fill:$module;stroke:$module-line"),
    Rule(".region", "fill:$region;stroke:$region-line;stroke-width:1.2;stroke-dasharray:4 3"),
    Rule(".rule", "fill:none;stroke:$rule"),
    Rule("path.bracket", "fill:none;stroke:$rule;stroke-width:1.4"),
)
_SHAPES = (
    Rule(".pill", "fill:$paper;stroke:$shape;stroke-width:1.2"),
    Rule(".input", "fill:$paper;stroke:$shape;stroke-width:1.4"),
    Rule(".across", "stroke:$shape;stroke-width:1.4"),
    Rule("rect.loss", "fill:$ink;stroke:$ink;stroke-width:2"),
    Rule(".second", "fill:$paper;stroke:$ink;stroke-width:2"),
    Rule(".end", "fill:$paper;stroke:$grey;stroke-width:1.4"),
    Rule(".bar", "stroke:$cut;stroke-width:3"),
    Rule(".thin", "stroke-width:2"),
    Rule(".disc", "fill:$paper;stroke-width:1.6"),
    Rule(".disc.zero", "stroke:$zero"),
    Rule(".disc.undefined", "stroke:$undefined"),
    Rule(".disc.nonfinite", "fill:$ink;stroke:$ink"),
    Rule(".mark.undefined", "fill:none;stroke:$undefined;stroke-width:1.4"),
    Rule(".mark.nonfinite", "fill:none;stroke:$paper;stroke-width:1.9"),
)
_LINES = (
    Rule(".line", "fill:none;stroke:$grey;stroke-width:1.2"),
    Rule(".line.reached", "stroke:$reached;stroke-width:2.4"),
    Rule(".line.shell", "stroke:$reached;stroke-width:4.4"),
    Rule(".line.wide", "stroke:$reached;stroke-width:7.2"),
    Rule(".line.core", "stroke:$paper;stroke-width:1.8"),
    Rule(".line.gap", "stroke:$paper;stroke-width:5"),
    Rule(".line.zero", f"stroke:$zero;stroke-width:2.4;{_DOTTED}"),
    Rule(".line.undefined", f"stroke:$undefined;stroke-width:1.6;stroke-dasharray:{_DASH_DOT}"),
    Rule(".line.missing", f"stroke-width:1.4;{_DASHED}"),
    Rule(".line.cut", "stroke:$cut;stroke-width:2;stroke-dasharray:5 3.5"),
    Rule(".head", "fill:none;stroke:$grey;stroke-width:1.3;stroke-linecap:round;stroke-linejoin:round"),
    Rule(".head.reached", "fill:$reached;stroke:none"),
    Rule(".head.zero", "fill:$paper;stroke:$zero"),
    Rule(".head.undefined", "stroke:$undefined"),
    Rule(".dot", "fill:$grey"),
    Rule(".dot.reached", "fill:$reached"),
    Rule(".dot.zero", "fill:$zero"),
    Rule(".dot.undefined", "fill:$undefined"),
)
_SQUARES = (
    Rule(".box", "fill:$paper;stroke:$grey;stroke-width:1.2"),
    Rule(".reached>.box", "fill:$reached-pale;stroke:$reached;stroke-width:2"),
    Rule(".moved>.box", "fill:$reached;stroke:$reached;stroke-width:2"),
    Rule(".unheld>.box", "stroke:$reached;stroke-width:2"),
    Rule(".nonfinite>.box", "fill:$reached-pale;stroke:$reached;stroke-width:2"),
    Rule(".zero>.box", "fill:$zero-pale;stroke:$zero;stroke-width:1.8;stroke-dasharray:.1 3.6;stroke-linecap:round"),
    Rule(".none>.box", "stroke-width:1.4;stroke-dasharray:3 2.2"),
    Rule(".undefined>.box", "stroke:$undefined;stroke-width:1.4;stroke-dasharray:3 2.2"),
    Rule(".mark", "fill:none;stroke:$grey;stroke-width:1.6"),
    Rule(".moved>.mark", "stroke:$paper;stroke-width:1.5;stroke-linejoin:round"),
    Rule(".undefined>.mark", "stroke:$undefined;stroke-width:1.4"),
    Rule(".nonfinite>.mark", "stroke:$ink;stroke-width:2"),
    Rule(".frozen>.mark", "stroke-width:1.2"),
    Rule(".lock", "fill:$grey"),
    Rule(".drift", "fill:$paper;stroke:$ink;stroke-width:1.2;stroke-linejoin:round"),
    Rule(".small", "fill:$paper;stroke:$grey"),
    Rule(".reached>.small,.moved>.small", "fill:$reached;stroke:$reached"),
    Rule(".unheld>.small", "stroke:$reached;stroke-width:1.4"),
    Rule(".small.still", "fill:$reached-pale;stroke:$reached"),
    Rule(".nonfinite>.small", "fill:$ink;stroke:$ink"),
    Rule(".zero>.small", "stroke:$zero;stroke-width:1.4"),
    Rule(".none>.small", "stroke-dasharray:1.6 1.2"),
    Rule(".undefined>.small", "stroke:$undefined;stroke-dasharray:1.6 1.2"),
    Rule(".pip", "fill:$grey"),
    Rule(".zero>.pip", "fill:$zero"),
    Rule(".nonfinite>.pip", "fill:$paper"),
    Rule(".undefined>.pip", "fill:$undefined"),
)
_TEXTS = (
    Rule("text", "fill:$ink"),
    Rule("text.soft", "fill:$soft"),
    Rule("text.inverse", "fill:$paper"),
    Rule("text.derivative", "fill:$reached"),
    Rule("text.sign", "font-weight:700;text-anchor:middle"),
    Rule("text.of-zero", "fill:$zero"),
    Rule("text.of-undefined", "fill:$undefined"),
)
_PENDING = (
    Rule(".pending>.band", "fill:none;stroke:$grey;stroke-width:1.2"),  # from end to end, without room for its head
    Rule(".pending>.line", "stroke-opacity:0"),
    Rule(".pending>.box,.pending>.small", "fill:$paper;stroke:$grey;stroke-width:1.2;stroke-dasharray:none"),
    Rule(
        ".pending>.head,.pending>.core,.pending>.gap,.pending>.inner,.pending>.disc,.pending>.mark,.pending>.drift,"
        ".pending>.pip,.pending>.lock,.pending>.sign,.pending>text.derivative,.pending>text.factor",
        "display:none",
    ),
)
_NAMES = re.compile(r"\.([\w-]+)")


def style(theme: str, used: Set[str]) -> str:
    """The style sheet of a picture.

    Args:
        theme: ``auto`` (light, and dark where the screen is; a page that knows better edits the one media rule),
            ``light``, ``dark`` or ``grey``.
        used: the classes that occur in the picture.
    """
    rules = _needed(used)
    if theme != "auto":
        return "".join(_written(rules, PALETTES[theme], f".gf.{theme} "))  # on one page with others, these win
    coloured = [Rule(rule.selector, looks) for rule in rules if (looks := _coloured(rule.looks))]
    dark = "".join(_written(coloured, PALETTES["dark"], ".gf "))
    light = "".join(_written(rules, PALETTES["light"], ".gf "))
    return f"{light}{_DARK}{{{dark}}}"


def short_style(theme: str, used: Set[str]) -> str:
    """The same where no other picture can be disturbed and a browser reads it: colours go by short names.

    Args:
        theme: as for :func:`style`.
        used: the classes that occur in the picture.
    """
    rules = [Rule("text", "white-space:pre"), *_needed(used)]
    if theme != "auto":
        return "".join(_written(rules, {name: _short(colour) for name, colour in PALETTES[theme].items()}))
    names = {name: f"--{chr(ord('a') + at)}" for at, name in enumerate(PALETTES["light"])}
    written = "".join(_written(rules, {name: f"var({short})" for name, short in names.items()}))
    occurring = {name: short for name, short in names.items() if f"var({short})" in written}
    light, dark = (
        ";".join(f"{short}:{_short(PALETTES[ground][name])}" for name, short in occurring.items())
        for ground in ("light", "dark")
    )
    return f"svg{{{light}}}{_DARK}{{svg{{{dark}}}}}{written}"


_DARK = "@media screen and (prefers-color-scheme:dark)"


def _short(colour: str) -> str:
    """A colour in three digits, where that is the same.

    >>> _short("#AA33FF"), _short("#17191D")
    ('#A3F', '#17191D')
    """
    return f"#{colour[1::2]}" if colour[1::2] == colour[2::2] else colour


_RULES = (*_TEXTS, *_GROUNDS, *_SHAPES, *_LINES, *_SQUARES, *_PENDING)


def _fonts(used: Set[str]) -> list[Rule]:
    """The type of each role, those of one type in one rule; bold pieces of a text are told apart within it."""
    types: dict[str, list[str]] = {}
    for role, font in FONTS.items():
        found = [selector for selector in _of_role(role) if _can_match(selector, used)]
        types.setdefault(f"font-size:{font.size:g}px", []).extend(found)
        if font.bold:
            types.setdefault("font-weight:700", []).extend(found)
        if font.mono:
            types.setdefault(f"font-family:{MONO}", []).extend(found)
    return [Rule(",".join(selectors), looks) for looks, selectors in types.items() if selectors]


def _of_role(role: str) -> list[str]:
    """Where a role's type holds: bold and mono pieces also stand within a text of the plain role."""
    plain, _, face = role.rpartition("-")
    return [f"text.{role}", *([f"text.{plain}>.{face}"] if face in ("bold", "mono") else [])]


def _needed(used: Set[str]) -> list[Rule]:
    """The rules without the selectors that match nothing."""
    parts = ((rule, [one for one in rule.selector.split(",") if _can_match(one, used)]) for rule in _RULES)
    return [*_fonts(used), *(Rule(",".join(kept), rule.looks) for rule, kept in parts if kept)]


def _can_match(selector: str, used: Set[str]) -> bool:
    return used >= set(_NAMES.findall(selector))


def _coloured(looks: str) -> str:
    return ";".join(look for look in looks.split(";") if "$" in look)


def _written(rules: Iterable[Rule], palette: Mapping[str, str], root: str = "") -> list[str]:
    return [f"{_below(root, rule.selector)}{{{_filled(rule.looks, palette)}}}" for rule in rules]


def _below(root: str, selector: str) -> str:
    return ",".join(f"{root}{part}" for part in selector.split(","))


def _filled(looks: str, palette: Mapping[str, str]) -> str:
    return re.sub(r"\$([a-z-]+)", lambda match: palette[match[1]], looks)
