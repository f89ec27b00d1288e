"""The designs of the calibration page, small enough for every change."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.calibration import designs
from benchmarks.calibration.coverage import INTERVALS, covered
from scipy import stats

from canarystats.windows import Pair

SURELY = 1 - 1e-4


def alarms(draw, compare, n, level, runs, factor=1.0):
    pairs = draw(np.random.default_rng(7), runs, n, factor)
    return sum(e.decides for e in compare(pairs, level))


@pytest.mark.parametrize("level", [0.01, 0.05])
@pytest.mark.parametrize("compare", [designs.by_ranks, designs.by_pairs])
def test_one_look_at_a_slow_gauge_keeps_its_level(compare, level):
    runs = 1500
    found = alarms(designs.autoregressive(0.8), compare, 60, level, runs)
    assert found <= stats.binom.ppf(SURELY, runs, 1.5 * level)


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_a_shared_day_keeps_the_level(phi):
    runs = 600
    found = alarms(designs.diurnal(phi), designs.by_pairs, 240, 0.02, runs)
    assert found <= stats.binom.ppf(SURELY, runs, 0.03)


@pytest.mark.parametrize(("factor", "kayenta"), [(1.1, 60.8), (1.5, 99.0)])
def test_a_difference_under_a_shared_day_and_slow_noise_is_found(factor, kayenta):
    runs = 300
    found = alarms(designs.diurnal(0.8), designs.by_pairs, 240, 0.02, runs, factor)
    assert found >= stats.binom.ppf(0.001, runs, kayenta / 100)


def test_errors_from_none_are_found():
    pairs = designs.counts(np.random.default_rng(8), 300, 240, 0.3, 0.0)
    assert all(e.decides for e in designs.by_rates(pairs, 0.01))
    assert isinstance(pairs[0], Pair)


@pytest.mark.parametrize("at", range(len(INTERVALS)), ids=lambda i: "-".join(INTERVALS[i][:2]))
def test_intervals_hold_the_truth(at):
    _, _, draw, function, truth = INTERVALS[at]
    runs = 120
    percent, without = covered(draw, function, truth, np.random.default_rng(at), runs)
    assert percent >= 100 * stats.binom.ppf(1e-4, runs, 0.935) / runs
    assert without < 20
