"""Each method of a check, on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.validate import CHECKS, Answer, Change, Incident
from tests.validate import weeks

DAY = weeks.DAY


def asked(check, pairs=(), *, days=7, **more):
    """One finding over so many days from T0 on."""
    settings = {key: more.pop(key) for key in ("incidents", "changes") if key in more}
    chosen = next(c for c in CHECKS if c.id == check).model_copy(update=more)
    report = cs.validate.run(
        "x", pairs, checks=[chosen], start=weeks.T0, end=weeks.T0 + days * DAY, **settings
    )
    return report.findings[0]


def counts(times, events, exposure, name="requests"):
    n = len(times)
    pair = (np.broadcast_to(events, n) * 1.0, np.broadcast_to(exposure, n) * 1.0)
    return cs.Pair.counts(name, canary=pair, times=times)


# shares


def test_a_target_that_the_truth_equals_is_undecided_and_with_a_tolerance_met():
    rng = np.random.default_rng(1)
    times = weeks.ticks(7)
    pair = counts(times, rng.poisson(100, 168), 100_000)
    assert asked("week-1.error-rate", [pair]).answer is Answer.UNDECIDED
    assert asked("week-1.error-rate", [pair], tolerance=1e-4).answer is Answer.MET
    assert asked("week-1.error-rate", [pair], at_most=9e-4).answer is Answer.MISSED


def test_a_target_of_none_is_missed_by_one():
    times = weeks.ticks(7)
    tried = counts(times, (np.arange(168) == 50) * 1.0, 1000, "recoveries")
    found = asked("week-1.recovery", [tried])
    assert (found.answer, found.reason) == (Answer.MISSED, "1 of 168,000")
    none = asked("week-1.recovery", [counts(times, 0, 1000, "recoveries")])
    assert none.answer is Answer.MET
    assert none.evidence.interval.high == pytest.approx(3 / 168_000, rel=0.2)  # the rule of three


def test_few_blocks_decide_nothing():
    times = weeks.T0 + 3600.0 * np.arange(1, 6)
    found = asked("week-1.error-rate", [counts(times, 0, 1e6)])
    assert found.answer is Answer.UNDECIDED
    assert found.evidence.status is cs.Status.INSUFFICIENT


def test_a_burst_of_errors_is_worth_less_than_as_many_apart():
    times = weeks.ticks(7)
    apart = asked("week-1.error-rate", [counts(times, 1, 2500)])
    burst = asked("week-1.error-rate", [counts(times, (np.arange(168) == 80) * 168.0, 2500)])
    assert apart.answer is Answer.MET
    assert burst.answer is Answer.UNDECIDED
    assert burst.evidence.n_effective < apart.evidence.n_effective / 20


# latency


def histogram(shares, bounds=weeks.BOUNDS, total=10_000):
    times = weeks.ticks(7)
    table = np.tile(np.array(shares) * total, (168, 1))
    return cs.Pair.histogram("latency_seconds", upper_bounds=bounds, canary=table, times=times)


def test_latency_is_the_share_of_requests_beyond_the_target():
    assert asked("week-1.latency-p99", [histogram([0.5, 0.3, 0.195, 0.005, 0])]).answer == "met"
    slow = asked("week-1.latency-p99", [histogram([0.5, 0.3, 0.18, 0.01, 0.01])])
    assert slow.answer is Answer.MISSED
    assert slow.evidence.effect == pytest.approx(0.02)
    p95 = asked("month-1.latency-p95", [histogram([0.5, 0.3, 0.18, 0.01, 0.01])])
    assert p95.answer is Answer.MET


def test_a_target_inside_a_bucket_is_decided_only_where_both_ends_agree():
    inside = {"at_most": 0.4}
    bucket = asked("week-1.latency-p99", [histogram([0.5, 0.3, 0.195, 0.005, 0])], **inside)
    assert bucket.answer is Answer.UNDECIDED
    assert "inside a bucket" in bucket.reason
    fast = asked("week-1.latency-p99", [histogram([0.5, 0.495, 0.004, 0.001, 0])], **inside)
    assert fast.answer is Answer.MET


def test_a_quantile_of_the_merged_buckets_is_not_the_mean_of_hourly_quantiles():
    # nights of a hundred slow requests, days of a million fast ones
    times = weeks.ticks(7)
    night = (np.arange(168) % 24 < 6)[:, None]
    table = np.where(night, [0, 0, 0, 80.0, 20.0], [0, 1e6, 0, 0, 0])
    pair = cs.Pair.histogram(
        "latency_seconds", upper_bounds=weeks.BOUNDS, canary=table, times=times
    )
    found = asked("week-1.latency-p99", [pair])
    assert found.answer is Answer.MET
    assert found.evidence.observed < 0.25  # the mean of 168 hourly p99s is over 0.4


# trends


def test_a_rise_is_found_and_a_weekend_is_none():
    rng = np.random.default_rng(2)
    times = weeks.ticks(7)
    weekend = weeks.rates(rng, times, rate=0.002, phi=0.3, sd=0.1, weekend=0.4)
    found = asked("week-1.error-trend", [weeks.requests(rng, times, weekend)])
    assert found.answer is Answer.MET
    assert "no trend shown" in found.reason
    rising = weekend + 0.004 * (times - weeks.T0) / (7 * DAY)
    found = asked("week-1.error-trend", [weeks.requests(rng, times, rising)])
    assert found.answer is Answer.MISSED
    assert found.evidence.observed == pytest.approx(0.004 * 6 / 7, rel=0.25)


def test_the_week_before_takes_any_weekday_pattern_out():
    rng = np.random.default_rng(3)
    times = weeks.ticks(7)
    day = ((times - 1) // DAY).astype(int) % 7
    pattern = 0.01 * np.array([1.0, 1.1, 1.5, 1.6, 1.9, 2.3, 2.6])[day]  # rises within the week
    total = np.full(168, 20_000.0)
    sides = [(rng.binomial(20_000, pattern) * 1.0, total) for _ in range(2)]
    alone = cs.Pair.counts("requests", canary=sides[0], times=times)
    beside = cs.Pair.counts("requests", canary=sides[0], baseline=sides[1], times=times)
    assert asked("week-1.error-trend", [alone]).answer is not Answer.MET
    found = asked("week-1.error-trend", [beside])
    assert found.answer is Answer.MET
    assert found.evidence.assumptions == ("the time before has the same hours and weekdays",)


def test_cpu_drifts_relative_to_its_mean():
    rng = np.random.default_rng(4)
    times = weeks.ticks(7)
    cpu = 4 + np.sin(2 * np.pi * times / DAY) + rng.normal(0, 0.2, 168)
    flat = cs.Pair.gauge("cpu_cores", canary=cpu, times=times)
    assert asked("week-1.cpu-drift", [flat]).answer is Answer.MET
    grown = cs.Pair.gauge("cpu_cores", canary=cpu + 2 * (times - weeks.T0) / (7 * DAY), times=times)
    found = asked("week-1.cpu-drift", [grown])
    assert found.answer is Answer.MISSED
    assert found.evidence.observed == pytest.approx(2 * 6 / 7 / 5, rel=0.1)


def capacity(growth, limit=100.0):
    rng = np.random.default_rng(5)
    times = weeks.ticks(90, 3600 * 6.0)
    cpu = 50 + growth * (times - weeks.T0) / (90 * DAY) + rng.normal(0, 1, len(times))
    pair = cs.Pair.gauge("cpu_cores", canary=cpu, times=times, limit=limit)
    return asked("quarter.capacity", [pair], days=90)


def test_capacity_is_the_time_until_the_peaks_reach_the_limit():
    found = capacity(40.0)
    assert found.answer is Answer.MISSED
    assert found.evidence.observed == pytest.approx((10 - 1.65) / 40 * 90 * DAY, rel=0.1)
    assert capacity(10.0).answer is Answer.MET
    assert capacity(-10.0).answer is Answer.MET
    assert capacity(10.0, limit=0.0).answer is Answer.NO_DATA  # unlimited


# memory


def test_one_pod_of_twenty_leaks_and_the_mean_over_pods_hides_it():
    rng = np.random.default_rng(6)
    times = weeks.ticks(7)
    pair = weeks.memory(rng, times, 20, leaks=[(7, 2e6)], limit=2e9)
    found = asked("week-1.memory-leak", [pair])
    assert found.answer is Answer.MISSED
    assert found.reason.startswith("1 of 20 pods leak; pod 7 grows")
    left = (2e9 - 3e8 - 2e6 * 167) / 2e6 * 3600
    assert found.leak.time_to_limit_seconds == pytest.approx(left, rel=0.1)
    mean = pair.canary.mean(axis=1)
    assert mean[-24] - mean[0] < 100e6  # the naive rule sees nothing


def test_a_search_too_short_to_tell_is_undecided():
    rng = np.random.default_rng(7)
    times = weeks.ticks(1 / 6, 60.0)
    found = asked("day-1.memory-leak", [weeks.memory(rng, times, 3, sd=40e6)], days=1 / 6)
    assert found.answer is Answer.UNDECIDED


def test_memory_is_searched_between_restarts():
    rng = np.random.default_rng(8)
    times = weeks.ticks(7)
    grown = 1e8 + 4e6 * np.arange(168) + rng.normal(0, 4e6, 168)
    grown[120:] -= 4e6 * 120
    pair = cs.Pair.gauge("memory_bytes", canary=grown, times=times, limit=1e9)
    found = asked("week-1.memory-leak", [pair])
    assert found.answer is Answer.MISSED
    assert found.leak.restarts == 1


# events


def events(name, n, where, times=None):
    times = weeks.ticks(7, 60.0) if times is None else times
    values = np.zeros(len(times))
    values[list(where)] = n
    return cs.Pair.events(name, canary=values, times=times)


@pytest.mark.parametrize(
    ("restarts", "answer"), [(0, "met"), (2, "met"), (7, "undecided"), (14, "missed")]
)
def test_restarts_are_held_against_one_a_day(restarts, answer):
    where = (np.arange(restarts) + 0.5) * 10_080 // max(restarts, 1)
    pair = events("pod_restarts", 1, where.astype(int))
    assert asked("week-1.pod-restarts", [pair]).answer == answer


def test_restarts_in_clumps_are_worth_fewer():
    apart = asked("week-1.pod-restarts", [events("pod_restarts", 1, range(0, 10_080, 720))])
    clump = asked("week-1.pod-restarts", [events("pod_restarts", 14, [5000])])
    assert apart.answer is Answer.MISSED
    assert clump.answer is Answer.UNDECIDED


def test_a_storm_is_eleven_trips_within_five_minutes():
    def storm(where, step=60.0):
        times = weeks.ticks(1, step)
        return asked("day-1.breakers", [events("breaker_trips", 1, where, times)], days=1)

    assert storm([10, 11, 12, 13, 14]).answer is Answer.MET
    many = events("breaker_trips", 3, [10, 11, 12, 13], weeks.ticks(1, 60.0))
    assert asked("day-1.breakers", [many], days=1).answer is Answer.MISSED
    spread = events("breaker_trips", 3, [10, 15, 20, 25], weeks.ticks(1, 60.0))
    assert asked("day-1.breakers", [spread], days=1).answer is Answer.MET


def test_hours_leave_open_whether_their_trips_were_a_storm():
    times = weeks.ticks(1)
    trips = events("breaker_trips", 12, [5], times)
    assert asked("day-1.breakers", [trips], days=1).answer is Answer.UNDECIDED
    few = events("breaker_trips", 4, [5], times)
    assert asked("day-1.breakers", [few], days=1).answer is Answer.MET


# levels


def test_a_floor_holds_for_the_mean_over_time():
    rng = np.random.default_rng(9)
    times = weeks.ticks(30, 900.0)

    def level(mean):
        values = mean + rng.normal(0, 5000, len(times))
        pair = cs.Pair.gauge("bullshark_transactions", canary=values, times=times)
        return asked("month-1.bullshark-throughput", [pair], days=30).answer

    assert [level(m) for m in (326e3, 299e3, 300e3)] == ["met", "missed", "undecided"]


def test_an_accuracy_that_equals_its_target_is_met_by_its_tolerance():
    rng = np.random.default_rng(10)
    times = weeks.ticks(30, 900.0)
    right = np.clip(0.9965 + rng.normal(0, 0.001, len(times)), 0, 1)
    pair = cs.Pair.gauge("compression_accuracy", canary=right, times=times)
    assert asked("month-1.compression-accuracy", [pair], days=30).answer is Answer.MET
    percent = cs.Pair.gauge("compression_accuracy", canary=100 * right, times=times)
    with pytest.raises(cs.InputError, match="is no share"):
        asked("month-1.compression-accuracy", [percent], days=30)


def test_an_improvement_is_over_the_baseline_at_the_same_hours():
    rng = np.random.default_rng(11)
    times = weeks.ticks(30, 900.0)
    shared = 2 + np.sin(2 * np.pi * times / DAY)

    def improved(by):
        sides = [f * shared * np.exp(rng.normal(0, 0.05, len(times))) for f in (1 + by, 1.0)]
        pair = cs.Pair.gauge("cost", canary=sides[0], baseline=sides[1], times=times)
        return asked("month-1.cost", [pair], days=30)

    assert improved(-0.15).answer is Answer.MET  # by its tolerance of a point
    assert improved(-0.2).answer is Answer.MET
    assert improved(-0.1).answer is Answer.MISSED
    found = improved(-0.2)
    assert found.evidence.interval.low < -0.2 < found.evidence.interval.high
    alone = cs.Pair.gauge("cost", canary=shared, times=times)
    assert asked("month-1.cost", [alone], days=30).answer is Answer.NO_DATA


# incidents and changes


def incidents(minutes):
    starts = weeks.T0 + 3600.0 * np.arange(1, len(minutes) + 1)
    return [
        Incident(started=at, detected=at + 60 * m) for at, m in zip(starts, minutes, strict=True)
    ]


@pytest.mark.parametrize(
    ("minutes", "answer"),
    [
        ([1] * 10, "met"),
        ([4] * 10, "undecided"),
        ([12] * 10, "missed"),
        ([1, 1, 1], "met"),
        ([3], "undecided"),
    ],
)
def test_the_mean_time_to_detect_has_an_interval(minutes, answer):
    found = asked("month-1.mttd", incidents=incidents(minutes), days=30)
    assert found.answer == answer, found
    assert found.evidence.observed == pytest.approx(60 * np.mean(minutes))


def test_an_incident_nobody_detected_is_never_met():
    late = incidents([1] * 20)
    unseen = Incident(started=weeks.T0 + 30 * DAY - 60)
    found = asked("month-1.mttd", incidents=[*late, unseen], days=30)
    assert found.answer is Answer.UNDECIDED
    assert "1 not detected" in found.reason
    long_ago = Incident(started=weeks.T0 + 60)
    assert asked("month-1.mttd", incidents=[long_ago], days=30).answer is Answer.MISSED


def test_no_incident_measures_nothing():
    found = asked("month-1.mttr", incidents=[], days=30)
    assert found.answer is Answer.NO_DATA
    assert "no incident to measure" in found.reason


@pytest.mark.parametrize(
    ("failed", "n", "answer"),
    [(0, 4, "undecided"), (0, 59, "met"), (0, 58, "undecided"), (4, 12, "missed")],
)
def test_the_change_failure_rate_is_exact(failed, n, answer):
    changes = [Change(at=weeks.T0 + 3600.0 * (i + 1), failed=i < failed) for i in range(n)]
    found = asked("month-1.change-failure-rate", changes=changes, days=30)
    assert found.answer == answer, found
    if (failed, n) == (0, 4):
        assert "it takes 59 changes" in found.reason


def test_the_longest_time_without_a_change():
    weekly = [Change(at=weeks.T0 + d * DAY) for d in (5, 12, 19, 26)]
    assert asked("month-1.deploy-frequency", changes=weekly, days=30).answer is Answer.MET
    assert asked("month-1.deploy-frequency", changes=weekly[1:], days=30).answer is Answer.MISSED
