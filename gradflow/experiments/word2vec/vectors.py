"""Vectors in the two formats of word2vec's authors, which gensim and others read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from torch import Tensor

from gradflow.experiments.word2vec.storing import ending, written


def export(embedding: Tensor, words: Sequence[str], path: Path) -> None:
    """Write the vectors: as text if the name ends in ``.txt``, as float32 if it ends in ``.bin``.

    Both begin with the number of words and of dimensions. A text holds the numbers by `digits`.

    Args:
        embedding: ``f32[word, dim]``.
        words: the vocabulary.
        path: where to.

    Raises:
        Word2VecError: another ending, or it cannot be written.
    """
    binary = ending(path, ".txt", ".bin") == ".bin"
    vectors = embedding.numpy()
    with written(path) as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, vector in zip(words, vectors, strict=True):
            if binary:
                file.write(word.encode() + b" " + vector.astype("<f4").tobytes() + b"\n")
            else:
                file.write(f"{word} {digits(vector)}\n".encode())


def digits(vector: np.ndarray, between: str = " ") -> str:
    """Numbers with nine digits each, so that they are read as the same float32."""
    return between.join(format(number, ".9g") for number in vector)


def load_vectors(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """Read what `export` has written: the words, and ``f32[word, dim]``."""
    with path.open("rb") as file:
        count, dim = map(int, file.readline().split())
        words, vectors = [], np.empty((count, dim), dtype=np.float32)
        for vector in vectors:
            if path.suffix == ".bin":
                words.append(_up_to_space(file))
                vector[:] = np.frombuffer(file.read(4 * dim), dtype="<f4")
                file.read(1)
            else:
                word, *numbers = file.readline().decode().split(" ")
                words.append(word)
                vector[:] = numbers
    return tuple(words), vectors


def _up_to_space(file: BinaryIO) -> str:
    return b"".join(iter(lambda: file.read(1), b" ")).decode()
