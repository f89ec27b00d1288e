"""Autocorrelation times against processes whose time is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canarystats.kernels.dependence import autocorrelation_time
from tests.kernels import processes


@pytest.mark.parametrize(
    ("phi", "n", "low", "high"),
    [(0, 240, 1, 1.15), (0.5, 240, 2.6, 3.6), (0.8, 240, 7.5, 11), (0.8, 2000, 8.5, 10)],
)
def test_the_median_is_near_the_truth_and_not_below(phi, n, low, high):
    rng = np.random.default_rng(1)
    truth = (1 + phi) / (1 - phi)
    time = autocorrelation_time(*(processes.ar1(rng, phi, 300, n) for _ in range(2)))
    assert low <= np.median(time) <= high
    assert (time > 0.5 * truth).mean() > 0.99


def test_a_moving_average_is_not_underrated():
    rng = np.random.default_rng(2)
    time = autocorrelation_time(*(processes.moving_average(rng, 8, 300, 480) for _ in range(2)))
    assert np.median(time) >= 7.5  # the truth is 8


def test_a_trend_reads_as_strong_dependence():
    ramp = np.arange(60.0)[None]
    assert autocorrelation_time(ramp, ramp)[0] > 20


def test_two_constant_sides_are_worth_one_value_each():
    flat = np.full((1, 40), 3.0)
    assert autocorrelation_time(flat, flat + 1)[0] == 40


def test_a_constant_side_leaves_the_word_to_the_other():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(1, 200))
    time = autocorrelation_time(np.zeros((1, 200)), noise)[0]
    assert time == autocorrelation_time(noise, noise)[0]


@given(st.integers(0, 2**32 - 1), st.integers(2, 50), st.floats(0, 0.5))
@settings(max_examples=60)
def test_bounds_and_padding(seed, n, gaps):
    rng = np.random.default_rng(seed)
    sides = processes.ar1(rng, 0.6, 4, n), processes.ar1(rng, 0.6, 4, n)
    for side in sides:
        side[rng.random(side.shape) < gaps] = np.nan
    time = autocorrelation_time(*sides)
    assert (time >= 1).all()
    assert (time <= n).all()
    padded = [np.pad(s, ((0, 0), (0, 7)), constant_values=np.nan) for s in sides]
    assert autocorrelation_time(*padded).tolist() == time.tolist()
    for i in range(4):
        assert autocorrelation_time(sides[0][i : i + 1], sides[1][i : i + 1])[0] == time[i]


def test_monotone_transforms_change_nothing():
    rng = np.random.default_rng(4)
    x, y = processes.ar1(rng, 0.7, 5, 80), processes.ar1(rng, 0.7, 5, 80)
    assert (autocorrelation_time(x, y) == autocorrelation_time(np.exp(x), y * 1e9)).all()


def test_no_ticks_at_all():
    assert autocorrelation_time(np.full((1, 3), np.nan), np.full((1, 3), np.nan))[0] == 1
