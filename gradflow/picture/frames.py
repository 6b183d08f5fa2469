"""A cell or a box as its container sees it: how much room it takes, and where lines may reach it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from gradflow.picture.cells import bounds
from gradflow.picture.compact import across_end, entry_reach
from gradflow.picture.grid import Item, Room, spread
from gradflow.picture.metrics import shorten, width
from gradflow.picture.plan import Label, Place, Point, Rect
from gradflow.picture.sketch import Box, Cell

HEADER = 28.0
PAD = 12.0
HUG = 10.0
_NAME_ROOM = 180.0
_SQUARE, _IDLE_ROW = 18.0, 28.0
_MOST_ENTRIES = 5
_NO_ENTRY = frozenset({"cut", "exit", "loss", "end", "input", "parameter", "constant"})


def flipped(rect: Rect, direction: str) -> Room:
    """A rectangle along and across."""
    if direction == "LR":
        return Room(rect.x, rect.right, rect.y, rect.bottom)
    return Room(rect.y, rect.bottom, rect.x, rect.right)


def straight(room: Room, direction: str) -> Rect:
    """A room as a rectangle of the picture."""
    u0, u1, v0, v1 = room
    return Rect(u0, v0, u1 - u0, v1 - v0) if direction == "LR" else Rect(v0, u0, v1 - v0, u1 - u0)


def point(u: float, v: float, direction: str) -> Point:
    """A place along and across as a point of the picture."""
    return Point(u, v) if direction == "LR" else Point(v, u)


def cell_item(cell: Cell, place: Place, direction: str) -> Item:
    """A cell as its container sees it."""
    shape = flipped(place.shape, direction)
    item = Item(
        flipped(place.rect, direction),
        (shape.u0, shape.u1),
        shape.v1,
        cell.kind in ("op", "group", "input"),
        0,
        0,
        8.0 if cell.small else 14.0,
        14.0 if cell.small else 16.0,
        {},
        {},
        cell.id,
        cell.kind == "input",
        (24.0 if cell.kind == "module" else 14.0) if cell.small else None,
        tuple(flipped(rect, direction) for rect in _parts(place)) if _has_numbers(cell) else (),
    )
    if cell.kind in _NO_ENTRY and not (cell.small and cell.kind == "loss"):
        return item
    return item._replace(
        before=0 if cell.hat else _entries(item, place, direction, before=True),
        after=_entries(item, place, direction, before=False),
    )


def _has_numbers(cell: Cell) -> bool:
    return bool(cell.above or cell.below or cell.factor or any(leaf.above or leaf.factor for leaf in cell.leaves))


def _parts(place: Place) -> list[Rect]:
    """Everything in a cell."""
    return [place.shape, *place.leaves, *map(bounds, place.labels), *_boxes(place.stems)]


def _entries(item: Item, place: Place, direction: str, before: bool) -> int:
    """How many lines can enter a cell across without touching what is written or hangs there."""
    parts = [flipped(rect, direction) for rect in (*place.leaves, *map(bounds, place.labels), *_boxes(place.stems))]
    reach = entry_reach(item)
    for total in range(min(_MOST_ENTRIES, 1 + int(2 * reach // 7)), 0, -1):
        if all(_open(item, offset, parts, before) for offset in spread(total, reach)):
            return total
    return 0


def _boxes(stems: Iterable[Sequence[Point]]) -> list[Rect]:
    return [
        Rect(min(a.x, b.x), min(a.y, b.y), abs(a.x - b.x), abs(a.y - b.y)) for stem in stems for a, b in pairwise(stem)
    ]


def _open(item: Item, offset: float, parts: Iterable[Room], before: bool) -> bool:
    end = across_end(item, offset)
    low, high = (item.room.v0, -end - 0.5) if before else (end + 0.5, item.room.v1)
    return not any(part.u0 < offset + 6 and offset - 6 < part.u1 and part.v0 < high and low < part.v1 for part in parts)


class Framed(NamedTuple):
    """The frame of a box around its content, in the picture's own directions, measured from its anchor."""

    rect: Rect
    labels: tuple[Label, ...]
    idle: tuple[Rect, ...]


def frame(
    box: Box,
    content: Rect,
    ports: Sequence[float],
    exits: Sequence[float],
    first: float,
    direction: str,
    beside: bool,
) -> Framed:
    """The frame around the content of a box.

    Args:
        box: what is framed.
        content: its content with its padding along.
        ports: in a picture from top to bottom, the x at which lines enter it from above.
        exits: there, the x at which lines leave it below.
        first: there, the y of its first cell.
        direction: of the picture.
        beside: whether its name may stand left of its content, instead of above.
    """
    pad = HUG if box.kind == "region" else PAD
    if direction == "LR":
        rect = Rect(content.x, content.y - HEADER, content.w, content.h + HEADER + pad)
        labels, need = _title(box, rect.x + 10, rect.y + 19, rect.w - 20)
        rect = rect._replace(w=max(rect.w, _on_grid(need + 20)))
    elif beside:
        rect, labels = _name_beside(box, content, first)
    else:
        rect, labels = _name_above(box, content, ports)
    return _with_idle(box, rect, labels, exits)


def _on_grid(x: float) -> float:
    return 4.0 * -(-x // 4)


def _title(box: Box, x: float, y: float, room: float) -> tuple[tuple[Label, ...], float]:
    """Name and detail in one line, and how long it is; a class that does not fit is left out."""
    name = shorten(box.name, "name", max(_NAME_ROOM, room))
    used = width(name, "name")
    role = "source" if box.kind == "region" else "class"
    gap = 8 if name else 0
    detail = box.detail if box.kind == "region" else box.detail if used + gap + width(box.detail, role) <= room else ""
    labels = [Label(x, y, name, "name")]
    if detail:
        labels.append(Label(x + used + gap, y, detail, role))
        used += gap + width(detail, role)
    return tuple(label for label in labels if label.text), used


def _name_beside(box: Box, content: Rect, first: float) -> tuple[Rect, tuple[Label, ...]]:
    """The name left of the content, the class below it."""
    name, detail = shorten(box.name, "name", _NAME_ROOM), shorten(box.detail, "class", _NAME_ROOM)
    room = _on_grid(max(width(name, "name"), width(detail, "class")) + 12)
    rect = Rect(content.x - PAD - room, content.y, content.w + 2 * PAD + room, content.h)
    y = first + (-3 if detail else 5)
    labels = [Label(rect.x + 12, y, name, "name"), Label(rect.x + 12, y + 16, detail, "class")]
    return rect, tuple(label for label in labels if label.text)


def _name_above(box: Box, content: Rect, ports: Sequence[float]) -> tuple[Rect, tuple[Label, ...]]:
    """The name above the content, left or right of the lines that come in there."""
    pad = HUG if box.kind == "region" else PAD
    rect = Rect(content.x - pad, content.y - HEADER + 6, content.w + 2 * pad, content.h + HEADER - 6)
    best: tuple[float, Rect, tuple[Label, ...]] | None = None
    for start in (rect.x + 10, *(port + 12 for port in ports)):
        block = min((port for port in ports if port > start - 8), default=None)
        room = rect.right - 10 - start if block is None else block - 10 - start
        labels, used = _title(box, start, rect.y + 19, room)
        if block is not None and used > room:
            if start == rect.x + 10:
                wider = _on_grid(used - room)
                grown = Rect(rect.x - wider, rect.y, rect.w + wider, rect.h)
                option = (wider, grown, tuple(label.moved(-wider, 0) for label in labels))
                best = option if best is None or option[0] < best[0] else best
            continue
        wider = max(0.0, _on_grid(used - room))
        if best is None or wider < best[0]:
            best = wider, rect._replace(w=rect.w + wider), labels
    assert best is not None
    return best[1], best[2]


def _with_idle(box: Box, rect: Rect, labels: tuple[Label, ...], exits: Sequence[float]) -> Framed:
    """Parameters that were never used: squares at the bottom, in rows, right of the lines that leave there."""
    if not box.idle:
        return Framed(rect, labels, ())
    squares: list[Rect] = []
    texts = list(labels)
    left = max([rect.x + 12, *(x + 14 for x in exits)])
    x, y, right = left, rect.bottom + 4, rect.right
    for name, _ in box.idle:
        text = shorten(name, "leaf", _NAME_ROOM)
        wide = _SQUARE + 6 + width(text, "leaf")
        if x > left and x + wide > rect.right - 12:
            x, y = left, y + _IDLE_ROW
        squares.append(Rect(x, y, _SQUARE, _SQUARE))
        texts.append(Label(x + _SQUARE + 6, y + 13, text, "leaf"))
        right = max(right, x + wide + 12)
        x += wide + 16
    grown = rect._replace(w=_on_grid(right - rect.x), h=y + _IDLE_ROW - rect.y)
    return Framed(grown, tuple(texts), tuple(squares))


def box_item(
    framed: Framed, box: Box, direction: str, ports: tuple[Mapping[int, float], Mapping[int, float]], order: int
) -> Item:
    """A framed box as its container sees it."""
    room = flipped(framed.rect, direction)
    lead = 28.0 if box.kind == "region" else 14.0
    return Item(room, (room.u0, room.u1), 0.0, False, 0, 0, lead, 12.0, *ports, order)
