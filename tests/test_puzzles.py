"""Puzzles: those of the book are true, the page checks them, and without a script they are ordinary exercises."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from browser import faults
from graphs import HOSTILE, hostile
from playwright.sync_api import expect
from test_playable import ON, SQUARE
from zoo import ZOO

import gradflow as gf

BOOK = Path(__file__).parent.parent / "book"
CHAPTERS = sorted(path for path in BOOK.glob("*.ipynb") if "gf.puzzle(" in path.read_text(encoding="utf-8"))
DENIED = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }});"
GOAL = {"reached": "C", "spared": ["A", "B"], "cuts": 1, "only": "cut"}
SOLUTION = {"cut": ("B", "C"), "python": "C(B(A(x)).detach())"}
HINTS = ("Where do A and B join C?", "Behind B.")


def three() -> gf.Flow:
    """A, B, C in a row, nothing cut."""
    layers = torch.nn.ModuleDict({name: torch.nn.Linear(2, 2) for name in "ABC"})
    with gf.trace(layers) as t:
        loss = layers["C"](layers["B"](layers["A"](torch.ones(1, 2)))).sum()
    t.name(loss=loss)
    return t.flow(loss)


def riddle(flow=None, task="Reach C alone.", goal=GOAL, hints=HINTS, solution=SOLUTION, **look) -> gf.Figure:
    return gf.puzzle(flow or three(), task, goal=goal, hints=hints, solution=solution, **look)


def key(figure: gf.Figure) -> str:
    """The edge that the solution cuts."""
    return figure.puzzle.edit["cut"][0]


def box(page, at=0):
    return page.locator("gf-figure").nth(at).locator(".puzzle > div")


def status(page, at=0):
    return box(page, at).get_by_role("status")


def hit(page, key, at=0, find=ON):
    figure = page.locator("gf-figure").nth(at)
    figure.locator(".frame").scroll_into_view_if_needed()
    page.mouse.click(*figure.evaluate(find, key))


# the book


def holds(condition, reached, ran, recorded) -> bool:
    """Whether one condition of a page really holds; no puzzle of the book has an optimizer."""
    _, kind, what = condition
    if kind == "work":
        return ran <= what * recorded
    if kind == "cuts":
        return True  # of the page, not of a run
    return set(what) <= reached if kind in ("reached", "stepped") else not set(what) & reached


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_puzzle_of_the_book_is_true(chapter, reader):
    """Nothing done is not enough, the solution is, and PyTorch does the same when its program is really run."""
    command = [sys.executable, str(Path(__file__).parent / "puzzles.py"), str(chapter)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stderr[-2000:]
    (one,) = json.loads(run.stdout)
    page = reader.open(one["html"])
    figure = page.locator("gf-figure")
    conditions = figure.evaluate("figure => figure.data.puzzle.conditions")
    expect(status(page)).to_have_text(re.compile(rf"\d of {len(conditions)} met\."))
    expect(box(page).locator("li:not(.met)").first).to_be_visible()
    recorded = figure.evaluate("figure => figure.whatif({})")
    box(page).get_by_role("button", name="Show the solution").click()

    expect(status(page)).to_contain_text("Solved, as predicted from the graph.")
    said = figure.evaluate("(figure, edit) => figure.whatif(edit)", one["edit"])
    assert set(one["reached"]) == set(said["reached"])
    reached = set(one["reached"])
    assert [] == [each for each in conditions if not holds(each, reached, one["ran"], recorded["backwardOps"])]
    if any(kind == "work" for _, kind, _ in conditions):
        assert one["ran"] == said["backwardOps"]


def test_each_source_chapter_has_a_puzzle():
    wanted = {"flow", "stop_gradient", "var_list", "trainable", "bridge", "word2vec", "look", "cbow"}
    assert wanted == {path.stem for path in CHAPTERS}


# the page


def test_a_puzzle_is_solved_by_a_click(reader):
    figure = riddle()
    page = reader.open(figure.html())
    expect(box(page)).to_contain_text("Reach C alone.")
    expect(status(page)).to_have_text("2 of 4 met.")
    expect(box(page).locator("li")).to_have_text(
        [
            "✓ met: C would be reached",
            "○ not met: A would not be reached",
            "○ not met: B would not be reached",
            "✓ met: At most 1 value is cut or healed",
        ]
    )
    hit(page, key(figure))

    expect(status(page)).to_have_text("Solved, as predicted from the graph.")
    expect(box(page).locator("li:not(.met)")).to_have_count(0)
    page.locator("gf-figure").get_by_role("button", name="Undo").click()
    expect(status(page)).to_have_text("2 of 4 met.")


def test_a_cut_in_the_wrong_place_solves_nothing(reader):
    page = reader.open(riddle().html())
    hit(page, key(riddle(solution={"cut": ("A", "B")})))

    expect(status(page)).to_have_text("3 of 4 met.")


def test_what_is_not_allowed_is_refused(reader):
    """The change is not made, the note says what may be changed, and a box is as it was, also the second time."""
    page = reader.open(riddle().html())
    hit(page, "0", find=SQUARE)
    note = page.locator("gf-figure .note")
    expect(note).to_have_text("This puzzle does not allow that. You may cut a line.")
    page.locator("gf-figure").get_by_text("Ask, hold, freeze").click()
    for _ in range(2):
        held = page.locator("gf-figure").get_by_label("A.weight in the optimizer")
        held.click()
        expect(held).to_be_checked()

    assert [] == page.locator("gf-figure").evaluate("figure => figure.state.past")


def test_hints_come_one_by_one_and_the_solution_can_be_undone(reader):
    page = reader.open(riddle().html())
    expect(box(page).get_by_text("Behind B.")).to_be_hidden()
    box(page).get_by_role("button", name="Hint 1 of 2").click()
    expect(box(page).get_by_text(HINTS[0])).to_be_visible()
    expect(box(page).get_by_text(HINTS[1])).to_be_hidden()
    box(page).get_by_role("button", name="Hint 2 of 2").click()
    expect(box(page).get_by_text(HINTS[1])).to_be_visible()
    expect(box(page).get_by_role("button", name="No more hints")).to_have_attribute("aria-disabled", "true")
    expect(box(page).get_by_text(SOLUTION["python"])).to_be_hidden()
    box(page).get_by_role("button", name="Show the solution").click()
    expect(box(page).get_by_text(SOLUTION["python"])).to_be_visible()
    expect(box(page)).to_contain_text("Cut the line from B to C.")
    expect(status(page)).to_contain_text("This is after the solution was shown.")
    page.locator("gf-figure").get_by_role("button", name="Undo").click()

    expect(status(page)).to_have_text("2 of 4 met.")
    page.reload()
    expect(box(page).get_by_text("You solved this before.")).to_have_count(0)


def test_progress_is_kept(reader):
    """A puzzle that was solved says so when the page is opened again; another one does not."""
    figure = riddle()
    page = reader.open(figure.html(), riddle(task="Reach C, and nobody else.").html())
    hit(page, key(figure))
    expect(status(page)).to_contain_text("Solved")
    page.reload()

    expect(box(page).get_by_text("You solved this before.")).to_be_visible()
    expect(status(page)).to_have_text("2 of 4 met.")
    expect(box(page, 1)).to_contain_text("Reach C, and nobody else.")
    expect(box(page, 1).get_by_text("You solved this before.")).to_have_count(0)


@pytest.mark.parametrize("stored", [None, "no JSON", "3"])
def test_without_a_usable_storage(reader, stored):
    """Where storage is denied, or holds something else, the puzzle works and only forgets."""
    figure = riddle()
    page = reader.open("<p>Nothing yet.</p>")
    script = DENIED if stored is None else f"localStorage.setItem('gradflow.solved', {json.dumps(stored)});"
    page.context.add_init_script(script)
    file = reader.folder / "denied.html"
    file.write_text(figure._page(), encoding="utf-8")
    page.goto(file.as_uri())
    hit(page, key(figure))

    expect(status(page)).to_have_text("Solved, as predicted from the graph.")


def test_two_puzzles_on_a_page(reader):
    """Each has its own state; a figure without a puzzle has no box."""
    figure = riddle()
    page = reader.open(figure.html(), riddle(task="Another.").html(), gf.draw(three()).html())
    hit(page, key(figure), 1)

    expect(status(page, 1)).to_contain_text("Solved")
    expect(status(page)).to_have_text("2 of 4 met.")
    expect(box(page, 2)).to_have_count(0)


def test_by_keyboard_alone(reader):
    figure = riddle()
    page = reader.open(figure.html())
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(box(page).get_by_text(HINTS[0])).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    focused = "figure => figure.shadowRoot.activeElement.dataset.key"
    for _ in range(20):
        if page.locator("gf-figure").evaluate(focused) == key(figure):
            break
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")

    expect(status(page)).to_have_text("Solved, as predicted from the graph.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [780, 420])
def test_axe_finds_nothing(reader, scheme, width):
    """With everything shown, wide and narrow, and nothing wider than the page."""
    page = reader.open(riddle().html(), color_scheme=scheme, width=width)
    if scheme == "dark":
        page.add_style_tag(content="body { background: #17191D; color: #ECEAE4; }")
    assert [] == faults(page)
    box(page).get_by_role("button", name="Show the solution").click()

    assert [] == faults(page)
    assert width == page.evaluate("document.documentElement.scrollWidth")


def test_hostile_names(reader):
    """Names, tasks, hints and code are text, on the page and in the script."""
    flow, nasty = hostile(), "</script><img src=x onerror=alert(1)><b>"
    name = HOSTILE[0]
    figure = riddle(flow, nasty, {"spared": list(HOSTILE)}, [nasty], {"frozen": list(HOSTILE), "python": nasty})
    page = reader.open(figure.html())
    box(page).get_by_role("button", name="Show the solution").click()

    expect(status(page)).to_contain_text("Solved")
    expect(box(page).locator("pre")).to_have_text(nasty)
    expect(box(page).locator("li")).to_have_count(len(HOSTILE))
    assert 0 == page.locator("img[src=x]").count()
    assert name in flow.graph.names


# without a script


def test_without_a_script_it_is_an_exercise(reader):
    page = reader.open(riddle().html(), java_script_enabled=False)
    expect(page.get_by_text("Reach C alone.")).to_be_visible()
    expect(page.get_by_text("A would not be reached")).to_be_visible()
    expect(page.get_by_text(HINTS[0])).to_be_hidden()
    page.get_by_text("Hints", exact=True).click()
    expect(page.get_by_text(HINTS[0])).to_be_visible()
    page.get_by_text("Solution", exact=True).click()

    expect(page.get_by_text("Cut the line from B to C.")).to_be_visible()
    expect(page.locator("pre")).to_have_text(SOLUTION["python"])


def test_on_paper_it_is_an_exercise(reader):
    figure = riddle()
    page = reader.open(figure.html())
    hit(page, key(figure))
    expect(page.locator("[slot=puzzle]")).to_be_hidden()
    page.emulate_media(media="print")

    expect(box(page)).to_be_hidden()
    expect(page.locator("[slot=puzzle] li").first).to_have_text("C would be reached")


def test_as_text():
    assert riddle().text().endswith(
        "Puzzle: Reach C alone.\n- C would be reached\n- A would not be reached\n- B would not be reached\n"
        "- At most 1 value is cut or healed\nYou may cut a line.\nHint 1: Where do A and B join C?\n"
        "Hint 2: Behind B.\nSolution: Cut the line from B to C.\n    C(B(A(x)).detach())"
    )


# what does not fit


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"flow": 3}, "takes a Flow or a Comparison, but got int"),
        ({"task": " "}, "takes a task"),
        ({"goal": {}}, "got nothing for goal="),
        ({"goal": {"reeched": "C"}}, "reeched.*'reached'"),
        ({"goal": {"spared": "Q"}}, "unknown parameter or module 'Q'"),
        ({"goal": {"spared": 3}}, "spared in goal= takes texts, but got 3"),
        ({"goal": {"cuts": 1}}, "solved before anything is changed"),
        ({"goal": {"reached": "C"}}, "solved before anything is changed"),
        ({"goal": GOAL | {"cuts": True}}, "cuts in goal= is a count"),
        ({"goal": GOAL | {"cuts": 0}}, "cuts or heals 1 lines, but goal= allows 0"),
        ({"goal": GOAL | {"work": 2}}, "a share between 0 and 1"),
        ({"goal": GOAL | {"only": "ct"}}, "unknown kind of change 'ct'"),
        ({"goal": GOAL | {"only": []}}, "allows no change"),
        ({"goal": {"only": "cut"}}, "nothing to reach"),
        ({"hints": [3]}, "hints= takes texts"),
        ({"solution": {}}, "got nothing for solution="),
        ({"solution": {"python": "x"}}, "changes nothing"),
        ({"solution": {"frozen": "A"}}, "allows only cut"),
        ({"solution": {"cut": ("B", "A")}}, "nothing that 'B' makes goes into 'A'; it goes into linear of C"),
        ({"solution": {"cut": ("B", "D")}}, "unknown computed value or module 'D'"),
        ({"solution": {"cut": "B"}}, "takes pairs"),
        ({"solution": {"cut": [gf.Edge(0, 9, 9)]}}, "the graph has no Edge"),
        ({"solution": SOLUTION | {"python": 3}}, "python as a text"),
        ({"width": 0}, "not a positive number"),
    ],
)
def test_what_does_not_fit_is_said(changed, said):
    with pytest.raises(gf.GradflowError, match=said):
        riddle(**changed)


def test_several_values_between_two_modules():
    """An author is asked which of them is meant; an edge says it."""
    bridge = ZOO["bridge"]()
    solution = {"frozen": "C"}
    assert riddle(bridge, goal={"spared": "C"}, solution=solution).puzzle.edit == {"frozen": ["C.weight", "C.bias"]}
    x, w = torch.ones(2), torch.ones(2, requires_grad=True)
    with gf.trace(w=w) as t:
        both = (w * x).exp() * (w + x).exp()
        loss = both.sum()
    t.name(both=both, loss=loss)
    flow = t.flow(loss)
    with pytest.raises(gf.GradflowError, match="unknown value or module"):
        riddle(flow, goal={"spared": "w"}, solution={"cut": ("wrong", "both")})
    edge = next(t.graph.edges())
    assert [".".join(map(str, edge))] == riddle(flow, goal={"spared": "w"}, solution={"cut": edge}).puzzle.edit["cut"]
