"""The claims on one metric at the planned looks of a window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.kernels import spending, student
from canarystats.sequential.group import GroupSequential
from canarystats.sequential.planned import PlannedLooks, counted_z
from canarystats.state import pack, unpack
from tests.sequential.simulated import most_by_chance

RISING = np.array([True])


def looked(design, values, information):
    state = design.begin()
    for number, (z, known) in enumerate(zip(values, information, strict=True), 1):
        state = design.looked(state, number, np.array([z]), np.array([float(known)]))
    return state


@pytest.mark.parametrize("spend", ["power", "pocock", "obrien_fleming"])
@pytest.mark.parametrize("unit", [1.0, 1e-3, 250.0])
def test_even_information_has_the_boundaries_of_the_group_sequential_test(spend, unit):
    looks, level = 5, 0.025
    known = GroupSequential("m", level=level, spend=spend).boundaries([0.2, 0.4, 0.6, 0.8, 1.0])
    design = PlannedLooks([level], looks=looks, spend=spend)
    for k, bound in enumerate(known):
        for step, crosses in ((1e-3, True), (-1e-3, False)):
            values = [0.0] * k + [bound + step]
            state = looked(design, values, unit * np.arange(1, k + 2))
            assert bool(state.crossed_at[0]) is crosses
        assert design.last_look(state, 0).boundary == pytest.approx(bound, abs=2e-3)


def test_the_level_is_exact_where_information_comes_unevenly():
    # Brownian motion seen at times that no calendar foresaw.
    rng, runs, level = np.random.default_rng(3), 4000, 0.05
    times = np.cumsum([0.02, 0.5, 0.05, 0.3, 0.13])
    paths = rng.normal(size=(runs, 5)) * np.sqrt(np.diff(times, prepend=0.0))
    z = np.cumsum(paths, axis=1) / np.sqrt(times)
    design = PlannedLooks([level] * runs, looks=5, spend="pocock")
    state = design.begin()
    for k in range(5):
        state = design.looked(state, k + 1, z[:, k], np.full(runs, times[k]))
    hits = int((state.crossed_at > 0).sum())
    assert runs - most_by_chance(runs, 1 - level) <= hits <= most_by_chance(runs, level)


def test_a_look_without_news_leaves_what_it_might_have_spent_to_the_next():
    design = PlannedLooks([0.05], looks=4)
    state = looked(design, [0.0, 9.0, 0.0], [10, 10.1, 30])
    assert state.crossed_at[0] == 0
    made, times = GroupSequential("m", level=0.05), (1.0, 3.0)
    used = made.spent(0.25), made.spent(0.75)
    found = design.last_look(state, 0)
    assert found.spent == used[1]
    assert found.boundary == pytest.approx(spending.boundary(times, used, 1), abs=1e-3)


def test_nothing_read_is_nothing_decided():
    design = PlannedLooks([0.05, None], looks=3)
    state = design.looked(design.begin(), 1, np.array([np.nan, 9.0]), np.array([5.0, 5.0]))
    assert (state.crossed_at == 0).all()
    assert design.last_look(state, 0) is None
    assert design.last_look(state, 1) is None
    assert "too little seen" in design.progress(state, 0)


@given(st.lists(st.floats(-4, 6), min_size=6, max_size=6), st.sampled_from([0.05, 0.01, 1e-4]))
def test_the_p_value_reaches_what_is_spent_exactly_where_z_crosses(values, level):
    design = PlannedLooks([level], looks=6)
    state = looked(design, values, np.arange(1, 7))
    found = design.last_look(state, 0)
    assert bool(state.crossed_at[0]) is (found.p_value <= found.spent)
    e_value = float(design.log_e(state)[0])
    assert bool(e_value >= -np.log(level)) is bool(state.crossed_at[0])


def test_what_has_crossed_stays_crossed_and_is_saved_to_the_bit():
    design = PlannedLooks([0.05], looks=6)
    state = looked(design, [0.0, 5.0, -5.0], [1.1, 2.3, 3.7])
    assert state.crossed_at[0] == 2
    again = unpack(type(state), pack(state))
    assert pack(again) == pack(state)


@pytest.mark.parametrize(("baked", "number"), [(0.1, 0), (1 / 6, 1), (0.49, 2), (1.0, 6), (7, 6)])
def test_looks_fall_due_as_the_window_passes(baked, number):
    design = PlannedLooks([0.05], looks=6)
    assert design.due(design.begin(), baked) == number


@given(
    hits=st.integers(0, 40),
    others=st.integers(0, 400),
    share=st.floats(0.01, 0.9),
)
def test_counts_become_the_z_value_of_their_binomial_tail(hits, others, share):
    trials = hits + others
    tally = np.array([[hits, trials, trials * share, trials * share * (1 - share)]], dtype=float)
    z, information = counted_z(tally, RISING, np.ones(1))
    if not trials:
        assert np.isnan(z[0])
        return
    tail = stats.binom.sf(hits - 1, trials, share)
    assert z[0] == pytest.approx(np.clip(stats.norm.isf(tail), -37, 37), abs=1e-7)
    assert information[0] == tally[0, 3]
    falling, _ = counted_z(tally, ~RISING, np.ones(1))
    tail = stats.binom.cdf(hits, trials, share)
    assert falling[0] == pytest.approx(np.clip(stats.norm.isf(tail), -37, 37), abs=1e-7)


def test_unequal_shares_spread_less_than_their_mean_share_is_taken_to():
    # Hoeffding (1956): the tail of the sum is at most that of a binomial of the mean share.
    rng = np.random.default_rng(1)
    shares = np.array([0.01, 0.05, 0.1, 0.25, 0.5] * 8)
    sums = (rng.random((200_000, 40)) < shares).sum(axis=1)
    for hits in range(9, 16):
        row = [hits, 40, shares.sum(), (shares * (1 - shares)).sum()]
        z, _ = counted_z(np.array([row]), RISING, np.ones(1))
        told = stats.norm.sf(z[0])
        assert (sums >= hits).mean() <= told + 4 * np.sqrt(told / 200_000)


def test_clumps_weaken_what_counts_say():
    row = np.array([[30.0, 100.0, 15.0, 12.75]])
    z = [counted_z(row, RISING, np.array([fano]))[0][0] for fano in (1.0, 2.0, 4.0)]
    assert z[0] > z[1] > z[2] > 0
    assert z[0] / z[2] == pytest.approx(2.0, abs=0.25)


@given(st.floats(-60, 60), st.integers(1, 200))
def test_a_t_value_becomes_the_z_value_as_far_out(t, freedom):
    z = student.as_z(np.array([t]), np.array([float(freedom)]))[0]
    expected = stats.norm.isf(stats.t.sf(abs(t), freedom))
    assert abs(z) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert z * t >= 0
