"""Run with ``python -m benchmarks.word2vec``; puts the tables into the README of the folder above, on Linux."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.word2vec.report import put, table
from benchmarks.word2vec.runs import FULL, PARTS, QUICK, Row, Sizes, measured, rounds

FIGURES = Path(__file__).parent / "figures.json"
README = Path(__file__).parent.parent / "README.md"
NEEDS = {"tensorflow": "by_tensorflow", "gensim": "by_gensim", "quality": "by_gensim"}


def main() -> None:
    """Measure parts, and write them down."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.word2vec", description=main.__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--tensorflow", metavar="PYTHON", help="an interpreter that has TensorFlow (this one)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs; writes nothing")
    options = parser.parse_args()
    pythons = {"by_tensorflow": options.tensorflow or sys.executable}
    for part in options.only:
        other = peer(part, pythons)
        if other is None:
            print(f"{part}: left out, for what it compares with is not installed")
            continue
        found = figures(part, QUICK if options.quick else FULL, pythons, other)
        print(f"\n{table(part, found)}")
        if not options.quick:
            keep(part, found)


def peer(part: str, pythons: dict[str, str]) -> dict[str, str] | None:
    """The version of what a part compares with, if anything; None if it is not there."""
    if part not in NEEDS:
        return {}
    module = NEEDS[part]
    name = module.removeprefix("by_")
    python = pythons.get(module, sys.executable)
    if python == sys.executable and importlib.util.find_spec(name) is None:
        return None
    return {name: measured(Row(module, "present", {}), python)["version"]}


def figures(part: str, sizes: Sizes, pythons: dict[str, str], other: dict[str, str]) -> dict[str, Any]:
    """What a part gives, and on what."""
    with tempfile.TemporaryDirectory() as folder:
        found = list(rounds(part, sizes, Path(folder), pythons))
    own = {name: version(name) for name in ("torch", "numpy", "numba")}
    return {
        "date": date.today().isoformat(),
        "machine": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {"Python": platform.python_version(), **own, **other},
        "rounds": rounded(found),
    }


def keep(part: str, found: dict[str, Any]) -> None:
    """Put a part in the place of what was measured before."""
    stored = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    stored = {name: (stored | {part: found})[name] for name in PARTS if name in stored or name == part}
    FIGURES.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    README.write_text(put(README.read_text(encoding="utf-8"), {part: found}), encoding="utf-8")


def processor() -> str:
    """What Linux calls it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def rounded(value: Any) -> Any:
    """Six digits of each number are enough."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
