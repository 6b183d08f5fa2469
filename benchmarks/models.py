"""The workloads: chains of tiny operations, many modules, and a language model of GPT-2 small's shape."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Program = tuple[dict[str, nn.Module | Tensor], Callable[[], Tensor]]


def chain(length: int) -> Program:
    """A chain of multiplications on 16 numbers, f32[16]."""
    w = torch.ones(16, requires_grad=True)

    def loss() -> Tensor:
        h = w
        for _ in range(length):
            h = h * 1.0001
        return h.sum()

    return {"w": w}, loss


def tower(blocks: int) -> Program:
    """Blocks of fifty layers with a relu behind each."""
    layers = (nn.Sequential(*(part for _ in range(50) for part in (nn.Linear(4, 4), nn.ReLU()))) for _ in range(blocks))
    model, x = nn.Sequential(*layers), torch.ones(1, 4)
    return {"model": model}, lambda: model(x).sum()


class Bridge(nn.Module):
    """Three layers, the last one behind a cut."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 3), nn.Linear(3, 2), nn.Linear(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """f32[batch, 4] to f32[batch, 1]."""
        return self.c(self.b(self.a(x)).detach())


def bridge() -> Program:
    """The square of the output of three layers."""
    model, x = Bridge(), torch.ones(5, 4)
    return {"model": model, "x": x}, lambda: model(x).pow(2).mean()


class Block(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """f32[batch, time, width] to the same shape."""
        batch, time, width = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).split(width, dim=2)
        q, k, v = (t.view(batch, time, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(F.gelu(self.up(self.ln_2(x)), approximate="tanh"))


class GPT(nn.Module):
    """GPT-2's shape with random weights; the head shares the table of the tokens."""

    def __init__(self, layers: int = 12, width: int = 768, heads: int = 12, vocabulary: int = 50257) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, ids: Tensor) -> Tensor:
        """i64[batch, time] to logits f32[batch, time, vocabulary]."""
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)


def gpt2(time: int = 128) -> Program:
    """Next-token loss of one sequence."""
    torch.manual_seed(0)
    model = GPT()
    ids = torch.randint(0, 50257, (1, time + 1))

    def loss() -> Tensor:
        return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    return {"model": model, "ids": ids}, loss
