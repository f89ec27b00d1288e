"""Binomial tails and Clopper-Pearson intervals through the incomplete beta function.

Every function works element by element on arrays that broadcast. Counts need not be whole: the
increments that a rate of scraped counters extrapolates are interpolated smoothly.

References
----------
Clopper & Pearson (1934), Biometrika 26:404-413.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betainc, betaincinv

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


def upper_tail(successes: ArrayLike, trials: ArrayLike, share: ArrayLike) -> FloatArray:
    """P(X >= successes) for X binomial.

    Parameters
    ----------
    successes, trials
        0 <= successes <= trials.
    share
        Probability of a success, in [0, 1].
    """
    k, n, p = np.broadcast_arrays(
        np.asarray(successes, dtype=np.float64),
        np.asarray(trials, dtype=np.float64),
        np.asarray(share, dtype=np.float64),
    )
    tail: FloatArray = np.where(k > 0, betainc(np.maximum(k, 1e-300), n - k + 1, p), 1.0)
    return tail


def lower_tail(successes: ArrayLike, trials: ArrayLike, share: ArrayLike) -> FloatArray:
    """P(X <= successes) for X binomial; parameters as in `upper_tail`."""
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    return upper_tail(n - k, n, 1 - np.asarray(share, dtype=np.float64))


def share_bounds(
    successes: ArrayLike, trials: ArrayLike, tail: float
) -> tuple[FloatArray, FloatArray]:
    """Exact bounds of the probability of a success.

    Parameters
    ----------
    successes, trials
        0 <= successes <= trials.
    tail
        Probability, in (0, 1), that the truth lies beyond each bound, at most.

    Returns
    -------
    tuple of ndarray
        Low and high bound; 0 without a success, 1 without a failure.
    """
    k, n = np.broadcast_arrays(
        np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    )
    low = np.where(k > 0, betaincinv(np.maximum(k, 1e-300), n - k + 1, tail), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1e-300), 1 - tail), 1.0)
    return low, high
