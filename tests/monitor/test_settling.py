"""A canary that begins worse is given time to settle, by change point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import canarystats as cs
from tests import strategies
from tests.rollouts import clock, eight_triggers, latency, requests

ROLLBACK, HOLD, PROMOTE = cs.Decision.ROLLBACK, cs.Decision.HOLD, cs.Decision.PROMOTE
POLICY = eight_triggers("requests").replace(settle_within="10m", min_duration="0s")
N, PER_TICK = 64, 20_000


def drawn(rng, factors, *, n=N, rate=0.005):
    """Errors on a canary whose rate is so many times as high, tick by tick."""
    requests_, others = rng.poisson(PER_TICK * 0.05, n), rng.poisson(PER_TICK * 0.95, n)
    rates = np.minimum(rate * np.broadcast_to(factors, n), 1.0)
    sides = (rng.binomial(requests_, rates), requests_), (rng.binomial(others, rate), others)
    return cs.Pair.counts("requests", canary=sides[0], baseline=sides[1], times=clock(n))


def judge(pair, policy=POLICY):
    return cs.judge([pair], policy, share=0.05)


def cold(times, ticks, n=N):
    """So many times as high at first, settling with that time constant."""
    return 1 + (times - 1) * np.exp(-np.arange(n) / ticks)


def test_a_cold_start_is_rolled_back_without_and_promoted_with_it():
    rng = np.random.default_rng(0)
    pairs = [drawn(rng, cold(8, 4, 90), n=90) for _ in range(4)]
    without = [judge(pair, POLICY.replace(settle_within="0s")).decision for pair in pairs]
    assert set(without) == {ROLLBACK}
    decisions = [judge(pair).decision for pair in pairs]
    assert decisions.count(ROLLBACK) <= binom.ppf(0.999, 4, 0.01)
    assert decisions.count(PROMOTE) >= 2


def test_it_holds_meanwhile_and_says_so_and_says_when_it_has_settled():
    pair = drawn(np.random.default_rng(1), 1.0)
    early = judge(pair.rows(0, 5))
    assert early.decision is HOLD
    assert early.reason == "requests is not compared before it has settled, 10m at most."
    late = judge(pair)
    told = {said for e in late.evidence for said in e.seen}
    assert any(said.startswith("settled ") and "first tick" in said for said in told)
    compared = next(e for e in late.evidence if e.claim == "not_worse")
    assert compared.n_canary < pair.canary[:, 1].sum()


@pytest.mark.parametrize("times", [3.0, 5.0])
def test_a_fault_that_does_not_settle_is_found_when_the_time_is_over(times):
    rng = np.random.default_rng(2)
    for _ in range(2):
        verdict = judge(drawn(rng, times))
        assert verdict.decision is ROLLBACK
        assert 600 <= verdict.decided_at - clock(1)[0] <= 600 + 12 * 15


def test_rules_against_a_constant_wait_for_nothing():
    verdict = judge(drawn(np.random.default_rng(3), 200.0))
    assert verdict.decision is ROLLBACK
    assert verdict.decided_at - clock(1)[0] <= 5 * 60


def test_a_healthy_canary_is_compared_after_a_third_of_the_time():
    rng = np.random.default_rng(4)
    said = []
    for _ in range(4):
        seen = judge(drawn(rng, 1.0)).evidence[0].seen
        said += [note for note in seen if note.startswith("settled")]
    assert len(said) >= 2


def test_latency_and_gauges_settle_too():
    n, rng = 80, np.random.default_rng(5)
    slow = latency(rng, n, factor=3.0, per_tick=2000)
    fine = latency(rng, n, per_tick=2000)
    mixed = cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=slow.upper_bounds,
        canary=np.where(np.arange(n)[:, None] < 12, slow.canary, fine.canary),
        baseline=fine.baseline,
        times=clock(n),
    )
    policy = eight_triggers("latency_seconds").replace(min_duration="0s")
    assert cs.judge([mixed], policy, share=0.05).decision is ROLLBACK
    patient = policy.replace(settle_within="10m")
    assert cs.judge([mixed], patient, share=0.05).decision is PROMOTE
    gauge = {"name": "cpu", "kind": "gauge", "critical": True, "batch": 4}
    policy = cs.Policy.parse({"metrics": [gauge], "min_duration": "0s", "min_samples": 0})
    noise = rng.normal(10, 1, (2, 120, 2))
    noise[0, :15] += 100
    pair = cs.Pair.gauge("cpu", canary=noise[0], baseline=noise[1], times=clock(120))
    seen = cs.judge([pair], policy.replace(settle_within="10m")).evidence[0]
    assert seen.observed < 11
    assert cs.judge([pair], policy).evidence[0].observed > 20


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settle_within": "5m", "warm_up": "5m"}, "longer than the warm_up of 5m"),
        ({"settle_within": "5m", "looks": "one"}, "looks: many"),
    ],
)
def test_what_cannot_be_is_refused_by_name(change, message):
    with pytest.raises(cs.PolicyError, match=message) as caught:
        eight_triggers("requests").replace(**change)
    assert caught.value.path == "settle_within"


@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_tick_by_tick_and_saved_and_restored_it_says_the_same(data, seed):
    rng = np.random.default_rng(seed)
    policy = eight_triggers("requests", "latency_seconds").replace(settle_within="5m")
    pairs = [requests(rng, 30, ratio=2.0), latency(rng, 30)]
    monitor, verdict = cs.Monitor(policy, share=0.05), None
    times = pairs[0].times.tolist()
    for batch in strategies.until(pairs, data.draw(strategies.cuts(times))):
        verdict = monitor.observe(batch)
        monitor = cs.Monitor.from_json(monitor.to_json(), policy)
    assert verdict == cs.judge(pairs, policy, share=0.05)
