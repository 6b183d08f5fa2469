"""A text that is on every reader's machine: what Python's help says."""

from __future__ import annotations

from gradflow.experiments.word2vec.corpus import Corpus, from_words, words_of
from gradflow.experiments.word2vec.errors import Word2VecError


def python_help(vocabulary: int) -> Corpus:
    """The topics of ``help()``: small, but enough to see a run.

    Raises:
        Word2VecError: this Python came without them.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise Word2VecError("this Python has no help topics; give the path of a text or of a folder") from None
    return from_words((words_of(text) for text in topics.values()), vocabulary)
