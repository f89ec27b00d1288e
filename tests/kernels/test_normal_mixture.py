"""Normal mixtures against published numbers, numeric integration and counting."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from canarystats.kernels import normal_mixture

LOOKS = np.array([20.0, 50, 100, 200, 500, 1000, 5000])
# Critical |z| after n looks of a sequence tuned for t_opt: GrowthBook, Eppo, Waudby-Smith et al.
CRITICAL = {
    50: [3.12, 3.04, 3.06, 3.13, 3.24, 3.34, 3.56],
    200: [3.86, 3.26, 3.08, 3.04, 3.08, 3.15, 3.37],
    1000: [6.69, 4.72, 3.86, 3.36, 3.08, 3.04, 3.15],
    5000: [13.99, 9.08, 6.69, 5.10, 3.86, 3.36, 3.04],
    10000: [19.61, 12.57, 9.08, 6.69, 4.72, 3.86, 3.08],
}


def test_the_half_width_is_that_of_confseq_gbstats_and_eppo():
    n = np.array(1000.0)
    r = normal_mixture.precision(1000, 0.95)
    assert float(normal_mixture.half_width(n, n, r, 0.95)) == pytest.approx(
        0.09598173584209, abs=1e-14
    )


def test_the_one_sided_width_is_that_of_confseq():
    n = np.array(1000.0)
    r = normal_mixture.precision(1000, 0.95, one_sided=True)
    width = float(normal_mixture.lower_width(n, n, r, 0.95))
    assert width == pytest.approx(0.0874708, abs=5e-8)


@pytest.mark.parametrize("tuned", CRITICAL)
def test_critical_values_are_those_published(tuned):
    r = normal_mixture.precision(tuned, 0.95)
    z = normal_mixture.half_width(LOOKS, LOOKS, r, 0.95) * np.sqrt(LOOKS)
    np.testing.assert_array_equal(np.round(z, 2), CRITICAL[tuned])


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize(("total", "spent"), [(0.0, 4.0), (3.0, 10.0), (-5.0, 30.0), (25.0, 100.0)])
def test_the_e_value_is_the_likelihood_ratio_averaged_over_drifts(total, spent, one_sided):
    r = 7.0

    def integrand(drift):
        return math.exp(drift * total - drift * drift * spent / 2) * stats.norm.pdf(
            drift, scale=1 / math.sqrt(r)
        )

    low, weight = (0.0, 2.0) if one_sided else (-4.0, 1.0)
    value = weight * integrate.quad(integrand, low, 4.0, points=[max(total / spent, low)])[0]
    found = normal_mixture.log_e_value(np.array([total]), np.array([spent]), r, one_sided=one_sided)
    assert float(found[0]) == pytest.approx(math.log(value), abs=1e-9)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99, 0.999])
def test_at_the_end_of_either_interval_the_e_value_reaches_its_level(level):
    n, variance = np.array([3.0, 40.0, 700.0]), 2.5
    spent = n * variance
    for one_sided, width in (
        (False, normal_mixture.half_width),
        (True, normal_mixture.lower_width),
    ):
        r = normal_mixture.precision(200 * variance, level, one_sided=one_sided)
        total = width(n, spent, r, level) * n
        found = normal_mixture.log_e_value(total, spent, r, one_sided=one_sided)
        np.testing.assert_allclose(found, -math.log(1 - level), rtol=1e-12)


def test_the_unit_does_not_matter():
    total, spent = np.array([3.0, -8.0]), np.array([10.0, 50.0])
    for scale in (1e-9, 1e9):
        for one_sided in (False, True):
            np.testing.assert_allclose(
                normal_mixture.log_e_value(
                    total * scale, spent * scale**2, 7.0 * scale**2, one_sided=one_sided
                ),
                normal_mixture.log_e_value(total, spent, 7.0, one_sided=one_sided),
                rtol=1e-12,
            )


def test_no_sum_is_too_large_or_too_small():
    total = np.array([-1e9, -1e3, 0.0, 1e3, 1e9])
    found = normal_mixture.log_e_value(total, np.full(5, 100.0), 7.0, one_sided=True)
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("drift", [0.0, -0.05])
def test_looking_at_every_tick_rejects_no_more_often_than_the_level(drift):
    runs, looks, level = 2000, 600, 0.05
    rng = np.random.default_rng(8)
    totals = np.cumsum(rng.normal(drift, 1, (runs, looks)), axis=1)
    spent = np.arange(1.0, looks + 1)
    r = normal_mixture.precision(100, 1 - level, one_sided=True)
    log_e = normal_mixture.log_e_value(totals, spent, r, one_sided=True)
    called = (log_e >= -math.log(level)).any(axis=1).sum()
    assert called <= stats.binom.ppf(1 - 1e-4, runs, level)
    if not drift:
        assert called >= 0.3 * runs * level
