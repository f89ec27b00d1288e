"""Since when a canary has had more errors: the likeliest onset, and where else it may lie.

Given all errors of a tick, those of the canary are binomial with its share of the requests. For
each ratio of rates on a grid the log likelihood against an equal rate is summed from the onset on;
the likeliest onset is where the sum is largest, which one recursion (CUSUM) finds without looking
back. The ratio with the largest sum speaks. Onsets whose log likelihood is within `REACH` of the
largest are the interval.

Assumes one step that stays, and errors that come one by one; bursts make the interval too short.
It dates a change and tests nothing: what may act is the e-processes of the budget.

References
----------
Page (1954), Continuous inspection schemes, Biometrika 41:100-115.
Hinkley (1970), Inference about the change-point in a sequence of random variables, Biometrika 57.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
RATIOS = np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0])
REACH = 3.0  # log likelihood; about 95 % of onsets, measured in docs/verdict.md
SUM, LIKELIEST, LATEST, DEPTH, EARLIEST = range(5)


class Began(NamedTuple):
    """Unix seconds of the likeliest onset, and the ends of its interval."""

    at: float
    earliest: float
    latest: float


def begin() -> FloatArray:
    """The state before the first tick, shape (ratios, 5)."""
    state = np.zeros((len(RATIOS), 5))
    state[:, [LIKELIEST, LATEST, EARLIEST]] = np.nan
    return state


def step(state: FloatArray, canary: FloatArray, baseline: FloatArray, at: float) -> FloatArray:
    """One tick of (events, exposure) on both sides; without exposure it tells nothing."""
    exposure = canary[1] + baseline[1]
    if not (canary[1] > 0 and baseline[1] > 0):
        return state
    share, errors = canary[1] / exposure, canary[0] + baseline[0]
    gain = canary[0] * np.log(RATIOS) - errors * np.log1p((RATIOS - 1.0) * share)
    after = state.copy()
    held = state[:, SUM]
    fresh = (held <= 0) | np.isnan(state[:, LIKELIEST])
    after[fresh, LIKELIEST] = at
    after[fresh | (held <= REACH), LATEST] = at
    # How far the running minimum has sunk since `EARLIEST`; a new one is taken after twice REACH,
    # so that on average the onsets within REACH of the minimum are reached back to.
    sunk = state[:, DEPTH] + np.maximum(-(held + gain), 0.0)
    anew = np.isnan(state[:, EARLIEST]) | (sunk > 2.0 * REACH)
    after[anew, EARLIEST] = at
    after[:, DEPTH] = np.where(anew, 0.0, sunk)
    after[:, SUM] = np.maximum(held + gain, 0.0)
    return after


def loudest(state: FloatArray) -> float:
    """The largest log likelihood ratio that has gathered."""
    return float(state[:, SUM].max())


def began(state: FloatArray) -> Began | None:
    """The onset of what has gathered; None where too little has to date anything."""
    loudest = int(state[:, SUM].argmax())
    row = state[loudest]
    if row[SUM] <= REACH:
        return None
    earliest = min(row[EARLIEST], row[LIKELIEST])
    return Began(float(row[LIKELIEST]), float(earliest), float(max(row[LATEST], row[LIKELIEST])))
