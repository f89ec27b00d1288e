"""Since when a gauge lies higher or lower than its baseline: the onset of a lasting shift.

For each size of shift on a grid, the log likelihood of that shift against none, up to the noise's
variance, is summed from the onset on; the likeliest onset is where the sum is largest, which one
recursion (CUSUM) finds without looking back. The size with the largest sum speaks: the variance
scales all sums alike, so that the date need not know it. The interval does: it holds the onsets
whose log likelihood is within `onset.REACH` of the largest in noise of the long-run variance given.

Assumes one step that stays, in a difference that was about zero before. It dates a change and
tests nothing.

References
----------
Page (1954), Continuous inspection schemes, Biometrika 41:100-115.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.sequential import onset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.sequential.onset import Began

    FloatArray = NDArray[np.float64]

SHIFTS = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])  # in parts of the larger side


def begin(size: int = 1) -> FloatArray:
    """The state of ``size`` gauges before the first tick, upwards and downwards.

    Shape (K, 2, shifts, 6).
    """
    return onset.begin(2 * size, SHIFTS).reshape(size, 2, len(SHIFTS), -1)


def step(
    state: FloatArray,
    canary: FloatArray,
    baseline: FloatArray,
    variance: FloatArray,
    at: float,
) -> FloatArray:
    """One tick.

    Parameters
    ----------
    state
        From `begin` or the tick before.
    canary, baseline
        The sides, shape (K,), in the metric's unit.
    variance
        Long-run variance of their difference a tick, shape (K,), infinite where it is not known.
    at
        Unix seconds.
    """
    difference = canary - baseline
    level = np.maximum(np.abs(canary), np.abs(baseline))
    some = np.where(level > 0, level, 1.0)
    # In parts of the larger side, so that no unit is too large to square.
    moved = np.where(level > 0, difference / some, 0.0)
    signed = np.stack([moved, -moved], axis=1)[:, :, None]
    reach = onset.REACH * (np.sqrt(variance) / some) ** 2
    return onset.advance(state, SHIFTS * (signed - 0.5 * SHIFTS), reach[:, None, None], at)


def onsets(state: FloatArray, asked: NDArray[np.bool_]) -> FloatArray:
    """Unix seconds of the likeliest onset, shape (K,), NaN without; ``asked`` are directions."""
    found = [began(state, asked, row) for row in range(len(state))]
    return np.array([np.nan if each is None else each.at for each in found])


def began(state: FloatArray, asked: NDArray[np.bool_], row: int = 0) -> Began | None:
    """The onset of the loudest shift in the directions ``asked``; None where none has gathered."""
    heard = state[row, asked].reshape(-1, state.shape[-1])
    loudest = heard[int(heard[:, onset.SUM].argmax())]
    return onset.told(loudest) if loudest[onset.SUM] > 0 else None
