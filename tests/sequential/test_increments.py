"""What one tick adds to the evidence of a design, and e-detectors over it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from canarystats.errors import InputError
from canarystats.evidence import Question
from canarystats.kernels import drift
from canarystats.sequential import counts as counting
from canarystats.sequential import increments
from canarystats.sequential.counts import Counts
from canarystats.sequential.edges import SLOTS, slower
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.histogram import Histogram
from canarystats.sequential.restart import Restart
from tests.sequential.simulated import most_by_chance

ERRORS = Counts(
    "requests",
    [
        counting.Test("worse", Question.WORSE, "arms", 1.0, True),
        counting.Test("fewer", Question.WORSE, "arms", 1.0, False),
    ],
)
BOUNDS = np.array([0.1, 0.2, 0.4, 0.8, np.inf])
LATENCY = Histogram("latency", BOUNDS)
CORES = Gauge("cores", harmful="increase", margin=0.05, allowed=0.05, batch=40)
SHARES = np.array([0.55, 0.35, 0.07, 0.02, 0.01])


def errors(rng, rows, ticks, ratio=1.0, part=0.1):
    """(events, exposure) of both sides, shape (ticks, rows, 2)."""
    rates = (2.0 * ratio * part, 2.0 * (1 - part)), (1500 * part, 1500 * (1 - part))
    events, exposure = (
        [rng.poisson(rate, (ticks, rows)).astype(float) for rate in both] for both in rates
    )
    return tuple(np.stack([e, n], axis=2) for e, n in zip(events, exposure, strict=True))


def buckets(rng, rows, ticks, shares=SHARES):
    sides = 150 * shares, 1350 * SHARES
    return tuple(rng.poisson(side, (ticks, rows, len(SHARES))).astype(float) for side in sides)


def values(rng, rows, ticks, higher=0.0):
    return (
        100 + higher + 10 * rng.standard_normal((ticks, rows, 1)),
        100 + 10 * rng.standard_normal((ticks, rows, 1)),
    )


def test_counts_are_binomial_likelihood_ratios_over_their_fano_factor():
    rng = np.random.default_rng(1)
    history = tuple(side[:, 0] for side in errors(rng, 1, 960, part=0.5))
    state = ERRORS.begin(2, history)
    canary, baseline = np.array([[3.0, 150], [0, 140]]), np.array([[4.0, 1350], [2, 1300]])
    fano = ERRORS.discounts(state, (canary[:, 1], baseline[:, 1]))
    assert (fano > 1).all()
    for claim, sign, column in (("worse", 1, 0), ("fewer", -1, 1)):
        found = increments.of_counts(ERRORS, state, claim, canary, baseline)
        for row in range(2):
            n = canary[row, 0] + baseline[row, 0]
            share = canary[row, 1] / (canary[row, 1] + baseline[row, 1])
            for j, log_odds in enumerate(sign * increments.LOG_ODDS):
                moved = share * math.exp(log_odds) / (share * math.exp(log_odds) + 1 - share)
                ratio = stats.binom.logpmf(canary[row, 0], n, moved)
                ratio -= stats.binom.logpmf(canary[row, 0], n, share)
                assert found[row, j] == pytest.approx(ratio / fano[row, column], rel=1e-9)


def test_latency_is_asked_at_every_watched_edge():
    rng = np.random.default_rng(2)
    history = tuple(side[:, 0] for side in buckets(rng, 1, 400))
    state = LATENCY.begin(1, history)
    canary, baseline = (side[0] for side in buckets(rng, 1, 1))
    found = increments.of_histogram(LATENCY, state, canary, baseline)
    found = found.reshape(SLOTS, -1)
    edges = state.edges[0, :SLOTS].astype(int)
    assert (edges >= 0).sum() >= 2
    share = canary.sum() / (canary.sum() + baseline.sum())
    for slot, edge in enumerate(edges):
        if edge < 0:
            assert (found[slot] == 0).all()
            continue
        slow, slow_other = slower(canary)[0, edge], slower(baseline)[0, edge]
        odds = np.exp(increments.LOG_ODDS)
        ratio = slow * np.log(odds) - (slow + slow_other) * np.log1p(share * (odds - 1))
        discount = ratio[-1] / found[slot, -1]
        assert discount >= 1
        np.testing.assert_allclose(found[slot] * discount, ratio, rtol=1e-9)


@pytest.mark.parametrize("harmful", ["increase", "decrease", "either"])
def test_gauges_are_normal_likelihood_ratios_in_long_run_deviations(harmful):
    rng = np.random.default_rng(3)
    design = Gauge("cores", harmful=harmful, margin=0.05, allowed=0.05, batch=40)
    history = tuple(side.transpose(1, 0, 2) for side in values(rng, 1, 1000))
    state = design.begin(1, history)
    canary, baseline = np.array([[140.0]]), np.array([[100.0]])
    away = design.excess(state, canary, baseline)[0]
    noise = state.noise
    deviation = np.sqrt(noise.variance * noise.safety * design.stretch[0])[0]
    expected = {"increase": [35.0], "decrease": [-45.0], "either": [35.0, -45.0]}[harmful]
    np.testing.assert_allclose(away, np.array(expected) / deviation, rtol=0.05)
    found = increments.of_gauge(design, state, canary, baseline).reshape(len(away), -1)
    drifts = np.minimum(design.drifts(noise)[0], drift.FASTEST)
    for x, gain in zip(np.minimum(away, drift.LARGEST), found, strict=True):
        ratio = stats.norm.logpdf(x, drifts) - stats.norm.logpdf(x, 0)
        np.testing.assert_allclose(gain, ratio, rtol=1e-9, atol=1e-12)


def test_what_was_not_read_is_a_missed_tick():
    rng = np.random.default_rng(4)
    missed, tick = np.full((1, 2), np.nan), np.array([[3.0, 150.0]])
    assert np.isnan(increments.of_counts(ERRORS, ERRORS.begin(), "worse", missed, tick)).all()
    state = LATENCY.begin(1, tuple(side[:, 0] for side in buckets(rng, 1, 400)))
    lost, seen = np.full((1, 5), np.nan), 100 * SHARES[None]
    assert np.isnan(increments.of_histogram(LATENCY, state, lost, seen)).all()
    assert np.isnan(increments.of_histogram(LATENCY, state, seen, lost)).all()
    assert np.isnan(increments.of_histogram(LATENCY, LATENCY.begin(), seen, seen)).all()
    one, other = np.array([[1.0]]), np.array([[np.nan]])
    known = CORES.begin(1, tuple(side.transpose(1, 0, 2) for side in values(rng, 1, 1000)))
    assert np.isnan(increments.of_gauge(CORES, known, one, other)).all()
    assert np.isnan(increments.of_gauge(CORES, CORES.begin(), one, one)).all()


def test_a_claim_that_is_not_asked_is_refused():
    tick = np.array([[3.0, 150.0]])
    with pytest.raises(InputError, match="claim is 'beyond'; it must be one of worse, fewer"):
        increments.of_counts(ERRORS, ERRORS.begin(), "beyond", tick, tick)


def begun(kind, rows, rng):
    """A design that learned from a history, and the increments of a tick."""
    if kind == "counts":
        history = tuple(side[:, 0] for side in errors(rng, 1, 960, part=0.5))
        state = ERRORS.begin(rows, history)
        return ERRORS, state, lambda s, c, b: increments.of_counts(ERRORS, s, "worse", c, b)
    if kind == "histogram":
        state = LATENCY.begin(rows, tuple(side[:, 0] for side in buckets(rng, 1, 960)))
        return LATENCY, state, lambda s, c, b: increments.of_histogram(LATENCY, s, c, b)
    history = tuple(side.transpose(1, 0, 2) for side in values(rng, rows, 1000))
    return CORES, CORES.begin(rows, history), lambda s, c, b: increments.of_gauge(CORES, s, c, b)


def first_alarms(kind, sides, rng, run_length):
    """First alarm of every row, and the onset told then, in ticks."""
    rows = sides[0].shape[1]
    design, state, gains = begun(kind, rows, rng)
    first, onset, detector, held = np.full(rows, np.inf), np.full(rows, np.nan), None, None
    for t, tick in enumerate(zip(*sides, strict=True)):
        gain = gains(state, *tick)
        if detector is None:
            detector = Restart(kind, gain.shape[1], average_run_length=run_length)
            held = detector.begin(rows)
        held = detector.step(held, gain, float(t))
        fresh = np.isinf(first) & ~np.isnan(held.alarmed)
        first[fresh], onset[fresh] = t, detector.onset(held)[fresh]
        more = (0.1, float(t)) if kind == "counts" else (float(t),)
        state = design.step(state, *tick, *more)
    return first, onset


DRAWN = {"counts": errors, "histogram": buckets, "gauge": values}
HARM = {
    "counts": {"ratio": 4.0},
    "histogram": {"shares": np.array([0.45, 0.35, 0.1, 0.06, 0.04])},
    "gauge": {"higher": 20.0},
}


@pytest.mark.parametrize("kind", DRAWN)
def test_the_run_length_is_at_least_what_is_asked(kind):
    rng, rows, ticks, asked = np.random.default_rng(5), 100, 300, 1500.0
    first, _ = first_alarms(kind, DRAWN[kind](rng, rows, ticks), rng, asked)
    # an e-detector alarms within n ticks with a probability of at most n over its run length
    assert np.isfinite(first).sum() <= most_by_chance(rows, ticks / asked)


@pytest.mark.parametrize(
    ("kind", "delay", "off"), [("counts", 40, 8), ("histogram", 10, 3), ("gauge", 40, 8)]
)
def test_what_begins_late_is_found_soon_and_dated(kind, delay, off):
    rng, rows = np.random.default_rng(6), 60
    before, after = DRAWN[kind](rng, rows, 200), DRAWN[kind](rng, rows, 60, **HARM[kind])
    sides = tuple(np.concatenate(both) for both in zip(before, after, strict=True))
    first, onset = first_alarms(kind, sides, rng, 5000.0)
    in_time = (first >= 200) & np.isfinite(first)
    assert in_time.mean() > 0.9
    assert np.median(first[in_time] - 200) <= delay
    assert np.median(np.abs(onset[in_time] - 200)) <= off
