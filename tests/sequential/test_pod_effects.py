"""Lasting differences between pods, learned from the running baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from canarystats.sequential import pod_effects
from canarystats.sequential.gauge import Gauge
from tests.kernels.processes import ar1
from tests.sequential.simulated import most_by_chance

TICKS, RUNS = 480, 200


def followed(pods):
    """The state after pods of shape (K, n, pods), NaN where a scrape was missed."""
    state = pod_effects.begin(len(pods))
    for t in range(pods.shape[1]):
        state = pod_effects.step(state, pods[:, t], np.nanmean(pods[:, t], axis=1))
    return state


def sides(seed, count, effect=0.0, phi=0.6, shift=0.0, ticks=TICKS):
    """Canary and baseline, shape (RUNS, ticks, count): sd 1 at a time, pods that differ."""
    rng = np.random.default_rng([seed, count])
    found = []
    for up in (shift, 0.0):
        moving = np.stack([ar1(rng, phi, RUNS, ticks) for _ in range(count)], axis=2)
        lasting = effect * rng.standard_normal((RUNS, 1, count))
        found.append(100.0 + up + math.sqrt(1 - phi**2) * moving + lasting)
    return found


def shown(canary, baseline, level, history=None):
    """How many rollouts are ever shown to be worse at a level, looked at after every tick."""
    design = Gauge("queue", harmful="increase", margin=0.0, allowed=0.05, batch=40)
    state, ever = design.begin(len(canary), history), np.zeros(len(canary), dtype=bool)
    for t in range(canary.shape[1]):
        state = design.step(state, canary[:, t], baseline[:, t], 15.0 * t)
        ever |= design.log_e(state)["worse"] >= -math.log(level)
    return int(ever.sum())


def test_the_variance_is_that_of_the_pods_averages():
    pods = np.random.default_rng(1).normal(50.0, 2.0, (3, 40, 5))
    variance, free = pod_effects.between(followed(pods))
    own = (pods - pods.mean(axis=2, keepdims=True)).mean(axis=1)
    np.testing.assert_allclose(variance, own.var(axis=1, ddof=1), rtol=1e-12)
    assert free.tolist() == [4.0] * 3


def test_a_single_pod_and_one_that_was_hardly_there_tell_nothing():
    alone = followed(np.random.default_rng(2).normal(size=(1, 30, 1)))
    assert not alone.any()
    pods = np.random.default_rng(3).normal(size=(1, 30, 3))
    pods[:, 10:, 2] = np.nan
    assert pod_effects.between(followed(pods))[1].tolist() == [1.0]


def test_no_more_than_so_many_pods_are_followed():
    pods = np.random.default_rng(4).normal(size=(1, 30, 40))
    assert pod_effects.between(followed(pods))[1].tolist() == [pod_effects.MOST_PODS - 1.0]


@pytest.mark.parametrize("free", [1, 2, 4, 9, 100])
def test_what_is_ordinary_is_a_quantile_of_students_t(free):
    effect, pods = np.array([3.0]), np.array([2.0])
    found = pod_effects.ordinary(effect, np.array([float(free)]), pods)
    assert found[0] == pytest.approx(3.0 * math.sqrt(2.0) * stats.t.ppf(0.99, free), rel=1e-9)
    assert pod_effects.ordinary(effect, np.zeros(1), pods)[0] == 0.0
    many = pod_effects.ordinary(effect, np.array([float(free)]), np.array([1e-6]))
    assert many[0] == 3.0  # one standard deviation of a pod, however many there are


@pytest.mark.parametrize("count", [3, 10])
def test_pods_that_differ_lastingly_are_not_taken_for_harm(count):
    level = 0.05
    assert shown(*sides(5, count, effect=0.4), level) <= most_by_chance(RUNS, level)
    # With the pods out of sight, only their mean, far more are called worse.
    pooled = [side.mean(axis=2, keepdims=True) for side in sides(5, count, effect=0.4)]
    assert shown(*pooled, level) > 2 * most_by_chance(RUNS, level)


def test_harm_beyond_what_pods_differ_by_is_shown():
    assert shown(*sides(6, 10, effect=0.2, shift=1.0), 0.05) >= 0.95 * RUNS
    assert shown(*sides(7, 10, effect=0.0, shift=0.5), 0.05) >= 0.95 * RUNS


def test_a_history_of_single_pods_leaves_it_to_the_running_baseline():
    history = sides(8, 1, ticks=1920)
    assert shown(*sides(9, 3, effect=0.4), 0.05, history) <= most_by_chance(RUNS, 0.05)


def test_evidence_says_what_the_pods_differ_by():
    design = Gauge("queue", harmful="increase", margin=0.0, allowed=0.05, batch=40)
    canary, baseline = (side[:1] for side in sides(10, 4, effect=2.0))
    state = design.begin()
    for t in range(TICKS):
        state = design.step(state, canary[:, t], baseline[:, t], 15.0 * t)
    told = design.evidence(state, {})[0].assumptions
    assert any(text.startswith("pods of the running baseline differ lastingly by") for text in told)
