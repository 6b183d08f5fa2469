"""Every page of the book holds each script of its figures once."""

import re

SCRIPT = re.compile(r"<script>\(\(\)=>\{if\(customElements\.get\(.*?</script>", re.DOTALL)


def setup(app):
    """Look through each page before it is written."""
    app.connect("html-page-context", keep_one)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def keep_one(app, pagename, templatename, context, doctree):
    """The first of equal scripts stays where it is."""
    if "body" in context:
        context["body"] = once(context["body"])


def once(body):
    """The page without the second and later copies of a script.

    >>> code = '<script>(()=>{if(customElements.get("a"))return;1})();</script>'
    >>> once(f"{code}<p></p>{code}") == f"{code}<p></p>"
    True
    """
    seen = set()
    return SCRIPT.sub(lambda found: "" if found[0] in seen else seen.add(found[0]) or found[0], body)
