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
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tqdm import tqdm

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell as Shell

ROOT = Path(__file__).parent.parent
Result = TypeVar("Result")
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


class Run(NamedTuple):
    """What became of a chapter: as it is, and of each of some mutants."""

    as_it_is: Outcome
    mutants: dict[Mutant, Outcome]


def run(chapter: Path, wanted: Iterable[Mutant] = ()) -> Run:
    """Run a chapter once. In front of a cell with mutants it is forked, and each fork goes on with its mutant.

    So a mutant takes no longer than from its cell to the surprise.
    """
    return _apart(_run, cells(chapter), tuple(wanted))


def run_cells(code: list[Cell]) -> Outcome:
    """Run cells up to the first that does what is not expected of it.

    Raises:
        RuntimeError: the process died, which says nothing about the cells.
    """
    return _apart(_run, code, ()).as_it_is


def _run(code: list[Cell], wanted: tuple[Mutant, ...]) -> Run:
    shell = _shell()
    seen = {}
    for i, cell in enumerate(code):
        for mutant in wanted:
            if mutant.cell == i:
                changed = cell._replace(source=applied(cell.source, mutant.edit))
                seen[mutant] = _apart(_rest, shell, [changed, *code[i + 1 :]], i)
        surprise = _surprise(shell, cell)
        if surprise:
            return Run(Outcome(i, surprise), seen)
    return Run(Outcome(None), seen)


def _rest(shell: Shell, code: list[Cell], first: int) -> Outcome:
    """Run the rest of a chapter up to the first surprise."""
    for i, cell in enumerate(code, start=first):
        if surprise := _surprise(shell, cell):
            return Outcome(i, surprise)
    return Outcome(None)


def _surprise(shell: Shell, cell: Cell) -> str:
    """What a cell did that is not expected of it, or nothing."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        result = shell.run_cell(cell.source, store_history=True)
    error = result.error_before_exec or result.error_in_exec
    if error is not None and not cell.fails:
        return type(error).__name__
    return "no error, where one is expected" if error is None and cell.fails else ""


def _shell() -> Shell:
    import matplotlib
    import torch
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    matplotlib.use("agg")
    torch.set_num_threads(1)  # a fork has no threads of its parent
    InteractiveShell.clear_instance()
    os.chdir(ROOT / "book")
    return InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))


def _apart(function: Callable[..., Result], *given: object) -> Result:
    """What a function returns in a process of its own, forked from this one.

    Raises:
        RuntimeError: the process died.
    """
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_send, args=(sender, function, given))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise RuntimeError("the process that ran the chapter died") from None
    finally:
        child.join()


def _send(sender: multiprocessing.connection.Connection, function: Callable[..., Result], given: tuple) -> None:
    sender.send(function(*given))
    sender.close()


def main() -> int:
    """Print every mutant and what noticed it."""
    import torch  # noqa: F401, the processes are forked from one that has it

    named = [chapter for chapter in CHAPTERS if not sys.argv[1:] or chapter.stem in sys.argv[1:]]
    unseen = total = 0
    for chapter in tqdm(named, unit="chapter", file=sys.stderr):
        found = run(chapter, mutants(chapter))
        if found.as_it_is.cell is not None:
            tqdm.write(f"{chapter.stem} does not run as it is: {found.as_it_is}", file=sys.stdout)
        for mutant, seen in found.mutants.items():
            told = "NOT NOTICED" if seen.cell is None else f"{seen.error} in cell {seen.cell + 1}"
            tqdm.write(f"{told:<30} {mutant}", file=sys.stdout)
            unseen += seen.cell is None
            total += 1
    print(f"{total} mutants, {unseen} not noticed")
    return 1 if unseen else 0


if __name__ == "__main__":
    import mutants as module  # a chapter takes the place of __main__, so what is sent from it must not be from there

    raise SystemExit(module.main())
