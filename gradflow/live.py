"""Run a model and its loss once with something changed, and leave no trace."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import operator
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge
from torch.optim import Optimizer

from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.location import is_own, place, shown
from gradflow.notation import listed
from gradflow.restoring import Restore, random_states, untouched, without_grads
from gradflow.step import diff, snapshot
from gradflow.stepdiff import StepDiff
from gradflow.trace import Trace, trace
from gradflow.walk import Walk

Losses = Mapping[str, Callable[[Any], Tensor]]
MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]


class Changes(NamedTuple):
    """What a run does otherwise than the program does it by itself.

    Attributes:
        cut: paths of modules whose outputs are detached.
        frozen: parameters that do not require grad.
        asked: names given to ``inputs=``; None for all leaves.
        held: parameters that the optimizer holds; None for all.
        losses: names of the losses that are summed; None for all.
    """

    cut: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    asked: tuple[str, ...] | None = None
    held: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Run:
    """What was seen when the program ran with some changes.

    Attributes:
        changes: what was changed.
        flow: the backward pass.
        step: what one step of the optimizer moved.
        held: the parameters that it held.
        detached: how many tensors each cut detached.
    """

    changes: Changes
    flow: Flow
    step: StepDiff
    held: tuple[str, ...]
    detached: dict[str, int]


@dataclass(frozen=True)
class Program:
    """A model with what goes in and what is made of what comes out. A run leaves it as it was.

    Attributes:
        model: the model.
        inputs: what it is called with.
        keywords: what it is called with by name.
        losses: by name, functions of what it returns.
        optimizer: makes an optimizer of a list of parameters.
        start: sets the random generators; every run starts there, so that runs differ by their changes alone.
    """

    model: nn.Module
    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    losses: Losses
    optimizer: MakeOptimizer
    start: Restore = field(default_factory=random_states)

    def run(self, changes: Changes) -> Run:
        """Run it once with these changes.

        Raises:
            Exception: what the model, a loss, the backward pass or the optimizer raises.
        """
        own = [self.model, *(loss for loss in self.losses.values() if isinstance(loss, nn.Module))]
        with untouched(*own), _cut(self.model, changes.cut) as detached:
            self.start()
            parameters = dict(self.model.named_parameters())
            for name in changes.frozen:
                parameters[name].requires_grad_(False)
            recorded, inputs, loss = self._forward(changes)
            held = tuple(parameters) if changes.held is None else changes.held
            with without_grads(_leaves(loss, own)):
                flow = _backward(recorded, loss, changes, parameters | inputs)
                step = self._step([parameters[name] for name in held])
        return Run(changes, flow, step, held, detached)

    @place("")
    def _forward(self, changes: Changes) -> tuple[Trace, dict[str, Tensor], Tensor]:
        inputs, keywords = _fresh((self.inputs, dict(self.keywords)))
        named = _names_of_inputs(self.model, inputs, keywords)
        with trace(self.model, **named) as recorded:
            output = self.model(*inputs, **keywords)
            losses = {name: _checked(name, function(output)) for name, function in self.losses.items()}
            wanted = [losses[name] for name in (changes.losses or self.losses)]
            total = reduce(operator.add, wanted)
            recorded.name(**{name: loss for name, loss in losses.items() if name})
        return recorded, {name: thing for name, thing in named.items() if isinstance(thing, Tensor)}, total

    def _step(self, held: list[nn.Parameter]) -> StepDiff:
        before = snapshot(self.model)
        if held:
            self.optimizer(held).step()
        return diff(before, snapshot(self.model))


def _backward(recorded: Trace, loss: Tensor, changes: Changes, leaves: Mapping[str, Tensor]) -> Flow:
    if not loss.requires_grad:
        return recorded.flow(loss, inputs=changes.asked)
    if changes.asked is None:
        return recorded.backward(loss)
    idle = [name for name in changes.asked if not leaves[name].requires_grad]
    if idle:
        raise GradflowError(
            f"inputs= names {listed(idle)}, which PyTorch refuses: no gradient can be asked for what does not "
            "require grad. Ask for others, or let it require grad."
        )
    return recorded.backward(loss, inputs=[leaves[name] for name in changes.asked])


def _leaves(loss: Tensor, modules: Iterable[nn.Module]) -> list[Tensor]:
    """All leaves that a backward pass of the loss may give a gradient, those of other models as well."""
    found: list[Tensor] = [parameter for module in modules for parameter in module.parameters()]
    if loss.requires_grad:
        found += Walk.below(get_gradient_edge(loss).node).leaves.values()
    return list({id(leaf): leaf for leaf in found}.values())


def _checked(name: str, loss: object) -> Tensor:
    if isinstance(loss, Tensor) and loss.numel() == 1:
        return loss
    got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
    if name:
        raise GradflowError(f"the loss {name!r} gave {got}; a loss is a tensor of one element.")
    raise GradflowError(
        f"the model returned {got}, which is not a loss. Pass loss=, a function of what the model returns "
        "that gives a tensor of one element, as in loss=lambda out: out.pow(2).mean()."
    )


# -- cuts ----------------------------------------------------------------------------------------------------


@contextmanager
def _cut(model: nn.Module, paths: Sequence[str]) -> Iterator[dict[str, int]]:
    """Inside, what the modules of these paths return is detached, at every call; counts the detached tensors."""
    modules = dict(model.named_modules(remove_duplicate=False))
    detached = dict.fromkeys(paths, 0)
    with ExitStack() as hooks:
        for path in paths:
            handle = modules[path].register_forward_hook(_Cut(path, detached))
            hooks.callback(handle.remove)
        yield detached


@dataclass(frozen=True)
class _Cut:
    path: str
    detached: dict[str, int]

    def __call__(self, module: nn.Module, inputs: object, output: Any) -> Any:
        return mapped(self._detach, output)

    @place("playground")
    def _detach(self, tensor: Tensor) -> Tensor:
        self.detached[self.path] += 1
        return tensor.detach()


# -- tensors in what a model takes and gives -----------------------------------------------------------------


def mapped(function: Callable[[Tensor], Tensor], thing: Any) -> Any:
    """The thing with every tensor in its tuples, lists, dicts and dataclasses replaced.

    >>> mapped(Tensor.numel, {"a": (Tensor(2, 3), "b")})
    {'a': (6, 'b')}
    """
    if isinstance(thing, Tensor):
        return function(thing)
    if isinstance(thing, list | tuple):
        parts = [mapped(function, part) for part in thing]
        return thing._make(parts) if hasattr(thing, "_make") else type(thing)(parts)
    if isinstance(thing, Mapping):
        changed: Any = copy.copy(thing)
        for key, part in thing.items():
            changed[key] = mapped(function, part)
        return changed
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = [part.name for part in dataclasses.fields(thing)]
        return dataclasses.replace(thing, **{name: mapped(function, getattr(thing, name)) for name in fields})
    return thing


def _fresh(thing: Any) -> Any:
    """The thing with copies of its tensors: leaves without history, one for each tensor."""
    copies: dict[int, Tensor] = {}

    def fresh(tensor: Tensor) -> Tensor:
        if id(tensor) not in copies:
            copies[id(tensor)] = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        return copies[id(tensor)]

    return mapped(fresh, thing)


def _names_of_inputs(model: nn.Module, inputs: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that hold tensors, under the names that the model's ``forward`` gives them."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    words = [word for word, one in inspect.signature(model.forward).parameters.items() if one.kind in kinds]
    words += [f"input_{number}" for number in range(len(words), len(inputs))]
    given = dict(zip(words, inputs, strict=False)) | dict(keywords)
    taken = {name.partition(".")[0] for name, _ in (*model.named_parameters(), *model.named_buffers())}
    return {f"{word}_in" if word in taken else word: thing for word, thing in given.items() if _named_by_trace(thing)}


def _named_by_trace(thing: Any) -> bool:
    if isinstance(thing, dict):
        return all(map(_named_by_trace, thing.values()))
    if isinstance(thing, list | tuple):
        return all(map(_named_by_trace, thing))
    return isinstance(thing, Tensor)


# -- errors --------------------------------------------------------------------------------------------------


def told(error: Exception) -> str:
    """An error in one sentence, with the line of the user's own code that it came from."""
    what = str(error) if isinstance(error, GradflowError) else f"{type(error).__name__}: {error}"
    frames = traceback.walk_tb(error.__traceback__)
    lines = [f"{shown(f.f_code.co_filename)}:{line}" for f, line in frames if is_own(f.f_code.co_filename)]
    return f"{what.rstrip()} ({lines[-1]})" if lines else what
