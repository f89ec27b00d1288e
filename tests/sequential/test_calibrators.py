"""From p-values to e-values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate

from canarystats.errors import InputError
from canarystats.sequential import calibrators
from tests.sequential.simulated import most_by_chance

BOTH = [
    calibrators.averaged,
    calibrators.power,
    lambda p: calibrators.power(p, 0.9),
    lambda p: calibrators.power(p, 0.1),
]


@pytest.mark.parametrize("calibrate", BOTH)
def test_the_e_value_of_a_uniform_p_value_is_one_on_average(calibrate):
    # With p = exp(-x): the integral over p is that of exp(log e - x) over x.
    def at(x):
        return math.exp(float(calibrate(np.array(math.exp(-x)))) - x)

    head, _ = integrate.quad(at, 0, 30, limit=200)
    tail, _ = integrate.quad(at, 30, 700, limit=200)
    beyond = 1 / 700 if calibrate is calibrators.averaged else 0  # its tail falls as 1 / x²
    assert head + tail + beyond == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("p", [1e-300, 1e-9, 1e-3, 0.05, 0.5, 0.9])
def test_the_formulas_are_those_of_the_papers(p):
    direct = (1 - p + p * math.log(p)) / (p * math.log(p) ** 2)
    assert calibrators.averaged(np.array(p)) == pytest.approx(math.log(direct), rel=1e-10)
    for kappa in (0.1, 0.5, 0.9):
        expected = math.log(kappa) + (kappa - 1) * math.log(p)
        assert calibrators.power(np.array(p), kappa) == pytest.approx(expected, rel=1e-12)


def test_the_average_is_the_average_over_every_kappa():
    for p in (0.001, 0.3, 0.97):
        mean, _ = integrate.quad(lambda k, p=p: k * p ** (k - 1), 0, 1)
        assert calibrators.averaged(np.array(p)) == pytest.approx(math.log(mean), rel=1e-9)


def test_the_average_is_smooth_where_the_closed_form_loses_its_digits():
    x = np.array([0.0, 1e-12, 1e-6, 9.99e-3, 1.001e-2, 0.1])
    exact = np.log(0.5 + x / 6 + x**2 / 24 + x**3 / 120 + x**4 / 720 + x**5 / 5040)
    assert calibrators.averaged(np.exp(-x)) == pytest.approx(exact, abs=1e-10)


def test_zero_one_and_nothing():
    p = np.array([0.0, 1.0, np.nan])
    assert calibrators.averaged(p).tolist() == [math.inf, math.log(0.5), 0]
    assert calibrators.power(p).tolist() == [math.inf, math.log(0.5), 0]


@pytest.mark.parametrize("calibrate", BOTH)
def test_windows_that_do_not_overlap_multiply(calibrate):
    runs, windows, level = 2000, 200, 0.05
    p = np.random.default_rng(1).uniform(size=(windows, runs))
    highest = np.cumsum(calibrate(p), axis=0).max(axis=0)
    always_valid = calibrators.always_valid_p(highest)
    assert (always_valid <= level).sum() <= most_by_chance(runs, level)


def test_the_p_value_of_an_e_process_is_one_over_its_highest():
    found = calibrators.always_valid_p(np.array([-3.0, 0.0, math.log(40)]))
    assert found == pytest.approx([1, 1, 1 / 40])


def test_what_is_no_p_value_is_refused():
    for p in (-0.1, 1.1, math.inf):
        with pytest.raises(InputError, match="p-value"):
            calibrators.averaged(np.array([0.5, p]))
    for kappa in (0.0, 1.0, math.nan):
        with pytest.raises(InputError, match="kappa"):
            calibrators.power(np.array(0.5), kappa)
