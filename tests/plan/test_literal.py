"""How often a literal condition flickers is held against draws and against published figures."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.plan import literal

# P(a single look > 1.5x | identical versions) by the canary's requests, at 0.1 % errors and 5/95.
PUBLISHED = {1000: 0.27, 1500: 0.26, 5000: 0.14, 30_000: 0.007}


@pytest.mark.parametrize("requests", PUBLISHED)
def test_a_healthy_canary_looks_bad_as_often_as_published(requests):
    canary = np.array([requests * 0.001])
    found = literal.chance_above(canary, 19 * canary, 1.5 / 19)
    assert found[0] == pytest.approx(PUBLISHED[requests], abs=0.0105)


@pytest.mark.parametrize(
    ("canary", "baseline", "odds"), [(0.3, 2.0, 0.1), (6.0, 60.0, 0.15), (80.0, 1500.0, 0.06)]
)
def test_the_chance_is_that_of_two_poisson_counts(canary, baseline, odds):
    rng = np.random.default_rng(2)
    runs = 100_000
    drawn = rng.poisson(canary, runs) > odds * rng.poisson(baseline, runs)
    found = literal.chance_above(np.array([canary]), np.array([baseline]), odds)[0]
    assert found == pytest.approx(drawn.mean(), abs=4.5 * np.sqrt(0.25 / runs))


def test_without_errors_nothing_is_above():
    assert literal.chance_above(np.zeros(1), np.zeros(1), 0.1)[0] == 0.0
    assert literal.chance_over(np.zeros(1), np.zeros(1))[0] == 0.0


@pytest.mark.parametrize("excess", [0.0, 0.8, 1.6])
def test_a_condition_that_flickers_holds_about_as_late_as_walks_say(excess):
    """Moving sums over a window, as a rule reads them."""
    rng = np.random.default_rng(8)
    window, hold, runs, ticks = 20, 20, 400, 2500
    noise = np.cumsum(rng.normal(size=(runs, ticks + window)), axis=1)
    true = (noise[:, window:] - noise[:, :-window]) / np.sqrt(window) + excess > 0
    held = np.zeros(runs)
    first = np.full(runs, np.inf)
    for t in range(ticks):
        held = np.where(true[:, t], held + 1, 0)
        first = np.where((held > hold) & np.isinf(first), t + 1, first)
    chance = [true.mean()]
    for power in (0.5, 0.8):
        found = literal.held_by(np.array(chance), window, hold, power)[0]
        assert found == pytest.approx(np.quantile(first, power), rel=0.35, abs=3)


def test_a_condition_that_is_plainly_true_takes_its_duration():
    assert literal.held_by(np.array([1.0, 0.0]), 20, 20, 0.8).tolist() == [21.0, np.inf]
