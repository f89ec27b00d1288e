"""A rollout that one thing keeps from promotion: what has no say never removes it.

Everything else is in order here, so whatever is added has only that one thing to hide. It comes at
the ticks of the others, long before them, between them, or not at all.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import canarystats as cs
from tests.rollouts import START, TICK, clock

N = 20
EARLY = 30  # ticks before the others: longer than any minimum
KINDS = ("counts", "histogram", "gauge", "events")
BOUNDS = np.array([0.1, 0.4, 1.6, np.inf])
LENIENT = {
    "interval": "15s",
    "min_duration": "4m",
    "min_samples": 1000,
    "metrics": [
        {"name": "requests", "kind": "counts", "non_inferiority": 4.0, "clumps": 1},
        {"name": "memory_bytes", "kind": "gauge", "unit": "bytes", "compare": False},
    ],
    "triggers": [
        {"name": "error_rate", "threshold": 5.0, "absolute": None},
        {"name": "throughput", "threshold": 0.5},
        {"name": "memory"},
    ],
}
POLICY = cs.Policy.parse(LENIENT)


def requests(n=N, *, per_tick=2000, missing=0, others=20, notes=()):
    canary, baseline = np.full(n, 1.0 * per_tick), np.full(n, 2000.0)
    errors, canary[n - missing :] = 0.01 * canary, np.nan
    return cs.Pair.counts(
        "requests",
        canary=(errors, canary),
        baseline=(np.full(n, 1.0 * others), baseline),
        times=clock(n),
        notes=notes,
    )


def memory(use=0.5, n=N):
    return cs.Pair.gauge(
        "memory_bytes", canary=np.full((n, 2), use), baseline=None, limit=1.0, times=clock(n)
    )


LAST = START + (N - 1) * TICK
AWAY = {"name": "drill", "from": LAST - TICK, "to": LAST + 60, "triggers": ["error_rate"]}
HELD = {
    "nothing": (POLICY, [requests(), memory()]),
    "time": (POLICY.replace(min_duration="6m"), [requests(), memory()]),
    "traffic": (POLICY.replace(min_samples=50_000), [requests(), memory()]),
    "a metric that never came": (POLICY, [requests()]),
    "all metrics that never came": (POLICY.replace(on_no_data="pass", min_duration=0), []),
    "the monitoring gone silent": (POLICY, [requests(missing=5), memory()]),
    "a partial answer": (POLICY, [requests(notes=("partial_response: one store",)), memory()]),
    "the traffic divided otherwise": (POLICY, [requests(per_tick=1200), memory()]),
    "a condition that is true": (POLICY, [requests(), memory(np.tile([[0.5], [0.97]], (10, 2)))]),
    "a baseline in trouble": (
        POLICY.with_trigger("error_rate", absolute={"threshold": 0.03, "for": "1m"}),
        [requests(others=400), memory()],
    ),
    "a window looked away from": (POLICY.replace(suppressions=[AWAY]), [requests(), memory()]),
    "a proof that is missing": (
        POLICY.with_metric("requests", non_inferiority=0.01),
        [requests(), memory()],
    ),
}


def with_extra(policy, kind, **changes):
    metric = {"name": "extra", "kind": kind, "compare": kind != "events", **changes}
    old = [m.model_dump(by_alias=True) for m in policy.metrics]
    return policy.replace(metrics=[*old, metric])


@st.composite
def extras(draw, kind):
    """A metric of a kind: healthy, in trouble or all NaN, at these ticks or at others."""
    first = draw(st.sampled_from([0.0, -EARLY * TICK, -TICK / 2, TICK / 2]), label="first")
    most = N + EARLY if first <= -TICK else N - (first > 0)
    n = draw(st.sampled_from([most, 5]), label="ticks")
    times = clock(n, start=START + first)
    sick = draw(st.booleans(), label="sick")
    gone = np.nan if draw(st.booleans(), label="all NaN") else 1.0
    if kind == "counts":
        errors = np.full(n, 9e4 if sick else 1e3) * gone
        sides = (errors, np.full(n, 1e5) * gone), (np.full(n, 1e3), np.full(n, 1e5))
        pair = cs.Pair.counts("extra", canary=sides[0], baseline=sides[1], times=times)
    elif kind == "histogram":
        rows = np.tile([0.0, 0, 900, 100] if sick else [900.0, 90, 10, 0], (n, 1)) * gone
        fast = np.tile([900.0, 90, 10, 0], (n, 1))
        pair = cs.Pair.histogram(
            "extra", upper_bounds=BOUNDS, canary=rows, baseline=fast, times=times
        )
    elif kind == "gauge":
        value = np.where(np.arange(n) % 2, 1.0, 1.1)[:, None] * (9.0 if sick else 1.0)
        pair = cs.Pair.gauge("extra", canary=value * gone, baseline=value / 9 + 0.5, times=times)
    else:
        pair = cs.Pair.events("extra", canary=np.full(n, 9.0 * sick) * gone, times=times)
    return pair


@pytest.mark.parametrize("held", HELD)
def test_each_thing_alone_holds_and_without_any_it_is_promoted(held):
    policy, pairs = HELD[held]
    verdict = cs.judge(pairs, policy, share=0.5)
    assert verdict.decision == ("promote" if held == "nothing" else "hold"), verdict.reasons
    assert len(verdict.reasons) == 1


@pytest.mark.parametrize("held", HELD)
@given(kind=st.sampled_from(KINDS), data=st.data())
@settings(max_examples=8, deadline=None)
def test_a_metric_on_a_dry_run_promotes_nothing_that_was_held(held, kind, data):
    policy, pairs = HELD[held]
    alone = cs.judge(pairs, policy, share=0.5)
    extra = data.draw(extras(kind))
    beside = cs.judge([*pairs, extra], with_extra(policy, kind, dry_run=True), share=0.5)
    assert beside.decision is not cs.Decision.ROLLBACK
    assert beside.decision is not cs.Decision.PROMOTE or alone.decision is cs.Decision.PROMOTE
    if np.array_equal(extra.times, clock(N)):
        assert beside.decision is alone.decision


@pytest.mark.parametrize("held", HELD)
@given(kind=st.sampled_from(KINDS), required=st.booleans(), data=st.data())
@settings(max_examples=6, deadline=None)
def test_a_metric_without_data_promotes_nothing_that_was_held(held, kind, required, data):
    policy, pairs = HELD[held]
    alone = cs.judge(pairs, policy, share=0.5)
    policy = with_extra(policy, kind, required=required)
    empty = data.draw(extras(kind).filter(lambda pair: not np.isfinite(pair.canary).any()))
    for given_pairs in (pairs, [*pairs, empty]):
        beside = cs.judge(given_pairs, policy, share=0.5)
        assert beside.decision is not cs.Decision.PROMOTE or alone.decision is cs.Decision.PROMOTE


def test_the_minimum_and_the_warm_up_begin_with_the_canary_of_what_may_decide():
    early = cs.Pair.events("extra", canary=np.zeros(N + 30), times=clock(N + 30, start=LAST - 735))
    dry = with_extra(POLICY, "events", dry_run=True)
    held = cs.judge([requests(), memory(), early], dry.replace(min_duration="6m"), share=0.5)
    assert held.reasons == ("5m of the minimum 6m have passed.",)
    cold = cs.judge([requests(), memory(), early], dry.replace(warm_up="6m"), share=0.5)
    alone = cs.judge([requests(), memory()], POLICY.replace(warm_up="6m"), share=0.5)
    assert cold.decision == "hold"
    assert cold.reasons == alone.reasons
    missing = np.where(np.arange(N) < 10, np.nan, 20.0)
    late = cs.Pair.counts(
        "requests",
        canary=(missing, 100 * missing),
        baseline=(np.full(N, 20.0), np.full(N, 2000.0)),
        times=clock(N),
    )
    alone = POLICY.without("memory_bytes")
    assert cs.judge([late], alone, share=0.5).reasons == ("2m30s of the minimum 4m have passed.",)
