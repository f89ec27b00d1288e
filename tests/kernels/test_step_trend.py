"""A trend beside steps, and stairs that are none."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.seeded_intervals import running_sums
from canarystats.kernels.step_noise import ORDERS
from canarystats.kernels.step_products import lag_products
from canarystats.kernels.step_trend import beside_trend

N = 500
TICKS = np.arange(N) / N
THIRDS = np.array([N // 3, 2 * N // 3])


def flattened(values, places, shortest):
    products = lag_products(values[:, None], min(ORDERS, values.shape[1] - 1))
    return beside_trend(values, running_sums(values), products, places, shortest)


def noise(seed):
    return np.random.default_rng(seed).normal(size=N)


@pytest.mark.parametrize("rise", [4, 20, 100])
def test_stairs_along_a_ramp_give_way_to_the_ramp(rise):
    """Buried in noise it is straight in normal scores, clear of it it is bent: both are seen."""
    values = normal_scores((noise(1) + rise * TICKS)[None])[0]
    (found,) = flattened(values[None], [THIRDS], 10)
    assert not len(found.places)
    assert np.corrcoef(found.values, np.arange(N))[0, 1] == pytest.approx(0, abs=0.02)
    assert found.bend == pytest.approx(0.1 * np.ptp(values - found.values))


def test_a_step_beside_a_ramp_is_kept_and_the_ramp_is_taken_out():
    values = noise(2) + 6 * TICKS - 4 * (TICKS >= 0.6)
    (found,) = flattened(values[None], [np.array([150, 300, 400])], 10)
    assert found.places.tolist() == pytest.approx([300], abs=3)
    before, after = found.values[:300], found.values[300:]
    assert after.mean() - before.mean() == pytest.approx(-4, abs=0.4)
    assert found.noise.time[0] < 2


def test_stairs_stay_stairs():
    values = noise(3) + 2 * (np.arange(N) >= THIRDS[0]) + 2 * (np.arange(N) >= THIRDS[1])
    assert flattened(values[None], [THIRDS], 10) == [None]


@pytest.mark.parametrize("n", [6, 7, 12])
def test_the_shortest_rows_are_taken(n):
    values = normal_scores(np.random.default_rng(n).normal(size=(1, n)))[0]
    assert len(flattened(values[None], [np.array([2, 4])], 2)) == 1


def test_rows_together_are_rows_alone():
    ramp = normal_scores((noise(1) + 20 * TICKS)[None])[0]
    stepped = noise(2) + 6 * TICKS - 4 * (TICKS >= 0.6)
    stairs = noise(3) + 2 * (np.arange(N) >= THIRDS[0]) + 2 * (np.arange(N) >= THIRDS[1])
    rows = np.stack([ramp, stairs, stepped, ramp[::-1]])
    places = [THIRDS, THIRDS, np.array([150, 300, 400]), THIRDS]
    together = flattened(rows, places, 10)
    alone = [flattened(row[None], [own], 10)[0] for row, own in zip(rows, places, strict=True)]
    assert [found is None for found in together] == [False, True, False, False]
    for one, other in zip(together, alone, strict=True):
        if one is not None:
            np.testing.assert_array_equal(one.values, other.values)
            np.testing.assert_array_equal(one.places, other.places)
