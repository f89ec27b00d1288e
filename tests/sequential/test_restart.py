"""Detectors of a change in mid-rollout."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.kernels import detectors
from canarystats.sequential.restart import Change, Restart, RestartState
from canarystats.state import pack, unpack

SHIFTS = np.array([0.25, 0.5, 1.0, 2.0])


def follow(design, gains, at=0.0):
    state = design.begin(gains.shape[1])
    for i, gain in enumerate(gains):
        state = design.step(state, gain, at + 15.0 * i)
    return state


def first_alarms(design, rng, runs, ticks, shift=0.0, change=0):
    """First alarm of every run, and the onset told then, counted in ticks from 1."""
    state, onset = design.begin(runs), np.full(runs, np.nan)
    first = np.full(runs, np.inf)
    bar = math.log(design.average_run_length)
    for tick in range(1, ticks + 1):
        values = rng.normal(size=runs) + (shift if tick > change else 0.0)
        state = design.step(state, detectors.normal_gain(values, SHIFTS, 1.0), float(tick))
        fresh = (design.log_value(state) >= bar) & np.isinf(first)
        first[fresh], onset[fresh] = tick, design.onset(state)[fresh]
    return first, onset


def test_e_cusum_is_the_best_start_and_e_sr_the_sum_over_starts():
    gains = np.random.default_rng(1).normal(0, 1, (30, 1, 1))
    state = follow(Restart("m", 1), gains)
    starts = np.exp(np.cumsum(gains[::-1, 0, 0]))  # the product from every start to the last tick
    assert math.exp(state.cusum[0, 0]) == pytest.approx(starts.max(), rel=1e-12)
    assert math.exp(state.shiryaev_roberts[0, 0]) == pytest.approx(starts.sum(), rel=1e-12)
    best = len(starts) - 1 - int(starts.argmax())
    assert state.since[0, 0] == 15.0 * best


def test_gains_are_log_likelihood_ratios():
    values, shifts = np.array([-0.3, 1.7]), np.array([0.5, 2.0])
    for k, value in enumerate(values):
        for j, shift in enumerate(shifts):
            ratio = stats.norm.logpdf(value, shift, 1.5) - stats.norm.logpdf(value, 0, 1.5)
            found = detectors.normal_gain(values, shifts, 1.5)[k, j]
            assert found == pytest.approx(ratio, rel=1e-12)
    share, odds = 0.1, 3.0
    moved = share * odds / (share * odds + 1 - share)
    expected = stats.binom.logpmf(4, 9, moved) - stats.binom.logpmf(4, 9, share)
    found = detectors.odds_gain(np.array([4.0]), np.array([5.0]), np.array([share]), np.log([odds]))
    assert found[0, 0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("form", ["cusum", "shiryaev_roberts"])
def test_the_average_run_length_of_a_healthy_metric_is_at_least_as_promised(form):
    design = Restart("m", len(SHIFTS), average_run_length=60, form=form)
    runs, ticks = 1500, 1200
    first, _ = first_alarms(design, np.random.default_rng(2), runs, ticks)
    lengths = np.minimum(first, ticks)  # cut off: an underestimate
    error = stats.norm.isf(1e-4) * lengths.std() / math.sqrt(runs)
    assert lengths.mean() - error >= 60


# Reference pages, 7.1: a shift at tick 300, run length 5000: median delay, false alarms in percent.
TABLE = [
    (0.5, "shiryaev_roberts", 42, 2.6),
    (1.0, "shiryaev_roberts", 15, 2.4),
    (2.0, "shiryaev_roberts", 5, 2.8),
    (0.5, "cusum", 64, 0.7),
    (1.0, "cusum", 18, 0.9),
    (2.0, "cusum", 5, 0.5),
]


@pytest.mark.parametrize(("shift", "form", "delay", "false_alarms"), TABLE)
def test_a_change_at_tick_300_is_found_as_the_reference_table_says(
    shift, form, delay, false_alarms
):
    runs = 800
    design = Restart("m", len(SHIFTS), form=form)
    rng = np.random.default_rng(3)
    first, onset = first_alarms(design, rng, runs, 300 + 4 * delay, shift, change=300)
    late = first[first > 300] - 300
    assert np.median(late) == pytest.approx(delay, abs=max(1, 0.12 * delay))
    limit = math.log(5000) / (shift**2 / 2)
    assert np.median(late) <= 2 * limit
    # Both rates are uncertain: the table's from 2000 runs.
    pooled = false_alarms / 100
    spread = math.sqrt(pooled * (1 - pooled) * (1 / runs + 1 / 2000))
    wrong = float((first <= 300).mean())
    assert abs(wrong - pooled) <= stats.norm.isf(1e-4) * spread
    # At most a false alarm in 5000 ticks over 300 of them.
    assert (first <= 300).sum() <= stats.binom.ppf(1 - 1e-4, runs, 300 / 5000)
    told = onset[(first > 300) & np.isfinite(first)]
    assert abs(np.median(told) - 301) <= 2
    assert (np.abs(told - 301) <= 12 / shift**2).mean() > 0.6


@pytest.mark.parametrize(("ratio", "events"), [(2.0, 2.0), (5.0, 2.0), (1.5, 20.0)])
def test_errors_that_rise_at_tick_300_are_found_within_twice_the_limit(ratio, events):
    runs, share, length = 300, 0.1, 5000
    odds = np.log([1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0])
    design = Restart("m", len(odds), average_run_length=length)
    rng, state, first = np.random.default_rng(6), design.begin(300), np.full(300, np.inf)
    for tick in range(1, 900):
        rate = events * share * (ratio if tick > 300 else 1.0)
        canary = rng.poisson(rate, runs).astype(float)
        baseline = rng.poisson(events * (1 - share), runs).astype(float)
        gain = detectors.odds_gain(canary, baseline, np.full(runs, share), odds)
        state = design.step(state, gain, float(tick))
        high = design.log_value(state) >= math.log(length)
        first[high & np.isinf(first)] = tick
    assert (first <= 300).sum() <= stats.binom.ppf(1 - 1e-4, runs, 300 / length)
    moved = share * ratio / (share * ratio + 1 - share)
    divergence = moved * math.log(moved / share)
    divergence += (1 - moved) * math.log((1 - moved) / (1 - share))
    limit = math.log(length) / (divergence * events * (share * ratio + 1 - share))
    late = first[first > 300] - 300
    assert np.median(late) <= max(2 * limit, 3)
    assert np.isfinite(late).mean() > 0.99


@pytest.mark.parametrize("form", ["cusum", "shiryaev_roberts"])
def test_rows_together_equal_single_ones_and_a_missed_tick_changes_nothing(form):
    gains = np.random.default_rng(4).normal(0, 1.5, (50, 20, 3))
    gains[10, 5, 1] = np.nan
    design = Restart("m", 3, average_run_length=20, form=form)
    together = follow(design, gains)
    for row in range(20):
        assert pack(follow(design, gains[:, [row]])) == pack(row_of(together, row))
    before, after = follow(design, gains[:10]), follow(design, gains[:11])
    assert pack(row_of(before, 5)) == pack(row_of(after, 5))
    assert pack(row_of(before, 4)) != pack(row_of(after, 4))


def row_of(state, row):
    names = ("cusum", "shiryaev_roberts", "since", "alarmed", "at")
    return RestartState(*(getattr(state, name)[[row]] for name in names))


def test_the_state_survives_json_and_goes_on_alike():
    design = Restart("m", 4)
    gains = np.random.default_rng(5).normal(0.5, 1, (40, 3, 4))
    state = follow(design, gains[:20])
    restored = unpack(RestartState, json.loads(json.dumps(pack(state), allow_nan=False)))
    fresh = unpack(RestartState, json.loads(json.dumps(pack(design.begin()), allow_nan=False)))
    assert pack(fresh) == pack(design.begin())
    for gain in gains[20:]:
        state, restored = design.step(state, gain, 9.0), design.step(restored, gain, 9.0)
    assert pack(state) == pack(restored)


def test_an_alarm_names_its_onset_and_is_gone_once_the_detector_is_down():
    design = Restart("m", 1, average_run_length=100)
    quiet, loud = np.full((10, 1, 1), -0.5), np.full((6, 1, 1), 1.0)
    state = follow(design, np.concatenate([quiet, loud]))
    # e^5 > 100: the fifth loud tick alarms, and the first one is the onset.
    assert design.change(state) == Change(onset=150.0, alarmed=210.0)
    found = design.evidence(state)
    assert found.detail == "a change began about 1m15s before the last tick"
    assert not found.decides
    assert found.log_e_value is None
    for i in range(20):
        state = design.step(state, np.array([[-0.5]]), 240.0 + 15 * i)
    assert design.change(state) is None
    assert design.evidence(state).detail == "no change seen"


def test_before_the_first_tick_there_is_nothing_to_tell():
    design = Restart("m", 2)
    state = design.begin(3)
    assert design.change(state, 1) is None
    assert design.evidence(state, 2).status is Status.NO_DATA
    assert np.isnan(design.onset(state)).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"alternatives": 0},
        {"alternatives": 1, "average_run_length": 1.0},
        {"alternatives": 1, "average_run_length": math.inf},
        {"alternatives": 1, "form": "both"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(wrong):
    with pytest.raises(InputError):
        Restart("m", **wrong)
