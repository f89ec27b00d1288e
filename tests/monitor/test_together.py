"""Both arms changed together, by change point: an incident, and no rollback of the canary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import canarystats as cs
from tests import strategies
from tests.rollouts import clock, eight_triggers, steady_requests

POLICY = eight_triggers("requests")
ROLLBACK, HOLD, PROMOTE = cs.Decision.ROLLBACK, cs.Decision.HOLD, cs.Decision.PROMOTE
RANK = {ROLLBACK: 0, HOLD: 1, PROMOTE: 2}
BEFORE, N = 40, 70
SHARE = 0.05


def drawn(rng, canary, baseline, *, n=N, rate=0.005, per_tick=20_000, onset=BEFORE, skew=0):
    """Errors whose rates are so many times as high from a tick on."""
    at = np.arange(n)
    requests = rng.poisson(per_tick * SHARE, n), rng.poisson(per_tick * (1 - SHARE), n)
    times = np.where(at >= onset, canary, 1.0), np.where(at >= onset + skew, baseline, 1.0)
    sides = [
        (rng.binomial(total, np.minimum(rate * factor, 1.0)), total)
        for total, factor in zip(requests, times, strict=True)
    ]
    return cs.Pair.counts("requests", canary=sides[0], baseline=sides[1], times=clock(n))


def judge(pair, policy=POLICY):
    return cs.judge([pair], policy, share=SHARE)


def tick_of(verdict):
    """Ticks from the onset to the rollback; None without one."""
    if verdict.decided_at is None:
        return None
    return round((verdict.decided_at - clock(1)[0]) / 15) - BEFORE


def many(canary, baseline, policy=POLICY, *, rollouts=8, **more):
    rng = np.random.default_rng(5)
    return [judge(drawn(rng, canary, baseline, **more), policy) for _ in range(rollouts)]


class TestAnIncidentThatHitsUnequally:
    def test_it_holds_and_says_when_and_how_much_on_both_sides(self):
        errors = np.where(np.arange(N) < BEFORE, 50, 300)
        others = np.where(np.arange(N) < BEFORE, 950, 1900)
        pair = steady_requests(N, errors=errors, baseline_errors=others)
        verdict = judge(pair.rows(0, BEFORE + 4))
        assert verdict.decision is HOLD
        assert verdict.reason == (
            "Error rate 2% against 1.2% on the baseline: shown to be more than 1.5 times it; "
            "within 1m requests went from 1.00% to 2.00% on the baseline and from 1.00% to 6.00% "
            "on the canary: both arms changed together, a shared incident."
        )
        assert [(f.trigger, f.action) for f in verdict.firings] == [("error_rate", "hold")]

    @pytest.mark.parametrize("skew", [0, 1])
    def test_simulated_incidents_hold(self, skew):
        blamed = sum(v.decision is ROLLBACK for v in many(6, 3, skew=skew))
        assert blamed <= binom.ppf(0.999, 8, 0.05)

    def test_without_it_they_are_blamed_on_the_canary(self):
        policy = POLICY.replace(shared_incident="0s")
        assert any(v.decision is ROLLBACK for v in many(12, 5, policy, n=90))

    def test_a_canary_that_stays_bad_when_the_baseline_recovers_is_rolled_back(self):
        at = np.arange(100)
        inside = (at >= BEFORE) & (at < BEFORE + 20)
        errors = np.where(at < BEFORE, 50, 140)
        others = np.where(inside, 1700, 950)
        literal = POLICY.with_trigger("error_rate", evidence="none", for_="1m")
        pair = steady_requests(100, errors=errors, baseline_errors=others)
        assert judge(pair.rows(0, BEFORE + 20), literal).decision is HOLD
        verdict = judge(pair, literal)
        assert verdict.decision is ROLLBACK
        assert 20 < tick_of(verdict) <= 20 + 20  # the window that is left of the incident
        assert "; the baseline has recovered" in verdict.reason

    def test_it_holds_for_as_long_as_the_policy_says(self):
        errors = np.where(np.arange(N) < BEFORE, 50, 300)
        others = np.where(np.arange(N) < BEFORE, 950, 1900)
        pair = steady_requests(N, errors=errors, baseline_errors=others)
        for minutes in (2, 5):
            verdict = judge(pair, POLICY.replace(shared_incident=f"{minutes}m"))
            assert tick_of(verdict) == 4 * minutes


class TestTheCanaryAlone:
    @pytest.mark.parametrize(("times", "most"), [(3, 1), (10, 0), (200, 0)])
    def test_its_faults_are_found_as_soon(self, times, most):
        found = [tick_of(v) for v in many(times, 1)]
        plain = [tick_of(v) for v in many(times, 1, POLICY.replace(shared_incident="0s"))]
        assert None not in plain
        late = sum(a != b for a, b in zip(found, plain, strict=True))
        assert late <= binom.ppf(0.999, 8, 0.01)
        assert np.median(found) - np.median(plain) <= most

    def test_an_outage_is_rolled_back_in_any_incident(self):
        found = [tick_of(v) for v in many(200, 3)]
        assert max(found) <= 1
        few = [tick_of(v) for v in many(1000, 200, rate=0.001, per_tick=2000, n=60)]
        assert max(few) <= 3

    def test_a_canary_that_takes_the_baseline_with_it_later_is_rolled_back(self):
        verdicts = many(6, 3, skew=8)
        assert {v.decision for v in verdicts} == {ROLLBACK}

    def test_the_reason_says_who_was_first(self):
        at = np.arange(N)
        errors, others = np.where(at < BEFORE, 50, 80), np.where(at < BEFORE + 20, 950, 1520)
        errors = np.where(at < BEFORE + 20, errors, 300)
        policy = POLICY.with_trigger("error_rate", for_="10m")
        pair = steady_requests(N, errors=errors, baseline_errors=others)
        reasons = [f.reason for f in judge(pair, policy).firings if f.action == "rollback"]
        assert any("the canary was worse before that" in reason for reason in reasons)


class TestTheBaselineAlone:
    def test_a_rollback_because_it_got_better_says_so(self):
        others = np.where(np.arange(N) < BEFORE, 950, 190)
        verdict = judge(steady_requests(N, baseline_errors=others))
        assert verdict.decision is ROLLBACK
        assert verdict.reason.endswith(
            "requests went from 1.00% to 0.20% on the baseline and from 1.00% to 1.00% on the "
            "canary: the baseline alone got better."
        )

    def test_a_promotion_beside_one_that_got_worse_says_so(self):
        others = np.where(np.arange(N) < BEFORE, 950, 1900)
        verdict = judge(steady_requests(N, baseline_errors=others))
        assert verdict.decision is PROMOTE
        assert verdict.reason.endswith(
            "; within 7m30s requests went from 1.00% to 2.00% on the baseline and from 1.00% to "
            "1.00% on the canary: the baseline alone got worse."
        )

    def test_a_healthy_promotion_says_nothing_of_it(self):
        told = sum("baseline alone" in v.reason for v in many(1, 1))
        assert told <= binom.ppf(0.999, 8, 0.01)


def test_the_metrics_own_test_holds_too():
    policy = POLICY.with_metric("requests", critical=True).with_trigger(
        "error_rate", action="report"
    )
    at = np.arange(N)
    errors, others = np.where(at < BEFORE, 50, 300), np.where(at < BEFORE, 950, 1900)
    pair = steady_requests(N, errors=errors, baseline_errors=others)
    verdict = judge(pair.rows(0, BEFORE + 10), policy)
    assert verdict.decision is HOLD
    assert "requests is shown to be worse" in verdict.reason.lower()
    assert "a shared incident" in verdict.reason
    literal = judge(pair.rows(0, BEFORE + 10), policy.replace(unhealthy_baseline="ignore"))
    assert literal.decision is ROLLBACK


def test_successes_are_read_by_their_failures():
    policy = cs.Policy.parse(
        {
            "min_duration": "0s",
            "min_samples": 0,
            "metrics": [
                {"name": "requests", "kind": "counts", "harmful": "decrease", "critical": True}
            ],
        }
    )
    at = np.arange(N)
    pair = steady_requests(
        N,
        errors=5000 - np.where(at < BEFORE, 250, 1250),
        baseline_errors=95_000 - np.where(at < BEFORE, 4750, 9500),
    )
    assert "a shared incident" in judge(pair, policy).reason


def test_history_is_a_past():
    old = steady_requests(120, baseline_errors=950, times=clock(120, start=clock(1)[0] - 1800))
    pair = steady_requests(4, errors=300, baseline_errors=1900)
    assert cs.judge([pair], POLICY, share=SHARE).decision is ROLLBACK
    verdict = cs.judge([pair], POLICY, share=SHARE, history=[old])
    assert verdict.decision is HOLD
    assert "a shared incident" in verdict.reason


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_tick_by_tick_and_saved_and_restored_it_says_the_same(data, seed):
    pair = drawn(np.random.default_rng(seed), 6, 3, n=36, onset=28)
    monitor, verdict = cs.Monitor(POLICY, share=SHARE), None
    for batch in strategies.until([pair], data.draw(strategies.cuts(pair.times.tolist()))):
        verdict = monitor.observe(batch)
        monitor = cs.Monitor.from_json(monitor.to_json(), POLICY)
    assert verdict == judge(pair)


@given(
    seed=st.integers(0, 2**32 - 1),
    canary=st.sampled_from([1.0, 2.0, 4.0]),
    baseline=st.sampled_from([1.5, 2.0, 4.0]),
    more=st.floats(0.0, 0.2),
    since=st.integers(0, 40),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_worse_canary_beside_a_baseline_that_changed_never_gets_a_better_decision(
    seed, canary, baseline, more, since
):
    rng, n = np.random.default_rng(seed), 45
    pair = drawn(rng, canary, baseline, n=n, onset=25, rate=0.01)
    errors, requests = pair.canary.T
    extra = rng.binomial((requests - errors).astype(int), more)
    worse = cs.Pair.counts(
        "requests",
        canary=(np.where(np.arange(n) >= since, errors + extra, errors), requests),
        baseline=tuple(pair.baseline.T),
        times=pair.times,
    )
    assert RANK[judge(worse).decision] <= RANK[judge(pair).decision]
