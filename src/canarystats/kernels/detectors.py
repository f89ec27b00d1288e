"""Detectors of a change at an unknown time, many side by side, on the log scale.

An increment L of an e-process is not negative and has a null expectation of at most 1, given the
past. Both detectors start the product of increments anew at every tick:

    e-CUSUM  M_t = L_t max(M_{t-1}, 1)        e-SR  M_t = L_t (M_{t-1} + 1)

e-SR is the sum over all starts, so M_t - t has a null expectation of at most 0 and the average run
length to M >= A is at least A; e-CUSUM is the largest single start and never above it. The same
holds for weighted means of detectors.

References
----------
Page (1954), Continuous inspection schemes; Shiryaev (1963); Roberts (1966).
Shin, Ramdas & Rinaldo (2024), E-detectors: a nonparametric framework for sequential change
detection, New England Journal of Statistics in Data Science 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def cusum(log_mass: FloatArray, gain: FloatArray) -> FloatArray:
    """One tick of e-CUSUM, any shape; ``gain`` is ln L, and ``log_mass`` begins at 0."""
    mass: FloatArray = np.maximum(log_mass, 0.0) + gain
    return mass


def shiryaev_roberts(log_mass: FloatArray, gain: FloatArray) -> FloatArray:
    """One tick of e-SR, any shape; ``gain`` is ln L, and ``log_mass`` begins at minus infinity."""
    mass: FloatArray = np.logaddexp(log_mass, 0.0) + gain
    return mass


def normal_gain(values: FloatArray, shifts: FloatArray, deviation: float) -> FloatArray:
    """Log likelihood ratios of normal values, for each shift of the mean away from 0.

    Parameters
    ----------
    values
        Shape (K,).
    shifts
        Shape (g,), in the unit of the values. The null may have any mean on the other side of 0.
    deviation
        Standard deviation of one value, in that unit.

    Returns
    -------
    ndarray
        Shape (K, g).
    """
    gain: FloatArray = (values[:, None] * shifts - 0.5 * shifts**2) / deviation**2
    return gain


def odds_gain(
    successes: FloatArray, failures: FloatArray, share: FloatArray, log_odds: FloatArray
) -> FloatArray:
    """Log likelihood ratios of binomial counts, for each multiple of the null's odds.

    Parameters
    ----------
    successes, failures, share
        Shape (K,): the tick's counts and the null's share of successes.
    log_odds
        Shape (g,): logarithms of odds multipliers.

    Returns
    -------
    ndarray
        Shape (K, g).
    """
    total = (successes + failures)[:, None]
    log_base = np.log1p(share[:, None] * np.expm1(log_odds))
    gain: FloatArray = successes[:, None] * log_odds - total * log_base
    return gain
