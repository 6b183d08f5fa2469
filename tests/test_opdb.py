"""A sample of PyTorch's operator database in seconds; the whole of it is `make opdb`. The runner is tested too."""

from __future__ import annotations

import random
import re

import opdb
import pytest
import torch
from opdb import Tally, check, main, op_db

import gradflow as gf
from gradflow import Arrival, Reason
from gradflow.flow import Flow

SEED = 2026


def operators(count, seed=SEED):
    return random.Random(seed).sample(op_db, count)


@pytest.mark.parametrize("part", range(5))
def test_sample_of_the_database(part):
    """No leaf of 150 operators, one sample each, is wrong or unexplained."""
    tally = Tally()
    for i, op in enumerate(operators(150)[part::5]):
        check(op, (torch.float32, torch.float64)[i % 2], tally, 1, SEED)

    assert ([], []) == (tally.wrong, tally.unexplained)
    assert tally.samples > 20
    assert tally.leaves["nonzero"] > tally.leaves["zero"] > 0


KINDS_OF_ANSWERS = [
    "linspace",
    "argmax",
    "equal",
    "special.bessel_j0",
    "svd",
    "chunk",
    "where",
    "nn.functional.dropout",
]


@pytest.mark.parametrize(
    "name", [*KINDS_OF_ANSWERS, "floor_divide", "histogram", "fft.fft", "complex", "item", "gather"]
)
def test_operators_of_every_kind(name):
    """Constants, indices, numbers, several outputs, complex numbers, random numbers, derivatives that are missing."""
    tally = Tally()
    for op in op_db:
        if op.name == name:
            check(op, torch.float32, tally, 6, SEED)

    assert ([], []) == (tally.wrong, tally.unexplained)
    assert tally.samples + tally.skipped.total() > 0


def baddbmm():
    (op,) = [op for op in op_db if op.name == "baddbmm"]
    return op


LIES = {
    "nothing arrived": lambda true: Arrival("none"),
    "a zero arrived": lambda true: Arrival("zero", 0.0, 0.0),
    "the norm is off by a thousandth": lambda true: true._replace(norm=true.norm * 1.001),
    "the support is off": lambda true: true._replace(support=true.support * 0.5),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_wrong_flow_is_reported(monkeypatch, lie):
    """A flow that is wrong about one leaf is reported, with operator, dtype, sample and leaf."""
    at = Flow.at
    monkeypatch.setattr(Flow, "at", lambda flow, key: lie(at(flow, key)) if key == "leaf.0" else at(flow, key))
    tally = Tally()
    check(baddbmm(), torch.float32, tally, 3, SEED)

    assert 3 == len(tally.wrong)
    assert all(line.startswith("baddbmm float32 sample") for line in tally.wrong)
    assert all("leaf.0" in line for line in tally.wrong)


def test_flow_that_invents_a_gradient_is_reported(monkeypatch):
    """So is one that says that something arrived where nothing did."""
    at = Flow.at
    monkeypatch.setattr(Flow, "at", lambda flow, key: Arrival("zero", 0.0, 0.0) if key == "leaf.0" else at(flow, key))
    tally = Tally()
    for op in op_db:
        if op.name == "argmax":
            check(op, torch.float32, tally, 2, SEED)

    assert any("leaf.0: .grad is None" in line for line in tally.wrong)


def test_flow_that_raises_is_reported(monkeypatch):
    """So is a flow that raises where PyTorch does not."""

    def broken(*args, **more):
        raise ValueError("broken")

    monkeypatch.setattr(gf.trace().__class__, "flow", broken)
    tally = Tally()
    check(baddbmm(), torch.float32, tally, 2, SEED)

    assert ["ValueError: broken"] * 2 == [re.sub(r"^.*sample \d: ", "", line) for line in tally.wrong]


UNFOUNDED = {
    "another reason": lambda e: e._replace(reason=Reason.UNUSED),
    "a cut that is not named": lambda e: e._replace(reason=Reason.DETACHED, cuts=()),
}


@pytest.mark.parametrize("spoil", UNFOUNDED.values(), ids=UNFOUNDED)
def test_wrong_explanation_is_reported(monkeypatch, spoil):
    """A reason that does not go with the gradient is reported."""
    explain = gf.explain
    monkeypatch.setattr(gf, "explain", lambda flow, name: spoil(explain(flow, name)))
    tally = Tally()
    check(baddbmm(), torch.float32, tally, 1, SEED)

    assert [] == tally.wrong
    assert len(tally.unexplained) == tally.leaves.total()


def test_exit_code_and_counts(capsys, monkeypatch):
    """The counts are printed; the exit code is 0, or 1 if anything is wrong."""
    arguments = ["--dtype", "float32", "--samples", "2", "--only", "baddbmm", "empty", "resize_"]
    good = main(arguments)
    printed = capsys.readouterr().out
    monkeypatch.setattr(Flow, "at", lambda flow, key: Arrival("none"))
    bad = main(arguments)

    assert (0, 1) == (good, bad)
    assert re.search(r"^operators +1$", printed, re.M)
    assert re.search(r"^samples +2$", printed, re.M)
    assert re.search(r"^leaves +10: 10 nonzero, 0 zero, 0 missing$", printed, re.M)
    assert re.search(r"^skipped .*1 operators with uninitialized memory", printed, re.M)
    assert re.search(r"^wrong +0$", printed, re.M)
    assert re.search(r"^wrong +10$", capsys.readouterr().out, re.M)


def test_programs_are_the_same_each_time():
    """A program gives the same numbers whenever it runs, also where the operator draws random ones."""
    for op in operators(40):
        try:
            for _, program in opdb.programs(op, torch.float32, 1, SEED):
                first, second = program.run(program.leaves()), program.run(program.leaves())

                assert torch.equal(first, second) or bool(first.isnan())
        except (opdb.Skipped, RuntimeError, NotImplementedError, AssertionError):
            continue
