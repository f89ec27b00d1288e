"""The judge: what promotes, what holds and why, and what rolls back."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.policy import Policy
from tests.asking import ways
from tests.rollouts import (
    START,
    TICK,
    clock,
    eight_triggers,
    events,
    latency,
    memory,
    quiet_events,
    steady_requests,
    whole,
)

POLICY = eight_triggers("requests")
NAN = np.nan


def gauge_policy(**changes):
    metric = {"name": "queue", "kind": "gauge", "critical": True, "batch": 5} | changes
    return Policy.parse({"metrics": [metric], "min_duration": "5m", "min_samples": 0})


def gauge(canary, baseline, n=100, seed=0):
    rng = np.random.default_rng(seed)
    left, right = (level + rng.normal(0, 1, n) for level in (canary, baseline))
    return cs.Pair.gauge("queue", canary=left, baseline=right, times=clock(n))


class TestPromote:
    def test_a_healthy_canary_with_every_metric_is_promoted(self):
        n = 60
        pairs = [
            steady_requests(n),
            latency(np.random.default_rng(0), n, per_tick=20_000),
            memory(np.random.default_rng(0), n),
            *quiet_events(n),
        ]
        verdict = cs.judge(pairs, eight_triggers(), share=0.05)
        assert verdict.decision is cs.Decision.PROMOTE
        assert verdict.score == 100
        assert verdict.reason.startswith("requests and latency_seconds shown not worse than the")

    def test_no_alarm_is_not_proven_good(self):
        few = {"out_of": 5, "errors": 0.05, "baseline_out_of": 95, "baseline_errors": 0.95}
        policy = POLICY.replace(min_samples=0)
        verdict = cs.judge([steady_requests(60, **few)], policy, share=0.05)
        assert (verdict.decision, verdict.score) == (cs.Decision.HOLD, 100)
        assert "not shown yet: requests not worse" in verdict.reason.lower()

    def test_so_few_errors_that_a_ratio_means_nothing_are_good_enough(self):
        numbers = {"errors": 0.05, "baseline_errors": 0.95}
        verdict = cs.judge([steady_requests(60, **numbers)], POLICY, share=0.05)
        assert not verdict.firings
        assert verdict.decision is cs.Decision.PROMOTE

    @pytest.mark.parametrize(("ticks", "promoted"), [(39, False), (40, True)])
    def test_the_minimum_time_must_have_passed(self, ticks, promoted):
        verdict = cs.judge([steady_requests(ticks)], POLICY, share=0.05)
        assert (verdict.decision is cs.Decision.PROMOTE) is promoted
        if not promoted:
            assert verdict.reason == "9m45s of the minimum 10m have passed."

    @pytest.mark.parametrize(("minimum", "promoted"), [(300_000, True), (300_001, False)])
    def test_the_minimum_of_samples_must_have_been_seen(self, minimum, promoted):
        policy = POLICY.replace(min_samples=minimum)
        verdict = cs.judge([steady_requests(60)], policy, share=0.05)
        assert (verdict.decision is cs.Decision.PROMOTE) is promoted
        if not promoted:
            assert verdict.reason == "300000 of the minimum 300001 canary samples."

    def test_approval_travels_with_the_verdict(self):
        policy = POLICY.replace(approval="required")
        assert cs.judge([steady_requests(60)], policy, share=0.05).approval == "required"

    def test_a_pending_rule_stands_against_promotion(self):
        errors = np.where(np.arange(200) < 170, 50.0, 80.0)
        verdict = cs.judge([steady_requests(200, errors=errors)], POLICY, share=0.05)
        assert verdict.decision is cs.Decision.HOLD
        assert verdict.reason.startswith("Error rate 1.6% against 1%")
        assert "of 5m" in verdict.reason


class TestMissingData:
    def test_nothing_at_all_holds(self):
        verdict = cs.judge([], eight_triggers(), share=0.05)
        assert verdict.decision is cs.Decision.HOLD
        assert verdict.reason.startswith("requests: no data")
        assert {e.status for e in verdict.evidence} == {cs.Status.NO_DATA}

    @pytest.mark.parametrize(
        ("word", "decision"),
        [
            ("hold", cs.Decision.HOLD),
            ("pass", cs.Decision.PROMOTE),
            ("rollback", cs.Decision.ROLLBACK),
        ],
    )
    def test_an_absent_metric_is_what_the_policy_says(self, word, decision):
        policy = eight_triggers("requests", "memory_bytes").replace(on_no_data=word)
        verdict = cs.judge([steady_requests(60)], policy, share=0.05)
        assert verdict.decision is decision
        if word != "pass":
            assert verdict.reason.startswith("memory_bytes: no data")

    def test_passing_over_everything_still_has_a_reason(self):
        policy = POLICY.replace(on_no_data="pass", min_duration="0s")
        assert cs.judge([], policy).reason

    def test_a_metric_that_starts_late_is_told_alike_in_batches_and_at_once(self):
        policy = eight_triggers("requests", "byzantine_events").replace(on_no_data="rollback")
        pairs = [steady_requests(12), events("byzantine_events", 12).rows(8, 12)]
        monitor = cs.Monitor(policy, share=0.05)
        monitor.observe([pairs[0].rows(0, 8)])
        verdict = monitor.observe([pairs[0].rows(8, 12), pairs[1]])
        assert verdict == cs.judge(pairs, policy, share=0.05)

    def test_rolling_back_on_silence_waits_two_intervals(self):
        policy = eight_triggers("requests", "memory_bytes").replace(on_no_data="rollback")
        assert not cs.judge([steady_requests(3)], policy, share=0.05).firings
        verdict = cs.judge([steady_requests(4)], policy, share=0.05)
        assert ways(verdict) == {"no_data": "literal"}

    def test_a_metric_that_is_not_required_may_be_absent(self):
        policy = eight_triggers("requests", "memory_bytes")
        policy = policy.with_metric("memory_bytes", required=False)
        verdict = cs.judge([steady_requests(60)], policy, share=0.05)
        assert verdict.decision is cs.Decision.PROMOTE

    @pytest.mark.parametrize(("silent", "decision"), [(2, "promote"), (3, "hold")])
    def test_a_metric_that_falls_silent_holds_after_two_intervals(self, silent, decision):
        errors = np.full(60, 50.0)
        errors[60 - silent :] = NAN
        verdict = cs.judge([steady_requests(60, errors=errors)], POLICY, share=0.05)
        assert verdict.decision == decision
        if decision == "hold":
            assert verdict.reason == "requests: no data on the canary for 45 s."

    @pytest.mark.parametrize("side", ["canary", "baseline"])
    def test_a_side_that_never_spoke_is_named(self, side):
        numbers = {"canary": {"errors": NAN}, "baseline": {"baseline_errors": NAN}}[side]
        verdict = cs.judge([steady_requests(60, **numbers)], POLICY, share=0.05)
        assert verdict.decision is cs.Decision.HOLD
        assert verdict.reason == f"requests: no data on the {side}."

    def test_counts_without_a_baseline_cannot_be_promoted(self):
        pair = cs.Pair.counts(
            "requests", canary=(np.zeros(60), np.full(60, 500.0)), times=clock(60)
        )
        verdict = cs.judge([pair], POLICY, share=0.05)
        assert verdict.decision is cs.Decision.HOLD
        assert verdict.reason == "requests: no data on the baseline."

    @pytest.mark.parametrize(("word", "decision"), [("hold", "hold"), ("accept", "promote")])
    def test_a_partial_answer_is_what_the_policy_says(self, word, decision):
        pair = cs.Pair.counts(
            "requests",
            canary=(np.full(60, 50.0), np.full(60, 5000.0)),
            baseline=(np.full(60, 950.0), np.full(60, 95_000.0)),
            times=clock(60),
            notes=["partial_response: 2 of 3 stores answered"],
        )
        verdict = cs.judge([pair], POLICY.replace(partial_data=word), share=0.05)
        assert verdict.decision == decision
        assert all("2 of 3 stores answered" in e.seen[-1] for e in verdict.evidence)

    def test_other_notes_are_told_and_do_not_hold(self):
        pair = steady_requests(60)
        noted = cs.Pair.counts(
            "requests",
            canary=tuple(pair.canary.T),
            baseline=tuple(pair.baseline.T),
            times=pair.times,
            notes=["stale_tail: 1 tick trimmed"],
        )
        verdict = cs.judge([noted], POLICY, share=0.05)
        assert verdict.decision is cs.Decision.PROMOTE
        assert all("stale_tail: 1 tick trimmed" in e.seen for e in verdict.evidence)


class TestHarm:
    def test_a_critical_gauge_that_rises_beyond_its_margin_rolls_back(self):
        verdict = cs.judge([gauge(120, 100)], gauge_policy())
        assert ways(verdict) == {"harm": "decisive"}
        assert verdict.reason.startswith("queue")
        assert verdict.onset is not None

    def test_a_gauge_that_is_not_critical_only_holds(self):
        verdict = cs.judge([gauge(120, 100)], gauge_policy(critical=False))
        assert verdict.decision is cs.Decision.HOLD

    def test_a_difference_within_the_margin_never_counts(self):
        verdict = cs.judge([gauge(104, 100, n=2000)], gauge_policy())
        assert not verdict.firings

    def test_a_steady_gauge_of_days_without_history_never_gathers_evidence_of_harm(self):
        verdict = cs.judge([gauge(100, 100, n=2000)], gauge_policy(margin=0.5))
        assert not verdict.firings
        assert verdict.decision is cs.Decision.PROMOTE

    def test_two_single_pods_may_differ_by_a_seventh_while_nothing_shows_how_far_pods_do(self):
        verdict = cs.judge([gauge(112, 100)], gauge_policy())
        assert verdict.decision is cs.Decision.HOLD
        assert not verdict.firings
        assert any("single pods" in each for e in verdict.evidence for each in e.assumptions)
        for said in ({"margin": 0.05}, {"pod_difference": 0.0}):
            told = cs.judge([gauge(112, 100)], gauge_policy(**said))
            assert told.decision is cs.Decision.ROLLBACK

    def test_what_pods_of_the_baseline_differ_by_replaces_what_is_assumed(self):
        rng = np.random.default_rng(0)
        left, right = (level + rng.normal(0, 1, (100, 3)) for level in (112, 100))
        pair = cs.Pair.gauge("queue", canary=left, baseline=right, times=clock(100))
        assert cs.judge([pair], gauge_policy()).decision is cs.Decision.ROLLBACK

    def test_an_equal_gauge_is_promoted(self):
        assert cs.judge([gauge(100, 100)], gauge_policy()).decision is cs.Decision.PROMOTE

    def test_the_harmful_direction_counts(self):
        lower = [gauge(80, 100)]
        assert cs.judge(lower, gauge_policy()).decision is cs.Decision.PROMOTE
        for harmful in ("decrease", "either"):
            verdict = cs.judge(lower, gauge_policy(harmful=harmful))
            assert verdict.decision is cs.Decision.ROLLBACK

    def test_critical_counts_roll_back_on_their_own_test(self):
        policy = Policy.parse(
            {"metrics": [{"name": "requests", "kind": "counts", "critical": True}]}
        )
        verdict = cs.judge([steady_requests(60, errors=65)], policy, share=0.05)
        assert ways(verdict) == {"harm": "decisive"}
        within = cs.judge([steady_requests(60, errors=51)], policy, share=0.05)
        assert not within.firings

    def test_one_look_at_a_gauge_needs_no_batches(self):
        policy = gauge_policy().replace(looks="one", min_duration="1m")
        worse = cs.judge([gauge(120, 100, n=30)], policy)
        equal = cs.judge([gauge(100, 100, n=30)], policy)
        assert worse.decision is cs.Decision.ROLLBACK
        assert equal.decision is cs.Decision.PROMOTE
        assert {e.method for e in equal.evidence} == {"mann_whitney"}


class TestDryRun:
    def test_a_dry_run_reports_and_never_decides(self):
        policy = eight_triggers("requests", "byzantine_events").with_metric(
            "byzantine_events", dry_run=True
        )
        happened = [steady_requests(60), events("byzantine_events", 60, {59: 5})]
        verdict = cs.judge(happened, policy, share=0.05)
        assert verdict.decision is cs.Decision.PROMOTE
        assert [(f.trigger, f.action) for f in verdict.firings] == [("byzantine", "report")]

    @pytest.mark.parametrize(("bad", "condition"), [(3, "pending"), (40, "fired"), (0, "clear")])
    def test_a_trigger_that_only_reports_is_as_if_it_were_not_there(self, bad, condition):
        told = eight_triggers("requests").with_trigger("error_rate", absolute=None)
        told = told.with_trigger("success_rate", action="report")
        rules = [t.model_dump(by_alias=True) for t in told.triggers if t.name != "success_rate"]
        errors = np.where(np.arange(60) >= 60 - bad, 2500.0, 40.0)
        pair = steady_requests(60, errors=errors, baseline_errors=19 * errors)
        with_it = cs.judge([pair], told, share=0.05)
        without = cs.judge([pair], told.replace(triggers=rules), share=0.05)
        (read,) = [r for r in with_it.readings if r.trigger == "success_rate"]
        assert read.condition == condition
        assert with_it.decision is without.decision is cs.Decision.PROMOTE
        assert (with_it.score, with_it.reasons) == (without.score, without.reasons)

    def test_a_dry_run_touches_no_score(self):
        policy = eight_triggers("requests", "byzantine_events").with_metric(
            "requests", dry_run=True
        )
        pairs = [steady_requests(60, errors=500), events("byzantine_events", 60)]
        assert cs.judge(pairs, policy, share=0.05).score == 100

    def test_a_traffic_split_on_a_dry_run_does_not_hold(self):
        policy = eight_triggers("requests", "byzantine_events").with_metric(
            "requests", dry_run=True
        )
        pairs = [steady_requests(60, out_of=7000, errors=70), events("byzantine_events", 60)]
        assert cs.judge(pairs, policy, share=0.05).decision is cs.Decision.PROMOTE

    def test_samples_of_a_dry_run_are_no_samples(self):
        policy = eight_triggers("requests", "latency_seconds").replace(min_samples=10**6)
        much = {"out_of": 5e6, "errors": 5e4, "baseline_out_of": 9.5e7, "baseline_errors": 9.5e5}
        pairs = [steady_requests(60, **much), latency(np.random.default_rng(0), 60)]
        assert cs.judge(pairs, policy, share=0.05).decision is cs.Decision.PROMOTE
        dry = policy.with_metric("requests", dry_run=True)
        assert cs.judge(pairs, dry, share=0.05).decision is cs.Decision.HOLD

    def test_a_dry_run_may_be_absent(self):
        policy = eight_triggers("requests", "byzantine_events").with_metric(
            "byzantine_events", dry_run=True
        )
        verdict = cs.judge([steady_requests(60)], policy, share=0.05)
        assert verdict.decision is cs.Decision.PROMOTE

    def test_harm_on_a_dry_run_is_reported(self):
        verdict = cs.judge([gauge(120, 100)], gauge_policy(dry_run=True))
        assert [(f.trigger, f.action) for f in verdict.firings] == [("harm", "report")]
        assert verdict.decision is not cs.Decision.ROLLBACK


class TestScore:
    def test_a_healthy_rollout_has_a_hundred(self):
        assert cs.judge([steady_requests(60)], POLICY, share=0.05).score == 100

    def test_a_warning_lowers_it_and_does_not_decide(self):
        verdict = cs.judge([steady_requests(60, errors=65)], POLICY, share=0.05)
        assert verdict.score < 100
        assert not verdict.firings

    def test_a_veto_leaves_nothing(self):
        pairs = [
            *whole(0, 60),
        ]
        pairs[3] = events("byzantine_events", 60, {59: 1})
        verdict = cs.judge(pairs, eight_triggers(), share=0.05)
        assert (verdict.decision, verdict.score) == (cs.Decision.ROLLBACK, 0)

    def test_it_falls_as_the_canary_gets_worse(self):
        scores = [
            cs.judge([steady_requests(15, errors=errors)], POLICY, share=0.05).score
            for errors in (50, 65, 80, 200, 300)
        ]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > scores[-1]


def test_the_first_cause_gives_the_reason_and_the_moment():
    n = 60
    pairs = [
        steady_requests(n, errors=np.where(np.arange(n) < 30, 50.0, 5000.0)),
        events("byzantine_events", n, {10: 1}),
    ]
    verdict = cs.judge(pairs, eight_triggers("requests", "byzantine_events"), share=0.05)
    assert next(f.trigger for f in verdict.firings) == "byzantine"
    assert verdict.decided_at == START + 10 * TICK
    assert verdict.reason.startswith("1 Byzantine event ")
    assert len(verdict.reasons) == len(verdict.firings)


def test_the_same_windows_give_the_same_verdict_byte_for_byte():
    first, again = (cs.judge(whole(5, 40), eight_triggers(), share=0.05) for _ in range(2))
    assert first.to_json() == again.to_json()


def test_other_windows_have_another_digest():
    pair = steady_requests(10)
    base = cs.judge([pair], POLICY, share=0.05)
    changed = [
        cs.judge([steady_requests(10, errors=np.arange(10.0))], POLICY, share=0.05),
        cs.judge([steady_requests(10, baseline_errors=951)], POLICY, share=0.05),
        cs.judge([steady_requests(10, times=clock(10) + 1)], POLICY, share=0.05),
        cs.judge([pair], POLICY, share=0.06),
        cs.judge([pair.rows(0, 9)], POLICY, share=0.05),
    ]
    assert len({v.input_digest for v in [base, *changed]}) == 6


def test_a_verdict_says_what_it_takes_to_recompute_it():
    verdict = cs.judge([steady_requests(10)], POLICY, share=0.05)
    assert verdict.policy == "eight-triggers"
    assert verdict.policy_digest == POLICY.digest
    assert verdict.library_version == cs.__version__
    assert len(verdict.input_digest) == len(verdict.decision_id) == 16


class TestSamples:
    policy = Policy.parse(
        {
            "metrics": [{"name": "a", "kind": "samples"}, {"name": "b", "kind": "samples"}],
            "min_duration": "0s",
        }
    )

    def pair(self, name, seed, n=400):
        rng = np.random.default_rng(seed)
        return cs.Pair.samples(name, canary=rng.random(n), baseline=rng.random(n))

    def test_their_order_changes_nothing(self):
        pairs = [self.pair("a", 1), self.pair("b", 2)]
        assert cs.judge(pairs, self.policy) == cs.judge(pairs[::-1], self.policy)

    def test_the_digest_tells_the_sides_apart(self):
        policy = self.policy.without("b")
        left = cs.Pair.samples("a", canary=[1.0, 2.0], baseline=[3.0])
        right = cs.Pair.samples("a", canary=[1.0], baseline=[2.0, 3.0])
        found = {cs.judge([pair], policy).input_digest for pair in (left, right)}
        assert len(found) == 2

    def test_a_hold_ends_with_the_look_that_finds_nothing(self):
        policy = eight_triggers("latency_seconds").replace(min_duration="0s")
        policy = policy.with_trigger("latency_p99", action="hold")
        rng, monitor = np.random.default_rng(0), cs.Monitor(policy)
        slow, fine = (
            cs.Pair.samples(
                "latency_seconds",
                canary=factor * rng.lognormal(size=9000),
                baseline=rng.lognormal(size=9000),
            )
            for factor in (4.0, 1.0)
        )
        assert monitor.observe([slow]).decision is cs.Decision.HOLD
        assert monitor.observe([fine]).decision is cs.Decision.PROMOTE


def test_the_digest_covers_the_bounds_of_buckets():
    found = set()
    for bounds in ([1, 2, np.inf], [1, 3, np.inf]):
        pair = cs.Pair.histogram(
            "latency_seconds",
            upper_bounds=bounds,
            canary=[[5, 1, 0]],
            baseline=[[5, 1, 0]],
            times=[START],
        )
        found.add(cs.judge([pair], eight_triggers("latency_seconds")).input_digest)
    assert len(found) == 2


@pytest.mark.parametrize(("looks", "fired"), [("one", 0), ("many", 1)])
def test_under_one_look_only_that_look_may_spend_a_gauges_level(looks, fired):
    # Two constant sides: a single look finds nothing independent in them, batches of one tick do.
    policy = cs.Policy.parse(
        {
            "looks": looks,
            "min_duration": "0s",
            "metrics": [{"name": "queue_ratio", "kind": "gauge", "critical": True, "batch": 1}],
        }
    )
    flat = cs.Pair.gauge(
        "queue_ratio", canary=np.full(30, 5.0), baseline=np.full(30, 0.5), times=clock(30)
    )
    assert len(cs.judge([flat], policy).firings) == fired


@pytest.mark.parametrize(
    ("policy", "how"), [("eight-triggers", "load_policy\\('eight-triggers'\\)"), ({}, "dict")]
)
def test_what_is_no_policy_is_refused(policy, how):
    with pytest.raises(cs.InputError, match=f"policy is a .*{how}"):
        cs.judge([steady_requests(5)], policy, share=0.05)


@pytest.mark.parametrize(("interval", "told"), [("15s", True), ("1m", False)])
def test_ticks_further_apart_than_the_policy_says_are_told(interval, told):
    policy = eight_triggers("requests").replace(interval=interval, min_duration="1d")
    pair = steady_requests(20, times=START + 60.0 * np.arange(20))
    verdict = cs.judge([pair], policy, share=0.05)
    assert verdict.decision is cs.Decision.HOLD
    assert ("Ticks lie 1m apart on average" in " ".join(verdict.reasons)) is told
