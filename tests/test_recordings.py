"""What the book shows of other frameworks was computed by the programs that it shows."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from datetime import date
from html import unescape
from importlib.util import find_spec
from pathlib import Path

import book_recorded
import pytest
from sphinx.testing.util import SphinxTestApp

from recordings.record import RAN_ON, differences, fingerprint, load, plain, scripts, store

ROOT = Path(__file__).parent.parent
SCRIPTS = scripts()
IDS = [f"{path.parent.name}-{path.stem}" for path in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=IDS)
def test_what_is_shown_was_run(script):
    """The stored recording is one of this very text, and says when and with what it was made."""
    stored = load(script)

    assert fingerprint(script) == stored["sha256"], "record it again: make recordings"
    assert date.fromisoformat(stored["date"])
    assert {"python", *RAN_ON[script.stem]} <= set(stored["versions"])
    assert stored["recorded"]


@pytest.mark.parametrize("script", SCRIPTS, ids=IDS)
def test_a_script_fits_on_a_page(script):
    """At most 30 lines of at most 79 columns, which begin with what the program shows."""
    lines = script.read_text(encoding="utf-8").splitlines()

    assert 30 >= len(lines)
    assert 79 >= max(map(len, lines))
    assert re.fullmatch('"""[A-Za-z].*[.?]"""', lines[0])


def test_every_recording_has_its_script():
    """A program that went takes its recording with it; and there are some."""
    assert {path.with_suffix(".json") for path in SCRIPTS} == set((ROOT / "recordings").glob("*/*.json")) != set()


def test_every_topic_is_told():
    """The table of the README has the topics, each of them and no other."""
    told = (ROOT / "recordings" / "README.md").read_text(encoding="utf-8").partition("## Topics")[2]

    assert sorted({path.parent.name for path in SCRIPTS}) == re.findall(r"^\| `(\w+)`", told, re.MULTILINE)


def interpreter() -> Path:
    """A Python that has the frameworks; without one the test is skipped."""
    own = ROOT / ".venv-recordings"
    if (own / ".ready").exists():
        return own / "bin" / "python"
    if not all(map(find_spec, ("tensorflow", "keras", "jax"))):
        pytest.skip("no TensorFlow, Keras and JAX here: `make recordings` installs them")
    return Path(sys.executable)


@pytest.mark.slow
def test_a_new_run_computes_the_same():
    """Every program, run again, records what is stored."""
    run = subprocess.run([interpreter(), "-m", "recordings", "--check"], cwd=ROOT, capture_output=True, text=True)

    assert 0 == run.returncode, run.stdout + run.stderr


STORED = {"sha256": "1", "unstable": ["count"], "recorded": {"w": [[1.0, None]], "error": "E: no", "count": 3}}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("w", [[1.000001, None]], []),
        ("w", [[1.0001, None]], ["w: ('[0][0]', 1.0) was recorded, and now ('[0][0]', 1.0001)"]),
        ("w", [[1.0, 0.0]], ["w: ('[0][1]', None) was recorded, and now ('[0][1]', 0.0)"]),
        ("w", [[1.0]], ["w: ('[0][1]', None) was recorded, and now ('', 'nothing')"]),
        ("error", "E: yes", ["error: ('', 'E: no') was recorded, and now ('', 'E: yes')"]),
        ("count", 299, []),
        ("more", True, ["more: ('', 'nothing') was recorded, and now ('', True)"]),
    ],
)
def test_a_difference_is_found(name, value, expected):
    """Floats need only be close and unstable counts only be there; all else is compared exactly."""
    new = copy.deepcopy(STORED)
    new["recorded"][name] = value

    assert expected == differences(STORED, new)


@pytest.mark.parametrize("name", ["w", "count"])
def test_what_is_missing_is_found(name):
    """A value that is no longer recorded is found, an unstable one too."""
    new = copy.deepcopy(STORED)
    del new["recorded"][name]
    (fault,) = differences(STORED, new)

    assert fault.startswith(name)


def test_another_script_is_found():
    """A recording of another text is no recording of this one."""
    assert ["the script is not the one that was recorded"] == differences(STORED, STORED | {"sha256": "2"})


def test_what_is_stored_is_read_again(tmp_path):
    """Storing and loading changes nothing; a float32 is its shortest decimal."""
    recording = STORED | {"recorded": {"a": plain({"b": [0.10000000149011612, 0.1]}), "c": plain(None)}}
    store(tmp_path / "tf1.py", recording)

    assert recording == load(tmp_path / "tf1.py")
    assert {"a": {"b": [0.1, 0.1]}, "c": None} == recording["recorded"]


def test_recorded_values_are_lines():
    """A line for each thing; numbers of one thing share one, to six digits; None is not zero."""
    recorded = {"w": {"A": [[1 / 3, 2.0]], "B": None}, "after": {"x": -380.0, "n": 3}, "error": "ValueError: no"}
    expected = ["w, A: [[0.333333, 2.0]]", "w, B: None", "after: x = -380.0, n = 3", "error: ValueError: no"]

    assert expected == list(book_recorded.lines(recorded))


def built(folder: Path, page: str) -> tuple[str, str]:
    """The page and the warnings of a book with one page."""
    (folder / "conf.py").write_text("extensions = ['myst_parser', 'sphinx_design', 'book_recorded']", encoding="utf-8")
    (folder / "index.md").write_text(f"# Page\n\n{page}\n", encoding="utf-8")
    app = SphinxTestApp("html", srcdir=folder)
    app.build()
    warnings = app.warning.getvalue()
    app.cleanup()
    return (folder / "_build" / "html" / "index.html").read_text(encoding="utf-8"), warnings


def test_a_topic_is_shown_in_tabs(tmp_path):
    """Each dialect that was asked for has a tab, with the program, the values and the versions."""
    page, warnings = built(tmp_path, "```{recorded} cubic\n:only: jax tf1\n```")
    jax = load(ROOT / "recordings" / "cubic" / "jax.py")

    text = unescape(re.sub("<.*?>", "", page))

    assert "" == warnings
    assert ["JAX", "TensorFlow 1"] == re.findall(r"(\w.*)</label>", page)
    assert "by_x = tf.gradients(y, x)\n" in text
    assert "tf.gradients(y, x): [24.0]\n" in text
    assert f"Recorded with JAX {jax['versions']['jax']}, {jax['date']}." in text


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        ("```{recorded} cubix\n```", ["no topic cubix; there are ", "bridge, ", "cubic, "]),
        ("```{recorded} cubic\n:only: jax keras\n```", ["no keras in cubic; there are tf1, tf2, jax"]),
    ],
)
def test_what_is_not_there_is_a_warning(directive, words, tmp_path):
    """A topic or dialect that was not recorded is named, with those that there are."""
    _, warnings = built(tmp_path, directive)

    assert [] == [word for word in words if word not in warnings]
