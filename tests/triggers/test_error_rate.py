"""Rule 1: canary error rate above 1.5 times the baseline's for 5 minutes, or above 3 %."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import evidence, reading, ways
from tests.rollouts import START, clock, eight_triggers, steady_requests

RELATIVE = eight_triggers("requests").with_trigger("error_rate", absolute=None)
ABSOLUTE = eight_triggers("requests")
TICKS_OF_HOLD = 21  # 20 intervals of 15 s are 5 minutes
AT_THRESHOLD = 75  # of 5000, against 950 of 95 000: exactly 1.5 times as often


def judge(pair, policy=RELATIVE):
    return cs.judge([pair], policy, share=0.05)


@pytest.mark.parametrize(
    ("errors", "condition"),
    [(74, Condition.WARNING), (75, Condition.WARNING), (76, Condition.FIRED)],
)
def test_the_rate_must_be_above_the_threshold(errors, condition):
    verdict = judge(steady_requests(TICKS_OF_HOLD, errors=errors))
    assert reading(verdict, "error_rate").condition is condition
    assert (verdict.decision is cs.Decision.ROLLBACK) == (condition is Condition.FIRED)


def test_a_rate_just_above_the_threshold_fires_sustained_with_its_numbers():
    verdict = judge(steady_requests(TICKS_OF_HOLD, errors=76))
    (firing,) = verdict.firings
    assert firing.way is cs.Way.SUSTAINED
    assert (firing.observed, firing.reference) == pytest.approx((76 / 5000, 0.01))
    assert firing.threshold == 1.5
    assert firing.held_seconds == 300
    assert firing.at == verdict.decided_at == START + 300
    assert firing.onset == verdict.onset == START
    assert firing.reason.startswith("error rate 1.52% against 1% on the baseline")


@pytest.mark.parametrize(("last", "fires"), [(299.0, False), (300.0, True), (301.0, True)])
def test_the_condition_must_hold_for_its_whole_duration(last, fires):
    times = clock(TICKS_OF_HOLD)
    times[-1] = START + last
    verdict = judge(steady_requests(TICKS_OF_HOLD, errors=76, times=times))
    assert bool(verdict.firings) == fires
    if not fires:
        assert reading(verdict, "error_rate").condition is Condition.PENDING
        assert reading(verdict, "error_rate").held_seconds == last
        assert verdict.decision is cs.Decision.HOLD


def test_a_change_of_threshold_moves_the_line():
    policy = RELATIVE.with_trigger("error_rate", threshold=2.0)
    assert not judge(steady_requests(TICKS_OF_HOLD, errors=100), policy).firings
    assert judge(steady_requests(TICKS_OF_HOLD, errors=101), policy).firings


def test_too_little_data_does_not_fire():
    counts = {"out_of": 50, "baseline_errors": 9.5, "baseline_out_of": 950}
    verdict = judge(steady_requests(TICKS_OF_HOLD, errors=0.8, **counts))
    seen = reading(verdict, "error_rate")
    assert seen.condition is Condition.PENDING
    assert seen.held_seconds == seen.for_seconds == 300
    assert not evidence(verdict, "error_rate.worse").decides


def test_too_little_data_fires_literally_where_the_policy_asks_for_no_evidence():
    counts = {"out_of": 50, "baseline_errors": 9.5, "baseline_out_of": 950}
    pair = steady_requests(TICKS_OF_HOLD, errors=0.8, **counts)
    for gate in ("none", "advisory"):
        assert ways(judge(pair, RELATIVE.with_trigger("error_rate", evidence=gate))) == {
            "error_rate": "literal"
        }


def test_with_evidence_the_advisory_gate_fires_sustained_and_no_gate_literally():
    pair = steady_requests(TICKS_OF_HOLD, errors=76)
    advisory = judge(pair, RELATIVE.with_trigger("error_rate", evidence="advisory"))
    none = judge(pair, RELATIVE.with_trigger("error_rate", evidence="none"))
    assert ways(advisory) == {"error_rate": "sustained"}
    assert ways(none) == {"error_rate": "literal"}
    assert "without evidence" in none.firings[0].reason


def test_an_outage_is_called_decisively_at_the_first_tick():
    verdict = judge(steady_requests(1, errors=5000))
    assert ways(verdict) == {"error_rate": "decisive"}
    assert verdict.at == START


@pytest.mark.parametrize("since", [0, 3, 40, 200, 1000])
@pytest.mark.parametrize("rate", [0.001, 0.01])
def test_an_outage_of_little_traffic_is_called_within_three_ticks(since, rate):
    """5 % of 100 requests a second, without history: no single tick of 75 errors, but three."""
    failing = np.where(np.arange(since + 3) < since, 75 * rate, 75)
    for ticks, called in ((since + 1, False), (since + 3, True)):
        pair = steady_requests(
            ticks,
            errors=failing[:ticks],
            out_of=75,
            baseline_errors=1425 * rate,
            baseline_out_of=1425,
        )
        known = since * 1425 * rate >= 500  # its errors have shown how they come
        assert bool(ways(judge(pair))) is (called or known)


def test_without_a_gate_an_outage_waits_for_its_duration():
    policy = RELATIVE.with_trigger("error_rate", evidence="none")
    early = judge(steady_requests(TICKS_OF_HOLD - 1, errors=5000), policy)
    late = judge(steady_requests(TICKS_OF_HOLD, errors=5000), policy)
    assert ways(early) == {"success_rate": "sustained"}
    assert ways(late) == {"success_rate": "sustained", "error_rate": "literal"}


def test_errors_against_a_baseline_without_any_fire_decisively():
    verdict = judge(steady_requests(3, errors=100, baseline_errors=0))
    assert ways(verdict) == {"error_rate": "decisive"}
    assert verdict.firings[0].reference == 0


def test_no_errors_on_either_side_are_clear():
    verdict = judge(steady_requests(60, errors=0, baseline_errors=0))
    assert reading(verdict, "error_rate").condition is Condition.CLEAR
    assert evidence(verdict, "error_rate.worse").status is cs.Status.NO_EVENTS
    assert not verdict.firings


def test_a_canary_without_requests_cannot_be_evaluated():
    verdict = judge(steady_requests(60, errors=0, out_of=0))
    assert reading(verdict, "error_rate").condition is Condition.NOT_EVALUABLE
    assert verdict.decision is not cs.Decision.PROMOTE


def test_a_window_is_read_and_not_a_tick():
    errors = np.where(np.arange(60) == 5, 400.0, 50.0)
    verdict = judge(steady_requests(7, errors=errors[:7]), _patient(RELATIVE))
    assert reading(verdict, "error_rate").observed == pytest.approx((6 * 50 + 400) / 7 / 5000)
    verdict = judge(steady_requests(60, errors=errors), _patient(RELATIVE))
    assert reading(verdict, "error_rate").observed == pytest.approx(0.01)


def _patient(policy):
    return policy.with_trigger("error_rate", evidence="none")


class TestTheAbsoluteCondition:
    """Above 3 %, whatever the baseline does; constant evidence asks for more than a hair."""

    def policy(self, **changes):
        return ABSOLUTE.with_trigger("error_rate", **changes)

    def pair(self, errors, n=TICKS_OF_HOLD, times=None):
        return steady_requests(n, errors=errors, baseline_errors=19 * errors, times=times)

    @pytest.mark.parametrize(("errors", "fires"), [(149, False), (150, False), (151, True)])
    def test_the_rate_must_be_above_the_constant(self, errors, fires):
        verdict = judge(self.pair(errors), self.policy(evidence="none"))
        assert ways(verdict) == ({"error_rate_absolute": "literal"} if fires else {})

    @pytest.mark.parametrize(("last", "fires"), [(299.0, False), (300.0, True)])
    def test_it_must_hold_for_its_whole_duration(self, last, fires):
        times = clock(TICKS_OF_HOLD)
        times[-1] = START + last
        verdict = judge(self.pair(200, times=times), self.policy())
        assert ways(verdict) == ({"error_rate_absolute": "sustained"} if fires else {})

    def test_evidence_must_stand_behind_it(self):
        counts = {"out_of": 20, "baseline_errors": 0.8 * 19, "baseline_out_of": 380}
        pair = steady_requests(TICKS_OF_HOLD, errors=0.8, **counts)
        assert not judge(pair, self.policy()).firings
        assert ways(judge(pair, self.policy(evidence="advisory"))) == {
            "error_rate_absolute": "literal"
        }

    def test_its_own_duration_counts(self):
        policy = self.policy(absolute={"threshold": 0.03, "for": "1m"})
        assert not judge(self.pair(200, n=4), policy).firings
        assert ways(judge(self.pair(200, n=5), policy)) == {"error_rate_absolute": "sustained"}

    def test_it_needs_no_baseline(self):
        pair = cs.Pair.counts(
            "requests",
            canary=(np.full(TICKS_OF_HOLD, 200.0), np.full(TICKS_OF_HOLD, 5000.0)),
            times=clock(TICKS_OF_HOLD),
        )
        assert ways(judge(pair, self.policy())) == {"error_rate_absolute": "sustained"}

    def test_it_can_be_left_out(self):
        assert not judge(self.pair(200), self.policy(absolute=None)).firings


def test_a_firing_dates_its_onset_and_says_how_surely():
    n, onset = 90, 40
    errors = np.where(np.arange(n) < onset, 50.0, 150.0)
    verdict = cs.judge([steady_requests(n, errors=errors)], eight_triggers("requests"), share=0.05)
    assert verdict.onset == START + onset * 15
    interval = verdict.onset_interval
    assert interval.low <= verdict.onset <= interval.high <= verdict.decided_at
    assert verdict.firings[0].onset_interval == interval
