"""Rule 4: canary throughput, per share of the traffic, below 80 % of the baseline's."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import evidence, reading, ways
from tests.rollouts import START, clock, eight_triggers, steady_requests

POLICY = eight_triggers("requests")
TICKS_OF_HOLD = 41  # 40 intervals of 15 s are 10 minutes


def judge(out_of, policy=POLICY, n=TICKS_OF_HOLD, times=None, share=0.05):
    pair = steady_requests(n, errors=np.asarray(out_of) / 100, out_of=out_of, times=times)
    return cs.judge([pair], policy, share=share)


def test_five_of_ninety_five_is_what_five_percent_are_expected_to_carry():
    verdict = judge(5000)
    seen = reading(verdict, "throughput")
    assert seen.condition is Condition.CLEAR
    assert seen.observed == pytest.approx(1.0)
    assert verdict.decision is cs.Decision.PROMOTE


@pytest.mark.parametrize(
    ("out_of", "condition"),
    [(4001, Condition.WARNING), (4000, Condition.WARNING), (3999, Condition.FIRED)],
)
def test_the_ratio_must_be_below_the_threshold(out_of, condition):
    verdict = judge(out_of)
    assert reading(verdict, "throughput").condition is condition
    assert ways(verdict) == ({"throughput": "sustained"} if condition is Condition.FIRED else {})


@pytest.mark.parametrize(("last", "fires"), [(599.0, False), (600.0, True)])
def test_the_condition_must_hold_for_its_whole_duration(last, fires):
    times = clock(TICKS_OF_HOLD)
    times[-1] = START + last
    assert ways(judge(3999, times=times)) == ({"throughput": "sustained"} if fires else {})


def test_half_of_the_traffic_is_called_decisively():
    verdict = judge(2500, n=2)
    assert ways(verdict) == {"throughput": "decisive"}
    assert verdict.decision is cs.Decision.ROLLBACK


@pytest.mark.parametrize("low", [1, 2])
@pytest.mark.parametrize("since", [40, 200])
def test_the_loss_of_a_tick_or_two_holds_for_a_while_and_is_no_outage(low, since):
    served = np.full(since + 40, 5000)
    served[since : since + low] = 0
    lost = judge(served[: since + low], n=since + low)
    assert not lost.firings
    assert lost.decision is cs.Decision.HOLD
    assert "not divided as designed" in lost.reason
    assert judge(served, n=len(served)).decision is cs.Decision.PROMOTE


def test_a_route_that_follows_its_design_half_a_minute_late_is_no_loss_of_traffic():
    designed = np.repeat([0.05, 0.1, 0.25, 0.5], 60)
    routed = np.concatenate([np.full(2, 0.05), designed[:-2]])
    pair = steady_requests(
        240,
        errors=1000 * routed,
        out_of=100_000 * routed,
        baseline_errors=1000 * (1 - routed),
        baseline_out_of=100_000 * (1 - routed),
    )
    verdict = cs.judge([pair], POLICY, share=designed)
    assert not verdict.firings
    assert verdict.decision is cs.Decision.PROMOTE


@pytest.mark.parametrize("requests", [75, 5000])
@pytest.mark.parametrize("since", [0, 40, 200, 1000])
def test_an_outage_of_the_traffic_is_called_within_three_ticks(since, requests):
    served = np.where(np.arange(since + 3) < since, requests, 0)
    pair = steady_requests(
        since + 3,
        errors=served / 100,
        out_of=served,
        baseline_errors=0.19 * requests,
        baseline_out_of=19 * requests,
    )
    verdict = cs.judge([pair], POLICY, share=0.05)
    assert ways(verdict) == {"throughput": "decisive"}
    assert verdict.decision is cs.Decision.ROLLBACK


@pytest.mark.parametrize("share_left", [0.79, 0.75, 0.7])
@pytest.mark.parametrize("since", [4, 20, 200])
def test_a_lasting_loss_is_no_burst_that_discounts_itself(since, share_left):
    """Much traffic shows at once what is below the threshold; the step itself is no noise."""
    served = np.where(np.arange(since + 4) < since, 5e6, 5e6 * share_left)
    pair = steady_requests(
        since + 4,
        errors=served / 100,
        out_of=served,
        baseline_errors=0.95e6,
        baseline_out_of=95e6,
    )
    assert ways(cs.judge([pair], POLICY, share=0.05)) == {"throughput": "decisive"}


def test_too_little_data_does_not_fire():
    pair = steady_requests(
        TICKS_OF_HOLD, errors=0, out_of=0.75, baseline_errors=0, baseline_out_of=19
    )
    verdict = cs.judge([pair], POLICY, share=0.05)
    assert reading(verdict, "throughput").condition is Condition.PENDING
    assert not verdict.firings


def test_without_a_share_it_cannot_be_evaluated():
    verdict = judge(2500, share=None)
    assert reading(verdict, "throughput").condition is Condition.NOT_EVALUABLE
    assert evidence(verdict, "throughput.beyond").status is cs.Status.NOT_EVALUABLE
    assert not verdict.firings
    assert verdict.decision is not cs.Decision.PROMOTE


def test_a_canary_that_gets_nothing_fires():
    verdict = judge(0, n=2)
    assert ways(verdict) == {"throughput": "decisive"}


def test_a_silent_baseline_cannot_be_compared():
    pair = steady_requests(5, baseline_out_of=0, baseline_errors=0)
    verdict = cs.judge([pair], POLICY, share=0.05)
    assert reading(verdict, "throughput").condition is Condition.NOT_EVALUABLE


def test_a_share_that_differs_from_the_designed_one_is_never_promoted():
    verdict = judge(6000, n=60)
    assert not verdict.firings
    assert verdict.decision is cs.Decision.HOLD
    assert "not divided as designed" in verdict.reason
    assert evidence(verdict, "split.high").decides
    marked = {e.claim for e in verdict.evidence if any("suspect" in note for note in e.seen)}
    assert {"error_rate.worse", "not_worse", "throughput.worse"} <= marked
    assert not marked & {"split.high", "split.low", "success_rate.below"}


def test_the_split_check_can_be_left_out():
    verdict = judge(6000, POLICY.replace(check_split=False), n=60)
    assert verdict.decision is cs.Decision.PROMOTE


def test_right_after_a_step_of_a_ramp_the_window_is_read_by_the_shares_of_its_ticks():
    shares = np.repeat([0.05, 0.5], [30, 5])
    canary = 100_000 * shares
    pair = steady_requests(
        35,
        errors=canary / 100,
        out_of=canary,
        baseline_errors=(100_000 - canary) / 100,
        baseline_out_of=100_000 - canary,
    )
    literal = POLICY.with_trigger("throughput", evidence="none", for_="30s")
    verdict = cs.judge([pair], literal, share=shares)
    assert reading(verdict, "throughput").condition is Condition.CLEAR
    assert not verdict.firings


def test_a_ramp_is_told_by_a_share_for_every_tick():
    shares = np.repeat([0.05, 0.25, 0.5], 30)
    canary = 100_000 * shares
    pair = steady_requests(
        90,
        errors=canary / 100,
        out_of=canary,
        baseline_errors=(100_000 - canary) / 100,
        baseline_out_of=100_000 - canary,
    )
    verdict = cs.judge([pair], POLICY, share=shares)
    assert not verdict.firings
    assert verdict.share == 0.5
    assert verdict.decision is cs.Decision.PROMOTE
