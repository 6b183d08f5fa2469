"""A graph, or what a backward pass did on it, as DOT: for Graphviz, and for whatever else reads its language.

Every op is a node ``o12``, every leaf a node ``v3``, the loss is ``loss``; a use of a value is an edge with the id
``e12_0``: op 12, position 0. A line that was reached points back. Nothing is left out and nothing is folded.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from functools import cached_property, reduce

import graphviz

from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.graph import Call, Edge, Graph, Op, Value
from gradflow.notation import crop, number, printable, type_name
from gradflow.picture.states import Parameter, Pass, at_rest, notes
from gradflow.picture.theme import PALETTES
from gradflow.picture.wording import called, size, state
from gradflow.reason import Reason
from gradflow.roster import Holders
from gradflow.stepdiff import StepDiff
from gradflow.targets import HOOK
from gradflow.verdict import verdict

_COLOURS = PALETTES["light"]
_LONGEST = 60
_ENTITY = re.compile(r"&(?=#?\w+;)")

Attributes = dict[str, str]

_EDGES: dict[str, Attributes] = {
    "reached": {"dir": "back", "color": _COLOURS["reached"], "penwidth": "2.4", "arrowtail": "normal"},
    "zero": {
        "dir": "back", "style": "dotted", "color": _COLOURS["zero"], "penwidth": "2.4", "arrowtail": "onormal",
    },
    "undefined": {
        "dir": "none", "style": "dashed", "color": _COLOURS["undefined"], "fontcolor": _COLOURS["undefined"],
        "penwidth": "1.6", "label": "∅",
    },
    "missing": {"style": "dashed", "color": _COLOURS["grey"], "penwidth": "1.4"},
    "quiet": {"color": _COLOURS["grey"], "penwidth": "1.2"},
}  # fmt: skip
_BEHIND_CUT = {"style": "dashed", "color": _COLOURS["cut"], "penwidth": "2"}
_SQUARES: dict[str, Attributes] = {
    "reached": {"fillcolor": _COLOURS["reached-pale"], "color": _COLOURS["reached"], "penwidth": "2"},
    "moved": {"fillcolor": _COLOURS["reached"], "color": _COLOURS["reached"], "fontcolor": _COLOURS["paper"]},
    "unheld": {"color": _COLOURS["reached"], "penwidth": "2"},
    "nonfinite": {"fillcolor": _COLOURS["reached-pale"], "color": _COLOURS["reached"], "penwidth": "2"},
    "zero": {"fillcolor": _COLOURS["zero-pale"], "color": _COLOURS["zero"], "style": "filled,dotted"},
    "undefined": {"color": _COLOURS["undefined"], "style": "filled,dashed"},
    "none": {"style": "filled,dashed"},
    "frozen": {"peripheries": "2"},
    "quiet": {},
    "trainable": {},
}
_MARKS = {
    "moved": "Δ", "unheld": "not in the optimizer", "nonfinite": "!", "zero": "0", "undefined": "∅", "none": "–",
    "frozen": "frozen", "quiet": "–",
}  # fmt: skip
_LEAVES: dict[str, Attributes] = {
    "parameter": {"shape": "box", "style": "filled"},
    "input": {"shape": "ellipse", "style": "filled"},
    "buffer": {"shape": "ellipse", "style": "filled", "peripheries": "2"},
    "constant": {"shape": "plaintext", "style": ""},
    "intermediate": {"shape": "plaintext", "style": ""},
}
_CUT = {"color": _COLOURS["cut"], "penwidth": "2", "peripheries": "2"}
_WITHOUT_GRADIENTS = {
    "color": _COLOURS["region-line"],
    "fillcolor": _COLOURS["region"],
    "style": "rounded,filled,dashed",
}


def dot(
    graph: Graph, flow: Flow | None = None, holders: Holders | None = None, step: StepDiff | None = None
) -> graphviz.Digraph:
    """The graph in the language of Graphviz, coloured by what a backward pass did.

    Args:
        graph: what was computed.
        flow: what one backward pass did on it, or None.
        holders: which optimizers hold each parameter, or None.
        step: what a step moved, or None.

    >>> from gradflow.graph import Graph, Op, Value
    >>> w = Value(0, "w", "parameter", (), "float32", True)
    >>> y = Value(1, None, "intermediate", (), "float32", True)
    >>> print(dot(Graph((w, y), (Op(0, "exp", (0,), (1,)),))).source.splitlines()[-2].strip())
    v0 -> o0 [color="#949494" id=e0_0 penwidth=1.2 tooltip="w: f32[]"]
    """
    return _Writer(graph, None if flow is None else Pass(flow, holders=holders, step=step)).written()


def render(source: str, form: str = "svg") -> bytes:
    """A picture of the DOT, drawn by Graphviz.

    Raises:
        GradflowError: Graphviz is not installed, or refuses the source or the form.
    """
    try:
        drawn: bytes = graphviz.Source(source).pipe(format=form)
    except graphviz.ExecutableNotFound:
        raise GradflowError(
            "the program dot, which draws DOT, is not there; install Graphviz (apt install graphviz, brew install "
            "graphviz, or graphviz.org). The pictures of gradflow itself, .svg .png .pdf .html, do not need it."
        ) from None
    except graphviz.CalledProcessError as error:
        said = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else str(error.stderr)
        raise GradflowError(f"Graphviz cannot draw this as {form}: {said.strip()}") from None
    except ValueError as error:
        raise GradflowError(f"Graphviz does not write {form!r}: {error}") from None
    return drawn


class _Writer:
    """One graph on its way into DOT."""

    def __init__(self, graph: Graph, observed: Pass | None) -> None:
        self.graph = graph
        self.observed = observed

    def written(self) -> graphviz.Digraph:
        whole = graphviz.Digraph("gradflow")
        look = {"fontname": "Arial,Helvetica,sans-serif", "fontsize": "12"}
        whole.attr("graph", rankdir="LR", ranksep="0.35", nodesep="0.2", **{**look, **self._conclusion()})
        plain = {"fillcolor": _COLOURS["paper"], "color": _COLOURS["shape"], "fontcolor": _COLOURS["ink"]}
        whole.attr("node", shape="box", style="rounded,filled", height="0.3", margin="0.1,0.04", **look, **plain)
        whole.attr("edge", arrowhead="vee", arrowsize="0.6", **look)
        self._fill(whole, None)
        if self.observed is not None:
            self._add_loss(whole, self.observed.flow.output)
        for edge in self.graph.edges():
            if not self._is_hook(edge.op):
                self._add_edge(whole, edge)
        return whole

    def _conclusion(self) -> Attributes:
        """What the flow comes to, below the picture."""
        if self.observed is None:
            return {}
        one = self.observed
        said = verdict(one.flow, one.explanations, one.holders, one.step)
        return {
            "label": _text(*textwrap.wrap(said, 90), most=90, end="\\l"),
            "labelloc": "b",
            "labeljust": "l",
            "fontsize": "15",
        }

    def _fill(self, around: graphviz.Digraph, call: int | None) -> None:
        """Everything that belongs to one call, and the calls inside it as clusters."""
        for inner in self._calls.get(call, ()):
            kind = f" · {inner.type}" if inner.type else ""
            with around.subgraph(name=f"cluster_c{inner.id}") as cluster:
                cluster.attr(
                    label=_text(f"{inner.module or inner.type}{kind if inner.module else ''}"),
                    tooltip=_text(inner.module), style="filled,rounded", labelloc="t", labeljust="l",
                    fontsize="12", fillcolor=_COLOURS["module"], color=_COLOURS["module-line"],
                )  # fmt: skip
                self._fill(cluster, inner.id)
        for op in self._ops.get(call, ()):
            self._add_op(around, op)
        for value in self._leaves.get(call, ()):
            self._add_leaf(around, value, "" if call is None else self.graph.calls[call].module)

    def _add_op(self, around: graphviz.Digraph, op: Op) -> None:
        what = self._causes.get(op.id, "")
        lines = [op.target, *([what] if what and what != op.target else []), *([op.source] if what else [])]
        looks: Attributes = _WITHOUT_GRADIENTS if op.grad_mode != "grad" or not op.grad_enabled else {}
        if op.id in self._cuts:
            looks = looks | _CUT
        words = " ".join(filter(None, (op.source, op.code))) or op.target
        around.node(f"o{op.id}", _text(*lines), tooltip=_text(words, most=200), **looks)

    def _add_leaf(self, around: graphviz.Digraph, value: Value, module: str) -> None:
        looks, lines, words = dict(_LEAVES[value.kind]), [self._leaf_name(value, module)], called(self.graph, value.id)
        words = f"{words}: {type_name(value.dtype, value.shape)}"
        if value.kind == "parameter" and value.name:
            how = self._parameter(value.name)
            looks |= _SQUARES[how.state]
            lines += filter(None, [_MARKS.get(how.state, ""), "Δ" if how.drift else ""])
            if self.observed is not None:
                words = f"{words}. {self.observed.explanations[how.name].sentence}"
        around.node(f"v{value.id}", _text(*lines), tooltip=_text(words, most=1000), **looks)

    def _leaf_name(self, value: Value, module: str) -> str:
        if value.name is None:
            return type_name(value.dtype, value.shape) if value.scalar is None else number(value.scalar)
        inside = bool(module) and value.name.startswith(f"{module}.")
        return value.name[len(module) + 1 :] if inside else value.name

    def _parameter(self, name: str) -> Parameter:
        return at_rest(self.graph.value(name)) if self.observed is None else self.observed.parameter(name)

    def _add_loss(self, whole: graphviz.Digraph, output: int) -> None:
        assert self.observed is not None
        name = self.graph.values[output].name or "loss"
        ink, paper = _COLOURS["ink"], _COLOURS["paper"]
        whole.node("loss", _text(name), shape="box", style="filled", fillcolor=ink, color=ink, fontcolor=paper)
        looks = self._looks(self.observed.into_loss(output), self._source(output))
        whole.edge(self._source(output), "loss", id="e_loss", **looks)

    def _add_edge(self, whole: graphviz.Digraph, edge: Edge) -> None:
        value = self.graph.values[edge.value]
        words = f"{called(self.graph, edge.value)}: {type_name(value.dtype, value.shape)}"
        how = "quiet"
        if self.observed is not None:
            arrival, how = self.observed.flow.at(edge), self.observed.edge(edge)
            said = state(arrival) if how != "quiet" else "no gradient due"
            words = " · ".join(filter(None, (f"{words}. {said}", size(arrival, value.shape))))
        source = self._source(edge.value)
        looks = self._looks(how, source)
        whole.edge(source, f"o{edge.op}", id=f"e{edge.op}_{edge.position}", tooltip=_text(words, most=200), **looks)

    def _looks(self, how: str, source: str) -> Attributes:
        behind = how == "missing" and source[0] == "o" and int(source[1:]) in self._cuts
        return _BEHIND_CUT if behind else _EDGES[how]

    def _source(self, value: int) -> str:
        """The node that a value comes from."""
        return f"o{self.graph.producers[value]}" if value in self.graph.producers else f"v{value}"

    def _is_hook(self, op: int) -> bool:
        return self.graph.ops[op].target == HOOK

    @cached_property
    def _calls(self) -> Mapping[int | None, list[Call]]:
        calls: dict[int | None, list[Call]] = {}
        for call in self.graph.calls:
            calls.setdefault(call.parent, []).append(call)
        return calls

    @cached_property
    def _ops(self) -> Mapping[int | None, list[Op]]:
        ops: dict[int | None, list[Op]] = {}
        for op in self.graph.ops:
            if not self._is_hook(op.id):
                ops.setdefault(op.call, []).append(op)
        return ops

    @cached_property
    def _leaves(self) -> Mapping[int | None, list[Value]]:
        """What no op made, by the call that it is drawn in: parameters always, others where they are used."""
        leaves: dict[int | None, list[Value]] = {}
        shown = {edge.value for edge in self.graph.edges() if not self._is_hook(edge.op)}
        shown.update(value.id for value in self.graph.values if value.kind == "parameter")
        if self.observed is not None:
            shown.add(self.observed.flow.output)
        for value in self.graph.values:
            if value.id in shown and value.id not in self.graph.producers:
                leaves.setdefault(self._home(value), []).append(value)
        return leaves

    def _home(self, value: Value) -> int | None:
        """The innermost call around every use of a parameter, a buffer or a number."""
        uses = self.graph.consumers.get(value.id, ())
        of_a_module = value.kind in ("parameter", "buffer") or (value.kind == "constant" and value.scalar is not None)
        if not uses or not of_a_module:
            return None
        around = reduce(_common, (self._around(self.graph.ops[edge.op].call) for edge in uses))
        return around[-1] if around else None

    def _around(self, call: int | None) -> tuple[int, ...]:
        """The calls around an op, outermost first."""
        around: list[int] = []
        while call is not None:
            around.append(call)
            call = self.graph.calls[call].parent
        return tuple(reversed(around))

    @cached_property
    def _cuts(self) -> Mapping[int, str]:
        """What cuts the gradient at an op, by the op."""
        if self.observed is None:
            return {}
        kinds = {Reason.DETACHED, Reason.NO_GRAD, Reason.NOT_DIFFERENTIABLE, Reason.LEFT_PYTORCH}
        found = (cut for one in self.observed.explanations.values() for cut in one.cuts)
        return {cut.op: cut.target for cut in found if cut.kind in kinds}

    @cached_property
    def _causes(self) -> Mapping[int, str]:
        """What is written at an op: the name of a cut, or how a gradient became zero, NaN or None."""
        if self.observed is None:
            return {}
        told = notes(self.observed.flow, self.observed.explanations.values())
        return {note.op: note.title for note in told} | dict(self._cuts)


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    same = [a for a, b in zip(one, other, strict=False) if a == b]
    return tuple(same)


def _text(*lines: str, most: int = _LONGEST, end: str = "") -> str:
    r"""Lines as a label in which nothing means anything to Graphviz, centred or, with the end ``\l``, to the left.

    >>> print(_text("<b>a</b>", "c:\\new\n", "&lt;"))
    <b>a</b>\nc:\\new\\n\n&amp;lt;
    """
    escaped = [graphviz.escape(_ENTITY.sub("&amp;", crop(printable(line), most))) for line in lines]
    label: str = graphviz.nohtml("".join(line + end for line in escaped) if end else "\\n".join(escaped))
    return label
