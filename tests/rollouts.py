"""Synthetic rollouts: seeded where they are random, exact where a threshold is looked at."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.special import ndtr

import canarystats as cs

START = 1_700_000_000.0
TICK = 15.0
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, np.inf)
FINE_BOUNDS = (*(0.005 * 2 ** (np.arange(22) / 2)).tolist(), np.inf)
MEDIAN_SECONDS = 0.04
SPREAD = 0.8
EVENTS = ("byzantine_events", "integrity_violations", "breaker_trips")


def clock(n, *, start=START, tick=TICK):
    """Unix seconds of n ticks."""
    return start + tick * np.arange(n)


def eight_triggers(*names):
    """The preset with only these metrics, or with all of them."""
    policy = cs.load_policy("eight-triggers")
    if not names:
        return policy
    return policy.without(*(m.name for m in policy.metrics if m.name not in names))


def requests(
    rng,
    n,
    *,
    share=0.05,
    per_tick=1500,
    error_rate=0.01,
    ratio=1.0,
    traffic=1.0,
    onset=0,
    missing=0.0,
    times=None,
):
    """Errors out of requests; from tick ``onset`` the canary's rate is ``ratio`` times as high."""
    baseline = rng.poisson(per_tick * (1 - share), n)
    late = np.arange(n) >= onset
    canary = rng.poisson(per_tick * share * np.where(late, traffic, 1.0), n)
    errors = rng.binomial(canary, np.clip(error_rate * np.where(late, ratio, 1.0), 0, 1))
    others = rng.binomial(baseline, error_rate)
    left = holes(rng, np.stack([errors, canary], axis=1), missing)
    right = holes(rng, np.stack([others, baseline], axis=1), missing)
    return cs.Pair.counts(
        "requests",
        canary=(left[:, 0], left[:, 1]),
        baseline=(right[:, 0], right[:, 1]),
        times=clock(n) if times is None else times,
    )


def bucket_shares(factor, bounds):
    """The share of lognormal latencies in each bucket."""
    edges = np.log(np.array(bounds[:-1]) / (MEDIAN_SECONDS * factor)) / SPREAD
    return np.diff(np.concatenate([[0.0], ndtr(edges), [1.0]]))


def latency(
    rng,
    n,
    *,
    share=0.05,
    per_tick=1500,
    factor=1.0,
    onset=0,
    missing=0.0,
    bounds=BOUNDS,
    times=None,
):
    """A latency histogram; from tick ``onset`` the canary is ``factor`` times as slow."""
    canary_requests = rng.poisson(per_tick * share, n)
    baseline_requests = rng.poisson(per_tick * (1 - share), n)
    plain, slow = bucket_shares(1.0, bounds), bucket_shares(factor, bounds)
    canary = np.stack(
        [rng.multinomial(m, slow if i >= onset else plain) for i, m in enumerate(canary_requests)]
    )
    baseline = rng.multinomial(baseline_requests, plain)
    return cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=bounds,
        canary=holes(rng, canary, missing),
        baseline=holes(rng, baseline, missing),
        times=clock(n) if times is None else times,
    )


def memory(rng, n, *, pods=2, use=0.5, limit=2.0**30, growth=0.0, missing=0.0, times=None):
    """Memory per pod as a share of its limit; ``growth`` is added to the canary at every tick."""
    level = use + 0.02 * rng.standard_normal((2, n, pods))
    level[0] += growth * np.arange(n)[:, None]
    canary, baseline = np.clip(level, 0.0, None) * limit
    return cs.Pair.gauge(
        "memory_bytes",
        canary=holes(rng, canary, missing),
        baseline=holes(rng, baseline, missing),
        limit=limit,
        times=clock(n) if times is None else times,
    )


def events(name, n, happened=None, *, times=None):
    """Events that happened: a count by tick, and nothing at the others."""
    counts = np.zeros(n)
    for tick, count in (happened or {}).items():
        counts[tick] = count
    return cs.Pair.events(name, canary=counts, times=clock(n) if times is None else times)


def quiet_events(n):
    """The three metrics of events, with nothing to tell."""
    return [events(name, n) for name in EVENTS]


def whole(seed, n, *, share=0.05, ratio=1.0, factor=1.0, onset=0, missing=0.0, per_tick=1500):
    """Every metric of the preset."""
    rng = np.random.default_rng(seed)
    common = {"share": share, "onset": onset, "missing": missing, "per_tick": per_tick}
    return [
        requests(rng, n, ratio=ratio, **common),
        latency(rng, n, factor=factor, **common),
        memory(rng, n, missing=missing),
        *quiet_events(n),
    ]


def steady_requests(
    n,
    *,
    errors=50.0,
    out_of=5_000.0,
    baseline_errors=950.0,
    baseline_out_of=95_000.0,
    times=None,
):
    """The same counts at every tick, so much of it that evidence is not what is waited for.

    Every number may be an array, one value a tick.
    """
    numbers = [
        np.broadcast_to(np.asarray(x, dtype=float), (n,))
        for x in (errors, out_of, baseline_errors, baseline_out_of)
    ]
    return cs.Pair.counts(
        "requests",
        canary=(numbers[0], numbers[1]),
        baseline=(numbers[2], numbers[3]),
        times=clock(n) if times is None else times,
    )


def holes(rng, table, missing):
    """The table with a share of its rows not scraped."""
    table = np.array(table, dtype=float)
    if missing:
        table[rng.random(len(table)) < missing] = np.nan
    return table


def batches(pairs, cuts):
    """The pairs cut at these ticks, batch by batch."""
    edges = [0, *cuts, max(pair.n_ticks for pair in pairs)]
    return [[pair.rows(start, stop) for pair in pairs] for start, stop in itertools.pairwise(edges)]
