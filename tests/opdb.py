"""Compare gradflow with plain PyTorch on PyTorch's own operator database.

Every operator runs on the samples that PyTorch tests it with, between a parameter before it and one after it. What
`.grad` every leaf has after an ordinary backward is the truth; a trace and a flow of the same program have to say
the same, and the explanation has to give a reason that goes with it.

    python tests/opdb.py [--dtype float32 float64] [--samples 80] [--limit N] [--only NAME …] [--seed 0]
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.testing._internal.common_methods_invocations import op_db
from truth import WITH_CUTS, consistent, disagreement, measured

import gradflow as gf

UNINITIALIZED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}


class Skipped(Exception):
    """A sample that nothing can be learned from; the message says why."""


@dataclass
class Tally:
    """What was run, and what came out."""

    ops: set[str] = field(default_factory=set)
    samples: int = 0
    leaves: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The counts, and what is wrong, as text."""
        gradients = ", ".join(f"{self.leaves[status]:,} {status}" for status in ("nonzero", "zero", "missing"))
        skipped = ", ".join(f"{count:,} {why}" for why, count in sorted(self.skipped.items())) or "none"
        reasons = ", ".join(f"{count:,} {name}" for name, count in sorted(self.reasons.items()))
        return [
            f"operators    {len(self.ops):,}",
            f"samples      {self.samples:,}",
            f"leaves       {self.leaves.total():,}: {gradients}",
            f"reasons      {reasons}",
            f"skipped      {skipped}",
            f"wrong        {len(self.wrong):,}",
            *(f"  {line}" for line in self.wrong),
            f"unexplained  {len(self.unexplained):,}",
            *(f"  {line}" for line in self.unexplained),
        ]


# -- a sample as a program ---------------------------------------------------------------------------------


def replaced(thing: Any, replace: Any) -> Any:
    """The same nest of lists, tuples and dicts, with every tensor replaced."""
    if isinstance(thing, Tensor):
        return replace(thing)
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*(replaced(item, replace) for item in thing))
    if isinstance(thing, list | tuple):
        return type(thing)(replaced(item, replace) for item in thing)
    if isinstance(thing, Mapping):
        return {key: replaced(item, replace) for key, item in thing.items()}
    return thing


def flattened(thing: Any) -> Iterator[Any]:
    """The tensors and numbers in a nest of lists, tuples and dicts."""
    if isinstance(thing, Mapping):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        for item in thing:
            yield from flattened(item)
    elif isinstance(thing, Tensor | int | float | complex):
        yield thing


def may_learn(tensor: Tensor) -> bool:
    return (tensor.is_floating_point() or tensor.is_complex()) and tensor.layout == torch.strided


class Program:
    """One sample of one operator, between a parameter before it and one after it.

    Every tensor of the sample that may have a gradient becomes ``leaf.0``, ``leaf.1``, …; the operator gets
    ``leaf.i * before``. What it returns is multiplied by ``after`` and summed to a real number.
    """

    def __init__(self, op: Any, sample: Any, dtype: torch.dtype, seed: int) -> None:
        self.op, self.dtype, self.seed = op, dtype, seed
        self.data: list[Tensor] = []
        self.sample = replaced((sample.input, sample.args, sample.kwargs), self._numbered)

    def _numbered(self, tensor: Tensor) -> Any:
        if may_learn(tensor) and (tensor.requires_grad or not self.op.supports_autograd):
            self.data.append(tensor.detach())
            return _Leaf(len(self.data) - 1)
        return tensor.detach()

    def leaves(self) -> dict[str, Tensor]:
        """New leaves, with the same numbers each time."""
        leaves = {f"leaf.{i}": data.clone().requires_grad_() for i, data in enumerate(self.data)}
        for name, number in (("before", 1.0), ("after", 0.5)):
            leaves[name] = torch.tensor(number, dtype=self.dtype, requires_grad=True)
        return leaves

    def run(self, leaves: Mapping[str, Tensor]) -> Tensor:
        """The loss."""
        torch.manual_seed(self.seed)

        def filled(thing: Any) -> Any:
            if isinstance(thing, _Leaf):
                return leaves[f"leaf.{thing.index}"] * leaves["before"]
            if isinstance(thing, list | tuple) and not hasattr(thing, "_fields"):
                return type(thing)(filled(item) for item in thing)
            if isinstance(thing, dict):
                return {key: filled(item) for key, item in thing.items()}
            return thing

        first, args, kwargs = filled(self.sample)
        loss = torch.zeros((), dtype=torch.float64)
        for output in flattened(self.op.op(first, *args, **kwargs)):
            if isinstance(output, Tensor) and output.layout != torch.strided:
                output = output.to_dense()
            if isinstance(output, Tensor) and not (output.is_floating_point() or output.is_complex()):
                output = output.to(self.dtype)
            after = output * leaves["after"]
            loss = loss + after.real.sum() + (after.imag.sum() if after.is_complex() else 0)
        return loss


@dataclass(frozen=True)
class _Leaf:
    index: int


def compare(program: Program, tally: Tally, label: str) -> None:
    """Run a program plainly and observed, and note every leaf.

    Raises:
        Skipped: the plain run raises. Where only its backward does, the flow has to raise the very same.
    """
    plain = program.leaves()
    try:
        loss = program.run(plain)
    except Exception as error:  # whatever it is, it is counted by its type
        raise Skipped(f"samples that raise {type(error).__name__}") from error
    refused = _raised(loss.backward) if loss.requires_grad else None
    leaves = program.leaves()
    try:
        with gf.trace(**_by_keyword(leaves)) as t:
            loss = program.run(leaves)
        if refused is not None:
            again = _raised(lambda: t.flow(loss))
            if (type(refused), str(refused)) != (type(again), str(again)):
                tally.wrong.append(f"{label}: backward raises {refused!r:.150}, flow {again!r:.150}")
            raise Skipped(f"samples whose backward raises {type(refused).__name__}, as the flow does")
        flow = t.flow(loss)
    except Skipped:
        raise
    except Exception as error:  # whatever a flow raises is a wrong answer
        tally.wrong.append(f"{label}: {type(error).__name__}: {str(error)[:200]}")
        return
    tally.samples += 1
    for name, leaf in leaves.items():
        truth = measured(plain[name].grad)
        tally.leaves[truth.status] += 1
        problem = disagreement(flow.at(name), truth, leaf.numel())
        if problem:
            tally.wrong.append(f"{label}: {name}: {problem}")
        try:
            e = gf.explain(flow, name)
        except Exception as error:  # and so is whatever an explanation raises
            tally.unexplained.append(f"{label}: {name}: {type(error).__name__}: {str(error)[:200]}")
            continue
        tally.reasons[e.reason.name] += 1
        unfounded = e.reason in WITH_CUTS and not e.cuts
        if unfounded or not consistent(e.reason, truth) or not str(e):
            tally.unexplained.append(f"{label}: {name}: {truth.status}, but: {e}")


def _raised(call: Callable[[], Any]) -> Exception | None:
    try:
        call()
    except Exception as error:  # handed back, to be compared
        return error
    return None


def _by_keyword(leaves: Mapping[str, Tensor]) -> dict[str, Any]:
    inner = [leaf for name, leaf in leaves.items() if name.startswith("leaf.")]
    return {"leaf": inner, "before": leaves["before"], "after": leaves["after"]}


# -- the whole database ------------------------------------------------------------------------------------


def programs(op: Any, dtype: torch.dtype, most: int, seed: int) -> Iterator[tuple[str, Program]]:
    """The programs of one operator, with their labels.

    Raises:
        Skipped: the operator has no samples of that dtype.
    """
    if op.name in UNINITIALIZED:
        raise Skipped("operators with uninitialized memory")
    if not op.supports_dtype(dtype, "cpu"):
        raise Skipped(f"operators without {str(dtype).removeprefix('torch.')}")
    torch.manual_seed(seed)
    random.seed(seed)
    samples = op.sample_inputs("cpu", dtype, requires_grad=op.supports_autograd)
    name = f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name
    for index, sample in enumerate(itertools.islice(samples, most or None)):
        label = f"{name} {str(dtype).removeprefix('torch.')} sample {index}"
        yield label, Program(op, sample, dtype, seed + index)


def check(op: Any, dtype: torch.dtype, tally: Tally, most: int, seed: int) -> None:
    """Compare all samples of one operator, and add to the tally."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for label, program in programs(op, dtype, most, seed):
                try:
                    compare(program, tally, label)
                    tally.ops.add(f"{op.name}.{op.variant_test_name}")
                except Skipped as why:
                    tally.skipped[str(why)] += 1
        except Skipped as why:
            tally.skipped[str(why)] += 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print the counts; the exit code is 1 if anything is wrong."""
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dtype", nargs="+", default=["float32", "float64"], choices=["float32", "float64"])
    parser.add_argument("--samples", type=int, default=80, help="at most so many of each operator, 0 for all")
    parser.add_argument("--limit", type=int, default=None, help="only so many operators, drawn by the seed")
    parser.add_argument("--only", nargs="+", default=None, help="only operators of these names")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    chosen = [op for op in op_db if options.only is None or op.name in options.only]
    if options.limit is not None:
        chosen = random.Random(options.seed).sample(chosen, min(options.limit, len(chosen)))
    work = [(op, getattr(torch, dtype)) for dtype in options.dtype for op in chosen]
    tally = Tally()
    bar = tqdm(work, unit="operator", disable=None)
    for op, dtype in bar:
        bar.set_postfix_str(f"{op.name[:24]}, {len(tally.wrong)} wrong", refresh=False)
        check(op, dtype, tally, options.samples, options.seed)
    print("\n".join(tally.lines()))
    return 1 if tally.wrong or tally.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
