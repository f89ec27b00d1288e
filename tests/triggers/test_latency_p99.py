"""Rule 2: canary p99 above twice the baseline's for 5 minutes."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import evidence, reading, ways
from tests.rollouts import FINE_BOUNDS, START, clock, eight_triggers, latency

POLICY = eight_triggers("latency_seconds")
TICKS_OF_HOLD = 21
BOUNDS = (0.1, 0.2, 0.4, 0.8, np.inf)
TOTAL = 100_000.0


def judge(canary, baseline, policy=POLICY, n=TICKS_OF_HOLD, times=None):
    pair = cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=BOUNDS,
        canary=np.tile(canary, (n, 1)),
        baseline=np.tile(baseline, (n, 1)),
        times=clock(n) if times is None else times,
    )
    return cs.judge([pair], policy)


# Exactly 1 % lies beyond the bucket that ends at 0.2 s (0.4 s): the p99 is that bound.
AT_200_MS = [0.0, 0.99 * TOTAL, 0.01 * TOTAL, 0.0, 0.0]
AT_400_MS = [0.0, 0.0, 0.99 * TOTAL, 0.01 * TOTAL, 0.0]
UNDER_400_MS = [0.0, 100.0, 0.99 * TOTAL, 0.01 * TOTAL - 100, 0.0]
OVER_400_MS = [0.0, 0.0, 0.99 * TOTAL - 100, 0.01 * TOTAL + 100, 0.0]
LITERAL = POLICY.with_trigger("latency_p99", evidence="none")


@pytest.mark.parametrize(
    ("canary", "condition"),
    [
        (UNDER_400_MS, Condition.WARNING),
        (AT_400_MS, Condition.WARNING),
        (OVER_400_MS, Condition.FIRED),
    ],
)
def test_the_quantile_must_be_above_the_threshold(canary, condition):
    verdict = judge(canary, AT_200_MS, LITERAL)
    seen = reading(verdict, "latency_p99")
    assert seen.reference == pytest.approx(0.2)
    assert seen.observed == pytest.approx(0.4, rel=0.3)
    assert seen.condition is condition


@pytest.mark.parametrize("gate", ["required", "advisory"])
def test_just_above_the_threshold_it_fires_with_evidence_of_worse(gate):
    verdict = judge(OVER_400_MS, AT_200_MS, POLICY.with_trigger("latency_p99", evidence=gate))
    assert ways(verdict) == {"latency_p99": "sustained"}
    assert evidence(verdict, "latency_p99.worse").decides
    assert not evidence(verdict, "latency_p99.beyond").decides


@pytest.mark.parametrize(("last", "fires"), [(299.0, False), (300.0, True)])
def test_the_condition_must_hold_for_its_whole_duration(last, fires):
    times = clock(TICKS_OF_HOLD)
    times[-1] = START + last
    verdict = judge(OVER_400_MS, AT_200_MS, times=times)
    assert ways(verdict) == ({"latency_p99": "sustained"} if fires else {})


def test_far_beyond_the_threshold_it_fires_decisively():
    fast, slow = [0.999 * TOTAL, 0.001 * TOTAL, 0, 0, 0], [0, 0, 0, 0.5 * TOTAL, 0.5 * TOTAL]
    verdict = judge(slow, fast, n=2)
    assert ways(verdict) == {"latency_p99": "decisive"}
    assert verdict.decision is cs.Decision.ROLLBACK


def test_the_same_latencies_are_promoted():
    verdict = judge(AT_200_MS, AT_200_MS, n=60)
    assert reading(verdict, "latency_p99").condition is Condition.CLEAR
    assert verdict.decision is cs.Decision.PROMOTE


def test_too_little_data_does_not_fire():
    canary = 20 * np.array([0.985, 0.0, 0.0, 0.015, 0.0])
    baseline = 20 * np.array([0.995, 0.005, 0.0, 0.0, 0.0])
    verdict = judge(canary, baseline)
    assert reading(verdict, "latency_p99").condition is Condition.PENDING
    assert not verdict.firings


def test_without_requests_on_one_side_it_cannot_be_evaluated():
    for canary, baseline in (([0] * 5, AT_200_MS), (AT_200_MS, [0] * 5)):
        verdict = judge(canary, baseline)
        assert reading(verdict, "latency_p99").condition is Condition.NOT_EVALUABLE
        assert verdict.decision is cs.Decision.HOLD


def test_a_threshold_between_bounds_asks_for_evidence_at_the_next_bound():
    # 1.5 x 0.2 s lies inside (0.2, 0.4]: nothing below 0.4 s can show more than 0.3 s.
    policy = POLICY.with_trigger("latency_p99", threshold=1.5)
    between = [0.0, 0.9 * TOTAL, 0.1 * TOTAL, 0.0, 0.0]
    assert not evidence(judge(between, AT_200_MS, policy), "latency_p99.beyond").decides


def test_four_times_as_slow_is_called_within_five_ticks():
    delays = []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        pair = latency(rng, 20, factor=4.0, per_tick=5000, bounds=FINE_BOUNDS)
        verdict = cs.judge([pair], POLICY, share=0.05)
        assert verdict.decision is cs.Decision.ROLLBACK
        delays.append((verdict.decided_at - START) / 15 + 1)
    assert np.median(delays) <= 5


class TestRawSamples:
    """Samples have no times: only decisive evidence fires."""

    def judge(self, factor, n=4000):
        rng = np.random.default_rng(7)
        pair = cs.Pair.samples(
            "latency_seconds",
            canary=rng.lognormal(-3, 0.5, n) * factor,
            baseline=rng.lognormal(-3, 0.5, n),
        )
        return cs.judge([pair], POLICY.replace(min_duration="0s"))

    def test_three_times_as_slow_fires_decisively(self):
        verdict = self.judge(3.0)
        assert ways(verdict) == {"latency_p99": "decisive"}
        assert verdict.decision is cs.Decision.ROLLBACK

    def test_the_same_latencies_are_promoted(self):
        verdict = self.judge(1.0)
        assert reading(verdict, "latency_p99").condition is Condition.CLEAR
        assert verdict.decision is cs.Decision.PROMOTE

    def test_too_few_samples_hold(self):
        verdict = self.judge(1.0, n=20)
        assert verdict.decision is cs.Decision.HOLD
        assert not verdict.firings
