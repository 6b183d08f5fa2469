"""The pairs of a text as batches for TensorFlow: one by one, as the lecture makes them, and many at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

BLOCK = 200  # batches that are made together


def batches_of_pairs(ids: list[int], window: int, batch: int) -> Iterator[tuple[Any, Any]]:
    """Batches filled pair by pair, in Python."""
    pairs = pairs_of(ids, window)
    while True:
        centers, targets = np.zeros(batch, dtype=np.int32), np.zeros((batch, 1), dtype=np.int32)
        for place in range(batch):
            centers[place], targets[place] = next(pairs)
        yield centers, targets


def pairs_of(ids: list[int], window: int) -> Iterator[tuple[int, int]]:
    """Each word with the words around it, as far as a width that is drawn for each word."""
    generator = random.Random(0)
    for place, center in enumerate(ids):
        width = generator.randint(1, window)
        for other in ids[max(place - width, 0) : place]:
            yield center, other
        for other in ids[place + 1 : place + 1 + width]:
            yield center, other


def ready(ids: Any, batch: int) -> Iterator[tuple[Any, Any]]:
    """The same batches, many at a time; the window is 1, so no width is to be drawn."""
    first = 1  # pair 0 would look to the left of the text
    while True:
        pair = np.arange(first, first + BLOCK * batch)
        center = pair // 2
        other = center + np.where(pair % 2, 1, -1)
        yield from zip(ids[center].reshape(BLOCK, batch), ids[other].reshape(BLOCK, batch, 1), strict=True)
        first += BLOCK * batch
