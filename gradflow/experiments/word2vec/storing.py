"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gradflow.experiments.word2vec.errors import Word2VecError


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` when all is written and on the disk.

    If anything fails before that, what was at ``path`` is still there, and nothing else.

    Raises:
        Word2VecError: the disk is full, or the folder cannot be written to.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Word2VecError(f"{path} cannot be written: {error.strerror or error}; an old one stays") from None
    finally:
        part.unlink(missing_ok=True)


def ending(path: Path, *known: str) -> str:
    """How the name of a file ends.

    Raises:
        Word2VecError: in none of the known ways.

    Example:
        >>> ending(Path("vectors.bin"), ".txt", ".bin")
        '.bin'
    """
    if path.suffix not in known:
        found = path.suffix or "nothing"
        raise Word2VecError(f"{path.name} ends in {found!r}; give a name that ends in {' or '.join(known)}")
    return path.suffix
