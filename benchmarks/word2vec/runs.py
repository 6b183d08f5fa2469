"""What is measured: for each part of the report its rows, each one function in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from benchmarks.word2vec import quality
from benchmarks.word2vec.texts import counted, name, write, zipf
from gradflow.experiments.word2vec.settings import PRESETS, Settings

ROOT = Path(__file__).parent.parent.parent
PARTS = ("tensorflow", "gensim", "memory", "prepare", "quality", "limit")
TOPICS = 200
Round = dict[str, dict[str, Any]]
"""What each row gave."""


class Sizes(NamedTuple):
    """How much is done."""

    vocabulary: int
    warm: int
    steps: int
    dense: int  # steps of the slowest way
    words: int  # that gensim passes, with 5 negatives
    less: int  # the same, with 64
    long: int  # words of the text for memory and preparation
    types: int  # different words in that for preparation
    planted: int  # words of the text with topics
    of_topic: int  # words of each topic
    learned: int  # steps on it
    rounds: dict[str, int]


FULL = Sizes(
    vocabulary=50_000,
    warm=1_000,
    steps=6_000,
    dense=60,
    words=3_000_000,
    less=400_000,
    long=17_000_000,
    types=250_000,
    planted=6_400_000,
    of_topic=249,
    learned=100_000,
    rounds={"tensorflow": 5, "gensim": 3, "memory": 3, "prepare": 3, "quality": 3, "limit": 3},
)
QUICK = Sizes(
    vocabulary=500,
    warm=100,
    steps=200,
    dense=10,
    words=40_000,
    less=2_000,
    long=50_000,
    types=600,
    planted=50_000,
    of_topic=50,
    learned=300,
    rounds=dict.fromkeys(PARTS, 1),
)


class Row(NamedTuple):
    """One measurement: a function of a module beside this one, tied to so many cores."""

    module: str
    function: str
    arguments: dict[str, Any]
    cores: int = 1


def rounds(part: str, sizes: Sizes, folder: Path, pythons: dict[str, str]) -> Iterator[Round]:
    """The rounds of a part; in each, every row once.

    Args:
        part: one of `PARTS`.
        sizes: how much is done.
        folder: an empty one, for texts.
        pythons: the interpreter of a module, where it is another.
    """
    for turn in tqdm(range(sizes.rounds[part]), desc=part, disable=None):
        rows = ROWS[part](sizes, folder, turn)
        yield {
            title: measured(row, pythons.get(row.module, sys.executable))
            for title, row in tqdm(rows.items(), leave=False, disable=None)
        }


def measured(row: Row, python: str = sys.executable) -> dict[str, Any]:
    """What a row gives, in a process of its own.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    child = "benchmarks.word2vec.child"
    command = [python, "-m", child, row.module, row.function, str(row.cores), json.dumps(row.arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{row.module}.{row.function} failed: {done.stderr[-2000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def against_tensorflow(sizes: Sizes, folder: Path, _: int) -> dict[str, Row]:
    """Steps at the lecture's settings."""
    text = made(folder / "text", sizes.words, sizes.vocabulary)
    count = {"text": text, "warm": sizes.warm, "steps": sizes.steps}
    few = {"text": text, "warm": 5, "steps": sizes.dense}
    same = Settings(vocabulary=sizes.vocabulary).as_dict() | count
    return {
        "TensorFlow: session and generator, as the lecture has it": Row("by_tensorflow", "session", same),
        "TensorFlow: ready batches, a callable, resource variables": Row("by_tensorflow", "fed", same),
        "TensorFlow: the same, 100 steps in a `while_loop`": Row("by_tensorflow", "looped", same),
        "gradflow: dense autograd": Row("by_gradflow", "timed", few | {"update": "dense"}),
        "gradflow: sparse autograd": Row("by_gradflow", "timed", count | {"update": "sparse"}),
        "gradflow: default (`scatter`)": Row("by_gradflow", "timed", count),
        "gradflow: Numba": Row("by_gradflow", "timed", count | {"backend": "numba"}),
        "TensorFlow on 2 cores: session and generator": Row("by_tensorflow", "session", same, cores=2),
        "TensorFlow on 2 cores: 100 steps in a `while_loop`": Row("by_tensorflow", "looped", same, cores=2),
    }


def against_gensim(sizes: Sizes, folder: Path, _: int) -> dict[str, Row]:
    """Words a second at equal dimension, window and number of negatives."""
    text = made(folder / "text", sizes.words, sizes.vocabulary)
    rows = {}
    for negatives, words in ((5, sizes.words), (64, sizes.less)):
        given = {"text": text, "tokens": words, "negatives": negatives}
        count = {"text": text, "warm": sizes.warm, "steps": sizes.steps, "negatives": negatives}
        count["objective"] = "negative-sampling"
        for cores, workers in ((1, "1 worker"), (2, "2 workers")):
            ask = given | {"workers": cores}
            rows[f"n = {negatives}: gensim, {workers}, lists"] = Row("by_gensim", "timed", ask | {"file": False}, cores)
            if negatives == 5:
                rows[f"n = 5: gensim, {workers}, file"] = Row("by_gensim", "timed", ask | {"file": True}, cores)
        rows[f"n = {negatives}: gradflow, default"] = Row("by_gradflow", "timed", count)
        rows[f"n = {negatives}: gradflow, Numba"] = Row("by_gradflow", "timed", count | {"backend": "numba"})
        both = count | {"threads": 2}
        rows[f"n = {negatives}: gradflow, default, 2 threads"] = Row("by_gradflow", "timed", both, cores=2)
    return rows


def of_memory(sizes: Sizes, folder: Path, _: int) -> dict[str, Row]:
    """Megabytes beyond the imports."""
    text = made(folder / "long", sizes.long, sizes.vocabulary)
    given = {"text": text, "steps": sizes.warm}
    return {
        "gradflow: default (`scatter`)": Row("by_gradflow", "grown", given),
        "gradflow: Numba": Row("by_gradflow", "grown", given | {"backend": "numba"}),
    }


def of_preparing(sizes: Sizes, folder: Path, _: int) -> dict[str, Row]:
    """Reading a text file."""
    path = folder / "many.txt"
    if not path.exists():
        write(zipf(sizes.long, sizes.types, seed=0), [name(i) for i in range(sizes.types)], path)
    return {"a text as numbers": Row("by_gradflow", "prepared", {"text": str(path), "vocabulary": sizes.vocabulary})}


def of_quality(sizes: Sizes, folder: Path, turn: int) -> dict[str, Row]:
    """Neighbours found; the seed of the text, and of the run, is the turn."""
    topics = {"topics": TOPICS, "seed": turn, "words_per_topic": sizes.of_topic}
    text = str(quality.text(folder / "planted.txt", sizes.planted, topics))
    given = {"text": text, "planted": topics, "seed": turn}
    own = given | {"steps": sizes.learned}
    good, numba = own | PRESETS["good"], {"backend": "numba"}
    few = {"negatives": 5, "objective": "negative-sampling"}
    return {
        "gradflow: source preset, Numba": Row("by_gradflow", "learned", own | numba),
        "gradflow: good preset": Row("by_gradflow", "learned", good),
        "gradflow: good preset, Numba": Row("by_gradflow", "learned", good | numba),
        "gradflow: good preset, rate 3, Numba": Row("by_gradflow", "learned", good | numba | {"learning_rate": 3.0}),
        "gradflow: the same, 5 negatives": Row("by_gradflow", "learned", good | numba | few | {"learning_rate": 3.0}),
        "gensim: default": Row("by_gensim", "learned", given),
        "gensim: alpha 0.1": Row("by_gensim", "learned", given | {"alpha": 0.1}),
    }


def of_the_limit(sizes: Sizes, folder: Path, _: int) -> dict[str, Row]:
    """Where the time goes, and what the machine could do."""
    text = made(folder / "text", sizes.words, sizes.vocabulary)
    shapes = {name: getattr(Settings(), name) for name in ("batch", "window", "negatives", "embedding")}
    return {
        "spent": Row("limit", "spent", {"text": text, "steps": sizes.steps // 3}),
        "machine": Row("limit", "machine", {"vocabulary": sizes.vocabulary} | shapes),
    }


ROWS = dict(
    zip(
        PARTS,
        (against_tensorflow, against_gensim, of_memory, of_preparing, of_quality, of_the_limit),
        strict=True,
    )
)


def made(folder: Path, tokens: int, words: int) -> str:
    """A text by Zipf's law as numbers and as words, made once."""
    if not folder.exists():
        counted(zipf(tokens, words, seed=0), words, folder)
    return str(folder)
