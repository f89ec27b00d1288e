"""Gauges at any number of looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from canarystats.evidence import Status
from canarystats.kernels import student
from canarystats.sequential.gauge import FEWEST_BATCHES, Gauge
from tests.sequential.simulated import most_by_chance


def follow(design, canary, baseline):
    state = design.begin()
    for left, right in zip(canary, baseline, strict=True):
        state = design.step(state, float(left), float(right))
    return state


def gauge(harmful="increase", margin=0.05, allowed=0.05, batch=5):
    return Gauge("memory_bytes", harmful=harmful, margin=margin, allowed=allowed, batch=batch)


def noisy(n, level=100.0, seed=0):
    return level + np.random.default_rng(seed).normal(0, 1, n)


def test_the_e_value_is_that_of_the_t_test_on_batch_means():
    design = gauge(margin=0.02)
    canary, baseline = noisy(60, 105, 1), noisy(60, 100, 2)
    state = follow(design, canary, baseline)
    means = (canary - baseline - 0.02 * baseline).reshape(-1, 5).mean(axis=1)
    expected = student.log_e_value(12, np.array([means.mean()]), np.array([means.var(ddof=1)]))
    assert design.log_e(state)["worse"] == pytest.approx(float(expected[0]))


def test_a_higher_gauge_is_worse_and_an_equal_one_is_shown_not_worse():
    design = gauge()
    higher = design.log_e(follow(design, noisy(200, 115, 1), noisy(200, 100, 2)))
    equal = design.log_e(follow(design, noisy(200, 100, 1), noisy(200, 100, 2)))
    assert higher["worse"] > math.log(1000)
    assert higher["not_worse"] <= 0
    assert equal["worse"] <= 0
    assert equal["not_worse"] > math.log(1000)


def test_the_harmful_direction_decides_what_is_worse():
    higher, lower, base = noisy(200, 115, 1), noisy(200, 85, 2), noisy(200, 100, 3)
    for harmful, bad, good in (("increase", higher, lower), ("decrease", lower, higher)):
        design = gauge(harmful)
        assert design.log_e(follow(design, bad, base))["worse"] > math.log(1000)
        fine = design.log_e(follow(design, good, base))
        assert fine["worse"] <= 0
        assert fine["not_worse"] > math.log(1000)
    design = gauge("either")
    for other in (higher, lower):
        found = design.log_e(follow(design, other, base))
        assert found["worse"] > math.log(1000)
        assert found["not_worse"] <= 0


def test_a_difference_within_the_margin_is_not_worse_enough():
    design = gauge(margin=0.2)
    assert design.log_e(follow(design, noisy(400, 110, 1), noisy(400, 100, 2)))["worse"] <= 0


def test_what_moves_both_sides_drops_out():
    design = gauge(margin=0.0)
    wave = 50 * np.sin(np.arange(200) / 10)
    noise = noisy(200, 0, 1) - noisy(200, 0, 2) + 2
    calm = design.log_e(follow(design, 100 + noise, np.full(200, 100.0)))
    moved = design.log_e(follow(design, 100 + wave + noise, 100 + wave))
    assert moved["worse"] == pytest.approx(calm["worse"])


def test_too_few_batches_say_so_and_cannot_decide():
    design = gauge()
    for batches in range(FEWEST_BATCHES):
        state = follow(design, noisy(5 * batches, 500, 1), noisy(5 * batches, 100, 2))
        for found in design.evidence(state, {"worse": 0.05, "not_worse": 0.05}):
            assert found.status is (Status.INSUFFICIENT if batches else Status.NO_DATA)
            assert not found.decides


def test_constant_values_give_finite_evidence():
    design = gauge()
    state = follow(design, np.full(100, 100.0), np.full(100, 100.0))
    found = design.log_e(state)
    assert all(math.isfinite(value) for value in found.values())
    assert found["worse"] <= 0


def test_a_negative_level_keeps_its_margin_positive():
    design = gauge(margin=0.05)
    state = follow(design, noisy(200, -100, 1), noisy(200, -100, 2))
    assert design.log_e(state)["worse"] <= 0


def test_the_interval_holds_the_difference():
    design = gauge()
    state = follow(design, noisy(200, 107, 1), noisy(200, 100, 2))
    worse, _ = design.evidence(state, {"worse": 0.01, "not_worse": 0.05})
    assert worse.interval.low < 7 < worse.interval.high
    assert worse.effect == pytest.approx(7, abs=0.5)
    assert worse.n_effective == 40


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_a_healthy_gauge_is_called_worse_no_more_often_than_the_level(phi):
    runs, batches, batch, level = 500, 50, 40, 0.05
    rng = np.random.default_rng(4)
    noise = rng.standard_normal((batches * batch, runs))
    for t in range(1, len(noise)):
        noise[t] += phi * noise[t - 1]
    means = noise.reshape(batches, batch, runs).mean(axis=1)
    called = np.zeros(runs, dtype=bool)
    for n in range(2, batches + 1):
        mean, variance = means[:n].mean(axis=0), means[:n].var(axis=0, ddof=1)
        log_e = student.log_e_value(n, mean, variance)
        called |= (mean > 0) & (log_e >= -math.log(level))
    assert called.sum() <= most_by_chance(runs, level)
