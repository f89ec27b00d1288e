"""How many independent values an autocorrelated series is worth.

The integrated autocorrelation time is 1 + 2 * (the sum of all autocorrelations): a series of n
values is worth n / time independent ones. Two estimates are taken from the ranks within each side
and the larger one is used: that of an AR(1) process with its coefficient corrected for bias, which
is steady in short windows, and the initial monotone sequence, which knows no model and sees
moving averages, slow second components and cycles. Ranks make it immune to wild values; their lag
products are whole numbers below 2^53 (up to 200 000 ticks), so a batch gives bit for bit what a
loop over its rows gives.

References
----------
Geyer (1992), Statistical Science 7:473-483 (initial monotone sequence).
Marriott & Pope (1954), Biometrika 41:390-402; Kendall (1954), Biometrika 41:403-404 (bias of the
first autocorrelation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.ranks import midranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

LEAST_CORRECTION = 0.05  # the correction for short windows multiplies by at most 20


@dataclass(frozen=True, slots=True)
class _Side:
    scores: FloatArray  # centred ranks, 0 where missing
    present: FloatArray  # 1 or 0
    count: FloatArray
    span: FloatArray  # ticks from the first to the last value
    power: FloatArray  # sum of squared scores

    @property
    def weight(self) -> FloatArray:
        # a side that never changes says nothing of the dependence
        return np.where(self.power > 0, self.count, 0.0)


def autocorrelation_time(first: FloatArray, second: FloatArray) -> FloatArray:
    """Integrated autocorrelation time, in ticks, pooled over two sides of the same process.

    Parameters
    ----------
    first, second
        Shape (K, n) each, one column a tick, any unit; NaN is a missed tick or padding, and keeps
        its place in time.

    Returns
    -------
    ndarray
        Shape (K,), at least 1 and at most the mean number of values a side. Where neither side
        varies nothing is known of the dependence, and the time is that maximum.

    Notes
    -----
    Assumes that each side is stationary in the window and that both share one autocorrelation. A
    trend or a cycle longer than the window reads as strong dependence: the safe direction. Negative
    autocorrelation is not credited.
    """
    sides = (_side(first), _side(second))
    speaking = (sides[0].weight > 0) * 1.0 + (sides[1].weight > 0)
    count = (sides[0].weight + sides[1].weight) / np.maximum(speaking, 1)
    lag_one = _pooled(sides, 1)
    time = np.maximum(
        _first_order_time(lag_one, count), _monotone_sequence_time(lag_one, sides, count)
    )
    most = np.maximum((sides[0].count + sides[1].count) / 2, 1)
    return np.where(speaking > 0, np.clip(time, 1, most), most)


def _side(values: FloatArray) -> _Side:
    width = values.shape[1]
    present = (~np.isnan(values)).astype(np.float64)
    count = present.sum(axis=1)
    scores = np.where(present > 0, 2 * midranks(values) - (count[:, None] + 1), 0.0)
    position = np.arange(1, width + 1)
    last = (present * position).max(axis=1, initial=0)
    first = np.where(present > 0, position, width + 1).min(axis=1, initial=width + 1)
    span = np.maximum(last - first + 1, 0)
    return _Side(scores, present, count, span, (scores * scores).sum(axis=1))


def _pooled(sides: tuple[_Side, _Side], lag: int) -> FloatArray:
    total = sides[0].weight * _autocorrelation(sides[0], lag)
    total = total + sides[1].weight * _autocorrelation(sides[1], lag)
    pooled: FloatArray = total / np.maximum(sides[0].weight + sides[1].weight, 1)
    return pooled


def _autocorrelation(side: _Side, lag: int) -> FloatArray:
    # the mean product of the pairs that are there, tapered as without gaps by the share of lags
    products = (side.scores[:, :-lag] * side.scores[:, lag:]).sum(axis=1)
    pairs = (side.present[:, :-lag] * side.present[:, lag:]).sum(axis=1)
    taper = np.maximum(1 - lag / np.maximum(side.span, 1), 0) * side.count
    correlation: FloatArray = (
        products * taper / (np.maximum(pairs, 1) * np.where(side.power > 0, side.power, 1))
    )
    return correlation


def _first_order_time(lag_one: FloatArray, count: FloatArray) -> FloatArray:
    # E[estimate] = phi - (1 + 3 phi) / n, and the taper lost 1 / n before that
    untapered = lag_one * count / np.maximum(count - 1, 1)
    coefficient = (untapered * count + 1) / np.maximum(count - 3, 1)
    coefficient = np.where(count > 4, np.clip(coefficient, 0, 1 - 1e-9), 1 - 1e-9)
    time: FloatArray = (1 + coefficient) / (1 - coefficient)
    return time


def _monotone_sequence_time(
    lag_one: FloatArray, sides: tuple[_Side, _Side], count: FloatArray
) -> FloatArray:
    longest = np.maximum(sides[0].span, sides[1].span) // 2
    pair = np.maximum(1 + lag_one, 0)
    total, lag = pair, 2
    while True:
        going = (pair > 0) & (lag + 1 <= longest)
        if not going.any():
            break
        following = np.maximum(_pooled(sides, lag) + _pooled(sides, lag + 1), 0)
        pair = np.where(going, np.minimum(pair, following), 0)
        total = total + pair
        lag += 2
    time = np.maximum(2 * total - 1, 1)
    # centring on the window's own mean hides about time / n of each of the lags summed
    corrected: FloatArray = time / np.maximum(1 - 2 * time / np.maximum(count, 1), LEAST_CORRECTION)
    return corrected
