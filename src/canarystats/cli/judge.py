"""``canarystats judge``: one verdict on a recorded rollout or on a stretch of Prometheus."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canarystats.cli import options, output
from canarystats.errors import InputError
from canarystats.monitor import judge as judge_pairs
from canarystats.sources.past import as_history, asked_of_the_past

if TYPE_CHECKING:
    from canarystats.sources.columns import FloatArray
    from canarystats.windows import Pair


@options.asks_a_server
def judge(
    recording: Annotated[
        Path | None,
        typer.Argument(help="A recorded rollout: a directory, or one CSV or Parquet file."),
    ] = None,
    policy: options.PolicyName = None,
    stage: options.Stage = None,
    share: options.Share = None,
    without: options.Without = None,
    prometheus: options.Url = None,
    start: Annotated[
        str, typer.Option("--start", help="First moment: Unix seconds, RFC 3339, now or -1h.")
    ] = "-1h",
    end: Annotated[str, typer.Option("--end", help="Last moment, likewise.")] = "now",
    baseline_offset: options.Offset = "0s",
    canary: options.Canary = None,
    baseline: options.Baseline = None,
    rollout: options.Rollout = "",
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="PATH|DURATION",
            help="Learn the ordinary noise from before the rollout: another recording, or with "
            "--prometheus so long before --start, such as 4h.",
        ),
    ] = None,
    format: options.Output = options.Format.TEXT,  # noqa: A002
    report: Annotated[
        Path | None, typer.Option("--report", help="Also write an HTML report here.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Print why, metric by metric, in place of the table.")
    ] = False,
    *,
    connect: options.Connect,
) -> int:
    """Judge a rollout once: a recorded one, or a stretch of time in Prometheus.

    Examples: `canarystats judge my-rollout/ --share 0.05`, or `canarystats judge
    --prometheus http://prometheus:9090 --start -1h --share 0.05 --without memory_bytes`.
    """
    if (recording is None) == (prometheus is None):
        msg = "give either a recorded rollout or --prometheus URL"
        raise InputError(msg)
    if explain and format is options.Format.JSON:
        msg = "--explain prints text; keep the JSON and give it to: canarystats explain FILE"
        raise InputError(msg)
    pairs: list[Pair]
    past: list[Pair] = []
    if recording is not None:
        from canarystats.sources.files import read_recording

        held = read_recording(recording)
        chosen = options.at_stage(options.chosen_policy(policy, without, held.policy), stage)
        share = held.share if share is None else share
        kept = {metric.name for metric in chosen.metrics} | set(without or ())
        pairs = [pair for pair in held.pairs if pair.name not in (without or ())]
        rollout = rollout or held.name
        _refuse_unread(pairs, kept)
        if history is not None:
            before = read_recording(history).pairs
            past = [pair for pair in before if pair.name not in (without or ())]
    else:
        chosen = options.at_stage(options.chosen_policy(policy, without, None), stage)
        source = connect(prometheus or "")
        now = time.time()
        first, last = (
            options.moment(text, name, now) for text, name in ((start, "--start"), (end, "--end"))
        )
        if first >= last:
            msg = f"--start {start} is not before --end {end}"
            raise InputError(msg)
        read = partial(
            source.read,
            baseline_offset_seconds=options.seconds(baseline_offset, "--baseline-offset"),
            canary=canary,
            baseline=baseline,
        )
        if history is not None:
            span = options.seconds(history, "--history")
            past = as_history(read(asked_of_the_past(chosen), start=first - span, end=first))
        pairs = read(chosen, start=first, end=last, upper_bounds=_bounds_of(past))
    verdict = judge_pairs(pairs, chosen, share=share, rollout=rollout, history=past)
    if explain:
        typer.echo(str(verdict.explain()))
    else:
        output.show(verdict, format)
    if report is not None:
        output.write_report(report, verdict, pairs=pairs)
    return options.EXIT_CODES[verdict.decision]


def _bounds_of(history: list[Pair]) -> dict[str, FloatArray]:
    """The buckets the rollout is read on, so that it can be held against its history."""
    return {pair.name: pair.upper_bounds for pair in history if pair.upper_bounds is not None}


def _refuse_unread(pairs: list[Pair], kept: set[str]) -> None:
    extra = [pair.name for pair in pairs if pair.name not in kept]
    if extra:
        msg = (
            f"the recording has {', '.join(extra)}, which the policy does not; name a policy that "
            "reads them, or leave them out with --without"
        )
        raise InputError(msg)
