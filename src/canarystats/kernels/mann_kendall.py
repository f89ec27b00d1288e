"""Mann-Kendall's trend test, and what autocorrelation does to its variance.

The score S counts the pairs of samples that rise less those that fall; it is counted by merging in
O(n log² n), so neither time nor memory grows with the number of pairs. Positive autocorrelation
makes S vary more than independent samples would. Each variant answers it in its own way, and none
is safe: a warm-up or a step is a trend to all of them.

References
----------
Mann (1945), Econometrica 13:245-259. Kendall (1975), Rank Correlation Methods.
Hamed & Rao (1998), Journal of Hydrology 204:182-196 (variance by significant lags of the ranks).
Yue & Wang (2004), Water Resources Management 18:201-218 (variance by all lags).
Yue & Wang (2002), Water Resources Research 38(6) (prewhitening);
Yue, Pilon, Phinney & Cavadias (2002), Hydrological Processes 16:1807-1829 (trend-free).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from canarystats.kernels.ranks import midranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

SIGNIFICANT = 0.05  # two-sided level at which a lag of the ranks counts (Hamed & Rao)


def score(values: FloatArray) -> int:
    """Pairs that rise less pairs that fall; shape (n,), finite."""
    n = len(values)
    ranks = np.unique(values, return_inverse=True)[1].astype(np.int64)
    size = 1 << max(n - 1, 0).bit_length()
    # what is appended is larger than all and comes last: it adds rises only, counted and removed
    padded = np.concatenate([ranks, np.arange(n, size, dtype=np.int64)])
    rises = falls = 0
    width = 1
    while width < size:
        blocks = np.sort(padded.reshape(-1, 2, width), axis=2)
        offset = np.arange(len(blocks), dtype=np.int64)[:, None] * (2 * size)
        left, right = (blocks[:, 0] + offset).ravel(), (blocks[:, 1] + offset).ravel()
        begin = np.repeat(np.arange(len(blocks)) * width, width)
        smaller = np.searchsorted(left, right, side="left") - begin
        not_larger = np.searchsorted(left, right, side="right") - begin
        rises += int(smaller.sum())
        falls += int((width - not_larger).sum())
        width *= 2
    extra = size - n
    return rises - (extra * n + extra * (extra - 1) // 2) - falls


def score_variance(values: FloatArray) -> float:
    """Variance of the score of independent samples with these ties."""
    n = len(values)
    ties = np.unique(values, return_counts=True)[1].astype(np.float64)
    tied = float((ties * (ties - 1) * (2 * ties + 5)).sum())
    return (n * (n - 1.0) * (2 * n + 5) - tied) / 18


def normal_score(s: int, variance: float) -> float:
    """The score in standard errors, with Kendall's correction for continuity; 0 if none vary."""
    if s == 0 or not variance > 0:
        return 0.0
    return float((s - np.sign(s)) / np.sqrt(variance))


def autocorrelations(values: FloatArray, lags: int | None = None) -> FloatArray:
    """Autocorrelations at lags 0, 1, ..., up to ``lags`` (all if None); 0 without variance."""
    n = len(values)
    lags = n - 1 if lags is None else min(lags, n - 1)
    left = values - values.mean()
    power = float(left @ left)
    if power == 0:
        return np.concatenate([[1.0], np.zeros(lags)])
    if lags < 8:
        products = np.array([left[: n - k] @ left[k:] for k in range(lags + 1)])
    else:
        spectrum = np.fft.rfft(left, 1 << (2 * n - 1).bit_length())
        products = np.fft.irfft(spectrum.real**2 + spectrum.imag**2)[: lags + 1]
    correlations: FloatArray = products / power
    return correlations


def hamed_rao_inflation(detrended: FloatArray) -> float:
    """Factor on the variance of the score, from the significant lags of the ranks."""
    n = len(detrended)
    correlations = autocorrelations(midranks(detrended[None])[0])
    correlations = np.where(
        np.abs(correlations) > -float(ndtri(SIGNIFICANT / 2)) / np.sqrt(n), correlations, 0.0
    )
    lag = np.arange(1, n)
    total = ((n - lag) * (n - lag - 1.0) * (n - lag - 2.0) * correlations[1:]).sum()
    return float(1 + 2 / (n * (n - 1.0) * (n - 2.0)) * total)


def yue_wang_inflation(detrended: FloatArray) -> float:
    """Factor on the variance of the score, from all lags of the values."""
    n = len(detrended)
    return float(1 + 2 * ((1 - np.arange(1, n) / n) * autocorrelations(detrended)[1:]).sum())


def prewhitened(values: FloatArray) -> FloatArray:
    """What each value adds to the first autocorrelation times the one before, shape (n - 1,)."""
    rest: FloatArray = values[1:] - values[:-1] * autocorrelations(values, 1)[1]
    return rest


def prewhitened_without_trend(values: FloatArray, slope: float) -> FloatArray:
    """The same of the values less a slope per sample, the slope put back, shape (n - 1,)."""
    n = len(values)
    rest = prewhitened(values - np.arange(1, n + 1) * slope)
    return rest + np.arange(1, n) * slope
