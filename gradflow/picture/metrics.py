"""How wide a text is: a table of advances, so that a picture is the same on every machine.

The advances are those of Liberation Sans, which Arial and Helvetica share.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import NamedTuple


class Font(NamedTuple):
    """The type of one role: its size in pixels, and its face."""

    size: float
    bold: bool = False
    mono: bool = False


FONTS = {
    "name": Font(13, bold=True),
    "class": Font(13),
    "op": Font(12),
    "leaf": Font(12),
    "detail": Font(11),
    "source": Font(11, mono=True),
    "tally": Font(11),
    "cause": Font(13, bold=True),
    "value": Font(13),
    "value-bold": Font(13, bold=True),
    "derivative": Font(15, bold=True),
    "factor": Font(11),
    "bracket": Font(13),
    "bracket-bold": Font(13, bold=True),
    "verdict": Font(15),
    "verdict-bold": Font(15, bold=True),
    "verdict-mono": Font(14, mono=True),
    "verdict-narrow": Font(14),
    "verdict-narrow-bold": Font(14, bold=True),
    "verdict-narrow-mono": Font(13, mono=True),
    "legend": Font(11.5),
    "symbol": Font(15),
    "loss": Font(13, bold=True),
    "note": Font(11),
    "caption": Font(12),
    "caption-bold": Font(12, bold=True),
    "caption-mono": Font(11, mono=True),
    "number": Font(12, mono=True),
}

_CHARACTERS = (
    "".join(map(chr, [*range(32, 127), *range(160, 256)]))
    + "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψω–—‘’“”•…←↑→↓∂−√∞≈≠≤≥"
)
_REGULAR = """
    278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 278 278
    584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 611 722 667 944
    667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 556 556 556 556 333 500
    278 556 500 722 500 500 500 334 260 334 584 278 333 556 556 556 556 260 556 333 737 370 556 584 333 737 552 400
    549 333 333 333 576 537 333 333 333 365 556 834 834 834 611 667 667 667 667 667 667 1000 722 667 667 667 667 278
    278 278 278 722 722 778 778 778 778 778 584 778 722 722 722 722 667 667 611 556 556 556 556 556 556 889 500 556
    556 556 556 278 278 278 278 556 556 556 556 556 556 556 549 611 556 556 556 556 500 556 500 667 667 551 668 667
    611 722 778 278 667 668 833 722 650 778 722 667 618 611 667 798 667 835 748 278 667 578 446 556 222 547 578 575
    500 557 446 441 556 556 222 500 500 576 500 448 556 690 569 482 617 395 547 648 525 713 781 556 1000 222 222 333
    333 350 1000 1000 500 1000 500 494 584 549 713 549 549 549 549
"""
_BOLD = """
    278 333 474 556 556 889 722 238 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 333 333
    584 584 584 611 975 722 722 722 722 667 611 778 722 278 556 722 611 833 722 778 667 778 722 667 611 722 667 944
    667 667 611 333 278 333 584 556 333 556 611 556 611 556 333 611 611 278 278 556 278 889 611 611 611 611 389 556
    333 611 556 778 556 556 500 389 280 389 584 278 333 556 556 556 556 280 556 333 737 370 556 584 333 737 552 400
    549 333 333 333 576 556 333 333 333 365 556 834 834 834 611 722 722 722 722 722 722 1000 722 667 667 667 667 278
    278 278 278 722 722 778 778 778 778 778 584 778 722 722 722 722 667 667 611 556 556 556 556 556 556 889 556 556
    556 556 556 278 278 278 278 611 611 611 611 611 611 611 549 611 611 611 611 611 556 611 556 722 722 601 719 667
    611 722 778 278 722 667 833 722 644 778 722 667 600 611 667 821 667 809 802 278 667 615 451 611 278 582 615 610
    556 606 475 460 611 541 278 558 556 612 556 445 611 766 619 520 684 446 582 715 576 753 845 556 1000 278 278 500
    500 350 1000 1000 500 1000 500 494 584 549 713 549 549 549 549
"""
_MONO = 602
_UNKNOWN = 700
_WIDE = 1000
_ADVANCES = {
    bold: dict(zip(_CHARACTERS, map(int, advances.split()), strict=True))
    for bold, advances in ((False, _REGULAR), (True, _BOLD))
}


@lru_cache(maxsize=8192)
def width(text: str, role: str) -> float:
    """The width in pixels of a text in the type of a role.

    >>> width("linear", "op"), width("net.py:31", "source")
    (29.34, 59.598)
    """
    font = FONTS[role]
    return font.size * sum(_advance(character, font) for character in text) / 1000


def shorten(text: str, role: str, room: float) -> str:
    """The text, cut in the middle where it does not fit into the room.

    >>> shorten("transformer.h.0.attn.c_attn", "leaf", 110)
    'transform…tn.c_attn'
    """
    if width(text, role) <= room:
        return text
    least, most = 1, len(text)
    while most - least > 1:
        kept = (least + most) // 2
        if width(_cut(text, kept), role) <= room:
            least = kept
        else:
            most = kept
    return _cut(text, least)


def _cut(text: str, kept: int) -> str:
    """So many characters of the text, its beginning and its end, around an ellipsis."""
    tail = kept // 2
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}"


def _advance(character: str, font: Font) -> int:
    """The advance of a character in thousandths of the size."""
    known = _ADVANCES[font.bold].get(character)
    if known is not None:
        return _MONO if font.mono else known
    if unicodedata.combining(character):
        return 0
    return _WIDE if unicodedata.east_asian_width(character) in "WF" else _UNKNOWN
