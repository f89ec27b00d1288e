"""What was read from before a rollout becomes a history: both sides, or the baseline alone."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from canarystats.sources.past import as_history, asked_of_the_past


def gauge(canary_from: int, *, baseline_from: int = 0, ticks: int = 20) -> cs.Pair:
    numbers = np.arange(40.0).reshape(20, 2)
    tick = np.arange(ticks)
    canary = np.where(tick[:, None] >= canary_from, numbers, np.nan)
    baseline = np.where(tick[:, None] >= baseline_from, 100 + numbers, np.nan)
    return cs.Pair.gauge("m", canary=canary, baseline=baseline, limit=300.0, times=tick + 1.0)


@pytest.mark.parametrize("canary_from", [0, 5, 10])
def test_both_sides_where_the_canary_was_there_at_half_of_the_ticks(canary_from: int) -> None:
    pair = gauge(canary_from)
    assert as_history([pair]) == [pair]


@pytest.mark.parametrize("canary_from", [11, 19, 20])
def test_the_baseline_alone_where_the_canary_came_late(canary_from: int) -> None:
    pair = gauge(canary_from)
    (found,) = as_history([pair])
    np.testing.assert_array_equal(found.canary, pair.baseline)
    assert (found.baseline, found.limit) == (None, None)


def test_the_ticks_without_a_baseline_do_not_count() -> None:
    pair = gauge(15, baseline_from=15)
    assert as_history([pair]) == [pair]


def test_what_has_no_baseline_teaches_nothing() -> None:
    alone = cs.Pair.gauge("m", canary=[1.0], times=[1.0])
    assert as_history([alone, gauge(0, baseline_from=20), cs.Pair.events("e", canary=[0])]) == []


def test_the_old_version_of_a_metric_with_a_target_is_the_baseline_of_before() -> None:
    target = {"at_least": 0.9, "of": "history"}
    policy = cs.Policy.parse(
        {
            "metrics": [
                {"name": "speed", "kind": "gauge", "compare": False, "target": target},
                {"name": "events", "kind": "events", "compare": False},
            ]
        }
    )
    asked = asked_of_the_past(policy)
    assert [metric.compare for metric in asked.metrics] == [True, False]
    assert [metric.compare for metric in policy.metrics] == [False, False]
