"""Every page of the book works without a network."""

from importlib.metadata import files
from pathlib import Path
from shutil import copyfile

MATHJAX = "tex-svg-full.js"  # one file: TeX in, SVG out, so it loads no fonts


def setup(app):
    """Serve MathJax from the book itself, and leave out thebe, which would load code from a CDN."""
    app.config.mathjax_path = MATHJAX
    app.connect("build-finished", copy_mathjax)
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not one.handler.__module__.startswith("sphinx_thebe")]
    app.registry.css_files[:] = [(name, more) for name, more in app.registry.css_files if "thebe" not in name]
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def copy_mathjax(app, error):
    """Copy MathJax out of the sphinx-mathjax-offline wheel into the book's static files."""
    if error is None and app.builder.format == "html":
        (source,) = (path for path in files("sphinx-mathjax-offline") if path.name == MATHJAX)
        target = Path(app.outdir, "_static", MATHJAX)
        if not target.exists():
            copyfile(source.locate(), target)
