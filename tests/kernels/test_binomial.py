"""Binomial tails, bounds and bucket quantiles, against scipy and published tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from canarystats.kernels.binomial import lower_tail, share_bounds, upper_tail
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.kernels.quantiles import bound_ranks


@given(st.integers(1, 3000), st.floats(0, 1), st.floats(0.001, 0.999))
def test_tails_are_scipys(n, part, share):
    k = round(part * n)
    assert upper_tail(k, n, share) == pytest.approx(stats.binom.sf(k - 1, n, share), abs=1e-10)
    assert lower_tail(k, n, share) == pytest.approx(stats.binom.cdf(k, n, share), abs=1e-10)


@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.001, 0.2))
def test_bounds_are_scipys(n, part, tail):
    k = round(part * n)
    expected = stats.binomtest(k, n).proportion_ci(1 - 2 * tail, method="exact")
    low, high = share_bounds(k, n, tail)
    assert low == pytest.approx(expected.low, abs=1e-10)
    assert high == pytest.approx(expected.high, abs=1e-10)


def test_rule_of_three():
    assert share_bounds(0, 1000, 0.05)[1] == pytest.approx(1 - 0.05 ** (1 / 1000), rel=1e-12)
    assert share_bounds(1000, 1000, 0.05)[1] == 1


@given(st.integers(1, 5000), st.floats(0.001, 0.999), st.floats(1e-6, 0.4))
def test_bound_ranks_are_the_tightest_that_hold(n, q, tail):
    low, high = bound_ranks(n, q, tail)
    cdf = stats.binom.cdf(np.arange(-1, n + 1), n, q)  # cdf[k] is P(X <= k - 1)
    slack = 1e-9
    assert low == 0 or cdf[low] <= tail + slack
    assert low == n or cdf[low + 1] > tail - slack
    assert high == n + 1 or 1 - cdf[high] <= tail + slack
    assert high == 1 or 1 - cdf[high - 1] > tail - slack


BOUNDS = np.array([0.1, 0.2, 0.5, np.inf])


@pytest.mark.parametrize(
    ("counts", "q", "expected"),
    [
        ([10, 0, 0, 0], 0.5, 0.05),  # the first bucket begins at 0
        ([0, 10, 10, 0], 0.5, 0.2),  # on a bound
        ([0, 10, 10, 0], 0.75, 0.35),
        ([5, 0, 5, 0], 0.9, 0.2 + 0.3 * 0.8),  # empty buckets are passed
        ([1, 1, 1, 97], 0.9, 0.5),  # the last finite bound stands for the last bucket
        ([0, 0, 0, 5], 0.1, 0.5),
        ([2, 2, 2, 2], 1.0, 0.5),
        ([0, 0, 0, 0], 0.5, np.nan),
    ],
)
def test_interpolation_is_prometheus(counts, q, expected):
    found = interpolated_quantile(BOUNDS, np.array([counts], float), q)
    assert found[0] == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_a_first_bound_that_is_not_positive_stands_for_its_bucket():
    bounds = np.array([-1.0, 1.0, np.inf])
    assert interpolated_quantile(bounds, np.array([[9.0, 1.0, 0.0]]), 0.5)[0] == -1
    assert interpolated_quantile(bounds, np.array([[0.0, 4.0, 0.0]]), 0.5)[0] == 0


@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=5))
def test_a_batch_of_histograms_is_a_loop(rows):
    counts = np.array(rows, float)
    batch = interpolated_quantile(BOUNDS, counts, 0.9)
    loop = [interpolated_quantile(BOUNDS, row[None], 0.9)[0] for row in counts]
    assert np.array_equal(batch, loop, equal_nan=True)
