"""Lag products around steps, beside the same computed from what is left around them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarystats.kernels.seeded_intervals import running_sums
from canarystats.kernels.step_noise import around_steps
from canarystats.kernels.step_products import lag_products, products_around

LAGS = 8


def left_around(channel, places):
    kept = np.unique(places[places > 0])
    return around_steps(channel[None], running_sums(channel[None]), kept[None])[0]


@given(st.integers(0, 2**32 - 1), st.integers(LAGS + 1, 60), st.integers(0, 6))
def test_products_are_those_of_what_is_left(seed, n, most):
    """Segments may be shorter than the lags, places repeated, in any order, or none."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2, 3, n)) + rng.normal(size=(2, 3, 1))
    places = rng.integers(0, n, size=(2, 4, most))
    found = products_around(lag_products(values, LAGS), running_sums(values), places)
    for row, told in np.ndindex(2, 4):
        left = np.stack([left_around(channel, places[row, told]) for channel in values[row]])
        for lag in range(LAGS + 1):
            wanted = left[:, : n - lag] @ left[:, lag:].T
            np.testing.assert_allclose(found[row, told, :, :, lag], wanted, atol=1e-10)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_row_alone_is_a_row_of_many(rows):
    rng = np.random.default_rng(1)
    values, places = rng.normal(size=(5, 1, 300)), rng.integers(0, 300, size=(5, 7, 6))
    whole, sums = lag_products(values, LAGS), running_sums(values)
    together = products_around(whole, sums, places)
    part = slice(2, 2 + rows)
    alone = products_around(lag_products(values[part], LAGS), sums[part], places[part])
    np.testing.assert_array_equal(alone, together[part])
