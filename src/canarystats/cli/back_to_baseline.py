"""``canarystats validate back-to-baseline``: whether a rollback brought things back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canarystats.cli import options
from canarystats.cli.validate import told
from canarystats.errors import InputError
from canarystats.policy import format_duration
from canarystats.validate import back_to_baseline as test_return
from canarystats.validate.baselines import COMPARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.windows import Pair

After = Annotated[
    str,
    typer.Option("--after", metavar="MOMENT", help="When the rollback was complete, e.g. -15m."),
]
Before = Annotated[
    str | None,
    typer.Option(
        "--before",
        metavar="MOMENT",
        help="When the rollout began; what ended then is the baseline.",
    ),
]
Offset = Annotated[
    str | None,
    typer.Option(
        "--baseline-offset",
        metavar="DURATION",
        help="Or how long before lies the baseline, such as 1w: the same hours.",
    ),
]
Matchers = Annotated[
    str,
    typer.Option(
        "--matchers",
        metavar="MATCHERS",
        help="Label matchers of the service, for $arm. [the policy's baseline]",
    ),
]


@options.asks_a_server
def back_to_baseline(
    after: After,
    prometheus: options.Url = None,
    recording: Annotated[
        Path | None, typer.Option("--recording", help="Read a recording that has a baseline.")
    ] = None,
    before: Before = None,
    baseline_offset: Offset = None,
    end: Annotated[
        str, typer.Option("--end", metavar="MOMENT", help="Last moment that is read.")
    ] = "now",
    policy: options.PolicyName = None,
    without: options.Without = None,
    matchers: Matchers = "",
    margin: Annotated[
        float, typer.Option("--margin", help="What is this near, relatively, is back.")
    ] = 0.1,
    settle: Annotated[
        str, typer.Option("--settle", metavar="DURATION", help="Leave this out after --after.")
    ] = "0s",
    format: options.Output = options.Format.TEXT,  # noqa: A002
    *,
    connect: options.Connect,
) -> int:
    """Test on fresh data whether a rollback brought things back to what they were.

    Exit codes: 0 every metric is back within the margin, 10 something undecided or without data,
    20 something is not back, 2 usage, 4 the source failed. Example: `canarystats validate
    back-to-baseline --prometheus http://prometheus:9090 --before -2h --after -15m`.
    """
    from canarystats.sources import validation

    if (recording is None) == (prometheus is None):
        msg = "give either --recording PATH or --prometheus URL"
        raise InputError(msg)
    now = time.time()
    since = options.moment(after, "--after", now)
    if recording is not None:
        if before or baseline_offset:
            msg = "a recording holds its baseline; --before and --baseline-offset read a server"
            raise InputError(msg)
        pairs = _recorded(recording, without or ())
    else:
        last = options.moment(end, "--end", now)
        asked = options.chosen_policy(policy, without, None)
        pairs = validation.read_after_rollback(
            connect(prometheus or ""),
            asked,
            after=since,
            end=last,
            offset_seconds=_offset(before, baseline_offset, since, last, now),
            matchers=matchers,
        )
        _say_left_out(validation.not_compared_with_before(asked))
    settled = options.seconds(settle, "--settle")
    return told(test_return(pairs, since=since, margin=margin, settle_seconds=settled), format)


def _offset(
    before: str | None, baseline_offset: str | None, after: float, end: float, now: float
) -> float:
    """How long before the fresh time lies the time that it is held against."""
    if (before is None) == (baseline_offset is None):
        msg = "give either --before MOMENT, when the rollout began, or --baseline-offset DURATION"
        raise InputError(msg)
    if after >= end:
        msg = "--after is not before --end, so there is no fresh time to test"
        raise InputError(msg)
    if baseline_offset is not None:
        offset = options.seconds(baseline_offset, "--baseline-offset")
        if offset < end - after:
            fresh = format_duration(round(end - after))
            msg = f"--baseline-offset {baseline_offset} reaches into the fresh time, {fresh} long"
            raise InputError(msg)
        return offset
    began = options.moment(str(before), "--before", now)
    if began >= after:
        msg = "--before is not before --after; a rollout begins before it is rolled back"
        raise InputError(msg)
    return end - began


def _recorded(recording: Path, without: Sequence[str]) -> list[Pair]:
    from canarystats.sources.files import read_recording

    pairs = [pair for pair in read_recording(recording).pairs if pair.name not in without]
    compared = [pair for pair in pairs if pair.baseline is not None and pair.kind in COMPARED]
    _say_left_out([pair.name for pair in pairs if pair not in compared])
    return compared


def _say_left_out(names: Sequence[str]) -> None:
    if names:
        typer.echo(f"canarystats: without a baseline, so not tested: {', '.join(names)}", err=True)
