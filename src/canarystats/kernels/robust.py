"""Middle and width of many rows, which a few wild values do not move.

The width is the larger of two estimates of a normal standard deviation: 1.4826 times the median
absolute deviation, which holds out against half of the values, and the distance of the 5 % and 95 %
points over 3.29, which holds out against 5 % of them at each end. The second keeps series that rest
on one value most of the time from looking as if they had no width, and lets heavy tails count.

References
----------
Rousseeuw & Croux (1993), JASA 88:1273-1283 (alternatives to the median absolute deviation).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MAD_TO_SIGMA = 1.482602218505602  # 1 / ndtri(3 / 4)
CENTRAL_90 = 3.2897072539029444  # 2 ndtri(0.95)


def quantiles(rows: FloatArray, shares: tuple[float, ...]) -> FloatArray:
    """Quantiles of each row, interpolated between order statistics (Hyndman and Fan's seventh).

    Parameters
    ----------
    rows
        Shape (K, n), finite; NaN is padding.
    shares
        Each in [0, 1].

    Returns
    -------
    ndarray
        Shape (K, len(shares)); NaN for a row without values.
    """
    count = (~np.isnan(rows)).sum(axis=1)
    ordered = np.sort(rows, axis=1)
    if not rows.shape[1]:
        return np.full((len(rows), len(shares)), np.nan)
    place = np.maximum(count - 1, 0)[:, None] * np.asarray(shares)
    below = np.floor(place).astype(np.intp)
    above = np.minimum(below + 1, np.maximum(count - 1, 0)[:, None])
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, above, axis=1)
    found: FloatArray = low + (place - below) * (high - low)
    return found


def median_and_width(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median and robust standard deviation of each row.

    Parameters
    ----------
    rows
        Shape (K, n), finite, any unit; NaN is padding.

    Returns
    -------
    tuple of ndarray
        Shape (K,) each, in the unit of the values; NaN for a row without values.
    """
    low, middle, high = quantiles(rows, (0.05, 0.5, 0.95)).T
    return middle, np.maximum(_deviation(rows, middle), (high - low) / CENTRAL_90)


def median_and_deviation(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Median, and 1.4826 times the median absolute deviation; the width where that is 0.

    Rows are taken, and answers given, as by `median_and_width`.
    """
    middle, width = median_and_width(rows)
    deviation = _deviation(rows, middle)
    return middle, np.where(deviation > 0, deviation, width)


def _deviation(rows: FloatArray, middle: FloatArray) -> FloatArray:
    deviation: FloatArray = quantiles(np.abs(rows - middle[:, None]), (0.5,))[:, 0]
    return MAD_TO_SIGMA * deviation
