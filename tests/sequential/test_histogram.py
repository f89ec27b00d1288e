"""Tail latency at any number of looks, from bucket counts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats.evidence import Status
from canarystats.sequential import dispersion, edges, slow_requests
from canarystats.sequential.brackets import bracket
from canarystats.sequential.histogram import Histogram
from canarystats.sequential.histogram_state import HistogramState
from canarystats.state import pack, unpack
from tests.rollouts import BOUNDS, FINE_BOUNDS, START, bucket_shares
from tests.sequential.simulated import Rows, log_mean, most_by_chance

SMALL = np.array([0.1, 0.2, 0.4, 0.8, np.inf])


def follow(design, ticks):
    state = design.begin()
    for i, (canary, baseline) in enumerate(ticks):
        sides = np.array([canary], float), np.array([baseline], float)
        state = design.step(state, *sides, START + i)
    return state


def design(bounds=SMALL, **settings_):
    return Histogram("latency_seconds", np.asarray(bounds), **settings_)


def one(log_e):
    return {claim: float(values[0]) for claim, values in log_e.items()}


def log_e(ticks, **settings_):
    made = design(**settings_)
    return one(made.log_e(follow(made, ticks)))


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
    found = one(made.log_e(state))
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
    low, high = bracket(made.upper_bounds, np.array([97_000.0, 2500, 400, 100, 0]), made.quantile)
    assert (low, high) == (0.1, 0.2)
    assert bracket(made.upper_bounds, np.zeros(5), made.quantile) == (0.0, math.inf)


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


@pytest.mark.parametrize("history", [False, True])
def test_the_e_value_is_the_mean_over_the_chosen_edges_times_what_the_first_tick_showed(history):
    rng = np.random.default_rng(8)
    chances = bucket_shares(1.0, BOUNDS)
    made = design(BOUNDS)
    past = rng.multinomial(1500, chances, 40).astype(float) if history else None
    ticks = [(rng.multinomial(75, chances), rng.multinomial(1425, chances)) for _ in range(6)]
    state = made.begin(history=(past, None) if history else None)
    width = len(BOUNDS) - 1

    def slow(counts):
        return np.cumsum(counts[::-1])[::-1][1:].astype(float)

    bursts = dispersion.begin(1, width)
    for row in past if history else ():
        scale = np.full((1, width), float(row.sum()))
        bursts = dispersion.step(bursts, dispersion.Seen(slow(row)[None], scale, slow(row)[None]))
    first, rows = 0.0, Rows(width)
    for i, (canary, baseline) in enumerate(ticks):
        state = made.step(state, canary[None].astype(float), baseline[None].astype(float), START)
        ours, theirs = slow(canary), slow(baseline)
        fano = dispersion.fano(bursts, clumps=slow_requests.CLUMPS)[0]
        share = np.full(width, 0.05)
        if i == 0 and not history:
            first = float(log_mean(Rows(width).step(ours, theirs, share, fano), 0))
            continue
        e = rows.step(ours, theirs, share, fano)
        scale = np.full((1, width), float(baseline.sum()))
        bursts = dispersion.step(bursts, dispersion.Seen(theirs[None], scale, theirs[None]))
    chosen = state.edges[0, :6]
    chosen = chosen[chosen >= 0].astype(int)
    expected = first + float(log_mean(e[chosen], 0))
    assert one(made.log_e(state))["worse"] == pytest.approx(expected, abs=1e-12)
    assert bool(state.history_ticks[0]) is history


def test_the_edges_chosen_are_those_just_beyond_the_quantiles():
    counts = np.array([[300.0, 200, 250, 200, 40, 8, 2, 0]])  # slower: .7 .5 .25 .05 .01 .002 0
    far = np.array([1, 2, 3, 4, 5, 6, 7])
    chosen = edges.frozen(counts, 0.99, far)[0]
    assert chosen[: edges.SLOTS].tolist() == [1, 2, 3, -1, 4, 6]
    assert chosen[edges.NOT_WORSE] == 4
    assert chosen[edges.NEAR].tolist() == [4, 5]
    assert chosen[edges.FAR].tolist() == [5, 6]


def test_latencies_all_beyond_the_last_bound_leave_that_bound_to_watch():
    chosen = edges.frozen(np.array([[0.0, 0, 5000]]), 0.99, np.array([1, 2]))[0]
    assert chosen[: edges.SLOTS].tolist() == [1, -1, -1, -1, -1, -1]
    assert chosen[edges.NEAR].tolist() == [-1, -1]


def random_ticks(rng, n, rows, bounds=BOUNDS, share=0.05, per_tick=1500, factor=1.0):
    slow, plain = bucket_shares(factor, bounds), bucket_shares(1.0, bounds)
    canary = rng.multinomial(rng.poisson(per_tick * share, (n, rows)), slow)
    baseline = rng.multinomial(rng.poisson(per_tick * (1 - share), (n, rows)), plain)
    return canary.astype(float), baseline.astype(float)


def test_rows_side_by_side_are_the_rows_alone_bit_for_bit():
    rng = np.random.default_rng(4)
    made = design(BOUNDS)
    canary, baseline = random_ticks(rng, 30, 5, per_tick=200, factor=1.4)
    canary[rng.random((30, 5)) < 0.2] = np.nan
    baseline[rng.random((30, 5)) < 0.1] = np.nan
    baseline[:8, 3] = 0.0  # a row whose edges are chosen late
    together = made.begin(5)
    alone = [made.begin() for _ in range(5)]
    for i in range(30):
        together = made.step(together, canary[i], baseline[i], START + i)
        alone = [
            made.step(state, canary[i, [r]], baseline[i, [r]], START + i)
            for r, state in enumerate(alone)
        ]
    packed = pack(together)
    assert pack(unpack(HistogramState, packed)) == packed
    for r, state in enumerate(alone):
        for name in ("edges", "first", "canary", "baseline", "first_at"):
            np.testing.assert_array_equal(getattr(together, name)[r], getattr(state, name)[0])
        np.testing.assert_array_equal(together.tests.mass[r], state.tests.mass[0])
        for claim, value in made.log_e(together).items():
            assert value[r] == made.log_e(state)[claim][0]
        assert made.evidence(together, {}, r) == made.evidence(state, {})
        assert made.onset(together, "worse", r) == made.onset(state, "worse")


def test_a_missed_tick_changes_nothing():
    made = design()
    state = follow(made, [SAME] * 3)
    gone = np.full((1, 5), np.nan)
    there = np.array([SAME[1]])
    for sides in ((gone, there), (there, gone), (gone, gone)):
        assert pack(made.step(state, *sides, START + 9)) == pack(state)


def test_the_unit_of_the_bounds_changes_nothing():
    rng = np.random.default_rng(5)
    canary, baseline = random_ticks(rng, 20, 1, factor=1.5)
    found = []
    for unit in (1.0, 1000.0):
        made = design(np.array(BOUNDS) * unit)
        state = made.begin()
        for i in range(20):
            state = made.step(state, canary[i], baseline[i], START + i)
        found.append(one(made.log_e(state)))
    assert found[0] == found[1]


def test_a_saved_state_goes_on_as_if_it_had_not_been_saved():
    rng = np.random.default_rng(6)
    canary, baseline = random_ticks(rng, 30, 1, per_tick=100, factor=1.5)
    made = design(BOUNDS)
    state = restored = made.begin()
    for i in range(30):
        state = made.step(state, canary[i], baseline[i], START + i)
        restored = made.step(restored, canary[i], baseline[i], START + i)
        restored = unpack(HistogramState, json.loads(json.dumps(pack(restored))))
    assert pack(state) == pack(restored)


def test_a_saved_state_is_small():
    rng = np.random.default_rng(7)
    canary, baseline = random_ticks(rng, 60, 1)
    made = design(BOUNDS)
    state = made.begin()
    for i in range(60):
        state = made.step(state, canary[i], baseline[i], START + i)
    assert len(json.dumps(pack(state))) < 4000


def test_evidence_says_where_its_edges_come_from():
    made = design(SMALL)
    before = np.tile(SAME[1], (250, 1))
    waiting = made.evidence(made.begin(), {})[0].assumptions[1]
    assert waiting == "no edges are chosen before 300 more baseline requests"
    learned = made.evidence(made.begin(history=(before, before)), {})[0].assumptions
    assert learned[1].startswith(
        "edges 0.1, 0.2, 0.8 chosen from 250 ticks of history (5000000 req"
    )
    assert learned[2].startswith("slow requests come with a Fano factor of 1")
    shown = made.evidence(follow(made, [SAME] * 2), {})[0].assumptions
    assert shown[1] == "edges 0.1, 0.2, 0.8 chosen from the first 10000 baseline requests"


def test_a_canary_is_judged_from_the_first_tick_if_history_chose_the_edges():
    made = design()
    state = made.begin(history=(np.array([SAME[1]] * 400), None))
    few = np.array([[0.0, 0, 0, 0, 20]]), np.array([[95.0, 4, 1, 0, 0]])
    assert one(made.log_e(made.step(state, *few, START)))["worse"] > math.log(100)
    assert one(made.log_e(made.step(made.begin(), *few, START)))["worse"] == 0


def test_a_total_disaster_is_called_within_three_ticks():
    rng = np.random.default_rng(11)
    made, runs, level = design(BOUNDS), 50, 0.01 * 0.8 / 8
    canary, baseline = random_ticks(rng, 3, runs, factor=20.0)
    state = made.begin(runs)
    for i in range(3):
        state = made.step(state, canary[i], baseline[i], START + i)
    found = made.log_e(state)
    assert (found["worse"] >= -math.log(level)).all()
    assert (found["beyond"] >= -math.log(level)).all()


def healthy_calls(runs, ticks, level, draw, *, bounds=BOUNDS, seed=3):
    """Runs in which a healthy canary is ever called worse, and beyond twice."""
    rng = np.random.default_rng(seed)
    made = design(bounds)
    state, called = made.begin(runs), np.zeros((2, runs), dtype=bool)
    for i in range(ticks):
        state = made.step(state, *draw(rng, i, runs), START + i)
        found = made.log_e(state)
        called |= np.stack([found["worse"], found["beyond"]]) >= -math.log(level)
    return called.sum(axis=1)


def steady(share, per_tick, bounds=BOUNDS):
    chances = bucket_shares(1.0, bounds)

    def draw(rng, i, runs):
        return [
            rng.multinomial(rng.poisson(per_tick * part, runs), chances).astype(float)
            for part in (share, 1 - share)
        ]

    return draw


def ramp(rng, i, runs):
    return steady((0.01, 0.05, 0.1, 0.25, 0.5)[i * 5 // 150], 400)(rng, i, runs)


@pytest.mark.parametrize("draw", [steady(0.05, 1500), steady(0.5, 100), ramp])
def test_a_healthy_canary_is_called_no_more_often_than_the_level(draw):
    runs, level = 400, 0.05
    assert (healthy_calls(runs, 150, level, draw) <= most_by_chance(runs, level)).all()


@pytest.mark.calibration
@pytest.mark.parametrize("bounds", [BOUNDS, FINE_BOUNDS])
def test_the_level_holds_over_many_ticks(bounds):
    runs, level = 2000, 0.05
    calls = healthy_calls(runs, 1000, level, steady(0.05, 1500, bounds), bounds=bounds)
    assert (calls <= most_by_chance(runs, level)).all()
