"""Put a model back as it was, bit for bit, whatever ran on it."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from gradflow.errors import GradflowError

Restore = Callable[[], None]
_TENSOR_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


@contextmanager
def untouched(*modules: nn.Module) -> Iterator[None]:
    """Afterwards, also after an error, the modules and the random states are what they were.

    That is: what each module holds, the numbers of its tensors, flags, hooks, modes, and each ``.grad``, the same
    object with the same numbers. What stands in objects of other kinds, or in lists in lists, is not put back.

    Raises:
        GradflowError: a lazy module has not run yet.
    """
    inside = list(dict.fromkeys(module for root in modules for module in root.modules()))
    tensors = {id(tensor): tensor for module in inside for tensor in _tensors(module)}
    with ExitStack() as afterwards:  # from the last to the first, each one also if another fails
        afterwards.callback(torch.set_grad_enabled, torch.is_grad_enabled())
        for restore in (random_states(), *map(_tensor, tensors.values()), *map(_attributes, inside)):
            afterwards.callback(restore)
        yield


@contextmanager
def without_grads(tensors: Iterable[Tensor]) -> Iterator[None]:
    """``.grad`` of each leaf is None inside, and afterwards the object that it was."""
    kept = [(tensor, tensor.grad) for tensor in tensors]
    try:
        for tensor, _ in kept:
            tensor.grad = None
        yield
    finally:
        for tensor, grad in kept:
            tensor.grad = grad


def random_states() -> Restore:
    """A function that sets every random generator to where it is now."""
    restores: list[tuple[Callable[[Any], object], Any]] = [
        (torch.set_rng_state, torch.get_rng_state()),
        (random.setstate, random.getstate()),
        (numpy.random.set_state, numpy.random.get_state()),
    ]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # PyTorch's own
        restores.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))

    def restore() -> None:
        for put, state in restores:
            put(state)

    return restore


def _attributes(module: nn.Module) -> Restore:
    kept = dict(module.__dict__)
    contents = [(held, copy.copy(held)) for held in kept.values() if isinstance(held, dict | list | set)]

    def restore() -> None:
        module.__dict__.clear()
        module.__dict__.update(kept)
        for held, content in contents:
            held.clear()
            add = held.extend if isinstance(held, list) else held.update
            add(content)

    return restore


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """The tensors that a module holds itself: parameters, buffers, attributes, and those in lists and dicts."""
    for held in module.__dict__.values():
        within = held.values() if isinstance(held, dict) else held if isinstance(held, list | tuple | set) else (held,)
        yield from (thing for thing in within if isinstance(thing, Tensor))


def _tensor(tensor: Tensor) -> Restore:
    if nn.parameter.is_lazy(tensor):
        raise GradflowError("a lazy module has no parameters yet: run the model once before you play with it.")
    put_numbers = _numbers(tensor)
    put_hooks = [_hooks(tensor, name) for name in _TENSOR_HOOKS]
    put_leaf = _leaf(tensor) if tensor.is_leaf else None

    def restore() -> None:
        if put_leaf:
            put_leaf()
        put_numbers()
        for put in put_hooks:
            put()

    return restore


def _hooks(tensor: Tensor, name: str) -> Restore:
    kept = getattr(tensor, name)
    content = dict(kept or {})

    def restore() -> None:
        if getattr(tensor, name) is not kept:
            setattr(tensor, name, kept)
        if kept is not None:
            kept.clear()
            kept.update(content)

    return restore


def _leaf(tensor: Tensor) -> Restore:
    flag, grad = tensor.requires_grad, tensor.grad
    put_grad_numbers = None if grad is None else _numbers(grad)

    def restore() -> None:
        if not tensor.is_leaf:  # something with a history was written into it
            tensor.detach_()
        tensor.requires_grad_(flag)
        tensor.grad = grad
        if put_grad_numbers:
            put_grad_numbers()

    return restore


def _numbers(tensor: Tensor) -> Restore:
    memory = tensor.data
    content = memory.clone()

    def restore() -> None:
        if _place(tensor) != _place(memory):  # other memory was put into it, or another type
            tensor.data = memory
        if not _same_bits(memory, content):
            memory.copy_(content)

    return restore


def _place(tensor: Tensor) -> tuple[object, ...]:
    if tensor.layout is not torch.strided:
        return tensor.layout, tensor.dtype, tensor.shape
    return tensor.layout, tensor.dtype, tensor.shape, tensor.stride(), tensor.data_ptr()


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.is_meta:
        return True
    if one.layout is not torch.strided or one.is_quantized:
        return False
    bits = [t.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return torch.equal(*bits)
