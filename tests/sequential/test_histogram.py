"""Tail latency at any number of looks, from bucket counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats.evidence import Status
from canarystats.sequential import dispersion
from canarystats.sequential.histogram import Histogram
from tests.rollouts import BOUNDS, FINE_BOUNDS, START, bucket_shares
from tests.sequential.simulated import Rows, log_mean, most_by_chance

SMALL = np.array([0.1, 0.2, 0.4, 0.8, np.inf])


def follow(design, ticks):
    state = design.begin()
    for i, (canary, baseline) in enumerate(ticks):
        state = design.step(state, np.array(canary, float), np.array(baseline, float), START + i)
    return state


def design(bounds=SMALL, **settings_):
    return Histogram("latency_seconds", np.asarray(bounds), **settings_)


def log_e(ticks, **settings_):
    made = design(**settings_)
    return made.log_e(follow(made, ticks))


SAME = ([970.0, 20, 8, 2, 0], [9700.0, 200, 80, 20, 0])
SLOW = ([500.0, 200, 100, 100, 100], [9700.0, 200, 80, 20, 0])


def test_equal_latencies_are_not_called_worse_and_are_shown_not_worse():
    found = log_e([SAME] * 60)
    assert found["worse"] < 1
    assert found["beyond"] < 1
    assert found["not_worse"] > math.log(20)


def test_a_heavier_tail_is_called_worse_and_beyond():
    found = log_e([SLOW] * 5)
    assert min(found["worse"], found["beyond"]) > math.log(1000)
    assert found["not_worse"] < 0


def test_without_data_there_is_no_evidence():
    assert log_e([]) == {"worse": 0.0, "beyond": 0.0, "not_worse": 0.0}
    made = design()
    assert {e.status for e in made.evidence(made.begin(), {})} == {Status.NO_DATA}


def test_one_side_alone_says_so():
    made = design()
    state = follow(made, [([5, 0, 0, 0, 0], [0] * 5)])
    assert {e.status for e in made.evidence(state, {})} == {Status.ONE_SIDE_ONLY}


def test_one_finite_bound_can_show_worse_and_never_twice_as_slow():
    made = design([0.1, np.inf])
    state = follow(made, [([10, 90], [900, 100])] * 20)
    found = made.log_e(state)
    assert found["worse"] > math.log(1000)
    assert found["beyond"] == 0


def test_a_ratio_is_only_shown_between_bounds_that_far_apart():
    # 0.2 s against 0.1 s is twice as slow and no more.
    ticks = [([0, 1000, 0, 0, 0], [10_000, 0, 0, 0, 0])] * 20
    assert log_e(ticks, threshold=1.9)["beyond"] < 1
    ticks = [([0, 0, 1000, 0, 0], [10_000, 0, 0, 0, 0])] * 20
    assert log_e(ticks, threshold=2.0)["beyond"] > math.log(1000)
    assert log_e(ticks, threshold=2.1)["beyond"] < 1


def test_the_canary_alone_being_slow_is_not_enough():
    slow = [10.0, 0, 0, 45, 45]
    assert log_e([(slow, slow)] * 40)["beyond"] < 1


def test_a_margin_and_an_allowance_move_the_line():
    slightly = ([900.0, 100, 0, 0, 0], [9200.0, 800, 0, 0, 0])
    assert log_e([slightly] * 60)["worse"] > math.log(20)
    assert log_e([slightly] * 60, margin=0.3)["worse"] < 1
    assert log_e([SAME] * 8, allowed=4.0)["not_worse"] > log_e([SAME] * 8)["not_worse"]


def test_the_bracket_holds_the_quantile():
    made = design()
    low, high = made.bracket(np.array([97_000.0, 2500, 400, 100, 0]))
    assert (low, high) == (0.1, 0.2)
    assert made.bracket(np.zeros(5)) == (0.0, math.inf)


def test_the_edge_below_the_quantile_is_the_last_that_enough_are_slower_than():
    made = design()
    assert made.edge_below_quantile(np.array([90.0, 8, 2, 0, 0])) == 1
    assert made.edge_below_quantile(np.array([100.0, 0, 0, 0, 0])) is None
    assert made.edge_below_quantile(np.zeros(5)) is None


def test_the_onset_is_told_within_a_few_ticks():
    made = design()
    state = follow(made, [SAME] * 50 + [SLOW] * 5)
    assert 45 <= made.onset(state, "worse") - START <= 50
    assert made.onset(made.begin(), "worse") is None


ROW = st.lists(st.integers(0, 50), min_size=5, max_size=5)


@given(
    ticks=st.lists(st.tuples(ROW, ROW), min_size=1, max_size=6),
    tick=st.integers(0, 5),
    bucket=st.integers(0, 3),
    moved=st.integers(1, 50),
)
@settings(max_examples=60, deadline=None)
def test_slower_requests_never_make_a_canary_look_better(ticks, tick, bucket, moved):
    tick %= len(ticks)
    slower = [(list(canary), baseline) for canary, baseline in ticks]
    many = min(moved, slower[tick][0][bucket])
    slower[tick][0][bucket] -= many
    slower[tick][0][bucket + 1] += many
    before, after = log_e(ticks), log_e(slower)
    assert after["worse"] >= before["worse"] - 1e-9
    assert after["beyond"] >= before["beyond"] - 1e-9
    assert after["not_worse"] <= before["not_worse"] + 1e-9


def healthy_calls(runs, ticks, level, *, share, per_tick, bounds=BOUNDS, seed=3):
    """Runs in which a healthy canary is ever called worse, and beyond twice."""
    rng = np.random.default_rng(seed)
    made = design(bounds)
    edges, chances = len(bounds) - 1, bucket_shares(1.0, bounds)
    worse, far, near = Rows(runs * edges), Rows(runs * edges), Rows(runs * edges, rising=False)
    called = np.zeros((2, runs), dtype=bool)
    for _ in range(ticks):
        sides = [
            rng.multinomial(rng.poisson(per_tick * part, runs), chances).astype(float)
            for part in (share, 1 - share)
        ]
        slow = [np.cumsum(side[:, ::-1], axis=1)[:, ::-1][:, 1:] for side in sides]
        total = [side.sum(axis=1, keepdims=True) for side in sides]
        realised = np.repeat(total[0] / np.maximum(total[0] + total[1], 1), edges, axis=1)
        tail = np.full(runs * edges, 0.01)
        e_worse = worse.step(slow[0].ravel(), slow[1].ravel(), realised.ravel())
        e_far = far.step(slow[0].ravel(), (total[0] - slow[0]).ravel(), tail)
        e_near = near.step(slow[1].ravel(), (total[1] - slow[1]).ravel(), tail)
        called[0] |= log_mean(e_worse.reshape(runs, edges), 1) >= -math.log(level)
        start = np.flatnonzero(made._far < edges)
        both = np.minimum(
            e_far.reshape(runs, edges)[:, made._far[start]], e_near.reshape(runs, edges)[:, start]
        )
        called[1] |= log_mean(both, 1) >= -math.log(level)
    return called.sum(axis=1)


def test_the_simulation_follows_the_very_same_formula():
    rng = np.random.default_rng(8)
    chances = bucket_shares(1.0, BOUNDS)
    made = design(BOUNDS)
    ticks = [(rng.multinomial(75, chances), rng.multinomial(1425, chances)) for _ in range(5)]
    rows, bursts = Rows(len(BOUNDS) - 1), dispersion.begin(1, len(BOUNDS) - 1)
    for canary, baseline in ticks:
        slow = [np.cumsum(side[::-1])[::-1][1:].astype(float) for side in (canary, baseline)]
        e = rows.step(slow[0], slow[1], np.full(len(BOUNDS) - 1, 0.05), dispersion.fano(bursts)[0])
        all_of = np.full(len(BOUNDS) - 1, float(baseline.sum()))
        bursts = dispersion.step(
            bursts, dispersion.Seen(slow[1][None], all_of[None], slow[1][None])
        )
    expected = made.log_e(follow(made, ticks))["worse"]
    assert float(log_mean(e[None, :], 1)[0]) == pytest.approx(expected)


@pytest.mark.parametrize(("share", "per_tick"), [(0.05, 1500), (0.5, 100)])
def test_a_healthy_canary_is_called_no_more_often_than_the_level(share, per_tick):
    runs, level = 400, 0.05
    calls = healthy_calls(runs, 120, level, share=share, per_tick=per_tick)
    assert (calls <= most_by_chance(runs, level)).all()


@pytest.mark.calibration
@pytest.mark.parametrize("bounds", [BOUNDS, FINE_BOUNDS])
def test_the_level_holds_over_many_ticks(bounds):
    runs, level = 2000, 0.05
    calls = healthy_calls(runs, 1000, level, share=0.05, per_tick=1500, bounds=bounds)
    assert (calls <= most_by_chance(runs, level)).all()
