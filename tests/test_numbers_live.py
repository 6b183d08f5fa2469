"""Numbers that a reader gives to a picture in a page: what follows stands in it, and looks recomputed."""

from __future__ import annotations

import json
import random

import pytest
import torch
from browser import Reader, launched

import gradflow as gf
from gradflow.flow import Flow
from gradflow.notation import number
from gradflow.picture.bundle import bundle, compact_style
from gradflow.picture.formulas import formulas
from gradflow.picture.pictures import Wish, passes, pictured
from gradflow.picture.svg import page_svg
from gradflow.picture.wording import signed

START = {"x": 2.0, "w": 3.0, "b": 1.0, "y_": 5.0}
HARNESS = """
const root = document.querySelector("#figure").attachShadow({ mode: "open" });
root.innerHTML = START.style + '<div class="figure">' + START.svg + "</div>";
let state = { values: {}, rate: 0.1 };
const panel = numbersPanel({
  data: START.data, svg: () => root.querySelector("svg"), get: () => state,
  set: (change) => { state = { ...state, ...change }; panel.draw({ state }); },
});
if (panel) root.querySelector(".figure").append(panel.root);
if (panel) panel.draw({ state });
Object.assign(window, { panel, root, written, given: () => state });
"""


def error(numbers: dict[str, float]) -> Flow:
    """(wx + b − y)² in steps."""
    leaves = {name: torch.tensor(one, requires_grad=True) for name, one in numbers.items()}
    with gf.trace(**leaves) as t:
        p = leaves["w"] * leaves["x"]
        y = p + leaves["b"]
        s = -y
        r = s + leaves["y_"]
        f = r * r
    t.name(p=p, y=y, s=s, t=r, f=f)
    return t.flow(f)


def svg_of(flow: Flow, width: int) -> str:
    return page_svg(pictured(flow.graph, passes(flow), Wish())(width).scene)


@pytest.fixture
def reader(tmp_path):
    with launched() as browser:
        reader = Reader(browser, tmp_path)
        yield reader
        assert [] == reader.troubles


def opened(reader: Reader, flow: Flow, width: int = 720, changed: dict[str, object] | None = None, dark: bool = False):
    data = {"formulas": {**formulas(flow), **(changed or {})}}
    style = f"<style>{compact_style('element.css')}</style>"
    start = json.dumps({"svg": svg_of(flow, width), "style": style, "data": data}).replace("<", "\\u003c")
    code = bundle("numbers.js", "false").removesuffix("})();")
    page = reader.open(
        f'<div id="figure"></div><script>{code}const START={start};{HARNESS}}})();</script>', width=width + 24
    )
    if dark:
        page.evaluate("() => root.querySelector('.figure').classList.add('dark')")
    return page


WRITTEN = """(kind) => [...root.querySelectorAll(`text.${kind}[data-of]`)].map((one) =>
  [one.dataset.of, one.textContent, one.classList.contains("recomputed")])"""


def test_numbers_are_written_as_in_python(reader):
    page = opened(reader, error(START))
    dice = random.Random(1)
    anything = [dice.uniform(-10, 10) * 10 ** dice.randint(-9, 9) for _ in range(300)]
    halves = [dice.randrange(1, 2000) / 2**k for k in range(1, 12) for _ in range(20)]
    special = [0.0, -0.0, 1.0, 12345.0, 12355.0, 99995.0, 0.0001, 0.00001, -1e-7, 1e300, float("inf"), float("-inf")]
    given = [*anything, *halves, *special, float("nan")]
    assert [signed(number(one)) for one in given] == page.evaluate("(all) => all.map((x) => written(x))", given)
    shorter = [f"{one:.2g}" for one in given[:520]]
    assert [signed(one) for one in shorter] == page.evaluate("(all) => all.map((x) => written(x, 2))", given[:520])


def texts_of(page, kind: str) -> dict[str, str]:
    return {of: text for of, text, _ in page.evaluate(WRITTEN, kind)}


def changed_texts(page) -> set[tuple[str, str]]:
    return {
        (kind, of)
        for kind in ("value", "derivative", "factor")
        for of, _, is_other in page.evaluate(WRITTEN, kind)
        if is_other
    }


@pytest.mark.parametrize("width", [720, 340])
def test_a_number_that_is_given_changes_what_follows(reader, width):
    page = opened(reader, error(START), width)
    assert set() == changed_texts(page)
    before = page.evaluate("() => root.querySelector('svg').outerHTML")
    page.get_by_label("b, as a number").fill("2.5")
    expected = error(START | {"b": 2.5})
    graph = expected.graph
    assert {str(value.id): f"{value.name} = {signed(number(value.scalar))}" for value in graph.values} == texts_of(
        page, "value"
    )
    assert {str(value.id): signed(number(expected.at(value.id).scalar)) for value in graph.values} == texts_of(
        page, "derivative"
    )
    assert {"×(−3.5) twice", "×2", "×3", "×1", "×(−1)"} == set(texts_of(page, "factor").values())
    others = {name for kind, of in changed_texts(page) if kind == "value" and (name := graph.values[int(of)].name)}
    assert {"b", "y", "s", "t", "f"} == others
    assert "Recomputed in this page, not run. Loss 4 → 12.25." == page.locator("[role=status]").inner_text()
    page.get_by_role("button", name="Reset").click()
    assert before == page.evaluate("() => root.querySelector('svg').outerHTML").replace(' class=""', "")
    assert "Observed: the loss is 4." == page.locator("[role=status]").inner_text()


def test_a_step_is_one_of_sgd(reader):
    page = opened(reader, error(START))
    page.get_by_label("Rate").fill("0.01")
    leaves = [torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in START.values()]
    for _ in range(2):
        page.get_by_role("button", name="Take one step").click()
        x, w, b, y_ = leaves
        torch.optim.SGD(leaves, lr=0.01).zero_grad()
        ((y_ - (w * x + b)) ** 2).backward()
        torch.optim.SGD(leaves, lr=0.01).step()
    found = page.evaluate("() => given().values")
    assert found == {str(i): pytest.approx(leaf.item(), rel=1e-9) for i, leaf in enumerate(leaves)}


def test_it_is_not_offered_where_the_run_comes_out_otherwise(reader):
    flow = error(START)
    sent = formulas(flow)["sent"]
    assert opened(reader, flow).evaluate("() => panel !== null")
    for changed in ({"sent": {**sent, "0": 6.1}}, {"values": [2.0, 3.0, 1.1, *formulas(flow)["values"][3:]]}):
        assert opened(reader, flow, changed=changed).evaluate("() => panel === null")


MEET = """() => {
  const all = [...root.querySelectorAll("svg text:not(.symbol):not(.loss), svg .pill")];
  const boxes = all.map((one) => [one.textContent, one.getBBox()]);
  const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width
    && a.y + 4 < b.y + b.height && b.y + 4 < a.y + a.height;
  return boxes.flatMap(([text, a], i) => boxes.slice(i + 1).filter(([, b]) => meet(a, b)).map(([one]) => [text, one]));
}"""


@pytest.mark.parametrize("width", [720, 340])
def test_long_numbers_stay_off_their_neighbours(reader, width):
    page = opened(reader, error(START), width)
    assert [] == page.evaluate(MEET)
    for name, given in {"x": "-123.456", "w": "0.00012345", "b": "-98765.4"}.items():
        page.get_by_label(f"{name}, as a number").fill(given)
        assert [] == page.evaluate(MEET)
    assert "…" not in texts_of(page, "value")["0"]


def test_keys_and_fingers(reader):
    page = opened(reader, error(START), 396)
    page.get_by_role("slider", name="w", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert 3 < page.evaluate("() => given().values[1]") < 4
    sizes = page.evaluate(
        "() => [...root.querySelectorAll('input, button')].map((one) => one.getBoundingClientRect().height)"
    )
    assert all(size >= 24 for size in sizes)
    css = compact_style("numbers.css")
    assert "(pointer:coarse)" in css and "min-height:44px" in css
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
