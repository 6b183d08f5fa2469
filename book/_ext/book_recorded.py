"""``{recorded}`` shows the programs of a topic of ``recordings/``, and what they computed when they were run."""

import json
from pathlib import Path
from typing import ClassVar

from docutils import nodes
from sphinx.util.docutils import SphinxDirective
from sphinx.util.logging import getLogger
from sphinx_design.shared import create_component

FOLDER = Path(__file__).parents[2] / "recordings"
DIALECTS = {
    "tf1": ("TensorFlow 1", "TensorFlow {tensorflow} (compat.v1)"),
    "tf2": ("TensorFlow 2", "TensorFlow {tensorflow}"),
    "keras": ("Keras 3", "Keras {keras} on TensorFlow {tensorflow}"),
    "jax": ("JAX", "JAX {jax}"),
}


class Recorded(SphinxDirective):
    """A tab for each dialect of a topic: the program, its values, and what it was run with."""

    required_arguments = 1
    option_spec: ClassVar = {"only": str.split}

    def run(self):
        """The tabs; a warning where there is nothing to show."""
        folder = FOLDER / self.arguments[0]
        for path in sorted(folder.glob("*")):
            self.env.note_dependency(str(path))
        there = [name for name in DIALECTS if (folder / f"{name}.json").exists()]
        if not there:
            return self.warn(f"no topic {folder.name}", sorted({path.parent.name for path in FOLDER.glob("*/*.json")}))
        asked = self.options.get("only", there)
        missing = [name for name in asked if name not in there]
        if missing:
            return self.warn(f"no {' '.join(missing)} in {folder.name}", there)
        items = [tab(name, folder / f"{name}.py") for name in asked]
        return [create_component("tab-set", classes=["sd-tab-set", "recorded"], children=items)]

    def warn(self, what, known):
        """Say what is missing, and what there is; show nothing."""
        getLogger(__name__).warning(f"recorded: {what}; there are {', '.join(known)}", location=self.get_location())
        return []


def tab(dialect, script):
    """One tab, for one program."""
    title, versions = DIALECTS[dialect]
    stored = json.loads(script.with_suffix(".json").read_text(encoding="utf-8"))
    label = nodes.rubric(title, title, classes=["sd-tab-label"], sync_group="dialect", sync_id=dialect)
    with_what = f"Recorded with {versions.format(**stored['versions'])}, {stored['date']}."
    shown = [
        block(script.read_text(encoding="utf-8"), "python"),
        block("\n".join(lines(stored["recorded"])), "text"),
        nodes.paragraph(with_what, with_what),
    ]
    content = create_component("tab-content", classes=["sd-tab-content"], children=shown)
    return create_component("tab-item", classes=["sd-tab-item"], selected=False, children=[label, content])


def block(text, language):
    """Text as it is, highlighted."""
    return nodes.literal_block(text, text, language=language)


def lines(recorded, before=""):
    """What was recorded, a line for each thing; the numbers of one thing share a line."""
    for name, value in recorded.items():
        if isinstance(value, dict) and any(isinstance(part, dict | list) for part in value.values()):
            yield from lines(value, f"{before}{name}, ")
        else:
            yield f"{before}{name}: {short(value)}"


def short(value):
    """A value as Python writes it, its numbers to six digits."""
    match value:
        case dict():
            return ", ".join(f"{name} = {short(part)}" for name, part in value.items())
        case list():
            return f"[{', '.join(map(short, value))}]"
        case float():
            return repr(float(f"{value:.6g}"))
        case str():
            return value
        case _:
            return repr(value)


def setup(app):
    """Make the directive known."""
    app.add_directive("recorded", Recorded)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
