"""Targets of a slope: met within the slack they let promote, beyond it they hold."""

from __future__ import annotations

import numpy as np
import pytest

import canarystats as cs
from tests.asking import evidence
from tests.monitor.test_properties import RANK
from tests.rollouts import clock

N = 480
HOURS = 15.0 * np.arange(N) / 3600.0


def policy(target, **metric):
    watched = {"name": "m", "kind": "gauge", "compare": False, "batch": 20, "target": target}
    return cs.Policy.parse({"metrics": [watched | metric], "min_samples": 0})


def gauge(seed, slope, *, both=0.0, baseline=False, **sides):
    rng = np.random.default_rng(seed)
    common = 100.0 + both * HOURS
    canary = common + slope * HOURS + rng.normal(0, 0.5, (2, N)).mean(axis=0)
    if baseline:
        sides["baseline"] = common + rng.normal(0, 0.5, N)
    return cs.Pair.gauge("m", canary=canary, times=clock(N), **sides)


GROWS = policy({"at_most": 2.0, "trend": "canary", "tolerance": 0.5})
STILL = policy({"at_most": 0, "trend": "canary", "slack": 1.0})
FALLS = policy({"at_least": 0, "trend": "canary", "slack": 1.0}, harmful="decrease")
BESIDE = policy({"at_most": 0, "trend": "difference", "slack": 1.0}, compare=True, margin=0.5)


@pytest.mark.parametrize(
    ("under", "met", "missed", "baseline"),
    [
        (GROWS, 2.0, 4.0, False),
        (STILL, 0.0, 2.0, False),
        (FALLS, 0.0, -2.0, False),
        (FALLS, 5.0, -5.0, False),
        (BESIDE, 0.0, 2.0, True),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_exactly_at_its_target_is_promoted_and_what_misses_it_held(
    under, met, missed, baseline, seed
):
    target = under.metrics[0].target
    both = 8.0 if baseline else 0.0  # what both sides share is no trend of the difference
    good, bad = (
        cs.judge([gauge(seed, slope, both=both, baseline=baseline)], under)
        for slope in (met, missed)
    )
    assert good.decision is cs.Decision.PROMOTE
    assert bad.decision is cs.Decision.HOLD
    assert "m meets its target" in bad.reason
    assert not good.firings + bad.firings
    for verdict, slope in ((good, met), (bad, missed)):
        found = evidence(verdict, "target")
        assert (found.method, found.effect_scale) == ("sequential.trend", "per_hour")
        assert found.margin == pytest.approx(abs(target.edge - target.aim))
        assert found.effect == pytest.approx(found.observed - target.aim)
        assert found.interval.low < slope - target.aim < found.interval.high


def test_a_share_of_the_limit_an_hour():
    under = policy({"at_most": 0, "trend": "canary", "of": "limit", "slack": 0.01}, unit="bytes")
    good, bad, blind = (
        cs.judge([gauge(1, slope, limit=limit)], under)
        for slope, limit in ((0.0, 200.0), (4.0, 200.0), (0.0, None))
    )
    assert (good.decision, bad.decision) == (cs.Decision.PROMOTE, cs.Decision.HOLD)
    assert evidence(bad, "target").observed == pytest.approx(0.02, rel=0.2)
    assert blind.decision is cs.Decision.HOLD
    assert evidence(blind, "target").status is cs.Status.NO_DATA


def test_history_shows_it_sooner_and_tick_by_tick_is_all_at_once():
    past, pair = gauge(3, 0.0), gauge(4, 0.0)
    long = cs.Pair.gauge("m", canary=np.tile(past.canary[:, 0], 3), times=clock(3 * N) - 30_000.0)
    under = STILL.replace(min_duration="15m").with_metric("m", batch=40)
    whole = cs.judge([pair], under, history=[long])
    assert "long-run variance" in evidence(whole, "target").assumptions[0]
    early = cs.judge([pair.rows(0, 240)], under, history=[long])
    assert early.decision is cs.Decision.PROMOTE
    assert cs.judge([pair.rows(0, 240)], under).decision is cs.Decision.HOLD


@pytest.mark.parametrize("under", [GROWS, STILL, BESIDE], ids=["grows", "still", "beside"])
def test_tick_by_tick_and_restored_is_all_at_once(under):
    pair = gauge(5, 0.7, baseline=under is BESIDE)
    monitor = cs.Monitor(under)
    for start, stop in ((0, 1), (1, 200), (200, 201), (201, N)):
        verdict = monitor.observe([pair.rows(start, stop)])
        saved = monitor.to_json()
        monitor = cs.Monitor.from_json(saved, under)
    assert verdict.to_json() == cs.judge([pair], under).to_json()
    assert len(saved) < 4096


def test_what_the_warm_up_covers_is_not_watched():
    def leaks(shape):
        rng = np.random.default_rng(8)
        values = 100.0 + 2.0 * HOURS + shape + rng.normal(0, 0.3, N)
        return cs.Pair.gauge("m", canary=values, times=clock(N))

    begins_high = leaks(np.maximum(8.0 - HOURS / 0.085, 0.0))
    settling = begins_high.rows(0, 160)
    assert cs.judge([settling], STILL).decision is cs.Decision.PROMOTE
    watched = STILL.replace(warm_up="45m")
    verdict = cs.judge([begins_high], watched)
    assert verdict.decision is cs.Decision.HOLD
    assert evidence(verdict, "target").interval.low > 0


def test_worse_is_never_better():
    ranks = [RANK[cs.judge([gauge(6, slope)], STILL).decision] for slope in (-1, 0, 0.9, 1.1, 3)]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("target", "metric", "said"),
    [
        ({"at_most": 0, "trend": "canary"}, {}, "say how far from it still counts, as slack"),
        ({"at_most": 1, "slack": 2}, {}, "slack is for trends"),
        ({"at_most": 1, "trend": "canary", "of": "history"}, {}, "no ratio to the history"),
        ({"at_most": 1, "trend": "difference"}, {}, "it is of the baseline, and compare is false"),
        (
            {"at_most": 1, "trend": "difference", "of": "limit"},
            {"compare": True},
            "a trend of the difference has no limit",
        ),
        ({"at_most": 1, "trend": "canary"}, {"kind": "events"}, "trend is for gauges"),
    ],
)
def test_what_cannot_be_a_trend_is_refused(target, metric, said):
    with pytest.raises(cs.PolicyError, match=said):
        policy(target, **metric)
