"""word2vec as the CS20 lecture trains it, on any text, resumable to the bit.

>>> text = from_words([["the", "cat", "sat", "on", "the", "mat"] * 20], vocabulary=6)
>>> run = train(text, begin(text, Settings(embedding=4, batch=8, negatives=3, steps=50)), quiet=True)
>>> [word for word, _ in neighbours(run.tables.embedding, run.words, "cat", count=2)] != ["cat"]
True
"""

from gradflow.experiments.word2vec.checkpoint import Checkpoint, load, save
from gradflow.experiments.word2vec.corpus import Corpus, from_words, read
from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.evaluation import analogy, neighbours, precision
from gradflow.experiments.word2vec.planted import Planted, planted
from gradflow.experiments.word2vec.settings import PRESETS, Settings
from gradflow.experiments.word2vec.tables import Tables
from gradflow.experiments.word2vec.training import begin, resume, train

__all__ = [
    "PRESETS",
    "Checkpoint",
    "Corpus",
    "Planted",
    "Settings",
    "Tables",
    "Word2VecError",
    "analogy",
    "begin",
    "from_words",
    "load",
    "neighbours",
    "planted",
    "precision",
    "read",
    "resume",
    "save",
    "train",
]
