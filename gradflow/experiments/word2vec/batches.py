"""A text as batches: which words are given, and which are to be guessed.

Everything here is a function of the step alone, so a run that is resumed gets the batches that it would have had.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.experiments.word2vec.errors import Word2VecError

Ids = NDArray[np.int64]
CHUNK = 1 << 14  # words whose widths are drawn together


class Batches(NamedTuple):
    """Several batches.

    Attributes:
        given: ``i64[step, batch, context]``, the words whose mean is the input; one word in skip-gram.
        target: ``i64[step, batch]``, the word to be guessed.
    """

    given: Ids
    target: Ids


def cbow(ids: NDArray[np.integer], window: int, first: int, count: int) -> tuple[Ids, Ids]:
    """Examples ``first`` to ``first + count``: the words around each word, and the word.

    The text begins again at its end; a word with too few words on a side is left out.

    Returns:
        ``i64[count, 2 * window]`` and ``i64[count]``.

    Example:
        >>> cbow(np.array([5, 6, 7, 8]), window=1, first=0, count=2)
        (array([[5, 7],
               [6, 8]]), array([6, 7]))
    """
    whole = len(ids) - 2 * window
    if whole < 1:
        raise Word2VecError(f"a window of {window} needs at least {2 * window + 1} words, and there are {len(ids)}")
    center = window + np.arange(first, first + count) % whole
    return ids[center[:, None] + _around(window)].astype(np.int64), ids[center].astype(np.int64)


class SkipGram:
    """The stream of pairs of a text: each word with the words before and after it.

    How far it looks is drawn anew for each word, between 1 and ``window``, as word2vec does it. At its end the text
    begins again, with other widths.

    Args:
        ids: ``int[word]``, the text.
        window: the largest width.
        seed: of the widths.

    Example:
        >>> center, context = SkipGram(np.array([5, 6, 7]), window=1).pairs(0, 4)
        >>> print(center, context)
        [5 6 6 7] [6 5 7 6]
    """

    def __init__(self, ids: NDArray[np.integer], window: int, seed: int = 0) -> None:
        if len(ids) < 2:
            raise Word2VecError(f"pairs need at least 2 words, and there are {len(ids)}")
        self.ids = ids
        self.window = window
        self.seed = seed
        self._around = _around(window)
        self._ends: list[int] = []  # how many pairs there are up to the end of each chunk
        self._met: tuple[int, Ids, Ids] | None = None  # a chunk and its pairs

    def pairs(self, first: int, count: int) -> tuple[Ids, Ids]:
        """Pairs ``first`` to ``first + count``: the word in the middle, ``i64[count]``, and the other, the same."""
        centers, contexts = [], []
        while count:
            chunk = self._chunk_of(first)
            center, context = self._pairs_of(chunk)
            start = first - (self._ends[chunk - 1] if chunk else 0)
            centers.append(center[start : start + count])
            contexts.append(context[start : start + count])
            first += len(centers[-1])
            count -= len(centers[-1])
        return np.concatenate(centers), np.concatenate(contexts)

    def _chunk_of(self, pair: int) -> int:
        while not self._ends or self._ends[-1] <= pair:
            before = self._ends[-1] if self._ends else 0
            self._ends.append(before + int(np.count_nonzero(self._seen(len(self._ends))[1])))
        return bisect_right(self._ends, pair)

    def _pairs_of(self, chunk: int) -> tuple[Ids, Ids]:
        if self._met is None or self._met[0] != chunk:
            others, seen = self._seen(chunk)
            centers = np.broadcast_to((others - self._around)[:, :1], others.shape)
            self._met = chunk, self.ids[centers[seen]].astype(np.int64), self.ids[others[seen]].astype(np.int64)
        return self._met[1:]

    def _seen(self, chunk: int) -> tuple[Ids, NDArray[np.bool_]]:
        """The places around each word of a chunk, and which of them the word sees: ``[word, 2 * window]`` both."""
        epoch, part = divmod(chunk, -(-len(self.ids) // CHUNK))
        words = np.arange(part * CHUNK, min((part + 1) * CHUNK, len(self.ids)))
        others = words[:, None] + self._around
        seen = (others >= 0) & (others < len(self.ids))
        if self.window > 1:
            drawn = np.random.default_rng([self.seed, epoch, part]).integers(1, self.window + 1, len(words))
            seen &= abs(self._around) <= drawn[:, None]
        return others, seen


def _around(window: int) -> Ids:
    """How far off the words around a word are: from ``-window`` to ``window``, without 0."""
    return np.concatenate([np.arange(-window, 0), np.arange(1, window + 1)])
