"""Targets: met within their tolerance they let promote, missed they hold, and never roll back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import canarystats as cs
from canarystats.folds import standards
from canarystats.folds.setting import Setting
from canarystats.metric import Target
from canarystats.sequential.gauge import Gauge
from canarystats.state import side_by_side
from tests.asking import evidence
from tests.monitor.test_properties import RANK, followed
from tests.rollouts import clock

TICKS = 480
BOUNDS = [0.1, 0.25, 0.5, 1.0, np.inf]


def policy(kind, target, **metric):
    watched = {"name": "m", "kind": kind, "compare": False, "target": target} | metric
    return cs.Policy.parse({"metrics": [watched], "min_samples": 0})


def gauge(seed, mean, *, sd=0.005, pods=2, n=TICKS, **sides):
    rng = np.random.default_rng(seed)
    values = mean * (1.0 + sd * rng.standard_normal((n, pods)))
    return cs.Pair.gauge("m", canary=values, times=clock(n), **sides)


def counts(seed, share, *, per_tick=1500, n=TICKS):
    rng = np.random.default_rng(seed)
    out_of = rng.poisson(per_tick, n)
    return cs.Pair.counts("m", canary=(rng.binomial(out_of, share), out_of), times=clock(n))


def events(seed, per_second, *, n=TICKS):
    rng = np.random.default_rng(seed)
    return cs.Pair.events("m", canary=rng.poisson(15 * per_second, n), times=clock(n))


def histogram(seed, slow, *, n=TICKS):
    rng = np.random.default_rng(seed)
    shares = [0.5, 0.3, 0.2 - slow, 0.7 * slow, 0.3 * slow]
    table = rng.multinomial(1500, shares, n)
    return cs.Pair.histogram("m", upper_bounds=BOUNDS, canary=table, times=clock(n))


FLOOR = policy("gauge", {"at_least": 0.995, "tolerance": 0.01}, unit="ratio", harmful="decrease")
CEILING = policy("gauge", {"at_most": 2e9, "tolerance": 0.05}, unit="bytes")
LIMIT = policy("gauge", {"at_most": 0.8, "of": "limit", "tolerance": 0.05}, unit="bytes")
CHECKS = policy("counts", {"at_least": 0.999, "tolerance": 0.001}, harmful="decrease")
TAIL = policy("histogram", {"at_most": 0.5, "quantile": 0.99, "tolerance": 0.3}, unit="seconds")
MANY = policy("events", {"at_least": 300, "tolerance": 0.05})
FEW = policy("events", {"at_most": 0.05, "tolerance": 0.9}, clumps=1)
CASES = {
    "floor": (FLOOR, gauge, 0.995, 0.995 * 0.98),
    "ceiling": (CEILING, gauge, 2e9, 2.2e9),
    "limit": (LIMIT, lambda seed, mean: gauge(seed, mean, limit=1e9), 0.8e9, 0.86e9),
    "counts": (CHECKS, counts, 0.999, 0.997),
    "tail": (TAIL, histogram, 0.01, 0.014),
    "many": (MANY, events, 300, 280),
    "few": (FEW, events, 0.05, 0.1),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_exactly_at_its_target_is_promoted_and_what_misses_it_held(case, seed):
    under, make, met, missed = CASES[case]
    good, bad = (cs.judge([make(seed, value)], under) for value in (met, missed))
    assert good.decision is cs.Decision.PROMOTE
    assert "shown to meet the target" in good.reason
    assert bad.decision is cs.Decision.HOLD
    assert "m meets its target" in bad.reason
    assert not good.firings + bad.firings
    for verdict in (good, bad):
        found = evidence(verdict, "target")
        assert found.interval is not None
        assert found.interval.low is not None
        assert found.reference is not None
        assert found.margin == pytest.approx(under.metrics[0].target.tolerance)


def test_no_events_at_all_is_met_while_there_are_none_and_never_again_after_one():
    under = policy("events", {"at_most": 0})
    quiet = cs.judge([events(1, 0.0)], under)
    assert quiet.decision is cs.Decision.PROMOTE
    found = evidence(quiet, "target")
    # ln 20 over the time: while nothing happens, exp(rate x time) is an e-process against a rate
    assert found.interval.high == pytest.approx(np.log(20) / (15 * TICKS))
    once = cs.judge([cs.Pair.events("m", canary=[0, 1, *[0] * 200], times=clock(202))], under)
    assert once.decision is cs.Decision.HOLD
    assert not once.firings


class TestRatios:
    """Targets of the baseline, and of the time before the rollout."""

    def both(self, seed, ratio, n=TICKS):
        rng = np.random.default_rng(seed)
        load = 100 + 20 * np.sin(np.arange(n) / 40)
        sides = [load * (1 + 0.02 * rng.standard_normal(n)) for _ in range(2)]
        return cs.Pair.gauge("m", canary=ratio * sides[0], baseline=sides[1], times=clock(n))

    def test_an_improvement_over_the_baseline_is_shown_within_its_tolerance(self):
        under = policy(
            "gauge",
            {"at_least": 1.284, "of": "baseline", "tolerance": 0.03},
            compare=True,
            harmful="decrease",
        )
        met, missed = (cs.judge([self.both(1, ratio)], under) for ratio in (1.284, 1.23))
        assert met.decision is cs.Decision.PROMOTE
        assert missed.decision is cs.Decision.HOLD
        found = evidence(met, "target")
        assert found.reference == pytest.approx(128.4, rel=0.05)
        assert found.interval.low < 0 < found.interval.high

    def test_a_reduction_against_the_past_needs_a_history(self):
        under = policy("gauge", {"at_most": 0.6, "of": "history", "tolerance": 0.05})
        past = gauge(5, 10.0, sd=0.1, n=1000)
        past = cs.Pair.gauge("m", canary=past.canary, times=past.times - 1000 * 15)
        now = gauge(6, 6.0, sd=0.1)
        assert cs.judge([now], under, history=[past]).decision is cs.Decision.PROMOTE
        assert cs.judge([gauge(6, 6.5, sd=0.1)], under, history=[past]).decision is cs.Decision.HOLD
        alone = cs.judge([now], under)
        assert alone.decision is cs.Decision.HOLD
        assert "no history to hold it against" in alone.reason
        assert evidence(alone, "target").status == "not_evaluable"

    def test_the_past_is_known_only_so_well(self):
        under = policy("gauge", {"at_least": 1.0, "of": "history", "tolerance": 0.02})
        (target,) = standards.standards(Setting(under, under.metrics[0]))
        above = []
        for n in (300, 20_000):
            past = gauge(7, 10.0, sd=0.1, n=n).canary
            edge = standards.begin(target, (past[None], None)).edge
            above.append(edge / 0.98 - past.mean())
        # the upper end of a 95 % interval: 1.96 standard errors of two pods' mean, and a little
        errors = [1.0 / np.sqrt(2 * n) for n in (300, 20_000)]
        for found, error in zip(above, errors, strict=True):
            assert 1.96 * error * 0.85 < found < 1.96 * error * 1.6


class TestTails:
    """Targets that are no bucket bound."""

    def test_the_largest_bound_not_above_the_target_is_tested_and_named(self):
        under = policy("histogram", {"at_most": 0.7, "quantile": 0.99, "tolerance": 0.3})
        verdict = cs.judge([histogram(1, 0.01)], under)
        assert verdict.decision is cs.Decision.PROMOTE
        assert "the bucket bound 0.5, for 0.7 is none" in evidence(verdict, "target").detail

    def test_a_target_below_all_bounds_is_never_shown(self):
        under = policy("histogram", {"at_most": 0.05, "quantile": 0.99})
        verdict = cs.judge([histogram(1, 0.01)], under)
        assert verdict.decision is cs.Decision.HOLD
        assert "no bucket bound speaks of p99 at 0.05" in verdict.reason


def ever_shown(values, target, level, times=None):
    """How many of K gauges, shape (K, n), are ever shown to be at least their edge."""
    design = Gauge("m", harmful="decrease", margin=0, allowed=0, batch=20, times=times)
    state, reached = design.begin(len(values)), np.zeros(len(values), dtype=bool)
    other = np.full((len(values), 1), target)
    for i, row in enumerate(values.T):
        state = design.step(state, row[:, None], other, 15.0 * i)
        if i % 20 == 19:
            reached |= design.log_e(state)["not_worse"] >= -np.log(level)
    return int(reached.sum())


def test_what_is_at_the_end_of_its_tolerance_is_shown_met_no_more_often_than_allowed():
    rng = np.random.default_rng(11)
    values = 10.0 + rng.standard_normal((600, 600))
    for i in range(1, 600):  # remembers a little, less than a third of a batch
        values[:, i] = (
            10.0 + 0.5 * (values[:, i - 1] - 10.0) + np.sqrt(0.75) * (values[:, i] - 10.0)
        )
    assert ever_shown(values, 10.0, 0.05) <= binom.ppf(0.999, 600, 0.05)
    assert ever_shown(values + 0.5, 10.0, 0.05) >= 590


def test_a_past_that_is_known_badly_promotes_no_more_often_than_allowed():
    under = policy(
        "gauge", {"at_least": 1.0, "of": "history", "tolerance": 0.02}, harmful="decrease"
    )
    (target,) = standards.standards(Setting(under, under.metrics[0]))
    rng = np.random.default_rng(13)
    k, n = 250, 400
    past = 100.0 + 5.0 * rng.standard_normal((k, 300))
    begun = [standards.begin(target, (row[None, :, None], None)) for row in past]
    state = side_by_side([each.gauge for each in begun])
    edges = np.array([[each.edge] for each in begun])
    reached = np.zeros(k, dtype=bool)
    for i in range(n):
        canary = 98.0 + 5.0 * rng.standard_normal((k, 1))
        state = target.design.step(state, canary, edges, 15.0 * i)
        if i % 10 == 9:
            reached |= target.design.log_e(state)["not_worse"] >= -np.log(target.level)
    assert reached.sum() <= binom.ppf(0.999, k, 0.05)


@given(
    st.sampled_from(sorted(set(CASES) - {"limit"})),
    st.integers(0, 2**16),
    st.lists(st.integers(1, 79), max_size=3, unique=True),
)
@settings(max_examples=15, deadline=None)
def test_a_monitor_saved_and_restored_on_the_way_says_the_same(case, seed, cuts):
    under, make, met, _ = CASES[case]
    pair = make(seed, met).rows(0, 80)
    moments = [float(pair.times[i]) for i in sorted(cuts)]
    at_once = followed([pair], [], policy=under)
    assert followed([pair], moments, policy=under, restored=True) == at_once


@given(
    st.sampled_from(sorted(set(CASES) - {"limit", "tail"})),
    st.floats(0.0, 0.2),
    st.integers(0, 2**16),
)
@settings(max_examples=6, deadline=None)
def test_a_worse_canary_never_gets_a_better_decision(case, worse, seed):
    under, make, met, _ = CASES[case]
    pair = make(seed, met)
    falls = under.metrics[0].target.at_least is not None
    if pair.kind is cs.Kind.COUNTS:
        lost = np.floor(pair.canary[:, 0] * worse)
        bad = cs.Pair.counts(
            "m", canary=(pair.canary[:, 0] - lost, pair.canary[:, 1]), times=pair.times
        )
    elif pair.kind is cs.Kind.EVENTS:
        more = pair.canary[:, 0] + (-1 if falls else 1) * np.floor(15 * worse)
        bad = cs.Pair.events("m", canary=np.maximum(more, 0.0), times=pair.times)
    else:
        shift = (-1 if falls else 1) * worse * pair.canary.mean()
        bad = cs.Pair.gauge("m", canary=pair.canary + shift, times=pair.times)
    decisions = [cs.judge([p], under).decision for p in (bad, pair)]
    assert RANK[decisions[0]] <= RANK[decisions[1]]


@pytest.mark.parametrize("case", CASES)
def test_a_metric_with_a_target_is_remembered_in_little(case):
    under, make, met, _ = CASES[case]
    monitor = cs.Monitor(under)
    monitor.observe([make(1, met)])
    entry = json.loads(monitor.to_json())["metrics"]["m"]
    assert len(json.dumps(entry)) < 4_000


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        ("gauge", {}, "target: a target has either at_least or at_most"),
        ("gauge", {"at_least": 1, "at_most": 2}, "target: a target has either at_least or at_most"),
        ("gauge", {"at_least": float("inf")}, "target: inf is not a finite number"),
        (
            "counts",
            {"at_least": 99.9},
            "target: 99.9 is not a fraction between 0 and 1 (a percentag",
        ),
        ("gauge", {"at_most": 40, "unit": "ratio"}, "target.unit: there is no such key"),
        ("gauge", {"at_least": 126, "of": "history"}, "target: 126 is not a ratio; 1.26 means"),
        ("gauge", {"at_most": 80, "of": "limit"}, "target: 80 is not a share of the limit"),
        (
            "gauge",
            {"at_least": 1.2, "of": "baseline"},
            "target: it is of the baseline, and compare",
        ),
        ("events", {"at_most": 0.5, "of": "limit"}, "target: of: limit is for gauges, and this is"),
        ("histogram", {"at_most": 0.5}, "target: a histogram's target needs a quantile"),
        ("histogram", {"at_least": 0.5, "quantile": 0.9}, "target: a histogram's quantile has a"),
        ("gauge", {"at_most": 0.5, "quantile": 0.9}, "target: a quantile is for histograms"),
        ("gauge", {"at_most": 0}, "target: a target of 0 has no tolerance; only events have"),
        ("events", {"at_least": -1}, "target: -1 is below 0"),
        ("gauge", {"at_most": 1, "tolerance": 0}, "target.tolerance: 0: input should be greater"),
        ("samples", {"at_most": 1}, "target: a target needs a metric of one kind, and not of sam"),
        (["gauge", "counts"], {"at_most": 1}, "target: a target needs a metric of one kind, and"),
    ],
)
def test_a_fault_is_told_with_its_path(kind, target, message):
    with pytest.raises(cs.PolicyError) as refused:
        policy(kind, target)
    assert str(refused.value).startswith(f"metrics[0].{message}")


def test_a_target_says_where_its_tolerance_ends():
    assert Target(at_least=10, tolerance=0.1).edge == 9.0
    assert Target(at_most=10, tolerance=0.1).edge == 11.0
    assert Target(at_least=-10, tolerance=0.1).edge == -11.0
