"""What is said once for several: brackets over equal blocks, and discs beside the ops that notes speak of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from gradflow.graph import Edge
from gradflow.picture.marks import Marks
from gradflow.picture.opening import Branch, equal_runs
from gradflow.picture.sketch import Cell, Note, Run, Sketch

Status = Callable[[Edge], str]
_LEAST = 3


def find_runs(marks: Marks, ids: Sequence[int], cells: Sequence[Cell]) -> tuple[Run, ...]:
    """Neighbouring equal blocks in one box that have the same count.

    Args:
        marks: what is drawn.
        ids: of each mark the id of its cell.
        cells: in their order.
    """
    lists: dict[int | None, list[tuple[int, Branch | int]]] = {}
    for at, mark in enumerate(marks.marks):
        lists.setdefault(mark.box, []).append((ids[at], mark.branch or mark.ops[0]))
    runs: list[Run] = []
    for members in lists.values():
        for first, last in equal_runs([child for _, child in members], lambda child: False):
            for _, group in groupby((cells[cell] for cell, _ in members[first:last]), lambda cell: cell.tally):
                runs += _run(list(group))
    return tuple(sorted(runs, key=lambda run: run.cells))


def _run(group: Sequence[Cell]) -> list[Run]:
    """The run of some cells, with the causes that each of them has."""
    if len(group) < _LEAST:
        return []
    told = [{(note.mark, note.title, note.source) for note in cell.notes} for cell in group]
    shared = group[0].notes if all(one == told[0] for one in told) else ()
    causes = [f"{note.title}, {note.source}" if note.source else note.title for note in shared]
    detail = " · ".join([f"{group[0].tally} each", *causes])
    return [Run(tuple(cell.id for cell in group), f"{len(group)} blocks", detail, shared)]


def in_runs(cells: Sequence[Cell], runs: Sequence[Run]) -> tuple[Cell, ...]:
    """The cells, those of a run of one size and without the causes that the run tells."""
    changed = list(cells)
    for run in runs:
        most = max(len(cells[at].leaves) for at in run.cells)
        for at in run.cells:
            notes = () if run.notes else cells[at].notes
            changed[at] = cells[at]._replace(notes=notes, blank=most - len(cells[at].leaves))
    return tuple(changed)


def with_discs(drawn: Sketch, notes: Sequence[Note], status: Status | None) -> Sketch:
    """The sketch with discs on the lines into the ops that notes speak of."""
    marks = {note.op: note.mark for note in notes}

    def disc(edges: Sequence[Edge]) -> str:
        found = (marks[edge.op] for edge in edges if edge.op in marks and _is_meant(edge, marks[edge.op], status))
        return next(found, "")

    wires, cells = list(drawn.wires), list(drawn.cells)
    for at, wire in enumerate(wires):
        if cells[wire.target].kind == "op":
            wires[at] = wire._replace(disc=disc(wire.edges))
    for at, cell in enumerate(cells):
        if cell.kind == "op" and not marks.keys().isdisjoint(cell.ops):
            cells[at] = cell._replace(leaves=tuple(leaf._replace(disc=disc(leaf.edges)) for leaf in cell.leaves))
    return drawn._replace(cells=tuple(cells), wires=tuple(wires))


def _is_meant(edge: Edge, mark: str, status: Status | None) -> bool:
    """Whether what a note says happened on this use; not to be told apart for numbers that are not finite."""
    return status is None or mark == "nonfinite" or mark in status(edge).split()
