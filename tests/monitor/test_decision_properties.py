"""What must hold of decisions whatever the data: worse is never better, what has no say has none.

Decisions are ordered: rollback, hold, promote. Only the canary is made worse, never the baseline.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import canarystats as cs
from canarystats.rules import KINDS_READ, OWN_RULES, RULES
from tests import strategies
from tests.rollouts import clock

RANK = {cs.Decision.ROLLBACK: 0, cs.Decision.HOLD: 1, cs.Decision.PROMOTE: 2}
SLOW = [HealthCheck.too_slow]
N, BOUNDS, SHARE = 16, np.array([0.1, 0.2, 0.4, 0.8, 1.6, np.inf]), 0.2
FAST = {"interval": "15s", "min_duration": "0s", "min_samples": 0}
SHORT = {"for": "30s", "window": "1m"}


class Watched(NamedTuple):
    """A rule alone on a metric: the metric, what the trigger says, and which way is worse."""

    metric: dict
    trigger: dict
    falls: bool = False


def counted(threshold, *, harmful="increase", critical=False, **trigger):
    metric = {"kind": "counts", "harmful": harmful, "clumps": 1, "critical": critical}
    return Watched(metric, {"threshold": threshold, **trigger}, harmful == "decrease")


def read(threshold, *, harmful="increase", **trigger):
    metric = {
        "kind": "gauge",
        "harmful": harmful,
        "batch": 2,
        "compare": "ratio" in trigger["rule"],
    }
    return Watched(metric, {"threshold": threshold, **trigger}, harmful == "decrease")


def happening(threshold, *, falls=False, **trigger):
    metric = {"kind": "events", "compare": False}
    return Watched(metric, {"threshold": threshold, "for": "0s", **trigger}, falls)


SPREAD = Watched({"kind": "histogram", "unit": "seconds"}, {"threshold": 2})
WATCHED = {
    "error_rate": counted(1.5),
    "harm": counted(1.5, critical=True),
    "success_rate": counted(0.9),
    "share_above": counted(0.1, rule="share_above"),
    "share_below": counted(0.9, harmful="decrease", rule="share_below"),
    "throughput": counted(0.8),
    "latency_p99": SPREAD,
    "quantile_above": Watched(
        SPREAD.metric | {"compare": False},
        {"rule": "quantile_above", "quantile": 0.99, "threshold": 0.9},
    ),
    "byzantine": happening(0),
    "data_integrity": happening(0),
    "breaker_storm": happening(4),
    "count_above": happening(4, rule="count_above"),
    "per_second_above": happening(0.1, rule="per_second_above"),
    "count_below": happening(3, falls=True, rule="count_below"),
    "stalled": happening(1, falls=True, rule="stalled"),
    "per_second_below": happening(0.05, falls=True, rule="per_second_below"),
    "memory": read(0.95, rule="memory"),
    "level_above": read(0.95, rule="level_above"),
    "level_below": read(0.85, harmful="decrease", rule="level_below"),
    "ratio_above": read(1.1, rule="ratio_above"),
    "ratio_below": read(0.9, harmful="decrease", rule="ratio_below"),
}


def policy_of(name):
    """A policy of one metric and one rule on it."""
    metric, trigger, _ = WATCHED[name]
    triggers = [] if name == "harm" else [SHORT | {"name": name} | trigger | {"metric": "watched"}]
    if triggers and triggers[0].get("rule") == name:
        triggers[0]["name"] = name if name in RULES else "own"
    return cs.Policy.parse(FAST | {"metrics": [metric | {"name": "watched"}], "triggers": triggers})


class Drawn(NamedTuple):
    """The same rollout twice: the canary as it is, and worse."""

    canary: tuple
    worse: tuple
    baseline: tuple


def draw(name, data):
    """A rollout of the rule's kind, and the same with a worse canary."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    kind, falls = WATCHED[name].metric["kind"], WATCHED[name].falls
    level = data.draw(st.sampled_from([0.02, 0.05, 0.1, 0.3, 0.6]), label="level")
    beside = data.draw(st.sampled_from([0.02, 0.05, 0.1, 0.3]), label="baseline")
    more = data.draw(st.sampled_from([0.05, 0.3, 0.9, 1.0]) | st.floats(0.0, 1.0), label="more")
    # Mostly from the first tick on: what has fired before is latched and tells nothing.
    ticks = np.arange(N) >= data.draw(st.sampled_from([0, 0, 0, 0, 8, 14]), label="since")
    if kind == "counts":
        return _drawn_counts(rng, level, beside, more * ticks, name=name, falls=falls)
    if kind == "histogram":
        return _drawn_buckets(rng, level / 20, beside / 20, more * ticks)
    if kind == "events":
        few = 0.1 if name in RULES and name != "breaker_storm" else 3.0
        added = more * ticks if falls else data.draw(st.sampled_from([few, 300.0])) * more * ticks
        return _drawn_events(rng, few * level, 3 * beside, added, falls=falls)
    move = (-0.6 if falls else 0.6) * more
    noise = 0.005 * rng.standard_normal((2, N, 2))
    use = data.draw(st.sampled_from([0.75, 0.82, 0.9, 0.97, 1.0]), label="use")
    canary, baseline = np.array([use, 0.72 + beside])[:, None, None] + noise
    moved = canary + (move if WATCHED[name].metric["compare"] else move * ticks[:, None])
    return Drawn((canary,), (moved,), (baseline,))


def _drawn_counts(rng, level, beside, more, *, name, falls):
    part = 1 - level if name == "throughput" else 1  # of its designed traffic, from the start
    canary, baseline = rng.poisson(500 * part, N), rng.poisson(2000, N)
    errors, others = rng.binomial(canary, level), rng.binomial(baseline, beside)
    fewer = rng.binomial(canary - errors, more)
    if name == "throughput":
        return Drawn((errors, canary), (errors, canary - fewer), (others, baseline))
    if falls:  # the events are successes
        left = (canary - errors, canary), (canary - errors - fewer, canary)
        return Drawn(*left, (baseline - others, baseline))
    return Drawn((errors, canary), (errors + fewer, canary), (others, baseline))


def _drawn_buckets(rng, level, beside, more):
    def shares(slow):
        return [0.9 - slow, 0.08, 0.02, 0.0, slow / 2, slow / 2]

    canary = rng.multinomial(500, shares(level), N)
    baseline = rng.multinomial(2000, shares(beside), N)
    worse = canary.copy()
    for bucket in range(len(BOUNDS) - 1):  # some of each bucket two bounds further
        moved = rng.binomial(canary[:, bucket], more)
        worse[:, bucket] -= moved
        worse[:, min(bucket + 2, len(BOUNDS) - 1)] += moved
    return Drawn((canary,), (worse,), (baseline,))


def _drawn_events(rng, level, beside, more, *, falls):
    happened, others = rng.poisson(5 * level, N), rng.poisson(20 * beside, N)
    worse = (
        rng.binomial(happened, np.clip(1 - more, 0, 1))
        if falls
        else happened + rng.poisson(5 * more)
    )
    return Drawn((happened,), (worse,), (others,))


def pair_of(name, canary, baseline):
    """A pair of the rule's kind."""
    kind = WATCHED[name].metric["kind"]
    if kind == "counts":
        return cs.Pair.counts("watched", canary=canary, baseline=baseline, times=clock(N))
    (canary,), (baseline,) = canary, baseline
    if kind == "events":
        return cs.Pair.events("watched", canary=canary, baseline=baseline, times=clock(N))
    if kind == "gauge":
        return cs.Pair.gauge(
            "watched",
            canary=canary,
            baseline=baseline,
            limit=1.0 if name == "memory" else None,
            times=clock(N),
        )
    return cs.Pair.histogram(
        "watched", upper_bounds=BOUNDS, canary=canary, baseline=baseline, times=clock(N)
    )


def rank(pair, policy):
    return RANK[cs.judge([pair], policy, share=SHARE).decision]


def test_every_rule_of_every_kind_is_made_worse():
    assert set(WATCHED) - {"harm"} == set(RULES) | set(OWN_RULES)
    for name in set(WATCHED) - {"harm"}:
        assert WATCHED[name].metric["kind"] in KINDS_READ[name]


@pytest.mark.parametrize("name", WATCHED)
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_a_worse_canary_never_gets_a_better_decision(name, data):
    drawn, policy = draw(name, data), policy_of(name)
    before = rank(pair_of(name, drawn.canary, drawn.baseline), policy)
    after = rank(pair_of(name, drawn.worse, drawn.baseline), policy)
    assert after <= before


@pytest.mark.parametrize("name", ["ratio_above", "ratio_below"])
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=SLOW)
def test_with_history_a_gauge_may_get_worse_at_any_tick(name, data):
    """Without history a gauge is moved as a whole: worse at one tick, it may also be calmer."""
    drawn, policy = draw(name, data), policy_of(name)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    same = 0.85 + 0.005 * rng.standard_normal((2, 300, 2))
    times = clock(300, start=clock(1)[0] - 15 * 301)
    history = [cs.Pair.gauge("watched", canary=same[0], baseline=same[1], times=times)]
    canary, move = drawn.canary[0], rng.exponential(0.1, (N, 1)) * rng.integers(0, 2, (N, 1))
    worse = canary - move if WATCHED[name].falls else canary + move

    def decided(values):
        pair = pair_of(name, (values,), drawn.baseline)
        return RANK[cs.judge([pair], policy, share=SHARE, history=history).decision]

    assert decided(worse) <= decided(canary)


@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=SLOW)
def test_slower_samples_never_get_a_better_decision(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    factors = sorted(data.draw(st.lists(st.floats(0.8, 8.0), min_size=2, max_size=2)))
    policy = cs.Policy.parse(
        FAST
        | {"min_samples": 10}
        | {"metrics": [{"name": "latency_seconds", "kind": "samples"}]}
        | {"triggers": [{"name": "latency_p99"}]}
    )
    canary, baseline = rng.lognormal(0, 0.5, 400), rng.lognormal(0, 0.5, 400)
    found = [
        rank(cs.Pair.samples("latency_seconds", canary=canary * f, baseline=baseline), policy)
        for f in factors
    ]
    assert found[1] <= found[0]


WHOLE = strategies.policy()
EXTRA = {
    "counts": ["error_rate", "success_rate"],
    "histogram": ["latency_p99"],
    "gauge": ["memory"],
    "events": ["byzantine"],
}


def with_extra(policy, kind, **changes):
    """The policy with one metric more, and rules that read it."""
    metric = {"name": "extra", "kind": kind, **changes}
    own = [{"name": f"extra_{rule}", "rule": rule, "metric": "extra"} for rule in EXTRA[kind]]
    return policy.replace(
        metrics=[*(m.model_dump(by_alias=True) for m in policy.metrics), metric],
        triggers=[*(t.model_dump(by_alias=True) for t in policy.triggers), *own],
    )


def extra_pair(kind, pairs, rng):
    """A metric in the worst trouble, at the ticks of the others."""
    times = strategies.clock_of(pairs)
    n = len(times)
    if kind == "counts":
        sides = (rng.binomial(50, 0.9, n), np.full(n, 50)), (np.zeros(n), np.full(n, 950))
        return cs.Pair.counts("extra", canary=sides[0], baseline=sides[1], times=times)
    if kind == "histogram":
        slow, fast = np.tile([0, 0, 0, 0, 0, 50], (n, 1)), np.tile([950, 0, 0, 0, 0, 0], (n, 1))
        return cs.Pair.histogram(
            "extra", upper_bounds=BOUNDS, canary=slow, baseline=fast, times=times
        )
    if kind == "gauge":
        use = rng.normal(0.99, 0.001, (n, 2))
        return cs.Pair.gauge("extra", canary=use, baseline=use / 2, limit=1.0, times=times)
    return cs.Pair.events("extra", canary=np.full(n, 5.0), times=times)


@pytest.mark.parametrize("kind", EXTRA)
@given(pairs=strategies.rollouts(most_ticks=10), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=5, deadline=None, suppress_health_check=SLOW)
def test_a_metric_on_a_dry_run_changes_nothing_that_is_decided(kind, pairs, seed):
    alone = cs.judge(pairs, WHOLE, share=0.05)
    policy = with_extra(WHOLE, kind, dry_run=True, critical=True)
    trouble = extra_pair(kind, pairs, np.random.default_rng(seed))
    for given_pairs in (pairs, [*pairs, trouble]):
        beside = cs.judge(given_pairs, policy, share=0.05)
        assert beside.decision is alone.decision
        assert beside.score == alone.score
        acting = [f for f in beside.firings if f.metric != "extra"]
        assert [(f.trigger, f.at) for f in acting] == [(f.trigger, f.at) for f in alone.firings]


@pytest.mark.parametrize("kind", EXTRA)
@pytest.mark.parametrize("required", [True, False])
@given(pairs=strategies.rollouts(most_ticks=10))
@settings(max_examples=4, deadline=None, suppress_health_check=SLOW)
def test_a_metric_without_data_never_gets_a_rollout_promoted(kind, required, pairs):
    policy = with_extra(WHOLE, kind, required=required)
    alone, beside = (cs.judge(pairs, p, share=0.05).decision for p in (WHOLE, policy))
    assert RANK[beside] <= max(RANK[alone], RANK[cs.Decision.HOLD])
    if required:
        assert beside is not cs.Decision.PROMOTE


@given(pairs=strategies.rollouts(most_ticks=10), order=st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None, suppress_health_check=SLOW)
def test_the_order_of_metrics_triggers_and_pairs_changes_no_decision(pairs, order):
    """The digest of a policy is of its text, so the decision id differs with the metrics' order."""
    metrics = [m.model_dump(by_alias=True) for m in WHOLE.metrics]
    triggers = [t.model_dump(by_alias=True) for t in WHOLE.triggers]
    shuffled = list(pairs)
    for things in (metrics, triggers, shuffled):
        order.shuffle(things)
    other = WHOLE.replace(metrics=metrics, triggers=triggers)
    left, right = cs.judge(pairs, WHOLE, share=0.05), cs.judge(shuffled, other, share=0.05)
    assert right.decision is left.decision
    assert right.score == left.score
    assert right.input_digest == left.input_digest
    assert (right.decided_at, right.onset) == (left.decided_at, left.onset)
    assert sorted(map(repr, right.firings)) == sorted(map(repr, left.firings))
    assert sorted(map(repr, right.evidence)) == sorted(map(repr, left.evidence))
    assert sorted(right.reasons) == sorted(left.reasons)
    same_policy = cs.judge(shuffled, WHOLE, share=0.05)
    assert same_policy.to_json() == left.to_json()
