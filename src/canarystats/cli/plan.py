"""``canarystats plan``: before a rollout, what each stage can see and prove."""

from __future__ import annotations

from typing import Annotated

import typer

from canarystats.cli import options
from canarystats.cli.output import terminal_width
from canarystats.plan import plan as planned


def plan(
    policy: Annotated[
        str, typer.Argument(metavar="POLICY", help="A preset's name or a policy file.")
    ],
    traffic: Annotated[
        float, typer.Option("--traffic", help="Requests a second, canary and baseline together.")
    ],
    error_rate: Annotated[
        float | None,
        typer.Option("--error-rate", help="The old version's error rate, such as 0.001."),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="PATH",
            help="Read rates and ordinary noise off this recording from before the rollout.",
        ),
    ] = None,
    share: options.Share = None,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Plan this stage only; all of them otherwise.")
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration", metavar="DURATION", help="How long a stage lasts. [its min_duration]"
        ),
    ] = None,
    mirrored: Annotated[
        float, typer.Option("--mirrored", help="In shadow: the part of the traffic duplicated.")
    ] = 0.0,
    without: options.Without = None,
    format: options.Output = options.Format.TEXT,  # noqa: A002
) -> int:
    """Say before a rollout what each stage can see, and how long it takes.

    Exit code 10 if a stage that compares can never decide in its time, or something it takes to
    say was not given; 0 otherwise. Example: `canarystats plan eight-triggers --traffic 500
    --error-rate 0.001 --share 0.05 --duration 1h`.
    """
    past = []
    if history is not None:
        from canarystats.sources.files import read_recording

        past = [pair for pair in read_recording(history).pairs if pair.name not in (without or ())]
    found = planned(
        options.chosen_policy(policy, without, None),
        traffic=traffic,
        share=share,
        base_error_rate=error_rate,
        history=past,
        stage=stage,
        duration=None if duration is None else options.seconds(duration, "--duration"),
        mirrored=mirrored,
    )
    if format is options.Format.JSON:
        typer.echo(found.to_json())
    else:
        from canarystats.report.plan import plan_lines

        typer.echo(plan_lines(found, width=terminal_width()))
    undecided = any(s.can in {"never", "unknown"} for s in found.stages)
    return UNDECIDED if undecided else 0


UNDECIDED = 10
