"""Tail quantiles: the canary's against the baseline's, from raw samples or from buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.compare import sides
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.kernels.quantiles import Observations, bound_ranks, excess_p_value
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from canarystats.evidence import Interval
    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


class QuantileBracket(NamedTuple):
    """What bucket counts say about a quantile.

    Parameters
    ----------
    low, high
        Edges of the bucket that holds it, in the unit of the bounds; None is open.
    value
        The value that PromQL's `histogram_quantile` interpolates between them.
    """

    low: float | None
    high: float | None
    value: float | None


def histogram_quantile(upper_bounds: ArrayLike, counts: ArrayLike, q: float) -> QuantileBracket:
    """Find the bucket of a quantile and the value Prometheus would interpolate.

    Parameters
    ----------
    upper_bounds
        Shape (k,), increasing, the last one infinite, any unit.
    counts
        Shape (k,): observations in each bucket, not cumulative.
    q
        In (0, 1).

    Returns
    -------
    QuantileBracket
        The quantile lies between ``low`` and ``high``; all three are None without observations.

    Raises
    ------
    InputError
        If a shape, an order or a number cannot be right.

    Examples
    --------
    >>> histogram_quantile([0.1, 0.5, float("inf")], [90, 8, 2], 0.95).value
    0.35
    """
    bounds, numbers = np.asarray(upper_bounds, np.float64), np.asarray(counts, np.float64)
    if bounds.ndim != 1 or bounds.size < 2 or not np.isposinf(bounds[-1]):
        msg = "upper_bounds must be a list of at least two bounds, the last one infinite"
        raise InputError(msg)
    if not (np.diff(bounds) > 0).all():
        msg = f"upper_bounds must increase, got {bounds.tolist()}"
        raise InputError(msg)
    if numbers.shape != bounds.shape or not (np.isfinite(numbers) & (numbers >= 0)).all():
        msg = f"counts must be {bounds.size} finite numbers of at least 0, one a bucket"
        raise InputError(msg)
    sides.require_between("q", q, 0, 1)
    held = _bucketed(bounds, numbers)
    if not held.total:
        return QuantileBracket(None, None, None)
    group = held.group(q * held.total)
    value = interpolated_quantile(bounds, numbers[None], q)[0]
    return QuantileBracket(
        sides.finite(held.lower[group]), sides.finite(held.upper[group]), sides.finite(value)
    )


def quantile_ratio(
    pair: Pair,
    *,
    q: float = 0.99,
    null_ratio: float = 1.0,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
) -> Evidence:
    """Test the ratio of the canary's quantile to the baseline's without assuming a shape.

    Parameters
    ----------
    pair
        Samples, or a histogram whose ticks are added up (a tick missing on either side is left out
        of both).
    q
        Which quantile, in (0, 1).
    null_ratio
        The ratio under the hypothesis, positive: 1 asks for any harm, a trigger's threshold for
        harm beyond it, and with ``less`` a margin for non-inferiority.
    alternative
        ``greater``: H0 is that the canary's quantile is at most ``null_ratio`` times the
        baseline's; ``less``: at least.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    harmful
        The direction that hurts; it names the question and changes no number.

    Returns
    -------
    Evidence
        ``observed`` and ``reference`` are the quantiles: an observation of raw samples, Prometheus'
        interpolation of a histogram; ``effect`` is their ratio. The interval divides the
        order-statistic bounds of both and never ends inside a bucket. Status is INSUFFICIENT where
        data of this size could never reach the level: for q = 0.99 at 5 % it takes 368 baseline
        observations.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Half the level bounds the baseline's quantile by an order statistic, half tests by an exact
    binomial tail whether the canary exceeds ``null_ratio`` times that bound more often than its own
    quantile allows. Valid for any distributions and any numbers of observations, and conservative:
    the p-value is the least level at which this rejects. Observations must be independent; requests
    that are slow together break it.

    References
    ----------
    David & Nagaraja (2003), Order Statistics, section 7.1.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> slow, fast = [0.1 * i for i in range(1, 501)], [0.01 * i for i in range(1, 501)]
    >>> pair = Pair.samples("latency_seconds", canary=slow, baseline=fast)
    >>> quantile_ratio(pair, q=0.9, null_ratio=2).decides
    True
    """
    sides.require_kind(pair, "quantile_ratio", Kind.SAMPLES, Kind.HISTOGRAM)
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("q", q, 0, 1)
    sides.require_between("null_ratio", null_ratio, 0, np.inf)
    canary, baseline, seen = _observations(pair)
    asked = sides.question(alternative, harmful)
    evidence = Evidence(
        metric=pair.name,
        method="quantile_ratio",
        question=Question.BEYOND if asked is Question.WORSE and null_ratio != 1 else asked,
        status=sides.absent(canary.total, baseline.total) or Status.OK,
        n_canary=int(canary.total),
        n_baseline=int(baseline.total),
        observed=_quantile(pair, canary, q),
        reference=_quantile(pair, baseline, q),
        level=level,
        margin=null_ratio if null_ratio != 1 else None,
        assumptions=("the observations are independent", "one look at a window fixed beforehand"),
        seen=seen,
    )
    if evidence.status is not Status.OK:
        return evidence
    found: dict[str, object] = {
        "effect": _effect(evidence.observed, evidence.reference),
        "interval": _ratio_interval(canary, baseline, q, sides.tail(alternative, level)),
        "p_value": _p_value(canary, baseline, q, null_ratio, alternative),
    }
    if _least_p_value(canary.total, baseline.total, q, alternative) > level:
        found["status"] = Status.INSUFFICIENT
        found["detail"] = (
            f"{canary.total:g} canary and {baseline.total:g} baseline observations cannot reach a "
            f"level of {level:g} at q = {q:g}"
        )
    return evidence.model_copy(update=found)


def _effect(observed: float | None, reference: float | None) -> float | None:
    if observed is None or reference is None or reference <= 0:
        return None
    return observed / reference


def _observations(pair: Pair) -> tuple[Observations, Observations, tuple[str, ...]]:
    if pair.kind is Kind.SAMPLES:
        values = sides.ordinary_values(pair)
        return _raw(values[0]), _raw(values[1]), sides.seen(pair, *values)
    baseline = pair.baseline if pair.baseline is not None else np.full_like(pair.canary, np.nan)
    bounds = pair.upper_bounds if pair.upper_bounds is not None else np.array([np.inf])
    present = ~np.isnan(pair.canary[:, 0])
    if pair.baseline is not None:
        present &= ~np.isnan(baseline[:, 0])
    return (
        _bucketed(bounds, pair.canary[present].sum(axis=0)),
        _bucketed(bounds, np.nansum(baseline[present], axis=0)),
        sides.seen(pair, pair.canary[:, 0], baseline[:, 0]),
    )


def _raw(values: FloatArray) -> Observations:
    ordered = np.sort(values[~np.isnan(values)])
    return Observations(ordered, ordered, np.arange(1.0, ordered.size + 1))


def _bucketed(bounds: FloatArray, counts: FloatArray) -> Observations:
    first = 0.0 if bounds[0] > 0 else -np.inf
    lower = np.concatenate([[first], bounds[:-1]])
    return Observations(lower, bounds, np.cumsum(counts), open_below=True)


def _quantile(pair: Pair, held: Observations, q: float) -> float | None:
    if not held.total:
        return None
    if pair.upper_bounds is None:
        return sides.finite(held.upper[held.group(q * held.total)])
    counts = np.diff(held.cumulative, prepend=0.0)
    return sides.finite(interpolated_quantile(pair.upper_bounds, counts[None], q)[0])


def _p_value(
    canary: Observations, baseline: Observations, q: float, ratio: float, alternative: str
) -> float:
    greater = float(excess_p_value(canary, baseline, q, ratio))
    if alternative == "greater":
        return greater
    less = excess_p_value(canary.mirrored(), baseline.mirrored(), 1 - q, ratio)
    return less if alternative == "less" else min(1.0, 2 * min(greater, less))


def _least_p_value(n: float, m: float, q: float, alternative: str) -> float:
    greater: float = 2 * max(q**m, (1 - q) ** n)
    less: float = 2 * max((1 - q) ** m, q**n)
    if alternative == "two-sided":
        return 2 * min(greater, less)
    return greater if alternative == "greater" else less


def _bounds(held: Observations, q: float, tail: float) -> tuple[float, float]:
    low, high = bound_ranks(held.total, q, tail)
    return (
        float(held.lower[held.group(low)]) if low > 0 else -np.inf,
        float(held.upper[held.group(high)]) if high <= held.total else np.inf,
    )


def _ratio_interval(
    canary: Observations, baseline: Observations, q: float, tail: float
) -> Interval | None:
    if min(canary.lower[0], baseline.lower[0]) < 0:
        return None  # values of both signs have no ratio
    ours, theirs = _bounds(canary, q, tail / 2), _bounds(baseline, q, tail / 2)
    low = ours[0] / theirs[1] if 0 < theirs[1] < np.inf and ours[0] > 0 else 0.0
    high = ours[1] / theirs[0] if theirs[0] > 0 else np.inf
    return sides.interval(low, high, tail)
