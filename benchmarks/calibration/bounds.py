"""How far a simulated rate may be from the true one."""

from __future__ import annotations

import math

from scipy.special import betaincinv, gammaincinv

CONFIDENCE = 0.95


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """The 95 % score interval of a rate, two-sided."""
    z = 1.959963984540054
    centre, spread = hits + z * z / 2, runs + z * z
    half = z * math.sqrt(hits * (runs - hits) / runs + z * z / 4)
    return max(centre - half, 0.0) / spread, min(centre + half, spread) / spread


def upper(hits: int, runs: int) -> float:
    """The exact one-sided 95 % bound of Clopper and Pearson."""
    return 1.0 if hits == runs else float(betaincinv(hits + 1, runs - hits, CONFIDENCE))


def lower(hits: int, runs: int) -> float:
    """The same from below."""
    return 0.0 if hits == 0 else float(betaincinv(hits, runs - hits + 1, 1 - CONFIDENCE))


def most_expected(hits: int) -> float:
    """The exact one-sided 95 % upper bound of how many such events are expected."""
    return float(gammaincinv(hits + 1, CONFIDENCE))
