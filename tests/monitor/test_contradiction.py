"""A counter that reads 0: a canary without traffic, or a fault of monitoring."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from tests.rollouts import eight_triggers, latency, steady_requests

N = 60
POLICY = eight_triggers("requests", "latency_seconds").with_metric("latency_seconds", critical=True)


def slow_or_not(per_tick=1500):
    return latency(np.random.default_rng(1), N, per_tick=per_tick)


def silent_latency():
    pair = slow_or_not()
    return cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=pair.upper_bounds,
        canary=np.zeros_like(pair.canary),
        baseline=pair.baseline,
        times=pair.times,
    )


def counter(requests):
    return steady_requests(N, out_of=requests, errors=0.0)


def test_a_counter_that_a_histogram_contradicts_holds_and_says_so():
    verdict = cs.judge([counter(0.0), slow_or_not()], POLICY, share=0.05)
    assert verdict.decision is cs.Decision.HOLD
    assert {(f.trigger, f.action) for f in verdict.firings} == {("throughput", "hold")}
    assert "latency_seconds has counted" in verdict.reason
    assert "monitoring contradicts itself" in verdict.reason


@pytest.mark.parametrize("beside", [[], [silent_latency()]], ids=["nothing", "silent"])
def test_a_canary_without_any_traffic_is_rolled_back(beside):
    policy = POLICY if beside else POLICY.without("latency_seconds")
    verdict = cs.judge([counter(0.0), *beside], policy, share=0.05)
    assert verdict.decision is cs.Decision.ROLLBACK
    assert verdict.firings[0].trigger == "throughput"


def test_a_histogram_on_a_dry_run_contradicts_nobody():
    dry = POLICY.with_metric("latency_seconds", dry_run=True, critical=False)
    verdict = cs.judge([counter(0.0), slow_or_not()], dry, share=0.05)
    assert verdict.decision is cs.Decision.ROLLBACK


@pytest.mark.parametrize("warm_up", ["0s", "5m"])
def test_requests_that_stop_are_no_contradiction(warm_up):
    stops = np.where(np.arange(N) < 18, 5_000.0, 0.0)
    policy = POLICY.replace(warm_up=warm_up)
    verdict = cs.judge([counter(stops), slow_or_not()], policy, share=0.05)
    assert verdict.decision is cs.Decision.ROLLBACK
    assert verdict.firings[0].trigger == "throughput"
