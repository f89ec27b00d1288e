"""Metrics that are asked the same are stepped side by side, and nobody can tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from canarystats.folds.bank import TestedFold
from canarystats.folds.presence import Presence
from canarystats.memory import recall
from canarystats.state import one_row, pack, side_by_side
from tests import strategies
from tests.monitor.test_properties import FEW, followed
from tests.rollouts import BOUNDS, bucket_shares, clock

KINDS = ("counts", "gauge", "histogram")


def fleet(kinds=KINDS, n=3, **settings):
    """A policy of n metrics of each kind, all asked the same; one of the counts has a rule."""
    gauge = {"batch": 2, "critical": True}
    metrics = [
        {"name": f"{kind}_{i}", "kind": kind} | (gauge if kind == "gauge" else {})
        for kind in kinds
        for i in range(n)
    ]
    rule = [{"name": "error_rate", "metric": "counts_0"}] if "counts" in kinds else []
    return cs.Policy.parse({"metrics": metrics, "triggers": rule, **settings})


def pair(name, rng, times, missing=0.2):
    """A metric of `fleet` with missed scrapes on both sides."""
    n, kind = len(times), name.split("_")[0]
    gone = rng.random((2, n)) < missing

    def holed(table, side):
        table = np.array(table, dtype=float).reshape(n, -1)
        table[gone[side]] = np.nan
        return table

    if kind == "gauge":
        sides = [holed(rng.normal(50, 2, (n, 3)), side) for side in (0, 1)]
        return cs.Pair.gauge(name, canary=sides[0], baseline=sides[1], times=times)
    requests = [rng.poisson(mean, n) for mean in (75, 1425)]
    if kind == "counts":
        tables = [
            holed(np.stack([rng.binomial(total, 0.03), total], axis=1), side)
            for side, total in enumerate(requests)
        ]
        canary, baseline = ((table[:, 0], table[:, 1]) for table in tables)
        return cs.Pair.counts(name, canary=canary, baseline=baseline, times=times)
    shares = bucket_shares(1.0, BOUNDS)
    sides = [holed(rng.multinomial(total, shares), side) for side, total in enumerate(requests)]
    return cs.Pair.histogram(
        name, upper_bounds=BOUNDS, canary=sides[0], baseline=sides[1], times=times
    )


def pairs_of(policy, seed, n, *, missing=0.2, late=True):
    rng, times = np.random.default_rng(seed), clock(n)
    pairs = [pair(metric.name, rng, times, missing) for metric in policy.metrics]
    return [p.rows(n // 3, n) if late and p.name.endswith("_1") else p for p in pairs]


def states(monitor, policy):
    """What is saved of every metric, besides which ticks it was there."""
    folds = recall(monitor.to_json(), policy).folds
    return {name: pack(replace(state, presence=Presence())) for name, (_, state) in folds.items()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"warm_up": "2m"}])
def test_side_by_side_or_alone_the_state_is_the_same_to_the_last_bit(kind, settings):
    policy = fleet((kind,), **settings)
    pairs = pairs_of(policy, 1, 45, late=not settings)  # the warm-up begins with the first tick
    together = cs.Monitor(policy, share=0.05)
    together.observe(pairs)
    for metric in policy.metrics:
        others = [m.name for m in policy.metrics if m.name != metric.name]
        single = policy.without(*others)
        alone = cs.Monitor(single, share=0.05)
        alone.observe([p for p in pairs if p.name == metric.name])
        # Only the ticks of the others are missing there.
        assert states(together, policy)[metric.name] == states(alone, single)[metric.name]


@given(data=st.data(), seed=st.integers(0, 99), missing=st.sampled_from([0.0, 0.3]))
@FEW
def test_one_by_one_in_batches_restored_or_at_once(data, seed, missing):
    policy = fleet(min_duration="1m")
    pairs = pairs_of(policy, seed, 14, missing=missing)
    moments = data.draw(strategies.cuts(strategies.clock_of(pairs)))
    at_once = cs.judge(pairs, policy, share=0.05, rollout="r")
    assert followed(pairs, moments, policy=policy) == at_once
    assert followed(pairs, moments, policy=policy, restored=True) == at_once
    assert followed(pairs, strategies.clock_of(pairs), policy=policy) == at_once


def test_gauges_with_other_numbers_of_pods_are_followed_too():
    policy = fleet(("gauge",), n=4)
    pairs = pairs_of(policy, 2, 30, late=False)
    fewer = [
        cs.Pair.gauge(p.name, canary=p.canary[:, :1], baseline=p.baseline, times=p.times)
        if i % 2
        else p
        for i, p in enumerate(pairs)
    ]
    found = {e.metric: e.log_e_value for e in cs.judge(fewer, policy).evidence}
    for p in fewer:
        others = [m.name for m in policy.metrics if m.name != p.name]
        (*_, last) = cs.judge([p], policy.without(*others)).evidence
        assert found[p.name] == last.log_e_value


def test_a_refused_tick_leaves_all_as_they_were():
    policy = fleet(("counts",)).with_trigger("error_rate", absolute=None)
    policy = policy.replace(triggers=[{"name": "success_rate", "metric": "counts_0"}])
    monitor = cs.Monitor(policy, share=0.05)
    pairs = pairs_of(policy, 3, 6, missing=0.0, late=False)
    monitor.observe([p.rows(0, 3) for p in pairs])
    saved = monitor.to_json()
    wrong = cs.Pair.counts(
        "counts_0", canary=([9] * 3, [5] * 3), baseline=([1] * 3, [9] * 3), times=pairs[0].times[3:]
    )
    with pytest.raises(cs.InputError, match="outnumber"):
        monitor.observe([wrong, *(p.rows(3, 6) for p in pairs[1:])])
    assert monitor.to_json() == saved


@pytest.mark.parametrize("kind", KINDS)
def test_rows_taken_apart_are_the_rows_put_together(kind):
    policy = fleet((kind,))
    monitor = cs.Monitor(policy, share=0.05)
    monitor.observe(pairs_of(policy, 4, 30))
    folds = [monitor._folds[metric.name] for metric in policy.metrics[1:]]  # the first has a rule
    if not isinstance(folds[0][0], TestedFold):
        pytest.skip(f"the tests of {kind} stand alone")
    tests = [fold.tests(state) for fold, state in folds]
    stack = side_by_side(tests)
    assert [pack(one_row(stack, k)) for k in range(2)] == [pack(one) for one in tests]


def test_what_is_weighed_side_by_side_is_what_each_metric_weighs_alone(monkeypatch):
    weighed, tested = 0, TestedFold.tested

    def checked(self, tests, tick):
        nonlocal weighed
        after = tested(self, tests, tick)
        if tick.weighed is not None:
            alone = self.weighed(after.taken_out())
            alone = {claim: float(each[0]) for claim, each in alone.items()}
            assert tick.weighed == alone
            assert self.log_e(after) is tick.weighed
            weighed += 1
        return after

    monkeypatch.setattr(TestedFold, "tested", checked)
    policy = fleet()
    cs.judge(pairs_of(policy, 5, 30), policy, share=0.05)
    assert weighed > 100
