"""Run with ``make bench`` or ``python -m benchmarks [--quick]``; prints the tables of the README."""

from __future__ import annotations

import argparse
import gc
import shutil
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from playwright.sync_api import sync_playwright
from torch import nn
from tqdm import tqdm

import gradflow as gf
from benchmarks import peers
from benchmarks.models import Program, bridge, chain, gpt2, tower
from gradflow.picture.element import parted, script

Way = Callable[[Program], Any]


def plain(program: Program) -> None:
    """Forward and backward, nothing else."""
    program[1]().backward()


def traced(program: Program) -> gf.Trace:
    """Forward traced, backward plain."""
    with gf.trace(**program[0]) as t:
        loss = program[1]()
    loss.backward()
    return t


def observed(program: Program) -> gf.Flow:
    """Forward traced, and one backward pass observed by ``flow``."""
    with gf.trace(**program[0]) as t:
        loss = program[1]()
    return t.flow(loss)


def stepped(program: Program) -> gf.Flow:
    """Forward traced, and the training step's own backward pass observed by ``backward``."""
    with gf.trace(**program[0]) as t:
        loss = program[1]()
    return t.backward(loss)


def clear(program: Program) -> None:
    """Forget all gradients."""
    for thing in program[0].values():
        for tensor in thing.parameters() if isinstance(thing, nn.Module) else [thing]:
            tensor.grad = None


def fastest(program: Program, ways: list[Way], rounds: int, what: str) -> list[float]:
    """The least seconds of each way, the ways taken in turn."""
    best = [float("inf")] * len(ways)
    for _ in tqdm(range(rounds), desc=what, leave=False):
        for i, way in enumerate(ways):
            clear(program)
            gc.collect()
            start = time.perf_counter()
            result = way(program)
            best[i] = min(best[i], time.perf_counter() - start)
            del result
    return best


def recording(program: Program) -> float:
    """Bytes of Python memory that a trace holds for each value, after its block."""
    gc.collect()
    tracemalloc.start()
    with gf.trace(**program[0]) as t:
        loss = program[1]()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    values = len(t.graph.values)
    del loss
    return held / values


def pictures(quick: bool) -> list[str]:
    """The table of what a picture takes, from a flow to SVG, and what it weighs as a page."""
    figures = {
        "chain of 1,000 operations: to SVG": (chain(1_000), 2),
        "chain of 10,000 operations: to SVG": (chain(10_000), 5),
        "10,000 operations in 100 modules: to SVG": (tower(100), 5),
    }
    lines = ["| a picture | measured | bar | holds |", "|---|--:|--:|:-:|"]
    for what, (program, bar) in figures.items():
        lines.append(row(what, drawn(observed(program)), bar, "s"))
    lines.append(row("the code of a figure, once a page", len(script().encode()) / 1000, 60, "kB"))
    small = on_page("three layers and a cut", observed(bridge()), 60)
    lines += small.rows()
    lines += on_page("10,000 operations in 100 modules", observed(tower(100)), 300).rows(small)
    if not quick:
        flow = observed(gpt2())
        lines.append(row("GPT-2 small's shape: to SVG", drawn(flow), 2, "s"))
        lines += on_page("GPT-2 small's shape", flow, 300).rows(small)
    return lines


class OnPage(NamedTuple):
    """A figure on a page: kilobytes beside the code; milliseconds to open it, and to answer a click that cuts."""

    what: str
    bar: float
    weight: float
    opened: float | None
    answered: float | None

    def rows(self, small: OnPage | None = None) -> list[str]:
        """Its lines of the table, times also as ratios to those of a small figure."""
        lines = [row(f"{self.what}: page, beside the code", self.weight, self.bar, "kB")]
        for said, bar, ours, theirs in (
            ("opened", 1000, self.opened, small and small.opened),
            ("a click that cuts, answered", 100, self.answered, small and small.answered),
        ):
            ratio = f" ({ours / theirs:.1f} × the small one)" if ours and theirs else ""
            lines += [] if ours is None else [row(f"{self.what}: {said}{ratio}", ours, bar, "ms")]
        return lines


def on_page(what: str, flow: gf.Flow, bar: float) -> OnPage:
    """What a figure weighs on a page, and how long a browser takes with it, if there is one."""
    html = gf.draw(flow).html()
    return OnPage(what, bar, len(parted(html)[0].encode()) / 1000, *(timed(html) or (None, None)))


CLICK = """figure => {
  const lines = figure.marks.filter(({ square, key }) => !square && key.split(".").length === 3);
  figure.set({ mode: "whatif" });
  const seconds = lines.slice(0, 8).map((mark) => {
    const start = performance.now();
    figure.act(mark);
    figure.getBoundingClientRect();  // the page is laid out
    return performance.now() - start;
  });
  return Math.max(...seconds);
}"""


def timed(html: str) -> tuple[float, float | None] | None:
    """The least milliseconds from asking for a page to its end, and the most for a click; None without a browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return None
    with sync_playwright() as playwright, tempfile.NamedTemporaryFile("w", suffix=".html", encoding="utf-8") as file:
        file.write(f"<!doctype html><meta charset=utf-8>{html}")
        file.flush()
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        opened, answered = [], []
        for _ in range(5):
            page.goto(f"file://{file.name}", wait_until="load")
            figure = page.locator("gf-figure")
            assert figure.locator("svg").count()
            opened.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventStart"))
            if figure.evaluate("figure => figure.data.net !== null"):
                answered.append(figure.evaluate(CLICK))
    return min(opened), min(answered) if answered else None


def drawn(flow: gf.Flow) -> float:
    """The least seconds from a flow to SVG."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        gf.draw(flow).svg()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def others(quick: bool, rounds: int) -> list[str]:
    """The table of other tools at the same work, interleaved."""
    works = peers.works(quick)
    ways = {
        "plain forward, no picture": peers.forward,
        "plain forward + backward, no picture": peers.plain,
        "**gradflow**: forward, backward observed, SVG": peers.gradflow,
        **{f"{peers.called(peer)}: {what}": peer for peer, what in peers.PEERS.items()},
    }
    columns = [measured_in_turn(list(ways.values()), work, rounds) for work in works]
    lines = [
        f"| from model and input to SVG, seconds | {' | '.join(work.name for work in works)} |",
        f"|---|{'--:|' * len(works)}",
    ]
    lines += [f"| {what} | {' | '.join(cells)} |" for what, *cells in zip(ways, *columns, strict=True)]
    if not peers.has_dot():
        lines += [
            "",
            "The program `dot` is not here: the other tools only wrote its input, and torchlens not even that.",
        ]
    return lines


def measured_in_turn(ways: list[Callable[[peers.Work], Any]], work: peers.Work, rounds: int) -> list[str]:
    """The least seconds of each way, or why it gave up, the ways taken in turn."""
    best: dict[Any, float | str] = {}
    for turn in tqdm(range(rounds + 1), desc=work.name, leave=False):
        for way in ways:
            if isinstance(best.get(way), str):
                continue
            work.model.zero_grad()
            gc.collect()
            start = time.perf_counter()
            failed = peers.outcome(way, work)
            seconds = time.perf_counter() - start
            if failed is not None:
                best[way] = failed
            elif turn:  # the first round warms up
                best[way] = min(seconds, float(best.get(way, float("inf"))))
    return [f"{best[way]:.3f}" if isinstance(best[way], float) else str(best[way]) for way in ways]


def row(what: str, measured: float, bar: float, unit: str = "×") -> str:
    """One line of the table."""
    return f"| {what} | {measured:,.2f} {unit} | ≤ {bar:g} {unit} | {'yes' if measured <= bar else 'no'} |"


def main() -> None:
    """Measure everything and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and no GPT-2")
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rounds = 3 if options.quick else 15

    short, long = chain(10_000), chain(100_000)
    base, only_traced, by_flow, by_backward = fastest(
        short, [plain, traced, observed, stepped], rounds, "10,000 operations"
    )
    long_base, long_flow = fastest(long, [plain, observed], 2 if options.quick else 4, "100,000 operations")
    lines = [
        "| against plain forward + backward | measured | bar | holds |",
        "|---|--:|--:|:-:|",
        row("chain of 10,000 operations: traced", only_traced / base, 3),
        row("the same, observed by `t.flow(loss)`", by_flow / base, 3),
        row("the same, observed by `t.backward(loss)`", by_backward / base, 3),
        row("growth from 10,000 to 100,000, against plain's", (long_flow / by_flow) / (long_base / base), 1.2),
        row("recording, for each value of the chain", recording(short) / 1000, 1, "kB"),
    ]
    if not options.quick:
        model = gpt2()
        base, only_traced, by_flow, by_backward = fastest(
            model, [plain, traced, observed, stepped], 7, "GPT-2 small, 128 tokens"
        )
        lines += [
            row("GPT-2 small's shape, 128 tokens: traced", only_traced / base, 1.2),
            row("the same, observed by `t.flow(loss)`", by_flow / base, 1.2),
            row("the same, observed by `t.backward(loss)`", by_backward / base, 1.2),
            row("recording, for each value of GPT-2", recording(model) / 1000, 1, "kB"),
        ]
    lines += ["", *pictures(options.quick), "", *others(options.quick, 1 if options.quick else 3)]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
