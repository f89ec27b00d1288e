"""How noisy a series is around its steps, when neither the steps nor its memory are known.

A step looks like memory and memory looks like steps. Two questions keep them apart. *How many of
the candidate steps are there*, asked of models whose noise is autoregressive of an order up to
eight: each step must shorten the description of the innovations by 3 log n. *How uncertain is a
mean*, asked of what is left around those steps: the larger of the autocorrelation time of an AR(1)
process and of the initial monotone sequence, corrected for the means taken out.

References
----------
Chakar, Lebarbier, Lévy-Leduc & Robin (2017), Bernoulli 23:1408-1447 (steps in AR(1) noise).
Geyer (1992), Statistical Science 7:473-483 (initial monotone sequence).
Marriott & Pope (1954), Biometrika 41:390-402; Kendall (1954), Biometrika 41:403-404 (bias of the
first autocorrelation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.intp]

ORDERS = 8  # of the autoregression
PRICE = 3.0  # log n each: a place, and a mean on either side of it
MOST_LAGS = 2048
LEAST_CORRECTION = 0.05  # the corrections for short windows multiply by at most 20
TOLD = 3.0  # standard errors before a first-order coefficient is told from 0
NEAR_ONE = 0.995  # the largest first-order coefficient taken at its word


@dataclass(frozen=True, slots=True)
class StepNoise:
    """The noise around the steps of each row, every field of shape (K,).

    Parameters
    ----------
    long_run_variance
        n times the variance of the mean of n values, in their unit squared; 0 without noise.
    time
        Autocorrelation time in ticks, at least 1.
    first
        First-order coefficient in [0, 1), 0 where it cannot be told from 0.
    """

    long_run_variance: FloatArray
    time: FloatArray
    first: FloatArray

    def row(self, row: int) -> StepNoise:
        """The noise of one row alone."""
        part = slice(row, row + 1)
        return StepNoise(self.long_run_variance[part], self.time[part], self.first[part])


def around_steps(values: FloatArray, sums: FloatArray, places: IntArray) -> FloatArray:
    """What each value is above the mean of its segment.

    Parameters
    ----------
    values
        Shape (K, n).
    sums
        Their `running_sums`.
    places
        First values of the segments after the first, shape (K, k), in any order; 0 means none.
    """
    rows, n = values.shape
    ends = np.sort(places, axis=1)
    ends = np.concatenate([np.zeros((rows, 1), np.intp), ends, np.full((rows, 1), n)], axis=1)
    width = np.diff(ends, axis=1)
    means = np.diff(np.take_along_axis(sums, ends, axis=1), axis=1) / np.maximum(width, 1)
    left: FloatArray = values - np.repeat(means.ravel(), width.ravel()).reshape(rows, n)
    return left


def description_length(products: FloatArray, n: int, steps: IntArray) -> FloatArray:
    """What it takes to tell rows as steps in autoregressive noise, in any shape.

    Parameters
    ----------
    products
        Sums of lag products of what is left around the steps, lags 0 .. at most `ORDERS` along
        the last axis.
    n
        Values of a row.
    steps
        How many steps there are, of a shape that broadcasts with the others of ``products``.
    """
    by_lag = np.moveaxis(products, -1, 0)
    floor = 1.0 / n  # as of the long-run variance below: noise-free steps stay comparable
    power = np.maximum(by_lag[0], floor)
    correlation = by_lag / power
    innovation, coefficients = np.ones(power.shape), np.zeros((0, *power.shape))
    best = np.zeros(power.shape)
    for order in range(1, len(by_lag)):
        explained = (coefficients * correlation[order - 1 : 0 : -1]).sum(axis=0)
        partial = (correlation[order] - explained) / innovation
        coefficients = np.concatenate([coefficients - partial * coefficients[::-1], [partial]])
        innovation = np.maximum(innovation * (1 - partial * partial), 1e-12)
        best = np.minimum(best, n * np.log(innovation) + order * np.log(n))
    cost: FloatArray = n * np.log(power) + best + PRICE * steps * np.log(n)
    return cost


def step_noise(left: FloatArray, steps: int) -> StepNoise:
    """Estimate the noise from what is left around the steps.

    Parameters
    ----------
    left
        Shape (K, n), the mean of every segment 0.
    steps
        How many steps there are, the same in every row.

    Notes
    -----
    Assumes that the noise is stationary. A trend or a cycle that the steps do not follow reads as
    strong dependence: the safe direction.
    """
    rows, n = left.shape
    products = _autocovariances(left)
    power = products[:, 0]
    still = power <= 1.0 / n
    correlation = products / np.where(still, 1.0, power)[:, None]
    first = correlation[:, 1] if products.shape[1] > 1 else np.zeros(rows)
    means = steps + 1
    # E[estimate] = phi - (means (1 + phi) + 3 phi) / n, the taper included
    phi = np.clip((first * n + means) / max(n - 3 - means, 1), 0, NEAR_ONE)
    monotone = _monotone_time(correlation)
    monotone = monotone / np.maximum(1 - 2 * means * monotone / n, LEAST_CORRECTION)
    time = np.clip(np.maximum((1 + phi) / (1 - phi), monotone), 1, max(n / 2, 1))
    time = np.where(still, 1.0, time)
    hidden = np.maximum(1 - means * time / n, LEAST_CORRECTION)
    # ranks know a value no finer than 1 / n
    variance = np.where(still, 1.0 / n, power / n / hidden)
    told = ~still & (first * n**0.5 > TOLD)
    return StepNoise(variance * time, time, np.where(told, phi, 0.0))


def _autocovariances(left: FloatArray) -> FloatArray:
    """Sums of lag products, lags 0 .. about n / 2, shape (K, lags)."""
    n = left.shape[1]
    lags = max(min(n // 2, MOST_LAGS), 2)
    lags -= lags % 2
    padded = _smooth_size(n + lags)
    spectrum = np.fft.rfft(left, padded, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    products: FloatArray = np.fft.irfft(power, padded, axis=1)[:, :lags]
    return products


def _smooth_size(least: int) -> int:
    """The least 2^a, 3 * 2^a or 5 * 2^a that is at least ``least``."""
    sizes = [factor << max(0, (-(-least // factor) - 1).bit_length()) for factor in (1, 3, 5)]
    return min(sizes)


def _monotone_time(correlation: FloatArray) -> FloatArray:
    pairs = correlation[:, 0::2] + correlation[:, 1::2]
    pairs = np.where(np.logical_and.accumulate(pairs > 0, axis=1), pairs, 0)
    pairs = np.minimum.accumulate(pairs, axis=1)
    total: FloatArray = np.cumsum(pairs, axis=1)[:, -1]
    return np.maximum(2 * total - 1, 1)
