"""The one exception that gradflow raises for bad input."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GradflowError(Exception):
    """Something given to gradflow cannot be used; the message says what, and what to do instead."""


def unknown_name(name: object, known: Iterable[str], what: str = "name") -> GradflowError:
    """The error for a name that is not in the trace, with the nearest names that are.

    >>> str(unknown_name("a.wieght", ["a.weight", "b.weight"]))
    "unknown name 'a.wieght'. Did you mean 'a.weight' or 'b.weight'?"
    """
    names = sorted(set(known))
    if not isinstance(name, str):
        return GradflowError(f"a {what} is a string, but {name!r} is of type {type(name).__name__}.")
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        hint = f"Did you mean {_either(near)}?"
    elif names:
        shown = ", ".join(map(repr, names[:8])) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        hint = f"This trace knows {shown}."
    else:
        hint = "This trace has no named values; pass the model to gf.trace(model, ...)."
    return GradflowError(f"unknown {what} {name!r}. {hint}")


def _either(names: list[str]) -> str:
    quoted = [repr(name) for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
