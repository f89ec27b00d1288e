"""What the batches of gauges without enough history have shown: t-tests at any number of looks.

*Worse* is the mean of three e-values: of the mean since the first batch, under a prior tuned for
small effects and under one for gross ones, and of a rise in mid-rollout (`late_shift`). *Not worse*
is the first of them alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels import student
from canarystats.sequential import late_shift
from canarystats.sequential.gauge_state import (
    NOT_WORSE,
    PLAIN,
    WORSE,
    GaugeState,
    ordinary,
    stretches_where,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

# Not even batches that are all the same bring a one-sided e-value of 20 sooner, and where a policy
# asks for less, fewer say too little of their own spread.
FEWEST_BATCHES = 6


# Weights in *worse* of the mean since the first batch, tuned for small effects and for gross ones,
# and of the stretches.
SMALL, GROSS, LATE = 0.55, 0.1, 0.35
GROSS_PRECISION = 0.1


def log_e_values(state: GaugeState, assumed: float) -> FloatArray:
    """Logarithm of the e-value of each question, shape (K, 4).

    ``assumed`` is what `gauge_state.ordinary` takes for the difference of pods not shown yet.
    """
    n = state.batches[:, None]
    mean, squares = of_batches(state, assumed)
    variance = squares / np.maximum(n - 1.0, 1.0)
    worse = worse_since_first(n, mean[:, WORSE], variance[:, WORSE])
    late = state.stretches.log_e + np.log(LATE)
    not_worse = student.log_e_value(n, mean[:, NOT_WORSE], variance[:, NOT_WORSE], one_sided=True)
    return told(n, np.concatenate([np.logaddexp(worse, late), not_worse], axis=1))


def worse_since_first(n: FloatArray, mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Logarithm of what the mean since the first batch adds to *worse*: both priors, weighed.

    Parameters
    ----------
    n
        Batches; a shape that fits the others.
    mean, variance
        Sample mean and sample variance of the batches, one shape.
    """
    small = student.log_e_value(n, mean, variance, one_sided=True)
    about_zero = np.maximum(n - 1.0, 0.0) * variance + n * mean * mean
    gross = student.log_e_value_of_last(n, n, n * mean, about_zero, np.array(GROSS_PRECISION))
    weighed: FloatArray = np.logaddexp(small + np.log(SMALL), gross + np.log(GROSS))
    return weighed


def told(n: FloatArray, log_e: FloatArray) -> FloatArray:
    """What may be told of an e-value of ``n`` batches: nothing in favour while they are too few."""
    return np.where(n < FEWEST_BATCHES, np.minimum(log_e, 0.0), log_e)


def with_batch(
    before: GaugeState, after: GaugeState, value: FloatArray, assumed: float
) -> GaugeState:
    """The state after a tick, with the stretches that the batches it finished add to.

    Parameters
    ----------
    before, after
        Before and after the tick.
    value
        The mean of the running batch, shape (K, 5).
    assumed
        As `log_e_values` takes it.
    """
    columns = [0, 1, PLAIN]
    stepped = late_shift.step(
        before.stretches,
        after.batches,
        value[:, columns],
        before.squares[:, columns],
        ordinary(after, after.pods, assumed),
    )
    full = after.batches > before.batches
    return replace(
        after, stretches=stretches_where(full, replace(after, stretches=stepped), before)
    )


def of_batches(state: GaugeState, assumed: float) -> tuple[FloatArray, FloatArray]:
    """Mean and sum of squares of the batches for each question, shape (K, 4) each.

    *Worse* is asked beyond its margin, or beyond the ordinary difference between pods where that
    is larger.
    """
    mean, squares = state.mean[:, :PLAIN].copy(), state.squares[:, :PLAIN].copy()
    plain = state.mean[:, PLAIN]
    beyond = np.stack([plain, -plain], axis=1) - ordinary(state, state.pods, assumed)[:, None]
    larger = beyond < mean[:, WORSE]
    squares[:, WORSE] = np.where(larger, state.squares[:, PLAIN, None], squares[:, WORSE])
    mean[:, WORSE] = np.minimum(beyond, mean[:, WORSE])
    return mean, squares


def variance(state: GaugeState, batch: int) -> FloatArray:
    """Long-run variance of a tick's difference, by its batches; infinite while they are too few."""
    n = state.batches
    told = state.squares[:, PLAIN] / np.maximum(n - 1.0, 1.0) * state.noise.batch(batch)
    return np.where(n >= FEWEST_BATCHES, told, np.inf)
