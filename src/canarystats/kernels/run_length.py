"""How often a watched series raises an alarm while nothing changes.

A CUSUM maximised over every place of a change, with the mean before and after unknown, passes a
high threshold b about ``c b f(b)`` times a tick; its inverse is the average run length. With
Student's density for f, the uncertainty of a variance estimated so far is averaged over. Theory
gives c = 0.735 for independent values; memory, which smooths the CUSUM, makes it smaller. It was
fitted once to simulated AR(1) noise of known variance, with coefficients 0, 0.3, 0.6 and 0.9.

References
----------
Siegmund & Venkatraman (1995), Annals of Statistics 23:255-271.
"""

from __future__ import annotations

import math

PASSAGES = 0.33  # c = PASSAGES * (1 / time + 1 / time^5), time the autocorrelation time


def alarms_per_tick(z: float, first: float, degrees: float) -> float:
    """How often a standardised CUSUM of z or more is reached, per tick; z at least 1.

    Parameters
    ----------
    z
        The CUSUM over the root of the long-run variance.
    first
        First-order coefficient of the series, in [0, 1).
    degrees
        Degrees of freedom of that variance.
    """
    time = (1 + first) / (1 - first)
    log_density = (
        math.lgamma((degrees + 1) / 2)
        - math.lgamma(degrees / 2)
        - math.log(degrees * math.pi) / 2
        - (degrees + 1) / 2 * math.log1p(z * z / degrees)
    )
    return PASSAGES * (1 / time + time**-5) * z * math.exp(log_density)


def first_order_degrees(n: float, first: float) -> float:
    """Degrees of freedom of an AR(1) process's long-run variance after n values, at least 1.

    Parameters
    ----------
    n
        Values seen.
    first
        The first-order coefficient, in (-1, 1).
    """
    # the logarithm of s² / (1 - first)² has variance 2 / n + 4 (1 + first) / (1 - first) / n
    return max(n / (1 + 2 * (1 + first) / (1 - first)), 1.0)
