"""Since when a gauge lies higher or lower than its baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest

from canarystats.sequential import gauge_onset
from canarystats.sequential.gauge_onset import SHIFTS
from tests.kernels.processes import ar1

UP, DOWN = np.array([True, False]), np.array([False, True])


def followed(canary, baseline):
    state = gauge_onset.begin(len(canary))
    for t in range(canary.shape[1]):
        state = gauge_onset.step(*state, canary[:, t], baseline[:, t], float(t))
    return state


def by_search(canary, baseline):
    """The onset and size with the largest sum, by trying all."""
    moved = (canary - baseline) / np.maximum(np.abs(canary), np.abs(baseline))
    n = len(moved)
    sums = [[(shift * (moved[s:] - shift / 2)).sum() for s in range(n)] for shift in SHIFTS]
    return float(np.argmax(np.max(sums, axis=0)))


def test_it_is_where_the_likelihood_is_largest():
    rng = np.random.default_rng(1)
    for since in (0, 10, 60, 95):
        canary, baseline = rng.normal(100.0, 3.0, (2, 100))
        canary[since:] += 8.0
        found = gauge_onset.onset(*followed(canary[None], baseline[None]), UP)
        assert found[0] == by_search(canary, baseline)


@pytest.mark.parametrize("shift", [10.0, 50.0, 200.0])
@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_onset_is_near_the_shift(phi, shift):
    rng = np.random.default_rng(2)
    canary, baseline = (100.0 + 3.0 * ar1(rng, phi, 200, 500) for _ in (1, 2))
    canary[:, 400:] += shift
    for sign, way in ((1.0, UP), (-1.0, DOWN)):
        lifted = canary if sign > 0 else 2 * baseline - canary
        off = np.abs(gauge_onset.onset(*followed(lifted, baseline), way) - 400.0)
        assert np.median(off) <= (4.0 if shift == 10.0 else 1.0) * (3.0 if phi else 1.0)


def test_nothing_that_moved_has_no_onset():
    flat = np.full((1, 30), 5.0)
    assert math.isnan(gauge_onset.onset(*followed(flat, flat), UP)[0])
    nothing = np.zeros((1, 30))
    assert math.isnan(gauge_onset.onset(*followed(nothing, nothing), UP)[0])
    assert math.isnan(gauge_onset.onset(*gauge_onset.begin(1), UP)[0])
