"""``canarystats explain`` and ``canarystats diff``: what saved verdicts say, and what changed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from canarystats.cli.output import read_verdict
from canarystats.report.difference import diff as difference

if TYPE_CHECKING:
    from canarystats.report.difference import Difference
    from canarystats.report.explanation import Explanation


class Format(StrEnum):
    """How an explanation or a difference is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


Output = Annotated[Format, typer.Option("--format", "-f", help="How to print it.")]
HELP = "A saved verdict, as `judge --format json` prints it; - is standard input."


def explain(
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help=HELP)],
    format: Output = Format.TEXT,  # noqa: A002
) -> int:
    """Say why a saved verdict is what it is, metric by metric.

    The exit code is 0 whatever the verdict: it is told, not decided.
    """
    _print(read_verdict(verdict).explain(), format)
    return 0


def diff(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help=HELP)],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="A later one.")],
    format: Output = Format.TEXT,  # noqa: A002
) -> int:
    """Say what changed between two saved verdicts.

    The exit code is 0 whether or not anything changed.
    """
    _print(difference(read_verdict(before), read_verdict(after)), format)
    return 0


def _print(told: Explanation | Difference, how: Format) -> None:
    written = {Format.TEXT: told.__str__, Format.MARKDOWN: told.markdown, Format.JSON: told.to_json}
    typer.echo(written[how]())
