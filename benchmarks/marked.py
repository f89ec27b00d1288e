"""Tables in Markdown, and the marked places of a page that they fill.

A place is ``<!-- table name -->`` to ``<!-- end -->``; ``<!-- table name argument -->`` hands one
word on. What stands between the markers is replaced; the sentences around them are written by hand.
"""

from __future__ import annotations

import re

PLACE = re.compile(r"(<!-- table (\w+)(?: (\w+))? -->\n).*?(<!-- end -->)", re.DOTALL)


def table(header, rows) -> str:
    """A header and rows as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def filled(text, tables) -> str:
    """The page with its tables written anew; ``tables`` names what makes each.

    A place that ``tables`` does not name stays as it is: another measurement writes it.
    """

    def fill(match):
        head, name, argument, end = match.groups()
        if name not in tables:
            return match[0]
        made = tables[name](argument) if argument else tables[name]()
        return f"{head}{made}\n{end}"

    return PLACE.sub(fill, text)


def rewrite(page, tables) -> None:
    """Write these tables of the file anew."""
    page.write_text(filled(page.read_text("utf-8"), tables), "utf-8")
