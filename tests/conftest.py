"""What several tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """One browser for all tests of a module: playwright's event loop must not outlive it."""
    from browser import launched  # other tests need no browser

    with launched() as chromium:
        yield chromium


@pytest.fixture
def reader(browser, tmp_path: Path) -> Iterator[object]:
    """Opens pages; at the end of the test nothing may have gone wrong on them."""
    from browser import Reader

    reading = Reader(browser, tmp_path)
    yield reading
    reading.close()
    assert [] == reading.troubles
