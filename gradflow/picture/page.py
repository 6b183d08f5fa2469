"""What a page has beside the picture: the table, the data of the cards, and the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gradflow.graph import Graph
from gradflow.grid import Grid
from gradflow.notation import arrival, printable, type_name
from gradflow.picture.formulas import formulas
from gradflow.picture.payload import payload
from gradflow.picture.sketch import Sketch
from gradflow.picture.states import Pass
from gradflow.picture.steps import Step, steps
from gradflow.roster import explanations
from gradflow.verdict import causes_in_words, verdict

MOST_ROWS = 400
MOST_STEPPED = 100
"""A pass over so many ops can be walked through in every figure; a longer one where it is asked for."""


class Page(NamedTuple):
    """What stands beside a picture.

    Attributes:
        table: rows of the table, the first of which are the headings.
        data: what the cards need.
        steps: the backward pass, one value after the other; empty if it is not walked through.
    """

    table: tuple[tuple[str, ...], ...]
    data: dict[str, object]
    steps: tuple[Step, ...] = ()


def page(graph: Graph, over: tuple[Pass, ...], sketches: Sequence[Sketch], animated: bool) -> Page:
    """The page of a graph and of what some passes did on it."""
    flows = {one.label: one.flow for one in over}
    found = over[0].explanations if len(over) == 1 else {}
    told = steps(over[0].flow) if len(over) == 1 and (animated or len(graph.ops) <= MOST_STEPPED) else ()
    holders = over[0].holders if over else None
    data = payload(graph, flows, found, sketch=sketches[0], also=sketches[1:], holders=holders)
    numbers = formulas(over[0].flow, holders) if len(over) == 1 else None
    return Page(_table(graph, over), {**data, "formulas": numbers} if numbers else data, told)


def grid_page(grid: Grid) -> Page:
    """The page of a grid: one verdict for each place in it."""
    rows = [
        (printable(row), printable(column), verdict(flow, explanations(flow)), grid.caption(row, column))
        for (row, column), flow in grid.flows
    ]
    return Page(_without_empty([("row", "column", "verdict", "caption"), *rows]), {})


def _table(graph: Graph, over: tuple[Pass, ...]) -> tuple[tuple[str, ...], ...]:
    names = graph.parameter_names()
    rows = [("parameter", "type", *_headings(over))]
    for name in names[:MOST_ROWS]:
        value = graph.value(name)
        rows.append((printable(name), type_name(value.dtype, value.shape), *_found(over, name)))
    if len(names) > MOST_ROWS:
        rows.append((f"… and {len(names) - MOST_ROWS} more", "", *("" for _ in _headings(over))))
    return _without_empty(rows)


def _headings(over: tuple[Pass, ...]) -> list[str]:
    if len(over) == 1:
        return ["gradient", "reason", "because of"]
    return [printable(one.label) for one in over]


def _found(over: tuple[Pass, ...], name: str) -> list[str]:
    """What each pass did to a parameter."""
    if len(over) != 1:
        return [f"{arrival(one.flow.at(name))} {one.explanations[name].reason.name}" for one in over]
    found = over[0].explanations[name]
    return [arrival(over[0].flow.at(name)), found.reason.name, ", ".join(causes_in_words(found.cuts))]


def _without_empty(rows: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """The rows without the columns that are empty but for their heading."""
    kept = [column for column in range(len(rows[0])) if any(row[column] for row in rows[1:])]
    return tuple(tuple(row[column] for column in kept) for row in rows) if kept else ()
