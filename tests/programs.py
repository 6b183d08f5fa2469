"""Random programs that can really be changed: data that plain PyTorch runs, with a detach here and a flag there.

A program is a list of steps. A change cuts operands with a real ``detach()``, leaves out a detach or a ``no_grad``,
and sets flags of parameters before it runs. What came of it is read from ``.grad``, from the state of a real
optimizer and from hooks on the backward nodes.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._C._autograd import _get_sequence_nr
from torch.overrides import TorchFunctionMode

SIZE = 3


class NoneBack(torch.autograd.Function):
    """Passes its first input on; its backward sends None to the second."""

    @staticmethod
    def forward(ctx, x, y):
        return x + y

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class Twice(torch.autograd.Function):
    """A custom function of one input."""

    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Quantized(torch.autograd.Function):
    """A custom function that sends None."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, gradient):
        return None


def _written(x: Tensor, y: Tensor) -> Tensor:
    x[0] = y[0]
    return x


Compute = Callable[..., Any]
ONE: dict[str, Compute] = {
    "neg": torch.neg,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "exp": lambda x: x.clamp(max=2).exp(),
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: x.softmax(-1),
    "transpose": lambda x: x.t(),
    "view": lambda x: x.reshape(-1).view(SIZE, SIZE),
    "clone": torch.clone,
    "contiguous": lambda x: x.t().contiguous(),
    "round": torch.round,
    "sign": torch.sign,
    "clamp": lambda x: x.clamp(-1, 1),
    "cumsum": lambda x: x.cumsum(0),
    "mean": lambda x: x.mean(0, keepdim=True).expand(SIZE, SIZE),
    "norm": lambda x: x / (1 + x.norm()),
    "argmax": lambda x: torch.eye(SIZE)[x.argmax(1)],
    "compare": lambda x: (x > 0).float(),
    "long": lambda x: x.long().float(),
    "double": lambda x: x.double().float(),
    "item": lambda x: torch.full((SIZE, SIZE), x.sum().item()),
    "index": lambda x: x[torch.tensor([2, 0, 1])],
    "slice": lambda x: torch.cat([x[1:], x[:1]]),
    "getitem": lambda x: x[:, :1] + x[0],
    "sort": lambda x: x.sort(1)[0],
    "topk": lambda x: torch.cat([x.topk(1)[0], x[:, 1:]], 1),
    "dropout": lambda x: F.dropout(x, 0.5),
    "layer_norm": lambda x: F.layer_norm(x, (SIZE,)),
    "twice": lambda x: Twice.apply(x),
    "quantized": lambda x: Quantized.apply(x),
    "abs": lambda x: abs(x) + 0.1,
}
TWO: dict[str, Compute] = {
    "add": torch.add,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / (y.abs() + 1),
    "matmul": lambda x, y: x @ y / SIZE,
    "maximum": torch.maximum,
    "where": lambda x, y: torch.where(x > y, x, y),
    "mask": lambda x, y: x.masked_fill(y > 0, 0.5),
    "cat": lambda x, y: torch.cat([x, y])[:SIZE],
    "stack": lambda x, y: torch.stack([x, y]).mean(0),
    "lerp": lambda x, y: torch.lerp(x, y, 0.3),
    "none_back": lambda x, y: NoneBack.apply(x, y),
    "linear": lambda x, y: F.linear(x, y),
    "expand_as": lambda x, y: x.expand_as(y),
    "distance": lambda x, y: x - F.mse_loss(x, y),
    "add_": lambda x, y: (x * 2).add_(y),
    "mul_": lambda x, y: (x * 2).mul_(y.detach()),
    "setitem": lambda x, y: _written(x * 2, y),
}
WRITES: dict[str, Compute] = {
    "iadd": lambda x, y: x.add_(y),
    "imul": lambda x, y: x.mul_(y.detach()),
    "irelu": lambda x, y: F.relu(x, inplace=True),
    "irow": _written,
    "iview": lambda x, y: x.t().mul_(2).t(),
}
SEVERAL: dict[str, Compute] = {
    "split": lambda x: [torch.cat([part] * SIZE) for part in x.split(1)[:2]],
    "chunk": lambda x: [part.expand(SIZE, SIZE) for part in x.chunk(SIZE)[:2]],
    "unbind": lambda x: [part.expand(SIZE, SIZE) for part in x.unbind()[1:]],
    "max": lambda x: [x.max(0)[0].expand(SIZE, SIZE), x.max(1)[1].float().expand(SIZE, SIZE)],
    "var_mean": lambda x: [part.expand(SIZE, SIZE) for part in torch.var_mean(x, 0)],
}
MODULES: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(SIZE, SIZE),
    "LayerNorm": lambda: nn.LayerNorm(SIZE),
    "Sequential": lambda: nn.Sequential(nn.Linear(SIZE, SIZE), nn.ReLU(), nn.Linear(SIZE, SIZE)),
    "InPlace": lambda: nn.Sequential(nn.Linear(SIZE, SIZE), nn.ReLU(inplace=True), nn.Linear(SIZE, SIZE)),
}


class Step(NamedTuple):
    """One instruction: ``name`` of what is computed, the slots that it takes, and whether gradients are off."""

    name: str
    takes: tuple[int, ...]
    off: str = ""


@dataclass(frozen=True)
class Program:
    """What is computed from which leaves; slots are the leaves, the input, and then what each step gives."""

    seed: int
    leaves: tuple[tuple[str, bool], ...]
    modules: tuple[tuple[str, str], ...]
    steps: tuple[Step, ...]
    losses: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Change:
    """What is really done: ``cut`` and ``heal`` are pairs of a step and an operand, and steps."""

    cut: tuple[tuple[int, int], ...] = ()
    heal: tuple[int, ...] = ()
    frozen: tuple[str, ...] = ()
    thaw: tuple[str, ...] = ()
    ask: tuple[str, ...] | None = None
    hold: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None


class Calls(TorchFunctionMode):
    """Counts the calls of PyTorch functions, and keeps which backward nodes each made.

    Attributes:
        ranges: of each call, the numbers of its backward nodes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ranges: list[tuple[int, int]] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the call and count it; a change of the grad mode is none."""
        if getattr(func, "__name__", "") == "_set_grad_enabled":
            return func(*args, **(kwargs or {}))
        args, kwargs = self.changed(len(self.ranges), args, kwargs or {})
        start, at = _get_sequence_nr(), len(self.ranges)
        self.ranges.append((start, start))
        result = func(*args, **kwargs)
        self.ranges[at] = (start, _get_sequence_nr())
        self.ran(at, args, kwargs)
        return result

    def changed(self, call: int, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """What the call is really given."""
        return args, kwargs

    def ran(self, call: int, args: Any, kwargs: Any) -> None:
        """Hear of a call that has run."""


@dataclass
class Outcome:
    """What really came of a run: names, and the calls and the steps whose backward nodes ran.

    ``names`` are those that something is known of, all if None.
    """

    reached: list[str]
    stepped: list[str]
    calls: set[int]
    rest: set[int]
    names: list[str] | None = None


def program(seed: int) -> Program:
    """A program of some twenty steps."""
    draw = random.Random(seed)
    leaves = tuple((f"p{i}", draw.random() < 0.75) for i in range(draw.randint(2, 4)))
    modules = tuple((f"m{i}", draw.choice(list(MODULES))) for i in range(draw.randint(0, 2)))
    slots = list(range(len(leaves) + 1))
    total, steps = len(slots), list[Step]()
    writable = draw.random() < 0.4
    names = [*ONE, *ONE, *(name for name in TWO if writable or not name.endswith(("_", "setitem"))), *SEVERAL]
    names += [*WRITES] if writable else []
    for _ in range(draw.randint(6, 22)):
        name = draw.choice([*names, *(["detach"] * 4), *(name for name, _ in modules for _ in range(4))])
        count = 2 if name in TWO or name in WRITES else 1
        takes = tuple(draw.choice(slots[-6:] if draw.random() < 0.7 else slots) for _ in range(count))
        made_here = [slot for slot in slots[len(leaves) + 1 :] if slot not in takes[1:]]
        if name in WRITES and made_here:
            takes = (draw.choice(made_here[-4:]), *takes[1:])
        off = draw.choice(["no_grad", "inference_mode"]) if draw.random() < 0.08 else ""
        steps.append(Step(name, takes, off))
        made = 2 if name in SEVERAL else 1
        slots += range(total, total + made)
        total += made
    losses = tuple(tuple(draw.choice(slots[-8:]) for _ in range(draw.randint(1, 3))) for _ in range(draw.randint(1, 2)))
    return Program(seed, leaves, modules, tuple(steps), losses)


class Run:
    """One run of a program, changed or not."""

    def __init__(self, of: Program, change: Change = Change()) -> None:
        self.program, self.change = of, change
        torch.manual_seed(of.seed)
        self.leaves = {name: torch.randn(SIZE, SIZE, requires_grad=learns) for name, learns in of.leaves}
        self.modules = {name: MODULES[kind]() for name, kind in of.modules}
        self.parameters = dict(self.leaves)
        for name, module in self.modules.items():
            self.parameters |= {f"{name}.{inner}": p for inner, p in module.named_parameters()}
        for name in change.frozen:
            self.parameters[name].requires_grad_(False)
        for name in change.thaw:
            self.parameters[name].requires_grad_(True)
        self.data = torch.randn(SIZE, SIZE)
        self.ranges: list[tuple[int, int]] = []

    def go(self, after: Callable[[int, Sequence[Any], Any], None] = lambda step, operands, made: None) -> list[Tensor]:
        """Run the steps; the losses. ``after`` hears of each step, and ``ranges`` keeps the backward nodes it made."""
        slots = [*self.leaves.values(), self.data]
        for number, step in enumerate(self.program.steps):
            operands = [slots[slot] for slot in step.takes]
            given = [_cut(x) if (number, at) in self.change.cut else x for at, x in enumerate(operands)]
            start = _get_sequence_nr()
            made = self._made(number, step, given)
            self.ranges.append((start, _get_sequence_nr()))
            after(number, given, made)
            slots += made
        found = []
        for number, parts in enumerate(self.program.losses):
            start = _get_sequence_nr()
            found.append(sum((slots[slot] * (number + 2)).mean() for slot in parts))
            self.ranges.append((start, _get_sequence_nr()))
            after(len(self.program.steps) + number, [], [found[-1]])
        return found

    def _made(self, number: int, step: Step, given: list[Tensor]) -> list[Tensor]:
        healed = number in self.change.heal
        if step.name == "detach" and healed:
            given[0].detach()  # the calls stay numbered as they were
            return given
        torch.manual_seed(number)
        modes = {"": contextlib.nullcontext, "no_grad": torch.no_grad, "inference_mode": torch.inference_mode}
        with modes["" if healed else step.off]():
            if step.name == "detach":
                return [given[0].detach()]
            compute = (ONE | TWO | WRITES | SEVERAL | self.modules)[step.name]
            made = compute(*given)
        return list(made) if isinstance(made, list) else [made]


def _cut(x: Tensor) -> Tensor:
    """A detach that no function mode sees."""
    with torch._C.DisableTorchFunction():
        return x.detach()


def outcome(of: Program, change: Change, held: Sequence[str]) -> Outcome:
    """What a changed program really does: one backward pass and one step of an optimizer."""
    run, calls = Run(of, change), Calls()
    with calls:
        made = run.go()
    losses = dict(zip(loss_names(of), made, strict=True))
    total = sum(losses[name] for name in (losses if change.losses is None else change.losses))
    hold = held if change.hold is None else change.hold
    optimizer = torch.optim.SGD([run.parameters[name] for name in hold] or [torch.zeros(1)], 0.1, 0.9)
    ran = backward(total, None if change.ask is None else [run.parameters[name] for name in change.ask])
    optimizer.step()
    in_calls = {number for start, stop in calls.ranges for number in range(start, stop)}
    return Outcome(
        [name for name, p in run.parameters.items() if p.grad is not None],
        [name for name, p in run.parameters.items() if "momentum_buffer" in optimizer.state.get(p, {})],
        ranges_of(calls.ranges, ran),
        ranges_of(run.ranges, ran - in_calls),
    )


def ranges_of(ranges: Sequence[tuple[int, int]], numbers: set[int]) -> set[int]:
    """Which ranges some of the numbers lie in."""
    return {i for i, (start, stop) in enumerate(ranges) if any(start <= number < stop for number in numbers)}


def backward(loss: Tensor, ask: Sequence[Tensor] | None) -> set[int]:
    """Run a backward pass, and give the sequence numbers of the backward nodes that ran."""
    ran: set[int] = set()
    asked = None if ask is None else [tensor for tensor in ask if tensor.requires_grad]
    if not loss.requires_grad or asked == []:
        return ran
    for node in nodes_below(loss):
        if not hasattr(node, "variable"):
            node.register_hook(partial(_note, ran, node._sequence_nr()))
    loss.backward(inputs=asked)
    return ran


def _note(ran: set[int], number: int, sent: Any, received: Any) -> None:
    ran.add(number)


def loss_names(of: Program) -> list[str]:
    return [f"loss{i}" for i in range(len(of.losses))]


def nodes_below(loss: Tensor) -> Iterator[Any]:
    """Every backward node below a loss."""
    seen = {loss.grad_fn}
    stack = [loss.grad_fn]
    while stack:
        node = stack.pop()
        yield node
        for child, _ in node.next_functions:
            if child is not None and child not in seen:
                seen.add(child)
                stack.append(child)
