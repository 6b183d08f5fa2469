"""What a picture shows, before anything has a place: cells, the boxes around them, and the wires between.

A sketch is made from a graph by :mod:`gradflow.picture.reduce` and placed by :mod:`gradflow.picture.layout`.
Nothing in it depends on a direction or a size.
"""

from __future__ import annotations

from typing import NamedTuple

from gradflow.graph import Edge


class Note(NamedTuple):
    """A cause that is written beside its op, once.

    Attributes:
        op: id of the op.
        mark: ``cut`` (two bars), ``zero``, ``undefined`` or ``nonfinite`` (a disc).
        title: what happened, in bold: ``detach``, ``.item()``, ``every entry dead``.
        source: ``file:line``, or ``""``.
    """

    op: int
    mark: str
    title: str
    source: str


class Leaf(NamedTuple):
    """A parameter, buffer, input or constant that hangs on the one op that it feeds.

    Attributes:
        value: id of the value.
        kind: ``parameter`` (square), ``buffer``, ``input`` (circles), ``constant`` or ``number`` (bare text).
        label: ``weight``, ``= wte``, ``ids.view``, ``1.65``.
        edges: the uses it stands for, those of views that were folded into it included.
        disc: mark of a disc on its stem, or ``""``.
        again: whether the same parameter is drawn, and counted, elsewhere.
        detail: a grey second line, as ``a float``.
        above: among numbers, what stands left of it in place of the label, as ``w = 3``.
        below: among numbers, the derivative, right of it.
        factor: among numbers, the local factor, right of the stem.
        values: in small multiples, every parameter that the one square stands for; else ``()``.
        bars: whether bars stand on its stem: the op cuts this use and lets others through.
        room: a longer label that there is room for, as where the module is called again; so equals are equally large.
    """

    value: int
    kind: str
    label: str
    edges: tuple[Edge, ...]
    disc: str = ""
    again: bool = False
    detail: str = ""
    above: str = ""
    below: str = ""
    factor: str = ""
    values: tuple[int, ...] = ()
    bars: bool = False
    room: str = ""


class Cell(NamedTuple):
    """One rectangle that nothing foreign enters: a mark with its leaves and labels.

    Attributes:
        id: index in ``Sketch.cells``; cells stand in the order of execution.
        kind: ``op`` (pill, or circle for a symbol), ``cut`` (bars), ``exit`` (bars at which a line ends),
            ``module`` (closed box), ``group`` (several data-only ops as one pill), ``input``, ``parameter`` (a
            parameter that feeds several cells), ``constant``, ``loss`` or ``end`` (a named result).
        label: what it is called: ``linear``, ``+``, ``h.0``, ``x``, ``loss``.
        ops: ids of the graph's ops that it stands for, in order.
        value: of an input, parameter, constant, loss or end; else None.
        box: id of the box around it, or None.
        leaves: what hangs on it.
        notes: causes to be written beside it; in a closed module, below its tally.
        squares: of a closed module, the ids of its parameters in the order of the trace; ``()`` where they
            are drawn elsewhere. In small multiples, every parameter that a square on its own stands for.
        tally: of a closed module, the line below its squares, as "9 of 14".
        weight: how much it counts for the spine: an op 1, trainable parameters 2 each, data only 0.001.
        path: of a closed module, its dotted path (a run of equal blocks: that of the first).
        detail: the grey class of a closed module, or ``""``.
        above: among numbers, what stands above it in place of the label, as ``x = 2``.
        below: among numbers, the derivative below it.
        factor: among numbers, the local factor towards the input on the spine.
        small: whether it is drawn in the small form of small multiples.
        hat: whether a loss stands above it there.
        blank: of a closed module, how many lines of text its equals have more, so that all are of one size.
    """

    id: int
    kind: str
    label: str
    ops: tuple[int, ...] = ()
    value: int | None = None
    box: int | None = None
    leaves: tuple[Leaf, ...] = ()
    notes: tuple[Note, ...] = ()
    squares: tuple[int, ...] = ()
    tally: str = ""
    weight: float = 1.0
    path: str = ""
    detail: str = ""
    above: str = ""
    below: str = ""
    factor: str = ""
    small: bool = False
    blank: int = 0
    hat: bool = False


class Box(NamedTuple):
    """A frame around cells and other boxes: one open call of a module, or one region with gradients off.

    Attributes:
        id: index in ``Sketch.boxes``; a box stands after the one around it.
        kind: ``module`` or ``region``.
        name: bold: path below the box around it, or ``no_grad``.
        detail: grey: the class of a module, ``file:line`` of a region.
        parent: id of the box around it, or None.
        path: dotted path of a module, ``""`` for a region.
        idle: labels and value ids of parameters of this module that were never used, drawn without a stem.
    """

    id: int
    kind: str
    name: str
    detail: str
    parent: int | None
    path: str = ""
    idle: tuple[tuple[str, int], ...] = ()


class Wire(NamedTuple):
    """One line: a value on its way from the cell that made it to one cell that uses it.

    Attributes:
        value: id of the value; of a bundle, the first one.
        source: id of the cell it leaves.
        target: id of the cell it enters.
        edges: the uses of the value that this line stands for; ``()`` for the line into a loss or an end.
        disc: mark of a disc near the target, or ``""``.
        above: what is written above the line, as ``p = 6``.
        below: what is written below the line, as ``-4``.
        values: of a bundle, every value in it; else ``()``.
        bars: id of an op that cuts here although it has no bars of its own: in small multiples one on the way, else
            the target, which lets other uses through; or None.
        mute: in small multiples, the use on the way along which None was sent, or None.
        also: there, the uses at its other end, if other lines leave with it; else ``()``.
    """

    value: int
    source: int
    target: int
    edges: tuple[Edge, ...]
    disc: str = ""
    above: str = ""
    below: str = ""
    values: tuple[int, ...] = ()
    bars: int | None = None
    mute: Edge | None = None
    also: tuple[Edge, ...] = ()


class Run(NamedTuple):
    """Neighbouring equal closed modules, under one bracket.

    Attributes:
        cells: their ids.
        title: how many there are.
        detail: what holds for each; the causes that all of them have, too.
        notes: causes that all of them have, which are then not written in the cells.
    """

    cells: tuple[int, ...]
    title: str
    detail: str
    notes: tuple[Note, ...] = ()


class Sketch(NamedTuple):
    """What a picture shows. Every op of the graph that is drawn belongs to exactly one cell.

    Attributes:
        cells: in the order of execution.
        boxes: around them, outer ones first.
        wires: between them.
        runs: of equal closed modules.
        whole: whether there is no more to show: every module that can be open is.
    """

    cells: tuple[Cell, ...]
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]
    runs: tuple[Run, ...] = ()
    whole: bool = True

    def boxes_around(self, cell: int) -> tuple[int, ...]:
        """Ids of the boxes around a cell, innermost first."""
        around, box = [], self.cells[cell].box
        while box is not None:
            around.append(box)
            box = self.boxes[box].parent
        return tuple(around)
