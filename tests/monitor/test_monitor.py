"""A monitor: what it remembers, what it refuses, and what stays decided."""

from __future__ import annotations

import json

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import evidence, reading, ways
from tests.rollouts import (
    START,
    TICK,
    clock,
    eight_triggers,
    events,
    latency,
    requests,
    steady_requests,
    whole,
)

POLICY = eight_triggers("requests")


def after(n, ticks=60, **numbers):
    """Steady requests that begin n ticks after the start."""
    return steady_requests(ticks, times=clock(ticks, start=START + n * TICK), **numbers)


RULES = 1  # the place of the rules in a saved metric of counts


class TestLatch:
    def test_once_rolled_back_it_stays_rolled_back(self):
        monitor = cs.Monitor(POLICY, share=0.05)
        first = monitor.observe([steady_requests(30, errors=400)])
        later = monitor.observe([after(30, 240)])
        assert first.decision is later.decision is cs.Decision.ROLLBACK
        assert later.decided_at == first.decided_at
        assert later.reason == first.reason
        assert later.firings[: len(first.firings)] == first.firings
        assert later.decision_id == first.decision_id
        assert (later.score, later.next_look) == (0, None)

    def test_it_stays_rolled_back_after_a_restart(self):
        monitor = cs.Monitor(POLICY, share=0.05)
        monitor.observe([steady_requests(30, errors=400)])
        again = cs.Monitor.from_json(monitor.to_json(), POLICY)
        assert again.observe([after(30, 240)]).decision is cs.Decision.ROLLBACK

    def test_a_promotion_is_not_latched(self):
        monitor = cs.Monitor(POLICY, share=0.05)
        assert monitor.observe([steady_requests(60)]).decision is cs.Decision.PROMOTE
        assert monitor.observe([after(60, 3, errors=5000)]).decision is cs.Decision.ROLLBACK


class TestReplicas:
    def test_replicas_with_the_same_rollout_reach_the_same_decision_id(self):
        left = cs.Monitor(POLICY, share=0.05, rollout="checkout-7")
        right = cs.Monitor(POLICY, share=0.05, rollout="checkout-7")
        first = left.observe([steady_requests(60)])
        late = right.observe([after(4, 56)])
        assert first.input_digest != late.input_digest
        assert first.decision_id == late.decision_id

    def test_another_rollout_policy_or_decision_has_another_id(self):
        found = [
            cs.judge([steady_requests(60)], POLICY, share=0.05, rollout="a"),
            cs.judge([steady_requests(60)], POLICY, share=0.05, rollout="b"),
            cs.judge([steady_requests(60)], POLICY.replace(name="p"), share=0.05, rollout="a"),
            cs.judge([steady_requests(60, errors=500)], POLICY, share=0.05, rollout="a"),
        ]
        assert len({verdict.decision_id for verdict in found}) == 4

    def test_without_a_name_the_start_tells_rollouts_apart(self):
        first = cs.judge([steady_requests(60)], POLICY, share=0.05)
        again = cs.judge([steady_requests(60)], POLICY, share=0.05)
        other = cs.judge([after(10)], POLICY, share=0.05)
        assert first.decision_id == again.decision_id != other.decision_id


class TestWarmUp:
    policy = POLICY.replace(warm_up="5m")

    def test_comparisons_gather_nothing(self):
        pair = steady_requests(20, errors=200)
        policy = self.policy.with_trigger("error_rate", absolute=None)
        verdict = cs.judge([pair], policy, share=0.05)
        assert not verdict.firings
        assert reading(verdict, "error_rate").condition is Condition.NO_DATA
        found = evidence(verdict, "error_rate.worse")
        assert (found.status, found.n_canary) == (cs.Status.NO_DATA, 0)
        assert found.log_e_value == pytest.approx(0, abs=1e-12)

    def test_the_tick_at_its_end_compares(self):
        verdict = cs.judge([steady_requests(21, errors=5000)], self.policy, share=0.05)
        assert ways(verdict)["error_rate"] == "decisive"
        fired = [f.at for f in verdict.firings if f.trigger == "error_rate"]
        assert fired == [START + 300]

    def test_absolute_rules_act_from_the_first_sample(self):
        verdict = cs.judge([steady_requests(20, errors=400)], self.policy, share=0.05)
        assert ways(verdict)["success_rate"] == "sustained"
        verdict = cs.judge(
            [events("byzantine_events", 2, {0: 1})],
            eight_triggers("byzantine_events").replace(warm_up="1h"),
        )
        assert verdict.decided_at == START

    def test_a_cold_start_is_forgotten(self):
        errors = np.where(np.arange(80) < 20, 100.0, 50.0)
        cold = cs.judge([steady_requests(80, errors=errors)], POLICY, share=0.05)
        warm = cs.judge([steady_requests(80, errors=errors)], self.policy, share=0.05)
        assert cold.decision is cs.Decision.ROLLBACK
        assert warm.decision is cs.Decision.PROMOTE


class TestSaving:
    def monitor(self):
        monitor = cs.Monitor(eight_triggers(), share=0.05, rollout="r")
        monitor.observe(whole(3, 12))
        return monitor

    def test_the_state_is_small_and_does_not_grow(self):
        monitor = cs.Monitor(eight_triggers(), share=0.05)
        pairs = whole(3, 80)
        monitor.observe([pair.rows(0, 40) for pair in pairs])
        before = len(monitor.to_json())
        monitor.observe([pair.rows(40, 80) for pair in pairs])
        saved = json.loads(monitor.to_json())["metrics"]
        assert max(len(json.dumps(entry)) for entry in saved.values()) < 4_000
        assert len(monitor.to_json()) < 1.2 * before

    def test_saving_changes_nothing_and_is_repeatable(self):
        monitor = self.monitor()
        text = monitor.to_json()
        again = cs.Monitor.from_json(text, eight_triggers())
        assert again.to_json() == text
        assert (again.share, again.rollout) == (0.05, "r")
        assert repr(again) == repr(monitor) == "Monitor under 'eight-triggers': 12 ticks judged."

    def test_a_fresh_monitor_can_be_saved(self):
        fresh = cs.Monitor.from_json(cs.Monitor(POLICY).to_json(), POLICY)
        assert fresh.observe([steady_requests(60)], share=0.05).decision is cs.Decision.PROMOTE

    def test_another_policy_is_refused(self):
        with pytest.raises(cs.InputError, match="saved under a policy of digest"):
            cs.Monitor.from_json(self.monitor().to_json(), POLICY)

    @pytest.mark.parametrize("text", ["", "garbage", "[]", "{}", "null", '{"schema": "other/1"}'])
    def test_what_is_no_saved_monitor_is_refused(self, text):
        with pytest.raises(cs.InputError, match="this is not a saved monitor"):
            cs.Monitor.from_json(text, POLICY)

    def test_what_another_version_saved_is_refused_with_the_way_out(self):
        saved = json.loads(self.monitor().to_json())
        old = saved | {"schema": "canarystats/monitor/1", "library_version": "0.1"}
        message = "was saved as 'canarystats/monitor/1' by library version 0.1; version .* reads"
        with pytest.raises(cs.InputError, match=message):
            cs.Monitor.from_json(json.dumps(old), eight_triggers())

    @pytest.mark.parametrize(
        "change",
        [
            {"schema": 7},
            {"schema": "canarystats/monitor/99"},
            {"diary": None},
            {"diary": {}},
            {"metrics": None},
            {"metrics": {"requests": 5}},
            {"metrics": {"disk": {"kind": "gauge", "state": {}}}},
            {"metrics": {"requests": {"kind": "counts", "state": {}}}},
        ],
    )
    def test_a_damaged_state_is_refused(self, change):
        saved = json.loads(self.monitor().to_json()) | change
        with pytest.raises(cs.InputError):
            cs.Monitor.from_json(json.dumps(saved), eight_triggers())

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("share",), "x"),
            (("share",), 5),
            (("metrics", "requests", "kind"), "nonsense"),
            (("metrics", "requests", "kind"), "gauge"),
            (("metrics", "requests", "state", "values", RULES), {}),
            (("metrics", "requests", "state", "arrays"), ""),
        ],
    )
    def test_a_value_that_was_never_saved_is_refused(self, path, value):
        saved = json.loads(self.monitor().to_json())
        inner = saved
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        with pytest.raises(cs.InputError):
            cs.Monitor.from_json(json.dumps(saved), eight_triggers())

    def test_values_beyond_all_measure_are_saved(self):
        policy = cs.Policy.parse({"metrics": [{"name": "a", "kind": "gauge", "batch": 2}]})
        rng, monitor = np.random.default_rng(0), cs.Monitor(policy)
        with np.errstate(over="ignore", invalid="ignore"):
            verdict = monitor.observe(
                [
                    cs.Pair.gauge(
                        "a", canary=1e200 * rng.random(20), baseline=np.ones(20), times=clock(20)
                    )
                ]
            )
            again = cs.Monitor.from_json(monitor.to_json(), policy)
            assert again.observe([]) == verdict
        json.loads(verdict.to_json(), parse_constant=pytest.fail)

    def test_every_leaf_that_is_cut_off_is_missed(self):
        saved = json.loads(self.monitor().to_json())
        for name, entry in saved["metrics"].items():
            state = entry["state"]
            cut = [{k: v for k, v in state.items() if k != key} for key in state]
            values = state["values"]
            cut += [state | {"values": values[:i] + values[i + 1 :]} for i in range(len(values))]
            for rest in cut:
                damaged = saved | {"metrics": saved["metrics"] | {name: entry | {"state": rest}}}
                with pytest.raises(cs.InputError, match=f"metrics.{name}"):
                    cs.Monitor.from_json(json.dumps(damaged), eight_triggers())


class TestRefusals:
    @pytest.mark.parametrize(
        ("pairs", "message"),
        [
            (
                [cs.Pair.events("byzantine_event", canary=[0], times=[START])],
                "metric 'byzantine_event' is not in the policy 'eight-triggers'; did you mean 'byz",
            ),
            (
                [cs.Pair.events("zzz", canary=[0], times=[START])],
                "metric 'zzz' is not in the policy 'eight-triggers'; it has requests, ",
            ),
            ([steady_requests(2)] * 2, "metric 'requests' is given twice"),
            (
                [cs.Pair.events("requests", canary=[0], times=[START])],
                "metric 'requests' is given as events; the policy 'eight-triggers' has it as co",
            ),
            (
                [cs.Pair.gauge("latency_seconds", canary=[0], times=[START])],
                "metric 'latency_seconds' is given as gauge; the policy 'eight-triggers' has it",
            ),
            (
                [cs.Pair.events("byzantine_events", canary=[0])],
                "metric 'byzantine_events' has no times; judging needs them",
            ),
            (
                [cs.Pair.counts("requests", canary=([9], [5]), times=[START])],
                "metric 'requests': canary events 9 outnumber their exposure 5",
            ),
            ([{"name": "requests"}], "pairs must hold Pair objects, got dict"),
            (["requests"], "pairs must hold Pair objects, got str"),
        ],
    )
    def test_pairs_that_do_not_fit_the_policy(self, pairs, message):
        with pytest.raises(cs.InputError) as refused:
            cs.judge(pairs, eight_triggers(), share=0.05)
        assert str(refused.value).startswith(message)

    @pytest.mark.parametrize(
        ("share", "message"),
        [
            (5, r"share is 5; .* must be between 0 and 1 \(a percentage\? write 0.05\)"),
            (0, "share is 0; the canary's share"),
            (1, "share is 1; the canary's share"),
            (-0.1, "share is -0.1"),
            (float("nan"), "share is nan"),
            ([0.05, 0.05], r"share has shape \(2,\); it must be a number or one per tick, \(3,\)"),
            ([0.05, 0.05, 7], "share is 7"),
            ([[0.05] * 3], r"share has shape \(1, 3\)"),
        ],
    )
    def test_shares_that_cannot_be_right(self, share, message):
        with pytest.raises(cs.InputError, match=message):
            cs.judge([steady_requests(3)], POLICY, share=share)

    def test_a_monitor_refuses_a_wrong_share_when_it_is_made(self):
        with pytest.raises(cs.InputError, match="a percentage"):
            cs.Monitor(POLICY, share=5)
        with pytest.raises(cs.InputError, match="share is 'five percent'; it must be a number"):
            cs.Monitor(POLICY, share="five percent")

    def test_exchanged_sides_are_noticed(self):
        swapped = steady_requests(10).swapped()
        with pytest.raises(cs.InputError, match=r"carries 95% .* are canary and baseline exch"):
            cs.judge([swapped], POLICY, share=0.05)
        with pytest.raises(cs.InputError, match="exchanged"):
            cs.judge([steady_requests(10)], POLICY, share=0.95)
        assert cs.judge([swapped], POLICY, share=0.95).ticks == 10

    def test_near_half_the_traffic_nothing_can_be_noticed(self):
        even = steady_requests(10, out_of=45_000, errors=450, baseline_out_of=55_000)
        assert cs.judge([even.swapped()], POLICY, share=0.45).ticks == 10

    def test_exchanged_sides_are_noticed_tick_by_tick_too(self):
        pair = steady_requests(30, errors=1, out_of=95, baseline_errors=0, baseline_out_of=5)
        monitor, refused = cs.Monitor(POLICY, share=0.05), 0
        for i in range(30):
            try:
                monitor.observe([pair.rows(i, i + 1)])
            except cs.InputError:
                refused += 1
        assert refused

    @pytest.mark.parametrize("at", [START, START + 5 * TICK, START + 9 * TICK])
    def test_a_tick_is_judged_once(self, at):
        monitor = cs.Monitor(POLICY, share=0.05)
        monitor.observe([steady_requests(10)])
        with pytest.raises(cs.InputError, match="was already judged"):
            monitor.observe([steady_requests(1, times=np.array([at]))])

    def test_a_metric_that_comes_after_its_tick_is_told_to_come_with_it(self):
        monitor = cs.Monitor(eight_triggers(), share=0.05)
        monitor.observe([steady_requests(10)])
        with pytest.raises(cs.InputError, match="with all its metrics together"):
            monitor.observe([events("byzantine_events", 10)])

    def test_a_ratio_in_percent_is_noticed(self):
        policy = cs.Policy.parse({"metrics": [{"name": "cpu", "kind": "gauge", "unit": "ratio"}]})
        for sides in ({"canary": [35.0], "baseline": [0.3]}, {"canary": [0.3], "baseline": [35.0]}):
            with pytest.raises(cs.InputError, match=r"reaches 35, but its unit is ratio .* perc"):
                cs.judge([cs.Pair.gauge("cpu", times=[START], **sides)], policy)
        fine = cs.Pair.gauge("cpu", canary=[1.2], baseline=[0.9], times=[START])
        assert cs.judge([fine], policy).ticks == 1

    def test_buckets_may_not_change_within_a_rollout(self):
        monitor = cs.Monitor(eight_triggers("latency_seconds"), share=0.05)
        monitor.observe([latency(np.random.default_rng(0), 3)])
        other = cs.Pair.histogram(
            "latency_seconds",
            upper_bounds=[1, np.inf],
            canary=[[1, 0]],
            baseline=[[1, 0]],
            times=[START + 99],
        )
        with pytest.raises(cs.InputError, match=r"upper_bounds are .*; the rollout began with"):
            monitor.observe([other])

    def test_a_metric_may_not_change_its_kind_within_a_rollout(self):
        monitor = cs.Monitor(eight_triggers("latency_seconds"), share=0.05)
        monitor.observe([latency(np.random.default_rng(0), 3)])
        with pytest.raises(cs.InputError, match="given as samples; the rollout began with hist"):
            monitor.observe([cs.Pair.samples("latency_seconds", canary=[1], baseline=[1])])

    def test_a_policy_of_one_look_is_looked_at_once(self):
        monitor = cs.Monitor(POLICY.replace(looks="one"), share=0.05)
        monitor.observe([steady_requests(10)])
        with pytest.raises(cs.InputError, match="looks: one"):
            monitor.observe([after(10, 10)])


class TestTime:
    def test_a_verdict_knows_its_ticks(self):
        monitor = cs.Monitor(POLICY, share=0.05, rollout="r")
        verdict = monitor.observe([steady_requests(10)])
        assert (verdict.started, verdict.at) == (START, START + 9 * TICK)
        assert (verdict.ticks, verdict.next_look) == (10, START + 10 * TICK)
        assert (verdict.share, verdict.rollout) == (0.05, "r")
        verdict = monitor.observe([after(10, 5)], share=0.05)
        assert (verdict.started, verdict.ticks) == (START, 15)

    def test_metrics_on_different_clocks_are_laid_on_one(self):
        late = events("byzantine_events", 5, times=clock(5, start=START + 7))
        policy = eight_triggers("requests", "byzantine_events")
        assert cs.judge([steady_requests(5), late], policy, share=0.05).ticks == 10

    def test_looking_without_news_repeats_the_verdict(self):
        monitor = cs.Monitor(POLICY, share=0.05)
        verdict = monitor.observe([steady_requests(60)])
        assert monitor.observe([]) == verdict

    def test_a_regression_that_begins_late_is_called_soon(self):
        delays, misses, onset = [], [], 120
        for seed in range(11):
            rng = np.random.default_rng(seed)
            pair = requests(rng, 140, ratio=30.0, onset=onset)
            verdict = cs.judge([pair], POLICY, share=0.05)
            assert verdict.decision is cs.Decision.ROLLBACK
            assert verdict.decided_at >= START + onset * TICK
            delays.append((verdict.decided_at - START) / TICK - onset + 1)
            misses.append(abs(verdict.onset - START - onset * TICK) / TICK)
        assert np.median(delays) <= 3
        assert np.median(misses) <= 3

    def test_thirty_percent_errors_are_called_within_three_ticks(self):
        delays = []
        for seed in range(21):
            pair = requests(np.random.default_rng(seed), 10, ratio=30.0)
            verdict = cs.judge([pair], POLICY, share=0.05)
            assert verdict.decision is cs.Decision.ROLLBACK
            delays.append((verdict.decided_at - START) / TICK + 1)
        assert np.median(delays) <= 3
