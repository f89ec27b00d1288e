"""Series that never settle: a trend, a walk, and steps beside a trend."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from tests.detect.processes import ar1, step

ROWS = 100


def told(rows):
    return [[point.index for point in points] for points in cs.detect.change_points(rows)]


@pytest.mark.parametrize("n", [200, 500, 2000])
@pytest.mark.parametrize("rise", [6, 60])
def test_a_ramp_is_told_once_or_hardly_oftener(n, rise):
    rows = np.random.default_rng(1).normal(size=(ROWS, n)) + rise * np.arange(n) / n
    counts = [len(places) for places in told(rows)]
    assert np.mean(np.array(counts) > 0) >= 0.85
    assert np.mean(counts) <= 1.3


@pytest.mark.parametrize("size", [3, -3])
def test_a_step_beside_a_ramp_is_told_and_hardly_anything_else(size):
    n = 500
    noise = np.random.default_rng(2).normal(size=(ROWS, n))
    found = told(noise + 3 * np.arange(n) / n + size * step(n))
    assert np.mean([any(abs(place - 300) <= 20 for place in places) for places in found]) >= 0.95
    assert np.mean([sum(abs(place - 300) > 20 for place in places) for places in found]) <= 0.4


@pytest.mark.parametrize("n", [60, 200, 500, 2000])
def test_a_walk_is_told_once_at_most(n):
    found = told(np.cumsum(np.random.default_rng(3).normal(size=(ROWS, n)), axis=1))
    assert max(map(len, found)) <= 1 if n > 60 else sum(map(len, found)) <= 15
    if n > 190:
        assert 0.35 <= np.mean([len(places) for places in found]) <= 0.75


def test_noise_that_remembers_for_less_than_a_tenth_of_the_window_is_no_walk():
    assert sum(map(len, told(ar1(np.random.default_rng(4), ROWS, 500, 0.95)))) <= 5
    assert sum(map(len, told(ar1(np.random.default_rng(5), ROWS, 2000, 0.98)))) <= 5


def test_a_change_without_a_place_of_its_own_says_so():
    ramp = np.random.default_rng(6).normal(size=300) + 20 * np.arange(300) / 300
    (point,) = cs.detect.change_points(ramp)
    assert (point.interval.low, point.interval.high) == (1, 299)
    assert point.evidence.detail == f"the level never settles; parted best at {point.index}"
    assert point.effect == pytest.approx(10, abs=2)
    assert point.persists


@pytest.mark.parametrize("periods", [2, 3, 10])
@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_a_season_of_two_periods_and_more_is_no_walk(periods, noise):
    season = 3 * np.sin(2 * np.pi * periods * np.arange(500) / 500)
    rows = season + noise * np.random.default_rng(7).normal(size=(20, 500))
    assert sum(map(len, told(rows))) == 0
