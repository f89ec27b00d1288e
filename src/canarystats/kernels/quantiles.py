"""Order statistics of counted observations: quantiles, their bounds, and a test between two sides.

An observation is known by the two values it lies between: twice itself for a raw sample, the edges
of its bucket for a histogram. So one set of functions serves both and never claims more than the
buckets show. Time O(log n) binomial tails after the sort.

References
----------
David & Nagaraja (2003), Order Statistics, section 7.1 (distribution-free bounds of a quantile).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.binomial import lower_tail, upper_tail

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Observations:
    """Counted observations in increasing order.

    Parameters
    ----------
    lower, upper
        Shape (k,), not decreasing: what each group of observations lies between.
    cumulative
        Shape (k,): how many lie in this group or in an earlier one.
    open_below
        Whether an observation lies strictly above its ``lower``.
    """

    lower: FloatArray
    upper: FloatArray
    cumulative: FloatArray
    open_below: bool = False

    @property
    def total(self) -> float:
        """How many there are."""
        return float(self.cumulative[-1]) if self.cumulative.size else 0.0

    def group(self, rank: float) -> int:
        """Which group holds the observation of this rank, 1 .. total."""
        return min(int(np.searchsorted(self.cumulative, rank)), self.cumulative.size - 1)

    def mirrored(self) -> Observations:
        """The same observations with their sign turned."""
        counts = np.diff(self.cumulative, prepend=0.0)
        # a bucket includes its upper end, which is the lower one of its mirror image
        return Observations(-self.upper[::-1], -self.lower[::-1], np.cumsum(counts[::-1]))


def _first(holds: Callable[[int], bool], start: int, stop: int) -> int:
    """The least integer from ``start`` up to ``stop`` from which on ``holds`` is true."""
    while start < stop:
        middle = (start + stop) // 2
        if holds(middle):
            stop = middle
        else:
            start = middle + 1
    return start


def bound_ranks(total: float, q: float, tail: float) -> tuple[int, int]:
    """Ranks of the order statistics that bound the q-quantile.

    Parameters
    ----------
    total
        Number of observations.
    q
        In (0, 1).
    tail
        Probability, in (0, 1), that the quantile lies beyond each bound, at most.

    Returns
    -------
    tuple of int
        0 and ``total + 1`` stand for no bound.
    """
    n = int(total)
    high = _first(lambda k: bool(upper_tail(k, n, q) <= tail), 1, n + 1)
    low = _first(lambda k: bool(lower_tail(k, n, q) > tail), 0, n)
    return low, high


def excess_p_value(first: Observations, second: Observations, q: float, ratio: float) -> float:
    """p-value of H0: the q-quantile of ``first`` is at most ``ratio`` times that of ``second``.

    Parameters
    ----------
    first, second
        Independent observations, not empty.
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

    def unbounded(j: int) -> float:
        return float(upper_tail(second.cumulative[j], second.total, q))

    def above(j: int) -> float:
        line = ratio * second.upper[j]
        reached = int(np.searchsorted(first.lower, line, "left" if first.open_below else "right"))
        under = first.cumulative[reached - 1] if reached else 0.0
        return float(upper_tail(first.total - under, first.total, 1 - q))

    last = second.upper.size - 1
    crossing = _first(lambda j: unbounded(j) <= above(j), 0, last)
    candidates = (crossing, max(crossing - 1, 0))
    return min(1.0, *(2 * max(unbounded(j), above(j)) for j in candidates))
