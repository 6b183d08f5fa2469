"""A picture of a graph with what stands under it: the conclusion, and the legend if it is asked for."""

from __future__ import annotations

from gradflow.graph import Graph
from gradflow.picture.conclusion import NARROW, conclusion, description, set_lines, title
from gradflow.picture.legend import legend as explained
from gradflow.picture.drawing import draw_graph
from gradflow.picture.plan import Layout
from gradflow.picture.shapes import Group, Primitive, Scene
from gradflow.picture.sketch import Sketch
from gradflow.picture.states import Pass
from gradflow.picture.view import View

MARGIN = 12.0
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
    is_narrow = wide < NARROW
    role, most = ("verdict-narrow", 3) if is_narrow else ("verdict", 2)
    room = wide - 2 * MARGIN
    lines, y = set_lines(conclusion(view), MARGIN, layout.height + _ABOVE_VERDICT, room, role, most)
    items += lines
    y += 18
    if legend:
        rows, y = explained(items, MARGIN, y + 6, room)
        items += rows
    return Scene(wide, y, title(view), description(view), tuple(items))
