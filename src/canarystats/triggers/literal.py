"""The conditions as they are written, one function each: window totals in, a look out.

A look is what the rule sees at one tick: the canary's figure, what it is compared with, whether
the condition is true, and how far the figure is on its way to the threshold. ``true`` is None
where the condition cannot be evaluated, which is neither true nor false.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.kernels.buckets import interpolated_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

QUANTILE = 0.99
EVENTS, EXPOSURE = 0, 1


class Look(NamedTuple):
    """What a rule sees at one tick."""

    true: bool | None
    observed: float | None = None
    reference: float | None = None
    detail: str = ""


def error_rate(canary: FloatArray, baseline: FloatArray, threshold: float) -> Look:
    """Canary error rate above ``threshold`` times the baseline's; (events, exposure) each."""
    if not (canary[EXPOSURE] and baseline[EXPOSURE]):
        return Look(None, detail="no requests on one side")
    left = float(canary[EVENTS] / canary[EXPOSURE])
    right = float(baseline[EVENTS] / baseline[EXPOSURE])
    # Multiplied out, so that a rate exactly at the threshold is not above it by rounding.
    above = canary[EVENTS] * baseline[EXPOSURE] > (
        threshold * baseline[EVENTS] * canary[EXPOSURE] * (1 + ROUNDING)
    )
    return Look(bool(above), left, right)


def share(canary: FloatArray, threshold: float, *, above: bool) -> Look:
    """The canary's events per exposure on one side of a constant."""
    if not canary[EXPOSURE]:
        return Look(None, detail="no requests on the canary")
    return _against(float(canary[EVENTS] / canary[EXPOSURE]), threshold, above=above)


def success_rate(canary: FloatArray, threshold: float) -> Look:
    """Canary success rate below a constant."""
    if not canary[EXPOSURE]:
        return Look(None, detail="no requests on the canary")
    rate = float(1.0 - canary[EVENTS] / canary[EXPOSURE])
    return Look(rate < threshold * (1 - ROUNDING), rate, threshold)


def throughput(canary: float, designed: float, threshold: float) -> Look:
    """Canary throughput below ``threshold`` times what its share of the traffic should bring.

    ``designed`` is the baseline's throughput times share / (1 - share), summed over the ticks; NaN
    where the share is not given.
    """
    if np.isnan(designed):
        return Look(None, detail="the canary's designed traffic share is not given")
    if not designed:
        return Look(None, detail="no requests on the baseline")
    ratio = float(canary / designed)
    return Look(ratio < threshold * (1 - ROUNDING), ratio, 1.0)


def latency_p99(
    upper_bounds: FloatArray, canary: FloatArray, baseline: FloatArray, threshold: float
) -> Look:
    """Canary p99 above ``threshold`` times the baseline's, both read as PromQL reads them."""
    if not (canary.any() and baseline.any()):
        return Look(None, detail="no requests on one side")
    left, right = interpolated_quantile(upper_bounds, np.stack([canary, baseline]), QUANTILE)
    return Look(bool(left > threshold * right * (1 + ROUNDING)), float(left), float(right))


def memory(pods: FloatArray, limits: FloatArray | None, threshold: float) -> Look:
    """Any pod's use above ``threshold`` of its limit; a limit of 0 is no limit."""
    if limits is None:
        return Look(None, detail="no limit is given")
    with np.errstate(invalid="ignore"):
        limited = np.isfinite(limits) & (limits > 0)
    if not limited.any():
        return Look(None, detail="no pod has a limit (0 means unlimited)")
    used = np.isfinite(pods) & limited
    if not used.any():
        return Look(None, detail="no pod with a limit reports its use")
    share = float((pods[used] / limits[used]).max())
    return Look(share > threshold * (1 + ROUNDING), share, 1.0)


def events(total: float, threshold: float) -> Look:
    """More than ``threshold`` events within the window."""
    return Look(total > threshold, total, threshold)


def count_below(total: float, seconds: float, span: float, threshold: float) -> Look:
    """Fewer than ``threshold`` events within a window that data covers whole.

    ``seconds`` is how much of the ``span`` is covered.
    """
    if seconds < span - CLOCK_NOISE_SECONDS:
        return Look(None, detail=_not_full(seconds, span))
    return Look(total < threshold, total, threshold)


def per_second_above(total: float, seconds: float, threshold: float) -> Look:
    """More than ``threshold`` events a second, over the seconds that they may have taken."""
    return _against(total / seconds, threshold, above=True)


def per_second_below(total: float, seconds: float, span: float, threshold: float) -> Look:
    """Fewer than ``threshold`` events a second within a window that data covers whole."""
    if seconds < span - CLOCK_NOISE_SECONDS:
        return Look(None, detail=_not_full(seconds, span))
    return _against(total / seconds, threshold, above=False)


def level(pods: FloatArray, threshold: float, *, above: bool, worst: bool) -> Look:
    """The worst pod, or the mean of them all, on one side of a constant."""
    there = pods[np.isfinite(pods)]
    if not there.size:
        return Look(None, detail="no pod reports a finite value")
    if not worst:
        return _against(float(there.mean()), threshold, above=above)
    return _against(float(there.max() if above else there.min()), threshold, above=above)


def ratio(
    canary: FloatArray, baseline: FloatArray | None, threshold: float, *, above: bool
) -> Look:
    """The mean of the canary's pods on one side of ``threshold`` times the baseline's."""
    there = None if baseline is None else baseline[np.isfinite(baseline)]
    if there is None or not there.size:
        return Look(None, detail="nothing to compare with on the baseline")
    here = canary[np.isfinite(canary)]
    if not here.size:
        return Look(None, detail="no pod reports a finite value")
    left, right = float(here.mean()), float(there.mean())
    if right < 0:
        return Look(None, detail=f"the baseline is negative ({right:.4g}): it has no ratio")
    return Look(_against(left, threshold * right, above=above).true, left, right)


def quantile_above(
    upper_bounds: FloatArray, canary: FloatArray, quantile: float, threshold: float
) -> Look:
    """A quantile of the canary above a constant, read as PromQL reads it.

    A quantile beyond the last finite bound may be anything from there on: it is above a constant
    up to that bound, and cannot be held against a larger one.
    """
    if not canary.any():
        return Look(None, detail="no requests on the canary")
    last = float(upper_bounds[-2])
    within = float(canary[:-1].sum()) >= quantile * float(canary.sum()) * (1 - ROUNDING)
    if not within and threshold > last:
        return Look(
            None, last, threshold, f"the last bucket bound {last:g} lies below {threshold:g}"
        )
    value = float(interpolated_quantile(upper_bounds, canary[None, :], quantile)[0])
    if not within:
        return Look(true=True, observed=value, reference=threshold)
    return _against(value, threshold, above=True)


def _against(value: float, constant: float, *, above: bool) -> Look:
    """A figure and the constant that it is above or below; at the constant it is neither."""
    slack = abs(constant) * ROUNDING
    return Look(value > constant + slack if above else value < constant - slack, value, constant)


def _not_full(seconds: float, span: float) -> str:
    return f"data covers {seconds:.0f} of the {span:.0f} s it reads"


CLOCK_NOISE_SECONDS = 1e-6
ROUNDING = 1e-12  # a rate at its threshold must not cross it by floating point
