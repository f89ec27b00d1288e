"""False alarms, power, coverage and real programs; docs/leaks.md has the full figures."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from benchmarks.leaks.scenarios import HARD, LEAKS, NULLS, SECONDS, N
from benchmarks.quality.leaks import DATA, SCRAPE_SECONDS
from scipy import stats

import canarystats as cs
from tests.detect.processes import ar1

ROWS = 200
CERTAIN = 1e-4  # chance that a bound is crossed by luck, of each test
START, SIGMA = 1e12, 1e9
ALLOWED = dict.fromkeys(NULLS, 0.01) | {"random walk": 0.10}


def most(rate, rows=ROWS):
    return stats.binom.ppf(1 - CERTAIN, rows, rate)


def least(rate, rows=ROWS):
    return stats.binom.ppf(CERTAIN, rows, rate)


def drawn(scenarios, name, rows=ROWS, part=5):
    rng = np.random.default_rng([part, *name.encode()])
    return START + SIGMA * scenarios[name](rng, rows)


def told(values, baseline=None):
    found = cs.detect.leak(values, baseline, SECONDS, floor_per_hour=0)
    return sum(one.leaking for one in found)


@pytest.mark.parametrize("name", NULLS)
def test_what_does_not_leak_is_seldom_told_to(name):
    assert told(drawn(NULLS, name)) <= most(ALLOWED[name])


@pytest.mark.parametrize("name", NULLS)
def test_nor_beside_a_baseline(name):
    other = drawn(NULLS, "AR(0.6)", part=6)
    assert told(drawn(NULLS, name), other) <= most(ALLOWED[name])


@pytest.mark.calibration
@pytest.mark.parametrize("name", NULLS)
def test_the_level_at_full_size(name):
    assert told(drawn(NULLS, name, 4000)) <= most(ALLOWED[name], 4000)


@pytest.mark.parametrize("name", list(LEAKS)[:3])
def test_leaks_are_found(name):
    assert told(drawn(LEAKS, name)) >= least(0.9)


@pytest.mark.parametrize("size", [0.5, 1.0, 2.0, 8.0])
def test_no_step_of_any_size_is_often_a_leak(size):
    assert told(drawn(HARD, f"step of {size:g}σ")) <= most(0.05)


@pytest.mark.parametrize("sigma", [1.0, 0.1, 0.003])
@pytest.mark.parametrize("share", [0.07, 0.1, 0.22])
def test_no_warm_up_is_a_leak_however_little_noise_there_is(sigma, share):
    noise = ar1(np.random.default_rng(8), 50, N, 0.6)
    clock = np.arange(N) / N
    for curve in (1 - np.exp(-clock / share), clock / (clock + share)):
        assert told(START + SIGMA * (8 * curve + sigma * noise)) <= most(0.02, 50)


@pytest.mark.parametrize("coefficient", [0.0, 0.6, 0.95])
@pytest.mark.parametrize("rise", [2.0, 8.0])
def test_the_time_to_the_limit_is_held(coefficient, rise):
    rng = np.random.default_rng([6, int(100 * coefficient), int(rise)])
    clock = np.arange(N) / N
    noise = ar1(rng, ROWS, N, coefficient)
    ahead = rng.uniform(0.2, 5, ROWS)
    limit = START + SIGMA * rise * (clock[-1] + ahead)
    found = cs.detect.leak(
        START + SIGMA * (rise * clock + noise), times=SECONDS, limit=limit, floor_per_hour=0
    )
    held = 0
    for one, truth in zip(found, ahead * N * 60, strict=True):
        until = one.time_to_limit_interval
        if until is not None:
            held += (until.low or 0) <= truth <= (np.inf if until.high is None else until.high)
    assert held >= least(0.85)


@pytest.mark.parametrize("recording", ["first", "held_out"])
def test_real_programs_are_told_better_than_the_best_published_rule(recording):
    stored = np.load(DATA / f"{recording}.npz")
    memory = stored["resident_pages"] * float(stored["page_bytes"])
    with (DATA / f"{recording}.csv").open() as file:
        rows = list(csv.DictReader(file))
    leaky = np.array([row["leaky"] == "1" for row in rows[::2]])
    assert min(leaky.sum(), (~leaky).sum()) >= 50
    times = np.arange(memory.shape[1]) * SCRAPE_SECONDS
    found = cs.detect.leak(memory[::2], memory[1::2], times)
    answers = np.array([one.leaking for one in found])
    hits = (answers & leaky).sum()
    assert 2 * hits / (answers.sum() + leaky.sum()) > 6 / 7
