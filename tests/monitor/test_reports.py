"""A trigger that only reports: the verdict is what it would be without it."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from tests.rollouts import TICK, clock, latency, requests

N = 120
TOLD = {"action": "report", "for": "5m"}
REPORTED = [
    {"name": "throughput", "metric": "requests"},
    {"name": "error_rate", "metric": "requests", "threshold": 1.2, "absolute": None},
    {"name": "success_rate", "metric": "requests", "threshold": 0.99},
    {"name": "latency_p99", "metric": "latency_seconds", "threshold": 1.2},
    {"name": "up", "rule": "ratio_above", "metric": "load", "threshold": 1.2},
]
KINDS = {"requests": "counts", "latency_seconds": "histogram", "load": "gauge"}


def pair_of(metric, *, worse=1.0):
    rng = np.random.default_rng(4)
    if metric == "requests":
        return requests(rng, N, error_rate=0.02, ratio=worse)
    if metric == "latency_seconds":
        return latency(rng, N, factor=worse)
    canary, baseline = 100.0 * worse + rng.normal(0, 3, N), 100.0 + rng.normal(0, 3, N)
    return cs.Pair.gauge("load", canary=canary, baseline=baseline, times=clock(N))


@pytest.mark.parametrize("trigger", REPORTED, ids=lambda t: t["name"])
@pytest.mark.parametrize(
    ("critical", "share", "worse", "looks"),
    [
        (True, 0.05, 1.3, "many"),
        (False, 0.05, 1.0, "many"),
        (False, 0.2, 1.3, "many"),  # far from the designed share
        (True, 0.05, 1.3, "planned"),
    ],
)
def test_the_verdict_is_what_it_would_be_without_it(trigger, critical, share, worse, looks):
    name = trigger["metric"]
    metric = {"name": name, "kind": KINDS[name], "critical": critical, "batch": 10}
    bake = {"duration": f"{int(N * TICK)}s", "looks": 4} if looks == "planned" else None
    without = cs.Policy.parse({"metrics": [metric], "looks": looks, "bake": bake})
    told = without.replace(triggers=[trigger | TOLD])
    pair = pair_of(name, worse=worse)
    first, again = (cs.judge([pair], policy, share=share) for policy in (without, told))
    assert [reading.trigger for reading in again.readings] == [trigger["name"]]
    for field in ("decision", "score", "grade", "decision_in_seconds", "next_look", "decided_at"):
        assert getattr(again, field) == getattr(first, field), field
    if not again.firings:
        assert again.reasons == first.reasons
    found = {e.claim.rpartition(".")[2]: e for e in again.evidence}
    for evidence in first.evidence:
        same, asked = found[evidence.claim.rpartition(".")[2]], evidence.question
        if asked is cs.Question.NOT_WORSE or (asked is cs.Question.WORSE and looks == "many"):
            assert (same.margin, same.log_e_value) == (evidence.margin, evidence.log_e_value)


def test_what_it_would_have_shown_is_told():
    policy = cs.Policy.parse(
        {
            "metrics": [{"name": "requests", "kind": "counts", "critical": False}],
            "triggers": [{"name": "throughput", "action": "report"}],
        }
    )
    rng = np.random.default_rng(4)
    verdict = cs.judge([requests(rng, N, traffic=0.5)], policy, share=0.05)
    assert [(f.trigger, f.action) for f in verdict.firings] == [("throughput", "report")]
    assert "throughput" not in " ".join(verdict.reasons)
    assert {e.claim for e in verdict.evidence} >= {"throughput.worse", "throughput.beyond"}
