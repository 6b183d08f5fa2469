"""What can be asked of a tensor without changing anything."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch._C import _functorch
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from gradflow.graph import Scalar


def tensors_in(thing: Any) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples, dicts and dataclasses, in order."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, (list, tuple, set)):
        for part in thing:
            yield from tensors_in(part)
    elif isinstance(thing, dict):
        for part in thing.values():
            yield from tensors_in(part)
    elif hasattr(thing, "__dataclass_fields__") and not isinstance(thing, type):
        for name in thing.__dataclass_fields__:
            yield from tensors_in(getattr(thing, name))


def numbers_in(thing: Any) -> Iterator[Any]:
    """Every number in nested lists and tuples."""
    for part in thing:
        if isinstance(part, (list, tuple)):
            yield from numbers_in(part)
        elif isinstance(part, (float, int, complex)):
            yield part


def plain_numbers(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[str, float], ...] | None:
    """The numbers that a call takes beside its tensors, each with its position or its keyword.

    Keywords that are None or False count as left out. None for a call that takes anything else.

    >>> plain_numbers((torch.ones(()), 2), {"alpha": 0.5, "out": None})
    (('1', 2), ('alpha', 0.5))
    >>> plain_numbers((torch.ones(()), True), {}) is None
    True
    """
    found: list[tuple[str, float]] = []
    for position, thing in enumerate(args):
        kind = type(thing)
        if kind is int or kind is float:
            found.append((str(position), thing))
        elif not isinstance(thing, Tensor):
            return None
    for keyword, thing in kwargs.items():
        kind = type(thing)
        if kind is int or kind is float:
            found.append((keyword, thing))
        elif thing is not None and thing is not False:
            return None
    return tuple(found)


def version_of(t: Tensor) -> int:
    """How often a tensor was written to; -1 for an inference tensor, which does not count."""
    try:
        return t._version
    except RuntimeError:
        return -1


def storage_of(t: Tensor) -> int:
    """The address of a tensor's storage object; 0 where it has none."""
    try:
        return int(t.untyped_storage()._cdata)
    except (RuntimeError, NotImplementedError):
        return 0


def pointer_of(t: Tensor) -> int:
    """The address of a tensor's first entry; 0 where it has none."""
    try:
        return t.data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0


def is_lazy(t: Tensor) -> bool:
    """Whether a parameter or buffer has no shape yet."""
    return isinstance(t, (UninitializedParameter, UninitializedBuffer))


def is_transformed(t: Tensor) -> bool:
    """Whether a tensor is the wrapper that ``vmap`` or ``torch.func.grad`` computes with."""
    return bool(_functorch.is_functorch_wrapped_tensor(t))


def unwrapped(t: Tensor) -> Tensor | None:
    """The tensor that function transforms were given, inside all wrappers."""
    while is_transformed(t):
        t = _functorch.get_unwrapped(t)
    return t


def number_in(t: Tensor) -> Scalar:
    """The number of a one-element tensor; None where it has none to show."""
    try:
        number: Scalar = t.item()
    except (RuntimeError, NotImplementedError):
        return None
    return math.nan if number != number else number


@functools.cache
def dtype_name(dtype: torch.dtype) -> str:
    """The name of a dtype without ``torch.``.

    >>> dtype_name(torch.float32)
    'float32'
    """
    return str(dtype).removeprefix("torch.")
