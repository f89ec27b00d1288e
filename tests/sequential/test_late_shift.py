"""A gauge without history that gets worse in mid-rollout."""

from __future__ import annotations

import math

import numpy as np
import pytest

import canarystats as cs
from canarystats.kernels import student
from canarystats.sequential import late_shift
from canarystats.sequential.late_shift import PRECISIONS
from tests.kernels.processes import ar1
from tests.rollouts import clock
from tests.sequential.simulated import most_by_chance

HOUR = 240  # ticks


def followed(values, ordinary=0.0):
    """Every state after batches of shape (K, n): what lies beyond the margin is the difference."""
    columns = np.stack([values, -values, values], axis=2)
    state, found = late_shift.begin(len(values)), []
    for n in range(1, values.shape[1] + 1):
        past = columns[:, : n - 1]
        about = ((past - past.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) if n > 1 else 0.0
        squares = np.broadcast_to(about, (len(values), 3))
        batches, usual = np.full(len(values), float(n)), np.full(len(values), ordinary)
        state = late_shift.step(state, batches, columns[:, n - 1], squares, usual)
        found.append(state.log_e)
    return np.stack(found, axis=1)


def one_by_one(values):
    """The same for one direction, stretch by stretch, in plain probabilities."""
    total, n = 0.0, len(values)
    for every in (1, 2, 4, 8, 16):
        for k, began in enumerate(range(0, n, every)):
            last = values[began : began + 3 * every]
            shown = 1.0
            for m in range(1, len(last) + 1):
                before, part = values[:began], last[:m]
                noise = ((before - before.mean()) ** 2).sum() if began else 0.0
                asked = max(began - 1, 0) + m, m, part.sum(), noise + (part**2).sum()
                each = student.log_e_value_of_last(*map(np.array, asked), PRECISIONS)
                shown = np.exp(each).mean() if m > 1 else min(np.exp(each).mean(), 1.0)
            total += shown / ((k + 1) * (k + 2)) / 5
        total += 1 / (math.ceil(n / every) + 1) / 5
    return math.log(total)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 13, 25, 52])
def test_it_is_the_average_over_stretches_lengths_and_effects(n):
    values = np.random.default_rng(n).normal(0.2, 1.0, n)
    found = followed(values[None])[0, -1]
    assert found[0] == pytest.approx(one_by_one(values), abs=1e-9)
    assert found[1] == pytest.approx(one_by_one(-values), abs=1e-9)


def test_what_pods_differ_by_is_taken_off():
    values = np.random.default_rng(0).normal(3.0, 1.0, 20)
    np.testing.assert_allclose(
        followed(values[None], 2.0)[0, :, 0], followed(values[None] - 2.0)[0, :, 0], atol=1e-9
    )


@pytest.mark.parametrize("mean", [0.0, -0.3, -3.0])
def test_a_mean_of_at_most_zero_is_called_no_more_often_than_its_level(mean):
    runs, level = 1500, 0.05
    paths = followed(np.random.default_rng(1).normal(mean, 1.0, (runs, 60)))[:, :, 0]
    ever = (paths >= -math.log(level)).any(axis=1)
    assert ever.sum() <= most_by_chance(runs, level)


def rollout(change, ticks, seed=0, phi=0.6):
    """A gauge about 100 with a standard deviation of 5 that remembers; ``change`` is added."""
    rng = np.random.default_rng(seed)
    canary, baseline = 100 + 5 * math.sqrt(1 - phi**2) * ar1(rng, phi, 2, ticks)
    return cs.Pair.gauge("cpu_ratio", canary=canary + change, baseline=baseline, times=clock(ticks))


POLICY = cs.Policy.parse(
    {"metrics": [{"name": "cpu_ratio", "kind": "gauge", "critical": True}], "min_samples": 0}
)


@pytest.mark.parametrize("rise", [50.0, 200.0])
@pytest.mark.parametrize("healthy", [1, 2, 4])
def test_a_gauge_that_rises_after_hours_of_health_is_called_within_the_hour(healthy, rise):
    since = healthy * HOUR
    change = np.where(np.arange(since + HOUR) < since, 0.0, rise)
    verdict = cs.judge([rollout(change, since + HOUR)], POLICY)
    assert verdict.decision is cs.Decision.ROLLBACK
    assert verdict.onset == pytest.approx(clock(since + 1)[-1], abs=5 * 15.0)


def test_a_spike_of_two_minutes_rolls_nothing_back():
    for seed in range(10):
        change = np.zeros(3 * HOUR)
        change[2 * HOUR + 5 : 2 * HOUR + 13] = 100.0
        verdict = cs.judge([rollout(change, 3 * HOUR, seed)], POLICY)
        assert not verdict.firings
