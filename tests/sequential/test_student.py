"""The anytime-valid t-test against numeric integration of its mixture."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from canarystats.kernels import student

G = student.TUNED_FOR


def by_integration(n, mean, variance):
    """Noncentral t over central t, averaged over standardised effects ~ N(0, 1/g)."""
    t = mean / math.sqrt(variance / n)
    null = stats.t.pdf(t, n - 1)

    def integrand(effect):
        prior = stats.norm.pdf(effect, scale=1 / math.sqrt(G))
        return stats.nct.pdf(t, n - 1, effect * math.sqrt(n)) * prior

    value, _ = integrate.quad(integrand, -6, 6, points=[mean / math.sqrt(variance)], limit=200)
    return math.log(value / null)


@pytest.mark.parametrize(("n", "mean"), [(2, 0.5), (5, 0.8), (8, -0.4), (15, 0.3), (30, 0.0)])
def test_the_e_value_is_the_mixture_over_standardised_effects(n, mean):
    found = float(student.log_e_value(n, np.array([mean]), np.array([1.0]))[0])
    if mean == 0:
        assert found == pytest.approx(0.5 * math.log(G / (G + n)))
    else:
        assert found == pytest.approx(by_integration(n, mean, 1.0), abs=1e-5)


def of_last_by_integration(n, last, total, squares, precision):
    """The likelihood of the last ones shifted over that of none, over effects and scales."""

    def shifted(inverse_scale, effect):
        gain = effect * total * inverse_scale - last * effect**2 / 2
        prior = 2 * stats.norm.pdf(effect, scale=1 / math.sqrt(precision))
        return inverse_scale ** (n - 1) * math.exp(gain - squares * inverse_scale**2 / 2) * prior

    def plain(inverse_scale):
        return inverse_scale ** (n - 1) * math.exp(-squares * inverse_scale**2 / 2)

    above, _ = integrate.dblquad(shifted, 0, 12 / math.sqrt(precision), 0, 8)
    below, _ = integrate.quad(plain, 0, 8)
    return math.log(above / below)


@pytest.mark.parametrize(
    ("n", "last", "total", "squares", "precision"),
    [(9, 3, 4.0, 9.0, 1.0), (9, 3, -2.0, 9.0, 1.0), (5, 2, 3.5, 7.0, 0.5), (4, 4, 3.0, 5.0, 3.0)],
)
def test_the_e_value_of_the_last_is_the_mixture_over_their_effects(
    n, last, total, squares, precision
):
    found = student.log_e_value_of_last(*map(np.array, (n, last, total, squares, precision)))
    expected = of_last_by_integration(n, last, total, squares, precision)
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_the_e_value_of_the_last_of_all_is_that_of_all():
    rng = np.random.default_rng(4)
    for n in (2, 5, 30):
        values = rng.normal(0.4, 1.0, n)
        whole = student.log_e_value(n, values.mean(), values.var(ddof=1), one_sided=True)
        sums = values.sum(), (values**2).sum()
        found = student.log_e_value_of_last(*map(np.array, (n, n, *sums, G)))
        assert float(found) == pytest.approx(float(whole), abs=1e-10)
    assert float(student.log_e_value_of_last(*map(np.array, (5, 0, 0.0, 3.0, 1.0)))) == 0.0
    assert float(student.log_e_value_of_last(*map(np.array, (5, 2, 0.0, 0.0, 1.0)))) < 0.0


@pytest.mark.parametrize("freedom", [1, 2, 30, 300])
@pytest.mark.parametrize("t", [5.0, 0.0, -3.0, -300.0, -3e4, -1e8])
def test_a_tail_too_small_for_a_number_has_its_logarithm(freedom, t):
    found = float(student.log_twice_below(freedom, t))
    if t >= 0:
        assert found == pytest.approx(math.log(2 * stats.t.cdf(t, freedom)))
        return

    def relative(stretch):  # the density at t (1 + stretch), over that at t
        ratio = (freedom + (t * (1 + stretch)) ** 2) / (freedom + t * t)
        return ratio ** (-(freedom + 1) / 2)

    area, _ = integrate.quad(relative, 0, np.inf, epsabs=0, limit=500)
    expected = math.log(2) + stats.t.logpdf(t, freedom) + math.log(-t * area)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("n", [30, 300, 3000, 300_000])
@pytest.mark.parametrize("mean", [-0.1, -1.0, -30.0, -1e6])
def test_a_mean_below_zero_is_never_evidence_above_however_long_and_far(n, mean):
    """Its size and how surely it lies below are both huge, and cancel."""
    alone = student.log_e_value(n, np.array([mean]), np.array([1.0]), one_sided=True)[0]
    squares = np.array(n * (1.0 + mean**2))
    of_last = student.log_e_value_of_last(
        *map(np.array, (2 * n, n, n * mean)), squares + n, np.array(1.0)
    )
    assert -50 < alone < 0
    assert -50 < float(of_last) < 0


def test_the_unit_does_not_matter():
    base = student.log_e_value(9, np.array([0.7]), np.array([0.3]))
    for scale in (1e-6, 1e3, 1e9):
        scaled = student.log_e_value(9, np.array([0.7 * scale]), np.array([0.3 * scale**2]))
        np.testing.assert_allclose(scaled, base)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [10, 25, 100, 2000])
def test_at_the_end_of_the_interval_the_e_value_reaches_its_level(n, level):
    variance = np.array([2.5])
    half = student.half_width(n, variance, level)
    log_e = student.log_e_value(n, half, variance)
    assert float(log_e[0]) == pytest.approx(-math.log(1 - level))


def test_the_interval_is_infinite_until_the_data_can_decide():
    widths = [float(student.half_width(n, np.array([1.0]), 0.95)[0]) for n in range(1, 60)]
    finite = np.isfinite(widths)
    first = int(np.argmax(finite))
    assert 5 < first + 1 < 9
    assert finite[first:].all()
    assert widths[first:] == sorted(widths[first:], reverse=True)


def test_fewer_than_two_values_say_nothing():
    assert student.log_e_value(1, np.array([5.0]), np.array([0.0])).tolist() == [0.0]
    assert student.log_e_value(0, np.array([5.0]), np.array([0.0])).tolist() == [0.0]


def test_no_variance_gives_the_largest_e_value_there_is_and_no_nan():
    n = 10
    found = student.log_e_value(n, np.array([1.0, 0.0]), np.array([0.0, 0.0]))
    largest = 0.5 * (n - 1) * math.log((G + n) / G)
    assert found == pytest.approx([largest, 0.5 * math.log(G / (G + n))])


def test_more_looks_on_nothing_reject_no_more_often_than_the_level():
    runs, looks, level = 600, 80, 0.05
    rng = np.random.default_rng(2)
    values = rng.standard_normal((runs, looks))
    means = np.cumsum(values, axis=1) / np.arange(1, looks + 1)
    rejected = np.zeros(runs, dtype=bool)
    for n in range(2, looks + 1):
        variance = values[:, :n].var(axis=1, ddof=1)
        rejected |= student.log_e_value(n, means[:, n - 1], variance) >= -math.log(level)
    assert rejected.sum() <= stats.binom.ppf(1 - 1e-4, runs, level)


@pytest.mark.parametrize(
    ("n", "mean"), [(2, 0.5), (5, 0.8), (8, -0.4), (15, 0.3), (30, 0.0), (12, -0.9)]
)
def test_one_sided_it_is_the_mixture_over_effects_above_zero(n, mean):
    t = mean / math.sqrt(1.0 / n)

    def integrand(effect):
        prior = 2 * stats.norm.pdf(effect, scale=1 / math.sqrt(G))
        return stats.nct.pdf(t, n - 1, effect * math.sqrt(n)) * prior

    value, _ = integrate.quad(integrand, 0, 6, points=[max(mean, 0.01)], limit=200)
    found = student.log_e_value(n, np.array([mean]), np.array([1.0]), one_sided=True)
    assert float(found[0]) == pytest.approx(math.log(value / stats.t.pdf(t, n - 1)), abs=1e-5)


def test_one_sided_it_only_grows_with_the_mean():
    means = np.linspace(-3, 3, 61)
    for n in (2, 7, 40):
        found = student.log_e_value(n, means, np.ones_like(means), one_sided=True)
        assert (np.diff(found) > 0).all()


def test_one_sided_without_variance_there_is_no_nan():
    found = student.log_e_value(10, np.array([1.0, 0.0, -1.0]), np.zeros(3), one_sided=True)
    assert np.isfinite(found).all()
    assert found[0] > found[1] > found[2]
    assert found[1] == pytest.approx(0.5 * math.log(G / (G + 10)))


@pytest.mark.parametrize("mean", [0.0, -0.3])
def test_one_sided_a_mean_at_or_below_zero_is_rejected_no_more_often_than_the_level(mean):
    runs, looks, level = 1500, 60, 0.05
    values = np.random.default_rng(3).normal(mean, 1, (runs, looks))
    rejected = np.zeros(runs, dtype=bool)
    for n in range(2, looks + 1):
        seen = values[:, :n]
        log_e = student.log_e_value(n, seen.mean(axis=1), seen.var(axis=1, ddof=1), one_sided=True)
        rejected |= log_e >= -math.log(level)
    assert rejected.sum() <= stats.binom.ppf(1 - 1e-4, runs, level)


def test_rows_may_have_different_lengths():
    n, mean, variance = np.array([1.0, 5.0, 30.0]), np.array([2.0, 0.5, 0.4]), np.ones(3)
    together = student.log_e_value(n, mean, variance, one_sided=True)
    widths = student.half_width(n, variance, 0.95)
    for i in range(3):
        alone = student.log_e_value(n[i], mean[i : i + 1], variance[i : i + 1], one_sided=True)
        assert together[i] == alone[0]
        assert widths[i] == student.half_width(n[i], variance[i : i + 1], 0.95)[0]
