"""Run every chapter once, and record how long it takes: ``book/_data/times.json``, for the page of times."""

import datetime
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).parent.parent / "book"


def seconds(path: Path) -> float:
    """How long a notebook takes from the start of its kernel to its last cell."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(notebook, resources={"metadata": {"path": str(BOOK)}}).execute()
    return round(time.perf_counter() - start, 1)


if __name__ == "__main__":
    recorded = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch").partition("+")[0],
        "seconds": {path.stem: seconds(path) for path in sorted(BOOK.glob("*.ipynb"))},
    }
    (BOOK / "_data" / "times.json").write_text(json.dumps(recorded, indent=2) + "\n", encoding="utf-8")
