"""Order statistics of all differences between two samples, without forming them all.

The differences x_i - y_j are sorted along each row of x, so the k-th smallest is found by narrowing
every row around a common pivot. Time O((n + m) log²), memory O(n + m).

References
----------
Hodges & Lehmann (1963), Annals of Mathematical Statistics 34:598-611.
Johnson & Mizoguchi (1978), SIAM Journal on Computing 7:147-153 (selection in sorted rows).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

FORMED = 1 << 16  # differences few enough to be formed and partitioned


def difference(first: FloatArray, second: FloatArray, k: int) -> float:
    """The k-th smallest x_i - y_j, k = 0 .. n*m - 1.

    Parameters
    ----------
    first, second
        Shape (n,) and (m,), not empty, any one unit, no NaN, no infinity that both hold.
    """
    x, y = np.sort(first), np.sort(second)[::-1]
    low = np.zeros(x.size, dtype=np.intp)
    high = np.full(x.size, y.size, dtype=np.intp)
    while int((high - low).sum()) > FORMED:
        pivot = _pivot(x, y, low, high)
        below = _count(x, y, low, high, pivot, equal=False)
        upto = _count(x, y, low, high, pivot, equal=True)
        if k < int(below.sum()):
            high = below
        elif k < int(upto.sum()):
            return pivot
        else:
            low = upto
    sizes = high - low
    within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    left = np.repeat(x, sizes) - y[np.repeat(low, sizes) + within]
    position = k - int(low.sum())
    return float(np.partition(left, position)[position])


def _pivot(x: FloatArray, y: FloatArray, low: IndexArray, high: IndexArray) -> float:
    # the median of the rows' medians, weighted by what is left of them, halves at least a quarter
    rows = np.flatnonzero(high > low)
    medians = x[rows] - y[(low[rows] + high[rows]) // 2]
    order = np.argsort(medians)
    left = np.cumsum((high - low)[rows][order])
    return float(medians[order][np.searchsorted(left, left[-1] / 2)])


def _count(
    x: FloatArray, y: FloatArray, low: IndexArray, high: IndexArray, pivot: float, *, equal: bool
) -> IndexArray:
    begin, end = low.copy(), high.copy()
    while (begin < end).any():
        middle = (begin + end) // 2
        value = x - y[np.minimum(middle, y.size - 1)]
        under = ((value <= pivot) if equal else (value < pivot)) & (begin < end)
        begin = np.where(under, middle + 1, begin)
        end = np.where(under, end, middle)
    return begin
