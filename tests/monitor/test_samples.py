"""Raw samples under a policy of many looks: what the looks show adds up."""

from __future__ import annotations

import math

import numpy as np
import pytest

import canarystats as cs
from canarystats.policy import Policy

POLICY = Policy.parse(
    {
        "metrics": [{"name": "seconds", "kind": "samples", "critical": True}],
        "min_duration": "0s",
        "min_samples": 0,
    }
)


def look(rng, factor, n=60):
    canary, baseline = rng.lognormal(0, 0.5, n), rng.lognormal(0, 0.5, n)
    return [cs.Pair.samples("seconds", canary=np.sort(factor * canary), baseline=np.sort(baseline))]


def follow(factor, looks, *, seed=0, restored=False, policy=POLICY):
    rng, monitor = np.random.default_rng(seed), cs.Monitor(policy)
    for _ in range(looks):
        verdict = monitor.observe(look(rng, factor))
        if restored:
            monitor = cs.Monitor.from_json(monitor.to_json(), policy)
    return verdict


def test_small_looks_that_show_nothing_each_show_harm_together():
    assert follow(1.35, 1).decision is not cs.Decision.ROLLBACK
    verdict = follow(1.35, 40)
    assert verdict.decision is cs.Decision.ROLLBACK
    assert [f.trigger for f in verdict.firings] == ["harm"]


def test_the_same_samples_are_shown_not_worse_in_the_end():
    policy = POLICY.with_metric("seconds", non_inferiority=0.3)
    assert follow(1.0, 1, policy=policy).decision is cs.Decision.HOLD
    assert follow(1.0, 40, policy=policy).decision is cs.Decision.PROMOTE


def test_a_restored_monitor_goes_on():
    assert follow(1.35, 8, restored=True) == follow(1.35, 8)


@pytest.mark.parametrize(
    ("harmful", "factor"), [("decrease", 0.7), ("either", 0.7), ("either", 1.4)]
)
def test_every_harmful_direction_is_watched(harmful, factor):
    policy = POLICY.with_metric("seconds", harmful=harmful)
    verdict = follow(factor, 40, policy=policy)
    assert verdict.decision is cs.Decision.ROLLBACK
    worse = [e for e in verdict.evidence if e.claim == "worse"]
    assert sum(e.level for e in worse) == pytest.approx(POLICY.error_budget.false_rollback)


def test_the_evidence_says_that_it_adds_up():
    worse = next(e for e in follow(1.0, 3).evidence if e.claim == "worse")
    assert worse.method == "sequential.rank_betting"
    assert worse.detail == "the e-value is of 3 looks, the effect of the last"
    assert worse.p_value is None
    assert worse.log_e_value < math.log(20)
