"""The inside of one cell: its shape, what hangs on it, and what is written beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from gradflow.picture.metrics import FONTS, shorten, width
from gradflow.picture.plan import Label, Place, Point, Rect
from gradflow.picture.sketch import Cell, Leaf, Note

SYMBOLS = frozenset("+−×÷@·%")
SQUARE, CIRCLE = 18.0, 16.0
PILL, ROUND = 24.0, 28.0
MOST_SQUARES = 30
_HAT = 34.0
"""So high above a module a loss reaches in small multiples."""
_DROP, _DROP_NUMBERS, _DROP_DISC = 44.0, 64.0, 72.0
_LABEL_OUT = 4.0
_UNDER = 25.0  # from above a stem to below it
"""How far right of the middle a row of leaves stands: its last label may stick out further than the first square."""
_PAD = 8.0
_IN_A_LINE = 8
_IN_A_ROW = 3
_IN_A_COLUMN = 6
_OP_ROOM, _LEAF_ROOM, _NAME_ROOM, _NOTE_ROOM = 168.0, 116.0, 148.0, 184.0


class Parts(NamedTuple):
    """What a cell consists of, around the middle of its shape at (0, 0)."""

    shape: Rect
    leaves: tuple[Rect, ...] = ()
    stems: tuple[tuple[Point, ...], ...] = ()
    labels: tuple[Label, ...] = ()
    squares: tuple[Rect, ...] = ()


def form(cell: Cell, direction: str) -> Place:
    """A cell with the middle of its shape at (0, 0), for pictures from left to right or from top to bottom.

    >>> place = form(Cell(0, "op", "linear"), "LR")
    >>> place.shape, place.labels[0].text
    (Rect(x=-26.0, y=-12.0, w=52.0, h=24.0), 'linear')
    """
    parts = (_SMALL if cell.small else _FORMS)[cell.kind](cell, direction == "LR")
    room = _room(parts, _rooms_of_names(cell, parts))
    if cell.hat:
        room = Rect(room.x, room.y - _HAT, room.w, room.h + _HAT)
    return Place(cell.id, room, *parts)


def bounds(label: Label) -> Rect:
    """The room that a line of text takes."""
    size, wide = FONTS[label.role].size, width(label.text, label.role)
    left = {"start": 0.0, "middle": wide / 2, "end": wide}[label.anchor]
    return Rect(label.x - left, label.y - 0.8 * size, wide, size)


def _rooms_of_names(cell: Cell, parts: Parts) -> list[Rect]:
    """The room kept free for longer names of leaves."""
    roomy = [(leaf, rect.center) for leaf, rect in zip(cell.leaves, parts.leaves, strict=True) if leaf.room]
    return [Rect(x + 15, y - 5, _text_room(leaf), 10) for leaf, (x, y) in roomy]


def _room(parts: Parts, more: Iterable[Rect]) -> Rect:
    """The smallest rectangle on the grid around everything."""
    rects = [parts.shape, *parts.leaves, *parts.squares, *map(bounds, parts.labels), *more]
    left, top = min(rect.x for rect in rects), min(rect.y for rect in rects)
    right, bottom = max(rect.right for rect in rects), max(rect.bottom for rect in rects)
    left, top = 2.0 * math.floor(left / 2), 4.0 * math.floor(top / 4)
    return Rect(left, top, 2.0 * math.ceil(right / 2) - left, 4.0 * math.ceil(bottom / 4) - top)


def _around(w: float, h: float, x: float = 0.0, y: float = 0.0) -> Rect:
    return Rect(x - w / 2, y - h / 2, w, h)


def _middle(x: float, y: float, text: str, role: str, anchor: str = "middle") -> Label:
    """A text whose capitals are centred on a height."""
    return Label(x, y + 0.35 * FONTS[role].size, text, role, anchor)


def _op(cell: Cell, across: bool) -> Parts:
    """A pill, or a circle for a symbol, with what hangs on it."""
    symbol = cell.label in SYMBOLS
    role, height = ("symbol", ROUND) if symbol else ("op", PILL)
    text = shorten(cell.label, role, _OP_ROOM)
    least = height / 2 if symbol else _even(width(text, role) / 2 + 11)
    hang = _row if len(cell.leaves) <= _IN_A_ROW else _combs
    half, leaves, stems, labels = (hang if across else _beside)(cell.leaves, least, height / 2)
    shape = _around(2 * half, height)
    middle = _middle(0, 0, text, role)
    if cell.notes and not across:  # they stand above the stems
        labels = tuple(label.moved(0, _UNDER) if label.role == "factor" else label for label in labels)
    factor = _factor(cell, shape, across)
    notes = _notes_above(cell.notes, shape.y) if across else _notes_beside(cell.notes, shape, leaves)
    return Parts(shape, leaves, stems, (middle, *labels, *factor, *notes))


def _even(x: float) -> float:
    return 2.0 * math.ceil(x / 2)


Hung = tuple[float, tuple[Rect, ...], tuple[tuple[Point, ...], ...], tuple[Label, ...]]


def _row(leaves: Sequence[Leaf], half: float, radius: float) -> Hung:
    """Leaves side by side below a pill, which is widened until every stem ends on it."""
    if not leaves:
        return half, (), (), ()
    rooms = [_leaf_room(leaf) for leaf in leaves]
    at = [0.0]
    for (_, right), (left, _) in pairwise(rooms):
        at.append(math.ceil(at[-1] + right + 6 + left))
    middle = 0.0 if len(at) == 1 else (at[-1] + rooms[-1][1] - rooms[0][0]) / 2 - _LABEL_OUT
    at = [float(round(x - middle)) for x in at]
    half = max(half, _even(max(map(abs, at)) + 9)) if len(at) > 1 else half
    drop = _drop(leaves)
    rects = tuple(_leaf_rect(leaf, x, drop) for leaf, x in zip(leaves, at, strict=True))
    stems = tuple((Point(x, rect.y), Point(x, _border(x, half, radius))) for x, rect in zip(at, rects, strict=True))
    labels = [_leaf_labels(i, leaf, rect, below=True) for i, (leaf, rect) in enumerate(zip(leaves, rects, strict=True))]
    return half, rects, stems, tuple(label for some in labels for label in some)


def _drop(leaves: Iterable[Leaf]) -> float:
    """How far below the middle of the shape the middles of its leaves lie."""
    drops = [_DROP_DISC if leaf.disc else _DROP_NUMBERS if leaf.above or leaf.factor else _DROP for leaf in leaves]
    return max(drops)


def _border(across: float, half: float, radius: float) -> float:
    """How far from the middle line the border of a pill is, at a distance from its middle."""
    beyond = max(abs(across) - (half - radius), 0.0)
    return round(math.sqrt(max(radius * radius - beyond * beyond, 0.0)), 1)


def _is_text(leaf: Leaf) -> bool:
    return leaf.kind in ("constant", "number")


def _size(leaf: Leaf) -> float:
    return SQUARE if leaf.kind == "parameter" else CIRCLE


def _text(leaf: Leaf) -> str:
    return shorten(leaf.label, "number" if _is_text(leaf) else "leaf", _LEAF_ROOM)


def _text_room(leaf: Leaf) -> float:
    """The width of what a leaf is called, here or where its module is called again."""
    return max(width(_text(leaf), "leaf"), width(shorten(leaf.room, "leaf", _LEAF_ROOM), "leaf"))


def _leaf_room(leaf: Leaf) -> tuple[float, float]:
    """The room that a leaf in a row takes at the left and at the right of its stem."""
    if _is_text(leaf):
        half = max(width(_text(leaf), "number"), width(leaf.detail, "detail")) / 2
        return half, half
    half = _size(leaf) / 2
    factor = 8 + width(leaf.factor, "factor") if leaf.factor else 0.0
    if leaf.above:
        below = half + 8 + width(leaf.below, "derivative") if leaf.below else half
        return half + 6 + _bold_first(leaf.above), max(below, factor)
    return half, max(15 + _text_room(leaf), 15 + width(leaf.detail, "detail"), factor)


def _bold_first(text: str) -> float:
    """The width of ``w = 3`` with a bold ``w``."""
    name, equals, number = text.partition(" = ")
    return width(name, "value-bold") + width(equals + number, "value")


def _leaf_rect(leaf: Leaf, x: float, y: float) -> Rect:
    if _is_text(leaf):
        return Rect(x - width(_text(leaf), "number") / 2, y - 7, width(_text(leaf), "number"), 16)
    return _around(_size(leaf), _size(leaf), x, y)


def _leaf_labels(index: int, leaf: Leaf, rect: Rect, below: bool = False) -> list[Label]:
    """The texts of a leaf: right of it; a bare number's own, with its detail below it or behind it."""
    middle = rect.center
    if _is_text(leaf):
        if below:
            texts = [
                Label(middle.x, rect.y + 12, _text(leaf), "number", "middle"),
                Label(middle.x, rect.bottom + 12, leaf.detail, "detail", "middle"),
            ]
        else:
            texts = [
                Label(rect.x + 4, rect.y + 12, _text(leaf), "number"),
                Label(rect.right + 8, rect.y + 12, leaf.detail, "detail"),
            ]
    elif leaf.above and below:
        texts = [
            _middle(rect.x - 6, middle.y, leaf.above, "value", "end"),
            _middle(rect.right + 8, middle.y, leaf.below, "derivative", "start"),
            _factor_of_leaf(leaf, rect, below),
        ]
    elif leaf.above:
        after = rect.right + 6 + _bold_first(leaf.above) + 10
        texts = [
            _middle(rect.right + 6, middle.y, leaf.above, "value", "start"),
            _middle(after, middle.y, leaf.below, "derivative", "start"),
            _factor_of_leaf(leaf, rect, below),
        ]
    else:
        texts = [
            _middle(middle.x + 15, middle.y, _text(leaf), "leaf", "start"),
            _middle(middle.x + 15, middle.y + 15, leaf.detail, "detail", "start"),
            _factor_of_leaf(leaf, rect, below),
        ]
    return [text._replace(leaf=index) for text in texts if text.text]


def _factor_of_leaf(leaf: Leaf, rect: Rect, below: bool) -> Label:
    """The local factor of a leaf, beside its stem."""
    if below:
        return Label(rect.center.x + 8, rect.center.y - 24, leaf.factor, "factor")
    return Label(rect.x - 10, rect.center.y - 8, leaf.factor, "factor", "end")


def _combs(leaves: Sequence[Leaf], half: float, radius: float) -> Hung:
    """Many leaves below a pill, one under the other along trunks that come down from it."""
    drop, reach = _drop(leaves), 48.0 if any(leaf.disc for leaf in leaves) else 20.0
    tall = max(_IN_A_COLUMN, math.ceil(math.sqrt(2 * len(leaves))))
    columns = [leaves[first : first + tall] for first in range(0, len(leaves), tall)]
    rooms = [reach + max(map(_room_beside, column)) for column in columns]
    total = sum(rooms) + 16 * (len(rooms) - 1)
    at: list[float] = []
    x = -min(total / 2, half - 12) if len(columns) == 1 else -total / 2
    for room in rooms:
        at.append(float(round(x)))
        x += room + 16
    half = max(half, _even(max(map(abs, at)) + 9))
    rects: list[Rect] = []
    stems: list[tuple[Point, ...]] = []
    labels: list[Label] = []
    for trunk, column in zip(at, columns, strict=True):
        for row, leaf in enumerate(column):
            y = drop + 24 * row
            rect = _beside_rect(leaf, trunk + reach, y)
            labels += _leaf_labels(len(rects), leaf, rect)
            rects.append(rect)
            stems.append((Point(rect.x, y), Point(trunk, y), Point(trunk, _border(trunk, half, radius))))
    return half, tuple(rects), tuple(stems), tuple(labels)


def _beside(leaves: Sequence[Leaf], half: float, radius: float) -> Hung:
    """Leaves right of a pill, one under the other."""
    few = len(leaves) <= _IN_A_ROW
    pitch = 28.0 if few else 24.0
    factor = max(width(leaf.factor, "factor") for leaf in leaves) if leaves else 0.0
    reach = max(68.0 if factor or any(leaf.disc for leaf in leaves) else 40.0, _even(34 + factor) if factor else 0.0)
    rects: list[Rect] = []
    stems: list[tuple[Point, ...]] = []
    labels: list[Label] = []
    for row, leaf in enumerate(leaves):
        steps = row - (len(leaves) - 1) / 2
        y, port = pitch * steps, 8 * steps if few else 0.0
        rect = _beside_rect(leaf, half + reach, y)
        end = Point(round(half - radius + math.sqrt(radius * radius - port * port), 1), port)
        turns = (Point(half + 20, y), Point(half + 20, port)) if y != port else ()
        stems.append((Point(rect.x, y), *turns, end))
        labels += _leaf_labels(row, leaf, rect)
        rects.append(rect)
    return half, tuple(rects), tuple(stems), tuple(labels)


def _beside_rect(leaf: Leaf, x: float, y: float) -> Rect:
    """A leaf that is reached from the left."""
    if _is_text(leaf):
        return Rect(x, y - 8, width(_text(leaf), "number") + 4, 16)
    return _around(_size(leaf), _size(leaf), x + SQUARE / 2, y)


def _room_beside(leaf: Leaf) -> float:
    """The width of a leaf with its texts at the right."""
    rect = _beside_rect(leaf, 0, 0)
    named = rect.center.x + 15 + _text_room(leaf) if leaf.room else 0.0
    return max([rect.right, named, *(bounds(label).right for label in _leaf_labels(0, leaf, rect))])


def _factor(cell: Cell, shape: Rect, across: bool) -> list[Label]:
    """The local factor of an op, at the line that comes into it."""
    if not cell.factor:
        return []
    if across:
        return [Label(shape.x - 4, 15, cell.factor, "factor", "end")]
    return [Label(-8, shape.y - 4, cell.factor, "factor", "end")]


def _note_lines(notes: Sequence[Note]) -> list[tuple[str, str, int]]:
    """The lines of notes as text, role and index; of a path only folders are dropped."""
    lines = []
    for index, note in enumerate(notes):
        role = "cause" if note.mark == "cut" else "caption"
        lines.append((shorten(note.title, role, _NOTE_ROOM), role, index))
        if note.source:
            lines.append((_file(note.source, _NOTE_ROOM), "source", index))
    return lines


def _file(source: str, room: float) -> str:
    """``file:line`` without its folders where they do not fit."""
    if width(source, "source") <= room:
        return source
    return shorten(source.replace("\\", "/").rpartition("/")[2], "source", room)


def _notes_above(notes: Sequence[Note], top: float) -> list[Label]:
    """Notes above a shape, centred."""
    lines = _note_lines(notes)[::-1]
    return [
        Label(0, top - 7 - 15 * row, text, role, "middle", note=index) for row, (text, role, index) in enumerate(lines)
    ]


def _notes_beside(notes: Sequence[Note], shape: Rect, leaves: Sequence[Rect]) -> list[Label]:
    """Notes right of a shape, or above what hangs there."""
    lines = _note_lines(notes)
    first = 13.0 - 16 * (len(lines) - 1)
    if leaves:
        first = min(leaf.y for leaf in leaves) - 7 - 16 * (len(lines) - 1)
    elif len(lines) > 2:
        first = 5 - 8 * (len(lines) - 1)
    left = shape.right + 12
    return [Label(left, first + 16 * row, text, role, note=index) for row, (text, role, index) in enumerate(lines)]


def _bars(cell: Cell, across: bool) -> Parts:
    """The two bars of a cut."""
    size = 16.0 if cell.small else 20.0
    shape = _around(10, size) if across else _around(size, 10)
    if across and cell.kind == "cut":
        return Parts(shape, labels=tuple(_notes_above(cell.notes, shape.y + 2)))
    return Parts(shape, labels=tuple(_notes_beside(cell.notes, shape, ())))


def _source(cell: Cell, across: bool) -> Parts:
    """An input, parameter or constant that stands for itself."""
    size = SQUARE if cell.kind == "parameter" else CIRCLE
    text = shorten(cell.above or cell.label, "value", _LEAF_ROOM)
    if cell.kind == "constant":
        number = shorten(cell.label, "number", _LEAF_ROOM)
        return Parts(_around(_even(width(number, "number") + 6), 16), labels=(_middle(0, 0, number, "number"),))
    if across:
        name = Label(0, -size / 2 - (11 if cell.above else 6), text, "value", "middle")
        derivative = Label(0, size / 2 + 20, cell.below, "derivative", "middle")
    else:
        name = _middle(size / 2 + 6, 0, text, "value", "start")
        derivative = _middle(size / 2 + 16 + width(text, "value-bold"), 0, cell.below, "derivative", "start")
    return Parts(_around(size, size), labels=(name, derivative) if cell.below else (name,))


def _result(cell: Cell, across: bool) -> Parts:
    """The box of a loss, or of a named result."""
    text = shorten(cell.label, "loss", _NAME_ROOM)
    shape = _around(max(4.0 * math.ceil((width(text, "loss") + 20) / 4), 40.0), PILL)
    labels = [_middle(0, 0, text, "loss")]
    if across:
        labels.append(Label(0, shape.y - 8, cell.above, "value", "middle"))
        labels.append(Label(0, shape.bottom + 17, cell.below, "derivative", "middle"))
    else:
        labels.append(_middle(shape.right + 8, 0, cell.above, "value", "start"))
        labels.append(_middle(shape.right + 18 + _bold_first(cell.above), 0, cell.below, "derivative", "start"))
    return Parts(shape, labels=tuple(label for label in labels if label.text))


def _closed(cell: Cell, across: bool) -> Parts:
    """A closed module: its name, a little square for each parameter, a count, what it takes from afar, and causes."""
    name = shorten(cell.label, "name", _NAME_ROOM)
    title = [Label(_PAD, 19, name, "name")]
    if cell.detail:
        title.append(Label(_PAD + 6 + width(name, "name"), 19, shorten(cell.detail, "class", _NAME_ROOM), "class"))
    squares, bottom = _little_squares(len(cell.squares))
    lines: list[Label] = []
    if cell.tally:
        bottom += 16
        lines.append(Label(_PAD, bottom, shorten(cell.tally, "tally", _NOTE_ROOM), "tally"))
    leaves: list[Rect] = []
    for index, leaf in enumerate(cell.leaves):
        bottom += 15
        text = shorten(leaf.label, "detail", _LEAF_ROOM)
        lines.append(Label(_PAD, bottom, text, "detail", leaf=index))
        leaves.append(Rect(_PAD, bottom - 11, width(text, "detail"), 14))
    bottom += 15 * cell.blank
    for row, (text, role, note) in enumerate(_note_lines(cell.notes)):
        bottom += 17 if row == 0 else 15
        lines.append(Label(_PAD + 14, bottom, text, "source" if role == "source" else "caption-bold", note=note))
    rights = [*(bounds(label).right for label in (*title, *lines)), *(square.right for square in squares)]
    shape = _around(max(4.0 * math.ceil((max(rights) + _PAD) / 4), 56.0), _grid(bottom + 7))
    return Parts(
        shape,
        tuple(leaf.moved(shape.x, shape.y) for leaf in leaves),
        ((),) * len(leaves),
        tuple(label.moved(shape.x, shape.y) for label in (*title, *lines)),
        tuple(square.moved(shape.x, shape.y) for square in squares),
    )


def _grid(x: float) -> float:
    return 8.0 * math.ceil(x / 8)


def _little_squares(total: int) -> tuple[list[Rect], float]:
    """The squares below the name of a closed module, in equal rows; and where they end. Too many: none."""
    if not 0 < total <= MOST_SQUARES:
        return [], 24.0
    rows = math.ceil(total / _IN_A_LINE) if total > 2 * _IN_A_LINE else 1 + (total > _IN_A_LINE - 1)
    each = math.ceil(total / rows)
    squares = [Rect(_PAD + 10 * (i % each), 28.0 + 10 * (i // each), 7, 7) for i in range(total)]
    return squares, 28.0 + 10 * max(rows, 2)


def _small_module(cell: Cell, across: bool) -> Parts:
    """A module in small multiples: a short name, and one square below it."""
    name = shorten(cell.label, "name", 64)
    shape = _around(max(_even(width(name, "name") + 14), 26.0), PILL)
    leaves, stems = [], []
    for index in range(len(cell.leaves)):
        along = 20 * (index - (len(cell.leaves) - 1) / 2)
        rect = _around(14, 14, along, 32) if across else _around(14, 14, shape.right + 21, along)
        start, end = (
            (Point(along, rect.y), Point(along, shape.bottom))
            if across
            else (Point(rect.x, along), Point(shape.right, along))
        )
        leaves.append(rect)
        stems.append((start, end))
    return Parts(shape, tuple(leaves), tuple(stems), (_middle(0, 0, name, "name"),))


def _small_source(cell: Cell, across: bool) -> Parts:
    return Parts(_around(10, 10) if cell.kind == "input" else _around(14, 14))


def _small_result(cell: Cell, across: bool) -> Parts:
    return Parts(_around(16, 16))


Form = Callable[[Cell, bool], Parts]
_FORMS: dict[str, Form] = {
    "op": _op,
    "group": _op,
    "cut": _bars,
    "exit": _bars,
    "module": _closed,
    "input": _source,
    "parameter": _source,
    "constant": _source,
    "loss": _result,
    "end": _result,
}
_SMALL: dict[str, Form] = _FORMS | {
    "module": _small_module,
    "input": _small_source,
    "parameter": _small_source,
    "loss": _small_result,
    "end": _small_result,
}
