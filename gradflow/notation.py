"""How gradflow writes numbers, types and names in plain text."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

from gradflow.flow import Arrival
from gradflow.graph import Scalar

WIDTH = 100


def number(value: Scalar) -> str:
    """A number with 4 significant digits; whole numbers in full.

    >>> [number(x) for x in (0.123456, -0.0, 3, True, float("nan"), 1 - 2.5j)]
    ['0.1235', '0', '3', 'True', 'NaN', '1-2.5j']
    """
    if value is None:
        return "-"
    if isinstance(value, complex):
        imaginary = number(value.imag)
        return f"{number(value.real)}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value or 0.0:.4g}"
    return str(value)


def percent(share: float | None) -> str:
    """A share with 3 significant digits that says 100% only of the whole.

    >>> [percent(x) for x in (1.0, 0.99999, 0.5, 1e-6, 0.0, None)]
    ['100%', '>99.9%', '50%', '0.0001%', '0%', '-']
    """
    if share is None:
        return "-"
    written = f"{100 * share:.3g}%"
    return ">99.9%" if written == "100%" and share < 1 else written


def span(sizes: Iterable[float | None], write: Callable[[float | None], str] = number) -> str:
    """The least and the largest of several numbers; one that is missing counts only if all are.

    >>> span([0.5, None, 2.0]), span([3.0]), span([None])
    ('0.5 – 2', '3', '-')
    """
    known = [size for size in sizes if size is not None]
    if any(map(math.isnan, known)):
        return write(math.nan)
    least, largest = write(min(known, default=None)), write(max(known, default=None))
    return least if least == largest else f"{least} – {largest}"


def arrival(value: Arrival) -> str:
    """What arrived: its norm, the number itself for one element, ``0``, ``undefined``, or ``-`` for nothing.

    >>> arrival(Arrival("nonzero", 2.0, 1.0, -2.0)), arrival(Arrival("zero", 0.0)), arrival(Arrival("none"))
    ('-2', '0', '-')
    """
    if value.status == "nonzero":
        return number(value.norm if value.scalar is None else value.scalar)
    return {"zero": "0", "none": "-"}.get(value.status, value.status)


def dtype(name: str) -> str:
    """The short form of a dtype.

    >>> [dtype(name) for name in ("float32", "bfloat16", "complex64", "int64", "uint8", "bool")]
    ['f32', 'bf16', 'c64', 'i64', 'u8', 'bool']
    """
    return re.sub(r"^(b?)(f)loat(?=\d)|^(c)omplex(?=\d)|^(u?)int(?=\d)", _initials, name)


def _initials(match: re.Match[str]) -> str:
    bfloat, float_, complex_, unsigned = match.groups()
    return (bfloat or "") + float_ if float_ else complex_ or unsigned or "i"


def type_name(name: str, shape: tuple[int, ...]) -> str:
    """Dtype and shape.

    >>> type_name("float32", (4, 2)), type_name("int64", ())
    ('f32[4, 2]', 'i64[]')
    """
    return f"{dtype(name)}[{', '.join(map(str, shape))}]"


def printable(text: str) -> str:
    r"""The text with every character escaped that does not print or that moves others about.

    >>> printable("a\nb\u202ec")
    'a\\nb\\u202ec'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def file_line(source: str) -> str:
    """File and line without the folders.

    >>> file_line("src/net.py:12")
    'net.py:12'
    """
    return printable(source.replace("\\", "/").rpartition("/")[2])


def crop(text: str, most: int) -> str:
    """The text, cut in the middle if it is longer than ``most`` characters.

    >>> crop("transformer.h.0.attn.c_attn", 15)
    'transfo….c_attn'
    """
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def count(n: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "op"), count(12000, "op")
    ('1 op', '12,000 ops')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def listed(words: Sequence[str], most: int = 4) -> str:
    """Words as one would say them.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c", "d"], most=2)
    ('a', 'a and b', 'a, b and 2 more')
    """
    shown = list(words) if len(words) <= most else [*words[:most], f"{len(words) - most:,} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def table(rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> list[str]:
    """Rows of cells as aligned lines, two spaces apart, without columns that are empty throughout.

    Args:
        rows: cells; all rows are of one length.
        right: indexes of the columns that are aligned at the right.

    >>> table([("name", "", "norm"), ("a", "", "0.5"), ("bias", "", "12.5")], right=[2])
    ['name  norm', 'a      0.5', 'bias  12.5']
    """
    lines = list(rows)
    columns = list(zip(*lines, strict=True))
    flush_right = set(right)
    padded = [
        [_pad(cell, max(map(width, column)), index in flush_right) for cell in column]
        for index, column in enumerate(columns)
        if any(column)
    ]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)] or [""] * len(lines)


def _pad(cell: str, to: int, right: bool) -> str:
    space = " " * (to - width(cell))
    return space + cell if right else cell + space


def width(text: str) -> int:
    """Columns that a terminal gives the text: two for a wide character, none for a combining one.

    >>> width("ab"), width("漢字"), width("e\u0301")
    (2, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
