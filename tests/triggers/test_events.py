"""Rules 5, 6 and 8: things that must not happen, at once or more than so many in a window."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.verdict import Condition
from tests.asking import reading, ways
from tests.rollouts import START, clock, eight_triggers, events

ZERO = [("byzantine", "byzantine_events"), ("data_integrity", "integrity_violations")]


@pytest.mark.parametrize(("trigger", "metric"), ZERO)
def test_a_single_event_fires_at_its_tick(trigger, metric):
    verdict = cs.judge([events(metric, 10, {4: 1})], eight_triggers(metric))
    assert ways(verdict) == {trigger: "immediate"}
    assert verdict.decision is cs.Decision.ROLLBACK
    assert verdict.firings[0].at == verdict.decided_at == START + 4 * 15
    assert verdict.firings[0].held_seconds == 0


@pytest.mark.parametrize(("trigger", "metric"), ZERO)
def test_no_event_is_clear(trigger, metric):
    verdict = cs.judge([events(metric, 60)], eight_triggers(metric))
    assert reading(verdict, trigger).condition is Condition.CLEAR
    assert verdict.decision is cs.Decision.PROMOTE


@pytest.mark.parametrize(("trigger", "metric"), ZERO)
def test_any_of_many_series_counts(trigger, metric):
    table = np.zeros((5, 3))
    table[2] = [0, np.nan, 2]
    pair = cs.Pair.events(metric, canary=table, times=clock(5))
    verdict = cs.judge([pair], eight_triggers(metric))
    assert ways(verdict) == {trigger: "immediate"}
    assert verdict.firings[0].observed == 2


@pytest.mark.parametrize(("trigger", "metric"), ZERO)
def test_missed_scrapes_are_no_events_and_no_silence(trigger, metric):
    pair = cs.Pair.events(metric, canary=np.full(60, np.nan), times=clock(60))
    verdict = cs.judge([pair], eight_triggers(metric))
    assert reading(verdict, trigger).condition is Condition.NO_DATA
    assert verdict.decision is cs.Decision.HOLD
    assert "no data" in verdict.reason


@pytest.mark.parametrize(("trigger", "metric"), ZERO)
def test_a_hold_action_holds_and_a_report_action_reports(trigger, metric):
    pair = events(metric, 60, {59: 1})
    held = cs.judge([pair], eight_triggers(metric).with_trigger(trigger, action="hold"))
    told = cs.judge([pair], eight_triggers(metric).with_trigger(trigger, action="report"))
    assert (held.decision, told.decision) == (cs.Decision.HOLD, cs.Decision.PROMOTE)
    assert ways(held) == ways(told) == {trigger: "immediate"}


def test_a_hold_ends_when_the_rule_no_longer_fires():
    policy = eight_triggers("byzantine_events").with_trigger("byzantine", action="hold")
    recent = cs.judge([events("byzantine_events", 60, {41: 1})], policy)
    long_ago = cs.judge([events("byzantine_events", 60, {39: 1})], policy)
    assert recent.decision is cs.Decision.HOLD
    assert long_ago.decision is cs.Decision.PROMOTE
    assert ways(long_ago) == {"byzantine": "immediate"}


class TestBreakerStorm:
    """More than 10 trips within 5 minutes, an increase and not a rate."""

    policy = eight_triggers("breaker_trips")

    def judge(self, happened, n=60):
        return cs.judge([events("breaker_trips", n, happened)], self.policy)

    @pytest.mark.parametrize(
        ("trips", "condition"),
        [
            (0, Condition.CLEAR),
            (5, Condition.CLEAR),
            (6, Condition.WARNING),
            (10, Condition.WARNING),
            (11, Condition.FIRED),
        ],
    )
    def test_more_than_ten_are_a_storm(self, trips, condition):
        verdict = self.judge({59: trips})
        assert reading(verdict, "breaker_storm").condition is condition
        assert ways(verdict) == ({"breaker_storm": "immediate"} if trips > 10 else {})

    def test_they_add_up_within_five_minutes(self):
        # 20 ticks of 15 s, each speaking for the time up to it, are five minutes.
        verdict = self.judge({20: 10, 39: 1})
        assert ways(verdict) == {"breaker_storm": "immediate"}
        assert verdict.decided_at == START + 39 * 15

    def test_they_do_not_add_up_over_more_than_five_minutes(self):
        verdict = self.judge({20: 10, 40: 1})
        assert not verdict.firings
        assert reading(verdict, "breaker_storm").condition is Condition.CLEAR

    def test_one_a_minute_never_is_a_storm(self):
        assert not self.judge(dict.fromkeys(range(0, 240, 4), 1), n=240).firings

    def test_a_restarted_counter_brings_increments_and_no_storm(self):
        assert not self.judge({10: 5, 11: 0, 12: 5}).firings
