"""Figures in JupyterLab and in Notebook 7, served for real, in notebooks that are trusted and that are not."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from playwright.sync_api import expect
from test_element import scalar

from gradflow.draw import animate

pytestmark = pytest.mark.slow
WAIT = 60_000
NO_UPDATES = "jupyterlab.handlers.announcements.NeverCheckForUpdate"
FRONTS = {"lab": "lab/tree", "notebook": "notebooks"}

PLAYING = """\
import gradflow as gf, torch
model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
gf.playground(model, torch.ones(4, 2), loss=lambda out: out.sum())"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a server whose folder holds one notebook twice, signed and not."""
    folder, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("home")
    _write(folder, home / "data")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kinds = ("CONFIG", "DATA", "RUNTIME")
    places = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in kinds} | {"IPYTHONDIR": str(home)}
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    quiet = ["--IdentityProvider.token=", "--LabApp.news_url=None", "--LabApp.check_for_updates_class=" + NO_UPDATES]
    process = subprocess.Popen(
        [*command, *quiet, f"--ServerApp.root_dir={folder}"],
        env={**os.environ, **places},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _answering(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _write(folder: Path, data: Path) -> None:
    figure = animate(scalar())
    bundle = {"text/html": figure.html(), "text/plain": "text"}
    output = nbformat.v4.new_output("execute_result", bundle, execution_count=1)
    cells = [
        nbformat.v4.new_markdown_cell("Before"),
        nbformat.v4.new_code_cell("figure", outputs=[output], execution_count=1),
        nbformat.v4.new_markdown_cell("After"),
    ]
    spec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    for name in ("trusted", "untrusted"):
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={**spec, "title": name})
        nbformat.write(notebook, folder / f"{name}.ipynb")
    playing = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PLAYING)], metadata=spec)
    nbformat.write(playing, folder / "playing.ipynb")
    data.mkdir()
    NotebookNotary(data_dir=str(data)).sign(nbformat.read(folder / "trusted.ipynb", as_version=4))


def _answering(address: str, process: subprocess.Popen[bytes]) -> str:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=1)
            return address
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.2)
    pytest.fail("the server did not answer")


def _open(browser, server, front, name):
    page = browser.new_context(viewport={"width": 1200, "height": 900}).new_page()
    page.strangers = []
    page.on("request", lambda r: r.url.startswith((server, "data:", "blob:")) or page.strangers.append(r.url))
    page.goto(f"{server}/{FRONTS[front]}/{name}.ipynb{'?reset' if front == 'lab' else ''}")  # no tabs of before
    return page


@pytest.mark.parametrize("front", FRONTS)
def test_trusted(browser, server, front):
    """The figure is alive, and its keys are its own: they go through the steps and not from cell to cell."""
    page = _open(browser, server, front, "trusted")
    slider = page.get_by_label("Step", exact=True)
    expect(slider).to_be_visible(timeout=WAIT)
    cell = page.locator(".jp-CodeCell")
    page.locator("gf-figure .steps .told").click()
    expect(cell).to_contain_class("jp-mod-active")

    slider.focus()
    page.keyboard.press("End")
    for key, step in [("ArrowLeft", 8), ("ArrowDown", 7), ("Home", 1), ("ArrowUp", 2), ("End", 9), ("ArrowLeft", 8)]:
        slider.focus()
        page.keyboard.press(key)
        expect(slider).to_have_value(str(step))
        expect(cell).to_contain_class("jp-mod-active")
    page.locator("g[tabindex='0']").focus()
    for key, name in [("ArrowUp", "t"), ("ArrowLeft", "s"), ("ArrowDown", "t"), ("Home", "f")]:
        page.keyboard.press(key)
        expect(page.locator(".card b")).to_have_text(name)
        expect(cell).to_contain_class("jp-mod-active")
    page.get_by_role("button", name="earlier").focus()
    page.keyboard.press("Space")
    expect(slider).to_have_value("7")
    assert [] == page.strangers
    page.context.close()


@pytest.mark.parametrize("front", FRONTS)
def test_each_panel(browser, server, front):
    """What if, other numbers, explore: by keys that the notebook would take for its own."""
    page = _open(browser, server, front, "trusted")
    figure = page.locator("gf-figure")
    cells = page.locator(".jp-Cell")
    expect(figure.get_by_role("button", name="What if?")).to_be_visible(timeout=WAIT)
    expect(cells).to_have_count(3)

    def press(control, *keys):
        control.focus()
        for key in keys:
            page.keyboard.press(key)

    press(figure.get_by_role("button", name="What if?"), "Enter")
    press(figure.locator("g[tabindex='0']"), "Home", "ArrowUp", "Enter")
    expect(figure.locator(".outcome")).to_contain_text("would no longer be reached")
    press(figure.get_by_role("button", name="Undo"), "Space")
    expect(figure.locator(".outcome")).to_contain_text("Nothing is changed yet.")
    figure.get_by_text("Ask, hold, freeze").click()
    press(figure.get_by_label("freeze w", exact=True), "Space")
    expect(figure.locator(".outcome")).to_contain_text("Then w would no longer be reached.")
    press(figure.get_by_role("button", name="Reset"), "Enter")

    press(figure.get_by_role("button", name="Other numbers"), "Enter")
    press(figure.get_by_role("slider", name="w", exact=True), "ArrowRight", "ArrowUp")
    expect(figure.locator(".numbers .told")).to_contain_text("Recomputed in this page, not run.")
    press(figure.get_by_role("button", name="Take one step"), "Space")
    press(figure.locator(".numbers").get_by_role("button", name="Reset"), "Enter")
    expect(figure.locator(".numbers .told")).to_contain_text("Observed: the loss is 4.")

    press(figure.get_by_role("button", name="Explore"), "Enter")
    press(figure.get_by_role("searchbox"), "x", "a", "b", "d", "d")  # what would add, delete or move cells
    expect(figure.get_by_role("searchbox")).to_have_value("xabdd")
    press(figure.locator("g[tabindex='0']"), "Home", "w", "Escape")
    expect(cells).to_have_count(3)
    assert [] == page.strangers
    page.context.close()


@pytest.mark.parametrize("front", FRONTS)
def test_untrusted(browser, server, front):
    """The picture and the table are there, and nothing else: no script has run, no code or data is shown."""
    page = _open(browser, server, front, "untrusted")
    output = page.locator(".jp-OutputArea-output:visible")
    image = output.locator("img:visible")
    expect(image).to_have_count(1, timeout=WAIT)

    assert image.evaluate("image => image.naturalWidth") == 720
    assert "4 of 4 parameters reached" in image.get_attribute("alt")
    output.locator("summary").click()
    expect(output.locator("tbody th")).to_have_text(["x", "w", "b", "y_"])
    expect(output.locator("gf-figure, svg, script, button")).to_have_count(0)
    expect(output).not_to_contain_text("loss")
    assert [] == page.strangers
    page.context.close()


@pytest.mark.parametrize("front", FRONTS)
def test_playground(browser, server, front):
    """A tick runs the model again: words, picture, table and boxes follow; closing takes it off the page."""
    page = _open(browser, server, front, "playing")
    page.locator(".jp-CodeCell .cm-content").first.click(timeout=WAIT)
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_attached(timeout=WAIT)
    page.keyboard.press("Shift+Enter")
    said, rows = page.locator(".gf-live").first, page.locator(".gf-row")
    expect(rows).to_have_count(3, timeout=WAIT)
    expect(said).to_have_text("The program as it is.Every parameter gets what it got before.")

    rows.nth(0).get_by_label("cut").check()
    expect(said).to_have_text("Cut after 0.0 is no longer reached. 0 no longer moves.", timeout=WAIT)
    picture = page.locator("gf-figure, gradflow-figure")
    expect(picture.locator("svg:visible").first).to_contain_text("playground")
    expect(page.locator(".gf-scroll tbody th")).to_have_text(["0.weight", "0.bias"])
    page.get_by_role("button", name="Start again").click()
    expect(rows.nth(0).get_by_label("cut")).not_to_be_checked()
    expect(said).to_contain_text("The program as it is.")
    rows.nth(2).get_by_label("ask").check()
    rows.nth(2).get_by_label("freeze").check()
    expect(page.locator(".gf-wrong")).to_contain_text("inputs= names 2.weight and 2.bias, which", timeout=WAIT)
    expect(rows.nth(2).get_by_label("freeze")).not_to_be_checked()
    page.get_by_role("button", name="Close").click()
    expect(rows).to_have_count(0)
    assert [] == page.strangers
    page.context.close()
