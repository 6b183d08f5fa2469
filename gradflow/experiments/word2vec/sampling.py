"""Which words are drawn as negatives, and how often each is to be expected."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.experiments.word2vec.errors import Word2VecError

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


class Draws(NamedTuple):
    """Negatives for several steps.

    Attributes:
        ids: ``i64[step, sampled]``.
        tries: ``i64[step]``, how many draws it took until that many *different* words had come; as many as
            ``sampled`` where none was refused.
    """

    ids: Ids
    tries: Ids


class Sampler:
    """Draws words by fixed probabilities.

    Args:
        probability: ``f64[word]``, sums to 1.

    Example:
        >>> sampler = log_uniform(20)
        >>> sampler.draw(np.random.default_rng(0), steps=2, sampled=5).ids.shape
        (2, 5)
    """

    def __init__(self, probability: Floats) -> None:
        self.probability = probability
        self._cumulated = np.cumsum(probability)
        self._cumulated[-1] = 1.0

    def draw(self, generator: np.random.Generator, *, steps: int, sampled: int, unique: bool = True) -> Draws:
        """Draw ``sampled`` words for each step.

        Args:
            generator: whose state advances.
            steps: how many rows.
            sampled: words in a row.
            unique: whether the words of a row are all different, as TensorFlow's samplers do it: a word that was
                drawn already is drawn again.

        Raises:
            Word2VecError: as many different words are not there.
        """
        if not unique:
            return Draws(self._words(generator, (steps, sampled)), np.full(steps, sampled))
        possible = int(np.count_nonzero(self.probability))
        if sampled > possible:
            raise Word2VecError(f"{sampled} different words cannot be drawn from {possible}")
        # Most rows need fewer draws than this; the others get as many again, until they have enough.
        drawn = self._words(generator, (steps, 2 * sampled + 48))
        while (kept := _first_times(drawn)).sum(axis=1).min() < sampled:
            drawn = np.hstack([drawn, self._words(generator, drawn.shape)])
        nth = kept.cumsum(axis=1)
        ids = drawn[kept & (nth <= sampled)].reshape(steps, sampled)
        return Draws(ids, 1 + (nth < sampled).sum(axis=1))

    def expected(self, ids: Ids, tries: Ids, sampled: int) -> Floats:
        """How often each word is to be expected among the negatives of its step.

        TensorFlow's rule, which has two cases: ``sampled × P`` where no draw was refused, and otherwise
        ``1 − (1 − P)^tries``. The first can be above 1.

        Args:
            ids: ``i64[step, …]``.
            tries: ``i64[step]``.
            sampled: negatives a step.

        Returns:
            ``f64[step, …]``
        """
        probability = self.probability[ids]
        tries = tries.reshape(-1, *[1] * (ids.ndim - 1))
        once = -np.expm1(tries * np.log1p(-probability))
        return np.where(tries == sampled, sampled * probability, once)

    def _words(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Ids:
        return np.searchsorted(self._cumulated, generator.random(shape), side="right").astype(np.int64)


class LogUniform(Sampler):
    """The log-uniform sampler, by the inverse of its distribution function: no search."""

    def _words(self, generator: np.random.Generator, shape: tuple[int, ...]) -> Ids:
        last = len(self.probability) - 1
        drawn: Ids = np.exp(generator.random(shape) * np.log(last + 2)).astype(np.int64) - 1
        drawn[drawn > last] = last  # rounding can lead one beyond
        return drawn


def log_uniform(words: int) -> Sampler:
    """The log-uniform (Zipfian) sampler of TensorFlow.

    ``P(c) = log((c + 2) / (c + 1)) / log(words + 1)``, for words numbered from the most common one.

    Example:
        >>> [round(float(p), 3) for p in log_uniform(3).probability]
        [0.5, 0.292, 0.208]
    """
    c = np.arange(words)
    return LogUniform(np.log((c + 2) / (c + 1)) / np.log(words + 1))


def unigram(counts: NDArray[np.int64], power: float = 0.75) -> Sampler:
    """The sampler of word2vec's authors: by the count of each word, to a power.

    Args:
        counts: ``i64[word]``.
        power: 1 draws words as often as they occur, 0 all alike.
    """
    weights = counts.astype(np.float64) ** power
    return Sampler(weights / weights.sum())


def _first_times(drawn: Ids) -> NDArray[np.bool_]:
    """Where a word comes for the first time in its row."""
    bits = drawn.shape[1].bit_length()
    ordered = np.sort(drawn << bits | np.arange(drawn.shape[1]), axis=1)  # by word, then by place
    words, places = ordered >> bits, ordered & ((1 << bits) - 1)
    first = np.ones(drawn.shape, dtype=bool)
    first[:, 1:] = words[:, 1:] != words[:, :-1]
    kept = np.empty_like(first)
    np.put_along_axis(kept, places, first, axis=1)
    return kept
