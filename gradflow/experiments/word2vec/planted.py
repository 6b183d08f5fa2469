"""A text that is made up, with topics whose words belong together: so it is known which neighbours are right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.storing import written

SENTENCE = 10  # words about one topic before the next one
COMMON = 0.3  # the share of words that belong to no topic, such as "the"
PIECE = 1 << 16  # sentences made at a time
_SYLLABLES = [consonant + vowel for consonant in "bdfghjklmnprstvz" for vowel in "aeiou"]


class Planted(NamedTuple):
    """A made-up text.

    Attributes:
        words: all words that it may hold.
        topic: ``i64[word]``, the topic of each, -1 for one of no topic.
        tokens: ``i64[token]``, the text.
    """

    words: tuple[str, ...]
    topic: NDArray[np.int64]
    tokens: NDArray[np.int64]

    @property
    def topics(self) -> dict[str, int]:
        """The topic of each word that has one."""
        return {word: int(t) for word, t in zip(self.words, self.topic, strict=True) if t >= 0}


def planted(tokens: int, topics: int, seed: int, words_per_topic: int = 50) -> Planted:
    """Make a text of sentences, each about one topic.

    Words of a topic, and the common words of no topic, occur by Zipf's law: the n-th as often as 1/n. A sentence
    has `SENTENCE` words.

    Args:
        tokens: how many words the text has.
        topics: how many topics.
        seed: of everything that is drawn.
        words_per_topic: how many words a topic has; there are as many common words.

    Raises:
        Word2VecError: a number is not positive.

    Example:
        >>> text = planted(tokens=1000, topics=4, seed=0, words_per_topic=5)
        >>> len(text.tokens), len(text.topics)
        (1000, 20)
    """
    for name, given in (("tokens", tokens), ("topics", topics), ("words per topic", words_per_topic)):
        if given < 1:
            raise Word2VecError(f"{name} is {given}, and must be at least 1")
    groups = 1 + topics  # group 0 is of no topic
    generator = np.random.default_rng(seed)
    names = [_name(i) for i in range(groups * words_per_topic)]
    generator.shuffle(names)
    rank = 1 / np.arange(1, words_per_topic + 1)
    cumulated = np.cumsum(rank) / rank.sum()
    text = np.empty(tokens, dtype=np.int64)
    for start in range(0, tokens, PIECE * SENTENCE):
        piece = text[start : start + PIECE * SENTENCE]
        about = generator.integers(1, groups, -(-len(piece) // SENTENCE)).repeat(SENTENCE)[: len(piece)]
        about[generator.random(len(piece)) < COMMON] = 0
        place = np.searchsorted(cumulated, generator.random(len(piece)), side="right").clip(max=words_per_topic - 1)
        piece[:] = about * words_per_topic + place
    topic = np.arange(groups).repeat(words_per_topic) - 1
    return Planted(tuple(names), topic, text)


def write(text: Planted, path: Path) -> Path:
    """Write the text to ``path``, a sentence a line, and ``{word: topic}`` to ``path`` + ``.topics.json``.

    Returns:
        The path of the topics.
    """
    beside = path.with_name(path.name + ".topics.json")
    with written(path) as file:
        for line in tqdm(_lines(text), total=-(-len(text.tokens) // SENTENCE), unit="sentence", disable=None):
            file.write(line)
    with written(beside) as file:
        file.write(json.dumps(text.topics).encode())
    return beside


def _lines(text: Planted) -> Iterator[bytes]:
    names = np.array(text.words, dtype=object)
    for start in range(0, len(text.tokens), SENTENCE):
        yield (" ".join(names[text.tokens[start : start + SENTENCE]]) + "\n").encode()


def _name(number: int) -> str:
    """A word that can be pronounced, another for each number."""
    syllables = []
    number += len(_SYLLABLES)  # so that each has two at least
    while number:
        number, last = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[last])
    return "".join(reversed(syllables))
