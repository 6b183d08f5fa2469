"""What each of several losses sent to each parameter, as a table of the marks that the graph is drawn with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gradflow.modules import cover, parents, runs
from gradflow.notation import count, listed, printable
from gradflow.picture.metrics import shorten, width
from gradflow.picture.plan import Point, Rect
from gradflow.picture.shapes import Bars, Disc, Group, Head, Line, Primitive, Shape, Square, Text
from gradflow.picture.states import Parameter
from gradflow.picture.view import View
from gradflow.verdict import Span

Items = list[Primitive | Group]

_ROW = 26.0
_MOST_ROWS = 16
_ARROW = 32.0


class Row(NamedTuple):
    """Parameters that every loss treats alike, and that the same optimizers hold.

    Attributes:
        name: of the module or parameter that stands for them.
        detail: the names of the parameters in it, or how many there are.
        states: of one of them, for each loss.
        holders: the optimizers that hold them.
        values: ids of the parameters.
    """

    name: str
    detail: str
    states: tuple[Parameter, ...]
    holders: tuple[str, ...]
    values: tuple[int, ...]


def rows(view: View) -> list[Row]:
    """The parameters of a graph, those that are treated alike in one row, in the order of the trace."""
    names = view.graph.parameter_names()
    groups: dict[tuple[object, ...], list[str]] = {}
    for name in names:
        groups.setdefault((*(one.state for one in _states(view, name)), _holders(view, name)), []).append(name)
    found = [row for members in groups.values() for row in _rows_of(view, members, names)]
    return sorted(found, key=lambda row: row.values[0])


def _rows_of(view: View, members: Sequence[str], everything: Sequence[str]) -> list[Row]:
    """A row for each of a few modules; for many one row."""
    covered = cover(members, everything)
    if len(covered) > 3:
        return [_row(view, listed([printable(name) for name in runs(covered)], most=2), members)]
    return [_row(view, path, [one for one in members if one == path or path in parents(one)]) for path in covered]


def _row(view: View, name: str, members: Sequence[str]) -> Row:
    states, holders = _states(view, members[0]), _holders(view, members[0])
    values = tuple(view.graph.names[one] for one in members)
    return Row(printable(name), _detail(name, members), states, holders, values)


def _detail(name: str, members: Sequence[str]) -> str:
    if len(members) == 1 and members[0] == name:
        return ""
    short = [one.removeprefix(f"{name}.") for one in members]
    return printable(", ".join(short)) if len(members) <= 3 else count(len(members), "parameter")


def _states(view: View, name: str) -> tuple[Parameter, ...]:
    unknown = Parameter(name, "quiet")
    return tuple(one.parameter(name) if name in one.graph.names else unknown for one in view.passes)


def _holders(view: View, name: str) -> tuple[str, ...]:
    holders = view.passes[0].holders if view.passes else None
    return () if holders is None else tuple(holders.get(name, ()))


def matrix(view: View, x: float, y: float, room: float) -> tuple[Items, float, float]:
    """The table at a place: what is drawn, its width, and where it ends.

    Args:
        view: the graph and the passes.
        x: its left side.
        y: its upper side.
        room: how wide it may be.
    """
    told = rows(view)
    shown = told if len(told) <= _MOST_ROWS else told[: _MOST_ROWS - 1]
    columns = _columns(view, shown, x, room)
    items = _head(view, columns, y)
    for row in shown:
        y += _ROW
        items += _drawn(view, row, columns, y)
    y += _ROW
    if len(told) > len(shown):
        items.append(_soft(x, y + 16, f"… {len(told) - len(shown)} more rows"))
        y += 22
    return items, columns.right - x, y


class Columns(NamedTuple):
    """Where the columns stand.

    Attributes:
        left: of the names.
        names: how wide they may be.
        middles: of the losses.
        boxes: how wide the boxes of the losses are.
        held: where the optimizers begin, or None without any.
        right: of the whole.
    """

    left: float
    names: float
    middles: tuple[float, ...]
    boxes: tuple[float, ...]
    held: float | None
    right: float


def _columns(view: View, shown: Sequence[Row], x: float, room: float) -> Columns:
    boxes = tuple(max(width(_loss_label(one.label), "loss") + 20, _ARROW + 12) for one in view.passes)
    has_optimizer = any(one.holders is not None for one in view.passes)
    held = max([width("held by", "caption"), *(width(_held(row), "number") for row in shown)]) if has_optimizer else 0.0
    held = min(held + 24, 130.0) if has_optimizer else 0.0
    wanted = max([width("gradient from", "caption"), *map(_named_width, shown)])
    names = max(min(wanted, room - sum(boxes) - 20 * len(boxes) - held), 60.0)
    lefts = [x + names + 20 * (i + 1) + sum(boxes[:i]) for i in range(len(boxes))]
    middles = tuple(left + box / 2 for left, box in zip(lefts, boxes, strict=True))
    after = lefts[-1] + boxes[-1]
    return Columns(x, names, middles, boxes, after + 24 if has_optimizer else None, after + held)


def _head(view: View, columns: Columns, y: float) -> Items:
    items: Items = [_soft(columns.left, y + 14, "gradient from")]
    for index, (one, middle, box) in enumerate(zip(view.passes, columns.middles, columns.boxes, strict=True)):
        items += _loss_box(_loss_label(one.label), _is_second(view, index), middle, y, box)
    return [*items, _soft(columns.held, y + 14, "held by")] if columns.held is not None else items


def _drawn(view: View, row: Row, columns: Columns, y: float) -> Items:
    items: Items = [Line("rule", (Point(columns.left, y), Point(columns.right, y)))]
    items += _name(row, columns.left, y + 18, columns.names)
    for index, (state, middle) in enumerate(zip(row.states, columns.middles, strict=True)):
        items += _MARKS[state.state](middle, y + _ROW / 2, _is_second(view, index))
    if columns.held is not None:
        text = Span(shorten(_held(row), "number", columns.right - columns.held))
        items.append(Text(columns.held, y + 18, (text,), "number", tone="" if row.holders else "soft"))
    return items


def _is_second(view: View, index: int) -> bool:
    """Whether a loss is told from another one by being hollow: the second of two."""
    return index == 1 and len(view.passes) == 2


def _soft(x: float, y: float, text: str) -> Text:
    return Text(x, y, (Span(text),), "caption", tone="soft")


def _loss_label(label: str) -> str:
    return shorten(printable(label), "loss", 96)


def _held(row: Row) -> str:
    return ", ".join(map(printable, row.holders)) or "–"


def _named_width(row: Row) -> float:
    return width(row.name, "name") + (10 + width(row.detail, "caption") if row.detail else 0.0)


def _name(row: Row, x: float, y: float, room: float) -> Items:
    name = shorten(row.name, "name", room)
    items: Items = [Text(x, y, (Span(name),), "name")]
    after = width(name, "name") + 8
    if row.detail and room - after > 30:
        detail = shorten(row.detail, "caption", room - after)
        items.append(Text(x + after, y, (Span(detail),), "caption", tone="soft"))
    return items


def _loss_box(label: str, is_second: bool, middle: float, y: float, wide: float) -> Items:
    kind = "second" if is_second else "loss"
    box = Shape(kind, Rect(middle - wide / 2 + 1, y + 1, wide - 2, 18), 3.0)
    return [box, Text(middle, y + 14.5, (Span(label),), "loss", "middle", "" if kind == "second" else "inverse")]


Mark = Callable[[float, float, bool], list[Primitive]]


def _arrow(x: float, y: float, hollow: bool) -> list[Primitive]:
    start, end = Point(x - _ARROW / 2, y), Point(x + _ARROW / 2, y)
    looks = ("shell", "core") if hollow else ("",)
    lines = [Line(f"reached {look}".strip(), (Point(start.x + 6, y), end)) for look in looks]
    return [*lines, Head("reached", start, (-1, 0))]


def _dotted(x: float, y: float, hollow: bool) -> list[Primitive]:
    start = Point(x - _ARROW / 2, y)
    return [Line("zero", (Point(start.x + 8, y), Point(x + _ARROW / 2, y))), Head("zero", start, (-1, 0))]


def _bars(x: float, y: float, hollow: bool) -> list[Primitive]:
    return [Bars(Point(x, y), (1, 0), 14.0)]


def _disc(mark: str) -> Mark:
    return lambda x, y, hollow: [Disc(mark, Point(x, y))]


def _frozen(x: float, y: float, hollow: bool) -> list[Primitive]:
    return [Square("frozen", Rect(x - 8, y - 8, 16, 16))]


def _none(x: float, y: float, hollow: bool) -> list[Primitive]:
    return [Text(x, y + 4.2, (Span("–"),), "caption", "middle", "soft")]


_MARKS: dict[str, Mark] = {
    "reached": _arrow,
    "moved": _arrow,
    "unheld": _arrow,
    "nonfinite": _disc("nonfinite"),
    "zero": _dotted,
    "undefined": _disc("undefined"),
    "none": _bars,
    "frozen": _frozen,
    "quiet": _none,
}
