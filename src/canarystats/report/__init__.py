"""Verdicts and policies as people look at them: text for a terminal, HTML, plots.

Nothing here decides or computes anything; the rows are what a verdict already holds. ``text``
needs rich, ``html`` needs jinja2, ``plot`` needs matplotlib, each loaded on first use.
"""
