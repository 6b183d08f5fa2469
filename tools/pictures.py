"""Draw the pictures of the README, in light and dark, from running code: ``python tools/pictures.py [FOLDER]``."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import re
import sys
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

import gradflow as gf
from gradflow.demo import example

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
FOLDER = ROOT / "book" / "_static" / "pictures"
THEMES = ("light", "dark")


def main() -> None:
    """Write every picture; in the usual folder, also what the README says in place of each."""
    parser = argparse.ArgumentParser(prog="python tools/pictures.py", description=main.__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="default: book/_static/pictures")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in PICTURES.items():
        for theme in THEMES:
            figure(theme).save(folder / f"{name}-{theme}.svg")
    if folder == FOLDER:
        README.write_text(described(README.read_text(encoding="utf-8")), encoding="utf-8")


def described(text: str) -> str:
    """The text of the README in which the words in place of each picture are the picture's own."""

    def with_words(match: re.Match[str]) -> str:
        words = re.search("<desc>(.*?)</desc>", (ROOT / match["file"]).read_text(encoding="utf-8"), re.DOTALL)
        return f'<img src="{match["file"]}" alt="{escape(unescape(words[1]))}">' if words else match[0]

    return re.sub(r'<img src="(?P<file>[^"]+\.svg)" alt="[^"]*">', with_words, text)


def demo(theme: str) -> gf.Figure:
    """The model of ``python -m gradflow demo``."""
    model, loss_fn = example()()
    with gf.trace(model) as t:
        loss = loss_fn()
    return gf.draw(t.flow(loss), theme=theme)


def of_example(name: str) -> Callable[[str], gf.Figure]:
    """The figure of a file in ``examples``, run from there, so that lines are told as ``net.py:12``."""

    def figure(theme: str) -> gf.Figure:
        folder = ROOT / "examples"
        sys.path.insert(0, str(folder))
        with contextlib.chdir(folder):
            drawn = importlib.import_module(name).figure(theme=theme)
        sys.path.remove(str(folder))
        return drawn

    return figure


PICTURES = {"demo": demo, "net": of_example("net"), "gpt2": of_example("gpt2")}

if __name__ == "__main__":
    main()
