"""Trends: a rise that no hour and no weekday explains, and when it reaches a limit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.kernels.limit_time import limit_time
from canarystats.kernels.seasonal_trend import seasonal_trend
from canarystats.validate import answers
from canarystats.validate.spans import DAY, held
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.kernels.seasonal_trend import Trend
    from canarystats.validate.checks import Check
    from canarystats.validate.findings import Finding
    from canarystats.validate.spans import Held, Span
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

WEEK = 7 * DAY
FIRST_SATURDAY = 2  # 1 January 1970 was a Thursday
HOURS = 24
PEAK = 0.95  # quantile of what a gauge is above its line: it must fit under the limit as well
LEAST_BASELINE = 0.5  # of the blocks, from which the week before is compared hour by hour
BESIDE_PATTERNS = "hours of the day and {} are alike over the window, beside a straight trend"
BESIDE_BASELINE = "the time before has the same hours and weekdays"


def trend(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold the rise from the first day to the last against what is allowed.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`; the target is a rise in the unit of the metric, or relative to its
        mean.
    pair
        Counts or a gauge. A baseline is the time before, at the same hours and weekdays: each
        block is then compared with its own.

    Notes
    -----
    The rise is that of a straight line over the window less a day, which is what lies between the
    middle of the first day and that of the last. Without a baseline the line is fitted beside
    indicators of the hour and, from two weeks on, of the weekday; one week can only tell weekdays
    from a weekend. Its error allows for autocorrelation and unequal weights.

    What breaks it: under two weeks, a pattern by weekday other than that of the weekend; a pattern
    that grows; days that are no UTC days shift the weekend by some hours.

    References
    ----------
    In `kernels.seasonal_trend`.
    """
    rows = held(pair, span)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "trend")
    values, weights = _blocks(pair, rows)
    beside = ""
    if pair.baseline is not None:
        values, weights, beside = _less_before(pair, span, values, weights)
    times = rows.middles()
    line = _line(values, weights, times, span, patterns=not beside)
    distance = max(span.seconds - DAY, span.seconds / 2)
    if line is None or line.blocks < answers.FEWEST_BLOCKS:
        n = int(np.isfinite(values).sum())
        why = f"{n} blocks tell no trend from a pattern"
        return answers.silent(check, Status.INSUFFICIENT, why, pair, "trend")
    scale = 1.0
    if check.relative:
        level, _ = _blocks(pair, rows)
        scale = float(np.nanmean(level))
        if not scale > 0:
            why = f"the mean is {scale:g}: nothing is relative to it"
            return answers.silent(check, Status.DEGENERATE, why, pair, "trend")
    low, high = (end * distance / scale for end in line.bounds(tail))
    rise = line.slope * distance / scale
    said = answers.evidence(
        check,
        pair,
        "trend",
        n_canary=line.blocks,
        n_effective=line.blocks / line.time,
        observed=rise,
        effect=rise,
        effect_scale="relative rise" if check.relative else "rise",
        interval=answers.interval(low, high, tail),
        assumptions=(beside or _assumed(span),),
        detail=f"from the first day to the last, {line.blocks} blocks",
    )
    word = "improving" if high < 0 else ("rising" if low > 0 else "no trend shown")
    reason = f"{word}: {check.shown(rise)} [{check.shown(low)}, {check.shown(high)}]"
    answer = answers.within(check, low, high)
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def capacity(check: Check, pair: Pair, span: Span, tail: float) -> Finding:
    """Hold the time until a gauge's peaks reach its limit against what is wanted.

    Parameters
    ----------
    check, span, tail
        As of `shares.share`; the target is a time in seconds from the end of the window on.
    pair
        A gauge whose pods are added up, and its limit, likewise.

    Notes
    -----
    The trend as of `trend`; the level that must fit under the limit is the line's end and what the
    95th percentile of blocks is above the line. The time's interval is Fieller's set.
    """
    rows = held(pair, span)
    limit = _limit(pair)
    if not rows.present.any():
        return answers.silent(check, Status.NO_DATA, "no sample", pair, "capacity")
    if limit is None:
        why = "the gauge has no limit"
        return answers.silent(check, Status.NOT_EVALUABLE, why, pair, "capacity")
    values, weights = _blocks(pair, rows)
    times = rows.middles()
    line = _line(values, weights, times, span)
    if line is None or line.blocks < answers.FEWEST_BLOCKS:
        why = f"{int(np.isfinite(values).sum())} blocks tell no trend from a pattern"
        return answers.silent(check, Status.INSUFFICIENT, why, pair, "capacity")
    level = line.mean + line.slope * (span.end - line.centre)
    about = values - (line.mean + line.slope * (times - line.centre))
    top = level + max(float(np.nanquantile(about, PEAK)), 0.0)
    reach = span.end - line.centre
    until = limit_time(
        limit - top,
        line.slope,
        line.error,
        math.hypot(line.mean_error, line.error * reach),
        line.error**2 * reach,
        freedom=line.degrees,
        coverage=1 - 2 * tail,
    )
    low = 0.0 if until.low is None else until.low
    high = math.inf if until.high is None else until.high
    if until.low is None and until.point is None:
        low = math.inf
    said = answers.evidence(
        check,
        pair,
        "capacity",
        n_canary=line.blocks,
        n_effective=line.blocks / line.time,
        observed=until.point,
        effect=until.point,
        effect_scale="seconds to the limit",
        interval=answers.interval(low, high, tail),
        assumptions=(_assumed(span), "the trend goes on"),
        detail=f"peaks of {top:.4g} against a limit of {limit:.4g}",
    )
    when = "never at this pace" if until.point is None else f"in {check.shown(until.point)}"
    reason = f"peaks at {100 * top / limit:.3g} % of the limit, there {when}" + (
        f", not before {check.shown(low)}" if 0 < low < math.inf else ""
    )
    answer = answers.within(check, low, high)
    return answers.found(check, answer, reason, said, coverage=rows.coverage)


def _blocks(pair: Pair, rows: Held, length: float | None = None) -> tuple[FloatArray, FloatArray]:
    """Values of the blocks and their weights, shape (B,) each; NaN and 0 where one is empty."""
    if pair.kind is Kind.COUNTS:
        amounts = np.stack([np.minimum(rows.values[:, 0], rows.values[:, 1]), rows.values[:, 1]], 1)
    elif pair.kind is Kind.GAUGE:
        total = np.where(np.isfinite(rows.values), rows.values, 0.0).sum(axis=1)
        amounts = np.stack([total * rows.seconds, rows.seconds], axis=1)
    else:
        msg = f"metric {pair.name!r} is of kind {pair.kind}; a trend takes counts or a gauge"
        raise InputError(msg)
    table = rows.sums(amounts, length)
    held_ = table[:, 1] > 0
    values = np.where(held_, table[:, 0] / np.where(held_, table[:, 1], 1.0), np.nan)
    return values, np.where(held_, table[:, 1], 0.0)


def _less_before(
    pair: Pair, span: Span, values: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, str]:
    """Each block less the baseline's, where most have one; else the blocks as they are."""
    rows, before = held(pair, span), held(pair, span, baseline=True)
    other, beside = _blocks(pair, before, rows.block_seconds)
    both = np.isfinite(values) & np.isfinite(other)
    if both.sum() < LEAST_BASELINE * np.isfinite(values).sum():
        return values, weights, ""
    joint = np.where(both, weights * beside / np.where(both, weights + beside, 1.0), 0.0)
    return np.where(both, values - other, np.nan), joint, BESIDE_BASELINE


def _line(
    values: FloatArray,
    weights: FloatArray,
    times: FloatArray,
    span: Span,
    *,
    patterns: bool = True,
) -> Trend | None:
    """The trend beside a constant and, with patterns, indicators of the hour and the weekday."""
    days = np.floor(times / DAY)
    hour = np.floor((times - days * DAY) / (DAY / HOURS)).astype(np.intp)
    weekday = (days.astype(np.intp) - FIRST_SATURDAY) % 7
    slow: list[FloatArray] = [np.ones((len(times), 1))]
    fast: list[FloatArray] = []
    if patterns and span.seconds >= 2 * DAY:
        told = span.seconds >= 2 * WEEK - 1
        weekly = weekday[:, None] == np.arange(1, 7) if told else (weekday < 2)[:, None]
        slow.append(weekly.astype(np.float64))
        fast.append((hour[:, None] == np.arange(1, HOURS)).astype(np.float64))
    table = np.concatenate([*slow, *fast], axis=1)
    return seasonal_trend(values, weights, times, table, sum(part.shape[1] for part in slow))


def _assumed(span: Span) -> str:
    days = "weekdays" if span.seconds >= 2 * WEEK - 1 else "working days and weekends"
    return BESIDE_PATTERNS.format(days)


def _limit(pair: Pair) -> float | None:
    if pair.limit is None:
        return None
    last = pair.limit[-1]
    known = last[np.isfinite(last) & (last > 0)]
    return float(known.sum()) if len(known) == len(last) and len(known) else None
