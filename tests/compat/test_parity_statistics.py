"""The root finder, the generator and the inverted test that parity rests on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr
from scipy.stats import mannwhitneyu

from canarystats.compat.kayenta.brent import zero
from canarystats.compat.kayenta.inversion import CRITICAL, AllTiedError, invert
from canarystats.compat.kayenta.noise import disturbed, java_gaussian

FUNCTIONS = {
    "cubic": (lambda x: (x - 1) * (x * x + 1), -3.0, 5.0, 1.0),
    "exponential": (lambda x: math.exp(x) - 2, -4.0, 3.0, math.log(2)),
    "flat at the root": (lambda x: (x - 0.3) ** 9, -1.0, 2.0, 0.3),
    "root at an end": (lambda x: x - 2, 2.0, 9.0, 2.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-12])
def test_roots_are_found_to_the_tolerance(name, tolerance):
    function, low, high, root = FUNCTIONS[name]
    found = zero(function, (low, function(low)), (high, function(high)), tolerance)
    assert found == pytest.approx(root, abs=tolerance)


@given(st.floats(-50, 50), st.floats(1e-3, 100), st.floats(1e-3, 100))
def test_a_jump_over_zero_is_a_root(jump, below, above):
    found = zero(
        lambda x: -below if x < jump else above, (-60.0, -below), (60.0, above), tolerance=1e-6
    )
    assert found == pytest.approx(jump, abs=1e-6)


def test_the_generator_is_java_util_random():
    # the first numbers of new Random(42).nextGaussian(), as its documentation's algorithm gives
    draw = java_gaussian(42)
    assert [draw() for _ in range(3)] == pytest.approx(
        [1.1419053154730547, 0.9194079489827879, -0.9498666368908959], rel=1e-12
    )


def test_the_noise_is_normal_and_a_hundred_thousandth_of_the_value():
    moved = disturbed(np.full(4000, -8.0), java_gaussian(7))
    assert float(moved.mean()) == pytest.approx(-8.0, abs=5 * 8e-5 / math.sqrt(4000))
    assert float(moved.std()) == pytest.approx(8e-5, rel=0.05)
    assert disturbed(np.zeros(3), java_gaussian()).tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [(20, 30), (60, 60)])
def test_the_interval_ends_where_the_test_stops_rejecting(size):
    draw = np.random.default_rng(8)
    ours, theirs = draw.normal(3, 2, size[0]), draw.normal(0, 1, size[1])
    found = invert(ours, theirs)

    def rejects(shift):
        p = mannwhitneyu(ours - shift, theirs, method="asymptotic").pvalue
        return p < 0.02

    for end, outward in ((found.lower, -1), (found.upper, 1)):
        assert rejects(end + outward * 3e-4)
        assert not rejects(end - outward * 3e-4)
    assert found.lower < found.estimate < found.upper


def test_swapping_the_sides_mirrors_the_interval():
    draw = np.random.default_rng(9)
    ours, theirs = draw.normal(3, 2, 25), draw.normal(0, 1, 25)
    here, there = invert(ours, theirs), invert(theirs, ours)
    assert here.lower == pytest.approx(-there.upper, abs=1e-4)
    assert here.upper == pytest.approx(-there.lower, abs=1e-4)


def test_the_critical_value_is_that_of_two_per_cent():
    assert pytest.approx(0.99, abs=1e-15) == float(ndtr(CRITICAL))


def test_values_that_coincide_after_a_shift_have_no_interval():
    with pytest.raises(AllTiedError):
        invert(np.array([150.0]), np.array([100.0]))
