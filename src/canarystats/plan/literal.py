"""How likely a condition, read literally, is true at a look, and how long until it has held.

A window of a few minutes holds few errors at little traffic, so a literal condition flickers.
Sums over a moving window are taken as Slepian's process, whose chance of staying on one side for
one window is known; longer and shorter stretches are taken to be left at that rate. Runs that
reach the duration then come at the rate at which they outlive it.

References
----------
Slepian (1961), First passage time for a particular Gaussian process, Annals of Mathematical
Statistics 32:610-612; Shepp (1971), Annals of Mathematical Statistics 42:946-951.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln, ndtr, ndtri, pdtr

from canarystats.plan.passage import LONGEST, NORMAL_OVERSHOOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MANY = 400.0  # baseline errors in a window from which they are as good as normal
SURE = 1e-12


def chance_above(canary: FloatArray, baseline: FloatArray, odds: float) -> FloatArray:
    """The chance that more errors come than ``odds`` times the baseline's, both Poisson.

    Parameters
    ----------
    canary, baseline
        Shape (rows,): errors expected in a window.
    odds
        The threshold times the ratio of the exposures.
    """
    spread = np.sqrt(canary + odds**2 * baseline)
    normal = ndtr((canary - odds * baseline) / np.where(spread > 0, spread, 1.0))
    few = np.arange(math.ceil(MANY + 10.0 * math.sqrt(MANY)))
    mean = np.minimum(baseline, MANY)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_weight = np.where(mean > 0, few * np.log(mean) - mean - gammaln(few + 1.0), -np.inf)
    weight = np.where(mean > 0, np.exp(log_weight), few == 0)
    above = 1.0 - pdtr(np.floor(odds * few + SURE), canary[:, None])
    exact = (weight * above).sum(axis=1)
    found: FloatArray = np.where(spread > 0, np.where(baseline > MANY, normal, exact), 0.0)
    return found


def chance_over(mean: FloatArray, most: FloatArray) -> FloatArray:
    """The chance that a Poisson count exceeds a constant, shape (rows,)."""
    return np.where(mean > 0, 1.0 - pdtr(np.floor(most + SURE), mean), 0.0)


def held_by(true: FloatArray, window: float, hold: float, chance: float) -> FloatArray:
    """Ticks after which a condition has held for ``hold`` ticks on end with a chance.

    Parameters
    ----------
    true
        Shape (rows,): the chance that a look finds it true.
    window, hold
        Ticks in the window that a look reads, and that the condition must hold.
    chance
        In (0, 1).
    """
    usual = np.clip(true, SURE, 1.0 - SURE)
    # Looks at whole ticks miss what lies between them.
    level = ndtri(usual) + NORMAL_OVERSHOOT * math.sqrt(2.0 / max(window, 1.0))
    below, density = ndtr(level), np.exp(-0.5 * level**2) / math.sqrt(2.0 * math.pi)
    one_window = np.maximum(below**2 - density * (level * below + density), SURE)
    forgets = -np.log(one_window / below) / max(window, 1.0)  # a tick
    in_place = usual * np.exp(-forgets * hold)
    waits = np.log(np.maximum((1.0 - in_place) / (1.0 - chance), 1.0))
    more = waits * (1.0 - in_place) / np.maximum(forgets * in_place, SURE)
    ticks = np.ceil(hold + 1.0 + more - 1e-9)
    found: FloatArray = np.where((true > SURE) & (ticks < LONGEST), ticks, np.inf)
    return found
