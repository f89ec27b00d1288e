"""The numbers behind change points against scipy, brute force and simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from canarystats.kernels.change_tail import PLACE_95, place_reach, tail_probability
from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.seeded_intervals import greatest_first, layers, peaks, running_sums
from canarystats.kernels.step_noise import around_steps, step_noise
from canarystats.kernels.step_place import explained_by_step
from tests.detect.processes import ar1


@pytest.mark.parametrize("tied", [False, True])
def test_scores_are_normal_quantiles_of_midranks(tied):
    values = np.random.default_rng(1).normal(size=(3, 41))
    if tied:
        values = np.round(values)
    ranks = stats.rankdata(values, axis=1)
    expected = stats.norm.ppf((ranks - 0.375) / 41.25)
    np.testing.assert_allclose(normal_scores(values), expected, rtol=1e-12, atol=1e-15)


def test_scores_are_exactly_antisymmetric():
    values = np.random.default_rng(2).normal(size=(2, 40))
    assert (normal_scores(-values) == -normal_scores(values)).all()


@pytest.mark.parametrize("n", [20, 57, 200, 1001])
def test_the_intervals_are_their_own_mirror_image(n):
    found = {
        (int(start), int(start) + layer.length) for layer in layers(n, 10) for start in layer.starts
    }
    assert found == {(n - stop, n - start) for start, stop in found}
    assert (0, n) in found
    for layer in layers(n, 10):
        assert set(layer.offsets) == set(layer.length - layer.offsets)


def test_a_peak_is_the_two_sample_z_of_its_split():
    values = np.random.default_rng(3).normal(size=(2, 150))
    found = peaks(running_sums(values), 10)
    for row in range(2):
        for i, (start, stop) in enumerate(zip(found.starts, found.stops, strict=True)):
            z = []
            for place in range(start + 10, stop - 9):
                left, right = values[row, start:place], values[row, place:stop]
                scale = np.sqrt(1 / len(left) + 1 / len(right))
                z.append(abs(left.mean() - right.mean()) / scale)
            assert found.size[row, i] == pytest.approx(max(z), rel=1e-9)
            assert found.place[row, i] == start + 10 + np.argmax(z)


def test_splits_come_greatest_first_and_stop_when_no_interval_is_left():
    values = np.zeros((1, 60))
    values[0, 20:] = 5
    values[0, 40:] = 7
    places, sizes = greatest_first(peaks(running_sums(values), 10), 6)
    assert places[0, 0] == 20
    assert (np.diff(sizes[0]) <= 0).all()
    assert places[0, -1] == 0


def test_what_is_left_around_steps_has_segment_means_of_zero():
    values = np.random.default_rng(4).normal(size=(2, 50))
    left = around_steps(values, running_sums(values), np.array([[20, 10], [0, 30]]))
    for row, ends in ((0, [0, 10, 20, 50]), (1, [0, 30, 50])):
        for start, stop in itertools.pairwise(ends):
            part = values[row, start:stop]
            np.testing.assert_allclose(left[row, start:stop], part - part.mean(), atol=1e-12)


@pytest.mark.parametrize("coefficient", [0.0, 0.3, 0.6, 0.9])
def test_the_long_run_variance_is_that_of_the_process(coefficient):
    """The larger of two estimates errs upwards, by a third at most."""
    values = ar1(np.random.default_rng(5), 100, 2000, coefficient)
    left = values - values.mean(axis=1, keepdims=True)
    noise = step_noise(left, 0)
    true = (1 + coefficient) / (1 - coefficient)
    assert 0.97 <= np.median(noise.long_run_variance) / true <= 1.33
    assert np.median(noise.first) == pytest.approx(coefficient, abs=0.02)


@pytest.mark.parametrize("first", [0.0, 0.6, 0.95])
def test_what_a_step_explains_is_that_of_generalised_least_squares(first):
    n = 25
    values = np.random.default_rng(6).normal(size=n)
    covariance = first ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    weight = np.linalg.inv(covariance) * (1 - first**2)

    def residual(design):
        beta = np.linalg.solve(design.T @ weight @ design, design.T @ weight @ values)
        off = values - design @ beta
        return off @ weight @ off

    flat = residual(np.ones((n, 1)))
    expected = [
        flat - residual(np.stack([np.ones(n), np.arange(n) >= place], axis=1) * 1.0)
        for place in range(1, n)
    ]
    np.testing.assert_allclose(explained_by_step(values, first), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("n", [80, 500])
def test_the_tail_is_that_of_simulated_noise_of_known_variance(n):
    rng = np.random.default_rng(7)
    scores = normal_scores(rng.normal(size=(4000, n)))
    largest = peaks(running_sums(scores), 10).size.max(axis=1) / scores[0].std()
    known = np.array([1e9])
    for share in (0.2, 0.05, 0.01):
        z = np.quantile(largest, [1 - share])
        assert tail_probability(z, n, 10, known)[0] == pytest.approx(share, rel=0.35)


def test_few_degrees_of_freedom_make_the_tail_heavy():
    z = np.array([5.0, 5.0])
    heavy, light = tail_probability(z, 500, 10, np.array([10.0, 1e9]))
    assert heavy > 100 * light


def test_the_reach_is_yaos_quantile():
    def covered(x):
        """Yao (1987), of the place's absolute value."""
        root = np.sqrt(x)
        upper = (
            1
            + np.sqrt(x / (2 * np.pi)) * np.exp(-x / 8)
            - (x + 5) / 2 * stats.norm.cdf(-root / 2)
            + 1.5 * np.exp(x) * stats.norm.cdf(-1.5 * root)
        )
        return 2 * upper - 1

    assert brentq(lambda x: covered(x) - 0.95, 1, 40) == pytest.approx(PLACE_95, abs=0.01)
    assert place_reach(np.array([2.0]), np.array([4.0]))[0] == 12
