"""Flows in rows and columns."""

from __future__ import annotations

import re

import pytest
from graphs import chain

from gradflow.errors import GradflowError
from gradflow.grid import checked_grid
from gradflow.text import grid_text

A, B, C = ("open", "task"), ("open", "penalty"), ("cut", "task")


def test_rows_and_columns_in_the_order_given():
    """Each row and each column comes once, where it was first named; a place may stay empty."""
    flow = chain()
    grid = checked_grid({A: flow, B: flow, C: flow})

    assert (("open", "cut"), ("task", "penalty")) == (grid.rows, grid.columns)
    assert flow is grid.at("cut", "task")
    assert grid.at("cut", "penalty") is None


def test_captions():
    """A caption belongs to its place."""
    grid = checked_grid({A: chain(), B: chain()}, {B: "b alone"})

    assert ("", "b alone") == (grid.caption(*A), grid.caption(*B))


def test_text_has_every_verdict():
    """The text says row, column, verdict and caption of every flow."""
    text = grid_text(checked_grid({A: chain(), C: chain()}, {C: "As before."}))

    lines = text.splitlines()
    assert ["open", "cut"] == [line for line in lines if line in ("open", "cut")]
    assert 2 == len(re.findall("    task: 2 of", text))
    assert text.replace("\n", " ").endswith("As before.")


@pytest.mark.parametrize(
    ("flows", "captions", "message"),
    [
        (None, None, "takes flows by (row, column), but got NoneType"),
        ({"task": chain()}, None, "got the key 'task'; expected two strings, (row, column)"),
        ({("a", 1): chain()}, None, "got the key ('a', 1)"),
        ({A: chain().graph}, None, "got Graph at ('open', 'task'); expected a Flow"),
        ({A: chain()}, "caption", "captions= takes texts by (row, column), but got str"),
        ({A: chain()}, {B: "text"}, "unknown place in the grid \"('open', 'penalty')\""),
        ({A: chain()}, {A: 3}, "captions= got int at ('open', 'task'); expected a text"),
    ],
)
def test_bad_input(flows, captions, message):
    """The message says what was given and what was expected."""
    with pytest.raises(GradflowError, match=re.escape(message)):
        checked_grid(flows, captions)
