"""Noise with a memory, and counts in clumps: rows of series, shape (rows, n)."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter

BURN_IN = 300


def normal(rng, shape):
    return rng.standard_normal(shape)


def heavy(rng, shape):
    """Student's t with three degrees of freedom, scaled to variance 1."""
    return rng.standard_t(3, shape) / np.sqrt(3)


def skewed(rng, shape):
    """Lognormal with sigma 1, centred, scaled to variance 1."""
    return (np.exp(rng.standard_normal(shape)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)


def autoregressive(rng, rows, n, coefficients, innovations=normal):
    """Stationary AR(1) or AR(2), mean 0, variance 1."""
    first, second = (*coefficients, 0.0)[:2]
    spread = (1 + second) * ((1 - second) ** 2 - first**2) / (1 - second)
    noise = np.sqrt(spread) * innovations(rng, (rows, n + BURN_IN))
    return lfilter([1.0], [1.0, -first, -second], noise, axis=1)[:, BURN_IN:]


def moving_average(rng, rows, n, width):
    """The mean of the last `width` values, as an overlapping rate window gives; variance 1."""
    noise = rng.standard_normal((rows, n + width - 1)) / np.sqrt(width)
    return lfilter(np.ones(width), [1.0], noise, axis=1)[:, width - 1 :]


def clumps(rng, mean, fano):
    """Compound Poisson counts of this mean; clumps have geometric sizes."""
    if fano == 1:
        return rng.poisson(mean).astype(float)
    size = (fano + 1) / 2
    groups = rng.poisson(mean / size)
    more = rng.negative_binomial(np.maximum(groups, 1), 1 / size)
    return groups + np.where(groups > 0, more, 0.0)


def day(start, n, period=5760):
    """A sine over a day of 15-second ticks, from a phase a row; shape (rows, n)."""
    return np.sin(2 * np.pi * (np.arange(n) / period + start[:, None]))
