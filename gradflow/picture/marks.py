"""What in a picture stands for which op, and which values stand for themselves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import NamedTuple

from gradflow.graph import Edge, Graph
from gradflow.notation import file_line, printable
from gradflow.picture.folding import Folding
from gradflow.picture.labels import below
from gradflow.picture.opening import Branch
from gradflow.picture.sketch import Box

SMALL = 12
_FEW = 3
_ON_SPINE = 1000.0
_DATA_WEIGHT = 0.001
_CUT_WEIGHT = -6.0
"""The spine goes around a cut where there is a way of some weight."""
_PREFERRED = ("input", "parameter", "buffer", "constant", "intermediate")


class Mark(NamedTuple):
    """What becomes a cell: an op, or a closed branch, in a box."""

    ops: tuple[int, ...]
    branch: Branch | None
    box: int | None


class Marks:
    """The marks of a picture, and what follows from them for the values.

    Attributes:
        graph: the computation.
        folding: which of its ops have no mark of their own.
        cuts: ids of the ops that cut a gradient.
        losses: ids of the values of the losses.
        spine: ids of ops that the spine should go through.
        marks: in the order of execution.
        boxes: around them, outer ones first.
        regions: of the ops in an open region, its mode and line.
        mark_of: the mark that stands for each op; ops that are not drawn are absent.
    """

    def __init__(
        self,
        graph: Graph,
        folding: Folding,
        root: Branch,
        cuts: Collection[int],
        losses: Sequence[int],
        spine: Collection[int] = (),
    ) -> None:
        self.graph = graph
        self.folding = folding
        self.cuts = frozenset(cuts)
        self.losses = tuple(losses)
        self.spine = frozenset(spine)
        self.marks: list[Mark] = []
        self.boxes: list[Box] = []
        self.regions: dict[int, tuple[str, str]] = {}
        self._wrappers = root.wrappers
        self._walk(root, None)
        self.mark_of = {op: at for at, mark in enumerate(self.marks) for op in mark.ops}
        self.mark_of |= {op: self.mark_of[host] for op, host in folding.hosts.items()}

    def _walk(self, branch: Branch, box: int | None) -> None:
        for child in branch.children:
            if not isinstance(child, Branch):
                self.marks.append(Mark((child,), None, box))
            elif not child.open:
                self.marks.append(Mark(tuple(child.ops()), child, box))
            else:
                self.boxes.append(self._frame(child, box))
                self._walk(child, self.boxes[-1].id)

    def _frame(self, branch: Branch, box: int | None) -> Box:
        if branch.kind == "call":
            name = printable(below(branch.path, *self.around(box)))
            return Box(len(self.boxes), "module", name, printable(branch.type), box, branch.path)
        mode, source = region_title(self.graph, branch)
        self.regions.update(dict.fromkeys(branch.ops(), (mode, source)))
        return Box(len(self.boxes), "region", mode, source, box)

    def around(self, box: int | None) -> tuple[str, ...]:
        """Paths of the modules around what is in a box, inner ones first, those without a frame included."""
        paths: list[str] = []
        while box is not None:
            paths.append(self.boxes[box].path)
            box = self.boxes[box].parent
        return (*filter(None, paths), *self._wrappers)

    def kind(self, mark: int) -> str:
        """The kind of cell that a mark becomes."""
        ops, branch, _ = self.marks[mark]
        if branch is not None:
            return "module"
        op = self.graph.ops[ops[0]]
        if op.id in self.folding.groups:
            return "group"
        if op.id not in self.cuts or op.id in self.regions:
            return "op"
        return "cut" if op.outputs else "exit"

    def maker(self, value: int) -> int | None:
        """The op in the picture that made a value, or None."""
        op = self.graph.producers.get(value)
        return op if op in self.mark_of else None

    @cached_property
    def weights(self) -> dict[int, float]:
        """How much each op counts for the spine."""
        return {op: self._weight(op) for op in self.mark_of}

    def _weight(self, op: int) -> float:
        given = self.graph.ops[op]
        if op in self.spine:
            return _ON_SPINE
        if op in self.cuts:
            return _CUT_WEIGHT
        if self.folding.data.issuperset(given.inputs) and self.folding.data.issuperset(given.outputs):
            return _DATA_WEIGHT
        values = (self.graph.values[value] for value in dict.fromkeys(given.inputs))
        return 1.0 + 2.0 * sum(value.kind == "parameter" and value.requires_grad for value in values)

    @cached_property
    def chained(self) -> dict[Edge, int]:
        """The uses in chains that hang on an op's mark as leaves, with that op."""
        return {
            edge: op
            for op, chains in self.folding.chains.items()
            if self.kind(self.mark_of[op]) == "op"
            for chain in chains
            for edge in chain.edges
        }

    @cached_property
    def given(self) -> dict[int, list[tuple[Edge, int]]]:
        """The uses, with their marks, of each value that nothing in the picture made; chains on an op left out."""
        found: dict[int, list[tuple[Edge, int]]] = {}
        for edge in self.graph.edges():
            if edge.op in self.mark_of and edge not in self.chained and self.maker(edge.value) is None:
                found.setdefault(edge.value, []).append((edge, self.mark_of[edge.op]))
        return found

    @cached_property
    def standing(self) -> frozenset[int]:
        """Ids of the values that nothing made and that have a cell of their own."""
        return frozenset(value for value in self.given if self._stands(value))

    def _stands(self, value: int) -> bool:
        uses = self.given[value]
        kinds = {self.kind(mark) for _, mark in uses}
        small = len(self.marks) <= SMALL
        kind = self.graph.values[value].kind
        if value in self.losses or not kinds.isdisjoint(("cut", "exit")):
            return True
        if kind == "parameter":
            loose = "." not in (self.graph.values[value].name or "") and len({mark for _, mark in uses}) <= _FEW
            return (small or loose) and value == self.begin and kinds == {"op"}
        if kind != "input":
            return False
        if value == self.begin or kinds != {"op"} or (small and len({mark for _, mark in uses}) > 1):
            return True
        return not all(self.is_beside(edge) for edge, _ in uses)

    def is_beside(self, edge: Edge) -> bool:
        """Whether the op also uses something that comes in on a line and has more to do with it than data has."""
        others = (value for at, value in enumerate(self.graph.ops[edge.op].inputs) if at != edge.position)
        return any(value == self.begin or self._is_computed(value) for value in others)

    def _is_computed(self, value: int) -> bool:
        return value not in self.folding.data and self.maker(value) is not None

    @cached_property
    def begin(self) -> int | None:
        """The value that the spine begins with."""
        op = self._first_on_spine()
        if op is None:
            return None
        given = (value for value in self.graph.ops[op].inputs if self.maker(value) is None)
        return min(given, key=lambda value: _PREFERRED.index(self.graph.values[value].kind), default=None)

    def _first_on_spine(self) -> int | None:
        """The op at which the heaviest path to the first loss begins; of equal ones the earliest."""
        best: dict[int, float] = {}
        before: dict[int, int | None] = {}
        for op in sorted(self.mark_of):
            makers = [maker for value in self.graph.ops[op].inputs if (maker := self.maker(value)) is not None]
            heaviest = max(makers, key=lambda maker: (best[maker], -maker), default=None)
            before[op] = heaviest
            best[op] = self.weights[op] + (0.0 if heaviest is None else best[heaviest])
        at = self.maker(self.losses[0]) if self.losses else max(best, key=lambda op: (best[op], -op), default=None)
        while at is not None and before[at] is not None:
            at = before[at]
        return at


def region_title(graph: Graph, branch: Branch) -> tuple[str, str]:
    """The mode of a region, and the line of its first op."""
    first = graph.ops[next(branch.ops())]
    return first.grad_mode, file_line(first.source)
