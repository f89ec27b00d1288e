"""How long comparisons wait for a canary that begins worse: what is read of each kind of metric."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.durations import format_duration
from canarystats.sequential import settling
from canarystats.sequential.settling import BINS, Settling
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from canarystats.folds.fold import AnyFold
    from canarystats.folds.setting import Setting, Tick

    FloatArray = NDArray[np.float64]

READ = {Kind.COUNTS, Kind.HISTOGRAM, Kind.GAUGE}


def waits(state: Settling | None, setting: Setting) -> tuple[str, ...]:
    """That comparisons wait still, as a reason to hold."""
    if state is None or state.done is not None or setting.metric.dry_run:
        return ()
    longest = format_duration(setting.policy.settle_within)
    return (f"{setting.metric.name} is not compared before it has settled, {longest} at most",)


def told(state: Settling | None, alive: float | None) -> tuple[str, ...]:
    """What evidence is to say of it."""
    if state is None or state.done is None or alive is None:
        return ()
    after = format_duration(round(state.done - alive))
    how = "settled" if state.early else "not seen to settle; compared all the same"
    return (f"{how} {after} after the canary's first tick",)


def _excess(kind: Kind, tick: Tick) -> float:
    """Canary less baseline: rates, mean places in the buckets, or means of the pods."""
    if tick.baseline is None:
        return math.nan
    ours, theirs = (_level(kind, side) for side in (tick.canary, tick.baseline))
    return ours - theirs


def _level(kind: Kind, side: FloatArray) -> float:
    if kind is Kind.GAUGE:
        there = side[np.isfinite(side)]
        return float(there.mean()) if there.size else math.nan
    if kind is Kind.COUNTS:
        return float(side[0] / side[1]) if side[1] > 0 else math.nan
    total = float(side.sum())
    return float(side @ np.arange(len(side))) / total if total > 0 else math.nan


def followed(
    states: Mapping[str, Settling],
    folds: Mapping[str, tuple[AnyFold, Any]],
    ticks: dict[str, Tick],
    alive: float | None,
) -> tuple[dict[str, Tick], dict[str, Settling]]:
    """The rows of a tick, comparing only what has settled, and how all stand after it.

    ``states`` are those before the tick, and ``alive`` is the first tick of the canary.
    """
    after, waiting = dict(states), dict(ticks)
    for name, (fold, _) in folds.items():
        metric = fold.setting.metric
        if not fold.setting.policy.settle_within:
            return ticks, after
        if not metric.compare or fold.kind not in READ or alive is None:
            continue
        if not ticks[name].comparing:  # the warm-up has not passed
            continue
        before = states.get(name, Settling())
        after[name] = _step(before, fold.setting, fold.kind, ticks[name], alive)
        begins = after[name].done is not None and not after[name].early
        compares = begins or before.done is not None
        waiting[name] = ticks[name]._replace(comparing=compares)
    return waiting, after


def _step(state: Settling, setting: Setting, kind: Kind, tick: Tick, alive: float) -> Settling:
    """One tick of a metric.

    What is settled at a tick is compared from the next one on; what is not by the longest time,
    from the tick at which it is over.
    """
    policy, harmful = setting.policy, setting.metric.harmful
    if state.done is not None:
        return state
    if tick.at - alive >= policy.settle_within:
        return Settling(done=tick.at)
    per_bin = max(math.ceil(policy.settle_within / policy.interval / BINS), 1)
    excess = _excess(kind, tick)
    excess = -excess if harmful == "decrease" else excess
    return settling.step(state, excess, tick.at, per_bin, both_ways=harmful == "either")
