"""Where the time of a step goes, and what this machine could do at most, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.word2vec.by_gradflow import loaded
from gradflow.experiments.word2vec.fast import steps as fast_steps
from gradflow.experiments.word2vec.feed import BLOCK, Feed
from gradflow.experiments.word2vec.settings import Settings
from gradflow.experiments.word2vec.tables import initial
from gradflow.experiments.word2vec.updates import scatter

KINDS = {
    "products of matrices": ("addmm", "mm"),
    "rows read": ("index_select",),
    "rows written": ("index_add_",),
    "sigmoid": ("sigmoid",),
    "loss": ("softplus", "mean", "sum"),
}


def spent(text: str, steps: int) -> dict[str, Any]:
    """The seconds of the parts of a step: making its batch, and its update by PyTorch and by Numba."""
    corpus = loaded(text)
    settings = Settings(vocabulary=len(corpus.words))
    feed, tables = Feed(corpus, settings), initial(settings)
    count = -(-steps // BLOCK) * BLOCK
    blocks = list(feed.blocks(0, count))
    batches = [batch for block in blocks for batch in map(type(block), *block)]

    def made() -> None:
        for _ in Feed(corpus, settings).steps(0, count):
            pass

    def by_torch() -> None:
        for batch in batches:
            scatter(tables, batch, settings.objective, settings.learning_rate)

    def by_numba() -> None:
        for block in blocks:
            fast_steps(tables, block, settings.objective, settings.learning_rate)

    torch.set_num_threads(1)
    ways = {"batch": made, "torch": by_torch, "numba": by_numba}
    return {name: least(way) / count for name, way in ways.items()} | {"operations": operations(tables, batches)}


def operations(tables: Any, batches: list[Any]) -> dict[str, float]:
    """The share of each kind of operation in the time that PyTorch's own operations take, by its profiler."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for batch in islice(batches, 1_000):
            scatter(tables, batch, "nce", 1.0)
    times = {event.key.removeprefix("aten::"): event.self_cpu_time_total for event in found.key_averages()}
    total = sum(times.values())
    shares = {kind: sum(times.get(name, 0.0) for name in names) / total for kind, names in KINDS.items()}
    return shares | {"the rest": 1 - sum(shares.values())}


def machine(vocabulary: int, batch: int, negatives: int, embedding: int) -> dict[str, float]:
    """What one core does at most: the three products of a step alone, and rows read and written in random order."""
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    hidden, some = (
        torch.rand(batch, embedding, generator=generator),
        torch.rand(negatives, embedding, generator=generator),
    )
    logits = hidden @ some.T
    back, gradient = torch.empty(batch, embedding), torch.empty(negatives, embedding)

    def products() -> None:
        for _ in range(1_000):
            torch.mm(hidden, some.T, out=logits)
            torch.mm(logits, some, out=back)
            torch.mm(logits.T, hidden, out=gradient)

    table = np.zeros((vocabulary, embedding), dtype=np.float32)
    other = np.ones_like(table)

    def copied() -> None:
        np.copyto(table, other)

    flops = 3 * 2 * batch * negatives * embedding  # of a step
    rows = 2 * batch + negatives
    return {
        "flops": 1_000 * flops / least(products),
        "bytes": 2 * table.nbytes / least(copied),
        "flops a step": flops,
        "bytes a step": 2 * 4 * rows * embedding,  # each row is read, and written
    }


def least(work: Callable[[], None], times: int = 5) -> float:
    """The least seconds of several."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
