"""Many e-processes of one design followed at once, one block of rows a replication."""

from __future__ import annotations

import numpy as np
from scipy import stats

from canarystats.kernels import mixture


def most_by_chance(runs, level):
    """Rejections that a test of that level exceeds once in ten thousand times."""
    return stats.binom.ppf(1 - 1e-4, runs, level)


class Rows:
    """Rows of tests followed tick by tick, shape (replications * tests,)."""

    def __init__(self, rows, *, rising=True):
        grid = np.log(np.array(mixture.ODDS))
        self.odds = np.tile(grid if rising else -grid, (rows, 1))
        self.mass = mixture.start(rows, len(grid))
        self.looks = 0

    def step(self, successes, failures, share, fano=1.0):
        self.mass = mixture.advance(
            self.mass, self.looks, successes, failures, share, self.odds, fano
        )
        self.looks += 1
        return mixture.log_e_values(self.mass, self.looks)


def log_mean(log_values, axis):
    """Logarithm of the mean of exponentials."""
    top = log_values.max(axis=axis, keepdims=True)
    return (top + np.log(np.exp(log_values - top).mean(axis=axis, keepdims=True))).squeeze(axis)
