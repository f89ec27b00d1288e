"""Lag products of what is left around steps, for many sets of steps at the price of one.

A mean that is constant between steps takes out of a sum of lag products what a few running sums
tell. So the products of the values themselves are summed once, and every set of steps after that
costs as much as it has steps, however long the row is. Rows come in channels, so that the products
of two series around the same steps are there too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]


def lag_products(values: FloatArray, most: int) -> FloatArray:
    """Sums of each channel times each channel ``lag`` ticks later.

    Parameters
    ----------
    values
        Shape (K, C, n).
    most
        Lags, 0 .. ``most``, below n.

    Returns
    -------
    ndarray
        Shape (K, C, C, most + 1).
    """
    n = values.shape[2]
    products: FloatArray = np.stack(
        [
            np.einsum("kui,kvi->kuv", values[:, :, : n - lag], values[:, :, lag:])
            for lag in range(most + 1)
        ],
        axis=3,
    )
    return products


def products_around(whole: FloatArray, sums: FloatArray, places: IntArray) -> FloatArray:
    """The same of what each value is above the mean of its segment.

    Parameters
    ----------
    whole
        What `lag_products` gives.
    sums
        Sums of the first 0 .. n values of each channel, shape (K, C, n + 1).
    places
        First values of the segments after the first, of M sets of steps, shape (K, M, k), in any
        order; 0 means none.

    Returns
    -------
    ndarray
        Shape (K, M, C, C, lags).
    """
    rows, sets, _ = places.shape
    n = sums.shape[2] - 1
    edge = np.zeros((rows, sets, 1), dtype=np.intp)
    ends = np.concatenate([edge, np.sort(places, axis=2), edge + n], axis=2)
    lags = np.arange(whole.shape[3])
    at_ends = _sums_at(sums, ends)
    means = np.diff(at_ends, axis=3) / np.maximum(np.diff(ends, axis=2), 1)[:, :, None]
    # every segment's sum of the values that come lags later, and of those that came lags before
    later = np.diff(_sums_at(sums, np.minimum(ends[..., None] + lags, n)), axis=3)
    before = np.diff(_sums_at(sums, np.maximum(ends[..., None] - lags, 0)), axis=3)
    around: FloatArray = whole[:, None] + _products_of_means(means, ends, lags)
    around -= np.einsum("kmuj,kmvjl->kmuvl", means, later)
    around -= np.einsum("kmujl,kmvj->kmuvl", before, means)
    return around


def _sums_at(sums: FloatArray, ticks: IntArray) -> FloatArray:
    """The sums of each channel at ticks of shape (K, M, ...), shape (K, M, C, ...)."""
    rows, channels = np.ogrid[: sums.shape[0], : sums.shape[1]]
    deeper = (1,) * (ticks.ndim - 2)
    own = rows.reshape(-1, 1, 1, *deeper), channels.reshape(1, 1, -1, *deeper)
    found: FloatArray = sums[own[0], own[1], ticks[:, :, None]]
    return found


def _products_of_means(means: FloatArray, ends: IntArray, lags: IntArray) -> FloatArray:
    """Sums of the segments' means times the means ``lags`` ticks later."""
    starts, stops = ends[:, :, :-1, None], ends[:, :, 1:, None]
    segments = starts.shape[2]
    total: FloatArray | float = 0.0
    for apart in range(segments):
        first, second = slice(segments - apart), slice(apart, segments)
        overlap = np.minimum(stops[:, :, first], stops[:, :, second] - lags) - np.maximum(
            starts[:, :, first], starts[:, :, second] - lags
        )
        if apart and overlap.max(initial=0) <= 0:
            break
        total = total + np.einsum(
            "kmuj,kmvj,kmjl->kmuvl",
            means[..., first],
            means[..., second],
            np.maximum(overlap, 0),
        )
    return np.asarray(total)
