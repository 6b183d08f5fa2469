"""The modules of a figure are opened and closed in the page: which pictures it holds, and how a reader chooses one."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from urllib.parse import unquote
from zlib import decompress

import pytest
import torch
from browser import faults
from playwright.sync_api import expect
from torch import nn
from zoo import ZOO

import gradflow as gf
from gradflow.picture.opening import choose, tree
from gradflow.picture.steps import steps
from gradflow.picture.variants import MOST, Variant, doors
from gradflow.picture.wording import key

KEYS = """figure => [...figure.shadowRoot.querySelectorAll('.frame g[data-key]')].map(one => one.dataset.key)"""
MIDDLE = """(figure, key) => {
  const line = figure.shadowRoot.querySelector(`g[data-key="${key}"] .line`);
  const at = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM());
  return [at.x, at.y];
}"""
UNNAMED = """figure => {
  const root = figure.shadowRoot, bad = [];
  for (const group of root.querySelectorAll("g[tabindex]")) {
    group.focus();
    if (!root.querySelector(".card b")?.textContent) bad.push(group.dataset.key);
  }
  return bad;
}"""


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return x + self.fc2(self.fc1(x).tanh())


class Nest(nn.Module):
    """A block around a block, so that closing has an outermost level."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Sequential(Block(), nn.Linear(3, 3)), nn.Linear(3, 1)

    def forward(self, x):
        return self.last(self.first(x).relu()).sin() * 2


def flow_of(model, *, x=None) -> gf.Flow:
    x = torch.ones(2, 3) if x is None else x
    with gf.trace(model, x=x) as t:
        loss = model(x).sum()
    return t.flow(loss)


def kinds(total: int) -> gf.Flow:
    """As many classes of modules, each with so many ops that none is opened by itself."""

    def forward(self, x):
        for _ in range(60):
            x = x * self.weight
        return x

    def made(at):
        built = type(f"Kind{at}", (nn.Module,), {"forward": forward})()
        built.weight = nn.Parameter(torch.ones(3))
        return built

    return flow_of(nn.Sequential(*map(made, range(total))))


def named(name: str) -> gf.Flow:
    """A model of which a module has this name."""

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module(name, nn.Sequential(Block(), nn.Linear(3, 3)))
            self.last = nn.Linear(3, 1)

        def forward(self, x):
            return self.last(getattr(self, name)(x).relu()).sin() * 2

    return flow_of(Wrapped())


def data_of(html: str):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL)[1])


def views(figure) -> dict[str, list[tuple[int, str]]]:
    """Label, widths and SVG of the pictures that a page holds beside those that it shows at first."""
    held = data_of(figure.html()).get("views", [])
    return {
        label: [(width, decompress(b64decode(text)).decode() if text else "") for width, text in each]
        for label, each in held
    }


def labels(name: str) -> list[str]:
    return [*views(gf.draw(ZOO[name]()))]


# Which pictures


def test_the_views_of_a_resnet():
    """All closed; of two classes of blocks the first; and where others are closed, how to see those."""
    assert ["all closed", "open layer1.0", "others: gf.draw(…, open=['layer1.1'])"] == labels("resnet")


def test_the_first_of_each_class_is_opened():
    """Of two embeddings and four blocks one each; nothing is open, so nothing is closed."""
    found = labels("gpt2")

    assert ["open transformer.wte", "open transformer.h.0", "open transformer.ln_f", "open lm_head"] == found[:4]
    assert ["others: gf.draw(…, open=['transformer.wpe'])"] == found[4:]


def test_a_figure_without_modules_has_no_views():
    assert [] == labels("scalar")
    assert "views" not in data_of(gf.draw(ZOO["scalar"]()).html())


def test_one_open_module_is_not_closed():
    """All of one module closed would show nothing."""
    assert [] == [*views(gf.draw(flow_of(nn.Sequential(nn.Tanh(), nn.Linear(3, 1)))))]


def test_at_most_four():
    """Of ten classes four; the entry below says how to see the others."""
    held = [*views(gf.draw(kinds(10)))]

    assert MOST + 1 == len(held)
    assert "others: gf.draw(…, open=['4'])" == held[-1]


def test_all_closed_closes_the_outermost():
    """Inside a closed module nothing is drawn; the names are those of the outermost."""
    (label, pictures), *_ = views(gf.draw(flow_of(Nest()))).items()

    assert "all closed" == label
    assert [720, 420] == [width for width, _ in pictures]
    assert ["first", "last"] == [name for name in re.findall(r">([\w.]+)</text>", pictures[0][1]) if name[:1] in "fl"][
        :2
    ]
    assert "fc1" not in pictures[0][1]


def test_what_is_asked_for_stays_open_in_the_other_views():
    figure = gf.draw(ZOO["gpt2"](), open=["transformer.h.1"])
    shown = views(figure)["open transformer.h.0"][0][1]

    assert {"h.0.attn", "h.1.attn"} <= set(re.findall(">([^<>]+)</text>", shown))


def test_what_is_opened_wins_over_what_is_closed():
    """A path in both is open."""
    graph = flow_of(Nest()).graph
    ops = [op.id for op in graph.ops]

    def opened(**wish) -> set[str]:
        root = tree(graph, ops, (), lambda branch: False)
        choose(root, 40, **wish)
        return {branch.path for branch in root.branches() if branch.open}

    assert {"first", "last"} <= opened()
    assert {"last"} == opened(closed=("first",)) - {"first.0", "first.0.fc1", "first.0.fc2", "first.1"}
    assert {"first", "last"} <= opened(closed=("first",), opened=("first",))


def test_doors_lead_there_and_back():
    held = [Variant("all closed", closed=("A",)), Variant("open h", ("h",))]

    assert [{"h": 2}, {"h": 2, "A": 0}, {"h": 0}] == [doors(one, held) for one in (None, *held)]


@pytest.mark.parametrize("name", ["resnet", "gpt2", "transformer"])
def test_a_view_is_what_draw_draws(name):
    """The picture of a view shows the same lines and squares as the picture that is drawn so."""
    for label, pictures in views(gf.draw(ZOO[name]())).items():
        if label.startswith("open "):
            drawn = gf.draw(ZOO[name](), open=[label.removeprefix("open ")]).html()
            wide = unquote(re.search(r"<img [^>]*src='([^']*)'", drawn)[1])
            assert re.findall(r'data-key="([^"]*)"', wide) == re.findall(r'data-key="([^"]*)"', pictures[0][1])


@pytest.mark.parametrize("name", ["resnet", "gpt2"])
def test_views_are_the_same_each_time(name):
    flow = ZOO[name]()

    assert gf.draw(flow).html() == gf.draw(flow).html()


@pytest.mark.parametrize("name", sorted(ZOO))
def test_what_a_view_shows_is_in_the_data(name):
    """Every key of every view has a row, from which its card is made."""
    html = gf.draw(ZOO[name]()).html()
    data = data_of(html)
    edges = {".".join(map(str, row[:3])) for row in data["edges"]}
    values = {str(row[0]) for row in data["values"]}
    found = {
        key
        for each in views(gf.draw(ZOO[name]())).values()
        for _, svg in each
        for key in re.findall('data-key="([^"]*)"', svg)
    }

    assert set() == found - edges - values


def test_nothing_is_drawn_in_a_view_before_it_has_come():
    """What only a view shows comes with a step, and with none before its own."""
    flow = ZOO["gpt2"]()
    figure = gf.animate(flow)
    told = data_of(figure.html())["steps"]
    seen = {key for each in views(figure).values() for _, svg in each for key in re.findall('data-key="([^"]*)"', svg)}
    at = {key: step for step, (keys, _, _, *since) in enumerate(told) for key in (*keys, *(since[0] if since else ()))}
    order = [{key(one) for one in step.keys} & seen & at.keys() for step in steps(flow)]
    reached = {key(one) for one, arrival in flow.arrivals if arrival.arrived}
    shown = [max(at[one] for one in keys) for keys in order if keys]

    assert set() == (seen & reached) - at.keys()
    assert sorted(shown) == shown
    assert any(len(row) > 3 for row in told)


# In a browser


def figure_of(page, at=0):
    return page.locator("gf-figure").nth(at)


def modules(page, at=0):
    return figure_of(page, at).get_by_label("Modules")


@pytest.mark.parametrize("name", ["resnet", "gpt2", "bridge"])
def test_each_view_is_shown(reader, name):
    """Every entry replaces the picture by the one that Python drew; the first gives back the picture as drawn."""
    figure = gf.draw(ZOO[name]())
    page = reader.open(figure.html())
    drawn = figure_of(page).evaluate(KEYS)
    for label, pictures in views(figure).items():
        if not pictures:
            assert modules(page).locator("option", has_text=label).is_disabled()
            continue
        modules(page).select_option(label)
        expect(figure_of(page).get_by_role("status").filter(has_text="Modules:")).to_have_text(f"Modules: {label}")
        page.wait_for_function(
            "([keys]) => JSON.stringify((" + KEYS + ")(document.querySelector('gf-figure'))) === keys",
            arg=[json.dumps(re.findall('data-key="([^"]*)"', pictures[0][1]), separators=(",", ":"))],
        )
        assert [] == figure_of(page).evaluate(UNNAMED)
    modules(page).select_option("as drawn")
    expect(modules(page)).to_have_value("0")

    assert drawn == figure_of(page).evaluate(KEYS)


def test_a_name_opens_and_closes_its_module(reader):
    """With the mouse on the name, and with Enter; the focus stays on the name."""
    page = reader.open(gf.draw(ZOO["resnet"]()).html())
    figure = figure_of(page)
    name = figure.locator("text[data-module='layer1.0']")
    expect(name).to_have_attribute("aria-label", "open layer1.0")
    box = name.bounding_box()
    page.mouse.move(box["x"] + 4, box["y"] + 4)
    expect(figure.locator(".frame")).to_have_class(re.compile("door"))
    page.mouse.click(box["x"] + 4, box["y"] + 4)
    expect(modules(page)).to_have_value("2")
    expect(name).to_have_attribute("aria-label", "layer1.0: as drawn")
    expect(name).to_be_focused()
    page.keyboard.press("Enter")
    expect(modules(page)).to_have_value("0")
    expect(name).to_have_attribute("aria-label", "open layer1.0")

    expect(name).to_be_focused()


def test_the_focus_stays_on_what_both_show(reader):
    """The line into the loss keeps it; what is not there any more gives it to the first of the picture."""
    page = reader.open(gf.draw(ZOO["resnet"]()).html())
    figure = figure_of(page)
    figure.locator("g[tabindex='0']").focus()
    page.keyboard.press("ArrowLeft")
    focused = "figure => figure.shadowRoot.activeElement.dataset.key"
    key = figure.evaluate(focused)
    figure.evaluate("figure => figure.set({view: 2})")
    expect(figure.locator("text[data-module='layer1.0']")).to_have_attribute("data-view", "0")

    assert key == figure.evaluate(focused)


def test_what_would_happen_is_drawn_in_a_view(reader):
    """A cut inside an opened module, of which the picture as drawn shows no line."""
    page = reader.open(gf.draw(ZOO["resnet"]()).html(), height=1600)
    figure = figure_of(page)
    before = set(figure.evaluate(KEYS))
    modules(page).select_option("open layer1.0")
    expect(figure.locator("text[data-module='layer1.0']")).to_have_attribute("data-view", "0")
    figure.get_by_role("button", name="What if?").click()
    lines = figure.locator("g.wire:has(.line)")
    inside = next(key for key in (one.get_attribute("data-key") for one in lines.all()) if key not in before)
    page.mouse.click(*figure.evaluate(MIDDLE, inside))
    expect(figure.locator(".newcut")).to_have_count(1)
    assert [inside] == figure.evaluate("figure => figure.state.edit.cut")
    assert figure.locator("g.would").count() > 0
    assert figure.locator("g.parameter.wouldnot").count() + figure.locator("g.parameter.would").count() > 0
    modules(page).select_option("as drawn")
    expect(figure.locator("text[data-module='layer1.0']")).to_have_attribute("data-view", "2")

    assert [inside] == figure.evaluate("figure => figure.state.edit.cut")
    expect(figure.locator(".banner")).to_be_visible()


def test_steps_in_a_view(reader):
    """At the first step nothing inside the opened module has come, at the last one nothing is pending."""
    page = reader.open(gf.animate(ZOO["resnet"]()).html(), height=1600)
    figure = figure_of(page)
    modules(page).select_option("open layer1.0")
    expect(figure.locator("text[data-module='layer1.0']")).to_have_attribute("data-view", "0")
    drawn = figure.locator("g.parameter.reached").count()
    expect(figure.locator("g.parameter.reached.pending")).to_have_count(drawn)
    figure.get_by_label("Step", exact=True).press("End")

    expect(figure.locator("g.pending")).to_have_count(0)


def test_two_figures(reader):
    """Each has its own modules."""
    page = reader.open(gf.draw(ZOO["resnet"]()).html(), gf.draw(ZOO["bridge"]()).html())
    first = figure_of(page).evaluate(KEYS)
    modules(page, 1).select_option("all closed")
    expect(figure_of(page, 1).get_by_role("button", name="A: as drawn")).to_be_visible()

    assert "0" == modules(page).input_value()
    assert first == figure_of(page).evaluate(KEYS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_for_axe_to_find(reader, scheme):
    page = reader.open(gf.draw(ZOO["resnet"]()).html(), color_scheme=scheme)
    modules(page).select_option("open layer1.0")
    expect(figure_of(page).locator("text[data-module='layer1.0']")).to_have_attribute("data-view", "0")

    assert [] == faults(page)


def test_on_a_telephone(reader):
    """The control is high enough for a finger, and the page is not wider than the window."""
    page = reader.open(gf.draw(ZOO["transformer"]()).html(), width=420, has_touch=True, is_mobile=True)
    modules(page).select_option("open encoder.layers.0")
    expect(modules(page)).to_have_value("2")

    assert 44 <= modules(page).bounding_box()["height"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_the_page_does_not_jump(reader):
    """It moves by no more than the picture grows."""
    page = reader.open(
        "<p style='height:1200px'>before</p>", gf.draw(ZOO["resnet"]()).html(), "<p style='height:2000px'>after</p>"
    )
    modules(page).scroll_into_view_if_needed()
    height = "document.querySelector('gf-figure').shadowRoot.querySelector('svg').getBoundingClientRect().height"
    was, at = page.evaluate(height), page.evaluate("scrollY")
    modules(page).select_option("all closed")
    expect(figure_of(page).get_by_role("button", name="stem: as drawn")).to_be_attached()
    page.wait_for_timeout(100)

    assert abs(page.evaluate("scrollY") - at) <= abs(page.evaluate(height) - was) + 1


def test_without_a_way_to_unpack(reader):
    """A browser that cannot unpack them has no control, and no names to click on."""
    hidden = "<script>delete window.DecompressionStream</script>"
    page = reader.open(hidden + gf.draw(ZOO["resnet"]()).html())

    expect(figure_of(page).get_by_role("button", name="What if?")).to_be_visible()
    expect(modules(page)).to_have_count(0)
    expect(figure_of(page).locator("[data-view][tabindex]")).to_have_count(0)


def test_paper_shows_the_picture_as_drawn(reader):
    page = reader.open(gf.draw(ZOO["resnet"]()).html())
    figure = figure_of(page)
    drawn = figure.evaluate(KEYS)
    modules(page).select_option("open layer1.0")
    expect(figure.locator("text[data-module='layer1.0']")).to_have_attribute("data-view", "0")
    turned = figure.evaluate(KEYS)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert drawn == figure.evaluate(KEYS)
    page.evaluate("dispatchEvent(new Event('afterprint'))")

    assert turned == figure.evaluate(KEYS)


def test_hostile_names(reader):
    """A name is a text, whatever it looks like."""
    name = "<img src=x onerror=alert(1)>\"'&"
    page = reader.open(gf.draw(named(name)).html())
    modules(page).select_option(index=1)
    expect(modules(page)).to_have_value("1")

    assert 0 == figure_of(page).locator("img[src=x]").count()
    assert any(
        name in one
        for one in figure_of(page).locator("[data-module]").evaluate_all("all => all.map(one => one.dataset.module)")
    )
