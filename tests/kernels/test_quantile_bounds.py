"""Quantiles and whole distribution functions at any number of looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import betaln

from canarystats.kernels.quantile_bounds import (
    PRIOR_EVENTS,
    band_width,
    equality_p_value,
    log_e_of_share,
    quantile_bracket,
)


def test_the_e_value_of_a_share_is_the_beta_binomial_over_the_binomial():
    k, n, p = 7, 40, 0.1
    beta = stats.betabinom(n, PRIOR_EVENTS * p, PRIOR_EVENTS * (1 - p)).pmf(k)
    assert log_e_of_share(k, n, p) == pytest.approx(math.log(beta / stats.binom(n, p).pmf(k)))
    assert betaln(1, 9) == pytest.approx(math.log(1 / 9))


def test_the_expected_e_value_is_one():
    n, p = 25, 0.07
    k = np.arange(n + 1)
    mean = (stats.binom(n, p).pmf(k) * np.exp(log_e_of_share(k, n, p))).sum()
    assert mean == pytest.approx(1.0)


@pytest.mark.parametrize(("level", "constant"), [(0.95, 8.30), (0.99, 9.59), (0.999, 11.43)])
def test_the_band_is_the_published_one(level, constant):
    # sequential-methods.md 1.1: 0.8 ln(1612 / alpha) = 8.30, 9.59, 11.43
    n = 1000
    expected = 0.85 * math.sqrt((math.log(math.log(math.e * n)) + constant) / n)
    assert band_width(n, level) == pytest.approx(expected, rel=1e-3)
    assert band_width(0, level) == 1
    assert band_width(3, level) == 1


@pytest.mark.parametrize(
    ("n", "m", "gap"), [(400, 900, 0.25), (50_000, 2000, 0.09), (90, 90, 0.95)]
)
def test_the_p_value_is_the_level_at_which_the_bands_come_apart(n, m, gap):
    p = equality_p_value(gap, n, m)
    assert 0 < p < 1
    assert band_width(n, 1 - p / 2) + band_width(m, 1 - p / 2) == pytest.approx(gap, rel=1e-6)


def test_equal_sides_and_empty_sides_have_p_one():
    assert equality_p_value(0.0, 500, 500) == 1
    assert equality_p_value(1.0, 0, 500) == 1


def test_the_bracket_holds_the_quantile_at_every_look():
    rng = np.random.default_rng(9)
    runs, looks, edges, q = 300, 150, np.linspace(0.5, 6, 12), 0.9
    truth = stats.expon.ppf(q)
    above, missed = np.zeros((runs, 12)), np.zeros(runs, dtype=bool)
    for look in range(1, looks + 1):
        above += (rng.exponential(size=(runs, 20))[:, :, None] > edges).sum(axis=1)
        low, high = quantile_bracket(edges, above, np.full(runs, 20.0 * look), q, 0.95)
        missed |= (truth <= low) | (truth > high)
    assert missed.sum() <= stats.binom.ppf(1 - 1e-4, runs, 0.05)
    assert (low > 0).all()
    assert np.isfinite(high).all()


def test_without_observations_the_quantile_may_be_anywhere():
    low, high = quantile_bracket(np.array([1.0, 2.0]), np.zeros((1, 2)), np.zeros(1), 0.5, 0.95)
    assert (low[0], high[0]) == (-np.inf, np.inf)
