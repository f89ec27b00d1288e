"""What the commands write and read back: the answer alone goes to standard output."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from canarystats.cli.options import Format
from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.windows import Pair

NARROW, WIDE = 60, 140


def show(verdict: Verdict, how: Format) -> None:
    """Print a verdict whole."""
    if how is Format.JSON:
        typer.echo(verdict.to_json())
        return
    from canarystats.report.text import verdict_lines

    colour = sys.stdout.isatty()
    typer.echo(verdict_lines(verdict, width=terminal_width(), colour=colour), color=colour)


def show_tick(verdict: Verdict, how: Format) -> None:
    """Print a verdict as one line: JSON on standard output, or text."""
    if how is Format.JSON:
        typer.echo(verdict.to_json())
        return
    from canarystats.report.text import one_line

    typer.echo(one_line(verdict, width=terminal_width()), err=True)


def terminal_width() -> int:
    """Columns to write for; 100 where there is no terminal."""
    return min(max(shutil.get_terminal_size((100, 24)).columns, NARROW), WIDE)


def write_report(
    path: Path, verdict: Verdict, *, pairs: Sequence[Pair], history: Sequence[Verdict] = ()
) -> None:
    """Write the HTML report and say where it is."""
    from canarystats.report.html import write_report as write

    try:
        written = write(path, verdict, pairs=pairs, history=history)
    except OSError as error:
        msg = f"the report cannot be written to {path}: {error.strerror}"
        raise SourceError(SourceErrorKind.UNWRITABLE, msg) from error
    typer.echo(f"report: {written.resolve()}", err=True)


def read_verdict(name: str) -> Verdict:
    """The verdict saved in a file; ``-`` is standard input."""
    try:
        return Verdict.from_json(read_text(name))
    except InputError as error:
        msg = f"{name}: {error}"
        raise InputError(msg) from error


def read_text(name: str) -> str:
    """What a file or standard input holds."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not text"
        msg = f"{name} cannot be read: {said}"
        raise SourceError(SourceErrorKind.NOT_FOUND, msg) from error
