"""The tables that are made from data: chapters, sources, misconceptions, times."""

from collections import Counter
from pathlib import Path

import matter
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


def setup(app):
    """A directive for each table, and how tables look on a narrow page."""
    for name, table in (
        ("chapters", chapters),
        ("source-map", source_map),
        ("misconceptions", misconceptions),
        ("times", times),
    ):
        app.add_directive(name, directive(table))
    app.add_css_file("matter.css")
    app.connect("html-page-context", list_entries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def directive(table):
    """A directive that shows what a function writes in MyST."""

    class Matter(SphinxDirective):
        optional_arguments = 1

        def run(self):
            root = Path(self.env.srcdir)
            files = [root / "_toc.yml", *(root / "book" / "_data").iterdir()]
            for file in files + [page.file for page in matter.pages(root).values()]:
                self.env.note_dependency(str(file))
            shown = nodes.container(classes=["matter", self.name])
            text = table(root, *self.arguments)
            self.state.nested_parse(StringList(text.splitlines(), self.get_location()), 0, shown)
            return [shown]

    return Matter


def list_entries(app, name, template, context, tree):
    """The entries of the bibliography are items of its list; docutils gives them a role that ARIA has withdrawn."""
    context["body"] = context.get("body", "").replace('role="doc-biblioentry"', 'role="listitem"')


def chapters(root):
    """The chapters: what each answers, where it comes from, and how long it takes."""
    there = matter.chapters(root)
    names = {key: source["name"] for key, source in matter.load(root, "sources.yml").items()}
    placed = [(label, row.source) for row in matter.rows(root) for label in matter.places(row, there)]
    given = {(matter.home(label), names[source]) for label, source in placed}
    found = []
    for number, (name, page) in enumerate(there.items(), start=1):
        sources = [source for source in names.values() if (name, source) in given]
        lines = [f"{number}. [{page.title}]({page.file.name})"]
        lines += [f"*{page.question}*"] if page.question else []
        lines += [f"From {', '.join(sources)}."] if sources else []
        found.append(("<br>".join(lines), str(page.minutes)))
    note = (
        f"The minutes are computed, not measured on readers: {matter.WORDS_A_MINUTE} words a minute, "
        f"and {matter.SECONDS_A_CELL} seconds for each code cell, rounded to five minutes."
    )
    return f"{grid(('Chapter', 'Minutes'), found)}\n\n{note}"


def source_map(root, source):
    """All that one source holds, and where it is."""
    there = matter.chapters(root)
    held = [row for row in matter.rows(root) if row.source == source]
    states = [(row, matter.places(row, there)) for row in held]
    count = Counter(state(row, places) for row, places in states)
    total = ", ".join(f"{count[one]} {one}" for one in (*matter.OUTCOMES, "to come") if count[one])
    found = [(told(row), outcome(row, places, there)) for row, places in states]
    return f"{len(held)} rows: {total}.\n\n{grid(('What it holds', 'Here'), found)}"


def state(row, places):
    """The outcome of a row, or that its place is still to be written."""
    return row.outcome if places or row.outcome == "not reproduced" else "to come"


def told(row):
    """What a row holds, of which kind that is, and why it is not reproduced."""
    return f"**{row.kind.capitalize()}.** {row.what}" + (f" *{row.why}*" if row.why else "")


def outcome(row, places, there):
    """The outcome of a row, above the place where it is seen."""
    return "<br>".join([state(row, places), *links(places, there)])


def links(places, there):
    """Links to places, by the titles of their chapters."""
    return [f"{{ref}}`{there[matter.home(label)].short} <{label}>`" for label in places]


def misconceptions(root):
    """What people believe, where they wrote it, and what happens."""
    there = matter.chapters(root)
    found = []
    for one in matter.beliefs(root):
        sources = ", ".join(f"[{matter.short(url)}]({url})" for url in one.sources)
        where = ", ".join(links(matter.places(one, there), there))
        found.append((f"**{one.id}.** {one.belief}<br>{sources}", one.happens + ("<br>" + where if where else "")))
    return grid(("As found", "What happens"), found)


def times(root):
    """How long each chapter ran when that was last recorded, and on what."""
    recorded = matter.load(root, "times.json")
    found = [
        (f"[{page.short}]({page.file.name})", str(recorded["seconds"].get(name, "not recorded")))
        for name, page in matter.chapters(root).items()
    ]
    note = "One run of each, {date}: {cores} processor cores, Python {python}, PyTorch {torch}.".format(**recorded)
    return f"{grid(('Chapter', 'Seconds'), found)}\n\n{note}"


def grid(head, body):
    """A table in MyST."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
