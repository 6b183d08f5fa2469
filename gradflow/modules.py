"""The module paths of a graph, and the parameters below them."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from gradflow.errors import GradflowError, unknown_name
from gradflow.graph import Graph


def parents(name: str) -> list[str]:
    """The module paths that a dotted name lies in, outermost first.

    >>> parents("h.0.attn.weight")
    ['h', 'h.0', 'h.0.attn']
    """
    found, end = [], name.find(".")
    while end >= 0:
        found.append(name[:end])
        end = name.find(".", end + 1)
    return found


def paths(graph: Graph) -> tuple[str, ...]:
    """Every module path of the graph: of its calls, its ops, and what its names say."""
    found = dict.fromkeys(call.module for call in graph.calls)
    found.update(dict.fromkeys(op.module for op in graph.ops))
    for path in list(found):
        found.update(dict.fromkeys(parents(path)))
    for name in graph.names:
        found.update(dict.fromkeys(parents(name)))
    found.pop("", None)
    return tuple(found)


def parameters_of(graph: Graph, name: str) -> tuple[str, ...]:
    """The parameter of that name, or the parameters of the module of that path, in the order of the trace.

    Raises:
        GradflowError: it is neither, or a module without parameters; the nearest names are offered.
    """
    canonical = {alias: graph.values[value].name for alias, value in graph.names.items()}
    parameters = dict.fromkeys(graph.parameter_names())
    known = {alias for alias, first in canonical.items() if first in parameters}
    if not isinstance(name, str):
        raise unknown_name(name, known, "parameter or module")
    meant = {canonical[alias] for alias in known if alias == name or alias.startswith(name + ".")}
    if meant:
        return tuple(parameter for parameter in parameters if parameter in meant)
    if name in canonical:
        raise GradflowError(f"{name!r} is of kind {graph.value(name).kind}, not a parameter or a module.")
    if name in paths(graph):
        raise GradflowError(f"the module {name!r} has no parameters.")
    raise unknown_name(name, known.union(*map(parents, known)), "parameter or module")


def cover(names: Iterable[str], everything: Iterable[str]) -> list[str]:
    """The shortest list of names and module paths that means exactly these names.

    A module stands for its parameters only where it has several.

    >>> cover(["a.weight", "a.bias", "b.weight"], ["a.weight", "a.bias", "b.weight", "b.bias"])
    ['a', 'b.weight']
    """
    wanted = list(dict.fromkeys(names))
    missing = set(everything).difference(wanted)
    mixed = {path for name in missing for path in parents(name)}
    sizes: dict[str, int] = {}
    for name in wanted:
        for path in parents(name):
            sizes[path] = sizes.get(path, 0) + 1
    return list(dict.fromkeys(_shortest(name, mixed, sizes) for name in wanted))


def _shortest(name: str, mixed: set[str], sizes: dict[str, int]) -> str:
    whole = (path for path in parents(name) if path not in mixed and sizes[path] > 1)
    return next(whole, name)


def runs(names: Iterable[str]) -> list[str]:
    """Names and paths, with three or more that only count up one number in them as one.

    >>> runs(["wte", "h.0", "h.1", "h.2", "h.3", "h.7"])
    ['wte', 'h.0–3', 'h.7']
    >>> runs([f"h.{block}.{half}" for block in range(3) for half in ("q", "k")])
    ['h.0–2.q', 'h.0–2.k']
    """
    left = dict.fromkeys(names)
    found: list[str] = []
    while left:
        first = next(iter(left))
        run = max((_counted(first, at, left) for at in range(first.count(".") + 1)), key=len)
        run = run if len(run) > 2 else [first]
        found.append(_as_one(run))
        for name in run:
            del left[name]
    return found


def _counted(first: str, at: int, names: Container[str]) -> list[str]:
    """Of the names, those that follow the first one by counting up its part at that place."""
    parts, run = first.split("."), [first]
    while parts[at].isdecimal():
        parts[at] = str(int(parts[at]) + 1)
        if (following := ".".join(parts)) not in names:
            break
        run.append(following)
    return run


def _as_one(run: Sequence[str]) -> str:
    ends = zip(run[0].split("."), run[-1].split("."), strict=True)
    return ".".join(first if first == last else f"{first}–{last}" for first, last in ends)


def check_paths(graph: Graph, opened: object) -> tuple[str, ...]:
    """Check that each of the given strings is a module path of the graph.

    Raises:
        GradflowError: naming the first that is not, with the nearest paths.
    """
    if isinstance(opened, str) or not isinstance(opened, Sequence | set | frozenset):
        raise GradflowError(f'open= takes module paths, as in open=("encoder", "head"), but got {opened!r}.')
    known = paths(graph)
    for path in opened:
        if path not in known:
            raise unknown_name(path, known, "module path")
    return tuple(opened)
