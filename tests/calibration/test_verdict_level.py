"""How often healthy rollouts are rolled back by a statistical rule, and how many are promoted.

Each rollout is an hour of 15-second ticks judged at every one of them: some 1500 requests a tick,
5 % of them the canary's, no memory and no events.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import canarystats as cs
from tests.rollouts import eight_triggers, latency, requests
from tests.sequential.simulated import most_by_chance

TICKS = 240
NOMINAL = 0.01  # the preset's error_budget.false_rollback
USUAL, SPARSE = 0.01, 0.001


def decisions(runs, error_rate, *, with_latency, first=0):
    """How many rollouts ended in each decision."""
    names = ("requests", "latency_seconds") if with_latency else ("requests",)
    policy, found = eight_triggers(*names), Counter()
    assert policy.error_budget.false_rollback == NOMINAL
    for seed in range(first, first + runs):
        rng = np.random.default_rng(seed)
        pairs = [requests(rng, TICKS, error_rate=error_rate)]
        if with_latency:
            pairs.append(latency(rng, TICKS))
        found[cs.judge(pairs, policy, share=0.05).decision] += 1
    return found


def test_healthy_rollouts_are_not_rolled_back_and_most_are_promoted():
    runs = 200
    found = decisions(runs, USUAL, with_latency=True)
    assert found[cs.Decision.ROLLBACK] <= most_by_chance(runs, NOMINAL)
    assert found[cs.Decision.PROMOTE] >= 0.75 * runs


def test_healthy_rollouts_with_hardly_an_error_are_not_rolled_back():
    runs = 200
    found = decisions(runs, SPARSE, with_latency=False)
    assert found[cs.Decision.ROLLBACK] <= most_by_chance(runs, NOMINAL)


@pytest.mark.calibration
@pytest.mark.parametrize("error_rate", [USUAL, SPARSE])
def test_the_promise_holds_over_many_healthy_rollouts(error_rate):
    runs = 2000
    found = decisions(runs, error_rate, with_latency=True, first=10_000)
    print(f"error rate {error_rate:g}: {dict(found)}")
    assert found[cs.Decision.ROLLBACK] <= most_by_chance(runs, NOMINAL)
