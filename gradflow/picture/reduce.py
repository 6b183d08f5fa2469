"""From a graph to what a picture shows of it: cells, boxes and wires.

Every use of a value is then in exactly one wire, in one leaf, or inside one cell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import NamedTuple

from gradflow.graph import Edge, Graph, Op
from gradflow.modules import parents
from gradflow.notation import count, file_line, number, printable
from gradflow.picture.cuts import whole_cuts, with_bars
from gradflow.picture.folding import Chain, fold
from gradflow.picture.idle import never_used
from gradflow.picture.labels import again_label, below, chain_label, cut_label, group_label, op_label, value_label
from gradflow.picture.marks import Marks, region_title
from gradflow.picture.opening import Branch, Outline, choose, equal_runs, tree
from gradflow.picture.runs import Status, find_runs, in_runs, with_discs
from gradflow.picture.sketch import Cell, Leaf, Note, Sketch, Wire

_NAMED_AGAIN = 4
_MOST_NOTES = 3
_NAMES_ON_LINES = 24

Tally = Callable[[tuple[int, ...]], str]
Key = tuple[str, int]


class Numbers(NamedTuple):
    """What is written into a picture of single numbers.

    Attributes:
        above: of a value, its number, as ``p = 6``.
        below: of a value, its derivative.
        factors: of a use, the local factor.
        sent: uses along which something came: at one of them the derivative stands.
    """

    above: Mapping[int, str]
    below: Mapping[int, str]
    factors: Mapping[Edge, str]
    sent: Collection[Edge] = ()


def sketch(
    graph: Graph,
    losses: Sequence[tuple[int, str]] = (),
    *,
    notes: Iterable[Note] = (),
    named: Collection[int] = (),
    opened: Collection[str] = (),
    most: int = 40,
    tally: Tally | None = None,
    status: Status | None = None,
    spine: Collection[int] = (),
    numbers: Numbers | None = None,
) -> Sketch:
    """What is drawn of a graph.

    Args:
        graph: the computation.
        losses: ``(value id, label)`` of each loss, in order.
        notes: causes that only a flow knows: where a gradient became zero, undefined or not finite.
        named: ids of ops that an explanation names; other numbers that only leave, as in ``loss.item()``, are left out.
        opened: paths of modules that are drawn open in any case.
        most: how many marks may be visible, about.
        tally: the count below the squares of a closed module, from the ids of its parameters.
        status: what became of each use; uses of different status are never drawn as one line.
        spine: ids of ops that the spine should go through.
        numbers: what is written beside each value and op, in a picture of single numbers.

    >>> from gradflow.graph import Op, Value
    >>> x = Value(0, "x", "input", (2,), "float32", False)
    >>> w = Value(1, "w", "parameter", (2,), "float32", True)
    >>> y = Value(2, None, "intermediate", (2,), "float32", True)
    >>> shown = sketch(Graph((x, w, y), (Op(0, "mul", (0, 1), (2,)),)), [(2, "loss")])
    >>> [(cell.kind, cell.label) for cell in shown.cells], len(shown.wires)
    ([('input', 'x'), ('op', '×'), ('loss', 'loss')], 2)
    """
    drafts = Drafts(
        graph,
        losses,
        notes=notes,
        named=named,
        opened=opened,
        tally=tally,
        status=status,
        spine=spine,
        numbers=numbers,
    )
    return drafts.at(most)


class Drafts:
    """Sketches of one graph that show more or less of it; what they have in common is found out once.

    Args:
        graph, losses, notes, named, opened, tally, status, spine, numbers: as for :func:`sketch`.
    """

    def __init__(
        self,
        graph: Graph,
        losses: Sequence[tuple[int, str]] = (),
        *,
        notes: Iterable[Note] = (),
        named: Collection[int] = (),
        opened: Collection[str] = (),
        tally: Tally | None = None,
        status: Status | None = None,
        spine: Collection[int] = (),
        numbers: Numbers | None = None,
        barred: Collection[Edge] = (),
        closed: Collection[str] = (),
    ) -> None:
        self._graph = graph
        self._losses = tuple(losses)
        self._notes = tuple(notes)
        self._opened = opened
        self._closed = closed
        self._tally = tally
        self._status = status
        self._spine = spine
        self._numbers = numbers
        self._barred = barred
        self._ends = _ends(graph, losses)
        self._cuts = whole_cuts(graph, named)
        self._folding = fold(graph, [value for value, _, _ in self._ends], self._cuts, named)
        self._tree = tree(graph, self._folding.drawn, self._cuts, _is_bare(graph))
        self._by_budget: dict[int, Sketch] = {}
        self._by_outline: dict[Outline, Sketch] = {}

    def at(self, most: int) -> Sketch:
        """What is drawn if about so many marks may be visible; one object for all budgets that show the same."""
        if most not in self._by_budget:
            root = self._tree.copy()
            causes = [*(note.op for note in self._notes), *self._cuts]
            choose(root, most, self._opened, causes, self._closed)
            outline = root.outline()
            if outline not in self._by_outline:
                self._by_outline[outline] = self._drawn(root)
            self._by_budget[most] = self._by_outline[outline]
        return self._by_budget[most]

    def turned(self, opened: Collection[str], closed: Collection[str]) -> Drafts:
        """Sketches of the same graph with other modules open; what both show alike is one object."""
        turned = copy(self)
        turned._opened, turned._closed = opened, closed
        turned._by_budget = {}
        return turned

    def _drawn(self, root: Branch) -> Sketch:
        losses = [value for value, _ in self._losses]
        marks = Marks(self._graph, self._folding, root, self._cuts, losses, self._spine)
        drawn = _Writer(marks, self._ends, self._notes, self._tally, self._status, self._numbers).sketch()
        return with_bars(drawn, self._barred)._replace(whole=root.is_whole())


def _ends(graph: Graph, losses: Sequence[tuple[int, str]]) -> list[tuple[int, str, str]]:
    """Values at which lines end in a box: the losses, and named results that nobody uses."""
    known = {value for value, _ in losses}
    named = [
        (value.id, "end", printable(value.name))
        for value in graph.values
        if value.kind == "intermediate" and value.name and value.id not in known and value.id not in graph.consumers
    ]
    return [*((value, "loss", printable(label)) for value, label in losses), *named]


def _is_bare(graph: Graph) -> Callable[[Branch], bool]:
    """Whether a call has no parameters, its own or others'."""
    parameters = [value for value in graph.values if value.kind == "parameter"]
    owners = {path for value in parameters for path in parents(value.name or "")}
    taking = {op.id for op in graph.ops if any(graph.values[value].kind == "parameter" for value in op.inputs)}
    return lambda branch: branch.path not in owners and taking.isdisjoint(branch.ops())


class _Writer:
    """Writes the cells and wires of a sketch; until they are in order, a cell goes by a key."""

    def __init__(
        self,
        marks: Marks,
        ends: Sequence[tuple[int, str, str]],
        notes: Sequence[Note],
        tally: Tally | None,
        status: Status | None,
        numbers: Numbers | None,
    ) -> None:
        self.marks = marks
        self.graph = marks.graph
        self.ends = ends
        self.notes = notes
        self.tally = tally or (lambda parameters: count(len(parameters), "parameter"))
        self.status = status
        self.numbers = numbers or Numbers({}, {}, {})
        totals = Counter(path for name in self.graph.parameter_names() for path in parents(name))
        self.alone = frozenset(path for path, total in totals.items() if total == 1)
        self.leaves: dict[int, list[Leaf]] = {}
        self.squares: dict[int, set[int]] = {}
        self.borrowed: dict[int, list[int]] = {}
        self.lines: dict[tuple[Key, Key, int, str], list[Edge]] = {}

    def sketch(self) -> Sketch:
        """Cells in the order of execution, boxes, wires and runs."""
        self._hang_sources()
        self._hang_chains()
        self._draw_lines()
        idle = never_used(self.marks, [value for value, _, _ in self.ends])
        for at, values in idle.squares.items():
            self.squares.setdefault(at, set()).update(values)
        cells: list[tuple[float, Key, Cell]] = [
            *((at, ("mark", at), self._mark_cell(at)) for at in range(len(self.marks.marks))),
            *((self._first_use(value) - 0.5, ("value", value), self._source_cell(value)) for value in self._sources()),
            *(
                (self._made(value) + 0.25, ("end", at), self._end_cell(at))
                for at, (value, _, _) in enumerate(self.ends)
            ),
            *((len(self.marks.marks) + at, ("idle", at), cell) for at, cell in enumerate(idle.cells)),
        ]
        cells.sort(key=lambda item: item[0])
        ids = {key: at for at, (_, key, _) in enumerate(cells)}
        placed = tuple(cell._replace(id=at) for at, (_, _, cell) in enumerate(cells))
        runs = find_runs(self.marks, [ids["mark", at] for at in range(len(self.marks.marks))], placed)
        drawn = Sketch(in_runs(placed, runs), idle.boxes, self._wires(ids), runs)
        return with_discs(drawn, [note for note in self.notes if note.mark != "cut"], self.status)

    def _kind_of(self, value: int) -> str:
        return self.graph.values[value].kind

    def _sources(self) -> list[int]:
        """Values that nothing made and that have a cell: they stand for themselves, or are a loss."""
        lone = (value for value, _, _ in self.ends if self.marks.maker(value) is None)
        return sorted(self.marks.standing.union(lone))

    def _first_use(self, value: int) -> float:
        return min((mark for _, mark in self.marks.given.get(value, ())), default=0)

    def _made(self, value: int) -> float:
        maker = self.marks.maker(value)
        return self._first_use(value) - 0.4 if maker is None else self.marks.mark_of[maker]

    def _hang_sources(self) -> None:
        """Put parameters, buffers, constants and inputs on the ops that use them, or into closed modules."""
        for value, uses in self.marks.given.items():
            by_mark: dict[int, list[Edge]] = {}
            for edge, mark in uses:
                by_mark.setdefault(mark, []).append(edge)
            if value in self.marks.standing:
                self._draw_to(("value", value), value, by_mark, value_label(self.graph.values[value]))
                continue
            home = self._home(value, uses)
            for mark, edges in by_mark.items():
                kind, again = self.marks.kind(mark), mark != home and self._kind_of(value) != "constant"
                if kind == "op":
                    self._hang(mark, value, edges, again, "" if again else self._name_elsewhere(value, by_mark))
                elif kind == "module" and self._kind_of(value) == "parameter":
                    if again:
                        self.borrowed.setdefault(mark, []).append(value)
                    else:
                        self.squares.setdefault(mark, set()).add(value)

    def _home(self, value: int, uses: Sequence[tuple[Edge, int]]) -> int:
        """Of the marks that use a value the one where it is drawn: in its own module, or the first with gradients."""
        owner = (self.graph.values[value].name or "").rpartition(".")[0]
        ops = [self.graph.ops[edge.op] for edge, _ in uses]
        order = [(not owner or op.module != owner, not op.grad_enabled, at) for at, op in enumerate(ops)]
        return uses[min(order)[2]][1]

    def _name_elsewhere(self, value: int, marks: Collection[int]) -> str:
        """What a parameter of a module is called where that is called again."""
        name = self.graph.values[value].name
        if not name or len(marks) < 2:
            return ""
        around = [self.marks.around(self.marks.marks[at].box) for at in marks if self.marks.kind(at) == "op"]
        alike = len(around) > 1 and len({boxes[:1] for boxes in around}) == 1
        return again_label(name, self.alone, *around[0]) if alike and around[0] else ""

    def _hang(self, mark: int, value: int, edges: Sequence[Edge], again: bool, room: str = "") -> None:
        """Put a value on an op; uses of different status hang there separately."""
        given = self.graph.values[value]
        around = self.marks.around(self.marks.marks[mark].box)
        kind = "input" if given.kind == "intermediate" else given.kind
        for alike in self._by_status(edges).values():
            name = printable(below(given.name, *around)) if given.name else value_label(given)
            self.leaves.setdefault(mark, []).append(
                Leaf(
                    value,
                    kind,
                    again_label(given.name or name, self.alone, *around) if again else name,
                    tuple(alike),
                    again=again,
                    above="" if again else self.numbers.above.get(value, ""),
                    below="" if again else self.numbers.below.get(value, ""),
                    factor=self._factor_of(alike),
                    room=room,
                )
            )
            again, room = True, ""

    def _by_status(self, edges: Iterable[Edge]) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {}
        for edge in edges:
            found.setdefault(self._status(edge), []).append(edge)
        return found

    def _status(self, edge: Edge) -> str:
        return str(self.graph.values[edge.value].requires_grad) if self.status is None else self.status(edge)

    def _hang_chains(self) -> None:
        """Put views of inputs on the ops that use them, and a word where a number comes back."""
        for op, chains in self.marks.folding.chains.items():
            mark = self.marks.mark_of[op]
            for chain in chains if self.marks.kind(mark) == "op" else ():
                label = chain_label(self.graph, self.graph.values[chain.source], chain.ops)
                self.leaves.setdefault(mark, []).append(Leaf(chain.source, "input", label, chain.edges))
        for at, (ops, _, _) in enumerate(self.marks.marks):
            if self.marks.kind(at) == "op":
                numbers = (self._number(exit_) for exit_ in self.graph.ops[ops[0]].reenters or ())
                self.leaves.setdefault(at, []).extend(dict.fromkeys(numbers))

    def _number(self, exit_: int) -> Leaf:
        """What left PyTorch at an op, as a plain number where it comes back."""
        left = [self.graph.values[value] for value in self.graph.ops[exit_].inputs]
        if len(left) != 1 or left[0].scalar is None:
            return Leaf(-1, "number", "a number", ())
        return Leaf(-1, "number", number(left[0].scalar).replace("-", "−"), (), detail="a Python number")

    def _draw_lines(self) -> None:
        """Lines for the values that ops made, and into the ends."""
        uses: dict[int, dict[int, list[Edge]]] = {}
        for edge in self.graph.edges():
            maker, target = self.marks.maker(edge.value), self.marks.mark_of.get(edge.op)
            if maker is None or target is None or edge in self.marks.chained:
                continue
            if self.marks.mark_of[maker] != target:
                uses.setdefault(edge.value, {}).setdefault(target, []).append(edge)
        for value, by_mark in uses.items():
            maker = self.graph.producers[value]
            label = printable(self.graph.values[value].name or op_label(self.graph.ops[maker]))
            self._draw_to(("mark", self.marks.mark_of[maker]), value, by_mark, label)
        for at, (value, _, _) in enumerate(self.ends):
            made = self.marks.maker(value)
            source = ("value", value) if made is None else ("mark", self.marks.mark_of[made])
            self.lines[source, ("end", at), value, ""] = []

    def _draw_to(self, source: Key, value: int, by_mark: Mapping[int, list[Edge]], label: str) -> None:
        """Lines from a value to the marks that use it; data that goes everywhere is drawn once, then named."""
        everywhere = value in self.marks.folding.data and value != self.marks.begin and len(by_mark) >= _NAMED_AGAIN
        for at, (mark, edges) in enumerate(by_mark.items()):
            kind = self.marks.kind(mark)
            if everywhere and at and kind in ("op", "module"):
                word = "input" if kind == "op" else "constant"
                self.leaves.setdefault(mark, []).append(Leaf(value, word, f"= {label}", tuple(edges), again=True))
            else:
                for status, alike in self._by_status(edges).items():
                    self.lines[source, ("mark", mark), value, status] = alike

    def _mark_cell(self, at: int) -> Cell:
        mark = self.marks.marks[at]
        leaves = sorted(self.leaves.get(at, ()), key=_leaf_order)
        weight = sum(self.marks.weights[op] for op in mark.ops)
        if mark.branch is not None:
            return self._closed_cell(at, mark.branch, tuple(leaves), weight)
        op, kind = self.graph.ops[mark.ops[0]], self.marks.kind(at)
        group = self.marks.folding.groups.get(op.id)
        chains = [each for chain in self._chains(op.id) for each in chain.ops]
        return Cell(
            at,
            kind,
            group_label(op, len(group)) if group else op_label(op),
            group or (op.id, *chains),
            box=mark.box,
            leaves=tuple(leaves),
            notes=self._op_notes(op, kind),
            weight=weight,
            factor=self._factor(at),
        )

    def _chains(self, op: int) -> tuple[Chain, ...]:
        return self.marks.folding.chains.get(op, ())

    def _op_notes(self, op: Op, kind: str) -> tuple[Note, ...]:
        if kind in ("cut", "exit"):
            return (Note(op.id, "cut", cut_label(op), file_line(op.source)),)
        return tuple(note for note in self.notes if note.op == op.id and not self._is_told(note))

    def _is_told(self, note: Note) -> bool:
        """Whether the frame of a region says what a note says."""
        return note.mark == "cut" and note.op in self.marks.regions

    def _factor(self, at: int) -> str:
        """The local factor of an op into which one line goes."""
        lines = [edges for (_, target, _, _), edges in self.lines.items() if target == ("mark", at)]
        return self._factor_of(lines[0]) if len(lines) == 1 else ""

    def _factor_of(self, edges: Sequence[Edge]) -> str:
        """The local factor along a line: of each of its uses, where an op takes one value more than once."""
        factors = [self.numbers.factors.get(edge, "") for edge in edges]
        if not factors or not all(factors):
            return ""
        if len(factors) > 1 and len(set(factors)) == 1:
            return f"{factors[0]} twice" if len(factors) == 2 else f"{factors[0]} {len(factors)} times"
        return " and ".join(factors)

    def _closed_cell(self, at: int, branch: Branch, leaves: tuple[Leaf, ...], weight: float) -> Cell:
        mark = self.marks.marks[at]
        hosted = [each for op in mark.ops for chain in self._chains(op) for each in chain.ops]
        grouped = [each for op in mark.ops for each in self.marks.folding.groups.get(op, ())]
        ops = tuple(sorted({*mark.ops, *hosted, *grouped}))
        label, detail = self._closed_title(branch, self.marks.around(mark.box), len(ops))
        squares = tuple(sorted(self.squares.get(at, ())))
        return Cell(
            at,
            "module",
            label,
            ops,
            box=mark.box,
            leaves=leaves,
            notes=self._notes_inside(branch),
            squares=squares,
            tally=self._tally(squares, self.borrowed.get(at, ()), len(ops), self.marks.around(mark.box)),
            weight=weight,
            path=branch.path or next((inside.path for inside in branch.branches() if branch.kind == "run"), ""),
            detail=detail,
        )

    def _closed_title(self, branch: Branch, around: Sequence[str], total: int) -> tuple[str, str]:
        if branch.kind == "call":
            return printable(below(branch.path, *around)), ""
        runs = equal_runs(branch.children, lambda child: False)
        names = [printable(self._child_label(child, around)) for child in (branch.children[0], branch.children[-1])]
        if runs == [(0, len(branch.children))]:
            return " – ".join(names), count(len(branch.children), "block")
        return " … ".join(names), count(total, "op")

    def _child_label(self, child: Branch | int, around: Sequence[str]) -> str:
        return op_label(self.graph.ops[child]) if isinstance(child, int) else below(child.path, *around)

    def _tally(self, squares: tuple[int, ...], borrowed: Sequence[int], ops: int, around: Sequence[str]) -> str:
        if squares:
            return self.tally(squares)
        if borrowed:
            borrowed_names = (self.graph.values[value].name or "" for value in borrowed)
            labels = dict.fromkeys(again_label(name, self.alone, *around) for name in borrowed_names)
            return next(iter(labels)) + (" …" if len(labels) > 1 else "")
        return count(ops, "op")

    def _notes_inside(self, branch: Branch) -> tuple[Note, ...]:
        """The causes inside a closed branch, each once; those of a region that is drawn around it are told there."""
        inside = frozenset(branch.ops())
        regions = {
            op: region_title(self.graph, region)
            for region in branch.branches()
            if region.kind == "region"
            for op in region.ops()
        }
        found: dict[tuple[str, str], Note] = {}
        for op in sorted(inside & self.marks.cuts - self.marks.regions.keys()):
            title, source = regions.get(op) or (cut_label(self.graph.ops[op]), file_line(self.graph.ops[op].source))
            found.setdefault((title, source), Note(op, "cut", title, source))
        for note in self.notes:
            if note.op in inside and not self._is_told(note) and not (note.mark == "cut" and note.op in regions):
                found.setdefault((note.title, note.source), note)
        notes = list(found.values())
        if len(notes) > _MOST_NOTES:
            rest = len(notes) - _MOST_NOTES + 1
            notes[_MOST_NOTES - 1 :] = [notes[_MOST_NOTES - 1]._replace(title=f"… {rest} more", source="")]
        return tuple(notes)

    def _source_cell(self, value: int) -> Cell:
        given = self.graph.values[value]
        boxes = {self.marks.marks[mark].box for _, mark in self.marks.given.get(value, ())}
        box = boxes.pop() if len(boxes) == 1 and given.kind != "input" else None
        kind = given.kind if given.kind in ("parameter", "constant") else "input"
        return Cell(
            value,
            kind,
            printable(below(given.name, *self.marks.around(box))) if given.name else value_label(given),
            value=value,
            box=box,
            weight=0.5 if value == self.marks.begin else 0.0,
            above=self.numbers.above.get(value, ""),
            below=self.numbers.below.get(value, ""),
        )

    def _end_cell(self, at: int) -> Cell:
        value, kind, label = self.ends[at]
        above, below_it = self.numbers.above.get(value, ""), self.numbers.below.get(value, "")
        return Cell(at, kind, label, value=value, weight=0.0, above=above, below=below_it)

    def _wires(self, ids: Mapping[Key, int]) -> tuple[Wire, ...]:
        """The lines as wires; several values between equal cells are one."""
        found: dict[tuple[int, int, str, int], list[tuple[int, list[Edge]]]] = {}
        for (source, target, value, status), edges in self.lines.items():
            bundled = source[0] == target[0] == "mark" and self._are_alike(source[1], target[1])
            key = (ids[target], ids[source], status, -1 if bundled else value)
            found.setdefault(key, []).append((value, edges))
        wires: list[Wire] = []
        named: set[int] = set()
        for (end, start, _, _), members in sorted(found.items(), key=lambda item: (item[0][:2], item[1][0][0])):
            values = tuple(dict.fromkeys(value for value, _ in members))
            joined = tuple(edge for _, some in members for edge in some)
            wires.append(Wire(values[0], start, end, joined, values=values if len(values) > 1 else ()))
        is_end = {ids["end", at] for at in range(len(self.ends))}
        for at in sorted(range(len(wires)), key=lambda at: not self._is_sent(wires[at])):
            wire = wires[at]
            if wire.target in is_end or wire.value in named or wire.values or wire.value in self.marks.standing:
                continue
            named.add(wire.value)
            wires[at] = wire._replace(
                above=self._name(wire.value, len(ids)), below=self.numbers.below.get(wire.value, "")
            )
        return tuple(wires)

    def _is_sent(self, wire: Wire) -> bool:
        return any(edge in self.numbers.sent for edge in wire.edges)

    def _name(self, value: int, cells: int) -> str:
        """What is written above the line of a value: its number, or the name that it was given."""
        if value in self.numbers.above:
            return self.numbers.above[value]
        given = self.graph.values[value]
        if cells > _NAMES_ON_LINES or given.kind != "intermediate" or any(value == end for end, _, _ in self.ends):
            return ""
        return printable(given.name or "")

    def _are_alike(self, one: int, other: int) -> bool:
        kinds = {self.marks.kind(one), self.marks.kind(other)}
        if kinds == {"module"}:
            return True
        labels = {op_label(self.graph.ops[self.marks.marks[mark].ops[0]]) for mark in (one, other)}
        return kinds == {"op"} and len(labels) == 1


def _leaf_order(leaf: Leaf) -> tuple[bool, int]:
    """Parameters before other values, in the order in which the op takes them."""
    return leaf.kind != "parameter", leaf.edges[-1].position if leaf.edges else 99
