"""Parameters and buffers before and after an optimizer step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gradflow.errors import GradflowError
from gradflow.notation import type_name
from gradflow.stepdiff import Change, StepDiff


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Copies of parameters and buffers at one moment.

    Attributes:
        tensors: a detached copy of each; one copy stands under every name of a shared tensor.
    """

    tensors: dict[str, Tensor]

    def __repr__(self) -> str:
        return f"<Snapshot: {len(set(map(id, self.tensors.values())))} parameters and buffers>"


def snapshot(*modules: nn.Module, **named: nn.Module | Tensor) -> Snapshot:
    """Copy the parameters and buffers of the modules, under the names that ``gradflow.trace`` gives them.

    The copies have no gradient history, and the random state stays as it was.

    Args:
        modules: names are those of ``named_parameters()`` and ``named_buffers()``.
        named: modules whose names are prefixed by the keyword, or tensors of that name.

    Raises:
        GradflowError: something else was given, two modules have a name in common, or a lazy module
            has not run yet.

    >>> layer = nn.Linear(2, 1)
    >>> before = snapshot(layer)
    >>> with torch.no_grad():
    ...     _ = layer.bias.add_(0.5)
    >>> diff(before, snapshot(layer)).moved
    ('bias',)
    """
    copies: dict[int, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    # A tracer listens by a TorchFunctionMode; the copying is none of its business.
    with torch._C.DisableTorchFunction(), torch.no_grad():
        for name, tensor in _named_tensors(modules, named):
            if id(tensor) not in copies:
                copies[id(tensor)] = _copy(name, tensor)
            if tensors.setdefault(name, copies[id(tensor)]) is not copies[id(tensor)]:
                raise _collision(name)
    return Snapshot(tensors)


def _named_tensors(modules: tuple[object, ...], named: Mapping[str, object]) -> Iterator[tuple[str, Tensor]]:
    for prefix, given in [*(("", module) for module in modules), *named.items()]:
        if isinstance(given, nn.Module):
            yield from given.named_parameters(prefix, remove_duplicate=False)
            yield from given.named_buffers(prefix, remove_duplicate=False)
        elif prefix and isinstance(given, Tensor):
            yield prefix, given
        else:
            raise GradflowError(
                f"snapshot() got {type(given).__name__}, which is not a module. Pass the modules themselves, "
                "as in gf.snapshot(model) or gf.snapshot(G=generator, D=discriminator)."
            )


def _collision(name: str) -> GradflowError:
    return GradflowError(
        f"two of the modules have a parameter or buffer named {name!r}. Pass them by keyword, and the names "
        "are told apart: gf.snapshot(first=..., second=...)."
    )


def _copy(name: str, tensor: Tensor) -> Tensor:
    if nn.parameter.is_lazy(tensor):
        raise GradflowError(f"{name!r} has no values yet: run the lazy module once before the snapshot.")
    return tensor.detach().clone()


def diff(before: Snapshot, after: Snapshot) -> StepDiff:
    """What changed between two snapshots.

    Raises:
        GradflowError: they are not snapshots of the same names and shapes.

    >>> import torch, gradflow as gf
    >>> model = torch.nn.Linear(2, 1)
    >>> before = gf.snapshot(model)
    >>> with torch.no_grad():
    ...     _ = model.bias.add_(0.5)
    >>> gf.diff(before, gf.snapshot(model)).moved
    ('bias',)
    """
    for given in (before, after):
        if not isinstance(given, Snapshot):
            raise GradflowError(
                f"diff() takes two snapshots, but got {type(given).__name__}. "
                "Take them by gf.snapshot(model), one before the step and one after."
            )
    _check_same(before.tensors, after.tensors)
    first_names: dict[tuple[int, int], str] = {}
    changes: list[tuple[str, Change]] = []
    aliases: list[tuple[str, str]] = []
    with torch._C.DisableTorchFunction(), torch.no_grad():
        for name, old in before.tensors.items():
            new = after.tensors[name]
            first = first_names.setdefault((id(old), id(new)), name)
            if first == name:
                changes.append((name, _change(old, new)))
            else:
                aliases.append((name, first))
    return StepDiff(tuple(changes), tuple(aliases))


def _check_same(before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    for name in {**before, **after}:
        was, now = _describe(before.get(name)), _describe(after.get(name))
        if was != now:
            raise GradflowError(
                f"these snapshots are not of the same modules: {name!r} is {was} before and {now} after. "
                "Pass the same modules to both, in the same way."
            )


def _describe(tensor: Tensor | None) -> str:
    if tensor is None:
        return "absent"
    return type_name(str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape))


def _change(before: Tensor, after: Tensor) -> Change:
    old, new = _exact(before), _exact(after)
    changed = (old != new) & ~((old != old) & (new != new))
    entries = int(changed.sum())
    largest = float((new[changed] - old[changed]).abs().max()) if entries else 0.0
    return Change(largest, entries, old.numel())


def _exact(tensor: Tensor) -> Tensor:
    """The tensor on the CPU, dense, in the widest type of its kind."""
    dense = tensor.to_dense().cpu()
    if dense.is_complex():
        return dense.to(torch.complex128)
    return dense.to(torch.float64 if dense.is_floating_point() else torch.int64)
