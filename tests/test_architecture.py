"""Which module may import which.

The table is the architecture: a module knows only what stands in its row. Change it when the design changes,
and say why in ARCHITECTURE.md.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "gradflow"
MODULES = sorted(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py"))

# What a computation is, what one backward pass did on it, and what follows from those two. No PyTorch.
ALLOWED = {
    "version": set(),
    "errors": set(),
    "reason": set(),
    "targets": set(),
    "graph": {"errors"},
    "flow": {"errors", "graph"},
    "notation": {"flow", "graph"},
    "modules": {"errors", "graph"},
    "optimizer": {"errors", "graph"},
    "stepdiff": {"errors", "notation"},
    "serialize": {"errors", "flow", "graph"},
    "compare": {"errors", "flow", "graph", "notation"},
    "difference": {"flow", "modules", "notation"},
    "ways": {"graph"},
    "grid": {"errors", "flow"},
    "choice": {"errors", "flow", "grid"},
    "puzzle": {"compare", "errors", "flow", "graph", "modules", "notation"},
    "explain": {"errors", "flow", "graph", "notation", "optimizer", "reason", "targets", "ways"},
    "verdict": {"flow", "modules", "notation", "reason", "stepdiff"},
    "fold": set(),
    "listing": {"flow", "fold", "graph", "notation"},
    "roster": {"explain", "flow", "fold", "graph", "modules", "notation", "reason", "stepdiff", "verdict"},
    "program": {"errors", "notation"},
    "tape": {"graph"},
}
ALLOWED |= {"text": set(ALLOWED)}
# From a graph to a picture. Left of the colon a step, right of it what it may know of the others.
_SKETCH = {"graph", "picture.sketch"}
_PLAN = {"graph", "picture.sketch", "picture.plan", "picture.metrics"}
_MEANING = {"compare", "explain", "flow", "graph", "modules", "notation", "reason", "roster", "stepdiff", "verdict"}
_DRAWN = {"picture.plan", "picture.shapes", "picture.states", "verdict"}
_PARTS = {"picture.conclusion", "picture.drawing", "picture.legend", "picture.matrix", "picture.view"}
ALLOWED |= {
    "picture.__init__": set(),
    "picture.sketch": {"graph"},
    "picture.plan": set(),
    "picture.metrics": set(),
    "picture.opening": {"graph"},
    "picture.cuts": {"graph", "picture.sketch", "targets"},
    "picture.folding": {"graph", "targets"},
    "picture.labels": {"graph", "notation", "targets"},
    "picture.marks": _SKETCH | {"notation", "picture.folding", "picture.labels", "picture.opening"},
    "picture.idle": _SKETCH | {"modules", "notation", "picture.labels", "picture.marks"},
    "picture.runs": _SKETCH | {"picture.marks", "picture.opening"},
    "picture.reduce": _SKETCH
    | {"modules", "notation", "picture.cuts", "picture.folding", "picture.idle", "picture.labels", "picture.marks"}
    | {"picture.opening", "picture.runs"},
    "picture.mini": _SKETCH | {"notation", "picture.cuts", "picture.folding", "picture.labels", "picture.opening"},
    "picture.cells": _PLAN,
    "picture.grid": set(),
    "picture.rows": _PLAN | {"picture.grid"},
    "picture.routes": {"picture.grid"},
    "picture.compact": {"picture.grid"},
    "picture.wrap": {"picture.compact", "picture.grid"},
    "picture.tree": _SKETCH | {"picture.grid", "picture.rows"},
    "picture.frames": _PLAN | {"picture.cells", "picture.compact", "picture.grid"},
    "picture.layout": _PLAN
    | {f"picture.{name}" for name in ("cells", "compact", "frames", "grid", "routes", "rows", "tree", "wrap")},
    "picture.small": _PLAN | {"picture.layout"},
    "picture.entries": _PLAN | {"picture.cells"},
    "picture.lanes": _PLAN | {"picture.cells", "picture.entries"},
    "picture.fit": _PLAN | {"picture.layout", "picture.lanes"},
    "picture.states": _MEANING | _SKETCH | {"picture.cuts", "picture.labels", "targets"},
    "picture.theme": {"picture.metrics"},
    "picture.paths": {"picture.plan"},
    "picture.shapes": {"graph", "picture.plan", "verdict"},
    "picture.view": {"graph", "picture.states", "reason"},
    "picture.tracks": {"picture.paths", "picture.plan", "picture.shapes", "picture.states"},
    "picture.drawing": _PLAN | _DRAWN | {"picture.paths", "picture.tracks", "picture.view"},
    "picture.conclusion": _MEANING | _DRAWN | {"picture.cuts", "picture.metrics", "picture.view"},
    "picture.legend": _DRAWN | {"picture.metrics", "picture.view"},
    "picture.matrix": _MEANING | _DRAWN | {"picture.metrics", "picture.view"},
    "picture.scene": _PLAN | _DRAWN | _PARTS,
    "picture.multiples": _PLAN | _DRAWN | _PARTS | {"modules", "notation"},
    "picture.raster": {"errors"},
    "picture.dot": _MEANING | {"errors", "picture.states", "picture.theme", "picture.wording", "targets"},
    "picture.svg": _DRAWN - {"picture.states"} | {"graph", "notation", "picture.paths", "picture.theme"},
    "picture.wording": {"flow", "graph", "notation"},
    "picture.derivatives": set(),
    "picture.net": {"flow", "graph", "notation", "targets", "picture.derivatives"},
    "picture.payload": _MEANING | {"targets", "picture.cells", "picture.net", "picture.sketch", "picture.wording"},
    "picture.steps": {"flow", "graph", "notation", "targets", "picture.wording"},
    "picture.bundle": set(),
    "picture.variants": _SKETCH | {"notation"},
    "picture.element": {"graph", "notation", "picture.bundle", "picture.steps", "picture.wording"},
    "picture.exercise": {"notation", "puzzle"},
    "picture.choosing": {"picture.bundle", "picture.element"},
    "picture.numbers": {"flow", "graph", "notation", "picture.reduce", "picture.wording"},
    "picture.formulas": {"flow", "graph", "notation", "targets", "picture.numbers", "picture.wording"},
    "picture.pictures": _MEANING
    | {"grid"}
    | {f"picture.{name}" for name in ("fit", "mini", "multiples", "numbers", "plan", "reduce", "scene", "small")}
    | {f"picture.{name}" for name in ("shapes", "sketch", "states", "variants", "view")},
    "picture.page": _MEANING
    | {"grid", "picture.formulas", "picture.payload", "picture.sketch", "picture.states", "picture.steps"},
}
ALLOWED |= {"testing": {"errors", "explain", "flow", "graph", "modules", "reason"}}
ALLOWED |= {"figure": set(ALLOWED)}
ALLOWED |= {"draw": set(ALLOWED)}
PURE = set(ALLOWED)

# The world outside: these see PyTorch run.
ALLOWED |= {
    "demo": set(),
    "compiled": set(),
    "location": set(),
    "rules": {"targets"},
    "measure": {"flow", "graph"},
    "tensors": {"graph"},
    "departures": {"tensors"},
    "walk": set(),
    "pins": {"walk"},
    "observe": {"errors", "flow", "graph", "measure", "pins", "walk"},
    "capture": {"departures", "errors", "graph", "location", "rules", "tape", "targets", "tensors", "walk"},
    "trace": {"capture", "compiled", "errors", "flow", "graph", "observe"},
    "step": {"errors", "notation", "stepdiff"},
    "restoring": {"errors"},
    "live": {"errors", "flow", "location", "notation", "restoring", "step", "stepdiff", "trace", "walk"},
    "playing": {"difference", "draw", "errors", "figure", "flow", "live", "modules", "stepdiff"},
    "board": {"difference", "errors", "modules", "notation", "playing"},
    "controls": {"board", "errors", "live", "notation", "playing"},
    "playground": {"controls", "errors", "live", "playing"},
}
ALLOWED |= {"__init__": set(ALLOWED)}
ALLOWED |= {"__main__": set(ALLOWED)}

# Experiments stand apart: they import nothing of the above, and nothing above imports them.
_WORD2VEC = {
    "errors": set(),
    "objectives": set(),
    "settings": {"errors"},
    "storing": {"errors"},
    "sampling": {"errors"},
    "batches": {"errors"},
    "corpus": {"errors"},
    "download": {"errors"},
    "evaluation": {"errors"},
    "planted": {"errors", "storing"},
    "library": {"corpus", "errors"},
    "vectors": {"errors", "storing"},
    "projection": {"errors", "storing"},
    "tables": {"settings"},
    "updates": {"objectives", "tables"},
    "feed": {"batches", "corpus", "objectives", "sampling", "settings", "updates"},
    "checkpoint": {"errors", "settings", "storing", "tables"},
    "training": {"checkpoint", "corpus", "errors", "fast", "feed", "settings", "tables", "updates"},
    "fast": {"errors", "tables", "updates"},
    "parallel": {"errors", "settings", "tables", "updates"},
    "board": {"checkpoint", "errors", "storing", "training", "vectors"},
}
_WORD2VEC |= {"command": set(_WORD2VEC), "__init__": set(_WORD2VEC), "__main__": {"command"}}
ALLOWED |= {"experiments.__init__": set()}
ALLOWED |= {
    f"experiments.word2vec.{module}": {f"experiments.word2vec.{other}" for other in others}
    for module, others in _WORD2VEC.items()
}


def imports(module: str) -> Iterator[str]:
    """Every module that one imports, absolute and dotted, also inside functions and under TYPE_CHECKING."""
    source = PACKAGE.joinpath(*module.split(".")).with_suffix(".py").read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(filter(None, ["gradflow" if node.level else "", node.module]))
            for alias in node.names:
                # `from gradflow import text` names a module, `from gradflow.text import lines` does not.
                named = f"{package}.{alias.name}"
                yield named if named.removeprefix("gradflow.") in MODULES else package


def siblings(module: str) -> set[str]:
    """The modules of gradflow that one imports."""
    names = {name for name in imports(module) if name.split(".")[0] == "gradflow"}
    return {name.removeprefix("gradflow").removeprefix(".") or "__init__" for name in names}


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_what_its_row_allows(module):
    """A module imports what its row of the table names, and nothing else of gradflow."""
    assert module in ALLOWED, f"give {module} a row in the table above"
    assert set() == siblings(module) - ALLOWED[module]


@pytest.mark.parametrize("module", sorted((PURE | {"__init__"}) & set(MODULES)))
def test_only_the_listeners_know_torch(module):
    """Only the modules that watch PyTorch run import it; not even a function of another one does."""
    assert "torch" not in {name.split(".")[0] for name in imports(module)}


def test_no_import_cycles():
    """The imports can be put in an order, which is the order in which to read the package."""
    TopologicalSorter({module: siblings(module) for module in MODULES}).prepare()


# gradflow/__init__.py imports everything, so an empty package of that name stands in for it.
IMPORT_WITHOUT_TORCH = """
import importlib, sys, types
package, *modules = sys.argv[1:]
sys.modules["torch"] = None
sys.modules["gradflow"] = types.ModuleType("gradflow")
sys.modules["gradflow"].__path__ = [package]
for module in modules:
    importlib.import_module(f"gradflow.{module}")
"""


def test_pure_modules_need_no_torch():
    """The pure modules import, and so can be read and tested, where there is no PyTorch."""
    modules = sorted(PURE & set(MODULES))
    command = [sys.executable, "-c", IMPORT_WITHOUT_TORCH, str(PACKAGE), *modules]
    run = subprocess.run(command, capture_output=True, text=True)

    assert 0 == run.returncode, run.stderr
