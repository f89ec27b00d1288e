"""A period that is given: which pattern is used, and where in it the fresh values lie."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.tsa.seasonal import STL

import canarystats as cs
from canarystats.evidence import Status

PERIOD = 12


def season(ticks):
    return 20 * np.sin(2 * np.pi * ticks / PERIOD)


def record(rng, periods, end=0):
    ticks = np.arange(-PERIOD * periods, 0) + end
    return season(ticks) + rng.normal(size=len(ticks))


def test_two_periods_give_the_median_of_each_phase():
    before = record(np.random.default_rng(1), 2)
    found = cs.detect.anomalies(before[:5], before, period=PERIOD)
    assert found.expected == pytest.approx(before.reshape(2, PERIOD).mean(axis=0)[:5])
    left = before[:PERIOD] - before[PERIOD:]
    assert found.evidence.n_baseline == 2 * PERIOD
    assert max(np.abs(left)) < 10  # the calibration is what one period leaves of the other


def test_three_periods_give_statsmodels_pattern_around_the_last_level():
    before = record(np.random.default_rng(2), 4)
    found = cs.detect.anomalies(np.zeros(PERIOD), before, period=PERIOD)
    seasonal = STL(before, period=PERIOD, robust=True).fit().seasonal[-PERIOD:]
    level = np.median(before[-PERIOD:] - seasonal)
    assert found.expected == pytest.approx(seasonal + level, rel=1e-9)
    assert found.evidence.n_baseline == 2 * PERIOD  # the third and the fourth, predicted


def test_a_gap_in_the_record_leaves_the_medians():
    before = record(np.random.default_rng(3), 4)
    before[7] = np.nan
    found = cs.detect.anomalies(np.zeros(PERIOD), before, period=PERIOD)
    cycles = before.reshape(4, PERIOD)
    assert found.expected == pytest.approx(np.nanmedian(cycles, axis=0))


@pytest.mark.parametrize("missing", [0, 5, 12])
def test_times_say_how_far_the_record_lies_back(missing):
    rng = np.random.default_rng(4)
    before = record(rng, 3)
    ticks = missing + np.arange(6)
    history = cs.Pair.gauge("q", canary=before, times=1e9 + 60.0 * np.arange(-len(before), 0))
    values = season(ticks) + rng.normal(size=6)
    pair = cs.Pair.gauge("q", canary=values, times=1e9 + 60.0 * ticks)
    found = cs.detect.anomalies(pair, history=history, period=PERIOD)
    assert np.abs(np.array(found.expected) - season(ticks)).max() < 4
    assert not found.anomalous
    shifted = cs.Pair.gauge("q", canary=values + 15, times=pair.times)
    assert cs.detect.anomalies(shifted, history=history, period=PERIOD).anomalous


def test_too_few_periods_are_not_evaluable_and_say_so():
    found = cs.detect.anomalies([1.0, 2.0], np.arange(23.0), period=PERIOD)
    assert found.evidence.status is Status.NOT_EVALUABLE
    assert "period" in found.evidence.detail


def test_the_pattern_finds_what_the_plain_band_cannot_see():
    rng = np.random.default_rng(5)
    before = record(rng, 5)
    fresh = season(np.arange(5)) + rng.normal(size=5) + 10
    assert not cs.detect.anomalies(fresh, before).anomalous
    assert cs.detect.anomalies(fresh, before, period=PERIOD).anomalous
