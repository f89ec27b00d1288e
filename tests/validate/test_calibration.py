"""How often the checks are wrong, small; `benchmarks.quality.validation` is the full size."""

from __future__ import annotations

import pytest
from benchmarks.quality.validation import MEMORY, SHARES, TRENDS, memory_row, share_row, trend_row
from scipy import stats

ROWS = 80
LEVEL = 0.05


def most(rows, level=LEVEL):
    """What a rate of at most ``level`` exceeds once in a thousand times."""
    return stats.binom.ppf(0.999, rows, level) / rows


@pytest.mark.parametrize("name", TRENDS)
def test_a_service_without_a_trend_is_seldom_told_to_rise(name):
    found = trend_row(name, 7, ROWS)
    assert found["rising"] <= most(ROWS)
    assert found["missed"] <= most(ROWS)


def test_the_plans_rule_takes_a_weekend_for_a_trend():
    found = trend_row("day and weekend, 0.5 %", 7, ROWS)
    assert found["plan"] > 0.1
    assert found["least squares"] > 0.2


@pytest.mark.parametrize("name", [n for n in SHARES if "0.95" not in n])
def test_a_rate_at_its_ceiling_is_undecided(name):
    found = share_row(name, ROWS)
    assert found["met"] <= most(ROWS)
    assert found["missed"] <= most(ROWS)


def test_the_plans_rule_tosses_a_coin_at_the_ceiling():
    assert 0.3 < share_row("independent, 7 days", ROWS)["plan"] < 0.7


@pytest.mark.parametrize("name", [n for n in MEMORY if "grows" not in n])
def test_memory_that_does_not_grow_is_no_leak(name):
    assert memory_row(name, ROWS // 4)["missed"] <= most(ROWS // 4, 0.01)


def test_one_leaking_pod_of_twenty_is_found_and_the_mean_hides_it():
    found = memory_row("1 of 20 pods grows 5 MB/h", ROWS // 4)
    assert found["missed"] == 1
    assert found["plan"] == 0


@pytest.mark.calibration
@pytest.mark.parametrize("name", TRENDS)
@pytest.mark.parametrize("days", [7, 28])
def test_trends_at_full_size(name, days):
    assert trend_row(name, days)["rising"] <= most(400)
