"""text8: the first 100 MB of cleaned English Wikipedia, fetched when it is asked for."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tqdm import tqdm

from gradflow.experiments.word2vec.errors import Word2VecError

URL = "http://mattmahoney.net/dc/text8.zip"
SIZE = 31_344_016
SHA1 = "6c70299b93b7e1f927b42cd8f6ac1a31547c7a2e"


def cache() -> Path:
    """Where downloads are kept: ``$XDG_CACHE_HOME/gradflow`` or ``~/.cache/gradflow``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "gradflow")


def text8(folder: Path | None = None, url: str = URL, size: int = SIZE, sha1: str = SHA1) -> Path:
    """The path of text8.zip; it is fetched if it is not there, and verified.

    Args:
        folder: where it is kept; `cache` if none is given.
        url: from where.
        size: in bytes.
        sha1: of its content, as published by GluonNLP.

    Raises:
        Word2VecError: it cannot be fetched, or is another file than the one expected. Nothing is kept then.
    """
    target = (folder or cache()) / "text8.zip"
    if target.exists() and target.stat().st_size == size:
        return target
    part = target.with_suffix(".part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha1(usedforsecurity=False)
        with (
            urlopen(url, timeout=30) as answer,
            part.open("wb") as file,
            tqdm(total=size, unit="B", unit_scale=True, desc=target.name) as bar,
        ):
            while piece := answer.read(1 << 16):
                file.write(piece)
                digest.update(piece)
                bar.update(len(piece))
        if (part.stat().st_size, digest.hexdigest()) != (size, sha1):
            raise Word2VecError(f"{url} gave {part.stat().st_size} bytes that are not text8 ({size} bytes); try again")
        part.replace(target)
    except (URLError, OSError) as error:
        raise Word2VecError(f"{url} cannot be fetched ({error}); fetch it yourself and give its path") from None
    finally:
        part.unlink(missing_ok=True)
    return target
