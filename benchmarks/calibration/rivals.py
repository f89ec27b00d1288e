"""What is in use elsewhere, looked at as it is looked at there.

Each rival takes the data of many rollouts and gives, a level a row, whether it ever rejected:
booleans of shape (levels, rows), or None where it does not read such data.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri

EVERY, FIRST = 5, 20  # the Mann-Whitney test is looked at every 5 ticks, from the 20th
WINDOW = 20  # ticks the literal rules read: five minutes
# Percent ever classified High or Low by Kayenta's own judge, nominal 2 %, looked at after 50, 55,
# .. 240 points; measured with the unmodified judge (commit a69573be), 2000 replications.
KAYENTA = {"N1-iid": 1.35, "N2-ar05": 25.7, "N2-ar08": 73.2}


def values(kind, drawn):
    """What a chart of the metric shows, a number a tick: shape (rows, ticks) each side."""
    if kind == "gauge":
        return drawn.canary.mean(axis=2), drawn.baseline.mean(axis=2)
    if kind == "counts":
        with np.errstate(invalid="ignore", divide="ignore"):
            return tuple(s[:, :, 0] / s[:, :, 1] for s in (drawn.canary, drawn.baseline))
    if kind == "histogram":
        at = np.searchsorted(drawn.edges, np.exp(0.6 * ndtri(0.95)) * (1 - 1e-9))
        with np.errstate(invalid="ignore", divide="ignore"):
            return tuple(
                s[:, :, at + 1 :].sum(axis=2) / s.sum(axis=2)
                for s in (drawn.canary, drawn.baseline)
            )
    odds = drawn.share / (1 - drawn.share)
    return drawn.canary[:, :, 1], drawn.baseline[:, :, 1] * odds


def mann_whitney(kind, drawn, levels):
    """The two-sided test for a fixed sample, looked at every five ticks."""
    x, y = values(kind, drawn)
    least = mann_whitney_least_p(x, y)
    return least < np.array(levels)[:, None]


def mann_whitney_least_p(x, y):
    """The smallest p-value of any look, shape (rows,).

    Ranks are kept up to date instead of sorted anew: a value that arrives is compared with all
    that came before it. NaN compares as false and is not counted.
    """
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    rows, ticks = x.shape
    u, ties = np.zeros(rows), np.zeros(rows)
    n, m = (np.cumsum(~np.isnan(side), axis=1) for side in (x, y))
    least = np.ones(rows)
    pooled = np.concatenate([x[0], y[0]])
    tied = len(np.unique(pooled[~np.isnan(pooled)])) < (~np.isnan(pooled)).sum()
    for t in range(ticks):
        ours, theirs = x[:, t : t + 1], y[:, t : t + 1]
        u += np.count_nonzero(ours > y[:, : t + 1], axis=1)
        u += np.count_nonzero(x[:, :t] > theirs, axis=1)
        if tied:
            same_x = np.count_nonzero(x[:, :t] == ours, axis=1)
            same_y = np.count_nonzero(y[:, :t] == ours, axis=1)
            ties += 3 * (same_x + same_y) * (same_x + same_y + 1)
            u += 0.5 * (same_y + (ours == theirs)[:, 0])
            same_x = np.count_nonzero(x[:, : t + 1] == theirs, axis=1)
            same_y = np.count_nonzero(y[:, :t] == theirs, axis=1)
            ties += 3 * (same_x + same_y) * (same_x + same_y + 1)
            u += 0.5 * np.count_nonzero(x[:, :t] == theirs, axis=1)
        if t + 1 >= FIRST and (t + 1) % EVERY == 0:
            least = np.minimum(least, _two_sided(u, ties, n[:, t], m[:, t]))
    return least


def _two_sided(u, ties, n, m):
    total = n + m
    spread = total + 1 - ties / np.maximum(total * (total - 1), 1)
    deviation = np.sqrt(np.maximum(n * m / 12 * spread, 0))
    away = np.maximum(np.abs(u - n * m / 2) - 0.5, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(deviation > 0, 2 * ndtr(-away / deviation), 1.0)


def confidence_sequence(tuned_for):
    """A two-sided asymptotic confidence sequence of the paired difference, at every tick.

    Waudby-Smith et al. (2021), equation 9, with the variance of the window: what vendors ship,
    tuned for that many observations.
    """

    def ever(kind, drawn, levels):
        x, y = values(kind, drawn)
        d = x - y
        seen = ~np.isnan(d)
        n = np.maximum(np.cumsum(seen, axis=1), 1)
        centred = np.where(seen, d, 0.0)
        mean = np.cumsum(centred, axis=1) / n
        variance = np.maximum(np.cumsum(centred**2, axis=1) / n - mean**2, 0)
        variance = variance * n / np.maximum(n - 1, 1)
        found = [
            ((np.abs(mean) > half_width(n, variance, tuned_for, level)) & (n >= FIRST)).any(axis=1)
            for level in levels
        ]
        return np.array(found)

    return ever


def half_width(n, variance, tuned_for, level):
    """Half the width of that confidence sequence."""
    doubled = 2 * math.log(1 / level)
    q = (doubled + math.log1p(doubled)) / tuned_for
    return np.sqrt(variance * 2 * (n * q + 1) / (n**2 * q) * np.log(np.sqrt(n * q + 1) / level))


def literal(kind, drawn, levels):
    """The rules as written: a figure of the last five minutes beyond its threshold, held.

    Error rate above 1.5 times the baseline's for five minutes; throughput, a traffic share, below
    80 % for ten. They have no level.
    """
    if kind not in {"counts", "split", "throughput"}:
        return None
    canary, baseline = (trailing(np.nan_to_num(s)) for s in (drawn.canary, drawn.baseline))
    if kind == "counts":
        beyond = canary[:, :, 0] * baseline[:, :, 1] > 1.5 * baseline[:, :, 0] * canary[:, :, 1]
        held = 20
    else:
        odds = drawn.share / (1 - drawn.share)
        designed = trailing(np.nan_to_num(drawn.baseline[:, :, 1:]) * odds[:, None])
        beyond, held = canary[:, :, 1] < 0.8 * designed[:, :, 0], 40
    return np.tile(first_held(beyond, held) < beyond.shape[1], (len(levels), 1))


def first_held(true, held):
    """The tick at which a condition has been true for `held` intervals; `ticks` where never."""
    run, first = np.zeros(len(true), dtype=int), np.full(len(true), true.shape[1])
    for t in range(true.shape[1]):
        run = np.where(true[:, t], run + 1, 0)
        first = np.where((run > held) & (first == true.shape[1]), t, first)
    return first


def trailing(side):
    total = np.cumsum(side, axis=1)
    total[:, WINDOW:] -= total[:, :-WINDOW].copy()
    return total


RIVALS = {
    "literal": literal,
    "mann_whitney": mann_whitney,
    "asympcs_5000": confidence_sequence(5000),
    "asympcs_200": confidence_sequence(200),
}
