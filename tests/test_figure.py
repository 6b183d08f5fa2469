"""Figures: what draw() takes, what a notebook shows, what is saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from graphs import chain, every_flow, two_losses

from gradflow.compare import compare
from gradflow.draw import draw
from gradflow.errors import GradflowError
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
    """A notebook and a terminal show the text."""
    figure = draw(chain())

    assert figure.text() == repr(figure)
    assert {"text/plain": figure.text()} == figure._repr_mimebundle_(include=None, exclude=None)


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


def test_comparison_has_no_json(tmp_path):
    """A comparison is saved as text only."""
    with pytest.raises(GradflowError, match="a comparison is not saved as JSON"):
        draw(compare(one=chain())).save(tmp_path / "figure.json")


@pytest.mark.parametrize("suffix", ["svg", "html", "png", "pdf", "dot"])
def test_formats_to_come(suffix, tmp_path):
    """A picture is not there yet, and the error says what is."""
    with pytest.raises(GradflowError, match=rf"writes \.txt and \.json; \.{suffix} is not there yet"):
        draw(chain()).save(tmp_path / f"figure.{suffix}")


@pytest.mark.parametrize("name", ["figure", "figure.jpg", ".txt"])
def test_unknown_format(name, tmp_path):
    """A path whose suffix says nothing is an error."""
    with pytest.raises(GradflowError, match=r"does not say how to write the figure; end it in \.txt or \.json"):
        draw(chain()).save(tmp_path / name)


def test_pictures_to_come():
    """The methods for pictures say that they are not there yet."""
    with pytest.raises(GradflowError, match=r"\.svg is not there yet"):
        draw(chain()).svg()
    with pytest.raises(GradflowError, match=r"\.html is not there yet"):
        draw(chain()).html()


def test_missing_folder(tmp_path):
    """A folder that is not there is an error, and nothing is made."""
    with pytest.raises(GradflowError, match=r"cannot write .*missing.figure.txt': No such file or directory"):
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

    monkeypatch.setattr(Path, "write_text", full)
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


def test_options_that_fit():
    """Every documented option is taken, for each kind of subject."""
    task, penalty = two_losses()
    for subject in (task.graph, task, compare(task=task, penalty=penalty)):
        for theme in ("auto", "light", "dark", "grey"):
            for direction in (None, "LR", "TB"):
                assert draw(subject, theme=theme, direction=direction, width=420).text()
    assert draw(chain(), open=("a", "b"), width=1).text()
