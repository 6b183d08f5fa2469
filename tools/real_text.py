"""Train word2vec on real text, the documentation in five Debian packages: ``tests/data/word2vec_real_text.json``.

With the packages of Debian 12 in a folder ``debs``, ``python tools/real_text.py debs`` records it again:

    apt-get download linux-doc-6.1 dict-gcide python3.11-doc postgresql-doc-15 debian-handbook
"""

import datetime
import gzip
import html
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gradflow.experiments import word2vec as w2v

PACKAGES = {  # in the order of the text, with the files that are read
    "linux-doc-6.1": r"/html/.*\.html",
    "dict-gcide": r".*\.dict\.dz",
    "python3.11-doc": r"/html/.*\.html",
    "postgresql-doc-15": r"/html/.*\.html",
    "debian-handbook": r"/en-US/.*\.html",
}
LEFT_OUT = re.compile(r"/(genindex[^/]*|search|py-modindex|bookindex)\.html$")
NO_TEXT = re.compile(r"<(script|style|head|nav)\b.*?</\1>|<[^>]*>|\[1913 Webster\]", re.DOTALL)
WORDS = ["kernel", "memory", "function", "file", "table", "error", "water", "king", "red", "word"]
OUT = Path(__file__).parent.parent / "tests" / "data" / "word2vec_real_text.json"


def _of(package: Path, *question: str) -> bytes:
    return subprocess.run(["dpkg-deb", *question[:1], package, *question[1:]], check=True, capture_output=True).stdout


def texts(package: Path, wanted: str) -> Iterator[list[str]]:
    """The words of each wanted file of a package, in the order of their paths."""
    with tarfile.open(fileobj=io.BytesIO(_of(package, "--fsys-tarfile"))) as packed:
        files = {one.name: one for one in packed if one.isfile() and re.search(wanted + "$", one.name)}
        for name in sorted(files):
            if not LEFT_OUT.search(name):
                raw = packed.extractfile(files[name]).read()
                text = (gzip.decompress(raw) if name.endswith(".dz") else raw).decode(errors="replace")
                yield re.findall("[a-z]+", html.unescape(NO_TEXT.sub(" ", text)).lower())


def trained(corpus: w2v.Corpus, preset: str) -> dict[str, Any]:
    """A run at the article's full size: what it was, its losses, and six neighbours of each of `WORDS`."""
    settings = w2v.Settings(**w2v.PRESETS[preset])
    run = w2v.train(corpus, w2v.begin(corpus, settings), quiet=True)
    near = {word: w2v.neighbours(run.tables.embedding, run.words, word, 6) for word in WORDS}
    return {
        "settings": run.settings.as_dict(),
        "mean loss of each 5,000 steps": [round(loss, 3) for loss in run.losses],
        "neighbours": {word: [name for name, _ in found] for word, found in near.items()},
    }


def packages(folder: Path) -> Iterator[tuple[str, Iterator[list[str]]]]:
    """The name with the version, and the texts, of each package."""
    for name, wanted in PACKAGES.items():
        (package,) = folder.glob(f"{name}_*.deb")
        yield f"{name} {_of(package, '-f', 'Version').decode().strip()}", texts(package, wanted)


def read(folder: Path) -> tuple[w2v.Corpus, dict[str, int]]:
    """All texts in their order, and how many words each package has."""
    tokens: Counter[str] = Counter()

    def pieces() -> Iterator[list[str]]:
        for name, found in packages(folder):
            for words in found:
                tokens[name] += len(words)
                yield words

    return w2v.from_words(pieces(), w2v.Settings().vocabulary), dict(tokens)


if __name__ == "__main__":
    corpus, tokens = read(Path(sys.argv[1]))
    recorded = {
        "what": "word2vec on real text, once with the settings of the source and once with the good preset",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "torch": version("torch"),
        "cores": os.cpu_count(),
        "tokens": tokens,
        "note": "tools/real_text.py; small ASCII letters, without tags, menus, indexes and search pages",
        "runs": {preset: trained(corpus, preset) for preset in w2v.PRESETS},
    }
    OUT.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
