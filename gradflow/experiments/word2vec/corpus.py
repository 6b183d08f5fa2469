"""A text as numbers: the most common words, and a number for each word of the text."""

from __future__ import annotations

import codecs
import re
import zipfile
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gradflow.experiments.word2vec.errors import Word2VecError

UNKNOWN = "UNK"
PIECE = 1 << 16  # bytes read at a time, so that their words stay in the cache
PART = 1 << 20  # words counted at a time
TEXTS = {".txt", ".md", ".rst", ".html", ".htm"}
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_SPACES = str.maketrans({chr(i): " " for i in range(128) if not chr(i).isalpha()})  # the same for ASCII, but faster


class Corpus(NamedTuple):
    """A text and its vocabulary.

    Attributes:
        words: word ``i`` has number ``i``; 0 is `UNKNOWN`, then from the most common one on. Of two that are equally
            common the one that came first is first.
        counts: ``i64[word]``, how often each occurs; of `UNKNOWN`, how many words are none of the others.
        ids: ``i32[token]``, the text.
    """

    words: tuple[str, ...]
    counts: NDArray[np.int64]
    ids: NDArray[np.int32]


def read(source: Path, vocabulary: int) -> Corpus:
    """Read a text file, a zip of text files, or all text files of a folder, in UTF-8.

    A word is a run of letters, in small letters. HTML loses its tags.

    Args:
        source: what to read.
        vocabulary: how many words get a number of their own, `UNKNOWN` included; fewer if there are fewer.

    Raises:
        Word2VecError: it is not there, not UTF-8, or holds no word.
    """
    corpus = from_words((words_of(text) for text in _texts(source)), vocabulary)
    if not len(corpus.ids):
        raise Word2VecError(f"{source} holds no words; give a text with letters in it")
    return corpus


def from_words(pieces: Iterable[list[str]], vocabulary: int) -> Corpus:
    """Number the words of a text that comes in pieces.

    Example:
        >>> from_words([["to", "be", "or", "not", "to", "be"]], vocabulary=3).ids.tolist()
        [1, 2, 0, 0, 1, 2]
    """
    number: defaultdict[str, int] = defaultdict(count().__next__)  # in the order in which they come
    raw = array("i")
    for piece in pieces:
        raw.frombytes(np.fromiter(map(number.__getitem__, piece), np.int32, len(piece)).tobytes())
    ids = np.frombuffer(raw, dtype=np.int32)
    occurrences = _occurrences(ids, len(number))
    kept = np.argsort(-occurrences, kind="stable")[: vocabulary - 1]
    renumber = np.zeros(len(number), dtype=np.int32)
    renumber[kept] = np.arange(1, len(kept) + 1)
    for part in _parts(ids):
        part[:] = renumber[part]
    names = list(number)
    counts = np.concatenate([[len(ids) - occurrences[kept].sum()], occurrences[kept]])
    return Corpus((UNKNOWN, *(names[i] for i in kept)), counts, ids)


def _occurrences(ids: NDArray[np.int32], words: int) -> NDArray[np.int64]:
    """How often each number occurs, ``i64[word]``."""
    found = np.zeros(words, dtype=np.int64)
    for part in _parts(ids):
        found += np.bincount(part, minlength=words)
    return found


def _parts(ids: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    """A text in parts, for what would copy it: NumPy counts and looks up by int64."""
    return (ids[start : start + PART] for start in range(0, len(ids), PART))


def _texts(source: Path) -> Iterator[str]:
    """The text of a file, a zip or a folder, in pieces that end between two words, and in HTML behind a tag."""
    try:
        if source.is_dir():
            for path in sorted(path for path in source.rglob("*") if path.suffix.lower() in TEXTS and path.is_file()):
                with path.open("rb") as file:
                    yield from _decoded(file, path.suffix, str(path))
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as packed:
                for name in packed.namelist():
                    if not name.endswith("/"):
                        with packed.open(name) as member:
                            yield from _decoded(member, Path(name).suffix, f"{name} in {source}")
        else:
            with source.open("rb") as file:
                yield from _decoded(file, source.suffix, str(source))
    except FileNotFoundError:
        raise Word2VecError(f"there is no {source}; give a text file, a zip, a folder, or text8") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise Word2VecError(f"{source} cannot be read: {error}") from None


def _decoded(file: codecs._ReadableStream, suffix: str, name: str) -> Iterator[str]:
    html = suffix.lower() in (".html", ".htm")
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = ""
    try:
        while piece := file.read(PIECE):
            text = rest + decoder.decode(piece)
            end = 1 + (text.rfind(">") if html else max(text.rfind(" "), text.rfind("\n")))
            rest = text[end:]
            yield _plain(text[:end], html)
        yield _plain(rest + decoder.decode(b"", final=True), html)
    except UnicodeDecodeError as error:
        raise Word2VecError(f"{name} is not UTF-8 ({error.reason}); convert it first") from None


def _plain(text: str, html: bool) -> str:
    return re.sub(r"<[^>]*>", " ", text) if html else text


def words_of(text: str) -> list[str]:
    """The words of a text: its runs of letters, in small letters."""
    text = text.lower()
    return (text.translate(_SPACES) if text.isascii() else _NOT_LETTERS.sub(" ", text)).split()
