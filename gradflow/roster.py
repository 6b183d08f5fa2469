"""The parameters of a graph, one line for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from gradflow.explain import explain_all
from gradflow.flow import Flow
from gradflow.fold import MUST, Branch, visible
from gradflow.graph import Graph
from gradflow.modules import parents
from gradflow.notation import (
    WIDTH,
    arrival,
    count,
    crop,
    listed,
    number,
    percent,
    printable,
    span,
    table,
    type_name,
    width,
)
from gradflow.reason import Explanation, Reason
from gradflow.stepdiff import StepDiff
from gradflow.verdict import causes_in_words

MOST_PARAMETERS = 40
MOST_NAME = 60

Holders = Mapping[str, tuple[str, ...]]
NameTree = Branch[str, str]
Column = tuple[str, Callable[[Sequence[str]], str]]


def explanations(flow: Flow, holders: Holders | None = None, step: StepDiff | None = None) -> dict[str, Explanation]:
    """Why each parameter did or did not receive a gradient, in the order of the trace.

    What the snapshots of a step did not hold is explained without the step.
    """
    held = None if holders is None else frozenset(holders)
    names = flow.graph.parameter_names()
    compared = [name for name in names if step is not None and name in step]
    found = explain_all(flow, compared, optimizer=held, step=step)
    found |= explain_all(flow, [name for name in names if name not in found], optimizer=held)
    return {name: found[name] for name in names}


def flow_roster(
    flow: Flow,
    found: Mapping[str, Explanation],
    holders: Holders | None = None,
    step: StepDiff | None = None,
    opened: Iterable[str] = (),
    most: int = MOST_PARAMETERS,
) -> list[str]:
    """The parameters with what they received and why, as lines; modules are one line where there are many.

    Args:
        flow: what one backward pass did.
        found: the explanation of each parameter.
        holders: which optimizers hold each parameter; None if none was given.
        step: what moved; None if none was given.
        opened: paths of modules whose parameters are each a line in any case.
        most: about how many lines there is room for.
    """
    names = list(found)
    groups = {name: (found[name].reason, tuple(causes_in_words(found[name].cuts))) for name in names}
    columns = [
        _type_column(flow.graph),
        ("gradient", lambda members: _gradients(flow, members)),
        ("support", lambda members: span((flow.at(name).support for name in members), percent)),
        *_optimizer_columns(holders, step),
        ("reason", lambda members: _tally([found[name].reason.name for name in members])),
        ("why", lambda members: _why(flow.graph, [found[name] for name in members])),
    ]
    return _lines(flow.graph, names, columns, groups, opened, most)


def graph_roster(
    graph: Graph,
    holders: Holders | None = None,
    step: StepDiff | None = None,
    opened: Iterable[str] = (),
    most: int = MOST_PARAMETERS,
) -> list[str]:
    """The parameters of a graph as lines, with what can be said without a loss."""
    names = graph.parameter_names()
    notes = {name: _note(graph, name) for name in names}
    columns = [
        _type_column(graph),
        *_optimizer_columns(holders, step),
        ("note", lambda members: _tally([notes[name] for name in members if notes[name]])),
    ]
    return _lines(graph, names, columns, notes, opened, most)


def _lines(
    graph: Graph,
    names: Sequence[str],
    columns: Sequence[Column],
    groups: Mapping[str, object],
    opened: Iterable[str],
    most: int,
) -> list[str]:
    if not names:
        return []
    rows = []
    for _, item in visible(_tree(names, groups, set(opened)), most):
        members = item.leaves() if isinstance(item, Branch) else [item]
        label = printable(item.key if isinstance(item, Branch) else item)
        rows.append((crop(label, MOST_NAME), *(write(members) for _, write in columns)))
    titles = ("parameter", *(title for title, _ in columns))
    used = [any(cells) for cells in zip(*rows, strict=True)]
    lines = table([tuple(title if use else "" for title, use in zip(titles, used, strict=True)), *rows])
    return [line if width(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in lines]


def _tree(names: Sequence[str], groups: Mapping[str, object], opened: set[str]) -> NameTree:
    root = NameTree("")
    for name in names:
        place = root
        for path in parents(name):
            last = place.children[-1] if place.children else None
            if not isinstance(last, Branch) or last.key != path:
                last = NameTree(path)
                place.children.append(last)
            place = last
        place.children.append(name)
    _rank(root, groups, opened)
    return root


def _rank(branch: NameTree, groups: Mapping[str, object], opened: set[str]) -> None:
    """Give each branch its rank, and put a name that is alone in its branch in the place of the branch."""
    for index, child in enumerate(branch.children):
        if isinstance(child, Branch):
            _rank(child, groups, opened)
            branch.rank = max(branch.rank, child.rank)
            if len(child.children) == 1 and not isinstance(child.children[0], Branch):
                branch.children[index] = child.children[0]
    if branch.key in opened:
        branch.rank = MUST
    elif len({groups[name] for name in branch.leaves()}) > 1:
        branch.rank = max(branch.rank, 1)


def _type_column(graph: Graph) -> Column:
    def write(members: Sequence[str]) -> str:
        if len(members) > 1:
            return count(len(members), "parameter")
        value = graph.value(members[0])
        is_number = "" if value.scalar is None else f" = {number(value.scalar)}"
        return type_name(value.dtype, value.shape) + is_number

    return "type", write


def _optimizer_columns(holders: Holders | None, step: StepDiff | None) -> list[Column]:
    columns: list[Column] = []
    if holders is not None:
        columns.append(("optimizer", lambda members: _tally([_labels(holders, name) for name in members])))
    if step is not None:
        columns.append(("moved by", lambda members: span(_moved(step, name) for name in members)))
    return columns


def _moved(step: StepDiff, name: str) -> float | None:
    return step.at(name).largest if name in step.moved else None


def _labels(holders: Holders, name: str) -> str:
    return printable(", ".join(holders[name])) if name in holders else "-"


def _gradients(flow: Flow, members: Sequence[str]) -> str:
    arrivals = [flow.at(name) for name in members]
    if len(arrivals) == 1 or not any(one.arrived for one in arrivals):
        return _tally([arrival(one) for one in arrivals])
    return span(one.norm for one in arrivals)


def _tally(labels: Sequence[str]) -> str:
    """One label if all are the same, otherwise each with its count."""
    counts = Counter(labels)
    if len(counts) == 1:
        return labels[0]
    return ", ".join(f"{total} {label}" for label, total in counts.items())


def _why(graph: Graph, found: Sequence[Explanation]) -> str:
    said = dict.fromkeys(filter(None, map(_cause, found)))
    also = _further_names(graph, found[0].name) if len(found) == 1 else ""
    return "; ".join(filter(None, (listed(list(said), most=3), also)))


def _cause(found: Explanation) -> str:
    if found.reason is Reason.RECEIVED:
        return ""
    return "; ".join(causes_in_words(found.cuts)) or found.reason.value


def _further_names(graph: Graph, name: str) -> str:
    value = graph.names[name]
    names = [printable(alias) for alias, shared in graph.aliases if shared == value]
    return f"also {listed(names, most=2)}" if names else ""


def _note(graph: Graph, name: str) -> str:
    notes = [] if graph.value(name).requires_grad else ["frozen"]
    if not any(version in graph.consumers for version in graph.versions(graph.value(name).id)):
        notes.append("unused")
    return ", ".join(filter(None, (*notes, _further_names(graph, name))))
