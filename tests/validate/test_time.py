"""Mixed resolution, holes, and data that is fresh after a rollback."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.validate import CHECKS, Answer
from canarystats.validate.spans import Span, held, row_seconds
from tests.validate import weeks

DAY = weeks.DAY


def thinned(days=90):
    """Times as a store keeps them: an hour apart, then five minutes, then fifteen seconds."""
    parts = [(0, days - 15, 3600.0), (days - 15, days - 1, 300.0), (days - 1, days, 15.0)]
    return np.concatenate(
        [weeks.ticks(stop - start, step, weeks.T0 + start * DAY) for start, stop, step in parts]
    )


def finding(check, pair, days=90):
    chosen = next(c for c in CHECKS if c.id == check)
    report = cs.validate.run(
        "x", [pair], checks=[chosen], start=weeks.T0, end=weeks.T0 + days * DAY
    )
    return report.findings[0]


def test_a_row_speaks_for_its_own_time_at_every_resolution():
    times = thinned()
    covered = row_seconds(times)
    assert covered.sum() == pytest.approx(90 * DAY, rel=1e-3)
    assert set(np.round(covered)) == {15.0, 300.0, 3600.0}


def test_a_hole_is_not_covered():
    times = weeks.ticks(7)
    pair = cs.Pair.events("pod_restarts", canary=np.zeros(168), times=times)
    holed = cs.Pair.events(
        "pod_restarts", canary=np.zeros(100), times=np.delete(times, range(50, 118))
    )
    span = Span(weeks.T0, weeks.T0 + 7 * DAY)
    assert held(pair, span).coverage == 1
    assert held(holed, span).coverage == pytest.approx(100 / 168)


def test_counts_weigh_by_exposure_whatever_the_resolution():
    rng = np.random.default_rng(1)
    times = thinned()
    seconds = np.diff(times, prepend=weeks.T0)
    requests = 10 * seconds
    errors = rng.poisson(5e-4 * requests)
    mixed = finding(
        "quarter.error-budget", cs.Pair.counts("requests", canary=(errors, requests), times=times)
    )
    hours = weeks.ticks(90)
    place = np.ceil((times - weeks.T0) / 3600 - 1e-9).astype(int) - 1
    coarse = tuple(np.bincount(place, column) for column in (errors, requests))
    even = finding("quarter.error-budget", cs.Pair.counts("requests", canary=coarse, times=hours))
    assert mixed.budget.spent == pytest.approx(even.budget.spent, rel=1e-3)
    check = "month-1.error-rate"
    pairs = [
        cs.Pair.counts("requests", canary=side, times=at)
        for side, at in (((errors, requests), times), (coarse, hours))
    ]
    one, other = (finding(check, pair).evidence for pair in pairs)
    assert one.observed == pytest.approx(other.observed)
    assert one.interval.high == pytest.approx(other.interval.high, rel=1e-6)


def test_a_gauge_weighs_by_time_and_not_by_rows():
    times = thinned()
    values = np.where(times > weeks.T0 + 89 * DAY, 0.5, 1.0)  # most rows, a ninetieth of the time
    pair = cs.Pair.gauge("up", canary=values, times=times)
    found = finding("quarter.uptime", pair)
    assert found.evidence.observed == pytest.approx(1 - 0.5 / 90, rel=1e-3)


def test_a_leak_is_found_at_the_resolution_there_is():
    rng = np.random.default_rng(2)
    times = thinned(30)
    for an_hour, answer in ((2e6, Answer.MISSED), (0.0, Answer.MET)):
        pair = weeks.memory(rng, times, 3, leaks=[(1, an_hour)], limit=4e9)
        found = finding("month-1.memory-leak", pair, 30)
        assert found.answer is answer, found
    assert found.leak.pods[1].evidence.n_canary <= 30 * 24 + 1


# after a rollback


def rolled_back(rng, level, n=240, since=60):
    """Errors at a hundred per thousand until the rollback, then at the level."""
    times = 1_700_000_000 + 15.0 * np.arange(n)
    rate = np.where(np.arange(n) < since, 0.1, level)
    total = np.full(n, 2000)
    sides = [(rng.binomial(total, r) * 1.0, total * 1.0) for r in (rate, np.full(n, 0.02))]
    pair = cs.Pair.counts("requests", canary=sides[0], baseline=sides[1], times=times)
    return pair, times[since - 1]


@pytest.mark.parametrize(
    ("level", "answer"), [(0.02, "met"), (0.0222, "undecided"), (0.03, "missed"), (0.01, "missed")]
)
def test_back_to_baseline_is_shown_and_not_assumed(level, answer):
    pair, since = rolled_back(np.random.default_rng(3), level)
    report = cs.validate.back_to_baseline([pair], since=since)
    assert report["requests"].answer == answer, report
    assert report["requests"].evidence.n_canary == 180 * 2000


def test_the_time_before_the_rollback_is_never_read():
    pair, since = rolled_back(np.random.default_rng(4), 0.02)
    late = cs.validate.back_to_baseline([pair], since=since)["requests"]
    early = cs.validate.back_to_baseline([pair], since=pair.times[0] - 60)["requests"]
    assert late.answer is Answer.MET
    assert early.answer is Answer.MISSED
    settled = cs.validate.back_to_baseline([pair], since=since, settle_seconds=600)["requests"]
    assert settled.evidence.n_canary == 140 * 2000


def test_no_fresh_data_is_no_data():
    pair, _ = rolled_back(np.random.default_rng(5), 0.02)
    report = cs.validate.back_to_baseline([pair], since=pair.times[-1])
    assert report.answer is Answer.NO_DATA
    assert "no fresh sample" in report["requests"].reason


def test_gauges_and_histograms_come_back_too():
    rng = np.random.default_rng(6)
    times = 1_700_000_000 + 15.0 * np.arange(240)
    gauge = cs.Pair.gauge(
        "queue", canary=rng.normal(50, 3, 240), baseline=rng.normal(50, 3, 240), times=times
    )
    off = cs.Pair.gauge(
        "off", canary=rng.normal(70, 3, 240), baseline=rng.normal(50, 3, 240), times=times
    )
    shares = [0.3, 0.4, 0.29, 0.009, 0.001]
    tables = [rng.multinomial(5000, shares, 240) for _ in range(2)]
    slow = rng.multinomial(5000, [0.1, 0.2, 0.3, 0.2, 0.2], 240)
    bounds = weeks.BOUNDS
    same = cs.Pair.histogram(
        "latency", upper_bounds=bounds, canary=tables[0], baseline=tables[1], times=times
    )
    worse = cs.Pair.histogram(
        "slow", upper_bounds=bounds, canary=slow, baseline=tables[1], times=times
    )
    report = cs.validate.back_to_baseline([gauge, off, same, worse], since=times[0])
    assert report["queue"].answer is Answer.MET
    assert report["off"].answer is Answer.MISSED
    assert report["slow"].answer is Answer.MISSED
    assert report["latency"].answer is Answer.MET
    assert "beyond 0.5" in report["latency"].reason


@pytest.mark.parametrize(
    "wrong", [{"margin": 0.0}, {"margin": 1.0}, {"level": 0.6}, {"settle_seconds": -1.0}]
)
def test_bad_settings_are_refused(wrong):
    pair, since = rolled_back(np.random.default_rng(7), 0.02)
    with pytest.raises(cs.InputError):
        cs.validate.back_to_baseline([pair], **{"since": since, **wrong})
