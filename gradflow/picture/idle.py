"""Parameters that no op ever used: squares without a stem, in the module that owns them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from gradflow.modules import parents
from gradflow.notation import printable
from gradflow.picture.labels import below
from gradflow.picture.marks import Marks
from gradflow.picture.sketch import Box, Cell

_MOST = 4


class Idle(NamedTuple):
    """Where the parameters stand that were never used.

    Attributes:
        boxes: of the picture, with those that are their own.
        cells: for those of modules without a box, and for those without a module.
        squares: those of closed modules, by mark.
    """

    boxes: tuple[Box, ...]
    cells: tuple[Cell, ...]
    squares: dict[int, list[int]]


def never_used(marks: Marks, ends: Collection[int]) -> Idle:
    """A place for every parameter that no op used.

    Args:
        marks: what is drawn.
        ends: ids of the values at which lines end in a box.
    """
    holders = _holders(marks)
    squares: dict[int, list[int]] = {}
    held: dict[int | None, list[int]] = {}
    for value in _unused(marks, ends):
        name = marks.graph.values[value].name or ""
        kind, at = next((holders[path] for path in parents(name)[::-1] if path in holders), ("box", None))
        if kind == "mark" and at is not None:
            squares.setdefault(at, []).append(value)
        else:
            held.setdefault(at, []).append(value)
    boxes, cells = list(marks.boxes), list[Cell]()
    for box, values in held.items():
        names = {value: below(marks.graph.values[value].name or "", *marks.around(box)) for value in values}
        own = tuple((printable(name), value) for value, name in names.items() if "." not in name)
        if box is None:
            cells += _outside(own)
        else:
            boxes[box] = boxes[box]._replace(idle=own)
        cells += _modules(marks, box, {value: name for value, name in names.items() if "." in name})
    return Idle(tuple(boxes), tuple(cells), squares)


def _unused(marks: Marks, ends: Collection[int]) -> list[int]:
    values = marks.graph.values
    used = {values[value].name for value in (*marks.given, *(edge.value for edge in marks.chained), *ends)}
    return [marks.graph.names[name] for name in marks.graph.parameter_names() if name not in used]


def _holders(marks: Marks) -> dict[str, tuple[str, int | None]]:
    """What stands for the first call of each module: a box, or the mark of a closed branch around it."""
    holders: dict[str, tuple[str, int | None]] = {}
    for box in marks.boxes:
        holders.setdefault(box.path, ("box", box.id))
    for at, mark in enumerate(marks.marks):
        for branch in (mark.branch, *mark.branch.branches()) if mark.branch else ():
            holders.setdefault(branch.path, ("mark", at))
    return holders


def _outside(own: Sequence[tuple[str, int]]) -> list[Cell]:
    """Cells for parameters of no module; many of them are one closed box."""
    if len(own) <= _MOST:
        return [Cell(0, "parameter", label, value=value, weight=0.0) for label, value in own]
    return [_module("parameters", [value for _, value in own], None, "")]


def _modules(marks: Marks, box: int | None, names: dict[int, str]) -> list[Cell]:
    """A closed box for each module that never ran."""
    groups: dict[str, list[int]] = {}
    for value, name in names.items():
        groups.setdefault(name.partition(".")[0], []).append(value)
    cells = []
    for module, values in groups.items():
        whole = marks.graph.values[values[0]].name or ""
        path = whole[: len(whole) - len(names[values[0]]) + len(module)]
        cells.append(_module(printable(module), values, box, path))
    return cells


def _module(label: str, values: Sequence[int], box: int | None, path: str) -> Cell:
    return Cell(0, "module", label, box=box, squares=tuple(sorted(values)), tally="never used", weight=0.0, path=path)
