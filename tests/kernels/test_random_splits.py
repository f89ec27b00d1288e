"""The mean of exponentials over all ways to divide a pool, against counting them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import gammaln

from canarystats.kernels.random_splits import log_mean_exponentials

TILTS = np.array([-3.0, 0.1, 1.5, 6.4])


@pytest.mark.parametrize(("drawn", "total"), [(0, 4), (1, 2), (2, 5), (3, 7), (6, 9), (4, 4)])
def test_it_is_the_mean_over_every_draw(drawn, total):
    rng = np.random.default_rng(total)
    scores, levels = np.linspace(0, 1, 5), rng.integers(0, 5, total)
    sums = [scores[levels[list(s)]].sum() for s in itertools.combinations(range(total), drawn)]
    expected = [math.log(np.exp(tilt * np.array(sums)).mean()) for tilt in TILTS]
    pool = np.bincount(levels, minlength=5).astype(float)[None]
    found = log_mean_exponentials(pool, np.array([float(drawn)]), scores, TILTS)[0]
    np.testing.assert_allclose(found, expected, atol=1e-13)


def by_recursion(pool, drawn, tilted):
    """The elementary symmetric polynomial, one factor at a time; every term is positive."""
    sums, scale = np.zeros(drawn + 1, np.longdouble), 0.0
    sums[0] = 1
    for factor in np.repeat(np.exp(tilted.astype(np.longdouble)), pool.astype(int)):
        sums[1:] += factor * sums[:-1]
        scale += float(np.log(sums.max()))
        sums /= sums.max()
    total = pool.sum()
    draws = gammaln(total + 1) - gammaln(drawn + 1) - gammaln(total - drawn + 1)
    return float(np.log(sums[drawn])) + scale - draws


@pytest.mark.parametrize(("drawn", "total"), [(3, 700), (75, 600), (300, 600), (600, 1200)])
def test_large_pools_are_a_polynomial_and_never_less(drawn, total):
    rng = np.random.default_rng(drawn)
    scores = np.linspace(0, 1, 47)
    pool = np.bincount(rng.integers(0, 47, total), minlength=47).astype(float)
    found = log_mean_exponentials(pool[None], np.array([float(drawn)]), scores, TILTS)[0]
    expected = [by_recursion(pool, drawn, tilt * scores) for tilt in TILTS]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found >= np.array(expected) - 1e-10).all()


def test_rows_together_are_the_rows_alone():
    rng = np.random.default_rng(2)
    scores = np.linspace(0, 1, 9)
    pool = rng.integers(0, 40, (6, 9)).astype(float)
    drawn = np.floor(pool.sum(axis=1) * rng.random(6))
    together = log_mean_exponentials(pool, drawn, scores, TILTS)
    for i in range(6):
        alone = log_mean_exponentials(pool[[i]], drawn[[i]], scores, TILTS)
        np.testing.assert_array_equal(alone[0], together[i])
