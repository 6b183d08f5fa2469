"""What the README shows is what its commands print."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import gradflow as gf
from gradflow.demo import example

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """What stands between the two comments of that name."""
    return re.search(f"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, re.DOTALL)[1]


def test_demo(tmp_path):
    """The block under `python -m gradflow demo` is what it prints, but for the place it saves to."""
    command = [sys.executable, "-m", "gradflow", "demo"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert block("demo") == f"```\n{printed}```\n"


def test_first_lines():
    """The first block of code runs, on the model of the demo."""
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    model, _ = example()()
    space = {"model": model, "x": torch.ones(5, 4)}
    exec(code, space)

    assert gf.Reason.DETACHED is gf.explain(space["flow"], "encoder.weight").reason


ROWS = (
    "chain of 10,000 operations: traced",
    "GPT-2 small's shape, 128 tokens: traced",
    "10,000 operations in 100 modules: to SVG",
    "GPT-2 small's shape: to SVG",
    "**gradflow**: forward, backward observed, SVG",
)


@pytest.mark.parametrize("row", ROWS)
def test_costs_are_from_the_benchmark(row):
    """The table of costs has the rows that the benchmark prints."""
    source = (Path(__file__).parent.parent / "benchmarks" / "__main__.py").read_text(encoding="utf-8")

    assert row in source
    assert f"| {row} | " in block("bench")
