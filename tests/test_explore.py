"""Reading a figure in a real browser: why, find, zoom, code, file and link."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
import torch
from browser import faults
from graphs import HOSTILE, hostile, tower
from playwright.sync_api import expect
from torch import nn
from zoo import ZOO

import gradflow as gf
from gradflow.picture.bundle import compact_script, modules, source
from gradflow.picture.net import net
from gradflow.picture.payload import payload
from gradflow.roster import explanations

SVG = "{http://www.w3.org/2000/svg}"
PROGRAM = """h = model.A(x)
b = model.B(h)
y = model.C(b)
with torch.no_grad():
    z = model.C(b)
loss = (y * y).sum() + h.sum() + z.sum()
"""
WHOLE = """figure => {
  const svg = figure.shadowRoot.querySelector(".frame svg");
  return svg.getAttribute("viewBox") === `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`;
}"""
SIDES = "one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right]"
LIT = """figure => [...figure.shadowRoot.querySelectorAll(".frame svg g[data-key]:not(.aside)")]
  .filter(group => group.childElementCount).map(group => group.dataset.key).sort()"""


def code(entry: str) -> str:
    """The modules of one part of the script as they stand in a page."""
    written = "".join(map(source, modules(entry)))
    return compact_script(re.sub(r"^import .*\n|^export (?:\{\};\n)?", "", written, flags=re.MULTILINE))


def called(page, entry: str, call: str, given: object):
    """What a function of the script gives."""
    return page.evaluate(f"given => {{ {code(entry)}\nreturn {call}; }}", given)


def bridge(page_of=gf.draw, **options) -> str:
    return page_of(ZOO["bridge"](), **options).html()


def control(page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def because(page):
    return page.locator(".because")


def lit(page, figure=0) -> list[str]:
    return page.locator("gf-figure").nth(figure).evaluate(LIT)


def square(page, name: str):
    return page.locator(f"g.parameter[data-name='{name}'] > .box")


# why


def test_a_click_on_a_square_says_why(reader):
    """The sentence in full, the bars ringed, the way from the loss to the square lit; Esc ends it."""
    page = reader.open(bridge())
    every = lit(page)
    square(page, "A.weight").click(force=True)

    expect(because(page)).to_have_text(
        "A.weight gets no gradient: detach at tests/zoo.py:57 cuts its way from the loss."
    )
    assert ["0", "0.0.1", "10.3.0", "11.4.0", "12", "8.1.0", "9.2.0"] == lit(page)
    rings = page.locator(".pointer")
    expect(rings).to_have_count(1)
    bar, ring = page.locator(".frame .bar").evaluate(SIDES), rings.evaluate(SIDES)
    assert ring[0] < bar[0] < bar[1] < ring[1]
    page.keyboard.press("Escape")
    expect(because(page)).to_be_hidden()
    expect(rings).to_have_count(0)
    assert every == lit(page)


def test_why_of_a_square_that_was_reached(reader):
    """Only the lines on which its gradient came are lit, and nothing is ringed."""
    page = reader.open(bridge())
    square(page, "C.weight").click(force=True)

    expect(because(page)).to_contain_text("C.weight: reached, norm 0.56")
    assert ["11.4.0", "12", "4", "4.3.1"] == lit(page)
    expect(page.locator(".pointer")).to_have_count(0)
    control(page, "Show all").click()
    expect(because(page)).to_be_hidden()


def test_of_two_ways_the_one_that_was_gone_is_lit(reader):
    """The way through the detach brought nothing."""
    w = torch.ones(2, requires_grad=True)
    with gf.trace(w=w) as t:
        loss = ((w * 2).detach() * w).sum()
    page = reader.open(gf.draw(t.flow(loss)).html())
    square(page, "w").click(force=True)
    through = [one for one in t.graph.edges() if t.graph.ops[one.op].target == "detach"]

    expect(because(page)).to_contain_text("w: reached")
    assert 1 == len(through)
    assert not {".".join(map(str, edge)) for edge in through} & set(lit(page))
    assert "0" in lit(page)


def test_why_by_keyboard(reader):
    """Enter and w do what a click does; in What if? only w, for there Enter changes something."""
    page = reader.open(bridge())
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(because(page)).to_contain_text("A.bias gets no gradient")
    page.keyboard.press("Enter")
    expect(because(page)).to_be_hidden()
    page.keyboard.press("Escape")
    control(page, "What if?").click()
    page.locator("g[tabindex='0']").focus()
    page.keyboard.press("w")
    expect(because(page)).to_contain_text("A.bias gets no gradient")
    page.keyboard.press("Enter")
    expect(page.locator(".banner")).to_contain_text("A.bias frozen")


def test_why_by_touch(reader):
    """A tap on a square asks, a tap beside everything ends it; what is touched is 44 pixels high."""
    page = reader.open(bridge(), width=420, has_touch=True)
    square(page, "A.weight").tap(force=True)
    expect(because(page)).to_contain_text("A.weight gets no gradient")
    page.locator(".frame > svg").tap(position={"x": 380, "y": 10})
    expect(because(page)).to_be_hidden()
    control(page, "Explore").tap()
    assert 10 <= len(touched(page, ".reading button:visible, .explore button:visible, .tabs button, .explore input"))
    control(page, "Export").tap()
    assert 3 == len(touched(page, ".export button:visible"))


def touched(page, controls: str) -> list[object]:
    """Controls, each of them at least 44 pixels wide and high."""
    boxes = [one.bounding_box() for one in page.locator(controls).all()]
    assert [] == [box for box in boxes if min(box["width"], box["height"]) < 44]
    return boxes


# find


def test_find_counts_and_walks(reader):
    """Upper or lower case, names and operations; Enter is the next one, with Shift the one before."""
    page = reader.open(bridge())
    control(page, "Explore").click()
    field, hits = page.get_by_role("searchbox", name="Find by name"), page.locator(".hits")
    field.fill("b.")
    expect(hits).to_have_text("1 of 2: B.weight")
    page.keyboard.press("Enter")
    expect(hits).to_have_text("2 of 2: B.bias")
    ring, box = page.locator(".pointer.hit").bounding_box(), square(page, "B.bias").bounding_box()
    assert ring["x"] < box["x"] and box["x"] + box["width"] < ring["x"] + ring["width"]
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")
    expect(hits).to_have_text("2 of 2: B.bias")
    page.keyboard.press("ArrowDown")
    expect(page.locator("g.parameter[data-name='B.bias']")).to_be_focused()
    field.fill("LINEAR")
    expect(hits).to_have_text("1 of 3: output of linear")
    field.fill("nowhere")
    expect(hits).to_have_text("nothing found")
    field.press("Escape")
    expect(hits).to_have_text("")
    expect(page.locator(".pointer")).to_have_count(0)


def test_find_in_a_closed_module(reader):
    """What is not drawn by itself is found all the same, with the module it lies in."""
    page = reader.open(gf.draw(tower(30)).html())
    control(page, "Explore").click()
    page.get_by_role("searchbox").fill("h.7.up")

    expect(page.locator(".hits")).to_have_text("1 of 1: net.h.7.up lies inside net.h.7, which is closed here")


def test_what_is_found_comes_into_view(reader):
    """Also where the picture is zoomed, and the page is scrolled away."""
    page = reader.open("<p style='height:2000px'>far</p>", bridge(), height=500)
    control(page, "Explore").click()
    for _ in range(5):
        control(page, "Zoom in").click()
    page.get_by_role("searchbox").fill("A.weight")
    page.keyboard.press("Enter")
    frame, ring = page.locator(".frame").bounding_box(), page.locator(".hit").bounding_box()

    assert frame["x"] <= ring["x"] + ring["width"] / 2 <= frame["x"] + frame["width"]
    assert 0 <= ring["y"] + ring["height"] / 2 <= 500


# zoom


def test_zoom_and_fit(reader):
    """Buttons come closer and go back; cards still stand at their marks."""
    page = reader.open(bridge())
    figure = page.locator("gf-figure")
    assert figure.evaluate(WHOLE)
    control(page, "Explore").click()
    small = page.locator(".frame rect.loss").bounding_box()["width"]
    page.locator(".frame rect.loss").hover(force=True)  # now it is known where every mark is
    control(page, "Zoom in").click()
    assert 1.5 == pytest.approx(page.locator(".frame rect.loss").bounding_box()["width"] / small, 0.01)
    x, y, w, h = (
        page.locator("g[data-key='9.2.0'] .line").bounding_box()[side] for side in ("x", "y", "width", "height")
    )
    page.mouse.move(x + w / 2, y + h / 2)
    expect(page.locator(".card")).to_contain_text("output of linear")
    control(page, "Explore").click()
    expect(control(page, "Fit the whole picture")).to_be_visible()  # else there were no way back
    control(page, "Fit the whole picture").click()
    assert figure.evaluate(WHOLE)


def test_wheel_and_drag(reader):
    """With Ctrl the wheel zooms at the pointer; a drag moves the picture and is no click; arrows walk on."""
    page = reader.open(bridge(), "<p style='height:2000px'>far</p>")
    control(page, "Explore").click()
    box = square(page, "C.weight").bounding_box()
    at = round(box["x"] + box["width"] / 2), round(box["y"] + box["height"] / 2)
    page.mouse.move(*at)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    now = square(page, "C.weight").bounding_box()
    assert now["width"] > 2 * box["width"]
    assert at == pytest.approx((now["x"] + now["width"] / 2, now["y"] + now["height"] / 2), abs=3)
    page.mouse.down()
    page.mouse.move(at[0] + 60, at[1] + 10, steps=4)
    page.mouse.up()
    assert 60 == pytest.approx(square(page, "C.weight").bounding_box()["x"] - now["x"], abs=2)
    expect(because(page)).to_be_hidden()
    page.mouse.click(at[0] + 60, at[1])
    expect(because(page)).to_contain_text("C.weight")
    page.keyboard.press("End")
    inside = page.locator("g.parameter[data-name='A.bias'] > .box").bounding_box()
    frame = page.locator(".frame").bounding_box()
    assert frame["x"] <= inside["x"] <= frame["x"] + frame["width"]
    page.mouse.move(*at)
    page.mouse.wheel(0, 300)
    page.wait_for_function("scrollY === 300")


def test_a_figure_steals_no_wheel_and_no_finger(reader):
    """Closed, it leaves Ctrl and the wheel to the browser; open and whole, a finger scrolls the page."""
    page = reader.open(bridge())
    event = """(type, more) => { const event = new (type === 'wheel' ? WheelEvent : Event)(type,
      {bubbles: true, cancelable: true, composed: true, ctrlKey: true, deltaY: -50});
      const at = [{clientX: 50, clientY: 50}]; event.touches = at;
      document.querySelector('gf-figure').shadowRoot.querySelector('.frame svg').dispatchEvent(event);
      return event.defaultPrevented; }"""
    fire = f"type => ({event})(type)"
    assert not page.evaluate(fire, "wheel")
    control(page, "Explore").click()
    page.evaluate(fire, "touchstart")
    assert not page.evaluate(fire, "touchmove")
    assert page.evaluate(fire, "wheel")
    assert page.evaluate(fire, "touchmove")


def test_pinch(reader):
    """Two fingers come closer, and stay where they are in the picture."""
    page = reader.open(bridge(), has_touch=True)
    control(page, "Explore").click()
    before = page.locator(".frame rect.loss").bounding_box()["width"]
    touch = page.context.new_cdp_session(page)
    for kind, gap in (("touchStart", 40), ("touchMove", 60), ("touchMove", 120)):
        points = [{"x": 300 - gap, "y": 80, "id": 0}, {"x": 300 + gap, "y": 80, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    assert 3 == pytest.approx(page.locator(".frame rect.loss").bounding_box()["width"] / before, 0.05)


def test_print_shows_the_whole(reader):
    """Neither zoom nor why is on paper; on the page both are still there afterwards."""
    page = reader.open(bridge())
    figure = page.locator("gf-figure")
    square(page, "A.weight").click(force=True)
    control(page, "Explore").click()
    control(page, "Zoom in").click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert figure.evaluate(WHOLE)
    expect(page.locator(".frame .aside, .strip .aside, .pointer")).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not figure.evaluate(WHOLE)
    expect(page.locator(".pointer")).to_have_count(1)


# code


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.A, self.B, self.C = (nn.Linear(3, 3) for _ in range(3))


def ran(tmp_path, program: str, *, around=None):
    """The names of a program that was run from a file, so that its lines are known."""
    torch.manual_seed(0)
    names = {"torch": torch, "model": Layers(), "x": torch.ones(2, 3), "lr": 0.1}
    compiled = compile(program, str(tmp_path / "program.py"), "exec")
    (tmp_path / "program.py").write_text(program)
    if around is None:
        exec(compiled, names)
        return names
    with gf.trace(names["model"], x=names["x"]) as t:
        exec(compiled, names)
    t.name(**{name: names[name] for name in ("h", "b", "y", "loss")})
    return t.flow(names["loss"])


CHANGES = {
    "frozen": {"frozen": ["A.weight", "C.bias"]},
    "asked": {"ask": ["B.weight", "C.bias"]},
    "asked and frozen": {"ask": ["B.weight", "C.bias"], "frozen": ["C.bias"]},
    "all, one cut": {"ask": None, "cut": ["b"]},
    "both uses cut": {"cut": ["h"], "losses": ["loss"]},
    "held": {"hold": ["A.bias", "C.weight"], "losses": ["loss"]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_code_does_what_the_page_predicts(reader, tmp_path, change):
    """Its lines, put where they say and run, give gradients to the parameters that the page names."""
    flow = ran(tmp_path, PROGRAM, around=True)
    graph = flow.graph
    data = {**payload(graph, {"loss": flow}, explanations(flow)), "net": net(graph, {"loss": flow})}
    ids = {name: graph.value(name).id for name in ("h", "b", "loss")}
    cut = [".".join(map(str, edge)) for name in change.get("cut", ()) for edge in graph.consumers[ids[name]]]
    edit = {"heal": [], "frozen": [], "thaw": [], **change, "cut": cut}
    if "losses" in edit:
        edit["losses"] = [ids[name] for name in edit["losses"]]
    page = reader.open(gf.draw(flow).html())
    lines = called(page, "python.js", "pythonOf(given.edit, given.data, given.data.net)", {"edit": edit, "data": data})
    told = page.evaluate("edit => document.querySelector('gf-figure').whatif(edit)", edit)

    program = PROGRAM.splitlines()
    late = [line for line in lines if re.match(r"loss\.|optimizer|#", line)]
    for line in lines:
        if place := re.search(r"# before program.py:(\d+)", line):
            program[int(place[1]) - 1 : int(place[1])] = [line, program[int(place[1]) - 1]]
        elif line not in late:
            program.insert(0, line)
    backward = [] if any(line.startswith("loss.") for line in late) else ["loss.backward()"]
    ran_ = ran(tmp_path, "\n".join([*program, *late, *backward]))
    grads = {name: one.grad is not None for name, one in ran_["model"].named_parameters()}
    assert told["reached"] == [name for name, reached in grads.items() if reached]
    assert len(grads) > len(told["reached"]) or "hold" in change
    if "hold" in change:
        held = {id(one) for group in ran_["optimizer"].param_groups for one in group["params"]}
        named = ran_["model"].named_parameters()
        assert told["stepped"] == [name for name, one in named if id(one) in held and grads[name]]


def test_what_no_line_can_do_is_a_comment(reader, tmp_path):
    """One of two uses cut, a healed no_grad, nothing asked for, nothing held."""
    flow = ran(tmp_path, PROGRAM, around=True)
    graph = flow.graph
    data = {**payload(graph, {"loss": flow}, explanations(flow)), "net": net(graph, {"loss": flow})}
    first, _ = graph.consumers[graph.value("h").id]
    off = next(op.id for op in graph.ops if not op.grad_enabled)
    edit = {"cut": [".".join(map(str, first))], "heal": [off], "frozen": [], "thaw": [], "ask": [], "hold": []}
    lines = called(
        reader.open(), "python.js", "pythonOf(given.edit, given.data, given.data.net)", {"edit": edit, "data": data}
    )

    assert [
        "# program.py:2: .detach() at h as tensor 1 of linear",
        "# program.py:5: without torch.no_grad()",
        "# no backward(): nothing is asked for",
        "# no optimizer.step(): it holds nothing",
    ] == lines


def test_hostile_names_stay_in_their_strings(reader):
    """Whatever a parameter is called, each line is one line of Python that says exactly that name."""
    flow = hostile()
    data = {**payload(flow.graph, {"loss": flow}, {}), "net": net(flow.graph, {"loss": flow})}
    data = json.loads(json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))
    names = [name for name, _ in data["net"]["parameters"]]
    edit = {"cut": [], "heal": [], "frozen": names, "thaw": []}
    lines = called(
        reader.open(), "python.js", "pythonOf(given.edit, given.data, given.data.net)", {"edit": edit, "data": data}
    )
    seen = []

    class Model:
        def get_parameter(self, name):
            seen.append(name)
            return torch.ones(1)

    exec("\n".join(lines), {"model": Model(), "שלום": torch.ones(1)})
    assert [name for name in names if name != "שלום"] == seen
    assert len(HOSTILE) + 1 == len(lines)
    assert all(line.isprintable() for line in lines)


def test_copy_as_python(reader):
    """The code stands in a field and goes to the clipboard; with nothing changed there is nothing to copy."""
    page = reader.open(bridge(), permissions=["clipboard-read", "clipboard-write"])
    control(page, "Export").click()
    expect(control(page, "Copy as Python")).to_have_attribute("aria-disabled", "true")
    control(page, "What if?").click()
    square(page, "C.weight").click(force=True)
    control(page, "Export").click()
    control(page, "Copy as Python").click()
    expect(page.locator(".done")).to_have_text(re.compile("^Python (copied|selected)"))

    assert page.locator(".code").input_value().endswith('model.get_parameter("C.weight").requires_grad_(False)')


# file


def test_download(reader, tmp_path):
    """One file that needs nothing else: the whole picture, the change and the word that it is predicted."""
    page = reader.open(bridge(), color_scheme="dark")
    control(page, "What if?").click()
    square(page, "C.weight").click(force=True)
    control(page, "Explore").click()
    control(page, "Zoom in").click()
    control(page, "Export").click()
    with page.expect_download() as waiting:
        control(page, "Download SVG").click()
    text = waiting.value.path().read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)

    assert "figure.svg" == waiting.value.suggested_filename
    assert f"0 0 {root.get('width')} {root.get('height')}" == root.get("viewBox")
    assert root.find(f".//{SVG}path[@class='forecast newlock']") is not None
    assert "predicted from the graph, not run" in " ".join(one.text or "" for one in root.iter(f"{SVG}text"))
    assert not {"tabindex", "role"} & {name for one in root.iter() for name in one.attrib}
    other = reader.visit(color_scheme="dark")
    other.goto(waiting.value.path().rename(tmp_path / "figure.svg").as_uri())
    style = "query => { const s = getComputedStyle(document.querySelector(query)); return [s.fill, s.stroke]; }"
    assert "rgb(255, 255, 255)" == other.evaluate(style, ".paper")[0]
    assert "rgb(27, 27, 27)" == other.evaluate(style, ".newlock")[1]


# link

STATES = [
    {"cut": [], "heal": [], "frozen": [], "thaw": []},
    {"cut": ["1.2.0", "12.0.3"], "heal": [2, 30], "frozen": ["A.weight"], "thaw": ["b"], "ask": None},
    {
        "cut": [],
        "heal": [],
        "frozen": list(HOSTILE[:6]),
        "thaw": [],
        "ask": ["a,b&c=d#e%20"],
        "hold": [],
        "losses": [3],
    },
    {"cut": [], "heal": [], "frozen": [], "thaw": [], "ask": [], "hold": ["constructor", "__proto__"]},
]


@pytest.mark.parametrize("edit", STATES)
def test_a_link_comes_back_as_it_was(reader, edit):
    """Whatever is changed, and whatever names are made of."""
    back = called(reader.open(), "share.js", "read(written(given, 'step', 7))", edit)

    assert {"edit": edit, "mode": "step", "step": 7} == back


@pytest.mark.parametrize(
    "text",
    [
        "", "%", "cut=%E0%A4%A", "cut=<script>,1.2,1.2.3.4,-1.0.0&heal=-1,1e9,x&step=NaN&mode=evil", "a&&&=&==",
        "__proto__=1&constructor=2", "step=99999999999999999999", "cut=" + "1" * 100_000,
    ],
)  # fmt: skip
def test_a_link_by_anybody(reader, text):
    """What has not its form is left out, and nothing else happens."""
    back = called(reader.open(), "share.js", "read(given)", text)

    assert {"edit": STATES[0], "mode": "", "step": 1} == back


def test_the_address_follows_the_reader(reader):
    """Not on load; after a change it names this figure, and opened again it shows the same."""
    page = reader.open(bridge(), "<h2 id='flow'>flow</h2>", bridge())
    start = page.url
    page.goto(start + "#flow")
    page.wait_for_timeout(500)
    assert start + "#flow" == page.url
    second = page.locator("gf-figure").nth(1)
    second.get_by_role("button", name="What if?").click()
    second.locator("g.parameter[data-name='C.weight'] > .box").click(force=True)
    page.wait_for_url("**#gf=1&frozen=C.weight&mode=whatif&step=1")

    other = reader.visit(height=400)
    other.goto(page.url)
    there = other.locator("gf-figure").nth(1)
    expect(there.locator(".banner")).to_contain_text("C.weight frozen")
    expect(other.locator("gf-figure").nth(0).locator(".banner")).to_be_hidden()
    other.wait_for_function("scrollY > 0")
    before = other.url
    other.wait_for_timeout(500)
    assert before == other.url
    other.evaluate("location.hash = '#gf=0&mode=step&step=3'")
    expect(other.locator("gf-figure").nth(0).locator(".count")).to_have_text("3 of 4")


@pytest.mark.parametrize("figure", [0, 1])
def test_a_link_is_followed_on_load(reader, figure):
    """By the first figure, which stands there before the code that reads links, and by a later one; once."""
    page = reader.open(bridge(), bridge())
    page.goto(f"{page.url}#gf={figure}&frozen=C.weight&mode=whatif&step=1")
    page.reload()
    there, other = (page.locator("gf-figure").nth(one) for one in (figure, 1 - figure))
    expect(there.locator(".banner")).to_contain_text("C.weight frozen")
    expect(other.locator(".banner")).to_be_hidden()
    undo = there.get_by_role("button", name="Undo")
    undo.click()
    expect(undo).to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(
    "hash_", ["#gf=0&cut=99.99.0", "#gf=0&frozen=nobody&step=9&mode=step", "#gf=7&mode=step", "#gf=x"]
)
def test_a_link_that_does_not_fit(reader, hash_):
    """The figure stays as it was recorded, and works."""
    page = reader.open(bridge())
    page.goto(page.url + hash_)
    page.reload()
    expect(page.locator(".banner")).to_be_hidden()
    control(page, "What if?").click()
    square(page, "C.weight").click(force=True)
    expect(page.locator(".banner")).to_contain_text("C.weight frozen")


def test_in_jupyter_only_the_button_gives_a_link(reader):
    """There the address belongs to Jupyter."""
    page = reader.open(bridge())
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    start = page.url
    control(page, "Export").click()
    page.wait_for_timeout(500)
    assert start == page.url
    control(page, "Copy link").click()

    assert start + "#gf=0&mode=export&step=1" == page.locator(".code").input_value()


# for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_while_exploring(reader, scheme):
    """With a sentence, a match, a zoom and code on the page, at two widths."""
    for width in (780, 420):
        page = reader.open(
            bridge(), gf.draw(hostile()).html(), width=width, color_scheme=scheme, reduced_motion="reduce"
        )
        figure = page.locator("gf-figure").first
        figure.locator("g.parameter[data-name='A.weight'] > .box").click(force=True)
        figure.get_by_role("button", name="Explore").click()
        figure.get_by_role("searchbox").fill("B.")
        figure.get_by_role("button", name="Zoom in").click()
        assert [] == faults(page)
        figure.get_by_role("button", name="Export").click()
        figure.get_by_role("button", name="Copy link").click()
        assert [] == faults(page)


def test_hostile_names_are_only_names(reader):
    """Found, explained and copied, they stay text."""
    page = reader.open(gf.draw(hostile()).html())
    control(page, "Explore").click()
    for name in ("<", "script", '"', "שלום", "🦊", "two"):
        page.get_by_role("searchbox").fill(name)
        expect(page.locator(".hits")).to_contain_text("1 of")
    page.locator("g.parameter > .box, g.parameter > .small").first.click(force=True)
    expect(because(page)).to_be_visible()

    assert 0 == page.locator("img:visible").count()


def test_two_figures_do_not_disturb_each_other(reader):
    """Each has its own sentence, zoom and search."""
    page = reader.open(bridge(), bridge())
    page.locator("gf-figure").nth(1).locator("g.parameter[data-name='A.weight'] > .box").click(force=True)

    assert "A.weight" in page.locator("gf-figure").nth(1).locator(".because").inner_text()
    expect(page.locator("gf-figure").nth(0).locator(".because")).to_be_hidden()
    assert lit(page, 0) != lit(page, 1)
