"""The ops of a graph in the order of execution, one line for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from gradflow.flow import Flow
from gradflow.fold import MUST, Branch, visible
from gradflow.graph import Call, Edge, Graph, Op, Value
from gradflow.notation import WIDTH, arrival, count, crop, number, printable, span, table, type_name, width

MOST_OPS = 60
LEAST_OPS = 8

CallTree = Branch[Call | None, Op]
ShownOp = tuple[tuple[CallTree, ...], Op | CallTree]


class Row(NamedTuple):
    """One line: an op, a closed module, or several ops left out."""

    module: str
    value: str
    operation: str
    mark: str
    back: str | tuple[str, ...]
    source: str
    code: str


def listing(
    graph: Graph,
    flow: Flow | None = None,
    marks: Mapping[int, str] | None = None,
    reached: Mapping[str, bool] | None = None,
    opened: Iterable[str] = (),
) -> list[str]:
    """The ops as lines; modules are closed where there are too many ops for a screen.

    Args:
        graph: the computation.
        flow: also say what came back along each edge.
        marks: what to put beside an op, by its id; marked ops are not left out.
        reached: whether a gradient reached each parameter, for the lines of closed modules.
        opened: paths of modules to open in any case.
    """
    writer = _Writer(graph, flow, marks or {}, reached)
    asked = set(opened)
    items = visible(_tree(graph, writer.marks, asked), MOST_OPS, LEAST_OPS)
    if len(items) > MOST_OPS:
        items = _without_middle(items, writer.marks, asked)
    return _aligned(list(_rows(items, writer)))


def reference(value: Value, module: str = "") -> str:
    """How a value is called: its name, from the dot on where the module says the rest, or ``%id``.

    >>> weight = Value(3, "a.weight", "parameter", (), "float32", True)
    >>> reference(weight), reference(weight, "a"), reference(weight._replace(name=None))
    ('a.weight', '.weight', '%3')
    """
    if value.name is None:
        return f"%{value.id}"
    inside = module and value.name.startswith(module + ".")
    return crop(printable(value.name[len(module) :] if inside else value.name), 40)


def typed(value: Value) -> str:
    """A value with its type, and its number if it has one element.

    >>> typed(Value(3, "w", "parameter", (), "float32", True, 2.5)), typed(Value(4, None, "input", (2,), "bool", False))
    ('w: f32[] = 2.5', '%4: bool[2]')
    """
    is_number = "" if value.scalar is None else f" = {number(value.scalar)}"
    return f"{reference(value)}: {type_name(value.dtype, value.shape)}{is_number}"


def _tree(graph: Graph, marks: Mapping[int, str], opened: set[str]) -> CallTree:
    root = CallTree(None)
    for op in graph.ops:
        place = root
        for call in _calls_around(graph, op):
            last = place.children[-1] if place.children else None
            if not isinstance(last, Branch) or last.key is not call:
                last = CallTree(call)
                place.children.append(last)
            place = last
        place.children.append(op)
    _rank(root, marks, opened)
    return root


def _calls_around(graph: Graph, op: Op) -> list[Call]:
    calls: list[Call] = []
    at = op.call
    while at is not None:
        calls.append(graph.calls[at])
        at = graph.calls[at].parent
    return calls[::-1]


def _rank(branch: CallTree, marks: Mapping[int, str], opened: set[str]) -> None:
    """Give each branch its rank, and put an op that is alone in its branch in the place of the branch."""
    for index, child in enumerate(branch.children):
        if isinstance(child, Branch):
            _rank(child, marks, opened)
            branch.rank = max(branch.rank, child.rank)
            if len(child.children) == 1 and not isinstance(child.children[0], Branch):
                branch.children[index] = child.children[0]
        elif child.id in marks:
            branch.rank = max(branch.rank, 1)
    if branch.key is not None and branch.key.module in opened:
        branch.rank = MUST


def _without_middle(items: Sequence[ShownOp], marks: Mapping[int, str], asked: set[str]) -> list[ShownOp]:
    """The first and the last items, and between them marked ones and those of modules that were asked for.

    The others become branches without a key.
    """
    third = MOST_OPS // 3
    middle = items[third:-third]
    marked = [item for _, item in middle if isinstance(item, Op) and item.id in marks][:third]
    wanted = [item for around, item in middle if any(call.key and call.key.module in asked for call in around)]
    kept = {id(item) for item in (*marked, *wanted)}
    shown = list(items[:third])
    for around, item in middle:
        before, last = shown[-1]
        if id(item) in kept:
            shown.append((around, item))
        elif isinstance(last, Branch) and last.key is None:
            last.children.append(item)
            shown[-1] = _common(before, around), last
        else:
            shown.append((_common(before, around), CallTree(None, [item])))
    return [*shown, *items[-third:]]


def _common(one: Sequence[CallTree], other: Sequence[CallTree]) -> tuple[CallTree, ...]:
    return tuple(a for a, b in zip(one, other, strict=False) if a is b)


def _rows(items: Iterable[ShownOp], writer: _Writer) -> Iterator[Row]:
    """A row for each item, below the titles of the modules that open with it."""
    before: tuple[CallTree, ...] = ()
    for around, item in items:
        for depth in range(len(_common(before, around)), len(around)):
            title = around[depth]
            if title.key is not None and title.key.module:
                yield writer.title(around[:depth], title.key)
        yield writer.branch(around, item) if isinstance(item, Branch) else writer.op(around, item)
        before = around


class _Writer:
    """Turns ops and closed modules into rows."""

    def __init__(
        self, graph: Graph, flow: Flow | None, marks: Mapping[int, str], reached: Mapping[str, bool] | None
    ) -> None:
        self.graph = graph
        self.flow = flow
        self.marks = marks
        self.reached = reached

    def title(self, around: Sequence[CallTree], call: Call) -> Row:
        return Row(_place(around, call.module), "", printable(call.type), "", (), "", "")

    def op(self, around: Sequence[CallTree], op: Op) -> Row:
        values = self.graph.values
        arguments = _few([reference(values[value], op.module) for value in op.inputs], 4)
        result = [number(values[value].scalar) for value in op.outputs if values[value].scalar is not None]
        call = f"{printable(op.target)}({arguments})"
        return Row(
            _place(around, op.module),
            self._outputs(op.outputs),
            " = ".join([call, *result]) if len(result) == 1 else call,
            " ".join(filter(None, (self.marks.get(op.id, ""), "" if op.grad_enabled else op.grad_mode))),
            self._back(Edge(value, op.id, position) for position, value in enumerate(op.inputs)),
            printable(op.source),
            printable(op.code),
        )

    def branch(self, around: Sequence[CallTree], branch: CallTree) -> Row:
        ops = branch.leaves()
        inside = {op.id for op in ops}
        marks = Counter(self.marks[op] for op in inside if op in self.marks)
        mark = ", ".join(f"{total} × {mark}" for mark, total in marks.items())
        if branch.key is None:
            return Row("", "", f"… {count(len(ops), 'op')}", mark, (), self._reached(ops), "")
        made = {value: None for op in ops for value in op.outputs}
        taken = [value for value in dict.fromkeys(v for op in ops for v in op.inputs) if value not in made]
        data = [value for value in taken if self.graph.values[value].kind in ("input", "intermediate")]
        arguments = _few([reference(self.graph.values[value]) for value in data], 3)
        return Row(
            _place(around, branch.key.module),
            self._outputs([value for value in made if self._is_used_outside(value, inside)]),
            f"{printable(branch.key.type)}({arguments}): {count(len(ops), 'op')}",
            mark,
            tuple(self._share(value, inside) for value in data[:3]),
            self._reached(ops),
            "",
        )

    def _outputs(self, values: Sequence[int]) -> str:
        made = [self.graph.values[value] for value in values]
        names = [reference(value) for value in made]
        types = list(dict.fromkeys(type_name(value.dtype, value.shape) for value in made))
        shown = f"{names[0]} … {names[-1]}" if len(names) > 2 else ", ".join(names)
        return ": ".join(filter(None, (shown, ", ".join([*types[:1], *["…"][: len(types) - 1]]))))

    def _back(self, edges: Iterable[Edge]) -> str | tuple[str, ...]:
        """What came back along each edge; of many only how many and how large."""
        if self.flow is None:
            return ()
        arrivals = [self.flow.at(edge) for edge in edges]
        if len(arrivals) <= 3:
            return tuple(map(arrival, arrivals))
        shown = ", ".join(map(arrival, arrivals))
        sent = [one.norm for one in arrivals if one.status != "none"]
        return shown if len(shown) <= 32 else f"{len(sent)} of {len(arrivals)}: {span(sent)}"

    def _is_used_outside(self, value: int, inside: set[int]) -> bool:
        uses = self.graph.consumers.get(value, ())
        return not uses or any(edge.op not in inside for edge in uses)

    def _share(self, value: int, inside: set[int]) -> str:
        """What came back to a value along the edges into a closed module, where that can be said."""
        if self.flow is None:
            return ""
        uses = self.graph.consumers[value]
        edges = [edge for edge in uses if edge.op in inside]
        came = [edge for edge in edges if self.flow.at(edge).status != "none"]
        if len(edges) == len(uses):
            return arrival(self.flow.at(value))
        return arrival(self.flow.at(came[0])) if len(came) == 1 else "several" if came else "-"

    def _reached(self, ops: Iterable[Op]) -> str:
        values = self.graph.values
        used = {values[value].name for op in ops for value in op.inputs if values[value].kind == "parameter"}
        if not used or self.reached is None:
            return ""
        total = sum(self.reached.get(name or "", False) for name in used)
        if total in (0, len(used)):
            return "all reached" if total else "none reached"
        return f"{total} of {len(used)} reached"


def _place(around: Sequence[CallTree], module: str) -> str:
    """The module as seen from the titles around it: what they do not say, or a dot for the last itself."""
    titles = [branch.key.module for branch in around if branch.key is not None]
    indent = "  " * sum(map(bool, titles))
    if titles and titles[-1] == module:
        return f"{indent}."
    inside = titles and module.startswith(titles[-1] + ".")
    return indent + printable(module[len(titles[-1]) + 1 :] if inside else module)


def _few(words: Sequence[str], most: int) -> str:
    return ", ".join(words if len(words) <= most else [*words[: most - 1], f"… {len(words) - most + 1} more"])


_TITLES = Row("module", "value", "operation", "", "gradient back", "line", "code")


def _aligned(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    columns = dict(zip(Row._fields, map(list, zip(*_cells(rows), strict=True)), strict=True))
    for field, title in zip(Row._fields, _TITLES, strict=True):
        columns[field].insert(0, str(title) if any(columns[field]) else "")
    _fit(columns)
    return table(zip(*columns.values(), strict=True))


def _cells(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """The cells of each row; a line of code stands only beside its first op."""
    back = _joined([row.back for row in rows])
    before = ("", "")
    for row, came in zip(rows, back, strict=True):
        code = "" if before == (row.source, row.code) else row.code
        yield row.module, row.value, row.operation, row.mark, came, row.source, code
        before = (row.source, row.code)


def _joined(rows: Sequence[str | tuple[str, ...]]) -> list[str]:
    """What came back to each row as one string: shares stand below each other, other words do not."""
    shares = [("", "", "") if isinstance(row, str) else (*row, "", "", "")[:3] for row in rows]
    return [row if isinstance(row, str) else line for row, line in zip(rows, table(shares), strict=True)]


def _fit(columns: dict[str, list[str]]) -> None:
    """Make the least important columns narrower until the lines fit: code first, then folders."""
    for field, least, shorten in _SHORTER:
        excess = sum(max(map(width, column)) + 2 for column in columns.values() if any(column)) - 2 - WIDTH
        if excess <= 0:
            return
        room = max(max(map(width, columns[field])) - excess, least)
        columns[field] = [shorten(cell, room) for cell in columns[field]]


def _start(code: str, most: int) -> str:
    if most < 16:
        return ""
    return code if len(code) <= most else code[: most - 1] + "…"


def _file(source: str, most: int) -> str:
    return source if len(source) <= most else source.rpartition("/")[2]


def _tight(value: str, most: int) -> str:
    return value.replace(", ", ",")


_SHORTER = (
    ("code", 0, _start),
    ("source", 0, _file),
    ("value", 0, _tight),
    ("operation", 26, crop),
    ("module", 14, crop),
    ("value", 18, crop),
)
