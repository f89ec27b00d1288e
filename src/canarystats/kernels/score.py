"""Score tests of two rates and the intervals that invert them.

The variance is taken at the rates that are most likely under the hypothesis, not at those observed,
so that nothing degenerates where one side has no events.

References
----------
Miettinen & Nurminen (1985), Statistics in Medicine 4:213-226 (difference of shares).
Gart & Nam (1990), Biometrics 46:637-643 (difference of Poisson rates, up to notation).
Wilson (1927), Journal of the American Statistical Association 22:209-212 (ratio, by conditioning).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BISECTIONS = 200  # more than enough to exhaust a float; the loop ends once it has


def share_difference_score(
    events: tuple[float, float], trials: tuple[float, float], difference: float
) -> float:
    """Standard normal deviate of the first share above ``difference`` plus the second.

    Parameters
    ----------
    events, trials
        Of both sides, 0 <= events <= trials, trials positive.
    difference
        Under the hypothesis, in (-1, 1).
    """
    (a, b), (n, m) = events, trials
    total = n + m
    low = _likeliest_share(a, n, b, m, difference)
    high = low + difference
    variance = (high * (1 - high) / n + low * (1 - low) / m) * total / max(total - 1, 1)
    return _deviate(a / n - b / m - difference, variance)


def _likeliest_share(a: float, n: float, b: float, m: float, difference: float) -> float:
    """The second share that is most likely where the first is larger by ``difference``."""
    total = n + m
    if difference == 0:
        return (a + b) / total
    # the likelihood equation: x³ + c2 x² + c1 x + c0 = 0, whose middle root is admissible
    c2 = ((n + 2 * m) * difference - total - a - b) / total
    c1 = ((m * difference - total - 2 * b) * difference + a + b) / total
    c0 = b * difference * (1 - difference) / total
    q = (c2 / 3) ** 3 - c1 * c2 / 6 + c0 / 2
    p = math.copysign(math.sqrt(max((c2 / 3) ** 2 - c1 / 3, 0.0)), q)
    angle = 0.0 if p == 0 else (math.pi + math.acos(min(max(q / p**3, -1.0), 1.0))) / 3
    root = 2 * p * math.cos(angle) - c2 / 3
    return min(max(root, 0.0, -difference), 1.0, 1 - difference)


def rate_difference_score(
    events: tuple[float, float], exposure: tuple[float, float], difference: float
) -> float:
    """Standard normal deviate of the first Poisson rate above ``difference`` plus the second.

    Parameters
    ----------
    events, exposure
        Of both sides, not negative, exposures positive.
    difference
        Under the hypothesis, events per exposure.
    """
    (a, b), (n, m) = events, exposure
    centre = (a + b) / (n + m) - difference
    root = math.sqrt(max(centre * centre + 4 * difference * b / (n + m), 0.0))
    # the second form keeps its digits where the first would cancel
    low = (centre + root) / 2 if centre >= 0 else 2 * difference * b / (n + m) / (root - centre)
    low = max(low, 0.0, -difference)
    return _deviate(a / n - b / m - difference, (low + difference) / n + low / m)


def rate_ratio_score(
    events: tuple[float, float], exposure: tuple[float, float], ratio: float
) -> float:
    """Standard normal deviate of the first Poisson rate above ``ratio`` times the second.

    Parameters
    ----------
    events, exposure
        Of both sides, not negative, at least one event, exposures positive.
    ratio
        Under the hypothesis, positive.
    """
    odds = ratio * exposure[0] / exposure[1]
    return (events[0] - events[1] * odds) / math.sqrt((events[0] + events[1]) * odds)


def rate_ratio_bounds(
    events: tuple[float, float], exposure: tuple[float, float], critical: float
) -> tuple[float, float]:
    """The ratios at which `rate_ratio_score` is within ``critical`` of 0."""
    a, b = events
    factor = exposure[1] / exposure[0]
    # (a - b r)² = critical² (a + b) r, whose roots multiply to (a / b)²
    half = a * b + critical**2 * (a + b) / 2
    root = math.sqrt(max(half * half - a * a * b * b, 0.0))
    low = factor * a * a / (half + root) if a else 0.0
    high = factor * (half + root) / (b * b) if b else math.inf
    return low, high


def inverted(
    score: Callable[[float], float], estimate: float, ends: tuple[float, float], critical: float
) -> tuple[float, float]:
    """Where a score that falls in its argument leaves ``[-critical, critical]``.

    Parameters
    ----------
    score
        Falls in its argument; at the estimate it is 0.
    estimate
        Lies between the ends.
    ends
        Beyond them the parameter cannot lie.
    critical
        Positive.
    """
    low = _crossing(lambda value: score(value) > critical, ends[0], estimate)
    high = _crossing(lambda value: score(value) >= -critical, estimate, ends[1])
    return low, high


def _crossing(holds: Callable[[float], bool], start: float, stop: float) -> float:
    """Where ``holds``, true from ``start`` on and false at ``stop``, changes."""
    for _ in range(BISECTIONS):
        middle = start + (stop - start) / 2
        if middle in {start, stop}:
            break
        if holds(middle):
            start = middle
        else:
            stop = middle
    return start + (stop - start) / 2


def _deviate(excess: float, variance: float) -> float:
    if variance > 0:
        return excess / math.sqrt(variance)
    return math.copysign(math.inf, excess) if excess else 0.0
