"""What history teaches about ordinary noise, against processes whose noise is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from canarystats.sequential import noise
from tests.kernels.processes import ar1

ROWS, TICKS = 25, 1920


def pods(seed, count=1, phi=0.0, effect=0.0, ticks=TICKS):
    """Shape (ROWS, ticks, count): mean 100, standard deviation 2, pods that differ lastingly."""
    rng = np.random.default_rng(seed)
    own = ar1(rng, phi, ROWS * count, ticks).reshape(ROWS, count, ticks).transpose(0, 2, 1)
    lasting = effect * rng.standard_normal((ROWS, 1, count))
    return 100 + 2 * (math.sqrt(1 - phi**2) * own + lasting)


def middle(values):
    return float(np.median(values))


@pytest.mark.parametrize(("phi", "time"), [(0.0, 1.0), (0.6, 4.0), (0.9, 19.0)])
def test_both_sides_tell_the_long_run_variance_of_their_difference(phi, time):
    found = noise.learn(pods(1, 1, phi), pods(2, 1, phi))
    assert middle(found.time) == pytest.approx(time, rel=0.12)
    assert middle(found.variance) == pytest.approx(2 * 4 * time, rel=0.12)
    assert middle(found.step_variance) == pytest.approx(2 * 4 * (1 - phi), rel=0.05)
    assert found.trusted.all()


def test_one_series_tells_twice_its_own():
    found, both = noise.learn(pods(1, 1, 0.6), None), noise.learn(pods(1, 1, 0.6), pods(2, 1, 0.6))
    assert middle(found.variance) == pytest.approx(middle(both.variance), rel=0.1)
    assert middle(found.step_variance) == pytest.approx(middle(both.step_variance), rel=0.05)
    assert not found.pod_effect.any()
    assert not found.side_effect.any()


def test_pods_of_one_side_tell_it_without_what_moves_them_all():
    wave = 30 * np.sin(np.arange(TICKS) / 200)[None, :, None]
    found = noise.learn(pods(1, 5, 0.6) + wave, None)
    assert middle(found.variance) == pytest.approx(2 / 5 * 4 * 4, rel=0.12)
    assert middle(found.time) == pytest.approx(4.0, rel=0.12)
    np.testing.assert_allclose(found.pods, 2 / 5)


def test_a_wave_in_a_single_series_makes_it_cautious():
    wave = 30 * np.sin(np.arange(TICKS) / 200)[None, :, None]
    assert middle(noise.learn(pods(1) + wave, None).variance) > 100 * 8
    both = noise.learn(pods(1) + wave, pods(2) + wave)
    assert middle(both.variance) == pytest.approx(8, rel=0.12)


def test_negative_dependence_is_not_credited():
    found = noise.learn(pods(1, 1, -0.5), pods(2, 1, -0.5))
    assert (found.variance >= 7).all()


@pytest.mark.parametrize("two_sided", [True, False])
def test_pods_that_differ_lastingly_are_seen(two_sided):
    other = pods(2, 10, effect=0.4) if two_sided else None
    found = noise.learn(pods(1, 10, effect=0.4), other)
    assert middle(found.pod_effect) == pytest.approx(0.8, rel=0.15)
    few, many = found.ordinary(np.array([2.0])), found.ordinary(np.array([0.1]))
    assert (few >= 2 * math.sqrt(2) * found.pod_effect).all()
    assert (many >= found.pod_effect).all()


def test_pods_alike_have_no_effect_but_chance():
    found = noise.learn(pods(1, 10), pods(2, 10))
    assert middle(found.pod_effect) < 0.03
    assert middle(found.side_effect) < 0.03


def test_sides_that_differ_lastingly_are_seen():
    found = noise.learn(pods(1) + 3, pods(2))
    assert middle(found.side_effect) == pytest.approx(3, rel=0.05)


def test_missed_scrapes_keep_their_place_in_time():
    rng = np.random.default_rng(3)
    canary, baseline = pods(1, 1, 0.6), pods(2, 1, 0.6)
    for side in (canary, baseline):
        side[rng.random(side.shape) < 0.1] = np.nan
    found = noise.learn(canary, baseline)
    assert middle(found.ticks) == pytest.approx(0.81 * TICKS, rel=0.02)
    assert middle(found.time) == pytest.approx(4.0, rel=0.15)


@pytest.mark.parametrize("value", [0.0, 5.0, 1e308])
def test_what_never_changes_or_cannot_be_squared_teaches_nothing(value):
    flat = np.full((2, 2000, 3), value)
    flat[:, ::2] *= -1 if value > 1e300 else 1
    for baseline in (None, np.full((2, 2000, 3), value)):
        found = noise.learn(flat, baseline)
        assert not found.trusted.any()
        assert found.batch(40).tolist() == [40.0, 40.0]
        for field in (found.time, found.variance, found.pod_effect, found.side_effect):
            assert np.isfinite(field).all()


def test_little_or_no_data_teaches_nothing():
    for ticks in (0, 1, 2, 30):
        for count in (1, 3):
            side = np.full((1, ticks, count), np.nan)
            for canary in (side, np.random.default_rng(0).normal(size=side.shape)):
                for baseline in (None, canary + 1.0, side):
                    found = noise.learn(canary, baseline)
                    assert not found.trusted.any()
                    assert found.batch(40).tolist() == [40.0]


def test_the_shorter_the_history_the_more_its_variance_is_raised():
    found = [noise.learn(pods(1, 1, 0.9, ticks=n), pods(2, 1, 0.9, ticks=n)) for n in (1000, 6000)]
    assert middle(found[0].safety) > middle(found[1].safety) >= noise.SAFETY


def test_a_history_too_large_to_square_says_nothing_and_warns_of_nothing():
    past = 1e300 + 1e290 * np.random.default_rng(0).normal(size=(1, 1920, 2))
    for learned in (noise.learn(past, past[:, ::-1]), noise.learn(past, None)):
        assert not learned.trusted.any()
    assert not noise.learn_level(past).trusted.any()
