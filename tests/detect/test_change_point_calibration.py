"""How often change points are found where there is none, where there is one, and how near."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import canarystats as cs
from tests.detect.processes import ar1, smoothed, spiked, step

SERIES = 200
QUIET = {
    "independent": lambda rng, n: rng.normal(size=(SERIES, n)),
    "AR(0.6)": lambda rng, n: ar1(rng, SERIES, n, 0.6),
    "AR(0.9)": lambda rng, n: ar1(rng, SERIES, n, 0.9),
    "rate over ten scrapes": lambda rng, n: smoothed(rng, SERIES, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 0.6, (SERIES, n)),
    "t3": lambda rng, n: rng.standard_t(3, (SERIES, n)),
    "spikes": lambda rng, n: spiked(rng, SERIES, n),
    "counts": lambda rng, n: rng.poisson(2.0, (SERIES, n)) * 1.0,
}
LEVEL = 0.01


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("n", [60, 500])
def test_at_most_the_level_of_quiet_series_is_given_a_change_point(name, n):
    rows = QUIET[name](np.random.default_rng(11), n)
    given = sum(bool(points) for points in cs.detect.change_points(rows, level=LEVEL))
    assert given <= binom.isf(1e-4, SERIES, LEVEL)


@pytest.mark.parametrize(
    ("coefficient", "sigmas", "n", "least"),
    [(0.0, 1.0, 500, 0.95), (0.6, 2.0, 500, 0.95), (0.6, 2.0, 2000, 0.99)],
)
def test_steps_are_found_and_their_interval_holds_them(coefficient, sigmas, n, least):
    rows = ar1(np.random.default_rng(12), SERIES, n, coefficient) + sigmas * step(n)
    found = [points for points in cs.detect.change_points(rows) if points]
    assert len(found) >= least * SERIES
    place = int(step(n).argmax())
    held = sum(any(p.interval.low <= place <= p.interval.high for p in points) for points in found)
    assert held >= binom.isf(1 - 1e-4, len(found), 0.95)


def test_on_the_difference_a_shared_season_is_no_change_and_hides_none():
    rng = np.random.default_rng(13)
    season = 3 * np.sin(6 * np.pi * np.arange(500) / 500)
    canary, baseline = season + rng.normal(size=(2, SERIES, 500))
    assert sum(map(len, cs.detect.change_points(canary, baseline))) <= 4
    stepped = cs.detect.change_points(canary + 2 * step(500), baseline)
    assert all(any(abs(p.index - 300) <= 20 for p in points) for points in stepped)


@pytest.mark.calibration
@pytest.mark.parametrize(
    ("coefficient", "n", "most"),
    [(0.6, 500, 0.10), (0.6, 2000, 0.02), (0.9, 500, 0.3), (0.9, 2000, 0.3)],
)
def test_change_points_a_series_of_quiet_memory(coefficient, n, most):
    rows = ar1(np.random.default_rng(14), 2000, n, coefficient)
    assert np.mean([len(points) for points in cs.detect.change_points(rows)]) <= most
