"""The examples in the docstrings of gradflow, and in the README, print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gradflow"
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__main__"
)


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    """Every `>>>` in a module prints what stands below it."""
    name = f"gradflow.{module}".removesuffix(".__init__")

    assert 0 == doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed


def test_readme_examples():
    """Every `>>>` in the README prints what stands below it."""
    assert 0 == doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8").failed
