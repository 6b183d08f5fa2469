"""How large a gradient is: norm, share of entries that are not zero, and whether all of them are."""

from __future__ import annotations

import math
import sys
import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch

from gradflow.flow import Arrival
from gradflow.graph import Scalar

COUNT_LIMIT = 100_000  # above this many entries, zeros are counted only where the norm is 0 or on request
ROW, ROWS = 4_096, 16  # entries, and from how many rows on a norm is taken row by row
BATCHED = 1_024  # gradients of at most this many entries are measured 256 at a time

Cell = list[Arrival]  # empty until the gradient was measured
UNDEFINED: Cell = [Arrival("undefined")]


class Measures:
    """Measure gradients; small ones wait until 256 of a size can be measured together."""

    def __init__(self, support: bool | None) -> None:
        self._count_all = bool(support)
        self._views: dict[tuple[int, int], tuple[Any, int, Cell]] = {}
        self._waiting: dict[tuple[torch.Size, torch.dtype], tuple[list[torch.Tensor], list[Cell]]] = {}

    def of(self, gradient: torch.Tensor) -> Cell:
        """A cell that holds the gradient's Arrival, at the latest after ``flush``."""
        numel, dtype = gradient.numel(), gradient.dtype
        if type(gradient) is not torch.Tensor or gradient.layout is not torch.strided:
            return [measure(gradient, count=self._count_all)]
        if numel > BATCHED or dtype not in _BATCHABLE or not gradient.is_cpu:
            return self._alone(gradient, numel)
        key = (gradient.shape, dtype)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = ([], [])
        cell: Cell = []
        # A copy: a hook may overwrite the gradient before it is its turn.
        waiting[0].append(gradient.clone())
        waiting[1].append(cell)
        if len(waiting[1]) == 256:
            self._measure(*self._waiting.pop(key))
        return cell

    def of_all(self, gradients: Sequence[torch.Tensor | None]) -> list[Cell]:
        """Cells for many gradients that nobody writes to any more."""
        cells: list[Cell] = []
        groups: dict[Any, tuple[list[torch.Tensor], list[Cell]]] = {}
        for gradient in gradients:
            if gradient is None:
                cells.append(UNDEFINED)
                continue
            dtype = gradient.dtype
            if (
                type(gradient) is not torch.Tensor
                or gradient.layout is not torch.strided
                or dtype not in _BATCHABLE
                or not gradient.is_cpu
            ):
                cells.append(self.of(gradient))
                continue
            key = (gradient.shape, dtype)
            group = groups.get(key)
            if group is None or len(group[1]) == 256:
                if group is not None:
                    self._measure(*group)
                group = groups[key] = ([], [])
            cell: Cell = []
            group[0].append(gradient)
            group[1].append(cell)
            cells.append(cell)
        for group in groups.values():
            self._measure(*group)
        return cells

    def flush(self) -> None:
        """Measure what is still waiting."""
        for gradients, cells in self._waiting.values():
            self._measure(gradients, cells)
        self._waiting = {}

    def _alone(self, gradient: torch.Tensor, numel: int) -> Cell:
        """Measure a large gradient now; a dense view of a measured one has the same numbers."""
        if not _dense(gradient):
            return [measure(gradient, count=self._count_all)]
        key = (gradient.data_ptr(), numel)
        seen = self._views.get(key)
        if seen is not None:
            owner = seen[0]()  # alive, so its memory was not given to somebody else
            same = owner is not None and owner._version == gradient._version == seen[1]
            if same and owner.dtype == gradient.dtype:
                return seen[2]
        cell = [measure(gradient, count=self._count_all)]
        self._views[key] = (weakref.ref(gradient), gradient._version, cell)
        return cell

    @staticmethod
    def _measure(gradients: list[torch.Tensor], cells: list[Cell]) -> None:
        with torch.no_grad():
            stacked = torch.stack(gradients).reshape(len(cells), -1).double()
        numel = stacked.shape[1]
        norms: list[float] = torch.linalg.vector_norm(stacked, dim=1).tolist()
        counts: list[int] = torch.count_nonzero(stacked, dim=1).tolist()
        scalars: list[Any] = stacked.reshape(-1).tolist() if numel == 1 else [None] * len(cells)
        for cell, norm, count, scalar in zip(cells, norms, counts, scalars, strict=True):
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
        norm = _norm(entries)
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
    return _new_arrival(("nonzero", _number(norm), count / numel, _number(scalar)))


_new_arrival = partial(tuple.__new__, Arrival)  # faster than its own


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


def _norm(entries: torch.Tensor) -> float:
    """The 2-norm in float32 or wider; many entries by rows, since a sum of millions loses digits."""
    dtype = _wide(entries.dtype)
    rows, rest = divmod(entries.numel(), ROW)
    if rows < ROWS or not entries.is_contiguous():
        return float(torch.linalg.vector_norm(entries, dtype=dtype))
    flat = entries.view(-1)
    by_row = torch.linalg.vector_norm(flat[: rows * ROW].view(rows, ROW), dim=1, dtype=dtype).double()
    total = torch.linalg.vector_norm(by_row)
    return math.hypot(float(total), float(torch.linalg.vector_norm(flat[rows * ROW :], dtype=dtype)) if rest else 0.0)


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
