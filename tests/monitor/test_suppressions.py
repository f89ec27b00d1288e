"""Windows of planned disturbance: what does not count inside, and what still does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import canarystats as cs
from canarystats.suppression import Suppression, covered_seconds
from canarystats.verdict import Condition
from tests import strategies
from tests.asking import reading, ways
from tests.rollouts import START, TICK, clock, eight_triggers, events, steady_requests

ROLLBACK, HOLD, PROMOTE = cs.Decision.ROLLBACK, cs.Decision.HOLD, cs.Decision.PROMOTE


def window(first, last, **about):
    """A window over the time that the ticks ``first`` to ``last`` speak for."""
    span = {"from": START + TICK * first, "to": START + TICK * last}
    return {"name": "chaos day", "reason": "equivocation injected at 5 %"} | span | about


def suppressing(policy, *windows):
    return policy.replace(suppressions=list(windows))


class TestEvents:
    policy = eight_triggers("byzantine_events")

    def test_injected_events_do_not_fire_and_never_count_for_the_rule(self):
        policy = suppressing(self.policy, window(10, 20, triggers=["byzantine"]))
        verdict = cs.judge([events("byzantine_events", 100, {12: 5, 20: 5})], policy)
        assert not verdict.firings
        assert verdict.decision is PROMOTE
        assert verdict.suppressed_ticks == 11
        assert reading(verdict, "byzantine").suppressed_ticks == 11
        assert "suppressed: 11 of 100 ticks by chaos day (equivocation injected at 5 %)" in (
            verdict.evidence[0].seen
        )

    @pytest.mark.parametrize("tick", [9, 21])
    def test_events_just_outside_fire(self, tick):
        policy = suppressing(self.policy, window(10, 20, triggers=["byzantine"]))
        verdict = cs.judge([events("byzantine_events", 100, {tick: 1})], policy)
        assert verdict.decided_at == START + TICK * tick

    def test_other_rules_go_on(self):
        policy = suppressing(
            eight_triggers("byzantine_events", "integrity_violations"),
            window(10, 20, triggers=["byzantine"]),
        )
        pairs = [
            events("byzantine_events", 40, {12: 5}),
            events("integrity_violations", 40, {15: 1}),
        ]
        verdict = cs.judge(pairs, policy)
        assert ways(verdict) == {"data_integrity": "immediate"}

    def test_inside_it_holds_and_says_what_it_looks_away_from(self):
        policy = suppressing(self.policy, window(50, 70, triggers=["byzantine"]))
        inside = cs.judge([events("byzantine_events", 60)], policy)
        assert inside.decision is HOLD
        assert inside.reason == (
            "byzantine is suppressed by chaos day (equivocation injected at 5 %)."
        )
        assert reading(inside, "byzantine").condition is Condition.SUPPRESSED
        assert inside.score == 100

    def test_a_rule_that_only_reports_does_not_hold(self):
        policy = self.policy.with_trigger("byzantine", action="report")
        policy = suppressing(policy, window(50, 70, triggers=["byzantine"]))
        assert cs.judge([events("byzantine_events", 60)], policy).decision is PROMOTE

    def test_time_inside_does_not_count_towards_the_minimum(self):
        policy = suppressing(self.policy, window(0, 40, triggers=["byzantine"]))
        early = cs.judge([events("byzantine_events", 79)], policy)
        assert early.reason == "9m45s of the minimum 10m have passed."
        late = cs.judge([events("byzantine_events", 80)], policy)
        assert late.decision is PROMOTE


class TestHold:
    def test_the_timer_pauses(self):
        # 5 min are 21 evaluations; of 24, the six inside do not count.
        policy = eight_triggers("memory_bytes")
        pair = cs.Pair.gauge("memory_bytes", canary=np.full(40, 0.99), limit=1.0, times=clock(40))
        plain = cs.judge([pair], policy)
        paused = cs.judge([pair], suppressing(policy, window(5, 10, triggers=["memory"])))
        assert paused.decided_at - plain.decided_at == 6 * TICK


class TestCounts:
    policy = eight_triggers("requests")

    def test_a_load_test_leaves_no_evidence_behind(self):
        n = 120
        inside = (np.arange(n) >= 30) & (np.arange(n) <= 50)
        pair = steady_requests(n, errors=np.where(inside, 150.0, 50.0))
        assert cs.judge([pair], self.policy, share=0.05).decision is ROLLBACK
        quiet = window(30, 50, triggers=["error_rate"], metrics=["requests"], reason="load test")
        verdict = cs.judge([pair], suppressing(self.policy, quiet), share=0.05)
        assert verdict.decision is PROMOTE
        assert not verdict.firings
        clean = cs.judge([steady_requests(n - 21)], self.policy, share=0.05)
        assert [e.log_e_value for e in verdict.evidence] == pytest.approx(
            [e.log_e_value for e in clean.evidence], rel=0.05
        )

    def test_the_evidence_behind_a_suppressed_trigger_is_not_gathered_either(self):
        errors = np.where((np.arange(60) >= 20) & (np.arange(60) <= 40), 200.0, 50.0)
        policy = self.policy.with_trigger("error_rate", absolute=None)
        policy = suppressing(policy, window(20, 40, triggers=["error_rate"]))
        assert not cs.judge([steady_requests(60, errors=errors)], policy, share=0.05).firings

    def test_a_catastrophe_is_found_by_what_is_not_suppressed(self):
        errors = np.where(np.arange(60) >= 20, 2500.0, 50.0)
        policy = suppressing(self.policy, window(20, 59, triggers=["error_rate"]))
        verdict = cs.judge([steady_requests(60, errors=errors)], policy, share=0.05)
        assert ways(verdict) == {"success_rate": "sustained"}

    def test_one_look_at_a_gauge_leaves_the_window_out(self):
        policy = cs.Policy.parse(
            {
                "metrics": [{"name": "queue", "kind": "gauge", "critical": True}],
                "looks": "one",
                "min_duration": "1m",
                "min_samples": 0,
            }
        )
        rng = np.random.default_rng(0)
        n = 200
        level = np.where(np.arange(n) < 120, 120.0, 100.0)
        pair = cs.Pair.gauge(
            "queue",
            canary=level + rng.normal(0, 1, n),
            baseline=100 + rng.normal(0, 1, n),
            times=clock(n),
        )
        assert cs.judge([pair], policy).decision is HOLD
        quiet = suppressing(policy, window(0, 119, metrics=["queue"]))
        assert cs.judge([pair], quiet).decision is PROMOTE


class TestPolicy:
    base = eight_triggers("byzantine_events")

    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"to": START}, r"suppressions\[0\].to: to must be later than from"),
            ({"triggers": []}, r"suppressions\[0\]: names neither triggers nor metrics"),
            ({"triggers": ["memory"]}, r"suppressions\[0\].triggers\[0\]: 'memory' is not one of"),
            ({"metrics": ["disk"]}, r"suppressions\[0\].metrics\[0\]: 'disk' is not one of"),
            ({"from": "2026-11-24"}, r"suppressions\[0\].from: '2026-11-24' is not a time"),
            ({"until": 3}, r"suppressions\[0\].until: there is no such key"),
        ],
    )
    def test_what_cannot_be_right_is_refused(self, changes, path):
        wrong = {"name": "a", "from": START, "to": START + 1, "triggers": ["byzantine"]} | changes
        with pytest.raises(cs.PolicyError, match=path):
            suppressing(self.base, wrong)

    def test_a_name_is_there_once(self):
        one = window(0, 1, triggers=["byzantine"])
        with pytest.raises(cs.PolicyError, match=r"suppressions\[1\].name: 'chaos day' is there"):
            suppressing(self.base, one, one)

    def test_it_goes_with_what_it_is_about(self):
        policy = eight_triggers("byzantine_events", "requests")
        about_both = window(0, 1, triggers=["byzantine", "error_rate"])
        policy = suppressing(policy, about_both, window(0, 1, triggers=["byzantine"], name="b"))
        left = policy.without("byzantine_events").suppressions
        assert [(w.name, w.triggers) for w in left] == [("chaos day", ("error_rate",))]

    def test_times_may_be_written_as_text(self):
        policy = suppressing(
            self.base,
            {
                "name": "a",
                "from": "2023-11-14T22:13:20Z",
                "to": "2023-11-14T22:13:35Z",
                "triggers": ["byzantine"],
            },
        )
        assert policy.suppressions[0].from_ == START
        assert cs.Policy.parse(policy.model_dump(by_alias=True)) == policy


def test_overlapping_windows_are_counted_once():
    spans = [(0, 10), (5, 12), (20, 30), (22, 25), (-5, 1)]
    windows = [
        Suppression.model_validate({"name": str(k), "from": a, "to": b, "metrics": ["m"]})
        for k, (a, b) in enumerate(spans)
    ]
    assert covered_seconds(windows, 0, 28) == 12 + 8
    inside = {t for a, b in spans for t in range(a, b) if 0 <= t < 28}
    assert covered_seconds(windows, 0, 28) == len(inside)


WINDOWS = [
    window(2, 5, triggers=["error_rate", "byzantine"]),
    window(4, 8, name="load", metrics=["requests", "latency_seconds", "queue_length"]),
    window(6, 9, name="restore", triggers=["memory", "latency_p99"], metrics=["byzantine_events"]),
]


@given(pairs=strategies.rollouts(), data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_tick_by_tick_in_batches_saved_and_at_once_agree_under_suppressions(pairs, data):
    policy = suppressing(strategies.policy(), *WINDOWS)
    at_once = cs.judge(pairs, policy, share=0.05, rollout="r")
    monitor = cs.Monitor(policy, share=0.05, rollout="r")
    for batch in strategies.until(pairs, data.draw(strategies.cuts(strategies.clock_of(pairs)))):
        verdict = monitor.observe(batch)
        monitor = cs.Monitor.from_json(monitor.to_json(), policy)
    assert verdict.to_json() == at_once.to_json()


@given(pairs=strategies.rollouts(), inside=st.integers(0, 12))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_window_never_makes_a_hold_a_promotion(pairs, inside):
    policy = strategies.policy()
    if cs.judge(pairs, policy, share=0.05).decision is not HOLD:
        return
    every = [t.name for t in policy.triggers]
    quiet = window(inside, inside + 1, triggers=every, metrics=[m.name for m in policy.metrics])
    assert cs.judge(pairs, suppressing(policy, quiet), share=0.05).decision is not PROMOTE
