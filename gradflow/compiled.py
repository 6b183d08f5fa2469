"""Run what ``torch.compile`` compiled as it was written, so that it can be seen."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def eagerly() -> Iterator[None]:
    """Inside, compiled functions of this process run their own Python code.

    Otherwise Dynamo would compile the recorder along with the model. Where nothing was compiled yet, nothing
    is done: importing Dynamo takes seconds.
    """
    if "torch._dynamo" not in sys.modules:
        yield
        return
    with torch.compiler.set_stance("force_eager"), _unwarned("Using `torch.compile\\(module\\)` when there are global"):
        yield


@contextlib.contextmanager
def _unwarned(message: str) -> Iterator[None]:
    warnings.filterwarnings("ignore", message=message)
    mine = warnings.filters[0]
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # somebody reset the filters meanwhile
            warnings.filters.remove(mine)  # type: ignore[attr-defined]  # a list, typed as a sequence
