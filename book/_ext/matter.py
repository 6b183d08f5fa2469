"""What the book knows of itself: its pages, their targets and minutes, and the rows of ``book/_data``."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

WORDS_A_MINUTE = 130
SECONDS_A_CELL = 20
OUTCOMES = ("reproduced", "answered", "corrected", "shown", "not reproduced")
KINDS = ("figure", "number", "question", "claim", "slip")


@dataclass(frozen=True)
class Page:
    """A page of the book: its MyST text, and how many code cells a notebook has."""

    file: Path
    text: str
    code_cells: int = 0

    @property
    def title(self):
        """The first heading."""
        return re.search(r"^# (.+)$", self.text, re.MULTILINE)[1]

    @property
    def short(self):
        """The title as far as a colon."""
        return self.title.partition(":")[0]

    @property
    def question(self):
        """The first line in italics: what a reader comes with."""
        found = re.search(r"^\*([^*].*)\*$", self.text, re.MULTILINE)
        return found[1] if found else None

    @property
    def targets(self):
        """The names that other pages can point at."""
        return set(re.findall(r"^\(([^)\s]+)\)=$", self.text, re.MULTILINE))

    @property
    def stated(self):
        """The minutes that the page says it takes."""
        found = re.search(r"^(\d+) minutes\.", self.text, re.MULTILINE)
        return int(found[1]) if found else None

    @property
    def minutes(self):
        """The minutes that its words and cells take, to the nearest five."""
        exact = words(self.text) / WORDS_A_MINUTE + self.code_cells * SECONDS_A_CELL / 60
        return 5 * int(exact / 5 + 0.5)


@dataclass(frozen=True)
class Row:
    """One thing that a source holds, and what this book does with it."""

    source: str
    what: str
    kind: str
    outcome: str
    label: str = ""
    why: str = ""
    waits: str = ""

    @property
    def labels(self):
        """Where it stands: in one place, or in none."""
        return [self.label] if self.label else []


@dataclass(frozen=True)
class Belief:
    """A misconception, what happens instead, and where it was found."""

    id: str
    belief: str
    happens: str
    sources: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    waits: str = ""


def words(text):
    """How many words of prose there are: no code blocks, no directives, no addresses."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^:.*$|^\([^)\s]+\)=$|\]\([^)]*\)", "", prose, flags=re.MULTILINE)
    return len(re.findall(r"\S*\w\S*", prose))


def read(file):
    """A page from its file, a notebook or MyST."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        return Page(file, text)
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    prose = "\n\n".join(source for kind, source in cells if kind == "markdown")
    return Page(file, prose, sum(kind == "code" for kind, _ in cells))


def pages(root):
    """The pages in the order of the table of contents, by the names of their files."""
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    found = [path for name in listed(toc) for path in sorted(root.glob(f"{name}.*"))]
    files = [path for path in found if path.suffix in (".ipynb", ".md")]
    return {file.stem: read(file) for file in files}


def listed(entry):
    """The files that an entry of the table of contents names, and those below it."""
    own = [entry[key] for key in ("root", "file") if key in entry]
    below = [one for key in ("parts", "chapters", "sections") for one in entry.get(key, ())]
    return own + [name for one in below for name in listed(one)]


def chapters(root):
    """The pages that are chapters: the notebooks after the first page."""
    _, *rest = pages(root).items()
    return {name: page for name, page in rest if page.file.suffix == ".ipynb"}


def load(root, name):
    """A file of ``book/_data``."""
    return yaml.safe_load((root / "book" / "_data" / name).read_text(encoding="utf-8"))


def rows(root):
    """The source map."""
    return [Row(source, **row) for source, held in load(root, "source_map.yml").items() for row in held]


def beliefs(root):
    """The misconceptions."""
    return [Belief(**row) for row in load(root, "misconceptions.yml")]


def home(label):
    """The chapter that a label names: ``flow-cubic`` is in ``flow``."""
    return label.partition("-")[0]


def places(one, there):
    """The labels of a row or belief that lead somewhere now: into chapters that are there."""
    ready = not one.waits or one.waits in there
    return [label for label in one.labels if ready and home(label) in there]


def short(url):
    """What to call an address: a thread by its number, anything else by its host."""
    for pattern, called in (
        (r"https://discuss\.pytorch\.org/t/(\d+).*", r"PyTorch forum \1"),
        (r"https://github\.com/[^/]+/([^/]+)/(?:issues|pull)/(\d+)", r"\1 #\2"),
        (r"https://stackoverflow\.com/q/(\d+)", r"Stack Overflow \1"),
        (r"https?://(?:www\.)?([^/]+).*", r"\1"),
    ):
        if re.fullmatch(pattern, url):
            return re.sub(pattern, called, url)
    raise ValueError(url)
