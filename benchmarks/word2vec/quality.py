"""How many of a word's nearest neighbours are right, on a text whose topics are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from benchmarks.word2vec.texts import write
from gradflow.experiments.word2vec.evaluation import precision
from gradflow.experiments.word2vec.planted import planted

RANKS = {"common": slice(200, 2_000), "rare": slice(2_000, 10_000), "all": slice(200, 10_000)}


def text(path: Path, tokens: int, topics: dict[str, int]) -> Path:
    """Write a text; ``topics`` are the other arguments of `planted`."""
    made = planted(tokens, **topics)
    return write(made.tokens, made.words, path)


def precisions(embedding: Tensor, words: Sequence[str], topics: dict[str, int]) -> dict[str, float]:
    """The share of the ten nearest neighbours that are of the word's own topic.

    Args:
        embedding: ``f32[word, dim]``.
        words: the vocabulary, from the most common word on.
        topics: as of `text`.
    """
    right = planted(1, **topics).topics  # the words and their topics do not depend on the length
    return {which: precision(embedding, words, right, ranks=ranks) for which, ranks in RANKS.items()}
