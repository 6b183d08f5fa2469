"""The benchmark of word2vec runs, its ways do equal work, and its tables are those of its figures."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from benchmarks.word2vec import report, runs, streams
from benchmarks.word2vec.quality import precisions
from benchmarks.word2vec.texts import counted, zipf
from gradflow.experiments.word2vec import planted
from gradflow.experiments.word2vec.batches import SkipGram

ROOT = Path(__file__).parent.parent
README = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
FIGURES = json.loads((ROOT / "benchmarks" / "word2vec" / "figures.json").read_text(encoding="utf-8"))
RECORDINGS = ROOT / ".venv-recordings" / "bin" / "python"
TENSORFLOW = sys.executable if importlib.util.find_spec("tensorflow") else str(RECORDINGS)


def test_tables_are_those_of_the_figures():
    """No number of the README was typed."""
    assert README == report.put(README, FIGURES)
    assert set(runs.PARTS) == set(FIGURES)
    for part, figures in FIGURES.items():
        assert report.table(part, figures) in README


@pytest.mark.parametrize("part", runs.PARTS)
def test_rows_are_those_that_are_measured(part, tmp_path):
    """A row that was renamed is measured again."""
    rows = list(runs.ROWS[part](runs.QUICK, tmp_path, 0))

    assert all(rows == list(turn) for turn in FIGURES[part]["rounds"])


def test_a_ratio_is_taken_within_a_round():
    """A machine that is slow for a round changes no ratio; the fastest of several counts."""
    slow = {"a": {"steps": 4, "seconds": 2.0}, "b": {"steps": 1, "seconds": 1.0}, "c": {"steps": 1, "seconds": 2.0}}
    fast = {name: one | {"seconds": one["seconds"] / 8} for name, one in slow.items()}

    assert [2.0, 2.0] == report.ratios([slow, fast], ["a"], ["b", "c"], "steps")
    assert report.bar("x", [1.0, 3.0, 2.0], 2.5) == "| x | 2.00 (1.00–3.00) × | ≥ 2.5 × | **no** |"


def test_a_run_holds_little_beside_tables_and_text(tmp_path):
    """At the lecture's sizes, checkpoints included; on a shorter text."""
    text = runs.made(tmp_path / "text", 2_000_000, 50_000)

    found = runs.measured(runs.Row("by_gradflow", "grown", {"text": text, "steps": 20}))

    assert found["tables and text"] > 59
    assert found["megabytes"] < 1.2 * found["tables and text"]


def test_preparing_holds_little_beside_the_numbers(tmp_path):
    """Two million words, 8 MB as numbers, and 50,000 different ones."""
    text = runs.made(tmp_path / "text", 2_000_000, 50_000)

    found = runs.measured(runs.Row("by_gradflow", "prepared", {"text": f"{text}/words.txt", "vocabulary": 50_000}))

    assert 2_000_000 == found["tokens"]
    assert found["megabytes"] < 30


@pytest.mark.skipif(not Path(TENSORFLOW).exists(), reason="TensorFlow is not here: make recordings")
def test_tensorflow_does_equal_work(tmp_path):
    """The same steps have the same mean loss, in TensorFlow's fastest way and in ours."""
    rows = runs.against_tensorflow(runs.QUICK, tmp_path, 0)

    theirs = runs.measured(rows[report.LOOP], TENSORFLOW)
    ours = runs.measured(rows[report.DEFAULT])

    assert theirs["steps"] == ours["steps"] == runs.QUICK.steps
    assert theirs["loss"] == pytest.approx(ours["loss"], rel=0.02)


def test_tensorflow_gets_our_batches():
    """Both ways of making batches for TensorFlow give the pairs that we train on."""
    ids = zipf(4_000, 50, seed=0)
    pairs = streams.BLOCK * 8 + 40  # into the second block
    center, other = SkipGram(ids, window=1).pairs(0, pairs)
    for stream in (streams.ready(ids, 8), streams.batches_of_pairs(ids.tolist(), window=1, batch=8)):
        some = [next(stream) for _ in range(pairs // 8)]
        assert center.tolist() == [word for given, _ in some for word in given]
        assert other.tolist() == [word for _, targets in some for word in targets[:, 0]]


@pytest.mark.parametrize("file", [False, True])
def test_gensim_trains_on_the_words_that_are_counted(tmp_path, file):
    """Of lists it trains on every word; of a file on nearly all."""
    pytest.importorskip("gensim")
    from benchmarks.word2vec.by_gensim import timed

    text = counted(zipf(30_000, 50, seed=0), 50, tmp_path / "text")
    found = timed(str(text), tokens=30_000, negatives=2, workers=1, file=file)

    assert found["given"] == 30_000
    assert found["words"] == pytest.approx(30_000, rel=0.02)
    assert file or found["words"] == 30_000


def test_memory_is_that_of_a_run(tmp_path):
    """A run holds its tables and its text at least."""
    text = counted(zipf(3_000_000, 50_000, seed=0), 50_000, tmp_path / "text")
    found = runs.measured(runs.Row("by_gradflow", "grown", {"text": str(text), "steps": 2}))

    assert found["tables and text"] == pytest.approx((2 * 50_000 * 128 + 50_000 + 3_000_000) * 4 / 1e6)
    assert found["tables and text"] <= found["megabytes"]


def test_topics_do_not_depend_on_the_length_of_the_text():
    """So the right neighbours are known without the text."""
    assert planted(2_000, 7, seed=3).topics == planted(1, 7, seed=3).topics


def test_precision_is_that_of_the_topics():
    """Vectors that are their topic find all neighbours."""
    import torch

    topics = {"topics": 220, "seed": 0}
    text = planted(1, **topics)
    words = [word for word in text.words if word in text.topics]
    vectors = torch.nn.functional.one_hot(torch.tensor([text.topics[word] for word in words])).float()

    assert {"common": 1.0, "rare": 1.0, "all": 1.0} == precisions(vectors, words, topics)
