"""What a notebook shows and a file holds: a graph, a flow, a comparison or a grid, ready to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from gradflow.choice import Choice
from gradflow.compare import Comparison
from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.graph import Graph
from gradflow.grid import Grid
from gradflow.picture.choosing import Option, choice_fragment
from gradflow.picture.dot import dot
from gradflow.picture.element import View, fragment
from gradflow.picture.exercise import exercise, puzzle_data
from gradflow.picture.page import Page, grid_page, page
from gradflow.picture.pictures import Picture, Pictured, Wish, losses_of_trace, passes, pictured, pictured_grid, turned
from gradflow.picture.raster import pdf, png
from gradflow.picture.states import Pass
from gradflow.picture.steps import steps
from gradflow.picture.svg import page_svg, svg
from gradflow.picture.variants import Variant, doors, unseen
from gradflow.puzzle import Puzzle
from gradflow.roster import Holders
from gradflow.serialize import to_json
from gradflow.stepdiff import StepDiff
from gradflow.text import LEGEND, comparison_text, flow_text, graph_text, grid_text

NARROW = 420
Subject = Graph | Flow | Comparison | Grid | Choice


@dataclass(frozen=True, repr=False)
class Figure:
    """Something to look at, with the choices of how to show it; made by ``gf.draw``, ``gf.grid``, ``gf.animate``.

    A notebook shows it as a picture with cards; scripts off or not trusted, as a picture and a table.

    Attributes:
        subject: what is shown.
        holders: which optimizers hold each parameter, or None.
        step: what an optimizer step moved, or None.
        opened: paths of modules to show in full.
        legend: whether lines, squares and signs are explained below.
        theme: ``auto``, ``light``, ``dark`` or ``grey``.
        width: of the picture in pixels, at most.
        direction: ``LR``, ``TB``, or None to choose by the width.
        animated: whether the backward pass can be walked through.
        losses: value id and label of all losses that are shown; empty for those at which a pass started.
        puzzle: a task on the figure, or None.
    """

    subject: Subject
    holders: Holders | None = None
    step: StepDiff | None = None
    opened: tuple[str, ...] = ()
    legend: bool = False
    theme: str = "auto"
    width: float = 720
    direction: str | None = None
    animated: bool = False
    losses: tuple[tuple[int, str], ...] = ()
    puzzle: Puzzle | None = None

    def text(self) -> str:
        """The figure as aligned lines of text."""
        if isinstance(self.subject, Grid | Choice):
            shown = grid_text(_grid(self.subject))
        elif isinstance(self.subject, Comparison):
            shown = comparison_text(self.subject, holders=self.holders, step=self.step)
        elif isinstance(self.subject, Flow):
            shown = flow_text(self.subject, holders=self.holders, step=self.step, opened=self.opened)
        else:
            shown = graph_text(self.subject, holders=self.holders, step=self.step, opened=self.opened)
        shown += _told(self._passes) if self.animated else ""
        parts = [shown, LEGEND if self.legend else "", self.puzzle.text() if self.puzzle else ""]
        return "\n\n".join(filter(None, parts))

    def svg(self) -> str:
        """The figure as one SVG document, which needs nothing else and shows in any browser."""
        return svg(self._picture().scene, self.theme)

    def html(self) -> str:
        """The figure as one piece of HTML: wide and narrow picture, table, cards, and the steps if it has them.

        Beside them it holds the pictures in which other modules are open.
        """
        if isinstance(self.subject, Choice):
            return self._choice(self.subject)
        widths = [self.width, NARROW] if self.width > NARROW else [self.width]
        pictures = [self._pictured(width) for width in widths]
        if isinstance(self.subject, Grid):
            return self._fragment(pictures, grid_page(self.subject))
        graph, shown = _graph(self.subject), pictures[0].sketches[0]
        others = turned(graph, self._passes, self._wish, shown, widths)
        sketches = [
            sketch for each in (pictures, *(each for _, each in others)) for one in each for sketch in one.sketches
        ]
        return self._fragment(pictures, page(graph, self._passes, sketches, self.animated), others)

    def _fragment(
        self, pictures: list[Picture], about: Page, others: Sequence[tuple[Variant, list[Picture]]] = ()
    ) -> str:
        held = [one for one, _ in others]
        views: list[View] = [(one.label, self._on_page(each, doors(one, held))) for one, each in others]
        if not isinstance(self.subject, Grid | Choice) and held:
            more = unseen(_graph(self.subject), pictures[0].sketches[0], held)
            views += [(more, [])] if more else []
        return fragment(
            label=pictures[0].scene.description,
            pictures=self._on_page(pictures, doors(None, held)),
            table=about.table,
            data=about.data | puzzle_data(self.puzzle),
            steps=about.steps,
            views=views,
            theme=self.theme,
            mode="step" if self.animated else "whatif" if self.puzzle else "",
            exercise=exercise(self.puzzle),
        )

    def _choice(self, choice: Choice) -> str:
        options = []
        for state, flow in choice.flows:
            figure = replace(self, subject=flow, losses=losses_of_trace(flow, [one for _, one in choice.flows]))
            options.append(Option(state, figure._picture().scene.description, figure.html()))
        return choice_fragment(choice.labels, options, replace(self, subject=choice.grid).html(), self.theme)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the figure to a file; its suffix says how. A file that is there is replaced only as a whole.

        Raises:
            GradflowError: the suffix is not one of ``.svg .html .png .pdf .json .dot .txt``, the figure cannot be
                written that way, or the file cannot be written.
        """
        target = checked(path)
        _write(target, _WRITERS[target.suffix.lower()](self))

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        return {"text/plain": self.text(), "text/html": self.html()}

    @cached_property
    def _passes(self) -> tuple[Pass, ...]:
        return () if isinstance(self.subject, Grid | Choice) else passes(self.subject, self.holders, self.step)

    @cached_property
    def _pictured(self) -> Pictured:
        if isinstance(self.subject, Grid | Choice):
            return pictured_grid(_grid(self.subject))
        return pictured(_graph(self.subject), self._passes, self._wish)

    @property
    def _wish(self) -> Wish:
        return Wish(self.opened, self.legend, self.direction, self.losses)

    def _on_page(self, pictures: Iterable[Picture], ways: Mapping[str, int]) -> list[tuple[int, str]]:
        """Width and SVG of some pictures, in which the names of modules lead to views."""
        told = {Grid: "none", Choice: "none", Comparison: "all"}.get(type(self.subject), "key")
        scenes = [shown.scene for shown in pictures]
        return [(round(one.width), page_svg(one, self.theme, told, self.animated, ways)) for one in scenes]

    def _picture(self) -> Picture:
        return self._pictured(self.width)

    def _paper(self) -> str:
        """The SVG as it is printed: ``auto`` is light."""
        return svg(self._picture().scene, "light" if self.theme == "auto" else self.theme)

    def _page(self) -> str:
        title = escape(self._picture().scene.title)
        head = f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
        return f"{head}{self.html()}\n"

    def _json(self) -> str:
        return to_json(self._single("JSON")) + "\n"

    def _dot(self) -> str:
        single = self._single("DOT")
        flow = single if isinstance(single, Flow) else None
        source: str = dot(_graph(single), flow, self.holders, self.step).source
        return source

    def _single(self, form: str) -> Graph | Flow:
        """The subject, if it is one that can be written in a form that holds a single flow."""
        if not isinstance(self.subject, Graph | Flow):
            kind = type(self.subject).__name__.lower()
            raise GradflowError(f"a {kind} is not saved as {form}; save each of its flows, or the picture or text.")
        return self.subject


def _told(over: tuple[Pass, ...]) -> str:
    """The steps of a backward pass as numbered lines."""
    lines = (f"{i}. {step.label}: {step.sentence}" for i, step in enumerate(steps(over[0].flow), 1))
    return "\n\n" + "\n".join(lines)


def _graph(subject: Graph | Flow | Comparison) -> Graph:
    return subject if isinstance(subject, Graph) else subject.graph


def _grid(subject: Grid | Choice) -> Grid:
    return subject if isinstance(subject, Grid) else subject.grid


_WRITERS: dict[str, Callable[[Figure], str | bytes]] = {
    ".svg": Figure.svg,
    ".html": Figure._page,
    ".png": lambda figure: png(figure._paper()),
    ".pdf": lambda figure: pdf(figure._paper()),
    ".json": Figure._json,
    ".dot": Figure._dot,
    ".txt": lambda figure: figure.text() + "\n",
}


def checked(path: object) -> Path:
    """The path, if a figure can be saved there.

    Raises:
        GradflowError: its suffix names no form, or it has no folder to be in.
    """
    if not isinstance(path, str | os.PathLike):
        raise GradflowError(f"save() takes a path, as in save('figure.svg'), but got {type(path).__name__}.")
    target = Path(os.fsdecode(path))
    if target.suffix.lower() not in _WRITERS:
        *others, last = _WRITERS
        raise GradflowError(
            f"{str(target)!r} does not say how to write the figure; end it in {', '.join(others)} or {last}."
        )
    if not target.absolute().parent.is_dir():
        raise GradflowError(f"cannot write {str(target)!r}: there is no folder {str(target.parent)!r}.")
    return target


def _write(target: Path, content: str | bytes) -> None:
    """Write beside the target, then move there, so that a failure leaves the old file."""
    target = target.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        draft.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        draft.replace(target)
    except OSError as error:
        raise GradflowError(f"cannot write {str(target)!r}: {error.strerror}.") from None
    finally:
        draft.unlink(missing_ok=True)
