"""What a page predicts, against plain PyTorch running the changed program."""

from __future__ import annotations

import importlib
import itertools
import json
import random
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import changed
import programs
import pytest
import torch
from browser import launched
from changed import Mapped, Outside, Plain, Recording
from playwright.sync_api import Browser
from programs import Change, Outcome, Program, Run

import gradflow as gf
from gradflow.picture.derivatives import sends
from gradflow.picture.net import net
from tests import zoo

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
derivatives = importlib.import_module("derivatives")

BOOK = Path(__file__).parent.parent / "book"
CHAPTERS = sorted(path for path in BOOK.glob("*.ipynb") if "gf.trace(" in path.read_text(encoding="utf-8"))
SCRIPT = Path(gf.__file__).parent / "picture" / "script" / "whatif.js"
PROGRAMS = 240
EACH = 12


@dataclass
class Traced:
    """A program that was traced once, as it is.

    Attributes:
        net: the data of the page.
        calls: the op of each call.
        rest: the ops of each step that no call made.
        uses: the edges of each operand.
    """

    program: Program
    net: dict[str, Any]
    calls: dict[int, int]
    rest: dict[int, set[int]]
    uses: dict[tuple[int, int], list[str]]
    ops: dict[int, int]


def traced(of: Program) -> Traced:
    run = Run(of)
    given = {**run.leaves, **run.modules}
    rest: dict[int, set[int]] = {}
    found: list[tuple[int, list[int], range]] = []
    with gf.trace(**given, x=run.data) as t:
        tape, lookup = t._recorder.tape, t._recorder.lookup
        mapped, seen = Mapped(t), [0]

        def after(step: int, operands: Any, made: Any) -> None:
            for tensor in made:
                lookup(tensor)
            ops = range(seen[0], len(tape))
            rest[step] = set(ops) - set(mapped.ops.values())
            found.append((step, [lookup(tensor) for tensor in operands], ops))
            seen[0] = mapped.before = len(tape)

        with mapped:
            losses = run.go(after)
    graph = t.graph
    flows = {} if of.seed % 5 == 4 else {f"loss{i}": t.flow(loss) for i, loss in enumerate(losses)}
    data = net(graph, flows)
    if not flows:
        data["losses"] = [[f"loss{i}", t._value(loss, ""), None] for i, loss in enumerate(losses)]
    uses = {}
    single = {}
    for step, values, ops in found:
        if len(ops) == 1:
            single[step] = ops[0]
        for at, value in enumerate(values):
            if values.count(value) == 1:
                uses[step, at] = [
                    f"{value}.{op}.{p}" for op in ops for p, v in enumerate(graph.ops[op].inputs) if v == value
                ]
    return Traced(of, data, mapped.ops, rest, uses, single)


def all_traced() -> Iterator[Traced]:
    """Programs that run; some of the random ones take what inference mode forbids."""
    for seed in itertools.count():
        try:
            yield traced(programs.program(seed))
        except RuntimeError:
            continue


def changes(of: Traced, draw: random.Random) -> list[tuple[Change, dict[str, Any]]]:
    """Random changes, as they are made and as the page is asked about them."""
    names = [name for name, _ in of.net["parameters"]]
    learns = {name: of.net["values"][values[0]] == "r" for name, values in of.net["parameters"]}
    steps = of.program.steps
    healed = [i for i, step in enumerate(steps) if i in of.ops and (step.name == "detach" or step.off)]
    every = list(of.uses)

    def some(items: list[Any], most: int) -> list[Any]:
        return draw.sample(items, min(len(items), draw.randint(1, most)))

    found = []
    for _ in range(EACH):
        real: dict[str, Any] = {}
        kinds = draw.sample(["cut", "heal", "frozen", "thaw", "ask", "hold", "losses"], draw.choice([1, 1, 1, 2, 3]))
        for kind in kinds:
            if kind == "cut" and every:
                real["cut"] = tuple(some(every, 3))
            elif kind == "heal" and healed:
                real["heal"] = tuple(some(healed, 2))
            elif kind == "frozen":
                real["frozen"] = tuple(some(names, 2))
            elif kind == "thaw" and not all(learns.values()):
                real["thaw"] = tuple(some([name for name in names if not learns[name]], 2))
            elif kind in ("ask", "hold"):
                real[kind] = tuple(some(names, 3))
            elif kind == "losses":
                real["losses"] = tuple(some([row[0] for row in of.net["losses"]], 2))
        if set(real.get("frozen", ())) & set(real.get("thaw", ())):
            del real["thaw"]
        asked: dict[str, Any] = {key: list(value) for key, value in real.items()}
        if "cut" in real:
            asked["cut"] = [edge for use in real["cut"] for edge in of.uses[use]]
        if "heal" in real:
            asked["heal"] = [of.ops[step] for step in real["heal"]]
        found.append((Change(**real), asked))
    return found


Job = tuple[dict[str, Any], list[dict[str, Any]]]
ANSWER = """([nets, changes]) => nets.map((net, i) => changes[i].map((change) => {
  try { return predicted(net, change); } catch (error) { return { refused: error.message }; }
}))"""


def script() -> str:
    """The module as it runs in a page."""
    return SCRIPT.read_text(encoding="utf-8").replace("export ", "")


def predictions(browser: Browser, jobs: Sequence[Job], text: str) -> list[list[dict[str, Any]]]:
    """What the page's own script says to each change of each net; a refusal is ``{"refused": why}``."""
    page = browser.new_page()
    page.add_script_tag(content=text)
    try:
        return page.evaluate(ANSWER, [[net for net, _ in jobs], [asked for _, asked in jobs]])
    finally:
        page.close()


def really(of: Traced, change: Change) -> Outcome | None:
    """What came of a changed program; None if it raises."""
    held = [name for name, _ in of.net["parameters"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return programs.outcome(of.program, change, held)
        except RuntimeError:
            return None


def differences(of: Traced, true: Outcome | None, said: dict[str, Any]) -> list[str]:
    """Where a prediction says another thing than what came."""
    names = [name for name, _ in of.net["parameters"]]
    if true is None:
        return [] if set(said["unknown"]) == set(names) else ["it raises"]
    found = []
    for name in names if true.names is None else true.names:
        if name not in said["unknown"]:
            if (name in true.reached) != (name in said["reached"]):
                found.append(f"{name} is {'reached' if name in true.reached else 'not reached'}")
            if (name in true.stepped) != (name in said["stepped"]):
                found.append(f"{name} is {'stepped' if name in true.stepped else 'not stepped'}")
    ops = {of.calls.get(call, -1) for call in true.calls}
    rest = [of.rest[step] for step in true.rest]
    if said["backwardOps"] is not None and all(len(some) == 1 for some in rest) and -1 not in ops:
        count = len(ops | set().union(*rest))
        if count != said["backwardOps"]:
            found.append(f"{count} ops ran, not {said['backwardOps']}")
    return found


@dataclass
class Evidence:
    """A program, the changes that were made to it, how the page is asked about each, and what came of each."""

    of: Traced
    changes: Sequence[Change | Outside]
    asked: Sequence[dict[str, Any]]
    outcomes: list[Outcome | None]


@cache
def evidence(programs: int) -> list[Evidence]:
    draw, found = random.Random(7), []
    for of in itertools.islice(all_traced(), programs):
        real, asked = zip(*changes(of, draw), strict=True)
        found.append(Evidence(of, list(real), list(asked), [really(of, change) for change in real]))
    return found


def disagreements(browser: Browser, among: list[Evidence], text: str, tally: Counter[str]) -> list[str]:
    """Where the page and PyTorch differ; the tally counts where they agree, and what the page leaves open."""
    wrong = []
    answers = predictions(browser, [(one.of.net, one.asked) for one in among], text)
    for one, said in zip(among, answers, strict=True):
        for change, outcome, answer in zip(one.changes, one.outcomes, said, strict=True):
            if "refused" in answer:
                tally["refused"] += 1
                continue
            tally["unknown" if answer["unknown"] else "known"] += 1
            tally["without a count"] += answer["backwardOps"] is None
            tally["parameters"] += len(one.of.net["parameters"]) - len(answer["unknown"])
            tally["raise"] += outcome is None
            if problems := differences(one.of, outcome, answer):
                wrong.append(f"{one.of.program} {change}: {problems}")
    return wrong


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


def test_random_programs(browser: Browser) -> None:
    """On random programs, changed in random ways, the page says what PyTorch then does, or that it does not know."""
    tally: Counter[str] = Counter()
    wrong = disagreements(browser, evidence(PROGRAMS), script(), tally)
    print(tally)

    assert [] == wrong[:20]
    assert tally["known"] > 4 * (tally["unknown"] + tally["refused"])


BREAKS = {
    "every use lets a gradient through": ('"0": NO', '"0": YES'),
    "what is asked for is ignored": ("if (!ask) return", "if (true) return"),
    "a frozen parameter goes on requiring grad": ("for (const value of plan.frozen) needs[value] = NO;", ""),
    "a cut is none": ("plan.cut.size && plan.cut.has(", "false && ("),
    "a heal is none": ("plan.heal.has(op) ||", ""),
    "None counts as a gradient": ("u: NO", "u: YES"),
}


@pytest.mark.parametrize("found, put", BREAKS.values(), ids=BREAKS)
def test_broken_script_is_found(browser: Browser, found: str, put: str) -> None:
    """A script that is wrong in one place disagrees with PyTorch."""
    text = script()

    assert found in text
    assert [] != disagreements(browser, evidence(PROGRAMS), text.replace(found, put), Counter())


@cache
def zoo_evidence(name: str) -> Evidence:
    """A model of the zoo, changed from outside by a detach at an operand, by freezing and by asking."""
    kept: list[Mapped] = []
    trace = gf.trace
    make = getattr(zoo, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gf, "trace", lambda *modules, **named: Recording(trace(*modules, **named), kept.append))
        torch.manual_seed(0)
        t, loss = make()
        flow = t.flow(loss)
        places, data = kept[0].places(t.graph), net(t.graph, {"loss": flow})
        some = changed.changes(data, places, random.Random(name), 8 if len(t.graph.ops) > 500 else 20)
        outcomes = []
        for change in some:
            patch.setattr(gf, "trace", lambda *modules, c=change, **named: Plain(c, places, modules, named))
            torch.manual_seed(0)
            try:
                block, loss = make()
                outcomes.append(block.outcome(loss))
            except RuntimeError:
                outcomes.append(None)
    of = Traced(name, data, kept[0].ops, {-1: set()}, {}, {})
    return Evidence(of, some, [change.asked() for change in some], outcomes)


@pytest.mark.parametrize("name", zoo.ZOO)
def test_models(browser: Browser, name: str) -> None:
    """On models of many families, changed from outside, the page says what PyTorch then does."""
    tally: Counter[str] = Counter()
    wrong = disagreements(browser, [zoo_evidence(name)], script(), tally)
    print(name, dict(tally))

    assert [] == wrong
    assert tally["known"] > 0


def chapter_evidence(chapter: Path) -> list[Evidence]:
    """What came of changes to the traces of a chapter, which runs in a process of its own."""
    command = [sys.executable, str(Path(__file__).parent / "chapters.py"), str(chapter)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 0 == run.returncode, run.stderr[-2000:]
    found = []
    for told in json.loads(run.stdout):
        calls = {int(call): op for call, op in told["calls"].items()}
        of = Traced(chapter.stem, told["net"], calls, {-1: set()}, {}, {})
        kept = [i for i, outcome in enumerate(told["outcomes"]) if outcome != "none"]
        outcomes = [Outcome(**outcome) if isinstance(outcome, dict) else None for outcome in told["outcomes"]]
        found.append(
            Evidence(
                of, [told["changes"][i] for i in kept], [told["asked"][i] for i in kept], [outcomes[i] for i in kept]
            )
        )
    return found


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapters(browser: Browser, chapter: Path) -> None:
    """On the traces of the book, changed from outside, the page says what PyTorch then does."""
    tally: Counter[str] = Counter()
    wrong = disagreements(browser, chapter_evidence(chapter), script(), tally)
    print(chapter.stem, dict(tally))

    assert [] == wrong
    assert tally["known"] > 0


def asked(browser: Browser, flow: gf.Flow, change: dict[str, Any], holders: Any = None) -> dict[str, Any]:
    """What the page says to one change."""
    return predictions(browser, [(net(flow.graph, {"loss": flow}, holders), [change])], script())[0][0]


REFUSED = {
    "unknown name": ("bridge", {"frozen": ["A.wieght"]}, "frozen: there is no A.wieght.*A.weight"),
    "unknown loss": ("bridge", {"losses": ["lss"]}, "losses: there is no lss.*loss"),
    "unknown edge": ("bridge", {"cut": ["0.0.0"]}, "0.0.0 is no edge; expected value.op.position, and op 0 takes"),
    "no such op": ("bridge", {"heal": [99]}, "heal: op 99: there are ops 0 to 4"),
    "nothing to heal": ("bridge", {"heal": [0]}, "it cuts nothing"),
    "a number that left": ("all_states", {"heal": [10]}, "a number has left PyTorch here"),
    "a name that is none": ("mlp", {"ask": ["xx"]}, "ask: there is no xx"),
    "not held": ("mlp", {"hold": ["x"]}, "hold: there is no x"),
}


@pytest.mark.parametrize(("name", "change", "words"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_one_meaning_is_refused(browser: Browser, name: str, change: dict[str, Any], words: str) -> None:
    """A refusal says what was given and why it cannot be done, with what is nearest to it."""
    said = asked(browser, zoo.ZOO[name](), change)

    assert re.search(words, said.get("refused", str(said)))


def test_write_cannot_be_cut_from_its_memory(browser: Browser) -> None:
    """A detach at the target of a write would write to the same memory, with another history: it is refused."""
    flow = zoo.ZOO["writes_in_place"]()
    write = next(op for op in flow.graph.ops if op.target == "mul_")
    said = asked(browser, flow, {"cut": [f"{write.inputs[0]}.{write.id}.0"]})

    assert "shares memory" in said["refused"]


def test_custom_function_is_known_only_as_it_ran(browser: Browser) -> None:
    """What a custom function would send in another situation is nowhere written, so the page does not say it."""
    a, b, c = (torch.ones(3, requires_grad=True) for _ in range(3))
    with gf.trace(a=a, b=b, c=c) as t:
        loss = (programs.NoneBack.apply(a * c, b) * c).sum()
    flow = t.flow(loss)
    (product,) = [op for op in flow.graph.ops if op.inputs[:2] == (0, 2)]
    unchanged = asked(browser, flow, {})
    frozen = asked(browser, flow, {"frozen": ["b"]})
    cut = asked(browser, flow, {"cut": [f"0.{product.id}.0"]})

    assert (["a", "c"], []) == (unchanged["reached"], unchanged["unknown"])
    assert (["c"], ["a"]) == (frozen["reached"], frozen["unknown"])
    assert (["c"], []) == (cut["reached"], cut["unknown"])


def test_what_would_raise_is_not_told(browser: Browser) -> None:
    """A hook on what no longer requires grad raises, and then nothing is known."""
    a, b = (torch.ones(3, requires_grad=True) for _ in range(2))
    with gf.trace(a=a, b=b) as t:
        h = a * 2
        h.register_hook(lambda gradient: gradient)
        loss = (h * b).sum()

    assert ["a", "b"] == asked(browser, t.flow(loss), {"frozen": ["a"]})["unknown"]


def test_losses_are_told_apart(browser: Browser) -> None:
    """Of several losses there is one answer for their sum, and one for each."""
    a, b = (torch.ones(3, requires_grad=True) for _ in range(2))
    with gf.trace(a=a, b=b) as t:
        first, second = (a * 2).sum(), (b * 3).sum()
    data = net(t.graph, {"first": t.flow(first), "second": t.flow(second)}, ["a"])
    ((said,),) = predictions(browser, [(data, [{}])], script())

    assert (["a", "b"], ["a"], 4) == (said["reached"], said["stepped"], said["backwardOps"])
    assert [["a"], ["b"]] == [one["reached"] for one in said["byLoss"].values()]


def test_net_is_small() -> None:
    """A model of 12 blocks takes 25 kB at most."""
    flow = zoo.ZOO["gpt2"]()

    assert len(json.dumps(net(flow.graph, {"loss": flow}), separators=(",", ":"))) <= 25_000


@pytest.mark.parametrize("name", ["where", "expand_as", "nn.functional.cross_entropy", "max", "special.airy_ai"])
def test_table_of_derivatives(name: str) -> None:
    """What the table says of a function is what PyTorch does with it now."""
    seen = derivatives.seen_by_all(frozenset({name}))
    target = name.split(".")[-1].removeprefix("special_")
    found = {(of, pattern): derivatives.row(pattern, cells) for (of, pattern), cells in seen.items() if target in of}

    assert found
    for (of, pattern), letters in found.items():
        assert letters == (sends(of, pattern) or "?" * len(pattern))
