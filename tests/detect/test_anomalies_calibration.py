"""What p-values promise and how often the rule alarms, where nothing is wrong and where it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

import canarystats as cs
from canarystats.kernels.conformal import conformal_p_values
from tests.detect.processes import ar1

ROWS = 600
NOISE = {
    "independent": lambda rng, n: rng.normal(size=(ROWS, n)),
    "AR(0.6)": lambda rng, n: ar1(rng, ROWS, n, 0.6),
    "AR(0.9)": lambda rng, n: ar1(rng, ROWS, n, 0.9),
    "t3": lambda rng, n: rng.standard_t(3, (ROWS, n)),
    "lognormal": lambda rng, n: rng.lognormal(0, 0.6, (ROWS, n)),
    "ties": lambda rng, n: rng.poisson(2.0, (ROWS, n)) * 1.0,
}


@pytest.mark.parametrize("name", ["independent", "t3", "ties"])
@pytest.mark.parametrize("size", [9, 60])
def test_plain_conformal_p_values_are_valid_for_exchangeable_scores(name, size):
    series = NOISE[name](np.random.default_rng(21), size + 1)
    p = conformal_p_values(series[:, -1:], series[:, :-1], np.full(ROWS, 1.0 * size))[:, 0]
    for u in (0.02, 0.05, 0.1, 0.3, 0.5):
        assert (p <= u).sum() <= binom.isf(1e-4, ROWS, u)
    assert p.min() >= 1 / (size + 1)
    if name != "ties":  # uniform on the multiples of 1 / (size + 1)
        assert (p <= 0.5).sum() >= binom.isf(1 - 1e-4, ROWS, 0.5)


def test_plain_conformal_p_values_break_where_the_record_remembers():
    """A short record of slow noise is not what comes after it; the effective number says so."""
    series = NOISE["AR(0.9)"](np.random.default_rng(22), 25)
    record, fresh = series[:, :20], series[:, -1:]
    plain = conformal_p_values(fresh, record, np.full(ROWS, 20.0))[:, 0]
    assert (plain <= 0.05).sum() > 1.5 * binom.isf(1e-4, ROWS, 0.05)
    found = cs.detect.anomalies(fresh, record, harmful="increase")
    told = np.array([one.p_values[0] for one in found])
    assert (told <= 0.05).sum() <= binom.isf(1e-4, ROWS, 0.05)


@pytest.mark.parametrize("name", NOISE)
@pytest.mark.parametrize("size", [20, 300])
def test_windows_where_nothing_is_wrong_are_rarely_alarmed_and_never_proven_too_often(name, size):
    series = NOISE[name](np.random.default_rng([23, size]), size + 5)
    found = cs.detect.anomalies(series[:, size:], series[:, :size], k=2, m=5)
    p = np.array([one.evidence.p_value or 1.0 for one in found])
    for u in (0.05, 0.2):
        assert (p <= u).sum() <= binom.isf(1e-4, ROWS, u)
    most = 0.02  # of what has heavy tails or little worth; the rule promises no level
    assert sum(one.anomalous for one in found) <= binom.isf(1e-4, ROWS, most)


@pytest.mark.parametrize(("fresh", "sigmas", "least"), [(3, 6, 0.95), (5, 6, 0.98), (5, 4, 0.85)])
def test_shifts_are_found_in_three_and_five_samples(fresh, sigmas, least):
    series = NOISE["AR(0.6)"](np.random.default_rng(24), 300 + fresh)
    values = series[:, 300:] + sigmas
    found = cs.detect.anomalies(values, series[:, :300], harmful="increase")
    assert np.mean([one.anomalous for one in found]) >= least


def test_pods_that_share_a_load_are_told_apart_at_the_level():
    rng = np.random.default_rng(25)
    p = []
    for _ in range(120):
        sides = ar1(rng, 6, 40, 0.6).T + np.cumsum(rng.normal(0, 5, 40))[:, None]
        pair = cs.Pair.gauge("queue", canary=sides[:, :1], baseline=sides[:, 1:])
        found = cs.detect.anomalies(pair)
        p.append((found.evidence.p_value, np.mean(np.array(found.p_values) <= 0.05)))
    window, ticks = np.array(p).T
    assert (window <= 0.2).sum() <= binom.isf(1e-4, 120, 0.2)
    assert ticks.mean() <= 0.05 + 4 * ticks.std() / np.sqrt(120)


@pytest.mark.parametrize(("periods", "coefficient"), [(2, 0.0), (3, 0.6)])
def test_a_season_with_its_period_given_is_no_anomaly(periods, coefficient):
    rng = np.random.default_rng(26)
    n = 24 * periods + 5
    rows = ar1(rng, 30, n, coefficient) + 3 * np.sin(2 * np.pi * np.arange(n) / 24)
    found = cs.detect.anomalies(rows[:, -5:], rows[:, :-5], period=24)
    p = np.array([one.p_values for one in found])
    assert (p <= 0.05).mean() <= 0.1  # five ticks of a row are not independent
    assert np.mean([one.anomalous for one in found]) <= 0.05


def test_joint_distances_of_fresh_ticks_are_those_of_the_ordinary_time():
    rng = np.random.default_rng(27)
    root = np.linalg.cholesky(np.full((4, 4), 0.9) + 0.1 * np.eye(4))
    ticks, windows = [], []
    for _ in range(60):
        sides = rng.normal(size=(6, 50, 4)) @ root.T
        pairs = [
            cs.Pair.gauge(f"m{i}", canary=sides[0, :, i], baseline=sides[1:, :, i].T)
            for i in range(4)
        ]
        found = cs.detect.joint_anomalies(pairs)
        ticks.append(np.mean(np.array(found.p_values) <= 0.05))
        windows.append(found.anomalous)
    assert np.mean(ticks) <= 0.05 + 4 * np.std(ticks) / np.sqrt(60)
    assert np.mean(windows) <= 0.02
