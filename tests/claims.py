"""What a picture claims, read back from its SVG and its marks, and compared with what the flow and `explain` say.

It knows the words of the drawing (classes and data attributes), and nothing of how a picture is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from xml.etree import ElementTree

from gradflow.explain import explain_all
from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.picture.pictures import Picture
from gradflow.picture.shapes import Bars, Disc, Group, Line, Square, Text
from gradflow.picture.svg import svg
from gradflow.reason import Reason
from gradflow.targets import DETACHING, HOOK

SVG = "{http://www.w3.org/2000/svg}"
CUTS = (Reason.DETACHED, Reason.NO_GRAD, Reason.NOT_DIFFERENTIABLE, Reason.LEFT_PYTORCH)
SQUARES = {
    Reason.RECEIVED: "reached",
    Reason.ZERO: "zero",
    Reason.NONFINITE: "nonfinite",
    Reason.UNDEFINED: "undefined",
    Reason.FROZEN: "frozen",
    **dict.fromkeys(CUTS, "none"),
    **dict.fromkeys((Reason.NOT_CONNECTED, Reason.NOT_REQUESTED, Reason.UNUSED), "quiet"),
}
COLOURED = {"nonzero": "reached", "zero": "zero"}
ARRIVED = ("nonzero", "zero")


class Claims:
    """One picture of one flow, and what is said about it elsewhere."""

    def __init__(self, flow: Flow, picture: Picture):
        self.flow, self.graph, self.picture = flow, flow.graph, picture
        (self.sketch,), (self.layout,), self.scene = picture.sketches, picture.layouts, picture.scene
        self.root = ElementTree.fromstring(svg(self.scene))
        self.found = explain_all(flow, flow.graph.parameter_names())
        self.groups = [item for item in self.scene.items if isinstance(item, Group)]
        self.cell_of = {op: cell for cell in self.sketch.cells for op in cell.ops}

    def marks(self, kind: str) -> list[dict[str, str]]:
        """The attributes of all groups of a kind."""
        return [dict(g.attrib) for g in self.root.iter(f"{SVG}g") if g.get("class", "").split()[0] == kind]

    def false(self) -> list[str]:
        """Everything that the picture claims wrongly, or leaves out."""
        return [
            *self._edges(),
            *self._left_out(),
            *self._parameters(),
            *self._bars(),
            *self._causes(),
            *self._missing(),
            *self._words(),
        ]

    def drawn_edges(self) -> dict[Edge, dict[str, str]]:
        wires = [group for group in self.marks("wire") if "data-op" in group]
        return {Edge(*(int(g[f"data-{key}"]) for key in ("value", "op", "position"))): g for g in wires}

    def _edges(self) -> Iterator[str]:
        """Every line says what came along it, in its data and in its look."""
        wires = [group for group in self.marks("wire") if "data-op" in group]
        drawn = self.drawn_edges()
        if len(drawn) != len(wires):
            yield "an edge is drawn twice"
        for edge, group in drawn.items():
            status = self.flow.at(edge).status
            if group["data-status"] != status:
                yield f"{edge} is told to be {group['data-status']}, and is {status}"
            state = group["class"].split()[1]
            if self.kept(edge) and status == "none":
                came = self.flow.at(self.graph.successors[edge.value]).arrived
                status = next((was for was, drawn in COLOURED.items() if came and drawn == state), "none")
            expected = COLOURED.get(status)
            if (state != expected) if expected else state in ("reached", "zero"):
                yield f"{edge} is {status} and drawn as {state}"
            if status == "none" and state == "undefined":
                yield f"{edge} got nothing and is drawn as undefined"
        for group in self.groups:
            if group.kind != "wire":
                continue
            alike = {self.flow.at(key).status for key in group.keys}
            if len(alike) > 1 and any(isinstance(key, Edge) for key in group.keys):
                yield f"one line for edges that are {alike}: {group.keys}"
            looks = {item.look.split()[0] for item in group.items if isinstance(item, Line)}
            allowed = {
                "reached": {"reached", "missing", "cut"},
                "zero": {"zero", "missing", "cut"},
                "undefined": {"undefined", "missing", "cut"},
                "missing": {"missing", "cut"},
                "quiet": {"quiet", "cut"},
            }[group.state]
            if not looks <= allowed:
                yield f"a line that is {group.state} is drawn as {looks}"
            if any(isinstance(item, Bars) for item in group.items) and alike & set(ARRIVED):
                makers = {self.graph.producers.get(key.value if isinstance(key, Edge) else key) for key in group.keys}
                if not makers <= self.cutting():
                    yield f"bars on a line that a gradient came along: {group.keys}"
        loss = [group for group in self.marks("wire") if "data-op" not in group and "data-value" in group]
        for group in loss:
            status = self.flow.at(int(group["data-value"])).status
            is_output = int(group["data-value"]) == self.flow.output
            if group["data-status"] != status and (is_output or group["data-status"] != "none"):
                yield f"the line into {group['data-value']} is told to be {group['data-status']}, and is {status}"
        if str(self.flow.output) not in {group["data-value"] for group in loss}:
            yield "no line into the loss"

    def _left_out(self) -> Iterator[str]:
        """What is not drawn lies inside a closed mark, or nothing came along it."""
        drawn = self.drawn_edges()
        makers = self.graph.producers
        for edge in self.graph.edges():
            if edge in drawn:
                continue
            cell, maker = self.cell_of.get(edge.op), makers.get(edge.value)
            if cell is None:
                if self.flow.at(edge).arrived:
                    yield f"{edge} was reached, and its op ({self.graph.ops[edge.op].target}) is not drawn"
            elif maker is not None and self.cell_of.get(maker) is not cell:
                if self.cell_of.get(maker) is not None or self.flow.at(edge).arrived:
                    yield f"{edge} is not drawn, although both its ends are"
            elif maker is None and cell.kind not in ("module", "group") and len(cell.ops) == 1:
                yield f"{edge} from a given value is not drawn"

    def squares(self) -> list[dict[str, str]]:
        """The attributes of all squares, with the name as it is given."""
        names = self.graph.values
        return [{**group, "data-name": names[int(group["data-value"])].name or ""} for group in self.marks("parameter")]

    def _parameters(self) -> Iterator[str]:
        """Every parameter is drawn once, in the state that its reason asks for."""
        again = {
            (leaf.value, leaf.label)
            for cell in self.sketch.cells
            for leaf in cell.leaves
            if leaf.kind == "parameter" and leaf.again
        }
        total = Counter(group["data-name"] for group in self.squares())
        extra = Counter(self.graph.values[value].name for value, _ in again)
        repeats = Counter(
            self.graph.values[leaf.value].name
            for cell in self.sketch.cells
            for leaf in cell.leaves
            if leaf.kind == "parameter" and leaf.again
        )
        assert extra.keys() <= repeats.keys()
        crowded = {
            self.graph.values[value].name
            for cell, place in zip(self.sketch.cells, self.layout.places, strict=True)
            for value in cell.squares[len(place.squares) :]
        }
        for name in self.graph.parameter_names():
            expected = 0 if name in crowded else 1
            if total[name] - repeats[name] != expected:
                yield f"{name} is drawn {total[name] - repeats[name]} times, not {expected}"
        for group in self.squares():
            name, state = group["data-name"], group["class"].split()[1]
            if name not in self.found:
                continue
            if group["data-status"] != self.flow.at(name).status:
                yield f"{name} is told to be {group['data-status']}"
            if group["data-reason"] != self.found[name].reason.name:
                yield f"{name} is told to be {group['data-reason']}"
            if state != SQUARES[self.found[name].reason]:
                yield f"{name} is drawn as {state}"

    def kept(self, edge: Edge) -> bool:
        """Whether a use is the write with gradients off that leaves the value's history alone."""
        return self.graph.successors.get(edge.value) in self.graph.ops[edge.op].outputs

    def cut_ops(self) -> set[int]:
        """Ops at which bars stand, in the picture or in the note of a closed module."""
        found = {op for cell in self.sketch.cells if cell.kind in ("cut", "exit") for op in cell.ops}
        for cell in self.sketch.cells:
            if cell.kind == "module":
                found.update(op for op in cell.ops if any(note.mark == "cut" for note in cell.notes))
        for run in self.sketch.runs:
            for cell in run.cells:
                if any(note.mark == "cut" for note in run.notes):
                    found.update(self.sketch.cells[cell].ops)
        for group in self.groups:
            if group.kind == "wire" and any(isinstance(item, Bars) for item in group.items):
                for key in group.keys:
                    value = key.value if isinstance(key, Edge) else key
                    source = self._source(value)
                    found.update(self._in_region(source))
                    if isinstance(key, Edge) and key.op in self.cutting():
                        found.add(key.op)
        return found

    def named(self) -> set[int]:
        """Ops that an explanation names as cuts."""
        return {cut.op for one in self.found.values() for cut in one.cuts if cut.kind in CUTS}

    def _source(self, value: int) -> int | None:
        maker = self.graph.producers.get(value)
        cell = self.cell_of.get(maker) if maker is not None else None
        return None if cell is None else cell.id

    def _in_region(self, cell: int | None) -> set[int]:
        if cell is None:
            return set()
        regions = {box for box in self.sketch.boxes_around(cell) if self.sketch.boxes[box].kind == "region"}
        return {
            op for other in self.sketch.cells if regions & set(self.sketch.boxes_around(other.id)) for op in other.ops
        }

    def cutting(self) -> set[int]:
        """Ops that stop a gradient: something with a history goes in, and nothing that came of it goes on."""
        values = self.graph.values
        written = set(self.graph.successors.values())
        silent = {op.id for op in self.graph.ops if not written.isdisjoint(op.outputs) and len(set(op.inputs)) > 1}
        return (
            self.named()
            | silent
            | {
                op.id
                for op in self.graph.ops
                if any(values[value].requires_grad for value in op.inputs)
                and (op.target in DETACHING or not any(values[value].requires_grad for value in op.outputs))
            }
        )

    def _bars(self) -> Iterator[str]:
        """Bars stand only where something is cut."""
        cutting = self.cutting()
        for cell in self.sketch.cells:
            if cell.kind in ("cut", "exit") and cutting.isdisjoint(cell.ops):
                yield f"bars at {cell.label}, which cuts nothing"
            if cell.kind in ("cut", "exit"):
                for edge in self.graph.edges():
                    if edge.op in cell.ops and self.flow.at(edge).arrived:
                        yield f"a gradient came through the bars at {cell.label}, along {edge}"
        for group in self.groups:
            if group.kind == "wire" and any(isinstance(item, Bars) for item in group.items):
                ops = {
                    op
                    for key in group.keys
                    for op in self._in_region(self._source(key.value if isinstance(key, Edge) else key))
                }
                ops |= {key.op for key in group.keys if isinstance(key, Edge)}
                if cutting.isdisjoint(ops):
                    yield f"bars on {group.keys}, where nothing is cut"

    def _causes(self) -> Iterator[str]:
        """Every cause that an explanation names has its mark."""
        visible = self.cut_ops()
        discs = {note.op for cell in self.sketch.cells for note in cell.notes}
        discs |= {note.op for run in self.sketch.runs for note in run.notes}
        closed = {op for cell in self.sketch.cells if cell.kind in ("module", "group") for op in cell.ops}
        verdict = self.verdict()
        for name, one in self.found.items():
            for cut in one.cuts:
                if cut.op in (visible if cut.kind in CUTS else discs | closed):
                    continue
                if self.graph.ops[cut.op].target == HOOK and one.name:
                    continue
                yield f"{name}: {cut.target} ({cut.kind.name}, {cut.source}) has no mark; verdict: {verdict}"

    def _missing(self) -> Iterator[str]:
        """Where a line says that a gradient is missing, something stands between it and the loss that stopped it."""
        visible = self.cut_ops()
        visible |= {note.op for cell in self.sketch.cells for note in cell.notes}
        visible |= {op for cell in self.sketch.cells if cell.kind == "module" and cell.notes for op in cell.ops}
        visible |= {op for run in self.sketch.runs for at in run.cells if run.notes for op in self.sketch.cells[at].ops}
        before = self._reach(visible, forwards=False)
        after = self._reach(visible, forwards=True)
        for edge, group in self.drawn_edges().items():
            near = edge.op in before or self.graph.producers.get(edge.value) in after or edge.op in after
            if group["class"].split()[1] == "missing" and not near:
                yield f"{edge} is missing its gradient, and nothing shows why"

    def _reach(self, ops: set[int], forwards: bool) -> set[int]:
        """Ops and all that lead to them, or all that they lead to, through numbers as well."""
        found = set(ops)
        resumed: set[int] = set()
        for op in self.graph.ops if forwards else reversed(self.graph.ops):
            if forwards:
                near = [maker for v in op.inputs if (maker := self.graph.producers.get(v)) is not None]
                near += op.reenters or ()
            else:
                near = [edge.op for value in op.outputs for edge in self.graph.consumers.get(value, ())]
            if op.id in resumed or not found.isdisjoint(near):
                found.add(op.id)
            if op.id in found and not forwards:
                resumed.update(op.reenters or ())
        return found

    def verdict(self) -> str:
        lines = [item for item in self.scene.items if isinstance(item, Text) and item.role.startswith("verdict")]
        return " ".join("".join(span.text for span in line.spans) for line in lines)

    def _words(self) -> Iterator[str]:
        """The verdict and the description count as the squares do."""
        told = re.search(r"(\d+) of (\d+) parameters? reached", self.verdict())
        reached = sum(one.reason is Reason.RECEIVED for one in self.found.values())
        described = self.root.findtext(f"{SVG}desc") or ""
        if told is None and all(one.reason is Reason.RECEIVED for one in self.found.values()):
            return  # a calculation, whose numbers say it
        if self.found and (told is None or (int(told[1]), int(told[2])) != (reached, len(self.found))):
            yield f"{reached} of {len(self.found)} are reached, and the verdict says: {self.verdict()!r}"
        if self.found and f"{reached} of {len(self.found)} parameter" not in described:
            yield f"the description says {described!r}"
        drawn = {group["data-name"]: group["class"].split()[1] for group in self.squares()}
        if drawn.keys() == self.found.keys() and sum(s == "reached" for s in drawn.values()) != reached:
            yield "the squares are not those that the verdict counts"
        for cell in self.sketch.cells:
            told = re.fullmatch(r"(\d+) of (\d+)", cell.tally.replace(",", ""))
            names = [self.graph.values[value].name or "" for value in cell.squares]
            if told and cell.kind == "module":
                counted = sum(self.found[name].reason is Reason.RECEIVED for name in names)
                if (int(told[1]), int(told[2])) != (counted, len(names)):
                    yield f"{cell.label} says {cell.tally}, and it is {counted} of {len(names)}"


STRONGEST = ("reached", "zero", "undefined", "missing", "quiet")


class SmallClaims:
    """One of several small pictures, and what its flow says.

    Args:
        flow: what it shows.
        picture: all of them.
        panel: which one it is.
        held: the names that an optimizer holds, or None if none was given.
    """

    def __init__(self, flow: Flow, picture: Picture, panel: int = 0, held: Collection[str] | None = None):
        self.flow, self.graph, self.panel, self.held = flow, flow.graph, str(panel), held
        self.sketch = picture.sketches[panel]
        self.found = explain_all(flow, flow.graph.parameter_names())
        groups = [item for item in picture.scene.items if isinstance(item, Group)]
        marks = ElementTree.fromstring(svg(picture.scene)).iter(f"{SVG}g")
        read = iter([dict(mark.attrib) for mark in marks if mark.get("class", "").split()[0] in ("wire", "parameter")])
        pairs = [(group, [next(read) for _ in group.data]) for group in groups]
        mine = [(group, marks) for group, marks in pairs if marks[0]["data-panel"] == self.panel]
        self.lines = [pair for pair in mine if pair[0].kind == "wire"]
        self.squares = [pair for pair in mine if pair[0].kind == "parameter"]

    def false(self) -> list[str]:
        """Everything that the picture claims wrongly, or leaves out."""
        return [*self._cell(), *self._lines(), *self._stopped(), *self._squares(), *self._hung(), *self._causes()]

    def _cell(self) -> Iterator[str]:
        """No picture is empty: it has the box of the loss, and a line into it if something was computed."""
        losses = [cell.id for cell in self.sketch.cells if cell.kind == "loss"]
        if not losses:
            yield "no box of a loss"
        above = self.graph.ancestors([self.flow.output])[0]
        given = [
            v for v in above if v not in self.graph.producers and self.graph.values[v].kind in ("input", "parameter")
        ]
        if given and not any(wire.target in losses for wire in self.sketch.wires):
            yield "no line into the loss"

    def status(self, key: Edge | int) -> str:
        """What came along a use; a write with gradients off leaves the history of a value alone."""
        status = self.flow.at(key).status
        if status == "none" and isinstance(key, Edge):
            after = self.graph.successors.get(key.value)
            if after is not None and after in self.graph.ops[key.op].outputs:
                return self._handed_on(after)
        return status

    def _handed_on(self, value: int) -> str:
        found = {self.status(edge) for edge in self.graph.consumers.get(value, ())}
        found |= {self.flow.at(value).status} if value == self.flow.output else set()
        return next((one for one in ("nonzero", "zero") if one in found), "none")

    def _lines(self) -> Iterator[str]:
        """Every line says in its data what came along each of its uses, and claims no more than came along them."""
        for group, marks in self.lines:
            for key, told in zip(group.keys, marks, strict=True):
                is_result = not isinstance(key, Edge) and key != self.flow.output
                if told["data-status"] != self.flow.at(key).status and not (
                    is_result and told["data-status"] == "none"
                ):
                    yield f"{key} is told to be {told['data-status']}, and is {self.flow.at(key).status}"
            state = _state(marks)
            if (state if state in COLOURED.values() else "none") not in self._looks(group):
                yield f"{group.keys}: drawn as {state}, and {[self.status(key) for key in group.keys]} came"
            looks = {item.look.split()[0] for item in group.items if isinstance(item, Line)}
            if state not in COLOURED.values() and looks & set(COLOURED.values()):
                yield f"a line that is {state} is drawn as {looks}"
            bars = any(isinstance(item, Bars) for item in group.items)
            if bars and state == "reached" and "missing" not in looks:
                yield f"bars on a line that is reached: {group.keys}"

    def _looks(self, group: Group) -> set[str]:
        """How a line may look: as what came along it where least came, at its one end or at its other."""
        wires = [wire for wire in self.sketch.wires if group.keys == (wire.edges or (wire.value,))]
        found = set()
        for other in {wire.also for wire in wires} or {()}:
            came = [{self.status(key) for key in keys} for keys in (group.keys, other) if keys]
            looks = [next((look for status, look in COLOURED.items() if status in one), "none") for one in came]
            found.add(max(looks, key=(*COLOURED.values(), "none").index))
        return found

    def _stopped(self) -> Iterator[str]:
        """A line into the box of a loss is coloured only if the pass began there, or came there."""
        by_keys: dict[tuple[object, ...], list[bool]] = {}
        for wire in self.sketch.wires:
            end = self.sketch.cells[wire.target]
            is_other = end.kind == "loss" and end.value != self.flow.output
            may = not is_other or self.flow.at(end.value or 0).arrived
            by_keys.setdefault(wire.edges or (wire.value,), []).append(may)
        for keys, may in by_keys.items():
            coloured = [marks for line, marks in self.lines if line.keys == keys and _state(marks) in COLOURED.values()]
            if len(coloured) > sum(may):
                yield f"a line into the box of another loss is coloured: {keys}"

    def names(self, group: Group) -> list[str]:
        return [self.graph.values[key].name or "" for key in group.keys if isinstance(key, int)]

    def _squares(self) -> Iterator[str]:
        """Every parameter on a way to the loss is in exactly one square, in the state that its reason asks for."""
        total = Counter(name for group, _ in self.squares for name in self.names(group))
        for name, one in self.found.items():
            if total[name] != 1 and not (total[name] == 0 and SQUARES[one.reason] in ("quiet", "frozen")):
                yield f"{name} ({one.reason.name}) is in {total[name]} squares"
        for group, marks in self.squares:
            for name, mark in zip(self.names(group), marks, strict=True):
                if name not in self.found:
                    continue
                state = SQUARES[self.found[name].reason]
                if state == "reached" and self.held is not None and name not in self.held:
                    state = "unheld"
                if _state([mark]) != state:
                    yield f"{name} is {state}, and its square is drawn as {_state([mark])}"
                if mark["data-reason"] != self.found[name].reason.name:
                    yield f"{name} is told to be {mark['data-reason']}"

    def standing(self) -> list[tuple[str, list[str]]]:
        """The state of every square, and those of the lines that begin or end there."""
        return [(_state(marks), self._beside(group)) for group, marks in self.squares]

    def _beside(self, square: Group) -> list[str]:
        return [_state(marks) for line, marks in self.lines if _touches(line, square)]

    def _hung(self) -> Iterator[str]:
        """A square stands on lines of which the strongest is as strong as the strongest of all its uses."""
        for group, marks in self.squares:
            states = self._beside(group)
            drawn = min(states, key=STRONGEST.index, default="nothing")
            uses = {edge for key in group.keys for edge in self.graph.consumers.get(int(key), ())}
            came = {self.status(edge) for edge in uses}
            came |= {self.flow.at(key).status for key in group.keys if key == self.flow.output}
            strongest = next((look for status, look in COLOURED.items() if status in came), "none")
            if not states:
                yield f"the square of {self.names(group)} stands on no line"
            elif (drawn if drawn in COLOURED.values() else "none") != strongest:
                yield f"{self.names(group)} got {came}, and stands on lines that are {states}"
            if _state(marks) in ("reached", "unheld") and "reached" not in states:
                yield f"{self.names(group)} is reached, and its lines are {states}"

    def _causes(self) -> Iterator[str]:
        """Where something was cut off there are bars, and where None was sent there is a disc."""
        items = [item for line, _ in self.lines for item in line.items]
        has_bars = any(isinstance(item, Bars) for item in items) or any(c.kind == "exit" for c in self.sketch.cells)
        has_disc = any(isinstance(item, Disc) and item.mark == "undefined" for item in items)
        for name, one in self.found.items():
            if one.reason in CUTS and not has_bars:
                yield f"{name} is cut off ({one.reason.name}), and there are no bars"
            if one.reason is Reason.UNDEFINED and not has_disc:
                yield f"{name} was sent None, and there is no disc"
        if has_disc and not any(arrival.status == "undefined" for _, arrival in self.flow.arrivals):
            yield "a disc, and nothing was sent None"


def _state(marks: list[dict[str, str]]) -> str:
    return marks[0]["class"].split()[1]


def _touches(line: Group, square: Group) -> bool:
    """Whether a line begins or ends at a square."""
    rect = next(item.rect for item in square.items if isinstance(item, Square))
    ends = (*line.band[:1], *line.band[-1:])
    return any(rect.x - 2 <= x <= rect.right + 2 and rect.y - 2 <= y <= rect.bottom + 2 for x, y in ends)
