"""A small program with a detach, a frozen parameter and an unused one."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any

FILE = "demo.py"
PROGRAM = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(4, 3)
        self.head = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.ones(2), requires_grad=False)
        self.spare = nn.Linear(3, 2)

    def forward(self, x):
        h = torch.tanh(self.encoder(x))
        return self.head(h.detach()) * self.scale


def example():
    torch.manual_seed(0)
    model, x = Net(), torch.ones(5, 4)
    return model, lambda: model(x).pow(2).mean()
"""


def example() -> Callable[[], Any]:
    """The program's ``example``: a function that returns a model and a function for its loss."""
    # Tracebacks and traces look lines up here, since there is no such file.
    linecache.cache[FILE] = (len(PROGRAM), None, PROGRAM.splitlines(keepends=True), FILE)
    names: dict[str, Any] = {"__name__": "demo"}
    exec(compile(PROGRAM, FILE, "exec"), names)
    function: Callable[[], Any] = names["example"]
    return function


def numbered() -> str:
    """The program with its line numbers."""
    return "\n".join(f"{i:2}  {line}".rstrip() for i, line in enumerate(PROGRAM.splitlines(), 1))
