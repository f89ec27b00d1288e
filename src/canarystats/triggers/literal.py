"""The eight conditions as they are written, one function each: window totals in, a look out.

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


def error_rate_absolute(canary: FloatArray, threshold: float) -> Look:
    """Canary error rate above a constant."""
    if not canary[EXPOSURE]:
        return Look(None, detail="no requests on the canary")
    rate = float(canary[EVENTS] / canary[EXPOSURE])
    return Look(rate > threshold * (1 + ROUNDING), rate, threshold)


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


ROUNDING = 1e-12  # a rate at its threshold must not cross it by floating point
