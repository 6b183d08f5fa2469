"""What would happen if: a reader changes a figure by mouse, keyboard and touch, and sees what would follow."""

from __future__ import annotations

import re

import pytest
import torch
from browser import faults
from graphs import HOSTILE, chain, hostile, two_losses
from playwright.sync_api import expect
from torch import nn
from zoo import ZOO

import gradflow as gf

ON = """(figure, key) => {
  const group = figure.shadowRoot.querySelector(`g[data-key="${key}"]`);
  const line = group.querySelector(".line, .box");
  const at = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM());
  return [at.x, at.y];
}"""
SQUARE = """(figure, key) => {
  const box = figure.shadowRoot.querySelector(`g.parameter[data-key="${key}"] .box`).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""


def bridge() -> gf.Flow:
    """A, B, a cut, C: as in the post, the cut spares A and B. Values 0 to 5 are parameters, 10 is the detached one."""
    return ZOO["bridge"]()


def frozen() -> gf.Flow:
    """Two layers, of which the first is frozen."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    net[0].requires_grad_(False)
    with gf.trace(net) as t:
        loss = net(torch.ones(3, 2)).sum()
    return t.flow(loss)


def figure_of(page, at=0):
    return page.locator("gf-figure").nth(at)


def play(page, at=0):
    """Open the panel of a figure."""
    figure_of(page, at).get_by_role("button", name="What if?").click()
    return figure_of(page, at)


def cut(page, figure, key):
    """Click on the line of a use."""
    page.mouse.click(*figure.evaluate(ON, key))


def freeze(page, figure, value):
    """Click on the square of a parameter."""
    page.mouse.click(*figure.evaluate(SQUARE, str(value)))


def would(figure) -> set[str]:
    """Keys of the squares that are drawn as predicted."""
    return {g.get_attribute("data-key") for g in figure.locator("g.parameter.would").all()}


def outcome(figure):
    return figure.locator(".outcome")


def test_a_cut_is_healed(reader):
    """A click on the line at the cut takes the cut away: A and B would be reached, and nothing looks observed."""
    page = reader.open(gf.draw(bridge()).html())
    figure = play(page)
    observed = figure.locator("g.reached").count()
    cut(page, figure, "10.3.0")

    said = "Then A and B would be reached as well. Reached, zero or not: 6 instead of 2 of 6 parameters."
    expect(outcome(figure)).to_contain_text(said)
    expect(outcome(figure)).to_contain_text("Backward operations: 4 instead of 2.")
    expect(figure.locator(".banner")).to_have_text(
        re.compile(r"What if\s*detach at zoo.py:\d+ taken away\. Pale bands are predicted from the graph, not run\.")
    )
    assert {"0", "1", "2", "3", "4", "5"} == would(figure)
    assert observed == figure.locator("g.reached").count()
    expect(figure.locator(".bar.healed")).to_have_count(1)


def test_a_line_is_cut_and_healed_again(reader):
    """A second click takes the reader's own cut away; the figure is then as it was recorded."""
    page = reader.open(gf.draw(bridge()).html())
    figure = play(page)
    before = figure.evaluate("figure => figure.shadowRoot.querySelector('svg').outerHTML")
    cut(page, figure, "11.4.0")
    expect(outcome(figure)).to_contain_text("Then C would no longer be reached. Reached, zero or not: 0 instead of 2")
    expect(figure.locator(".newcut")).to_have_count(1)
    assert set() == would(figure)
    expect(figure.locator("g.parameter.wouldnot")).to_have_count(2)
    cut(page, figure, "11.4.0")

    expect(outcome(figure)).to_contain_text("Nothing is changed yet.")
    expect(figure.locator(".forecast, .would, .wouldnot")).to_have_count(0)
    page.mouse.move(1, 1)
    page.keyboard.press("Escape")
    bare = "svg => svg.replace(/ (tabindex|class)=\"[^\"]*\"/g, '')"
    after = figure.evaluate("figure => figure.shadowRoot.querySelector('svg').outerHTML")
    assert page.evaluate(bare, before) == page.evaluate(bare, after)


def test_a_square_is_frozen_and_a_frozen_one_is_trained(reader):
    page = reader.open(gf.draw(bridge()).html(), gf.draw(frozen()).html())
    figure = play(page)
    freeze(page, figure, 5)
    expect(outcome(figure)).to_contain_text("Then C.bias would no longer be reached.")
    expect(figure.locator(".newlock")).to_have_count(1)

    other = play(page, 1)
    freeze(page, other, frozen().graph.value("0.weight").id)
    expect(outcome(other)).to_contain_text("Then 0.weight would be reached as well.")
    expect(other.locator(".banner")).to_contain_text("0.weight trained")
    expect(outcome(figure)).to_contain_text("C.bias")


def test_undo_and_reset(reader):
    page = reader.open(gf.draw(bridge()).html())
    figure = play(page)
    undo, reset = (figure.get_by_role("button", name=name) for name in ("Undo", "Reset"))
    expect(undo).to_have_attribute("aria-disabled", "true")
    cut(page, figure, "11.4.0")
    freeze(page, figure, 5)
    undo.click()
    expect(figure.locator(".newlock")).to_have_count(0)
    expect(figure.locator(".newcut")).to_have_count(1)
    reset.click()
    expect(outcome(figure)).to_contain_text("Nothing is changed yet.")
    undo.click()

    expect(figure.locator(".newcut")).to_have_count(1)


def test_by_keyboard_alone(reader):
    """Tab to the button, to the picture, and to the boxes; Enter cuts what is focused."""
    page = reader.open(gf.draw(bridge()).html())
    figure = figure_of(page)
    figure.get_by_role("button", name="What if?").focus()
    page.keyboard.press("Enter")
    figure.locator("g[tabindex='0']").focus()
    page.keyboard.press("ArrowLeft")
    focused = figure.evaluate("figure => figure.shadowRoot.activeElement.dataset.key")
    page.keyboard.press("Enter")
    expect(outcome(figure)).to_contain_text("Reached, zero or not: 0 instead of 2")
    assert [focused] == figure.evaluate("figure => figure.state.edit.cut")
    page.keyboard.press(" ")
    expect(outcome(figure)).to_contain_text("Nothing is changed yet.")
    assert focused == figure.evaluate("figure => figure.shadowRoot.activeElement.dataset.key")

    figure.get_by_text("Ask, hold, freeze").focus()
    page.keyboard.press("Enter")
    figure.get_by_label("ask for C.bias").focus()
    page.keyboard.press(" ")
    expect(outcome(figure)).to_contain_text("Then C.bias would no longer be reached.")


def test_asked_and_held(reader):
    """What is not asked for is not reached; what is not held is reached and not stepped."""
    page = reader.open(gf.draw(bridge()).html())
    figure = play(page)
    figure.get_by_text("Ask, hold, freeze").click()
    figure.get_by_label("C.bias in the optimizer").uncheck()
    expect(outcome(figure)).to_contain_text("Stepped: 1 instead of 2.")
    expect(figure.get_by_role("row", name="C.bias")).to_contain_text("reached, not stepped")
    figure.get_by_label("ask for C.weight").uncheck()

    expect(figure.get_by_role("row", name="C.weight")).to_contain_text("not reached")
    expect(figure.locator(".banner")).to_contain_text("the optimizer holds A, B and C.weight")


def test_several_losses(reader):
    """Each has its own look and its own column; one of them is always there to be chosen."""
    task, penalty = two_losses()
    page = reader.open(gf.draw(gf.compare(task=task, penalty=penalty)).html())
    figure = play(page)
    figure.get_by_label("loss penalty").uncheck()
    alone = outcome(figure).inner_text()
    expect(figure.locator(".also")).to_have_count(0)
    figure.get_by_label("loss penalty").check()
    expect(figure.locator(".also").first).to_be_attached()
    figure.get_by_text("Ask, hold, freeze").click()

    expect(figure.get_by_role("columnheader", name="reached by")).to_have_text("reached by task · penalty")
    both = figure.evaluate("figure => figure.whatif({losses: ['task', 'penalty']})")
    alone_of = "(figure, name) => figure.whatif({losses: [name]}).reached"
    each = [figure.evaluate(alone_of, name) for name in ("task", "penalty")]
    assert set(both["reached"]) == set(each[0]) | set(each[1])
    assert both["byLoss"]["penalty"]["reached"] == each[1]
    assert "Reached, zero or not:" in alone


def test_a_block_without_gradients_is_one_cut(reader):
    """A click on the line that leaves the block heals every op in it, as taking the `with` away would."""
    a, b = (torch.tensor(2.0, requires_grad=True) for _ in range(2))
    with gf.trace(a=a, b=b) as t:
        with torch.no_grad():
            h = (a * 3).tanh()
        loss = h * b
    page = reader.open(gf.draw(t.flow(loss)).html())
    figure = play(page)
    product = t.graph.ops[-1]
    edge = f"{product.inputs[0]}.{product.id}.0"
    figure.evaluate("(figure, key) => figure.act({key, bundle: [key], square: false})", edge)

    expect(outcome(figure)).to_contain_text("Then a would be reached as well. Reached, zero or not: 2 instead of 1")
    expect(figure.locator(".banner")).to_contain_text("no_grad at test_playable.py:")


def test_what_has_no_one_meaning_is_refused(reader):
    """A line at which a number left PyTorch cannot be healed, and the page says why."""
    w, v = (torch.tensor(2.0, requires_grad=True) for _ in range(2))
    with gf.trace(w=w, v=v) as t:
        loss = v * (w * 3).item()
    page = reader.open(gf.draw(t.flow(loss)).html())
    figure = play(page)
    item = next(op for op in t.graph.ops if op.target == "item")
    figure.evaluate("(figure, key) => figure.act({key, bundle: [key], square: false})", f"{item.inputs[0]}.{item.id}.0")

    expect(outcome(figure)).to_contain_text("This cannot be healed here: a number has left PyTorch")
    assert [] == figure.evaluate("figure => figure.state.past")
    with pytest.raises(Exception, match="a number has left PyTorch"):
        figure.evaluate("(figure, op) => figure.whatif({heal: [op]})", item.id)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("{frozen: ['C.weigth']}", "C.weight"),
        ("{cut: ['1.2.3']}", "no edge"),
        ("{ask: ['nobody']}", "nobody"),
        ("{losses: ['other']}", "other"),
        ("{heal: [99]}", "99"),
    ],
)
def test_what_is_unknown_is_said(reader, change, said):
    """Names and edges that the graph does not have raise an error that says what was given."""
    page = reader.open(gf.draw(bridge()).html())

    with pytest.raises(Exception, match=said):
        figure_of(page).evaluate(f"figure => figure.whatif({change})")


def test_a_grid_has_nothing_to_play(reader):
    """Small multiples show no controls, and say so when they are asked."""
    page = reader.open(gf.grid({("a", "b"): bridge()}).html())
    expect(page.get_by_role("button")).to_have_count(0)

    with pytest.raises(Exception, match="no graph to predict from"):
        figure_of(page).evaluate("figure => figure.whatif({})")


def test_touch(reader):
    """At 420 pixels, by taps."""
    page = reader.open(gf.draw(bridge()).html(), width=420, has_touch=True)
    figure = figure_of(page)
    figure.get_by_role("button", name="What if?").tap()
    page.touchscreen.tap(*figure.evaluate(ON, "11.4.0"))

    expect(outcome(figure)).to_contain_text("Then C would no longer be reached.")
    assert 420 == page.evaluate("document.documentElement.scrollWidth")


def test_the_steps_are_one_button_away(reader):
    """A figure that is not animated shows the whole pass, and can be stepped through."""
    page = reader.open(gf.draw(bridge()).html())
    figure = figure_of(page)
    expect(figure.locator(".pending")).to_have_count(0)
    figure.get_by_role("button", name="Step by step").click()
    expect(figure.locator(".pending").first).to_be_attached()
    figure.get_by_role("button", name="Step by step").click()

    expect(figure.locator(".pending")).to_have_count(0)


def test_hostile_names(reader):
    page = reader.open(gf.draw(hostile()).html())
    figure = play(page)
    figure.get_by_text("Ask, hold, freeze").click()

    expect(figure.locator(".panel tbody tr")).to_have_count(len(HOSTILE))
    for row in figure.locator(".panel tbody tr").all():
        row.locator("input").first.check()
    expect(outcome(figure)).to_contain_text(f"Reached, zero or not: 0 instead of {len(HOSTILE)}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(reader, scheme):
    """With every part of the panel shown, before and after a change."""
    task, penalty = two_losses()
    both = gf.draw(gf.compare(task=task, penalty=penalty))
    page = reader.open(both.html(), gf.draw(chain()).html(), color_scheme=scheme)
    if scheme == "dark":
        page.add_style_tag(content="body { background: #17191D; color: #ECEAE4; }")
    for at in range(2):
        figure = play(page, at)
        figure.get_by_text("Ask, hold, freeze").click()
    assert [] == faults(page)
    figure_of(page).get_by_label("loss penalty").uncheck()
    figure_of(page, 1).locator(".panel tbody input").first.check()

    assert [] == faults(page)


def test_paper_gets_what_was_observed(reader):
    """Printing shows the figure without its controls."""
    page = reader.open(gf.draw(bridge()).html())
    figure = play(page)
    cut(page, figure, "11.4.0")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")

    assert len(figure.locator(".banner, .panel, .tabs, .steps").all()) > 3
    for part in figure.locator(".banner, .panel, .tabs, .steps").all():
        expect(part).to_be_hidden()
    expect(figure.locator(".forecast, .would, .wouldnot, .pending")).to_have_count(0)
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(figure.locator(".newcut")).to_have_count(1)
