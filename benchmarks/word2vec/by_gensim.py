"""The same training in gensim."""

from __future__ import annotations

import time
from typing import Any

import torch
from gensim import __version__
from gensim.models import Word2Vec

from benchmarks.word2vec.quality import precisions
from benchmarks.word2vec.texts import LINE

WARM = 100  # lines of which a pass is made before the one that is timed


def timed(text: str, tokens: int, negatives: int, workers: int, *, file: bool) -> dict[str, float]:
    """The seconds of one pass over a text, as a file or as lists of words."""
    path = f"{text}/words.txt"
    lines = lines_of(path)[: -(-tokens // LINE)]
    model = built(lines, negative=negatives, workers=workers)
    passed(model, lines[:WARM])
    return passed(model, path if file else lines)


def learned(text: str, planted: dict[str, int], **settings: Any) -> dict[str, Any]:
    """The seconds of one pass over a text whose right neighbours are known, and how many it finds."""
    lines = lines_of(text)
    model = built(lines, negative=5, workers=1, **settings)
    vectors = torch.from_numpy(model.wv.vectors)
    return passed(model, lines) | {"precision": precisions(vectors, model.wv.index_to_key, planted)}


def lines_of(path: str) -> list[list[str]]:
    """The words of each line."""
    with open(path, encoding="ascii") as file:
        return [line.split() for line in file]


def built(lines: list[list[str]], **settings: Any) -> Word2Vec:
    """A model that knows the words of a text; skip-gram as the lecture has it, with every word of the text."""
    model = Word2Vec(sg=1, window=1, vector_size=128, sample=0, min_count=1, **settings)
    model.build_vocab(lines)
    return model


def passed(model: Word2Vec, text: str | list[list[str]]) -> dict[str, float]:
    """The seconds of one pass, and how many words it trained on.

    From a file it does not train on all: one line of each of its batches is lost. So words are counted, not assumed.
    """
    words = model.corpus_total_words if isinstance(text, str) else sum(map(len, text))
    source = {"corpus_file": text} if isinstance(text, str) else {"corpus_iterable": text}
    start = time.perf_counter()
    trained, _ = model.train(**source, total_words=words, total_examples=model.corpus_count, epochs=1)
    return {"seconds": time.perf_counter() - start, "words": trained, "given": words}


def present() -> dict[str, str]:
    """Which gensim this is."""
    return {"version": __version__}
