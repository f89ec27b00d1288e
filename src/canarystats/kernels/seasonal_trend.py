"""A straight trend beside patterns that return, in dependent noise.

Weighted least squares of blocks on a line and on indicators of the hour and the weekday. The error
of the slope allows for unequal variances (White) and multiplies by the autocorrelation time of the
residuals; fitted indicators take degrees of freedom away.

References
----------
White (1980), Econometrica 48:817-838. Newey & West (1987), Econometrica 55:703-708.
Frisch & Waugh (1933), Econometrica 1:387-401.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from canarystats.kernels import coarser
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.kernels.long_run import degrees

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


LEAST_LEFT = 0.2  # of the long-run variance that fitted patterns are taken to leave


@dataclass(frozen=True, slots=True)
class Trend:
    """What blocks say of a slope.

    Parameters
    ----------
    blocks
        How many hold data.
    slope, error
        Per unit of the times, and its standard error.
    mean, mean_error
        The weighted mean, and its standard error.
    centre
        The weighted mean time, where the line passes through the mean.
    left
        Residuals, shape (B,), NaN where a block is empty.
    time
        Autocorrelation time of the residuals, in blocks.
    degrees
        Degrees of freedom of both errors, at least 1.
    """

    blocks: int
    slope: float
    error: float
    mean: float
    mean_error: float
    centre: float
    left: FloatArray
    time: float
    degrees: float

    def bounds(self, tail: float) -> tuple[float, float]:
        """Interval of the slope, with a probability of ``tail`` beyond each end."""
        reach = -float(stdtrit(self.degrees, tail)) * self.error
        return self.slope - reach, self.slope + reach


def seasonal_trend(
    values: FloatArray,
    weights: FloatArray,
    times: FloatArray,
    patterns: FloatArray,
    slow: int = 1,
) -> Trend | None:
    """Fit a line beside patterns; None where the patterns leave nothing of the line to see.

    Parameters
    ----------
    values, weights, times
        Shape (B,) each, one evenly spaced block an entry; NaN values are empty blocks.
    patterns
        Shape (B, k), a constant among them; columns may depend on each other.
    slow
        How many of the columns last longer than the noise remembers: each of them, and the line,
        hides about one autocorrelation time of the blocks' long-run variance.
    """
    held = np.isfinite(values) & (weights > 0)
    y, w, x, z = values[held], weights[held], times[held], patterns[held]
    if len(y) < 3:
        return None
    root = np.sqrt(w / w.mean())
    centre = float(np.average(x, weights=w))
    clock = x - centre
    left_of = np.stack([y, clock], axis=1) * root[:, None]
    fitted = z * root[:, None]
    base, _, rank, _ = np.linalg.lstsq(fitted, left_of, rcond=None)
    free = len(y) - int(rank) - 1
    line = left_of[:, 1] - fitted @ base[:, 1]
    power = float(line @ line)
    if free < 2 or power <= 1e-9 * float(left_of[:, 1] @ left_of[:, 1]):
        return None
    about = left_of[:, 0] - fitted @ base[:, 0]
    slope = float(line @ about) / power
    off = about - slope * line
    noise = np.full(len(values), np.nan)
    noise[held] = off
    pull = np.full(len(values), np.nan)
    pull[held] = line * off
    error, mean_error, time, degrees_ = max(
        (_errors(noise, pull, free, slow, length) for length in coarser.lengths(len(y))),
        key=lambda one: -float(stdtrit(one[3], coarser.DESIGN_TAIL)) * one[0],
    )
    return Trend(
        blocks=len(y),
        slope=slope,
        error=error / power,
        mean=float(np.average(y, weights=w)),
        mean_error=mean_error / len(y),
        centre=centre,
        left=noise,
        time=time,
        degrees=degrees_,
    )


def _errors(
    noise: FloatArray, pull: FloatArray, free: int, slow: int, length: int
) -> tuple[float, float, float, float]:
    """Errors of two sums, of the line's pull and of the noise; the time; degrees of freedom."""
    sums, pulls = coarser.joined(noise, length), coarser.joined(pull, length)
    n = float((~np.isnan(noise)).sum())
    time = float(autocorrelation_time(sums[None], sums[None])[0])
    hidden = max(1 - (slow + 1) * time * length / n, LEAST_LEFT)
    inflation = time * n / free / hidden
    errors = [float(np.sqrt(np.nansum(part * part) * inflation)) for part in (pulls, sums)]
    told = float(degrees(np.array(free / length), np.array(time)))
    return errors[0], errors[1], time * length, told
