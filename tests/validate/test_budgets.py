"""Availability and error budgets, against the arithmetic that is published."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.validate import CHECKS, Answer
from tests.validate import weeks

DAY = weeks.DAY


def asked(check, pair, days=30):
    chosen = next(c for c in CHECKS if c.id == check).model_copy(update={"reads": pair.name})
    report = cs.validate.run(
        "x", [pair], checks=[chosen], start=weeks.T0, end=weeks.T0 + days * DAY
    )
    return report.findings[0]


def minutes(days=30):
    return weeks.ticks(days, 60.0)


def test_three_nines_of_thirty_days_are_43_minutes_and_12_seconds():
    found = asked("month-1.error-budget", weeks.up(minutes()))
    assert found.budget.allowed_seconds == pytest.approx(43.2 * 60)
    ninety = asked("quarter.error-budget", weeks.up(weeks.ticks(90, 300.0)), 90)
    assert ninety.budget.allowed_seconds == pytest.approx(129.6 * 60)


@pytest.mark.parametrize(("down", "answer"), [(0, "met"), (43, "met"), (44, "missed")])
def test_downtime_is_counted_to_the_minute(down, answer):
    pair = weeks.up(minutes(), range(1000, 1000 + down))
    assert asked("month-1.uptime", pair).answer == answer
    spent = asked("month-1.error-budget", pair)
    assert spent.answer == answer
    assert spent.budget.spent == pytest.approx(down / 43.2)


def test_what_is_missing_may_have_been_up_or_down():
    values = np.ones(30 * 1440)
    values[100:120] = 0
    values[5000:5030] = np.nan
    gauge = cs.Pair.gauge("up", canary=values, times=minutes())
    found = asked("month-1.uptime", gauge)
    assert found.answer is Answer.UNDECIDED  # 20 minutes down, and 30 that nobody knows of
    assert "30 min without data" in found.reason
    values[100:150] = 0
    worse = cs.Pair.gauge("up", canary=values, times=minutes())
    assert asked("month-1.uptime", worse).answer is Answer.MISSED
    values[100:150], values[5010:5030] = 1, 1
    better = cs.Pair.gauge("up", canary=values, times=minutes())
    assert asked("month-1.uptime", better).answer is Answer.MET


def test_any_pod_is_enough_for_uptime_and_all_are_asked_for_readiness():
    times = minutes(1)
    pods = np.ones((len(times), 2))
    pods[100:200, 0] = 0
    up = cs.Pair.gauge("up", canary=pods, times=times)
    assert asked("day-1.monitoring", up, 1).answer is Answer.MET
    ready = cs.Pair.gauge("pods_ready", canary=pods, times=times)
    assert asked("day-1.pods-ready", ready, 1).answer is Answer.MISSED


def test_a_share_of_an_interval_counts_as_such():
    times = weeks.ticks(30, 300.0)
    values = np.ones(len(times))
    values[77] = 0.4  # three of five minutes down
    found = asked("month-1.uptime", cs.Pair.gauge("up", canary=values, times=times))
    assert found.evidence.observed == pytest.approx(1 - 3 / 43_200)


@pytest.mark.parametrize(
    ("window", "hours", "burn", "spent"),
    [("1h", 1, 14.4, 0.02), ("6h", 6, 6.0, 0.05), ("3d", 72, 1.0, 0.1)],
)
def test_burn_rates_spend_what_the_site_reliability_workbook_says(window, hours, burn, spent):
    # its chapter 5: a burn of 14.4 for an hour is 2 % of the budget of 30 days, and so on
    times = weeks.ticks(30, 300.0)
    last = times > times[-1] - 3600 * hours
    errors = np.where(last, burn * 0.001 * 1e6, 0.0)
    pair = cs.Pair.counts("requests", canary=(errors, np.full(len(times), 1e6)), times=times)
    found = asked("month-1.error-budget", pair).budget
    assert found.burn_rates[window] == pytest.approx(burn)
    assert found.spent == pytest.approx(spent)


def test_the_rest_of_a_budget_lasts_as_long_as_the_pace_says():
    rng = np.random.default_rng(1)
    times = weeks.ticks(30, 300.0)
    errors = rng.poisson(50, len(times)) * 1.0
    pair = cs.Pair.counts("requests", canary=(errors, np.full(len(times), 1e5)), times=times)
    found = asked("month-1.error-budget", pair).budget
    # half of it is gone after 30 days at half the pace, so the rest lasts another 30
    assert found.spent == pytest.approx(0.5, rel=0.02)
    assert found.exhausted_in_seconds == pytest.approx(30 * DAY, rel=0.03)
    low, high = found.exhausted_interval
    assert low < 30 * DAY < high


def test_a_budget_that_is_gone_is_gone_now_and_one_untouched_lasts():
    times = weeks.ticks(30, 300.0)
    full = np.full(len(times), 1e5)
    gone = cs.Pair.counts("requests", canary=(full * 0.002, full), times=times)
    assert asked("month-1.error-budget", gone).budget.exhausted_in_seconds == 0
    calm = cs.Pair.counts("requests", canary=(full * 0, full), times=times)
    assert asked("month-1.error-budget", calm).budget.exhausted_in_seconds is None


def test_a_third_of_a_month_spends_a_third_of_its_pace():
    times = weeks.ticks(10, 300.0)
    full = np.full(len(times), 1e5)
    pair = cs.Pair.counts("requests", canary=(full * 0.0009, full), times=times)
    found = asked("month-1.error-budget", pair)
    assert found.budget.spent == pytest.approx(0.3)
    assert found.answer is Answer.UNDECIDED
