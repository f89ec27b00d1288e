"""Many e-processes of one design followed at once, one block of rows a replication."""

from __future__ import annotations

import numpy as np
from scipy import stats

from canarystats.sequential import binomial


def most_by_chance(runs, level):
    """Rejections that a test of that level exceeds once in ten thousand times."""
    return stats.binom.ppf(1 - 1e-4, runs, level)


class Rows:
    """One test a row, followed tick by tick, shape (replications * tests,)."""

    def __init__(self, rows, *, rising=True):
        self.odds = binomial.log_odds([rising])
        self.state = binomial.begin(rows, 1)

    def step(self, successes, failures, share, fano=1.0):
        counts = successes[:, None], failures[:, None]
        fano = np.broadcast_to(fano, successes.shape)[:, None]
        share = np.asarray(share)[:, None]
        self.state, log_e = binomial.step(self.state, self.odds, counts, share, 0.0, fano)
        return log_e[:, 0]


def log_mean(log_values, axis):
    """Logarithm of the mean of exponentials."""
    top = log_values.max(axis=axis, keepdims=True)
    return (top + np.log(np.exp(log_values - top).mean(axis=axis, keepdims=True))).squeeze(axis)


def are_near(found, at, *, runs, error, width):
    """Whether the dates of an onset at ``at`` are near it, and their intervals cover it."""
    found = [each for each in found if each is not None]
    assert len(found) >= 0.95 * runs
    assert np.mean([abs(each.at - at) for each in found]) < error
    covers = [each.earliest <= at <= each.latest for each in found]
    assert sum(covers) >= 0.8 * len(found)  # 0.93 and more over many runs; binomial, three sigma
    assert np.median([each.latest - each.earliest for each in found]) <= width
    assert all(each.earliest <= each.at <= each.latest for each in found)
