"""How much more of one sample than of another lies above a point, at every point at once.

One pair of samples is one row. Both functions find the same of the same data.

References
----------
Smirnov (1939), Bulletin of Moscow University 2:3-16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]


def excess_of_samples(first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points, and the first sample's share above each less the second's.

    Parameters
    ----------
    first, second
        Shape (K, a) and (K, b), any unit; NaN is padding; infinities are ranked.

    Returns
    -------
    tuple of ndarray
        Shape (K, a + b) each; the excess is NaN at padding and at all but the last of tied values.
    """
    pooled = np.concatenate([first, second], axis=1)
    order = np.argsort(pooled, axis=1)  # NaN last
    points = np.take_along_axis(pooled, order, axis=1)
    real = ~np.isnan(points)
    ours = (order < first.shape[1]) & real
    excess = _excess(ours.astype(np.float64), (real & ~ours).astype(np.float64))
    ends = real.copy()
    ends[:, :-1] &= points[:, :-1] != points[:, 1:]
    return points, np.where(ends, excess, np.nan)


def excess_of_buckets(first: FloatArray, second: FloatArray) -> FloatArray:
    """The first sample's share above each upper bound less the second's, shape (K, k).

    Parameters
    ----------
    first, second
        Shape (K, k): observations in each of the same, increasing buckets, not negative; buckets
        of zeros at the end are padding.
    """
    return _excess(first, second)


def _excess(first: FloatArray, second: FloatArray) -> FloatArray:
    below = [np.cumsum(side, axis=1) for side in (first, second)]
    shares = [side / np.maximum(side[:, -1:], 1) for side in below]
    excess: FloatArray = shares[1] - shares[0]
    return excess


def furthest(excess: FloatArray, sign: int) -> tuple[FloatArray, IndexArray]:
    """The largest excess of a sign in each row, and where it is first reached."""
    signed = np.where(np.isnan(excess), -np.inf, sign * excess)
    return signed.max(axis=1), signed.argmax(axis=1)
