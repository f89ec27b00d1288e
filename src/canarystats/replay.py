"""A past rollout judged again, tick by tick, as a monitor would have judged it at the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.monitor import Monitor
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from canarystats.policy import Policy
    from canarystats.verdict import Verdict


def replay(
    pairs: Sequence[Pair],
    policy: Policy,
    *,
    share: float | None = None,
    rollout: str = "",
    history: Iterable[Pair] = (),
    stop_when_decided: bool = False,
) -> Iterator[Verdict]:
    """Judge recorded windows tick by tick and give the verdict of every tick.

    Parameters
    ----------
    pairs
        One pair a metric, with times; samples have none and are looked at on the last tick.
    policy
        What is watched and how strictly; it must allow many looks.
    share
        The canary's designed share of the traffic; the policy's where None.
    rollout
        The caller's name for the rollout.
    history
        One pair a metric from before the rollout; see `Monitor`.
    stop_when_decided
        Whether to end with the first verdict that is not *hold*.

    Raises
    ------
    InputError
        If the pairs do not fit the policy or each other, or none has times.
    """
    clocks = [pair.times for pair in pairs if pair.times is not None]
    times = np.unique(np.concatenate(clocks)) if clocks else np.empty(0)
    if not times.size:
        msg = "there is no tick to replay: no pair has times"
        raise InputError(msg)
    monitor = Monitor(policy, share=share, rollout=rollout, history=history)
    for i, at in enumerate(times):
        last = i == len(times) - 1
        verdict = monitor.observe(_at(pairs, float(at), last=last))
        yield verdict
        if stop_when_decided and verdict.decision != "hold":
            return


def tick_count(pairs: Sequence[Pair]) -> int:
    """How many ticks `replay` will judge."""
    clocks = [pair.times for pair in pairs if pair.times is not None]
    return len(np.unique(np.concatenate(clocks))) if clocks else 0


def _at(pairs: Sequence[Pair], at: float, *, last: bool) -> list[Pair]:
    found = []
    for pair in pairs:
        if pair.kind is Kind.SAMPLES:
            if last:
                found.append(pair)
        elif pair.times is not None:
            row = int(np.searchsorted(pair.times, at))
            if row < len(pair.times) and pair.times[row] == at:
                found.append(pair.rows(row, row + 1))
    return found
