"""PNG and PDF: the same on every machine, sharp, and with their words."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typst
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops
from pypdf import PdfReader

from gradflow.errors import GradflowError
from gradflow.picture import raster
from gradflow.picture.metrics import FONTS, width

FOLDER = Path(raster.__file__).parent.parent / "fonts"


def svg(body: str, size: str = "0 0 200 60", head: str = "<title>A net</title><desc>All is well.</desc>") -> str:
    style = (
        '<style>.m{font-family:"Liberation Mono",monospace}@media (prefers-color-scheme:dark){text{fill:#fff}}</style>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="Arial,Helvetica,sans-serif">'
        f'{head}{style}<rect width="999" height="999" fill="#fff"/>{body}</svg>'
    )


def text(content: str, attributes: str = "") -> str:
    return svg(f'<text x="20" y="40" font-size="20" {attributes}>{content}</text>')


def pixels(drawn: str, scale: float = 2) -> Image.Image:
    return Image.open(io.BytesIO(raster.png(drawn, scale))).convert("L")


def page(drawn: str):
    (only,) = PdfReader(io.BytesIO(raster.pdf(drawn))).pages
    return only


def fonts_of(drawn: str) -> set[str]:
    """Names of the fonts in the PDF of a picture."""
    found = set()

    def look(resources):
        for font in resources.get("/Font", {}).values():
            found.add(font.get_object()["/BaseFont"].partition("+")[2])
        for part in resources.get("/XObject", {}).values():
            look(part.get_object().get("/Resources", {}))

    look(page(drawn)["/Resources"])
    return found


@pytest.mark.parametrize("scale", [1, 2, 0.5, 3.25])
def test_size_of_a_png(scale):
    """A PNG has the size of the SVG times the scale."""
    assert (200 * scale, 60 * scale) == pixels(text("linear"), scale).size


def test_size_of_a_fraction():
    """Nothing is cut off where the size is not whole."""
    assert (201, 61) == pixels(svg("", "0 0 200.2 60.7"), 1).size


def test_size_of_a_pdf():
    """A pixel of CSS is three quarters of a point."""
    assert (150, 45) == tuple(page(text("linear")).mediabox[2:])


def test_default_is_twice_the_size():
    """Without a scale, a PNG is as sharp as a good screen."""
    assert raster.png(text("linear"), 2) == raster.png(text("linear"))


@pytest.mark.parametrize("form", [raster.png, raster.pdf])
def test_the_same_each_time(form):
    """One picture gives the same bytes each time: no date, no random id."""
    assert form(text("linear")) == form(text("linear"))


def test_the_same_in_another_process():
    """Another process, with other hashes and without any font of the system, writes the same bytes."""
    code = "import sys; from gradflow.picture.raster import pdf, png; t = sys.stdin.read(); "
    code += "sys.stdout.buffer.write(pdf(t) + png(t))"
    environment = {"PYTHONHASHSEED": "7", "FONTCONFIG_FILE": "/dev/null", "PATH": "", "HOME": "/nonexistent"}
    drawn = text("linear ∅")
    run = subprocess.run([sys.executable, "-c", code], input=drawn.encode(), capture_output=True, env=environment)

    assert b"" == run.stderr
    assert raster.pdf(drawn) + raster.png(drawn) == run.stdout


@pytest.mark.parametrize(
    ("family", "font"),
    [
        ("", "GradflowSans-Regular"),
        ('font-weight="700"', "GradflowSans-Bold"),
        ('class="m"', "GradflowMono-Regular"),
        ('font-family="Menlo, Consolas, monospace"', "GradflowMono-Regular"),
        ("style=\"font-family:'DejaVu Sans Mono'\"", "GradflowMono-Regular"),
        ('style="font:bold 12px/1.5 Times,serif"', "GradflowSans-Bold"),
        ('style="font:12px monospace;fill:red"', "GradflowMono-Regular"),
        ('font-family="No Such Font"', "GradflowSans-Regular"),
    ],
)
def test_only_shipped_fonts(family, font):
    """Every text is set in a font that gradflow brings, whatever the machine has."""
    assert {font} == fonts_of(text("linear net.py:31", family))


def test_words_of_a_pdf():
    """A PDF can be searched, names its subject, and shows the signs as characters."""
    drawn = text("∅ Δ − × ÷ … – · ◂ ▸")
    reader = PdfReader(io.BytesIO(raster.pdf(drawn)))

    assert "∅ Δ − × ÷ … – · ◂ ▸" == reader.pages[0].extract_text()
    assert "A net" == reader.metadata.title


def test_description_of_a_pdf():
    """A reader of the page hears what the picture says."""
    reader = PdfReader(io.BytesIO(raster.pdf(text("linear"))))
    alternatives = [found["/Alt"] for n in range(1, len(reader.xref[0])) if "/Alt" in (found := reader.get_object(n))]

    assert ["A net All is well."] == alternatives


@pytest.mark.parametrize("sign", "∅Δ−×÷…–·◂▸αλ→≤√")
@pytest.mark.parametrize("kind", ["", 'font-weight="bold"', 'class="m"'])
def test_signs_are_drawn(sign, kind):
    """Every sign has a shape of its own, in every font, and it comes from that font."""
    empty, unknown = pixels(svg("")), pixels(text("\ue000", kind))
    drawn = pixels(text(sign, kind))

    assert ImageChops.difference(drawn, empty).getbbox()
    assert ImageChops.difference(drawn, unknown).getbbox()
    assert all(name.startswith("Gradflow") for name in fonts_of(text(sign, kind)))


def test_text_is_where_it_belongs():
    """Text stands at its x, above its baseline, and is as wide as the table of widths says."""
    left, top, right, bottom = ImageChops.invert(pixels(text("Hnnnn"), 4)).point(lambda v: 255 * (v > 128)).getbbox()

    assert 20 * 4 <= left <= 22 * 4
    assert 40 * 4 == bottom
    assert 25 * 4 <= top <= 26.5 * 4
    assert (20 + width("Hnnnn", "op") * 20 / 12) * 4 == pytest.approx(right, abs=8)


def test_dark_rules_are_left_out():
    """A file has no reader's preference to follow: it is drawn on white."""
    assert 0 == pixels(text("linear")).getextrema()[0]


@pytest.mark.parametrize(
    "hostile",
    ['"]) #panic("x") #text("', "&lt;/svg&gt;&lt;script&gt;", "\\u{0}#sys.inputs", "$x$ *b* _i_ @ref", "// /* ]] }"],
)
def test_hostile_words(hostile):
    """Words that look like markup are words."""
    drawn = svg(f'<text x="2" y="20">{hostile}</text>', head=f"<title>{hostile}</title><desc>{hostile}</desc>")
    plain = re.sub(r"&(lt|gt);", lambda match: {"lt": "<", "gt": ">"}[match[1]], hostile)

    assert plain == page(drawn).extract_text()
    assert plain == PdfReader(io.BytesIO(raster.pdf(drawn))).metadata.title
    assert pixels(drawn)


def test_font_names_in_words_stay():
    """Only the style is changed, not a text that talks about fonts."""
    assert "font-family: Arial" == page(text("font-family: Arial")).extract_text()


def test_picture_without_words():
    """A title is not needed."""
    assert "x" == page(svg('<text x="9" y="20">x</text>', head="")).extract_text()


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), "2", True, None])
def test_scale_that_is_none(scale):
    """A scale that is no positive number is refused."""
    with pytest.raises(GradflowError, match="is not a positive number"):
        raster.png(text("linear"), scale)


@pytest.mark.parametrize("scale", [1e-6, 1e3])
def test_image_that_nobody_can_open(scale):
    """An image without a dot or with billions of dots is refused, with what to do instead."""
    with pytest.raises(GradflowError, match=r"dots is not drawn; .* save as \.svg or \.pdf"):
        raster.png(text("linear"), scale)


def test_long_picture():
    """A picture much longer than a page of paper is one page."""
    assert (540, 22500) == tuple(page(svg("", "0 0 720 30000")).mediabox[2:])


@pytest.mark.parametrize(("name", "asked"), [("名 x", True), ("café ∅ Жуков λ", False)])
def test_names_in_every_script(name, asked, monkeypatch):
    """Only for letters that the shipped fonts lack are the fonts of the machine looked at, after the shipped ones."""
    seen, fonts = [], typst.Fonts
    monkeypatch.setattr(typst, "Fonts", lambda **how: seen.append(how["include_system_fonts"]) or fonts(**how))
    raster._fonts.cache_clear()
    drawn = page(text(name)).extract_text()

    assert [asked] == seen
    assert name[-1] == drawn[-1]


@pytest.mark.parametrize("form", [raster.png, raster.pdf])
def test_typst_is_missing(form, monkeypatch):
    """Without typst, the error says what to install."""
    monkeypatch.setitem(sys.modules, "typst", None)
    raster._fonts.cache_clear()

    with pytest.raises(GradflowError, match="pip install typst"):
        form(text("linear"))


def test_code_has_the_room_that_is_reserved():
    """A character of code is as wide as a layout counts, or a little less."""
    font = TTFont(FOLDER / "GradflowMono-Regular.ttf")

    for sign in "aWi.:_09–·":
        measured = font["hmtx"][font.getBestCmap()[ord(sign)]][0] / 2048 * FONTS["source"].size
        assert 0.995 * width(sign, "source") <= measured <= width(sign, "source")


def test_fonts_keep_the_reserved_names_out():
    """The licence of the fonts: another name, the copyright and the licence beside them."""
    for path in FOLDER.glob("*.ttf"):
        names = {name.nameID: str(name) for name in TTFont(path)["name"].names}
        assert not re.search("liberation|arimo|cousine", " ".join(names[n] for n in (1, 4, 6)), re.IGNORECASE)
        assert "Red Hat" in names[0]
        assert "SIL Open Font License" in names[13]
    assert "SIL OPEN FONT LICENSE" in (FOLDER / "OFL.txt").read_text()
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 300_000


def test_what_typst_refuses(monkeypatch):
    """What typst refuses is told in its words."""
    monkeypatch.setattr(raster, "_DOCUMENT", "#panic()")

    with pytest.raises(GradflowError, match=r"the picture cannot be written as pdf: .*panicked"):
        raster.pdf(text("linear"))
