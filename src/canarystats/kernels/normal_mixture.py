"""Normal mixtures: the e-value of a sum and the confidence sequence of a mean, at any look.

``total`` is a sum whose variance grows to ``spent`` (n observations of variance s²: ``n s²``). Its
likelihood ratio against drift zero is averaged over drifts from a normal distribution of precision
``r`` (one-sided: over its positive half):

    two-sided   ln M = ½ ln(r / (v + r)) + S² / (2 (v + r))
    one-sided   ln M = ½ ln(4 r / (v + r)) + S² / (2 (v + r)) + ln Φ(S / sqrt(v + r))

Valid for increments that are sub-Gaussian with the variance given, whatever came before; the
one-sided value also when the drift is below zero. An underrated variance breaks it.

References
----------
Robbins (1970), Annals of Mathematical Statistics 41:1397-1409; Howard, Ramdas, McAuliffe & Sekhon
(2021), Annals of Statistics 49:1055-1080.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

NEWTON_STEPS = 8


def precision(spent: float, level: float, *, one_sided: bool = False) -> float:
    """The precision r that makes the bound narrowest when the variance spent is ``spent``.

    Parameters
    ----------
    spent
        Variance of the sum at the look that matters most.
    level
        Coverage, in (0, 1).
    one_sided
        Whether the bound is one-sided.
    """
    log_inverse = -2.0 * math.log((1.0 - level) * (2.0 if one_sided else 1.0))
    return spent / (log_inverse + math.log1p(log_inverse))


def log_e_value(
    total: FloatArray, spent: FloatArray, r: FloatArray | float, *, one_sided: bool = False
) -> FloatArray:
    """Logarithm of the e-value against a drift of zero, or of at most zero if ``one_sided``.

    Parameters
    ----------
    total, spent
        The sum and its variance, one shape.
    r
        From `precision`, in the unit of ``spent``.
    one_sided
        Whether only drifts above zero count.
    """
    whole = spent + r
    log_e: FloatArray = 0.5 * np.log(r / whole) + 0.5 * total * total / whole
    if one_sided:
        log_e = log_e + math.log(2.0) + log_ndtr(total / np.sqrt(whole))
    return log_e


def half_width(n: FloatArray, spent: FloatArray, r: FloatArray | float, level: float) -> FloatArray:
    """Half width of the two-sided confidence sequence of the mean of n observations."""
    bound = (spent + r) * (np.log1p(spent / r) - 2.0 * math.log(1.0 - level))
    width: FloatArray = np.sqrt(bound) / n
    return width


def lower_width(
    n: FloatArray, spent: FloatArray, r: FloatArray | float, level: float
) -> FloatArray:
    """How far below the observed mean the one-sided confidence sequence begins.

    Newton from the two-sided bound at twice the error, which lies just above the root; the e-value
    is convex in the sum, so the guesses come down to it from one side.
    """
    bound = -math.log(1.0 - level)
    whole = spent + r
    total = half_width(n, spent, r, 1.0 - 2.0 * (1.0 - level)) * n + np.sqrt(whole)
    for _ in range(NEWTON_STEPS):
        at = total / np.sqrt(whole)
        density = np.exp(-0.5 * at * at - log_ndtr(at)) / np.sqrt(2.0 * np.pi * whole)
        height = log_e_value(total, spent, r, one_sided=True) - bound
        total = total - height / (total / whole + density)
    width: FloatArray = total / n
    return width
