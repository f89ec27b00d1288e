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


def begin(size: int = 1, directions: int = 1) -> FloatArray:
    """The state of ``size`` gauges before the first tick, shape (K, directions, shifts, 6)."""
    state = onset.begin(size * directions, SHIFTS)
    return state.reshape(size, directions, len(SHIFTS), -1)


def step(
    state: FloatArray,
    canary: FloatArray,
    baseline: FloatArray,
    variance: FloatArray,
    at: float,
    signs: FloatArray,
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
    signs
        1 for each direction that is upwards and -1 for one downwards, shape (directions,).
    """
    difference = canary - baseline
    level = np.maximum(np.abs(canary), np.abs(baseline))
    some = np.where(level > 0, level, 1.0)
    # In parts of the larger side, so that no unit is too large to square.
    moved = np.where(level > 0, difference / some, 0.0)
    signed = (moved[:, None] * signs)[:, :, None]
    reach = onset.REACH * (np.sqrt(variance) / some) ** 2
    return onset.advance(state, SHIFTS * (signed - 0.5 * SHIFTS), reach[:, None, None], at)


def began(state: FloatArray, row: int = 0) -> Began | None:
    """The onset of a gauge's loudest shift in any direction; None where none has gathered."""
    heard = state[row].reshape(-1, state.shape[-1])
    loudest = heard[int(heard[:, onset.SUM].argmax())]
    return onset.told(loudest) if loudest[onset.SUM] > 0 else None
