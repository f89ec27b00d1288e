"""The report as a whole: what is missing never passes, and what was seen is told."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.validate import CHECKS, Answer, Change, Check, Incident, ValidationReport
from tests.validate import weeks

RUNS = {
    "day-1": cs.validate.day_1,
    "week-1": cs.validate.week_1,
    "month-1": cs.validate.month_1,
    "quarter": cs.validate.quarter,
}


def healthy_week(seed=1, days=7, step=3600.0):
    rng = np.random.default_rng(seed)
    times = weeks.ticks(days, step)
    rate = weeks.rates(rng, times, rate=3e-4, phi=0.5, sd=0.2, weekend=0.6)
    nothing = np.zeros(len(times))
    return [
        weeks.requests(rng, times, rate),
        weeks.latency(rng, times, [0.6, 0.3, 0.096, 0.003, 0.001]),
        weeks.memory(rng, times, 4),
        cs.Pair.gauge("cpu_cores", canary=5 + rng.normal(0, 0.3, len(times)), times=times),
        cs.Pair.events("pod_restarts", canary=nothing, times=times),
        cs.Pair.counts("recoveries", canary=(nothing, nothing + 2), times=times),
    ]


def test_a_healthy_week_meets_every_check():
    report = cs.validate.week_1(healthy_week(), incidents=[])
    assert report.answer is Answer.MET, report.table()
    assert len(report.findings) == len(report.of("met")) == 8


@pytest.mark.parametrize("window", RUNS)
def test_without_data_every_check_says_no_data(window):
    report = RUNS[window]([], end=1_700_000_000.0)
    assert {finding.answer for finding in report.findings} == {Answer.NO_DATA}
    assert report.answer is Answer.NO_DATA


def of_nothing(check, times):
    """A pair of the kind the check reads, every value of it missing."""
    nan = np.full(len(times), np.nan)
    kind = {
        "share": "counts",
        "quantile": "histogram",
        "trend": "counts" if check.reads == "requests" else "gauge",
        "count": "events",
        "storm": "events",
        "budget": "counts",
    }.get(check.method.value, "gauge")
    if kind == "counts":
        return cs.Pair.counts(check.reads, canary=(nan, nan), times=times)
    if kind == "histogram":
        table = np.full((len(times), 5), np.nan)
        return cs.Pair.histogram(check.reads, upper_bounds=weeks.BOUNDS, canary=table, times=times)
    if kind == "events":
        return cs.Pair.events(check.reads, canary=nan, times=times)
    return cs.Pair.gauge(check.reads, canary=nan, baseline=nan, limit=1.0, times=times)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_missed_scrapes_are_no_data_and_never_zero(check):
    times = weeks.ticks(2)
    pairs = [of_nothing(check, times)]
    report = cs.validate.run("x", pairs, checks=[check], start=times[0] - 3600)
    assert report.answer is Answer.NO_DATA
    assert report.findings[0].evidence.status is cs.Status.NO_DATA


def test_an_exposure_of_zero_is_told_from_no_sample():
    times = weeks.ticks(7)
    zero = np.zeros(len(times))
    pair = cs.Pair.counts("requests", canary=(zero, zero), times=times)
    assert "exposure of 0" in cs.validate.week_1([pair])["error-rate"].reason


def test_half_a_week_is_not_a_week():
    report = cs.validate.week_1(
        [pair.rows(0, 84) for pair in healthy_week()], start=weeks.T0, end=weeks.T0 + 7 * 86_400
    )
    for name in ("error-rate", "latency-p99", "pod-restarts", "recovery", "memory-leak"):
        finding = report[name]
        assert finding.answer is Answer.UNDECIDED, finding
        assert finding.coverage == pytest.approx(0.5)
        assert "50 % of the window" in finding.reason


def test_a_miss_is_a_miss_however_little_is_covered():
    times = weeks.ticks(1)
    pair = cs.Pair.counts("requests", canary=(np.full(24, 50.0), np.full(24, 1000.0)), times=times)
    finding = cs.validate.week_1([pair])["error-rate"]
    assert finding.answer is Answer.MISSED


def test_an_advisory_miss_never_makes_the_report_missed():
    times = weeks.ticks(1, 300.0)
    restarts = cs.Pair.events("pod_restarts", canary=(np.arange(288) == 9) * 1.0, times=times)
    check = next(c for c in CHECKS if c.id == "day-1.pod-restarts")
    report = cs.validate.run("day-1", [restarts], checks=[check])
    assert report.findings[0].answer is Answer.MISSED
    assert report.answer is Answer.UNDECIDED


def test_a_report_survives_json():
    report = cs.validate.week_1(
        healthy_week(), incidents=[Incident(started=weeks.T0 + 60, critical=True)]
    )
    assert ValidationReport.from_json(report.to_json()) == report
    assert report["critical-incidents"].answer is Answer.MISSED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "^window: Field required"),
        ("no JSON", "^validation report: Invalid JSON"),
        ('{"schema_version": "canarystats/plan/1"', "^validation report: Invalid JSON"),
    ],
)
def test_what_is_no_report_is_refused_by_its_field(text, said):
    with pytest.raises(cs.InputError, match=said):
        ValidationReport.from_json(text)


def test_a_report_of_another_schema_is_refused():
    report = cs.validate.week_1(healthy_week())
    text = report.to_json().replace("validation/1", "validation/2")
    with pytest.raises(cs.InputError, match=r"^schema_version is 'canarystats/validation/2'"):
        ValidationReport.from_json(text)


def test_a_report_reads_as_a_sentence_a_table_and_html():
    report = cs.validate.week_1(healthy_week(), incidents=[])
    assert repr(report) == "ValidationReport week-1: 8 met."
    lines = report.table(width=90).splitlines()
    assert lines[0].split() == ["answer", "check", "target", "what", "was", "seen"]
    assert max(map(len, lines)) <= 90
    for finding in report.findings:
        assert finding.check in report.table()
        assert finding.reason[:12] in report._repr_html_().replace("&#x27;", "'")


def test_the_ids_are_unique_and_every_number_has_a_source():
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids)
    assert all(check.source for check in CHECKS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": 0.5}, "level is 0.5"),
        ({"window": "week-2"}, "window is 'week-2'"),
        ({"start": 2e9, "end": 1e9}, "not before the end"),
        ({"pairs": []}, "end is missing"),
    ],
)
def test_bad_arguments_are_refused(wrong, message):
    arguments = {"window": "week-1", "pairs": healthy_week(), **wrong}
    with pytest.raises(cs.InputError, match=message):
        cs.validate.run(**arguments)


def test_a_pair_of_another_kind_is_refused():
    times = weeks.ticks(7)
    pair = cs.Pair.gauge("requests", canary=np.ones(len(times)), times=times)
    with pytest.raises(cs.InputError, match=r"'requests' is of kind gauge; week-1\.error-rate"):
        cs.validate.week_1([pair])


def test_a_pair_twice_or_without_times_is_refused():
    pair = healthy_week()[0]
    with pytest.raises(cs.InputError, match="'requests' is in pairs twice"):
        cs.validate.week_1([pair, pair])
    bare = cs.Pair.counts("requests", canary=([1], [9]))
    with pytest.raises(cs.InputError, match="'requests' has no times"):
        cs.validate.week_1([bare])


def test_a_check_without_a_target_is_refused():
    with pytest.raises(ValueError, match="one of at_most and at_least"):
        Check(id="a.b", title="t", method="share", reads="r")


def test_an_incident_cannot_end_before_it_began():
    with pytest.raises(ValueError, match="before the incident started"):
        Incident(started=10, detected=9)
    assert Change(at=1.0).failed is False
