"""The whole way from a graph and what is known of it to a picture."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from gradflow.compare import Comparison
from gradflow.flow import Flow
from gradflow.graph import Graph
from gradflow.grid import Grid
from gradflow.picture.fit import arrange
from gradflow.picture.numbers import numbers
from gradflow.picture.plan import Layout
from gradflow.picture.reduce import sketch
from gradflow.picture.scene import compose
from gradflow.picture.shapes import Scene
from gradflow.picture.sketch import Note, Sketch
from gradflow.picture.states import Pass, notes, tally
from gradflow.picture.view import View
from gradflow.roster import Holders
from gradflow.stepdiff import StepDiff

Subject = Graph | Flow | Comparison


class Wish(NamedTuple):
    """How a reader wants a picture.

    Attributes:
        opened: paths of modules to show in full.
        legend: whether lines and squares are explained.
        direction: ``LR``, ``TB``, or None to choose by the width.
    """

    opened: Collection[str] = ()
    legend: bool = False
    direction: str | None = None


class Picture(NamedTuple):
    """A scene with what it was made from."""

    sketch: Sketch
    layout: Layout
    scene: Scene


def passes(subject: Subject, holders: Holders | None = None, step: StepDiff | None = None) -> tuple[Pass, ...]:
    """The backward passes of a subject, each with what its loss is called."""
    if isinstance(subject, Graph):
        return ()
    if isinstance(subject, Flow):
        return (Pass(subject, subject.graph.values[subject.output].name or "loss", holders, step),)
    return tuple(Pass(flow, label, holders, step) for label, flow in subject.flows)


def picture(graph: Graph, over: tuple[Pass, ...], width: float, wish: Wish) -> Picture:
    """A graph, and what some passes did on it, as a picture that is at most so wide, if that is possible."""
    view = View(graph, over)
    causes = _notes(over)

    def draft(most: int) -> Sketch:
        return sketch(
            graph,
            [(one.flow.output, one.label) for one in over],
            notes=causes,
            opened=wish.opened,
            most=most,
            tally=lambda values: tally([view.parameter(value) for value in values]),
            status=(lambda edge: " ".join(one.flow.at(edge).status for one in over)) if over else None,
            numbers=numbers(over[0].flow) if len(over) == 1 else None,
        )

    drawn, layout = arrange(draft, width, wish.direction)
    return Picture(drawn, layout, compose(drawn, layout, graph, over, width=width, legend=wish.legend))


def grid_picture(grid: Grid, width: float) -> Picture:
    """Several flows as small pictures with one geometry."""
    raise NotImplementedError


def _notes(over: tuple[Pass, ...]) -> tuple[Note, ...]:
    """The causes of all passes, each once."""
    return tuple(dict.fromkeys(note for one in over for note in notes(one.flow, one.explanations.values())))
