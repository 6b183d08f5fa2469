"""Plain pictures with the classes and attributes that every picture of gradflow has, for tests of the page around them.

One row of ops (one column where it is narrow), a line for every use, a square for every parameter: nothing of
the layout is needed to make them, so that a test of the page fails for the page's own faults only.
"""

from __future__ import annotations

from html import escape

from gradflow.flow import Arrival, Flow
from gradflow.graph import Edge
from gradflow.notation import printable
from gradflow.picture.element import fragment
from gradflow.picture.payload import payload
from gradflow.picture.steps import steps
from gradflow.picture.theme import short_style
from gradflow.picture.wording import key
from gradflow.roster import explanations

WIDE, NARROW = 720, 420
CLASSES = {"paper", "pill", "line", "head", "band", "box", "loss", "op", "leaf", "reached", "zero", "missing", "none"}
STATES = {"nonzero": "reached", "zero": "zero", "undefined": "missing", "none": "missing"}

At = tuple[float, float]


def html(flow: Flow, *, stepped: bool = False, theme: str = "auto") -> str:
    """The fragment of a flow."""
    found = explanations(flow)
    return fragment(
        label="A backward pass.",
        pictures=[(width, svg(flow, width, theme)) for width in (WIDE, NARROW)],
        table=[("parameter", "reason"), *((name, one.reason.name) for name, one in found.items())],
        data={**payload(flow.graph, {"loss": flow}, found), "net": None},  # cards and steps, nothing to play
        steps=steps(flow) if stepped else (),
        mode="step" if stepped else "",
        theme=theme,
    )


def svg(flow: Flow, width: int, theme: str = "auto") -> str:
    """The picture of a flow."""
    graph, narrow = flow.graph, width == NARROW
    pitch = 70 if narrow else (width - 110) / len(graph.ops)
    rows = max((len(op.inputs) for op in graph.ops), default=0)
    height = 40 + 70 * (len(graph.ops) + 1) if narrow else 80 + 56 * rows
    spine = [(60, 40 + pitch * i) if narrow else (60 + pitch * i, 40) for i in range(len(graph.ops) + 1)]
    lines, marks = [], []
    for op in graph.ops:
        for position, value in enumerate(op.inputs):
            edge = Edge(value, op.id, position)
            maker = graph.producers.get(value)
            start = spine[maker] if maker is not None else _beside(spine[op.id], position, len(op.inputs), narrow)
            lines.append(_wire(start, spine[op.id], key(edge), flow.at(edge)))
            if maker is None:
                marks.append(_leaf(flow, value, start))
        marks.append(_pill(spine[op.id], op.target))
    output, end = flow.output, spine[-1]
    lines.append(_wire(spine[graph.producers[output]], end, key(output), flow.at(output)))
    marks.append(f'<rect class="loss" x="{end[0] - 20:g}" y="{end[1] - 12:g}" width="40" height="24"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="A pass." width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="Arial, sans-serif">'
        f'<style>{short_style(theme, CLASSES)}</style><rect class="paper" width="{width}" height="{height}"/>'
        f"{''.join(lines)}{''.join(marks)}</svg>"
    )


def _beside(at: At, position: int, among: int, narrow: bool) -> At:
    x, y = at
    return (x + 90 + 90 * position, y) if narrow else (x + 28 * (position - (among - 1) / 2), y + 60)


def _wire(start: At, end: At, named: str, arrival: Arrival) -> str:
    state = STATES[arrival.status]
    way = f"M{start[0]:g} {start[1]:g}V{end[1]:g}H{end[0]:g}"
    head = f'<path class="head {state}" d="M{start[0]:g} {start[1]:g}l9 -5v10z"/>' if arrival.arrived else ""
    return (
        f'<g class="wire {state}" data-key="{named}" data-status="{arrival.status}"><path class="band" d="{way}"/>'
        f'<path class="line {state}" d="{way}"/>{head}</g>'
    )


def _leaf(flow: Flow, value: int, at: At) -> str:
    name = escape(printable(flow.graph.values[value].name or ""))
    arrival = flow.at(value)
    state = "none" if arrival.status == "none" else STATES[arrival.status]
    square = f'<rect class="box" x="{at[0] - 9:g}" y="{at[1] - 9:g}" width="18" height="18"/>'
    if flow.graph.values[value].kind == "parameter":
        square = f'<g class="parameter {state}" data-key="{value}">{square}</g>'
    return f'{square}<text class="leaf" x="{at[0] - 8:g}" y="{at[1] + 24:g}">{name}</text>'


def _pill(at: At, target: str) -> str:
    x, y = at
    return (
        f'<rect class="pill" x="{x - 22:g}" y="{y - 12:g}" width="44" height="24" rx="12"/>'
        f'<text class="op" x="{x:g}" y="{y + 4:g}" text-anchor="middle">{escape(printable(target))[:7]}</text>'
    )
