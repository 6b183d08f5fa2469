"""Figures: what draw() takes, what a notebook shows, what is saved."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from graphs import chain, every_flow, two_losses

from gradflow.compare import compare
from gradflow.draw import animate, draw, grid
from gradflow.errors import GradflowError
from gradflow.picture.steps import steps
from gradflow.picture.svg import page_svg
from gradflow.serialize import from_json
from gradflow.stepdiff import Change, StepDiff
from gradflow.text import LEGEND, comparison_text, flow_text, graph_text


def test_text():
    """A figure of a graph, a flow or a comparison shows its text."""
    flow = chain()
    both = compare(one=flow, other=flow)

    assert graph_text(flow.graph) == draw(flow.graph).text()
    assert flow_text(flow) == draw(flow).text()
    assert comparison_text(both) == draw(both).text()


def test_notebook():
    """A notebook shows the picture, and the text where it shows text only; a terminal shows the text."""
    figure = draw(chain())

    assert figure.text() == repr(figure)
    bundle = {"text/plain": figure.text(), "text/html": figure.html()}
    assert bundle == figure._repr_mimebundle_(include=None, exclude=None)


def test_html_has_a_wide_and_a_narrow_picture():
    """The picture is there twice, laid out for both widths; a narrow figure has one picture."""
    wide, narrow = draw(chain()), draw(chain(), width=400)

    assert [figure_of(720), figure_of(420)] == pictures(wide.html())
    assert [figure_of(400)] == pictures(narrow.html())


def figure_of(width):
    return page_svg(draw(chain(), width=width)._picture().scene)


def pictures(html):
    """The SVGs in the data URIs, the one that is shown by default first."""
    found = re.findall(r"(srcset|src)='data:image/svg\+xml;charset=utf-8,([^']+)", html)
    return [unquote(data) for _, data in sorted(found)]


def test_legend():
    """With a legend, the signs are explained below."""
    assert draw(chain(), legend=True).text() == f"{draw(chain()).text()}\n\n{LEGEND}"


def test_optimizer_and_step():
    """An optimizer and a step add a column each."""
    flow = chain()
    step = StepDiff(
        (("b.weight", Change(0.25, 2, 10)), *((name, Change(0.0, 0, 1)) for name in ("a.weight", "a.bias")))
    )
    step = StepDiff((*step.changes, *((name, Change(0.0, 0, 1)) for name in ("b.bias", "c", "d"))))
    holders = {"b.weight": ("opt",)}

    text = draw(flow, optimizer={"opt": {"b.weight"}}, step=step).text()
    assert flow_text(flow, holders=holders, step=step) == text
    assert "b.weight   f32[2, 5]  0.4182    100%     opt        0.25      RECEIVED" in text.splitlines()
    assert "b.bias     f32[2]     0.12      50%      -          -         RECEIVED" in text.splitlines()


@pytest.mark.parametrize("flow", every_flow().values(), ids=every_flow())
def test_saved_json_is_the_subject(flow, tmp_path):
    """What is saved as JSON can be read back."""
    for subject in (flow, flow.graph):
        draw(subject).save(tmp_path / "figure.json")

        assert subject == from_json((tmp_path / "figure.json").read_text())


def test_saved_text(tmp_path):
    """What is saved as text is the text, in UTF-8, with one newline at the end."""
    draw(chain()).save(str(tmp_path / "figure.TXT"))

    assert flow_text(chain()) + "\n" == (tmp_path / "figure.TXT").read_text(encoding="utf-8")
    assert ["figure.TXT"] == os.listdir(tmp_path)


@pytest.mark.parametrize("suffix", ["json", "dot"])
def test_several_flows_are_not_one(suffix, tmp_path):
    """A form that holds a single flow refuses a comparison and a grid, and says what to save instead."""
    flow = chain()
    for kind, figure in {"comparison": draw(compare(one=flow)), "grid": grid({("a", "b"): flow})}.items():
        with pytest.raises(GradflowError, match=f"a {kind} is not saved as {suffix.upper()}; save each of its flows"):
            figure.save(tmp_path / f"figure.{suffix}")
    assert [] == os.listdir(tmp_path)


def test_saved_picture(tmp_path):
    """What is saved as a picture is the picture, in each format."""
    figure = draw(chain())
    for suffix in ("svg", "html", "png", "pdf", "dot"):
        figure.save(tmp_path / f"figure.{suffix}")
    read = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}

    assert figure.svg().encode() == read[".svg"]
    assert figure.html() in read[".html"].decode() and read[".html"].startswith(b"<!DOCTYPE html>")
    assert read[".png"].startswith(b"\x89PNG") and read[".pdf"].startswith(b"%PDF")
    assert read[".dot"].startswith(b"digraph")


def test_paper_is_light(tmp_path):
    """PNG and PDF follow no page: auto is light there, and dark is dark."""
    for theme in ("auto", "light", "dark"):
        draw(chain(), theme=theme).save(tmp_path / f"{theme}.png")
    auto, light, dark = ((tmp_path / f"{theme}.png").read_bytes() for theme in ("auto", "light", "dark"))

    assert auto == light != dark


def test_animated():
    """A figure that walks through a pass has the steps in its text and in its page."""
    figure = animate(chain())

    lines = figure.text().splitlines()
    assert lines[-1].startswith(f"{len(steps(chain()))}. ")
    assert steps(chain())[-1].sentence in figure.html()
    assert draw(chain()).svg() == figure.svg()


@pytest.mark.parametrize("name", ["figure", "figure.jpg", ".txt"])
def test_unknown_format(name, tmp_path):
    """A path whose suffix says nothing is an error."""
    with pytest.raises(GradflowError, match=r"does not say how to write the figure; end it in \.svg, .*\.dot or \.txt"):
        draw(chain()).save(tmp_path / name)


def test_missing_folder(tmp_path):
    """A folder that is not there is an error, and nothing is made."""
    with pytest.raises(GradflowError, match=r"cannot write .*missing.figure.txt': there is no folder"):
        draw(chain()).save(tmp_path / "missing" / "figure.txt")
    with pytest.raises(GradflowError, match=r"save.. takes a path"):
        draw(chain()).save(3)

    assert [] == os.listdir(tmp_path)


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    """A file is replaced as a whole or not at all, and no draft stays behind."""
    path = tmp_path / "figure.txt"
    path.write_text("old")

    def full(self, *args, **kwargs):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(GradflowError, match="No space left on device"):
        draw(chain()).save(path)

    assert "old" == path.read_text()
    assert ["figure.txt"] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"theme": "blue"}, "theme='blue' is not one of 'auto', 'light', 'dark', 'grey'"),
        ({"direction": "RL"}, "direction='RL' is not one of None, 'LR', 'TB'"),
        ({"width": 0}, "width=0 is not a positive number"),
        ({"width": "wide"}, "width='wide' is not a positive number"),
        ({"width": float("nan")}, "width=nan is not a positive number"),
        ({"width": True}, "width=True is not a positive number"),
        ({"open": "a"}, r'open= takes module paths, as in open=\("encoder", "head"\), but got \'a\''),
        ({"open": ["aa"]}, r"unknown module path 'aa'\. Did you mean 'a'\?"),
        ({"open": [3]}, "a module path is a string, but 3 is of type int"),
        ({"open": 3}, "open= takes module paths"),
        ({"step": 3}, r"step= takes what gf\.diff\(before, after\) gives, but got int"),
        ({"optimizer": 3}, r"Pass the names it holds|has no param_groups"),
        ({"optimizer": {"e"}}, "unknown name 'e'"),
    ],
)
def test_wrong_options(options, message):
    """An option that does not fit is an error that says what would."""
    with pytest.raises(GradflowError, match=message):
        draw(chain(), **options)


def test_wrong_subject():
    """Only what a trace gives can be drawn."""
    with pytest.raises(GradflowError, match=r"but got int\. Draw what a trace gives: gf\.draw\(t\.graph\)"):
        draw(3)
    with pytest.raises(GradflowError, match=r"animate\(\) takes a Flow, .* but got Graph"):
        animate(chain().graph)


def test_options_that_fit():
    """Every documented option is taken, for each kind of subject."""
    task, penalty = two_losses()
    for subject in (task.graph, task, compare(task=task, penalty=penalty)):
        for theme in ("auto", "light", "dark", "grey"):
            for direction in (None, "LR", "TB"):
                assert draw(subject, theme=theme, direction=direction, width=420).text()
    assert draw(chain(), open=("a", "b"), width=1).text()
