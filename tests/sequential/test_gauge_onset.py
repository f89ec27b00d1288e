"""Since when a gauge lies higher or lower than its baseline."""

from __future__ import annotations

import numpy as np
import pytest

from canarystats.sequential import gauge_onset
from canarystats.sequential.gauge_onset import SHIFTS
from tests.kernels.processes import ar1

UP, DOWN, BOTH = np.array([1.0]), np.array([-1.0]), np.array([1.0, -1.0])


def followed(canary, baseline, signs, variance=np.inf):
    """What is dated of every row."""
    state = gauge_onset.begin(len(canary), len(signs))
    known = np.full(len(canary), variance)
    for t in range(canary.shape[1]):
        state = gauge_onset.step(state, canary[:, t], baseline[:, t], known, float(t), signs)
    return [gauge_onset.began(state, row) for row in range(len(canary))]


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
        for signs in (UP, BOTH):
            (found,) = followed(canary[None], baseline[None], signs)
            assert found.at == by_search(canary, baseline)


@pytest.mark.parametrize("shift", [10.0, 50.0, 200.0])
@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_onset_is_near_the_shift(phi, shift):
    rng = np.random.default_rng(2)
    canary, baseline = (100.0 + 3.0 * ar1(rng, phi, 200, 500) for _ in (1, 2))
    canary[:, 400:] += shift
    for sign, way in ((1.0, UP), (-1.0, DOWN)):
        lifted = canary if sign > 0 else 2 * baseline - canary
        off = [abs(each.at - 400.0) for each in followed(lifted, baseline, way)]
        assert np.median(off) <= (4.0 if shift == 10.0 else 1.0) * (3.0 if phi else 1.0)


def test_nothing_that_moved_has_no_onset():
    flat = np.full((1, 30), 5.0)
    assert followed(flat, flat, BOTH) == [None]
    nothing = np.zeros((1, 30))
    assert followed(nothing, nothing, BOTH) == [None]
    assert gauge_onset.began(gauge_onset.begin(1)) is None


@pytest.mark.parametrize(("phi", "shift", "after"), [(0.0, 5.0, 40), (0.6, 10.0, 60)])
def test_its_interval_covers_it_where_the_noise_is_known(phi, shift, after):
    rng, runs, at = np.random.default_rng(3), 120, 200
    canary, baseline = (100.0 + 3.0 * ar1(rng, phi, runs, at + after) for _ in (1, 2))
    canary[:, at:] += shift
    found = followed(canary, baseline, UP, 2 * 9.0 * (1 + phi) / (1 - phi))
    covers = [each.earliest <= at <= each.latest for each in found]
    assert sum(covers) >= 0.87 * runs  # 0.94 and more over many runs; binomial, three sigma
    assert np.median([each.latest - each.earliest for each in found]) <= after
    unknown = followed(canary, baseline, UP)[0]
    assert (unknown.earliest, unknown.latest) == (0.0, float(at + after - 1))
    assert unknown.at == found[0].at


def test_the_unit_and_the_direction_change_nothing():
    rng = np.random.default_rng(4)
    canary, baseline = 100.0 + 3.0 * rng.normal(size=(2, 1, 120))
    canary[:, 60:] += 6.0
    plain = followed(canary, baseline, UP, 18.0)
    assert followed(2.0**40 * canary, 2.0**40 * baseline, UP, 18.0 * 2.0**80) == plain
    assert followed(baseline, canary, DOWN, 18.0) == plain
