"""Run a script of this folder; keep what it recorded, and with what; compare two runs."""

from __future__ import annotations

import json
import math
import os
import platform
import runpy
import sys
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
RAN_ON = {"tf1": ["tensorflow"], "tf2": ["tensorflow"], "keras": ["keras", "tensorflow"], "jax": ["jax"]}
NOTHING = "nothing"


def scripts(topics: list[str] | None = None) -> list[Path]:
    """The scripts of these topics; of all of them, if none is named."""
    found = [path for path in sorted(FOLDER.glob("*/*.py")) if path.stem in RAN_ON]
    unknown = set(topics or ()) - {path.parent.name for path in found}
    if unknown:
        raise SystemExit(f"no such topic: {', '.join(sorted(unknown))}")
    return [path for path in found if not topics or path.parent.name in topics]


def fingerprint(script: Path) -> str:
    """The sha256 of the script's text."""
    return sha256(script.read_bytes()).hexdigest()


def record(script: Path) -> dict[str, Any]:
    """Run a script: what it recorded, and when and with what it was run."""
    ran = runpy.run_path(str(script))
    return {
        "sha256": fingerprint(script),
        "date": date.today().isoformat(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in [*RAN_ON[script.stem], "numpy"]},
        "unstable": sorted(ran.get("unstable", ())),
        "recorded": plain(ran["recorded"]),
    }


def quiet() -> None:
    """Leave out what TensorFlow logs about the machine; an error of a script is raised all the same."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def plain(value: Any) -> Any:
    """The value as JSON has it; of a float32 the shortest decimal that gives it again."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float) and abs(value) < 3e38 and float(np.float32(value)) == value:
        return float(str(np.float32(value)))
    return value


def stored_at(script: Path) -> Path:
    """Where the recording of a script is stored."""
    return script.with_suffix(".json")


def load(script: Path) -> dict[str, Any]:
    """What is stored for a script."""
    stored: dict[str, Any] = json.loads(stored_at(script).read_text(encoding="utf-8"))
    return stored


def store(script: Path, recording: dict[str, Any]) -> None:
    """Write a recording beside its script, a line for each thing that was recorded."""
    *head, (name, recorded) = recording.items()
    lines = [f" {json.dumps(key)}: {_json(value)}" for key, value in head]
    inner = ",\n".join(f"  {json.dumps(key)}: {_json(value)}" for key, value in recorded.items())
    text = "{\n" + ",\n".join([*lines, f" {json.dumps(name)}: {{\n{inner}\n }}"]) + "\n}\n"
    stored_at(script).write_text(text, encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def differences(stored: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Where a new run differs from what is stored, a line each; what is unstable need only be there."""
    found = [] if stored["sha256"] == new["sha256"] else ["the script is not the one that was recorded"]
    old, now = stored["recorded"], new["recorded"]
    for name in old | now:
        if name in old and name in now and name in new["unstable"]:
            continue
        pairs = zip_longest(leaves(old.get(name, NOTHING)), leaves(now.get(name, NOTHING)), fillvalue=("", NOTHING))
        apart = [f"{before!r} was recorded, and now {after!r}" for before, after in pairs if not same(before, after)]
        found += [f"{name}: {apart[0]}"] if apart else []
    return found


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The numbers, words and truths in a value, and where each of them stands."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if not parts:
        yield place, value
    else:
        for name, part in parts:
            yield from leaves(part, f"{place}[{name!r}]")


def same(before: tuple[str, Any], after: tuple[str, Any]) -> bool:
    """Whether the same value stands at the same place; a float need only be close."""
    (place, one), (other_place, other) = before, after
    if isinstance(one, float) and isinstance(other, float):
        return place == other_place and math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)
    return (place, type(one), one) == (other_place, type(other), other)
