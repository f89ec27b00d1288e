"""Since when a canary has had more errors: the likeliest onset, and where else it may lie.

Given all errors of a tick, those of the canary are binomial with its share of the requests. For
each ratio of rates on a grid the log likelihood against an equal rate is summed from the onset on;
the likeliest onset is where the sum is largest, which one recursion (CUSUM) finds without looking
back. The ratio with the largest sum speaks. Onsets whose log likelihood is within `REACH` of the
largest are the interval; where errors come in clumps, within `REACH` times their Fano factor.

Assumes one step that stays, and clumps no larger than the Fano factor says. It dates a change and
tests nothing: what may act is the e-processes of the budget.

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
SUM, LIKELIEST, LATEST, DEPTH, LOW, EARLIEST = COLUMNS = range(6)


class Began(NamedTuple):
    """Unix seconds of the likeliest onset, and the ends of its interval."""

    at: float
    earliest: float
    latest: float


def begin(size: int = 1, ratios: FloatArray = RATIOS) -> FloatArray:
    """The state of ``size`` metrics before the first tick, shape (K, ratios, 6)."""
    state = np.zeros((size, len(ratios), len(COLUMNS)))
    state[..., [LIKELIEST, LATEST, LOW, EARLIEST]] = np.nan
    return state


def step(
    state: FloatArray,
    canary: FloatArray,
    baseline: FloatArray,
    at: float,
    ratios: FloatArray = RATIOS,
    fano: FloatArray | float = 1.0,
) -> FloatArray:
    """One tick of (events, exposure) on both sides, shape (K, 2) each.

    A row without exposure on a side, or with NaN, tells nothing. ``ratios`` are those it began
    with; ``fano`` says how the events clump, one number or shape (K,).
    """
    told = ((canary[:, 1] > 0) & (baseline[:, 1] > 0))[:, None]
    if not told.any():
        return state
    (events, requests), (others, exposed) = canary.T[:, :, None], baseline.T[:, :, None]
    share = np.where(told, requests, 0.0) / np.where(told, requests + exposed, 1.0)
    gain = events * np.log(ratios) - (events + others) * np.log1p((ratios - 1.0) * share)
    reach = REACH * np.broadcast_to(fano, len(state))[:, None]
    after = advance(state, gain, reach, at)
    return after if told.all() else np.where(told[:, :, None], after, state)


def advance(state: FloatArray, gain: FloatArray, reach: FloatArray, at: float) -> FloatArray:
    """One tick of every alternative.

    Parameters
    ----------
    state
        Shape (..., 6).
    gain
        What the tick adds to each sum, shape (...).
    reach
        How far below the largest sum an onset of the interval may lie; broadcasts to (...).
    at
        Unix seconds.
    """
    after = np.empty_like(state)
    held = state[..., SUM]
    grown = held + gain
    fresh = (held <= 0) | np.isnan(state[..., LIKELIEST])
    after[..., LIKELIEST] = np.where(fresh, at, state[..., LIKELIEST])
    after[..., LATEST] = np.where(fresh | (held <= reach), at, state[..., LATEST])
    # How far the running minimum has sunk since `LOW`, of which a new one is taken after `reach`:
    # the one before is then at least `reach` above the minimum, and at most twice that.
    sunk = state[..., DEPTH] + np.maximum(-grown, 0.0)
    # A tick that tells nothing, such as one without any error, is no onset.
    none = np.isnan(state[..., LOW])
    anew = np.where(none, gain != 0, sunk > reach)
    after[..., DEPTH] = np.where(anew, 0.0, sunk)
    after[..., LOW] = np.where(anew, at, state[..., LOW])
    before = np.where(none, at, state[..., LOW])
    after[..., EARLIEST] = np.where(anew, before, state[..., EARLIEST])
    after[..., SUM] = np.maximum(grown, 0.0)
    return after


def loudest(state: FloatArray, row: int = 0) -> float:
    """The largest log likelihood ratio that a metric has gathered."""
    return float(state[row, :, SUM].max())


def began(state: FloatArray, row: int = 0) -> Began | None:
    """The onset of what a metric has gathered; None where too little has to date anything."""
    ratios = state[row]
    loudest = ratios[int(ratios[:, SUM].argmax())]
    return told(loudest) if loudest[SUM] > REACH else None


def told(alternative: FloatArray) -> Began:
    """The date that one alternative tells, shape (6,)."""
    at = float(alternative[LIKELIEST])
    earliest, latest = min(alternative[EARLIEST], at), max(alternative[LATEST], at)
    return Began(at, float(earliest), float(latest))
