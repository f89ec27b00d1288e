"""One stage put together: the outlook of every metric, and whether the stage can decide."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.durations import format_duration
from canarystats.plan import latency, outlook, rates, values
from canarystats.plan.outlook import CHANCES, LIKELY
from canarystats.plan.records import Outlook, StagePlan, Times
from canarystats.plan.situation import TRAFFICS
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from canarystats.plan.situation import Situation
    from canarystats.policy import Metric

    FloatArray = NDArray[np.float64]
    Found = list[tuple[Outlook, FloatArray | None]]

SMALLEST = 1e-9  # requests a tick, so that none is a division by very little


def stage_plan(situation: Situation) -> StagePlan:
    """What one stage can decide."""
    found: list[Outlook] = []
    proofs: list[FloatArray] = []
    missing: list[str] = []
    for metric in situation.policy.metrics:
        for told, proof in _told(situation, metric):
            found.append(told)
            needed = metric.required and not metric.dry_run
            if proof is not None and needed:
                proofs.append(proof[:, len(situation.grid) :])
            elif needed and metric.compare and told.reason and not situation.untold:
                missing.append(f"{metric.name}: {told.reason}")
    shown = _shown(situation, proofs)
    promote = np.maximum(shown, situation.policy.min_duration)
    record = StagePlan(
        stage=situation.policy.stage,
        share=situation.share,
        duration_seconds=situation.duration,
        traffic=situation.traffic,
        outlooks=tuple(found),
        promote=outlook.times(promote[:, 0]),
        left_out=tuple(_left_out(situation.policy.metrics)),
        can="decide",
    )
    return record.model_copy(update=_said(situation, proofs, missing, shown))


def _said(
    situation: Situation, proofs: list[FloatArray], missing: list[str], shown: FloatArray
) -> dict[str, object]:
    """Whether the stage can decide, and why not."""
    if situation.untold or not proofs:
        reason = situation.untold or "no metric is compared: only time and samples are asked for"
        nothing = not missing
        if nothing:
            return {"can": "compare nothing", "reason": reason}
    likely = max(float(shown[LIKELY, 0]), situation.policy.min_duration)
    needs = None
    if situation.policy.min_duration <= situation.duration:
        traffics = situation.traffic * TRAFFICS
        needs = outlook.traffic_for(traffics, shown[LIKELY, 1:], situation.duration)
    if missing:
        return {
            "can": "unknown",
            "reason": "; ".join(missing),
            "promote": Times(),
            "traffic_needed": needs,
        }
    if likely <= situation.duration:
        return {"can": "decide", "traffic_needed": needs}
    return {"can": "never", "traffic_needed": needs, "reason": _why(situation, likely, needs)}


def _why(situation: Situation, likely: float, needs: float | None) -> str:
    within = format_duration(float(round(situation.duration)))
    if situation.policy.min_duration > situation.duration:
        least = format_duration(situation.policy.min_duration)
        return f"it lasts {within}, less than its minimum of {least}"
    if needs is None:
        return "no traffic shows a healthy canary to be not worse in time"
    if math.isinf(likely):
        return f"a healthy canary is never shown to be not worse within {within}"
    return f"a healthy canary is shown to be not worse only after {format_duration(likely)}"


def _shown(situation: Situation, proofs: list[FloatArray]) -> FloatArray:
    """Seconds until all is shown and enough is served, shape (chances, 1 + traffics)."""
    policy = situation.policy
    canary = situation.sides[0] * np.concatenate([[1.0], TRAFFICS])
    ticks = np.ceil(policy.min_samples / np.maximum(canary, SMALLEST) - 1e-9)
    counts = any(set(m.kinds) & {Kind.COUNTS, Kind.HISTOGRAM} for m in policy.metrics)
    least = ticks * policy.interval * counts
    found: FloatArray = np.max([np.tile(least, (len(CHANCES), 1)), *proofs], axis=0)
    return found


def _told(situation: Situation, metric: Metric) -> Found:
    if Kind.COUNTS in metric.kinds:
        return rates.outlooks(situation, metric)
    if Kind.HISTOGRAM in metric.kinds:
        return latency.outlooks(situation, metric)
    if Kind.GAUGE in metric.kinds:
        return values.outlooks(situation, metric)
    return []


def _left_out(metrics: Sequence[Metric]) -> Iterator[str]:
    """What promotion asks for and no time is given for."""
    for metric in metrics:
        if metric.dry_run or not metric.required:
            continue
        if metric.compare and set(metric.kinds) == {Kind.SAMPLES}:
            yield f"{metric.name}: raw samples are looked at once, at the end"
        if metric.target is not None and Kind.COUNTS not in metric.kinds:
            yield f"{metric.name}: the time to prove its target"
