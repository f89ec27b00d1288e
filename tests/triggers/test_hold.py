"""Hold timers count the data's time, pause in gaps and forget at a false evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from canarystats.policy import Trigger
from canarystats.triggers import hold
from canarystats.triggers.hold import Hold
from tests.asking import reading, ways
from tests.rollouts import START, TICK, clock, eight_triggers, steady_requests

FIVE_MINUTES = Trigger(name="memory")
POLICY = eight_triggers("requests").with_trigger("error_rate", absolute=None)


def follow(evaluations, trigger=FIVE_MINUTES, interval=TICK):
    """The timer after these (time, truth) evaluations."""
    held = Hold()
    for at, true in evaluations:
        held = hold.step(held, at, true, trigger, interval)
    return held


def truths(*values, tick=TICK):
    return [(tick * i, value) for i, value in enumerate(values)]


def test_the_first_true_evaluation_starts_the_timer_at_zero():
    held = follow([(100.0, True)])
    assert (held.since, held.held_seconds) == (100.0, 0.0)


@pytest.mark.parametrize(("last", "done"), [(299.0, False), (300.0, True), (301.0, True)])
def test_it_completes_at_its_duration_and_not_before(last, done):
    evaluations = [(t, True) for t in np.arange(0.0, 299.0, TICK)] + [(last, True)]
    held = follow(evaluations)
    assert hold.complete(held, FIVE_MINUTES) == held.completed == done


def test_times_that_are_sums_of_floats_are_not_short_by_a_rounding():
    trigger = Trigger.model_validate({"name": "memory", "for": "0.3s"})
    at, evaluations = 0.0, []
    for _ in range(4):
        evaluations.append((at, True))
        at += 0.1
    assert evaluations[-1][0] - 0.3 != 0
    assert hold.complete(follow(evaluations, trigger, 0.1), trigger)


def test_a_false_evaluation_resets_the_timer():
    held = follow(truths(True, True, False, True, True))
    assert (held.since, held.held_seconds) == (45.0, 15.0)
    assert follow(truths(True, True, False)).since is None


def test_an_evaluation_that_could_not_be_made_leaves_the_timer_as_it_is():
    before = follow(truths(True, True))
    assert hold.step(before, 30.0, None, FIVE_MINUTES, TICK) == before


@pytest.mark.parametrize(
    ("gap", "counted"),
    [(15.0, 15.0), (29.0, 29.0), (30.0, 30.0), (31.0, 0.0), (3600.0, 0.0)],
)
def test_only_gaps_longer_than_two_intervals_are_not_counted(gap, counted):
    held = follow([(0.0, True), (15.0, True), (15.0 + gap, True)])
    assert held.held_seconds == 15.0 + counted
    assert held.paused_seconds == gap - counted


def test_after_a_gap_the_timer_goes_on():
    before = [(t, True) for t in np.arange(0.0, 150.0, TICK)]
    after = [(1000.0 + t, True) for t in np.arange(0.0, 180.0, TICK)]
    held = follow([*before, *after])
    assert held.held_seconds == 135.0 + 165.0
    assert hold.complete(held, FIVE_MINUTES)
    assert not hold.complete(follow([*before, *after[:-1]]), FIVE_MINUTES)


def test_having_completed_once_is_remembered():
    evaluations = [(t, True) for t in np.arange(0.0, 301.0, TICK)]
    held = follow([*evaluations, (315.0, False)])
    assert held.completed
    assert not hold.complete(held, FIVE_MINUTES)


class TestSoManyOfSoMany:
    trigger = Trigger(name="memory", mode="m_of_n", m=3, n=4)

    @pytest.mark.parametrize(
        ("values", "done"),
        [
            ((True, True), False),
            ((True, True, True), True),
            ((True, False, True, True), True),
            ((True, True, False, False, True), False),
            ((True, True, True, False), False),
            ((True, True, False, True, False, True), False),
        ],
    )
    def test_it_completes_at_a_true_evaluation_that_is_the_mth_of_the_last_n(self, values, done):
        assert hold.complete(follow(truths(*values), self.trigger), self.trigger) == done

    def test_an_evaluation_that_could_not_be_made_is_none_of_them(self):
        held = follow(truths(True, None, True, None, True), self.trigger)
        assert hold.complete(held, self.trigger)


@given(
    steps=st.lists(
        st.tuples(st.floats(0.5, 200.0), st.sampled_from([True, False, None])), max_size=40
    )
)
def test_the_time_held_never_exceeds_the_time_passed(steps):
    at, held = 0.0, Hold()
    for gap, true in steps:
        at += gap
        held = hold.step(held, at, true, FIVE_MINUTES, TICK)
        assert 0 <= held.held_seconds <= at
        assert (held.since is None) or held.since <= at


def judged(times, errors=76.0, policy=POLICY):
    pair = steady_requests(len(times), errors=errors, times=np.asarray(times))
    return cs.judge([pair], policy, share=0.05)


def test_a_rule_pauses_in_a_long_gap_and_says_so():
    times = np.concatenate([clock(10), START + 1000 + clock(11) - START])
    verdict = judged(times)
    seen = reading(verdict, "error_rate")
    assert seen.held_seconds == 9 * TICK + 10 * TICK
    assert "865 s without data do not count" in seen.detail
    assert not verdict.firings
    assert ways(judged(np.append(times, times[-1] + TICK))) == {"error_rate": "sustained"}


def test_a_gap_of_two_intervals_counts():
    times = np.delete(clock(21), [5, 10])
    assert ways(judged(times)) == {"error_rate": "sustained"}


def test_a_tick_of_nan_is_a_gap_and_no_false_evaluation():
    errors = np.full(22, 76.0)
    errors[[5, 10]] = np.nan
    pair = steady_requests(21, errors=errors[:21])
    assert ways(cs.judge([pair], POLICY, share=0.05)) == {"error_rate": "sustained"}
    errors = np.full(21, 76.0)
    errors[[5, 6]] = np.nan
    verdict = cs.judge([steady_requests(21, errors=errors)], POLICY, share=0.05)
    assert reading(verdict, "error_rate").held_seconds == 300 - 45
    assert not verdict.firings


def test_a_false_evaluation_in_the_middle_starts_the_hold_anew():
    policy = POLICY.with_trigger("error_rate", window="15s")
    errors = np.full(25, 76.0)
    errors[4] = 75.0
    verdict = judged(clock(25), errors, policy)
    assert reading(verdict, "error_rate").held_seconds == 19 * TICK
    assert not verdict.firings
    assert ways(judged(clock(26), np.append(errors, 76.0), policy)) == {"error_rate": "sustained"}


def test_so_many_of_so_many_evaluations_fire_a_rule():
    policy = POLICY.with_trigger("error_rate", mode="m_of_n", m=3, n=4, window="15s")
    policy = policy.with_metric("requests", clumps=1)  # so that four ticks are evidence enough
    assert not judged(clock(3), np.array([76.0, 75.0, 76.0]), policy).firings
    verdict = judged(clock(4), np.array([76.0, 75.0, 76.0, 76.0]), policy)
    assert ways(verdict) == {"error_rate": "sustained"}
    assert "3 of the last 4" in verdict.reason


def test_ticks_need_not_lie_on_a_grid():
    rng = np.random.default_rng(3)
    times = START + np.concatenate([[0.0], np.cumsum(rng.uniform(5.0, 29.0, 30))])
    verdict = judged(times)
    first = next(t for t in times if t - START >= 300)
    assert verdict.decided_at == first
