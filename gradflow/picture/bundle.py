"""The scripts of a page: modules of ``script/`` put together as one piece of code that needs no other file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:\{\};\n?)?", re.MULTILINE)
_STYLE = re.compile(r'"(\w+\.css)"')
_COMMENT = re.compile(r"/\*(?:.|\n)*?\*/|//[^\n]*")
_STRING = re.compile(r"""("(?:[^"\\]|\\.)*"|`[^`]*`|/\*(?:.|\n)*?\*/|//\ [^\n]*)""")
_AROUND = re.compile(r"[ \t]*([{}()\[\],;:?=<>&|+*!])[ \t]*")
_BREAK = re.compile(r"(?<=[{;,(\[=?:&|])\n|\n(?=[)\]},.?:&|])")  # where a statement cannot end, or has ended
_ENDS = re.compile(r";}")
_LONE = re.compile(r"(?<![\w$])\((\w+)\)=>")  # the parameter of a function that has one


@cache
def bundle(entry: str, unless: str) -> str:
    """A module and all that it imports as one piece of code.

    The modules stand in one scope, each behind those that it imports, without comments and the white space that
    only a reader of the file needs. The name of a style sheet stands for what is in it.

    Args:
        entry: the module.
        unless: where this is true, as in a page that has the code already, nothing happens.
    """
    code = "".join(_EXPORT.sub("", _IMPORT.sub("", source(name))) for name in modules(entry))
    styled = _STYLE.sub(lambda found: json.dumps(compact_style(found[1])), compact_script(code))
    return f"(()=>{{if({unless})return;\n{styled}\n}})();"


def modules(entry: str) -> tuple[str, ...]:
    """The names of a module and of all that it imports, each behind those that it needs.

    >>> modules("cards.js")
    ('dom.js', 'cards.js')
    """
    return tuple(dict.fromkeys(_behind(entry)))


def _behind(name: str) -> Iterator[str]:
    for needed in _IMPORT.findall(source(name)):
        yield from _behind(needed)
    yield name


def source(name: str) -> str:
    """A file of ``script/`` as it is written."""
    return files("gradflow.picture").joinpath("script", name).read_text(encoding="utf-8")


def compact_script(code: str) -> str:
    """Code as it stands in a page."""
    bare = _outside_strings(lambda part: _AROUND.sub(r"\1", _COMMENT.sub("", part)), code)
    lines = "\n".join(filter(None, map(str.strip, bare.splitlines())))
    return _outside_strings(_tight, lines)


def _tight(part: str) -> str:
    """Statements without the breaks, semicolons and brackets that they do not need."""
    return _LONE.sub(r"\1=>", _ENDS.sub("}", _AROUND.sub(r"\1", _BREAK.sub("", part))))


def compact_style(name: str) -> str:
    """A style sheet as it stands in a page.

    The space before a colon stays: in a selector, ``.a :is(p)`` and ``.a:is(p)`` are not the same.
    """
    style = re.sub(r"(?<=:)\s+", "", _COMMENT.sub("", source(name)))
    style = re.sub(r"\s*([{};,>])\s*|\s+", lambda found: found[1] or " ", style)
    return _ENDS.sub("}", style).strip()


def _outside_strings(change: Callable[[str], str], code: str) -> str:
    parts = _STRING.split(code)  # every second one is a string or a comment
    return "".join(part if index % 2 and part[0] in '"`' else change(part) for index, part in enumerate(parts))
