"""What the learned vectors are good for: neighbours, analogies, and how many neighbours are right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from gradflow.experiments.word2vec.errors import Word2VecError


def neighbours(embedding: Tensor, words: Sequence[str], word: str, count: int = 10) -> list[tuple[str, float]]:
    """The words whose vectors point in the most similar direction.

    Args:
        embedding: ``f32[word, dim]``.
        words: the vocabulary.
        word: the one to look from.
        count: how many.

    Returns:
        Word and cosine, the nearest first; the word itself is left out.

    Raises:
        Word2VecError: the word is not in the vocabulary.

    Example:
        >>> vectors = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
        >>> neighbours(vectors, ["a", "b", "c"], "a", count=1)
        [('b', 0.995)]
    """
    return _nearest(_directions(embedding), words, _directions(embedding)[_number(words, word)], {word}, count)


def analogy(embedding: Tensor, words: Sequence[str], a: str, b: str, c: str, count: int = 5) -> list[tuple[str, float]]:
    """The words that are to ``c`` as ``b`` is to ``a``: nearest to ``b - a + c``, none of the three."""
    directions = _directions(embedding)
    of_a, of_b, of_c = (directions[_number(words, word)] for word in (a, b, c))
    wanted = torch.nn.functional.normalize(of_b - of_a + of_c, dim=0)
    return _nearest(directions, words, wanted, {a, b, c}, count)


def precision(
    embedding: Tensor, words: Sequence[str], topics: Mapping[str, int], *, ranks: slice = slice(None), count: int = 10
) -> float:
    """The share of nearest neighbours that are of the word's own topic.

    Args:
        embedding: ``f32[word, dim]``.
        words: the vocabulary, from the most common word on.
        topics: the topic of each word that has one.
        ranks: which words to look from, by their place in the vocabulary.
        count: neighbours looked at for each.

    Raises:
        Word2VecError: none of these words has a topic.
    """
    directions = _directions(embedding)
    topic = torch.tensor([topics.get(word, -1) for word in words])
    looked = torch.arange(len(words))[ranks]
    looked = looked[topic[looked] >= 0]
    if not len(looked):
        raise Word2VecError("none of the words has a topic; give the topics of the text that was trained on")
    right = 0.0
    for some in torch.split(looked, 1000):
        cosine = directions[some] @ directions.T
        cosine[torch.arange(len(some)), some] = -2
        right += (topic[cosine.topk(count).indices] == topic[some][:, None]).sum().item()
    return right / (len(looked) * count)


def _directions(embedding: Tensor) -> Tensor:
    return torch.nn.functional.normalize(embedding, dim=1)


def _nearest(
    directions: Tensor, words: Sequence[str], wanted: Tensor, without: set[str], count: int
) -> list[tuple[str, float]]:
    order = (cosine := directions @ wanted).argsort(descending=True, stable=True).tolist()
    found = ((words[i], round(cosine[i].item(), 3)) for i in order if words[i] not in without)
    return [pair for pair, _ in zip(found, range(count), strict=False)]


def _number(words: Sequence[str], word: str) -> int:
    try:
        return words.index(word)
    except ValueError:
        near = difflib.get_close_matches(word, words, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        raise Word2VecError(f"{word!r} is not among the {len(words)} words{hint}") from None
