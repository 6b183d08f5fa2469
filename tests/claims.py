"""What a picture claims, read back from its SVG and its marks, and compared with what the flow and `explain` say.

It knows the words of the drawing (classes and data attributes), and nothing of how a picture is made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree

from gradflow.explain import explain_all
from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.picture.pictures import Picture
from gradflow.picture.shapes import Bars, Group, Line, Text
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
