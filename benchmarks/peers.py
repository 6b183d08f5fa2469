"""The same work given to other tools: record a forward pass, and have a picture of it as SVG."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import gradflow as gf
from benchmarks.models import GPT


class Work(NamedTuple):
    """A model, its input, and the loss made of its output."""

    name: str
    model: nn.Module
    x: Tensor
    loss: Callable[[Tensor], Tensor]


class Chain(nn.Module):
    """A layer, and a chain of multiplications on 16 numbers."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.first = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        """f32[1, 16] to the same shape."""
        h = self.first(x)
        for _ in range(self.length - 2):
            h = h * 1.0001
        return h


def works(quick: bool = False) -> list[Work]:
    """Fifty operations in modules, a thousand in a row, and a language model."""
    torch.manual_seed(0)
    mlp = nn.Sequential(*(layer for _ in range(25) for layer in (nn.Linear(32, 32), nn.ReLU())))
    small = [
        Work("MLP, 51 operations", mlp, torch.randn(8, 32), Tensor.sum),
        Work("chain, 1,000 operations", Chain(1000), torch.ones(1, 16), Tensor.sum),
    ]
    if quick:
        return small
    ids = torch.randint(0, 50257, (1, 128))
    return [*small, Work("GPT-2 small, 128 tokens", GPT(), ids, lambda logits: logits.logsumexp(-1).mean())]


def forward(work: Work) -> None:
    """Forward, nothing else."""
    work.loss(work.model(work.x))


def plain(work: Work) -> None:
    """Forward and backward, nothing else."""
    work.loss(work.model(work.x)).backward()


def gradflow(work: Work) -> str:
    """Record, run a backward pass and observe it, draw."""
    with gf.trace(work.model, x=work.x) as t:
        loss = work.loss(work.model(work.x))
    return gf.draw(t.flow(loss)).svg()


def torchviz(work: Work) -> bytes | None:
    """Its graph is that of the backward nodes; no backward pass is run."""
    import torchviz

    graph = torchviz.make_dot(work.loss(work.model(work.x)), params=dict(work.model.named_parameters()))
    return _rendered(graph)


def torchview(work: Work) -> bytes | None:
    """Its graph is that of the forward pass, modules open; no gradient is known."""
    import torchview

    return _rendered(torchview.draw_graph(work.model, input_data=work.x, depth=10, expand_nested=True).visual_graph)


def torchlens(work: Work) -> bytes | None:
    """Its graph is that of the forward pass; it keeps the activations."""
    import torchlens

    trace = torchlens.trace(work.model, work.x)
    if not has_dot():
        return None
    with tempfile.TemporaryDirectory() as folder:
        trace.draw(vis_outpath=f"{folder}/picture", vis_fileformat="svg", vis_save_only=True)
        return Path(folder, "picture.svg").read_bytes()


PEERS: dict[Callable[[Work], Any], str] = {
    torchviz: "forward, its backward nodes",
    torchview: "forward",
    torchlens: "forward, with activations",
}


def has_dot() -> bool:
    """Whether Graphviz, which the peers draw with, is there."""
    return shutil.which("dot") is not None


def _rendered(graph: Any) -> bytes | None:
    """The SVG of a Graphviz graph; without ``dot`` only its source is written."""
    if has_dot():
        return bytes(graph.pipe(format="svg"))
    str(graph.source)
    return None


def called(peer: Callable[[Work], Any]) -> str:
    """The name of a peer with its version, if it is installed."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return f"{peer.__name__} {importlib.metadata.version(peer.__name__)}"
    return peer.__name__


def outcome(way: Callable[[Work], Any], work: Work) -> str | None:
    """Why a tool cannot do the work, or None if it did."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            way(work)
        except ModuleNotFoundError:
            return "not installed"
        except Exception as error:  # whatever a tool raises is its result
            return type(error).__name__
    return None
