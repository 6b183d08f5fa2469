"""Trace a computation, then ask what a backward pass of its losses does."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as nn_module

from gradflow.capture import Recorder
from gradflow.compiled import eagerly
from gradflow.errors import GradflowError
from gradflow.flow import Flow
from gradflow.graph import Call, Graph
from gradflow.observe import gc_paused, observe_backward, observe_grad

_running = threading.local()


class Trace:
    """A recorded computation. Made by :func:`trace`; use it as a context manager."""

    def __init__(self, modules: Sequence[nn.Module], named: dict[str, Any], discovering: bool = False) -> None:
        self._recorder = Recorder()
        self._discovering = discovering
        self._first_flow: Flow | None = None
        self._aliases: list[tuple[str, int]] = []
        self._parameters: dict[str, weakref.ref[Tensor]] = {}
        self._paths: dict[int, str] = {}
        self._stack: list[int] = []
        self._hooks: list[Any] = []
        self._thread = 0
        self._fused: nn.Module | None = None
        self._state = "new"
        self._frozen: tuple[tuple[int, ...], Graph] | None = None
        self._asked = False
        self._registration = _Registration(self)
        self._registration.run(modules, named)
        if discovering:
            self._recorder.on_backward = self._own_backward

    def __enter__(self) -> Trace:
        if self._state != "new":
            raise GradflowError("a trace records one block of code; make a new one with gf.trace(...).")
        if getattr(_running, "trace", None) is not None:
            raise GradflowError(
                "a trace is already recording in this thread. One trace can record several models and losses:\n"
                "    with gf.trace(G=generator, D=discriminator) as t: ..."
            )
        _running.trace = self
        self._thread = threading.get_ident()
        self._state = "recording"
        self._hooks = [
            nn_module.register_module_forward_pre_hook(self._enter_call),
            nn_module.register_module_forward_hook(self._leave_call, always_call=True),
        ]
        self._eagerly = eagerly()
        self._eagerly.__enter__()
        self._recorder.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._recorder.stop()
        self._eagerly.__exit__(None, None, None)
        for hook in self._hooks:
            hook.remove()
        _running.trace = None
        self._state = "done"

    def _enter_call(self, module: nn.Module, args: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        recorder = self._recorder
        if self._discovering and not self._stack and id(module) not in self._paths:
            with _Paused(recorder):
                self._registration.discover(module)
        self._stack.append(recorder.call)
        path = self._paths.get(id(module))
        if path is not None and not recorder.paused:
            calls = recorder.tape.calls
            calls.append(Call(len(calls), path, type(module).__name__, None if recorder.call < 0 else recorder.call))
            recorder.call = len(calls) - 1
        if self._fused is None and not recorder.paused and recorder.aside(module, args):
            self._fused = module

    def _leave_call(self, module: nn.Module, args: Any, output: Any) -> None:
        if threading.get_ident() != self._thread or not self._stack:
            return
        if self._fused is module:
            self._fused = None
            self._recorder.back(module, args, output)
        self._recorder.call = self._stack.pop()

    def _own_backward(self, loss: Tensor, kwargs: dict[str, Any]) -> None:
        """Run the program's own backward pass, the first one observed."""
        if self._first_flow is None and not self._recorder.paused:
            self._first_flow = self.backward(loss, **kwargs)
        else:
            loss.backward(**kwargs)  # type: ignore[no-untyped-call]  # PyTorch's own

    def name(self, **tensors: Tensor) -> None:
        """Give names to intermediates and losses, before the graph is first asked for.

        Raises:
            GradflowError: not a tensor of this trace, a name that is taken, or too late.

        >>> import torch, gradflow as gf
        >>> w = torch.tensor([3.0], requires_grad=True)
        >>> with gf.trace(w=w) as t:
        ...     h = w * w
        ...     t.name(h=h)
        >>> t.graph.value("h").scalar
        9.0
        """
        if self._asked:
            raise GradflowError(
                "names come before the first t.graph or t.flow(...): call t.name(...) earlier, "
                "best inside the block."
            )
        with _Paused(self._recorder):
            for name, tensor in tensors.items():
                self._name(name, self._value(tensor, f"t.name({name}=...)"))

    def _name(self, name: str, value: int) -> None:
        names = self._recorder.tape.names
        holders = {v for v, n in names.items() if n == name} | {v for n, v in self._aliases if n == name}
        if value in holders:
            return
        if holders:
            raise GradflowError(f"the name {name!r} is taken by another value of this trace; choose another.")
        if value in names and not names[value].startswith("leaf_"):
            self._aliases.append((name, value))
        else:
            names[value] = name

    @property
    def graph(self) -> Graph:
        """What was computed so far.

        >>> import torch, gradflow as gf
        >>> with gf.trace(x=torch.ones(2)) as t:
        ...     y = torch.ones(2).exp()
        >>> [op.target for op in t.graph.ops]
        ['exp']
        """
        self._asked = True
        recorder, tape = self._recorder, self._recorder.tape
        for value, ref in recorder.leaves.items():
            leaf = ref()
            if leaf is not None and leaf.requires_grad != tape.described[value][3]:
                tape.describe(value, requires_grad=leaf.requires_grad)
                self._frozen = None
        if self._frozen is None or self._frozen[0] != tape.size:
            self._frozen = (tape.size, recorder.graph(self._aliases, self._parameters))
        return self._frozen[1]

    def flow(
        self,
        loss: Tensor,
        gradient: Tensor | None = None,
        inputs: Tensor | str | Iterable[Tensor | str] | None = None,
        support: bool | None = None,
    ) -> Flow:
        """Observe one backward pass of ``loss``; every ``.grad`` stays as it was.

        Args:
            loss: a tensor computed in the block.
            gradient: as for ``Tensor.backward``; needed if the loss has more than one element.
            inputs: tensors or names to ask for, as ``inputs=`` of ``backward``; all leaves if None.
            support: None leaves ``Arrival.support`` None above 100,000 entries; True counts all.

        Raises:
            GradflowError: the loss is not of this trace, its graph was freed, or the arguments do not fit.

        >>> import torch, gradflow as gf
        >>> w = torch.tensor([3.0], requires_grad=True)
        >>> with gf.trace(w=w) as t:
        ...     loss = (w * w).sum()
        >>> t.flow(loss).at("w").scalar
        6.0
        """
        with _Paused(self._recorder), gc_paused():
            output = self._loss(loss, "t.flow(loss)")
            asked, names = self._inputs(inputs)
            graph = self.graph
            if not loss.requires_grad:
                return Flow(graph, output, (), names, seeded=False)
            self._check_gradient(loss, gradient)
            arrivals = observe_grad(
                loss,
                self._recorder.sites(),
                gradient=gradient,
                inputs=asked,
                support=support,
                retained=self._recorder.retained(),
            )
        return Flow(graph, output, arrivals, names)

    def backward(self, loss: Tensor, *, support: bool | None = None, **kw: Any) -> Flow:
        """Run ``loss.backward(**kw)`` as it is, observed: it accumulates into ``.grad`` as always.

        Raises:
            GradflowError: the loss is not of this trace, or its graph was freed.

        >>> import torch, gradflow as gf
        >>> w = torch.tensor([3.0], requires_grad=True)
        >>> with gf.trace(w=w) as t:
        ...     loss = (w * w).sum()
        >>> flow = t.backward(loss)
        >>> w.grad
        tensor([6.])
        """
        with _Paused(self._recorder), gc_paused():
            output = self._loss(loss, "t.backward(loss)")
            _, names = self._inputs(kw.get("inputs"))
            graph = self.graph
            if loss.requires_grad:
                self._check_gradient(loss, kw.get("gradient"))
            arrivals = observe_backward(loss, self._recorder.sites(), support=support, **kw)
        return Flow(graph, output, arrivals, names)

    def _value(self, tensor: Any, call: str) -> int:
        if not isinstance(tensor, Tensor):
            raise GradflowError(f"{call} takes a tensor, but got {_described(tensor)}.")
        recorder = self._recorder
        if recorder.known(tensor) or recorder.made_here(tensor):
            return recorder.lookup(tensor)
        raise GradflowError(
            f"{call}: this tensor of shape {tuple(tensor.shape)} was not computed in this trace. "
            "Compute it inside the block:\n    with gf.trace(model, x=x) as t:\n        loss = ..."
        )

    def _loss(self, loss: Any, call: str) -> int:
        if self._state == "new":
            raise GradflowError("nothing is recorded yet: compute the loss inside `with gf.trace(...) as t:`.")
        return self._value(loss, call)

    def _check_gradient(self, loss: Tensor, gradient: Tensor | None) -> None:
        if loss.is_meta:
            raise GradflowError("the loss is on the meta device, where gradients hold no numbers to look at.")
        if gradient is None and loss.numel() != 1:
            raise GradflowError(
                f"the loss has shape {tuple(loss.shape)}, and only a loss of one element needs no gradient. "
                "Reduce it (loss.sum(), loss.mean()) or pass gradient=, a tensor of that shape."
            )
        if gradient is not None and (not isinstance(gradient, Tensor) or gradient.shape != loss.shape):
            got = tuple(gradient.shape) if isinstance(gradient, Tensor) else _described(gradient)
            raise GradflowError(f"gradient= must be a tensor of the loss's shape {tuple(loss.shape)}, but is {got}.")

    def _inputs(self, inputs: Any) -> tuple[list[Tensor] | None, tuple[str, ...] | None]:
        """The tensors asked for, and their names in the graph."""
        if inputs is None:
            return None, None
        items = [inputs] if isinstance(inputs, (Tensor, str)) else list(inputs)
        if not items:
            raise GradflowError("inputs= is empty; name at least one tensor, or leave it out to ask for all.")
        graph = self.graph
        tensors, names = [], []
        for item in items:
            if isinstance(item, str):
                value = graph.value(item).id
                tensor = self._recorder.tensor_of(value)
                if tensor is None:
                    raise GradflowError(
                        f"inputs={item!r}: the tensor of that name is gone or was overwritten; "
                        "keep it in a variable and pass it itself."
                    )
                tensors.append(tensor)
            else:
                value = self._value(item, "inputs=")
                tensors.append(item)
            names.append(graph.values[value].name or f"%{value}")
        return tensors, tuple(names)


class _Paused:
    """Nothing is recorded inside."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def __enter__(self) -> None:
        self._before = self._recorder.paused
        self._recorder.paused = True

    def __exit__(self, *error: object) -> None:
        self._recorder.paused = self._before


class _Registration:
    """Gives everything that was passed to ``gf.trace`` its names."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._recorder = trace._recorder
        self._seen: dict[int, int] = {}
        self._taken: dict[str, int] = {}

    def run(self, modules: Sequence[Any], named: dict[str, Any]) -> None:
        for module in modules:
            if not isinstance(module, nn.Module):
                raise GradflowError(
                    f"gf.trace takes modules by position, but got {_described(module)}. "
                    "Pass tensors by keyword: gf.trace(model, x=x)."
                )
            self._module(module, "")
        for name, thing in named.items():
            self._named(name, thing)

    def discover(self, module: nn.Module) -> None:
        """Register a module that runs without having been passed; its class tells it from others."""
        names = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
        prefix, number = "", 0
        while any(f"{prefix}.{name}".lstrip(".") in self._taken for name in names):
            number += 1
            prefix = type(module).__name__.lower() + (f"_{number}" if number > 1 else "")
        self._module(module, prefix)

    def _named(self, name: str, thing: Any) -> None:
        if isinstance(thing, nn.Module):
            self._module(thing, name)
        elif isinstance(thing, Tensor):
            self._tensor(thing, "parameter" if thing.is_leaf and thing.requires_grad else "input", name)
        elif isinstance(thing, dict):
            for key, part in thing.items():
                self._named(f"{name}.{key}", part)
        elif isinstance(thing, (list, tuple)):
            for i, part in enumerate(thing):
                self._named(f"{name}.{i}", part)
        elif thing is not None and not isinstance(thing, (int, float, str, bool)):
            raise GradflowError(
                f"gf.trace({name}=...) takes a tensor, a module, or dicts and lists of them, "
                f"but got {_described(thing)}."
            )

    def _module(self, module: nn.Module, prefix: str) -> None:
        for path, child in module.named_modules(prefix=prefix):
            self._trace._paths.setdefault(id(child), path)
        for name, parameter in module.named_parameters(prefix=prefix, remove_duplicate=False):
            self._tensor(parameter, "parameter", name)
        for name, buffer in module.named_buffers(prefix=prefix, remove_duplicate=False):
            self._tensor(buffer, "buffer", name)

    def _tensor(self, tensor: Tensor, kind: str, name: str) -> None:
        if name in self._taken:
            if self._taken[name] == id(tensor):
                return
            raise GradflowError(
                f"two of the things traced have the name {name!r}. Pass the modules by keyword, "
                "and the keyword tells them apart:\n    gf.trace(G=generator, D=discriminator)"
            )
        self._taken[name] = id(tensor)
        if id(tensor) in self._seen:
            self._trace._aliases.append((name, self._seen[id(tensor)]))
            return
        if self._recorder.known(tensor):  # found by a step of its own, after its first use
            self._recorder.forget(tensor)
        value = self._recorder.add_input(tensor, kind, name)
        self._seen[id(tensor)] = value
        if kind == "parameter":
            self._trace._parameters[name] = weakref.ref(tensor)


def _described(thing: object) -> str:
    return f"{thing!r:.60} of type {type(thing).__name__}" if thing is not None else "None"


def trace(*modules: nn.Module, **named: Any) -> Trace:
    """Record every PyTorch call in a ``with`` block.

    Args:
        modules: modules whose parameters and buffers get the names of ``named_parameters()``.
        named: modules, tensors, or dicts and lists of them; the keyword becomes the name or its prefix
            (``batch.input_ids``). A leaf that requires grad counts as a parameter.

    Raises:
        GradflowError: two modules share a name, something is neither module nor tensor, or a trace is
            already recording in this thread.

    >>> import torch, gradflow as gf
    >>> model = torch.nn.Linear(3, 1)
    >>> with gf.trace(model, x=torch.ones(2, 3)) as t:
    ...     loss = model(torch.ones(2, 3)).detach().sum()
    >>> t.flow(loss).at("weight").status
    'none'
    """
    return Trace(modules, named)


def trace_step(function: Callable[[], Any]) -> tuple[Any, Flow | None]:
    """Run a function that trains on its own, and observe the first backward pass that it runs.

    Modules are found as they are called, and their parameters named as if they had been passed to ``trace``.

    Returns:
        What the function returned, and the flow; None if it ran no backward pass.
    """
    with Trace((), {}, discovering=True) as t:
        returned = function()
    return returned, t._first_flow
