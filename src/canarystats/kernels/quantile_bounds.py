"""Where a quantile and a distribution function lie, at any number of looks.

The share of observations above the q-quantile is 1 - q. A beta-binomial mixture around it says how
far a count may stray at any look ever, and so between which order statistics, or bucket edges, the
quantile lies. A band around the whole empirical distribution function does it for every quantile
at once, and is wider.

References
----------
Robbins (1970), Statistical methods related to the law of the iterated logarithm;
Howard & Ramdas (2022), Sequential estimation of quantiles, Bernoulli 28, theorem 2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

PRIOR_EVENTS = 10.0  # weight of the mixture's centre, in observations
LARGEST_CONSTANT = 1612.0
HALVINGS = 60


def log_e_of_share(successes: ArrayLike, total: ArrayLike, share: ArrayLike) -> FloatArray:
    """Logarithm of the e-value against one constant share of successes, element by element.

    Parameters
    ----------
    successes, total
        0 <= successes <= total.
    share
        In (0, 1).
    """
    k, p = np.asarray(successes, np.float64), np.asarray(share, np.float64)
    missed = np.asarray(total, np.float64) - k
    a, b = PRIOR_EVENTS * p, PRIOR_EVENTS * (1.0 - p)
    mixture: FloatArray = betaln(a + k, b + missed) - betaln(a, b)
    return mixture - np.asarray(xlogy(k, p) + xlog1py(missed, -p), np.float64)


def quantile_bracket(
    values: FloatArray, above: FloatArray, total: FloatArray, q: float, level: float
) -> tuple[FloatArray, FloatArray]:
    """Between which of the values the q-quantile lies, at any number of looks.

    Parameters
    ----------
    values
        Shape (m,), increasing: order statistics, or bucket edges.
    above
        Shape (K, m): how many of a row's observations are larger than each value.
    total
        Shape (K,).
    q
        In (0, 1).
    level
        Coverage, in (0, 1).

    Returns
    -------
    tuple of ndarray
        Shape (K,) each: the largest value too many lie above, minus infinity for none; and the
        smallest that too few lie above, infinity for none. The quantile is above the first and at
        most the second.
    """
    count = total[:, None]
    out = log_e_of_share(above, count, 1.0 - q) >= -math.log(1.0 - level)
    many = above > (1.0 - q) * count
    low = np.where(out & many, values, -np.inf).max(axis=1, initial=-np.inf)
    high = np.where(out & ~many, values, np.inf).min(axis=1, initial=np.inf)
    return low, high


def band_width(total: ArrayLike, level: ArrayLike) -> FloatArray:
    """Half the height of a band that holds the whole distribution function at every look.

    ``0.85 sqrt((ln ln(e n) + 0.8 ln(1612 / a)) / n)`` with a = 1 - level, at most 1; element by
    element. For independent observations, ties or not.
    """
    n, a = np.asarray(total, np.float64), 1.0 - np.asarray(level, np.float64)
    room = 0.8 * np.log(LARGEST_CONSTANT / a)
    known = n >= 1
    many = np.where(known, n, 1.0)
    width = 0.85 * np.sqrt((np.log(np.log(math.e * many)) + room) / many)
    return np.where(known, np.minimum(width, 1.0), 1.0)


def equality_p_value(largest_gap: float, n: float, m: float) -> float:
    """The least level at which the bands of two sides come apart somewhere.

    Parameters
    ----------
    largest_gap
        The largest distance between their empirical distribution functions.
    n, m
        Observations on each side.
    """
    if not (n >= 1 and m >= 1):
        return 1.0

    def apart(log_p: float) -> bool:
        room = 0.8 * (math.log(2 * LARGEST_CONSTANT) - log_p)
        widths = [0.85 * math.sqrt((math.log(math.log(math.e * k)) + room) / k) for k in (n, m)]
        return largest_gap > sum(widths)

    low, high = -700.0, 0.0
    if not apart(high):
        return 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if apart(middle) else (middle, high)
    return math.exp(high)
