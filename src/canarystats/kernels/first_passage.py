"""When a drifting walk first reaches a bar: the inverse Gaussian distribution.

A walk of drift m and variance s² a step, held against a bar b, first reaches it after b / m steps
on average, and the time is inverse Gaussian with shape (b / s)². In units of that mean only one
number is left, ``shape`` = b m / s²: the larger it is, the narrower the times lie around the mean.
Exact for Brownian motion; the overshoot of a walk that jumps is the caller's to add to the bar.

References
----------
Chhikara & Folks (1989), The Inverse Gaussian Distribution; Siegmund (1985), Sequential Analysis,
chapter 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, ndtr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

HALVINGS = 60
WIDEST = 40.0  # a quantile lies within exp(-40) and exp(40) of the mean


def reached_by(time: ArrayLike, shape: ArrayLike) -> FloatArray:
    """The chance that the bar is reached by a time, in units of the mean.

    Parameters
    ----------
    time
        Positive; infinity is allowed.
    shape
        Positive, broadcast with ``time``.
    """
    x, phi = np.broadcast_arrays(
        np.asarray(time, dtype=np.float64), np.asarray(shape, dtype=np.float64)
    )
    forever = np.isinf(x)
    x = np.where(forever, 1.0, x)
    root = np.sqrt(phi / x)
    chance = ndtr(root * (x - 1.0)) + np.exp(2.0 * phi + log_ndtr(-root * (x + 1.0)))
    found: FloatArray = np.where(forever, 1.0, np.minimum(chance, 1.0))
    return found


def time_by(chance: ArrayLike, shape: ArrayLike) -> FloatArray:
    """The time, in units of the mean, by which the bar is reached with a chance.

    By halving the logarithm of the time, to one part in 1e9 and better.

    Parameters
    ----------
    chance
        In (0, 1).
    shape
        Positive, broadcast with ``chance``.
    """
    p, phi = np.broadcast_arrays(
        np.asarray(chance, dtype=np.float64), np.asarray(shape, dtype=np.float64)
    )
    low, high = np.full(p.shape, -WIDEST), np.full(p.shape, WIDEST)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        early = reached_by(np.exp(middle), phi) < p
        low, high = np.where(early, middle, low), np.where(early, high, middle)
    found: FloatArray = np.exp(0.5 * (low + high))
    return found
