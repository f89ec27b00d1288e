"""The mixture over drifts and onsets against the sum written out, and against chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from canarystats.kernels import drift


def follow(increments, drifts):
    """Log e-values after each look, shape (runs, looks)."""
    runs, looks = increments.shape
    mass, scale = drift.start(runs, 1), np.zeros((runs, 1))
    found = np.empty((runs, looks))
    for t in range(looks):
        at = np.full(runs, float(t))
        mass, scale = drift.advance(mass, scale, at, increments[:, t : t + 1], drifts)
        found[:, t] = drift.log_e_values(mass, scale, at + 1.0)[:, 0]
    return found


def in_full(increments, drifts):
    """The same for one run: every drift and every onset by itself, and the onsets to come."""
    looks, slow = len(increments), np.minimum(drifts, drift.FASTEST)
    clipped = np.minimum(increments, drift.LARGEST)
    left = (1 - drift.FROM_THE_FIRST) / (1 + np.arange(looks + 1) / drift.HALF_OF_ONSETS)
    weights = [drift.FROM_THE_FIRST, *(left[:-1] - left[1:])][:looks]
    total = left[looks - 1]
    for start, weight in enumerate(weights):
        n = looks - start
        gain = slow * clipped[start:].sum() - n * slow**2 / 2
        total += weight * float((drift.PRIOR * np.exp(gain)).sum())
    return math.log(total)


def test_the_prior_is_one_in_all():
    assert drift.PRIOR.sum() == pytest.approx(1.0)
    assert len(drift.PRIOR) == len(drift.SHIFTS)
    assert float(drift.onset_mass_left(np.zeros(1))[0]) + drift.FROM_THE_FIRST == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [-0.5, 0.0, 1.0])
def test_the_recursion_is_the_sum_over_drifts_and_onsets(shift):
    increments = np.random.default_rng(3).normal(shift, 1, (1, 40))
    drifts = drift.SHIFTS / 2
    found = follow(increments, drifts[None, :])
    for looks in (1, 2, 17, 40):
        expected = in_full(increments[0, :looks], drifts)
        assert found[0, looks - 1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_independent_noise_rejects_no_more_often_than_the_level(level):
    runs = 2000
    increments = np.random.default_rng(5).standard_normal((runs, 800))
    drifts = np.tile(drift.SHIFTS / math.sqrt(2), (runs, 1))
    called = (follow(increments, drifts).max(axis=1) >= -math.log(level)).sum()
    assert called <= stats.binom.ppf(1 - 1e-4, runs, level)


def test_a_late_drift_is_found_within_twice_the_limit():
    runs, onset, shift = 200, 300, 0.7
    increments = np.random.default_rng(6).standard_normal((runs, 600))
    increments[:, onset:] += shift
    log_e = follow(increments, np.tile(drift.SHIFTS / math.sqrt(2), (runs, 1)))
    over = log_e[:, onset:] >= math.log(20)
    delay = over.argmax(axis=1) + 1
    assert over.any(axis=1).all()
    assert np.mean(delay) <= 2 * math.log(5000) / (shift**2 / 2)


def test_one_wild_value_decides_nothing():
    increments = np.full((1, 50), -0.1)
    increments[0, 20] = 1e12
    assert float(follow(increments, drift.SHIFTS[None, :]).max()) < math.log(20)


def test_evidence_beyond_any_number_stays_finite():
    found = follow(np.full((1, 3000), 5.0), drift.SHIFTS[None, :])
    assert np.isfinite(found).all()
    assert found[0, -1] > 5000
    assert np.isfinite(follow(np.full((1, 3000), -5.0), drift.SHIFTS[None, :])).all()
