"""How ops, values and modules are called in a picture."""

from __future__ import annotations

import re
from collections.abc import Collection

from gradflow.graph import Graph, Op, Value
from gradflow.notation import number, printable
from gradflow.targets import EXITS

_SYMBOLS = {
    "+": ("add", "add_", "radd", "iadd", "__add__", "__radd__", "__iadd__"),
    "−": ("sub", "sub_", "rsub", "subtract", "isub", "__sub__", "__rsub__", "__isub__", "neg", "negative", "__neg__"),
    "×": ("mul", "mul_", "rmul", "multiply", "imul", "__mul__", "__rmul__", "__imul__"),
    "÷": ("div", "div_", "rdiv", "truediv", "true_divide", "divide", "rtruediv", "itruediv", "__truediv__"),
    "@": ("matmul", "rmatmul", "__matmul__", "__rmatmul__"),
    "mse": ("mse_loss",),
    "bce": ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
    "L1": ("l1_loss",),
    "smooth L1": ("smooth_l1_loss",),
    "KL": ("kl_div",),
    "nll": ("nll_loss",),
    "attention": ("scaled_dot_product_attention",),
    "multi-head attention": ("multi_head_attention_forward",),
    "( )²": ("square", "square_"),
    "[ ]": ("getitem", "__getitem__"),
    "[ ] =": ("setitem", "__setitem__"),
}
_EXPONENT = re.compile(r"\*\*\s*([23])(?![\w.])|\.pow\(\s*([23])\s*\)")
_RAISED = re.compile(r"\*\*|pow\(")
_LABELS = {target: label for label, targets in _SYMBOLS.items() for target in targets}


def op_label(op: Op) -> str:
    """What an op is called.

    >>> [op_label(Op(0, target, (), (1,))) for target in ("truediv", "linear", "mse_loss")]
    ['÷', 'linear', 'mse']
    """
    if op.target in EXITS and not op.outputs:
        return exit_label(op)
    power = _power(op.code) if op.target in ("pow", "pow_") and len(op.inputs) == 1 else ""
    return power or _LABELS.get(op.target) or printable(op.target)


def _power(code: str) -> str:
    """The square or the cube, if a line raises to a power in one place only, and to that one.

    >>> _power("2 * x**3"), _power("x.pow(2)"), _power("x**2 + y**3"), _power("x**n")
    ('( )³', '( )²', '', '')
    """
    found = _EXPONENT.search(code)
    if found is None or len(_RAISED.findall(code)) != 1:
        return ""
    return {"2": "( )²", "3": "( )³"}[found[1] or found[2]]


def exit_label(op: Op) -> str:
    """How a number left: a method, or one of Python's own functions.

    >>> exit_label(Op(0, "item", (0,), ())), exit_label(Op(0, "float", (0,), ()))
    ('.item()', 'float()')
    """
    is_method = op.target in ("item", "tolist", "numpy", "is_nonzero")
    return f".{op.target}()" if is_method else f"{printable(op.target)}()"


def cut_label(op: Op) -> str:
    """The title of a cut."""
    if not op.outputs:
        return exit_label(op)
    return ".data" if op.target == "data" else printable(op.target)


def value_label(value: Value) -> str:
    """What an input, buffer or constant is called: its name, its number, or its sizes.

    >>> value_label(Value(0, None, "constant", (), "float32", False, 0.5))
    '0.5'
    """
    if value.name is not None:
        return printable(value.name)
    if value.scalar is not None:
        return number(value.scalar).replace("-", "−")
    return f"[{', '.join(map(str, value.shape))}]" if value.shape else "a tensor"


def below(path: str, *around: str) -> str:
    """A dotted name from the dot on where the first of the paths around it that begins it ends.

    >>> below("net.h.0.weight", "net.h.0", "net"), below("net.h.0", "", "other")
    ('weight', 'net.h.0')
    """
    for one in around:
        if one and path.startswith(one + "."):
            return path[len(one) + 1 :]
    return path


def again_label(name: str, alone: Collection[str], *around: str) -> str:
    """How a parameter is called where it is used again: without ``weight`` where it is alone in its module.

    >>> again_label("wte.weight", {"wte"}), again_label("D.weight", (), "D")
    ('= wte', '= weight')
    """
    module, _, last = name.rpartition(".")
    short = module in alone and last == "weight" and module not in around
    return f"= {printable(below(module if short else name, *around))}"


def group_label(op: Op, total: int) -> str:
    """What several ops that are drawn as one are called, by the last of them.

    >>> group_label(Op(0, "where", (), (1,)), 7)
    'where … 7 ops'
    """
    return f"{op_label(op)} … {total} ops"


def chain_label(graph: Graph, source: Value, ops: tuple[int, ...]) -> str:
    """What a view of an input is called: ``ids.view``, ``ids[ ].to``, ``ids.view … 4 ops``."""
    words = ["[ ]" if op_label(graph.ops[op]) == "[ ]" else printable(graph.ops[op].target) for op in ops]
    if source.name is None:
        return words[-1] if len(words) == 1 else f"{words[-1]} … {len(words)} ops"
    dotted = "".join(word if word == "[ ]" else f".{word}" for word in (words if len(words) < 3 else words[:1]))
    return f"{printable(source.name)}{dotted}" + (f" … {len(words)} ops" if len(words) > 2 else "")
