"""How often one look errs where canary and baseline are alike, and how often intervals hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from canarystats.compare import mann_whitney
from canarystats.evidence import Status
from canarystats.windows import Pair
from tests.kernels import processes

NOMINAL = 0.02
PROMISED = 1.5 * NOMINAL  # of a gauge whose dependence has to be estimated
SURELY = 1 - 1e-4


def false_alarms(canary, baseline, make=Pair.gauge):
    pairs = [make("g", canary=x, baseline=y) for x, y in zip(canary, baseline, strict=True)]
    return sum(e.decides for e in mann_whitney(pairs, level=NOMINAL))


def sides(phi, n, runs, seed):
    rng = np.random.default_rng(seed)
    return processes.ar1(rng, phi, runs, n), processes.ar1(rng, phi, runs, n)


@pytest.mark.parametrize("phi", [0, 0.8])
def test_a_gauge_keeps_its_level_under_autocorrelation(phi):
    runs = 600
    alarms = false_alarms(*sides(phi, 60, runs, seed=41))
    assert alarms <= stats.binom.ppf(SURELY, runs, PROMISED)


@pytest.mark.calibration
@pytest.mark.parametrize("n", [20, 60, 240])
@pytest.mark.parametrize("phi", [0, 0.5, 0.8, 0.9])
def test_a_gauge_keeps_its_level_at_full_size(phi, n):
    runs = 8000
    alarms = false_alarms(*sides(phi, n, runs, seed=42))
    print(f"AR(1) {phi}, {n} ticks a side: {100 * alarms / runs:.2f} % at a nominal 2 %")
    assert alarms <= stats.binom.ppf(SURELY, runs, PROMISED)


@pytest.mark.calibration
@pytest.mark.parametrize("n", [20, 60, 240])
def test_overlapping_rate_windows_keep_the_level_at_full_size(n):
    rng = np.random.default_rng(43)
    runs = 8000
    series = [processes.moving_average(rng, 8, runs, n) for _ in range(2)]
    alarms = false_alarms(*series)
    print(f"8 overlapping windows, {n} ticks a side: {100 * alarms / runs:.2f} % at a nominal 2 %")
    assert alarms <= stats.binom.ppf(SURELY, runs, PROMISED)


@pytest.mark.calibration
def test_heavy_tails_and_gaps_keep_the_level_at_full_size():
    runs = 8000
    canary, baseline = (np.sign(s) * np.exp(np.abs(s)) for s in sides(0.6, 60, runs, seed=44))
    canary[np.random.default_rng(45).random(canary.shape) < 0.1] = np.nan
    assert false_alarms(canary, baseline) <= stats.binom.ppf(SURELY, runs, PROMISED)


def test_slow_dependence_behind_fast_noise_is_not_promised():
    rng = np.random.default_rng(46)
    runs = 600
    series = [processes.ar2(rng, 0.5, 0.35, runs, 60) for _ in range(2)]
    assert false_alarms(*series) > stats.binom.ppf(SURELY, runs, NOMINAL)


def test_calling_a_gauge_samples_breaks_the_level():
    """The reason for the effective sample size: tests of independent data err in 30 % of looks."""
    runs = 400
    assert false_alarms(*sides(0.8, 60, runs, seed=47), make=Pair.samples) > 0.2 * runs


def test_a_real_shift_of_an_autocorrelated_gauge_is_found():
    canary, baseline = sides(0.5, 120, 200, seed=48)
    pairs = [
        Pair.gauge("g", canary=x + 1.5, baseline=y) for x, y in zip(canary, baseline, strict=True)
    ]
    found = mann_whitney(pairs, alternative="greater", level=NOMINAL)
    assert np.mean([e.decides for e in found]) > 0.9
    assert sum(e.status is Status.OK for e in found) > 195


@pytest.mark.parametrize(
    ("n", "m", "spread", "theta"),
    [(10, 10, 1, 0.5), (30, 30, 4, 0.75), (10, 200, 1, 0.95), (200, 200, 0.25, 0.5)],
)
def test_the_interval_of_the_probability_covers(n, m, spread, theta):
    rng = np.random.default_rng(49)
    runs = 600
    mean = stats.norm.ppf(theta) * np.hypot(1, spread)
    pairs = [
        Pair.samples("s", canary=rng.normal(mean, spread, n), baseline=rng.normal(0, 1, m))
        for _ in range(runs)
    ]
    held = sum(e.interval.low <= theta <= e.interval.high for e in mann_whitney(pairs, level=0.05))
    assert held >= stats.binom.ppf(1e-4, runs, 0.94)
    assert held < runs


def test_a_gauges_interval_covers():
    runs = 600
    canary, baseline = sides(0.8, 120, runs, seed=50)
    pairs = [Pair.gauge("g", canary=x, baseline=y) for x, y in zip(canary, baseline, strict=True)]
    held = sum(e.interval.low <= 0.5 <= e.interval.high for e in mann_whitney(pairs, level=0.05))
    assert held >= stats.binom.ppf(1e-4, runs, 0.93)
