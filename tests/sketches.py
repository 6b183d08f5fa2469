"""Sketches without a graph: a few that are known by heart, and as many generated ones as wanted."""

from __future__ import annotations

import random
from itertools import pairwise

from gradflow.picture.sketch import Box, Cell, Leaf, Note, Run, Sketch, Wire


class Pen:
    """A sketch under construction."""

    def __init__(self) -> None:
        self.cells: list[Cell] = []
        self.boxes: list[Box] = []
        self.wires: list[Wire] = []
        self.runs: list[Run] = []

    def cell(self, kind: str, label: str, *leaves: str, **more) -> int:
        number = len(self.cells)
        hung = tuple(Leaf(1000 * number + i, "parameter", name, ()) for i, name in enumerate(leaves))
        more.setdefault("weight", 1 + 2 * len(leaves))
        self.cells.append(Cell(number, kind, label, ops=(number,), leaves=hung, **more))
        return number

    def box(self, name: str, detail: str = "", kind: str = "module", parent: int | None = None, **more) -> int:
        self.boxes.append(Box(len(self.boxes), kind, name, detail, parent, name, **more))
        return len(self.boxes) - 1

    def linear(self, name: str, parent: int | None = None) -> int:
        return self.cell("op", "linear", "weight", "bias", box=self.box(name, "Linear", parent=parent))

    def wire(self, source: int, target: int, **more) -> None:
        self.wires.append(Wire(more.pop("value", 10_000 + source), source, target, (), **more))

    def chain(self, *cells: int) -> None:
        for source, target in pairwise(cells):
            self.wire(source, target)

    def sketch(self) -> Sketch:
        return Sketch(tuple(self.cells), tuple(self.boxes), tuple(self.wires), tuple(self.runs))


def bridge() -> Sketch:
    pen = Pen()
    x, a, b = pen.cell("input", "x"), pen.linear("A"), pen.linear("B")
    cut = pen.cell("cut", "detach", notes=(Note(3, "cut", "detach", "bridge.py:12"),))
    pen.chain(x, a, b, cut, pen.linear("C"), pen.cell("op", "mse"), pen.cell("loss", "loss"))
    return pen.sketch()


def all_states() -> Sketch:
    pen = Pen()
    x, adapter, mid, gate = pen.cell("input", "x"), pen.linear("adapter"), pen.linear("mid"), pen.linear("gate")
    relu = pen.cell("op", "relu", notes=(Note(4, "zero", "every entry dead", "net.py:21"),))
    code = pen.linear("code")
    rounded = pen.cell("op", "Quantize", notes=(Note(6, "undefined", "backward returned None", "net.py:27"),))
    plus = pen.cell("op", "+")
    teacher = pen.linear("teacher", parent=pen.box("no_grad", "net.py:31", kind="region"))
    exp = pen.cell("op", "exp", "log_t")
    item = pen.cell("exit", ".item()", notes=(Note(10, "cut", ".item()", "net.py:35"),))
    by, mse, loss = pen.cell("op", "÷"), pen.cell("op", "mse"), pen.cell("loss", "loss")
    pen.chain(x, adapter, mid, plus, by, mse, loss)
    pen.chain(x, gate)
    pen.wire(gate, relu, disc="zero")
    pen.chain(x, code)
    pen.wire(code, rounded, disc="undefined")
    pen.chain(relu, plus)
    pen.chain(rounded, plus)
    pen.chain(x, teacher, mse)
    pen.chain(exp, item)
    return pen.sketch()


def scalar() -> Sketch:
    pen = Pen()
    cells = [pen.cell("parameter", "x", above="x = 2", below="12")]
    cells += [pen.cell("op", label, *leaves) for label, *leaves in ("×w", "+b", "−", "+y", ("( )²",))]
    cells.append(pen.cell("loss", "f", above="f = 4", below="1"))
    for source, target in pairwise(cells):
        pen.wire(source, target, above=f"p{source} = {source * 11}", below=f"−{source * 7}.25")
    return pen.sketch()


def blocks(total: int = 12) -> Sketch:
    """A run of equal closed modules."""
    pen = Pen()
    cells = [pen.cell("input", "ids"), pen.cell("op", "embedding", "weight", box=pen.box("wte", "Embedding"))]
    run = [
        pen.cell("module", f"h.{i}", squares=tuple(range(12)), tally="12 of 12", path=f"h.{i}", weight=20)
        for i in range(total)
    ]
    pen.runs.append(Run(tuple(run), f"{total} blocks:", "all 12 reached in each"))
    cells += [*run, pen.linear("head"), pen.cell("op", "cross_entropy"), pen.cell("loss", "loss")]
    pen.chain(*cells)
    return pen.sketch()


def fan(branches: int) -> Sketch:
    """Equal branches from one input into one op."""
    pen = Pen()
    x = pen.cell("input", "x")
    heads = [pen.linear(f"l{i}") for i in range(branches)]
    cat = pen.cell("op", "cat")
    for head in heads:
        pen.chain(x, head, cat)
    pen.chain(cat, pen.cell("loss", "loss"))
    return pen.sketch()


def long_chain(length: int) -> Sketch:
    pen = Pen()
    pen.chain(*(pen.cell("op", "tanh") for _ in range(length)), pen.cell("loss", "loss"))
    return pen.sketch()


LABELS = ("linear", "+", "relu", "×", "softmax", "matmul", "cat", "layer_norm", "−", "view")


def generated(seed: int) -> Sketch:
    """A random sketch: nested boxes around runs of cells, and wires from earlier to later cells."""
    dice = random.Random(seed)
    pen = Pen()
    total = dice.randint(3, 26)
    boxes = _intervals(dice, pen, 0, total, None, 0)
    for number in range(total):
        inside = [box for box, (low, high) in boxes.items() if low <= number < high]
        _random_cell(dice, pen, max(inside, default=None), number, total)
    for target in range(1, total):
        if pen.cells[target].kind == "input":
            continue
        sources = {max(0, target - 1 - int(dice.expovariate(0.5))) for _ in range(dice.choice((1, 1, 1, 2, 2, 3)))}
        for source in sorted(sources):
            if pen.cells[source].kind not in ("exit", "loss"):
                disc = "zero" if dice.random() < 0.1 else ""
                pen.wire(source, target, disc=disc, value=10_000 + 10 * source + dice.choice((0, 0, 0, 1)))
    loss = pen.cell("loss", "loss")
    last = max(cell.id for cell in pen.cells[:-1] if cell.kind != "exit")
    pen.wire(last, loss)
    return pen.sketch()


def _intervals(
    dice: random.Random, pen: Pen, low: int, high: int, parent: int | None, depth: int
) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    at = low
    while at < high:
        size = dice.randint(1, 7)
        end = min(at + size, high)
        if depth < 3 and dice.random() < 0.45 and (at, end) != (low, high):
            region = dice.random() < 0.25
            idle = (("unused", 5),) if dice.random() < 0.1 and not region else ()
            box = pen.box(
                "no_grad" if region else dice.choice(("a", "attn", "encoder_block")) + str(at),
                "net.py:31" if region else dice.choice(("", "Linear", "TransformerEncoderLayer")),
                kind="region" if region else "module",
                parent=parent,
                idle=idle,
            )
            found[box] = (at, end)
            found |= _intervals(dice, pen, at, end, box, depth + 1)
        at = end
    return found


def _random_cell(dice: random.Random, pen: Pen, box: int | None, number: int, total: int) -> None:
    chance = dice.random()
    if number == 0 or (chance < 0.08 and box is None):
        pen.cell("input", dice.choice(("x", "input_ids")), box=box, weight=0.0)
    elif chance < 0.16:
        pen.cell("cut", "detach", box=box, notes=(Note(number, "cut", "detach", "net.py:12"),))
    elif chance < 0.19 and number < total - 1:
        pen.cell("exit", ".item()", box=box, notes=(Note(number, "cut", ".item()", "net.py:12"),))
    elif chance < 0.3:
        pen.cell("module", f"m{number}", box=box, squares=tuple(range(dice.randint(0, 20))), tally="3 of 4")
    else:
        leaves = ["weight", "bias", "c_attn", "d", "e"][: dice.choice((0, 0, 0, 1, 2, 2, 3, 5))]
        pen.cell("op", dice.choice(LABELS), *leaves, box=box)
