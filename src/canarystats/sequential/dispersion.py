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

    Shape (K, kinds) each; for errors these are the errors, their exposure and the errors again. A
    NaN was not read, and a scale of 0 says nothing: either leaves its entry as it is.
    """

    values: FloatArray
    scale: FloatArray
    variance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """First differences on one time scale, shape (K, kinds) each.

    Parameters
    ----------
    before
        The step before; its scale is 0 before the first.
    squares, expected
        Sums of squared differences and of what independent counts would give.
    count
        How many.
    """

    before: Seen
    squares: FloatArray
    expected: FloatArray
    count: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """What is known of the burstiness of some kinds of counts of K metrics."""

    ticks: Differences
    batches: Differences
    batch: Seen
    in_batch: FloatArray


def begin(rows: int, kinds: int) -> Dispersion:
    """Nothing known yet."""
    zero = np.zeros((rows, kinds))
    nothing = Seen(zero, zero, zero)
    none = Differences(nothing, zero, zero, zero)
    return Dispersion(none, none, nothing, zero)


def step(state: Dispersion, seen: Seen) -> Dispersion:
    """One tick."""
    read = (seen.scale > 0) & ~np.isnan(seen.values)
    ticks = _differenced(state.ticks, seen, read)
    batch = Seen(
        np.where(read, state.batch.values + seen.values, state.batch.values),
        np.where(read, state.batch.scale + seen.scale, state.batch.scale),
        np.where(read, state.batch.variance + seen.variance, state.batch.variance),
    )
    in_batch = state.in_batch + read
    full = in_batch >= BATCH_TICKS
    if not full.any():
        return Dispersion(ticks, state.batches, batch, in_batch)
    batches = _differenced(state.batches, batch, full)
    emptied = Seen(
        np.where(full, 0.0, batch.values),
        np.where(full, 0.0, batch.scale),
        np.where(full, 0.0, batch.variance),
    )
    return Dispersion(ticks, batches, emptied, np.where(full, 0.0, in_batch))


def fano(state: Dispersion) -> FloatArray:
    """The Fano factor to divide by, at least 1, shape (K, kinds)."""
    by_tick = _estimate(state.ticks, PRIOR_FANO, PRIOR_DIFFERENCES)
    by_batch = _estimate(state.batches, 1.0, BATCH_PRIOR_DIFFERENCES)
    by_batch = np.where(state.batches.count < FEWEST_BATCHES, 1.0, by_batch)
    return np.maximum(np.maximum(by_tick, by_batch), 1.0)


def _differenced(state: Differences, seen: Seen, read: NDArray[np.bool_]) -> Differences:
    before = state.before
    paired = read & (before.scale > 0)
    ratio = np.where(paired, seen.scale, 1.0) / np.where(paired, before.scale, 1.0)
    squares = (seen.values - before.values * ratio) ** 2
    expected = seen.variance + before.variance * ratio**2
    return Differences(
        Seen(
            np.where(read, seen.values, before.values),
            np.where(read, seen.scale, before.scale),
            np.where(read, seen.variance, before.variance),
        ),
        state.squares + np.where(paired, squares, 0.0),
        state.expected + np.where(paired, expected, 0.0),
        state.count + paired,
    )


def _estimate(state: Differences, prior: float, weight: float) -> FloatArray:
    """Squares over expectation, with ``weight`` differences of the prior mixed in."""
    extra = weight * state.expected / np.maximum(state.count, 1.0)
    known = state.expected > 0
    total = np.where(known, state.expected + extra, 1.0)
    estimate: FloatArray = np.where(known, (state.squares + prior * extra) / total, prior)
    return estimate
