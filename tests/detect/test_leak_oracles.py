"""Scores, slopes and fits beside scipy, statsmodels, pymannkendall and the slow way."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy import stats

import canarystats as cs
from canarystats.kernels import mann_kendall as kernel
from canarystats.kernels.limit_time import limit_time
from canarystats.kernels.theil_sen import sen_slope
from canarystats.kernels.trend import _fit, growth
from tests.detect.processes import ar1
from tests.needs import SHARED, need

SERIES = SHARED / "data" / "pymannkendall"
# z of pymannkendall 1.4.3 (MIT) on its own example series, and Sen's slope
PYMANNKENDALL = {
    "AirPassengers.csv": {
        "original": 14.381610025544802,
        "hamed_rao": 11.40492600315139,
        "yue_wang": 11.96194010627043,
        "prewhitened": 2.0559988035118995,
        "prewhitened_without_trend": 14.891156020002994,
        "slope": 2.451216287678477,
    },
    "daily-total-female-births.csv": {
        "original": 5.302131199455321,
        "hamed_rao": 4.491738180232266,
        "yue_wang": 8.393849914663503,
        "prewhitened": 4.342545675111311,
        "prewhitened_without_trend": 5.461636075256799,
        "slope": 0.019230769230769232,
    },
    "shampoo.csv": {
        "original": 5.979572523983071,
        "hamed_rao": 5.130377554630905,
        "yue_wang": 7.228299591844884,
        "prewhitened": 2.982300730486251,
        "prewhitened_without_trend": 6.078212917371978,
        "slope": 11.509375,
    },
}
VARIANTS = [name for name in PYMANNKENDALL["shampoo.csv"] if name != "slope"]


def example(name):
    with (SERIES / name).open() as file:
        return np.array([float(row[1]) for row in list(csv.reader(file))[1:] if len(row) > 1])


@pytest.mark.parametrize("name", PYMANNKENDALL)
@pytest.mark.parametrize("variant", VARIANTS)
def test_trend_tests_equal_pymannkendalls(name, variant):
    need(SERIES.exists(), "the series of pymannkendall")
    expected = PYMANNKENDALL[name]
    found = cs.detect.mann_kendall(example(name), variant)
    p = 2 * stats.norm.sf(abs(expected[variant]))
    assert found.p_value == pytest.approx(p, rel=1e-9, abs=1e-300)
    assert found.effect == pytest.approx(expected["slope"], rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 10, 127, 128, 129, 1000])
@pytest.mark.parametrize("values", [None, 5])
def test_the_score_is_kendalls_tau_times_its_pairs(n, values):
    rng = np.random.default_rng(n)
    series = rng.normal(size=n) if values is None else rng.integers(0, values, n) * 1.0
    pairs = np.sign(series[None] - series[:, None])[np.triu_indices(n, 1)]
    assert kernel.score(series) == pairs.sum()
    if values is None and n > 2:
        tau = stats.kendalltau(np.arange(n), series).statistic
        assert kernel.score(series) / (n * (n - 1) / 2) == pytest.approx(tau, rel=1e-9)


@pytest.mark.parametrize("n", [12, 399, 401, 1500])
@pytest.mark.parametrize("ties", [False, True])
def test_sens_slope_and_interval_equal_scipys(n, ties):
    rng = np.random.default_rng(n)
    times = np.cumsum(rng.uniform(0.5, 1.5, n))
    values = 0.02 * times + rng.normal(size=n)
    if ties:
        values, times = np.round(values), np.arange(n) * 1.0
    expected = stats.theilslopes(values, times, alpha=0.9)
    found = sen_slope(values, times, 0.9)
    assert found.slope == pytest.approx(expected.slope, rel=1e-9, abs=1e-12)
    assert found.low == pytest.approx(expected.low_slope, rel=1e-9, abs=1e-12)
    assert found.high == pytest.approx(expected.high_slope, rel=1e-9, abs=1e-12)


def test_sens_slope_of_ten_thousand_samples_takes_little_memory():
    import tracemalloc

    rng = np.random.default_rng(4)
    times = np.arange(10_000.0)
    values = 1e-3 * times + rng.normal(size=10_000)
    tracemalloc.start()
    found = sen_slope(values, times)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all slopes at once are 400 MB, and sorting them as much again
    assert found.low < 1e-3 < found.high


def test_autocorrelations_equal_statsmodels():
    from statsmodels.tsa.stattools import acf

    series = ar1(np.random.default_rng(5), 1, 300, 0.6)[0]
    expected = acf(series, nlags=299, fft=False)
    assert kernel.autocorrelations(series) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("coefficient", [0.3, 0.8])
def test_a_fit_equals_generalised_least_squares(coefficient):
    from statsmodels.api import GLS

    n = 24
    rng = np.random.default_rng(6)
    clock = np.linspace(0, 1, n)
    step = (np.arange(n) >= 9) * 1.0
    values = 2 * clock + step + ar1(rng, 1, n, coefficient)[0]
    design = np.stack([np.ones(n), step, clock], axis=1)
    left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    first = left[1:] @ left[:-1] / (left @ left)
    phi = np.clip((first * n + 3) / (n - 5), 0, 1)
    assert 0 < phi < 1 - n**-0.5
    order = phi ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    expected = GLS(values, design, sigma=order).fit()
    found = _fit(values[None, None], step[None, None], clock[None, None])
    assert found.slope[0, 0] == pytest.approx(expected.params[2], rel=1e-9)
    assert found.variance[0, 0] == pytest.approx(expected.bse[2] ** 2, rel=1e-9)
    last = design[-1] @ expected.cov_params() @ design[-1]
    assert found.level_variance[0, 0] == pytest.approx(last, rel=1e-9)
    assert found.covariance[0, 0] == pytest.approx(
        (expected.cov_params() @ design[-1])[2], rel=1e-9
    )


def test_power_without_the_line_is_that_of_the_fit_without_it():
    n, rng = 24, np.random.default_rng(7)
    clock, step = np.linspace(0, 1, n), (np.arange(n) >= 12) * 1.0
    # alternating noise: its coefficient is negative, taken as 0, and least squares is all there is
    values = 3 * clock + (-1.0) ** np.arange(n) + 0.1 * rng.normal(size=n)
    found = _fit(values[None, None], step[None, None], clock[None, None])
    one = np.ones(n)
    for power, columns in ((found.power, (one, step, clock)), (found.power_without, (one, step))):
        design = np.stack(columns, axis=1)
        left = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
        assert power[0, 0] == pytest.approx(left @ left, rel=1e-9)


def test_an_exact_line_is_certain():
    clock = np.arange(24.0)[None]
    found = growth(3 * clock + 5, clock, 1.0)
    assert found.p_value[0] == 0
    assert found.slope[0] == pytest.approx(3, rel=1e-9)
    assert growth(3 * clock + 5, clock, 4.0).p_value[0] == 1


def test_fiellers_set_is_where_line_and_limit_cannot_be_told_apart():
    b, vb, vl, c, d = 2.0, 0.09, 1.0, 0.2, 50.0
    found = limit_time(d, b, vb**0.5, vl**0.5, c, freedom=21, coverage=0.9)
    q = stats.t.ppf(0.95, 21)
    grid = np.linspace(0, 100, 200_001)
    inside = np.abs(d - b * grid) <= q * np.sqrt(vl + 2 * c * grid + vb * grid**2)
    assert found.point == 25
    assert found.low == pytest.approx(grid[inside].min(), abs=1e-3)
    assert found.high == pytest.approx(grid[inside].max(), abs=1e-3)


@pytest.mark.parametrize("slope", [0.5, 0.0, -0.3])
def test_a_slope_that_may_be_zero_leaves_the_time_open(slope):
    found = limit_time(10.0, slope, 0.5, 1.0, 0.0, freedom=21, coverage=0.9)
    q = stats.t.ppf(0.95, 21)
    grid = np.linspace(0, 1000, 1_000_001)
    inside = np.abs(10 - slope * grid) <= q * np.sqrt(1 + 0.25 * grid**2)
    assert found.high is None
    assert found.low == pytest.approx(grid[inside].min(), abs=2e-3)
    assert (found.point is None) == (slope <= 0)
