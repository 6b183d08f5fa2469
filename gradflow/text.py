"""A graph, a flow, a comparison or a grid as aligned lines of text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from gradflow.compare import Comparison
from gradflow.flow import Flow
from gradflow.graph import Graph
from gradflow.grid import Grid
from gradflow.listing import listing, typed
from gradflow.notation import WIDTH, count, crop, printable, table
from gradflow.reason import Explanation, Reason
from gradflow.roster import Holders, explanations, flow_roster, graph_roster
from gradflow.stepdiff import StepDiff
from gradflow.targets import HOOK
from gradflow.verdict import causes_in_words, verdict

CUT = "-//-"
_MARKS = {Reason.ZERO: "makes 0", Reason.NONFINITE: "makes NaN", Reason.UNDEFINED: "sends None"}

LEGEND = """\
gradient back: the 2-norm of what came back to each input of the operation, in their order, or the
    number itself where it is a single one; 0: every entry is exactly 0; undefined: the backward
    node sent None; -: nothing was sent.
-//-: the operation cuts a path from a parameter to the loss.
module: a dot is the module of the title above it; .weight is the weight of the module in that line.
support: the share of entries that are not zero."""


def graph_text(
    graph: Graph, *, holders: Holders | None = None, step: StepDiff | None = None, opened: Iterable[str] = ()
) -> str:
    """A graph: its ops in the order of execution, then its parameters.

    An op is marked as a cut where something that requires grad goes in and nothing that does comes out.
    """
    counts = [(len(graph.ops), "op"), (len(graph.parameter_names()), "parameter")]
    head = ", ".join(count(number, noun) for number, noun in counts)
    return _joined(
        [head],
        _leaves(graph),
        listing(graph, None, _local_cuts(graph), None, opened),
        graph_roster(graph, holders, step, opened),
    )


def flow_text(
    flow: Flow, *, holders: Holders | None = None, step: StepDiff | None = None, opened: Iterable[str] = ()
) -> str:
    """A flow: its verdict, the ops with what came back along each edge, and what each parameter got.

    Args:
        flow: what one backward pass did.
        holders: which optimizers hold each parameter.
        step: what an optimizer step moved.
        opened: paths of modules to show in full.
    """
    found = explanations(flow, holders, step)
    reached = {name: one.reason is Reason.RECEIVED for name, one in found.items()}
    return _joined(
        _verdict(flow, found, holders, step),
        _quoted(found.values()),
        _leaves(flow.graph),
        listing(flow.graph, flow, _marks(flow, found.values()), reached, opened),
        flow_roster(flow, found, holders, step, opened),
    )


def comparison_text(comparison: Comparison, *, holders: Holders | None = None, step: StepDiff | None = None) -> str:
    """A comparison: the verdict of each loss, and what each of them sent to each parameter."""
    verdicts = []
    for label, flow in comparison.flows:
        sentence = " ".join(_verdict(flow, explanations(flow, holders, step), holders, step))
        verdicts += _wrapped(f"{printable(label)}: {sentence}")
    return _joined(verdicts, [str(comparison)])


def grid_text(grid: Grid) -> str:
    """A grid: the verdict, and the caption if there is one, of each flow under the name of its row."""
    lines = []
    for row in grid.rows:
        lines += ["", printable(row)] if row else [""]
        for column in grid.columns:
            flow = grid.at(row, column)
            if flow is not None:
                caption = grid.caption(row, column)
                sentence = verdict(flow, explanations(flow)) + (f" {printable(caption)}" if caption else "")
                lines += _wrapped(f"{printable(column)}: {sentence}", "    " if row else "")
    return "\n".join(lines[1:])


def explanation_table(flow: Flow, *, holders: Holders | None = None, step: StepDiff | None = None) -> str:
    """Every parameter in a line with its verdict, then each explanation with the names it holds for."""
    found = explanations(flow, holders, step)
    rows = flow_roster(flow, found, holders, step, most=len(found))
    return _joined(_verdict(flow, found, holders, step), rows, _sentences(found, holders, step))


def _joined(*parts: Sequence[str]) -> str:
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _verdict(flow: Flow, found: Mapping[str, Explanation], holders: Holders | None, step: StepDiff | None) -> list[str]:
    return _wrapped(verdict(flow, found, holders, step))


def _quoted(found: Iterable[Explanation], most: int = 6) -> list[str]:
    """The lines of code that the verdict names."""
    cuts = [cut for one in found for cut in one.cuts if cut.code]
    lines = dict.fromkeys((f"  {printable(cut.source)}", printable(cut.code)) for cut in cuts)
    more = [(f"  … {len(lines) - most} more lines", "")] if len(lines) > most else []
    return [crop(line, WIDTH) for line in table([*list(lines)[:most], *more])] if lines else []


def _leaves(graph: Graph) -> list[str]:
    """What goes in besides the parameters."""
    lines = []
    for kind in ("input", "buffer", "constant"):
        given = [value for value in graph.values if value.kind == kind and value.id not in graph.producers]
        typed_values = [typed(value) for value in given]
        if len(typed_values) > 8:
            typed_values[7:] = [f"… {len(typed_values) - 7} more"]
        if typed_values:
            lines += _wrapped(f"{kind}s: {', '.join(typed_values)}")
    return lines


def _marks(flow: Flow, found: Iterable[Explanation]) -> dict[int, str]:
    """Marks for the ops that the explanations name, and for every other cut on the way to the output."""
    _, ways = flow.graph.ancestors([flow.output])
    marks = {op: mark for op, mark in _local_cuts(flow.graph).items() if op in ways}
    return marks | {cut.op: _MARKS.get(cut.kind, CUT) for one in found for cut in one.cuts}


def _local_cuts(graph: Graph) -> dict[int, str]:
    """Marks for the ops into which something goes that requires grad, and out of which nothing comes that does."""
    values = graph.values
    return {
        op.id: CUT
        for op in graph.ops
        if op.target != HOOK
        and any(values[value].requires_grad for value in op.inputs)
        and not any(values[value].requires_grad for value in op.outputs)
    }


def _sentences(found: Mapping[str, Explanation], holders: Holders | None, step: StepDiff | None) -> list[str]:
    """The explanations that say more than the table, each once, under the names that share it."""
    groups: dict[tuple[object, ...], list[str]] = {}
    moved = set(step.moved) if step else set()
    for name, one in found.items():
        held = holders is None or name in holders
        if one.reason is not Reason.RECEIVED or not held or (step and name not in moved):
            key = (one.reason, tuple(causes_in_words(one.cuts)), held, name in moved)
            groups.setdefault(key, []).append(name)
    lines: list[str] = []
    for members in groups.values():
        lines += ["", *_wrapped(", ".join(map(printable, members)) + ":"), *_wrapped(str(found[members[0]]), "    ")]
    return lines[1:]
