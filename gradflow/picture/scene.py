"""A picture of a graph with what stands under it: the conclusion, and the legend if it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from gradflow.graph import Graph
from gradflow.picture.conclusion import NARROW, all_reached, conclusion, description, how_to_read, set_lines, title
from gradflow.picture.drawing import draw_graph
from gradflow.picture.legend import legend as explained
from gradflow.picture.matrix import matrix
from gradflow.picture.plan import Layout
from gradflow.picture.shapes import Group, Primitive, Scene, Text
from gradflow.picture.sketch import Sketch
from gradflow.picture.states import Pass
from gradflow.picture.view import View

MARGIN = 12.0
_LEAST_BESIDE = 220.0
_ABOVE_VERDICT = 24.0  # from the graph to the baseline of the first line


def compose(
    sketch: Sketch,
    layout: Layout,
    graph: Graph,
    passes: tuple[Pass, ...] = (),
    *,
    width: float | None = None,
    legend: bool = False,
) -> Scene:
    """A graph as a picture.

    Args:
        sketch: what is drawn.
        layout: where it stands.
        graph: what was computed.
        passes: the backward pass, or one for each loss; none for the graph alone.
        width: of the whole; None for that of the layout.
        legend: whether lines and squares are explained at the foot.
    """
    view = View(graph, passes)
    wide = max(layout.width, width or 0.0)
    items: list[Primitive | Group] = draw_graph(sketch, layout, view)
    below, y = _said(view, layout, wide, numbers=_roles(items))
    items += below
    if legend:
        rows, y = explained(items, MARGIN, y + 6, wide - 2 * MARGIN)
        items += rows
    return Scene(wide, y, title(view), description(view), tuple(items))


def _roles(items: Sequence[Primitive | Group]) -> set[str]:
    """What kinds of text stand at lines and squares."""
    groups = (item for item in items if isinstance(item, Group))
    return {one.role for group in groups for one in group.items if isinstance(one, Text)}


def _said(view: View, layout: Layout, wide: float, numbers: AbstractSet[str]) -> tuple[list[Primitive | Group], float]:
    """What stands under a graph: the conclusion, and of several losses the table; and where it ends."""
    if len(view.passes) > 1:
        return _table(view, layout.height + 12, wide)
    role, most = ("verdict-narrow", 3) if wide < NARROW else ("verdict", 2)
    told = conclusion(view)
    if "derivative" in numbers:
        told = [how_to_read(view, layout.direction, "factor" in numbers), *([] if all_reached(view) else told)][::-1]
    lines, y = set_lines(told, MARGIN, layout.height + _ABOVE_VERDICT, wide - 2 * MARGIN, role, most)
    return [*lines], y + 18


def _table(view: View, y: float, wide: float) -> tuple[list[Primitive | Group], float]:
    """The table, and the verdicts right of it if there is room, else below it."""
    room = wide - 2 * MARGIN
    table, taken, bottom = matrix(view, MARGIN, y, room)
    beside = room - taken - 2 * MARGIN
    if beside >= _LEAST_BESIDE:
        lines, end = set_lines(conclusion(view), wide - MARGIN - beside, y + 14, beside, "verdict-narrow", 4)
    else:
        lines, end = set_lines(conclusion(view), MARGIN, bottom + _ABOVE_VERDICT, room, "verdict-narrow", 4)
    return [*table, *lines], max(bottom, end) + 18
