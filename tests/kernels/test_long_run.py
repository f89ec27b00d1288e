"""Means of autocorrelated series against processes whose long-run variance is known."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.kernels.long_run import long_run
from tests.kernels import processes


@pytest.mark.parametrize(("phi", "low", "high"), [(0, 0.85, 1.2), (0.5, 3.4, 5.2), (0.8, 18, 33)])
def test_the_long_run_variance_is_near_the_truth(phi, low, high):
    rows = long_run(processes.ar1(np.random.default_rng(1), phi, 300, 480))
    assert low <= np.median(rows.long_run_variance) <= high  # the truth is 1 / (1 - phi)²


def test_the_mean_and_the_variance_are_the_plain_ones():
    values = np.random.default_rng(2).normal(5, 2, (3, 50))
    values[1, 10:20] = np.nan
    rows = long_run(values)
    np.testing.assert_allclose(rows.mean, np.nanmean(values, axis=1), rtol=1e-13)
    np.testing.assert_allclose(rows.variance, np.nanvar(values, axis=1, ddof=1), rtol=1e-12)
    assert rows.n.tolist() == [50, 40, 50]


def test_padding_changes_no_bit():
    values = processes.ar1(np.random.default_rng(3), 0.6, 5, 37)
    padded = np.concatenate([values, np.full((5, 91), np.nan)], axis=1)
    for name in ("mean", "variance", "long_run_variance", "time", "degrees"):
        alone = [getattr(long_run(row[None]), name)[0] for row in values]
        assert getattr(long_run(padded), name).tolist() == alone


def test_dependence_costs_degrees_of_freedom():
    free, bound = (
        np.median(long_run(processes.ar1(np.random.default_rng(4), phi, 200, 120)).degrees)
        for phi in (0, 0.8)
    )
    assert bound < free / 3


def test_no_values_say_nothing():
    rows = long_run(np.full((2, 4), np.nan))
    assert rows.n.tolist() == [0, 0]
    assert rows.degrees.tolist() == [1, 1]
    assert long_run(np.empty((1, 0))).mean.tolist() == [0]
