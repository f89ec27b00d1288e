"""Order statistics of counted observations: quantiles, their bounds, and a test between two sides.

An observation is known by the two values it lies between: twice itself for a raw sample, the edges
of its bucket for a histogram. So one set of functions serves both and never claims more than the
buckets show. One side of one pair is one row. Time O(log n) binomial tails a row after the sort.

References
----------
David & Nagaraja (2003), Order Statistics, section 7.1 (distribution-free bounds of a quantile).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from canarystats.kernels.binomial import lower_tail, upper_tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Observations:
    """Counted observations in increasing order, K rows.

    Parameters
    ----------
    lower, upper
        Shape (K, k), not decreasing along a row: what each group of observations lies between.
        Groups beyond the last observation, or before the first, are padding.
    cumulative
        Shape (K, k): how many lie in this group or in an earlier one.
    open_below
        Whether an observation lies strictly above its ``lower``.
    """

    lower: FloatArray
    upper: FloatArray
    cumulative: FloatArray
    open_below: bool = False

    @property
    def total(self) -> FloatArray:
        """How many there are, shape (K,)."""
        if not self.cumulative.shape[1]:
            return np.zeros(len(self.cumulative))
        total: FloatArray = self.cumulative[:, -1]
        return total

    def group(self, rank: FloatArray) -> IndexArray:
        """Which group holds the observation of each row's rank, 1 .. total, shape (K,)."""
        groups = _places(self.cumulative, rank[:, None], "left")[:, 0]
        last: IndexArray = np.minimum(groups, self.cumulative.shape[1] - 1)
        return last

    def rows(self, some: NDArray[np.bool_]) -> Observations:
        """The chosen rows."""
        return Observations(
            self.lower[some], self.upper[some], self.cumulative[some], self.open_below
        )

    def surely_above(self, line: FloatArray) -> FloatArray:
        """How many of each row surely lie above its lines, shape (K, lines)."""
        reached = _places(self.lower, line, "left" if self.open_below else "right")
        upto = np.concatenate([np.zeros((len(line), 1)), self.cumulative], axis=1)
        above: FloatArray = self.total[:, None] - np.take_along_axis(upto, reached, axis=1)
        return above

    def mirrored(self) -> Observations:
        """The same observations with their sign turned."""
        counts = np.diff(self.cumulative, prepend=0.0, axis=1)
        # a bucket includes its upper end, which is the lower one of its mirror image
        return Observations(
            -self.upper[:, ::-1], -self.lower[:, ::-1], np.cumsum(counts[:, ::-1], axis=1)
        )


def _places(ordered: FloatArray, values: FloatArray, side: Literal["left", "right"]) -> IndexArray:
    """Where the values of each row would stand in its ordered ones."""
    places = np.empty(values.shape, dtype=np.intp)
    for place, row, value in zip(places, ordered, values, strict=True):
        place[:] = np.searchsorted(row, value, side)
    return places


def _first(
    holds: Callable[[IndexArray], NDArray[np.bool_]], start: IndexArray, stop: IndexArray
) -> IndexArray:
    """The least integers from ``start`` up to ``stop`` from which on ``holds`` is true."""
    while (start < stop).any():
        middle = (start + stop) // 2
        held, going = holds(middle), start < stop
        stop = np.where(going & held, middle, stop)
        start = np.where(going & ~held, middle + 1, start)
    return start


def bound_ranks(total: ArrayLike, q: float, tail: float) -> tuple[IndexArray, IndexArray]:
    """Ranks of the order statistics that bound the q-quantile.

    Parameters
    ----------
    total
        Number of observations, of any shape.
    q
        In (0, 1).
    tail
        Probability, in (0, 1), that the quantile lies beyond each bound, at most.

    Returns
    -------
    tuple of ndarray
        0 and ``total + 1`` stand for no bound.
    """
    n = np.asarray(total).astype(np.intp)
    high = _first(lambda k: upper_tail(k, n, q) <= tail, np.ones_like(n), n + 1)
    low = _first(lambda k: lower_tail(k, n, q) > tail, np.zeros_like(n), n)
    return low, high


def excess_p_value(first: Observations, second: Observations, q: float, ratio: float) -> FloatArray:
    """p-value of H0: the q-quantile of ``first`` is at most ``ratio`` times that of ``second``.

    Parameters
    ----------
    first, second
        Independent observations, K rows each, none empty.
    q
        In (0, 1).
    ratio
        Positive.

    Notes
    -----
    At level a the test takes an order statistic that bounds the second quantile from above but for
    a/2, and rejects where more of ``first`` lies above ``ratio`` times that bound than 1 - q allows
    at a/2. These tests are nested in a, so the least a that rejects is a p-value: valid for any two
    distributions and any number of observations, and conservative.
    """
    rows = np.arange(len(first.cumulative))
    beyond = first.surely_above(ratio * second.upper)

    def unbounded(j: IndexArray) -> FloatArray:
        return upper_tail(second.cumulative[rows, j], second.total, q)

    def above(j: IndexArray) -> FloatArray:
        return upper_tail(beyond[rows, j], first.total, 1 - q)

    start = np.zeros(len(rows), dtype=np.intp)
    last = np.full_like(start, second.upper.shape[1] - 1)
    crossing = _first(lambda j: unbounded(j) <= above(j), start, last)
    candidates = (crossing, np.maximum(crossing - 1, 0))
    least = np.minimum(*(2 * np.maximum(unbounded(j), above(j)) for j in candidates))
    capped: FloatArray = np.minimum(least, 1.0)
    return capped
