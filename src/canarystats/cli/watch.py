"""``canarystats watch``: judge a running rollout every interval until it is decided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canarystats.cli import options, output
from canarystats.errors import SourceError, SourceErrorKind
from canarystats.watch import watch as follow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from canarystats.policy import Policy
    from canarystats.sources.prometheus import Prometheus
    from canarystats.verdict import Verdict
    from canarystats.windows import Pair


@dataclass(frozen=True, slots=True)
class _Arms:
    """A server asked for two named sides."""

    server: Prometheus
    canary: str | None
    baseline: str | None
    offset_seconds: float

    def read(
        self,
        policy: Policy,
        *,
        start: float,
        end: float,
        upper_bounds: Mapping[str, Sequence[float]] | None = None,
    ) -> list[Pair]:
        """Pairs of all ticks with ``start < t <= end``."""
        return self.server.read(
            policy,
            start=start,
            end=end,
            baseline_offset_seconds=self.offset_seconds,
            canary=self.canary,
            baseline=self.baseline,
            upper_bounds=upper_bounds,
        )


@options.asks_a_server
def watch(
    prometheus: Annotated[
        str, typer.Option("--prometheus", metavar="URL", help="The Prometheus server to read.")
    ],
    policy: options.PolicyName = None,
    stage: options.Stage = None,
    share: options.Share = None,
    without: options.Without = None,
    interval: Annotated[
        str | None,
        typer.Option("--interval", metavar="DURATION", help="Time between looks; the policy's."),
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="How long to watch; until decided."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option("--state", help="Keep the monitor in this file and go on from it."),
    ] = None,
    rollout: options.Rollout = "",
    history: options.History = None,
    baseline_offset: options.Offset = "0s",
    canary: options.Canary = None,
    baseline: options.Baseline = None,
    format: options.Output = options.Format.TEXT,  # noqa: A002
    *,
    connect: options.Connect,
) -> int:
    """Judge a running rollout every interval until it is decided, or for a while.

    With `--format json` every look is one line of JSON on standard output. The exit code is that
    of the last verdict: 0 promote, 10 hold, 20 rollback.
    """
    chosen = options.at_stage(options.chosen_policy(policy, without, None), stage)
    if interval is not None:
        chosen = chosen.replace(interval=interval)
    server = connect(prometheus)
    source = _Arms(server, canary, baseline, options.seconds(baseline_offset, "--baseline-offset"))
    last: Verdict | None = None
    failure: SourceError | None = None
    for look in follow(
        source,
        chosen,
        share=share,
        rollout=rollout,
        history_seconds=0.0 if history is None else options.seconds(history, "--history"),
        state_file=state,
        for_seconds=math.inf if for_ is None else options.seconds(for_, "--for"),
    ):
        failure = look.error
        if look.error is not None:
            typer.echo(f"canarystats: holding, the source failed: {look.error}", err=True)
        if look.verdict is not None:
            last = look.verdict
            output.show_tick(last, format)
    if last is None:
        raise failure or SourceError(SourceErrorKind.UNREACHABLE, "no tick came due to be judged")
    if format is options.Format.TEXT:
        output.show(last, format)
    return options.EXIT_CODES[last.decision]
