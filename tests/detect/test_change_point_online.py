"""Changes seen while they happen, and how long a quiet series is watched without an alarm."""

from __future__ import annotations

import json

import numpy as np
import pytest

import canarystats as cs
from canarystats.detect import OnlineDetector, OnlineState
from canarystats.kernels.running_hull import largest_cusum, push
from canarystats.state import pack, unpack
from tests.detect.processes import ar1, step


def first_alarm(detector, series, history=None):
    """Samples until the first alarm, or all of them."""
    state = detector.start(history)
    for start in range(0, len(series), 100):
        state, alarms = detector.observe(state, series[start : start + 100])
        if alarms:
            return alarms[0].detected + 1
    return len(series)


@pytest.mark.parametrize("seed", range(3))
def test_the_hulls_hold_the_largest_cusum_of_all_places(seed):
    values = np.random.default_rng(seed).normal(size=120)
    lower, upper, total = [(0.0, 0.0)], [(0.0, 0.0)], 0.0
    for n, value in enumerate(values.tolist(), 1):
        total += value
        push(lower, (float(n), total), 1.0)
        push(upper, (float(n), total), -1.0)
        if n == 1:
            continue
        k = np.arange(1, n)
        sums = np.cumsum(values[:n])
        every = np.abs(sums[k - 1] - sums[-1] * k / n) * np.sqrt(n / (k * (n - k)))
        best = max(largest_cusum(lower)[0], largest_cusum(upper)[0])
        assert best == pytest.approx(every.max(), rel=1e-9)


def test_a_step_raises_one_alarm_that_says_when_and_how_much():
    values = ar1(np.random.default_rng(2), 1, 1200, 0.6)[0] + 3 * step(1200, 0.5)
    detector = OnlineDetector(average_run_length=10_000)
    state, (alarm,) = detector.observe(detector.start(), values)
    assert abs(alarm.index - 600) <= 10
    assert 600 <= alarm.detected <= 650
    assert alarm.effect == pytest.approx(3, abs=1)
    assert alarm.evidence.effect == alarm.effect
    assert state.tick == 1200
    assert repr(alarm).startswith(f"Alarm at tick {alarm.detected}")


def test_spikes_raise_no_alarm():
    values = np.random.default_rng(2).normal(size=1500)
    values[200::60] += 50
    detector = OnlineDetector()
    assert detector.observe(detector.start(), values)[1] == ()


def test_a_fold_in_pieces_is_the_fold_at_once_also_through_json():
    values = ar1(np.random.default_rng(3), 1, 800, 0.6)[0] + 3 * step(800)
    values[[5, 150, 151]] = np.nan
    detector = OnlineDetector(average_run_length=1000)
    whole, alarms = detector.observe(detector.start(), values)
    state, told = detector.start(), ()
    for part in np.array_split(values, 37):
        state, new = detector.observe(state, part)
        told += new
        state = unpack(OnlineState, json.loads(json.dumps(pack(state))))
    assert told == alarms
    assert pack(state) == pack(whole)


def test_the_state_stays_small():
    detector = OnlineDetector()
    state, _ = detector.observe(detector.start(), np.random.default_rng(4).normal(size=20_000))
    assert len(state.lower) + len(state.upper) < 100
    assert len(state.reference) == 100


def test_a_history_spares_the_warm_up_and_its_level_does_not_matter():
    history, values = np.random.default_rng(5).normal(size=(2, 400))
    values[60:] += 2.5
    detector = OnlineDetector()
    quick = detector.observe(detector.start(history), values)[1]
    assert quick
    assert 60 <= quick[0].detected < 100


def test_run_length_at_memory_is_what_was_asked():
    """The mean of 160 near-exponential run lengths has a standard error of 8 %."""
    series = ar1(np.random.default_rng(6), 160, 4000, 0.6)
    detector = OnlineDetector(average_run_length=400)
    lengths = [first_alarm(detector, row) for row in series]
    assert 400 * 0.75 <= np.mean(lengths) <= 400 * 1.25


@pytest.mark.calibration
@pytest.mark.parametrize("asked", [500, 2000])
@pytest.mark.parametrize("history", [0, 1000])
def test_run_lengths_hold_within_a_quarter(asked, history):
    series = ar1(np.random.default_rng(7), 300, 8 * asked + history, 0.6)
    detector = OnlineDetector(average_run_length=asked)
    lengths = [
        first_alarm(detector, row[history:], row[:history] if history else None) for row in series
    ]
    assert 0.75 <= np.mean(lengths) / asked <= 1.25


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"average_run_length": 10}, "average_run_length is 10; it must be at least 50"),
        ({"average_run_length": np.inf}, "average_run_length is inf"),
        ({"warm_up": 5}, "warm_up is 5; it must be at least 20"),
    ],
)
def test_settings_out_of_range_are_refused(arguments, says):
    with pytest.raises(cs.InputError, match=says):
        OnlineDetector(**arguments)


def test_histories_and_samples_that_cannot_be_right_are_refused():
    detector = OnlineDetector()
    with pytest.raises(cs.InputError, match=r"history has shape \(1, 3\)"):
        detector.start([[1, 2, 3]])
    with pytest.raises(cs.InputError, match=r"values has shape \(2, 2\)"):
        detector.observe(detector.start(), [[1, 2], [3, 4]])


def test_a_history_too_short_to_refer_to_leaves_the_warm_up():
    rows = np.random.default_rng(6).normal(size=150) + 9 * (np.arange(150) >= 120)
    detector = OnlineDetector(average_run_length=500)
    answers = [
        detector.observe(detector.start(history), rows)[1]
        for history in (None, [1, 2, 3], [], [np.nan] * 40)
    ]
    assert answers[0][-1].index == 120
    assert all(repr(alarms) == repr(answers[0]) for alarms in answers)


def test_a_series_that_never_varies_is_watched_in_silence_until_it_steps():
    detector = OnlineDetector()
    state, alarms = detector.observe(detector.start(), [4.0] * 300)
    assert alarms == ()
    _, alarms = detector.observe(state, [5.0] * 40)
    assert alarms[0].index == 300
