"""Record a computation: PyTorch calls to a Graph."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch._C import (
    _functorch,
    _get_function_stack_at,
    _len_torch_function_stack,
    _pop_torch_function_stack,
    _push_on_torch_function_stack,
)
from torch._C._autograd import _get_sequence_nr
from torch.autograd.function import Function
from torch.nn import Parameter
from torch.overrides import TorchFunctionMode

from gradflow.departures import Departures
from gradflow.graph import Graph
from gradflow.location import Locations
from gradflow.rules import Role, Rule, rule
from gradflow.tape import LEAF, NO_HISTORY, Region, Tape
from gradflow.targets import HOOK
from gradflow.tensors import (
    dtype_name,
    is_lazy,
    is_transformed,
    number_in,
    plain_numbers,
    pointer_of,
    storage_of,
    tensors_in,
    unwrapped,
    version_of,
)
from gradflow.walk import SITE_BITS, Sites, site

_APPLY = Function.apply.__func__.__code__  # type: ignore[attr-defined]  # a classmethod
_DEEPCOPY = Parameter.__deepcopy__.__code__
_PLAIN = frozenset({int, float, bool, str, type(None), slice, torch.dtype, torch.device, type(...), complex})
_NO_GRAD, _INFERENCE = 1, 2  # positions in tape.MODES
_NO_SEQUENCE = 1 << 40  # numbers above are those of nodes outside the order, as of a function without derivative
_STALE = -3  # a version that no tensor has
_NAMED_NODES = 2_000  # ops whose backward node is looked at for its name: many would be unsafe to free


_FUSED = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)


class Recorder(TorchFunctionMode):
    """Sees every PyTorch call of its thread and keeps what the Graph needs, but no tensor alive."""

    def __init__(self) -> None:
        super().__init__()
        self.paused = False
        self.on_backward: Callable[[Tensor, dict[str, Any]], None] | None = None
        self.locations = Locations()
        self.tape = Tape()
        self.call = -1
        self.leaves: dict[int, weakref.ref[Tensor]] = {}
        self._owners: dict[int, int] = {}  # ops of backward nodes outside the range of their op's call
        self._live: dict[int, tuple[weakref.ref[Tensor], int, bool, Any, int]] = {}
        self._sweep_at = 1_000
        self._storages: dict[int, Any] = {}  # values by storage, held weakly so that no address comes twice
        self._written: dict[int, int] = {}
        self._latest: dict[int, int] = {}  # the last value of a storage that has several
        self._known_sites: dict[int, int] = {}
        self._sites_known = 0
        self._grad_on = True
        self._inside: tuple[FrameType, Region] | None = None
        self._transform: Region | None = None
        self._departures = Departures()
        self._new_leaves: dict[int, tuple[weakref.ref[Tensor], tuple[int, ...] | None]] = {}
        self._shapeless: set[int] = set()
        self._leaf_names = 0
        self._first = self._last = 0

    def start(self) -> None:
        """Begin to listen."""
        self._grad_on = torch.is_grad_enabled()
        self._first, self._last = _get_sequence_nr(), sys.maxsize
        _push_on_torch_function_stack(self)

    def stop(self) -> None:
        """Listen no longer, and forget what was only needed to recognise tensors."""
        _pop_torch_function_stack()
        self._last = _get_sequence_nr()
        self._inside = self._transform = None
        self._departures.clear()
        self._sweep()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the call and record it."""
        kwargs = kwargs or {}
        known = rule(func)
        if self.paused or known.role is Role.READ:
            if self.on_backward is not None and func is Tensor.backward:
                return self.on_backward(args[0], backward_arguments(args[1:], kwargs))
            return func(*args, **kwargs)
        if known.role is Role.COMPUTE or known.role is Role.EXIT:
            return self._record(known, func, args, kwargs)
        if known.role is Role.GRAD_MODE:
            result = func(*args, **kwargs)
            if self._apply_frame() is None:
                self._grad_on = bool(args[0])
            return result
        if known.role is Role.AUTOGRAD or known.role is Role.EACH:
            return self._record(known, func, args, kwargs)
        if known.role is Role.MAKE:
            result = func(*args, **kwargs)
            if not is_transformed(result) and not result.requires_grad:
                self._new(result, "constant")
            return result
        tensor = args[0]
        if known.role is Role.FLAG:
            value = self.lookup(tensor)
            result = func(*args, **kwargs)
            self._set_flag(tensor, value)
            return result
        if known.role is Role.HOOK:
            self._add_op(known.target, (self.lookup(tensor),), (), 0)
            return func(*args, **kwargs)
        return self._assign_data(func, args)

    def _record(self, known: Rule, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call and keep what it did. Written for speed, since it runs once for each op."""
        tensors: list[Tensor] = []
        for a in args:
            kind = type(a)
            if kind is Tensor or kind is Parameter:
                tensors.append(a)
            elif kind not in _PLAIN:
                tensors.extend(tensors_in(a))
        if kwargs:
            tensors.extend(tensors_in(kwargs))

        mode = 0 if torch.is_grad_enabled() else self._off_mode()
        if mode == _NO_GRAD and self._grad_on:
            frame = self._apply_frame()
            if frame is not None:
                return self._record_inside(frame, func, args, kwargs, tensors)
        self._inside = None
        if mode and len(tensors) == 1 and known.target.endswith("_") and self._untouched(tensors[0]):
            return func(*args, **kwargs)  # a new leaf is filled

        live = self._live
        inputs: list[int] = []
        versions: list[int] = []
        for t in tensors:
            hit = live.get(id(t))
            try:
                version = t._version
            except RuntimeError:  # an inference tensor does not count
                version = -1
            if hit is None or hit[1] != version or hit[0]() is not t or hit[2] != t.requires_grad:
                inputs.append(self._resolve(t))
            else:
                inputs.append(hit[3])
            versions.append(version)
        if -1 in inputs:
            return self._record_transformed(func, args, kwargs)

        start = _get_sequence_nr()
        result = func(*args, **kwargs)
        if known.role is Role.EXIT:
            if known.target == "bool" and not self.locations.is_own(sys._getframe(2)):
                return result  # PyTorch checks something for itself
            self._departures.remember(result, self._add_op(known.target, inputs, (), mode))
            return result
        fresh: Sequence[Tensor]
        if type(result) is Tensor:
            fresh = (result,)
            for t in tensors:
                if t is result:
                    fresh = ()
        elif type(result) in _PLAIN:
            fresh = ()
        else:
            fresh = [t for t in tensors_in(result) if not any(t is s for s in tensors)]
        changed: list[Tensor] = []
        for t, version in zip(tensors, versions, strict=True):
            if version >= 0 and t._version != version:
                changed.append(t)
        if known.target == "detach_":
            changed = [tensors[0]]
        if not fresh and not changed:
            return result
        for t in fresh:
            if _functorch.is_functorch_wrapped_tensor(t):
                return result
        if inputs:
            self._keep(known, args, kwargs, result, inputs, fresh, changed, mode, start)
        else:
            self._keep_made(fresh, args, kwargs)
        return result

    def _keep(
        self,
        known: Rule,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        result: Any,
        inputs: list[int],
        fresh: Sequence[Tensor],
        changed: Sequence[Tensor],
        mode: int,
        start: int,
    ) -> None:
        """Store an op that made or changed something."""
        target = known.target
        if known.role is Role.EACH and len(fresh) + len(changed) < len(inputs):
            self._keep_each(target, args, result, fresh, changed, mode)
            return
        if known.role is Role.AUTOGRAD:
            inputs = list(dict.fromkeys([*inputs, *self._inputs_of_history(fresh)]))
        elif target == "data" and sys._getframe(3).f_code is _DEEPCOPY:
            target = "deepcopy"
        returned = self._taken(args, kwargs, inputs) if self._departures.any else None
        sequence = start if _get_sequence_nr() == start + 1 else None
        outputs = []
        for t in fresh:
            outputs.append(self._new(t, "intermediate", sequence))
        if changed:
            outputs += self._rewritten(inputs, changed)
        place = self.locations.of(sys._getframe(3))
        op = self.tape.add_op(target, inputs, outputs, place, self.call, mode, start, _get_sequence_nr())
        if op < _NAMED_NODES and (node := (fresh or changed)[0].grad_fn) is not None:
            self.tape.name_node(op, type(node).__name__)
        if returned is not None:
            self.tape.note_return(op, returned)
        if outputs[0] in self.tape.scalars and (constants := plain_numbers(args, kwargs)) is not None:
            self.tape.note_constants(op, constants)

    def _keep_made(self, fresh: Sequence[Tensor], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Store constants that a call made from no tensor; a leaf among them gets its name at its first use."""
        returned = self._taken(args, kwargs, ())
        for t in fresh:
            if t.requires_grad:
                self._new_leaves[id(t)] = (weakref.ref(t), returned)
                continue
            value = self._new(t, "constant")
            if returned is not None:
                self._departures.arrive(value, returned)

    def _keep_each(
        self,
        target: str,
        args: tuple[Any, ...],
        result: Any,
        fresh: Sequence[Tensor],
        changed: Sequence[Tensor],
        mode: int,
    ) -> None:
        """A call that works on each tensor of a list by itself: an op for each that it made or changed."""
        lists = [a for a in args if isinstance(a, (list, tuple))] or [args]
        made = result if isinstance(result, (list, tuple)) else lists[0]
        for i, t in enumerate(made):
            inputs = [hit[3] for a in lists if i < len(a) and (hit := self._live.get(id(a[i])))]
            if any(t is f for f in fresh):
                outputs = [self._new(t, "intermediate")]
            elif any(t is c for c in changed):
                outputs = [self._rewrite(t)]
            else:
                continue
            self._add_op(target, inputs, outputs, mode)

    def _rewritten(self, inputs: list[int], changed: Sequence[Tensor]) -> list[int]:
        """New values for what a call wrote to; the bases of views are among them, and become inputs."""
        bases: dict[int, tuple[Tensor, int]] = {}
        for t in changed:
            base = t._base
            if base is not None and not any(base is c for c in changed):
                hit = self._live.get(id(base))  # as it was: its version has moved already
                if hit is not None and hit[0]() is base and isinstance(hit[3], int):
                    bases[id(base)] = (base, hit[3])
                else:
                    bases[id(base)] = (base, self._new(base, "constant"))
        for _, before in bases.values():
            if before not in inputs:
                inputs.append(before)
        return [self._rewrite(t) for t in (*changed, *(base for base, _ in bases.values()))]

    def _rewrite(self, t: Tensor) -> int:
        """The new value of a tensor that was written to; a leaf stays the leaf that it is."""
        hit = self._live.get(id(t))
        before = hit[3] if hit is not None and hit[0]() is t and isinstance(hit[3], int) else None
        kind = "intermediate"
        if before is not None and (t.is_leaf and self.tape.described[before][0] in ("parameter", "buffer", "input")):
            kind = self.tape.described[before][0]
        value = self._new(t, kind)
        sites = self.tape.sites
        if before is not None and sites[before] == sites[value] != NO_HISTORY:
            self.tape.silent.append((before, value))
        if before is not None:
            self.tape.writes.append((before, value))
        if before is not None and kind != "intermediate" and before in self.tape.names:
            self.tape.names[value] = self.tape.names[before]
        key = storage_of(t)
        if key:
            self._written[key] = value
        return value

    def _new(self, t: Tensor, kind: str, sequence: int | None = None) -> int:
        """Store a value. ``sequence`` is that of its backward node, where the caller knows it."""
        requires_grad = t.requires_grad
        where = NO_HISTORY
        if requires_grad:
            if sequence is not None:
                where = sequence << SITE_BITS | t.output_nr
            elif t.is_leaf:
                where = LEAF
                self.leaves[len(self.tape.described)] = weakref.ref(t)
            elif (node := t.grad_fn) is not None and (number := node._sequence_nr()) < _NO_SEQUENCE:
                where = site(number, t.output_nr)
        value = self.tape.add_value(
            kind,
            t.shape,
            dtype_name(t.dtype),
            requires_grad,
            where,
            number_in(t) if t.numel() == 1 else None,
        )
        self._track(t, value)
        return value

    def _track(self, t: Tensor, value: int) -> None:
        """Recognise this tensor, as it is now, as that value."""
        try:
            storage = t.untyped_storage()
            key = storage._cdata
            version = t._version
            if key not in self._storages:
                storage._weak_ref()
                self._storages[key] = value
            else:
                self._latest[key] = value
        except (RuntimeError, NotImplementedError):  # no storage, or no version
            key, version = storage_of(t), version_of(t)
        self.tape.memory[value] = key
        live = self._live
        live[id(t)] = (weakref.ref(t), version, t.requires_grad, value, key)
        if len(live) > self._sweep_at:
            self._sweep()

    def _own_storage(self, t: Tensor, key: int, region: Region) -> None:
        """Know from now on whose memory this is."""
        if key not in self._storages:
            t.untyped_storage()._weak_ref()
            self._storages[key] = region

    def _sweep(self) -> None:
        """Forget tensors that are dead."""
        self._live = {key: hit for key, hit in self._live.items() if hit[0]() is not None}
        self._sweep_at = max(1_000, 2 * len(self._live))
        for key in [key for key in self._storages if torch.UntypedStorage._expired(key)]:
            self._forget_storage(key)

    def _forget_storage(self, key: int) -> None:
        del self._storages[key]
        self._written.pop(key, None)
        self._latest.pop(key, None)
        torch.UntypedStorage._free_weak_ref(key)  # type: ignore[no-untyped-call]  # PyTorch's own

    def __del__(self) -> None:
        """Give back the weak references to storages."""
        for key in list(self._storages):
            self._forget_storage(key)

    def lookup(self, t: Tensor) -> int:
        """The value that a tensor is now; -1 for one of a function transform, which has none."""
        if is_transformed(t):
            return -1
        hit = self._live.get(id(t))
        if hit is not None and hit[0]() is t and hit[1] == version_of(t) and hit[2] == t.requires_grad:
            return int(hit[3])
        return self._resolve(t)

    def known(self, t: Tensor) -> bool:
        """Whether the trace has seen this tensor."""
        hit = self._live.get(id(t))
        return hit is not None and hit[0]() is t

    def _untouched(self, t: Tensor) -> bool:
        return t.is_leaf and t.requires_grad and not self.known(t)

    def retained(self) -> list[Tensor]:
        """The tensors of the trace that are alive and retain their gradient."""
        alive = (hit[0]() for hit in self._live.values())
        return [t for t in alive if t is not None and t.retains_grad]

    def tensor_of(self, value: int) -> Tensor | None:
        """The tensor that a value is, if it is alive and still that value."""
        for ref, version, _, held, _ in self._live.values():
            t = ref()
            if held == value and t is not None and version_of(t) == version:
                return t
        return None

    def made_here(self, t: Tensor) -> bool:
        """Whether a tensor's backward node was created while the trace was recording."""
        node = None if t.is_leaf else t.grad_fn
        return node is not None and self._first <= node._sequence_nr() < self._last

    def add_input(self, t: Tensor, kind: str, name: str) -> int:
        """Store a tensor that was there before the trace."""
        if is_lazy(t):
            value = self.tape.add_value(kind, (), dtype_name(t.dtype), t.requires_grad, LEAF)
            self._shapeless.add(value)
            if t.requires_grad:
                self.leaves[value] = weakref.ref(t)
            self._live[id(t)] = (weakref.ref(t), version_of(t), t.requires_grad, value, 0)
        else:
            value = self._new(t, kind)
        self.tape.names[value] = name
        return value

    def forget(self, t: Tensor) -> None:
        """Take what a tensor was so far for a constant: it is about to be given its name."""
        for value in [value for value, ref in self.leaves.items() if ref() is t]:
            del self.leaves[value]
            self.tape.names.pop(value, None)
            self.tape.describe(value, kind="constant")

    def _resolve(self, t: Tensor) -> int:
        """The value of a tensor that is new, or not as it was when last seen."""
        if is_transformed(t):
            return -1
        hit = self._live.get(id(t))
        if hit is None or hit[0]() is not t:
            return self._unknown(t)
        _, version, _, held, key = hit
        if isinstance(held, Region):
            return self._opaque_output(held, t)
        before = int(held)
        now, key_now = version_of(t), storage_of(t)
        if key_now != key and key_now and key:
            return self._set(t, before, key_now)
        if now == version:
            if t.is_leaf:
                self._set_flag(t, before)
                return before
            return self._opaque_output(self._region(t, [before]), t)
        written = self._written.get(key, before)
        if written != before:
            start = _get_sequence_nr()
            value = self._rewrite(t)
            self._add_implied("alias", (before, written), value, start)
            return value
        if t.is_leaf:  # written to where nobody could see it, as by a fused optimizer
            self._track(t, before)
            return before
        return self._opaque_output(self._region(t, [before]), t)

    def _set(self, t: Tensor, before: int, key: int) -> int:
        """The value of a tensor that was given the memory of another by ``set_``."""
        source = self._source(t, key)
        inputs = (source,) if isinstance(source, int) else (before,)
        value = self._rewrite(t)
        self._add_missed("set_", inputs, value)
        return value

    def _source(self, t: Tensor, key: int) -> Any:
        """The value, or the region, whose memory this is: best the latest one of the same shape and place."""
        latest = self._latest.get(key)
        if latest is not None and self.tape.described[latest][1] == tuple(t.shape) and self.tape.unused(latest):
            return latest  # as in nn.Parameter(h.data): what nobody else took
        same = [
            hit[3]
            for hit in self._live.values()
            if hit[4] == key and isinstance(hit[3], int) and (other := hit[0]()) is not None and other is not t
            and other.shape == t.shape and pointer_of(other) == pointer_of(t)
        ]
        return max(same, default=self._storages.get(key)) if key else None

    def _unknown(self, t: Tensor) -> int:
        """The value of a tensor that no recorded call made."""
        source = self._source(t, storage_of(t))
        if t.requires_grad and not t.is_leaf:
            return self._opaque_output(source if isinstance(source, Region) else self._region(t, []), t)
        if isinstance(source, Region):
            return self._opaque_output(source, t)
        derived = source is not None and self.tape.described[source][0] != "constant"
        if t.requires_grad:
            value = self._new(t, "parameter")
            self._name_leaf(value)
            made, returned = self._new_leaves.get(id(t), (None, None))
            if made is None or made() is not t:
                returned = None if source is None else self._departures.origin(source)
            if returned is not None:
                self._departures.arrive(value, returned)
            if derived:
                self._add_missed("alias" if self._is_deep_copy(source) else "Parameter", (source,), value)
            return value
        if derived:
            value = self._new(t, "intermediate")
            self._add_missed("alias", (source,), value)
            return value
        value = self._new(t, "constant")
        if left := self._departures.at(pointer_of(t)):
            self._departures.arrive(value, left)
        return value

    def _is_deep_copy(self, value: int) -> bool:
        """Whether a value is the inside of a parameter that ``copy.deepcopy`` made."""
        clone = self.tape.maker(value)
        if clone is None or self.tape.targets[clone] != "clone":
            return False
        copied = self.tape.maker(self.tape.inputs(clone)[0])
        return copied is not None and self.tape.targets[copied] == "deepcopy"

    def _name_leaf(self, value: int) -> None:
        taken = set(self.tape.names.values())
        while True:
            self._leaf_names += 1
            name = f"leaf_{self._leaf_names}"
            if name not in taken:
                self.tape.names[value] = name
                return

    def _set_flag(self, t: Tensor, value: int) -> None:
        """Note that ``requires_grad`` changed; a tensor made by an op becomes a leaf by it."""
        if value < 0:
            return
        self.tape.describe(value, requires_grad=t.requires_grad)
        if t.requires_grad and t.is_leaf:
            self.tape.sites[value] = LEAF
            self.leaves[value] = weakref.ref(t)
            if value not in self.tape.names:
                self._name_leaf(value)
        self._track(t, value)

    def _assign_data(self, func: Any, args: tuple[Any, ...]) -> Any:
        """``t.data = u``: a value made from ``u`` alone; where t has a history, t keeps it."""
        t, source = args[0], args[1]
        before, value = self.lookup(t), self.lookup(source)
        result = func(*args)
        if before in self._shapeless:  # a lazy module gets its parameters
            self._shapeless.discard(before)
            self.tape.describe(before, shape=tuple(source.shape))
        elif before >= 0 and value >= 0:
            after = self._rewrite(t)
            is_kept = (before, after) in self.tape.silent[-1:]
            self._add_implied("data", (value, before) if is_kept else (value,), after)
        return result

    def _off_mode(self) -> int:
        return _INFERENCE if torch.is_inference_mode_enabled() else _NO_GRAD

    def _add_op(
        self, target: str, inputs: Sequence[int], outputs: Sequence[int], mode: int, start: int | None = None
    ) -> int:
        """Store an op at the line that is running; ``start`` is the number of its first backward node."""
        stop = _get_sequence_nr()
        if start is None:
            start = stop
        place = self.locations.of(sys._getframe(2))
        return self.tape.add_op(target, inputs, outputs, place, self.call, mode, start, stop)

    def _add_implied(self, target: str, inputs: Sequence[int], output: int, start: int | None = None) -> None:
        """An op that no call showed; it gets the line of the call that comes upon its result."""
        self._add_op(target, inputs, (output,), 0 if torch.is_grad_enabled() else self._off_mode(), start)

    def _add_missed(self, target: str, inputs: Sequence[int], output: int) -> None:
        """An op that ran unseen between what made its inputs and now, so in the module that runs around both."""
        within, self.call = self.call, self.tape.call_around(self.call, inputs)
        self._add_implied(target, inputs, output)
        self.call = within

    def _apply_frame(self) -> FrameType | None:
        """The outermost running ``Function.apply``, inside which nothing is recorded."""
        frame: FrameType | None = sys._getframe(1)
        found = None
        while frame is not None:
            if frame.f_code is _APPLY:
                found = frame
            frame = frame.f_back
        return found

    def _record_inside(
        self, frame: FrameType, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]
    ) -> Any:
        """A call inside a custom function: keep which values go in, and which tensors come out."""
        if self._inside is None or self._inside[0] is not frame:
            target = getattr(frame.f_locals.get("cls"), "__name__", "Function")
            region = Region(target, self.locations.of(frame.f_back), self.call, 0)
            arguments = [self.lookup(t) for t in tensors_in(frame.f_locals.get("args", ()))]
            region.inputs = [value for value in arguments if value >= 0]
            self._inside = (frame, region)
        region = self._inside[1]
        versions = [version_of(t) for t in tensors]
        for t in tensors:
            hit = self._live.get(id(t))
            if hit is not None and hit[0]() is t and isinstance(hit[3], int):
                region.take([hit[3]])
            elif hit is None and t.is_leaf and t.requires_grad:
                region.take([self.lookup(t)])
        result = func(*args, **kwargs)
        written = [t for t, version in zip(tensors, versions, strict=True) if version_of(t) != version]
        for t in (*tensors_in(result), *written):
            hit = self._live.get(id(t))
            if hit is None or hit[0]() is not t or any(t is w for w in written):
                self._live[id(t)] = (weakref.ref(t), _STALE, False, region, storage_of(t))
        return result

    def _record_transformed(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call inside ``vmap`` or ``torch.func.grad``: keep which values go in, and whose memory comes out."""
        region = self._transform
        if region is None or region.op is not None:
            region = self._transform = Region("torch.func", self.locations.here(), self.call, 0)
        for t in tensors_in((args, kwargs)):
            inner = unwrapped(t)
            if inner is not None and (self.known(inner) or (inner.is_leaf and inner.requires_grad)):
                region.take([self.lookup(inner)])
        result = func(*args, **kwargs)
        for t in tensors_in(result):
            inner = unwrapped(t)
            key = storage_of(inner) if inner is not None else 0
            if inner is not None and key:
                self._own_storage(inner, key, region)
        return result

    def aside(self, module: nn.Module, args: Any) -> bool:
        """Step aside for a module that computes with a fused kernel, but not if it sees a function mode.

        So it does where no gradient is due: its result would differ in the last bits.
        """
        if not isinstance(module, _FUSED) or module.training or self._top() is not self:
            return False
        if torch.is_grad_enabled() and any(t.requires_grad for t in (*module.parameters(), *tensors_in(args))):
            return False
        _pop_torch_function_stack()
        return True

    def back(self, module: nn.Module, args: Any, output: Any) -> None:
        """Listen again after a fused module, and record it as one op."""
        _push_on_torch_function_stack(self)
        inputs = [self.lookup(t) for t in (*tensors_in(args), *module.parameters())]
        outputs = tuple(self._new(t, "intermediate") for t in tensors_in(output) if not self.known(t))
        if outputs:
            mode = 0 if torch.is_grad_enabled() else self._off_mode()
            self._add_op(type(module).__name__, inputs, outputs, mode)

    def _top(self) -> Any:
        depth = _len_torch_function_stack()
        return _get_function_stack_at(depth - 1) if depth else None

    def _region(self, t: Tensor, inputs: list[int]) -> Region:
        """A region known only by the history of what came out of it."""
        mode = 0 if torch.is_grad_enabled() else self._off_mode()
        target = type(t.grad_fn).__name__.rstrip("0123456789").removesuffix("Backward")
        region = Region(target, self.locations.here(), self.call, mode)
        region.take(inputs)
        return region

    def _opaque_output(self, region: Region, t: Tensor) -> int:
        """A new value that came out of a region."""
        nodes: list[Any] = []
        region.take(self._inputs_of_history([t], nodes))
        op = self.tape.add_region(region, _get_sequence_nr()) if region.op is None else region.op
        value = self._new(t, "intermediate")
        region.outputs.append(value)
        for node in nodes:
            self._owners[node._sequence_nr()] = op
        if t.requires_grad and not t.is_leaf:
            self.tape.name_node(op, type(t.grad_fn).__name__)
        return value

    def _inputs_of_history(self, tensors: Sequence[Tensor], nodes: list[Any] | None = None) -> list[int]:
        """The known values at which the history of some tensors begins; the nodes on the way go to ``nodes``."""
        self._index_sites()
        found: dict[int, None] = {}
        stack = [t.grad_fn for t in tensors if t.requires_grad and t.grad_fn is not None]
        seen = set(stack)
        while stack:
            node = stack.pop()
            if nodes is not None:
                nodes.append(node)
            for child, output in node.next_functions:
                if child is None:
                    continue
                if hasattr(child, "variable") and not child.next_functions:
                    found[self.lookup(child.variable)] = None
                    continue
                value = self._known_sites.get(site(child._sequence_nr(), output))
                if value is not None:
                    found[value] = None
                elif child not in seen:
                    seen.add(child)
                    stack.append(child)
        return list(found)

    def _index_sites(self) -> None:
        for value in range(self._sites_known, len(self.tape.sites)):
            self._known_sites[self.tape.sites[value]] = value
        self._sites_known = len(self.tape.sites)

    def _taken(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], inputs: Sequence[int]
    ) -> tuple[int, ...] | None:
        return self._departures.taken((*args, *kwargs.values()), inputs, self._literals())

    def _literals(self) -> tuple[Any, ...] | None:
        """The constants in the code that called, or None if the call came from inside PyTorch."""
        frame: FrameType | None = sys._getframe(5)
        return frame.f_code.co_consts if frame is not None and self.locations.is_own(frame) else None

    def graph(self, aliases: Sequence[tuple[str, int]], parameters: dict[str, weakref.ref[Tensor]]) -> Graph:
        """Everything recorded so far."""
        return self.tape.graph(self.locations.words(), aliases, parameters)

    def sites(self) -> Sites:
        """Where the backward nodes created so far belong."""
        tape = self.tape
        values_of: dict[int, tuple[int, ...]] = {}
        for value, where in enumerate(tape.sites):
            if where >= 0:
                values_of[where] = (*values_of[where], value) if where in values_of else (value,)
        leaves: dict[int, tuple[int, ...]] = {}
        for value, ref in self.leaves.items():
            leaf = ref()
            if leaf is not None:
                leaves[id(leaf)] = (*leaves.get(id(leaf), ()), value)
        return Sites(
            tape.starts,
            tape.stops,
            self._owners,
            values_of,
            leaves,
            list(self.leaves.values()),
            tape.all_inputs(),
            tape.entries(),
            self._hooked(),
        )

    def _hooked(self) -> set[int]:
        """The values whose gradient a hook may change: it was registered in the block, or is there now."""
        found = {self.tape.inputs(op)[0] for op, target in enumerate(self.tape.targets) if target == HOOK}
        for ref, _, _, value, _ in self._live.values():
            t = ref()
            if t is not None and isinstance(value, int) and t._backward_hooks:
                found.add(value)
        return found


def backward_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``Tensor.backward`` by name."""
    return {**dict(zip(("gradient", "retain_graph", "create_graph", "inputs"), args, strict=False)), **kwargs}
