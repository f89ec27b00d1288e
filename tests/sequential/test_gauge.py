"""Gauges at any number of looks, with and without history."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from canarystats.evidence import Status
from canarystats.kernels import student
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.gauge_batches import (
    FEWEST_BATCHES,
    GROSS,
    GROSS_PRECISION,
    LATE,
    SMALL,
)
from canarystats.sequential.gauge_state import GaugeState
from canarystats.state import pack, unpack
from tests.kernels.processes import ar1

INTERVAL = 15.0
HISTORY = 1920


def gauge(harmful="increase", margin=0.05, allowed=0.05, batch=5):
    return Gauge("memory_bytes", harmful=harmful, margin=margin, allowed=allowed, batch=batch)


def noisy(n, level=100.0, seed=0, rows=1, phi=0.0):
    """Rows of one pod, shape (rows, n, 1), with standard deviation 1."""
    rng = np.random.default_rng([seed, n])
    return level + math.sqrt(1 - phi**2) * ar1(rng, phi, rows, n)[:, :, None]


def calm_before(seed=50, n=HISTORY, rows=1, phi=0.0):
    return noisy(n, seed=seed, rows=rows, phi=phi), noisy(n, seed=seed + 1, rows=rows, phi=phi)


def walk(design, canary, baseline, history=None):
    """Every state, canary and baseline of shape (rows, n, pods)."""
    state = design.begin(len(canary), history=history)
    for t in range(canary.shape[1]):
        state = design.step(state, canary[:, t], baseline[:, t], INTERVAL * t)
        yield state


def follow(design, canary, baseline, history=None):
    *_, last = walk(design, canary, baseline, history)
    return last


def log_e(design, state):
    return {claim: float(value[0]) for claim, value in design.log_e(state).items()}


def both(canary, baseline, history=None, **settings):
    design = gauge(**settings)
    return log_e(design, follow(design, canary, baseline, history))


def test_without_history_the_e_value_is_that_of_the_t_test_on_batch_means():
    canary, baseline = noisy(60, 105, 1), noisy(60, 100, 2)
    means = (canary - 1.02 * baseline)[0, :, 0].reshape(-1, 5).mean(axis=1)
    expected = student.log_e_value(
        12, np.array([means.mean()]), np.array([means.var(ddof=1)]), one_sided=True
    )
    design = gauge(margin=0.02)
    state = follow(design, canary, baseline)
    about_zero = np.array((means**2).sum())
    gross = student.log_e_value_of_last(
        *map(np.array, (12, 12, means.sum(), about_zero, GROSS_PRECISION))
    )
    parts = float(expected[0]), float(gross), float(state.stretches.log_e[0, 0])
    weighed = sum(
        weight * math.exp(part) for weight, part in zip((SMALL, GROSS, LATE), parts, strict=True)
    )
    assert log_e(design, state)["worse"] == pytest.approx(math.log(weighed))


def test_without_history_not_worse_is_the_t_test_on_batch_means():
    canary, baseline = noisy(60, 100, 1), noisy(60, 100, 2)
    means = (1.05 * baseline - canary)[0, :, 0].reshape(-1, 5).mean(axis=1)
    expected = student.log_e_value(12, means.mean(), means.var(ddof=1), one_sided=True)
    assert both(canary, baseline)["not_worse"] == pytest.approx(float(expected))


def test_short_history_sets_the_batches_to_three_autocorrelation_times():
    history = calm_before(n=400, phi=0.6)
    design = gauge()
    state = design.begin(history=history)
    time = float(state.noise.time[0])
    assert 2 < time < 8
    if not state.noise.trusted[0]:
        assert float(state.noise.batch(5)[0]) == math.ceil(3 * time)
    wild = calm_before(n=400, phi=0.97)
    state = design.begin(history=wild)
    assert not state.noise.trusted[0]
    batch = int(state.noise.batch(5)[0])
    assert batch == math.ceil(3 * float(state.noise.time[0])) > 40
    state = follow(design, noisy(3 * batch, 130, 1), noisy(3 * batch, 100, 2), wild)
    worse, _ = design.evidence(state, {})
    assert worse.n_effective == 3
    assert worse.assumptions[0].startswith(f"batches of {batch} ticks, three autocorrelation times")


@pytest.mark.parametrize("history", [None, calm_before()])
@pytest.mark.parametrize("harmful", ["increase", "decrease", "either"])
def test_the_harmful_direction_decides_what_is_worse(harmful, history):
    higher, lower, equal = noisy(200, 115, 1), noisy(200, 85, 2), noisy(200, 100, 3)
    base = noisy(200, 100, 4)
    for canary, bad in ((higher, harmful != "decrease"), (lower, harmful != "increase")):
        found = both(canary, base, history, harmful=harmful)
        if bad:
            assert found["worse"] > math.log(1000)
            assert found["not_worse"] <= 0
        else:
            assert found["worse"] <= 0
            assert found["not_worse"] > math.log(1000)
    fine = both(equal, base, history, harmful=harmful)
    assert fine["worse"] <= 0
    assert fine["not_worse"] > math.log(1000)


@pytest.mark.parametrize("history", [None, calm_before()])
def test_a_difference_within_the_margin_is_not_worse_enough(history):
    assert both(noisy(400, 110, 1), noisy(400, 100, 2), history, margin=0.2)["worse"] <= 0


@pytest.mark.parametrize("history", [None, calm_before()])
def test_what_moves_both_sides_drops_out(history):
    wave = 50 * np.sin(np.arange(200) / 10)[None, :, None]
    noise = noisy(200, 0, 1) - noisy(200, 0, 2) + 2
    flat = np.full((1, 200, 1), 100.0)
    calm = both(100 + noise, flat, history, margin=0.0)
    moved = both(100 + wave + noise, flat + wave, history, margin=0.0)
    assert moved["worse"] == pytest.approx(calm["worse"])


@pytest.mark.parametrize("history", [None, calm_before(), calm_before(n=400, phi=0.97)])
def test_canary_and_baseline_mirror_each_other(history):
    canary, baseline = noisy(150, 103, 1), noisy(150, 100, 2)
    mirrored = None if history is None else history[::-1]
    up = both(canary, baseline, history, harmful="increase", margin=0.0)
    down = both(baseline, canary, mirrored, harmful="decrease", margin=0.0)
    assert up["worse"] == down["worse"]


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e9])
@pytest.mark.parametrize("history", [None, calm_before(phi=0.6), calm_before(n=400, phi=0.97)])
def test_the_unit_changes_nothing(history, scale):
    canary, baseline = noisy(150, 102, 1), noisy(150, 100, 2)
    scaled = None if history is None else tuple(scale * side for side in history)
    plain = both(canary, baseline, history)
    other = both(scale * canary, scale * baseline, scaled)
    assert other == pytest.approx(plain, rel=1e-9)


def test_rows_together_are_what_each_is_alone():
    rows, ticks = 7, 60
    design = gauge("either", batch=3)
    rng = np.random.default_rng(1)
    canary = 100 + rng.standard_normal((rows, ticks, 2)) + np.arange(rows)[:, None, None]
    baseline = 100 + rng.standard_normal((rows, ticks, 3))
    canary[rng.random(canary.shape) < 0.2] = np.nan
    canary[3, 5:9] = np.nan
    history = [100 + ar1(rng, 0.5, rows * 2, 300).reshape(rows, 2, 300) for _ in "cb"]
    history = [np.ascontiguousarray(side.transpose(0, 2, 1)) for side in history]
    history[0][2, 50:] = np.nan
    history[0][4, 200:] = np.nan
    together = list(walk(design, canary, baseline, tuple(history)))
    for i in range(rows):
        own = tuple(side[i : i + 1] for side in history)
        alone = list(walk(design, canary[i : i + 1], baseline[i : i + 1], own))
        for state, single in zip(together, alone, strict=True):
            for claim, value in design.log_e(state).items():
                assert value[i] == design.log_e(single)[claim][0]
        assert design.began(together[-1], row=i) == design.began(alone[-1])
        levels = {"worse": 0.01}
        assert design.evidence(together[-1], levels, row=i) == design.evidence(alone[-1], levels)
    assert len({bool(x) for x in together[-1].noise.trusted}) == 2


@pytest.mark.parametrize("history", [None, calm_before()])
def test_saved_and_restored_in_the_middle_it_ends_on_the_same_bits(history):
    design = gauge()
    canary, baseline = noisy(50, 101, 1), noisy(50, 100, 2)
    end = follow(design, canary, baseline, history)
    state = follow(design, canary[:, :20], baseline[:, :20], history)
    text = json.dumps(pack(state), allow_nan=False)
    assert len(text) < 3000
    state = unpack(GaugeState, json.loads(text))
    for t in range(20, 50):
        state = design.step(state, canary[:, t], baseline[:, t], INTERVAL * t)
    assert pack(state) == pack(end)


def test_a_missed_tick_leaves_its_row_as_it_was():
    design = gauge()
    canary, baseline = noisy(30, 101, 1, rows=2), noisy(30, 100, 2, rows=2)
    before = follow(design, canary, baseline, calm_before(rows=2))
    missed = canary[:, 0].copy()
    missed[1] = np.nan
    after = design.step(before, missed, baseline[:, 0], 1e6)
    assert after.ticks.tolist() == [31, 30]
    for name, value in design.log_e(after).items():
        assert value[1] == design.log_e(before)[name][1]
        assert value[0] != design.log_e(before)[name][0]


def test_too_few_batches_say_so_and_cannot_decide():
    design = gauge()
    for batches in range(FEWEST_BATCHES):
        state = design.begin()
        if batches:
            state = follow(design, noisy(5 * batches, 500, 1), noisy(5 * batches, 100, 2))
        for found in design.evidence(state, {"worse": 0.05, "not_worse": 0.05}):
            assert found.status is (Status.INSUFFICIENT if batches else Status.NO_DATA)
            assert not found.decides


@pytest.mark.parametrize("level", [0.5, 0.2, 0.05])
def test_the_status_and_what_may_decide_begin_at_the_same_batch(level):
    # Values that never change: no data can show more in so many batches.
    design = gauge(margin=0.0)
    for batches in range(1, FEWEST_BATCHES + 2):
        far, near = np.full((1, 5 * batches, 1), 500.0), np.full((1, 5 * batches, 1), 100.0)
        enough = batches >= FEWEST_BATCHES
        for canary, answer in ((far, "worse"), (near, "not_worse")):
            state = follow(design, canary, near)
            found = design.evidence(state, {"worse": level, "not_worse": level})
            assert {e.status is Status.OK for e in found} == {enough}
            assert [e.claim for e in found if e.decides] == ([answer] if enough else [])
            assert max(float(e[0]) for e in design.log_e(state).values()) > 0 or not enough
            z, _ = design.z(state)
            assert bool(np.isfinite(z[0, [0, 2]]).all()) is enough


def test_no_fewer_batches_could_bring_an_e_value_of_twenty():
    mean, still = np.ones(1), np.zeros(1)
    most = [
        float(student.log_e_value(float(n), mean, still, one_sided=True)[0]) for n in range(2, 9)
    ]
    reach = [n for n, value in zip(range(2, 9), most, strict=True) if value >= np.log(20)]
    assert reach[0] == FEWEST_BATCHES


def test_six_ticks_decide_with_history():
    design = gauge()
    state = follow(design, noisy(6, 140, 1), noisy(6, 100, 2), calm_before())
    worse, _ = design.evidence(state, {"worse": 0.001})
    assert worse.decides
    assert design.began(state).at == 0.0


@pytest.mark.parametrize("history", [None, (np.full((1, 2000, 1), 100.0),) * 2, calm_before()])
def test_constant_equal_gauges_are_shown_not_worse_and_never_worse(history):
    constant = np.full((1, 100, 1), 100.0)
    for margin in (0.0, 0.05):
        design = gauge(margin=margin)
        for state in walk(design, constant, constant, history):
            found = log_e(design, state)
            assert all(math.isfinite(value) for value in found.values())
            assert found["worse"] <= 1e-9
        assert found["not_worse"] > math.log(20)


def test_a_history_that_never_changes_teaches_no_variance_and_says_so():
    constant = np.full((1, 2000, 1), 100.0)
    design = gauge()
    for history in ((constant, constant), (constant, None)):
        state = follow(design, noisy(50, 100, 1), noisy(50, 100, 2), history)
        worse, _ = design.evidence(state, {})
        assert worse.assumptions[0].startswith("a history that never changes: fixed batches of 5")


def test_a_negative_level_keeps_its_margin_positive():
    for history in (None, calm_before()):
        assert both(noisy(200, -100, 1), noisy(200, -100, 2), history)["worse"] <= 0


@pytest.mark.parametrize("history", [None, calm_before()])
def test_the_interval_holds_the_difference(history):
    design = gauge()
    state = follow(design, noisy(200, 107, 1), noisy(200, 100, 2), history)
    worse, _ = design.evidence(state, {"worse": 0.01, "not_worse": 0.05})
    assert worse.interval.low < 7 < worse.interval.high
    assert worse.interval.high - worse.interval.low < 1
    assert worse.effect == pytest.approx(7, abs=0.5)
    assert worse.n_effective == (40 if history is None else pytest.approx(200, rel=0.15))


def test_the_onset_is_where_the_shift_begins():
    design = gauge(margin=0.02)
    canary = noisy(400, 100, 1)
    canary[:, 300:] += 8
    state = follow(design, canary, noisy(400, 100, 2), calm_before())
    assert abs(design.began(state).at - INTERVAL * 300) <= 2 * INTERVAL
    assert design.began(state).earliest <= INTERVAL * 300 <= design.began(state).latest
    assert design.began(design.begin()) is None


def test_a_rollout_more_restless_than_its_history_raises_the_variance_and_says_so():
    design, history = gauge(), calm_before()
    found = []
    for spread in (1.0, 3.0):
        canary, baseline = (100 + spread * noisy(500, 0, seed) for seed in (1, 2))
        state = follow(design, canary, baseline, history)
        found.append(design.evidence(state, {})[0])
    calm, wild = (one.interval.high - one.interval.low for one in found)
    assert wild == pytest.approx(3 * calm, rel=0.15)
    assert "times as restless as in the history" in found[1].assumptions[2]
    assert not any("restless" in told for told in found[0].assumptions)


@pytest.mark.parametrize("count", [1, 4])
def test_what_single_pods_cannot_tell_is_said(count):
    design = gauge()
    history = tuple(np.tile(side, count) for side in calm_before())
    history = tuple(side + noisy(HISTORY * count, 0, 9).reshape(side.shape) for side in history)
    told = design.evidence(design.begin(history=history), {})[0].assumptions
    assert any(text.startswith("single pods differ lastingly") for text in told) == (count == 1)


def test_a_jump_is_not_taken_for_restlessness():
    design = gauge()
    canary = noisy(40, 100, 1)
    canary[:, 20:] += 50
    state = follow(design, canary, noisy(40, 100, 2), calm_before())
    before = follow(design, canary[:, :20], noisy(40, 100, 2)[:, :20], calm_before())
    assert log_e(design, before)["worse"] < 0
    assert log_e(design, state)["worse"] > math.log(1e6)


def test_values_too_large_to_average_are_not_evaluable():
    design = gauge()
    huge = np.full((1, 60, 1), 1e308)
    for history in (None, calm_before()):
        state = follow(design, huge, -huge, history)
        assert set(log_e(design, state).values()) == {0.0}
        assert design.evidence(state, {})[0].status is Status.NOT_EVALUABLE


@pytest.mark.parametrize(
    ("phi", "ticks_of_history"), [(0.0, 1920), (0.6, 1920), (0.9, 1920), (0.6, 400), (0.6, 0)]
)
def test_a_healthy_gauge_is_called_worse_no_more_often_than_the_level(phi, ticks_of_history):
    rows, ticks, level = 200, 250, 0.05
    design = gauge(margin=0.0, batch=40)
    history = calm_before(7, ticks_of_history, rows, phi) if ticks_of_history else None
    canary, baseline = noisy(ticks, 100, 5, rows, phi), noisy(ticks, 100, 6, rows, phi)
    called = np.zeros(rows, dtype=bool)
    for state in walk(design, canary, baseline, history):
        called |= design.log_e(state)["worse"] >= -math.log(level)
    assert called.sum() <= stats.binom.ppf(1 - 1e-4, rows, level)


@pytest.mark.parametrize(("phi", "shift"), [(0.0, 1.0), (0.6, 1.0), (0.6, 2.0)])
def test_with_history_a_shift_is_found_within_twice_the_limit(phi, shift):
    rows, level = 80, 0.01
    told = shift**2 * (1 - phi) / (4 * (1 + phi))
    ticks = int(8 * -math.log(level) / told)
    design = gauge(margin=0.0)
    canary = noisy(ticks, 100 + shift, 5, rows, phi)
    history = calm_before(7, HISTORY, rows, phi)
    delay = np.full(rows, float(ticks))
    for t, state in enumerate(walk(design, canary, noisy(ticks, 100, 6, rows, phi), history)):
        over = design.log_e(state)["worse"] >= -math.log(level)
        delay = np.where(over, np.minimum(delay, t + 1), delay)
    assert delay.mean() <= 2 * -math.log(level) / told
