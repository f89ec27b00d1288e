"""The library's version, part of every verdict."""

__version__ = "0.1.0"
