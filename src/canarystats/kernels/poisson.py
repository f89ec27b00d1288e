"""Bounds of a mean count, and of a mean duration, through the incomplete gamma function.

References
----------
Garwood (1936), Biometrika 28:437-442 (counts). Epstein & Sobel (1953), JASA 48:486-502
(exponential durations).
"""

from __future__ import annotations

from scipy.special import gammaincinv


def count_bounds(count: float, tail: float) -> tuple[float, float]:
    """Exact bounds of the mean of a Poisson count, ``tail`` beyond each; the lower is 0 for 0."""
    low = float(gammaincinv(count, tail)) if count > 0 else 0.0
    return low, float(gammaincinv(count + 1.0, 1.0 - tail))


def duration_bounds(mean: float, n: float, tail: float) -> tuple[float, float]:
    """Exact bounds of the mean of n exponential durations, ``tail`` beyond each; n may be 2.5."""
    return (
        mean * n / float(gammaincinv(n, 1.0 - tail)),
        mean * n / float(gammaincinv(n, tail)),
    )
