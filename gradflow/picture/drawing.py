"""The marks of a laid-out sketch, in the states that the passes left them in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from gradflow.graph import Edge
from gradflow.picture.paths import distance, leaving, length, longest, on, shared, split
from gradflow.picture.plan import Label, Layout, Place, Point, Rect, Route
from gradflow.picture.shapes import Bars, Disc, Dot, Group, Line, Primitive, Shape, Square, Text
from gradflow.picture.sketch import Cell, Leaf, Note, Sketch, Wire
from gradflow.picture.states import EDGE_STATES, strongest
from gradflow.picture.tracks import Track, drawn
from gradflow.picture.view import Data, View
from gradflow.verdict import Span

Items = list[Primitive | Group]

_NUMBERS = frozenset({"value", "derivative", "factor"})
_SOFT_ROLES = frozenset({"class", "detail", "source", "note", "factor"})
_SOFT_STATES = frozenset({"none", "undefined", "frozen", "quiet"})
_BARS_CELLS = frozenset({"cut", "exit"})
_DISC_ROOM = 20.0  # from a disc to the op that it stands beside


def draw_graph(sketch: Sketch, layout: Layout, view: View) -> Items:
    """Everything of the graph, the lowest first: frames, lines, then cells with what hangs on them."""
    picture = _Picture(sketch, layout, view)
    return [*_frames(picture), *_brackets(picture), *_wires(picture), *_dots(picture), *_cells(picture)]


@dataclass(frozen=True)
class _Picture:
    """What all parts of a picture are made from."""

    sketch: Sketch
    layout: Layout
    view: View
    taken: dict[int, list[Text]] = field(default_factory=dict)  # texts of a cell that belong to the wire into it

    def cell(self, index: int) -> Cell:
        return self.sketch.cells[index]

    @property
    def is_list(self) -> bool:
        return self.layout.style == "list"


def _frames(picture: _Picture) -> Items:
    items: Items = []
    for frame in picture.layout.frames:
        box = picture.sketch.boxes[frame.box]
        items.append(Shape(box.kind, frame.rect, 6.0))
        items += (_frame_text(label, box.path) for label in frame.labels)
        items += (_square(picture, (value,), rect, ()) for (_, value), rect in zip(box.idle, frame.idle, strict=True))
    return items


def _frame_text(label: Label, path: str) -> Text:
    """The name of an open module, its class, or the label of an unused parameter."""
    text = _plain_text(label, "soft" if label.role == "leaf" else "")
    return text._replace(path=path) if label.role == "name" else text


def _brackets(picture: _Picture) -> Items:
    items: Items = []
    for bracket in picture.layout.brackets:
        (x, y), (right, bottom) = bracket.start, bracket.end
        tick = 5.0
        if y == bottom:
            corners = [Point(x, y + tick), Point(x, y), Point(right, y), Point(right, y + tick)]
        else:
            corners = [Point(x - tick, y), Point(x, y), Point(x, bottom), Point(x - tick, bottom)]
        points = tuple(corners[not bracket.first : 4 if bracket.last else 3])
        items.append(Line("bracket", points, points))
        items += (_plain_text(label) for label in bracket.labels)
    return items


def _wires(picture: _Picture) -> Items:
    """The wires, those of the strongest state last; wires of one value share the stretch that they have in common."""
    wires, routes = picture.sketch.wires, {route.wire: route for route in picture.layout.routes}
    by_value: dict[tuple[int, int], list[int]] = {}
    for index, wire in enumerate(wires):
        by_value.setdefault((wire.source, wire.value), []).append(index)
    groups: dict[int, Group] = {}
    for members in by_value.values():
        tracks = [_track(picture, wires[index], routes[index]) for index in members]
        for index, track, items in zip(members, tracks, drawn(tracks), strict=True):
            groups[index] = _wire(picture, wires[index], routes[index], track, items)
    return [groups[index] for index in sorted(groups, key=lambda i: (-EDGE_STATES.index(groups[i].state), i))]


def _track(picture: _Picture, wire: Wire, route: Route) -> Track:
    source, target = picture.cell(wire.source), picture.cell(wire.target)
    state, core = _state(picture, wire)
    return Track(
        path=route.points,
        state=state,
        core=core,
        bars=_bars_on(picture, wire, route),
        is_cut=wire.bars is not None and _is_dependent(picture, wire),
        after_cut=source.kind in _BARS_CELLS,
        into_cut=target.kind in _BARS_CELLS,
        gap=1.5 if source.kind == "parameter" else 0.0,
        size=16.0 if source.small else 20.0,
    )


def _state(picture: _Picture, wire: Wire) -> tuple[str, str]:
    if wire.edges:
        ways = [wire.edges, *filter(None, (wire.also, (wire.mute,) if wire.mute else ()))]
        return max(map(picture.view.edges, ways), key=lambda found: EDGE_STATES.index(found[0]))
    is_loss = picture.cell(wire.target).kind == "loss"
    return picture.view.into_loss(wire.value) if is_loss else ("quiet", "")


def _is_dependent(picture: _Picture, wire: Wire) -> bool:
    """Whether bars on a wire stand for something: there is something trainable behind it."""
    return not picture.view.dependent.isdisjoint(wire.values or (wire.value,))


def _has_lost_history(picture: _Picture, wire: Wire) -> bool:
    """The same of bars on the border of a region: what was only written to in it keeps its history."""
    values = picture.view.dependent - picture.view.written
    return not values.isdisjoint(wire.values or (wire.value,))


def _bars_on(picture: _Picture, wire: Wire, route: Route) -> tuple[float, ...]:
    """Where bars stand on a wire: on the border of the region that it leaves."""
    if not _has_lost_history(picture, wire):
        return ()
    region = _region_left(picture.sketch, wire)
    if region is None:
        return ()
    frame = next((frame for frame in picture.layout.frames if frame.box == region), None)
    at = None if frame is None else leaving(route.points, frame.rect)
    if at is None:  # a list has no frames
        start, end = longest(route.points)
        at = min(start + 14.0, (start + end) / 2)
    return (at,)


def _region_left(sketch: Sketch, wire: Wire) -> int | None:
    """Id of the outermost region that a wire leaves."""
    stays = set(sketch.boxes_around(wire.target))
    left = [box for box in sketch.boxes_around(wire.source) if box not in stays and sketch.boxes[box].kind == "region"]
    return left[-1] if left else None


def _wire(picture: _Picture, wire: Wire, route: Route, track: Track, items: Sequence[Primitive]) -> Group:
    view = picture.view
    is_loss = picture.cell(wire.target).kind == "loss"
    data = tuple(map(view.edge_data, wire.edges)) or (view.result_data(wire.value, is_loss),)
    keys: tuple[Edge | int, ...] = wire.edges or (wire.value,)
    discs = _disc(picture, wire, route)
    texts = [_plain_text(label, keys=(wire.value,)) for label in route.labels]
    texts += _texts_of_target(picture, wire)
    return Group("wire", track.state, keys, data, (*items, *discs, *texts), route.points, _arrived(data))


def _disc(picture: _Picture, wire: Wire, route: Route) -> list[Primitive]:
    """The disc on a wire; on a small one where None was sent in one of these passes, not only in another."""
    if wire.mute is not None and picture.view.edges([wire.mute])[0] == "undefined":
        return [Disc("undefined", _free(picture, wire, route), 7.0)]
    return [_disc_on(wire.disc, route.points)] if wire.disc else []


def _free(picture: _Picture, wire: Wire, route: Route) -> Point:
    """A place for a disc on a line: the middle of its longest stretch that no other shares, or the next free one."""
    wires, path = picture.sketch.wires, route.points
    others = [other for other in picture.layout.routes if other is not route]
    beside = (shared(other.points, path) for other in others if wires[other.wire][:2] == wire[:2])
    alone = max(beside, default=0.0)
    start, end = longest(split(path, alone)[1])
    middle = alone + (start + end) / 2
    places = [middle, *(float(at) for at in range(int(alone) + 12, int(length(path)) - 12, 4))]

    def quality(at: float) -> tuple[float, float]:
        room = min((distance(split(path, at)[0][-1], other.points) for other in others), default=_DISC_ROOM)
        return min(room, _DISC_ROOM / 2), -abs(at - middle)

    return split(path, max(places, key=quality))[0][-1]


def _texts_of_target(picture: _Picture, wire: Wire) -> list[Text]:
    """The derivative of a loss, and the factor of an op: they are there as soon as something came along the wire."""
    target = picture.cell(wire.target)
    if target.id in picture.taken or not (target.factor or (target.below and not wire.edges)):
        return []
    labels = [label for label in picture.layout.places[target.id].labels if _belongs_to_wire(target, label)]
    keys: dict[str, tuple[Edge | int, ...]] = {"factor": wire.edges, "derivative": (wire.value,)}
    picture.taken[target.id] = [_plain_text(label, keys=keys[label.role]) for label in labels]
    return picture.taken[target.id]


def _belongs_to_wire(cell: Cell, label: Label) -> bool:
    return label.leaf is None and (
        label.role == "factor" or (label.role == "derivative" and cell.kind in ("loss", "end"))
    )


def _disc_on(mark: str, path: Sequence[Point]) -> Disc:
    """A disc on the last stretch of a line, near what made the gradient so."""
    before, end = path[-2], path[-1]
    reach = abs(end.x - before.x) + abs(end.y - before.y)
    share = min(_DISC_ROOM, reach / 2) / (reach or 1)
    return Disc(mark, Point(end.x + share * (before.x - end.x), end.y + share * (before.y - end.y)))


def _arrived(data: Iterable[Data]) -> bool:
    return any(set(dict(one).get("status", "none").split()) != {"none"} for one in data)


def _dots(picture: _Picture) -> Items:
    """Where wires part, in the state of the strongest of them."""
    stretches = _stretches(picture) if picture.layout.dots else {}
    items: Items = []
    for dot in picture.layout.dots:
        beside = [*stretches.get(("x", round(dot.x, 1)), ()), *stretches.get(("y", round(dot.y, 1)), ())]
        through = (state for a, b, state in beside if on((a, b), dot))
        items.append(Dot(strongest(through), dot))
    return items


def _stretches(picture: _Picture) -> dict[tuple[str, float], list[tuple[Point, Point, str]]]:
    """The straight stretches of all wires, by the x or the y that they keep."""
    found: dict[tuple[str, float], list[tuple[Point, Point, str]]] = {}
    for wire, route in zip(picture.sketch.wires, picture.layout.routes, strict=True):
        state = _state(picture, wire)[0]
        for a, b in pairwise(route.points):
            key = ("x", round(a.x, 1)) if abs(a.x - b.x) < abs(a.y - b.y) else ("y", round(a.y, 1))
            found.setdefault(key, []).append((a, b, state))
    return found


def _cells(picture: _Picture) -> Items:
    items: Items = []
    for place in picture.layout.places:
        cell = picture.cell(place.cell)
        items += _stems(picture, cell, place)
        items += _outline(picture, cell, place)
        items += _leaves(picture, cell, place)
        items += _squares(picture, cell, place)
        items += _labels(picture, cell, place)
    return items


def _outline(picture: _Picture, cell: Cell, place: Place) -> Items:
    """The shape of a cell."""
    rect = place.shape
    if cell.kind in ("op", "group"):
        return [Shape("pill", rect, min(rect.w, rect.h) / 2)]
    if cell.kind == "module":
        if picture.is_list:
            return [Shape("pill", rect, min(rect.w, rect.h) / 2, cell.path)]
        return [Shape("pill" if cell.small else "module", rect, 6.0, cell.path)]
    if cell.kind == "input":
        return [Shape("input", rect, rect.w / 2)]
    if cell.kind in _BARS_CELLS:
        upright = rect.h > rect.w
        return [Bars(rect.center, (1, 0) if upright else (0, 1), max(rect.w, rect.h))]
    if cell.kind == "parameter" and cell.value is not None:
        texts = [_text(picture, cell, label) for label in place.labels if label.role in ("value", "derivative")]
        return [_square(picture, cell.squares or (cell.value,), rect, texts)]
    if cell.kind == "loss":
        return [Shape(picture.view.loss(cell.value), _inside(rect), 2.0 if cell.small else 3.0)]
    return [Shape("end", _inside(rect), 2.0 if cell.small else 3.0)] if cell.kind == "end" else []


def _inside(rect: Rect) -> Rect:
    """A box whose border of 2 px lies within the rectangle."""
    return Rect(rect.x + 1, rect.y + 1, rect.w - 2, rect.h - 2)


def _stems(picture: _Picture, cell: Cell, place: Place) -> Items:
    """The lines from what hangs on a cell; where they share a trunk, the strongest lies there."""
    hung = [(index, leaf) for index, leaf in enumerate(cell.leaves) if place.stems and len(place.stems[index]) > 1]
    tracks = []
    for index, leaf in hung:
        state, core = picture.view.edges(leaf.edges)
        tracks.append(Track(place.stems[index], state, core, is_cut=leaf.bars, gap=_stem_gap(leaf)))
    groups: Items = []
    for (index, leaf), track, items in zip(hung, tracks, drawn(tracks, joined_at_end=True), strict=True):
        discs = [_disc_on(leaf.disc, track.path)] if leaf.disc else []
        factors = [
            _plain_text(text, keys=leaf.edges) for text in place.labels if text.leaf == index and text.role == "factor"
        ]
        groups.append(_stem(picture, leaf, track.state, (*items, *discs, *factors), track.path))
    shown = {index for index, _ in hung}
    bare = (leaf for index, leaf in enumerate(cell.leaves) if index not in shown and leaf.edges)
    groups += (_stem(picture, leaf, picture.view.edges(leaf.edges)[0], (), ()) for leaf in bare)
    return sorted(groups, key=lambda group: -EDGE_STATES.index(group.state) if isinstance(group, Group) else 0)


def _stem(
    picture: _Picture, leaf: Leaf, state: str, items: tuple[Primitive, ...], band: tuple[Point, ...]
) -> Primitive | Group:
    data = tuple(map(picture.view.edge_data, leaf.edges))
    return Group("wire", state, leaf.edges, data, items, band, _arrived(data))


def _stem_gap(leaf: Leaf) -> float:
    return {"parameter": 1.5, "constant": 2.0, "number": 2.0}.get(leaf.kind, 0.0)


def _leaves(picture: _Picture, cell: Cell, place: Place) -> Items:
    items: Items = []
    for index, (leaf, rect) in enumerate(zip(cell.leaves, place.leaves, strict=True)):
        texts = [_text(picture, cell, label) for label in place.labels if label.leaf == index]
        if leaf.kind == "parameter":
            kept = [text for text in texts if text.role != "factor"]
            items.append(_square(picture, leaf.values or (leaf.value,), rect, kept))
            continue
        if leaf.kind in ("input", "buffer"):
            items.append(Shape("input", rect, rect.w / 2))
        if leaf.kind == "buffer":
            middle = rect.center.y
            items.append(Line("across", (Point(rect.x, middle), Point(rect.right, middle))))
        items += (text for text in texts if text.role != "factor")
    return items


def _squares(picture: _Picture, cell: Cell, place: Place) -> Items:
    """The little squares of a closed module."""
    return [_square(picture, (value,), rect, ()) for value, rect in zip(cell.squares, place.squares, strict=False)]


def _square(picture: _Picture, values: tuple[int, ...], rect: Rect, texts: Sequence[Text]) -> Group:
    """The square of a parameter, or of several in one state, with what is written about it."""
    view = picture.view
    parameters = [view.parameter(value) for value in values]
    first = parameters[0]
    state = first.state
    if rect.w < 10 and state == "reached" and any(one.step is not None for one in view.passes):
        state = "still"
    data = tuple(map(view.parameter_data, values))
    square = Square(state, rect, any(one.drift for one in parameters))
    return Group("parameter", first.state, values, data, (square, *texts), (), _arrived(data))


def _labels(picture: _Picture, cell: Cell, place: Place) -> Items:
    """What is written in a cell but not about one of its leaves, with the marks of causes in a closed module."""
    items: Items = []
    marked: set[int] = set()
    notes = _notes(picture, cell)
    for label in place.labels:
        if label.leaf is not None or _is_drawn_elsewhere(picture, cell, label):
            continue
        if cell.kind == "module" and label.note is not None and label.note not in marked:
            marked.add(label.note)
            items.append(_little_mark(notes[label.note].mark, label))
        text = _text(picture, cell, label)
        items.append(text._replace(path=cell.path) if cell.kind == "module" and label is place.labels[0] else text)
    return items


def _notes(picture: _Picture, cell: Cell) -> tuple[Note, ...]:
    """The notes of a cell; in a list also those that the run has which begins with it."""
    if not picture.is_list:
        return cell.notes
    return (*cell.notes, *(note for run in picture.sketch.runs if run.cells[0] == cell.id for note in run.notes))


def _is_drawn_elsewhere(picture: _Picture, cell: Cell, label: Label) -> bool:
    if cell.kind == "parameter":
        return label.role in ("value", "derivative")
    return cell.id in picture.taken and _belongs_to_wire(cell, label)


def _little_mark(mark: str, label: Label) -> Primitive:
    center = Point(label.x - 9, label.y - 4)
    return Bars(center, (1, 0), 11.0) if mark == "cut" else Disc(mark, center, 5.5)


def _text(picture: _Picture, cell: Cell, label: Label) -> Text:
    """A text of a cell in its tone: soft where it speaks of something that got nothing."""
    tone = ""
    if label.role == "loss":
        tone = {"loss": "inverse", "second": "", "end": "soft"}[_result_kind(picture, cell)]
    elif label.leaf is not None and cell.leaves[label.leaf].kind == "parameter":
        leaf = cell.leaves[label.leaf]
        state = picture.view.parameter((leaf.values or (leaf.value,))[0]).state
        tone = "soft" if leaf.again or state in _SOFT_STATES else ""
    elif label.role == "tally":
        arrived = [picture.view.parameter(value).state for value in cell.squares]
        tone = "soft" if not arrived or all(state in _SOFT_STATES for state in arrived) else ""
    value = cell.value if label.leaf is None else cell.leaves[label.leaf].value
    return _plain_text(label, tone, () if value is None else (value,))


def _result_kind(picture: _Picture, cell: Cell) -> str:
    return picture.view.loss(cell.value) if cell.kind == "loss" else "end"


def _plain_text(label: Label, tone: str = "", keys: tuple[Edge | int, ...] = ()) -> Text:
    if label.role in _SOFT_ROLES:
        tone = "soft"
    if label.role == "derivative":
        tone = {"0": "of-zero", "∅": "of-undefined"}.get(label.text, "")
    return Text(label.x, label.y, _spans(label), label.role, label.anchor, tone, keys if label.role in _NUMBERS else ())


def _spans(label: Label) -> tuple[Span, ...]:
    """The pieces of a text: of ``p = 6`` the name is bold."""
    name, equals, number = label.text.partition(" = ")
    if label.role == "value" and equals:
        return Span(name, "bold"), Span(equals + number)
    return (Span(label.text),)
