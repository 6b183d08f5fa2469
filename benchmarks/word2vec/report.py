"""The figures as tables of the README."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

from benchmarks.word2vec.runs import PARTS, Round

LECTURE = "TensorFlow: session and generator, as the lecture has it"
MADE = "TensorFlow: ready batches, a callable, resource variables"
LOOP = "TensorFlow: the same, 100 steps in a `while_loop`"
DEFAULT = "gradflow: default (`scatter`)"
NUMBA = "gradflow: Numba"
FEW = "gradflow: dense autograd"

Figures = dict[str, Any]
"""Of a part: what it was measured on, and its ``rounds``."""


def put(text: str, figures: dict[str, Figures]) -> str:
    """The text with the tables of all parts between their marks."""
    for part, found in figures.items():
        between = f"<!-- {part} -->\n{table(part, found)}\n<!-- /{part} -->"
        text = re.sub(rf"<!-- {part} -->\n.*?<!-- /{part} -->", lambda _, new=between: new, text, flags=re.DOTALL)
    return text


def table(part: str, figures: Figures) -> str:
    """The tables of a part, and what they were measured on."""
    lines = TABLES[part](figures["rounds"])
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    number = len(figures["rounds"])
    return "\n".join([*lines, "", f"{figures['date']}, {figures['machine']}; {versions}; rounds: {number}."])


def against_tensorflow(rounds: list[Round]) -> list[str]:
    """Steps a second."""
    fastest = (MADE, LOOP)
    lines = [
        "| one core, if not said otherwise | steps/s | ÷ the lecture's code | ÷ fastest TensorFlow | mean loss |",
        "|---|--:|--:|--:|--:|",
    ]
    for title in rounds[0]:
        speed = f"{median(rate(turn[title], 'steps') for turn in rounds):,.0f}"
        slow, fast = (spread(ratios(rounds, [title], than, "steps")) for than in ([LECTURE], fastest))
        lost = "–" if title == FEW else f"{median(turn[title]['loss'] for turn in rounds):.2f}"
        lines.append(f"| {title} | {speed} | {slow} | {fast} | {lost} |")
    losses = [turn[title]["loss"] / turn[LECTURE]["loss"] for turn in rounds for title in turn if title != FEW]
    return [
        *lines,
        "",
        *BARS,
        bar("default ÷ the lecture's TensorFlow code", ratios(rounds, [DEFAULT], [LECTURE], "steps"), 4),
        bar("default ÷ fastest TensorFlow", ratios(rounds, [DEFAULT], fastest, "steps"), 1.3),
        bar("Numba ÷ fastest TensorFlow", ratios(rounds, [NUMBA], fastest, "steps"), 2),
        cap("loss of the same steps beside the lecture's code, the farthest", max(losses, key=lambda x: abs(x - 1))),
    ]


def against_gensim(rounds: list[Round]) -> list[str]:
    """Words a second."""
    lines = ["| | words/s | ÷ gensim, 1 worker | ÷ gensim, 2 workers |", "|---|--:|--:|--:|"]
    for title in rounds[0]:
        n = title.split(":")[0]
        speed = f"{median(rate(turn[title], 'words') for turn in rounds):,.0f}"
        one, two = (spread(ratios(rounds, [title], gensim(rounds, n, workers), "words")) for workers in (1, 2))
        lines.append(f"| {title} | {speed} | {one} | {two} |")
    lines += ["", *BARS]
    for n in ("n = 5", "n = 64"):
        one, two = (gensim(rounds, n, workers) for workers in (1, 2))
        own, numba, both = (f"{n}: gradflow, {way}" for way in ("default", "Numba", "default, 2 threads"))
        lines += [
            bar(f"{n}, 1 thread: default ÷ gensim", ratios(rounds, [own], one, "words"), 1),
            bar(f"{n}, 1 thread: Numba ÷ gensim", ratios(rounds, [numba], one, "words"), 3),
            bar(f"{n}, 2 threads: default ÷ gensim", ratios(rounds, [both], two, "words"), 1),
            bar(f"{n}: Numba in 1 thread ÷ gensim in 2", ratios(rounds, [numba], two, "words"), 1),
        ]
    return lines


def gensim(rounds: list[Round], n: str, workers: int) -> list[str]:
    """Gensim's rows with so many negatives and workers."""
    return [title for title in rounds[0] if title.startswith(f"{n}: gensim, {workers} ")]


def of_memory(rounds: list[Round]) -> list[str]:
    """Growth over the code."""
    lines = [
        "| MB | code | tables and text | growth | ÷ tables and text | bar | holds |",
        "|---|--:|--:|--:|--:|--:|:-:|",
    ]
    for title in rounds[0]:
        held, before = (rounds[0][title][what] for what in ("tables and text", "imports"))
        growth = max(turn[title]["megabytes"] for turn in rounds)
        part = growth / held
        lines.append(
            f"| {title} | {before:.0f} | {held:.0f} | {growth:.0f} | {part:.2f} × | ≤ 1.2 × | {holds(part <= 1.2)} |"
        )
    return lines


def of_preparing(rounds: list[Round]) -> list[str]:
    """Seconds and megabytes."""
    found = [turn["a text as numbers"] for turn in rounds]
    seconds, growth = median(one["seconds"] for one in found), max(one["megabytes"] for one in found)
    return [
        f"| {found[0]['tokens'] / 1e6:g} million words | measured | bar | holds |",
        "|---|--:|--:|:-:|",
        f"| seconds, one core | {seconds:.1f} | < 5 | {holds(seconds < 5)} |",
        f"| MB beyond the imports ({found[0]['imports']:.0f}) | {growth:.0f} | < 300 | {holds(growth < 300)} |",
    ]


def of_quality(rounds: list[Round]) -> list[str]:
    """Right neighbours, and seconds."""
    lines = [
        "| one pass, one core | words/s | seconds | P@10 of rank 200–2,000 | 2,000–10,000 | both, per minute |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for title in rounds[0]:
        found = [turn[title] for turn in rounds]
        speed = median(rate(one, "words") for one in found)
        seconds = median(one["seconds"] for one in found)
        common, rare = (spread([one["precision"][which] for one in found]) for which in ("common", "rare"))
        worth = median(60 * one["precision"]["all"] / one["seconds"] for one in found)
        lines.append(f"| {title} | {speed:,.0f} | {seconds:.1f} | {common} | {rare} | {worth:.2f} |")
    return lines


def of_the_limit(rounds: list[Round]) -> list[str]:
    """Where the time goes."""
    spent, machine = ([turn[which] for turn in rounds] for which in ("spent", "machine"))
    micro = {way: 1e6 * median(one[way] for one in spent) for way in ("batch", "torch", "numba")}
    limit = {what: median(one[what] for one in machine) for what in machine[0]}
    moved = 1e6 * limit["bytes"] / limit["bytes a second"]
    pairs, words = (1e6 * limit[f"flops, {of}"] / limit[f"flops a second, {of}"] for of in ("pairs", "words"))
    speed = {
        of: f"{limit[f'flops, {of}'] / 1e6:.1f} MFLOP at {limit[f'flops a second, {of}'] / 1e9:.0f} GFLOP/s"
        for of in ("pairs", "words")
    }
    reached = {
        "PyTorch, which multiplies for each pair": (pairs + moved) / (micro["batch"] + micro["torch"]),
        "Numba, for each given word once": (words + moved) / (micro["batch"] + micro["numba"]),
    }
    lines = [
        "| of one step | µs |",
        "|---|--:|",
        f"| making its batch, samples and expected counts | {micro['batch']:.0f} |",
        f"| its update by PyTorch | {micro['torch']:.0f} |",
        f"| its update by Numba | {micro['numba']:.0f} |",
        f"| limit: products of matrices for each pair, {speed['pairs']} | {pairs:.0f} |",
        f"| limit: products of matrices for each given word once, {speed['words']} | {words:.0f} |",
        f"| limit: rows, {limit['bytes'] / 1e6:.2f} MB at {limit['bytes a second'] / 1e9:.0f} GB/s | {moved:.0f} |",
        "",
        "| of the machine's limit is reached, batch included | |",
        "|---|--:|",
        *(f"| {way} | {100 * share:.0f} % |" for way, share in reached.items()),
        "",
        "| within PyTorch's update | share |",
        "|---|--:|",
    ]
    kinds = spent[0]["operations"]
    return lines + [f"| {kind} | {100 * median(one['operations'][kind] for one in spent):.0f} % |" for kind in kinds]


TABLES: dict[str, Callable[[list[Round]], list[str]]] = dict(
    zip(PARTS, (against_tensorflow, against_gensim, of_memory, of_preparing, of_quality, of_the_limit), strict=True)
)
BARS = ["| ratio | measured | bar | holds |", "|---|--:|--:|:-:|"]


def rate(one: dict[str, float], what: str) -> float:
    """Steps or words a second."""
    return one[what] / one["seconds"]


def ratios(rounds: list[Round], titles: Sequence[str], than: Sequence[str], what: str) -> list[float]:
    """Of each round: the fastest of some rows, by the fastest of others."""

    def fastest(turn: Round, some: Iterable[str]) -> float:
        return max(rate(turn[title], what) for title in some)

    return [fastest(turn, titles) / fastest(turn, than) for turn in rounds]


def spread(numbers: list[float]) -> str:
    """The median, and the least and the greatest.

    >>> spread([1.0, 4.0, 2.0])
    '2.00 (1.00–4.00)'
    """
    return f"{median(numbers):.2f} ({min(numbers):.2f}–{max(numbers):.2f})"


def bar(what: str, measured: list[float], least: float) -> str:
    """A line of the table of what was asked for."""
    return f"| {what} | {spread(measured)} × | ≥ {least:g} × | {holds(median(measured) >= least)} |"


def cap(what: str, measured: float, within: float = 0.02) -> str:
    """A line for a ratio that must be near 1."""
    return f"| {what} | {measured:.3f} × | 1 ± {within:g} | {holds(abs(measured - 1) <= within)} |"


def holds(it: bool) -> str:
    """In words."""
    return "yes" if it else "**no**"
