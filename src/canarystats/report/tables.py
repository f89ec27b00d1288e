"""One table of words in the shapes a person may want it: Markdown, HTML, a pandas frame."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from canarystats.report import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; what would end a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def html(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table without a style of its own."""
    top = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def frame(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> pd.DataFrame:
    """A pandas frame of the same words, one column a head."""
    import pandas as pd

    return pd.DataFrame([tuple(row) for row in rows], columns=list(heads))


def _cell(text: str) -> str:
    return words.plain(text).replace("\\", "\\\\").replace("|", "\\|")
