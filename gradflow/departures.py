"""Numbers and arrays that left PyTorch, and whether a call takes one of them back."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from torch import Tensor

from gradflow.tensors import numbers_in


class Departures:
    """What left at which op. A number is recognised as the object that it is, an array by its memory.

    Attributes:
        any: whether anything left at all.
    """

    def __init__(self) -> None:
        self.any = False
        self._objects: dict[int, tuple[Any, int]] = {}
        self._arrays: dict[int, tuple[weakref.ref[Any], int]] = {}
        self._whole_numbers = False
        self._fresh: dict[int, tuple[int, ...]] = {}

    def clear(self) -> None:
        """Keep nothing alive any longer."""
        self._objects.clear()

    def remember(self, result: Any, op: int) -> None:
        """Note what an op gave out of PyTorch."""
        kind = type(result)
        self.any = self.any or kind is not bool
        if kind is int:
            self._whole_numbers = True
            if -6 < result < 257:  # small numbers are shared objects
                return
        if kind in (float, complex, int, list):
            self._objects[id(result)] = (result, op)
        if kind is list:
            self._objects.update((id(number), (number, op)) for number in numbers_in(result))
        elif hasattr(result, "__array_interface__"):
            self._arrays[result.__array_interface__["data"][0]] = (weakref.ref(result), op)

    def at(self, pointer: int) -> tuple[int, ...]:
        """The op at which the array with that memory left, if it is still alive."""
        array, op = self._arrays.get(pointer, (None, -1))
        return (op,) if array is not None and array() is not None else ()

    def arrive(self, value: int, ops: tuple[int, ...]) -> None:
        """Note that a constant was made from what had left at these ops, or from data of unseen origin."""
        self._fresh[value] = ops

    def origin(self, value: int) -> tuple[int, ...] | None:
        """What ``arrive`` noted of a constant."""
        return self._fresh.get(value)

    def taken(
        self, arguments: Iterable[Any], inputs: Sequence[int], literals: tuple[Any, ...] | None
    ) -> tuple[int, ...] | None:
        """The ops at which what a call takes had left; ``()`` for a number of unseen origin, None for nothing.

        Args:
            arguments: what the call is given.
            inputs: the values among it.
            literals: the constants in the code that calls; None if that code is not the user's.
        """
        if not self.any:
            return None
        found = [op for value in inputs for op in self._fresh.get(value, ())]
        unseen = any(value in self._fresh for value in inputs)
        for thing in arguments:
            memory = None if isinstance(thing, Tensor) else getattr(thing, "__array_interface__", None)
            if memory is not None:
                unseen = True
                found.extend(self.at(memory["data"][0]))
                continue
            for number in (thing, *numbers_in(thing)) if isinstance(thing, (list, tuple)) else (thing,):
                known, op = self._objects.get(id(number), (None, -1))
                if known is number and known is not None:
                    found.append(op)
                elif type(number) is float or (self._whole_numbers and type(number) is int):
                    unseen = unseen or (literals is not None and number not in literals)
        return tuple(dict.fromkeys(found)) if found or unseen else None
