"""Chapters with one of their cuts removed: each must be noticed.

Run as a program, it makes every mutant of every chapter (or of those named), runs it, and prints what noticed it.
"""

from __future__ import annotations

import ast
import io
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted(path for path in (ROOT / "book").glob("*.ipynb") if path.stem != "index")
NOTHING = '__import__("contextlib").nullcontext()'
UNCHANGED = "(lambda function: function)"


class Cell(NamedTuple):
    """A code cell; ``fails`` if an error is expected of it."""

    source: str
    fails: bool


class Edit(NamedTuple):
    """A piece of a cell, by bytes, and what stands there instead."""

    start: int
    end: int
    text: str


class Mutant(NamedTuple):
    """A chapter with one edit."""

    chapter: Path
    cell: int
    edit: Edit
    line: str

    def __str__(self) -> str:
        return f"{self.chapter.stem}, cell {self.cell + 1}: {self.line}"


class Outcome(NamedTuple):
    """How a chapter ran: ``cell`` is the first that surprised, or None."""

    cell: int | None
    error: str = ""


def cells(chapter: Path) -> list[Cell]:
    """The code cells of a notebook."""
    notebook = json.loads(chapter.read_text(encoding="utf-8"))
    return [
        Cell("".join(cell["source"]), "raises-exception" in cell["metadata"].get("tags", ()))
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    ]


def mutants(chapter: Path) -> list[Mutant]:
    """A mutant for each cut in the cells of a chapter."""
    found = []
    for i, cell in enumerate(cells(chapter)):
        for edit in edits(cell.source):
            before = cell.source.encode()[: edit.start].count(b"\n")
            found.append(Mutant(chapter, i, edit, cell.source.splitlines()[before].strip()))
    return found


def edits(source: str) -> list[Edit]:
    """An edit for each cut in a piece of Python that removes it.

    >>> [applied("y = x.detach() * 2", edit) for edit in edits("y = x.detach() * 2")]
    ['y = x * 2']
    """
    tree = ast.parse(source)
    decorators = {
        id(decorator)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        for decorator in node.decorator_list
    }
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int | None, column: int | None) -> int:
        return starts[(line or 1) - 1] + (column or 0)

    def whole(node: ast.expr, text: str) -> Edit:
        return Edit(at(node.lineno, node.col_offset), at(node.end_lineno, node.end_col_offset), text)

    def behind(node: ast.expr, inner: ast.expr) -> Edit:
        end = at(inner.end_lineno, inner.end_col_offset)
        outer = source.encode()[end : at(node.end_lineno, node.end_col_offset)]
        parentheses = outer[: len(outer) - len(outer.lstrip(b") \n"))].count(b")")
        return Edit(end, at(node.end_lineno, node.end_col_offset), ")" * parentheses)

    def found() -> Iterator[Edit]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr == "data" and isinstance(node.ctx, ast.Load):
                yield behind(node, node.value)
            if isinstance(node, ast.Assign) and _is_false(node.value) and _is_flag(node.targets[0]):
                yield whole(node.value, "True")
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name in ("detach", "detach_") and isinstance(node.func, ast.Attribute):
                    yield behind(node, node.func.value)
                elif name in ("no_grad", "inference_mode"):
                    yield whole(node, UNCHANGED if id(node) in decorators else NOTHING)
                elif name in ("set_grad_enabled", "requires_grad_") and node.args and _is_false(node.args[0]):
                    yield whole(node.args[0], "True")
                for keyword in node.keywords:
                    if keyword.arg == "requires_grad" and _is_false(keyword.value):
                        yield whole(keyword.value, "True")
                    elif keyword.arg == "inputs" and name in ("backward", "flow", "grad"):
                        yield whole(keyword.value, "None")

    return sorted(found())


def _is_flag(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "requires_grad"


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def applied(source: str, edit: Edit) -> str:
    """The source with the edit made."""
    raw = source.encode()
    return (raw[: edit.start] + edit.text.encode() + raw[edit.end :]).decode()


def run(code: list[Cell]) -> Outcome:
    """Run cells one after the other, as a notebook does, up to the first that does what is not expected of it."""
    import matplotlib
    from IPython.core.interactiveshell import InteractiveShell

    matplotlib.use("agg")
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    os.chdir(ROOT / "book")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for i, cell in enumerate(code):
            result = shell.run_cell(cell.source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
            if error is not None and not cell.fails:
                return Outcome(i, type(error).__name__)
            if error is None and cell.fails:
                return Outcome(i, "no error, where one is expected")
    return Outcome(None)


def outcome(chapter: Path, mutant: Mutant | None = None) -> Outcome:
    """Run a chapter, or a mutant of it."""
    code = cells(chapter)
    if mutant is not None:
        code[mutant.cell] = code[mutant.cell]._replace(source=applied(code[mutant.cell].source, mutant.edit))
    return run_apart(code)


def run_apart(code: list[Cell]) -> Outcome:
    """Run cells in a process of their own.

    Raises:
        RuntimeError: the process died, which says nothing about the cells.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_send_outcome, args=(code, sender))
    child.start()
    sender.close()
    try:
        return Outcome(*receiver.recv())
    except EOFError:
        raise RuntimeError("the process that ran the chapter died") from None
    finally:
        child.join()


def _send_outcome(code: list[Cell], sender: multiprocessing.connection.Connection) -> None:
    sender.send(tuple(run(code)))
    sender.close()


def main() -> int:
    """Print every mutant and what noticed it."""
    import torch  # noqa: F401, the processes are forked from one that has it

    named = [chapter for chapter in CHAPTERS if not sys.argv[1:] or chapter.stem in sys.argv[1:]]
    every = [mutant for chapter in named for mutant in mutants(chapter)]
    unseen = 0
    for mutant in tqdm(every, unit="mutant", file=sys.stderr):
        seen = outcome(mutant.chapter, mutant)
        told = "NOT NOTICED" if seen.cell is None else f"{seen.error} in cell {seen.cell + 1}"
        unseen += seen.cell is None
        tqdm.write(f"{told:<30} {mutant}", file=sys.stdout)
    print(f"{len(every)} mutants, {unseen} not noticed")
    return 1 if unseen else 0


if __name__ == "__main__":
    raise SystemExit(main())
