"""Figures on a page, in a real browser: by mouse, keyboard and touch, with and without scripts."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from browser import faults
from graphs import HOSTILE, chain, dead, every_flow, hostile, tower, two_losses
from playwright.sync_api import expect
from pypdf import PdfReader
from standin import html, svg
from test_element import scalar
from zoo import ZOO

import gradflow as gf
from gradflow.picture.element import fragment
from gradflow.picture.steps import steps

HALF_OVER = """figure => {
  // For each mark in turn: does its card lie on a point of one of its lines?
  const root = figure.shadowRoot, bad = [];
  for (const group of root.querySelectorAll("g[tabindex]")) {
    group.focus();
    const card = root.querySelector(".card").getBoundingClientRect();
    if (!card.width) bad.push("no card at " + group.getAttribute("aria-label"));
    for (const line of group.querySelectorAll("path, rect")) {
      const length = line.getTotalLength();
      for (let at = 0; at <= length; at += 2) {
        const p = line.getPointAtLength(at).matrixTransform(line.getScreenCTM());
        if (p.x > card.left && p.x < card.right && p.y > card.top && p.y < card.bottom) {
          bad.push(group.getAttribute("aria-label")); break;
        }
      }
    }
    if (card.left < figure.getBoundingClientRect().left || card.right > figure.getBoundingClientRect().right + 1)
      bad.push("outside: " + group.getAttribute("aria-label"));
  }
  return bad;
}"""
SAID = """figure => [...figure.shadowRoot.querySelectorAll("g[data-value]")].map(group => Object.fromEntries(
  [...group.attributes].filter(one => /^(class|data-(?!key|lm))/.test(one.name)).map(one => [one.name, one.value])))"""
BARE = """figure => {
  const svg = figure.shadowRoot.querySelector("svg").cloneNode(true);
  for (const one of [svg, ...svg.querySelectorAll("*")]) {
    for (const name of ["tabindex", "style", "aria-label"]) one.removeAttribute(name);
    one.classList.remove("pending", "current");
  }
  return svg.outerHTML;
}"""
SEEN = """figure => {
  const shown = query => [...figure.shadowRoot.querySelectorAll(`.frame svg ${query}`)]
    .filter(one => getComputedStyle(one).visibility !== "hidden");
  const paper = getComputedStyle(figure.shadowRoot.querySelector(".figure")).backgroundColor;
  return {
    numbers: shown("text.derivative").map(one => one.textContent),
    heads: shown(".head").length,
    filled: shown("g.parameter > .box").filter(one => getComputedStyle(one).fill !== paper).length,
  };
}"""
ON_LINE = """line => {
  const p = line.getPointAtLength(25).matrixTransform(line.getScreenCTM());
  return [p.x, p.y];
}"""
TAP = """group => {
  const box = group.querySelector(".box").getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""


def card(page, figure=0):
    return page.locator("gf-figure").nth(figure).locator(".card")


def pending(page):
    """Names of the squares that no gradient has reached yet."""
    return sorted(g.get_attribute("data-name") for g in page.locator("g.parameter.pending").all())


def test_two_figures_on_one_page(reader):
    """Each has its picture and its table; the second is made while its children are still being read."""
    page = reader.open(html(chain()), html(scalar(), stepped=True))
    figures = page.locator("gf-figure")

    expect(figures.locator("svg")).to_have_count(2)
    assert ["720", "720"] == [svg.get_attribute("width") for svg in figures.locator("svg").all()]
    expect(figures.nth(0).locator("g.wire.reached")).to_have_count(5)
    expect(figures.nth(1).locator("input")).to_have_count(1)
    expect(figures.nth(0).locator("input")).to_have_count(0)
    expect(page.locator("picture:visible")).to_have_count(0)
    expect(page.get_by_role("group", name="A pass.")).to_have_count(2)
    square = figures.nth(0).get_by_role("img", name="a.weight, no gradient, shape (5, 3) · f32, net.py:18")
    expect(square).to_have_count(1)
    figures.nth(0).locator("summary").click()
    expect(page.locator("td:visible").first).to_have_text("DETACHED")


@pytest.mark.parametrize(("width", "picture"), [(780, 720), (600, 420), (420, 420)])
def test_without_scripts(reader, width, picture):
    """The picture that suits the window, and the table."""
    page = reader.open(html(scalar(), stepped=True), width=width, java_script_enabled=False)
    image = page.locator("img")

    expect(image).to_be_visible()
    assert min(picture, width - 24) == round(image.bounding_box()["width"])
    page.locator("summary").click()
    expect(page.locator("tbody th:visible")).to_have_text(["x", "w", "b", "y_"])
    expect(page.locator("body")).not_to_contain_text("gradflow")


@pytest.mark.parametrize("name", ["chain", "hostile", "gpt2_lora", "graph", "comparison"])
def test_the_element_says_what_the_svg_says(reader, name):
    """Every line and square in the open page has the data of the SVG; each line that is drawn has its band."""
    task, penalty = two_losses()
    others = {"graph": chain().graph, "comparison": gf.compare(task=task, penalty=penalty)}
    shown = gf.draw(others[name] if name in others else ZOO[name]() if name in ZOO else every_flow()[name])
    page = reader.open(shown.html())
    found = page.locator("gf-figure").evaluate(SAID)
    root = ElementTree.fromstring(shown.svg())
    groups = [one.attrib for one in root.iter("{http://www.w3.org/2000/svg}g") if "data-value" in one.attrib]

    assert sorted(sorted(one.items()) for one in groups) == sorted(sorted(one.items()) for one in found)
    assert 0 == page.locator("g.wire:has(> .line):not(:has(> .band))").count()
    assert page.locator("g.wire > .band").count() == page.locator("g.wire:has(> .line)").count()


def test_a_card_has_four_lines(reader):
    """Name and state, norm and support, shape and value, file and line; the mouse leaves, the card goes."""
    page = reader.open(html(chain()))
    square = page.locator("g.parameter[data-name='b.weight'] .box")
    square.hover()

    expect(card(page).locator("p")).to_have_text(
        ["b.weightreached", "norm 0.4182 · support 10/10", "shape (2, 5) · f32", "net.py:20"]
    )
    assert card(page).bounding_box()["width"] >= 132
    expect(page.locator("g.current")).to_have_count(1)
    page.mouse.move(5, 5)
    expect(card(page)).to_be_hidden()
    expect(page.locator("g.current")).to_have_count(0)


def test_a_stem_has_a_card(reader):
    """The line to a square can be pointed at too; the keyboard comes to the square alone."""
    page = reader.open(html(chain()))
    stem = page.locator("g.wire[data-value='2'] .line").evaluate(ON_LINE)
    page.mouse.move(*stem)

    expect(card(page)).to_contain_text("b.weightreached")
    expect(page.locator("g.wire[data-value='2']")).to_have_class("wire reached current")
    page.mouse.click(*stem)
    expect(page.locator("g.parameter[data-value='2']")).to_be_focused()
    page.mouse.move(5, 5)
    expect(card(page)).to_be_visible()
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()


def test_a_card_says_why(reader):
    """A parameter that got nothing has a sentence more."""
    page = reader.open(html(chain()))
    page.locator("g.parameter[data-name='a.bias'] .box").hover()

    expect(card(page).locator("p").last).to_contain_text("Gets no gradient: detach at net.py:19")


def test_a_card_can_be_entered(reader):
    """The pointer may move onto the card, and read it there."""
    page = reader.open(html(chain()))
    page.locator("g.parameter[data-name='b.weight'] .box").hover()
    box = card(page).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=20)

    expect(card(page)).to_be_visible()
    expect(card(page)).to_contain_text("b.weight")


@pytest.mark.parametrize("width", [780, 444])
def test_no_card_lies_on_its_mark(reader, width):
    """Whichever line or square it belongs to, and however wide the figure."""
    page = reader.open(html(chain()), html(scalar()), html(dead()), width=width)

    for figure in page.locator("gf-figure").all():
        assert [] == figure.evaluate(HALF_OVER)


def test_keyboard_alone(reader):
    """One stop for the picture, arrows from the loss backwards, Esc for the card; then the table."""
    page = reader.open(html(chain()))
    page.keyboard.press("Tab")
    expect(card(page)).to_contain_text("lossreached")
    page.keyboard.press("ArrowLeft")
    expect(card(page)).to_contain_text("output of ×reached")
    page.keyboard.press("End")
    expect(card(page)).to_contain_text("a.bias")
    page.keyboard.press("ArrowRight")
    expect(card(page)).to_contain_text("a.weight")
    page.keyboard.press("Escape")
    expect(card(page)).to_be_hidden()
    page.keyboard.press("Home")
    expect(card(page)).to_contain_text("loss")
    expect(page.locator("g[tabindex='0']")).to_have_count(1)
    page.keyboard.press("Tab")
    expect(card(page)).to_be_hidden()
    expect(page.locator("summary")).to_be_focused()


def test_focus_can_be_seen(reader):
    """What has the focus has an outline: marks, buttons and the slider."""
    page = reader.open(html(scalar(), stepped=True))
    for _ in range(5):
        page.keyboard.press("Tab")
        style = "e => { while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement; return [e.localName,"
        style += "getComputedStyle(e.className === 'dotted' ? e.nextElementSibling : e).outlineStyle]; }"
        name, outline = page.evaluate_handle("document.activeElement").evaluate(style)
        assert name == "summary" or outline == "solid", name


def test_steps_by_key(reader):
    """It begins where the pass begins; each key goes where it says, and the last step is the whole picture."""
    page = reader.open(html(scalar(), stepped=True))
    slider, told = page.get_by_label("Step", exact=True), page.get_by_role("status")
    last = page.locator("gf-figure").evaluate(BARE)

    expect(told).to_have_text("Step 1: f. The pass starts here: ∂f/∂f = 1.")
    assert ["b", "w", "x", "y_"] == pending(page)
    slider.focus()
    page.keyboard.press("End")
    expect(told).to_have_text("Step 9: x. The op × hands on ∂f/∂p times its factor: 4 × 3 = 12.")
    assert [] == pending(page)
    expect(page.locator(".current")).to_have_count(0)
    seen = []
    for key, step in [("Home", 1), ("ArrowLeft", 1), ("ArrowRight", 2), ("End", 9), ("ArrowLeft", 8)]:
        page.keyboard.press(key)
        expect(slider).to_have_value(str(step))
        seen.append(pending(page))
        assert last == page.locator("gf-figure").evaluate(BARE)
    assert [["b", "w", "x", "y_"]] * 3 + [[], ["x"]] == seen
    expect(slider).to_have_attribute("aria-valuetext", "8 of 9: w")
    expect(page.locator(".count")).to_have_text("8 of 9")
    expect(page.locator(".rest")).to_have_text("Still to come: x.")


def test_steps_by_button(reader):
    """At an end a button does nothing, and keeps the focus."""
    page = reader.open(html(scalar(), stepped=True))
    later, earlier = page.get_by_role("button", name="later"), page.get_by_role("button", name="earlier")

    expect(page.locator(".count")).to_have_text("1 of 9")
    expect(earlier).to_have_attribute("aria-disabled", "true")
    earlier.click(force=True)
    expect(page.locator(".count")).to_have_text("1 of 9")
    for step in range(2, 10):
        later.click()
        expect(page.locator(".count")).to_have_text(f"{step} of 9")
    expect(later).to_have_attribute("aria-disabled", "true")
    later.click(force=True)
    expect(page.locator(".count")).to_have_text("9 of 9")
    earlier.click()
    expect(page.locator(".count")).to_have_text("8 of 9")
    expect(page.locator("g.current[data-value='1']")).to_have_count(2)
    page.locator(".dots li").nth(3).click(force=True)
    expect(page.locator(".count")).to_have_text("4 of 9")
    expect(earlier).to_have_attribute("aria-disabled", "false")


def test_playing(reader):
    """It starts when asked to, goes from the first step to the last, 600 ms apart, and stops there."""
    page = reader.open(html(scalar(), stepped=True))
    page.clock.install(time=0)
    page.reload()
    page.clock.pause_at(10_000)
    expect(page.locator(".count")).to_have_text("1 of 9")
    page.get_by_role("button", name="play").click()
    page.clock.run_for(599)
    expect(page.locator(".count")).to_have_text("1 of 9")
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "off")
    page.clock.run_for(2)
    expect(page.locator(".count")).to_have_text("2 of 9")
    page.get_by_label("Step", exact=True).focus()
    page.keyboard.press("Space")
    page.clock.run_for(3000)
    expect(page.locator(".count")).to_have_text("2 of 9")
    page.keyboard.press("Space")
    page.clock.run_for(600 * 20)
    expect(page.locator(".count")).to_have_text("9 of 9")
    expect(page.get_by_role("button", name="play")).to_be_visible()
    expect(page.get_by_role("status")).to_have_attribute("aria-live", "polite")


def test_a_figure_that_leaves_stops_playing(reader):
    """Taken off the page and put back it is as it was, and does not play on."""
    page = reader.open(html(scalar(), stepped=True))
    page.clock.install()
    page.reload()
    page.get_by_role("button", name="play").click()
    page.evaluate("() => { const f = document.querySelector('gf-figure'); document.body.append(f); }")
    page.clock.run_for(3000)
    expect(page.locator(".count")).to_have_text("1 of 9")
    page.set_viewport_size({"width": 444, "height": 900})
    expect(page.locator("gf-figure svg")).to_have_attribute("width", "420")


def test_motion(reader):
    """Colours take 160 ms, or no time for those who asked for less motion."""
    quick = "line => getComputedStyle(line).transitionDuration"
    page = reader.open(html(scalar(), stepped=True))
    assert "0.16s" in page.locator(".line").first.evaluate(quick)
    page = reader.open(html(scalar(), stepped=True), reduced_motion="reduce")
    assert "0s" == page.locator(".line").first.evaluate(quick)


def test_colours_follow_the_page(reader):
    """The book's switch, JupyterLab's, an editor's, and else the system; at once, and for every part."""
    page = reader.open(html(scalar(), stepped=True), color_scheme="light")
    ground = "figure => getComputedStyle(figure.shadowRoot.querySelector('.paper')).fill"
    around = "figure => getComputedStyle(figure.shadowRoot.querySelector('.figure')).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(23, 25, 29)"

    def becomes(colour):
        both = f"[{ground}, {around}].every(of => of(document.querySelector('gf-figure')) === '{colour}')"
        page.wait_for_function(both, timeout=5_000)

    becomes(light)
    page.emulate_media(color_scheme="dark")
    becomes(dark)
    page.evaluate("document.body.className = 'vscode-light'")
    becomes(light)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    becomes(dark)
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    becomes(light)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    becomes(dark)
    page.emulate_media(media="print")
    becomes(light)


@pytest.mark.parametrize(("theme", "ground"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(23, 25, 29)")])
def test_a_theme_that_was_asked_for_stays(reader, theme, ground):
    """Whatever the page and the system say."""
    page = reader.open(html(chain(), theme=theme), color_scheme="dark" if theme == "light" else "light")

    assert ground == page.locator(".paper").evaluate("paper => getComputedStyle(paper).fill")
    assert ground == page.locator(".figure").evaluate("figure => getComputedStyle(figure).backgroundColor")


def test_width_follows_the_element(reader):
    """Laid out again for the room there is, whatever the window; the step stays."""
    page = reader.open(f'<div id="room" style="width:700px">{html(scalar(), stepped=True)}</div>', width=1200)
    svg = page.locator("gf-figure svg")

    expect(svg).to_have_attribute("width", "720")
    page.get_by_label("Step", exact=True).focus()
    for key in ("End", "ArrowLeft"):
        page.keyboard.press(key)
    page.evaluate("document.getElementById('room').style.width = '500px'")
    expect(svg).to_have_attribute("width", "420")
    expect(page.locator(".count")).to_have_text("8 of 9")
    assert ["x"] == pending(page)
    page.evaluate("document.getElementById('room').style.width = '690px'")
    expect(svg).to_have_attribute("width", "720")


def test_touch(reader):
    """A finger 11 px beside a mark means it; the next tap elsewhere closes the card. No control is under 24 px."""
    page = reader.open(html(scalar(), stepped=True), width=420, has_touch=True, is_mobile=True)
    x, y = page.locator("g.parameter[data-name='b']").evaluate(TAP)

    page.touchscreen.tap(x + 9 + 11, y)
    expect(card(page)).to_contain_text("bstill to come")
    page.touchscreen.tap(200, page.locator("gf-figure svg").bounding_box()["height"])
    expect(card(page)).to_be_hidden()
    for control in page.locator("button, input").all():
        box = control.bounding_box()
        assert min(box["width"], box["height"]) >= 24
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_print(reader):
    """Paper gets the whole picture, then every step as a small one; no controls."""
    page = reader.open(html(scalar(), stepped=True))
    text = " ".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(page.pdf())).pages)

    assert ["f", "t", "y_", "s", "y", "b", "p", "w", "x"] == re.findall(r"\d\. (\w+)", text)
    assert "earlier" not in text
    assert "Table" not in text
    expect(page.locator(".strip svg")).to_have_count(0)


def test_a_strip_shows_each_step(reader):
    """In each small picture a step more has arrived."""
    page = reader.open(html(scalar(), stepped=True))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    strip = page.locator(".strip li")
    assert [4, 4, 3, 3, 3, 2, 2, 1, 0] == [item.locator("g.parameter.pending").count() for item in strip.all()]
    assert 0 == page.locator(".frame .pending").count()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(strip).to_have_count(0)
    assert ["b", "w", "x", "y_"] == pending(page)


def test_a_number_appears_with_its_step(reader):
    """At each step the numbers, heads and filled squares of the picture are those of the steps so far."""
    flow = scalar()
    page = reader.open(gf.animate(flow).html(), reduced_motion="reduce")
    figure = page.locator("gf-figure")
    order = [key for key, _ in flow.arrivals if isinstance(key, int)]
    values = [flow.graph.names[step.label] for step in steps(flow)]

    assert sorted(order) == sorted(values)
    page.get_by_label("Step", exact=True).focus()
    for at in range(1, len(values) + 1):
        expect(page.locator(".count")).to_have_text(f"{at} of {len(values)}")
        so_far = [flow.at(value).scalar for value in values[:at]]
        seen = figure.evaluate(SEEN)
        assert sorted(f"{number:g}".replace("-", "−") for number in so_far) == sorted(seen["numbers"])
        assert at == seen["heads"]
        assert [flow.graph.values[value].kind for value in values[:at]].count("parameter") == seen["filled"]
        labels = [group.get_attribute("aria-label") for group in page.locator("g[aria-label]").all()]
        assert len(values) - at == sum("still to come" in label for label in labels)
        assert at == sum("gradient" in label for label in labels)
        page.keyboard.press("ArrowRight")


def test_a_picture_without_data(reader):
    """Where nothing is known of its lines it is a picture, and the keyboard passes by."""
    page = reader.open(fragment(label="l", pictures=[(720, svg(chain(), 720))], table=[("a",), ("b",)], data={}))
    page.locator("g.parameter .box").first.hover()

    expect(page.locator("gf-figure svg")).to_be_visible()
    expect(card(page)).to_be_hidden()
    page.keyboard.press("Tab")
    expect(page.locator("summary")).to_be_focused()
    assert [] == faults(page)


def test_what_is_not_shown_has_no_card(reader):
    """A line that a picture holds back can neither be pointed at nor reached by key."""
    held_back = svg(chain(), 720).replace("</style>", "g[data-value='11'] path { display: none }</style>")
    data = json.loads(re.search('json">(.*?)</script>', html(chain()))[1])
    page = reader.open(fragment(label="l", pictures=[(720, held_back)], table=[], data=data))

    expect(page.locator("g.wire[data-value='11']")).to_have_count(1)
    expect(page.locator("g.wire[data-value='11'][tabindex]")).to_have_count(0)
    assert [] == page.locator("gf-figure").evaluate(HALF_OVER)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(reader, scheme):
    """With a card open, a step half way, and the table unfolded."""
    page = reader.open(html(chain()), html(scalar(), stepped=True), color_scheme=scheme)
    if scheme == "dark":
        page.add_style_tag(content="body { background: #17191D; color: #ECEAE4; }")
    page.locator("summary").first.click()
    page.get_by_role("button", name="later").click()
    page.locator("gf-figure").first.locator("g[tabindex='0']").focus()
    expect(card(page)).to_be_visible()

    assert [] == faults(page)


def test_forced_colours(reader):
    """Where the system chooses the colours, controls and cards still have edges."""
    page = reader.open(html(scalar(), stepped=True), forced_colors="active")
    page.locator("g.parameter .box").first.hover()

    assert "solid" == card(page).evaluate("card => getComputedStyle(card).borderStyle")
    assert [] == faults(page)


def test_hostile_names(reader):
    """No name runs, breaks out, or is lost: each stands in its card as it was written."""
    image = "</script><img src=x onerror=alert(1)>"
    flow = hostile()
    long = replace(
        flow,
        graph=replace(
            flow.graph,
            values=(
                flow.graph.values[0]._replace(name=image),
                flow.graph.values[1]._replace(name="a.very" * 40),
                *flow.graph.values[2:],
            ),
        ),
    )
    page = reader.open(html(long, stepped=True), html(chain()))
    figure = page.locator("gf-figure").first
    page.get_by_label("Step", exact=True).focus()
    page.keyboard.press("End")

    labels = [g.get_attribute("aria-label") for g in figure.locator("g.parameter").all()]
    assert len(HOSTILE) == len(labels)
    for name in (image, "a.very" * 40, "</script><!--", "\\u202egnp.exe", "שלום", "🦊🦊", "\\ud800"):
        assert any(label.startswith(f"{name}, reached") for label in labels), name
    expect(page.locator("img[onerror], script:not([type]) ~ img")).to_have_count(0)
    figure.locator(f"g.parameter[data-name^='{'a.very' * 2}']").focus()
    assert card(page).bounding_box()["width"] <= 264
    expect(page.locator("gf-figure").nth(1).locator("svg")).to_have_count(1)


def test_keys_are_kept_from_the_host(reader):
    """Each control says that its keys are its own, and so does the element they are seen to come from."""
    page = reader.open(html(scalar(), stepped=True))
    own = "all => all.every(one => one.dataset.lmSuppressShortcuts === 'true')"

    expect(page.locator("button, input, g[tabindex]")).to_have_count(14)
    assert page.locator("gf-figure, button, input, g[tabindex]").evaluate_all(own)


def subjects():
    """What a reader may draw, by name."""
    task, penalty = two_losses()
    return every_flow() | {
        "graph": chain().graph,
        "losses": gf.compare(task=task, penalty=penalty),
        "tower": tower(30, cut=7),
        "numbers": scalar(),
    }


@pytest.mark.parametrize("width", [780, 444])
def test_drawn_figures(reader, width):
    """Whatever gf.draw makes: each line and square has a card that says what it is, and none lies on its mark."""
    page = reader.open(*(gf.draw(subject).html() for subject in subjects().values()), width=width)
    nameless = "figure => figure.marks.filter(mark => !mark.lines[0]).map(mark => mark.group.outerHTML)"

    for name, figure in zip(subjects(), page.locator("gf-figure").all(), strict=True):
        assert [] == figure.evaluate(HALF_OVER), name
        assert [] == figure.evaluate(nameless), name
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_drawn_figures(reader, scheme):
    """Pictures, matrices, numbers and steps as they are drawn."""
    drawn = [gf.draw(subjects()[name], legend=True).html() for name in ("chain", "losses", "tower")]
    page = reader.open(*drawn, gf.animate(scalar()).html(), color_scheme=scheme)
    if scheme == "dark":
        page.add_style_tag(content="body { background: #17191D; color: #ECEAE4; }")

    assert [] == faults(page)


def test_drawn_steps(reader):
    """At no step does anything move; before the first one only the loss has its gradient."""
    page = reader.open(gf.animate(scalar()).html())
    figure = page.locator("gf-figure")
    last = figure.evaluate(BARE)
    boxes = "figure => [...figure.shadowRoot.querySelectorAll('text, .box, .pill')].map(one => one.getBBox().x)"
    places = figure.evaluate(boxes)

    page.get_by_label("Step", exact=True).focus()
    page.keyboard.press("Home")
    expect(page.locator("g.wire:not(.pending)")).to_have_count(1)
    for _ in range(9):
        assert last == figure.evaluate(BARE)
        assert len(places) == len(figure.evaluate(boxes))
        page.keyboard.press("ArrowRight")
    assert [] == pending(page)
    assert places == figure.evaluate(boxes)
