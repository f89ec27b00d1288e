"""Hypothesis strategies: rollouts of every kind of data, and ways to cut them into batches."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import strategies as st

import canarystats as cs
from tests.rollouts import clock

BUCKETS = np.array([0.1, 0.2, 0.4, 0.8, np.inf])
NAMES = (
    "requests",
    "latency_seconds",
    "byzantine_events",
    "integrity_violations",
    "breaker_trips",
    "memory_bytes",
    "queue_length",
)


def policy():
    """The preset, with a critical gauge that is compared in small batches."""
    preset = cs.load_policy("eight-triggers")
    queue = {
        "name": "queue_length",
        "kind": "gauge",
        "harmful": "either",
        "critical": True,
        "batch": 2,
    }
    return preset.replace(
        metrics=[*(m.model_dump(by_alias=True) for m in preset.metrics), queue],
        min_duration="1m",
        min_samples=10,
    ).with_metric("requests", critical=True)


@st.composite
def rollouts(draw, *, most_ticks=14, names=NAMES):
    """Pairs of these metrics, some of which start late, with ticks that were missed."""
    n = draw(st.integers(2, most_ticks))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    times = clock(n) + np.cumsum(rng.choice([0.0, 0.0, 1.5, 40.0], n))
    severity = draw(st.sampled_from([1.0, 1.0, 3.0, 30.0]))
    missing = draw(st.sampled_from([0.0, 0.2]))
    pairs = []
    for name in names:
        pair = _pair(name, rng, n, times, severity, missing)
        start = draw(st.sampled_from([0, 0, 0, n // 2]))
        pairs.append(pair.rows(start, n))
    return pairs


def _pair(name, rng, n, times, severity, missing):
    gone = rng.random((2, n)) < missing

    def holed(table, side):
        table = np.array(table, dtype=float).reshape(n, -1)
        table[gone[side]] = np.nan
        return table

    if name == "requests":
        sides = []
        for side, (out_of, rate) in enumerate(((50, 0.02 * severity), (950, 0.02))):
            exposure = rng.poisson(out_of, n)
            events = rng.binomial(exposure, min(rate, 1.0))
            table = holed(np.stack([events, exposure], axis=1), side)
            sides.append((table[:, 0], table[:, 1]))
        return cs.Pair.counts(name, canary=sides[0], baseline=sides[1], times=times)
    if name == "latency_seconds":
        slow = min(0.01 * severity, 0.5)
        canary = rng.multinomial(50, [0.94 - slow, 0.05, 0.01, slow / 2, slow / 2], n)
        baseline = rng.multinomial(950, [0.93, 0.05, 0.01, 0.005, 0.005], n)
        return cs.Pair.histogram(
            name,
            upper_bounds=BUCKETS,
            canary=holed(canary, 0),
            baseline=holed(baseline, 1),
            times=times,
        )
    if name in {"memory_bytes", "queue_length"}:
        canary = rng.normal(50 + 10 * np.log(severity), 1, (n, 2))
        baseline = rng.normal(50, 1, (n, 3))
        return cs.Pair.gauge(
            name,
            canary=holed(canary, 0),
            baseline=holed(baseline, 1),
            limit=60.0 if name == "memory_bytes" else None,
            times=times,
        )
    happened = rng.poisson(0.01 * severity, n)
    return cs.Pair.events(name, canary=holed(happened, 0), times=times)


@st.composite
def cuts(draw, times):
    """Moments at which a rollout of these ticks is cut into batches."""
    return sorted(draw(st.sets(st.sampled_from(list(times)))))


def clock_of(pairs):
    """Every tick of any pair."""
    return np.unique(np.concatenate([pair.times for pair in pairs]))


def until(pairs, moments):
    """The pairs in batches, each with the ticks before the next moment; empty pairs left out."""
    edges = [-np.inf, *moments, np.inf]
    found = []
    for low, high in itertools.pairwise(edges):
        batch = []
        for pair in pairs:
            start, stop = np.searchsorted(pair.times, [low, high])
            if stop > start:
                batch.append(pair.rows(int(start), int(stop)))
        if batch:
            found.append(batch)
    return found
