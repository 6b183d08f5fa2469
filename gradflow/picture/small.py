"""Where everything in a small picture stands: as little of it as can be, the losses of branches above them."""

from __future__ import annotations

from collections import Counter

from gradflow.picture.layout import lay
from gradflow.picture.plan import Layout, Place, Point, Rect, Route
from gradflow.picture.sketch import Sketch

_UNBOUNDED = 10_000.0


def lay_small(sketch: Sketch) -> Layout:
    """Place the small form of a graph, from left to right in one line.

    A loss that is fed by nothing but a module from which other lines go on stands above that module: so the
    ways to the losses are told apart, and the spine stays straight.

    >>> from gradflow.picture.sketch import Cell, Wire
    >>> cells = [Cell(at, "module", name, small=True) for at, name in enumerate("AB")]
    >>> cells += [Cell(at, "loss", "loss", value=at, small=True) for at in (2, 3)]
    >>> ends = (0, 2), (0, 1), (1, 3)
    >>> layout = lay_small(Sketch(tuple(cells), (), tuple(Wire(source, source, at, ()) for source, at in ends)))
    >>> [place.shape.center for place in layout.places][::2]
    [Point(x=26.0, y=60.0), Point(x=26.0, y=22.0)]
    """
    hats = _hats(sketch)
    if not hats:
        return lay(sketch, _UNBOUNDED, "LR")
    layout = lay(_bare(sketch, hats), _UNBOUNDED, "LR")
    below = iter(layout.places)
    places = {cell.id: next(below)._replace(cell=cell.id) for cell in sketch.cells if cell.id not in hats}
    for loss, wire in hats.items():
        module = places[sketch.wires[wire].source]
        places[loss] = _above(loss, module)
        places[module.cell] = module._replace(rect=_lowered(module.rect, module.shape.y))
    routes = iter(layout.routes)
    ways = tuple(
        _upwards(at, places[wire.source], places[wire.target])
        if wire.target in hats
        else next(routes)._replace(wire=at)
        for at, wire in enumerate(sketch.wires)
    )
    return layout._replace(places=tuple(places[cell.id] for cell in sketch.cells), routes=ways)


def _hats(sketch: Sketch) -> dict[int, int]:
    """The losses that stand above a module, each with the one line into it; never all that leaves the module."""
    into = Counter(wire.target for wire in sketch.wires)
    out = Counter(wire.source for wire in sketch.wires)
    found: dict[int, int] = {}
    covered: set[int] = set()
    for at, wire in enumerate(sketch.wires):
        source, target = sketch.cells[wire.source], sketch.cells[wire.target]
        alone = into[target.id] == 1 and out[source.id] > 1 and wire.bars is None
        if alone and source.kind == "module" and target.kind == "loss" and source.id not in covered:
            covered.add(source.id)
            found[target.id] = at
    return found


def _bare(sketch: Sketch, hats: dict[int, int]) -> Sketch:
    """A sketch without the losses that stand above something."""
    covered = {sketch.wires[wire].source for wire in hats.values()}
    kept = [cell for cell in sketch.cells if cell.id not in hats]
    ids = {cell.id: at for at, cell in enumerate(kept)}
    cells = tuple(cell._replace(id=ids[cell.id], hat=cell.id in covered) for cell in kept)
    wires = (wire for wire in sketch.wires if wire.target not in hats)
    return Sketch(cells, (), tuple(wire._replace(source=ids[wire.source], target=ids[wire.target]) for wire in wires))


def _above(loss: int, module: Place) -> Place:
    """Where a loss stands, at the upper end of the room of its module."""
    rect = Rect(module.shape.center.x - 8, module.rect.y, 16, 16)
    return Place(loss, rect, rect)


def _lowered(rect: Rect, top: float) -> Rect:
    """The room of a module without that of the loss above it."""
    return Rect(rect.x, top, rect.w, rect.bottom - top)


def _upwards(wire: int, module: Place, loss: Place) -> Route:
    x = module.shape.center.x
    return Route(wire, (Point(x, module.shape.y), Point(x, loss.shape.bottom)))
