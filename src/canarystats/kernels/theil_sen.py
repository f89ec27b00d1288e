"""Sen's slope: the median of the slopes of all pairs of samples, and its interval.

All n (n - 1) / 2 slopes are visited, but never held together: a sample of them brackets each order
statistic asked for, one pass over the pairs counts what lies below the bracket and keeps what lies
inside, and the answer is read from what was kept. Memory grows as n to the 3/2, time as n².

References
----------
Sen (1968), Journal of the American Statistical Association 63:1379-1389. Theil (1950).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from canarystats.kernels.mann_kendall import score_variance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

ALL_AT_ONCE = 400  # samples up to which every slope is held
AT_A_TIME = 1 << 18  # slopes in one piece of a pass
SAMPLED = 32  # slopes a value that place the brackets: what they hold grows as n to the 3/2
STANDARD_ERRORS = 5.0  # of the sample's ranks, half width of a bracket


@dataclass(frozen=True, slots=True)
class SenSlope:
    """Sen's slope and its interval, per unit of the times; an end is infinite if open."""

    slope: float
    low: float
    high: float


def sen_slope(
    values: FloatArray, times: FloatArray, level: float = 0.95, inflation: float = 1.0
) -> SenSlope:
    """Slope of one series.

    Parameters
    ----------
    values, times
        Shape (n,) each, n at least 2, finite; times strictly increasing.
    level
        Coverage of the interval, in (0, 1).
    inflation
        What autocorrelation multiplies the variance of Kendall's score by; 1 if independent.

    Notes
    -----
    Hypothesis of the interval: one slope, and noise that is exchangeable about it. Dependence
    breaks it unless the inflation is known.
    """
    n = len(values)
    pairs = n * (n - 1) // 2
    spread = -float(ndtri((1 - level) / 2)) * np.sqrt(score_variance(values) * inflation)
    low = round((pairs - spread) / 2) - 1
    high = round((pairs + spread) / 2)
    middle = [(pairs - 1) // 2, pairs // 2]
    ends = [rank for rank in (low, high) if 0 <= rank < pairs]
    found = _order_statistics(values, times, sorted({*middle, *ends}))
    return SenSlope(
        slope=(found[middle[0]] + found[middle[1]]) / 2,
        low=found.get(low, -np.inf),
        high=found.get(high, np.inf),
    )


def _order_statistics(values: FloatArray, times: FloatArray, ranks: list[int]) -> dict[int, float]:
    """Slopes by rank, counted from 0."""
    n = len(values)
    if n <= ALL_AT_ONCE:
        first, second = np.triu_indices(n, 1)
        slopes = (values[second] - values[first]) / (times[second] - times[first])
        slopes.sort()
        return {rank: float(slopes[rank]) for rank in ranks}
    pairs = n * (n - 1) // 2
    sample = np.sort(_sampled(values, times))
    width = STANDARD_ERRORS
    while True:
        places = np.array(ranks) / pairs * len(sample)
        reach = width * np.sqrt(len(sample)) / 2 + 1
        lower = np.floor(places - reach).astype(np.intp)
        upper = np.ceil(places + reach).astype(np.intp)
        ends = [
            (
                float(sample[a]) if a >= 0 else -np.inf,
                float(sample[b]) if b < len(sample) else np.inf,
            )
            for a, b in zip(lower, upper, strict=True)
        ]
        below, kept = _pass(values, times, ends)
        inside = [
            0 <= rank - count < len(some)
            for rank, count, some in zip(ranks, below, kept, strict=True)
        ]
        if all(inside):
            return {
                rank: float(np.partition(some, rank - count)[rank - count])
                for rank, count, some in zip(ranks, below, kept, strict=True)
            }
        width *= 3  # a sample that is not like the whole: widen until the brackets hold


def _sampled(values: FloatArray, times: FloatArray) -> FloatArray:
    """Slopes of pairs spread evenly over all pairs, by a multiplicative congruence."""
    n = len(values)
    index = np.arange(SAMPLED * n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    first = ((index >> np.uint64(32)) % np.uint64(n)).astype(np.intp)
    second = ((index & np.uint64(0xFFFFFFFF)) % np.uint64(n)).astype(np.intp)
    apart = first != second
    first, second = first[apart], second[apart]
    slopes: FloatArray = (values[second] - values[first]) / (times[second] - times[first])
    return slopes


def _slopes(values: FloatArray, times: FloatArray) -> Iterator[FloatArray]:
    """Every slope once, in pieces: lags by lag, several lags a piece."""
    n = len(values)
    lag = 1
    while lag < n:
        some = range(lag, min(n, lag + max(1, AT_A_TIME // n)))
        yield np.concatenate([(values[k:] - values[:-k]) / (times[k:] - times[:-k]) for k in some])
        lag = some.stop


def _pass(
    values: FloatArray, times: FloatArray, ends: list[tuple[float, float]]
) -> tuple[list[int], list[FloatArray]]:
    below = [0] * len(ends)
    kept: list[list[FloatArray]] = [[] for _ in ends]
    for slopes in _slopes(values, times):
        for i, (low, high) in enumerate(ends):
            under = slopes < low
            below[i] += int(np.count_nonzero(under))
            kept[i].append(slopes[~under & (slopes <= high)])
    return below, [np.concatenate(some) for some in kept]
