"""Bets on how the pooled values of each look divide."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats.kernels.mixture import FROM_THE_FIRST
from canarystats.sequential.rank_betting import KNOTS, TILTS, RankBetting, RankState, RankTest
from canarystats.state import pack, unpack
from tests.sequential.simulated import most_by_chance

WORSE = RankBetting([RankTest("worse", 1.0, rising=True)])
BOTH = RankBetting([RankTest("worse", 1.1, rising=True), RankTest("not_worse", 1.5, rising=False)])


def follow(design, looks, state=None):
    state = design.begin() if state is None else state
    for canary, baseline in looks:
        state = design.step(state, np.array([canary], float), np.array([baseline], float))
    return state


def log_e(looks, claim="worse", design=WORSE, state=None):
    return float(design.log_e(follow(design, looks, state))[claim][0])


def mean_over_all_splits(pools, state):
    """The mean e-value over every way the values of each look could have been divided."""
    if not pools:
        return math.exp(float(WORSE.log_e(state)["worse"][0]))
    (pool, n), *rest = pools
    found = []
    for chosen in itertools.combinations(range(len(pool)), n):
        canary = [pool[i] for i in chosen]
        baseline = [value for i, value in enumerate(pool) if i not in chosen]
        found.append(mean_over_all_splits(rest, follow(WORSE, [(canary, baseline)], state)))
    return float(np.mean(found))


@pytest.mark.parametrize("history", [None, np.linspace(0, 9, 40)])
def test_the_mean_over_all_divisions_is_one(history):
    pools = [([1.0, 2, 2, 5], 2), ([1.0, 4, 9], 1), ([3.0, 3, 7, np.inf], 2)]
    assert mean_over_all_splits(pools, WORSE.begin(history=history)) == pytest.approx(1.0)


def test_one_pair_is_a_bet_on_the_difference_of_its_ranks():
    history = np.arange(KNOTS, dtype=float)
    state = WORSE.begin(history=history)
    difference = (18.0 - 4.0) / KNOTS
    paid = np.mean(1 + np.tanh(TILTS / 2 * difference))
    expected = FROM_THE_FIRST * paid + 1 - FROM_THE_FIRST
    assert math.exp(log_e([([17.5], [3.5])], state=state)) == pytest.approx(expected)


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=8),
    st.lists(st.integers(0, 20), min_size=1, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_swapped_sides_under_the_mirrored_test_say_the_same(canary, baseline):
    mirrored = RankBetting([RankTest("worse", 1.0, rising=False)])
    assert log_e([(canary, baseline)]) == pytest.approx(
        log_e([(baseline, canary)], design=mirrored), abs=1e-9
    )


VALUES = st.lists(st.floats(0, 30), min_size=1, max_size=8)


@given(
    looks=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4),
    look=st.integers(0, 3),
    place=st.integers(0, 7),
    more=st.floats(0.1, 40),
)
@settings(max_examples=60, deadline=None)
def test_against_known_ranks_slower_requests_never_look_better(looks, look, place, more):
    look %= len(looks)
    slower = [(list(canary), baseline) for canary, baseline in looks]
    slower[look][0][place % len(slower[look][0])] += more
    state = BOTH.begin(history=np.linspace(0, 30, 60))
    for claim, sign in (("worse", 1), ("not_worse", -1)):
        before, after = (log_e(ticks, claim, BOTH, state) for ticks in (looks, slower))
        assert sign * (after - before) >= -1e-9


def test_the_order_within_a_look_changes_nothing():
    rng = np.random.default_rng(1)
    canary, baseline = rng.normal(size=50), rng.normal(size=80)
    assert log_e([(canary, baseline)]) == log_e([(np.sort(canary), np.sort(baseline))])


@pytest.mark.parametrize("unit", [2.0**-10, 1024.0])
def test_the_unit_changes_nothing(unit):
    rng = np.random.default_rng(2)
    looks = [(rng.exponential(size=9), rng.exponential(size=12)) for _ in range(5)]
    assert log_e(looks) == log_e([(canary * unit, other * unit) for canary, other in looks])


def test_rows_together_are_the_rows_alone_and_survive_being_saved():
    rng = np.random.default_rng(3)
    together, alone = BOTH.begin(4), [BOTH.begin() for _ in range(4)]
    for _ in range(6):
        canary, baseline = rng.exponential(size=(4, 7)), rng.exponential(size=(4, 9))
        canary[rng.random((4, 7)) < 0.4] = np.nan
        canary[1] = np.nan
        together = BOTH.step(together, canary, baseline)
        together = unpack(RankState, json.loads(json.dumps(pack(together))))
        alone = [BOTH.step(s, canary[[i]], baseline[[i]]) for i, s in enumerate(alone)]
    assert together.looks[1] == 0
    for i, state in enumerate(alone):
        for field in ("knots", "log_mass", "looks"):
            np.testing.assert_array_equal(getattr(together, field)[i], getattr(state, field)[0])


@pytest.mark.parametrize(("factor", "claim"), [(1.3, "worse"), (1.0, "not_worse")])
def test_differences_and_their_absence_are_found(factor, claim):
    rng = np.random.default_rng(4)
    looks = [(factor * rng.lognormal(0, 0.5, 40), rng.lognormal(0, 0.5, 40)) for _ in range(30)]
    assert log_e(looks, claim, BOTH) > math.log(100)


@pytest.mark.parametrize("ordered", [False, True])
def test_alike_sides_are_called_no_more_often_than_the_level(ordered):
    rng = np.random.default_rng(5)
    runs, level = 300, 0.05
    state, called = WORSE.begin(runs), np.zeros(runs, dtype=bool)
    for _ in range(30):
        canary, baseline = np.round(rng.lognormal(size=(2, runs, 6)), 1)
        if ordered:
            canary, baseline = np.sort(canary), np.sort(baseline)
        state = WORSE.step(state, canary, baseline)
        called |= WORSE.log_e(state)["worse"] >= -math.log(level)
    assert called.sum() <= most_by_chance(runs, level)
