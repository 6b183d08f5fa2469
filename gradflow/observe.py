"""Listen to one backward pass: which gradient arrived at each value, and which share along each edge."""

from __future__ import annotations

import contextlib
import gc
import random
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch.autograd.graph import GradientEdge, get_gradient_edge

from gradflow.errors import GradflowError
from gradflow.flow import Arrival
from gradflow.graph import Edge
from gradflow.measure import BATCHED, UNDEFINED, Cell, Measures
from gradflow.pins import pin, release_pins
from gradflow.walk import NUMBER, SITE_BITS, Sites, Walk, site

Arrivals = tuple[tuple[int | Edge, Arrival], ...]
class _Listener:
    """Keeps what the hooks see, until it can be told in the order of the engine.

    A gradient that is sent to where nothing else arrives is measured once, where it arrives. Only where
    several meet, or a hook may change what arrived, is what was sent measured by itself.
    """

    def __init__(
        self, walk: Walk, output: int, sites: Sites, measures: Measures, needed: set[int] | None
    ) -> None:
        self._walk, self._sites, self._measures, self._needed = walk, sites, measures, needed
        self._arrived: dict[int, Cell] = {}  # by site(position, number)
        self._shares: dict[Edge, Cell] = {}
        self._parts: dict[Edge, int] = {}  # backward edges still to come, by edge made up of several
        self._sums: dict[Edge, torch.Tensor | None] = {}
        self._values: dict[int, tuple[int, ...]] = {}  # what arrives at site(position, number), if anything
        self._sends: list[list[tuple[int, int, list[Edge]]]] = []  # what is sent as k, to which site, for which edges
        self._apart: set[int] = set()  # sites to which each share is measured by itself
        self._hidden: list[tuple[int, Cell]] = []
        self._edge_order: dict[tuple[int, int], int] = {}
        self._plan(output)

    def _plan(self, output: int) -> None:
        """Say for each node which values its gradients are those of, and which uses its results belong to.

        Args:
            output: which output of the root the pass starts from.
        """
        walk, sites, needed = self._walk, self._sites, self._needed
        sequences, leaves, inputs, expected = walk.sequences, walk.leaves, sites.inputs, self._values
        arriving: dict[int, int] = {}
        new_edge = partial(tuple.__new__, Edge)  # faster than its own
        carriers: dict[tuple[int, int], list[tuple[tuple[int, int], list[Edge]]]] = {}
        if values := self._leaf_values(0) or sites.values_of.get(site(sequences[0], output), ()):
            expected[site(0, output)] = values
        for i, edges in enumerate(walk.edges):
            op = sites.op_of(sequences[i]) if edges else None
            used = () if op is None else inputs[op]
            alone = len(edges) == 1 and op is not None and sites.single(op)
            sending: list[tuple[int, int, list[Edge]]] = []
            for k, c, number in edges:
                if needed is not None and c not in needed:
                    continue
                target = c << SITE_BITS | number
                carried: list[Edge] = []
                sending.append((k, target, carried))
                arriving[target] = arriving.get(target, 0) + 1
                values = expected.get(target, ())
                if not values:
                    values = (
                        self._leaf_values(c)
                        if c in leaves
                        else sites.values_of.get(sequences[c] << SITE_BITS | number, ())
                    )
                    if not values:
                        continue
                    expected[target] = values
                for value in values:
                    if value in used:
                        if alone and used.count(value) == 1:
                            carried.append(new_edge((value, op, used.index(value))))
                        else:
                            carriers.setdefault((op, value), []).append(((i, k), carried))  # type: ignore[arg-type]  # nothing is used without an op
                        break
            self._sends.append(sending)
        for (op, value), parts in carriers.items():
            self._assign(op, value, parts, inputs[op])
        hooked = {target for target, values in expected.items() if not sites.hooked.isdisjoint(values)}
        self._apart = hooked | {target for target, times in arriving.items() if times > 1}

    def _leaf_values(self, position: int) -> tuple[int, ...]:
        return self._sites.leaves.get(id(self._walk.leaves.get(position)), ())

    def _assign(
        self, op: int, value: int, carriers: list[tuple[tuple[int, int], list[Edge]]], used: tuple[int, ...]
    ) -> None:
        """Say which uses of a value by an op each backward edge between them carries the gradient of."""
        uses = [Edge(value, op, p) for p, v in enumerate(used) if v == value]
        if len(uses) != len(carriers):  # a composite op: each use shows all that the op sends to the value
            for _, carried in carriers:
                carried.extend(uses)
            self._parts.update(dict.fromkeys(uses, len(carriers)))
            return
        if len(carriers) > 1:
            if not self._edge_order:
                self._edge_order = self._walk.edge_order()
            carriers.sort(key=lambda carrier: self._edge_order[carrier[0]])
        for edge, (_, carried) in zip(uses, carriers, strict=True):
            carried.append(edge)

    def catchable(self) -> list[int]:
        """Sites at which the engine can catch the gradient itself, which is cheaper than a hook.

        It holds what it catches until the end, so only small gradients are for it; and it catches them
        before hooks change them.
        """
        sizes, hooked = self._sites.sizes, self._sites.hooked
        return [
            target
            for target, values in self._values.items()
            if target >> SITE_BITS not in self._walk.leaves
            and sizes[values[0]] <= BATCHED
            and hooked.isdisjoint(values)
        ]

    def hooks(self, caught: Collection[int] = ()) -> Iterator[Any]:
        """Put hooks on as few nodes as tell everything; yields the handles.

        A hook after a node sees what it received and what it sends on, so along a chain every other node
        needs one.
        """
        nodes, leaves, apart, parts = self._walk.nodes, self._walk.leaves, self._apart, self._parts
        untold: dict[int, list[int]] = {}  # sites by node
        for target in self._values:
            if target not in caught and target >> SITE_BITS not in leaves:
                untold.setdefault(target >> SITE_BITS, []).append(target)
        for i, sending in enumerate(self._sends):  # a node stands before those that it sends to
            own = untold.pop(i, [])
            shares = any(edges and (target in apart or edges[0] in parts) for _, target, edges in sending)
            if not own and not shares:
                continue
            onward = []
            for k, target, _ in sending:
                waiting = untold.get(target >> SITE_BITS, ())
                if target in waiting and target not in apart:
                    onward.append((k, target))
                    untold[target >> SITE_BITS].remove(target)
            if onward or shares:
                yield nodes[i].register_hook(partial(self._on_node, own, onward, sending if shares else ()))
            else:
                yield nodes[i].register_prehook(partial(self._on_arrival, own))

    def _on_arrival(self, own: list[int], received: tuple[Any, ...]) -> None:
        """Pre-hook of a backward node: ``own`` are the sites of what it receives."""
        for target in own:
            self.on_site(target, received[target & NUMBER])

    def _on_node(
        self,
        own: list[int],
        onward: list[tuple[int, int]],
        sending: Sequence[tuple[int, int, list[Edge]]],
        sent: tuple[Any, ...],
        received: tuple[Any, ...],
    ) -> None:
        """Post-hook of a backward node: what it sends to the sites ``onward`` is all that arrives there."""
        for target in own:
            self.on_site(target, received[target & NUMBER])
        for k, target in onward:
            self.on_site(target, sent[k])
        for k, target, edges in sending:
            for edge in edges:
                if edge in self._parts:
                    self._share(edge, sent[k])
                elif target in self._apart:
                    self._shares[edge] = UNDEFINED if sent[k] is None else self._measures.of(sent[k])

    def _share(self, edge: Edge, gradient: torch.Tensor | None) -> None:
        """Add one backward edge to the share of an edge that is made up of several."""
        self._parts[edge] -= 1
        before = self._sums.pop(edge, None)
        if before is not None:
            gradient = before if gradient is None else before + gradient
        if self._parts[edge]:
            self._sums[edge] = gradient
        else:
            self._shares[edge] = UNDEFINED if gradient is None else self._measures.of(gradient)

    def on_leaf(self, i: int, gradient: torch.Tensor | None) -> None:
        """What arrived at the leaf of node ``i`` in all, after its hooks."""
        self.on_site(site(i, 0), gradient)

    def on_site(self, target: int, gradient: torch.Tensor | None) -> None:
        """What arrived at an output of a node, from the engine's own hand."""
        self._arrived[target] = UNDEFINED if gradient is None else self._measures.of(gradient)

    def on_sites(self, targets: Sequence[int], gradients: Sequence[torch.Tensor | None]) -> None:
        """What arrived at many places."""
        self._arrived.update(zip(targets, self._measures.of_all(gradients), strict=True))

    def on_hidden(self, value: int, gradient: torch.Tensor | None) -> None:
        """What arrived at a leaf that the backward graph does not show."""
        if gradient is not None:
            self._hidden.append((value, self._measures.of(gradient)))

    def arrivals(self) -> Arrivals:
        """What arrived where, in the order of the engine."""
        for edge, gradient in self._sums.items():  # a node of the op did not run
            self._shares[edge] = UNDEFINED if gradient is None else self._measures.of(gradient)
        self._measures.flush()
        outputs: dict[int, list[int]] = {}
        for target in self._values:
            outputs.setdefault(target >> SITE_BITS, []).append(target)
        arrived, shares = self._arrived, self._shares
        found: list[tuple[int | Edge, Arrival]] = []
        for i in self._walk.order():
            for target in outputs.get(i, ()):
                cell = arrived.get(target)
                if cell:
                    for value in self._values[target]:
                        found.append((value, cell[0]))
            for _, target, edges in self._sends[i]:
                for edge in edges:
                    cell = shares.get(edge) if edge in shares else arrived.get(target)
                    if cell:
                        found.append((edge, cell[0]))
        uses = self._uses([value for value, _ in self._hidden])
        for value, cell in self._hidden:
            if len(uses[value]) == 1:  # then it came along that one
                found.append((uses[value][0], cell[0]))
            found.append((value, cell[0]))
        return tuple(found)

    def _uses(self, values: Sequence[int]) -> dict[int, list[Edge]]:
        """All uses of each of some values."""
        uses: dict[int, list[Edge]] = {value: [] for value in values}
        for op, used in enumerate(self._sites.inputs if uses else ()):
            for position, value in enumerate(used):
                if value in uses:
                    uses[value].append(Edge(value, op, position))
        return uses


class _Pass:
    """One backward pass: what it starts from, what it asks for, and who listens."""

    def __init__(
        self, loss: torch.Tensor, sites: Sites, inputs: Sequence[torch.Tensor] | None, support: bool | None
    ) -> None:
        release_pins()
        self.loss, self.sites = loss, sites
        edge = get_gradient_edge(loss)
        self.walk = Walk.below(edge.node)
        self.asked = None if inputs is None else [tensor for tensor in inputs if tensor.requires_grad]
        self.leaves = {i: leaf for i, leaf in self.walk.leaves.items() if leaf.requires_grad}
        self.positions = {id(leaf): i for i, leaf in self.leaves.items()}
        self.needed = self._needed()
        self.listener = _Listener(self.walk, edge.output_nr, sites, Measures(support), self.needed)

    def _needed(self) -> set[int] | None:
        """The nodes that the engine runs or sends to; None if that is all of them."""
        walk = self.walk
        if self.asked is not None:
            nodes = [get_gradient_edge(tensor).node for tensor in self.asked]
            return walk.needed({walk.index[node] for node in nodes if node in walk.index})
        if any(not edges and i not in self.leaves for i, edges in enumerate(walk.edges)):
            return walk.needed(set(self.leaves))
        return None

    def everywhere(self) -> list[torch.Tensor]:
        """All leaves, also those that only a reentrant checkpoint knows."""
        return list({id(leaf): leaf for leaf in (*self.leaves.values(), *self.sites.alive())}.values())

    def tell_leaf(self, leaf: torch.Tensor, gradient: torch.Tensor | None) -> None:
        """Pass on what arrived at a leaf in all."""
        if id(leaf) in self.positions:
            self.listener.on_leaf(self.positions[id(leaf)], gradient)
        else:
            for value in self.sites.leaves.get(id(leaf), ()):
                self.listener.on_hidden(value, gradient)

    def by_grad(self, gradient: torch.Tensor | None) -> None:
        """Run through ``torch.autograd.grad``, which touches no ``.grad``."""
        targets = list(self.leaves.values()) if self.asked is None else self.asked
        if not targets:
            return
        caught = self.listener.catchable() if self.needed is None else []
        edges = [GradientEdge(self.walk.nodes[s >> SITE_BITS], s & NUMBER) for s in caught]
        with _hooked(self.listener.hooks(set(caught))):
            got = torch.autograd.grad(
                self.loss, [*targets, *edges], gradient, retain_graph=True, allow_unused=True  # type: ignore[arg-type]  # may be mixed
            )
        for tensor, arrived in zip(targets, got, strict=False):
            if tensor.is_leaf:
                if id(tensor) in self.positions:
                    self.tell_leaf(tensor, arrived)
            else:
                edge = get_gradient_edge(tensor)
                if edge.node in self.walk.index:
                    self.listener.on_site(site(self.walk.index[edge.node], edge.output_nr), arrived)
        self.listener.on_sites(caught, got[len(targets) :])

    def by_backward_unseen(self, gradient: torch.Tensor | None) -> None:
        """Run through ``.backward()``, without which a reentrant checkpoint does not work, and undo it."""
        leaves = self.everywhere()
        if any(getattr(leaf, "_post_accumulate_grad_hooks", None) for leaf in leaves):
            raise GradflowError(
                "flow() cannot look through a reentrant checkpoint while a parameter has a "
                "post-accumulate hook: the hook would run as if this were a training step.\n"
                "Use checkpoint(..., use_reentrant=False), or observe the real step with t.backward(loss)."
            )
        if self.asked is not None:
            raise GradflowError(
                "flow(inputs=...) cannot look through a reentrant checkpoint.\n"
                "Use checkpoint(..., use_reentrant=False), or leave inputs out."
            )
        with grad_kept(leaves), _hooked(self.listener.hooks()):
            torch.autograd.backward(self.loss, gradient, retain_graph=True)
            for leaf in leaves:
                self.tell_leaf(leaf, leaf.grad)

    def by_backward(self, **kwargs: Any) -> None:
        """Run the user's own ``.backward()``."""
        reentrant = self.walk.reentrant()
        leaves = self.everywhere() if reentrant else list(self.leaves.values())
        pieces: dict[int, list[tuple[torch.Tensor | None]]] = {id(leaf): [] for leaf in leaves}
        # The nodes must be held: a hook on an AccumulateGrad that nobody holds is never called.
        nodes = [get_gradient_edge(leaf).node for leaf in leaves]
        with _hooked(self._leaf_hooks(leaves, nodes, pieces if reentrant else None)):
            with _hooked(self.listener.hooks()):
                self.loss.backward(**kwargs)  # type: ignore[no-untyped-call]  # PyTorch's own
            if reentrant:  # it sends to its leaves piece by piece
                for leaf in leaves:
                    self.tell_leaf(leaf, _sum(piece for (piece,) in pieces[id(leaf)]))

    def _leaf_hooks(
        self, leaves: list[torch.Tensor], nodes: list[Any], pieces: dict[int, list[Any]] | None
    ) -> Iterator[Any]:
        for leaf, node in zip(leaves, nodes, strict=True):
            if pieces is not None:
                yield node.register_prehook(pieces[id(leaf)].append)
            else:
                yield node.register_prehook(partial(self._on_leaf, leaf))

    def _on_leaf(self, leaf: torch.Tensor, received: tuple[torch.Tensor | None]) -> None:
        self.tell_leaf(leaf, received[0])


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
    run = _Pass(loss, sites, inputs, support)
    with _random_state_kept(), grad_kept(retained), _freed_graph_explained():
        if run.walk.reentrant():
            run.by_backward_unseen(gradient)
        else:
            run.by_grad(gradient)
        arrivals = run.listener.arrivals()
    pin(run.walk)
    return arrivals


def observe_backward(
    loss: torch.Tensor, sites: Sites, *, support: bool | None = None, **kwargs: Any
) -> Arrivals:
    """Run ``loss.backward(**kwargs)`` as it is, and say what arrived where.

    Raises:
        GradflowError: the graph was freed.
    """
    if not loss.requires_grad:
        loss.backward(**kwargs)  # type: ignore[no-untyped-call]  # PyTorch says what is wrong
    inputs = kwargs.get("inputs")
    run = _Pass(loss, sites, [inputs] if isinstance(inputs, torch.Tensor) else inputs, support)
    with _freed_graph_explained():
        run.by_backward(**kwargs)
        arrivals = run.listener.arrivals()
    pin(run.walk)
    return arrivals


def _sum(pieces: Iterable[torch.Tensor | None]) -> torch.Tensor | None:
    total: torch.Tensor | None = None
    for piece in pieces:
        if piece is not None:
            total = piece if total is None else total + piece
    return total


@contextlib.contextmanager
def _hooked(handles: Iterator[Any]) -> Iterator[None]:
    """The hooks that the iterator registers are there inside, and removed at the end."""
    registered: list[Any] = []
    try:
        registered.extend(handles)
        yield
    finally:
        for handle in registered:
            handle.remove()


@contextlib.contextmanager
def grad_kept(tensors: Sequence[torch.Tensor]) -> Iterator[None]:
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
def gc_paused() -> Iterator[None]:
    """No collection meanwhile: thousands of hooks and tuples would set off one after the other."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextlib.contextmanager
def _random_state_kept() -> Iterator[None]:
    """Random numbers drawn inside are given back."""
    numpy = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    python_state = random.getstate()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]  # PyTorch's own
    cpu = torch.random.get_rng_state()
    try:
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
        if "_will_engine_execute_node" in str(error):
            raise GradflowError(
                "flow() cannot run while a hook of register_multi_grad_hook watches the parameters. "
                "Observe the real step with t.backward(loss), or remove the hook."
            ) from error
        if "backward through the graph a second time" not in str(error):
            raise
        raise GradflowError(
            "the graph of this loss was freed by an earlier backward pass. Observe it before, "
            "or pass retain_graph=True to the earlier backward."
        ) from error


