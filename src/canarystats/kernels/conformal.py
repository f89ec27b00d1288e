"""Conformal p-values: how many calibration scores are at least as large as a fresh one.

Hypothesis: the fresh score and the calibration scores are exchangeable. Then ``(1 + c) / (1 + m)``,
with c of m calibration scores at least as large, is at most u with probability at most u, whatever
the distribution, ties included; none is below ``1 / (1 + m)``. What breaks it: dependent
calibration scores tell less than their number, so their share is counted as that of the effective
number of independent ones: ``(1 + e c / m) / (1 + e)``, never below ``1 / (1 + e)``.

References
----------
Vovk, Gammerman & Shafer (2005), Algorithmic learning in a random world.
Bates, Candès, Lei, Romano & Sesia (2023), Annals of Statistics 51:149-178 (outliers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def conformal_p_values(
    scores: FloatArray, calibration: FloatArray, effective: FloatArray
) -> FloatArray:
    """One-sided p-value of each score against the calibration scores of its row.

    Parameters
    ----------
    scores
        Shape (K, n), large is suspicious; NaN gives NaN.
    calibration
        Shape (K, m); NaN is padding.
    effective
        Shape (K,), how many independent scores the calibration is worth, at most its number; 0
        gives p-values of 1.

    Returns
    -------
    ndarray
        Shape (K, n), in (0, 1].
    """
    found = np.full(scores.shape, np.nan)
    ordered = np.sort(calibration, axis=1)
    count = (~np.isnan(calibration)).sum(axis=1)
    for row, held in enumerate(count):
        below = np.searchsorted(ordered[row, :held], scores[row], side="left")
        share = (held - below) / max(held, 1)
        found[row] = (1 + effective[row] * share) / (1 + effective[row])
    return np.where(np.isnan(scores), np.nan, found)


def trailing_p_values(scores: FloatArray) -> FloatArray:
    """One-sided p-value of each score against all before it in its row, shape (K, n).

    Parameters
    ----------
    scores
        Shape (K, n), large is suspicious; NaN gives NaN and is nobody's past.
    """
    found = np.full(scores.shape, np.nan)
    for row, series in enumerate(scores):
        held = ~np.isnan(series)
        at_least = _earlier_at_least(series[held])
        found[row, held] = (1 + at_least) / (1 + np.arange(len(at_least)))
    return found


def _earlier_at_least(series: FloatArray) -> FloatArray:
    """How many earlier values are at least as large as each, by merging sorted blocks."""
    n = len(series)
    # ranks from the largest down, equal values alike, so that "at least" is "rank at most"
    _, rank = np.unique(-series, return_inverse=True)
    counts = np.zeros(n)
    width = 1
    while width < n:
        # every second block counts the members of the block before it
        block = np.arange(n) // width
        late = np.flatnonzero(block % 2 == 1)
        pair = block // 2
        span = rank.max() + 1 if n else 1
        early = np.sort((pair * span + rank)[block % 2 == 0])
        key = pair[late] * span + rank[late]
        first = np.searchsorted(early, pair[late] * span, side="left")
        counts[late] += np.searchsorted(early, key, side="right") - first
        width *= 2
    return counts
