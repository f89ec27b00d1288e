"""How often healthy rollouts are rolled back by a statistical rule, and how many are promoted.

Each rollout is an hour of 15-second ticks judged at every one of them: some 1500 requests a tick,
5 % of them the canary's, no memory and no events.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from benchmarks.calibration import fleet, fleet_judged

import canarystats as cs
from tests.rollouts import eight_triggers, latency, requests
from tests.sequential.simulated import most_by_chance

TICKS = 240
NOMINAL = 0.01  # the preset's error_budget.false_rollback
USUAL, SPARSE = 0.01, 0.001


def decisions(seeds, error_rate):
    """How many rollouts ended in each decision."""
    policy, found = eight_triggers("requests", "latency_seconds"), Counter()
    assert policy.error_budget.false_rollback == NOMINAL
    for seed in seeds:
        rng = np.random.default_rng(seed)
        pairs = [requests(rng, TICKS, error_rate=error_rate), latency(rng, TICKS)]
        found[cs.judge(pairs, policy, share=0.05).decision] += 1
    return found


def test_healthy_rollouts_are_not_rolled_back_and_most_are_promoted():
    usual, sparse = decisions(range(40), USUAL), decisions(range(100, 140), SPARSE)
    rolled_back = usual[cs.Decision.ROLLBACK] + sparse[cs.Decision.ROLLBACK]
    assert rolled_back <= most_by_chance(80, NOMINAL)
    assert usual[cs.Decision.PROMOTE] >= 30


@pytest.mark.parametrize("name", list(fleet.DRAWS))
def test_correlated_metrics_share_one_budget_through_the_judge(name):
    # The whole of N17 is benchmarks/calibration/fleet_judged.py.
    sizes, runs = {"counts": 3, "gauge": 3, "histogram": 2}, 5
    found = Counter(fleet_judged.judged(name, part, sizes, 100).decision for part in range(runs))
    assert found[cs.Decision.ROLLBACK] <= most_by_chance(runs, fleet_judged.BUDGET)


@pytest.mark.calibration
@pytest.mark.parametrize("error_rate", [USUAL, SPARSE])
def test_the_promise_holds_over_many_healthy_rollouts(error_rate):
    runs = 2000
    found = decisions(range(10_000, 10_000 + runs), error_rate)
    print(f"error rate {error_rate:g}: {dict(found)}")
    assert found[cs.Decision.ROLLBACK] <= most_by_chance(runs, NOMINAL)
