"""Order statistics of all differences between two samples, many pairs of samples at once.

Both samples are sorted and every ninth value of each is kept; order statistics of the
differences of those few, found in the same way, bracket the ones that are wanted. Merging one
sorted sample with the other moved to an end of the bracket counts, row by row, what lies outside;
only what lies inside is formed. Where the bracket misses, holds too many ties, or ends too near
for rounding, the row is left to the exact search of `differences`. What is found are differences
themselves, so no path changes a bit. Time O((n + m) log(n + m)), memory O(n + m) a row, up to about
100 000 values a side; beyond, the exact search often takes over, which is slower by a log.

References
----------
Floyd & Rivest (1975), Communications of the ACM 18:165-172 (selection by bracketing from a sample).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.kernels.differences import difference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.intp]

FORMED = 700  # differences few enough to be formed and sorted
KEPT = 9  # one value of so many is kept for the bracket; of an odd number the middle one
FEWEST_KEPT = 24
REACH = 1.8  # half width of the bracket, in the error of a rank that the kept values have
SAFE_REACH = 3.0  # of the brackets of brackets, which are cheap and must all hold
WIDE_REACH = 40.0  # of the second try, before the exact search
MOST_INSIDE = 24  # differences formed, per value of both samples
TIED = 16  # differences of distinct values formed, per value of both samples
ROUNDING = 8 * np.finfo(np.float64).eps
BLOCK = 1 << 16  # values merged at once


def select_differences(
    first: FloatArray, second: FloatArray, ranks: IndexArray
) -> tuple[FloatArray, FloatArray]:
    """The k-th smallest x_i - y_j of each row and the one after it, for every k asked of it.

    Parameters
    ----------
    first, second
        Shape (K, n) and (K, m), not empty, any one unit a row, no NaN, no infinity that both hold.
    ranks
        Shape (K, q): k = 0 .. n*m - 1; the last one stands for the one after it, too.

    Returns
    -------
    tuple of ndarray
        Shape (K, q) each.
    """
    found = np.empty((2, *ranks.shape))
    step = max(1, BLOCK // ((first.shape[1] + second.shape[1]) * max(ranks.shape[1], 1)))
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        x, y = np.sort(first[part], axis=1), np.sort(second[part], axis=1)
        with np.errstate(invalid="ignore"):  # rows with infinities are left to the exact search
            found[:, part] = _selected(x, y, ranks[part], REACH)
    last = first.shape[1] * second.shape[1] - 1
    for row in np.flatnonzero(np.isnan(found).any(axis=(0, 2))):
        both = np.stack([ranks[row], np.minimum(ranks[row] + 1, last)])
        found[:, row] = _searched(first[row], second[row], both)
    return found[0], found[1]


def _searched(x: FloatArray, y: FloatArray, ranks: IndexArray) -> FloatArray:
    """One row: by its distinct values where they are few, else more widely, else by narrowing."""
    (values, counts), (others, times) = (np.unique(side, return_counts=True) for side in (x, y))
    if values.size * others.size > TIED * (x.size + y.size):
        with np.errstate(invalid="ignore"):
            once_more = _selected(np.sort(x)[None], np.sort(y)[None], ranks[:1], WIDE_REACH)[:, 0]
        if not np.isnan(once_more).any():
            return once_more
        found = [difference(x, y, int(k)) for k in ranks.reshape(-1)]
        return np.array(found).reshape(ranks.shape)
    formed = (values[:, None] - others).reshape(-1)
    order = np.argsort(formed)
    upto = np.cumsum(np.outer(counts, times).reshape(-1)[order])
    tied: FloatArray = formed[order][np.searchsorted(upto, ranks, side="right")]
    return tied


def _selected(x: FloatArray, y: FloatArray, ranks: IndexArray, reach: float) -> FloatArray:
    """What could be selected, shape (2, K, q); NaN where it could not."""
    (rows, n), m = x.shape, y.shape[1]
    following = np.minimum(ranks + 1, n * m - 1)
    if n * m <= FORMED:
        formed = np.sort((x[:, :, None] - y[:, None, :]).reshape(rows, n * m), axis=1)
        return np.stack([np.take_along_axis(formed, k, axis=1) for k in (ranks, following)])
    low, high = (end.reshape(-1) for end in _bracket(x, y, ranks, reach))
    found = np.full((2, ranks.size), np.nan)
    wide = np.repeat(x, ranks.shape[1], axis=0)
    other = np.repeat(np.arange(rows), ranks.shape[1])
    after = _count_below(wide - high[:, None], y[other])
    before = _count_below(wide - low[:, None], y[other])
    sizes = np.maximum(before - after, 0)
    inside = sizes.sum(axis=1)
    outside = m * n - before.sum(axis=1)
    position, last = ranks.reshape(-1) - outside, following.reshape(-1) - outside
    good = (position >= 0) & (last < inside) & (inside <= MOST_INSIDE * (n + m))
    chosen = np.flatnonzero(good & np.isfinite(low + high))
    if chosen.size:
        at = np.stack([position[chosen], last[chosen]], axis=1)
        value = _inside(wide[chosen], y, other[chosen], after[chosen], sizes[chosen], at)
        # nearer to an end than rounding may move it, a difference could lie on either side
        largest = np.maximum(np.abs(x).max(axis=1), np.abs(y).max(axis=1))[other[chosen]] * ROUNDING
        clear = (value > low[chosen] + largest) & (value < high[chosen] - largest)
        found[:, chosen] = np.where(clear, value, np.nan)
    return found.reshape(2, *ranks.shape)


def _bracket(
    x: FloatArray, y: FloatArray, ranks: IndexArray, reach: float
) -> tuple[FloatArray, FloatArray]:
    n, m = x.shape[1], y.shape[1]
    kept_n, kept_m = (min(size, max(FEWEST_KEPT, size // KEPT)) for size in (n, m))
    few_x = x[:, ((np.arange(kept_n) + 0.5) * n / kept_n).astype(np.intp)]
    few_y = y[:, ((np.arange(kept_m) + 0.5) * m / kept_m).astype(np.intp)]
    few = kept_n * kept_m
    centre = (ranks + 0.5) * (few / (n * m)) - 0.5
    half = reach * few / min(kept_n, kept_m) ** 1.5 + 1
    asked = np.concatenate([np.floor(centre - half), np.ceil(centre + half)], axis=1)
    ends, _ = _selected(few_x, few_y, np.clip(asked, 0, few - 1).astype(np.intp), SAFE_REACH)
    extremes = x[:, :1] - y[:, -1:], x[:, -1:] - y[:, :1]
    slack = (extremes[1] - extremes[0]) * 1e-9 + np.abs(ends) * 1e-13
    q = ranks.shape[1]
    low = np.where(asked[:, :q] < 0, extremes[0], ends[:, :q]) - slack[:, :q]
    high = np.where(asked[:, q:] >= few, extremes[1], ends[:, q:]) + slack[:, q:]
    return low, high


def _count_below(moved: FloatArray, y: FloatArray) -> IndexArray:
    """How many of ``y`` lie below each of ``moved``, both sorted along their rows."""
    rows, n = moved.shape
    order = np.argsort(np.concatenate([moved, y], axis=1), axis=1, kind="stable")
    width = order.shape[1]
    place = np.flatnonzero(order.reshape(-1) < n).reshape(rows, n)
    below: IndexArray = place - np.arange(rows)[:, None] * width - np.arange(n)
    return below


def _inside(
    x: FloatArray,
    y: FloatArray,
    other: IndexArray,
    after: IndexArray,
    sizes: IndexArray,
    position: IndexArray,
) -> FloatArray:
    """The values at two positions among the differences within each row's bracket, (2, rows)."""
    flat = sizes.reshape(-1)
    starts = np.cumsum(flat) - flat
    step = np.arange(int(flat.sum())) - np.repeat(starts, flat)
    begin = (after + (other * y.shape[1])[:, None]).reshape(-1)
    values = np.repeat(x.reshape(-1), flat) - y.reshape(-1)[np.repeat(begin, flat) + step]
    held = sizes.sum(axis=1)
    table = np.full((len(x), int(held.max())), np.inf)
    table[np.arange(table.shape[1]) < held[:, None]] = values
    table.sort(axis=1)
    chosen: FloatArray = np.take_along_axis(table, position, axis=1)
    return chosen.T
