"""How much a figure weighs on a page: sizes are the same on every machine, so they are asserted; times are not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch
from graphs import tower
from torch import nn
from zoo import ZOO

import gradflow as gf
from gradflow.picture.bundle import bundle
from gradflow.picture.element import parted, script

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))


def kilobytes(text: str) -> float:
    return len(text.encode()) / 1000


def beside(figure: gf.Figure) -> float:
    """What a figure weighs beside the code, which a page holds once."""
    return kilobytes(parted(figure.html())[0])


def test_the_code_is_small():
    """The code of the element with its style, as it stands in a page, and those that only some figures get."""
    assert kilobytes(script()) <= 60
    assert kilobytes(bundle("more_export.js", "false")) <= 15
    assert kilobytes(bundle("more_numbers.js", "false")) <= 15


@pytest.mark.parametrize("name", ["bridge", "gan", "multiples", "net", "scalar"])
def test_a_chapter_figure_is_small(name):
    """All pictures, the cards and the table take 60 kB at most."""
    assert beside(importlib.import_module(name).figure()) <= 60


def test_a_figure_of_fifteen_ops_is_small():
    """So do 15 ops that are stepped through."""
    model = nn.Sequential(*[layer for _ in range(7) for layer in (nn.Linear(4, 4), nn.Tanh())])
    with gf.trace(model, x=torch.ones(2, 4)) as t:
        loss = model(torch.ones(2, 4)).sum()
    flow = t.flow(loss)

    assert 15 == len(flow.graph.ops)
    assert beside(gf.draw(flow)) <= 60
    assert beside(gf.animate(flow)) <= 60


def test_twelve_blocks_are_small():
    """GPT-2 small's 12 blocks take far less than 300 kB, every parameter with a card, and the modules to open."""
    assert beside(importlib.import_module("gpt2").figure()) <= 300


@pytest.mark.parametrize("name", sorted(ZOO))
def test_every_model_of_the_zoo_is_small(name):
    assert beside(gf.draw(ZOO[name]())) <= (300 if "gpt2" in name else 100)


def test_a_page_does_not_grow_with_what_it_does_not_show():
    """Ten times as many blocks behind one mark change nothing but the counts."""
    small, big = (gf.draw(tower(blocks)).html() for blocks in (300, 3000))

    assert kilobytes(big) - kilobytes(small) < 2
