"""Widths of texts, against the font files they were read from."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradflow.picture.metrics import FONTS, shorten, width

SYSTEM = Path("/usr/share/fonts/truetype/liberation")
TEXTS = (*map(chr, [*range(32, 127), *range(160, 256)]), "…", "−", "Δ", "–", "weight_ih_l0", "every entry dead")


def font_file(name: str) -> Path:
    shipped = Path(__file__).parent.parent / "gradflow" / "fonts" / f"{name}.ttf"
    return shipped if shipped.exists() else SYSTEM / f"{name}.ttf"


@pytest.mark.parametrize(("name", "role"), [("LiberationSans-Regular", "op"), ("LiberationSans-Bold", "name")])
def test_widths_are_those_of_the_font(name, role):
    """Each text is as wide as the advances in the font file say, to the rounding of the table."""
    reader = pytest.importorskip("fontTools.ttLib")
    path = font_file(name)
    if not path.exists():
        pytest.skip(f"no {path.name} here")
    font = reader.TTFont(path)
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
