"""Error rates and traffic at any number of looks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from canarystats.evidence import Question, Status
from canarystats.sequential import counts
from canarystats.sequential.counts import Counts
from tests.rollouts import START
from tests.sequential.simulated import Rows, most_by_chance

WORSE = counts.Test("worse", Question.WORSE, "arms", 1.0, True)
BEYOND = counts.Test("beyond", Question.BEYOND, "arms", 1.5, True)
LEVEL = counts.Test("level", Question.LEVEL, "canary", 0.05, True)
LOW = counts.Test("low", Question.SPLIT, "traffic", 1.0, False)


def follow(design, ticks, share=0.05):
    state = design.begin()
    for i, (canary, baseline) in enumerate(ticks):
        other = None if baseline is None else np.array([baseline], dtype=float)
        state = design.step(state, np.array([canary], dtype=float), other, share, START + i)
    return state


def one_look(k, m, p, sign=1):
    odds = np.array([1.001, 1.003, 1.01, 1.03, 1.1, 1.25, 1.5, 2, 3, 5, 10, 30]) ** float(sign)
    q = odds * p / (odds * p + 1 - p)
    ratio = np.exp(stats.binom.logpmf(k, k + m, q) - stats.binom.logpmf(k, k + m, p))
    # Before anything is known of the baseline, counts may come in pairs: a Fano factor of 2.
    return math.log(0.5 * np.sqrt(ratio).mean() + 0.5)


def test_errors_are_binomial_with_the_realised_share_of_the_requests():
    design = Counts("requests", [WORSE, BEYOND, LEVEL, LOW])
    log_e = design.log_e(follow(design, [((9, 100), (20, 900))]))
    assert log_e["worse"] == pytest.approx(one_look(9, 20, 0.1))
    assert log_e["beyond"] == pytest.approx(one_look(9, 20, 0.15 / (0.15 + 0.9)))
    assert log_e["level"] == pytest.approx(one_look(9, 91, 0.05))
    assert log_e["low"] == pytest.approx(one_look(100, 900, 0.05, sign=-1))


def test_a_load_pattern_common_to_both_sides_is_no_evidence():
    design = Counts("requests", [WORSE])
    loads = (100, 900, 60, 3000, 100, 700) * 5
    shifting = follow(design, [((0.05 * n, n), (0.5 * n, 10 * n)) for n in loads])
    assert design.log_e(shifting)["worse"] < 0


def test_an_error_rate_that_both_sides_share_is_no_evidence():
    design = Counts("requests", [WORSE])
    rates = (0.01, 0.2, 0.01, 0.01, 0.3, 0.02) * 5
    shaken = follow(design, [((100 * r, 100), (1000 * r, 1000)) for r in rates])
    assert design.log_e(shaken)["worse"] < 0


def test_a_ramp_of_the_split_is_judged_tick_by_tick():
    # Equal rates throughout: the canary's errors grow with its share alone.
    design = Counts("requests", [WORSE, LOW])
    state = design.begin()
    for i, share in enumerate(np.repeat([0.01, 0.05, 0.25, 0.5], 40)):
        canary = np.array([[0.01, 1.0]]) * 100_000 * share
        baseline = np.array([[0.01, 1.0]]) * 100_000 * (1 - share)
        state = design.step(state, canary, baseline, share, START + i)
    assert max(design.log_e(state).values()) < 1


def test_a_tick_without_a_baseline_speaks_for_the_canary_alone():
    design = Counts("requests", [WORSE, LEVEL, LOW])
    state = follow(design, [((9, 100), None)])
    log_e = design.log_e(state)
    assert (log_e["worse"], log_e["low"]) == pytest.approx((0, 0), abs=1e-12)
    assert log_e["level"] == pytest.approx(one_look(9, 91, 0.05))
    assert state.alone.tolist() == [[9, 100]]
    assert state.canary.tolist() == [[0, 0]]


def test_without_a_share_the_traffic_says_nothing():
    design = Counts("requests", [LOW])
    state = follow(design, [((0, 1), (0, 10_000))], share=None)
    assert design.log_e(state)["low"] == pytest.approx(0, abs=1e-12)
    (found,) = design.evidence(state, {})
    assert found.status is Status.NOT_EVALUABLE


@pytest.mark.parametrize(
    ("ticks", "status"),
    [
        ([], Status.NO_DATA),
        ([((0, 0), (0, 0))], Status.NO_DATA),
        ([((1, 10), (0, 0))], Status.ONE_SIDE_ONLY),
        ([((0, 0), (1, 10))], Status.ONE_SIDE_ONLY),
        ([((0, 10), (0, 10))], Status.NO_EVENTS),
        ([((1, 10), (0, 10))], Status.OK),
    ],
)
def test_evidence_says_what_was_missing(ticks, status):
    design = Counts("requests", [WORSE])
    (found,) = design.evidence(follow(design, ticks), {"worse": 0.05})
    assert found.status is status
    assert not found.decides


def test_evidence_carries_the_ratio_and_its_interval():
    design = Counts("requests", [WORSE])
    state = follow(design, [((30, 1000), (200, 19_000))] * 10)
    (found,) = design.evidence(state, {"worse": 0.05})
    assert found.decides
    assert found.effect == pytest.approx((30 / 1000) / (200 / 19_000))
    assert found.interval.low < found.effect < found.interval.high
    assert found.interval.low > 1
    assert (found.n_canary, found.n_baseline) == (10_000, 190_000)


def test_no_baseline_errors_leave_the_ratio_open_above():
    design = Counts("requests", [WORSE])
    (found,) = design.evidence(follow(design, [((30, 1000), (0, 19_000))]), {})
    assert found.effect is None
    assert found.interval.high is None
    assert found.interval.low > 1


def test_the_onset_is_told_within_a_few_ticks():
    design = Counts("requests", [WORSE])
    ticks = [((10, 1000), (190, 19_000))] * 100 + [((40, 1000), (190, 19_000))] * 10
    state = follow(design, ticks)
    assert 95 <= design.onset(state, "worse") - START <= 101
    assert design.onset(design.begin(), "worse") is None


@pytest.mark.parametrize(("share", "events"), [(0.05, 15.0), (0.05, 1.5), (0.5, 4.0), (0.01, 30.0)])
def test_a_healthy_canary_is_called_worse_no_more_often_than_the_level(share, events):
    runs, ticks, level = 600, 240, 0.05
    assert rejections(runs, ticks, level, share, events) <= most_by_chance(runs, level)


def rejections(runs, ticks, level, share, events, seed=1):
    """Runs in which a fair canary's e-value ever reached its level, with a diurnal load."""
    rng = np.random.default_rng(seed)
    rows, called = Rows(runs), np.zeros(runs, dtype=bool)
    for tick in range(ticks):
        load = events * (1 + 0.5 * math.sin(tick / 20))
        total = rng.poisson(load, runs)
        canary = rng.binomial(total, share)
        log_e = rows.step(
            canary.astype(float), (total - canary).astype(float), np.full(runs, share)
        )
        called |= log_e >= -math.log(level)
    return int(called.sum())


@pytest.mark.calibration
@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_the_level_holds_over_a_day_of_ticks(share):
    runs, level = 2000, 0.05
    assert rejections(runs, 2000, level, share, 10.0, seed=9) <= most_by_chance(runs, level)


def test_a_doubled_error_rate_is_found_near_the_information_limit():
    # Two events a tick at 10 %: the reference pages put the best achievable mean at 44 ticks.
    share, delays = 0.1, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        rows = Rows(1)
        tick, log_e = 0, 0.0
        while log_e < math.log(20):
            canary = rng.poisson(2.0 * share * 2.0, 1).astype(float)
            baseline = rng.poisson(2.0 * (1 - share), 1).astype(float)
            log_e = rows.step(canary, baseline, np.array([share]))[0]
            tick += 1
        delays.append(tick)
    assert np.median(delays) <= 2 * 44
