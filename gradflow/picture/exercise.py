"""A puzzle on a page: as data for its script, and as an ordinary exercise for whoever reads without."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gradflow.notation import printable
from gradflow.puzzle import Puzzle


def puzzle_data(puzzle: Puzzle | None) -> dict[str, object]:
    """What the script needs of a puzzle, as JSON can hold it; nothing of none."""
    if puzzle is None:
        return {}
    told = {
        "key": puzzle.key,
        "task": printable(puzzle.task),
        "conditions": [[one.text, one.kind, list(one.names) or one.most] for one in puzzle.conditions],
        "only": list(puzzle.only),
        "allowed": puzzle.allowed,
        "hints": [printable(hint) for hint in puzzle.hints],
        "edit": puzzle.edit,
        "said": " ".join(puzzle.said),
        "python": puzzle.python,
    }
    return {"puzzle": told}


def exercise(puzzle: Puzzle | None) -> str:
    """The puzzle as it is printed, and as it is read without a script; nothing of none."""
    if puzzle is None:
        return ""
    conditions = "".join(f"<li>{_text(one.text)}</li>" for one in puzzle.conditions)
    allowed = f"<p>{_text(puzzle.allowed)}</p>" if puzzle.allowed else ""
    return (
        f'<div slot="puzzle"><p><b>Puzzle.</b> {_text(puzzle.task)}</p><ul>{conditions}</ul>{allowed}'
        f"{_details('Hints', puzzle.hints)}{_details('Solution', puzzle.said, puzzle.python)}</div>"
    )


def _details(summary: str, texts: Iterable[str], code: str = "") -> str:
    lines = "".join(f"<p>{_text(text)}</p>" for text in texts)
    if code:
        lines += f"<pre><code>{_code(code)}</code></pre>"
    return f"<details><summary>{summary}</summary>{lines}</details>" if lines else ""


def _text(text: str) -> str:
    return escape(printable(text), quote=False)


def _code(text: str) -> str:
    """Lines of code as HTML."""
    return "\n".join(map(_text, text.splitlines()))
