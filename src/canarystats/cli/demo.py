"""``canarystats demo``: a recorded rollout of a real shop, judged tick by tick."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from canarystats.cli import options, output
from canarystats.errors import InputError, SourceError
from canarystats.presets import load_policy
from canarystats.replay import replay, tick_count
from canarystats.sources.files import list_recordings, read_recording, shipped

SECONDS_A_TICK = 0.15  # slow enough to see it happen, on a terminal only


def demo(
    recording: Annotated[
        str, typer.Argument(help="Which shipped recording to replay.")
    ] = "online-shop-adservice",
    report: Annotated[
        Path, typer.Option("--report", help="Where to write the HTML report.")
    ] = Path("canarystats-report.html"),
    format: options.Output = options.Format.TEXT,  # noqa: A002
) -> int:
    """Replay a recorded rollout through the judge and end on its verdict.

    The telemetry is real; its source and licence stand beside it in the package. The exit code is
    0 whatever the verdict: it is a demonstration, not a decision.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    if recording not in list_recordings():
        msg = f"there is no recording {recording!r}; there are {', '.join(list_recordings())}"
        raise InputError(msg)
    held = read_recording(shipped(recording))
    policy = load_policy(held.policy or options.DEFAULT_POLICY)
    typer.echo(f"{held.name}: {held.description}", err=True)
    history = []
    columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("judging", total=tick_count(held.pairs))
        for verdict in replay(held.pairs, policy, share=held.share, rollout=held.name):
            history.append(verdict)
            decision = f"{verdict.decision.upper():<8} score {verdict.score:3.0f}"
            progress.update(bar, advance=1, description=decision)
            time.sleep(SECONDS_A_TICK if sys.stderr.isatty() else 0.0)
    output.show(history[-1], format)
    try:
        output.write_report(report, history[-1], pairs=held.pairs, history=history)
    except SourceError as error:
        typer.echo(f"canarystats: {error}", err=True)
        return 4
    return 0
