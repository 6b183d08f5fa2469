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
    "loss": ("softplus", "dot", "mean", "sum"),
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


def machine(vocabulary: int, batch: int, window: int, negatives: int, embedding: int) -> dict[str, float]:
    """The seconds that one core needs at least for the products of a step, and for its rows.

    The products are found for each pair; or for each given word once, where its pairs stand together.
    """
    torch.set_num_threads(1)
    table = np.zeros((vocabulary, embedding), dtype=np.float32)
    other = np.ones_like(table)
    speed = 2 * table.nbytes / least(lambda: np.copyto(table, other))
    moved = 2 * 4 * (2 * batch + negatives) * embedding  # each row is read, and written
    once = batch // (2 * window)
    found = {"bytes": moved, "bytes a second": speed}
    for name, rows in (("pairs", batch), ("words", once)):
        flops = 3 * 2 * rows * negatives * embedding
        found |= {f"flops, {name}": flops, f"flops a second, {name}": flops / products(rows, negatives, embedding)}
    return found


def products(rows: int, negatives: int, embedding: int, times: int = 1_000) -> float:
    """The seconds of the three products of matrices, by the faster of PyTorch and NumPy."""
    generator = torch.Generator().manual_seed(0)
    hidden, some = (torch.rand(number, embedding, generator=generator) for number in (rows, negatives))
    slopes = hidden @ some.T
    arrays = hidden.numpy(), some.numpy(), slopes.numpy()

    def made(product: Callable[[Any, Any], Any], hidden: Any, some: Any, slopes: Any) -> None:
        for _ in range(times):
            product(hidden, some.T)
            product(slopes, some)
            product(slopes.T, hidden)

    ways = (lambda: made(torch.mm, hidden, some, slopes)), (lambda: made(np.dot, *arrays))
    return min(map(least, ways)) / times


def least(work: Callable[[], None], times: int = 5) -> float:
    """The least seconds of several."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
