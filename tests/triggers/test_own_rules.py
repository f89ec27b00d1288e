"""Rules of one's own: literal conditions at, below and above the threshold, in time, and absent."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.sequential.budget import levels
from canarystats.verdict import Condition
from tests.asking import evidence, reading, ways
from tests.rollouts import START, clock

BOUNDS = [0.5, 1.0, 2.0, 5.0, np.inf]
KIND = {
    "level": "gauge",
    "ratio": "gauge",
    "share": "counts",
    "quantile": "histogram",
    "count": "events",
    "stalled": "events",
    "per": "events",
}


def own(rule, threshold=None, *, metric=None, **fields):
    """A policy of one metric with one rule, literal unless evidence is asked for."""
    kind = KIND[rule.partition("_")[0]]
    watched = {"name": "m", "kind": kind, "compare": rule.startswith("ratio")} | (metric or {})
    trigger = {"name": "mine", "rule": rule, "metric": "m", "evidence": "none"} | fields
    if threshold is not None:
        trigger["threshold"] = threshold
    if rule == "quantile_above":
        trigger.setdefault("quantile", 0.95)
    return cs.Policy.parse({"metrics": [watched], "triggers": [trigger], "min_samples": 0})


def pair_of(rule, values, times=None, baseline=None):
    """Data that makes the rule read these values, one a tick of 15 s."""
    values = np.asarray(values, dtype=float)
    times = clock(len(values)) if times is None else times
    kind = KIND[rule.partition("_")[0]]
    if kind == "gauge":
        other = np.full(len(values), 100.0) if rule.startswith("ratio") else baseline
        scale = 100.0 if rule.startswith("ratio") else 1.0
        return cs.Pair.gauge("m", canary=scale * values, baseline=other, times=times)
    if kind == "counts":
        return cs.Pair.counts("m", canary=(1e4 * values, 1e4 + 0 * values), times=times)
    if kind == "histogram":
        # 40 of 1000 lie spread over the bucket of the value, 950 of all below the value
        table = np.zeros((len(values), len(BOUNDS)))
        for row, value in zip(table, values, strict=True):
            k = int(np.searchsorted(BOUNDS, value, side="left"))
            low, high = ([0.0, *BOUNDS][k], BOUNDS[k])
            row[k] = 40.0
            row[0] = 950.0 - 40.0 * (value - low) / (high - low)
            row[-1] = 1000.0 - row.sum()
        return cs.Pair.histogram("m", upper_bounds=BOUNDS, canary=table, times=times)
    return cs.Pair.events("m", canary=values, times=times)


CASES = [
    ("level_above", 0.95, (0.94, 0.95, 0.951), {}),
    ("level_below", -3.0, (-2.9, -3.0, -3.1), {}),
    ("ratio_above", 1.15, (1.14, 1.15, 1.151), {}),
    ("ratio_below", 0.95, (0.96, 0.95, 0.949), {}),
    ("share_above", 0.01, (0.0099, 0.01, 0.0101), {}),
    ("share_below", 0.99, (0.9901, 0.99, 0.9899), {}),
    ("quantile_above", 2.0, (1.9, 2.0, 2.1), {}),
    ("count_above", 3.0, (0.0, 3.0, 4.0), {"window": "15s"}),
    ("count_below", 3.0, (4.0, 3.0, 2.0), {"window": "15s"}),
    ("stalled", None, (2.0, 1.0, 0.0), {"window": "15s"}),
    ("per_second_above", 100.0, (1499.0, 1500.0, 1501.0), {"window": "15s"}),
    ("per_second_below", 100.0, (1501.0, 1500.0, 1499.0), {"window": "15s"}),
]


@pytest.mark.parametrize(("rule", "threshold", "values", "fields"), CASES, ids=str)
def test_a_figure_must_lie_beyond_its_threshold(rule, threshold, values, fields):
    policy = own(rule, threshold, **{"for": "0s"} | fields)
    fired = [bool(cs.judge([pair_of(rule, [v] * 3)], policy).firings) for v in values]
    assert fired == [False, False, True]


@pytest.mark.parametrize(("rule", "threshold", "values", "fields"), CASES, ids=str)
@pytest.mark.parametrize(("last", "fires"), [(299.0, False), (300.0, True)])
def test_the_condition_must_hold_for_its_whole_duration(
    rule, threshold, values, fields, last, fires
):
    times = clock(21)
    times[-1] = START + last
    pair = pair_of(rule, [values[2]] * 21, times=times)
    policy = own(rule, threshold, **{"for": "5m"} | fields)
    assert bool(cs.judge([pair], policy).firings) is fires


@pytest.mark.parametrize(("rule", "threshold", "values", "fields"), CASES, ids=str)
def test_one_healthy_tick_resets_the_duration_and_a_gap_does_not_count(
    rule, threshold, values, fields
):
    policy = own(rule, threshold, **{"for": "5m"} | fields)
    if rule in {"share_above", "share_below", "quantile_above", "ratio_above", "ratio_below"}:
        policy = policy.with_trigger("mine", window="15s")
    seen = np.full(30, values[2])
    seen[15] = values[0]
    assert not cs.judge([pair_of(rule, seen)], policy).firings
    times = clock(21)
    times[10:] += 120.0
    late = cs.judge([pair_of(rule, [values[2]] * 21, times=times)], policy)
    assert not late.firings
    # After a gap a rate is spread over it: not above anything, so the timer begins anew.
    held = 135.0 if rule == "per_second_above" else 285.0
    assert reading(late, "mine").held_seconds == held


@pytest.mark.parametrize(("rule", "threshold", "values", "fields"), CASES, ids=str)
def test_what_is_absent_is_neither_zero_nor_healthy(rule, threshold, values, fields):
    policy = own(rule, threshold, **{"for": "0s"} | fields)
    whole = pair_of(rule, [values[2]] * 60)
    gone = {"canary": np.full_like(whole.canary, np.nan)}
    for held in ([cs.Pair(**{**_fields(whole), **gone})], []):
        verdict = cs.judge(held, policy)
        assert not verdict.firings
        assert reading(verdict, "mine").condition is Condition.NO_DATA
        assert verdict.decision is cs.Decision.HOLD
        assert "no data" in verdict.reason
    rolled = cs.Monitor(policy.replace(on_no_data="rollback")).observe(
        [cs.Pair(**{**_fields(whole), **gone})]
    )
    assert rolled.decision is cs.Decision.ROLLBACK


def _fields(pair):
    return {name: getattr(pair, name) for name in pair.__dataclass_fields__}


def test_m_of_n_and_actions_are_as_with_the_eight():
    policy = own("level_above", 0.9, mode="m_of_n", m=3, n=4, action="hold")
    seen = np.r_[np.full(50, 0.5), 0.95, 0.5, 0.95, 0.95]
    held = cs.judge([pair_of("level_above", seen)], policy)
    assert ways(held) == {"mine": "sustained"}
    assert held.decision is cs.Decision.HOLD
    assert held.reason == "m 0.95 on the worst pod: above 0.9 at 3 of the last 4 looks."
    told = cs.judge([pair_of("level_above", seen)], policy.with_trigger("mine", action="report"))
    assert told.decision is cs.Decision.PROMOTE


class TestWindows:
    """What rules on events do before their window is full and beside a missed scrape."""

    def test_a_stall_is_told_once_a_full_minute_was_silent(self):
        policy = own("stalled")
        busy = np.r_[np.full(20, 7.0), np.zeros(4)]
        assert not cs.judge([pair_of("stalled", busy[:-1])], policy).firings
        verdict = cs.judge([pair_of("stalled", busy)], policy)
        assert ways(verdict) == {"mine": "immediate"}
        assert verdict.decided_at == START + 23 * 15
        assert verdict.reason == "m: 0 in 1m: fewer than 1."

    def test_a_window_that_is_not_full_is_not_silent_and_stands_against_promotion(self):
        verdict = cs.judge([pair_of("stalled", [0, 0, 0])], own("stalled").replace(min_duration=0))
        assert not verdict.firings
        assert reading(verdict, "mine").condition is Condition.NOT_EVALUABLE
        assert "45 of the 60 s" in reading(verdict, "mine").detail
        assert any("mine readable" in reason for reason in verdict.reasons)

    def test_silence_beside_a_missed_scrape_is_not_a_stall(self):
        seen = np.r_[np.full(20, 7.0), 0, np.nan, 0, 0]
        assert not cs.judge([pair_of("stalled", seen)], own("stalled")).firings
        assert cs.judge([pair_of("stalled", np.r_[seen, 0, 0])], own("stalled")).firings

    def test_a_count_after_a_gap_is_spread_over_the_gap_where_it_would_be_held_against(self):
        policy = own("per_second_above", 100, window="1m", **{"for": "0s"})
        seen = np.r_[np.full(20, 900.0), np.full(19, np.nan), 20 * 900.0]
        assert not cs.judge([pair_of("per_second_above", seen)], policy).firings

    def test_the_first_ticks_are_not_the_rate_of_a_minute(self):
        policy = own("per_second_above", 100, window="1m", **{"for": "0s"})
        assert not cs.judge([pair_of("per_second_above", [3000])], policy).firings
        assert cs.judge([pair_of("per_second_above", [6001])], policy).firings

    def test_four_failures_in_five_minutes_are_more_than_three(self):
        policy = own("count_above", 3, window="5m")
        spread = np.zeros(40)
        spread[[3, 9, 15, 22]] = 1
        assert ways(cs.judge([pair_of("count_above", spread)], policy)) == {"mine": "immediate"}
        spread[22], spread[23] = 0, 1
        assert not cs.judge([pair_of("count_above", spread)], policy).firings


class TestPods:
    """The worst pod, or the mean."""

    def test_one_pod_is_enough_for_the_worst_and_not_for_the_mean(self):
        canary = np.full((30, 4), 0.5)
        canary[:, 2] = 0.97
        pair = cs.Pair.gauge("m", canary=canary, times=clock(30))
        assert cs.judge([pair], own("level_above", 0.95)).firings
        assert not cs.judge([pair], own("level_above", 0.95, pods="mean")).firings
        low = cs.Pair.gauge("m", canary=1.0 - canary, times=clock(30))
        assert cs.judge([low], own("level_below", 0.05)).firings
        assert not cs.judge([low], own("level_below", 0.05, pods="mean")).firings

    def test_a_missed_or_infinite_pod_does_not_hide_the_others(self):
        canary = np.tile([np.nan, 0.97, np.inf], (30, 1))
        pair = cs.Pair.gauge("m", canary=canary, times=clock(30))
        assert cs.judge([pair], own("level_above", 0.95)).firings
        assert cs.judge([pair], own("level_above", 0.95)).firings[0].observed == 0.97

    def test_a_negative_baseline_has_no_ratio(self):
        pair = cs.Pair.gauge("m", canary=np.ones(30), baseline=-np.ones(30), times=clock(30))
        verdict = cs.judge([pair], own("ratio_below", 0.9))
        assert reading(verdict, "mine").condition is Condition.NOT_EVALUABLE
        assert not verdict.firings


class TestQuantiles:
    """Thresholds against bucket bounds."""

    def histogram(self, *counts, n=30):
        table = np.tile(np.array(counts, dtype=float), (n, 1))
        return cs.Pair.histogram("m", upper_bounds=BOUNDS, canary=table, times=clock(n))

    def test_beyond_the_last_bound_is_above_that_bound_and_unreadable_against_more(self):
        pair = self.histogram(0, 0, 0, 900, 100)
        assert cs.judge([pair], own("quantile_above", 5.0)).firings
        verdict = cs.judge([pair], own("quantile_above", 6.0))
        assert not verdict.firings
        assert reading(verdict, "mine").condition is Condition.NOT_EVALUABLE
        assert "the last bucket bound 5 lies below 6" in reading(verdict, "mine").detail
        assert verdict.decision is cs.Decision.HOLD

    def test_beneath_the_last_bound_a_large_threshold_is_clear(self):
        verdict = cs.judge([self.histogram(990, 10, 0, 0, 0)], own("quantile_above", 50.0))
        assert reading(verdict, "mine").condition is Condition.CLEAR

    def test_a_threshold_between_bounds_is_interpolated_as_promql_does(self):
        # p95 lies at 1 + (950 - 900) / 100 = 1.5 between 1 and 2
        pair = self.histogram(500, 400, 100, 0, 0)
        assert cs.judge([pair], own("quantile_above", 1.49)).firings
        assert not cs.judge([pair], own("quantile_above", 1.5)).firings

    def test_seconds_are_told_as_seconds(self):
        policy = own("quantile_above", 1.2, metric={"unit": "seconds"})
        verdict = cs.judge([self.histogram(500, 400, 100, 0, 0)], policy)
        assert verdict.reason == "P95 of m 1.5 s: above 1.2 s for 5m, without evidence behind it."


class TestEvidence:
    """The gate of rules that can be tested."""

    def noisy(self, canary, baseline=None, n=480, seed=3):
        rng = np.random.default_rng(seed)
        shared = rng.standard_normal(n)
        other = None if baseline is None else baseline + 0.01 * (shared + rng.standard_normal(n))
        mine = canary + 0.01 * ((0 if baseline is None else shared) + rng.standard_normal(n))
        return cs.Pair.gauge("m", canary=mine, baseline=other, times=clock(n))

    @pytest.mark.parametrize(("mean", "fires"), [(0.99, False), (0.94, False), (0.90, True)])
    def test_a_ratio_below_needs_evidence_that_the_mean_is_beyond_it(self, mean, fires):
        policy = own("ratio_below", 0.95, evidence="required", **{"for": "1m"})
        policy = policy.with_metric("m", harmful="decrease")
        verdict = cs.judge([self.noisy(mean, 1.0, n=480 if fires else 200)], policy)
        assert bool(verdict.firings) is fires
        if fires:
            assert ways(verdict) == {"mine": "sustained"}
            found = evidence(verdict, "mine.below")
            assert found.decides
            assert found.reference == pytest.approx(0.95, rel=0.01)
            assert found.effect == pytest.approx(mean - 0.95, abs=0.01)

    def test_a_mean_below_a_constant_is_shown_by_batches(self):
        policy = own("level_below", 0.99, pods="mean", evidence="required", **{"for": "1h"})
        verdict = cs.judge([self.noisy(0.94)], policy)
        assert ways(verdict) == {"mine": "sustained"}
        assert evidence(verdict, "mine.below").observed == pytest.approx(0.94, abs=0.002)
        assert not cs.judge([self.noisy(0.99)], policy).firings

    def test_a_quantile_is_shown_at_the_bucket_bound_not_below_its_threshold(self):
        policy = own("quantile_above", 1.5, evidence="required")
        table = np.random.default_rng(1).multinomial(200, [0.5, 0.3, 0.1, 0.1, 0.0], 240)
        pair = cs.Pair.histogram("m", upper_bounds=BOUNDS, canary=table, times=clock(240))
        verdict = cs.judge([pair], policy)
        assert ways(verdict) == {"mine": "sustained"}
        found = evidence(verdict, "mine.above")
        assert found.observed == pytest.approx(0.1, abs=0.01)
        assert found.reference == pytest.approx(0.05)
        assert "the bucket bound 2, for 1.5 is none" in found.detail

    def test_every_claim_has_a_level_and_together_they_are_the_budget(self):
        data = {
            "metrics": [
                {"name": "calls", "kind": "counts"},
                {"name": "accuracy", "kind": "gauge"},
                {"name": "seconds", "kind": "histogram"},
            ],
            "triggers": [
                {"name": "integration", "rule": "success_rate", "metric": "calls"},
                {"name": "errors", "rule": "error_rate", "metric": "calls", "absolute": {}},
                {"name": "rejects", "rule": "share_above", "metric": "calls", "threshold": 0.1},
                {"name": "drop", "rule": "ratio_below", "metric": "accuracy", "threshold": 0.95},
                {
                    "name": "low",
                    "rule": "level_below",
                    "metric": "accuracy",
                    "threshold": 0.99,
                    "pods": "mean",
                    "evidence": "required",
                },
                {
                    "name": "slow",
                    "rule": "quantile_above",
                    "metric": "seconds",
                    "threshold": 2,
                    "quantile": 0.95,
                    "evidence": "advisory",
                },
            ],
        }
        found = levels(cs.Policy.parse(data))
        assert {claim.name for claim in found} == {
            "integration.below",
            "errors.worse",
            "errors.beyond",
            "errors.absolute",
            "rejects.above",
            "drop.below",
            "low.below",
            "slow.above",
        }
        assert sum(found.values()) == pytest.approx(0.01)


class TestNames:
    """One of the eight under another name."""

    def test_two_triggers_may_follow_one_rule_on_different_metrics(self):
        data = {
            "metrics": [{"name": name, "kind": "counts"} for name in ("requests", "calls")],
            "triggers": [
                {"name": "success_rate"},
                {
                    "name": "integration",
                    "rule": "success_rate",
                    "metric": "calls",
                    "threshold": 0.99,
                },
                {"name": "both_errors", "rule": "error_rate", "metric": "calls"},
            ],
        }
        n = 60
        sides = (np.full(n, 150.0), np.full(n, 5e3)), (np.full(n, 950.0), np.full(n, 9.5e4))
        pairs = [
            cs.Pair.counts(name, canary=sides[0], baseline=sides[1], times=clock(n))
            for name in ("requests", "calls")
        ]
        verdict = cs.judge(pairs, cs.Policy.parse(data), share=0.05)
        assert ways(verdict) == {"integration": "sustained", "both_errors": "decisive"}
        assert {f.rule for f in verdict.firings} == {"success_rate", "error_rate"}
        rules = {r.trigger: r.rule for r in verdict.readings}
        assert rules["both_errors_absolute"] == "error_rate_absolute"

    def test_rules_on_one_number_are_one_signal_of_the_score(self):
        one = own("level_above", 0.95)
        two = one.replace(
            triggers=[
                *(t.model_dump(by_alias=True) for t in one.triggers),
                {"name": "also", "rule": "level_above", "metric": "m", "threshold": 0.9},
            ]
        )
        pair = pair_of("level_above", [0.96] * 5)
        assert cs.judge([pair], one).score == cs.judge([pair], two).score

    def test_warning_tiers_are_told_on_either_side(self):
        policy = own("level_below", 0.95, warn=[0.97, 0.96])
        seen = [
            reading(cs.judge([pair_of("level_below", [v])], policy), "mine")
            for v in (0.98, 0.965, 0.955)
        ]
        assert [r.condition for r in seen] == [
            Condition.CLEAR,
            Condition.WARNING,
            Condition.WARNING,
        ]
        assert [r.severity for r in seen] == pytest.approx([0, 1 / 3, 2 / 3])


class TestSharedTrouble:
    """What the baseline has too is not the canary's."""

    @pytest.mark.parametrize(("there", "action"), [(0.99, "hold"), (0.5, "rollback")])
    def test_a_level_both_sides_pass_is_held(self, there, action):
        policy = own("level_above", 0.95, metric={"compare": True})
        pair = pair_of("level_above", [0.97] * 30, baseline=np.full(30, there))
        verdict = cs.judge([pair], policy)
        assert [f.action for f in verdict.firings] == [action]

    @pytest.mark.parametrize(
        ("mine", "there", "action"), [(0, 0, "hold"), (0, 95, "rollback"), (0, np.nan, "rollback")]
    )
    def test_a_stall_of_both_sides_is_held_and_a_baseline_without_data_spares_nobody(
        self, mine, there, action
    ):
        n, times = 40, clock(40)
        pair = cs.Pair.events(
            "m",
            canary=np.r_[np.full(20, 5.0), np.full(20, float(mine))],
            baseline=np.r_[np.full(20, 95.0), np.full(20, float(there))],
            times=times,
        )
        verdict = cs.judge([pair], own("stalled", metric={"compare": True}), share=0.05)
        assert verdict.firings[-1].action == action
        assert len(pair.canary) == n

    def test_a_quantile_both_sides_pass_is_held_until_the_canary_is_further(self):
        slow = np.tile([500.0, 300.0, 0.0, 200.0, 0.0], (30, 1))
        slower = np.tile([100.0, 100.0, 0.0, 400.0, 400.0], (30, 1))
        policy = own("quantile_above", 2.0, metric={"compare": True})
        found = []
        for mine, there in ((slow, slow), (slower, slow)):
            pair = cs.Pair.histogram(
                "m", upper_bounds=BOUNDS, canary=mine, baseline=there, times=clock(30)
            )
            found.append(cs.judge([pair], policy).firings[0].action)
        assert found == ["hold", "rollback"]


GAUGE = {"name": "m", "kind": "gauge", "unit": "ratio"}
LEVEL = {"name": "mine", "rule": "level_above", "metric": "m", "threshold": 0.9}


@pytest.mark.parametrize(
    ("metric", "trigger", "message"),
    [
        (
            {},
            {"threshold": 95},
            "threshold: 95 is not a fraction, and the metric's unit is ratio (a ",
        ),
        ({"unit": "percent"}, {}, "metrics[0].unit: 'percent' is no base unit; write ratio, and"),
        ({"unit": "ms"}, {}, "metrics[0].unit: 'ms' is no base unit; write seconds, and query.sca"),
        ({}, {"rule": "ratio_below", "threshold": 95}, "threshold: 95 is not a ratio to the base"),
        ({}, {"rule": "share_above"}, "metric: share_above reads counts, and 'm' is gauge"),
        ({}, {"evidence": "required"}, "evidence: evidence speaks of the mean of the pods; write"),
        ({}, {"quantile": 0.9}, "quantile: level_above reads no quantile; only quantile_above do"),
        ({}, {"rule": "quantile_above"}, "quantile: quantile_above needs one, such as 0.99"),
        ({}, {"warn": [0.95]}, "warn: 0.95 is no warning before the threshold 0.9"),
        ({}, {"rule": "ratio_above", "pods": "mean"}, "pods: only level_above and level_below"),
        (
            {"compare": False},
            {"rule": "ratio_above"},
            "metric: ratio_above reads the baseline, and",
        ),
        ({}, {"name": "harm"}, "name: 'harm' means something else; name it otherwise"),
        ({}, {"name": "memory"}, "name: 'memory' means something else; name it otherwise"),
        ({}, {"name": "no spaces"}, "name: 'no spaces': string should match"),
        ({}, {"rule": "stale"}, "rule: 'stale': input should be"),
        ({}, {"threshold": float("nan")}, "threshold: nan is not a finite number"),
        (
            {"kind": "events", "unit": "1"},
            {"rule": "count_below", "threshold": 0},
            "threshold: coun",
        ),
        (
            {"kind": "events", "unit": "1"},
            {"rule": "stalled", "evidence": "required"},
            "evidence: stalled counts and tests nothing; write none",
        ),
        ({"query": {"value": "m", "scale": 0}}, {}, "metrics[0].query.scale: 0: input should be"),
    ],
)
def test_a_fault_is_told_with_its_path(metric, trigger, message):
    data = {"metrics": [GAUGE | metric], "triggers": [LEVEL | trigger]}
    with pytest.raises(cs.PolicyError) as refused:
        cs.Policy.parse(data)
    place = "" if message.startswith("metrics") else "triggers[0]."
    assert str(refused.value).startswith(place + message)


def test_conditions_are_named_once_and_a_metric_has_one_test_of_its_tail():
    tail = {"name": "seconds", "kind": "histogram"}
    triggers = [
        {"name": "a", "rule": "latency_p99", "metric": "seconds"},
        {"name": "b", "rule": "latency_p99", "metric": "seconds"},
    ]
    with pytest.raises(cs.PolicyError, match=r"triggers\[1\].rule: latency_p99 reads 'seconds' al"):
        cs.Policy.parse({"metrics": [tail], "triggers": triggers})
    calls = {"name": "calls", "kind": "counts"}
    triggers = [
        {"name": "a", "rule": "error_rate", "metric": "calls"},
        {"name": "a_absolute", "rule": "success_rate", "metric": "calls"},
    ]
    with pytest.raises(cs.PolicyError, match="is the absolute condition of another"):
        cs.Policy.parse({"metrics": [calls], "triggers": triggers})
