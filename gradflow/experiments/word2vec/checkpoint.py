"""The state of a run on disk: whole or not at all, and only of this kind of run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch

from gradflow.experiments.word2vec.errors import Word2VecError
from gradflow.experiments.word2vec.settings import Settings
from gradflow.experiments.word2vec.storing import written
from gradflow.experiments.word2vec.tables import Tables

NAME = "checkpoint.npz"
FORMAT = 1


class Checkpoint(NamedTuple):
    """All that a run needs to go on, bit for bit.

    There is no state of a random generator in it: what is drawn for a step follows from the seed and the step. Plain
    gradient descent has no state either. So the place in the text and all later draws follow from ``step``.

    Attributes:
        settings: of the run.
        step: how many steps were done.
        tables: as they are after them.
        words: of the vocabulary.
        counts: ``i64[word]``.
        corpus: a fingerprint of the text, so that another text is noticed.
        losses: the mean loss of each stretch of `training.REPORT` steps so far.
        pending: the sum of the losses of the steps since then, added one by one: where a run was stopped does not show.
    """

    settings: Settings
    step: int
    tables: Tables
    words: tuple[str, ...]
    counts: np.ndarray
    corpus: str
    losses: tuple[float, ...] = ()
    pending: float = 0.0

    def up_to(self, steps: int) -> Checkpoint:
        """The same state of a run that has ``steps`` steps in all."""
        return self._replace(settings=self.settings.changed(steps=steps))


def save(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write a checkpoint, in the place of the one before.

    Raises:
        Word2VecError: it cannot be written; the one before is still there.
    """
    told = {
        "format": FORMAT,
        "settings": checkpoint.settings.as_dict(),
        "step": checkpoint.step,
        "corpus": checkpoint.corpus,
        "losses": checkpoint.losses,
        "pending": checkpoint.pending,
    }
    arrays = {name: table.numpy() for name, table in checkpoint.tables._asdict().items()}
    words = np.frombuffer("\n".join(checkpoint.words).encode(), dtype=np.uint8)
    with written(folder / NAME) as file:
        _pack(file, **arrays, counts=checkpoint.counts, words=words, told=np.array(json.dumps(told)))
    return folder / NAME


def _pack(file: BinaryIO, **arrays: np.ndarray) -> None:
    """`np.savez`, without its copy of 16 MB of an array."""
    with zipfile.ZipFile(file, "w") as packed:
        for name, array in arrays.items():
            with packed.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
                member.write(array.data)


def load(folder: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        Word2VecError: there is none, it is damaged, or it is something else.
    """
    path = folder / NAME
    try:
        with np.load(path, allow_pickle=False) as stored:
            told = json.loads(str(stored["told"]))
            if told["format"] != FORMAT:
                raise Word2VecError(f"{path} has format {told['format']}, and this version reads {FORMAT}")
            settings = Settings.from_dict(told["settings"])
            tables = Tables(*(torch.from_numpy(stored[name]) for name in Tables._fields))
            words = tuple(stored["words"].tobytes().decode().split("\n"))
            reported = tuple(told["losses"]), told["pending"]
            checkpoint = Checkpoint(settings, told["step"], tables, words, stored["counts"], told["corpus"], *reported)
    except FileNotFoundError:
        raise Word2VecError(f"there is no {path}; train with --output {folder} first") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise Word2VecError(f"{path} is not a checkpoint of word2vec, or is damaged: {error}") from None
    _check(checkpoint, path)
    return checkpoint


def _check(checkpoint: Checkpoint, path: Path) -> None:
    """Refuse tables that do not fit together."""
    rows, dim = checkpoint.settings.vocabulary, checkpoint.settings.embedding
    shapes = tuple(tuple(table.shape) for table in checkpoint.tables)
    if shapes != ((rows, dim), (rows, dim), (rows,)) or len(checkpoint.words) != len(checkpoint.counts):
        raise Word2VecError(f"{path} is damaged: its tables have shapes {shapes} for a vocabulary of {rows} × {dim}")
