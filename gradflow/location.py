"""The line of the user's own code that is running."""

from __future__ import annotations

import inspect
import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

import torch

Called = TypeVar("Called", bound=Callable[..., Any])
_HIDDEN = tuple(
    os.path.join(os.path.realpath(folder), "")
    for folder in (os.path.dirname(torch.__file__), os.path.dirname(__file__))
)
_STDLIB = os.path.join(os.path.realpath(sysconfig.get_paths()["stdlib"]), "")
_STANDS_FOR: dict[CodeType, str] = {}
_CELL = re.compile(r"[/\\]ipykernel_\d+[/\\]\d+\.py$|^<ipython-input-")


def place(words: str) -> Callable[[Called], Called]:
    """A function of gradflow that stands where the user's line would: those words are the place of what it calls."""

    def register(function: Called) -> Called:
        _STANDS_FOR[inspect.unwrap(function).__code__] = words
        return function

    return register


class Locations:
    """The places seen in one trace, each stored once and put into words at the end."""

    def __init__(self) -> None:
        self._ids: dict[int, dict[int, int]] = {}
        self._places: list[tuple[CodeType, int]] = []
        self._own: dict[int, bool] = {}
        self._codes: list[CodeType] = []  # alive, so that no id is used twice

    def here(self, depth: int = 1) -> int:
        """The id of the line that called into PyTorch; -1 if no frame is the user's own."""
        return self.of(sys._getframe(depth + 1))

    def of(self, frame: FrameType | None) -> int:
        """The id of the first line outside torch, gradflow and the standard library, from a frame outwards."""
        own = self._own
        while frame is not None:
            code = frame.f_code
            mine = own.get(id(code))
            if mine is None:
                mine = self._learn(code)
            if mine:
                places = self._ids[id(code)]
                place = places.get(frame.f_lasti)
                if place is None:
                    place = places[frame.f_lasti] = len(self._places)
                    self._places.append((code, frame.f_lineno or code.co_firstlineno))
                return place
            frame = frame.f_back
        return -1

    def is_own(self, frame: FrameType) -> bool:
        """Whether a frame runs the user's own code."""
        mine = self._own.get(id(frame.f_code))
        return self._learn(frame.f_code) if mine is None else mine

    def words(self) -> list[tuple[str, str]]:
        """``file:line`` and that line, stripped, of each place; two empty strings at the end, for -1."""
        return [_words(code, line) for code, line in self._places] + [("", "")]

    def _learn(self, code: CodeType) -> bool:
        mine = code in _STANDS_FOR or is_own(code.co_filename)
        self._own[id(code)] = mine
        self._codes.append(code)
        if mine:
            self._ids[id(code)] = {}
        return mine


def _words(code: CodeType, line: int) -> tuple[str, str]:
    if code in _STANDS_FOR:
        return _STANDS_FOR[code], ""
    return f"{shown(code.co_filename)}:{line}", linecache.getline(code.co_filename, line).strip()


def is_own(filename: str) -> bool:
    """Whether code of that file is the user's: outside torch, gradflow and the standard library."""
    if filename.startswith("<frozen"):
        return False
    path = os.path.realpath(filename)
    if path.startswith(_HIDDEN):
        return False
    return not path.startswith(_STDLIB) or "site-packages" in path


def shown(filename: str) -> str:
    """A file name as figures show it: relative if below the working directory, ``cell`` in a notebook."""
    if _CELL.search(filename):
        return "cell"
    try:
        relative = os.path.relpath(filename)
    except (ValueError, OSError):
        return filename
    if filename.startswith("<") or relative.startswith(os.pardir):
        return filename
    return relative.replace(os.sep, "/")
