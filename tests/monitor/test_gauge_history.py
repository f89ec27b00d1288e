"""A gauge with a history before its rollout, through `judge`."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs

TICK, START = 15.0, 1_700_000_000.0
POLICY = cs.Policy.parse(
    {
        "metrics": [{"name": "queue_length", "kind": "gauge", "critical": True}],
        "min_duration": "0s",
        "min_samples": 0,
    }
)


def pair(n, first, level=100.0, seed=0, *, two_sided=True, tick=TICK):
    rng = np.random.default_rng(seed)
    canary, baseline = rng.normal(level, 2, n), rng.normal(100, 2, n)
    times = START + first * TICK + tick * np.arange(n)
    return cs.Pair.gauge(
        "queue_length", canary=canary, baseline=baseline if two_sided else None, times=times
    )


def before(n=1500, *, two_sided=True):
    return pair(n, -n, seed=5, two_sided=two_sided)


def verdict(rollout, history=()):
    return cs.judge([rollout], POLICY, history=history)


@pytest.mark.parametrize("two_sided", [True, False])
def test_six_ticks_roll_back_with_history_and_only_with_it(two_sided):
    harmed = pair(6, 0, 140.0)
    assert verdict(harmed).decision is cs.Decision.HOLD
    found = verdict(harmed, [before(two_sided=two_sided)])
    assert found.decision is cs.Decision.ROLLBACK
    assert found.firings[0].onset == START


def test_a_healthy_rollout_is_promoted_sooner_with_history_and_not_rolled_back():
    assert verdict(pair(60, 0)).decision is cs.Decision.HOLD
    assert verdict(pair(60, 0), [before()]).decision is cs.Decision.PROMOTE


def test_evidence_tells_what_the_history_taught():
    found = verdict(pair(60, 0), [before()]).evidence[0]
    assert found.assumptions[0].startswith("long-run variance from 1500 ticks of history")
    alone = verdict(pair(60, 0)).evidence[0]
    assert alone.assumptions[0].startswith("no history: fixed batches of 40 ticks")
    little = verdict(pair(60, 0), [before(100)]).evidence[0]
    assert little.assumptions[0].startswith("only 100 ticks of history: fixed batches of 40 ticks")


def test_a_history_at_another_pace_is_not_used_and_says_so():
    history = pair(1500, -7000, seed=5, tick=60.0)
    found, alone = verdict(pair(60, 0), [history]).evidence[0], verdict(pair(60, 0)).evidence[0]
    assert found.log_e_value == alone.log_e_value
    assert any(
        "its history comes every 60 s, the rollout every 15 s" in note for note in found.seen
    )


def test_rows_that_are_not_there_are_missed_scrapes():
    history = before()
    gone = np.random.default_rng(1).random(1500) < 0.2
    left = cs.Pair.gauge(
        "queue_length",
        canary=history.canary[~gone],
        baseline=history.baseline[~gone],
        times=history.times[~gone],
    )
    holed = cs.Pair.gauge(
        "queue_length",
        canary=np.where(gone[:, None], np.nan, history.canary),
        baseline=history.baseline,
        times=history.times,
    )
    rollout = pair(60, 0, 102.0)
    values = [verdict(rollout, [one]).evidence[0].log_e_value for one in (left, holed)]
    assert values[0] == values[1]
