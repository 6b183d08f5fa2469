"""A run: step after step, with progress, reports and checkpoints."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import reduce
from operator import add
from pathlib import Path

import torch
from tqdm import tqdm

from gradflow.experiments.word2vec.checkpoint import NAME, Checkpoint, load, save
from gradflow.experiments.word2vec.corpus import Corpus
from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.feed import BLOCK, Feed
from gradflow.experiments.word2vec.settings import Settings
from gradflow.experiments.word2vec.tables import Tables, initial
from gradflow.experiments.word2vec.updates import STEPS, Step

REPORT = 5_000  # steps whose mean loss is reported, as in the source

Report = Callable[[int, float], None]
"""``report(step, loss)``: the mean loss of the `REPORT` steps before ``step``."""


def begin(corpus: Corpus, settings: Settings) -> Checkpoint:
    """A run before its first step; the vocabulary is no larger than the text has words.

    Raises:
        Word2VecError: more negatives than words.
    """
    settings = _of_its_words(settings, corpus)
    return Checkpoint(settings, 0, initial(settings), corpus.words, corpus.counts, fingerprint(corpus))


def resume(corpus: Corpus, settings: Settings, folder: Path) -> Checkpoint:
    """The run whose checkpoint is in a folder.

    Raises:
        Word2VecError: there is none, or it is of another text or of other settings. More ``steps`` are fine.
    """
    found = load(folder)
    settings = _of_its_words(settings, corpus)
    stored, given = found.settings.as_dict(), settings.as_dict()
    changed = [name for name in given if name != "steps" and stored[name] != given[name]]
    if changed:
        told = ", ".join(f"{name} was {stored[name]} and is {given[name]}" for name in changed)
        raise Word2VecError(f"{folder / NAME} is of another run: {told}; give the old values, or another --output")
    if found.corpus != fingerprint(corpus):
        raise Word2VecError(f"{folder / NAME} was trained on another text; give that one, or another --output")
    return found._replace(settings=settings)


def train(
    corpus: Corpus,
    start: Checkpoint,
    *,
    folder: Path | None = None,
    every: int = 1_000,
    threads: int = 1,
    step: Step | None = None,
    report: Report | None = None,
    quiet: bool = False,
) -> Checkpoint:
    """Go on from ``start`` up to ``settings.steps``.

    Whether it is done in one go or in several makes no difference, not by a bit.

    Args:
        corpus: the text.
        start: from `begin` or `resume`; its tables are changed in place.
        folder: where checkpoints go; none are written without.
        every: steps from checkpoint to checkpoint.
        threads: that PyTorch may use within an operation.
        step: what makes one step, instead of ``settings.update``.
        report: called with each mean loss.
        quiet: whether to show no progress bar.

    Returns:
        The end of the run.

    Raises:
        Word2VecError: the loss is no longer a number, or a checkpoint cannot be written.

    Example:
        >>> from gradflow.experiments.word2vec.corpus import from_words
        >>> text = from_words([["a", "b", "a", "c"] * 50], vocabulary=4)
        >>> small = Settings(vocabulary=4, embedding=2, batch=4, negatives=2, steps=10)
        >>> train(text, begin(text, small), quiet=True).step
        10
    """
    settings = start.settings
    feed, now = Feed(corpus, settings), start
    with _threads(threads), _bar(now, settings, quiet) as bar:
        while now.step < settings.steps:
            last = min(settings.steps, _next(now.step, every), _next(now.step, REPORT), _next(now.step, BLOCK))
            pending = reduce(add, _stretch(now.tables, feed, now.step, last, step), now.pending)
            if not math.isfinite(pending):
                raise Word2VecError(f"the loss is {pending} before step {last}; a smaller learning rate may help")
            now = now._replace(step=last, pending=pending)
            if last % REPORT == 0:
                mean = now.pending / REPORT
                now = now._replace(losses=(*now.losses, mean), pending=0.0)
                if report is not None:
                    report(last, mean)
                bar.set_postfix(loss=f"{mean:.2f}")
            if folder is not None and (last % every == 0 or last == settings.steps):
                save(now, folder)
            bar.update(last * words_a_step(settings) - bar.n)
    return now


def words_a_step(settings: Settings) -> float:
    """How many words of the text a step goes on by, on average."""
    return settings.batch if settings.model == "cbow" else settings.batch / (settings.window + 1)


def fingerprint(corpus: Corpus) -> str:
    """A few characters that another text, or another vocabulary, does not share."""
    digest = hashlib.sha256("\n".join(corpus.words).encode())
    digest.update(corpus.ids.data)
    return digest.hexdigest()[:32]


def _of_its_words(settings: Settings, corpus: Corpus) -> Settings:
    """The settings, with a vocabulary that the text can fill."""
    return settings.changed(vocabulary=min(settings.vocabulary, len(corpus.words)))


def _stretch(tables: Tables, feed: Feed, first: int, last: int, step: Step | None) -> Iterator[float]:
    """Make some steps; the loss of each."""
    settings = feed.settings
    if step is None and settings.backend == "numba":
        from gradflow.experiments.word2vec.fast import steps

        for block in feed.blocks(first, last):
            yield from steps(tables, block, settings.objective, settings.learning_rate).tolist()
    else:
        one = step or STEPS[settings.update]
        for batch in feed.steps(first, last):
            yield one(tables, batch, settings.objective, settings.learning_rate).item()


def _next(step: int, every: int) -> int:
    return step - step % every + every


def _bar(now: Checkpoint, settings: Settings, quiet: bool) -> tqdm:
    words = words_a_step(settings)
    return tqdm(
        total=settings.steps * words,
        initial=now.step * words,
        unit="word",
        unit_scale=True,
        disable=True if quiet else None,
    )


@contextmanager
def _threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
