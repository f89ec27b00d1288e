"""Counts and histograms by segment: no mix of users is an effect, and an effect is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from canarystats.evidence import Question
from canarystats.kernels.mixture import shifted_share
from canarystats.sequential import binomial
from canarystats.sequential.counts import Counts
from canarystats.sequential.counts import Test as Asked
from canarystats.sequential.strata import (
    FINENESS,
    Strata,
    common_effect,
    designed,
    split,
    standardised,
)

ALPHA = 0.01
ROLLOUTS = 1500
RATES = np.array([0.08, 0.02, 0.005])  # internal, beta, standard
OURS = np.array([0.6, 0.3, 0.1])  # the canary's mix of them
THEIRS = np.array([0.05, 0.05, 0.9])  # and the baseline's


def simulate(rng, *, ratio=1.0, ours=OURS, theirs=THEIRS, ticks=80, by_segment=True):
    """Whether, and after how many ticks, each of many rollouts is called worse at 1 %."""
    odds = binomial.log_odds([True])
    state = binomial.begin(ROLLOUTS, 1)
    called = np.full(ROLLOUTS, np.inf)
    for tick in range(ticks):
        canary = rng.poisson(100 * ours[:, None], (3, ROLLOUTS))
        baseline = rng.poisson(900 * theirs[:, None], (3, ROLLOUTS))
        errors = rng.binomial(canary, RATES[:, None] * ratio)
        others = rng.binomial(baseline, RATES[:, None])
        if not by_segment:
            canary, baseline, errors, others = (
                side.sum(axis=0, keepdims=True) for side in (canary, baseline, errors, others)
            )
        share = canary / np.maximum(canary + baseline, 1)
        counts = errors[:, :, None].astype(float), others[:, :, None].astype(float)
        state, log_e = binomial.step(state, odds, counts, share[:, :, None], float(tick))
        called = np.where(log_e[:, 0] >= -math.log(ALPHA), np.minimum(called, tick), called)
    return called


def test_a_mix_shift_is_called_by_the_pooled_test_and_not_within_segments():
    rng = np.random.default_rng(1)
    pooled = np.isfinite(simulate(rng, by_segment=False)).mean()
    within = np.isfinite(simulate(rng)).sum()

    assert pooled > 0.99
    assert within <= stats.binom.ppf(0.999, ROLLOUTS, ALPHA)


def test_a_mix_that_drifts_during_the_rollout_is_no_effect_either():
    """Pooled over time even one segment's drift would be one: the load itself carries it."""
    rng = np.random.default_rng(2)
    odds, state = binomial.log_odds([True]), binomial.begin(ROLLOUTS, 1)
    called = np.zeros(ROLLOUTS, dtype=bool)
    for tick in range(80):
        part = tick / 79
        ours, theirs = np.array([1 - part, part]), np.array([part, 1 - part])
        canary = rng.poisson(200 * ours[:, None], (2, ROLLOUTS))
        baseline = rng.poisson(800 * theirs[:, None], (2, ROLLOUTS))
        rates = np.array([[0.06], [0.01]])
        counts = rng.binomial(canary, rates), rng.binomial(baseline, rates)
        share = canary / np.maximum(canary + baseline, 1)
        told = tuple(side[:, :, None].astype(float) for side in counts)
        state, log_e = binomial.step(state, odds, told, share[:, :, None], float(tick))
        called |= log_e[:, 0] >= -math.log(ALPHA)
    assert called.sum() <= stats.binom.ppf(0.999, ROLLOUTS, ALPHA)


@pytest.mark.parametrize(("ratio", "ticks"), [(1.5, 250), (3.0, 60)])
def test_without_a_mix_shift_strata_cost_next_to_nothing(ratio, ticks):
    within, pooled = (
        np.median(
            simulate(
                np.random.default_rng(3), ratio=ratio, ours=THEIRS, ticks=ticks, by_segment=which
            )
        )
        for which in (True, False)
    )
    assert np.isfinite(pooled)
    assert within <= 1.1 * pooled + 1.0


def test_strata_find_what_the_mix_hides():
    """A canary of easy users that is twice as bad looks better than its baseline."""
    rng = np.random.default_rng(4)
    assert not np.isfinite(
        simulate(rng, ratio=2.0, ours=THEIRS, theirs=OURS, by_segment=False)
    ).any()
    assert np.isfinite(simulate(rng, ratio=2.0, ours=THEIRS, theirs=OURS)).mean() > 0.95


def test_the_evidence_is_the_sum_of_the_segments_log_likelihoods():
    """One look, by the formula written out."""
    canary, baseline = np.array([[4.0, 60.0], [1.0, 90.0]]), np.array([[9.0, 300.0], [3.0, 500.0]])
    odds = binomial.log_odds([True])
    share = shifted_share(canary[:, 1] / (canary + baseline)[:, 1], 1.0)[:, None, None]
    counts = canary[:, 0, None, None], baseline[:, 0, None, None]
    state, log_e = binomial.step(binomial.begin(1, 1), odds, counts, share, 0.0)

    likelihood = np.zeros(odds.shape[1])
    for (mine, n), (theirs, m) in zip(canary, baseline, strict=True):
        q = n / (n + m)
        tilted = q * np.exp(odds[0]) / (q * np.exp(odds[0]) + 1 - q)
        likelihood += stats.binom.logpmf(mine, mine + theirs, tilted)
        likelihood -= stats.binom.logpmf(mine, mine + theirs, q)
    prior = state.mass[0, 0] * np.exp(state.log_scale[0, 0]) / np.exp(likelihood)
    expected = np.log((prior * np.exp(likelihood)).sum() + 1.0 - prior.sum())
    assert np.allclose(prior, prior.sum() * binomial.mixture.PRIOR)
    assert np.isclose(log_e[0, 0], expected)


TESTS = [
    Asked("worse", Question.WORSE, "arms", 1.0, rising=True),
    Asked("below", Question.LEVEL, "canary", 0.05, rising=True),
    Asked("split.high", Question.SPLIT, "traffic", 1.05, rising=True),
]


def test_one_segment_is_the_whole():
    rng = np.random.default_rng(5)
    design = Counts("requests", TESTS)
    whole = parts = design.begin()
    for tick in range(60):
        n = rng.poisson([[80.0], [900.0]])
        canary, baseline = (np.array([rng.binomial(m, 0.02), m]).T for m in n)
        strata = Strata(("all",), canary, baseline, np.array([0.08]))
        whole = design.step(whole, canary, baseline, 0.08, float(tick))
        parts = design.step(parts, canary, baseline, 0.08, float(tick), strata)
    for claim, value in design.log_e(whole).items():
        assert np.allclose(design.log_e(parts)[claim], value), claim
    assert np.array_equal(whole.dispersion.ticks.squares, parts.dispersion.ticks.squares)


def test_a_segment_that_was_not_read_or_has_no_twin_says_nothing():
    design = Counts("requests", TESTS)
    canary, baseline = np.array([[2.0, 80.0]]), np.array([[9.0, 900.0]])
    alone = Strata(("a",), canary, baseline, np.array([0.08]))
    nothing = np.full((1, 2), np.nan)
    more = Strata(
        ("a", "b", "c"),
        np.vstack([canary, nothing, [[5.0, 50.0]]]),
        np.vstack([baseline, [[1.0, 10.0]], nothing]),
        np.array([0.08, 0.5, 1.0]),
    )
    one, other = (
        design.step(design.begin(), canary, baseline, None, 0.0, strata) for strata in (alone, more)
    )
    assert all(np.array_equal(design.log_e(one)[c], design.log_e(other)[c]) for c in ("worse",))
    assert np.array_equal(one.canary, other.canary)
    assert np.array_equal(one.designed, other.designed)


def table():
    rates = st.floats(0.001, 0.2)
    sizes = st.integers(20, 5000)
    return st.lists(st.tuples(rates, sizes, sizes), min_size=1, max_size=5)


@given(table(), st.floats(0.2, 5.0))
def test_the_common_ratio_maximises_the_conditional_likelihood(parts, ratio):
    rows = [
        [round(min(r * ratio, 1.0) * n) + 1.0, float(n), round(r * m) + 1.0, float(m)]
        for r, n, m in parts
    ]
    totals = np.array(rows)

    def loss(log_ratio):
        q = totals[:, 1] / (totals[:, 1] + totals[:, 3])
        tilted = shifted_share(q, math.exp(log_ratio))
        events = totals[:, 0] + totals[:, 2]
        return -stats.binom.logpmf(totals[:, 0], events, tilted).sum()

    best = optimize.minimize_scalar(loss, bounds=(-8.0, 8.0), method="bounded").x
    found = common_effect(totals, 0.95)
    assert math.isclose(math.log(found["effect"]), best, abs_tol=1e-3)
    assert found["interval"].low <= found["effect"] <= found["interval"].high


def test_the_interval_covers_the_common_ratio_under_a_mix_shift():
    rng = np.random.default_rng(6)
    missed = 0
    for _ in range(400):
        canary, baseline = rng.poisson(4000 * OURS), rng.poisson(36000 * THEIRS)
        events, others = rng.binomial(canary, RATES * 1.5), rng.binomial(baseline, RATES)
        totals = np.column_stack([events, canary, others, baseline]).astype(float)
        interval = common_effect(totals, 0.95)["interval"]
        missed += not interval.low <= 1.5 <= interval.high
    assert missed <= stats.binom.ppf(0.999, 400, 0.05)


def test_a_common_ratio_at_the_ends_is_open_and_nothing_is_no_ratio():
    none, all_ours = np.array([[0.0, 50.0, 9.0, 500.0]]), np.array([[9.0, 50.0, 0.0, 500.0]])
    assert common_effect(none, 0.95)["effect"] == 0.0
    found = common_effect(all_ours, 0.95)
    assert found["effect"] is None
    assert found["interval"].low > 1.0
    assert found["interval"].high is None
    assert common_effect(np.array([[0.0, 50.0, 0.0, 500.0]]), 0.95) == {}
    assert common_effect(np.array([[1.0, 50.0, 0.0, 0.0]]), 0.95) == {}


@given(table())
def test_standardised_rates_are_equal_where_every_segments_rates_are(parts):
    canary = np.array([[r * n, float(n)] for r, n, _ in parts])
    baseline = np.array([[r * m, float(m)] for r, _, m in parts])
    ours, theirs = standardised(canary, baseline, canary[:, 1], baseline[:, 1])
    assert np.allclose(ours, theirs, atol=0.5 / FINENESS)


def test_the_designed_traffic_leaves_out_what_only_one_side_serves():
    strata = Strata(
        ("beta", "internal", "rest"),
        np.array([[0.0, 50.0], [0.0, 70.0], [0.0, 5.0]]),
        np.array([[0.0, 50.0], [0.0, 0.0], [0.0, 95.0]]),
        np.array([0.5, 1.0, 0.05]),
    )
    exposures = strata.canary[:, 1], strata.baseline[:, 1]
    carried, wanted = designed(strata, exposures)
    assert (carried, wanted) == (55.0, pytest.approx(50.0 + 5.0))
    expected, variance = split(strata)
    assert expected == pytest.approx(50.0 + 70.0 + 5.0)
    assert variance == pytest.approx(25.0 + 0.0 + 4.75)
