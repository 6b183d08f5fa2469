"""Make the fonts in ``gradflow/fonts`` from the Liberation fonts, version 2 (under the Open Font License).

Run as ``python tools/fonts.py FOLDER``, where FOLDER holds the unpacked release from
https://github.com/liberationfonts/liberation-fonts or Debian's package ``fonts-liberation2``. The result depends
on the files in FOLDER alone. Needs ``fonttools``.
"""

from __future__ import annotations

import argparse
import math
from itertools import pairwise
from pathlib import Path

from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph

HERE = Path(__file__).parent.parent / "gradflow" / "fonts"
FACES = {  # file to read: family, style
    "LiberationSans-Regular": ("Gradflow Sans", "Regular"),
    "LiberationSans-Bold": ("Gradflow Sans", "Bold"),
    "LiberationMono-Regular": ("Gradflow Mono", "Regular"),
}
BLOCKS = (
    range(0x0020, 0x0180),  # Latin
    range(0x0300, 0x0400),  # combining signs, Greek
    range(0x0400, 0x0460),  # Cyrillic
    range(0x2000, 0x2070),  # punctuation
    range(0x2070, 0x20D0),  # raised and lowered numbers, currencies
    range(0x2100, 0x2150),  # letter-like signs
    range(0x2190, 0x2300),  # arrows, operators
    range(0x25A0, 0x2600),  # shapes
)
EMPTY_SET, LEFT, RIGHT = 0x2205, 0x25C2, 0x25B8  # drawn here: Liberation has none of them


def main() -> None:
    """Write the fonts, and the list of the characters that every one of them has."""
    parser = argparse.ArgumentParser(prog="python tools/fonts.py", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="where the files of the Liberation fonts 2.x are")
    folder = parser.parse_args().folder
    fonts = [made(folder / f"{file}.ttf", family, style) for file, (family, style) in FACES.items()]
    for font, (family, style) in zip(fonts, FACES.values(), strict=True):
        font.save(HERE / f"{family.replace(' ', '')}-{style}.ttf")
    common = set.intersection(*(set(font.getBestCmap()) for font in fonts))
    (HERE / "characters.txt").write_text("".join(map(chr, sorted(common))), encoding="utf-8", newline="")


def made(source: Path, family: str, style: str) -> TTFont:
    """The font without hints, with the characters of ``BLOCKS`` and three more, under another name."""
    font = TTFont(source, recalcTimestamp=False)
    version = font["name"].getDebugName(5)
    if not version.startswith("Version 2."):
        raise SystemExit(f"{source} is {version}; only 2.x is under the Open Font License.")
    options = Options(hinting=False, layout_features=["kern", "mark", "mkmk", "ccmp"], name_IDs=[0, 13, 14])
    options.drop_tables += ["FFTM"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[code for block in BLOCKS for code in block])
    subsetter.subset(font)
    thickness = 180 if style == "Bold" else 130
    add(font, EMPTY_SET, "emptyset", empty_set(advance_of(font, EMPTY_SET), thickness))
    add(font, LEFT, "uni25C2", triangle(advance_of(font, LEFT), -1))
    add(font, RIGHT, "uni25B8", triangle(advance_of(font, RIGHT), 1))
    rename(font, family, style, version)
    return font


def advance_of(font: TTFont, code: int) -> int:
    """The width of a new character: that of all others where all have the same."""
    digit, period = font["hmtx"]["zero"][0], font["hmtx"]["period"][0]
    if digit == period:
        return int(digit)
    return 1434 if code == EMPTY_SET else 1020


def add(font: TTFont, code: int, name: str, drawn: tuple[Glyph, int]) -> None:
    """Give the font one more character."""
    glyph, advance = drawn
    font.setGlyphOrder([*font.getGlyphOrder(), name])
    font["glyf"][name] = glyph
    glyph.recalcBounds(font["glyf"])
    font["hmtx"][name] = (advance, glyph.xMin)
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[code] = name


def empty_set(advance: int, thickness: int) -> tuple[Glyph, int]:
    """A ring as high as a digit is wide, with a stroke across."""
    radius = min(560, advance // 2 - 90)
    x, y = advance / 2, 690.0
    pen = TTGlyphPen(None)
    ring(pen, x, y, radius, clockwise=True)
    ring(pen, x, y, radius - thickness, clockwise=False)
    reach, half = (radius + 110) / math.sqrt(2), thickness / 2 / math.sqrt(2)
    polygon(
        pen,
        (x - reach - half, y - reach + half),
        (x + reach - half, y + reach + half),
        (x + reach + half, y + reach - half),
        (x - reach + half, y - reach - half),
    )
    return pen.glyph(), advance


def triangle(advance: int, towards: int) -> tuple[Glyph, int]:
    """A filled triangle that points left (-1) or right (1)."""
    pen = TTGlyphPen(None)
    x, y, half = advance / 2, 560.0, 330 * towards
    corners = [(x + half, y), (x - half, y - 380), (x - half, y + 380)]
    polygon(pen, *(corners if towards > 0 else reversed(corners)))
    return pen.glyph(), advance


def ring(pen: TTGlyphPen, x: float, y: float, radius: float, *, clockwise: bool) -> None:
    """One circle of 16 quadratic curves."""
    turn = -1 if clockwise else 1
    around = [turn * step * math.pi / 16 for step in range(33)]
    spread = radius / math.cos(math.pi / 16)
    points = [
        (round(x + r * math.cos(angle)), round(y + r * math.sin(angle)))
        for step, angle in enumerate(around)
        for r in [spread if step % 2 else radius]
    ]
    pen.moveTo(points[0])
    for control, end in list(pairwise(points[1:]))[::2]:
        pen.qCurveTo(control, end)
    pen.closePath()


def polygon(pen: TTGlyphPen, *corners: tuple[float, float]) -> None:
    """One closed outline of straight lines."""
    first, *rest = [(round(x), round(y)) for x, y in corners]
    pen.moveTo(first)
    for corner in rest:
        pen.lineTo(corner)
    pen.closePath()


def rename(font: TTFont, family: str, style: str, version: str) -> None:
    """Name the font: the licence reserves the old name to the original."""
    full = family if style == "Regular" else f"{family} {style}"
    names = {1: family, 2: style, 3: f"{full}; from {version}", 4: full, 5: version}
    names[6] = f"{family.replace(' ', '')}-{style}"
    names[10] = "A part of a font by Google and Red Hat, with three signs added, for the pictures of gradflow."
    for name_id, text in names.items():
        font["name"].setName(text, name_id, 3, 1, 0x409)


if __name__ == "__main__":
    main()
