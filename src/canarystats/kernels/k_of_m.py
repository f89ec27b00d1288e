"""The k-th largest of the last m values at each tick: it is over a threshold where k of m are.

A rule "k of the last m beyond the band" is one comparison of this statistic, which is why the
statistic itself can be calibrated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def kth_of_last(scores: FloatArray, k: int, m: int) -> FloatArray:
    """The k-th largest of each value and the m - 1 before it.

    Parameters
    ----------
    scores
        Shape (K, n); NaN is a missed tick.
    k, m
        At least 1, k at most m.

    Returns
    -------
    ndarray
        Shape (K, n); minus infinity where fewer than k values are there.
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    padded = np.concatenate([np.full((len(scores), m - 1), -np.inf), known], axis=1)
    if not scores.shape[1]:
        return known
    windows = sliding_window_view(padded, m, axis=1)
    found: FloatArray = np.partition(windows, m - k, axis=2)[:, :, m - k]
    return found
