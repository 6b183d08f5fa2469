"""A puzzle: what a reader is to reach by changing a recorded computation, and one change that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gradflow.compare import Comparison
from gradflow.errors import GradflowError, unknown_name
from gradflow.flow import Flow
from gradflow.graph import Edge, Graph, Op
from gradflow.modules import parameters_of
from gradflow.notation import file_line, printable

KINDS = ("cut", "heal", "freeze", "ask", "hold", "loss")
_VERBS = {
    "cut": "cut a line",
    "heal": "heal a cut",
    "freeze": "freeze or thaw a square",
    "ask": "choose what is asked for",
    "hold": "choose what the optimizer holds",
    "loss": "choose the loss",
}
_WANTED = ("reached", "spared", "stepped", "still")
_LIMITS = ("work", "cuts", "only")
_CHANGES = {"cut": "cut", "heal": "heal", "frozen": "freeze", "thaw": "freeze"}
_CHANGES |= {"ask": "ask", "hold": "hold", "losses": "loss"}
_SAID = {
    "reached": "{} would be reached",
    "spared": "{} would not be reached",
    "stepped": "{} would be stepped",
    "still": "{} would not be stepped",
}
_GOAL = 'goal={"reached": ["C"], "spared": ["A", "B"], "cuts": 1}'
_SOLUTION = 'solution={"cut": [("B", "C")], "python": "model.C(b.detach())"}'


@dataclass(frozen=True)
class Condition:
    """One thing that must hold for a puzzle to be solved.

    Attributes:
        text: what it says.
        kind: ``reached``, ``spared``, ``stepped``, ``still``, ``work`` or ``cuts``.
        names: the parameters that it is about.
        most: what ``work`` (a share) or ``cuts`` (a count) may be at most.
    """

    text: str
    kind: str
    names: tuple[str, ...] = ()
    most: float = 0


@dataclass(frozen=True)
class Puzzle:
    """A task on a figure, as data.

    Attributes:
        task: what to do, in a sentence.
        conditions: what must hold, each.
        only: the kinds of change that are allowed.
        hints: from vague to plain.
        edit: the change that solves it, by ids and names, as the page makes it.
        said: that change in words, a sentence each.
        python: the line to write, or nothing.
    """

    task: str
    conditions: tuple[Condition, ...]
    only: tuple[str, ...]
    hints: tuple[str, ...]
    edit: Mapping[str, list[Any]]
    said: tuple[str, ...]
    python: str = ""

    @property
    def allowed(self) -> str:
        """What may be changed, in words; nothing if everything may."""
        if self.only == KINDS:
            return ""
        *others, last = (_VERBS[kind] for kind in self.only)
        return f"You may {', '.join(others)}{' or ' if others else ''}{last}."

    @property
    def key(self) -> str:
        """What tells this puzzle from others: the same text gives the same key on every page."""
        told = "\n".join((self.task, *(one.text for one in self.conditions)))
        return sha256(told.encode("utf-8", "replace")).hexdigest()[:12]

    def text(self) -> str:
        """The puzzle as an ordinary exercise."""
        lines = [f"Puzzle: {printable(self.task)}", *(f"- {one.text}" for one in self.conditions)]
        lines += [self.allowed] if self.allowed else []
        lines += [f"Hint {i}: {printable(hint)}" for i, hint in enumerate(self.hints, 1)]
        lines += [f"Solution: {' '.join(self.said)}", *(f"    {line}" for line in self.python.splitlines())]
        return "\n".join(lines)


def checked_puzzle(
    data: object,
    task: object,
    goal: object,
    hints: object,
    solution: object,
    holders: Mapping[str, object] | None = None,
) -> Puzzle:
    """A puzzle from what a caller gave.

    Raises:
        GradflowError: it does not fit the data or itself: an unknown name, a goal that is reached before anything
            is done, a solution that breaks the goal's own limits.

    >>> checked_puzzle(3, "Reach C.", {}, (), {})
    Traceback (most recent call last):
    gradflow.errors.GradflowError: puzzle() takes a Flow or a Comparison, but got int. Give it t.flow(loss).
    """
    if not isinstance(data, Flow | Comparison):
        raise GradflowError(
            f"puzzle() takes a Flow or a Comparison, but got {type(data).__name__}. Give it t.flow(loss)."
        )
    if not isinstance(task, str) or not task.strip():
        raise GradflowError(f"puzzle() takes a task, as in 'Reach C, but not A.', but got {task!r}.")
    conditions, only = _checked_goal(data.graph, goal)
    _check_open(data, conditions, holders)
    given = _mapping(solution, "solution=", (*_CHANGES, "python"), _SOLUTION)
    edit = {kind: _RESOLVED[kind](data, given[kind]) for kind in _CHANGES if kind in given}
    _check_solution(edit, conditions, only)
    python = given.get("python", "")
    if not isinstance(python, str):
        raise GradflowError(f"solution= takes python as a text, but got {type(python).__name__}.")
    said = tuple(_said(data.graph, kind, things, given[kind]) for kind, things in edit.items())
    return Puzzle(task, conditions, only, _texts(hints, "hints="), edit, said, python.strip("\n"))


def _mapping(given: object, what: str, known: Iterable[str], example: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not given:
        kind = "nothing" if isinstance(given, Mapping) else type(given).__name__
        raise GradflowError(f"puzzle() got {kind} for {what}; for example {example}")
    for key in given:
        if key not in known:
            raise unknown_name(key, known, f"part of {what.rstrip('=')}")
    return given


def _texts(given: object, what: str) -> tuple[str, ...]:
    """A text, or several; in the order given."""
    texts = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, Iterable) else (given,)
    for text in texts:
        if not isinstance(text, str):
            raise GradflowError(f"{what} takes texts, but got {text!r}.")
    return texts


# the goal


def _checked_goal(graph: Graph, goal: object) -> tuple[tuple[Condition, ...], tuple[str, ...]]:
    """What must hold, and the kinds of change that are allowed."""
    given = _mapping(goal, "goal=", (*_WANTED, *_LIMITS), _GOAL)
    found = [
        Condition(_SAID[kind].format(printable(name)), kind, parameters_of(graph, name))
        for kind in _WANTED
        for name in _texts(given.get(kind, ()), f"{kind} in goal=")
    ]
    if "work" in given:
        found.append(_work(given["work"]))
    if "cuts" in given:
        found.append(_cuts(given["cuts"]))
    if not found:
        raise GradflowError(f"puzzle() got a goal= with nothing to reach; for example {_GOAL}")
    only = _texts(given.get("only", KINDS), "only in goal=")
    for kind in only:
        if kind not in KINDS:
            raise unknown_name(kind, KINDS, "kind of change")
    if not only:
        raise GradflowError(f"puzzle() got a goal= that allows no change; only takes some of {', '.join(KINDS)}.")
    return tuple(found), tuple(kind for kind in KINDS if kind in only)


def _work(share: object) -> Condition:
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise GradflowError(f"work in goal= is a share between 0 and 1 of the backward operations, not {share!r}.")
    return Condition(f"At most {share:.0%} of the backward operations would run", "work", most=share)


def _cuts(count: object) -> Condition:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise GradflowError(f"cuts in goal= is a count of values that are cut or healed, not {count!r}.")
    values = "value is" if count == 1 else "values are"
    return Condition(f"At most {count} {values} cut or healed", "cuts", most=count)


def _check_open(data: Flow | Comparison, conditions: Iterable[Condition], holders: Mapping[str, object] | None) -> None:
    """Check that something is left to do."""
    flows = [data] if isinstance(data, Flow) else [flow for _, flow in data.flows]
    names = {name for one in conditions for name in one.names}
    known = {name for name in names if any(name in flow.graph.names and flow.at(name).arrived for flow in flows)}
    stepped = known if holders is None else known & set(holders)
    met: dict[str, Callable[[set[str]], bool]] = {
        "reached": lambda names: names <= known,
        "spared": lambda names: not names & known,
        "stepped": lambda names: names <= stepped,
        "still": lambda names: not names & stepped,
        "work": lambda names: False,
        "cuts": lambda names: True,
    }
    if all(met[one.kind](set(one.names)) for one in conditions):
        raise GradflowError("this puzzle is solved before anything is changed; ask for something that does not hold.")


# the solution


def _check_solution(
    edit: Mapping[str, list[Any]], conditions: Iterable[Condition], only: Iterable[str]
) -> None:
    """Check what can be told without a prediction: what is allowed, and how much is cut."""
    if not edit:
        raise GradflowError(f"puzzle() got a solution= that changes nothing; for example {_SOLUTION}")
    for kind in edit:
        if _CHANGES[kind] not in only:
            raise GradflowError(f"the solution changes {kind!r}, but goal= allows only {', '.join(only)}.")
    lines = {edge.split(".")[0] for edge in edit.get("cut", [])} | set(edit.get("heal", []))
    for one in conditions:
        if one.kind == "cuts" and len(lines) > one.most:
            raise GradflowError(f"the solution cuts or heals {len(lines)} lines, but goal= allows {one.most:g}.")


def _edges(data: Flow | Comparison, given: object) -> list[str]:
    """The edges that are meant, as the page names them."""
    listed = [given] if isinstance(given, Edge) or _is_pair(given) else given
    if isinstance(listed, str) or not isinstance(listed, Iterable):
        raise GradflowError(f'cut in solution= takes pairs, as in [("B", "C")], or edges, but got {listed!r}.')
    found = [edge for one in listed for edge in _meant(data.graph, one)]
    return [".".join(map(str, edge)) for edge in dict.fromkeys(found)]


def _is_pair(given: object) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, str) for part in given)


def _meant(graph: Graph, one: object) -> list[Edge]:
    """An edge, or all uses of one value by what a name means."""
    if isinstance(one, Edge):
        if one not in set(graph.edges()):
            raise GradflowError(f"the graph has no {one!r}; t.graph.edges() lists those that it has.")
        return [one]
    if not isinstance(one, tuple) or not _is_pair(one):
        raise GradflowError(f'cut in solution= takes pairs of names, as in ("B", "C"), or a gf.Edge, but got {one!r}.')
    producer, consumer = one
    values, ops = _made_by(graph, producer), _ops_of(graph, consumer)
    uses = [edge for edge in graph.edges() if edge.value in values and edge.op not in values[edge.value]]
    edges = [edge for edge in uses if edge.op in ops]
    if not edges:
        users = sorted({_op_called(graph.ops[edge.op]) for edge in uses})
        raise GradflowError(
            f"nothing that {producer!r} makes goes into {consumer!r}; it goes into {', '.join(users) or 'nothing'}."
        )
    if len({edge.value for edge in edges}) > 1:
        listed = ", ".join(map(str, edges[:4]))
        raise GradflowError(f"several values go from {producer!r} to {consumer!r}; give one of the edges: {listed}.")
    return edges


def _made_by(graph: Graph, name: str) -> dict[int, set[int]]:
    """The values that a name or module path stands for, each with the ops that do not count as uses."""
    if name in graph.names:
        return {value: set() for value in graph.versions(graph.names[name])}
    inside = {op.id for op in graph.ops if _is_in(op, name)}
    if not inside:
        raise unknown_name(name, _known(graph), "value or module")
    return {value: inside for op in inside for value in graph.ops[op].outputs}


def _ops_of(graph: Graph, name: str) -> set[int]:
    """The ops of a module, or the one that makes a named value."""
    inside = {op.id for op in graph.ops if _is_in(op, name)}
    if not inside and name in graph.names and graph.names[name] in graph.producers:
        inside = {graph.producers[graph.names[name]]}
    if not inside:
        raise unknown_name(name, _known(graph), "computed value or module")
    return inside


def _is_in(op: Op, path: str) -> bool:
    return op.module == path or op.module.startswith(path + ".")


def _known(graph: Graph) -> set[str]:
    return {*graph.names, *(op.module for op in graph.ops if op.module)}


def _op_called(op: Op) -> str:
    where = op.module or file_line(op.source)
    return f"{op.target} of {where}" if where else op.target


def _cut_ops(data: Flow | Comparison, given: object) -> list[int]:
    """The ops whose cut is taken away: ids, or pairs of names around them."""
    listed = [given] if isinstance(given, int | str) else given
    if not isinstance(listed, Iterable):
        raise GradflowError(f"heal in solution= takes ids of ops, or names of what they make, but got {given!r}.")
    found = []
    for one in listed:
        ops = {one} if isinstance(one, int) and not isinstance(one, bool) else _ops_of(data.graph, one)
        if len(ops) > 1 or not ops <= set(range(len(data.graph.ops))):
            raise GradflowError(f"heal in solution= takes the op of one cut, but got {one!r}.")
        found += sorted(ops)
    return found


def _names(what: str) -> Callable[[Flow | Comparison, object], list[str]]:
    def named(data: Flow | Comparison, given: object) -> list[str]:
        texts = _texts(given, f"{what} in solution=")
        return list(dict.fromkeys(name for text in texts for name in parameters_of(data.graph, text)))

    return named


def _losses(data: Flow | Comparison, given: object) -> list[int]:
    """The values of losses, by the label of a flow or the name of a value."""
    flows = dict(data.flows) if isinstance(data, Comparison) else {}
    known = {**data.graph.names, **{label: flow.output for label, flow in flows.items()}}
    found = []
    for name in _texts(given, "losses in solution="):
        if name not in known:
            raise unknown_name(name, known, "loss")
        found.append(known[name])
    return found


_RESOLVED: dict[str, Callable[[Flow | Comparison, Any], list[Any]]] = {
    "cut": _edges,
    "heal": _cut_ops,
    "frozen": _names("frozen"),
    "thaw": _names("thaw"),
    "ask": _names("ask"),
    "hold": _names("hold"),
    "losses": _losses,
}
_TOLD = {
    "frozen": "Freeze {}.",
    "thaw": "Let {} be trained.",
    "ask": "Ask for {}.",
    "hold": "Let the optimizer hold {}.",
    "losses": "Go backward from {}.",
}


def _said(graph: Graph, kind: str, things: list[Any], given: Any) -> str:
    """One part of a solution in words."""
    if kind == "cut":
        pairs = [given] if isinstance(given, Edge) or _is_pair(given) else given
        return " ".join(f"Cut the line from {_ends(graph, one)}." for one in pairs)
    if kind == "heal":
        where = (" at ".join(filter(None, (graph.ops[op].target, file_line(graph.ops[op].source)))) for op in things)
        return f"Take away {_listed(where)}."
    return _TOLD[kind].format(_listed(map(printable, _texts(given, kind))))


def _ends(graph: Graph, one: Edge | tuple[str, str]) -> str:
    if not isinstance(one, Edge):
        return " to ".join(map(printable, one))
    name = graph.values[one.value].name or f"%{one.value}"
    return f"{printable(name)} to {_op_called(graph.ops[one.op])}"


def _listed(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
