"""Score tests of two rates and the intervals that invert them.

The variance is taken at the rates that are most likely under the hypothesis, not at those observed,
so that nothing degenerates where one side has no events. Every function works element by element on
arrays that broadcast; each element takes the same steps alone as among others.

References
----------
Miettinen & Nurminen (1985), Statistics in Medicine 4:213-226 (difference of shares).
Gart & Nam (1990), Biometrics 46:637-643 (difference of Poisson rates, up to notation).
Wilson (1927), Journal of the American Statistical Association 22:209-212 (ratio, by conditioning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    Sides = tuple[ArrayLike, ArrayLike]

BISECTIONS = 200  # more than enough to exhaust a float; the loop ends once it has


def share_difference_score(events: Sides, trials: Sides, difference: ArrayLike) -> FloatArray:
    """Standard normal deviate of the first share above ``difference`` plus the second.

    Parameters
    ----------
    events, trials
        Of both sides, 0 <= events <= trials, trials positive.
    difference
        Under the hypothesis, in (-1, 1).
    """
    a, b, n, m, shift = _floats(*events, *trials, difference)
    total = n + m
    low = _likeliest_share(a, n, b, m, shift)
    high = low + shift
    variance = (high * (1 - high) / n + low * (1 - low) / m) * total / np.maximum(total - 1, 1)
    return _deviate(a / n - b / m - shift, variance)


def _likeliest_share(
    a: FloatArray, n: FloatArray, b: FloatArray, m: FloatArray, difference: FloatArray
) -> FloatArray:
    """The second share that is most likely where the first is larger by ``difference``."""
    total = n + m
    # the likelihood equation: x³ + c2 x² + c1 x + c0 = 0, whose middle root is admissible
    c2 = ((n + 2 * m) * difference - total - a - b) / total
    c1 = ((m * difference - total - 2 * b) * difference + a + b) / total
    c0 = b * difference * (1 - difference) / total
    third = c2 / 3
    q = third * third * third - c1 * c2 / 6 + c0 / 2
    p = np.copysign(np.sqrt(np.maximum(third * third - c1 / 3, 0.0)), q)
    cube = p * p * p
    ratio = np.divide(q, cube, out=np.ones_like(cube), where=cube != 0)
    angle = (np.pi + np.arccos(np.clip(ratio, -1.0, 1.0))) / 3
    root = 2 * p * np.cos(angle) - third
    root = np.clip(root, np.maximum(0.0, -difference), np.minimum(1.0, 1 - difference))
    return np.where(difference == 0, (a + b) / total, root)


def rate_difference_score(events: Sides, exposure: Sides, difference: ArrayLike) -> FloatArray:
    """Standard normal deviate of the first Poisson rate above ``difference`` plus the second.

    Parameters
    ----------
    events, exposure
        Of both sides, not negative, exposures positive.
    difference
        Under the hypothesis, events per exposure.
    """
    a, b, n, m, shift = _floats(*events, *exposure, difference)
    centre = (a + b) / (n + m) - shift
    root = np.sqrt(np.maximum(centre * centre + 4 * shift * b / (n + m), 0.0))
    # the second form keeps its digits where the first would cancel
    apart = np.where(centre < 0, root - centre, 1.0)
    low = np.where(centre >= 0, (centre + root) / 2, 2 * shift * b / (n + m) / apart)
    low = np.maximum(np.maximum(low, 0.0), -shift)
    return _deviate(a / n - b / m - shift, (low + shift) / n + low / m)


def rate_ratio_score(events: Sides, exposure: Sides, ratio: ArrayLike) -> FloatArray:
    """Standard normal deviate of the first Poisson rate above ``ratio`` times the second.

    Parameters
    ----------
    events, exposure
        Of both sides, not negative, at least one event, exposures positive.
    ratio
        Under the hypothesis, positive.
    """
    a, b, n, m, factor = _floats(*events, *exposure, ratio)
    odds = factor * n / m
    score: FloatArray = (a - b * odds) / np.sqrt((a + b) * odds)
    return score


def rate_ratio_bounds(
    events: Sides, exposure: Sides, critical: float
) -> tuple[FloatArray, FloatArray]:
    """The ratios at which `rate_ratio_score` is within ``critical`` of 0; infinite is open."""
    a, b, n, m = _floats(*events, *exposure)
    factor = m / n
    # (a - b r)² = critical² (a + b) r, whose roots multiply to (a / b)²
    half = a * b + critical**2 * (a + b) / 2
    root = np.sqrt(np.maximum(half * half - a * a * b * b, 0.0))
    low = factor * a * a / (half + root)
    high = factor * np.divide(half + root, b * b, out=np.full_like(half, np.inf), where=b > 0)
    return low, high


def inverted(
    score: Callable[[FloatArray], FloatArray],
    estimate: ArrayLike,
    ends: tuple[ArrayLike, ArrayLike],
    critical: float,
) -> tuple[FloatArray, FloatArray]:
    """Where scores that fall in their argument leave ``[-critical, critical]``.

    Parameters
    ----------
    score
        Falls in its argument, element by element; at the estimate it is 0.
    estimate
        Lies between the ends.
    ends
        Beyond them the parameter cannot lie.
    critical
        Positive.
    """
    first, middle, last = _floats(ends[0], estimate, ends[1])
    shape = np.broadcast_shapes(first.shape, middle.shape, last.shape)
    # both ends at once: true of a value below the low end, and of one below the high end
    start, stop = (
        np.stack([np.broadcast_to(end, shape) for end in two])
        for two in ((first, middle), (middle, last))
    )
    for _ in range(BISECTIONS):
        value = start + (stop - start) / 2
        going = (value != start) & (value != stop)
        if not going.any():
            break
        scores = score(value)
        under = np.stack([scores[0] > critical, scores[1] >= -critical])
        start = np.where(going & under, value, start)
        stop = np.where(going & ~under, value, stop)
    low, high = start + (stop - start) / 2
    return low, high


def _deviate(excess: FloatArray, variance: FloatArray) -> FloatArray:
    sure = np.where(excess == 0, 0.0, np.copysign(np.inf, excess))
    sd = np.sqrt(np.maximum(variance, 0.0))
    deviate: FloatArray = np.divide(excess, sd, out=sure, where=variance > 0)
    return deviate


def _floats(*values: ArrayLike) -> list[FloatArray]:
    return [np.asarray(value, dtype=np.float64) for value in values]
