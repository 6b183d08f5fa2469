"""How `make notebooks` stores a chapter: nothing in the file that changes from run to run, and nothing twice."""

import sys
from pathlib import Path

c = get_config()  # noqa: F821
sys.path.insert(0, str(Path("book", "_ext")))

c.ExecutePreprocessor.record_timing = False
# An error is stored without the frames, which hold paths.
c.ExecutePreprocessor.extra_arguments = ["--InteractiveShell.xmode=Minimal"]
# Listed, so that it runs after the notebook has: what was printed in pieces is stored as one.
c.NotebookExporter.preprocessors = [
    "nbconvert.preprocessors.CoalesceStreamsPreprocessor",
    "book_scripts.OneOfEach",
]
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"tags", "mystnb"}
# A tuple keeps the named entries of a section; Python's version is not among them.
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {
    "kernelspec",
    ("language_info", "name", "pygments_lexer"),
}
