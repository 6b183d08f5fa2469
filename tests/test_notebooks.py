"""The stored notebooks are complete.

nbval compares what a notebook prints with what is stored in it, and passes a cell that stores nothing. So a
notebook that was never run would pass; these checks close that gap.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest
from zoo import ZOO

import gradflow as gf
from gradflow.picture.choosing import choice_script
from gradflow.picture.element import parted, script

BLANK = "____"
BOOK = Path(__file__).parent.parent / "book"
NOTEBOOKS = sorted(path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def code_of_today() -> tuple[str, ...]:
    """The scripts of figures that together can do everything."""
    numbers = ZOO["scalar"]()
    puzzle = gf.puzzle(numbers, "Stop.", goal={"spared": ["w"]}, solution={"frozen": ["w"]})
    return parted(gf.draw(numbers).html())[1] + parted(puzzle.html())[1]


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


def unsolved(notebook: dict) -> list[str]:
    """The exercises with blanks that the cell below them does not fill, and nothing else."""
    found = []
    cells = [("".join(cell["source"]), cell["metadata"].get("tags", [])) for cell in notebook["cells"]]
    for (text, _), (solution, tags) in itertools.pairwise([*cells, ("", [])]):
        for stub in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
            filled = ".+".join(map(re.escape, stub.strip().split(BLANK)))
            if "solution" not in tags or not re.match(filled + r"($|\n)", solution):
                found.append(stub.strip().splitlines()[0])
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_the_code_of_figures_is_stored_once(path):
    """And it is that of today: nbval does not compare it."""
    outputs = [output for cell in json.loads(path.read_text("utf-8"))["cells"] for output in cell.get("outputs", ())]
    html = "\n".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)
    scripts = re.findall(r"<script>(\(\(\)=>.*?)</script>", html, re.DOTALL)

    assert sorted(set(scripts)) == sorted(scripts)
    today = {choice_script(), *(one.removeprefix("<script>").removesuffix("</script>") for one in code_of_today())}
    assert set(scripts) <= today
    assert ("<gf-figure" in html) == (script() in scripts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_exercises_are_solved(path):
    """Each exercise is followed by its solution, which differs from the stub in its blanks alone."""
    assert [] == unsolved(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("solution", "tags", "expected"),
    [
        ("y = f(x.detach())\nassert y", ["solution"], []),
        ("y = g(x.detach())", ["solution"], ["y = f(____)"]),
        ("y = f(x.detach())", [], ["y = f(____)"]),
        ("y = f(x.detach()) + 1", ["solution"], ["y = f(____)"]),
    ],
)
def test_an_unsolved_exercise_is_found(solution, tags, expected):
    """A solution that is another program, or that is missing, is found."""
    task = {"cell_type": "markdown", "source": "Fill:\n```python\ny = f(____)\n```", "metadata": {}}
    answer = {"cell_type": "code", "source": solution, "metadata": {"tags": tags}}
    assert expected == unsolved({"cells": [task, answer]})


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
