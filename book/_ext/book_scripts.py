"""Every page of the book, and every stored chapter, holds each script of its figures once."""

import re

from nbconvert.preprocessors import Preprocessor

SCRIPT = re.compile(r"\n?<script>\(\(\)=>\{if\(.*?</script>", re.DOTALL)


def setup(app):
    """Look through each page before it is written."""
    app.connect("html-page-context", keep_one)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def keep_one(app, pagename, templatename, context, doctree):
    """The first of equal scripts stays where it is."""
    if "body" in context:
        context["body"] = once(context["body"], set())


class OneOfEach(Preprocessor):
    """Store the scripts with the first figure of a chapter that has them."""

    def preprocess(self, nb, resources):
        """The chapter, shorter."""
        seen = set()
        for output in (output for cell in nb.cells for output in cell.get("outputs", ())):
            if "text/html" in output.get("data", {}):
                output["data"]["text/html"] = once(output["data"]["text/html"], seen)
        return nb, resources


def once(html, seen):
    r"""HTML without the scripts that were seen before.

    >>> code = '<script>(()=>{if(customElements.get("a"))return;1})();</script>'
    >>> once(f"{code}<p></p>\n{code}", set()) == f"{code}<p></p>"
    True
    >>> more = code.replace("if(", "if(!")
    >>> once(code + more + code + more) == code + more
    True
    """
    return SCRIPT.sub(lambda found: "" if found[0].strip() in seen else seen.add(found[0].strip()) or found[0], html)
