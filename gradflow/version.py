"""The version of gradflow, stated once."""

__version__ = "0.1.0"
