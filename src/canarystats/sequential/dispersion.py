"""How bursty counts are: the Fano factor of the baseline, learned while the rollout runs.

Errors that come in clumps vary more than independent ones, and a test that takes them for
independent finds differences everywhere. Dividing the gain of every look by the Fano factor F
(the variance over the Poisson variance) keeps an e-process honest: E to the power 1/F is still an
e-value where F is right and at least 1. F is the larger of two estimates from first differences of
the baseline's counts, adjusted for exposure: from tick to tick, which sees clumps, and between
batches of twenty ticks, which sees slow noise of one arm. It uses only ticks that are over, so a
look never sets its own discount. A canary that is burstier than its baseline breaks it.

References
----------
Fano (1947), Ionization yield of radiations II, Physical Review 72:26.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BATCH_TICKS = 20
PRIOR_FANO = 2.0  # until the baseline has shown better, counts may well come in pairs
PRIOR_DIFFERENCES = 4.0
BATCH_PRIOR_DIFFERENCES = 2.0
FEWEST_BATCHES = 5


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one step brought: values, what they are proportional to, and their Poisson variance.

    Shape (m,) each; for errors these are the errors, their exposure and the errors again.
    """

    values: FloatArray
    scale: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """First differences on one time scale.

    Parameters
    ----------
    before
        The step before; its scale is 0 before the first.
    squares, expected
        Sums of squared differences and of what independent counts would give, shape (m,).
    count
        How many.
    """

    before: Seen
    squares: FloatArray
    expected: FloatArray
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """What is known of the burstiness of m kinds of counts."""

    ticks: Differences
    batches: Differences
    batch: Seen
    in_batch: int


def begin(m: int) -> Dispersion:
    """Nothing known yet."""
    zero = np.zeros(m)
    nothing = Seen(zero, zero, zero)
    none = Differences(nothing, zero, zero, 0)
    return Dispersion(none, none, nothing, 0)


def step(state: Dispersion, seen: Seen) -> Dispersion:
    """One tick."""
    ticks = _differenced(state.ticks, seen)
    batch = Seen(
        state.batch.values + seen.values,
        state.batch.scale + seen.scale,
        state.batch.variance + seen.variance,
    )
    if state.in_batch + 1 < BATCH_TICKS:
        return Dispersion(ticks, state.batches, batch, state.in_batch + 1)
    zero = np.zeros_like(seen.values)
    return Dispersion(ticks, _differenced(state.batches, batch), Seen(zero, zero, zero), 0)


def fano(state: Dispersion) -> FloatArray:
    """The Fano factor to divide by, at least 1, shape (m,)."""
    by_tick = _estimate(state.ticks, PRIOR_FANO, PRIOR_DIFFERENCES)
    if state.batches.count < FEWEST_BATCHES:
        return np.maximum(by_tick, 1.0)
    by_batch = _estimate(state.batches, 1.0, BATCH_PRIOR_DIFFERENCES)
    return np.maximum(np.maximum(by_tick, by_batch), 1.0)


def _differenced(state: Differences, seen: Seen) -> Differences:
    before = state.before
    if not before.scale.any():
        return Differences(seen, state.squares, state.expected, state.count)
    ratio = seen.scale / np.where(before.scale > 0, before.scale, 1.0)
    squares = state.squares + (seen.values - before.values * ratio) ** 2
    expected = state.expected + seen.variance + before.variance * ratio**2
    return Differences(seen, squares, expected, state.count + 1)


def _estimate(state: Differences, prior: float, weight: float) -> FloatArray:
    """Squares over expectation, with ``weight`` differences of the prior mixed in."""
    if not state.count:
        return np.full_like(state.squares, prior)
    extra = weight * state.expected / state.count
    known = state.expected > 0
    total = np.where(known, state.expected + extra, 1.0)
    estimate: FloatArray = np.where(known, (state.squares + prior * extra) / total, prior)
    return estimate
