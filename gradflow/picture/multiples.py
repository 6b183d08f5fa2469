"""Small multiples: the same graph several times, with one thing changed from picture to picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradflow.graph import Graph
from gradflow.modules import cover, runs
from gradflow.notation import count, listed, printable
from gradflow.picture.conclusion import conclusion, set_lines
from gradflow.picture.drawing import draw_graph
from gradflow.picture.matrix import matrix
from gradflow.picture.metrics import shorten, width
from gradflow.picture.plan import Layout, Point
from gradflow.picture.shapes import Group, Line, Primitive, Scene, Text, moved
from gradflow.picture.sketch import Sketch
from gradflow.picture.states import Pass
from gradflow.picture.view import View
from gradflow.verdict import Span, Spans, plain

Items = list[Primitive | Group]

_MARGIN, _GAP, _HEADING, _CAPTION = 12.0, 26.0, 34.0, 40.0
_ROOM_FOR_ROWS = 150.0


class Panel(NamedTuple):
    """One of the pictures.

    Attributes:
        row: what its row is called; a second line of it is code.
        column: what its column is called.
        sketch: what is drawn.
        layout: where it stands.
        graph: what was computed.
        passes: the backward pass, or none.
        caption: what it shows; None for the names that were reached, and those that were not.
    """

    row: str
    column: str
    sketch: Sketch
    layout: Layout
    graph: Graph
    passes: tuple[Pass, ...]
    caption: Spans | None = None

    @property
    def view(self) -> View:
        """What is known of its graph."""
        return View(self.graph, self.passes)


def compose_grid(
    panels: Sequence[Panel], *, width: float = 720.0, said: Spans = (), table: View | None = None
) -> Scene:
    """Pictures in rows and columns, or one below the other where there is no room for that.

    Args:
        panels: the pictures, row by row.
        width: of the whole.
        said: a sentence below all of them.
        table: several losses over one graph, to be told in a table as well.
    """
    panels = _aligned(panels)
    items, y = _in_lines(panels, width) or _turned(panels, width) or _stacked(panels, width)
    if table is not None:
        rows, _, y = matrix(table, _MARGIN, y + 8, width - 2 * _MARGIN)
        items += rows
        y += 12
    if said:
        lines, y = set_lines([said], _MARGIN, y + 20, width - 2 * _MARGIN, "verdict", 2)
        items += lines
        y += 6
    return Scene(
        width, y + 12, f"{count(len(panels), 'picture')} of one graph", _description(panels, said), tuple(items)
    )


def _aligned(panels: Sequence[Panel]) -> list[Panel]:
    """The pictures, those that differ in nothing but their cuts in one geometry: that of the one with most room."""
    roomiest: dict[object, Layout] = {}
    for panel in panels:
        known = roomiest.get(_kind(panel.sketch))
        if known is None or panel.layout.width > known.width:
            roomiest[_kind(panel.sketch)] = panel.layout
    return [panel._replace(layout=roomiest[_kind(panel.sketch)]) for panel in panels]


def _kind(sketch: Sketch) -> object:
    """What sketches have in common that can stand in one geometry."""
    cells = tuple((cell.kind, cell.label, len(cell.leaves), len(cell.squares), cell.box) for cell in sketch.cells)
    return cells, sketch.boxes, tuple((wire.source, wire.target) for wire in sketch.wires)


def _in_lines(panels: Sequence[Panel], wide: float) -> tuple[Items, float] | None:
    """Rows and columns; a single row that is too long is broken into lines of the same length."""
    total = len(panels)
    lone = total > 1 and len({panel.row for panel in panels}) == 1
    for lines in range(1, (total - 1) // 2 + 2 if lone else 2):
        each = -(-total // lines)
        frames = [_grid(panels[first : first + each], wide, panels[:each]) for first in range(0, total, each)]
        items: Items = []
        y = 0.0
        for number, frame in enumerate(frames):
            if frame is None:
                break
            some, end = _in_grid(panels[number * each : (number + 1) * each], frame, number * each)
            items += [moved(item, 0, y) for item in some]
            y += end
        else:
            return items, y
    return None


def _turned(panels: Sequence[Panel], wide: float) -> tuple[Items, float] | None:
    """Columns as rows, and rows as columns."""
    turned = [panel._replace(row=panel.column, column=_lines(panel.row)[0]) for panel in panels]
    frame = _grid(turned, wide, turned)
    return None if frame is None else _in_grid(turned, frame)


class _Grid(NamedTuple):
    """Where rows and columns stand."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    lefts: tuple[float, ...]
    wide: float


def _grid(panels: Sequence[Panel], wide: float, first_line: Sequence[Panel]) -> _Grid | None:
    """Rows and columns, as wide as those of the first line; or None if they need more room than there is."""
    rows = tuple(dict.fromkeys(panel.row for panel in panels))
    columns = tuple(dict.fromkeys(panel.column for panel in panels))
    total = len({panel.column for panel in first_line})
    names = max(max(_line_width(line, i) for i, line in enumerate(_lines(row))) for row in rows)
    first = _MARGIN + (min(names, _ROOM_FOR_ROWS) + 18 if any(rows) else 0.0)
    each = (wide - _MARGIN - first - _GAP * (total - 1)) / total
    if each < max(panel.layout.width for panel in panels) - 2 * _MARGIN or len(columns) == 1 < len(panels) > len(rows):
        return None
    return _Grid(rows, columns, tuple(first + i * (each + _GAP) for i in range(len(columns))), each)


def _lines(row: str) -> list[str]:
    return [printable(line) for line in row.split("\n")]


def _line_width(line: str, index: int) -> float:
    return width(line, "source" if index else "name")


def _in_grid(panels: Sequence[Panel], grid: _Grid, before: int = 0) -> tuple[Items, float]:
    items: Items = []
    y = 0.0
    if any(grid.columns):
        for column, x in zip(grid.columns, grid.lefts, strict=True):
            items += _column_head(column, x, grid.wide)
        y = _HEADING
    for row in grid.rows:
        members = [(index, panel) for index, panel in enumerate(panels, before) if panel.row == row]
        tall = max(panel.layout.height for _, panel in members)
        items += _row_head(row, y + _spine(members[0][1]), grid.lefts[0])
        deepest = 1
        for index, panel in members:
            x = grid.lefts[grid.columns.index(panel.column)]
            items += _placed(panel, index, x - _MARGIN, y)
            caption, _ = set_lines([_caption(panel)], x, y + tall + 6, grid.wide, "caption", 2)
            items += caption
            deepest = max(deepest, len(caption))
        y += tall + 6 + 16 * deepest + 12
    return items, y


def _column_head(column: str, x: float, wide: float) -> Items:
    name = Text(x, 22, (Span(shorten(printable(column), "name", wide)),), "name")
    return [name, Line("rule", (Point(x, 31), Point(x + wide, 31)))]


def _row_head(row: str, y: float, until: float) -> Items:
    room = until - _MARGIN - 8
    items: Items = []
    for index, line in enumerate(_lines(row)):
        role = "source" if index else "name"
        if not line:
            continue
        items.append(
            Text(_MARGIN, y + 4 + 16 * index, (Span(shorten(line, role, room)),), role, tone="soft" if index else "")
        )
    return items


def _spine(panel: Panel) -> float:
    """The height at which a picture begins."""
    return panel.layout.places[0].shape.center.y if panel.layout.places else panel.layout.height / 2


def _stacked(panels: Sequence[Panel], wide: float) -> tuple[Items, float]:
    """One below the other, each under its own name."""
    items: Items = []
    y = 0.0
    for index, panel in enumerate(panels):
        names = [part for part in (_lines(panel.row)[0], printable(panel.column)) if part]
        if names:
            items += [moved(item, 0, y) for item in _column_head(", ".join(names), _MARGIN, wide - 2 * _MARGIN)]
            y += _HEADING
        items += _placed(panel, index, 0.0, y)
        caption, last = set_lines(
            [_caption(panel)], _MARGIN, y + panel.layout.height + 6, wide - 2 * _MARGIN, "caption", 2
        )
        items += caption
        y = last + 20
    return items, y


def _placed(panel: Panel, index: int, x: float, y: float) -> Items:
    """The marks of a picture at their place, each with the number of the picture."""
    drawn = draw_graph(panel.sketch, panel.layout, panel.view)
    return [moved(_numbered(item, index) if isinstance(item, Group) else item, x, y) for item in drawn]


def _numbered(group: Group, index: int) -> Group:
    return group._replace(data=tuple((*data, ("panel", str(index))) for data in group.data))


def _caption(panel: Panel) -> Spans:
    """Who is reached, and who should be and is not."""
    if panel.caption is not None:
        return panel.caption
    if not panel.passes:
        return conclusion(panel.view)[0]
    names = panel.graph.parameter_names()
    states = {name: panel.view.parameter(panel.graph.names[name]) for name in names}
    reached = _named([name for name in names if states[name].arrived], names)
    missed = {state: [name for name in names if states[name].state == state] for state in _MISSED}
    words = [_missed(members, names, state) for state, members in missed.items() if members]
    if not words:
        return Span(reached or "none", "bold"), Span(" reached")
    return Span(reached or "none", "bold"), Span(f" {'only' if reached else 'reached'}: {'; '.join(words)}")


_MISSED = {"none": "cut off", "zero": "at exactly 0", "undefined": "sent None", "nonfinite": "at NaN or inf"}


def _missed(members: Sequence[str], everything: Sequence[str], state: str) -> str:
    """Which parameters are in a state, as ``A and B are cut off``."""
    short = [printable(name) for name in runs(cover(members, everything))]
    return f"{listed(short, most=3)} {'are' if len(short) > 1 else 'is'} {_MISSED[state]}"


def _named(members: Sequence[str], everything: Sequence[str]) -> str:
    short = [printable(name) for name in runs(cover(members, everything))]
    return ", ".join(short) if len(short) <= 3 else listed(short, most=2)


def _description(panels: Sequence[Panel], said: Spans) -> str:
    told = [f"{_place(panel)}: {plain(_caption(panel))}." for panel in panels]
    return " ".join([*told, *filter(None, [plain(said)])])


def _place(panel: Panel) -> str:
    return ", ".join(filter(None, (_lines(panel.row)[0], printable(panel.column)))) or "picture"
