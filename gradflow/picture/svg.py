"""A scene as an SVG: compact, the same on every machine, and safe to put into any page.

There are no ids, markers, filters or references, so that pictures on one page cannot disturb each other.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from gradflow.graph import Edge
from gradflow.notation import printable
from gradflow.picture.paths import length
from gradflow.picture.plan import Point, Rect
from gradflow.picture.shapes import (
    Bars,
    Disc,
    Dot,
    Group,
    Head,
    Line,
    Primitive,
    Scene,
    Shape,
    Square,
    Text,
)
from gradflow.picture.theme import SANS, short_style, style
from gradflow.verdict import Span

_WHOSE = re.compile(r' data-of="[^"]*"')
_CORNER = 8.0
_MOST = 1_000  # things that one line or square stands for, each by an element
_ENDS = 13.0  # what a head, a gap before a square and the last dot take from a line, at most
_SMALL = 10.0  # squares below this size have no room for a mark


def svg(scene: Scene, theme: str = "auto", shown: Collection[Edge | int] | None = None) -> str:
    """A scene as the text of an SVG.

    Args:
        scene: what is drawn.
        theme: ``auto`` (light, and dark where the screen is), ``light``, ``dark`` or ``grey``.
        shown: what a gradient has arrived at so far: edges, and ids of values; what is still to come is drawn
            thin and grey. None for everything.
    """
    body = "".join(_drawn(item) if not isinstance(item, Group) else _group(item, shown) for item in scene.items)
    root = "gf" if theme == "auto" else f"gf {theme}"
    told = f"<title>{escaped(scene.title)}</title><desc>{escaped(scene.description)}</desc>"
    looks = f"<style>.gf{{font-family:{SANS}}}{style(theme, _classes(body))}</style>"
    return f'{_root(scene, f"""class="{root}" """)}{told}{looks}{_paper(scene)}{_WHOSE.sub("", body)}</svg>\n'


def page_svg(
    scene: Scene,
    theme: str = "auto",
    data: str = "key",
    steps: bool = False,
    doors: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """A scene as an SVG for an image or a custom element on a page: shorter, as a browser needs no more.

    Args:
        scene: what is drawn.
        theme: as for :func:`svg`.
        data: what lines and squares say of themselves: ``key`` (what the page finds the rest by), ``all`` or ``none``.
        steps: whether each line has a band, from end to end; else it has one if its line does not show the way.
        doors: of modules that can be opened or closed by their name, the number of the view that shows it.
    """
    body = "".join(
        _on_page(item, data, steps) if isinstance(item, Group) else _door(item, doors) for item in scene.items
    )
    body = body.replace(' xml:space="preserve"', "")  # the style sheet says so for all
    if 'class="derivative' not in body:  # no numbers, which a page could write anew
        body = _WHOSE.sub("", body)
    looks = f"<style>svg{{font-family:{SANS}}}{short_style(theme, _classes(body))}</style>"
    return f"{_root(scene)}{looks}{_paper(scene)}{body}</svg>"


def _root(scene: Scene, more: str = "") -> str:
    width, height = _number(scene.width), _number(scene.height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {more}width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escaped(scene.title)}">'
    )


def _paper(scene: Scene) -> str:
    return f'<rect class="paper" width="{_number(scene.width)}" height="{_number(scene.height)}"/>'


def _classes(body: str) -> set[str]:
    """The classes that occur in a picture."""
    return {"paper", *(name for names in set(re.findall(r' class="([^"]*)"', body)) for name in names.split())}


def escaped(text: str) -> str:
    r"""Text that is safe between tags and in attributes, with signs for what does not print.

    >>> escaped('<b> & "\u202e"')
    '&lt;b&gt; &amp; &quot;\\u202e&quot;'
    """
    return printable(text).translate(_ENTITIES)


_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def _group(group: Group, shown: Collection[Edge | int] | None) -> str:
    pending = shown is not None and group.arrived and not any(key in shown for key in group.keys)
    band = _band(group) if pending else ""
    return _grouped(group, f"{group.kind} {group.state}{' pending' if pending else ''}", group.data, band)


def _grouped(group: Group, classes: str, data: Sequence[Iterable[tuple[str, str]]], band: str) -> str:
    """One element for each thing that a group stands for, if they are not thousands; the first holds the drawing."""
    first, *others = (f'<g class="{classes}"{_attributes(each)}' for each in data[:_MOST] or ((),))
    inner = "".join(map(_drawn, group.items))
    return f"{first}>{band}{inner}</g>" + "".join(f"{other}/>" for other in others)


def _on_page(group: Group, data: str, steps: bool) -> str:
    if data == "none":
        return _grouped(group, f"{group.kind} {group.state}", (), "")
    told = [_by_key(dict(each), data == "key") for each in group.data]
    return _grouped(
        group, f"{group.kind} {group.state}", told, "" if not steps and _shows_its_way(group) else _band(group)
    )


def _door(item: Primitive, doors: Mapping[str, int]) -> str:
    """A mark; the box or the name of a module tells which view opens or closes it."""
    drawn = _drawn(item)
    if not isinstance(item, Shape | Text) or item.path not in doors:
        return drawn
    return drawn.replace(" ", f' data-view="{doors[item.path]}" data-module="{escaped(item.path)}" ', 1)


def _by_key(data: Mapping[str, str], short: bool) -> list[tuple[str, str]]:
    """What stands for one thing on a page: its key, and what the page does not find by it."""
    found = ".".join(data[name] for name in ("value", "op", "position") if name in data)
    if not short:
        return [("key", found), *data.items()]
    lone = "op" not in data and "name" not in data  # a line into a loss or an end
    return [("key", found), *((name, text) for name, text in data.items() if name == "status" and lone)]


def _shows_its_way(group: Group) -> bool:
    """Whether the line of a group goes from end to end, but for the room of a head."""
    ways = {item.points for item in group.items if isinstance(item, Line)}
    return len(ways) == 1 and length(group.band) - length(*ways) < _ENDS


def _attributes(data: Iterable[tuple[str, str]]) -> str:
    return "".join(f' data-{name}="{escaped(text)}"' for name, text in data)


def _band(group: Group) -> str:
    return f'<path class="band" fill="none" d="{_rounded(group.band)}"/>' if len(group.band) > 1 else ""


def _drawn(item: Primitive) -> str:
    return _DRAWN[type(item)](item)


def _shape(shape: Shape) -> str:
    return _rect(shape.rect, shape.kind, shape.radius)


def _rect(rect: Rect, kind: str, radius: float = 0.0) -> str:
    rounded = f' rx="{_number(radius)}"' if radius else ""
    size = f'width="{_number(rect.w)}" height="{_number(rect.h)}"'
    return f'<rect class="{kind}" x="{_number(rect.x)}" y="{_number(rect.y)}" {size}{rounded}/>'


def _path(kind: str, data: str) -> str:
    return f'<path class="{kind}" d="{data}"/>'


def _line(line: Line) -> str:
    kind = line.look if line.look in _BARE else f"line {line.look}"
    return _path(kind, _rounded(line.points, line.sharp))


_BARE = frozenset({"rule", "bracket", "bar", "across"})


def _head(head: Head) -> str:
    """A triangle or an open angle, its tip where the line ends."""
    (x, y), (dx, dy) = head.tip, head.toward
    closed = head.look in _HEADS
    back, half = _HEADS.get(head.look, (5.0, 3.4))
    left = -back * dx - half * dy, -back * dy + half * dx
    right = -back * dx + half * dy, -back * dy - half * dx
    across = ("v", -2 * half * dx) if dx else ("h", 2 * half * dy)
    if closed:
        return _path(f"head {head.look}", _data("M", x, y, "l", *left, *across, "z"))
    return _path(f"head {head.look}", _data("M", x + left[0], y + left[1], "l", -left[0], -left[1], *right))


_HEADS = {"reached": (9.0, 5.0), "zero": (8.0, 4.4)}


def _bars(bars: Bars) -> str:
    (x, y), (dx, dy), half = bars.center, bars.along, bars.size / 2
    big = bars.size > 12
    ends = "".join(_bar(x + side * dx, y + side * dy, half * dy, half * dx) for side in _SIDES[big])
    wide, tall = abs(4.6 * dx) + abs(half * dy), abs(4.6 * dy) + abs(half * dx)
    ground = _rect(Rect(x - wide, y - tall, 2 * wide, 2 * tall), "paper") if bars.clear else ""
    return ground + _path("bar" if big else "bar thin", ends)


_SIDES = {True: (-3.2, 3.2), False: (-2.0, 2.0)}


def _bar(x: float, y: float, dx: float, dy: float) -> str:
    return _data("M", x - dx, y - dy, *(("h", 2 * dx) if dx else ("v", 2 * dy)))


def _disc(disc: Disc) -> str:
    x, y = disc.center
    circle = _circle(f"disc {disc.mark}", disc.center, disc.radius)
    if disc.mark == "zero":
        return circle + _glyph(x, y, "0", disc.radius + 3)
    if disc.mark == "undefined":
        return circle + _path("mark undefined", _slashed(x, y, disc.radius * 0.47))
    return circle + _path("mark nonfinite", _exclamation(x, y, disc.radius * 0.52))


def _circle(kind: str, center: Point, radius: float) -> str:
    return f'<circle class="{kind}" cx="{_number(center.x)}" cy="{_number(center.y)}" r="{_number(radius)}"/>'


def _glyph(x: float, y: float, text: str, size: float) -> str:
    """A bold figure in a disc or square, centred by its height."""
    return (
        f'<text class="sign of-zero" x="{_number(x)}" y="{_number(y + 0.355 * size)}" '
        f'font-size="{_number(size)}">{text}</text>'
    )


def _slashed(x: float, y: float, radius: float) -> str:
    """The sign of the empty set."""
    reach = 0.95 * radius
    ring = _data("M", x - radius, y, *_arc(radius, 2 * radius), *_arc(radius, -2 * radius))
    return ring + _data("M", x - reach, y + reach, "L", x + reach, y - reach)


def _arc(radius: float, dx: float) -> tuple[str | float, ...]:
    """Half a circle to a point at the same height."""
    return ("a", radius, radius, 0, 0, 1, dx, 0)


def _exclamation(x: float, y: float, half: float) -> str:
    return _data("M", x, y - half, "v", 1.2 * half, "M", x, y + 0.75 * half, "v", 0.35 * half)


def _dot(dot: Dot) -> str:
    radius = 3.0 if dot.look in ("reached", "zero") else 2.2
    return _circle(f"dot {dot.look}", dot.center, radius)


def _square(square: Square) -> str:
    if square.rect.w < _SMALL:
        return _small_square(square)
    inset = {"frozen": 0.6, "zero": 1.0}.get(square.state, 1.0)
    box = _rect(_shrunk(square.rect, inset), "box")
    return box + _MARKS.get(square.state, _no_mark)(square.rect) + (_drift(square.rect) if square.drift else "")


def _shrunk(rect: Rect, by: float) -> Rect:
    return Rect(rect.x + by, rect.y + by, rect.w - 2 * by, rect.h - 2 * by)


def _no_mark(rect: Rect) -> str:
    return ""


def _dash_mark(rect: Rect) -> str:
    half = rect.w / 6
    return _path("mark", _data("M", rect.center.x - half, rect.center.y, "h", 2 * half))


def _triangle_mark(rect: Rect) -> str:
    return _path("mark", _triangle(rect.center.x, rect.center.y, rect.w * 0.28))


def _triangle(x: float, y: float, half: float) -> str:
    return _data("M", x, y - 0.96 * half, "L", x + half, y + 0.8 * half, "H", x - half, "Z")


def _zero_mark(rect: Rect) -> str:
    return _glyph(rect.center.x, rect.center.y, "0", max(rect.w * 0.66, 11.0))


def _undefined_mark(rect: Rect) -> str:
    return _path("mark", _slashed(rect.center.x, rect.center.y, rect.w * 0.23))


def _exclamation_mark(rect: Rect) -> str:
    return _path("mark", _exclamation(rect.center.x, rect.center.y, rect.w * 0.3))


def _lock_mark(rect: Rect) -> str:
    """A second border, and a lock in it."""
    (x, y), scale = rect.center, rect.w / 18
    body = Rect(x - 3.3 * scale, y - 1.5 * scale, 6.6 * scale, 5 * scale)
    bow, rise = 2 * scale, 1.3 * scale
    arch = _data("M", x - bow, body.y, "v", -rise, *_arc(bow, 2 * bow), "v", rise)
    return _path("mark", _outline(_shrunk(rect, 3 * scale)) + arch) + _rect(body, "lock", 1)


def _outline(rect: Rect) -> str:
    return _data("M", rect.x, rect.y, "h", rect.w, "v", rect.h, "h", -rect.w, "z")


def _drift(rect: Rect) -> str:
    return _path("drift", _triangle(rect.right - 0.5, rect.y + 0.5, 4.6))


_MARKS: dict[str, Callable[[Rect], str]] = {
    "moved": _triangle_mark,
    "zero": _zero_mark,
    "frozen": _lock_mark,
    "none": _dash_mark,
    "quiet": _dash_mark,
    "undefined": _undefined_mark,
    "nonfinite": _exclamation_mark,
}


def _small_square(square: Square) -> str:
    """A square of a closed module: filled, hollow, or with a pip."""
    box = _rect(_shrunk(square.rect, 0.5), "small still" if square.state == "still" else "small")
    x, y = square.rect.center
    if square.state == "frozen":
        box += _rect(Rect(x - 1.2, y - 1.2, 2.4, 2.4), "pip")
    elif square.state == "zero":
        box += _circle("pip", Point(x, y), 1.1)
    elif square.state == "nonfinite":
        box += _rect(Rect(x - 0.7, y - 2, 1.4, 2.6), "pip") + _rect(Rect(x - 0.7, y + 1.2, 1.4, 1.2), "pip")
    elif square.state == "undefined":
        box += _rect(Rect(x - 1.8, y - 0.6, 3.6, 1.2), "pip")
    return box + (_path("drift", _triangle(square.rect.right, square.rect.y, 2.6)) if square.drift else "")


def _text(text: Text) -> str:
    spans = _printed(text.spans)
    if not spans:
        return ""
    classes = f"{text.role} {text.tone}".strip()
    anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    space = ' xml:space="preserve"' if len(spans) > 1 else ""
    inner = "".join(map(_span, spans))
    place = f'x="{_number(text.x)}" y="{_number(text.y)}"{anchor}{space}'
    return f'<text class="{classes}" {place}{_whose(text)}>{inner}</text>'


def _whose(text: Text) -> str:
    keys = (".".join(map(str, key)) if isinstance(key, Edge) else str(key) for key in text.keys)
    return f' data-of="{" ".join(keys)}"' if text.keys else ""


def _printed(spans: Iterable[Span]) -> list[Span]:
    return [span for span in spans if span.text]


def _span(span: Span) -> str:
    written = escaped(span.text)
    return f'<tspan class="{span.style}">{written}</tspan>' if span.style else written


def _rounded(points: Sequence[Point], sharp: Collection[Point] = ()) -> str:
    """A line as path data; each corner is rounded as far as its two sides allow."""
    if not points:
        return ""
    data, at = [_data("M", *points[0])], points[0]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        radius = min(_CORNER, math.dist(before, corner) / 2, math.dist(corner, after) / 2)
        if corner in sharp or radius < 0.5:
            data.append(_to(at, corner))
            at = corner
        else:
            start, end = _toward(corner, before, radius), _toward(corner, after, radius)
            data += [_to(at, start), _data("Q", *corner, *end)]
            at = end
    return "".join([*data, _to(at, points[-1])])


def _to(before: Point, point: Point) -> str:
    if abs(before.y - point.y) < 0.05:
        return _data("H", point.x)
    return _data("V", point.y) if abs(before.x - point.x) < 0.05 else _data("L", *point)


def _toward(point: Point, other: Point, by: float) -> Point:
    share = by / (math.dist(point, other) or 1)
    return Point(point.x + share * (other.x - point.x), point.y + share * (other.y - point.y))


def _data(*parts: str | float) -> str:
    """Path data: letters with the numbers that follow them.

    >>> _data("M", 1, 2.04, "l", -3, -0.5)
    'M1 2l-3-.5'
    """
    written = [part if isinstance(part, str) else _number(part) for part in parts]
    return "".join(
        f" {part}" if before and not before.isalpha() and not part.isalpha() and part[0] != "-" else part
        for before, part in zip(["", *written], written, strict=False)
    )


def _number(x: float) -> str:
    """A coordinate with one decimal, as short as it goes.

    >>> _number(12.0), _number(-0.04), _number(3.25), _number(-0.5)
    ('12', '0', '3.2', '-.5')
    """
    written = f"{x:.1f}".removesuffix(".0")
    return "0" if written in ("0", "-0") else written.replace("-0.", "-.").removeprefix("0")


_DRAWN: dict[type, Callable[..., str]] = {
    Shape: _shape,
    Line: _line,
    Head: _head,
    Bars: _bars,
    Disc: _disc,
    Dot: _dot,
    Square: _square,
    Text: _text,
}
