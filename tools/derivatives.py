"""Find out which inputs PyTorch's functions differentiate, and write it down in ``gradflow/picture/derivatives.py``.

Run as ``python tools/derivatives.py``. Every operator of PyTorch's own database, every module of its database, and
the programs in ``OWN`` run under a trace, once for each floating tensor that they are given, which alone requires
grad. What is written down is what was seen, function by function: along which inputs a gradient went on.
"""

from __future__ import annotations

import argparse
import itertools
import random
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db

import gradflow as gf
from gradflow.flow import Flow
from gradflow.graph import Edge, Graph, Op
from gradflow.picture.net import EITHER, NONE_SENT, NOTHING, PASSED, UNKNOWN, continuous, pattern_of

OUTPUT = Path(__file__).parent.parent / "gradflow" / "picture" / "derivatives.py"
UNINITIALIZED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
MOST = 20  # samples of an operator

# By function and pattern of its inputs, what was seen of each output and input.
Seen = defaultdict[tuple[str, str], defaultdict[tuple[int, int], set[str]]]
Program = Callable[[Any], Any]

OWN: tuple[tuple[Program, tuple[int, ...]], ...] = (
    (lambda t: t[0] + t[1], (2, 2)),
    (lambda t: t[0] - t[1], (2, 2)),
    (lambda t: t[0] * t[1], (2, 2)),
    (lambda t: t[0] / t[1], (2, 2)),
    (lambda t: t[0] ** t[1], (2, 2)),
    (lambda t: t[0] @ t[1], (2, 2)),
    (lambda t: [t[0] + 1, t[0] - 1, t[0] * 2, t[0] / 2, t[0] ** 2, -t[0], 1 + t[0], 1 - t[0], 2 * t[0]], (2,)),
    (lambda t: [2 / t[0], 2 ** t[0], t[0].T, t[0].mT, t[0].H, t[0].mH, abs(t[0]), t[0].real], (2,)),
    (lambda t: [t[0][0], t[0][:, 1], t[0][None], t[0][torch.tensor([0, 1])], t[0][t[0] > 0]], (2,)),
    (lambda t: [t[0].to(torch.float64), t[0].double(), t[0].float(), t[0].half(), t[0].type(torch.float64)], (2,)),
    (lambda t: t[0][torch.tensor([0, 1]), torch.tensor([0, 1])], (2,)),
    (lambda t: [_write(t[0], t[1][0], 0), _write(t[0], t[1][:, 0], (slice(None), 1))], (2, 2)),
    (lambda t: [_write(t[0], 0.0, 0), _write(t[0], 0.0, t[0] > 0.5)], (2,)),
    (lambda t: _write(t[0], t[1], torch.tensor([1, 0])), (2, 2)),
    (lambda t: [(t[0] * 1).copy_(t[1]), (t[0] * 1).add_(t[1]), (t[0] * 1).mul_(t[1])], (2, 2)),
    (lambda t: [(t[0] * 1).zero_(), (t[0] * 1).fill_(2.0), (t[0] * 1).relu_()], (2,)),
    (lambda t: torch.cat(t), (2, 2, 2)),
    (lambda t: torch.cat(t), (2, 2, 2, 2)),
    (lambda t: torch.stack(t), (2, 2, 2)),
    (lambda t: torch.stack(t), (2, 2, 2, 2)),
    (lambda t: torch.hstack(t), (2, 2, 2, 2)),
    (lambda t: torch.vstack(t), (2, 2, 2, 2)),
    (lambda t: torch.einsum("ij,jk->ik", t[0], t[1]), (2, 2)),
    (lambda t: torch.einsum("ij,jk,kl->il", *t), (2, 2, 2)),
    (lambda t: F.scaled_dot_product_attention(*t), (3, 3, 3)),
    (lambda t: F.scaled_dot_product_attention(t[0], t[1], t[2], is_causal=True), (3, 3, 3)),
    (lambda t: F.embedding(torch.tensor([0, 1, 1]), t[0]), (2,)),
    (lambda t: F.linear(t[0], t[1], t[2]), (2, 2, 1)),
    (lambda t: F.linear(t[0], t[1]), (2, 2)),
    (lambda t: F.layer_norm(t[0], (2,), t[1], t[2]), (2, 1, 1)),
    (lambda t: [F.mse_loss(t[0], t[1]), F.l1_loss(t[0], t[1]), F.smooth_l1_loss(t[0], t[1])], (2, 2)),
    (lambda t: [F.cross_entropy(t[0], torch.tensor([0, 1])), F.nll_loss(t[0], torch.tensor([0, 1]))], (2,)),
    (lambda t: F.cross_entropy(t[0], t[1].softmax(-1)), (2, 2)),
    (lambda t: [F.kl_div(t[0], t[1]), F.binary_cross_entropy_with_logits(t[0], t[1])], (2, 2)),
    (lambda t: F.binary_cross_entropy(t[0].sigmoid(), t[1].sigmoid()), (2, 2)),
    (lambda t: F.gumbel_softmax(t[0]), (2,)),
    (lambda t: F.gumbel_softmax(t[0], hard=True), (2,)),
    (lambda t: [t[0].sum(), t[0].mean(), t[0].max(0), t[0].min(1), t[0].topk(2), t[0].sort(), t[0].norm()], (2,)),
    (lambda t: [*t[0].split(1), *t[0].chunk(2), *t[0].unbind(), t[0].cumsum(0), t[0].std(), t[0].var(0)], (2,)),
    (lambda t: [F.dropout(t[0], 0.5), F.dropout(t[0], 0.5, training=True), F.alpha_dropout(t[0], 0.5)], (2,)),
)


def seen_by_all(names: frozenset[str] | None = None, seed: int = 0) -> Seen:
    """What was seen of each function; ``names`` says which operators of the database run, all if None."""
    seen: Seen = defaultdict(lambda: defaultdict(set))
    for run, data in _programs(names, seed):
        for i in range(len(data)):
            _look(run, data, i, seen)
    return seen


def _programs(names: frozenset[str] | None, seed: int) -> Iterator[tuple[Program, list[Tensor]]]:
    """Functions of a list of tensors, and the tensors."""
    for op in op_db:
        if op.name in UNINITIALIZED or (names is not None and op.name not in names):
            continue
        for dtype in (torch.float32, torch.complex64):
            if op.supports_dtype(dtype, "cpu"):
                yield from _of_operator(op, dtype, MOST if dtype == torch.float32 else 3, seed)
    if names is None:
        for info in module_db:
            yield from _of_module(info, seed)
    for program, dimensions in OWN:
        torch.manual_seed(seed)
        yield program, [torch.rand((2, 2, 2)[:n]) + 0.1 for n in dimensions]


def _of_operator(op: Any, dtype: torch.dtype, most: int, seed: int) -> Iterator[tuple[Program, list[Tensor]]]:
    torch.manual_seed(seed)
    random.seed(seed)
    try:
        samples = list(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=False), most))
    except Exception:  # an operator that has no samples here
        return
    for sample in samples:
        data: list[Tensor] = []
        parts = _numbered((sample.input, sample.args, sample.kwargs), data)

        def run(tensors: list[Tensor], parts: Any = parts) -> Any:
            torch.manual_seed(seed)
            first, args, kwargs = _filled(parts, tensors)
            return op.op(first, *args, **kwargs)

        yield run, data
        if op.inplace_variant is not None and isinstance(parts[0], _Place):

            def write(tensors: list[Tensor], parts: Any = parts) -> Any:
                torch.manual_seed(seed)
                first, args, kwargs = _filled(parts, tensors)
                return op.inplace_variant(first * 1, *args, **kwargs)

            yield write, data


def _of_module(info: Any, seed: int) -> Iterator[tuple[Program, list[Tensor]]]:
    torch.manual_seed(seed)
    try:
        inputs = info.module_inputs_func(
            info, device="cpu", dtype=torch.float32, requires_grad=False, training=True
        )
    except Exception:  # a module that has no samples here
        return
    for sample in itertools.islice(inputs, 6):
        if sample.forward_input is None or "Lazy" in info.module_cls.__name__:
            continue
        try:
            args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
            module = info.module_cls(*args, **kwargs)
        except Exception:  # it wants a device that is not there
            continue
        data: list[Tensor] = [p.detach() for p in module.parameters()]
        own = [name for name, _ in module.named_parameters()]
        parts = _numbered((sample.forward_input.args, sample.forward_input.kwargs), data)

        def run(tensors: list[Tensor], module: Any = module, own: list[str] = own, parts: Any = parts) -> Any:
            torch.manual_seed(seed)
            args, kwargs = _filled(parts, tensors)
            given = dict(zip(own, tensors, strict=False))
            return torch.func.functional_call(module, given, args, kwargs)

        yield run, data


class _Place(int):
    """Where a tensor stands in a list."""


def _numbered(thing: Any, data: list[Tensor]) -> Any:
    """The same nest, with floating tensors moved to a list."""
    if isinstance(thing, Tensor):
        if thing.layout != torch.strided or not (thing.is_floating_point() or thing.is_complex()):
            return thing
        data.append(thing.detach())
        return _Place(len(data) - 1)
    if isinstance(thing, list | tuple) and not hasattr(thing, "_fields"):
        return type(thing)(_numbered(item, data) for item in thing)
    if isinstance(thing, Mapping):
        return {key: _numbered(item, data) for key, item in thing.items()}
    return thing


def _filled(thing: Any, tensors: list[Tensor]) -> Any:
    if isinstance(thing, _Place):
        return tensors[thing]
    if isinstance(thing, list | tuple) and not hasattr(thing, "_fields"):
        return type(thing)(_filled(item, tensors) for item in thing)
    if isinstance(thing, dict):
        return {key: _filled(item, tensors) for key, item in thing.items()}
    return thing


def _write(target: Tensor, source: Any, at: Any) -> Tensor:
    """A copy of a tensor, written to at some place."""
    copy = target * 1
    copy[at] = source
    return copy


def _tensors(thing: Any) -> Iterator[Tensor]:
    if isinstance(thing, Mapping):
        thing = list(thing.values())
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, list | tuple):
        for item in thing:
            yield from _tensors(item)


def _look(run: Program, data: list[Tensor], which: int, seen: Seen) -> None:
    """Run once with one tensor that requires grad, and note what each op did with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leaves = [tensor.clone() * 1 for tensor in data]
        leaves[which].requires_grad_()
        try:
            with gf.trace(leaf=leaves) as t:
                outputs = list(_tensors(run(leaves)))
            graph = t.graph
            flows = []
            for output in outputs:
                if output.requires_grad and output.layout == torch.strided and not output.is_leaf:
                    flows.append(t.flow(output, gradient=torch.ones_like(output)))
        except Exception:  # this input has no derivative, or the sample asks for what is not there: nothing was seen
            return
    for op in graph.ops:
        note(graph, op, flows, seen)


def note(graph: Graph, op: Op, flows: Iterable[Flow], seen: Seen) -> None:
    """Note what one op did with its one input that requires grad."""
    due = [p for p, value in enumerate(op.inputs) if graph.values[value].requires_grad]
    if len(due) != 1 or not op.grad_enabled or (op.grad_fn or "0").endswith("Backward"):
        return
    of = seen[op.target, pattern_of(graph, op)]
    for at, output in enumerate(op.outputs):
        if not continuous(graph.values[output]):
            continue
        cell = of[at, due[0]]
        if not graph.values[output].requires_grad:
            cell.add(NOTHING)
        for flow in flows:
            others = any(flow.at(other).arrived for other in op.outputs if other != output)
            if flow.output == output or (flow.at(output).arrived and not others and flow.output not in op.outputs):
                sent = flow.at(Edge(op.inputs[due[0]], op.id, due[0]))
                cell.add(PASSED if sent.arrived else NONE_SENT if sent.status == "undefined" else NOTHING)


_LETTERS = {frozenset({letter}): letter for letter in (PASSED, NONE_SENT, NOTHING)} | {frozenset("1u"): EITHER}


def row(pattern: str, cells: Mapping[tuple[int, int], set[str]]) -> str:
    """What was seen as a letter for each input: a question mark where it was not one thing, or not seen.

    >>> row("ffi", {(0, 0): {"1"}, (0, 1): {"1", "u"}})
    '1m0'
    """
    outputs = {output for output, _ in cells}
    letters = []
    for at, kind in enumerate(pattern):
        seen = set.union(*(cells.get((output, at)) or {UNKNOWN} for output in outputs)) if outputs else {UNKNOWN}
        letters.append(NOTHING if kind == "i" else _LETTERS.get(frozenset(seen), UNKNOWN))
    return "".join(letters)


def lines(seen: Seen) -> list[str]:
    """A line for each function: its patterns, and the letters of those along which not all goes on."""
    found: dict[str, list[str]] = {}
    for (target, pattern), cells in sorted(seen.items()):
        letters = row(pattern, cells)
        if any(letter != UNKNOWN for kind, letter in zip(pattern, letters, strict=True) if kind == "f"):
            plain = letters == pattern.replace("f", PASSED).replace("i", NOTHING)
            found.setdefault(target, []).append(pattern if plain else f"{pattern}={letters}")
    return [" ".join([target, *patterns]) for target, patterns in found.items()]


HEAD = '''"""Which inputs PyTorch differentiates: made by ``tools/derivatives.py`` from PyTorch {version}, not by hand.

A line for each function: its name, and patterns of inputs that were seen, an ``f`` for each that can require grad.
After ``=`` stands what was seen along each input: 1 a gradient goes on, 0 none does, u None does, m one of
the two, ? not one thing.
Without it a gradient goes on along every f, to every input from every output.
"""

from __future__ import annotations

from functools import cache

_ARITIES = 3  # a function seen with so many lengths of lists takes lists of any length


@cache
def sends(target: str, pattern: str) -> str | None:
    """What goes on along each input of a function, as letters; None if it was never seen like this.

    >>> sends("linear", "fff"), sends("cat", "f" * 9), sends("linear", "iii")
    (\'111\', \'111111111\', None)
    """
    seen = _patterns().get(target, {{}})
    if pattern in seen:
        return seen[pattern]
    lists = [letters for of, letters in seen.items() if set(of) == {{"f"}}]
    of_any_length = len(lists) >= _ARITIES and set("".join(lists)) == {{"1"}} and set(pattern) == {{"f"}}
    return "1" * len(pattern) if of_any_length else None


@cache
def _patterns() -> dict[str, dict[str, str]]:
    found = {{}}
    for line in TABLE.split("\\n"):
        target, *patterns = line.split()
        rows = (pattern.partition("=") for pattern in patterns)
        found[target] = {{of: letters or of.replace("f", "1").replace("i", "0") for of, _, letters in rows}}
    return found


TABLE = """\\
{table}"""
'''


def main() -> None:
    """Write the module."""
    argparse.ArgumentParser(prog="python tools/derivatives.py", description=main.__doc__).parse_args()
    table = "\n".join(lines(seen_by_all()))
    OUTPUT.write_text(HEAD.format(version=torch.__version__.partition("+")[0], table=table), encoding="utf-8")


if __name__ == "__main__":
    main()
