"""Since when a gauge lies higher or lower than its baseline: the onset of a lasting shift.

For each size of shift on a grid, the log likelihood of that shift against none, up to the noise's
variance, is summed from the onset on; the likeliest onset is where the sum is largest, which one
recursion (CUSUM) finds without looking back. The size with the largest sum speaks: the variance
scales all sums alike, so that it need not be known.

Assumes one step that stays, in a difference that was about zero before. It dates a change and
tests nothing.

References
----------
Page (1954), Continuous inspection schemes, Biometrika 41:100-115.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SHIFTS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])  # in parts of the larger side


def begin(size: int = 1) -> tuple[FloatArray, FloatArray]:
    """The sums and their likeliest onsets before the first tick, shape (K, 2, shifts) each.

    Upwards and downwards; an onset is NaN before any.
    """
    each = (size, 2, len(SHIFTS))
    return np.zeros(each), np.full(each, np.nan)


def step(
    sums: FloatArray, since: FloatArray, canary: FloatArray, baseline: FloatArray, at: float
) -> tuple[FloatArray, FloatArray]:
    """One tick.

    Parameters
    ----------
    sums, since
        From `begin` or the tick before.
    canary, baseline
        The sides, shape (K,), in the metric's unit.
    at
        Unix seconds.
    """
    difference = canary - baseline
    level = np.maximum(np.abs(canary), np.abs(baseline))
    # In parts of the larger side, so that no unit is too large to square.
    moved = np.where(level > 0, difference / np.where(level > 0, level, 1.0), 0.0)
    signed = np.stack([moved, -moved], axis=1)[:, :, None]
    fresh = sums <= 0
    grown = np.maximum(sums, 0.0) + SHIFTS * (signed - 0.5 * SHIFTS)
    return np.maximum(grown, 0.0), np.where(fresh, at, since)


def onset(sums: FloatArray, since: FloatArray, asked: NDArray[np.bool_]) -> FloatArray:
    """Unix seconds of the likeliest onset, shape (K,), NaN without; ``asked`` are directions."""
    heard = np.where(asked[:, None], sums, 0.0).reshape(len(sums), -1)
    loudest = heard.argmax(axis=1)[:, None]
    began = np.take_along_axis(since.reshape(len(sums), -1), loudest, axis=1)[:, 0]
    found: FloatArray = np.where(heard.max(axis=1) > 0, began, np.nan)
    return found
