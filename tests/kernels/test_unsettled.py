"""A row that never settles, against noise of the longest memory admitted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.unsettled import parting


def longest_memory(rng, rows, n):
    """AR(1) noise that remembers for a tenth of n ticks, stationary from the first tick on."""
    coefficient = (n / 10 - 1) / (n / 10 + 1)
    noise = rng.normal(size=(rows, n))
    noise[:, 0] /= np.sqrt(1 - coefficient**2)
    for t in range(1, n):
        noise[:, t] += coefficient * noise[:, t - 1]
    return noise


def partings(rows):
    return [parting(row, 10) for row in normal_scores(rows)]


@pytest.mark.parametrize("n", [200, 500])
def test_noise_of_the_longest_memory_is_parted_no_oftener_than_the_p_value_says(n):
    found = partings(longest_memory(np.random.default_rng(1), 2000, n))
    for share in (0.1, 0.01):
        told = sum(one.p_value <= share for one in found)
        assert binom.ppf(1e-4, 2000, share / 3) <= told <= binom.isf(1e-4, 2000, share)


def test_shorter_memory_is_hardly_ever_parted():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=(200, 500))
    for t in range(1, 500):
        noise[:, t] += 0.9 * noise[:, t - 1]
    assert min(one.p_value for one in partings(noise)) > 0.01


def test_most_walks_are_parted_and_half_of_them_are_described_by_it():
    found = partings(np.cumsum(np.random.default_rng(3).normal(size=(200, 500)), axis=1))
    clear = [one for one in found if one.p_value <= 0.01]
    assert len(clear) >= 130
    assert sum(one.stands_for_all for one in clear) >= 100


def test_place_and_share_are_those_of_the_best_two_means():
    values = np.random.default_rng(4).normal(size=60)
    values[25:] += 2
    one = parting(values, 10)
    left = [values[:k].var() * k + values[k:].var() * (60 - k) for k in range(10, 51)]
    assert one.place == 10 + int(np.argmin(left))
    assert one.share == pytest.approx(1 - min(left) / (60 * values.var()), rel=1e-12)


@pytest.mark.parametrize("values", [np.zeros(40), np.full(40, 3.25)])
def test_a_row_that_never_varies_is_not_parted(values):
    one = parting(values, 10)
    assert one.p_value == 1
    assert not one.stands_for_all
