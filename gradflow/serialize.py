"""A graph or a flow as JSON, and back."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections.abc import Callable
from typing import Any

from gradflow.errors import GradflowError
from gradflow.flow import STATUSES, Flow
from gradflow.graph import Edge, Graph

VERSION = 1
_TYPES: dict[str, Any] = {"graph": Graph, "flow": Flow}


def to_json(data: Graph | Flow) -> str:
    r"""The graph or flow as JSON, with one line for each value, op and arrival.

    It is ASCII and holds no ``<``, so it can stand in a script element. Fields at their default are left
    out, and so are the weak references to the parameters.

    Raises:
        GradflowError: it is neither a Graph nor a Flow.

    >>> from gradflow.graph import Value
    >>> print(to_json(Graph((Value(0, "</x>", "input", (2,), "bool", False),), ())))
    {"format": "gradflow", "version": 1, "type": "graph",
    "values": [
    {"id": 0, "name": "\u003c/x>", "kind": "input", "shape": [2], "dtype": "bool", "requires_grad": false}],
    "ops": []}
    """
    for name, kind in _TYPES.items():
        if isinstance(data, kind):
            head = {"format": "gradflow", "version": VERSION, "type": name}
            return _write({**head, **_encode(data)}).replace("<", "\\u003c")
    raise GradflowError(f"to_json() takes a Graph or a Flow, but got {type(data).__name__}.")


def from_json(text: str) -> Graph | Flow:
    """The graph or flow that ``to_json`` wrote, equal to the one it was given.

    Raises:
        GradflowError: it is not JSON, of another format or version, or does not hold together.

    >>> graph = Graph((), ())
    >>> from_json(to_json(graph)) == graph
    True
    """
    document = _parse(text)
    if not isinstance(document, dict) or document.pop("format", None) != "gradflow":
        raise GradflowError('this JSON is not from gradflow: it has no "format": "gradflow".')
    version = document.pop("version", None)
    if version != VERSION:
        raise GradflowError(
            f"this JSON has format version {version!r}, and this gradflow reads version {VERSION}. "
            "Read it with the gradflow that wrote it, or write it again."
        )
    kind = document.pop("type", None)
    if not isinstance(kind, str) or kind not in _TYPES:
        raise GradflowError(f'this JSON is of type {kind!r}; expected "graph" or "flow".')
    data = _decoder(_TYPES[kind])(document, kind)
    if isinstance(data, Flow):
        _check_flow(data)
    else:
        _check_graph(data)
    return typing.cast("Graph | Flow", data)


def _fields(kind: Any) -> dict[str, Any]:
    """The saved fields of a dataclass or NamedTuple, with their default or ``MISSING``."""
    if dataclasses.is_dataclass(kind):
        return {f.name: f.default for f in dataclasses.fields(kind) if f.compare}
    return {name: kind._field_defaults.get(name, dataclasses.MISSING) for name in kind._fields}


def _encode(data: Any) -> Any:
    if dataclasses.is_dataclass(data) or hasattr(data, "_fields"):
        pairs = [(name, getattr(data, name), default) for name, default in _fields(type(data)).items()]
        return {name: _encode(value) for name, value, default in pairs if value != default}
    if isinstance(data, tuple):
        return [_encode(item) for item in data]
    if isinstance(data, complex):
        return {"complex": [_encode(data.real), _encode(data.imag)]}
    if isinstance(data, float) and not math.isfinite(data):
        return {"float": str(data)}
    return data


def _write(data: Any) -> str:
    if isinstance(data, list):
        return "[\n" + ",\n".join(map(_dumps, data)) + "]" if data else "[]"
    if not isinstance(data, dict):
        return _dumps(data)
    plain = {key: value for key, value in data.items() if not isinstance(value, dict | list)}
    parts = [f'"{key}": {_write(value)}' for key, value in data.items() if key not in plain]
    return "{" + ",\n".join([_dumps(plain)[1:-1], *parts] if plain else parts) + "}"


_dumps = functools.partial(json.dumps, allow_nan=False)


def _parse(text: str) -> Any:
    if not isinstance(text, str):
        raise GradflowError(f"from_json() takes a string, but got {type(text).__name__}.")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise GradflowError(f"this is not JSON: {error}. Pass the string that gf.to_json() gave.") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"a bare {name} stands in it")


_Decoder = Callable[[Any, str], Any]


@functools.cache
def _decoder(kind: Any) -> _Decoder:
    """The function that reads a value of an annotated type; its second argument is the place, for messages."""
    members = typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        return functools.partial(_read_union, kind, [_decoder(member) for member in members])
    if typing.get_origin(kind) is tuple and members[-1] is Ellipsis:
        return functools.partial(_read_list, _decoder(members[0]))
    if typing.get_origin(kind) is tuple:
        return functools.partial(_read_pair, [_decoder(member) for member in members])
    if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields"):
        hints = typing.get_type_hints(kind)
        return functools.partial(_read_object, kind, {name: _decoder(hints[name]) for name in _fields(kind)})
    return {float: _read_float, complex: _read_complex}.get(kind) or functools.partial(_read_plain, kind)


def _read_plain(kind: type, data: Any, where: str) -> Any:
    if type(data) is not kind:
        raise _unexpected(kind.__name__, data, where)
    return data


def _read_float(data: Any, where: str) -> float:
    if type(data) in (float, int):
        return typing.cast(float, data)
    if isinstance(data, dict) and data.get("float") in ("nan", "inf", "-inf"):
        # Tuples compare by identity first, so a NaN equals itself only as this one object.
        return math.nan if data["float"] == "nan" else float(data["float"])
    raise _unexpected("float", data, where)


def _read_complex(data: Any, where: str) -> complex:
    if not isinstance(data, dict):
        raise _unexpected("complex", data, where)
    return complex(*_read_pair([_read_float, _read_float], data.get("complex"), where))


def _read_list(item: _Decoder, data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise _unexpected("list", data, where)
    return tuple(item(element, f"{where}[{index}]") for index, element in enumerate(data))


def _read_pair(items: list[_Decoder], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list) or len(data) != len(items):
        raise _unexpected(f"list of {len(items)}", data, where)
    return tuple(item(element, where) for item, element in zip(items, data, strict=True))


def _read_union(kind: types.UnionType, members: list[_Decoder], data: Any, where: str) -> Any:
    for member in members:
        try:
            return member(data, where)
        except GradflowError:
            continue
    raise _unexpected(str(kind), data, where)


def _read_object(kind: Any, fields: dict[str, _Decoder], data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise _unexpected(kind.__name__, data, where)
    missing = [name for name, default in _fields(kind).items() if default is dataclasses.MISSING]
    for name in (*missing, *data):
        if name not in data:
            raise GradflowError(f"this JSON does not hold together: {where} has no {name!r}.")
        if name not in fields:
            raise GradflowError(f"this JSON does not hold together: {where} has an unknown {name!r}.")
    return kind(**{name: fields[name](value, f"{where}.{name}") for name, value in data.items()})


def _unexpected(expected: str, data: Any, where: str) -> GradflowError:
    return GradflowError(f"this JSON does not hold together: {where} is {str(data)[:60]!r}; expected {expected}.")


def _check_graph(graph: Graph) -> None:
    graph.lint()
    for position, call in enumerate(graph.calls):
        if call.id != position or not (call.parent is None or 0 <= call.parent < position):
            raise GradflowError(f"call {call.id} stands at position {position} below call {call.parent}.")
    for op in graph.ops:
        if op.call is not None and not 0 <= op.call < len(graph.calls):
            raise GradflowError(f"op {op.id} ({op.target}) belongs to call {op.call}, which does not exist.")
        if op.reenters and not all(0 <= exit < op.id for exit in op.reenters):
            raise GradflowError(f"op {op.id} ({op.target}) takes numbers from ops {op.reenters}, not all before it.")


def _check_flow(flow: Flow) -> None:
    _check_graph(flow.graph)
    values, ops = flow.graph.values, flow.graph.ops
    for key, arrival in flow.arrivals:
        if arrival.status not in STATUSES:
            raise GradflowError(f"{key} has status {arrival.status!r}; expected one of {', '.join(STATUSES)}.")
        if isinstance(key, Edge) and not (0 <= key.op < len(ops) and _is_edge(key, ops[key.op].inputs)):
            raise GradflowError(f"{key} is not an edge of the graph.")
    for value in (flow.output, *(key for key, _ in flow.arrivals if not isinstance(key, Edge))):
        if not 0 <= value < len(values):
            raise GradflowError(f"value {value} does not exist in the graph.")


def _is_edge(edge: Edge, inputs: tuple[int, ...]) -> bool:
    return 0 <= edge.position < len(inputs) and inputs[edge.position] == edge.value
