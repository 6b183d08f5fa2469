"""The command line: ``python -m gradflow.experiments.word2vec``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from gradflow.experiments.word2vec import parallel, projection
from gradflow.experiments.word2vec.checkpoint import NAME, Checkpoint, load
from gradflow.experiments.word2vec.corpus import Corpus, read
from gradflow.experiments.word2vec.download import text8
from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.evaluation import neighbours
from gradflow.experiments.word2vec.library import python_help
from gradflow.experiments.word2vec.planted import planted, write
from gradflow.experiments.word2vec.settings import PRESETS, Settings
from gradflow.experiments.word2vec.training import begin, resume, train
from gradflow.experiments.word2vec.vectors import export

PROGRAM = "python -m gradflow.experiments.word2vec"
HELP = {
    "steps": "how many steps in all",
    "vocabulary": "how many words get a vector",
    "embedding": "numbers per word",
    "batch": "pairs a step",
    "window": "words looked at on each side",
    "negatives": "sampled words a step, shared by the batch",
    "learning_rate": "of gradient descent",
    "model": "what is given and what is guessed",
    "objective": "the loss",
    "update": "how a step is made; three ways to one result",
    "backend": "numba is a faster scatter, with pip install 'gradflow-book[fast]'",
    "initial": "the embedding begins between 0 and 1, or close to 0",
    "seed": "of the tables and of all that is drawn",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked. What cannot be done is told in one line, and the exit code is 2."""
    given = _parser().parse_args(arguments)
    try:
        given.run(given)
    except Word2VecError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; the last checkpoint is there, and --resume goes on from it", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(PROGRAM, description="word2vec: vectors for the words of a text.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    training = _command(commands, "train", _train, "learn vectors from a text")
    texts = "a text file, a zip, a folder of texts, text8 (31 MB, downloaded) or python (its help)"
    training.add_argument("corpus", help=texts)
    training.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the checkpoint")
    training.add_argument("--resume", action="store_true", help="go on from the checkpoint there")
    training.add_argument("--preset", choices=PRESETS, default="source", help="settings that others override")
    training.add_argument("--threads", type=int, default=1, help="threads within an operation (1)")
    training.add_argument("--checkpoint-every", type=int, default=1000, metavar="STEPS", help="(1000)")
    training.add_argument("--tensorboard", action="store_true", help="write curves and vectors to DIR/tensorboard")
    for field in fields(Settings):
        _add_setting(training, field.name, get_type_hints(Settings)[field.name], field.default)

    making = _command(commands, "planted", _planted, "make a text whose right neighbours are known")
    making.add_argument("file", type=Path, metavar="FILE", help="the text; the topics go to FILE.topics.json")
    for name, value in (("tokens", 1_000_000), ("topics", 200), ("seed", 0)):
        making.add_argument(f"--{name}", type=int, default=value, help=f"({value})")

    looking = _command(commands, "neighbours", _neighbours, "the words nearest to some words")
    looking.add_argument("folder", type=Path, metavar="DIR")
    looking.add_argument("words", nargs="+", metavar="WORD")
    looking.add_argument("--count", type=int, default=10, help="neighbours of each (10)")
    looking.add_argument("--json", action="store_true", help="{word: [[neighbour, cosine], …]}")

    drawing = _command(commands, "project", _project, "the most common words in the plane")
    drawing.add_argument("folder", type=Path, metavar="DIR")
    drawing.add_argument("--save", type=Path, required=True, metavar="FILE", help=".png or .html")
    drawing.add_argument("--words", type=int, default=300, help="how many (300)")
    drawing.add_argument("--method", choices=get_args(projection.Method), default="pca")

    writing = _command(commands, "export", _export, "the vectors as word2vec text or binary")
    writing.add_argument("folder", type=Path, metavar="DIR")
    writing.add_argument("file", type=Path, metavar="FILE", help=".txt or .bin")
    return parser


def _command(commands: Any, name: str, run: Any, told: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=told, description=told)
    command.set_defaults(run=run)
    return command


def _add_setting(parser: argparse.ArgumentParser, name: str, kind: Any, default: object) -> None:
    parser.add_argument(
        f"--{name.replace('_', '-')}",
        type=str if get_args(kind) else kind,
        choices=get_args(kind) or None,
        default=argparse.SUPPRESS,
        help=f"{HELP[name]} ({default})",
    )


def _train(given: argparse.Namespace) -> None:
    if given.tensorboard:
        from gradflow.experiments.word2vec.board import Board
    chosen = {field.name: getattr(given, field.name) for field in fields(Settings) if hasattr(given, field.name)}
    settings = Settings(**{**PRESETS[given.preset], **chosen})
    for name in ("threads", "checkpoint_every"):
        if getattr(given, name) < 1:
            raise Word2VecError(f"--{name.replace('_', '-')} is {getattr(given, name)}, and must be at least 1")
    if (given.output / NAME).exists() and not given.resume:
        raise Word2VecError(f"{given.output / NAME} is there already; give --resume, or another --output")
    first = parallel.processes() == 1 or parallel.join(settings) == 0
    corpus = _corpus(given.corpus, settings.vocabulary)
    run = resume(corpus, settings, given.output) if given.resume else begin(corpus, settings)
    board = Board(given.output / "tensorboard", run) if given.tensorboard and first else None

    def report(step: int, loss: float) -> None:
        _tell_loss(step, loss)
        if board:
            board.report(step, loss)

    if first:
        _tell_start(corpus, run)
    end = train(
        corpus,
        run,
        folder=given.output if first else None,
        every=given.checkpoint_every,
        threads=given.threads,
        step=parallel.shared if parallel.processes() > 1 else None,
        report=report if first else None,
        quiet=not first,
    )
    if parallel.processes() > 1:
        parallel.leave()
    if board:
        board.end(end)
    if first:
        print(f"{end.step} steps are done; {given.output / NAME}")


def _corpus(name: str, vocabulary: int) -> Corpus:
    if name == "python" and not Path(name).exists():
        return python_help(vocabulary)
    return read(text8() if name == "text8" and not Path(name).exists() else Path(name), vocabulary)


def _tell_start(corpus: Corpus, run: Checkpoint) -> None:
    wanted, found = run.settings.vocabulary, len(corpus.words)
    print(f"{len(corpus.ids):,} words, {found:,} of them different or {corpus.words[0]}; {wanted:,} get a vector")


def _tell_loss(step: int, loss: float) -> None:
    from tqdm import tqdm

    tqdm.write(f"step {step}: mean loss {loss:.4f}")


def _planted(given: argparse.Namespace) -> None:
    topics = write(planted(given.tokens, given.topics, given.seed), given.file)
    print(f"{given.file}: {given.tokens:,} words about {given.topics} topics, which {topics.name} names")


def _neighbours(given: argparse.Namespace) -> None:
    if given.count < 1:
        raise Word2VecError(f"--count is {given.count}, and must be at least 1")
    run = load(given.folder)
    found = {word: neighbours(run.tables.embedding, run.words, word, given.count) for word in given.words}
    if given.json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for word, near in found.items():
            print(f"{word}: {', '.join(f'{other} {cosine:.2f}' for other, cosine in near)}")


def _project(given: argparse.Namespace) -> None:
    run = load(given.folder)
    some = slice(1, 1 + given.words)
    projection.save(projection.project(run.tables.embedding[some], given.method), run.words[some], given.save)


def _export(given: argparse.Namespace) -> None:
    run = load(given.folder)
    export(run.tables.embedding, run.words, given.file)
