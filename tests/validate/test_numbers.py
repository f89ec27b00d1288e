"""Each number against an independent answer."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.sandwich_covariance import cov_hac

from canarystats.kernels.block_ratio import block_ratio
from canarystats.kernels.poisson import count_bounds, duration_bounds
from canarystats.kernels.seasonal_trend import seasonal_trend
from tests.validate import weeks


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_count_bounds_are_garwoods(count):
    low, high = count_bounds(count, 0.05)
    assert low == pytest.approx(stats.chi2.ppf(0.05, 2 * count) / 2 if count else 0.0)
    assert high == pytest.approx(stats.chi2.ppf(0.95, 2 * count + 2) / 2)
    assert stats.poisson.cdf(count, high) == pytest.approx(0.05)


@pytest.mark.parametrize("n", [1, 4, 30])
def test_duration_bounds_are_those_of_the_exponential_mean(n):
    low, high = duration_bounds(7.0, n, 0.05)
    assert low == pytest.approx(2 * n * 7.0 / stats.chi2.ppf(0.95, 2 * n))
    assert high == pytest.approx(2 * n * 7.0 / stats.chi2.ppf(0.05, 2 * n))


def test_bounds_of_a_share_of_independent_requests_are_nearly_clopper_pearsons():
    rng = np.random.default_rng(1)
    total = np.full(400, 5000.0)
    ratio = block_ratio(rng.binomial(5000, 0.002, 400).astype(float), total)
    low, high = ratio.share_bounds(0.05)
    exact = proportion_confint(ratio.value * 2e6, 2e6, 0.1, "beta")
    assert ratio.error == pytest.approx(np.sqrt(0.002 / 2e6), rel=0.25)
    assert high - low == pytest.approx(exact[1] - exact[0], rel=0.3)
    assert low <= exact[0]
    assert high >= exact[1]


def test_the_effective_trials_are_korn_and_graubards():
    rng = np.random.default_rng(2)
    events = 6.0 * rng.poisson(2, 168)
    ratio = block_ratio(events, np.full(168, 10_000.0))
    variance = ratio.value * (1 - ratio.value) / ratio.error**2
    few = (stats.norm.ppf(0.05) / stats.t.ppf(0.05, ratio.degrees)) ** 2
    trials = ratio.effective_trials(0.05)
    assert trials == pytest.approx(variance * few)
    assert 168e4 / 15 < trials < 168e4 / 4  # clumps of six are worth a sixth, or less
    exact = proportion_confint(ratio.value * trials, trials, 0.1, "beta")
    assert ratio.share_bounds(0.05) == pytest.approx(exact)


def hours(days):
    return np.arange(24 * days, dtype=float)


def patterns(x):
    day = (x // 24).astype(int)
    return np.column_stack(
        [
            np.ones(len(x)),
            (day % 7 >= 5) * 1.0,
            *(((x % 24) == hour) * 1.0 for hour in range(1, 24)),
        ]
    )


def test_the_slope_is_that_of_weighted_least_squares():
    rng = np.random.default_rng(3)
    x = hours(7)
    y = rng.normal(size=len(x)) + 0.01 * x + 2 * ((x // 24) >= 5) + np.sin(x / 24 * 6.283)
    weights = rng.uniform(1, 5, len(x))
    design = np.column_stack([patterns(x), x])
    wanted = sm.WLS(y, design, weights=weights).fit()
    line = seasonal_trend(y, weights, x, patterns(x), 2)
    assert line.slope == pytest.approx(wanted.params[-1], rel=1e-9)
    np.testing.assert_allclose(
        line.left, wanted.wresid / np.sqrt(weights.mean()), atol=1e-9, rtol=1e-9
    )


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_error_of_a_slope_is_near_that_of_newey_and_west(phi):
    # over many series, so that neither estimate's own noise decides
    rng = np.random.default_rng(4)
    x, design = hours(28), sm.add_constant(hours(28))
    ratios = []
    for _ in range(30):
        y = weeks.ar1(rng, len(x), phi)
        wanted = np.sqrt(cov_hac(sm.OLS(y, design).fit(), nlags=30)[1, 1])
        ratios.append(seasonal_trend(y, np.ones(len(x)), x, design[:, :1]).error / wanted)
    assert 0.95 < np.median(ratios) < 1.5  # never narrower: the widest of three block lengths


def test_a_trend_that_is_a_pattern_cannot_be_seen():
    x = hours(2)
    assert seasonal_trend(x, np.ones(48), x, np.column_stack([np.ones(48), x])) is None


def test_missing_blocks_change_no_number_of_the_others():
    rng = np.random.default_rng(5)
    x = hours(7)
    y = rng.normal(size=len(x)) + 0.01 * x
    gone = np.where((x > 40) & (x < 60), np.nan, y)
    kept = np.isfinite(gone)
    line = seasonal_trend(gone, np.ones(len(x)), x, np.ones((len(x), 1)))
    slope = np.polyfit(x[kept], y[kept], 1)[0]
    assert line.slope == pytest.approx(slope)
    assert np.isnan(line.left[~kept]).all()
