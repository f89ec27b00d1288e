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
from canarystats.sequential.gauge_state import PLAIN, WORSE, GaugeState, ordinary, stretches_where

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


def log_e_values(state: GaugeState) -> FloatArray:
    """Logarithm of the e-value of each question, shape (K, 4)."""
    n = state.batches[:, None]
    mean, squares = of_batches(state)
    found = student.log_e_value(n, mean, squares / np.maximum(n - 1.0, 1.0), one_sided=True)
    about_zero = squares[:, WORSE] + n * mean[:, WORSE] ** 2
    total = n * mean[:, WORSE]
    gross = student.log_e_value_of_last(n, n, total, about_zero, np.array(GROSS_PRECISION))
    parts = (found[:, WORSE], SMALL), (gross, GROSS), (state.stretches.log_e, LATE)
    found[:, WORSE] = np.logaddexp.reduce([part + np.log(weight) for part, weight in parts])
    return np.where(n < FEWEST_BATCHES, np.minimum(found, 0.0), found)


def with_batch(before: GaugeState, after: GaugeState, value: FloatArray) -> GaugeState:
    """The state after a tick, with the stretches that the batches it finished add to.

    Parameters
    ----------
    before, after
        Before and after the tick.
    value
        The mean of the running batch, shape (K, 5).
    """
    columns = [0, 1, PLAIN]
    stepped = late_shift.step(
        before.stretches,
        after.batches,
        value[:, columns],
        before.squares[:, columns],
        ordinary(after, after.pods),
    )
    full = after.batches > before.batches
    return replace(
        after, stretches=stretches_where(full, replace(after, stretches=stepped), before)
    )


def of_batches(state: GaugeState) -> tuple[FloatArray, FloatArray]:
    """Mean and sum of squares of the batches for each question, shape (K, 4) each.

    *Worse* is asked beyond its margin, or beyond the ordinary difference between pods where that
    is larger.
    """
    mean, squares = state.mean[:, :PLAIN].copy(), state.squares[:, :PLAIN].copy()
    plain = state.mean[:, PLAIN]
    beyond = np.stack([plain, -plain], axis=1) - ordinary(state, state.pods)[:, None]
    larger = beyond < mean[:, WORSE]
    squares[:, WORSE] = np.where(larger, state.squares[:, PLAIN, None], squares[:, WORSE])
    mean[:, WORSE] = np.minimum(beyond, mean[:, WORSE])
    return mean, squares
