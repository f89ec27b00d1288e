"""The same rule read on the baseline: what spares a canary, and what blames it again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from canarystats.rules import Trigger
from canarystats.triggers import beside
from canarystats.triggers.beside import Beside, step
from canarystats.triggers.literal import Look

RULE = Trigger(name="success_rate")
STORM = Trigger(name="breaker_storm")


def followed(truths, *, rule=RULE, worse=(), tick=15.0):
    """The state after these looks at the baseline, one a tick."""
    state = Beside()
    for i, true in enumerate(truths):
        state = step(state, i * tick, Look(true, 0.9), rule, tick, lambda i=i: i in worse)
    return state


class TestShared:
    def test_a_baseline_without_trouble_shares_nothing(self):
        assert not followed([False] * 20).shared

    def test_a_baseline_that_was_never_read_shares_nothing(self):
        assert not followed([None] * 20).shared

    def test_a_baseline_in_the_same_trouble_shares_it(self):
        assert followed([True]).shared

    @pytest.mark.parametrize(("after", "shared"), [(12, True), (13, False)])
    def test_after_it_recovers_the_canary_has_the_rules_duration_to_recover_too(
        self, after, shared
    ):
        assert followed([True] + [False] * after).shared is shared  # 12 ticks are 3 minutes

    @pytest.mark.parametrize(("after", "shared"), [(20, True), (21, False)])
    def test_a_rule_without_duration_gives_it_the_window(self, after, shared):
        assert followed([True] + [False] * after, rule=STORM).shared is shared

    def test_silence_of_the_baseline_is_no_trouble_of_it(self):
        assert not followed([True] + [None] * 13).shared

    def test_a_canary_that_is_shown_worse_is_not_spared(self):
        assert not followed([True] * 5, worse={4}).shared
        assert followed([True] * 5, worse={3}).shared

    def test_nothing_is_asked_of_the_canary_while_the_baseline_is_well(self):
        def never():
            raise AssertionError

        state = step(Beside(), 0.0, Look(False, 1.0), RULE, 15.0, never)
        assert not state.worse


class TestPlainlyMoreErrors:
    @given(
        errors=st.tuples(st.integers(0, 400), st.integers(0, 400)),
        share=st.floats(0.02, 0.98),
    )
    @settings(max_examples=60, deadline=None)
    def test_it_is_the_binomial_tail_at_its_level(self, errors, share):
        canary, baseline = (
            np.array([errors[0], 1e6 * share]),
            np.array([errors[1], 1e6 - 1e6 * share]),
        )
        tail = binom.sf(errors[0] - 1, sum(errors), share)
        told = beside.plainly_more_errors(canary, baseline, 0.0, 1.0)
        assert told is bool(tail < beside.PLAIN_LEVEL and errors[0] > 0)

    @given(
        errors=st.tuples(st.integers(0, 300), st.integers(0, 300)),
        more=st.integers(1, 50),
        clumps=st.sampled_from([1.0, 6.0]),
    )
    @settings(max_examples=60, deadline=None)
    def test_more_errors_on_the_canary_never_unsay_it(self, errors, more, clumps):
        canary, baseline = np.array([errors[0], 1000.0]), np.array([errors[1], 9000.0])
        before = beside.plainly_more_errors(canary, baseline, 0.05, clumps)
        worse = canary + np.array([more, 0.0])
        assert beside.plainly_more_errors(worse, baseline, 0.05, clumps) >= before

    def test_errors_that_come_six_at_a_time_on_equal_sides_are_within_its_level(self):
        rng = np.random.default_rng(0)
        clumps = rng.poisson(100, 20_000)
        canary = 6.0 * rng.binomial(clumps, 0.05)
        sides = np.stack([canary, 6.0 * clumps - canary], axis=1)
        exposure = np.array([1000.0, 19_000.0])
        told = [
            beside.plainly_more_errors(
                np.array([mine, exposure[0]]), np.array([other, exposure[1]]), 0.05, 6.0
            )
            for mine, other in sides
        ]
        assert sum(told) == 0

    def test_a_canary_without_errors_or_without_a_baseline_is_not_worse(self):
        one, none = np.array([5.0, 10.0]), np.array([0.0, 10.0])
        assert not beside.plainly_more_errors(none, one, 0.05, 6.0)
        assert not beside.plainly_more_errors(one, np.zeros(2), 0.05, 6.0)


@pytest.mark.parametrize(
    ("canary", "share", "more"), [(20, 0.05, False), (21, 0.05, True), (0, None, True)]
)
def test_events_are_held_to_twice_the_share_of_the_traffic(canary, share, more):
    assert beside.more_than_its_share(canary, 190.0, share) is more


@pytest.mark.parametrize(
    ("limits", "found"),
    [
        (None, None),
        ([8.0, 8.0], [8.0, 8.0, 8.0]),
        ([8.0, 0.0, np.nan], [8.0, 8.0, 8.0]),
        ([8.0, 4.0], None),
        ([0.0], None),
    ],
)
def test_the_baseline_has_the_canarys_limit_where_there_is_one(limits, found):
    told = beside.limits_beside(None if limits is None else np.array(limits), 3)
    assert (None if told is None else told.tolist()) == found
