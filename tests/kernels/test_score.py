"""Score tests against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import xlogy
from statsmodels.stats.proportion import score_test_proportions_2indep
from statsmodels.stats.rates import test_poisson_2indep as poisson_test

from canarystats.kernels import score

CASES = [
    ((a, b), (n, m))
    for a, b, n, m in [
        (5, 2, 40, 50),
        (0, 7, 30, 30),
        (12, 0, 25, 90),
        (30, 30, 31, 33),
        (1, 1, 9, 4),
    ]
]


@pytest.mark.parametrize(("events", "trials"), CASES)
def test_the_score_of_equal_shares(events, trials):
    expected = score_test_proportions_2indep(
        events[0], trials[0], events[1], trials[1], value=0, return_results=False
    )[0]
    found = score.share_difference_score(events, trials, 0.0)
    assert found == pytest.approx(float(expected), rel=1e-10)


def test_the_published_interval_of_a_difference_of_shares():
    """Newcombe (1998), Statistics in Medicine 17:873-890, example (a), Miettinen and Nurminen."""
    low, high = score.inverted(
        lambda d: score.share_difference_score((56, 48), (70, 80), d), 0.2, (-1, 1), 1.959963985
    )
    assert (round(low, 4), round(high, 4)) == (0.0528, 0.3382)


@pytest.mark.parametrize(("events", "trials"), CASES)
@pytest.mark.parametrize("difference", [-0.5, -0.1, 0.0, 0.1, 0.7])
def test_the_constrained_shares_are_the_likeliest(events, trials, difference):
    found = score._likeliest_share(events[0], trials[0], events[1], trials[1], difference)

    def unlikelihood(low):
        parts = zip(events, trials, (low + difference, low), strict=True)
        return -sum(xlogy(k, p) + xlogy(n - k, 1 - p) for k, n, p in parts)

    ends = max(0.0, -difference), min(1.0, 1 - difference)
    best = minimize_scalar(unlikelihood, bounds=ends, method="bounded", options={"xatol": 1e-9})
    assert unlikelihood(found) <= best.fun + 1e-9


@pytest.mark.parametrize(("events", "exposure"), CASES)
@pytest.mark.parametrize("difference", [-0.5, -0.1, 0.0, 0.1, 0.5])
def test_the_score_of_a_difference_of_poisson_rates(events, exposure, difference):
    expected = poisson_test(
        events[0],
        exposure[0],
        max(events[1], 1e-300),
        exposure[1],
        value=difference,
        method="score",
        compare="diff",
    ).statistic
    found = score.rate_difference_score(events, exposure, difference)
    assert found == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize(("events", "exposure"), CASES)
@pytest.mark.parametrize("critical", [1.0, 1.96, 3.0])
def test_the_bounds_of_a_ratio_are_where_its_score_crosses(events, exposure, critical):
    low, high = score.rate_ratio_bounds(events, exposure, critical)
    if low > 0:
        assert score.rate_ratio_score(events, exposure, low) == pytest.approx(critical, rel=1e-9)
    if math.isfinite(high):
        assert score.rate_ratio_score(events, exposure, high) == pytest.approx(-critical, rel=1e-9)
    assert (low == 0) == (events[0] == 0)
    assert math.isinf(high) == (events[1] == 0)


def test_an_inverted_score_crosses_where_it_says():
    low, high = score.inverted(lambda v: (2.0 - v) * 3, 2.0, (-10.0, 10.0), 1.5)
    np.testing.assert_allclose([low, high], [1.5, 2.5], rtol=1e-14)
