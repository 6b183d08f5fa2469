"""Run a chapter, and for each puzzle in it the program that its solution gives: what plain PyTorch then does.

Run as a program with the path of a notebook, it prints as JSON the page of each puzzle, and what came.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import pytest
import torch
from chapters import executed

import gradflow as gf

# A leaf has a node of its own, and a linear layer one that turns its weight round: they are no recorded operations.
NO_OPS = ("AccumulateGrad", "TBackward0")


class Backward:
    """Counts the backward operations that PyTorch really runs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ran = 0
        plain = torch.Tensor.backward

        def counted(loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
            waiting, seen = [loss.grad_fn], set()
            while waiting:
                node = waiting.pop()
                if node is None or node in seen:
                    continue
                seen.add(node)
                waiting += [before for before, _ in node.next_functions]
                if not node.name().endswith(NO_OPS):
                    node.register_prehook(self._count)
            plain(loss, *args, **kwargs)

        patch.setattr(torch.Tensor, "backward", counted)

    def _count(self, gradients: Any) -> None:
        self.ran += 1


def really(figure: gf.Figure, namespace: dict[str, Any]) -> dict[str, Any]:
    """What the program of a solution does to the parameters of its puzzle."""
    tensors = {name: reference() for name, reference in figure.subject.graph.parameters.items()}
    assert None not in tensors.values(), "a parameter of the puzzle is gone"
    for tensor in tensors.values():
        tensor.grad = None
    with pytest.MonkeyPatch.context() as patch:
        counter = Backward(patch)
        exec(figure.puzzle.python, namespace)
    return {"reached": [name for name, one in tensors.items() if one.grad is not None], "ran": counter.ran}


def told(chapter: Path) -> list[dict[str, Any]]:
    """The puzzles of a chapter."""
    figures: list[gf.Figure] = []
    found = []
    plain = gf.puzzle

    def kept(*args: Any, **kwargs: Any) -> gf.Figure:
        figures.append(plain(*args, **kwargs))
        return figures[-1]

    gf.puzzle = kept
    for namespace in executed(chapter):
        while figures:
            figure = figures.pop()
            found.append({"html": figure.html(), "edit": figure.puzzle.edit, **really(figure, namespace)})
    return found


def main() -> None:
    """Run the chapter that is named."""
    chapter = Path(sys.argv[1]).resolve()
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.chdir(chapter.parent)
    with contextlib.redirect_stdout(sys.stderr):
        found = told(chapter)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
