"""From p-values to e-values: how a test made for one look can speak among many.

A calibrator f is decreasing and integrates to at most 1 over (0, 1), so f(p) is an e-value for any
p-value p. E-values of windows that do not overlap multiply, and their running product is an
e-process if each window's p-value is valid whatever the windows before it showed. Windows that
share data break it, and so does choosing where a window ends by looking at it.

References
----------
Shafer, Shen, Vereshchagin & Vovk (2011), Test martingales, Bayes factors and p-values.
Vovk & Wang (2021), E-values: calibration, combination and applications, Annals of Statistics 49.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from canarystats.errors import InputError

FloatArray = NDArray[np.float64]
SERIES_BELOW = 1e-2  # of -ln p; there the closed form loses digits to cancellation


def power(p: FloatArray, kappa: float = 0.5) -> FloatArray:
    """Logarithm of the e-value ``kappa * p ** (kappa - 1)``.

    Parameters
    ----------
    p
        P-values, any shape; NaN, a window without an answer, gives an e-value of 1.
    kappa
        In (0, 1): near 1 for p-values that are never very small, near 0 for tiny ones.

    Raises
    ------
    InputError
        If kappa is not in (0, 1) or a p-value not in [0, 1].
    """
    if not 0.0 < kappa < 1.0:
        msg = f"kappa is {kappa!r}; it must lie between 0 and 1"
        raise InputError(msg)
    surprise = _surprise(p)
    return _known(p, np.log(kappa) + (1.0 - kappa) * surprise)


def averaged(p: FloatArray) -> FloatArray:
    """Logarithm of ``(1 - p + p ln p) / (p ln² p)``: `power` averaged over every kappa.

    Parameters
    ----------
    p
        P-values, any shape; NaN, a window without an answer, gives an e-value of 1.

    Raises
    ------
    InputError
        If a p-value is not in [0, 1].
    """
    x = _surprise(p)  # then the e-value is (exp(x) - 1 - x) / x²
    small, large = np.minimum(x, SERIES_BELOW), np.maximum(x, SERIES_BELOW)
    series = np.log(0.5 + small * (1 / 6 + small * (1 / 24 + small * (1 / 120 + small / 720))))
    with np.errstate(invalid="ignore"):
        closed = large + np.log1p(-(1.0 + large) * np.exp(-large)) - 2.0 * np.log(large)
    closed = np.where(np.isinf(x), np.inf, closed)
    return _known(p, np.where(x < SERIES_BELOW, series, closed))


def always_valid_p(highest_log_e: FloatArray) -> FloatArray:
    """The p-value of an e-process, from the highest value it has reached: ``min(1, 1 / E)``."""
    return np.exp(-np.maximum(highest_log_e, 0.0))


def _surprise(p: FloatArray) -> FloatArray:
    """Minus the logarithm of the p-values, infinite at 0."""
    with np.errstate(invalid="ignore"):
        wrong = np.flatnonzero((np.ravel(p) < 0) | (np.ravel(p) > 1))
    if wrong.size:
        msg = f"p is {float(np.ravel(p)[wrong[0]])!r}; a p-value lies in [0, 1]"
        raise InputError(msg)
    with np.errstate(divide="ignore"):
        surprise: FloatArray = -np.log(np.where(np.isnan(p), 1.0, p))
    return np.abs(surprise)


def _known(p: FloatArray, log_e: FloatArray) -> FloatArray:
    return np.where(np.isnan(p), 0.0, log_e)
