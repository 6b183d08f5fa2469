"""Everything that the sources hold has its place, and the tables say what is there.

A chapter that is in ``_toc.yml`` must have every place that the rows give it. One that is not yet there is skipped,
with the number of places that wait for it: ``pytest -rs tests/test_matter.py``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import book_matter
import matter
import pytest

ROOT = Path(__file__).parent.parent
ROWS, BELIEFS, THERE = matter.rows(ROOT), matter.beliefs(ROOT), matter.chapters(ROOT)
COMING = ["flow", "stop_gradient", "var_list", "trainable", "word2vec", "look", "cost", "zero", "through", "losses"]
COMING += ["targets", "time", "adapters", "clinic", "rosetta"]
KNOWN = sorted({*THERE, *COMING})


def lost(things, there, chapter):
    """The labels of things that lead into a chapter and to no target of it."""
    led = {label for one in things for label in matter.places(one, there) if matter.home(label) == chapter}
    return sorted(led - there[chapter].targets)


@pytest.mark.parametrize("chapter", KNOWN)
def test_every_place_is_there(chapter):
    """Every row and belief that names a chapter names a target in it."""
    if chapter not in THERE:
        waiting = [label for one in (*ROWS, *BELIEFS) for label in one.labels if matter.home(label) == chapter]
        pytest.skip(f"{len(waiting)} rows wait for {chapter}: {', '.join(sorted(set(waiting)))}")
    assert [] == lost((*ROWS, *BELIEFS), THERE, chapter)


def test_every_label_names_a_chapter():
    """A slip in the name of a chapter is not taken for a chapter to come."""
    named = [(matter.home(label), one) for one in (*ROWS, *BELIEFS) for label in one.labels]
    assert [] == [one for chapter, one in named if chapter not in KNOWN]
    assert [] == [one for one in (*ROWS, *BELIEFS) if one.waits and one.waits not in KNOWN]


def test_every_row_says_what_became_of_it():
    """A row has a known kind and outcome; it has a place, or says why it has none."""
    assert [] == [row for row in ROWS if row.kind not in matter.KINDS or row.outcome not in matter.OUTCOMES]
    assert [] == [row for row in ROWS if bool(row.why) != (row.outcome == "not reproduced")]
    assert [] == [row for row in ROWS if not row.label and not row.why]


def test_no_two_rows_say_the_same():
    """Nobody can count one thing twice."""
    said = Counter(re.sub(r"\W+", " ", row.what).casefold() for row in ROWS)
    assert [] == [what for what, times in said.items() if times > 1]


def test_every_source_is_shown():
    """Each source has rows, a table on the page, and an entry in the bibliography."""
    sources = matter.load(ROOT, "sources.yml")
    page = (ROOT / "book" / "source_map.md").read_text(encoding="utf-8")
    entries = re.findall(r"^@\w+\{(.+),$", (ROOT / "book" / "references.bib").read_text(encoding="utf-8"), re.MULTILINE)

    assert list(sources) == sorted({row.source for row in ROWS})
    assert list(sources) == re.findall(r"^```\{source-map\} (\d+)$", page, re.MULTILINE)
    assert [] == [source["cite"] for source in sources.values() if source["cite"] not in entries]
    assert [source["cite"] for source in sources.values()] == re.findall(r"\{cite(?::t)?\}`(\w+)`", page)


def test_every_entry_has_an_address():
    """An entry of the bibliography can be found, or says that it cannot."""
    entries = (ROOT / "book" / "references.bib").read_text(encoding="utf-8").split("\n@")[1:]
    assert entries
    assert [] == [one for one in entries if not re.search(r"^  (url|doi) = |not its address", one, re.MULTILINE)]


def test_every_belief_has_a_source_and_a_place():
    """Misconceptions are numbered, found somewhere, and dealt with somewhere."""
    assert [f"M{number}" for number in range(1, len(BELIEFS) + 1)] == [one.id for one in BELIEFS]
    assert [] == [one.id for one in BELIEFS if not one.sources or not one.labels]
    urls = [url for one in BELIEFS for url in one.sources]
    assert [] == [url for url in urls if not re.fullmatch(r"https?://[\w.-]+/\S*", url)]


@pytest.mark.parametrize("chapter", THERE)
def test_stated_minutes_are_the_computed_ones(chapter):
    """A chapter says near its top how long it takes, and that follows from its words and cells."""
    assert THERE[chapter].minutes == THERE[chapter].stated


@pytest.mark.parametrize("chapter", THERE)
def test_a_chapter_opens_with_a_question(chapter):
    """The first line in italics is what a reader comes with."""
    assert THERE[chapter].question.endswith("?")


TOC = """
format: jb-book
root: book/index
parts:
  - caption: One
    chapters:
      - file: book/first
        sections:
          - file: book/second
  - caption: Two
    chapters:
      - file: book/words
"""
FIRST = "# First: `x`\n\n*Why?*\n\n5 minutes. You need nothing.\n\n(first-here)=\nHere."
MAP = """
"000":
  - { what: One thing., kind: claim, outcome: shown, label: first-here }
  - { what: Another., kind: number, outcome: reproduced, label: third-there }
  - { what: More., kind: number, outcome: reproduced, label: first-later, waits: third }
  - { what: A | lost one., kind: figure, outcome: not reproduced, why: It is lost. }
"001":
  - { what: One more thing., kind: claim, outcome: shown, label: second-x, waits: third }
"""
BELIEF = """
- id: M1
  belief: It is so.
  happens: It is not.
  sources: ["https://a.org/b"]
  labels: [first-here, third-x]
"""
TIMES = '{"date": "d", "cores": 2, "python": "p", "torch": "t", "seconds": {"first": 1.5}}'


def notebook(*cells):
    """A notebook with these cells, as it is stored."""
    return json.dumps({"cells": [{"cell_type": kind, "source": [text]} for kind, text in cells]})


@pytest.fixture
def small(tmp_path):
    """A small book of two chapters and a page of words."""
    data = tmp_path / "book" / "_data"
    data.mkdir(parents=True)
    (tmp_path / "_toc.yml").write_text(TOC)
    (data / "source_map.yml").write_text(MAP)
    (data / "sources.yml").write_text('{"000": {name: Somebody}, "001": {name: Nobody}}')
    (data / "misconceptions.yml").write_text(BELIEF)
    (data / "times.json").write_text(TIMES)
    book = tmp_path / "book"
    (book / "index.ipynb").write_text(notebook(("markdown", "# Front")))
    (book / "first.ipynb").write_text(notebook(("markdown", FIRST), *[("code", "x = 1")] * 12))
    (book / "second.ipynb").write_text(notebook(("markdown", "# Second\n\n" + "word " * 1000)))
    (book / "words.md").write_text("# Words")
    return tmp_path


def test_pages_stand_in_the_order_of_the_contents(small):
    """Parts, chapters and sections are read in their order; chapters are the notebooks after the first page."""
    assert ["index", "first", "second", "words"] == list(matter.pages(small))
    assert ["first", "second"] == list(matter.chapters(small))


def test_a_page_is_read(small):
    """Title, question, targets and minutes come from the text."""
    first, second = matter.chapters(small).values()
    assert ("First: `x`", "First", "Why?", {"first-here"}) == (first.title, first.short, first.question, first.targets)
    assert (5, 5) == (first.stated, first.minutes)
    assert (None, 10) == (second.stated, second.minutes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One two, three.", 3),
        ("One\n\n```python\nx = f(y)\n```\n\ntwo", 2),
        (":::{admonition} Predict\n:class: tip\nOne\n:::", 1),
        ("[one two](https://a.org/b c)", 2),
        ("(a-target)=\nOne — 중첩", 2),
    ],
)
def test_words_are_those_of_prose(text, expected):
    """Code, directives, targets and addresses are not read as words."""
    assert expected == matter.words(text)


def test_a_lost_label_is_found(small):
    """A row that leads to no target is named; one that waits is not."""
    there, rows = matter.chapters(small), matter.rows(small)
    assert [] == lost(rows, there, "first")
    stray = matter.Row("000", "Stray.", "claim", "shown", label="first-nowhere")
    assert ["first-nowhere"] == lost([*rows, stray], there, "first")
    third = there | {"third": there["second"]}
    assert ["first-later"] == lost(rows, third, "first")


def test_the_source_map_says_what_is_there_and_what_is_to_come(small):
    """A place that exists is linked, one that does not is to come, and what is lost says why."""
    assert [
        "4 rows: 1 shown, 1 not reproduced, 2 to come.",
        "",
        "| What it holds | Here |",
        "| --- | --- |",
        "| **Claim.** One thing. | shown<br>{ref}`First <first-here>` |",
        "| **Number.** Another. | to come |",
        "| **Number.** More. | to come |",
        "| **Figure.** A \\| lost one. *It is lost.* | not reproduced |",
    ] == book_matter.source_map(small, "000").splitlines()


def test_the_chapters_have_questions_sources_and_minutes(small):
    """The first table of the book, in the order of the contents."""
    assert [
        "| 1. [First: `x`](first.ipynb)<br>*Why?*<br>From Somebody. | 5 |",
        "| 2. [Second](second.ipynb) | 10 |",
    ] == book_matter.chapters(small).splitlines()[2:4]


def test_misconceptions_link_what_is_there(small):
    """A belief links its sources, and those of its places that exist."""
    row = "| **M1.** It is so.<br>[a.org](https://a.org/b) | It is not.<br>{ref}`First <first-here>` |"
    assert row == book_matter.misconceptions(small).splitlines()[2]


def test_times_are_those_recorded(small):
    """A chapter without a time says so."""
    assert [
        "| [First](first.ipynb) | 1.5 |",
        "| [Second](second.ipynb) | not recorded |",
        "",
        "One run of each, d: 2 processor cores, Python p, PyTorch t.",
    ] == book_matter.times(small).splitlines()[2:]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://discuss.pytorch.org/t/15500?page=2", "PyTorch forum 15500"),
        ("https://github.com/keras-team/keras/pull/9965", "keras #9965"),
        ("https://github.com/a/b/blob/c/d.py", "github.com"),
        ("https://stackoverflow.com/q/56816241", "Stack Overflow 56816241"),
        ("https://www.tensorflow.org/api_docs", "tensorflow.org"),
    ],
)
def test_addresses_have_short_names(url, expected):
    """A thread is called by its number, another page by its host."""
    assert expected == matter.short(url)
