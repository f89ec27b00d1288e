"""How many requests one look at two proportions needs: the textbook formula.

One-sided, at a level, with a power, for a canary with a share of all requests:

    n = ((z_level sqrt(p q (1/s + 1/(1 - s))) + z_power sqrt(p1 q1/s + p0 q0/(1 - s))) / (p1 - p0))²

with p the pooled proportion and q = 1 - p. It allows one look, at a size fixed before; looking
again costs more.

References
----------
Fleiss, Levin & Paik (2003), Statistical Methods for Rates and Proportions, chapter 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


def requests_needed(
    base: ArrayLike, ratio: ArrayLike, share: ArrayLike, *, level: float, power: float
) -> FloatArray:
    """Requests on both sides together.

    Parameters
    ----------
    base
        The baseline's proportion, in (0, 1).
    ratio
        The canary's over the baseline's, not 1; their product below 1.
    share
        The canary's share of the requests, in (0, 1).
    level, power
        In (0, 1).
    """
    p0 = np.asarray(base, dtype=np.float64)
    p1, s = p0 * np.asarray(ratio), np.asarray(share, dtype=np.float64)
    pooled = s * p1 + (1.0 - s) * p0
    null = pooled * (1.0 - pooled) * (1.0 / s + 1.0 / (1.0 - s))
    harmed = p1 * (1.0 - p1) / s + p0 * (1.0 - p0) / (1.0 - s)
    spread = -ndtri(level) * np.sqrt(null) + ndtri(power) * np.sqrt(harmed)
    found: FloatArray = (spread / (p1 - p0)) ** 2
    return found
