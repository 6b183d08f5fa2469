"""The controls of a playground in a notebook: its state is drawn, and a click asks for another state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import ipywidgets as widgets  # type: ignore[import-untyped]  # it has no types

from gradflow.board import STYLE, Subject, difference_table, known, offered, situation, standing, subject
from gradflow.errors import GradflowError
from gradflow.live import told
from gradflow.notation import printable
from gradflow.playing import Playground

MOST_ROWS = 40
_ACTIONS = {  # field of Changes: what the box says, and what it does
    "cut": ("cut", "detach what it returns"),
    "frozen": ("freeze", "requires_grad_(False)"),
    "asked": ("ask", "name it in inputs="),
    "held": ("hold", "give it to the optimizer"),
}


class Panel:
    """The widgets of one playground."""

    def __init__(self, playing: Playground) -> None:
        self._playing = playing
        self._drawing = False
        self._lines: dict[str, _Line] = {}
        self._said, self._different = _html(), _html()
        self._picture = widgets.Output(layout=widgets.Layout(flex="100 1 440px", min_width="0", max_width="100%"))
        self._rows = widgets.VBox()
        self._losses = {name: self.box(name, self._choose) for name in playing.program.losses if name}
        self._other = widgets.Combobox(
            placeholder="another module or parameter",
            options=known(playing),
            ensure_option=False,
            continuous_update=False,
            layout=widgets.Layout(width="100%", margin="6px 0 0"),
        )
        self._other.observe(self._type, "value")
        for each in offered(playing)[:MOST_ROWS]:
            self._add(each)
        self._root = self._laid_out()
        self.draw()

    def _laid_out(self) -> Any:
        again, close = ("Start again", self._playing.reset), ("Close", self._playing.close)
        buttons = widgets.HBox([self._button(*again), self._button(*close)])
        title = _html('<div class="gf-live">only the loss &nbsp;</div>')
        only = widgets.HBox([title, *self._losses.values()], layout=_wrapped())
        left = widgets.VBox(
            [*([only] if len(self._losses) > 1 else []), self._rows, self._other, buttons],
            layout=widgets.Layout(flex="1 1 250px", min_width="0"),
        )
        body = widgets.HBox([left, self._picture], layout=_wrapped())
        return widgets.VBox([_html(STYLE), self._said, body, self._different])

    # -- the state is drawn ----------------------------------------------------------------------------------

    def draw(self) -> None:
        """Show the last run."""
        self._draw_boxes()
        self._said.value = situation(self._playing)
        bundle = self._playing.figure._repr_mimebundle_()
        self._picture.outputs = ({"output_type": "display_data", "data": bundle, "metadata": {}},)
        self._different.value = difference_table(self._playing.difference)

    def _draw_boxes(self) -> None:
        with self._while_drawing():
            self._other.value = ""
            for name, box in self._losses.items():
                box.value = name in (self._playing.changes.losses or ())
            for line in self._lines.values():
                line.draw()

    def close(self) -> None:
        """Take all widgets off the page."""
        for widget in _below(self._root):
            widget.close()

    def bundle(self) -> dict[str, Any]:
        """What IPython is given to show the widgets."""
        shown: dict[str, Any] = self._root._repr_mimebundle_()
        return shown

    # -- a click asks for another state ----------------------------------------------------------------------

    def act(self, change: Callable[[], object]) -> None:
        """Change the playground; where that fails, the last run stays, and what was wrong is said."""
        self._said.value = situation(self._playing, running=True)
        try:
            change()
        except Exception as error:  # the model and the losses are the user's own
            self._draw_boxes()
            self._said.value = situation(self._playing, wrong=told(error))

    def box(self, label: str, clicked: Callable[[], object], tooltip: str = "") -> Any:
        """A box to tick."""
        layout = widgets.Layout(width="auto", margin="0 10px 0 0")
        box = widgets.Checkbox(description=printable(label), indent=False, tooltip=tooltip, layout=layout)
        box.observe(self._unless_drawing(clicked), "value")
        return box

    def _unless_drawing(self, clicked: Callable[[], object]) -> Callable[[object], None]:
        return lambda change: None if self._drawing else self.act(clicked)

    def _button(self, label: str, clicked: Callable[[], object]) -> Any:
        button = widgets.Button(description=label, layout=widgets.Layout(width="auto"))
        button.on_click(lambda _: self.act(clicked))
        return button

    def _choose(self) -> None:
        self._playing.losses([name for name, box in self._losses.items() if box.value] or None)

    def _type(self, change: Mapping[str, Any]) -> None:
        name = change["new"]
        if self._drawing or not name:
            return
        try:
            if name not in self._lines:
                self._add(subject(self._playing, name))
        except GradflowError as error:
            self._said.value = situation(self._playing, wrong=str(error))
        else:
            self._said.value = situation(self._playing)
        self._draw_boxes()

    def _add(self, new: Subject) -> None:
        self._lines[new.name] = _Line(self, self._playing, new)
        self._rows.children = tuple(line.root for line in self._lines.values())

    @contextmanager
    def _while_drawing(self) -> Iterator[None]:
        self._drawing = True
        try:
            yield
        finally:
            self._drawing = False


class _Line:
    """What can be done with one module or parameter."""

    def __init__(self, panel: Panel, playing: Playground, about: Subject) -> None:
        self._playing, self._about = playing, about
        self._title = _html()
        self._boxes = {
            field: panel.box(word, partial(self._toggle, field), tooltip)
            for field, (word, tooltip) in _ACTIONS.items()
            if about.meant(playing, field)
        }
        self.root = widgets.VBox([self._title, widgets.HBox(list(self._boxes.values()), layout=_wrapped())])
        self.root.add_class("gf-row")

    def draw(self) -> None:
        """Show what the last run did to it."""
        self._title.value = standing(self._playing, self._about)
        for field, box in self._boxes.items():
            meant, changed = self._about.meant(self._playing, field), self._changed(field)
            some = len(set(meant).intersection(changed))
            box.value = some == len(meant)
            box.description = _ACTIONS[field][0] + (f" {some}/{len(meant)}" if 0 < some < len(meant) else "")

    def _changed(self, field: str) -> tuple[str, ...]:
        names: tuple[str, ...] | None = getattr(self._playing.changes, field)
        return names or ()

    def _toggle(self, field: str) -> None:
        meant = self._about.meant(self._playing, field)
        left = [name for name in self._changed(field) if name not in meant]
        names = (*left, *meant) if self._boxes[field].value else tuple(left)
        self._playing.change(**{field: names or (None if field in ("asked", "held") else ())})


def _html(value: str = "") -> Any:
    return widgets.HTML(value, layout=widgets.Layout(margin="0"))


def _wrapped() -> Any:
    return widgets.Layout(flex_flow="row wrap", align_items="flex-start", width="100%")


def _below(widget: Any) -> Iterator[Any]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _below(child)
