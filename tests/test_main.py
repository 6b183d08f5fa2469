"""The command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradflow as gf
from gradflow.__main__ import main
from gradflow.serialize import from_json

PROGRAM = """\
import torch
from torch import nn
from helper import data

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.b = nn.Linear(3, 1)

    def forward(self, x):
        return self.b(self.a(x).detach())

def cut():
    net = Net()
    return net, lambda: net(data()).sum()

def several():
    first, second = nn.Linear(2, 3), nn.Linear(3, 1)
    return {"G": first, "D": second}, lambda: second(first(data())).sum()

def pair():
    first, second = nn.Linear(2, 1), nn.Embedding(3, 1)
    return (first, nn.BatchNorm1d(2, affine=False)), lambda: first(data()).sum()

def same_names():
    return (nn.Linear(1, 1), nn.Linear(1, 1)), lambda: None

def number():
    return 3

def step():
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        net(data()).sum().backward()
        optimizer.step()

shared = Net()

def step_of_another():
    shared(data()).sum().backward()

def nothing():
    pass

def loss_is_no_tensor():
    return Net(), lambda: 0.5

def no_module():
    return "net", lambda: data().sum()

def no_modules():
    return {"net": "net"}, lambda: data().sum()

def raises():
    return Net(), lambda: Net()(torch.ones(5, 5))

def raises_at_once():
    raise RuntimeError("out of luck")

def raises_twice():
    try:
        raises_at_once()
    except RuntimeError as error:
        raise KeyError("no luck") from error

def accented():
    net = nn.ModuleDict({"é": nn.Linear(1, 1)})
    return net, lambda: net["é"](torch.ones(1)).detach().sum()

def leaves():
    raise SystemExit(0)

def prints():
    print("hello from the program")
    return cut()

def takes(an_argument):
    return cut()

name = "not a function"
"""
HELPER = """\
import torch

def data():
    return torch.ones(4, 2)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The path of a program beside the file that it imports, in the working directory."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "helper.py").write_text(HELPER)
    monkeypatch.chdir(tmp_path)
    return "program.py"


def test_table(program, capsys):
    """Explain prints the verdict, a line for each parameter, and what to do."""
    assert 0 == main(["explain", f"{program}:cut"])

    out, err = capsys.readouterr()
    verdict, table, sentence = out.rstrip().split("\n\n")
    assert "2 of 4 parameters reached; a is cut by detach (program.py:12)." == verdict
    assert ["a.weight", "a.bias", "b.weight", "b.bias"] == [line.split()[0] for line in table.splitlines()[1:]]
    assert sentence.startswith("a.weight, a.bias:\n    a.weight gets no gradient: detach at program.py:12")
    assert "" == err


@pytest.mark.parametrize(
    ("required", "code"),
    [(["b"], 0), (["b.weight", "b.bias"], 0), (["a"], 1), (["b", "a.weight"], 1), (["a.wieght"], 2), (["b", "c"], 2)],
)
def test_exit_code(program, capsys, required, code):
    """The exit code is 0 if all required are reached, 1 if one is not, 2 if one is unknown."""
    assert code == main(["explain", f"{program}:cut", "--require", *required])


def test_complaint(program, capsys):
    """What is required and not reached is explained on the error stream, once for each requirement."""
    main(["explain", f"{program}:cut", "--require", "a", "--require", "b", "a.bias"])

    err = capsys.readouterr().err
    assert "2 of 2 parameters of 'a' received no usable gradient:\n  a.weight gets no gradient: detach" in err
    assert "'a.bias' received no usable gradient:" in err
    assert "'b'" not in err


@pytest.mark.parametrize("function", ["step", "step_of_another"])
def test_own_step(program, capsys, function):
    """A function that runs a step on its own is observed in its first backward pass."""
    assert 1 == main(["explain", f"{program}:{function}", "--require", "b", "a"])

    out, err = capsys.readouterr()
    assert out.startswith("2 of 4 parameters reached; a is cut by detach (program.py:12).")
    assert "2 of 2 parameters of 'a' received no usable gradient" in err


def test_modules_by_name(program, capsys):
    """A dict of modules gives their parameters its keys as prefixes; a tuple gives several modules."""
    assert 0 == main(["explain", f"{program}:several", "--require", "G.weight", "D"])
    assert 0 == main(["explain", f"{program}:pair", "--require", "weight", "bias"])


def test_json(program, capsys):
    """With --json the output is JSON and nothing else, also where the program prints."""
    assert 1 == main(["explain", f"{program}:prints", "--json", "--require", "a"])

    out, err = capsys.readouterr()
    found = json.loads(out)["parameters"]
    assert ["DETACHED", "DETACHED", "RECEIVED", "RECEIVED"] == [one["reason"] for one in found]
    assert ["none", "none", "nonzero", "nonzero"] == [one["status"] for one in found]
    assert [{"kind": "DETACHED", "target": "detach", "source": "program.py:12"}] == [
        {key: cut[key] for key in ("kind", "target", "source")} for cut in found[0]["cuts"]
    ]
    assert "hello from the program" in err


FORMS = {
    "svg": b"<svg",
    "html": b"<!DOCTYPE html>",
    "png": b"\x89PNG\r\n",
    "pdf": b"%PDF-",
    "json": b"{",
    "dot": b"digraph",
    "txt": b"2 of 4 parameters reached",
}


@pytest.mark.parametrize(("suffix", "start"), FORMS.items(), ids=FORMS)
def test_save(program, suffix, start):
    """The figure can be saved in every form."""
    assert 0 == main(["explain", f"{program}:cut", "--save", f"flow.{suffix}"])

    assert Path(f"flow.{suffix}").read_bytes().startswith(start)


def test_saved_json_can_be_read_back(program):
    """As JSON, the figure is the flow."""
    assert 0 == main(["explain", f"{program}:cut", "--save", "flow.json"])

    flow = from_json(Path("flow.json").read_text())
    assert ("none", "nonzero") == (flow.at("a.weight").status, flow.at("b.weight").status)


def test_saved_picture_is_the_drawn_one(program):
    """What is saved is what draw() shows of the flow."""
    assert 0 == main(["explain", f"{program}:cut", "--save", "flow.json"])
    assert 0 == main(["explain", f"{program}:cut", "--save", "flow.svg"])

    assert gf.draw(from_json(Path("flow.json").read_text())).svg() == Path("flow.svg").read_text()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("flow.jpg", "'flow.jpg' does not say how to write the figure; end it in .svg, .html, .png"),
        ("flow", "'flow' does not say how"),
        ("missing/flow.svg", "cannot write 'missing/flow.svg': there is no folder 'missing'."),
    ],
)
def test_save_where_it_cannot(program, capsys, file, message):
    """A file that cannot be written is told before the program runs."""
    assert 2 == main(["explain", f"{program}:prints", "--save", file])

    out, err = capsys.readouterr()
    assert "" == out
    assert err.startswith(f"gradflow: {message}")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("program.py", "'program.py' names no function; expected FILE.py:FUNCTION."),
        ("program.py:", "'program.py:' names no function; expected FILE.py:FUNCTION."),
        (":cut", "':cut' names no function; expected FILE.py:FUNCTION."),
        ("missing.py:cut", "there is no Python file 'missing.py'; expected FILE.py:FUNCTION."),
        (".:cut", "there is no Python file '.'; expected FILE.py:FUNCTION."),
        ("program.py:cat", "program.py has no function 'cat'; it has Net, cut, several, pair and "),
        ("program.py:name", "program.py has no function 'name'; it has "),
        ("program.py:takes", "takes() of program.py takes arguments, and is called without any."),
        ("program.py:number", "the function returned int; expected (model, loss_fn), with loss_fn() computing the"),
        ("program.py:nothing", "the function returned nothing and ran no loss.backward(); expected (model, loss_fn), "),
        ("program.py:loss_is_no_tensor", "loss_fn() returned float; expected the loss, a tensor."),
        ("program.py:no_module", "the model of (model, loss_fn) is str; expected a module, a tuple of modules, or"),
        ("program.py:no_modules", "the model of (model, loss_fn) is dict; expected a module, a tuple of modules, or"),
        ("program.py:same_names", "two of the things traced have the name 'weight'."),
    ],
)
def test_bad_usage(program, capsys, target, message):
    """What cannot be carried out is said in a line, without a traceback, and the exit code is 2."""
    assert 2 == main(["explain", target])

    out, err = capsys.readouterr()
    assert "" == out
    assert err.startswith(f"gradflow: {message}")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("function", "frame", "last"),
    [
        ("raises", "<lambda>", "RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("raises_at_once", "raises_at_once", "RuntimeError: out of luck"),
        ("leaves", "leaves", "SystemExit: 0"),
    ],
)
def test_program_that_raises(program, capsys, function, frame, last):
    """What the program raises is shown as its own traceback, without ours, and the exit code is 2."""
    assert 2 == main(["explain", f"{program}:{function}"])

    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):")
    assert re.search(rf'program.py", line \d+, in {frame}\n', err)
    assert err.splitlines()[-1].startswith(last)
    assert "gradflow" not in err


def test_program_that_raises_twice(program, capsys):
    """An exception that came of another is shown with it."""
    assert 2 == main(["explain", f"{program}:raises_twice"])

    err = capsys.readouterr().err
    assert "RuntimeError: out of luck\n\nThe above exception was the direct cause" in err
    assert err.endswith("KeyError: 'no luck'\n")
    assert "gradflow" not in err


@pytest.mark.parametrize(
    ("source", "last"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("def f(:", "SyntaxError: invalid syntax")],
)
def test_file_that_raises(tmp_path, capsys, source, last):
    """So is what the file raises when it is loaded."""
    (tmp_path / "broken.py").write_text(f"{source}\n")

    assert 2 == main(["explain", f"{tmp_path / 'broken.py'}:f"])
    assert last == capsys.readouterr().err.splitlines()[-1]


def test_nothing_stays_behind(program, capsys):
    """The search path and the loaded modules are as before, and the next program gets its own neighbours."""
    path = list(sys.path)
    main(["explain", f"{program}:cut"])
    main(["explain", f"{program}:raises"])

    assert path == sys.path
    assert set() == {"program", "helper"} & set(sys.modules)
    assert "torch.nn" in sys.modules


def test_file_named_like_a_module(program, capsys):
    """A file may have the name of a module that is loaded already."""
    Path(program).rename("json.py")

    assert 0 == main(["explain", "json.py:cut", "--require", "b"])
    assert json is sys.modules["json"]


def test_demo(tmp_path, monkeypatch, capsys):
    """The demo prints a program and its text form, and saves the picture."""
    monkeypatch.chdir(tmp_path)
    assert 0 == main(["demo", "--save", "demo.txt"])

    out = capsys.readouterr().out
    saved = (tmp_path / "demo.txt").read_text()
    assert saved in out
    assert "15          return self.head(h.detach()) * self.scale" in out
    assert (
        "2 of 7 parameters reached; encoder is cut by detach (demo.py:15); spare is never used; scale is\nfrozen."
        == saved.split("\n\n")[0]
    )
    assert "  demo.py:15  return self.head(h.detach()) * self.scale" == saved.split("\n\n")[1]
    assert out.endswith("Saved as demo.txt.\n")

    assert 0 == main(["demo"])
    assert out.replace("demo.txt", "gradflow-demo.svg") == capsys.readouterr().out
    assert (tmp_path / "gradflow-demo.svg").read_text().startswith("<svg")


def test_demo_elsewhere(tmp_path, capsys):
    """The demo can be saved elsewhere, and says so where that fails."""
    assert 0 == main(["demo", "--save", str(tmp_path / "demo.json")])
    assert "head.weight" in from_json((tmp_path / "demo.json").read_text()).graph.names
    assert 2 == main(["demo", "--save", str(tmp_path / "missing" / "demo.txt")])


@pytest.mark.parametrize(
    "arguments", [[], ["explain"], ["paint"], ["explain", "a.py:f", "--colour"], ["explain", "--require"]]
)
def test_usage(arguments, capsys):
    """Arguments that make no command are bad usage."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)

    assert 2 == exit_.value.code
    assert capsys.readouterr().err.startswith("usage: python -m gradflow")


def test_as_a_module(program):
    """``python -m gradflow`` is this command, with its exit code, also where the terminal knows only ASCII."""
    environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(gf.__file__).parent.parent)}
    command = [sys.executable, "-m", "gradflow", "explain", f"{program}:accented", "--require", "é"]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)

    assert (1, True) == (run.returncode, run.stdout.isascii())
    assert r"\xe9.weight gets no gradient" in run.stderr


def test_version(capsys):
    """The version is printed."""
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])

    assert (0, f"gradflow {gf.version.__version__}\n") == (exit_.value.code, capsys.readouterr().out)
