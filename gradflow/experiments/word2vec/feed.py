"""The batches of a run, with their negatives: a function of the settings, the corpus and the step alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from gradflow.experiments.word2vec.batches import Batches, SkipGram, cbow
from gradflow.experiments.word2vec.corpus import Corpus
from gradflow.experiments.word2vec.objectives import CORRECTED
from gradflow.experiments.word2vec.sampling import Draws, log_uniform, unigram
from gradflow.experiments.word2vec.settings import Settings
from gradflow.experiments.word2vec.updates import Batch

BLOCK = 200  # steps that are made together; part of what a seed means


class Feed:
    """Makes the batches of a run.

    Args:
        corpus: the text.
        settings: of the run.
    """

    def __init__(self, corpus: Corpus, settings: Settings) -> None:
        self.settings = settings
        self._corpus = corpus
        self._pairs = SkipGram(corpus.ids, settings.window, settings.seed) if settings.model == "skip-gram" else None
        by_count = settings.objective == "negative-sampling"
        self._sampler = unigram(corpus.counts) if by_count else log_uniform(settings.vocabulary)

    def steps(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps from ``first`` up to ``last``, without ``last``."""
        for block in self.blocks(first, last):
            yield from map(Batch, *block)

    def blocks(self, first: int, last: int) -> Iterator[Batch]:
        """The same, several steps at a time: each tensor has one dimension more in front."""
        for start in range(first - first % BLOCK, last, BLOCK):
            wanted = slice(max(first - start, 0), last - start)
            yield Batch(*(part[wanted] for part in self._block(start)))

    def _block(self, start: int) -> Batch:
        given, target = self._words(start)
        draws = self._draws(start)
        parts = given, target, draws.ids
        if self.settings.objective in CORRECTED:
            sampled = draws.ids.shape[1]
            logs = [np.log(self._sampler.expected(ids, draws.tries, sampled)) for ids in (target, draws.ids)]
        else:
            logs = [np.zeros(target.shape), np.zeros(draws.ids.shape)]
        return Batch(*map(torch.from_numpy, parts), *(torch.from_numpy(log.astype(np.float32)) for log in logs))

    def _words(self, start: int) -> Batches:
        size, window = self.settings.batch, self.settings.window
        first, count = start * size, BLOCK * size
        if self._pairs is None:
            given, target = cbow(self._corpus.ids, window, first, count)
        else:
            given, target = self._pairs.pairs(first, count)
        return Batches(given.reshape(BLOCK, size, -1), target.reshape(BLOCK, size))

    def _draws(self, start: int) -> Draws:
        if self.settings.objective == "softmax":
            return Draws(np.zeros((BLOCK, 0), dtype=np.int64), np.ones(BLOCK, dtype=np.int64))
        generator = np.random.default_rng([self.settings.seed, start])
        unique = self.settings.objective != "negative-sampling"
        return self._sampler.draw(generator, steps=BLOCK, sampled=self.settings.negatives, unique=unique)
