"""The shift between two samples by inverting the tie-corrected Mann-Whitney test, as Kayenta does.

The statistic jumps, so an end is known to the root finder's absolute tolerance only: in the unit
of the metric, whatever that is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compat.kayenta.brent import zero

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

CRITICAL = 2.3263478740408408  # the normal quantile at 1 - 0.02 / 2
TOLERANCE = 1e-4


class AllTiedError(ValueError):
    """Every value is the same after a shift, so the test has no variance."""


@dataclass(frozen=True, slots=True)
class Shift:
    """The shift and the ends of its 98 % interval, in the metric's unit."""

    lower: float
    upper: float
    estimate: float


def invert(experiment: FloatArray, control: FloatArray) -> Shift:
    """Where the test of a shift has its lower limit, its upper limit and its middle.

    Parameters
    ----------
    experiment, control
        Shape (n,) and (m,), not empty, without NaN.

    Raises
    ------
    AllTiedError
        If all values coincide after one of the shifts tried.

    References
    ----------
    Bauer (1972), Journal of the American Statistical Association 67:687-690.
    """
    ours, theirs = np.sort(experiment), np.sort(control)
    ends = float(ours[0] - theirs[-1]), float(ours[-1] - theirs[0])
    at_ends = _deviate(ours, theirs, ends[0]), _deviate(ours, theirs, ends[1])

    def solved(level: float) -> float:
        low, high = at_ends[0] - level, at_ends[1] - level
        if low <= 0:
            return ends[0]
        if high >= 0:
            return ends[1]
        return zero(
            lambda shift: _deviate(ours, theirs, shift) - level,
            (ends[0], low),
            (ends[1], high),
            TOLERANCE,
        )

    return Shift(lower=solved(CRITICAL), upper=solved(-CRITICAL), estimate=solved(0.0))


def _deviate(ours: FloatArray, theirs: FloatArray, shift: float) -> float:
    """The standardised statistic after moving the first sample down; both are sorted."""
    n, m = ours.size, theirs.size
    moved = ours - shift  # an infinity less an infinite shift is NaN, which is ranked last
    below = np.searchsorted(theirs, moved, "left").sum()
    upto = np.searchsorted(theirs, moved, "right").sum()
    excess = (float(below) + float(upto)) / 2 - n * m / 2
    pooled = np.sort(np.concatenate([moved, theirs]))
    starts = np.flatnonzero(np.concatenate([[True], pooled[1:] != pooled[:-1], [True]]))
    size = np.diff(starts).astype(np.float64)
    ties = float((size**3 - size).sum()) / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - ties)
    if variance <= 0:
        raise AllTiedError
    continuity = math.copysign(0.5, excess) if excess else 0.0
    return (excess - continuity) / math.sqrt(variance)
