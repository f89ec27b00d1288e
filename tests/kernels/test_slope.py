"""Lines point by point against numpy's, and their e-values against the integral written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import dblquad
from scipy.special import log_ndtr, stdtr

from canarystats.kernels.slope import Line, half_width, log_e_above


def line_of(at, value, noise=None):
    line = Line()
    for k, (x, y) in enumerate(zip(at, value, strict=True)):
        line = line.through(float(x), float(y), 1.0 if noise is None else float(noise[k]))
    return line


def drawn(seed, n, slope=0.3):
    rng = np.random.default_rng(seed)
    at = np.sort(rng.uniform(0, 5, n))
    return at, 7.0 + slope * at + rng.normal(0, 0.5, n)


@pytest.mark.parametrize("seed", range(5))
def test_the_line_is_that_of_least_squares(seed):
    at, value = drawn(seed, 40)
    line = line_of(at, value)
    (slope, level), left, *_ = np.polyfit(at, value, 1, full=True)
    assert line.slope == pytest.approx(slope)
    assert line.left == pytest.approx(left[0])
    assert line.value == pytest.approx(level + slope * line.at)
    assert line.tt == pytest.approx(((at - at.mean()) ** 2).sum())
    assert line.spent == line.tt


def test_noisier_points_spend_more():
    at, value = drawn(1, 12)
    plain, noisy = line_of(at, value), line_of(at, value, np.full(12, 2.5))
    assert noisy.spent == pytest.approx(2.5 * plain.tt)
    assert replace(noisy, spent=plain.spent) == plain


def bayes_factor(at, value, null, g):
    """The level integrated out evenly, the scale on its logarithm, the slope over the scale."""
    n = len(at)
    t, y = at - at.mean(), value - value.mean() - null * (at - at.mean())
    tt, ty, yy = (t * t).sum(), (t * y).sum(), (y * y).sum()

    def of(sigma, effect):
        square = (yy - 2 * effect * sigma * ty + (effect * sigma) ** 2 * tt) / sigma**2
        return sigma ** -(n - 1) * math.exp(-0.5 * square) / sigma

    def prior(effect):
        return 2.0 * math.sqrt(g / (2 * math.pi)) * math.exp(-0.5 * g * effect * effect)

    width = 8.0 / math.sqrt(g)
    within, exact = (0.0, width, 1e-2, 8.0), {"epsabs": 0, "epsrel": 1e-9}
    top, _ = dblquad(lambda s, d: of(s, d) * prior(d), *within, **exact)
    bottom, _ = dblquad(lambda s, d: of(s, 0.0) * prior(d), *within, **exact)
    return math.log(top / bottom)


@pytest.mark.parametrize(("seed", "null"), [(1, 0.0), (2, 0.3), (3, 0.6)])
def test_the_e_value_is_the_integral(seed, null):
    at, value = drawn(seed, 7)
    g = 3.0
    assert log_e_above(line_of(at, value), null, g) == pytest.approx(
        bayes_factor(at, value, null, g), rel=1e-4, abs=1e-4
    )


@pytest.mark.parametrize("n", [8, 15, 60])
def test_the_interval_ends_where_the_two_sided_e_value_reaches_its_level(n):
    at, value = drawn(4, n)
    line, g, level = line_of(at, value), 2.0, 0.95
    half = half_width(line, g, level)
    null = line.slope - half
    beyond = line.ty - null * line.tt
    ratio = g / (g + line.tt)
    a = beyond * math.sqrt(
        (n - 1) / ((line.tt + g) * (line.left + ratio * beyond * beyond / line.tt))
    )
    two_sided = log_e_above(line, null, g) - math.log(2.0 * stdtr(n - 1, a))
    assert two_sided == pytest.approx(-math.log(1.0 - level))


def test_many_points_are_as_good_as_a_known_variance():
    at, value = drawn(5, 5000, slope=0.31)
    line, g = line_of(at, value), 50.0
    total, spent = (line.ty - 0.3 * line.tt) / 0.5, line.tt
    known = 0.5 * math.log(g / (g + spent)) + 0.5 * total**2 / (g + spent)
    known += math.log(2.0) + float(log_ndtr(total / math.sqrt(g + spent)))
    assert log_e_above(line, 0.3, g) == pytest.approx(known, rel=0.05, abs=0.05)


def test_what_has_no_spread_says_nothing():
    assert log_e_above(Line(), 0.0, 1.0) == 0.0
    assert log_e_above(line_of([1, 1, 1], [1, 2, 3]), 0.0, 1.0) == 0.0
    assert log_e_above(line_of([1, 2, 3], [5, 5, 5]), 0.0, 1.0) == 0.0
    assert half_width(line_of([1, 2], [1, 2]), 1.0, 0.95) == math.inf
    assert log_e_above(line_of(range(9), [0.0] * 9), -1.0, 1.0) > 3.0


def test_a_slope_far_below_is_never_evidence_above_however_long():
    at = np.arange(2000.0)
    noise = 1e-3 * np.random.default_rng(0).normal(size=2000)
    line = line_of(at, -at + noise)
    assert -50 < log_e_above(line, 0.0, 1.0) < 0
