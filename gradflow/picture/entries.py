"""What is written in the rows of a list: names in one column, squares in the next, counts at the right."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from gradflow.picture.cells import MOST_SQUARES
from gradflow.picture.metrics import FONTS, shorten, width
from gradflow.picture.plan import Label, Rect
from gradflow.picture.sketch import Box, Cell, Leaf, Note, Sketch

_LINE = 15.0
_BETWEEN = 12.0
_LITTLE, _STEP = 7.0, 9.0
_NAMES = 0.45
_IN_A_ROW = (15, 10, 8)


class Entry(NamedTuple):
    """One row of the list; its y is 0 where its node stands.

    Attributes:
        labels: what is written.
        leaves: marks of the leaves of the cell, in their order.
        squares: of a closed module.
        bottom: how far down it reaches.
    """

    labels: tuple[Label, ...]
    leaves: tuple[Rect, ...] = ()
    squares: tuple[Rect, ...] = ()
    bottom: float = 14.0

    def moved(self, dy: float) -> Entry:
        """The same row elsewhere."""
        return Entry(
            tuple(label.moved(0, dy) for label in self.labels),
            tuple(rect.moved(0, dy) for rect in self.leaves),
            tuple(rect.moved(0, dy) for rect in self.squares),
            self.bottom + dy,
        )


class Columns(NamedTuple):
    """Where the columns stand, and how many squares go into one line."""

    names: float
    marks: float
    counts: float
    right: float
    in_a_row: int


def entries(sketch: Sketch, boxed: Collection[int], left: float, right: float) -> tuple[list[Entry], list[Entry]]:
    """The rows of the cells, and those of the boxes with parameters that were never used.

    Args:
        sketch: what is shown.
        boxed: ids of the losses whose name stands in their box.
        left: where the text begins.
        right: where it ends.
    """
    columns = _columns(sketch, boxed, left, right)
    regions = _regions_told(sketch)
    shared = {run.cells[0]: run.notes for run in sketch.runs}
    cells = [cell._replace(notes=(*cell.notes, *shared.get(cell.id, ()))) for cell in sketch.cells]
    rows = [_row(sketch, cell, columns, cell.id in boxed, regions.get(cell.id)) for cell in cells]
    return rows, [_idle_row(box, sketch, columns) for box in sketch.boxes if box.idle]


def title(sketch: Sketch, cell: Cell) -> tuple[str, str]:
    """The name of a cell with those of the modules around it, and its role."""
    around = [sketch.boxes[box].name for box in sketch.boxes_around(cell.id) if sketch.boxes[box].kind == "module"]
    path = ".".join(around[::-1])
    if cell.kind == "module":
        return f"{path}.{cell.label}" if path else cell.label, "name"
    if cell.kind in ("cut", "exit"):
        return cell.notes[0].title if cell.notes else cell.label, "cause"
    if cell.kind in ("op", "group"):
        return f"{path} · {cell.label}" if path else cell.label, "op"
    return cell.above or cell.label, "name" if cell.kind in ("loss", "end") else "value"


def _columns(sketch: Sketch, boxed: Collection[int], left: float, right: float) -> Columns:
    """Columns as wide as what stands in them, as far as there is room; squares take a second line before counts do."""
    room = right - left
    titles = [title(sketch, cell) for cell in sketch.cells if _has_marks(cell)]
    names = min(max((width(*one) for one in titles), default=0.0), max(_NAMES * room, room - 160))
    marks = left + math.ceil(names) + _BETWEEN
    closed = [cell for cell in sketch.cells if cell.kind == "module"]
    tallies = max((width(cell.tally, "tally") for cell in closed), default=0.0)
    most = max((len(cell.squares) for cell in closed if len(cell.squares) <= MOST_SQUARES), default=0)
    for in_a_row in _IN_A_ROW:
        counts = marks + _STEP * min(most, in_a_row) + (_BETWEEN if most else 0)
        if counts + tallies <= right:
            break
    return Columns(left, marks, counts, right, in_a_row)


def _has_marks(cell: Cell) -> bool:
    return cell.kind == "module" or bool(cell.leaves)


def _regions_told(sketch: Sketch) -> dict[int, Box]:
    """The cells at which a region is named: those that its first wire leaves from."""
    told: dict[int, Box] = {}
    named: set[int] = set()
    for wire in sketch.wires:
        stays = set(sketch.boxes_around(wire.target))
        for box in sketch.boxes_around(wire.source):
            if sketch.boxes[box].kind == "region" and box not in stays and box not in named:
                named.add(box)
                told.setdefault(wire.source, sketch.boxes[box])
    for cell in sketch.cells:
        for box in sketch.boxes_around(cell.id):
            if sketch.boxes[box].kind == "region" and box not in named:
                named.add(box)
                told.setdefault(cell.id, sketch.boxes[box])
    return told


def _row(sketch: Sketch, cell: Cell, columns: Columns, boxed: bool, region: Box | None) -> Entry:
    text, role = title(sketch, cell)
    end = columns.marks - _BETWEEN if _has_marks(cell) else columns.right
    name = _fitting(text, role, end - columns.names)
    page = _Page(columns, [] if boxed else [_label(columns.names, 0, name, role)])
    if cell.kind == "module":
        leaves, squares = _closed(cell, page, name, role)
    else:
        leaves, squares = page.flow(cell.leaves), []
        if cell.below and not boxed:
            page.append(cell.below, "derivative", columns.names + width(name, role) + _BETWEEN)
    for index, note in enumerate(cell.notes):
        page.note(note, index, cell, columns.names + width(name, role) + _BETWEEN)
    if region is not None:
        page.line(region.name, "cause", region.detail)
    return Entry(tuple(page.labels), tuple(leaves), tuple(squares), page.bottom + 14)


def _fitting(text: str, role: str, room: float) -> str:
    """The name of a row without the outer modules that do not fit; then cut in the middle."""
    path, separator, last = text.rpartition(" · ")
    if role == "name":
        path, separator, last = text.rpartition(".")
    parts = path.split(".") if separator else []
    for dropped, first in enumerate(parts):
        shown = ("…." if dropped else "") + ".".join(parts[dropped:]) + separator + last
        is_index = dropped and first.isdecimal() and dropped < len(parts) - 1
        if width(shown, role) <= room and not is_index:
            return shown
    return shorten(last if separator == " · " else text, role, room)


def _closed(cell: Cell, page: _Page, name: str, role: str) -> tuple[list[Rect], list[Rect]]:
    """Squares, count and what is taken from afar, behind the name of a closed module."""
    columns = page.columns
    squares = _little_squares(len(cell.squares), columns)
    if cell.detail:
        page.append(cell.detail, "class", columns.names + width(name, role) + 6)
    start = columns.counts if squares else columns.marks
    if cell.detail:
        start = max(start, columns.names + width(name, role) + 6 + width(cell.detail, "class") + _BETWEEN)
    page.append(cell.tally, "tally", start)
    leaves = []
    for index, leaf in enumerate(cell.leaves):
        label = page.append(leaf.label, "detail", start + width(cell.tally, "tally") + 8, leaf=index)
        leaves.append(Rect(label.x, label.y - 11, width(label.text, "detail"), 14))
    return leaves, squares


def _little_squares(total: int, columns: Columns) -> list[Rect]:
    if total > MOST_SQUARES:
        return []
    lines = math.ceil(total / columns.in_a_row)
    each = math.ceil(total / lines) if lines else 0
    top = -(_STEP * (lines - 1) + _LITTLE) / 2
    return [Rect(columns.marks + _STEP * (i % each), top + _STEP * (i // each), _LITTLE, _LITTLE) for i in range(total)]


def _idle_row(box: Box, sketch: Sketch, columns: Columns) -> Entry:
    """Parameters of a module that were never used."""
    page = _Page(columns, [_label(columns.names + 8, 0, shorten(box.path, "name", 120), "name")])
    leaves = tuple(Leaf(value, "parameter", label, ()) for label, value in box.idle)
    x = columns.names + 16 + width(page.labels[0].text, "name")
    squares = page.flow(leaves, x)
    plain = tuple(label._replace(leaf=None) for label in page.labels)
    return Entry(plain, (), tuple(squares), page.bottom + 14)


def _label(x: float, y: float, text: str, role: str, leaf: int | None = None, note: int | None = None) -> Label:
    """A text whose capitals are centred on a height."""
    return Label(round(x, 1), round(y + 0.35 * FONTS[role].size, 1), text, role, leaf=leaf, note=note)


class _Page:
    """A row while it is written: texts go behind each other, and into a further line where there is no room."""

    def __init__(self, columns: Columns, labels: list[Label]) -> None:
        self.columns = columns
        self.labels = labels
        self.bottom = 0.0

    def append(self, text: str, role: str, x: float, leaf: int | None = None, note: int | None = None) -> Label:
        """Write at an x of the first line, or in a new one below the names."""
        y = 0.0
        if x + width(text, role) > self.columns.right:
            self.bottom += _LINE
            x, y = self.columns.names + _BETWEEN, self.bottom
            text = shorten(text, role, self.columns.right - x)
        label = _label(x, y, text, role, leaf, note)
        if text:
            self.labels.append(label)
        return label

    def flow(self, leaves: Sequence[Leaf], start: float | None = None) -> list[Rect]:
        """Leaves behind each other, each with its name."""
        first = self.columns.marks if start is None else start
        x, marks = first, []
        for index, leaf in enumerate(leaves):
            role = "number" if leaf.kind in ("constant", "number") else "detail"
            text = leaf.above or leaf.label
            size = 0.0 if role == "number" else 8.0 if leaf.kind != "parameter" else _LITTLE
            text = shorten(text, role, self.columns.right - first - size - 5)
            if x > first and x + size + 5 + width(text, role) > self.columns.right:
                x = first
                self.bottom += _LINE
            at = x + size + 5 if size else x
            self.labels.append(_label(at, self.bottom, text, role, leaf=index))
            marks.append(
                Rect(x, self.bottom - size / 2, size, size) if size else Rect(x, self.bottom - 8, width(text, role), 16)
            )
            x = at + width(text, role) + _BETWEEN
        return marks

    def note(self, note: Note, index: int, cell: Cell, behind: float) -> None:
        """A cause: that of a cut behind its title, others in a line of their own."""
        if cell.kind in ("cut", "exit"):
            self.append(_file(note.source, self.columns.right - self.columns.names), "source", behind, note=index)
        else:
            role = "caption-bold" if cell.kind == "module" else "caption"
            self.line(note.title, role, note.source, 16.0 if cell.kind == "module" else 0.0, index)

    def line(self, text: str, role: str, source: str, indent: float = 0.0, note: int | None = None) -> None:
        """A further line: a text, and behind or below it a file and line."""
        self.bottom += _LINE
        x = self.columns.names + indent
        text = shorten(text, role, self.columns.right - x)
        self.labels.append(_label(x, self.bottom, text, role, note=note))
        if not source:
            return
        behind = x + width(text, role) + 8
        source = _file(source, self.columns.right - x)
        if behind + width(source, "source") > self.columns.right:
            self.bottom += _LINE
            behind = x
        self.labels.append(_label(behind, self.bottom, source, "source", note=note))


def _file(source: str, room: float) -> str:
    """``file:line`` without its folders where they do not fit."""
    if width(source, "source") <= room:
        return source
    return shorten(source.replace("\\", "/").rpartition("/")[2], "source", room)
