"""Listen to one backward pass: which gradient each backward node received, and what it sent on."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import math
import random
import sys
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.autograd.graph import get_gradient_edge

from gradflow.errors import GradflowError
from gradflow.flow import Arrival
from gradflow.graph import Edge, Scalar

COUNT_LIMIT = 100_000  # above this many entries, zeros are counted only where the norm is 0 or on request
BATCHED = 1_024  # gradients of at most this many entries are measured 256 at a time
PIN_ABOVE, PIN_EVERY = 20_000, 5_000  # backward nodes; see _Pins


@dataclass
class Sites:
    """Where the backward nodes of a trace belong in its graph.

    Attributes:
        starts: first sequence number of the backward nodes that a call created, ascending.
        stops: the sequence number after its last one.
        ops: the op that the call is.
        values_of: the values whose gradient arrives at a backward node, as ``(output number, value ids)``,
            by the node's sequence number.
        leaves: value ids of each leaf tensor, by ``id(tensor)``; an in-place write under ``no_grad`` gives a
            leaf further values.
        tensors: the leaf tensors, weakly.
        inputs: the input values of each op.
    """

    starts: Sequence[int]
    stops: Sequence[int]
    ops: Sequence[int]
    values_of: dict[int, list[tuple[int, list[int]]]]
    leaves: dict[int, list[int]]
    tensors: Sequence[weakref.ref[torch.Tensor]]
    inputs: Sequence[tuple[int, ...]]

    def op_of(self, sequence: int) -> int | None:
        """The op whose call created the backward node of that sequence number."""
        i = bisect_right(self.starts, sequence) - 1
        return self.ops[i] if i >= 0 and sequence < self.stops[i] else None

    def alive(self) -> list[torch.Tensor]:
        """The leaves of the trace that require grad, also those that only a checkpoint knows."""
        alive = (ref() for ref in self.tensors)
        return [leaf for leaf in alive if leaf is not None and leaf.requires_grad and leaf.is_leaf]


@dataclass
class _Walk:
    """The backward graph below a loss. Nodes stand in an order that begins with the root."""

    nodes: list[Any]
    index: dict[Any, int]
    children: list[tuple[tuple[Any, int], ...]]
    sequences: list[int]
    variables: dict[int, torch.Tensor]  # leaf of each AccumulateGrad, by node index

    @classmethod
    def below(cls, root: Any) -> _Walk:
        nodes, index = [root], {root: 0}
        children: list[tuple[tuple[Any, int], ...]] = []
        sequences: list[int] = []
        variables: dict[int, torch.Tensor] = {}
        for i, node in enumerate(nodes):  # grows while it is read
            edges = node.next_functions
            children.append(edges)
            sequences.append(node._sequence_nr())
            for child, _ in edges:
                if child is not None and child not in index:
                    index[child] = len(nodes)
                    nodes.append(child)
            if not edges and hasattr(node, "variable"):
                variables[i] = node.variable
        return cls(nodes, index, children, sequences, variables)

    def reentrant(self) -> bool:
        """Whether a reentrant checkpoint is inside, which refuses ``torch.autograd.grad``."""
        return any(type(node).__name__ == "CheckpointFunctionBackward" for node in self.nodes)

    def needed(self, targets: set[int]) -> set[int]:
        """Indexes of the nodes from which one of the target nodes can be reached."""
        parents: dict[int, list[int]] = {}
        for i, edges in enumerate(self.children):
            for child, _ in edges:
                if child is not None:
                    parents.setdefault(self.index[child], []).append(i)
        seen, stack = set(targets), list(targets)
        while stack:
            for parent in parents.get(stack.pop(), ()):
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)
        return seen


class _Measures:
    """Measure gradients: each is asked for once, small ones are stacked and measured together."""

    def __init__(self, support: bool | None) -> None:
        self._count_all = bool(support)
        self._known: dict[int, tuple[Any, int, list[Any]]] = {}
        self._views: dict[tuple[int, int], tuple[Any, int, list[Any]]] = {}
        self._batches: dict[Any, list[tuple[torch.Tensor, list[Any]]]] = {}

    def of(self, gradient: torch.Tensor) -> list[Any]:
        """A cell that holds the gradient's Arrival, at the latest after ``flush``."""
        known = self._known.get(id(gradient))
        version = gradient._version
        if known is not None and known[0]() is gradient and known[1] == version:
            return known[2]
        numel = gradient.numel()
        plain = type(gradient) is torch.Tensor and gradient.layout is torch.strided
        if plain and numel <= BATCHED and gradient.dtype in _BATCHABLE:
            cell: list[Any] = []
            key = (gradient.shape, gradient.dtype, gradient.device)
            batch = self._batches.setdefault(key, [])
            # A copy: a hook may overwrite the gradient before the batch is full.
            batch.append((gradient.detach().clone(), cell))
            if len(batch) == 256:
                self._measure(self._batches.pop(key))
        else:
            cell = self._alone(gradient, version, numel, plain)
        self._known[id(gradient)] = (weakref.ref(gradient), version, cell)
        return cell

    def flush(self) -> None:
        """Measure what is still waiting."""
        for batch in self._batches.values():
            self._measure(batch)
        self._batches = {}

    def _alone(self, gradient: torch.Tensor, version: int, numel: int, plain: bool) -> list[Any]:
        """Measure a large or unusual gradient now; a dense view of a measured one is the same number."""
        if not plain or not _dense(gradient):
            return [measure(gradient, count=self._count_all)]
        key = (gradient.data_ptr(), numel)
        seen = self._views.get(key)
        if seen is not None:
            owner = seen[0]()  # alive, so its memory was not given to somebody else
            if owner is not None and owner._version == version == seen[1] and owner.dtype == gradient.dtype:
                return seen[2]
        cell = [measure(gradient, count=self._count_all)]
        self._views[key] = (weakref.ref(gradient), version, cell)
        return cell

    @staticmethod
    def _measure(batch: list[tuple[torch.Tensor, list[Any]]]) -> None:
        stacked = torch.stack([gradient for gradient, _ in batch]).reshape(len(batch), -1).double()
        numel = stacked.shape[1]
        norms: list[float] = torch.linalg.vector_norm(stacked, dim=1).tolist()
        counts: list[int] = torch.count_nonzero(stacked, dim=1).tolist()
        scalars: list[Any] = stacked.reshape(-1).tolist() if numel == 1 else [None] * len(batch)
        for (_, cell), norm, count, scalar in zip(batch, norms, counts, scalars, strict=True):
            cell.append(_arrival(norm, count, numel, scalar))


_BATCHABLE = frozenset({torch.float32, torch.float64, torch.float16, torch.bfloat16})


def measure(gradient: torch.Tensor, count: bool = True) -> Arrival:
    """The Arrival of one gradient, dense or sparse.

    Args:
        gradient: a floating or complex tensor of any layout.
        count: count the zeros of tensors above 100,000 entries too; otherwise their ``support`` is None.

    >>> measure(torch.tensor([3.0, 0.0, -4.0, 0.0]))
    Arrival(status='nonzero', norm=5.0, support=0.5, scalar=None)
    >>> measure(torch.zeros(2))
    Arrival(status='zero', norm=0.0, support=0.0, scalar=None)
    """
    with torch.no_grad():
        gradient = gradient.detach()
        numel = gradient.numel()
        entries = _entries(gradient)
        scalar: Scalar = gradient.to_dense().reshape(()).item() if numel == 1 else None
        norm = float(torch.linalg.vector_norm(entries, dtype=_wide(entries.dtype)))
        if not math.isfinite(norm) and bool(torch.isfinite(entries).all()):
            norm = _scaled_norm(entries)  # the squares overflowed
        if numel > COUNT_LIMIT and not count and norm != 0:
            return Arrival("nonzero", _number(norm), None, None)
        nonzero = int(torch.count_nonzero(entries))
        if nonzero and norm == 0:
            norm = _scaled_norm(entries)  # the squares underflowed
        arrival = _arrival(norm, nonzero, numel, scalar)
        uncounted = numel > COUNT_LIMIT and not count and nonzero
        return arrival._replace(support=None) if uncounted else arrival


def _arrival(norm: float, count: int, numel: int, scalar: Scalar) -> Arrival:
    if not count:
        return Arrival("zero", 0.0, 0.0, scalar)
    return Arrival("nonzero", _number(norm), count / numel, _number(scalar))


def _number(x: Any) -> Any:
    """NaN as the one object ``math.nan``, so that equal arrivals compare equal."""
    return math.nan if x != x else x


def _entries(gradient: torch.Tensor) -> torch.Tensor:
    """The entries that can differ from zero, as a dense tensor."""
    if gradient.layout is torch.sparse_coo:
        return gradient.coalesce().values()
    if gradient.layout is torch.strided:
        return gradient
    return gradient.values() if hasattr(gradient, "values") else gradient.to_dense()


def _wide(dtype: torch.dtype) -> torch.dtype:
    return {torch.float16: torch.float32, torch.bfloat16: torch.float32, torch.complex32: torch.complex64}.get(
        dtype, dtype
    )


def _scaled_norm(entries: torch.Tensor) -> float:
    """The 2-norm where squaring leaves the range of the dtype."""
    wide = entries.abs().double()
    largest = float(wide.max())
    return min(largest * float(torch.linalg.vector_norm(wide / largest)), sys.float_info.max)


def _dense(gradient: torch.Tensor) -> bool:
    """Whether the entries fill their memory exactly once, in whatever order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(gradient.stride(), gradient.shape, strict=True)):
        if size != 1 and stride != expected:
            return False
        expected *= size
    return True


_UNDEFINED: list[Any] = [Arrival("undefined")]
_AT_LEAF: list[Any] = []  # stands for what arrives at a leaf, which is known after the pass


class _Listener:
    """Turn what the hooks see into keyed cells, in the order of the engine."""

    def __init__(self, walk: _Walk, sites: Sites, measures: _Measures, needed: set[int] | None) -> None:
        self._measures = measures
        self._events: list[tuple[int | Edge, list[Any]]] = []
        self._touched: set[int] = set()
        self._at_leaf: dict[int, list[Any]] = {}
        self._leaf_values = {i: sites.leaves.get(id(leaf), []) for i, leaf in walk.variables.items()}
        self._due: dict[int, int] = {}  # backward edges still to come, by node index of the leaf
        self._parts: dict[Edge, int] = {}  # backward edges still to come, by edge
        self._sums: dict[Edge, torch.Tensor | None] = {}
        self._receives = [sites.values_of.get(sequence, ()) for sequence in walk.sequences]
        self._sends: list[list[tuple[int, int, tuple[Edge, ...]]]] = []
        shares = self._assign(walk, sites)
        for i, children in enumerate(walk.children):
            sends = []
            for k, (child, _) in enumerate(children):
                c = -1 if child is None else walk.index[child]
                if c >= 0 and (needed is None or c in needed):
                    sends.append((k, c, shares.get((i, k), ())))
                    if c in walk.variables:
                        self._due[c] = self._due.get(c, 0) + 1
            self._sends.append(sends)

    def _assign(self, walk: _Walk, sites: Sites) -> dict[tuple[int, int], tuple[Edge, ...]]:
        """Say which uses of a value each backward edge ``(node, k)`` carries the gradient of."""
        parts: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for i, children in enumerate(walk.children):
            op = sites.op_of(walk.sequences[i]) if children else None
            if op is None:
                continue
            used = sites.inputs[op]
            for k, (child, number) in enumerate(children):
                if child is None:
                    continue
                for value in self._targets(walk.index[child], number):
                    if value in used:
                        parts.setdefault((op, value), []).append((walk.sequences[i], i, k))
                        break
        shares: dict[tuple[int, int], tuple[Edge, ...]] = {}
        for (op, value), carriers in parts.items():
            uses = [Edge(value, op, p) for p, v in enumerate(sites.inputs[op]) if v == value]
            if len(uses) == len(carriers):
                carriers.sort()
                for edge, (_, i, k) in zip(uses, carriers, strict=True):
                    shares[i, k] = (edge,)
                    self._parts[edge] = 1
            else:  # a composite op: each use shows all that the op sends to the value
                for _, i, k in carriers:
                    shares[i, k] = tuple(uses)
                for edge in uses:
                    self._parts[edge] = len(carriers)
        return shares

    def _targets(self, node: int, number: int) -> Sequence[int]:
        if node in self._leaf_values:
            return self._leaf_values[node]
        return next((values for n, values in self._receives[node] if n == number), ())

    def on_node(self, i: int, sent: tuple[Any, ...], received: tuple[Any, ...]) -> None:
        """Post-hook of backward node ``i``."""
        for number, values in self._receives[i]:
            cell = self._cell(received[number])
            for value in values:
                self._events.append((value, cell))
        for k, c, edges in self._sends[i]:
            self._touched.add(c)
            for edge in edges:
                self._share(edge, sent[k])
            if c in self._due:
                self._due[c] -= 1
                if not self._due[c]:
                    self._events.extend((value, _AT_LEAF) for value in self._leaf_values[c])

    def on_leaf(self, i: int, gradient: torch.Tensor | None) -> None:
        """What arrived at the leaf of node ``i`` in all, after its hooks."""
        if gradient is not None or i in self._touched:
            self._at_leaf.update(dict.fromkeys(self._leaf_values[i], self._cell(gradient)))

    def on_value(self, value: int, gradient: torch.Tensor | None) -> None:
        """What arrived at a value that is no leaf but was asked for."""
        if gradient is not None:
            self._events.append((value, self._cell(gradient)))

    def _cell(self, gradient: torch.Tensor | None) -> list[Any]:
        return _UNDEFINED if gradient is None else self._measures.of(gradient)

    def _share(self, edge: Edge, gradient: torch.Tensor | None) -> None:
        """Add one backward edge to the share of an edge, which most often consists of just that."""
        self._parts[edge] -= 1
        if edge in self._sums:
            before = self._sums.pop(edge)
            gradient = before if gradient is None else gradient if before is None else before + gradient
        if self._parts[edge]:
            self._sums[edge] = gradient
        else:
            self._events.append((edge, self._cell(gradient)))

    def arrivals(self) -> Arrivals:
        """What arrived where, in the order of the engine."""
        for edge, gradient in self._sums.items():  # a node of the op did not run
            self._events.append((edge, self._cell(gradient)))
        self._measures.flush()
        found: dict[int | Edge, Arrival] = {}
        for key, cell in self._events:
            if cell is _AT_LEAF:
                cell = self._at_leaf.get(key, _AT_LEAF)  # type: ignore[arg-type]  # a leaf's key is a value id
            if cell:
                found[key] = cell[0]
        for value, cell in self._at_leaf.items():
            found.setdefault(value, cell[0])
        return tuple(found.items())


Arrivals = tuple[tuple[int | Edge, Arrival], ...]


def observe_grad(
    loss: torch.Tensor,
    sites: Sites,
    *,
    gradient: torch.Tensor | None = None,
    inputs: Sequence[torch.Tensor] | None = None,
    support: bool | None = None,
    retained: Sequence[torch.Tensor] = (),
) -> Arrivals:
    """Run a backward pass of ``loss`` that touches no ``.grad``, and say what arrived where.

    Args:
        loss: a tensor that requires grad.
        sites: where its backward nodes belong.
        gradient: as for ``Tensor.backward``.
        inputs: the tensors to ask for; all leaves if None.
        support: True counts the zeros of tensors above 100,000 entries too.
        retained: tensors that retain their gradient, which PyTorch writes to ``.grad`` in any pass.

    Raises:
        GradflowError: the graph was freed, or a reentrant checkpoint meets a post-accumulate hook.
    """
    _release_pins()
    walk = _Walk.below(get_gradient_edge(loss).node)
    leaves = {i: leaf for i, leaf in walk.variables.items() if leaf.requires_grad}
    asked = None if inputs is None else [tensor for tensor in inputs if tensor.requires_grad]
    listener = _Listener(walk, sites, _Measures(support), _needed(walk, leaves, asked))
    with _quiet(), _grad_kept(retained), _hooked(walk, listener.on_node), _freed_graph_explained():
        if walk.reentrant():
            _run_backward(loss, gradient, walk, leaves, asked, listener, sites)
        else:
            _run_grad(loss, gradient, walk, leaves, asked, listener, sites)
        arrivals = listener.arrivals()
    _pin(walk)
    return arrivals


def observe_backward(
    loss: torch.Tensor, sites: Sites, *, support: bool | None = None, **kwargs: Any
) -> Arrivals:
    """Run ``loss.backward(**kwargs)`` as it is, and say what arrived where.

    Raises:
        GradflowError: the graph was freed.
    """
    _release_pins()
    walk = _Walk.below(get_gradient_edge(loss).node)
    leaves = {i: leaf for i, leaf in walk.variables.items() if leaf.requires_grad}
    asked = kwargs.get("inputs")
    if isinstance(asked, torch.Tensor):
        asked = [asked]
    listener = _Listener(walk, sites, _Measures(support), _needed(walk, leaves, asked))
    handles = []
    try:
        for i in leaves:
            # The node must be held: a hook on an AccumulateGrad that nobody holds is never called.
            node = walk.nodes[i]
            handles.append(node.register_prehook(partial(_tell_leaf, listener, i)))
        with _gc_paused(), _hooked(walk, listener.on_node), _freed_graph_explained():
            loss.backward(**kwargs)
            arrivals = listener.arrivals()
    finally:
        for handle in handles:
            handle.remove()
    _pin(walk)
    return arrivals


def _tell_leaf(listener: _Listener, i: int, received: tuple[Any, ...]) -> None:
    listener.on_leaf(i, received[0])


def _needed(
    walk: _Walk, leaves: dict[int, torch.Tensor], asked: Sequence[torch.Tensor] | None
) -> set[int] | None:
    """The nodes that the engine runs or sends to; None if that is all of them."""
    dead_end = any(not edges and i not in leaves for i, edges in enumerate(walk.children))
    if asked is None and not dead_end:
        return None
    if asked is None:
        return walk.needed(set(leaves))
    edges = [get_gradient_edge(tensor).node for tensor in asked]
    return walk.needed({walk.index[node] for node in edges if node in walk.index})


def _run_grad(
    loss: torch.Tensor,
    gradient: torch.Tensor | None,
    walk: _Walk,
    leaves: dict[int, torch.Tensor],
    asked: Sequence[torch.Tensor] | None,
    listener: _Listener,
    sites: Sites,
) -> None:
    targets = list(leaves.values()) if asked is None else list(asked)
    if not targets:
        return
    got = torch.autograd.grad(loss, targets, gradient, retain_graph=True, allow_unused=True)
    node_of = {id(leaf): i for i, leaf in leaves.items()}
    for tensor, arrived in zip(targets, got, strict=True):
        if id(tensor) in node_of:
            listener.on_leaf(node_of[id(tensor)], arrived)
        elif not tensor.is_leaf:
            edge = get_gradient_edge(tensor)
            for number, values in sites.values_of.get(edge.node._sequence_nr(), ()):
                if number == edge.output_nr:
                    for value in values:
                        listener.on_value(value, arrived)


def _run_backward(
    loss: torch.Tensor,
    gradient: torch.Tensor | None,
    walk: _Walk,
    leaves: dict[int, torch.Tensor],
    asked: Sequence[torch.Tensor] | None,
    listener: _Listener,
    sites: Sites,
) -> None:
    """As ``_run_grad``, for a reentrant checkpoint, inside which only ``.backward()`` works."""
    everywhere = {id(leaf): leaf for leaf in (*leaves.values(), *sites.alive())}
    for leaf in everywhere.values():
        if getattr(leaf, "_post_accumulate_grad_hooks", None):
            raise GradflowError(
                "flow() cannot look through a reentrant checkpoint while a parameter has a "
                "post-accumulate hook: the hook would run as if this were a training step.\n"
                "Use checkpoint(..., use_reentrant=False), or observe the real step with t.backward(loss)."
            )
    if asked is not None:
        raise GradflowError(
            "flow(inputs=...) cannot look through a reentrant checkpoint.\n"
            "Use checkpoint(..., use_reentrant=False), or leave inputs out."
        )
    with _grad_kept(list(everywhere.values())):
        loss.backward(gradient, retain_graph=True)
        node_of = {id(leaf): i for i, leaf in leaves.items()}
        for key, leaf in everywhere.items():
            if key in node_of:
                listener.on_leaf(node_of[key], leaf.grad)
            else:
                for value in sites.leaves.get(key, ()):
                    listener.on_value(value, leaf.grad)


@contextlib.contextmanager
def _grad_kept(tensors: Sequence[torch.Tensor]) -> Iterator[None]:
    """``.grad`` of the tensors is None inside, and what it was afterwards."""
    saved = [(tensor, tensor.grad) for tensor in tensors]
    try:
        for tensor, _ in saved:
            tensor.grad = None
        yield
    finally:
        for tensor, grad in saved:
            tensor.grad = grad


@contextlib.contextmanager
def _hooked(walk: _Walk, on_node: Callable[..., None]) -> Iterator[None]:
    """Post-hooks on every backward node but the leaves', removed at the end."""
    handles = []
    try:
        for i, node in enumerate(walk.nodes):
            if i not in walk.variables:
                handles.append(node.register_hook(partial(on_node, i)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def _gc_paused() -> Iterator[None]:
    """No collection meanwhile: thousands of hooks and tuples would set off one after the other."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """As ``_gc_paused``, and random numbers drawn meanwhile are given back."""
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    python_state = random.getstate()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    cpu = torch.random.get_rng_state()
    try:
        with _gc_paused():
            yield
    finally:
        torch.random.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        random.setstate(python_state)
        if numpy:
            numpy.random.set_state(numpy_state)


@contextlib.contextmanager
def _freed_graph_explained() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if "backward through the graph a second time" not in str(error):
            raise
        raise GradflowError(
            "the graph of this loss was freed by an earlier backward pass. Observe it before, "
            "or pass retain_graph=True to the earlier backward."
        ) from error


class _Mark:
    """Lives in the metadata of a backward node, and so dies with it."""


_pins: list[tuple[Any, list[weakref.ref[_Mark]]]] = []


def _pin(walk: _Walk) -> None:
    """Hold some nodes of a very long backward graph, so that freeing it cannot overflow the C stack.

    PyTorch frees a run of backward nodes that Python has looked at by recursion, one C frame or more for
    each. A held node every 5,000 breaks the run. It may be let go when all nodes that lead to it are dead.
    """
    if len(walk.nodes) <= PIN_ABOVE:
        return
    wanted = set(range(PIN_EVERY, len(walk.nodes), PIN_EVERY))
    marks: dict[int, list[weakref.ref[_Mark]]] = {i: [] for i in wanted}
    for node, edges in zip(walk.nodes, walk.children, strict=True):
        for child, _ in edges:
            if child is not None and walk.index[child] in wanted:
                mark = node.metadata.setdefault(_Mark, _Mark())
                marks[walk.index[child]].append(weakref.ref(mark))
    _pins.extend((walk.nodes[i], marks[i]) for i in sorted(wanted))


def _release_pins() -> None:
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
