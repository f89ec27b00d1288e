"""``canarystats validate``: after a rollout, the checks of a day, a week, a month or a quarter."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canarystats.cli import options
from canarystats.cli.output import terminal_width
from canarystats.errors import InputError
from canarystats.validate import Answer, Settings, run

if TYPE_CHECKING:
    from canarystats.validate import ValidationReport
    from canarystats.windows import Pair

EXIT_CODES = {Answer.MET: 0, Answer.UNDECIDED: 10, Answer.NO_DATA: 10, Answer.MISSED: 20}


@options.asks_a_server
def validate(
    context: typer.Context,
    prometheus: options.Url = None,
    recording: Annotated[
        Path | None,
        typer.Option("--recording", help="Read a recording: a directory, CSV or Parquet."),
    ] = None,
    incidents: Annotated[
        Path | None, typer.Option("--incidents", help="A YAML or JSON list of incidents.")
    ] = None,
    changes: Annotated[
        Path | None, typer.Option("--changes", help="A YAML or JSON list of changes.")
    ] = None,
    checks: Annotated[
        Path | None,
        typer.Option("--checks", help="A YAML or JSON file that changes checks and queries."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="CHECK", help="Leave this check out. Repeatable."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="First moment. [the window before the end]")
    ] = None,
    end: Annotated[
        str | None,
        typer.Option("--end", help="Last moment. [now; of a recording its last tick]"),
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option("--interval", metavar="DURATION", help="Between ticks. [by the window]"),
    ] = None,
    matchers: Annotated[
        str,
        typer.Option(
            "--matchers", metavar="MATCHERS", help="Label matchers of the service, for $arm."
        ),
    ] = "",
    baseline_offset: Annotated[
        str | None,
        typer.Option(
            "--baseline-offset",
            metavar="DURATION",
            help="How long before lies what is compared. [whole weeks]",
        ),
    ] = None,
    format: options.Output = options.Format.TEXT,  # noqa: A002
    *,
    connect: options.Connect,
) -> int:
    """Validate the time after a rollout, check by check.

    Exit codes: 0 every check met, 10 something undecided or without data, 20 something missed,
    2 usage, 4 the source failed. Example: `canarystats validate week-1
    --prometheus http://prometheus:9090 --incidents incidents.yaml`.
    """
    from canarystats.sources import validation

    if (recording is None) == (prometheus is None):
        msg = "give either --recording PATH or --prometheus URL"
        raise InputError(msg)
    settings = Settings() if checks is None else validation.read_settings(checks)
    window = str(context.info_name)  # the word after `validate`
    asked = settings.of(window, without or ())
    now = time.time()
    last = None if end is None else options.moment(end, "--end", now)
    first = None if start is None else options.moment(start, "--start", now)
    pairs: list[Pair]
    if recording is not None:
        pairs = validation.read_recorded(recording, settings)
    else:
        last = now if last is None else last
        length = validation.length_of(window)
        if first is None and length is None:
            msg = f"--start is missing: the window {window!r} has no length of its own"
            raise InputError(msg)
        first = last - (length or 0.0) if first is None else first
        pairs = validation.read_window(
            connect(prometheus or ""),
            asked,
            settings=settings,
            start=first,
            end=last,
            interval_seconds=(
                validation.interval_of(window)
                if interval is None
                else options.seconds(interval, "--interval")
            ),
            matchers=matchers,
            baseline_offset_seconds=(
                None
                if baseline_offset is None
                else options.seconds(baseline_offset, "--baseline-offset")
            ),
        )
    report = run(
        window,
        pairs,
        incidents=None if incidents is None else validation.read_incidents(incidents),
        changes=None if changes is None else validation.read_changes(changes),
        checks=asked,
        start=first,
        end=last,
    )
    return told(report, format)


def told(report: ValidationReport, how: options.Format) -> int:
    """Print a report, and give the exit code of its answer."""
    if how is options.Format.JSON:
        typer.echo(report.to_json())
    else:
        typer.echo(f"{report}\n\n{report.table(terminal_width())}")
    return EXIT_CODES[report.answer]
