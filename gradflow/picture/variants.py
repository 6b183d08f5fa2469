"""Which other pictures of a graph a page holds: modules closed that are open, and open that are closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from gradflow.graph import Graph
from gradflow.notation import printable
from gradflow.picture.sketch import Sketch

MOST = 4
_LEAST_OPEN = 2


class Variant(NamedTuple):
    """One way to open and close modules, other than in the picture that is seen first.

    Attributes:
        label: what it is called.
        opened: paths of modules that are opened beside those that were asked for.
        closed: paths of modules that are closed; then none was asked for.
    """

    label: str
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()


def variants(graph: Graph, shown: Sketch) -> tuple[Variant, ...]:
    """All modules closed, and of each class the first closed module open.

    At most four: each takes as long to draw as the first picture.

    Args:
        graph: what was computed.
        shown: the picture that is seen first.
    """
    outer = _outermost(shown)
    is_open = sum(box.kind == "module" for box in shown.boxes) >= _LEAST_OPEN
    everything = [Variant("all closed", closed=outer)] if is_open else []
    types = {call.module: call.type for call in graph.calls}
    first: dict[str, str] = {}
    for path in closed_modules(graph, shown):
        first.setdefault(types[path], path)
    return (*everything, *(Variant(f"open {printable(path)}", (path,)) for path in first.values()))[:MOST]


def closed_modules(graph: Graph, shown: Sketch) -> Sequence[str]:
    """Paths of the modules that a picture shows closed and that were called, in their order."""
    called = {call.module for call in graph.calls}
    return [*dict.fromkeys(cell.path for cell in shown.cells if cell.kind == "module" and cell.path in called)]


def unseen(graph: Graph, shown: Sketch, held: Collection[Variant]) -> str:
    """How to open the first of the closed modules that none of the pictures shows open; ``""`` if there is none."""
    seen = {path for one in held for path in one.opened}
    left = next((path for path in closed_modules(graph, shown) if path not in seen), None)
    return "" if left is None else printable(f"others: gf.draw(…, open={[left]!r})")


def doors(variant: Variant | None, held: Sequence[Variant]) -> dict[str, int]:
    """What the name of a module leads to, as the number of a view: 0 for the picture that is seen first.

    >>> held = [Variant("all closed", closed=("encoder",)), Variant("open h.0", ("h.0",))]
    >>> doors(None, held), doors(held[0], held), doors(held[1], held)
    ({'h.0': 2}, {'h.0': 2, 'encoder': 0}, {'h.0': 0})
    """
    there = {path: number for number, one in enumerate(held, 1) for path in one.opened}
    back = dict.fromkeys((*variant.opened, *variant.closed), 0) if variant else {}
    return {**there, **back}


def _outermost(shown: Sketch) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_paths_of_outermost(shown)))


def _paths_of_outermost(shown: Sketch) -> Iterator[str]:
    inside: set[int] = set()
    for box in shown.boxes:  # outer ones first
        if box.parent in inside or (box.parent is not None and shown.boxes[box.parent].kind == "module"):
            inside.add(box.id)
        elif box.kind == "module":
            yield box.path
