"""Ranks of two samples: the Mann-Whitney statistic, its null distribution and its variance.

One pair of samples is one row; NaN is padding; infinities are ranked. Everything a row needs comes
from one sort. The sums below are multiples of 1/4 far under 2^53, so they are exact and a batch
gives bit for bit what a loop over its rows gives. Time O(N log N) a row.

References
----------
Mann & Whitney (1947), Annals of Mathematical Statistics 18:50-60.
DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837-845 (variance by placements).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import comb, ndtr, stdtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

BLOCK = 1 << 15  # values ranked at once: the block and its temporaries stay in the cache
EXACT_PRODUCT = 900  # n * m up to which the null distribution is counted: 30 against 30
KEPT_DISTRIBUTIONS = 64  # at most 64 * 901 numbers, half a megabyte


@dataclass(frozen=True, slots=True)
class RankSums:
    """What the ranks of each row say, every field of shape (K,).

    Parameters
    ----------
    u
        Pairs in which the first sample's value is larger, a tie counting one half.
    n, m
        Values in the first and in the second sample.
    ties
        Sum of t³ - t over groups of t tied values.
    squares_n, squares_m
        Sums of squared placements: of each first value among the second sample, and of each second
        value among the first.
    """

    u: FloatArray
    n: FloatArray
    m: FloatArray
    ties: FloatArray
    squares_n: FloatArray
    squares_m: FloatArray

    @property
    def probability(self) -> FloatArray:
        """Share of pairs in which the first sample's value is larger; NaN for an empty side."""
        pairs = self.n * self.m
        share: FloatArray = np.where(pairs > 0, self.u / np.maximum(pairs, 1), np.nan)
        return share

    @property
    def null_variance(self) -> FloatArray:
        """Variance of u over all orderings of the pooled, possibly tied, independent values."""
        total = self.n + self.m
        spread = total + 1 - self.ties / np.maximum(total * (total - 1), 1)
        return self.n * self.m / 12 * np.maximum(spread, 0)

    @property
    def placement_variances(self) -> FloatArray:
        """What each sample adds to `placement_variance`, shape (2, K); 0 where it has one value."""
        parts = np.zeros((2, len(self.u)))
        for part, (squares, here, there) in zip(
            parts,
            ((self.squares_n, self.n, self.m), (self.squares_m, self.m, self.n)),
            strict=True,
        ):
            scatter = squares - self.u * self.u / np.maximum(here, 1)
            degrees = np.maximum(here * (here - 1), 1) * np.maximum(there * there, 1)
            part[:] = np.maximum(scatter, 0) / degrees
        return parts

    @property
    def placement_variance(self) -> FloatArray:
        """Variance of `probability` whatever the two distributions are; 0 where a side has one."""
        variance: FloatArray = self.placement_variances.sum(axis=0)
        return variance


def rank_sums(first: FloatArray, second: FloatArray) -> RankSums:
    """Rank the values of two samples together.

    Parameters
    ----------
    first, second
        Shape (K, a) and (K, b), any unit; NaN is padding.
    """
    rows, width = len(first), first.shape[1] + second.shape[1]
    sums = np.zeros((6, rows))
    step = max(1, BLOCK // max(width, 1))
    for start in range(0, rows if width else 0, step):
        part = slice(start, start + step)
        sums[:, part] = _rank_block(first[part], second[part])
    return RankSums(*sums)


def _rank_block(first: FloatArray, second: FloatArray) -> FloatArray:
    # sorted apart and then merged, which is what the stable sort does with them: NaN last
    pooled = np.concatenate([np.sort(first, axis=1), np.sort(second, axis=1)], axis=1)
    rows, width = pooled.shape
    order = np.argsort(pooled, axis=1, kind="stable")
    ordered = np.take_along_axis(pooled, order, axis=1)
    starts = np.ones((rows, width), dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=starts[:, 1:])
    if width <= BLOCK and starts.all() and not np.isnan(ordered[:, -1:]).any():
        return _untied(order < first.shape[1], first.shape[1])
    real = ~np.isnan(ordered)
    ours = (order < first.shape[1]) & real
    theirs = real & ~ours
    # how many of each sample stand before position i, i = 0 .. width
    before = np.zeros((2, rows, width + 1))
    np.cumsum(ours, axis=1, out=before[0, :, 1:])
    np.cumsum(theirs, axis=1, out=before[1, :, 1:])
    ties = np.zeros(rows)
    if starts.all():
        below_n, below_m = before[0, :, :-1], before[1, :, :-1]
    else:
        begin, end = _group_bounds(starts)
        below_n, below_m = (
            (np.take_along_axis(count, begin, axis=1) + np.take_along_axis(count, end, axis=1)) / 2
            for count in before
        )
        size = (end - begin).astype(np.float64)
        ties = np.where(real, size * size - 1, 0).sum(axis=1)  # each member brings t² - 1
    ours_below = np.where(ours, below_m, 0)
    theirs_below = np.where(theirs, below_n, 0)
    return np.stack(
        [
            ours_below.sum(axis=1),
            before[0, :, -1],
            before[1, :, -1],
            ties,
            (ours_below * ours_below).sum(axis=1),
            # a second value's placement counts the first ones above it, so that both sums are of u
            _squares_above(theirs, theirs_below, before[0, :, -1:]),
        ]
    )


def _untied(ours: NDArray[np.bool_], n: int) -> FloatArray:
    """`_rank_block` where nothing is tied or missing: places are ranks."""
    rows, width = ours.shape
    m = width - n
    first = np.flatnonzero(ours).reshape(rows, n) - np.arange(rows)[:, None] * width
    second = np.flatnonzero(~ours).reshape(rows, m) - np.arange(rows)[:, None] * width
    below = first - np.arange(n)
    above = n - (second - np.arange(m))
    squares = (below * below).sum(axis=1), (above * above).sum(axis=1)
    same = np.zeros(rows)
    return np.stack([below.sum(axis=1), same + n, same + m, same, *squares])


def _squares_above(theirs: NDArray[np.bool_], below: FloatArray, n: FloatArray) -> FloatArray:
    above = np.where(theirs, n - below, 0)
    squares: FloatArray = (above * above).sum(axis=1)
    return squares


def _group_bounds(starts: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, width = starts.shape
    position = np.arange(width)
    begin = np.maximum.accumulate(np.where(starts, position, 0), axis=1)
    following = np.ones((rows, width), dtype=bool)
    following[:, :-1] = starts[:, 1:]
    last = np.where(following, position, width - 1)
    end = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1] + 1
    return begin, end


def midranks(values: FloatArray) -> FloatArray:
    """Ranks 1 .. n of each row, tied values sharing their mean rank; NaN stays NaN.

    Parameters
    ----------
    values
        Shape (K, n), any unit; NaN is padding.
    """
    if not values.size:
        return values.copy()
    order = np.argsort(values, axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    starts = np.ones(values.shape, dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=starts[:, 1:])
    begin, end = _group_bounds(starts)
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (begin + end + 1) / 2, axis=1)
    ranks[np.isnan(values)] = np.nan
    return ranks


def upper_p_value(sums: RankSums, *, exact: bool | NDArray[np.bool_] = True) -> FloatArray:
    """Probability of a u this large or larger where both samples come from one distribution.

    Untied samples of at most `EXACT_PRODUCT` pairs are counted exactly; the others use the normal
    approximation with the variance of tied ranks and a continuity correction of one half.

    Parameters
    ----------
    sums
        K rows.
    exact
        Whether rows may be counted, one answer or shape (K,).

    Returns
    -------
    ndarray
        Shape (K,); 1 where a side is empty or every value is the same.
    """
    p = normal_upper_tail(sums)
    pairs = sums.n * sums.m
    small = (sums.ties == 0) & (pairs > 0) & (pairs <= EXACT_PRODUCT) & exact
    for i in np.flatnonzero(small):
        tail = null_tail(int(min(sums.n[i], sums.m[i])), int(max(sums.n[i], sums.m[i])))
        p[i] = tail[int(sums.u[i])]
    return p


def normal_upper_tail(sums: RankSums) -> FloatArray:
    """The normal approximation of `upper_p_value`, shape (K,)."""
    tail: FloatArray = ndtr(-_deviate(sums, 1.0))
    return tail


def dependent_upper_tail(sums: RankSums, inflation: FloatArray, degrees: FloatArray) -> FloatArray:
    """`upper_p_value` for autocorrelated values, by Student's distribution.

    Parameters
    ----------
    sums
        K rows.
    inflation
        Shape (K,), at least 1: how much the dependence inflates the variance of u.
    degrees
        Shape (K,), positive: degrees of freedom.
    """
    tail: FloatArray = stdtr(degrees, -_deviate(sums, inflation))
    return tail


def _deviate(sums: RankSums, inflation: FloatArray | float) -> FloatArray:
    sd = np.sqrt(sums.null_variance * inflation)
    excess = sums.u - sums.n * sums.m / 2 - 0.5
    # without variance there is nothing to wonder at: a p-value of 1
    z: FloatArray = np.divide(excess, sd, out=np.full(len(sd), -np.inf), where=sd > 0)
    return z


def mirrored(sums: RankSums) -> RankSums:
    """The same rows with the two samples exchanged."""
    pairs = sums.n * sums.m
    square = pairs * sums.m - 2 * sums.m * sums.u + sums.squares_n
    other = pairs * sums.n - 2 * sums.n * sums.u + sums.squares_m
    return RankSums(pairs - sums.u, sums.m, sums.n, sums.ties, other, square)


def smallest_p_value(n: FloatArray, m: FloatArray) -> FloatArray:
    """The least one-sided p-value that untied samples of these sizes can give, shape (K,)."""
    p: FloatArray = 1 / comb(n + m, np.minimum(n, m))
    return p


@lru_cache(maxsize=KEPT_DISTRIBUTIONS)
def null_tail(n: int, m: int) -> FloatArray:
    """P(U >= u) for u = 0 .. n*m, counted over the (n+m choose n) equally likely orderings.

    The counts of k-subsets of the ranks by their sum grow rank by rank; every term is positive, so
    the far tail keeps its relative precision. Time O((n + m) n² m) with n the smaller sample.
    """
    size = n * m + 1
    counts = np.zeros((n + 1, size))
    counts[0, 0] = 1
    for rank in range(n + m):
        for k in range(min(n, rank + 1), 0, -1):
            shift = rank - (k - 1)  # the k-th smallest chosen rank adds its excess over k - 1
            if shift <= m:
                counts[k, shift:] += counts[k - 1, : size - shift]
    share = counts[n] / counts[n].sum()
    tail: FloatArray = np.minimum(np.cumsum(share[::-1])[::-1], 1.0)
    tail.setflags(write=False)
    return tail


def bucket_sums(first: FloatArray, second: FloatArray) -> RankSums:
    """Rank two samples that are known by bucket counts: a bucket's observations are tied.

    Parameters
    ----------
    first, second
        Shape (K, k): observations in each of the same, increasing buckets, not negative; buckets of
        zeros at the end are padding.

    Notes
    -----
    The numbers are those of `rank_sums` over the observations themselves, each put anywhere in its
    bucket, while every sum stays under 2^53: exact up to about 200 000 observations, to rounding
    beyond.
    """
    upto_n, upto_m = np.cumsum(first, axis=1), np.cumsum(second, axis=1)
    n, m = upto_n[:, -1], upto_m[:, -1]
    below_m = upto_m - second / 2
    above_n = n[:, None] - (upto_n - first / 2)
    both = first + second
    ties = np.maximum(both * (both * both - 1), 0)  # extrapolated parts of one are no tie
    sums = (first * below_m, ties, first * below_m * below_m, second * above_n * above_n)
    # from the first bucket to the last, so that padding changes no bit
    u, tied, squares_n, squares_m = (np.cumsum(each, axis=1)[:, -1] for each in sums)
    return RankSums(u, n, m, tied, squares_n, squares_m)
