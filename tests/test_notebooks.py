"""The stored notebooks are complete.

nbval compares what a notebook prints with what is stored in it, and passes a cell that stores nothing. So a
notebook that was never run would pass; these checks close that gap.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

BOOK = Path(__file__).parent.parent / "book"
NOTEBOOKS = sorted(path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def faults(notebook: dict) -> list[str]:
    """What is wrong with a stored notebook, a sentence for each fault."""
    found = []
    if "widgets" in notebook["metadata"]:
        found.append("widget state is stored in the metadata")
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, start=1):
        lines = "".join(cell["source"]).rstrip().splitlines() or [""]
        tags = cell["metadata"].get("tags", [])
        if cell["execution_count"] != number:
            found.append(f"cell {number} has execution count {cell['execution_count']}; run it from the top")
        if lines[-1].endswith(";"):
            found.append(f"cell {number} ends in ';', which nbval does not honour")
        if len(lines) > 15:
            found.append(f"cell {number} has {len(lines)} lines; 15 fit on a page")
        if max(map(len, lines)) > 79:
            found.append(f"cell {number} has a line of {max(map(len, lines))} columns; 79 fit on a page")
        for output in cell["outputs"]:
            if output.get("name") == "stderr":
                found.append(f"cell {number} stores stderr")
            if output["output_type"] == "error" and "raises-exception" not in tags:
                found.append(f"cell {number} stores an error without the tag raises-exception")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_stored_notebook_is_complete(path):
    """Every notebook was run once from top to bottom, and stores nothing that it should not."""
    assert [] == faults(json.loads(path.read_text(encoding="utf-8")))


def test_there_are_notebooks():
    """The glob above finds the chapters."""
    assert NOTEBOOKS


def cell(source="x = 1", count=1, outputs=(), tags=()):
    return {
        "cell_type": "code",
        "source": [source],
        "execution_count": count,
        "outputs": list(outputs),
        "metadata": {"tags": list(tags)},
    }


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
STDERR = {"output_type": "stream", "name": "stderr", "text": ["a warning"]}


@pytest.mark.parametrize(
    ("cells", "metadata", "words"),
    [
        ([cell(count=None)], {}, "execution count None"),
        ([cell(), cell(count=3)], {}, "cell 2 has execution count 3"),
        ([cell("plot();")], {}, "ends in ';'"),
        ([cell("x\n" * 16)], {}, "16 lines"),
        ([cell("x" * 80)], {}, "80 columns"),
        ([cell(outputs=[STDERR])], {}, "stores stderr"),
        ([cell(outputs=[ERROR])], {}, "without the tag"),
        ([cell()], {"widgets": {}}, "widget state"),
    ],
)
def test_each_fault_is_found(cells, metadata, words):
    """Each rule finds a notebook that breaks it, and names the cell."""
    (fault,) = faults({"cells": cells, "metadata": metadata})

    assert words in fault


def test_an_expected_error_is_no_fault():
    """An error is fine in a cell that is tagged raises-exception."""
    assert [] == faults({"cells": [cell(outputs=[ERROR], tags=["raises-exception"])], "metadata": {}})
