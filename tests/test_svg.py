"""The SVG of a picture: it says exactly what the flow says, is safe, and is the same everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradflow.flow import Flow
from gradflow.graph import Edge
from gradflow.picture.paths import length
from gradflow.picture.pictures import Wish, pictured
from gradflow.picture.scene import compose
from gradflow.picture.shapes import Group, Head, Line
from gradflow.picture.states import Pass
from gradflow.picture.svg import page_svg, svg
from gradflow.picture.theme import PALETTES
from gradflow.stepdiff import Change, StepDiff
from tests import graphs, pictures, zoo
from tests.pictures import scene_of

DATA = Path(__file__).parent / "data"
SVG = "{http://www.w3.org/2000/svg}"


def bridge(theme: str = "auto", **more) -> str:
    flow, sketch = pictures.bridge(), pictures.bridge_sketch()
    return svg(compose(sketch, pictures.bridge_layout(sketch), flow.graph, (Pass(flow),)), theme, **more)


def groups(drawn: str, kind: str) -> list[dict[str, str]]:
    """The attributes of all groups of a kind."""
    found = ElementTree.fromstring(drawn).iter(f"{SVG}g")
    return [dict(group.attrib) for group in found if group.get("class", "").split()[0] == kind]


def edge(group: dict[str, str]) -> Edge:
    return Edge(int(group["data-value"]), int(group["data-op"]), int(group["data-position"]))


@pytest.mark.parametrize("name", graphs.every_flow())
def test_read_back(name):
    """From the SVG one reads back exactly what came along every edge, and what every used parameter got."""
    flow = graphs.every_flow()[name]
    drawn = svg(scene_of(flow))
    wires = [group for group in groups(drawn, "wire") if "data-op" in group]
    losses = [group for group in groups(drawn, "wire") if "data-op" not in group]
    squares = groups(drawn, "parameter")
    found = Pass(flow).explanations
    used = {
        flow.graph.values[e.value].name for e in flow.graph.edges() if flow.graph.values[e.value].kind == "parameter"
    }

    assert {e: flow.at(e).status for e in flow.graph.edges()} == {edge(group): group["data-status"] for group in wires}
    assert len(wires) == len(list(flow.graph.edges()))
    assert [(str(flow.output), flow.at(flow.output).status)] == [
        (group["data-value"], group["data-status"]) for group in losses
    ]
    written = {name: (flow.at(name).status, found[name].reason.name, str(flow.graph.names[name])) for name in used}
    if name != "hostile":
        assert written == {
            group["data-name"]: (group["data-status"], group["data-reason"], group["data-value"]) for group in squares
        }


def test_no_status_without_a_pass():
    """The SVG of a bare graph says what is connected, and nothing about gradients."""
    flow, sketch = pictures.bridge(), pictures.bridge_sketch()
    drawn = svg(compose(sketch, pictures.bridge_layout(sketch), flow.graph))

    assert "data-status" not in drawn and "data-reason" not in drawn
    assert set(flow.graph.edges()) == {edge(group) for group in groups(drawn, "wire") if "data-op" in group}


def test_hostile_names():
    """What comes from the user cannot leave its place, and the SVG stays well-formed."""
    drawn = svg(scene_of(graphs.hostile()))
    root = ElementTree.fromstring(drawn)
    texts = " ".join(text for element in root.iter() for text in (element.text or "", *element.attrib.values()))

    assert "</script><!--" in texts and 'say "hi"' in texts and "🦊🦊" in texts and "שלום" in texts
    assert "two\\nlines" in texts and "\\u202egnp.exe" in texts and "\\ud800" in texts
    assert drawn.isprintable() or drawn.rstrip("\n").isprintable()
    assert {"svg", "title", "desc", "style", "g", "path", "rect", "circle", "text", "tspan"} >= {
        element.tag.removeprefix(SVG) for element in root.iter()
    }


def test_pictures_on_a_page_cannot_clash():
    """No ids, markers, filters, references, scripts or variables; every rule holds below the picture only."""
    drawn = bridge()
    for forbidden in (" id=", "marker", "filter", "url(", "href", "<script", "var(", "@import", "http:"):
        assert forbidden not in drawn.replace("http://www.w3.org/2000/svg", ""), forbidden
    style = re.search("<style>(.*)</style>", drawn)[1]
    selectors = [one for part in re.findall(r"([^{}]+)\{", style) if "@" not in part for one in part.split(",")]
    assert all(one.startswith(".gf") for one in selectors)


def test_same_again():
    """The same flow gives the same text, byte for byte."""
    assert bridge() == bridge()


def test_numbers_are_short():
    """No coordinate has more than one decimal."""
    for name in graphs.every_flow():
        body = svg(scene_of(graphs.every_flow()[name])).partition("</style>")[2]
        assert [] == re.findall(r"\d\.\d\d|e-\d", re.sub(r">[^<]*<|data-[^ >]*", "", body))


def colours(text: str) -> set[str]:
    return set(re.findall("#[0-9A-F]{6}", text))


@pytest.mark.parametrize("theme", ["light", "dark", "grey"])
def test_one_theme(theme):
    """A picture of one theme has the colours of that palette only."""
    drawn = bridge(theme)
    assert colours(drawn) <= set(PALETTES[theme].values()) and "@media" not in drawn
    style = re.search("<style>(.*)</style>", drawn)[1].removeprefix(".gf{font-family:")
    assert f"gf {theme}" == ElementTree.fromstring(drawn).get("class")
    assert all(f".gf.{theme} " in rule for rule in re.findall(r"\.gf[^{]*\{", style))


def test_auto_theme():
    """By itself light, and on paper always; dark where the screen is."""
    drawn = bridge()
    style = re.search("<style>(.*)</style>", drawn)[1]
    light, dark = style.split("@media screen and (prefers-color-scheme:dark)")

    assert colours(light) <= set(PALETTES["light"].values())
    assert colours(dark) <= set(PALETTES["dark"].values())
    # Rule for rule as strong as in the light, so that what a light rule turns off stays off.
    assert set(re.findall(r"[{}]([^{}]+){", dark)) <= set(re.findall(r"(?:^|})([^{}]+){", light))


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", PALETTES)
def test_contrast(theme):
    """Texts have a contrast of 4.5 on every ground they stand on; lines of 3 on the paper."""
    palette = PALETTES[theme]
    for ground in ("paper", "module", "region"):
        for ink in ("ink", "soft"):
            assert 4.5 <= contrast(palette[ink], palette[ground]), (ink, ground)
    for text in ("reached", "zero", "undefined"):
        assert 4.5 <= contrast(palette[text], palette["paper"]), text
    for line in ("grey", "shape", "reached", "zero", "cut", "undefined"):
        assert 3.0 <= contrast(palette[line], palette["paper"]), line


def test_smallest_text():
    """No text is written smaller than 11 px, the 0 in a little disc included."""
    drawn = svg(scene_of(graphs.dead()))
    sizes = [float(size) for size in re.findall(r'font-size[:=]"?([\d.]+)', drawn)]
    assert sizes and min(sizes) >= 11


def test_pending():
    """What is still to come is marked as such, by edge and by value; what never comes is not."""
    flow = pictures.bridge()
    drawn = bridge(shown={12, Edge(11, 4, 0)})
    classes = {
        group["data-value"] + ("/" + group["data-op"] if "data-op" in group else ""): group["class"]
        for group in (*groups(drawn, "wire"), *groups(drawn, "parameter"))
    }

    assert flow.output == 12
    assert ["wire reached", "wire reached"] == [classes["12"], classes["11/4"]]
    assert ["wire reached pending", "parameter reached pending"] == [classes["4/3"], classes["4"]]
    assert ["wire missing", "parameter none"] == [classes["0/0"], classes["0"]]
    assert " pending" not in bridge()


def test_bands():
    """Lines that are pending, and lines on a page that are stepped through, have a band from end to end."""
    pending = bridge("light", shown=set())
    scene = pictures.scene_of(pictures.bridge())
    drawn = page_svg(scene, steps=True)
    reached = [group for group in groups(pending, "wire") if group["class"].endswith(" pending")]

    assert 0 < len(reached) == pending.count('class="band"') < len(groups(pending, "wire"))
    assert ".gf.light .pending>.head" in pending
    assert len(groups(drawn, "wire")) == drawn.count('class="band"')
    assert "band" not in bridge() and "pending" not in bridge()


def test_a_band_where_the_line_does_not_show_the_way():
    """On a page only lines that share a stretch, or have bars, bring a band; all others lie on their whole way."""
    flow = graphs.hostile()
    scene = pictured(flow.graph, (Pass(flow),), Wish())(720.0).scene
    banded = []
    for group in pictures.groups(scene, "wire"):
        lines = {item.points for item in group.items if isinstance(item, Line)}
        banded.append('class="band"' in page_svg(scene._replace(items=(group,))))
        assert banded[-1] is (len(lines) != 1 or length(group.band) - length(*lines) >= 13)
    assert {True, False} == set(banded)


@pytest.mark.parametrize("name", graphs.every_flow())
def test_on_a_page(name):
    """A picture on a page has the marks and texts of the SVG; of the data only the keys, or all, or nothing."""
    flow = graphs.every_flow()[name]
    scene = scene_of(flow)
    alone, page, full = svg(scene), page_svg(scene), page_svg(scene, data="all")
    plain = alone.replace(' xml:space="preserve"', "")
    written = [re.findall(r"<(?:text|rect|circle)[^>]*>[^<]*", drawn) for drawn in (plain, page)]
    keys = [
        ".".join(filter(None, map(group.get, ("data-value", "data-op", "data-position")))) for group in every(alone)
    ]

    assert written[0] == written[1]
    assert keys == [group["data-key"] for group in every(page)]
    assert [{**group, "data-key": one} for group, one in zip(every(alone), keys, strict=True)] == every(full)
    assert "data-" not in page_svg(scene, data="none") and len(page) < len(alone)


def every(drawn: str) -> list[dict[str, str]]:
    return [group for kind in ("wire", "parameter") for group in groups(drawn, kind)]


@pytest.mark.parametrize("theme", ["auto", *PALETTES])
def test_colours_on_a_page(theme):
    """On a page each rule has the colours that it has in the SVG, by a short name where there are two grounds."""
    scene = scene_of(graphs.dead())
    alone, page = svg(scene, theme), page_svg(scene, theme)
    light, _, dark = re.sub(r"\.gf(\.\w+)? ", "", re.search("<style>(.*)</style>", alone)[1]).partition("@media")
    style = re.search("<style>(.*)</style>", page)[1]
    named = style.partition("text{white-space")[0].split("@media")
    grounds = [dict(re.findall(r"(--\w):(#\w+)", part)) for part in named]
    for plain, ground in zip((light, dark), grounds, strict=False):
        coloured = filled(style, ground)
        for selector, looks in re.findall(r"([^{}]+)\{([^{}]*#[^{}]*)\}", plain):
            for look in filter(lambda one: "#" in one, looks.split(";")):
                assert look.replace("#FFFFFF", "#FFF").replace("#882255", "#825") in declared(coloured, selector)


def filled(style: str, ground: dict[str, str]) -> str:
    """A style sheet with the colours in the place of their names."""
    return re.sub(r"var\((--\w)\)", lambda found: ground[found[1]], style)


def declared(style: str, selector: str) -> set[str]:
    """What a style sheet says of a selector."""
    found = re.findall(r"([^{}]+)\{([^{}]*)\}", style)
    return {look for names, looks in found if names == selector for look in looks.split(";")}


def test_only_rules_that_are_needed():
    """The style sheet has no rule for what does not occur."""
    drawn = bridge("light")
    assert ".line.zero" not in drawn and ".region" not in drawn and ".second" not in drawn


def test_little_squares_after_a_step():
    """In a closed module, what moved is filled, and what was reached but did not move is pale."""
    flow, _ = graphs.two_losses()
    step = StepDiff((("a", Change(0.1, 1, 1)), ("b", Change(0.0, 0, 1))))
    drawn = svg(pictures.closed_scene(flow, step=step), "light")

    assert ['"small"', '"small still"'] == re.findall(r"<rect class=(\"small[^\"]*\")", drawn)
    assert ".gf.light .small.still{fill:#B9D8EB;stroke:#0072B2}" in drawn


def test_accessible():
    """The picture is one image with a name, a title and a description."""
    root = ElementTree.fromstring(bridge())

    assert ("img", "Gradient of loss", "gf") == (root.get("role"), root.get("aria-label"), root.get("class"))
    assert "Gradient of loss" == root.findtext(f"{SVG}title")
    assert "Cut off: A and B." in root.findtext(f"{SVG}desc")


def test_several_uses_on_one_line():
    """A line that stands for several uses is one drawing, and an empty group for each further use."""
    group = Group("wire", "quiet", (Edge(0, 0, 0), Edge(0, 0, 1)), ((("value", "0"),), (("value", "1"),)), ())
    scene = scene_of(graphs.dead())
    drawn = svg(scene._replace(items=(group,)))
    assert '<g class="wire quiet" data-value="0"></g><g class="wire quiet" data-value="1"/>' in drawn


def test_thousands_of_things_in_one():
    """A square that stands for thousands of parameters is no thousands of elements."""
    data = tuple((("value", str(value)),) for value in range(5000))
    scene = scene_of(graphs.dead())._replace(items=(Group("parameter", "reached", (), data, ()),))

    assert 1000 == svg(scene).count("<g ") == page_svg(scene).count("<g ")


@pytest.mark.parametrize("name", ["bridge", "square"])
def test_golden(name, request):
    """Two pictures, byte for byte; delete the file to write it anew, and look at it."""
    drawn = bridge() if name == "bridge" else svg(scene_of(graphs.square()))
    path = DATA / f"{name}.svg"
    if not path.exists():
        path.write_text(drawn, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == drawn


def test_unseeded():
    """A loss without history has a picture too."""
    flow = pictures.bridge()
    drawn = svg(scene_of(Flow(flow.graph, flow.output, (), seeded=False)))
    assert "The loss does not require grad" in drawn


@pytest.mark.parametrize("family", zoo.ZOO)
def test_zoo(family):
    """Of real models, every edge and parameter in the picture is what the flow says, once and with one mark."""
    flow = zoo.ZOO[family]()
    one = Pass(flow)
    scene = pictured(flow.graph, (one,), Wish())(720.0).scene
    drawn = svg(scene)
    wires = [group for group in groups(drawn, "wire") if "data-op" in group]
    statuses = {edge(group): group["data-status"] for group in wires}

    assert {key: flow.at(key).status for key in statuses} == statuses
    assert len(statuses) == len(wires)
    for group in groups(drawn, "parameter"):
        told = group["data-name"], group["data-status"], group["data-reason"]
        assert (told[0], flow.at(told[0]).status, one.explanations[told[0]].reason.name) == told
    assert not drawn.count("NaN") or "nan" in family
    for group in pictures.groups(scene, "wire"):
        assert 1 >= sum(isinstance(item, Head) for item in group.items), group.keys
        assert all(item.look in ("reached", "zero", "quiet") for item in group.items if isinstance(item, Head))


@pytest.mark.parametrize("family", zoo.ZOO)
def test_zoo_states(family):
    """The lines from a parameter say the same as its square, for every parameter of every model."""
    flow = zoo.ZOO[family]()
    one = Pass(flow)
    due_reasons = {"none": "missing", "reached": "reached", "zero": "zero", "frozen": "quiet", "quiet": "quiet"}
    for name in flow.graph.parameter_names():
        state = one.parameter(name).state
        versions = flow.graph.versions(flow.graph.names[name])
        found = {one.edge(use) for version in versions for use in flow.graph.consumers.get(version, ())}
        assert not found or due_reasons.get(state, state) in found | {"undefined"}, (name, state, found)
        assert state not in ("frozen", "quiet") or found <= {"quiet"}, (name, state, found)
