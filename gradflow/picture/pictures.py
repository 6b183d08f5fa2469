"""The whole way from a graph and what is known of it to a picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache, partial
from typing import NamedTuple

from gradflow.compare import Comparison, of_one_trace
from gradflow.flow import Flow
from gradflow.graph import Edge, Graph
from gradflow.grid import Grid
from gradflow.picture.fit import arrange
from gradflow.picture.mini import mini
from gradflow.picture.multiples import Panel, compose_grid
from gradflow.picture.numbers import numbers
from gradflow.picture.plan import Layout
from gradflow.picture.reduce import Drafts
from gradflow.picture.scene import compose
from gradflow.picture.shapes import Scene
from gradflow.picture.sketch import Note, Sketch
from gradflow.picture.small import lay_small
from gradflow.picture.states import Pass, strongest, tally
from gradflow.picture.variants import Variant, variants
from gradflow.picture.view import View
from gradflow.roster import Holders
from gradflow.stepdiff import StepDiff
from gradflow.verdict import Span

Subject = Graph | Flow | Comparison
_MANY = 3


class Wish(NamedTuple):
    """How a reader wants a picture.

    Attributes:
        opened: paths of modules to show in full.
        legend: whether lines and squares are explained.
        direction: ``LR``, ``TB``, or None to choose by the width.
        losses: value id and label of all losses that are shown, also of those at which no pass started.
        closed: paths of modules that stay closed, but for those that are ``opened``, and those around them.
    """

    opened: Collection[str] = ()
    legend: bool = False
    direction: str | None = None
    losses: tuple[tuple[int, str], ...] = ()
    closed: Collection[str] = ()


class Picture(NamedTuple):
    """A scene with the sketches and layouts it was made from: one, or one for each small picture."""

    scene: Scene
    sketches: tuple[Sketch, ...]
    layouts: tuple[Layout, ...]


def passes(subject: Subject, holders: Holders | None = None, step: StepDiff | None = None) -> tuple[Pass, ...]:
    """The backward passes of a subject, each with what its loss is called."""
    if isinstance(subject, Graph):
        return ()
    if isinstance(subject, Flow):
        return (Pass(subject, subject.graph.values[subject.output].name or "loss", holders, step),)
    return tuple(Pass(flow, label, holders, step) for label, flow in subject.flows)


Pictured = Callable[[float], Picture]
"""The picture for a width; what pictures of several widths have in common is found out once."""


def pictured(graph: Graph, over: tuple[Pass, ...], wish: Wish) -> Pictured:
    """A graph, and what some passes did on it, as a picture for each width: at most so wide, if that is possible.

    Three losses or more have a small picture each, and a table.
    """
    if len(over) >= _MANY:
        return _pictured_together([_Place("", one.label, one) for one in over], View(graph, over))
    return _pictured_alone(_drafts(graph, over, wish), graph, over, wish)


def turned(
    graph: Graph, over: tuple[Pass, ...], wish: Wish, shown: Sketch, widths: Sequence[float]
) -> list[tuple[Variant, list[Picture]]]:
    """Pictures of the same graph in which other modules are open, each for some widths.

    Several small pictures have none.

    Args:
        graph: what was computed.
        over: the backward passes.
        wish: how the picture that is seen first was wanted.
        shown: what it shows.
        widths: the widest first.
    """
    if len(over) >= _MANY:
        return []
    drafts = _drafts(graph, over, wish)
    found: list[tuple[Variant, list[Picture]]] = []
    for one in variants(graph, shown):
        opened = () if one.closed else (*wish.opened, *one.opened)
        at = _pictured_alone(drafts.turned(opened, one.closed), graph, over, wish)
        if at(widths[0]).sketches != (shown,):
            found.append((one, [at(width) for width in widths]))
    return found


def _pictured_alone(drafts: Drafts, graph: Graph, over: tuple[Pass, ...], wish: Wish) -> Pictured:
    @cache
    def at(width: float) -> Picture:
        drawn, layout = arrange(drafts.at, width, wish.direction)
        scene = compose(drawn, layout, graph, over, width=width, legend=wish.legend)
        return Picture(scene, (drawn,), (layout,))

    return at


def pictured_grid(grid: Grid) -> Pictured:
    """Several flows as small pictures with one geometry."""
    return _pictured_together([_Place(*at, passes(flow)[0], grid.caption(*at)) for at, flow in grid.flows])


def _drafts(graph: Graph, over: tuple[Pass, ...], wish: Wish) -> Drafts:
    view = View(graph, over)
    return Drafts(
        graph,
        wish.losses or [(one.flow.output, one.label) for one in over],
        notes=_notes(over),
        named=_named(over),
        barred=_barred(over),
        opened=wish.opened,
        closed=wish.closed,
        tally=lambda values: tally([view.parameter(value) for value in values]),
        status=partial(_become, over) if over else None,
        numbers=numbers(over[0].flow) if len(over) == 1 else None,
    )


def losses_of_trace(flow: Flow, flows: Iterable[Flow]) -> tuple[tuple[int, str], ...]:
    """The losses of those of some flows that are over the graph of one, the one behind most ops first."""
    kin = [one for one in flows if of_one_trace(one.graph, flow.graph) and one.output < len(flow.graph.values)]
    kin.sort(key=lambda one: -len(flow.graph.ancestors([one.output])[1]))
    return tuple(dict.fromkeys((one.output, passes(one)[0].label) for one in kin))


class _Place(NamedTuple):
    row: str
    column: str
    done: Pass
    caption: str = ""


def _panels(places: Sequence[_Place]) -> list[Panel]:
    """A small picture for each place; those of one trace show the same losses."""
    traces = [
        tuple(i for i, one in enumerate(places) if of_one_trace(one.done.graph, place.done.graph)) for place in places
    ]
    drafts = {trace: _Draft(tuple(places[i].done for i in trace)) for trace in dict.fromkeys(traces)}
    sketches = {trace: draft.shown() for trace, draft in drafts.items()}
    apart = frozenset(name for trace, draft in drafts.items() for name in _apart(draft.graph, sketches[trace]))
    if apart:
        sketches = {trace: draft.shown(apart) for trace, draft in drafts.items()}
    layouts = {trace: lay_small(shown) for trace, shown in sketches.items()}
    captions = ((Span(place.caption),) if place.caption else None for place in places)
    return [
        Panel(place.row, place.column, sketches[trace], layouts[trace], drafts[trace].graph, (place.done,), caption)
        for place, trace, caption in zip(places, traces, captions, strict=True)
    ]


class _Draft(NamedTuple):
    """What the small pictures of one trace have in common."""

    kin: tuple[Pass, ...]

    @property
    def graph(self) -> Graph:
        return max((one.graph for one in self.kin), key=lambda graph: len(graph.values))

    def shown(self, apart: Collection[str] = ()) -> Sketch:
        """Its sketch; parameters of some names have lines to their uses, as in the other traces."""
        losses = dict.fromkeys((one.flow.output, one.label) for one in self.kin)
        return mini(
            self.graph,
            list(losses),
            partial(_states, self.kin),
            _named(self.kin),
            _barred(self.kin),
            _muted(self.kin),
            partial(_lines_of, self.kin),
            [self.graph.names[name] for name in apart if name in self.graph.names],
        )


def _apart(graph: Graph, shown: Sketch) -> list[str]:
    """The names of the parameters that have lines to their uses."""
    alone = (value for cell in shown.cells if cell.kind == "parameter" for value in cell.squares)
    return [graph.values[value].name or "" for value in alone]


def _lines_of(kin: tuple[Pass, ...], edges: Sequence[Edge]) -> tuple[str, ...]:
    """The state of one line for some uses after each of several passes."""
    return tuple(strongest(one.edge(edge) for edge in edges) for one in kin)


def _states(kin: tuple[Pass, ...], value: int) -> tuple[str, ...]:
    """The state of a parameter after each of several passes."""
    name = kin[0].graph.values[value].name or ""
    return tuple(one.parameter(name).state for one in kin)


def _pictured_together(places: Sequence[_Place], table: View | None = None) -> Pictured:
    panels = _panels(places)
    sketches, layouts = tuple(panel.sketch for panel in panels), tuple(panel.layout for panel in panels)
    return cache(lambda width: Picture(compose_grid(panels, width=width, table=table), sketches, layouts))


def _notes(over: tuple[Pass, ...]) -> tuple[Note, ...]:
    """The causes of all passes, each once."""
    return tuple(dict.fromkeys(note for one in over for note in one.notes))


def _named(over: tuple[Pass, ...]) -> frozenset[int]:
    """Ids of the ops that the explanations name as cuts."""
    return frozenset(cut.op for one in over for found in one.explanations.values() for cut in found.cuts)


def _become(over: tuple[Pass, ...], edge: Edge) -> str:
    """What became of a use: what came along it in each pass, how it is drawn, and whether bars stand on it."""
    words = [word for one in over for word in (one.flow.at(edge).status, one.edge(edge))]
    return " ".join([*words, "barred"] if any(edge in one.barred for one in over) else words)


def _barred(over: tuple[Pass, ...]) -> frozenset[Edge]:
    """The uses that an op stops that lets others through; none that another pass came along."""
    edges = (edge for one in over for edge in one.barred)
    return frozenset(edge for edge in edges if not any(one.flow.at(edge).arrived for one in over))


def _muted(over: tuple[Pass, ...]) -> frozenset[Edge]:
    """The uses along which None was first sent in a pass."""
    return frozenset(
        key
        for one in over
        for key, arrival in one.flow.arrivals
        if isinstance(key, Edge) and arrival.status == "undefined" and one.edge(key) == "undefined"
    )
