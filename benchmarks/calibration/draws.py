"""Telemetry of canary and baseline, many rollouts at once, and what may go wrong with the canary.

One tick is 15 seconds. Gauges have mean 100 and standard deviation 10. Counts bring two errors a
tick of both sides together, unless said otherwise, out of 1500 requests. Latencies are lognormal
with sigma 0.6, in buckets whose edges are its quantiles.

Every generator gives a function ``draw(rng, rows, ticks, history, change) -> Drawn``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.calibration import processes
from benchmarks.calibration.processes import autoregressive, clumps, day, moving_average
from scipy.special import ndtr, ndtri

LEVEL, SIGMA = 100.0, 10.0
REQUESTS = 1500.0  # a tick, both sides together
ERRORS = 2.0  # a tick, both sides together
WARM_UP = 40  # ticks: ten minutes
LOG_SIGMA = 0.6
QUANTILES = np.array([0.5, 0.75, 0.9, 0.95, 0.99, 0.999])
EDGES = np.exp(LOG_SIGMA * ndtri(QUANTILES))
PROMETHEUS_EDGES = np.array([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]) / 0.1


@dataclass(frozen=True)
class Change:
    """What goes wrong with the canary, from tick `onset` to tick `end`.

    Rates of errors are multiplied by `ratio`, requests by `traffic`; gauges rise by `shift` sigma
    and `slope` sigma an hour, and their noise is multiplied by `spread`; a share `tail` of the
    requests takes three times as long, and all of them `scale` times.
    """

    ratio: float = 1.0
    traffic: float = 1.0
    shift: float = 0.0
    slope: float = 0.0
    spread: float = 1.0
    tail: float = 0.0
    scale: float = 1.0
    onset: int = 0
    end: int = 1 << 30

    def during(self, ticks):
        at = np.arange(ticks)
        return (at >= self.onset) & (at < self.end)


HEALTHY = Change()


@dataclass(frozen=True)
class Drawn:
    """Data of many rollouts side by side.

    Shape (rows, ticks, columns): pods of a gauge, (events, exposure) of counts, buckets of a
    histogram. `share` is the canary's designed share by tick; `history` the two sides of an A/A
    comparison before the rollout, `edges` the finite bucket bounds.
    """

    canary: np.ndarray
    baseline: np.ndarray
    share: np.ndarray | None = None
    history: tuple[np.ndarray, np.ndarray] | None = None
    edges: np.ndarray | None = None


def gauge(noise, *, diurnal=0.0, pods=1, pod_effect=0.0, old_pods=0, after=None):
    """Gauges of `pods` pods a side; a pod's own lasting effect has sd `pod_effect` sigma.

    The history is an A/A comparison of as many pods a side, or `old_pods` of the old version.
    """

    def draw(rng, rows, ticks, history, change):
        phase = rng.random(rows)
        past = phase - history / 5760

        def side(n, count, start):
            own = noise(rng, rows * count, n).reshape(rows, count, n).transpose(0, 2, 1)
            lasting = pod_effect * rng.standard_normal((rows, 1, count))
            shared = diurnal * day(start, n)[:, :, None]
            return own, shared + lasting

        spread = np.where(change.during(ticks), change.spread, 1.0)[:, None]
        own, common = side(ticks, pods, phase)
        canary = own * spread + common + _shift(change, ticks)[:, None]
        own, common = side(ticks, pods, phase)
        baseline = own + common
        before = None
        if history:
            one, other = (
                LEVEL + SIGMA * sum(side(history, old_pods or pods, past)) for _ in (1, 2)
            )
            before = (one, None) if old_pods else (one, other)
        drawn = Drawn(LEVEL + SIGMA * canary, LEVEL + SIGMA * baseline, history=before)
        return drawn if after is None else after(rng, drawn)

    return draw


def _shift(change, ticks):
    since = np.maximum(np.arange(ticks) - change.onset, 0)
    return np.where(change.during(ticks), change.shift + change.slope * since / 240, 0.0)


def ar(*coefficients, innovations=processes.normal):
    return lambda rng, rows, n: autoregressive(rng, rows, n, coefficients, innovations)


def iid(rng, rows, n):
    return rng.standard_normal((rows, n))


def averaged(rng, rows, n):
    return moving_average(rng, rows, n, 8)


def constant(_rng, rows, n):
    return np.zeros((rows, n))


def seldom(rng, rows, n):
    """A queue that is empty most of the time."""
    return 10 * (rng.random((rows, n)) < 0.02)


def lost(rng, drawn, chance_canary, chance_baseline):
    """The same with scrapes that failed."""
    sides = []
    for side, chance in ((drawn.canary, chance_canary), (drawn.baseline, chance_baseline)):
        missed = rng.random(side.shape[:2]) < chance
        sides.append(np.where(missed[:, :, None], np.nan, side))
    return Drawn(*sides, drawn.share, drawn.history, drawn.edges)


def lost_at_random(rng, drawn):
    return lost(rng, drawn, 0.1, 0.1)


def lost_under_load(rng, drawn):
    """A side is scraped less reliably the higher it stands: 10 % missing in the middle."""
    chances = [
        0.2 * ndtr((side[:, :, -1] - np.mean(side[:, :, -1])) / np.std(side[:, :, -1]))
        for side in (drawn.canary, drawn.baseline)
    ]
    return lost(rng, drawn, *chances)


def rounded(step):
    def after(_rng, drawn):
        history = drawn.history and tuple(step * np.round(side / step) for side in drawn.history)
        canary, baseline = (step * np.round(x / step) for x in (drawn.canary, drawn.baseline))
        return Drawn(canary, baseline, history=history)

    return after


def cold(skipped):
    """A canary that starts two sigma high and warms up with a time constant of 2.5 minutes."""

    def after(_rng, drawn):
        ticks = np.arange(drawn.canary.shape[1])
        canary = drawn.canary + (2 * SIGMA * np.exp(-ticks / 10))[:, None]
        canary[:, :skipped] = np.nan
        return Drawn(canary, drawn.baseline, history=drawn.history)

    return after


def counts(
    share=0.1,
    *,
    errors=ERRORS,
    requests=REQUESTS,
    fano=1.0,
    request_fano=1.0,
    wander=0.0,
    diurnal=0.0,
    after=None,
):
    """Errors out of requests.

    Errors come in clumps of Fano factor `fano`, requests of `request_fano`; each side's error rate
    wanders by itself, its logarithm an AR(0.9) of standard deviation `wander`; the load of both
    swings by `diurnal`. `share` may be one number or one a stage.
    """

    def draw(rng, rows, ticks, history, change):
        phase = rng.random(rows)
        stages = np.repeat(np.atleast_1d(share), -(-ticks // np.size(share)))[:ticks]
        during = change.during(ticks)
        rate = errors / requests

        def side(n, part, start, ratio=1.0):
            load = requests * part * (1 + diurnal * day(start, n))
            exposure = clumps(rng, load, request_fano)
            level = rate * ratio * np.ones((rows, n))
            if wander:
                level *= np.exp(wander * autoregressive(rng, rows, n, (0.9,)) - wander**2 / 2)
            if fano == 1:
                happened = rng.binomial(exposure.astype(int), np.minimum(level, 1.0))
            else:
                happened = np.minimum(clumps(rng, exposure * level, fano), exposure)
            return np.stack([happened, exposure], axis=2).astype(float)

        canary = side(
            ticks,
            stages * np.where(during, change.traffic, 1.0),
            phase,
            np.where(during, change.ratio, 1.0),
        )
        baseline = side(ticks, 1.0 - stages, phase)
        before = None
        if history:
            past = phase - history / 5760
            before = tuple(side(history, 0.5 * (1.0 - stages[0]), past) for _ in range(2))
        drawn = Drawn(canary, baseline, stages, before)
        return drawn if after is None else after(rng, drawn)

    return draw


def reset(rng, drawn):
    """A process restarts once in 200 ticks: what it counted before, within the tick, is lost."""
    sides = []
    for side in (drawn.canary, drawn.baseline):
        kept = np.where(rng.random(side.shape[:2]) < 1 / 200, rng.random(side.shape[:2]), 1.0)
        events = rng.binomial(side[:, :, 0].astype(int), kept)
        fine = rng.binomial((side[:, :, 1] - side[:, :, 0]).astype(int), kept)
        sides.append(np.stack([events, events + fine], axis=2).astype(float))
    return Drawn(*sides, drawn.share, drawn.history)


def bucket_shares(edges, tail=0.0, scale=1.0):
    """The share of latencies that fall into each bucket."""

    def below(slower):
        return ndtr(np.log(edges / slower) / LOG_SIGMA)

    mixed = (1 - tail) * below(scale) + tail * below(3 * scale)
    return np.diff(np.concatenate([[0.0], mixed, [1.0]]))


def histogram(
    share=0.1, *, requests=REQUESTS, edges=EDGES, fano=1.0, wander=0.0, diurnal=0.0, after=None
):
    """Bucket counts; those slower than the 95th percentile come in clumps or wander."""

    def draw(rng, rows, ticks, history, change):
        phase = rng.random(rows)
        stages = np.repeat(np.atleast_1d(share), -(-ticks // np.size(share)))[:ticks]
        plain = bucket_shares(edges)
        slow = np.concatenate([edges, [np.inf]]) > EDGES[3]
        changed = bucket_shares(edges, change.tail, change.scale)
        canary_shares = np.where(change.during(ticks)[:, None], changed, plain)

        def side(n, part, start, shares=plain):
            load = requests * part * (1 + diurnal * day(start, n))
            mean = load[:, :, None] * shares
            if wander:
                noise = np.exp(wander * autoregressive(rng, rows, n, (0.9,)) - wander**2 / 2)
                mean = np.where(slow, mean * noise[:, :, None], mean)
            if fano == 1:
                return rng.poisson(mean).astype(float)
            found = np.empty(mean.shape)
            found[:, :, ~slow] = rng.poisson(mean[:, :, ~slow])
            found[:, :, slow] = clumps(rng, mean[:, :, slow], fano)
            return found

        canary = side(ticks, stages, phase, canary_shares)
        baseline = side(ticks, 1.0 - stages, phase)
        before = None
        if history:
            past = phase - history / 5760
            before = tuple(side(history, 0.5 * (1.0 - stages[0]), past) for _ in range(2))
        drawn = Drawn(canary, baseline, stages, before, edges)
        return drawn if after is None else after(rng, drawn)

    return draw
