"""Rule 7: any canary pod above 95 % of its memory limit for 5 minutes."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import reading, ways
from tests.rollouts import START, clock, eight_triggers

POLICY = eight_triggers("memory_bytes")
TICKS_OF_HOLD = 21
LIMIT = 1000.0


def judge(canary, limit=LIMIT, policy=POLICY, times=None, **sides):
    canary = np.asarray(canary, dtype=float)
    pair = cs.Pair.gauge(
        "memory_bytes",
        canary=canary,
        limit=limit,
        times=clock(len(canary)) if times is None else times,
        **sides,
    )
    return cs.judge([pair], policy)


@pytest.mark.parametrize(
    ("use", "condition", "severity"),
    [
        (800, Condition.CLEAR, 0),
        (801, Condition.WARNING, 1 / 3),
        (901, Condition.WARNING, 2 / 3),
        (949, Condition.WARNING, 2 / 3),
        (950, Condition.WARNING, 2 / 3),
        (951, Condition.FIRED, 1),
        (1100, Condition.FIRED, 1),
    ],
)
def test_the_use_must_be_above_the_threshold(use, condition, severity):
    verdict = judge(np.full(TICKS_OF_HOLD, use))
    seen = reading(verdict, "memory")
    assert (seen.condition, seen.severity) == (condition, pytest.approx(severity))
    assert ways(verdict) == ({"memory": "sustained"} if condition is Condition.FIRED else {})


@pytest.mark.parametrize(("last", "fires"), [(299.0, False), (300.0, True)])
def test_the_condition_must_hold_for_its_whole_duration(last, fires):
    times = clock(TICKS_OF_HOLD)
    times[-1] = START + last
    verdict = judge(np.full(TICKS_OF_HOLD, 951), times=times)
    assert ways(verdict) == ({"memory": "sustained"} if fires else {})


def test_one_of_many_pods_is_enough():
    canary = np.full((TICKS_OF_HOLD, 5), 500.0)
    canary[:, 3] = 960.0
    verdict = judge(canary)
    assert ways(verdict) == {"memory": "sustained"}
    assert verdict.firings[0].observed == pytest.approx(0.96)


def test_every_pod_has_its_own_limit():
    canary = np.tile([960.0, 960.0], (TICKS_OF_HOLD, 1))
    assert not judge(canary, limit=[2000.0, 2000.0]).firings
    assert ways(judge(canary, limit=[2000.0, 1000.0])) == {"memory": "sustained"}


def test_a_limit_may_change_from_tick_to_tick():
    canary = np.full((TICKS_OF_HOLD, 1), 960.0)
    limit = np.full((TICKS_OF_HOLD, 1), 1000.0)
    limit[10] = 2000.0
    assert not judge(canary, limit=limit).firings
    assert judge(canary, limit=np.full((TICKS_OF_HOLD, 1), 1000.0)).firings


@pytest.mark.parametrize("limit", [0.0, None, [0.0], np.nan, np.inf])
def test_without_a_limit_it_cannot_be_evaluated_and_is_not_promoted(limit):
    verdict = judge(np.full(60, 1e12), limit=limit)
    assert reading(verdict, "memory").condition is Condition.NOT_EVALUABLE
    assert not verdict.firings
    assert verdict.decision is cs.Decision.HOLD


def test_a_pod_without_a_limit_does_not_hide_the_others():
    canary = np.tile([1e12, 960.0], (TICKS_OF_HOLD, 1))
    assert ways(judge(canary, limit=[0.0, 1000.0])) == {"memory": "sustained"}


def test_a_missed_pod_does_not_hide_the_others():
    canary = np.tile([np.nan, 960.0], (TICKS_OF_HOLD, 1))
    assert ways(judge(canary)) == {"memory": "sustained"}


def test_the_only_pod_with_a_limit_being_missed_is_not_evaluable():
    canary = np.tile([500.0, np.nan], (60, 1))
    verdict = judge(canary, limit=[0.0, 1000.0])
    assert reading(verdict, "memory").condition is Condition.NOT_EVALUABLE


def test_a_restart_resets_the_duration():
    use = np.full(40, 960.0)
    use[20] = 100.0
    assert not judge(use).firings


def test_zero_use_is_a_measurement():
    verdict = judge(np.zeros(60))
    assert reading(verdict, "memory").condition is Condition.CLEAR
    assert verdict.decision is cs.Decision.PROMOTE


def test_an_infinite_use_is_left_out_and_told():
    use = np.full(60, 500.0)
    use[7] = np.inf
    policy = POLICY.with_metric("memory_bytes", compare=True)
    verdict = judge(use, policy=policy, baseline=np.full(60, 500.0))
    assert not verdict.firings
    assert any("infinite" in seen for e in verdict.evidence for seen in e.seen)
