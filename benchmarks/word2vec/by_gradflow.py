"""What gradflow's trainer takes: its steps, its memory, the reading of a text."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.word2vec.quality import precisions
from benchmarks.word2vec.texts import name
from gradflow.experiments.word2vec.corpus import Corpus, from_words, read
from gradflow.experiments.word2vec.settings import Settings
from gradflow.experiments.word2vec.training import REPORT, begin, train, words_a_step


def timed(text: str, warm: int, steps: int, threads: int = 1, **settings: Any) -> dict[str, float]:
    """The seconds of ``steps`` steps that come after ``warm`` others, and their mean loss."""
    corpus = loaded(text)
    run = train(corpus, begin(corpus, Settings(steps=warm, **settings)), threads=threads, quiet=True)
    before = run.pending + REPORT * sum(run.losses)
    start = time.perf_counter()
    run = train(corpus, run.up_to(warm + steps), threads=threads, quiet=True)
    seconds = time.perf_counter() - start
    loss = (run.pending + REPORT * sum(run.losses) - before) / steps
    return {"seconds": seconds, "steps": steps, "loss": loss, "words": steps * words_a_step(run.settings)}


def grown(text: str, steps: int, **settings: Any) -> dict[str, float]:
    """Megabytes that a run with checkpoints takes beyond what its code took, and those of its tables and its text."""
    compiled(**settings)  # loads the rest of the code, and Numba's compiler
    before = resident("VmRSS")
    corpus = loaded(text)
    with tempfile.TemporaryDirectory() as folder:
        start = begin(corpus, Settings(steps=steps, **settings))
        run = train(corpus, start, folder=Path(folder), every=-(-steps // 2), quiet=True)
    held = sum(table.nbytes for table in run.tables) + corpus.ids.nbytes
    return {"megabytes": resident("VmHWM") - before, "imports": before, "tables and text": held / 1e6}


def prepared(text: str, vocabulary: int) -> dict[str, float]:
    """The seconds and megabytes of reading a text, beyond what the imports took."""
    before = resident("VmRSS")
    start = time.perf_counter()
    corpus = read(Path(text), vocabulary)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "tokens": len(corpus.ids), "megabytes": resident("VmHWM") - before, "imports": before}


def learned(text: str, planted: dict[str, int], **settings: Any) -> dict[str, Any]:
    """The seconds of a whole run on a text whose right neighbours are known, and how many it finds."""
    compiled(**settings)
    corpus = read(Path(text), Settings.vocabulary)
    start = time.perf_counter()
    run = train(corpus, begin(corpus, Settings(**settings)), quiet=True)
    seconds = time.perf_counter() - start
    words = run.settings.steps * words_a_step(run.settings)
    return {"seconds": seconds, "words": words, "precision": precisions(run.tables.embedding, run.words, planted)}


def compiled(**settings: Any) -> None:
    """A step of next to nothing, so that what is compiled is compiled."""
    corpus = from_words([list("abababab")], 3)
    train(corpus, begin(corpus, Settings(**settings | {"steps": 1, "negatives": 1})), quiet=True)


def loaded(text: str) -> Corpus:
    """A text that is numbers already, and counted."""
    counts = np.load(f"{text}/counts.npy")
    return Corpus(tuple(map(name, range(len(counts)))), counts, np.load(f"{text}/ids.npy"))


def resident(what: str) -> float:
    """Megabytes of this process that are, or at most were, in memory."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{what}:")) * 1024 / 1e6
