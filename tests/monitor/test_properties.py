"""What must hold of any rollout."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import canarystats as cs
from tests import strategies
from tests.rollouts import (
    BOUNDS,
    bucket_shares,
    clock,
    eight_triggers,
    events,
    latency,
    requests,
)

POLICY = strategies.policy()
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RANK = {cs.Decision.ROLLBACK: 0, cs.Decision.HOLD: 1, cs.Decision.PROMOTE: 2}


def followed(pairs, moments, *, policy=POLICY, restored=False, history=()):
    """The last verdict of a monitor fed in batches."""
    monitor = cs.Monitor(policy, share=0.05, rollout="r", history=history)
    verdict = None
    for batch in strategies.until(pairs, moments):
        verdict = monitor.observe(batch)
        if restored:
            monitor = cs.Monitor.from_json(monitor.to_json(), policy)
    return verdict


@given(data=st.data())
@FEW
def test_ticks_one_by_one_in_batches_or_all_at_once_give_the_same_verdict(data):
    pairs = data.draw(strategies.rollouts())
    times = strategies.clock_of(pairs)
    at_once = cs.judge(pairs, POLICY, share=0.05, rollout="r")
    in_batches = followed(pairs, data.draw(strategies.cuts(times)))
    one_by_one = followed(pairs, times)
    assert in_batches == at_once
    assert one_by_one == at_once
    assert one_by_one.to_json() == at_once.to_json()


@given(data=st.data())
@FEW
def test_a_monitor_saved_and_restored_says_what_an_uninterrupted_one_says(data):
    pairs = data.draw(strategies.rollouts())
    moments = data.draw(strategies.cuts(strategies.clock_of(pairs)))
    assert followed(pairs, moments, restored=True) == followed(pairs, moments)


@given(pairs=strategies.rollouts(), order=st.randoms(use_true_random=False))
@FEW
def test_the_order_of_the_pairs_changes_nothing(pairs, order):
    expected = cs.judge(pairs, POLICY, share=0.05)
    shuffled = list(pairs)
    order.shuffle(shuffled)
    assert cs.judge(shuffled, POLICY, share=0.05) == expected


@given(pairs=strategies.rollouts(most_ticks=8))
@FEW
def test_the_arrays_given_are_left_as_they_were(pairs):
    before = [
        [np.array(side) for side in (p.times, p.canary, p.baseline, p.limit) if side is not None]
        for p in pairs
    ]
    cs.judge(pairs, POLICY, share=0.05)
    after = [
        [side for side in (p.times, p.canary, p.baseline, p.limit) if side is not None]
        for p in pairs
    ]
    for left, right in zip(before, after, strict=True):
        for first, second in zip(left, right, strict=True):
            np.testing.assert_array_equal(first, second)


@given(pairs=strategies.rollouts(most_ticks=8), exponent=st.integers(-3, 6))
@FEW
def test_the_unit_of_a_gauge_changes_no_decision(pairs, exponent):
    scale = 10.0**exponent
    gauges = {"memory_bytes", "queue_length"}
    scaled = [
        cs.Pair.gauge(
            p.name,
            canary=p.canary * scale,
            baseline=p.baseline * scale,
            limit=None if p.limit is None else p.limit * scale,
            times=p.times,
        )
        if p.name in gauges
        else p
        for p in pairs
    ]
    before = cs.judge(pairs, POLICY, share=0.05)
    after = cs.judge(scaled, POLICY, share=0.05)
    assert after.decision is before.decision
    assert after.score == before.score
    assert [(f.trigger, f.at) for f in after.firings] == [(f.trigger, f.at) for f in before.firings]


@pytest.mark.parametrize("name", ["latency_seconds", "byzantine_events", "memory_bytes"])
@given(pairs=strategies.rollouts(most_ticks=8))
@settings(FEW, max_examples=5)
def test_a_metric_on_a_dry_run_never_decides(name, pairs):
    policy = POLICY.with_metric(name, dry_run=True)
    with_it = cs.judge(pairs, policy, share=0.05)
    quiet = [p for p in pairs if p.name != name]
    assert with_it.decision is cs.judge(quiet, policy, share=0.05).decision
    assert not [f for f in with_it.firings if f.metric == name and f.action != "report"]


@given(pairs=strategies.rollouts(most_ticks=8), data=st.data())
@FEW
def test_a_refused_batch_leaves_the_monitor_as_it_was(pairs, data):
    monitor = cs.Monitor(POLICY, share=0.05)
    times = strategies.clock_of(pairs)
    first, *rest = strategies.until(pairs, [times[len(times) // 2]])
    monitor.observe(first)
    saved = monitor.to_json()
    later = clock(2, start=times[-1] + 1000)
    bad = data.draw(
        st.sampled_from(
            [
                [cs.Pair.events("disk", canary=[0, 0], times=later)],
                [events("byzantine_events", 2, times=times[:2])],
                [events("byzantine_events", 2, times=later)] * 2,
                [cs.Pair.events("requests", canary=[0, 0], times=later)],
                [cs.Pair.counts("requests", canary=([1, 9], [5, 5]), times=later)],
                [
                    cs.Pair.histogram(
                        "latency_seconds",
                        upper_bounds=[1, np.inf],
                        canary=[[1, 1], [1, 1]],
                        baseline=[[1, 1], [1, 1]],
                        times=later,
                    )
                ],
            ]
        )
    )
    if bad[0].name == "latency_seconds" and "latency_seconds" not in {p.name for p in first}:
        return
    with pytest.raises(cs.InputError):
        monitor.observe(bad)
    assert monitor.to_json() == saved
    for batch in rest:
        verdict = monitor.observe(batch)
    if rest:
        assert verdict == followed(pairs, [times[len(times) // 2]]).model_copy(
            update={"rollout": "", "decision_id": verdict.decision_id}
        )


@pytest.mark.parametrize("seed", range(2))
def test_more_errors_never_get_a_better_decision(seed):
    rng = np.random.default_rng(seed)
    pair = requests(rng, 90, per_tick=9000)
    extra = rng.random((90, 12))
    found = []
    for level in range(12):
        errors = np.minimum(
            pair.canary[:, 0] + 3 * (extra[:, :level] < 0.4).sum(axis=1), pair.canary[:, 1]
        )
        worse = cs.Pair.counts(
            "requests",
            canary=(errors, pair.canary[:, 1]),
            baseline=(pair.baseline[:, 0], pair.baseline[:, 1]),
            times=pair.times,
        )
        found.append(RANK[cs.judge([worse], eight_triggers("requests"), share=0.05).decision])
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (2, 0)


@pytest.mark.parametrize("seed", range(2))
def test_slower_requests_never_get_a_better_decision(seed):
    # One stream of latencies; each canary of the family moves them all up by the same factor.
    rng = np.random.default_rng(seed)
    n, pair = 60, latency(rng, 60, per_tick=6000)
    seconds = [np.exp(rng.normal(np.log(0.04), 0.8, 300)) for _ in range(n)]
    assert bucket_shares(1.0, BOUNDS).sum() == pytest.approx(1)
    found = []
    for factor in (1.0, 1.1, 1.3, 1.6, 2.0, 3.0, 5.0, 10.0):
        canary = [
            np.histogram(tick * factor, bins=[0, *BOUNDS[:-1], np.inf])[0] for tick in seconds
        ]
        worse = cs.Pair.histogram(
            "latency_seconds",
            upper_bounds=BOUNDS,
            canary=canary,
            baseline=pair.baseline,
            times=pair.times,
        )
        verdict = cs.judge([worse], eight_triggers("latency_seconds"), share=0.05)
        found.append(RANK[verdict.decision])
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (2, 0)


@pytest.mark.parametrize("seed", range(2))
def test_more_memory_never_gets_a_better_decision(seed):
    rng = np.random.default_rng(seed)
    base = rng.normal(0.5, 0.02, (60, 2))
    found = []
    for more in (0.0, 0.1, 0.3, 0.4, 0.45, 0.5, 0.6):
        pair = cs.Pair.gauge("memory_bytes", canary=base + more, limit=1.0, times=clock(60))
        found.append(RANK[cs.judge([pair], eight_triggers("memory_bytes")).decision])
    assert found == sorted(found, reverse=True)
    assert (found[0], found[-1]) == (2, 0)
