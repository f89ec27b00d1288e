"""First passages are held against scipy's inverse Gaussian and against walks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from canarystats.kernels import first_passage

SHAPES = np.array([0.5, 1.5, 4.0, 12.0, 60.0])


@pytest.mark.parametrize("time", [0.1, 0.7, 1.0, 1.9, 8.0])
def test_the_chance_is_that_of_scipys_inverse_gaussian(time):
    expected = stats.invgauss.cdf(time, 1.0 / SHAPES, scale=SHAPES)
    np.testing.assert_allclose(first_passage.reached_by(time, SHAPES), expected, rtol=1e-9)


@pytest.mark.parametrize("chance", [0.05, 0.5, 0.8, 0.95])
def test_the_time_is_the_quantile(chance):
    expected = stats.invgauss.ppf(chance, 1.0 / SHAPES, scale=SHAPES)
    np.testing.assert_allclose(first_passage.time_by(chance, SHAPES), expected, rtol=1e-6)


def test_everything_is_reached_in_the_end():
    assert first_passage.reached_by(np.inf, 3.0) == 1.0


def test_a_fine_walk_takes_as_long():
    rng = np.random.default_rng(5)
    drift, bar = 0.02, 3.0
    walks = np.cumsum(rng.normal(drift, 0.2, (2000, 1200)), axis=1)
    first = np.where((walks >= bar).any(axis=1), (walks >= bar).argmax(axis=1) + 1, 1200)
    over = bar + 0.583 * 0.2  # Siegmund's correction for looks at whole steps
    for chance in (0.5, 0.8):
        expected = over / drift * first_passage.time_by(chance, over * drift / 0.04)
        assert np.quantile(first, chance) == pytest.approx(expected, rel=0.06)
