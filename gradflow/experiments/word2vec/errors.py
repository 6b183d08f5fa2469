"""The one exception of this package."""

from __future__ import annotations


class Word2VecError(Exception):
    """What was given cannot be worked with; the message says what, what was expected, and what to do."""
