"""The examples in the docstrings of gradflow, and in the README, print what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(path.stem for path in (ROOT / "gradflow").glob("*.py") if path.stem != "__main__")


@pytest.mark.parametrize("module", MODULES)
def test_docstring_examples(module):
    """Every `>>>` in a module prints what stands below it."""
    name = "gradflow" if module == "__init__" else f"gradflow.{module}"

    assert 0 == doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed


def test_readme_examples():
    """Every `>>>` in the README prints what stands below it."""
    assert 0 == doctest.testfile(str(ROOT / "README.md"), module_relative=False, encoding="utf-8").failed
