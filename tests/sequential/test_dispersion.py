"""How bursty counts are, learned from the baseline."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.evidence import Question
from canarystats.sequential import counts, dispersion
from canarystats.sequential.counts import Counts
from tests.sequential.simulated import most_by_chance


def learn(events, exposure):
    state = dispersion.begin(1, 1)
    for x, e in zip(events, exposure, strict=True):
        value = np.array([[float(x)]])
        state = dispersion.step(state, dispersion.Seen(value, np.array([[float(e)]]), value))
    return float(dispersion.fano(state)[0, 0])


def clumps(rng, mean, fano, n):
    """Compound Poisson counts: clumps of geometric size, with the given Fano factor."""
    size = (fano + 1) / 2
    return np.array([rng.geometric(1 / size, k).sum() for k in rng.poisson(mean / size, n)])


def test_before_anything_is_known_counts_may_come_in_pairs():
    assert learn([], []) == 2
    assert learn([7], [100]) == 2


def test_two_ticks_weigh_one_difference_against_four_of_the_prior():
    # (14 - 6)² = 64 against an expectation of 20: F = (64 + 4 * 20 * 2) / (20 + 4 * 20).
    assert learn([6, 14], [100, 100]) == pytest.approx(2.24)


@pytest.mark.parametrize("fano", [1, 2, 5])
@pytest.mark.parametrize("mean", [2.0, 15.0])
def test_it_settles_on_the_fano_factor(fano, mean):
    rng = np.random.default_rng(7)
    found = np.median([learn(clumps(rng, mean, fano, 400), np.ones(400)) for _ in range(20)])
    assert 0.85 * fano <= found <= 1.35 * fano


def test_a_load_that_swings_is_not_bursty():
    rng = np.random.default_rng(1)
    load = 1000 * (1 + 0.8 * np.sin(np.arange(600) / 40))
    assert learn(rng.poisson(0.02 * load), load) < 1.4


def test_slow_noise_of_one_arm_shows_between_batches():
    rng = np.random.default_rng(2)
    noise = np.zeros(1200)
    for i in range(1, 1200):
        noise[i] = 0.95 * noise[i - 1] + 0.31 * 0.4 * rng.normal()
    events = rng.poisson(15 * np.exp(noise))
    assert learn(events, np.ones(1200)) > 3


def test_healthy_bursts_are_called_worse_about_as_rarely_as_promised():
    # Tempering is a quasi-likelihood: twice the level is what it is held to, not the level.
    level, runs, ticks, fano = 0.05, 120, 240, 5
    rng = np.random.default_rng(11)
    design = Counts("requests", [counts.Test("worse", Question.WORSE, "arms", 1.0, True)])
    called = 0
    for _ in range(runs):
        state, hit = design.begin(), False
        canary, baseline = (clumps(rng, mean, fano, ticks) for mean in (1.5, 28.5))
        for i in range(ticks):
            sides = np.array([[canary[i], 150.0]]), np.array([[baseline[i], 2850.0]])
            state = design.step(state, *sides, 0.05, 1.7e9 + 15 * i)
            hit = hit or design.log_e(state)["worse"] >= -np.log(level)
        called += hit
    assert called <= most_by_chance(runs, 2 * level)
