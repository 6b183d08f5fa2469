"""What a page needs to compute a picture of single numbers anew, by the formulas of ``script/formulas.js``."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import NamedTuple

from gradflow.flow import Flow
from gradflow.graph import Graph, Op, Value
from gradflow.notation import printable
from gradflow.picture.numbers import MOST_OPS
from gradflow.picture.wording import key
from gradflow.targets import DETACHING, EXITS

_EXACT = {"float64": 1e-9, "float32": 1e-5}
"""So far what a page computes may lie from what was recorded in a type."""


class _Formula(NamedTuple):
    """A formula of the page, and the names of what it takes: tensors or numbers, and behind them numbers only."""

    name: str
    operands: tuple[str, ...]
    numbers: tuple[str, ...] = ()


def _formulas() -> Mapping[str, _Formula]:
    """The formula of each function."""
    one = "abs ceil cos exp floor log neg reciprocal relu round rsqrt sigmoid sign sin sqrt square tan tanh trunc"
    two = "div maximum minimum mul pow rdiv rpow"
    found = {name: _Formula(name, ("input",)) for name in one.split()}
    found |= {name: _Formula(name, ("input", "other")) for name in two.split()}
    found |= {name: _Formula(name, ("input", "other"), ("alpha",)) for name in ("add", "rsub", "sub")}
    found |= {name: _Formula("same", ("input",)) for name in ("clone", "detach", "mean", "sum")}
    found |= {
        "pow": _Formula("pow", ("input", "exponent")),
        "clamp": _Formula("clamp", ("input",), ("min", "max")),
        "clamp_min": _Formula("clamp", ("input",), ("min",)),
        "elu": _Formula("elu", ("input",), ("alpha",)),
        "leaky_relu": _Formula("leaky_relu", ("input",), ("negative_slope",)),
        "softplus": _Formula("softplus", ("input",), ("beta", "threshold")),
    }
    other = (
        "absolute=abs clip=clamp divide=div max=maximum min=minimum multiply=mul negative=neg subtract=sub "
        "true_divide=div truediv=div"
    )
    return found | {new: found[old] for new, old in (pair.split("=") for pair in other.split())}


_FORMULAS = _formulas()
_ROOTS = {0.5: "sqrt", -0.5: "rsqrt"}
"""As what PyTorch computes these powers: it matters for infinite numbers."""


def formulas(flow: Flow, held: Collection[str] | None = None) -> dict[str, object] | None:
    """What is needed to compute a run and its backward pass with other numbers, as JSON can hold it.

    The page computes the recorded run by it first, and offers nothing where a number comes out otherwise.

    Args:
        flow: one backward pass.
        held: names of what an optimizer steps; None for all parameters.

    Returns:
        None if not every op is one of known formula, on finite numbers. ``loss``: value id. ``seed``: the gradient
        that the pass began with. ``tolerance``: relative. ``values``: the number of each value. ``leaves``: id, name,
        and a 1 if a step moves it. ``ops``: id, formula, output, arguments (a value id, or a number or null in a
        list), and for each input a 1 if a gradient goes on to it. ``sent``: what was seen to arrive, by key.

    >>> w = Value(0, "w", "parameter", (), "float32", True, 3.0)
    >>> f = Value(1, "f", "intermediate", (), "float32", True, 6.0)
    >>> mul = Op(0, "mul", (0,), (1,), constants=(("1", 2.0),))
    >>> from gradflow.flow import Arrival
    >>> from gradflow.graph import Edge
    >>> one, two = Arrival("nonzero", 1.0, 1.0, 1.0), Arrival("nonzero", 2.0, 1.0, 2.0)
    >>> found = formulas(Flow(Graph((w, f), (mul,)), 1, ((1, one), (Edge(0, 0, 0), two), (0, two))))
    >>> found["leaves"], found["ops"], found["sent"]
    ([[0, 'w', 1]], [[0, 'mul', 1, [0, [2.0]], '1']], {'1': 1.0, '0.0.0': 2.0, '0': 2.0})
    """
    graph = flow.graph
    numbers = [_finite(value.scalar) for value in graph.values]
    sent = {key(at): _finite(arrival.scalar) for at, arrival in flow.arrivals if arrival.status != "none"}
    ops = [_row(graph, op) for op in graph.ops if not _ends(graph, op)]
    seed = sent.get(key(flow.output))
    leaves = [[value.id, printable(value.name or ""), int(_moves(value, held))] for value in _leaves(graph)]
    if len(graph.ops) > MOST_OPS or not leaves or seed is None or graph.silent:
        return None
    if None in numbers or None in sent.values() or None in ops:
        return None
    return {
        "loss": flow.output,
        "seed": seed,
        "tolerance": max(_EXACT.get(value.dtype, 0.0) for value in graph.values),
        "values": numbers,
        "leaves": leaves,
        "ops": ops,
        "sent": sent,
    }


def _finite(number: object) -> float | None:
    return number if isinstance(number, int | float) and math.isfinite(number) else None


def _leaves(graph: Graph) -> list[Value]:
    """What a reader can give another number."""
    given = (value for value in graph.values if value.kind in ("parameter", "input") and value.name is not None)
    return [value for value in given if value.id not in graph.producers and value.dtype in _EXACT]


def _moves(value: Value, held: Collection[str] | None) -> bool:
    return value.kind == "parameter" and value.requires_grad and (held is None or value.name in held)


def _ends(graph: Graph, op: Op) -> bool:
    """Whether an op only reads a number when all is computed; earlier, what is computed may depend on it."""
    return op.target in EXITS and not any(later.outputs for later in graph.ops[op.id :])


def _row(graph: Graph, op: Op) -> list[object] | None:
    """An op as the page computes it; None if there is no formula for it."""
    formula = _FORMULAS.get(op.target.removesuffix("_"))
    if formula is None or op.constants is None or op.reenters is not None or len(op.outputs) != 1:
        return None
    (output,) = op.outputs
    arguments = _arguments(formula, op.inputs, dict(op.constants))
    if arguments is None or graph.values[output].dtype not in _EXACT:
        return None
    goes_on = op.grad_enabled and op.target not in DETACHING and graph.values[output].requires_grad
    conducts = "".join(str(int(goes_on and graph.values[value].requires_grad)) for value in op.inputs)
    name = _ROOTS.get(op.constants[0][1]) if formula.name == "pow" and op.constants else None
    return [op.id, *((name, output, arguments[:1]) if name else (formula.name, output, arguments)), conducts]


def _arguments(
    formula: _Formula, inputs: tuple[int, ...], constants: dict[str, float]
) -> list[int | list[float | None]] | None:
    """Tensors and numbers in the order of a formula; None if they do not fit into it."""
    names = (*formula.operands, *formula.numbers)
    given = {names.index(at) if at in names else int(at) if at.isdecimal() else -1: x for at, x in constants.items()}
    free = [at for at in range(len(formula.operands)) if at not in given]
    if len(given) != len(constants) or len(free) != len(inputs) or not all(0 <= at < len(names) for at in given):
        return None
    tensors = dict(zip(free, inputs, strict=True))
    last = max((*given, *tensors))
    return [tensors[at] if at in tensors else [_finite(given.get(at))] for at in range(last + 1)]
