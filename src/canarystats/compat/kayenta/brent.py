"""Brent's root finder: inverse quadratic steps, kept safe by bisection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_STEPS = 1000


def zero(
    function: Callable[[float], float],
    low: tuple[float, float],
    high: tuple[float, float],
    tolerance: float,
) -> float:
    """Where a function changes its sign.

    Parameters
    ----------
    function
        Of one number; a jump over zero counts as a root.
    low, high
        Two points and the function there, of opposite signs (or zero).
    tolerance
        Absolute; the answer is within it of a change of sign.

    References
    ----------
    Brent (1973), Algorithms for Minimization without Derivatives, chapter 4.

    Examples
    --------
    >>> round(zero(lambda x: x * x - 2, (0.0, -2.0), (2.0, 2.0), 1e-12), 9)
    1.414213562
    """
    before, at_before = low
    best, at_best = high
    other, at_other = low  # with the best, it encloses the root
    for point, value in (low, high):
        if value == 0:
            return point
    for _ in range(MOST_STEPS):
        if abs(at_other) < abs(at_best):
            before, best, other = best, other, best
            at_before, at_best, at_other = at_best, at_other, at_best
        least = 2 * float(np.finfo(np.float64).eps) * abs(best) + tolerance / 2
        half = (other - best) / 2
        if abs(half) <= least or at_best == 0:
            break
        step = half
        last = best - before
        if abs(last) >= least and abs(at_before) > abs(at_best):
            values = (at_before, at_best, at_other)
            step = _interpolated((before, best, other), values, last, least)
        if abs(step) < least:
            step = least if step > 0 else -least
        before, at_before = best, at_best
        best += step
        at_best = function(best)
        if (at_best > 0) == (at_other > 0):
            other, at_other = before, at_before
    return best


def _interpolated(
    points: tuple[float, float, float],
    values: tuple[float, float, float],
    last: float,
    least: float,
) -> float:
    """The step of the curve through the points, or half the way where that goes too far."""
    before, best, other = points
    at_before, at_best, at_other = values
    width = other - best
    ratio = at_best / at_before
    if before == other:
        p, q = width * ratio, 1 - ratio
    else:
        across, along = at_before / at_other, at_best / at_other
        p = ratio * (width * across * (across - along) - (best - before) * (along - 1))
        q = (across - 1) * (along - 1) * (ratio - 1)
    if p > 0:
        q = -q
    else:
        p = -p
    near_enough = p < 0.75 * width * q - abs(least * q) / 2
    return p / q if near_enough and p < abs(last * q / 2) else width / 2
