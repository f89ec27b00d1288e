"""Order statistics of differences in batches against forming them all."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canarystats.kernels import selection
from canarystats.kernels.selection import select_differences

DRAWS = {
    "lognormal": lambda rng, size: rng.lognormal(size=size),
    "walks": lambda rng, size: np.cumsum(rng.normal(size=size), axis=1),
    "counts": lambda rng, size: rng.poisson(2, size) * 1.0,
    "halves tied": lambda rng, size: np.maximum(rng.normal(size=size), 0),
    "tiny units": lambda rng, size: rng.lognormal(size=size) * 1e-9,
    "far from zero": lambda rng, size: rng.normal(size=size) + 1e9,
    "wild": lambda rng, size: rng.standard_cauchy(size),
}


def formed(x, y, ranks):
    every = np.sort(np.subtract.outer(x, y), axis=None)
    return every[ranks], every[np.minimum(ranks + 1, every.size - 1)]


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@pytest.mark.parametrize(("n", "m"), [(20, 20), (60, 60), (240, 31), (500, 700)])
def test_batches_give_what_forming_every_difference_gives(draw, n, m):
    rng = np.random.default_rng(n + m)
    x, y = draw(rng, (7, n)), draw(rng, (7, m))
    pairs = n * m
    ranks = np.tile([0, pairs // 7, pairs // 2, pairs - 2, pairs - 1], (7, 1))
    found = select_differences(x, y, ranks)
    for row in range(7):
        expected = formed(x[row], y[row], ranks[row])
        np.testing.assert_array_equal([found[0][row], found[1][row]], expected)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.floats(0, 1),
)
def test_any_values_and_any_rank(x, y, share):
    k = np.array([[int(share * (len(x) * len(y) - 1))]])
    found = select_differences(np.array([x]), np.array([y]), k)
    np.testing.assert_array_equal(np.ravel(found), np.ravel(formed(x, y, k[0])))


@given(st.integers(0, 2**32 - 1))
def test_the_exact_search_is_never_needed_for_smooth_data(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, 3, 200))
    ranks = np.array([[9_000, 20_000, 31_000]] * 3)
    ordered = (np.sort(side, axis=1) for side in (x, y))
    assert np.isfinite(selection._selected(*ordered, ranks)).mean() > 0.8


def test_ten_thousand_values_a_side_never_become_a_hundred_million_differences():
    rng = np.random.default_rng(0)
    x, y = rng.lognormal(size=(2, 1, 10_000))
    tracemalloc.start()
    select_differences(x, y, np.array([[48_000_000, 50_000_000, 52_000_000]]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # the differences themselves would take 800 MB


def test_infinities_are_ordered():
    x, y = np.full((1, 40), np.inf), np.arange(40.0)[None]
    found = select_differences(x, y, np.array([[0, 800]]))
    assert np.isposinf(found).all()
