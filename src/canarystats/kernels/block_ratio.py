"""A ratio of sums over blocks of time, and how uncertain dependence between blocks leaves it.

The ratio of all amounts to all exposures; its error comes from what each block's amount is off by,
summed with the long-run variance of those residuals. A rare share is then as sure as a binomial one
of fewer trials (Korn and Graubard's effective sample size, with the degrees of freedom of the
variance), so that its interval stays inside [0, 1] and is exact where blocks are independent.

References
----------
Cochran (1977), Sampling Techniques, section 2.11 (ratio estimates).
Korn & Graubard (1998), Survey Methodology 24:193-201.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtrit

from canarystats.kernels import coarser
from canarystats.kernels.binomial import share_bounds
from canarystats.kernels.long_run import long_run

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BlockRatio:
    """What blocks say of a ratio.

    Parameters
    ----------
    blocks
        How many hold an exposure.
    value, error
        The ratio and its standard error.
    exposure
        The sum of all exposures.
    time
        Autocorrelation time of the residuals, in blocks.
    degrees
        Degrees of freedom of the error.
    """

    blocks: int
    value: float
    error: float
    exposure: float
    time: float
    degrees: float

    def bounds(self, tail: float) -> tuple[float, float]:
        """Student's interval, with a probability of ``tail`` beyond each end."""
        reach = -float(stdtrit(self.degrees, tail)) * self.error
        return self.value - reach, self.value + reach

    def effective_trials(self, tail: float) -> float:
        """The binomial trials that a share is worth, at most its exposure."""
        variance = self.value * (1 - self.value)
        if not (self.error > 0 and variance > 0):
            return self.exposure
        few = (float(ndtri(tail)) / float(stdtrit(self.degrees, tail))) ** 2
        return min(self.exposure, variance / self.error**2 * few)

    def share_bounds(self, tail: float) -> tuple[float, float]:
        """Bounds of a share, with a probability of at most ``tail`` beyond each."""
        trials = self.effective_trials(tail)
        low, high = share_bounds(self.value * trials, trials, tail)
        return float(low), float(high)


def block_ratio(amounts: FloatArray, exposures: FloatArray) -> BlockRatio:
    """The ratio of amounts to exposures over blocks of equal time.

    Parameters
    ----------
    amounts, exposures
        Shape (B,) each, in time; NaN in both is a block without data. Some exposure is above 0.
    """
    present = ~np.isnan(exposures)
    total = float(exposures[present].sum())
    value = float(amounts[present].sum()) / total
    left = np.where(present, amounts - value * exposures, np.nan)
    error, time, free = error_of_sum(left)
    return BlockRatio(int(present.sum()), value, error / total, total, time, free)


def error_of_sum(left: FloatArray) -> tuple[float, float, float]:
    """Standard error of a sum of dependent values, shape (B,), their time and degrees of freedom.

    NaN is a missing block. The time is in blocks.
    """
    found = []
    for length in coarser.lengths(int((~np.isnan(left)).sum())):
        noise = long_run(coarser.joined(left, length)[None])
        error = float(np.sqrt(noise.n[0] * noise.long_run_variance[0]))
        found.append((error, float(noise.time[0]) * length, float(noise.degrees[0])))
    return max(found, key=lambda one: -float(stdtrit(one[2], coarser.DESIGN_TAIL)) * one[0])
