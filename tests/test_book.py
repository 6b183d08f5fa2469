"""The built book, in a browser: every page works alone, at every width, light and dark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from browser import faults

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
PAGES = re.findall(r"book/(\w+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The book, built into an empty folder."""
    out = tmp_path_factory.mktemp("book")
    tool = Path(sys.executable).with_name("jupyter-book")
    command = [tool, "build", ROOT, "--path-output", out, "-W", "-n", "--keep-going"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert 0 == run.returncode, run.stdout[-3000:] + run.stderr[-3000:]
    return out / "_build" / "html" / "book"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("name", PAGES)
def test_page(name, width, scheme, built, reader):
    """No request leaves the machine, nothing is logged, no TeX stays raw, no picture is broken, nothing sticks out."""
    page = reader.visit(width=width, height=1000, color_scheme=scheme)
    page.on("requestfailed", lambda request: reader.troubles.append(f"not found: {request.url}"))
    page.goto((built / f"{name}.html").as_uri())
    page.wait_for_function("[...document.querySelectorAll('gf-figure')].every(one => one.shadowRoot)")

    broken = "[...document.images].filter(one => one.complete && !one.naturalWidth && one.src).map(one => one.src)"
    assert [] == page.evaluate(broken)
    assert width == page.evaluate("document.documentElement.scrollWidth")
    text = page.locator("article").inner_text()
    assert not [mark for mark in ("\\(", "\\[", "$$", "{glue:", "```", ":::") if mark in text]
    names = page.evaluate("[...document.images].filter(one => !one.alt).map(one => one.src.slice(0, 80))")
    assert [] == [source for source in names if "logo" not in source]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_figures_have_no_faults(name, scheme, built, reader):
    """Axe finds nothing wrong with the figures of a page."""
    page = reader.visit(width=1280, height=1000, color_scheme=scheme)
    page.goto((built / f"{name}.html").as_uri())
    page.wait_for_function("[...document.querySelectorAll('gf-figure')].every(one => one.shadowRoot)")

    assert [] == [fault for fault in faults(page) if "gf-" in fault]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_each_script_once(name, built):
    """However many figures there are, their code is on the page one time."""
    scripts = re.findall(r"<script>\(\(\)=>.*?</script>", (built / f"{name}.html").read_text("utf-8"), re.DOTALL)

    assert sorted(set(scripts)) == sorted(scripts)
    assert ("<gf-figure" in (built / f"{name}.html").read_text("utf-8")) == bool(scripts)


def test_a_figure_is_chosen_by_the_keyboard(built, reader):
    """Tab comes to a question, an arrow changes the answer, and the figure and what is said of it follow."""
    page = reader.visit(width=1280, height=1000)
    page.goto((built / "bridge.html").as_uri())
    choice = page.locator("gf-choice")
    said = choice.get_by_role("status").first
    first = said.inner_text()
    choice.get_by_role("radio", name="no_bridge").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")

    assert "2 of 6 parameters reached" in said.inner_text() != first
    assert choice.get_by_role("radio", name="detach").is_checked()
    cut = choice.locator("> gf-figure[slot=chosen] g.parameter.none")
    assert ["A.weight", "A.bias", "B.weight", "B.bias"] == [one.get_attribute("data-name") for one in cut.all()]


def test_nothing_moves_when_another_loss_is_chosen(built, reader):
    """Figures of one trace differ in their lines alone."""
    page = reader.visit(width=1280, height=1000)
    page.goto((built / "bridge.html").as_uri())
    choice = page.locator("gf-choice")

    def places():
        texts = choice.locator("> gf-figure[slot=chosen] svg text:not(.verdict)").all()
        return [(text.text_content(), text.get_attribute("x"), text.get_attribute("y")) for text in texts]

    before = places()
    choice.get_by_role("radio", name="loss 2").check()
    assert before == places()
    assert {"A", "B", "C", "loss_1", "loss_2", "both"} <= {text for text, _, _ in before}


def test_all_of_them_without_scripts(built, reader):
    """Without scripts the six small pictures are there, and a table with a verdict for each."""
    page = reader.visit(width=1280, height=1000, java_script_enabled=False)
    page.goto((built / "bridge.html").as_uri())
    choice = page.locator("gf-choice")

    assert 1 == choice.locator("img:visible").count()
    choice.locator("summary").click()
    assert 6 == choice.locator("tbody tr:visible").count()
