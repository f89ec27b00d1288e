"""What must not be blamed on the canary: an incident of both sides, a baseline that is unwell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import canarystats as cs
from tests.asking import reading
from tests.rollouts import clock, eight_triggers, steady_requests

POLICY = eight_triggers("requests")
ROLLBACK, HOLD, PROMOTE = cs.Decision.ROLLBACK, cs.Decision.HOLD, cs.Decision.PROMOTE
RANK = {ROLLBACK: 0, HOLD: 1, PROMOTE: 2}


def drawn(rng, n, canary_rate, baseline_rate, *, canary=500, baseline=9500):
    """Errors at these rates, numbers or one a tick."""
    exposures = rng.poisson(canary, n), rng.poisson(baseline, n)
    errors = rng.binomial(exposures[0], canary_rate), rng.binomial(exposures[1], baseline_rate)
    return cs.Pair.counts(
        "requests",
        canary=(errors[0], exposures[0]),
        baseline=(errors[1], exposures[1]),
        times=clock(n),
    )


def judge(pair, policy=POLICY):
    return cs.judge([pair], policy, share=0.05)


def decided(pair, policy=POLICY):
    """The decision at every tick."""
    monitor = cs.Monitor(policy, share=0.05)
    return [monitor.observe([pair.rows(i, i + 1)]).decision for i in range(pair.n_ticks)]


class TestSharedIncident:
    def test_errors_of_both_sides_hold_and_say_so(self):
        verdict = judge(steady_requests(60, errors=500, baseline_errors=9500))
        assert verdict.decision is HOLD
        assert [(f.trigger, f.action) for f in verdict.firings] == [
            ("success_rate", "hold"),
            ("error_rate_absolute", "hold"),
        ]
        assert (
            "both arms: the baseline is at a success rate of 90% too" in verdict.firings[0].reason
        )
        assert "a shared incident" in verdict.reason
        assert verdict.decided_at is None

    def test_the_canary_alone_is_rolled_back_at_the_same_tick_as_ever(self):
        errors = np.where(np.arange(60) < 20, 5.0, 500.0)
        verdict = judge(steady_requests(60, errors=errors, baseline_errors=95))
        literal = judge(
            steady_requests(60, errors=errors, baseline_errors=95),
            POLICY.replace(unhealthy_baseline="ignore"),
        )
        assert verdict.decision is ROLLBACK
        assert verdict.decided_at == literal.decided_at
        assert verdict.firings == literal.firings

    def test_a_policy_may_read_the_canary_alone(self):
        pair = steady_requests(60, errors=500, baseline_errors=9500)
        verdict = judge(pair, POLICY.replace(unhealthy_baseline="ignore"))
        assert verdict.decision is ROLLBACK

    def test_nothing_is_latched(self):
        n = 160
        bad = np.arange(n) < 60
        pair = steady_requests(
            n, errors=np.where(bad, 500, 50), baseline_errors=np.where(bad, 9500, 950)
        )
        verdict = judge(pair)
        assert verdict.decision is PROMOTE
        assert {f.action for f in verdict.firings} == {"hold"}

    @pytest.mark.parametrize("seed", range(3))
    def test_sides_that_recover_together_cross_the_threshold_at_their_own_ticks(self, seed):
        n, rng = 100, np.random.default_rng(seed)
        rates = np.where(np.arange(n) < 50, 0.08, 0.02)
        pair = drawn(rng, n, rates, rates)
        assert ROLLBACK not in decided(pair)

    def test_a_canary_that_stays_bad_when_the_baseline_recovers_is_rolled_back(self):
        n = 120
        rates = np.where(np.arange(n) < 60, 0.1, 0.001)
        found = decided(drawn(np.random.default_rng(0), n, 0.1, rates))
        assert set(found[:60]) == {HOLD}
        assert found[-1] is ROLLBACK

    def test_a_canary_shown_to_be_worse_in_an_incident_is_rolled_back(self):
        verdict = judge(drawn(np.random.default_rng(0), 60, 0.13, 0.1))
        assert verdict.decision is ROLLBACK
        assert "the canary is shown to be worse" in verdict.reason

    def test_a_catastrophic_canary_is_rolled_back_in_any_incident(self):
        few = {"canary": 10, "baseline": 190}
        pair = drawn(np.random.default_rng(0), 40, 1.0, 0.1, **few)
        assert judge(pair).decision is ROLLBACK
        warming = POLICY.replace(warm_up="1h")  # no comparison gathers evidence yet
        assert judge(pair, warming).decision is ROLLBACK

    def test_an_incident_before_any_comparison_holds(self):
        pair = steady_requests(60, errors=500, baseline_errors=9500)
        assert judge(pair, POLICY.replace(warm_up="1h")).decision is HOLD

    def test_without_a_baseline_the_canary_is_the_one_to_blame(self):
        n = 20
        pair = cs.Pair.counts(
            "requests", canary=(np.full(n, 500.0), np.full(n, 5000.0)), times=clock(n)
        )
        assert judge(pair).decision is ROLLBACK

    def test_a_rule_that_reports_goes_on_reporting(self):
        policy = POLICY.with_trigger("success_rate", action="report")
        policy = policy.with_trigger("error_rate", absolute=None)
        verdict = judge(steady_requests(60, errors=500, baseline_errors=9500), policy)
        assert [f.action for f in verdict.firings] == ["report"]

    @pytest.mark.calibration
    def test_equal_sides_are_not_blamed_in_incidents_of_any_depth(self):
        rng, blamed = np.random.default_rng(1), 0
        for _ in range(200):
            n, rate = 240, rng.uniform(0.03, 0.5)
            start, length = rng.integers(20, 100), rng.integers(5, 100)
            inside = (np.arange(n) >= start) & (np.arange(n) < start + length)
            rates = np.where(inside, rate, 0.002)
            blamed += judge(drawn(rng, n, rates, rates)).decision is ROLLBACK
        assert blamed <= 7  # 1 % of 200 is 2; binomial, five sigma


class TestMemory:
    policy = eight_triggers("memory_bytes")

    def judge(self, canary, baseline, n=40, limit=1.0):
        pair = cs.Pair.gauge(
            "memory_bytes",
            canary=np.full((n, 2), canary),
            baseline=np.full((n, 3), baseline),
            limit=limit,
            times=clock(n),
        )
        return cs.judge([pair], self.policy)

    @pytest.mark.parametrize(
        ("canary", "baseline", "decision"),
        [(0.97, 0.5, ROLLBACK), (0.97, 0.96, HOLD), (0.97, 0.95, ROLLBACK), (1.01, 0.96, ROLLBACK)],
    )
    def test_both_sides_at_their_limit_hold(self, canary, baseline, decision):
        verdict = self.judge(canary, baseline)
        assert verdict.decision is decision
        assert ("shared incident" in verdict.reason) is (decision is HOLD)

    def test_pods_of_several_limits_do_not_tell_what_the_baseline_has(self):
        assert self.judge(0.97, 0.97, limit=[1.0, 2.0]).decision is ROLLBACK


class TestEvents:
    def judge(self, name, canary, baseline, share=0.05):
        times = clock(len(canary))
        pair = cs.Pair.events(name, canary=canary, baseline=baseline, times=times)
        return cs.judge([pair], eight_triggers(name), share=share)

    @pytest.mark.parametrize(
        ("canary", "baseline", "share", "decision"),
        [
            (11, 0, 0.05, ROLLBACK),
            (11, 11, 0.05, ROLLBACK),  # nineteen times the baseline's, per share
            (11, 209, 0.05, HOLD),
            (11, 209, None, ROLLBACK),
        ],
    )
    def test_a_storm_of_both_sides_holds_within_the_canarys_share(
        self, canary, baseline, share, decision
    ):
        verdict = self.judge("breaker_trips", [canary], [baseline], share)
        assert verdict.decision is decision

    @pytest.mark.parametrize("name", ["byzantine_events", "integrity_violations"])
    def test_what_must_never_happen_acts_at_once_and_says_who_else_has_it(self, name):
        verdict = self.judge(name, [0, 1], [0, 19])
        assert verdict.decision is ROLLBACK
        assert "; the baseline is at 19" in verdict.reason
        alone = self.judge(name, [0, 1], [0, 0])
        assert "baseline" not in alone.reason

    def test_events_of_the_baseline_are_not_the_canarys(self):
        verdict = self.judge("byzantine_events", [0] * 60, [0] * 59 + [3])
        assert verdict.decision is HOLD
        assert "the baseline is at 3 Byzantine events: it is unhealthy" in verdict.reason
        passed = self.judge("byzantine_events", [0] * 60, [0] * 30 + [3] + [0] * 29)
        assert passed.decision is PROMOTE

    def test_a_baseline_of_another_length_is_refused(self):
        with pytest.raises(cs.InputError, match="baseline has 1"):
            cs.Pair.events("trips", canary=[0, 0], baseline=[0])
        with pytest.raises(cs.InputError, match="baseline"):
            cs.Pair.events("trips", canary=[0, 0], baseline=[0, -1])


class TestUnhealthyBaseline:
    def test_being_no_worse_than_a_bad_baseline_proves_nothing(self):
        verdict = judge(steady_requests(60, errors=50, baseline_errors=9500))
        assert verdict.decision is HOLD
        assert verdict.reason == (
            "requests: the baseline is at an error rate of 10%: it is unhealthy, so being no "
            "worse than it proves nothing."
        )
        assert not verdict.firings

    def test_it_stands_against_promotion_after_the_rules_duration(self):
        bad = np.where(np.arange(60) >= 55, 9500 * 2.0, 950)
        pair = steady_requests(60, errors=50, baseline_errors=bad)
        assert reading(judge(pair), "success_rate").condition is cs.verdict.Condition.CLEAR
        assert judge(pair).decision is PROMOTE  # below 95 % for a minute, of three

    def test_a_policy_may_ignore_it(self):
        pair = steady_requests(60, errors=50, baseline_errors=9500)
        policy = POLICY.replace(unhealthy_baseline="ignore")
        assert judge(pair, policy).decision is PROMOTE

    def test_a_metric_on_a_dry_run_does_not_hold(self):
        names = ("requests", "byzantine_events")
        policy = eight_triggers(*names).with_metric("byzantine_events", dry_run=True)
        storm = cs.Pair.events(
            "byzantine_events", canary=[0] * 60, baseline=[1] * 60, times=clock(60)
        )
        verdict = cs.judge([steady_requests(60), storm], policy, share=0.05)
        assert verdict.decision is PROMOTE


@given(
    seed=st.integers(0, 2**32 - 1),
    baseline=st.sampled_from([0.001, 0.02, 0.049, 0.06, 0.1, 0.4]),
    canary=st.sampled_from([0.001, 0.02, 0.05, 0.1, 0.3]),
    more=st.floats(0.0, 1.0),
    since=st.integers(0, 40),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_worsening_the_canary_alone_never_improves_the_decision(
    seed, baseline, canary, more, since
):
    rng, n = np.random.default_rng(seed), 50
    pair = drawn(rng, n, canary, baseline)
    errors, requests = pair.canary.T
    extra = rng.binomial((requests - errors).astype(int), more)
    worse = cs.Pair.counts(
        "requests",
        canary=(np.where(np.arange(n) >= since, errors + extra, errors), requests),
        baseline=tuple(pair.baseline.T),
        times=pair.times,
    )
    assert RANK[judge(worse).decision] <= RANK[judge(pair).decision]


@given(
    canary=st.lists(st.integers(0, 12), min_size=8, max_size=8),
    baseline=st.lists(st.sampled_from([0, 0, 30, 90]), min_size=8, max_size=8),
    more=st.lists(st.sampled_from([0, 0, 1, 9]), min_size=8, max_size=8),
    name=st.sampled_from(["breaker_trips", "byzantine_events"]),
)
@settings(max_examples=40, deadline=None)
def test_more_events_on_the_canary_never_improve_the_decision(canary, baseline, more, name):
    def rank(counts):
        pair = cs.Pair.events(name, canary=counts, baseline=baseline, times=clock(8))
        policy = eight_triggers(name).replace(min_duration="0s", min_samples=0)
        return RANK[cs.judge([pair], policy, share=0.2).decision]

    assert rank(np.add(canary, more)) <= rank(canary)


@given(canary=st.floats(0.5, 1.2), baseline=st.floats(0.5, 1.2), more=st.floats(0.0, 0.3))
@settings(max_examples=40, deadline=None)
def test_more_memory_on_the_canary_never_improves_the_decision(canary, baseline, more):
    before, after = (
        TestMemory().judge(c, baseline, n=45).decision for c in (canary, canary + more)
    )
    assert RANK[after] <= RANK[before]
