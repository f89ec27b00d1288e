"""Series with many changes, and what a level that goes to and fro reads as."""

from __future__ import annotations

import json

import numpy as np
import pytest

import canarystats as cs
from tests.needs import SHARED, need

PERFORMANCE = SHARED / "data" / "mongodb_ediv"


def staircase(seed, steps=12, n=1000):
    """Steps of three sigmas, up or down, at multiples of twenty."""
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(np.arange(20, n - 20, 20), steps, replace=False))
    values = rng.normal(size=n)
    for place in places:
        values[place:] += rng.choice([-3, 3])
    return values, places


def test_half_of_twelve_steps_are_found_and_hardly_a_wrong_one():
    """Many steps at random are near a random walk, which reads as memory: some give none."""
    found = wrong = 0
    for seed in range(10):
        values, places = staircase(seed)
        told = [point.index for point in cs.detect.change_points(values)]
        found += sum(any(abs(place - other) <= 5 for other in told) for place in places)
        wrong += sum(all(abs(place - other) > 5 for place in places) for other in told)
    assert found >= 60
    assert wrong <= 3


def test_a_real_performance_series_changes_where_its_levels_do():
    """MongoDB's e-divisive gives nine; the seven here are its plain ones, to a few samples."""
    need(PERFORMANCE.is_dir(), "MongoDB's performance series")
    content = json.loads((PERFORMANCE / "small.json").read_text("utf-8"))
    values = np.array(content["series"], dtype=np.float64)
    found = cs.detect.change_points(values)
    assert 0 < len(found) <= content["expected"]
    for point in found:
        beside = values[max(point.index - 10, 0) : point.index], values[point.index :][:10]
        assert abs(np.median(beside[1]) - np.median(beside[0])) > 2 * np.std(beside, axis=1).max()


@pytest.mark.parametrize("n", [24, 33, 47])
def test_short_series_try_no_more_steps_than_they_hold(n):
    values = np.random.default_rng(n).normal(size=n) + 20 * (np.arange(n) >= n // 2)
    (point,) = cs.detect.change_points(values)
    assert point.index == n // 2
