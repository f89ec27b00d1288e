"""Availability and error budgets: what was promised, what is gone, and when the rest is.

What happened in a window is counted, not estimated: the interval of an availability is what missing
data leave open, taken once as all good and once as all bad.

References
----------
Beyer, Murphy, Rensin, Kawahara & Thorne (2018), The Site Reliability Workbook, chapters 2 and 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.evidence import Status
from canarystats.kernels.block_ratio import block_ratio
from canarystats.validate import answers
from canarystats.validate.findings import Answer, Budget
from canarystats.validate.spans import DAY, Held, held
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Span
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]

PACE = 3 * DAY  # the time whose pace is taken to go on
LOOK_BACK = {"1h": 3600.0, "6h": 21_600.0, "1d": DAY, "3d": PACE}


@dataclass(frozen=True, slots=True)
class _Measured:
    rows: Held
    bad: FloatArray  # per row, in the unit of all
    all: FloatArray

    def since(self, start: float) -> tuple[float, float]:
        kept = self.rows.present & (self.rows.times > start + 1e-6)
        return float(self.bad[kept].sum()), float(self.all[kept].sum())


def availability(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold the part of the time that a service is up against a floor.

    Parameters
    ----------
    check, span
        As of `shares.share`; ``pods`` of the check says whether any pod or all must be up.
    pair
        A gauge of 0 and 1, one column a pod; what lies between is the part of the row's time that
        it was up, as ``avg_over_time(up[5m])`` tells it.
    tail
        Not read: what happened is counted.
    """
    del tail
    rows = held(pair, span)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "availability")
    measured = _measured(pair, rows, every=check.pods == "all")
    bad, known = measured.since(span.start)
    good = known - bad
    unknown = max(span.seconds - good - bad, 0.0)
    low, high = good / (good + bad + unknown), (good + unknown) / (good + bad + unknown)
    said = answers.evidence(
        check,
        pair,
        "availability",
        n_canary=int(rows.present.sum()),
        observed=good / (good + bad),
        effect=good / (good + bad),
        effect_scale="share",
        interval=answers.interval(low, high, 0.0),
        detail=f"{bad / 60:.4g} minutes down, {unknown / 60:.4g} minutes without data",
    )
    reason = f"{check.shown(good / (good + bad))} up, {bad / 60:.4g} min down" + (
        f", {unknown / 60:.4g} min without data" if unknown > 1 else ""
    )
    return answers.found(check, answers.within(check, low, high), reason, said)


def budget(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold what is gone of an error budget against all of it.

    Parameters
    ----------
    check, span
        As of `shares.share`; the target is the objective, such as 0.999, over ``period``.
    pair
        Counts of errors and requests, or a gauge of 0 and 1, one column a pod.
    tail
        Probability that the interval of the time to exhaustion ends short of the truth.

    Notes
    -----
    Met while no more than the budget is gone, missed from there on. At the pace of the last three
    days the rest is gone in ``exhausted_in_seconds``, whose interval is that of the pace.
    """
    rows = held(pair, span)
    measured = _measured(pair, rows, every=check.pods == "all")
    bad, total = measured.since(span.start)
    if not total > 0:
        why = "no sample" if not rows.present.any() else "samples, and an exposure of 0"
        return answers.silent(check, Status.NO_DATA, why, pair, "budget")
    told = _budget(check, measured, span, tail)
    said = answers.evidence(
        check,
        pair,
        "budget",
        n_canary=int(rows.present.sum()),
        observed=1 - bad / total,
        effect=told.spent,
        effect_scale="budget spent",
        detail=f"{bad:.6g} bad of {total:.6g}",
    )
    answer = Answer.MET if told.spent <= 1 else Answer.MISSED
    return answers.found(check, answer, _spent(told), said, coverage=rows.coverage, budget=told)


def _budget(check: Check, measured: _Measured, span: Span, tail: float) -> Budget:
    allowed = 1 - check.bound
    period = span.seconds if check.period is None else check.period
    paces: dict[str, float] = {}
    for name, seconds in {**LOOK_BACK, "all": span.seconds}.items():
        if seconds <= span.seconds:
            bad, total = measured.since(span.end - seconds)
            if total > 0:
                paces[name] = bad / total / allowed
    spent = paces["all"] * measured.rows.coverage * span.seconds / period
    exhausted, ends = _exhausted(measured, span, allowed, (1 - spent) * period, tail)
    return Budget(
        objective=check.bound,
        period_seconds=period,
        allowed_seconds=allowed * period,
        spent=spent,
        burn_rates=paces,
        exhausted_in_seconds=exhausted,
        exhausted_interval=ends,
    )


def _exhausted(
    measured: _Measured, span: Span, allowed: float, left: float, tail: float
) -> tuple[float | None, tuple[float | None, float | None] | None]:
    """Seconds until what is left is gone at the recent pace, and between which."""
    if left <= 0:
        return 0.0, (0.0, 0.0)
    begin = max(span.start, span.end - PACE)
    recent = measured.rows.present & (measured.rows.times > begin + 1e-6)
    if not measured.all[recent].sum() > 0:
        return None, None
    amounts = np.stack([measured.bad, measured.all], axis=1)
    table = measured.rows.sums(np.where(recent[:, None], amounts, 0.0))
    table[~(table[:, 1] > 0)] = np.nan
    ratio = block_ratio(table[:, 0], table[:, 1])
    low, high = ratio.share_bounds(tail)
    point, late, soon = (
        left * allowed / pace if pace > 0 else math.inf for pace in (ratio.value, low, high)
    )
    return (
        point if math.isfinite(point) else None,
        (soon if math.isfinite(soon) else None, late if math.isfinite(late) else None),
    )


def _measured(pair: Pair, rows: Held, *, every: bool) -> _Measured:
    if pair.kind is Kind.COUNTS:
        values = np.where(rows.present[:, None], np.nan_to_num(rows.values), 0.0)
        return _Measured(rows, np.minimum(values[:, 0], values[:, 1]), values[:, 1])
    seconds = np.where(rows.present, rows.seconds, 0.0)
    return _Measured(rows, seconds * (1 - _up(rows, every=every)), seconds)


def _up(rows: Held, *, every: bool) -> FloatArray:
    """The part of each row's time that any pod, or every pod that is there, was up."""
    finite = np.isfinite(rows.values)
    shares = np.clip(np.where(finite, rows.values, 1.0 if every else 0.0), 0.0, 1.0)
    up: FloatArray = shares.min(axis=1) if every else shares.max(axis=1)
    return up


def _spent(told: Budget) -> str:
    parts = [
        f"{100 * told.spent:.3g} % of {told.allowed_seconds / 60:.4g} min gone",
        f"burning at {told.burn_rates['all']:.3g}",
    ]
    when = told.exhausted_in_seconds
    if when and told.spent <= 1:
        parts.append(f"the rest lasts {when / DAY:.3g} d at the last days' pace")
    return ", ".join(parts)
