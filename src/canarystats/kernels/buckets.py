"""Quantiles of bucket counts, interpolated as Prometheus does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def interpolated_quantile(upper_bounds: FloatArray, counts: FloatArray, q: float) -> FloatArray:
    """The q-quantile of each row, linear inside its bucket, as PromQL's `histogram_quantile`.

    Parameters
    ----------
    upper_bounds
        Shape (k,), increasing, the last one infinite, any unit.
    counts
        Shape (K, k): observations in each bucket, not cumulative.
    q
        In [0, 1].

    Returns
    -------
    ndarray
        Shape (K,), in the unit of the bounds. The first bucket begins at 0 where its bound is
        positive, and is its bound otherwise; a quantile in the last bucket is the last finite
        bound; NaN without observations.

    Notes
    -----
    The value is exact only where it falls on a bound: inside a bucket it is off by up to the
    bucket's width, whatever the number of observations.
    """
    cumulative = np.cumsum(counts, axis=1)
    total = cumulative[:, -1]
    rank = q * total
    # the last bucket is where the search ends, never one that is searched
    bucket = (cumulative[:, :-1] < rank[:, None]).sum(axis=1)
    rows = np.arange(len(counts))
    before = np.where(bucket > 0, cumulative[rows, np.maximum(bucket - 1, 0)], 0.0)
    edges = np.concatenate([[0.0], upper_bounds[:-1], upper_bounds[-2:-1]])
    start, end = edges[bucket], edges[bucket + 1]
    inside = cumulative[rows, bucket] - before
    with np.errstate(invalid="ignore", divide="ignore"):
        value = start + (end - start) * ((rank - before) / inside)
    value = np.where(bucket == len(upper_bounds) - 1, upper_bounds[-2], value)
    if upper_bounds[0] <= 0:
        value = np.where(bucket == 0, upper_bounds[0], value)
    result: FloatArray = np.where(total > 0, value, np.nan)
    return result
