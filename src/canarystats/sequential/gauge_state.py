"""What K gauges side by side remember between ticks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels import drift
from canarystats.sequential.noise import Noise

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class GaugeState:
    """K gauges side by side, one a row.

    Columns of width five: worse upwards, worse downwards, not worse upwards, not worse downwards,
    plain difference; of width two: the first two of those.

    Parameters
    ----------
    noise
        What the history taught.
    ticks
        Ticks with both sides, shape (K,).
    level
        Sums of the canary's and the baseline's values, shape (K, 2).
    total
        Sums of the differences beyond their margins, shape (K, 5).
    spent
        Ticks, each counted as often as its pods are fewer than the history's, shape (K,).
    last, changes
        The last difference, and the sum of `Noise.bounded` changes since the first, shape (K,).
    mass, log_scale
        See `kernels.drift`, shapes (K, 2, grid) and (K, 2).
    batch, in_batch
        Sums of the running batch, shape (K, 5), and its ticks so far, shape (K,).
    batches, mean, squares
        The finished batches: how many, their mean and sum of squares about it.
    lowest, since
        The smallest total so far and the first tick after it in Unix seconds, shape (K, 2); NaN
        while the total is at its lowest.
    """

    noise: Noise
    ticks: FloatArray
    level: FloatArray
    total: FloatArray
    spent: FloatArray
    last: FloatArray
    changes: FloatArray
    mass: FloatArray
    log_scale: FloatArray
    batch: FloatArray
    in_batch: FloatArray
    batches: FloatArray
    mean: FloatArray
    squares: FloatArray
    lowest: FloatArray
    since: FloatArray


def start(learned: Noise) -> GaugeState:
    """The state before the first tick."""
    size = len(learned.ticks)
    one, two, five = np.zeros(size), np.zeros((size, 2)), np.zeros((size, 5))
    return GaugeState(
        noise=learned,
        ticks=one,
        level=two,
        total=five,
        spent=one,
        last=np.full(size, np.nan),
        changes=one,
        mass=drift.start(size, 2),
        log_scale=two,
        batch=five,
        in_batch=one,
        batches=one,
        mean=five,
        squares=five,
        lowest=two,
        since=np.full((size, 2), np.nan),
    )


def only_where(seen: NDArray[np.bool_], after: GaugeState, before: GaugeState) -> GaugeState:
    """The rows of ``after`` where ``seen``, shape (K,), and of ``before`` elsewhere."""
    rows = {}
    for field in fields(GaugeState)[1:]:
        new, old = getattr(after, field.name), getattr(before, field.name)
        rows[field.name] = np.where(seen.reshape(-1, *[1] * (new.ndim - 1)), new, old)
    return replace(before, **rows)
