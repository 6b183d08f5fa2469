"""A picture as PNG or PDF, set in the fonts that gradflow brings with it."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from gradflow.errors import GradflowError

if TYPE_CHECKING:
    from typst import Fonts

FOLDER = Path(__file__).parent.parent / "fonts"
SANS, MONO = "Gradflow Sans", "Gradflow Mono"
POINTS_PER_PIXEL = 0.75  # of CSS: 96 pixels and 72 points are an inch
MOST_PIXELS = 200_000_000

_FIXED_WIDTH = re.compile(r"mono|courier|consolas|menlo", re.IGNORECASE)
_FAMILIES = re.compile(r"(?P<before>font-family\s*:|font\s*:[^;{}/]*?\d(?:px|pt|em|rem|%))(?P<names>[^;{}]*)")
_SVG = "{http://www.w3.org/2000/svg}"
_DOCUMENT = """\
#set document(title: sys.inputs.title, date: none)
#set page(width: {width}pt, height: {height}pt, margin: 0pt)
#set text(font: "{family}")
#image(bytes(sys.inputs.svg), format: "svg", width: 100%, height: 100%, alt: sys.inputs.alt)
"""


class _Drawing(NamedTuple):
    """An SVG that names the shipped fonts, its size in pixels, and what it says in words."""

    svg: str
    width: int
    height: int
    title: str
    description: str


def png(svg: str, scale: float = 2) -> bytes:
    """The picture as PNG, with ``scale`` dots to a pixel.

    Raises:
        GradflowError: ``scale`` is not a positive number, the image would be huge, or typst is not installed.
    """
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not 0 < scale < math.inf:
        raise GradflowError(f"scale={scale!r} is not a positive number.")
    drawing = _drawing(svg)
    width, height = round(drawing.width * scale), round(drawing.height * scale)
    if not 1 <= width * height <= MOST_PIXELS:
        raise GradflowError(
            f"a PNG of {width:,} × {height:,} dots is not drawn; take another scale, open fewer modules, "
            "or save as .svg or .pdf."
        )
    return _compiled(drawing, "png", scale)


def pdf(svg: str) -> bytes:
    """The picture as a PDF of one page, with text that can be searched.

    Raises:
        GradflowError: typst is not installed.
    """
    return _compiled(_drawing(svg), "pdf", 1)


def _drawing(svg: str) -> _Drawing:
    """The same picture in the shipped fonts, with its size and its words."""
    root = ET.fromstring(svg)
    for element in root.iter():
        _take_shipped_fonts(element)
    words = {part: root.findtext(f"{_SVG}{part}", "").strip() for part in ("title", "desc")}
    ET.register_namespace("", _SVG.strip("{}"))
    return _Drawing(ET.tostring(root, encoding="unicode"), *_size(root), words["title"], words["desc"])


def _take_shipped_fonts(element: ET.Element) -> None:
    if element.tag == f"{_SVG}style" and element.text:
        element.text = _with_shipped_fonts(element.text)
    if "style" in element.attrib:
        element.set("style", _with_shipped_fonts(element.attrib["style"]))
    if "font-family" in element.attrib:
        element.set("font-family", _shipped(element.attrib["font-family"]))


def _with_shipped_fonts(css: str) -> str:
    """The style sheet with the shipped fonts in place of all others, and without the heights of lines.

    >>> _with_shipped_fonts('.a{font:bold 13px/1.2 Arial,sans-serif;fill:red}.b{font-family:"Fira Mono",serif}')
    '.a{font:bold 13px "Gradflow Sans";fill:red}.b{font-family: "Gradflow Mono"}'
    """
    return _FAMILIES.sub(lambda match: f'{match["before"]} "{_shipped(match["names"])}"', css)


def _shipped(families: str) -> str:
    return MONO if _FIXED_WIDTH.search(families) else SANS


def _size(root: ET.Element) -> tuple[int, int]:
    """Width and height in whole pixels: those of the ``viewBox``."""
    _, _, width, height = map(float, root.attrib["viewBox"].replace(",", " ").split())
    return math.ceil(width), math.ceil(height)


def _compiled(drawing: _Drawing, form: Literal["png", "pdf"], scale: float) -> bytes:
    fonts = _fonts(_covered(drawing.svg))
    from typst import TypstError, compile

    document = _DOCUMENT.format(
        width=drawing.width * POINTS_PER_PIXEL, height=drawing.height * POINTS_PER_PIXEL, family=SANS
    )
    words = {"svg": drawing.svg, "title": drawing.title, "alt": f"{drawing.title} {drawing.description}".strip()}
    try:
        pages = compile(
            document.encode(), format=form, ppi=72 / POINTS_PER_PIXEL * scale, font_paths=fonts, sys_inputs=words
        )
    except TypstError as error:
        raise GradflowError(f"the picture cannot be written as {form}: {error.message}") from None
    assert isinstance(pages, bytes)  # one page
    return pages


def _covered(svg: str) -> bool:
    """Whether the shipped fonts have every character of the picture."""
    return _characters().issuperset(svg)


@cache
def _characters() -> frozenset[str]:
    return frozenset((FOLDER / "characters.txt").read_text(encoding="utf-8")) | frozenset("\t\r\n")


@cache
def _fonts(only_ours: bool) -> Fonts:
    """The shipped fonts; where they do not suffice, those of the machine after them."""
    try:
        from typst import Fonts
    except ImportError:
        raise GradflowError(
            "PNG and PDF are written by the package typst, which is not installed: pip install typst"
        ) from None
    return Fonts(include_system_fonts=not only_ours, font_paths=[str(FOLDER)])
