"""Made-up texts in which words occur by Zipf's law, so that a run needs no download."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LETTERS = "etaoinsr"
LINE = 100  # words a line
PIECE = 1 << 20  # words made at a time


def zipf(tokens: int, words: int, seed: int) -> NDArray[np.int32]:
    """A text as numbers; number ``i`` occurs as often as ``1 / (i + 1)``.

    >>> np.bincount(zipf(1_100, 2, seed=0)).round(-2).tolist()
    [700, 400]
    """
    generator = np.random.default_rng(seed)
    cumulated = np.cumsum(1 / np.arange(1, words + 1))
    pieces = (min(PIECE, tokens - start) for start in range(0, tokens, PIECE))
    drawn = [np.searchsorted(cumulated, generator.random(size) * cumulated[-1]).astype(np.int32) for size in pieces]
    return np.concatenate(drawn)


def name(number: int) -> str:
    """A word of its own for each number; common words are short.

    >>> [name(i) for i in (0, 1, 8, 70_000)]
    ['et', 'tt', 'ea', 'erneta']
    """
    letters = []
    number += len(LETTERS)
    while number:
        number, last = divmod(number, len(LETTERS))
        letters.append(LETTERS[last])
    return "".join(letters)


def write(ids: NDArray[np.integer], names: Sequence[str], path: Path) -> Path:
    """Write a text as words, in lines that gensim reads whole."""
    named = np.array(names, dtype=object)
    with path.open("w", encoding="ascii") as file:
        file.writelines(_lines(ids, named))
    return path


def counted(ids: NDArray[np.int32], words: int, folder: Path) -> Path:
    """Write a text as numbers, with the counts of its words; and as words."""
    folder.mkdir()
    np.save(folder / "ids.npy", ids)
    np.save(folder / "counts.npy", np.bincount(ids, minlength=words))
    write(ids, [name(i) for i in range(words)], folder / "words.txt")
    return folder


def _lines(ids: NDArray[np.integer], names: NDArray[np.object_]) -> Iterator[str]:
    for start in range(0, len(ids), LINE):
        yield " ".join(names[ids[start : start + LINE]]) + "\n"
