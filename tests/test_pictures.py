"""The pictures of the README are what the code draws."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(
    r'<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*<img src="([^"]+)" alt="([^"]+)"', README
)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with the pictures as they are drawn now."""
    folder = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, str(ROOT / "tools" / "pictures.py"), str(folder)]
    subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True)
    return folder


def test_pictures_are_up_to_date(drawn):
    """What stands in the book's folder is drawn again, byte for byte; where it is not: make pictures."""
    stored = ROOT / "book" / "_static" / "pictures"

    assert sorted(path.name for path in drawn.iterdir()) == sorted(path.name for path in stored.iterdir())
    for path in drawn.iterdir():
        assert path.read_bytes() == (stored / path.name).read_bytes(), f"{path.name} has changed: make pictures"


def test_every_picture_is_shown(drawn):
    """The README shows each picture, dark on a dark ground, and links to nothing else."""
    names = {path.name for path in drawn.iterdir()}

    assert names == {Path(shown).name for dark, light, _ in SHOWN for shown in (dark, light)}
    for dark, light, _ in SHOWN:
        assert light.replace("-light.svg", "-dark.svg") == dark
        assert (ROOT / light).is_file()


def test_pictures_in_words(drawn):
    """The text in place of a picture is the picture's own description."""
    for _, light, words in SHOWN:
        described = re.search("<desc>(.*?)</desc>", (drawn / Path(light).name).read_text(encoding="utf-8"))[1]

        assert unescape(described) == unescape(words)
