"""The likeliest onset of more errors, and where else it may lie."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.sequential import onset
from tests.sequential.simulated import are_near


def followed(errors, exposure):
    """The state after ticks of these errors; both have shape (n, 2): canary, baseline."""
    state = onset.begin()
    for t, (e, n) in enumerate(zip(errors, exposure, strict=True)):
        state = onset.step(state, np.array([[e[0], n[0]]]), np.array([[e[1], n[1]]]), float(t))
    return state


def drawn(rng, n, at, ratio, *, rate=0.01, exposure=(75, 1425)):
    counts = rng.poisson(exposure, (n, 2))
    canary = np.where(np.arange(n) >= at, ratio, 1.0) * rate
    return rng.binomial(counts, np.stack([canary, np.full(n, rate)], axis=1)), counts


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_maximum_of_the_likelihood_written_out(seed):
    n = 60
    errors, exposure = drawn(np.random.default_rng(seed), n, 30, 5.0)
    share = exposure[:, 0] / exposure.sum(axis=1)
    best = (-np.inf, 0)
    for ratio in onset.RATIOS:
        odds = ratio * share / (1.0 - share)
        p = odds / (1.0 + odds)
        gain = errors[:, 0] * np.log(p / share) + errors[:, 1] * np.log((1.0 - p) / (1.0 - share))
        tails = np.cumsum(gain[::-1])[::-1]
        best = max(best, (tails.max(), int(tails.argmax())))
    found = onset.began(followed(errors, exposure))
    assert found.at == best[1]


def test_nothing_is_dated_where_nothing_has_gathered():
    assert onset.began(onset.begin()) is None
    equal = np.tile([[1.0, 19.0]], (50, 1)), np.tile([[100.0, 1900.0]], (50, 1))
    assert onset.began(followed(*equal)) is None


def test_a_tick_without_requests_on_a_side_tells_nothing():
    state = followed(*drawn(np.random.default_rng(0), 40, 20, 5.0))
    again = onset.step(state, np.zeros((1, 2)), np.array([[3.0, 100.0]]), 40.0)
    np.testing.assert_array_equal(again, state)


def test_a_tick_without_any_error_is_no_onset():
    quiet = np.zeros((40, 2)), np.tile([[100.0, 1900.0]], (40, 1))
    errors = np.vstack([quiet[0], [[3.0, 0.0], [4.0, 1.0], [5.0, 0.0]]])
    found = onset.began(followed(errors, np.vstack([quiet[1], quiet[1][:3]])))
    assert (found.earliest, found.at) == (40.0, 40.0)


@pytest.mark.parametrize(
    ("ratio", "delay", "error", "width"),
    [(2.0, 85, 12.0, 40), (3.0, 33, 5.0, 20), (10.0, 5, 0.5, 4)],
)
def test_it_is_near_the_truth_and_its_interval_covers_it(ratio, delay, error, width):
    rng, runs, at = np.random.default_rng(0), 40, 60
    found = [onset.began(followed(*drawn(rng, at + delay, at, ratio))) for _ in range(runs)]
    are_near(found, at, runs=runs, error=error, width=width)
