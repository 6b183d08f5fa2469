"""How `make notebooks` stores a chapter: nothing in the file that changes from run to run."""

c = get_config()  # noqa: F821

c.ExecutePreprocessor.record_timing = False
# An error is stored without the frames, which hold paths.
c.ExecutePreprocessor.extra_arguments = ["--InteractiveShell.xmode=Minimal"]
# Listed, so that it runs after the notebook has: what was printed in pieces is stored as one.
c.NotebookExporter.preprocessors = ["nbconvert.preprocessors.CoalesceStreamsPreprocessor"]
c.ClearMetadataPreprocessor.enabled = True
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"tags", "mystnb"}
# A tuple keeps the named entries of a section; Python's version is not among them.
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {
    "kernelspec",
    ("language_info", "name", "pygments_lexer"),
}
