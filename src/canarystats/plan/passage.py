"""When evidence on its way through expected data first decides, and how widely that varies.

A design is followed along the data that a scenario brings on average. Its log e-value climbs like a
random walk around that path, so its time to the bar is taken as inverse Gaussian: the drift and the
variance are those of the path where it reaches the bar (the variance by the delta method, from how
the log e-value answers to a little more of each independent part of the data). To the bar is added
what a walk overshoots it by.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.kernels import first_passage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

NUDGE = 1e-3  # how much more of a part, relatively, the derivatives are taken with
LONGEST = 1e6  # ticks after which evidence is said never to come
SINGLY = 24  # ticks taken one by one; later steps grow in proportion
GROWTH = 0.08
# Siegmund's constant: what a walk of small normal steps overshoots by, in standard deviations.
NORMAL_OVERSHOOT = 0.583
# What one of single large jumps overshoots it by, in jumps: between a third and a half.
JUMP_OVERSHOOT = 0.4


class Path(NamedTuple):
    """What a claim's log e-value does along expected data.

    Parameters
    ----------
    ticks
        Shape (steps,).
    log_e
        Shape (steps, rows).
    answers
        Shape (steps, rows, parts): its derivative by the logarithm of each part.
    means, fano
        Shape (rows, parts): how many events of a part a tick brings, and how clumped they come.
    """

    ticks: FloatArray
    log_e: FloatArray
    answers: FloatArray
    means: FloatArray
    fano: FloatArray


class Passage(NamedTuple):
    """When each row reaches its level: the mean in ticks, inf for never, and the shape."""

    mean: FloatArray
    shape: FloatArray

    def by(self, chance: float) -> FloatArray:
        """Whole ticks after which it has been reached with a chance, shape (rows,)."""
        reached = np.isfinite(self.mean)
        mean = np.where(reached, self.mean, 1.0)
        ticks = np.ceil(mean * first_passage.time_by(chance, self.shape) - 1e-9)
        return np.where(reached, ticks, np.inf)


def steps() -> Iterator[tuple[float, float]]:
    """(ticks before, ticks taken) of each step: single ticks at first, then by `GROWTH`."""
    before = 0.0
    while before < LONGEST:
        taken = 1.0 if before < SINGLY else float(math.ceil(GROWTH * before))
        yield before, taken
        before += taken


def passage(path: Path, level: float) -> Passage:
    """When a path reaches the bar of a level."""
    ticks = path.ticks[:, None]
    counted = path.means > 0
    means = np.where(counted, path.means, 1.0)
    each = np.where(counted, path.answers / (means * ticks[:, :, None]), 0.0)  # of one event more
    variance = (path.fano * each**2 * means).sum(axis=2) * ticks
    jump = JUMP_OVERSHOOT * np.maximum(each, 0.0).max(axis=2, initial=0.0)
    over = np.maximum(jump, NORMAL_OVERSHOOT * np.sqrt(variance / ticks))
    ahead = path.log_e + math.log(level) - over
    reached = (ahead >= 0).any(axis=0)
    last = np.where(reached, (ahead >= 0).argmax(axis=0), len(ahead) - 1)
    rows = np.arange(ahead.shape[1])
    start = np.maximum(last - 1, 0)
    until = path.ticks[last]
    # Before the first tick there is no evidence, and the bar is all to go.
    since = np.where(last > 0, path.ticks[start], 0.0)
    below = np.where(last > 0, ahead[start, rows], math.log(level) - over[0])
    slope = (ahead[last, rows] - below) / (until - since)
    rising = reached & (slope > 0)
    slope = np.where(rising, slope, 1.0)
    mean = np.where(rising, since - below / slope, np.inf)
    spread = np.where(rising, variance[last, rows], 1.0)
    shape = (slope * np.where(rising, mean, 1.0)) ** 2 / np.maximum(spread, 1e-12)
    return Passage(mean, shape)
