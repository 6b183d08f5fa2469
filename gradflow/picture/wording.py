"""What the page calls a value, a use of it, and what arrived there."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gradflow.flow import Arrival
from gradflow.graph import Edge, Graph, Value
from gradflow.notation import dtype, number, percent, printable

_SYMBOLS = {
    "add": "+",
    "sub": "−",
    "neg": "−",
    "mul": "×",
    "multiply": "×",
    "div": "÷",
    "truediv": "÷",
    "true_divide": "÷",
}
_STATES = {"nonzero": "reached", "zero": "exactly 0", "undefined": "None was sent", "none": "no gradient"}
_COUNTED = 99
MOST_SHARES = 4
"""So many numbers are added in one sentence."""


def key(of: int | Edge) -> str:
    """How the page finds a value, or one use of it.

    >>> key(12), key(Edge(12, 3, 0))
    ('12', '12.3.0')
    """
    return ".".join(map(str, of)) if isinstance(of, Edge) else str(of)


def signed(text: str) -> str:
    """The text of a number with true minus signs.

    >>> signed("-1e-07")
    '−1e−07'
    """
    return text.replace("-", "−")


def bracketed(text: str) -> str:
    """A signed number as it stands behind an operator.

    >>> bracketed("2"), bracketed("−2")
    ('2', '(−2)')
    """
    return f"({text})" if text.startswith("−") else text


def addition(parts: Sequence[float], total: float) -> tuple[str, str]:
    """Numbers as they are added, and whether what is written gives the total: ``=`` or ``≈``.

    >>> addition([-2.0, -2.0], -4.0), addition([1 / 3, 1 / 3], 2 / 3)
    (('−2 + (−2)', '='), ('0.3333 + 0.3333', '≈'))
    """
    written = [number(part) for part in parts]
    first, *others = map(signed, written)
    exact = math.isclose(sum(map(float, written)), float(number(total)), rel_tol=1e-9, abs_tol=1e-12)
    return " + ".join([first, *map(bracketed, others)]), "=" if exact else "≈"


def op_name(target: str) -> str:
    """An op as it is written in a formula, else its function.

    >>> op_name("mul_"), op_name("linear")
    ('×', 'linear')
    """
    return _SYMBOLS.get(target.rstrip("_"), printable(target))


def called(graph: Graph, value: int) -> str:
    """The name of a value, or where it comes from.

    >>> from gradflow.graph import Op
    >>> h = Value(0, None, "intermediate", (), "float32", True)
    >>> called(Graph((h,), (Op(0, "relu", (), (0,)),)), 0)
    'output of relu'
    """
    name = graph.values[value].name
    if name is not None:
        return printable(name)
    if value not in graph.producers:
        return f"a {graph.values[value].kind}"
    op = graph.ops[graph.producers[value]]
    which = f" {op.outputs.index(value) + 1}" if len(op.outputs) > 1 else ""
    return f"output{which} of {op_name(op.target)}"


def state(arrival: Arrival) -> str:
    """The state of an edge or a value in a few words.

    >>> state(Arrival("zero", 0.0)), state(Arrival("nonzero", math.inf))
    ('exactly 0', 'NaN or inf')
    """
    return _STATES[arrival.status] if arrival.finite else "NaN or inf"


def size(arrival: Arrival, shape: tuple[int, ...]) -> str:
    """A single number itself, else norm and support of what arrived; ``""`` if nothing did.

    >>> size(Arrival("nonzero", 4.0, 1.0, -4.0), ())
    'gradient −4'
    >>> size(Arrival("nonzero", 4.0, 0.5), (2,))
    'norm 4 · support 1/2'
    >>> size(Arrival("nonzero", 0.53, 0.981), (100, 10))
    'norm 0.53 · support 98.1%'
    """
    if not arrival.arrived:
        return ""
    if arrival.scalar is not None:
        return f"gradient {signed(number(arrival.scalar))}"
    entries = math.prod(shape)
    known = [f"norm {number(arrival.norm)}"]
    if arrival.support is not None:
        counted = 0 < entries <= _COUNTED
        share = f"{round(arrival.support * entries)}/{entries}" if counted else percent(arrival.support)
        known.append(f"support {share}")
    return " · ".join(known)


def facts(value: Value) -> str:
    """Shape of a value, and its number or its type.

    >>> facts(Value(0, "y", "intermediate", (), "float32", True, 7.0))
    'shape () · value 7'
    >>> facts(Value(0, "w", "parameter", (4, 2), "float32", True))
    'shape (4, 2) · f32'
    """
    content = dtype(value.dtype) if value.scalar is None else f"value {signed(number(value.scalar))}"
    return f"shape ({', '.join(map(str, value.shape))}) · {content}"
