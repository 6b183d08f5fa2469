"""The examples, drawn: what each picture says, at its own width and narrow, and that nothing in it collides."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from geometry import violations

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
NAMES = ("bridge", "multiples", "scalar", "net", "gan", "gpt2")
WIDTHS = {"gpt2": 900}
SVG = "{http://www.w3.org/2000/svg}"


def drawn(name, width=None, **options):
    """The picture of an example as a tree of elements."""
    module = importlib.import_module(name)
    figure = module.figure(width=width or WIDTHS.get(name, 720), **options)
    return ElementTree.fromstring(figure.svg())


def groups(picture, kind):
    """The groups of one kind, each as its state and its data."""
    found = [group for group in picture.iter(f"{SVG}g") if group.get("class", "").split()[:1] == [kind]]
    return [(group.get("class").split()[1], group) for group in found]


def states(picture):
    """The state of each parameter's square."""
    return {group.get("data-name"): state for state, group in groups(picture, "parameter") if group.get("data-name")}


def texts(picture):
    """Everything that is written, each line as one string."""
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [None, 420])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_collides(name, width):
    """Every example keeps the rules of plain geometry, and its width."""
    figure = importlib.import_module(name).figure(width=width or WIDTHS.get(name, 720))
    picture = figure._picture()
    for sketch, layout in zip(picture.sketches, picture.layouts, strict=True):
        if layout.style == "boxes":  # lists are checked in test_lanes
            assert [] == violations(sketch, layout)
    assert float(ElementTree.fromstring(figure.svg()).get("width")) <= figure.width


@pytest.mark.parametrize("width", [720, 420])
def test_bridge(width):
    """C is reached; A and B are cut off, and the cut is named once."""
    picture = drawn("bridge", width)

    reached = {f"C.{part}": "reached" for part in ("weight", "bias")}
    assert reached | {f"{n}.{part}": "none" for n in "AB" for part in ("weight", "bias")} == states(picture)
    assert 1 == texts(picture).count("detach")
    assert 1 == texts(picture).count("bridge.py:19")
    assert any("2 of 6 parameters reached" in text for text in texts(picture))


@pytest.mark.parametrize("width", [720, 420])
def test_net(width):
    """Every state is there, with the cause of each."""
    picture = drawn("net", width)

    both = {"mid": "frozen", "gate": "zero", "code": "undefined", "teacher": "none"}
    expected = {f"{name}.{part}": state for name, state in both.items() for part in ("weight", "bias")}
    expected |= {"adapter.weight": "moved", "adapter.bias": "unheld", "log_t": "none"}
    assert expected == states(picture)
    assert {"every entry dead", "backward returned None", ".item()", "no_grad", "1.649"} <= set(texts(picture))
    assert {"reached", "zero", "undefined", "missing", "quiet"} == {state for state, _ in groups(picture, "wire")}


def test_scalar():
    """Every value, derivative and factor stands on the picture."""
    written = texts(drawn("scalar"))

    assert {"x = 2", "w = 3", "b = 1", "y_ = 5", "p = 6", "y = 7", "s = −7", "t = −2", "f = 4"} <= set(written)
    derivatives = sorted(filter(re.compile(r"−?\d+").fullmatch, written))
    assert ["1", "12", "4", "4", "4", "8", "−4", "−4", "−4"] == derivatives
    assert {"×(−1)", "×(−4)", "×3", "×2", "×1"} <= set(written)


@pytest.mark.parametrize("width", [720, 420])
def test_gan(width):
    """The first loss spares the generator; the second reaches everything; and who holds what is said."""
    picture = drawn("gan", width)

    found = {group.get("data-name"): group.get("data-status") for _, group in groups(picture, "parameter")}
    assert {"G.weight": "none nonzero", "G.bias": "none nonzero"}.items() <= found.items()
    assert {"D.weight": "nonzero nonzero", "D.bias": "nonzero nonzero"}.items() <= found.items()
    assert {"loss_D", "loss_G", "opt_G", "opt_D", "detach"} <= set(texts(picture))


def test_gpt2():
    """The squares add up to what the verdict says, and the picture fits a screen."""
    picture = drawn("gpt2")

    counted = list(states(picture).values())
    assert {"reached": 128, "zero": 6, "frozen": 26} == {state: counted.count(state) for state in set(counted)}
    assert any("128 of 160 parameters reached" in text for text in texts(picture))
    assert float(picture.get("height")) <= 720


def test_multiples():
    """Six pictures, in each row the same; the bars stand in those of the second row alone."""
    picture = drawn("multiples")

    headings = {"loss on B", "loss on C", "loss on both", "no bridge", "bridge"}
    assert headings <= set(texts(picture))


@pytest.mark.parametrize("theme", ["light", "dark", "grey"])
@pytest.mark.parametrize("name", NAMES)
def test_themes_differ_in_colour_alone(name, theme):
    """Another ground changes colours, and no place and no mark."""

    def shape(picture):
        elements = [element for element in picture.iter() if not element.tag.endswith("style")]
        return [element.attrib for element in elements[1:]], picture.get("viewBox")

    assert shape(drawn(name)) == shape(drawn(name, theme=theme))
