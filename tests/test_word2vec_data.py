"""word2vec's text, samples and batches."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from gradflow.experiments.word2vec import Settings, Word2VecError, from_words, planted, read
from gradflow.experiments.word2vec.batches import SkipGram, cbow
from gradflow.experiments.word2vec.download import text8
from gradflow.experiments.word2vec.feed import BLOCK, Feed
from gradflow.experiments.word2vec.planted import write
from gradflow.experiments.word2vec.sampling import log_uniform, unigram

DATA = Path(__file__).parent / "data" / "word2vec_tensorflow.json"
SAMPLER = json.loads(DATA.read_text(encoding="utf-8"))["sampler"]


def chi_square(seen, expected) -> float:
    return float(((seen - expected) ** 2 / expected).sum())


def test_probabilities_are_tensorflows():
    """P(c) of the log-uniform sampler is the one TensorFlow reports."""
    np.testing.assert_allclose(SAMPLER["P"], log_uniform(SAMPLER["range_max"]).probability, atol=1e-12)


@pytest.mark.parametrize("make", [log_uniform, lambda words: unigram(np.arange(words, 0, -1))], ids=["log", "unigram"])
def test_draws_follow_the_probabilities(make):
    """60,000 draws with a fixed seed: chi-square below the 0.999 quantile of 19 degrees of freedom, 43.8."""
    sampler, draws = make(20), 60_000

    ids, _ = sampler.draw(np.random.default_rng(5), steps=draws // 20, sampled=20, unique=False)

    assert 43.8 > chi_square(np.bincount(ids.ravel(), minlength=20), draws * sampler.probability)


def test_different_draws_follow_tensorflows():
    """How many tries six different words took, 4,000 times, beside TensorFlow's own 4,000: two samples of one law."""
    ids, tries = log_uniform(SAMPLER["range_max"]).draw(np.random.default_rng(5), steps=4000, sampled=6)

    assert all(len(set(row)) == 6 for row in ids.tolist())
    theirs = Counter({int(number): times for number, times in SAMPLER["unique"]["num_tries_histogram"].items()})
    ours = Counter(tries.tolist())
    bins = [range(n, n + 1) for n in range(6, 13)] + [range(13, 99)]
    one, two = (np.array([sum(law[n] for n in span) for span in bins]) for law in (ours, theirs))
    assert 24.3 > chi_square(one, (one + two) / 2) + chi_square(two, (one + two) / 2)  # 0.999 of 7 degrees
    inclusion = np.bincount(ids.ravel(), minlength=20) / 4000
    np.testing.assert_allclose(SAMPLER["unique"]["inclusion_frequency"], inclusion, atol=0.03)


def test_expected_counts_are_tensorflows():
    """Both cases of the rule: as many tries as words, and more."""
    sampler = log_uniform(SAMPLER["range_max"])
    for run in SAMPLER["unique"]["first_three_runs"]:
        tries = np.array([run["num_tries"]])
        for name, ids in (("sampled", run["ids"]), ("true", SAMPLER["unique"]["labels_for_true_expected_count"])):
            np.testing.assert_allclose(
                run[f"{name}_expected_count"], sampler.expected(np.array([ids]), tries, 6)[0], rtol=1e-6
            )
    assert 6 * sampler.probability[0] == pytest.approx(sampler.expected(np.zeros((1, 1), int), np.array([6]), 6).item())


def test_tries_are_counted():
    """Draws that repeat are counted and left out; a row that needs many more draws gets them."""
    sampler = unigram(np.array([10**9, 1, 1]), power=1)

    ids, tries = sampler.draw(np.random.default_rng(0), steps=1, sampled=2)

    assert 2 == len(set(ids[0]))
    assert tries[0] > 100


def brute_pairs(ids, widths) -> list[tuple[int, int]]:
    return [
        (ids[i], ids[j])
        for i, width in enumerate(widths)
        for j in range(i - width, i + width + 1)
        if j != i and 0 <= j < len(ids)
    ]


def test_pairs_of_a_window_of_one():
    """Each word with the one before and the one after, and again from the start."""
    ids = np.random.default_rng(0).integers(0, 99, 50)
    once = brute_pairs(ids.tolist(), [1] * 50)

    center, context = SkipGram(ids, window=1).pairs(0, 2 * len(once))

    assert once * 2 == list(zip(center.tolist(), context.tolist(), strict=True))


def test_pairs_of_a_wider_window():
    """Widths are drawn from 1 to the window, evenly, anew in the second round; from anywhere the stream is the same."""
    ids = np.arange(40_000)
    stream = SkipGram(ids, window=3, seed=1)
    center, context = stream.pairs(0, 300_000)
    first_round = int(np.flatnonzero(np.diff(center) < 0)[0]) + 1
    widths = np.array([0] * len(ids))
    np.maximum.at(widths, center[:first_round], abs(center - context)[:first_round])

    assert list(zip(center[:first_round].tolist(), context[:first_round].tolist(), strict=True)) == brute_pairs(
        ids.tolist(), widths.tolist()
    )
    assert 13.8 > chi_square(np.bincount(widths)[1:], np.full(3, len(ids) / 3))  # 0.999 of 2 degrees
    again = SkipGram(ids, window=3, seed=1)
    for start in (0, 131_400, 222_222):
        np.testing.assert_array_equal(center[start : start + 999], again.pairs(start, 999)[0])
        np.testing.assert_array_equal(context[start : start + 999], again.pairs(start, 999)[1])
    assert center[:9000].tolist() != center[first_round : first_round + 9000].tolist()


def test_cbow_gives_the_words_around():
    """Two words on each side; the text begins again behind its last whole window."""
    given, target = cbow(np.arange(10, 17), window=2, first=1, count=3)

    assert [[11, 12, 14, 15], [12, 13, 15, 16], [10, 11, 13, 14]] == given.tolist()
    assert [13, 14, 12] == target.tolist()


@pytest.mark.parametrize("model", ["skip-gram", "cbow"])
@pytest.mark.parametrize("objective", ["nce", "negative-sampling", "softmax"])
def test_batches_do_not_depend_on_where_one_begins(model, objective):
    """The batches from the middle are those that come when one begins at the start."""
    text = planted(5_000, 3, seed=0, words_per_topic=9)
    corpus = from_words([[text.words[i] for i in text.tokens]], 100)
    settings = Settings(vocabulary=len(corpus.words), batch=8, negatives=5, window=2, model=model, objective=objective)
    whole = list(Feed(corpus, settings).steps(0, BLOCK + 30))

    part = list(Feed(corpus, settings).steps(BLOCK - 7, BLOCK + 30))

    assert 37 == len(part)
    for one, two in zip(whole[-37:], part, strict=True):
        assert all(a.equal(b) for a, b in zip(one, two, strict=True))


def test_vocabulary():
    """The most common words come first; of equals, the one that came first; the rest is UNK."""
    corpus = from_words([["b", "a", "a", "c"], ["c", "b", "d", "b"]], vocabulary=4)

    assert ("UNK", "b", "a", "c") == corpus.words
    assert [1, 3, 2, 2] == corpus.counts.tolist()
    assert [1, 2, 2, 3, 3, 1, 0, 1] == corpus.ids.tolist()


def test_read_a_file_a_zip_and_a_folder(tmp_path):
    """All three give the same words; tags, digits and signs are no words; pieces do not cut a word."""
    long = "Ein Öl, zwei Öle! " * 400_000 + "Ende"
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.txt").write_text(long, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.writestr("a.txt", long)

    found = [read(tmp_path / name, 9) for name in ("all/a.txt", "all.zip", "all")]

    assert {"UNK", "ein", "öl", "zwei", "öle", "ende"} == set(found[0].words)
    assert 1_600_001 == len(found[0].ids)
    assert all(found[0].words == other.words and (found[0].ids == other.ids).all() for other in found[1:])
    (tmp_path / "b.html").write_text("<p class='x'>one<br/>two 3</p>", encoding="utf-8")
    assert {"UNK", "one", "two"} == set(read(tmp_path / "b.html", 9).words)


@pytest.mark.parametrize("piece", [1, 5, 17, 1000])
def test_pieces_do_not_cut_a_tag(tmp_path, monkeypatch, piece):
    """Wherever a piece of HTML ends, what stands within a tag is no word."""
    monkeypatch.setattr("gradflow.experiments.word2vec.corpus.PIECE", piece)
    (tmp_path / "a.html").write_text("an <a class='x y' href='z'>öl <b>two</b>three > four", encoding="utf-8")

    corpus = read(tmp_path / "a.html", 9)

    assert ["an", "öl", "two", "three", "four"] == [corpus.words[i] for i in corpus.ids]


@pytest.mark.parametrize(
    ("content", "words"), [(None, "there is no"), (b"", "holds no words"), (b"1 2", "no words"), (b"a \xff", "UTF-8")]
)
def test_unreadable_texts(tmp_path, content, words):
    """What cannot be read is named."""
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(Word2VecError, match=words):
        read(path, 9)


def test_planted_topics(tmp_path):
    """A text of the asked length, whose sentences stay with one topic, and the topics beside it."""
    text = planted(30_000, 7, seed=2)
    beside = write(text, tmp_path / "t.txt")
    topics = json.loads(beside.read_text(encoding="utf-8"))

    assert tmp_path / "t.txt.topics.json" == beside
    assert set(range(7)) == set(topics.values())
    lines = (tmp_path / "t.txt").read_text(encoding="utf-8").splitlines()
    assert 30_000 == sum(len(line.split()) for line in lines)
    about = [{topics[word] for word in line.split() if word in topics} for line in lines]
    assert 1 == max(map(len, about))
    assert 7 == len(set.union(*about))
    assert lines == [" ".join(text.words[i] for i in text.tokens[k : k + 10]) for k in range(0, 30_000, 10)]
    assert len(set(text.words)) == len(text.words)


@pytest.fixture
def server():
    """A web server on this machine, which answers with ten bytes."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ten bytes.")

        def log_message(self, *_):
            pass

    one = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=one.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{one.server_port}/text8.zip"
    one.shutdown()


def test_download_is_verified(tmp_path, server):
    """The file is kept if size and checksum are right, and not at all otherwise; then it is not fetched again."""
    sha1 = hashlib.sha1(b"ten bytes.").hexdigest()
    for wrong in ({"size": 11, "sha1": sha1}, {"size": 10, "sha1": "0" * 40}):
        with pytest.raises(Word2VecError, match="not text8"):
            text8(tmp_path, server, **wrong)
        assert [] == list(tmp_path.iterdir())

    assert b"ten bytes." == text8(tmp_path, server, size=10, sha1=sha1).read_bytes()
    assert tmp_path / "text8.zip" == text8(tmp_path, "http://127.0.0.1:9/nothing", size=10, sha1=sha1)
    with pytest.raises(Word2VecError, match="cannot be fetched"):
        text8(tmp_path / "other", "http://127.0.0.1:9/nothing")
