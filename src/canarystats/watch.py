"""The loop of an analyzer: fetch what is new, judge it, keep the state, wait for the next tick.

The clock and the sleep are arguments, so that the loop can be driven by a test or a simulator.
An outage of the source loses nothing: the next successful fetch reaches back to the last tick
judged. The state is written after every look, so a restarted analyzer goes on where it was.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.monitor import Monitor
from canarystats.sources.past import as_history, asked_of_the_past
from canarystats.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from canarystats.policy import Policy
    from canarystats.windows import Pair

LONGEST_SETTLE_SECONDS = 2.0


class Source(Protocol):
    """Anything that gives the pairs of a stretch of time, such as `sources.Prometheus`."""

    def read(
        self,
        policy: Policy,
        *,
        start: float,
        end: float,
        upper_bounds: Mapping[str, Sequence[float]] | None = None,
    ) -> list[Pair]:
        """Pairs of all ticks with ``start < t <= end``, Unix seconds.

        ``upper_bounds`` are the bucket bounds, by metric, that the rollout began with.
        """
        ...


@dataclass(frozen=True, slots=True)
class Look:
    """One turn of the loop.

    Parameters
    ----------
    at
        Unix seconds of the last tick that was due.
    verdict
        What was judged; None where the source failed or had nothing new.
    error
        Why the source failed, if it did.
    """

    at: float
    verdict: Verdict | None = None
    error: SourceError | None = None


def watch(  # noqa: PLR0913
    source: Source,
    policy: Policy,
    *,
    share: float | None = None,
    rollout: str = "",
    history_seconds: float = 0.0,
    state_file: Path | None = None,
    for_seconds: float = math.inf,
    settle_seconds: float | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Look]:
    """Judge a running rollout every interval until it is decided or the time is up.

    Parameters
    ----------
    source
        Where the data comes from.
    policy
        What is watched; its interval is the time between looks.
    share
        The canary's designed share of the traffic; the policy's where None.
    rollout
        The caller's name for the rollout.
    history_seconds
        How far back before its first tick the ordinary noise is learned from; a monitor that was
        kept has learned already. See `sources.past.as_history` for which side is read.
    state_file
        Where the monitor is kept between looks and found again after a restart.
    for_seconds
        How long to watch.
    settle_seconds
        How long after a tick its data is asked for; a quarter of the interval, at most 2 s, where
        None.
    clock, sleep
        Unix seconds now, and how to wait.

    Raises
    ------
    SourceError
        If the source fails in a way that waiting cannot mend, or the state cannot be kept.
    InputError
        If the policy, the share, the history or the saved state cannot be right.
    """
    if not (math.isfinite(history_seconds) and history_seconds >= 0):
        msg = f"history_seconds is {history_seconds!r}; it must be at least 0"
        raise InputError(msg)
    settle = settle_seconds
    if settle is None:
        settle = min(policy.interval / 4, LONGEST_SETTLE_SECONDS)
    share = policy.designed_share if share is None else share
    monitor = _resumed(state_file, policy, share, rollout)
    _keep(state_file, monitor)
    began = clock()
    done = monitor.last_tick
    first = math.floor((began - settle) / policy.interval) * policy.interval
    done = first if done is None else done
    while True:
        due = math.floor((clock() - settle) / policy.interval) * policy.interval
        if due > done:
            monitor, look = _look(source, monitor, done, due, history_seconds)
            if look.error is None:
                done = due
                _keep(state_file, monitor)
            yield look
            if look.verdict is not None and look.verdict.decision is not Decision.HOLD:
                return
        now = clock()
        if now - began >= for_seconds:
            return
        # After a failure wait for the next tick; what came due during a slow look is due now.
        passed = math.floor((now - settle) / policy.interval) * policy.interval
        upcoming = (passed if due > done else done) + policy.interval + settle
        sleep(max(min(upcoming - now, began + for_seconds - now), 0.0))


def _look(
    source: Source, monitor: Monitor, start: float, end: float, history_seconds: float
) -> tuple[Monitor, Look]:
    try:
        if history_seconds and monitor.last_tick is None and not monitor.history:
            monitor = _taught(source, monitor, start, history_seconds)
        pairs = source.read(monitor.policy, start=start, end=end, upper_bounds=monitor.upper_bounds)
    except SourceError as error:
        if not error.retryable:
            raise
        return monitor, Look(end, error=error)
    return monitor, Look(end, verdict=monitor.observe(pairs))


def _taught(source: Source, monitor: Monitor, end: float, seconds: float) -> Monitor:
    asked = asked_of_the_past(monitor.policy)
    past = as_history(source.read(asked, start=end - seconds, end=end))
    return Monitor(monitor.policy, share=monitor.share, rollout=monitor.rollout, history=past)


def _resumed(path: Path | None, policy: Policy, share: float | None, rollout: str) -> Monitor:
    if path is None or not path.exists():
        return Monitor(policy, share=share, rollout=rollout)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the state file {path} cannot be read: {error}"
        raise SourceError(SourceErrorKind.MALFORMED, msg) from error
    try:
        monitor = Monitor.from_json(text, policy)
    except InputError as error:
        msg = f"the state file {path}: {error}"
        raise InputError(msg) from error
    if (monitor.rollout, monitor.share) != (rollout, share):
        msg = (
            f"the state file {path} belongs to the rollout {monitor.rollout!r} at share "
            f"{monitor.share}, not to {rollout!r} at share {share}"
        )
        raise InputError(msg)
    return monitor


def _keep(path: Path | None, monitor: Monitor) -> None:
    """Write the state so that a crash leaves the old one or the new one, never half of one."""
    if path is None:
        return
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(monitor.to_json(), "utf-8")
        beside.replace(path)
    except OSError as error:
        msg = f"the state file {path} cannot be written: {error.strerror}"
        raise SourceError(SourceErrorKind.UNWRITABLE, msg) from error
