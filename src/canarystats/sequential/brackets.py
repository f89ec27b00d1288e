"""Where a quantile lies, and how two of them compare, as far as bucket edges can tell."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from canarystats.evidence import Interval, Status
from canarystats.kernels.quantile_bounds import quantile_bracket
from canarystats.sequential.edges import slower

FloatArray = NDArray[np.float64]
INTERVAL_LEVEL = 0.95


def bracket(
    upper_bounds: FloatArray, counts: FloatArray, quantile: float, level: float = INTERVAL_LEVEL
) -> tuple[float, float]:
    """Bucket edges between which a quantile lies, at any number of looks.

    Parameters
    ----------
    upper_bounds, counts
        Shape (k,): the upper bounds of the buckets, the last one infinite, and what fell in them.
    quantile, level
        The q in "q-quantile", and the coverage, each in (0, 1).

    Notes
    -----
    Assumes that requests are independent; their bursts make it too narrow.
    """
    low, high = quantile_bracket(
        upper_bounds[:-1], slower(counts)[None], np.array([counts.sum()]), quantile, level
    )
    return max(float(low[0]), 0.0), float(high[0])


def effect(
    upper_bounds: FloatArray, quantile: float, canary: FloatArray, baseline: FloatArray
) -> dict[str, object]:
    """The fields of an evidence that tell the ratio of two quantiles, from bucket totals."""
    if not (canary.any() and baseline.any()):
        one = canary.any() or baseline.any()
        return {"status": Status.ONE_SIDE_ONLY if one else Status.NO_DATA}
    # Each side's bracket may miss half as often as the interval of their ratio.
    each = 1.0 - (1.0 - INTERVAL_LEVEL) / 2
    ours, theirs = (bracket(upper_bounds, side, quantile, each) for side in (canary, baseline))
    low = ours[0] / theirs[1] if np.isfinite(theirs[1]) else 0.0
    high = ours[1] / theirs[0] if theirs[0] > 0 and np.isfinite(ours[1]) else None
    name = f"p{100 * quantile:g}"
    return {
        "observed": _finite(ours[1]),
        "reference": _finite(theirs[1]),
        "effect_scale": f"{name} ratio",
        "interval": Interval(low=float(low), high=high, level=INTERVAL_LEVEL),
        "detail": f"{name} in {_span(ours)}, baseline's in {_span(theirs)}",
    }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _span(edges: tuple[float, float]) -> str:
    low, high = edges
    return f"({low:g}, {'∞' if math.isinf(high) else f'{high:g}'}]"
