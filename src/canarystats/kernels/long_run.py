"""The mean of an autocorrelated series and how uncertain it is.

The long-run variance is the variance times the autocorrelation time: n values have a mean with
variance ``long_run_variance / n``. Estimated from the window itself it is uncertain, and
Student's distribution with fewer degrees of freedom than there are effective values carries that:
Satterthwaite on the log scale, where the variance contributes ``2 / (effective - 1)`` and the
first-order autocorrelation behind the time ``(1 + time)^2 / (n * time)``. Sums run from the first
value to the last, so padding changes no bit and a batch gives what a loop over its rows gives.

References
----------
Satterthwaite (1946), Biometrics Bulletin 2:110-114.
Bartlett (1946), Supplement to the Journal of the Royal Statistical Society 8:27-41 (variance of
the first autocorrelation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.dependence import LEAST_CORRECTION, autocorrelation_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LongRun:
    """What each row says of its mean, every field of shape (K,).

    Parameters
    ----------
    n
        Values present.
    mean
        In the unit of the values; 0 without values.
    variance
        Of a single value, in that unit squared.
    long_run_variance
        n times the variance of the mean.
    time
        Autocorrelation time in ticks, at least 1.
    degrees
        Degrees of freedom of Student's distribution, at least 1.
    """

    n: FloatArray
    mean: FloatArray
    variance: FloatArray
    long_run_variance: FloatArray
    time: FloatArray
    degrees: FloatArray


def long_run(values: FloatArray) -> LongRun:
    """Estimate mean and long-run variance of each row.

    Parameters
    ----------
    values
        Shape (K, n), finite, one column a tick; NaN is a missed tick or padding.

    Notes
    -----
    Assumes that each row is stationary. A trend or a slow cycle reads as strong dependence: the
    safe direction. Slow dependence behind fast noise is underrated in short windows.
    """
    present = ~np.isnan(values)
    n = present.sum(axis=1).astype(np.float64)
    count = np.maximum(n, 1)
    mean = _total(np.where(present, values, 0.0)) / count
    off = np.where(present, values - mean[:, None], 0.0)
    mean = mean + _total(off) / count  # what rounding left of it
    squares = _total(off * off)
    time = autocorrelation_time(values, values)
    variance = squares / np.maximum(n - 1, 1)
    # centring on the window's own mean hides about time / n of the long-run variance
    hidden = np.maximum(1 - time / count, LEAST_CORRECTION)
    return LongRun(n, mean, variance, squares / count * time / hidden, time, degrees(n, time))


def degrees(n: FloatArray, time: FloatArray) -> FloatArray:
    """Degrees of freedom of a long-run variance estimated from n values, at least 1."""
    free = np.maximum(n / time - 1, 1e-9)
    uncertainty = 2 / free + (1 + time) ** 2 / (np.maximum(n, 1) * time)
    return np.maximum(2 / uncertainty, 1)


def _total(rows: FloatArray) -> FloatArray:
    if not rows.shape[1]:
        return np.zeros(len(rows))
    total: FloatArray = np.cumsum(rows, axis=1)[:, -1]
    return total
