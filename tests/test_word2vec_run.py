"""word2vec's runs: resumed to the bit, shared between processes, exported, and told apart from broken ones."""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from gradflow.experiments.word2vec import (
    PRESETS,
    Settings,
    Word2VecError,
    analogy,
    begin,
    from_words,
    load,
    neighbours,
    planted,
    precision,
    resume,
    save,
    train,
)
from gradflow.experiments.word2vec.command import main
from gradflow.experiments.word2vec.projection import project
from gradflow.experiments.word2vec.projection import save as save_plane
from gradflow.experiments.word2vec.storing import written
from gradflow.experiments.word2vec.tables import initial as tables_at_start
from gradflow.experiments.word2vec.updates import scatter
from gradflow.experiments.word2vec.vectors import export, load_vectors

SMALL = Settings(embedding=8, batch=16, negatives=5, steps=450, window=2, initial="small")


@pytest.fixture(scope="module")
def corpus():
    text = planted(4_000, 4, seed=0, words_per_topic=10)
    return from_words([[text.words[i] for i in text.tokens]], 1000)


def same(one, two) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.tables, two.tables, strict=True)) and one.pending == two.pending


@pytest.mark.parametrize("model", ["skip-gram", "cbow"])
@pytest.mark.parametrize("objective", ["nce", "sampled-softmax", "negative-sampling", "softmax"])
def test_a_stopped_run_goes_on_bit_for_bit(corpus, tmp_path, model, objective):
    """Stopped at a step that is nowhere a round number, and resumed from the file: the tables have the same bits."""
    settings = SMALL.changed(model=model, objective=objective)
    whole = train(corpus, begin(corpus, settings), quiet=True)

    train(corpus, begin(corpus, settings.changed(steps=237)), folder=tmp_path, quiet=True)
    again = train(corpus, resume(corpus, settings, tmp_path), folder=tmp_path, quiet=True)

    assert same(whole, again)
    assert same(whole, load(tmp_path))
    assert whole.pending < SMALL.steps * train(corpus, begin(corpus, settings.changed(steps=1)), quiet=True).pending


def test_reports_are_means(corpus):
    """Every 5,000 steps, the mean of their losses."""
    told = []
    settings = SMALL.changed(steps=10_100, batch=4, negatives=2, embedding=2)

    run = train(corpus, begin(corpus, settings), report=lambda *one: told.append(one), quiet=True)

    assert [5_000, 10_000] == [step for step, _ in told]
    assert run.losses == tuple(loss for _, loss in told)
    part = train(corpus, begin(corpus, settings.changed(steps=4_999)), quiet=True)
    one_more = train(corpus, part.up_to(5_000), quiet=True)
    assert run.losses[:1] == one_more.losses


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_losses_do_not_show_where_a_run_stopped(corpus, backend):
    """Each step's loss is added by itself: stopped every 7 steps, the sum and the means have the same bits."""
    if backend == "numba":
        pytest.importorskip("numba")
    settings = SMALL.changed(steps=5_450, batch=4, negatives=2, embedding=2, backend=backend)

    def exact(*given):  # float32 losses add up without rounding, so a lost order would not show
        return scatter(*given).double() / 3

    step = exact if backend == "torch" else None
    whole, pieces = (train(corpus, begin(corpus, settings), every=n, step=step, quiet=True) for n in (9_999, 7))

    assert whole.pending > 0
    assert (whole.losses, whole.pending) == (pieces.losses, pieces.pending)


def test_another_seed_is_another_run(corpus):
    """The seed decides tables, negatives and widths."""
    one, two = (train(corpus, begin(corpus, SMALL.changed(seed=seed)), quiet=True) for seed in (0, 1))

    assert not same(one, two)


def test_numba_gives_the_same_numbers(corpus):
    """The compiled step agrees with PyTorch's to the rounding of float32, and with itself to the bit."""
    pytest.importorskip("numba")
    for objective in ("nce", "negative-sampling"):
        settings = SMALL.changed(objective=objective)
        plain = train(corpus, begin(corpus, settings), quiet=True)
        fast = settings.changed(backend="numba")
        compiled, again = (train(corpus, begin(corpus, fast), quiet=True) for _ in range(2))

        for one, two in zip(plain.tables, compiled.tables, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=2e-5)
        assert plain.pending == pytest.approx(compiled.pending, rel=1e-5)
        assert same(compiled, again)
        part = train(corpus, begin(corpus, fast.changed(steps=203)), quiet=True)
        assert same(compiled, train(corpus, part.up_to(fast.steps), quiet=True))


@pytest.mark.parametrize("logit", [0.0, 0.3, -0.3, 5.0, -30.0, 80.0, -95.0, 200.0])
def test_numbas_sigmoid_and_loss(logit):
    """The compiled sigmoid is float64's to the rounding of a float32 logit, far out as well; the loss to 1e-9."""
    pytest.importorskip("numba")
    from gradflow.experiments.word2vec.fast import _softplus

    logits = np.full((2, 600), logit, dtype=np.float32)
    loss = _softplus(logits, np.array([1, 3], dtype=np.float32))

    exact = np.float64(np.float32(logit))
    assert 2400 * np.logaddexp(0, exact) == pytest.approx(loss, rel=2e-7, abs=1e-9)
    for times, row in zip((1, 3), logits, strict=True):
        slope = times / (1 + np.exp(-exact))
        np.testing.assert_allclose(slope, row, rtol=3e-7 * max(1, abs(logit)), atol=1e-37)


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_a_vanishing_loss_is_an_error(corpus, backend):
    """A rate at which the numbers run away ends in a sentence."""
    if backend == "numba":
        pytest.importorskip("numba")
    with pytest.raises(Word2VecError, match="smaller learning rate"):
        train(corpus, begin(corpus, SMALL.changed(learning_rate=1e30, backend=backend)), quiet=True)


def test_good_preset_finds_the_planted_topics():
    """Nine of ten neighbours of the common words are of their topic, averaged over three seeds."""
    found = []
    for seed in range(3):
        text = planted(60_000, 6, seed=seed, words_per_topic=25)
        corpus = from_words([[text.words[i] for i in text.tokens]], 1000)
        settings = Settings(**PRESETS["good"]).changed(embedding=32, steps=4_000, negatives=16, seed=seed)
        run = train(corpus, begin(corpus, settings), quiet=True)
        found.append(precision(run.tables.embedding, run.words, text.topics, ranks=slice(1, 60)))
        start = begin(corpus, settings).tables.embedding
        assert 0.4 > precision(start, run.words, text.topics, ranks=slice(1, 60))

    assert sum(found) / 3 >= 0.9


def test_tables_begin_as_they_should():
    """The embedding from 0 to 1, or on ±0.5 / dim; the weights as a cut-off normal, whose deviation is 0.88 of its."""
    for initial, low, high in (("unit", 0, 1), ("small", -0.5 / 128, 0.5 / 128)):
        tables = tables_at_start(Settings(vocabulary=2_000, initial=initial))
        assert low <= tables.embedding.min() < tables.embedding.max() <= high
        assert (low + high) / 2 == pytest.approx(tables.embedding.mean().item(), abs=(high - low) / 500)
        assert 2 * 128**-0.5 >= tables.weight.abs().max()
        assert 0.8796 * 128**-0.5 == pytest.approx(tables.weight.std().item(), rel=0.01)
        within = (tables.weight.abs() < 128**-0.5).float().mean().item()
        assert math.erf(0.5**0.5) / math.erf(2**0.5) == pytest.approx(within, abs=0.004)
        assert not tables.bias.any()


def test_neighbours_and_analogies():
    """By cosine, without the words asked for; an unknown word is told, with those like it."""
    vectors = torch.tensor([[1.0, 0.0], [2.0, 0.2], [0.0, 3.0], [0.1, 1.0]])
    words = ["man", "men", "woman", "women"]

    assert [("men", 0.995), ("women", 0.1)] == neighbours(vectors, words, "man", count=2)
    assert "women" == analogy(vectors, words, "man", "men", "woman", count=1)[0][0]
    with pytest.raises(Word2VecError, match="did you mean women"):
        neighbours(vectors, words, "wymen")


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
def test_export_is_read_by_gensim(corpus, tmp_path, suffix):
    """gensim reads the same words and the same float32; so do we."""
    models = pytest.importorskip("gensim.models")
    run = train(corpus, begin(corpus, SMALL.changed(steps=20)), quiet=True)
    path = tmp_path / f"vectors{suffix}"

    export(run.tables.embedding, run.words, path)

    theirs = models.KeyedVectors.load_word2vec_format(path, binary=suffix == ".bin")
    assert list(run.words) == theirs.index_to_key
    np.testing.assert_array_equal(run.tables.embedding, theirs.vectors)
    words, vectors = load_vectors(path)
    assert run.words == words
    np.testing.assert_array_equal(run.tables.embedding, vectors)


def test_projection(tmp_path):
    """The plane holds the two directions that differ most; its picture and page name every word."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(6, 6, generator=generator))[0][:3]
    vectors = torch.cat([directions[[i]] + 0.01 * torch.randn(20, 6, generator=generator) for i in range(3)])
    places = project(vectors)

    groups = places.reshape(3, 20, 2)
    within = groups.std(1).max()
    between = torch.cdist(groups.mean(1), groups.mean(1)) + torch.eye(3)
    assert between.min() > 10 * within
    words = [f"<w{i}>" for i in range(60)]
    save_plane(places, words, tmp_path / "p.html")
    assert all(f"&lt;w{i}&gt;" in (tmp_path / "p.html").read_text(encoding="utf-8") for i in range(60))
    save_plane(places, words, tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(Word2VecError, match=r"ends in '.gif'"):
        save_plane(places, words, tmp_path / "p.gif")


def test_files_are_whole_or_not_there(tmp_path):
    """What fails while it is written leaves the old file, and no other."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    with pytest.raises(ZeroDivisionError), written(path) as file:
        file.write(b"half")
        raise ZeroDivisionError
    with pytest.raises(Word2VecError, match="No space left"), written(path) as file:
        raise OSError(28, "No space left on device")

    assert [path] == list(tmp_path.iterdir())
    assert b"old" == path.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_told(corpus, tmp_path, monkeypatch):
    """A disk that takes no more ends in a sentence."""
    run = begin(corpus, SMALL)
    save(run, tmp_path)
    old = (tmp_path / "checkpoint.npz").read_bytes()
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode="r", *rest: opened(Path("/dev/full"), mode, *rest))
    monkeypatch.setattr(Path, "replace", lambda *_: pytest.fail("a half-written file took the old one's place"))

    with pytest.raises(Word2VecError, match="No space left"):
        save(run._replace(step=7), tmp_path)

    monkeypatch.undo()
    assert old == (tmp_path / "checkpoint.npz").read_bytes()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vocabulary": 0}, "vocabulary is 0"),
        ({"learning_rate": float("nan")}, "learning rate is nan"),
        ({"model": "bag"}, "there are skip-gram, cbow"),
        ({"negatives": 50_000}, "fewer negatives"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    """Each is refused with what was given and what is expected."""
    with pytest.raises(Word2VecError, match=words):
        Settings(**settings)


@pytest.fixture
def text(tmp_path) -> Path:
    assert 0 == main(["planted", str(tmp_path / "t.txt"), "--tokens", "3000", "--topics", "3", "--seed", "1"])
    return tmp_path / "t.txt"


FEW = ["--steps", "60", "--embedding", "4", "--batch", "8", "--negatives", "3"]


def test_the_command_line(text, tmp_path, capsys):
    """Train, resume, neighbours, project and export, as the help says it."""
    out = str(tmp_path / "out")
    assert 0 == main(["train", str(text), "--output", out, *FEW])
    assert 0 == main(["train", str(text), "--output", out, *FEW, "--steps", "90", "--resume"])
    assert 90 == load(tmp_path / "out").step
    word = load(tmp_path / "out").words[1]
    capsys.readouterr()

    assert 0 == main(["neighbours", out, word, "--json", "--count", "3"])
    found = json.loads(capsys.readouterr().out)
    assert [word] == list(found)
    assert 3 == len(found[word])
    assert all(isinstance(name, str) and -1 <= cosine <= 1 for name, cosine in found[word])
    assert 0 == main(["project", out, "--save", str(tmp_path / "p.html")])
    assert 0 == main(["export", out, str(tmp_path / "v.bin")])
    assert load(tmp_path / "out").words == load_vectors(tmp_path / "v.bin")[0]


def test_tensorboard_is_shown_the_run(text, tmp_path, monkeypatch):
    """Curves that a resumed run continues, vectors that are read back, and tables with the bits they have without."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = pytest.importorskip("tensorboard.plugins.projector.projector_config_pb2").ProjectorConfig()
    text_format = pytest.importorskip("google.protobuf.text_format")
    for module in ("training", "board"):
        monkeypatch.setattr(f"gradflow.experiments.word2vec.{module}.REPORT", 20)
    out, plain, board = tmp_path / "out", tmp_path / "plain", tmp_path / "out" / "tensorboard"
    options = ["train", str(text), *FEW, "--checkpoint-every", "30"]
    assert 0 == main([*options, "--output", str(plain), "--steps", "110"])

    assert 0 == main([*options, "--output", str(out), "--tensorboard", "--steps", "30"])
    kept = (out / "checkpoint.npz").read_bytes()
    for steps in ("70", "110"):
        assert 0 == main([*options, "--output", str(out), "--tensorboard", "--steps", steps, "--resume"])
    (out / "checkpoint.npz").write_bytes(kept)  # as if the run had been killed before the next checkpoint
    for _ in range(2):  # the second time there is nothing left to do
        assert 0 == main([*options, "--output", str(out), "--tensorboard", "--steps", "110", "--resume"])

    assert same(load(plain), load(out))
    events = accumulator.EventAccumulator(str(board)).Reload()
    assert [20, 30, 40, 60, 80, 100, 110] == [point.step for point in events.Scalars("loss")]
    seen = {point.step: point.value for point in events.Scalars("loss")}
    expected = dict(zip((20, 40, 60, 80, 100), load(plain).losses, strict=True)) | {110: load(plain).pending / 10}
    assert expected == pytest.approx({step: seen[step] for step in expected})
    assert all(point.value > 0 for point in events.Scalars("words per second"))
    shown = text_format.Parse((board / "projector_config.pbtxt").read_text(encoding="utf-8"), config).embeddings[0]
    vectors = np.loadtxt(board / shown.tensor_path, delimiter="\t", dtype=np.float32)
    np.testing.assert_array_equal(load(out).tables.embedding, vectors)
    assert list(load(out).words) == (board / shown.metadata_path).read_text(encoding="utf-8").splitlines()


def test_tensorboard_is_asked_for(text, tmp_path, monkeypatch, capsys):
    """Where it is not installed, one line names what to install, before any work."""
    for module in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "gradflow.experiments.word2vec.board", raising=False)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    capsys.readouterr()

    assert 2 == main(["train", str(text), "--output", str(tmp_path / "out"), *FEW, "--tensorboard"])

    told = capsys.readouterr().err.splitlines()
    assert 1 == len(told)
    assert "gradflow-book[tensorboard]" in told[0]
    assert not (tmp_path / "out").exists()


def test_tensorboard_that_cannot_be_written(text, capsys):
    """A file in the place of its folder is told in one line."""
    pytest.importorskip("tensorboard")
    capsys.readouterr()

    assert 2 == main(["train", str(text), "--output", str(text), *FEW, "--tensorboard"])

    assert "cannot be written" in capsys.readouterr().err


def test_the_help_of_python_is_a_text(tmp_path, monkeypatch):
    """Where nothing else is at hand: enough words, and Python's own."""
    pytest.importorskip("pydoc_data.topics")
    monkeypatch.chdir(tmp_path)

    assert 0 == main(["train", "python", "--output", "out", *FEW])
    assert {"function", "class", "import"} < set(load(tmp_path / "out").words[:300])


def test_presets_and_what_overrides_them(text, tmp_path):
    """A preset sets what it names; an option given beside it has the last word."""
    assert 0 == main(["train", str(text), "--output", str(tmp_path / "a"), "--preset", "good", *FEW])
    options = ["--preset", "good", "--initial", "unit", *FEW]
    assert 0 == main(["train", str(text), "--output", str(tmp_path / "b"), *options])

    good, changed = (load(tmp_path / name).settings for name in "ab")
    assert PRESETS["good"] == {name: getattr(good, name) for name in PRESETS["good"]}
    assert good.changed(initial="unit") == changed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "missing.txt", "--output", "o"], "there is no missing.txt"),
        (["train", "empty.txt", "--output", "o"], "holds no words"),
        (["train", "latin.txt", "--output", "o"], "not UTF-8"),
        (["train", "t.txt", "--output", "o", "--negatives", "500"], "cannot be drawn from a vocabulary of"),
        (["train", "t.txt", "--output", "o", "--embedding", "0"], "embedding is 0"),
        (["train", "t.txt", "--output", "o", "--threads", "0"], "--threads is 0"),
        (["train", "t.txt", "--output", "o", "--resume"], "train with --output o first"),
        (["train", "t.txt", "--output", "done"], "give --resume, or another --output"),
        (["train", "t.txt", "--output", "done", *FEW, "--batch", "9", "--resume"], "batch was 8 and is 9"),
        (["train", "other.txt", "--output", "done", *FEW, "--resume"], "another text"),
        (["train", "t.txt", "--output", "broken", *FEW, "--resume"], "is damaged"),
        (["neighbours", "broken", "a"], "is damaged"),
        (["neighbours", "done", "nothere"], "is not among"),
        (["neighbours", "nowhere", "a"], "there is no nowhere"),
        (["project", "done", "--save", "p.gif"], ".png or .html"),
        (["export", "done", "v.gz"], ".txt or .bin"),
        (["planted", "x.txt", "--tokens", "0"], "tokens is 0"),
    ],
)
def test_bad_input_is_one_line(text, tmp_path, monkeypatch, capsys, arguments, words):
    """One line that says what is wrong, exit code 2, and what was there stays as it was."""
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("", encoding="utf-8")
    Path("latin.txt").write_bytes("Öl".encode("latin-1"))
    assert 0 == main(["train", "t.txt", "--output", "done", *FEW])
    Path("broken").mkdir()
    Path("broken", "checkpoint.npz").write_bytes(Path("done", "checkpoint.npz").read_bytes()[:900])
    Path("other.txt").write_text(text.read_text(encoding="utf-8")[::-1], encoding="utf-8")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    capsys.readouterr()

    assert 2 == main(arguments)

    told = capsys.readouterr().err.strip().splitlines()
    assert words in told[-1]
    assert [] == [line for line in told[:-1] if "Traceback" in line]
    assert before == {path: path.read_bytes() for path in before}


def test_a_foreign_file_is_no_checkpoint(tmp_path):
    """A numpy file of something else, a text, and a checkpoint whose tables do not fit."""
    path = tmp_path / "checkpoint.npz"
    np.savez(path, a=np.zeros(3))
    with pytest.raises(Word2VecError, match="not a checkpoint"):
        load(tmp_path)
    path.write_text("hello", encoding="utf-8")
    with pytest.raises(Word2VecError, match="not a checkpoint"):
        load(tmp_path)
    corpus = from_words([list("abcabc")], 9)
    run = begin(corpus, Settings(embedding=2, batch=2, negatives=1))
    save(run._replace(tables=run.tables._replace(bias=torch.zeros(9))), tmp_path)
    with pytest.raises(Word2VecError, match="is damaged"):
        load(tmp_path)


def killed_and_resumed(folder: Path, text: Path, options: list[str], kills: int, seed: int) -> int:
    """Start a run, kill it at random moments, resume it; how often it was killed while at work."""
    program = [sys.executable, "-m", "gradflow.experiments.word2vec", "train"]
    command = [*program, str(text), "--output", str(folder), *options]
    chance, killed = random.Random(seed), 0
    while killed < kills:
        resumed = ["--resume"] if (folder / "checkpoint.npz").exists() else []
        process = subprocess.Popen([*command, *resumed], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        seen = (folder / "checkpoint.npz").stat().st_mtime_ns if resumed else 0
        for _ in itertools.count():
            now = (folder / "checkpoint.npz").stat().st_mtime_ns if (folder / "checkpoint.npz").exists() else 0
            if now != seen or process.poll() is not None:
                break
            time.sleep(0.002)
        time.sleep(chance.random() * 0.1)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        elif process.returncode:
            raise AssertionError(process.stderr.read().decode())
        process.communicate()
        load(folder)  # whole, whenever the end came
        if load(folder).step == load(folder).settings.steps:
            break
    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    return killed


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_lose_nothing(tmp_path, kills):
    """Killed at random moments, between and during the writing of checkpoints: the end has the same bits."""
    text = tmp_path / "t.txt"
    main(["planted", str(text), "--tokens", "60000", "--topics", "5"])
    options = ["--steps", str(2000 * kills), "--embedding", "128", "--checkpoint-every", "37", "--negatives", "8"]
    main(["train", str(text), "--output", str(tmp_path / "whole"), *options])

    killed = killed_and_resumed(tmp_path / "cut", text, options, kills, seed=kills)

    assert kills == killed
    assert same(load(tmp_path / "whole"), load(tmp_path / "cut"))
    left = {path.name for path in (tmp_path / "cut").iterdir()} - {"checkpoint.npz"}
    assert all(name.endswith(".part") for name in left)


def test_two_processes_give_what_one_gives(tmp_path):
    """Under torchrun each takes half of every batch; the tables agree to the rounding of float32."""
    text = tmp_path / "t.txt"
    main(["planted", str(text), "--tokens", "20000", "--topics", "5"])
    options = ["--steps", "300", "--embedding", "16", "--batch", "32", "--negatives", "8"]
    main(["train", str(text), "--output", str(tmp_path / "one"), *options])

    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command = ["gradflow.experiments.word2vec", "train", str(text), "--output", str(tmp_path / "two"), *options]
    run = subprocess.run([*launch, *command], capture_output=True, text=True)

    assert 0 == run.returncode, run.stderr
    one, two = load(tmp_path / "one"), load(tmp_path / "two")
    for alone, shared in zip(one.tables, two.tables, strict=True):
        np.testing.assert_allclose(alone, shared, atol=1e-5)
    assert one.pending == pytest.approx(two.pending, rel=1e-5)
