"""When a line reaches a limit, and where that time may lie.

The times at which the line, with its error, cannot be told from the limit (Fieller's set): the
roots of (d - b T)² = q² var(level + b T), d the distance left. Where the slope cannot be told from
0 the set has no upper end.

References
----------
Fieller (1954), Journal of the Royal Statistical Society B 16:175-185.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


@dataclass(frozen=True, slots=True)
class LimitTime:
    """Times from now on; ``point`` is None where the line does not rise, ``high`` where open."""

    point: float | None
    low: float | None
    high: float | None


def limit_time(
    distance: float,
    slope: float,
    slope_error: float,
    level_error: float,
    covariance: float,
    *,
    freedom: float,
    coverage: float,
) -> LimitTime:
    """Time until a level that is ``distance`` below its limit gets there.

    Parameters
    ----------
    distance
        The limit less the level; at most 0 gives 0.
    slope, slope_error, level_error, covariance
        Of the line, per unit of time, and of slope with level.
    freedom, coverage
        Degrees of freedom of the errors, and how often the interval is to hold the truth.
    """
    unit = max(abs(distance), level_error)
    if unit > 0:  # fourth powers below: they must neither vanish nor overflow
        distance, slope, slope_error = distance / unit, slope / unit, slope_error / unit
        level_error, covariance = level_error / unit, covariance / unit / unit
    q2 = float(stdtrit(freedom, (1 + coverage) / 2)) ** 2
    point = 0.0 if distance <= 0 else (distance / slope if slope > 0 else None)
    a = slope**2 - q2 * slope_error**2
    half_b = distance * slope + q2 * covariance
    c = distance**2 - q2 * level_error**2
    root = float(np.sqrt(max(half_b**2 - a * c, 0.0)))
    if a > 0:
        low, high = (half_b - root) / a, (half_b + root) / a
        if high < 0:
            return LimitTime(point, 0.0 if point == 0 else None, 0.0 if point == 0 else None)
        return LimitTime(point, max(low, 0.0), high)
    if distance <= 0 or c <= 0:
        return LimitTime(point, 0.0, None)
    if a < 0:
        return LimitTime(point, max((half_b - root) / a, 0.0), None)
    low = c / (2 * half_b) if half_b > 0 else np.inf
    return LimitTime(point, max(low, 0.0) if np.isfinite(low) else None, None)
