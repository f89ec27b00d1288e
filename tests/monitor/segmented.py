"""Rollouts by segment of the traffic, whose mixes differ between the two sides."""

from __future__ import annotations

import canarystats as cs
from tests.rollouts import BOUNDS, bucket_shares, clock

FAILING = {"internal": 0.08, "standard": 0.005}
SLOWER = {"internal": 8.0, "standard": 1.0}
SHIFTED = {"internal": (0.6, 0.05), "standard": (0.4, 0.95)}  # parts of canary and baseline
SAME = {"internal": (0.1, 0.1), "standard": (0.9, 0.9)}
SHARE, PER_TICK = 0.1, 400


def exposures(rng, n, mix, traffic=1.0):
    """Requests by segment: the canary's and the baseline's, shape (n,) each."""
    for segment, (ours, theirs) in mix.items():
        canary = rng.poisson(PER_TICK * SHARE * ours * traffic, n)
        yield segment, canary, rng.poisson(PER_TICK * (1 - SHARE) * theirs, n)


def shares(mix=SHIFTED):
    """What share of each segment's traffic those mixes make the canary's."""
    return {
        segment: SHARE * ours / (SHARE * ours + (1 - SHARE) * theirs)
        for segment, (ours, theirs) in mix.items()
    }


def requests(rng, n, *, mix=SHIFTED, ratio=1.0, traffic=1.0):
    parts = {}
    for segment, canary, baseline in exposures(rng, n, mix, traffic):
        rate = FAILING[segment]
        parts[segment] = cs.Pair.counts(
            "requests",
            canary=(rng.binomial(canary, min(rate * ratio, 1.0)), canary),
            baseline=(rng.binomial(baseline, rate), baseline),
            times=clock(n),
        )
    return cs.Pair.by_segment(parts)


def latency(rng, n, *, mix=SHIFTED, factor=1.0):
    parts = {}
    for segment, canary, baseline in exposures(rng, n, mix):
        slower = SLOWER[segment]
        parts[segment] = cs.Pair.histogram(
            "latency_seconds",
            upper_bounds=BOUNDS,
            canary=rng.multinomial(canary, bucket_shares(slower * factor, BOUNDS)),
            baseline=rng.multinomial(baseline, bucket_shares(slower, BOUNDS)),
            times=clock(n),
        )
    return cs.Pair.by_segment(parts)


def pooled(pair):
    """The same without its segments."""
    if pair.upper_bounds is not None:
        return cs.Pair.histogram(
            pair.name,
            upper_bounds=pair.upper_bounds,
            canary=pair.canary,
            baseline=pair.baseline,
            times=pair.times,
        )
    return cs.Pair.counts(
        pair.name,
        canary=tuple(pair.canary.T),
        baseline=tuple(pair.baseline.T),
        times=pair.times,
    )
