"""Widths of texts, against the font files they were read from."""

from __future__ import annotations

from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from gradflow.picture.metrics import FONTS, shorten, width

FONT_FILES = Path(__file__).parent.parent / "gradflow" / "fonts"
TEXTS = (*map(chr, [*range(32, 127), *range(160, 256)]), "…", "−", "Δ", "–", "weight_ih_l0", "every entry dead")


@pytest.mark.parametrize(("name", "role"), [("GradflowSans-Regular", "op"), ("GradflowSans-Bold", "name")])
def test_widths_are_those_of_the_font(name, role):
    """Each text is as wide as the advances in the font file say, to the rounding of the table."""
    font = TTFont(FONT_FILES / f"{name}.ttf")
    glyphs, advances, units = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm

    for text in TEXTS:
        if all(ord(character) in glyphs for character in text):
            exact = FONTS[role].size * sum(advances[glyphs[ord(character)]][0] for character in text) / units
            assert exact == pytest.approx(width(text, role), abs=0.0006 * FONTS[role].size * len(text)), text


def test_characters_that_are_in_no_table():
    """Wide characters take a full em, combining ones nothing, others 0.7 em; monospaced ones 0.602."""
    assert 24.0 == width("漢字", "op")
    assert width("e", "op") == width("e\u0301", "op")
    assert 12 * 0.7 == pytest.approx(width("∅", "op"))
    assert 11 * 0.602 * 9 == pytest.approx(width("net.py:31", "source"))


@pytest.mark.parametrize("room", range(0, 200, 7))
def test_shortened_text_fits(room):
    """What is cut fits its room, keeps both ends, and is not cut more than it must be."""
    text = "transformer.h.0.attn.c_attn.weight"
    short = shorten(text, "leaf", room)

    assert short == text or "…" in short
    assert width(short, "leaf") <= max(room, width("t…", "leaf"))
    if len(short) > 4:
        assert ("t", "t") == (short[0], short[-1])
        assert width(short, "leaf") > room - 24


def test_no_role_is_too_small_to_read():
    assert 11 == min(font.size for font in FONTS.values())
