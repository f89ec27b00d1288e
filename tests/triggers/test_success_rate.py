"""Rule 3: canary success rate below 95 % for 3 minutes."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import reading, ways
from tests.rollouts import START, clock, eight_triggers, steady_requests

POLICY = eight_triggers("requests").with_trigger("error_rate", absolute=None, action="report")
TICKS_OF_HOLD = 13  # 12 intervals of 15 s are 3 minutes


def judge(errors, policy=POLICY, n=TICKS_OF_HOLD, times=None):
    pair = steady_requests(n, errors=errors, baseline_errors=19 * errors, times=times)
    return cs.judge([pair], policy, share=0.05)


@pytest.mark.parametrize(
    ("errors", "condition"),
    [(249, Condition.WARNING), (250, Condition.WARNING), (251, Condition.FIRED)],
)
def test_the_rate_must_be_below_the_constant(errors, condition):
    verdict = judge(errors, POLICY.with_trigger("success_rate", evidence="none"))
    assert reading(verdict, "success_rate").condition is condition
    assert ways(verdict) == ({"success_rate": "literal"} if condition is Condition.FIRED else {})


@pytest.mark.parametrize(("last", "fires"), [(179.0, False), (180.0, True)])
def test_the_condition_must_hold_for_its_whole_duration(last, fires):
    times = clock(TICKS_OF_HOLD)
    times[-1] = START + last
    assert ways(judge(300, times=times)) == ({"success_rate": "sustained"} if fires else {})


def test_evidence_must_stand_behind_it():
    few = {"out_of": 10, "baseline_errors": 11.4, "baseline_out_of": 190}
    pair = steady_requests(TICKS_OF_HOLD, errors=0.6, **few)
    required = cs.judge([pair], POLICY, share=0.05)
    assert reading(required, "success_rate").condition is Condition.PENDING
    assert not required.firings
    advisory = POLICY.with_trigger("success_rate", evidence="advisory")
    assert ways(cs.judge([pair], advisory, share=0.05)) == {"success_rate": "literal"}


def test_an_outage_waits_for_the_duration_of_a_rule_against_a_constant():
    assert not judge(5000, n=TICKS_OF_HOLD - 1).firings
    assert ways(judge(5000)) == {"success_rate": "sustained"}


def test_a_hair_below_the_constant_fires_when_there_is_enough_data():
    pair = steady_requests(
        240,
        errors=51_500,
        out_of=1e6,
        baseline_errors=19 * 51_500,
        baseline_out_of=19e6,
    )
    assert ways(cs.judge([pair], POLICY, share=0.05)) == {"success_rate": "sustained"}


def test_it_needs_no_baseline():
    pair = cs.Pair.counts(
        "requests",
        canary=(np.full(TICKS_OF_HOLD, 300.0), np.full(TICKS_OF_HOLD, 5000.0)),
        times=clock(TICKS_OF_HOLD),
    )
    assert ways(cs.judge([pair], POLICY, share=0.05)) == {"success_rate": "sustained"}


def test_a_canary_without_requests_cannot_be_evaluated():
    pair = steady_requests(TICKS_OF_HOLD, errors=0, out_of=0)
    verdict = cs.judge([pair], POLICY, share=0.05)
    assert reading(verdict, "success_rate").condition is Condition.NOT_EVALUABLE


def test_error_rate_and_success_rate_are_one_signal_of_the_score():
    # Both fire: one of two signals (the other is throughput), not two of three.
    policy = POLICY.with_trigger("success_rate", action="hold")
    policy = policy.with_trigger("error_rate", action="hold")
    pair = steady_requests(30, errors=500, baseline_errors=950)
    verdict = cs.judge([pair], policy, share=0.05)
    assert set(ways(verdict)) == {"error_rate", "success_rate"}
    assert verdict.decision is not cs.Decision.ROLLBACK
    assert verdict.score == 50.0
