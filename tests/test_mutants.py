"""No cut of a chapter can be taken away without the chapter noticing."""

from __future__ import annotations

import random
from functools import cache

import pytest
from mutants import CHAPTERS, Cell, Mutant, Outcome, Run, applied, edits, mutants, run, run_cells

EVERY = [mutant for chapter in CHAPTERS for mutant in mutants(chapter)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("y = f(x.detach())", ["y = f(x)"]),
        ("y = (a + b).detach() * 2", ["y = (a + b) * 2"]),
        ("h.detach_()", ["h"]),
        ("y = w.data + v", ["y = w + v"]),
        ("w.data = v", []),
        ("with torch.no_grad():\n    y = x", ['with __import__("contextlib").nullcontext():\n    y = x']),
        ("@torch.no_grad()\ndef f(): ...", ["@(lambda function: function)\ndef f(): ..."]),
        ("with inference_mode(): y = x", ['with __import__("contextlib").nullcontext(): y = x']),
        ("torch.set_grad_enabled(False)", ["torch.set_grad_enabled(True)"]),
        ("torch.set_grad_enabled(True)", []),
        ("a.requires_grad_(False)", ["a.requires_grad_(True)"]),
        ("a.requires_grad = False", ["a.requires_grad = True"]),
        ("nn.Parameter(a, requires_grad=False)", ["nn.Parameter(a, requires_grad=True)"]),
        ("t.backward(loss, inputs=[a])", ["t.backward(loss, inputs=None)"]),
        ("é = 'ü'; y = é.detach().detach()", ["é = 'ü'; y = é.detach()", "é = 'ü'; y = é.detach()"]),
    ],
)
def test_edits(source, expected):
    """Each kind of cut has an edit that removes it and nothing else."""
    assert expected == [applied(source, edit) for edit in edits(source)]


def test_surprises():
    """An unexpected error is noticed, and so is an expected one that does not come."""
    fine, wrong = Cell("x = 1", False), Cell("assert x == 2", False)
    cases = [[fine], [fine, wrong], [fine, wrong._replace(fails=True)], [fine._replace(fails=True)]]

    expected = "no error, where one is expected"
    assert [Outcome(None), Outcome(1, "AssertionError"), Outcome(None), Outcome(0, expected)] == [
        run_cells(code) for code in cases
    ]


def test_death_is_no_surprise():
    """A process that dies says nothing about the cells."""
    with pytest.raises(RuntimeError, match="died"):
        run_cells([Cell("import os; os._exit(1)", False)])


def drawn(chapter) -> Mutant:
    """A mutant of a chapter, the same one each time."""
    return random.Random(chapter.stem).choice(mutants(chapter))


@cache
def ran(chapter) -> Run:
    """A chapter and one of its mutants."""
    return run(chapter, [drawn(chapter)])


@cache
def ran_whole(chapter) -> Run:
    """A chapter and all of its mutants."""
    return run(chapter, mutants(chapter))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_chapter_as_it_is(chapter):
    """Unchanged, a chapter has no surprise; and it has cuts to remove."""
    assert mutants(chapter)
    assert Outcome(None) == ran(chapter).as_it_is


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_one_mutant(chapter):
    """A mutant of each chapter, the same one each time, is noticed."""
    mutant = drawn(chapter)
    assert ran(chapter).mutants[mutant].cell is not None, f"not noticed: {mutant}"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", EVERY, ids=str)
def test_every_mutant(mutant):
    """Every mutant is noticed."""
    assert ran_whole(mutant.chapter).mutants[mutant].cell is not None
