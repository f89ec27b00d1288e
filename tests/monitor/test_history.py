"""Data from before the rollout: what is refused, what it leaves behind, what it may not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from tests import strategies
from tests.monitor.test_properties import FEW, POLICY, followed
from tests.rollouts import (
    BOUNDS,
    START,
    TICK,
    clock,
    eight_triggers,
    events,
    latency,
    memory,
    requests,
    steady_requests,
    whole,
)

EIGHT = eight_triggers()


def earlier(n):
    """The clock of n ticks just before the start."""
    return clock(n, start=START - n * TICK)


def past(seed=9, n=40):
    """Both sides of every metric that can be compared, before the rollout."""
    rng, times = np.random.default_rng(seed), earlier(n)
    return [
        requests(rng, n, times=times),
        latency(rng, n, times=times),
        memory(rng, n, times=times),
    ]


def alone(pair):
    """The old version alone."""
    return replace(pair, canary=pair.baseline, baseline=None)


class TestRefusals:
    @pytest.mark.parametrize(
        ("history", "message"),
        [
            ([events("disk", 3, times=earlier(3))], "metric 'disk' is not in the policy"),
            ([steady_requests(3, times=earlier(3))] * 2, "metric 'requests' is given twice"),
            ([events("requests", 3, times=earlier(3))], "metric 'requests' is given as events"),
            (
                [cs.Pair.samples("latency_seconds", canary=[1.0], baseline=[1.0])],
                "metric 'latency_seconds': samples have no times, so they cannot lie before",
            ),
            (
                [cs.Pair.gauge("memory_bytes", canary=[1.0], baseline=[1.0])],
                "metric 'memory_bytes' has no times",
            ),
            (["requests"], "pairs must hold Pair objects, got str"),
        ],
    )
    def test_a_history_that_does_not_fit_the_policy(self, history, message):
        with pytest.raises(cs.InputError) as refused:
            cs.Monitor(EIGHT, history=history)
        assert str(refused.value).startswith(message)

    def test_a_history_that_reaches_into_the_rollout(self):
        late = steady_requests(3, times=clock(3, start=START - 2 * TICK))
        message = (
            f"metric 'requests': its history reaches to {START:.10g}, and the rollout begins at "
            f"{START:.10g}"
        )
        with pytest.raises(cs.InputError, match=message):
            cs.judge([steady_requests(5)], EIGHT, share=0.05, history=[late])
        monitor = cs.Monitor(EIGHT, share=0.05, history=[late])
        with pytest.raises(cs.InputError, match="its history reaches"):
            monitor.observe([steady_requests(5)])
        assert monitor.observe([steady_requests(5, times=clock(5, start=START + 1))]).ticks == 5

    def test_a_rollout_of_another_kind_than_its_history(self):
        samples = cs.Pair.samples("latency_seconds", canary=[1.0], baseline=[1.0])
        with pytest.raises(cs.InputError, match="given as samples; its history is histogram"):
            cs.judge([samples], EIGHT, history=past())

    def test_a_rollout_of_other_buckets_than_its_history(self):
        rng = np.random.default_rng(0)
        other = latency(rng, 3, bounds=BOUNDS[1:])
        with pytest.raises(cs.InputError, match="upper_bounds are"):
            cs.judge([other], EIGHT, history=past())

    def test_a_history_in_percent(self):
        policy = cs.Policy.parse({"metrics": [{"name": "cpu", "kind": "gauge", "unit": "ratio"}]})
        percent = cs.Pair.gauge("cpu", canary=[40.0], baseline=[41.0], times=[START])
        with pytest.raises(cs.InputError, match="is it in percent"):
            cs.Monitor(policy, history=[percent])


class TestWhatItLeaves:
    def test_evidence_says_which_history_there_was(self):
        both, one = past(n=40)[0], alone(past(n=30)[1])
        verdict = cs.judge(whole(3, 10), EIGHT, share=0.05, history=[both, one])
        seen = {e.metric: e.seen for e in verdict.evidence}
        assert "history: 40 ticks of both sides" in seen["requests"]
        assert "history: 30 ticks of the old version alone" in seen["latency_seconds"]
        assert not any("history" in note for note in seen["breaker_trips"])

    def test_a_side_without_data_is_no_side(self):
        pair = past()[0]
        missing = np.full_like(pair.canary, np.nan)
        unborn = replace(pair, canary=missing)
        whole_past = [alone(pair), unborn, replace(pair, baseline=missing)]
        found = [
            cs.judge(whole(3, 10), EIGHT, share=0.05, history=[p]).evidence for p in whole_past
        ]
        assert found[0] == found[1]
        assert "history: 40 ticks of the old version alone" in found[2][0].seen
        nothing = replace(pair, canary=missing, baseline=missing)
        plain = cs.judge(whole(3, 10), EIGHT, share=0.05)
        assert cs.judge(whole(3, 10), EIGHT, share=0.05, history=[nothing]) == plain

    def test_only_ticks_with_data_are_counted(self):
        pair = past()[0]
        holed = np.where(np.arange(40)[:, None] < 10, np.nan, pair.canary)
        verdict = cs.judge(whole(3, 5), EIGHT, history=[replace(pair, canary=holed)], share=0.05)
        assert "history: 30 ticks of both sides" in verdict.evidence[0].seen

    def test_the_fingerprint_includes_it(self):
        pairs = whole(3, 10)
        found = [
            cs.judge(pairs, EIGHT, share=0.05, history=history).input_digest
            for history in ((), past(1), past(2), past(1)[:1], [alone(past(1)[0])])
        ]
        assert len(set(found)) == len(found)

    def test_replay_ends_where_judge_does(self):
        pairs = whole(3, 10)
        *_, last = cs.replay(pairs, EIGHT, share=0.05, history=past())
        assert last == cs.judge(pairs, EIGHT, share=0.05, history=past())

    def test_a_metric_that_never_comes_has_no_data(self):
        verdict = cs.judge([events("byzantine_events", 9)], EIGHT, share=0.05, history=past())
        assert verdict.decision is cs.Decision.HOLD
        assert any(reason.startswith("requests: no data") for reason in verdict.reasons)


class TestProperties:
    @given(data=st.data())
    @FEW
    def test_saved_and_restored_it_is_not_needed_again(self, data):
        pairs = data.draw(strategies.rollouts())
        before = [p for p in past() if p.name != "latency_seconds"]
        moments = data.draw(strategies.cuts(strategies.clock_of(pairs)))
        at_once = cs.judge(pairs, POLICY, share=0.05, rollout="r", history=before)
        assert followed(pairs, moments, history=before) == at_once
        assert followed(pairs, moments, history=before, restored=True) == at_once

    @given(order=st.randoms(use_true_random=False))
    @FEW
    def test_its_order_changes_nothing(self, order):
        shuffled = past()
        order.shuffle(shuffled)
        pairs = whole(3, 8)
        expected = cs.judge(pairs, EIGHT, share=0.05, history=past())
        assert cs.judge(pairs, EIGHT, share=0.05, history=shuffled) == expected

    @given(exponent=st.integers(-3, 6), seed=st.integers(0, 9))
    @FEW
    def test_the_unit_of_a_gauge_and_its_history_changes_no_decision(self, exponent, seed):
        rng, scale = np.random.default_rng(seed), 10.0**exponent

        def scaled(pair):
            sides = [side * scale for side in (pair.canary, pair.baseline, pair.limit)]
            return replace(pair, canary=sides[0], baseline=sides[1], limit=sides[2])

        before, after = (
            memory(rng, 60, times=earlier(60)),
            memory(rng, 12, growth=0.01 * (seed % 3)),
        )
        policy = eight_triggers("memory_bytes").with_metric("memory_bytes", compare=True, batch=2)
        plain = cs.judge([after], policy, history=[before])
        other = cs.judge([scaled(after)], policy, history=[scaled(before)])
        assert other.decision is plain.decision
        assert other.score == plain.score
        assert [f.trigger for f in other.firings] == [f.trigger for f in plain.firings]

    def test_a_history_never_promotes_a_canary_that_is_worse(self):
        for seed in range(3):
            for history in (past(seed), [alone(p) for p in past(seed)]):
                pairs = whole(seed, 40, ratio=3.0, factor=3.0)
                verdict = cs.judge(pairs, EIGHT, share=0.05, history=history)
                assert verdict.decision is not cs.Decision.PROMOTE
