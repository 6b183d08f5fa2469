"""Hold parts of very long backward graphs, so that freeing them is safe."""

from __future__ import annotations

import atexit
import ctypes
import weakref
from typing import Any

from gradflow.walk import Walk

PIN_ABOVE, PIN_EVERY = 20_000, 5_000  # backward nodes


class _Mark:
    """Lives in the metadata of a backward node, and so dies with it."""


_pins: list[tuple[Any, list[weakref.ref[_Mark]]]] = []


def pin(walk: Walk) -> None:
    """Hold some nodes of a very long backward graph, so that freeing it cannot overflow the C stack.

    PyTorch frees a run of backward nodes that Python has looked at by recursion, one C frame or more for
    each. A held node every 5,000 breaks the run. It may be let go when all nodes that lead to it are dead.
    """
    if len(walk.nodes) <= PIN_ABOVE:
        return
    wanted = set(range(PIN_EVERY, len(walk.nodes), PIN_EVERY))
    marks: dict[int, list[weakref.ref[_Mark]]] = {i: [] for i in wanted}
    for node, edges in zip(walk.nodes, walk.edges, strict=True):
        for _, child, _ in edges:
            if child in wanted:
                mark = node.metadata.setdefault(_Mark, _Mark())
                marks[child].append(weakref.ref(mark))
    _pins.extend((walk.nodes[i], marks[i]) for i in sorted(wanted))


def release_pins() -> None:
    """Let go of the pins whose graph is dead, from the root on."""
    waiting = _pins[:]
    _pins.clear()
    while waiting:
        node, marks = waiting.pop(0)
        if any(mark() is not None for mark in marks):
            _pins.append((node, marks))
        del node


@atexit.register
def _keep_pins() -> None:
    """At the end of the process the order of freeing is nobody's: let the pins outlive it."""
    for node, _ in _pins:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(node))
