"""Which modules are drawn open: the tree of calls, regions with gradients off, and a budget of marks.

A call is an interval of time, and intervals nest. So every branch of the tree is an interval too, and drawing one
as a single mark never closes a cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from gradflow.graph import Call, Graph

MOST_EQUAL = 24
_WRAPS = 0.8
_SMALL = 24
_KEPT = 3
_MOST_CAUSES = 12
_A_ROW = 4

Outline = tuple[object, ...]


@dataclass(eq=False)
class Branch:
    """An interval of the trace.

    Attributes:
        kind: ``call``, ``region`` (gradients off), ``run`` (equal blocks), ``fold`` (neighbours, to save room) or
            ``root``.
        children: branches, and ids of ops, in order.
        call: of a call.
        open: whether its children are drawn.
        wrappers: of the root, paths of the modules around nearly everything, whose frames are left out; inner first.
    """

    kind: str
    children: list[Branch | int] = field(default_factory=list)
    call: Call | None = None
    open: bool = False
    wrappers: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The dotted path of the module; of other branches ``""``."""
        return self.call.module if self.call else ""

    @property
    def type(self) -> str:
        """The class of the module; of other branches ``""``."""
        return self.call.type if self.call else ""

    def ops(self) -> Iterator[int]:
        """Ids of the ops inside, in order."""
        for child in self.children:
            if isinstance(child, Branch):
                yield from child.ops()
            else:
                yield child

    def branches(self) -> Iterator[Branch]:
        """Every branch inside, outer ones first."""
        for child in self.children:
            if isinstance(child, Branch):
                yield child
                yield from child.branches()

    def copy(self) -> Branch:
        """The same tree, to be opened differently."""
        children = [child.copy() if isinstance(child, Branch) else child for child in self.children]
        return Branch(self.kind, children, self.call, self.open, self.wrappers)

    def shown(self) -> Iterator[Branch | int]:
        """What is drawn of it: ops and closed branches, in order."""
        for child in self.children:
            if isinstance(child, Branch) and child.open:
                yield from child.shown()
            else:
                yield child

    def outline(self) -> Outline:
        """What tells how the tree is opened from other ways to open it: what is drawn, in brackets per open branch."""
        return tuple(
            child if isinstance(child, int) else child.outline() if child.open else (child.kind, *child.ends())
            for child in self.children
        )

    def ends(self) -> tuple[int, int]:
        """Ids of the first and the last op inside."""
        first: Branch | int = self
        last: Branch | int = self
        while isinstance(first, Branch):
            first = first.children[0]
        while isinstance(last, Branch):
            last = last.children[-1]
        return first, last

    def is_whole(self) -> bool:
        """Whether every op is drawn that is not in a run of equal blocks."""
        return all(isinstance(child, int) or child.kind == "run" for child in self.shown())


def tree(graph: Graph, ops: Sequence[int], cuts: Collection[int], bare: Callable[[Branch], bool]) -> Branch:
    """The calls and regions around the given ops.

    Args:
        graph: the computation.
        ops: ids of the ops that are drawn, in order.
        cuts: ids of the ops that cut a gradient.
        bare: whether nothing but its ops is to be shown of a call, so that one with a single op is that op.
    """
    root = _calls(graph, ops)
    _flatten(root, bare)
    _drop_wrappers(root)
    _mark_regions(root, graph, frozenset(cuts))
    return root


def choose(
    root: Branch,
    most: int,
    opened: Collection[str] = (),
    causes: Sequence[int] = (),
    closed: Collection[str] = (),
) -> None:
    """Open branches from outside in while at most so many marks are shown; equal modules open together.

    Beside a row of equal blocks that stay closed others stay closed, too, so that they are read as one row.

    Args:
        root: the tree; it is changed.
        most: the budget of marks.
        opened: paths of modules that are opened in any case, as are those around them.
        causes: ids of ops that should be seen, the most important first: modules with one inside open first. In a
            region the frame says it, and of very many only the first count.
        closed: paths of modules that stay closed, but for those that are opened in any case.
    """
    root.open = True
    wanted, needed = set(opened), _pressing(root, causes)
    holding = {branch: not needed.isdisjoint(branch.ops()) for branch in root.branches()} if needed else {}
    _join_equal(root, wanted, holding)
    for branch in root.branches():
        branch.open = branch.kind == "region" or _is_wanted(branch, wanted)
    around = {child: branch for branch in (root, *root.branches()) for child in branch.children}
    marks = sum(1 for _ in root.shown())
    in_rows = _in_rows(root)
    rows: set[Branch] = set()
    for members in _groups(root, holding, in_rows):
        visible = [branch for branch in members if _is_visible(branch, around) and branch.path not in closed]
        more = sum(_marks_inside(branch) - 1 for branch in visible)
        holds = any(holding.get(branch, False) for branch in visible)
        beside = not holds and any(around[branch] in rows for branch in visible)
        if visible and marks + more <= most and not beside:
            marks += more
            for branch in visible:
                branch.open = True
        elif not beside:
            rows |= {around[branch] for branch in visible if branch in in_rows}
    _fold(root, marks - most, lambda child: _must_show(child, wanted, needed, holding))


def _pressing(root: Branch, causes: Iterable[int]) -> set[int]:
    told = {op for branch in root.branches() if branch.kind == "region" for op in branch.ops()}
    return set([op for op in dict.fromkeys(causes) if op not in told][:_MOST_CAUSES])


def _calls(graph: Graph, ops: Iterable[int]) -> Branch:
    """The tree of calls; a call that goes on after another one has begun is two branches."""
    root = Branch("root", open=True)
    stack = [root]
    for op in ops:
        around = _around(graph, graph.ops[op].call)
        depth = 1
        while depth < min(len(stack), len(around) + 1) and stack[depth].call is around[depth - 1]:
            depth += 1
        del stack[depth:]
        for call in around[depth - 1 :]:
            branch = Branch("call", call=call)
            stack[-1].children.append(branch)
            stack.append(branch)
        stack[-1].children.append(op)
    return root


def _around(graph: Graph, call: int | None) -> list[Call]:
    """The calls around an op, outermost first."""
    calls: list[Call] = []
    while call is not None:
        calls.append(graph.calls[call])
        call = graph.calls[call].parent
    return calls[::-1]


def _flatten(branch: Branch, bare: Callable[[Branch], bool]) -> None:
    """Put the content of nameless calls, and the op of calls that are nothing else, in their place."""
    children: list[Branch | int] = []
    for child in branch.children:
        if isinstance(child, Branch):
            _flatten(child, bare)
            if not child.path or (len(child.children) == 1 and bare(child)):
                children += child.children
                continue
        children.append(child)
    branch.children = children


def _drop_wrappers(root: Branch) -> None:
    """Take the frame off what is around nearly everything."""
    total = sum(1 for _ in root.ops())
    while True:
        calls = [child for child in root.children if isinstance(child, Branch)]
        inside = [child for child in calls if any(isinstance(part, Branch) for part in child.children)]
        wrapper = next((child for child in inside if _wraps(child, calls, total)), None)
        if wrapper is None:
            return
        root.wrappers = (wrapper.path, *root.wrappers)
        at = root.children.index(wrapper)
        root.children[at : at + 1] = wrapper.children


def _wraps(branch: Branch, siblings: Sequence[Branch], total: int) -> bool:
    if len(siblings) > 1 and total <= _SMALL:
        return False
    share = sum(1 for _ in branch.ops()) / total
    return share > _WRAPS or (len(siblings) == 1 and share > 0.5)


def _mark_regions(branch: Branch, graph: Graph, cuts: frozenset[int]) -> None:
    """Put neighbours that ran with gradients off into a region, if one of them cuts."""
    children: list[Branch | int] = []
    for mode, group in groupby(branch.children, lambda child: _mode(child, graph)):
        members = list(group)
        if mode is None or mode == "grad":
            for member in members:
                if isinstance(member, Branch):
                    _mark_regions(member, graph, cuts)
            children += members
            continue
        region = Branch("region", members, open=True)
        if cuts.isdisjoint(region.ops()):
            children += members
        else:
            children.append(region)
    branch.children = children


def _mode(child: Branch | int, graph: Graph) -> str | None:
    """The gradient mode of an op, or of everything in a branch; None if there are several."""
    if isinstance(child, int):
        return graph.ops[child].grad_mode if not graph.ops[child].grad_enabled else "grad"
    modes = {_mode(part, graph) for part in child.children}
    return modes.pop() if len(modes) == 1 else None


def _is_wanted(branch: Branch, wanted: set[str]) -> bool:
    """Whether a module, or one inside it, is asked for by its path."""
    return branch.path in wanted or any(inside.path in wanted for inside in branch.branches()) if wanted else False


def _join_equal(branch: Branch, wanted: set[str], holding: dict[Branch, bool]) -> None:
    """Put long runs of equal blocks without a cause into one branch."""
    runs = equal_runs(branch.children, lambda child: holding.get(child, False) or _is_wanted(child, wanted))
    for first, last in reversed(runs):
        if last - first > MOST_EQUAL:
            run = Branch("run", branch.children[first:last])
            branch.children[first:last] = [run]
            holding[run] = False
    for child in branch.children:
        if isinstance(child, Branch) and child.kind != "run":
            _join_equal(child, wanted, holding)


def equal_runs(children: Sequence[Branch | int], apart: Callable[[Branch], bool]) -> list[tuple[int, int]]:
    """First and one past the last of neighbours that are calls of one class, numbered one after the other."""
    runs: list[tuple[int, int]] = []
    for at, child in enumerate(children):
        if not isinstance(child, Branch) or child.kind != "call" or apart(child):
            continue
        if runs and runs[-1][1] == at and _follows(children[at - 1], child):
            runs[-1] = (runs[-1][0], at + 1)
        else:
            runs.append((at, at + 1))
    return runs


def _follows(before: Branch | int, branch: Branch) -> bool:
    """Whether one block is the next after another: the same class, and a number that is one higher."""
    if not isinstance(before, Branch) or before.type != branch.type:
        return False
    stem, _, number = branch.path.rpartition(".")
    stem_before, _, number_before = before.path.rpartition(".")
    numbers = number.isdecimal() and number_before.isdecimal()
    return numbers and stem == stem_before and int(number) == int(number_before) + 1


def _in_rows(root: Branch) -> set[Branch]:
    """The blocks that stand in a row of many equal ones."""
    found: set[Branch] = set()
    for holder in (root, *root.branches()):
        for first, last in equal_runs(holder.children, lambda child: False):
            if last - first >= _A_ROW:
                found |= {child for child in holder.children[first:last] if isinstance(child, Branch)}
        found |= {child for child in holder.children if isinstance(child, Branch) and child.kind == "run"}
    return found


def _groups(root: Branch, holding: dict[Branch, bool], in_rows: set[Branch]) -> list[list[Branch]]:
    """Closed calls of one depth and class, with and without causes apart.

    Those with causes come first, then outer ones, and of those of one depth the ones that stand in rows.
    """
    groups: dict[tuple[bool, int, bool, str], list[Branch]] = {}

    def collect(branch: Branch, depth: int) -> None:
        for child in branch.children:
            if not isinstance(child, Branch):
                continue
            if child.kind == "call" and not child.open:
                key = not holding.get(child, False), depth, child not in in_rows, child.type
                groups.setdefault(key, []).append(child)
            if child.kind != "run":
                collect(child, depth + (child.kind == "call"))

    collect(root, 0)
    return [groups[key] for key in sorted(groups, key=lambda key: key[:3])]


def _is_visible(branch: Branch, around: dict[Branch | int, Branch]) -> bool:
    """Whether everything around a branch is open."""
    at: Branch | None = around.get(branch)
    while at is not None and at.open:
        if at.kind == "root":
            return True
        at = around.get(at)
    return False


def _marks_inside(branch: Branch) -> int:
    """How many marks a branch shows once it is open."""
    nested = (child.shown() if isinstance(child, Branch) and child.open else (child,) for child in branch.children)
    return sum(1 for shown in nested for _ in shown)


def _fold(root: Branch, excess: int, stays: Callable[[Branch | int], bool]) -> None:
    """Where there are still too many marks, put neighbours in the middle of the longest lists into one each."""
    holders = [root, *(branch for branch in root.branches() if branch.open)]
    holders = [holder for holder in holders if len(holder.children) > 3 * _KEPT]
    for holder in sorted(holders, key=lambda holder: -len(holder.children)):
        if excess <= 0:
            return
        last = len(holder.children) - _KEPT
        stretches: list[list[int]] = []
        for at in range(_KEPT, last):
            if stays(holder.children[at]):
                continue
            if stretches and stretches[-1][-1] == at - 1:
                stretches[-1].append(at)
            else:
                stretches.append([at])
        for stretch in sorted(stretches, key=len, reverse=True):
            if excess <= 0 or len(stretch) < 3:
                break
            excess -= len(stretch) - 1
            members = [holder.children[at] for at in stretch]
            for at in stretch:
                holder.children[at] = -1
            holder.children[stretch[0]] = Branch("fold", members)
        holder.children = [child for child in holder.children if child != -1]


def _must_show(child: Branch | int, wanted: set[str], needed: set[int], holding: dict[Branch, bool]) -> bool:
    """Whether a child stays by itself: it is open, asked for, or has a cause inside."""
    if isinstance(child, int):
        return child in needed
    return child.open or holding.get(child, False) or _is_wanted(child, wanted)
