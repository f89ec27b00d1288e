"""How long a hold may last: told where it can be, and about right."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import canarystats as cs
from canarystats import waiting
from canarystats.folds.count_tests import nearest
from canarystats.folds.setting import Proof
from canarystats.report import text
from tests import rollouts

SOON = {"min_duration": 0, "min_samples": 0, "warm_up": 0}


def requests_only(**changes):
    return rollouts.eight_triggers("requests").replace(**(SOON | changes))


def proof(log_e, *, from_start=False):
    return Proof.by_evidence("p", log_e, 0.05, "", from_start=from_start)


def wait(policy, unproven=(), samples=None, seconds=300.0):
    at = rollouts.START + seconds - policy.interval
    return waiting.until_promoted(policy, unproven, samples, rollouts.START, at)


def test_where_only_time_lacks_it_is_known_to_the_tick():
    pair = rollouts.requests(np.random.default_rng(1), 400, share=0.5, per_tick=60_000)
    policy = requests_only(min_duration="30m")
    monitor = cs.Monitor(policy, share=0.5)
    early = monitor.observe([pair.rows(0, 60)])
    assert early.reasons == ("15m of the minimum 30m have passed.",)
    assert early.decision_in_seconds == (900.0, 900.0)
    assert monitor.observe([pair.rows(60, 119)]).decision == "hold"
    late = monitor.observe([pair.rows(119, 120)])
    assert (late.decision, late.at - early.at) == ("promote", 900.0)
    assert late.decision_in_seconds is None


def test_where_traffic_lacks_it_comes_as_so_far():
    assert wait(requests_only(min_samples=1000), samples=250) == (900.0, 900.0)
    assert wait(requests_only(min_samples=1000), samples=0) is None


def test_windows_looked_away_from_are_added():
    ahead = {
        "name": "drill",
        "from": rollouts.START + 400,
        "to": rollouts.START + 700,
        "metrics": ["requests"],
    }
    policy = requests_only(min_duration="10m")
    assert wait(policy) == (300.0, 300.0)
    assert wait(policy.replace(suppressions=[ahead])) == (600.0, 600.0)


def test_more_gathered_is_never_a_longer_wait_and_the_warm_up_is_no_time_to_gather():
    policy = requests_only(warm_up="60s")
    waits = [wait(policy, [proof(log_e)]) for log_e in np.linspace(0.1, 2.9, 29)]
    assert all(low <= high for low, high in waits)
    for before, after in itertools.pairwise(waits):
        assert after[0] <= before[0]
        assert after[1] <= before[1]
    assert wait(policy, [proof(1.0)])[1] < wait(policy, [proof(1.0, from_start=True)])[1]
    assert wait(policy, [proof(0.5), proof(2.0)]) == wait(policy, [proof(0.5)])


def test_the_ends_are_the_roots_they_are_said_to_be():
    policy = requests_only(interval="0.001s")
    low, high = wait(policy, [proof(1.0)])
    roots = [
        np.roots([1.0, -2.0 * (g + waiting.SPREAD**2), g**2])
        for g in (1.0 + waiting.PRICE, math.log(20.0) - 1.0)
    ]
    assert low == pytest.approx(300.0 * min(roots[1]) / max(roots[0]), abs=0.002)
    assert high == pytest.approx(300.0 * max(roots[1]) / min(roots[0]), abs=0.002)


@pytest.mark.parametrize("log_e", [0.0, -0.5, -math.inf, math.nan])
def test_without_growth_it_cannot_be_told(log_e):
    assert wait(requests_only(), [proof(log_e)]) is None
    assert wait(requests_only(), [proof(2.0), proof(log_e)]) is None


def test_without_e_values_or_at_one_look_it_cannot_be_told():
    assert wait(requests_only(), [Proof("p", shown=False, detail="")]) is None
    assert wait(requests_only(looks="one"), [proof(2.0)]) is None


def test_trouble_silence_and_decisions_are_given_no_time():
    policy = requests_only(min_duration="2h")
    pair = rollouts.requests(np.random.default_rng(2), 80, share=0.5, per_tick=9_000)
    assert cs.judge([pair], policy, share=0.5).decision_in_seconds is not None
    assert cs.judge([], policy).decision_in_seconds is None
    partial = cs.Pair.counts(
        "requests",
        canary=(pair.canary[:, 0], pair.canary[:, 1]),
        baseline=(pair.baseline[:, 0], pair.baseline[:, 1]),
        times=pair.times,
        notes=("partial_response: a store is missing",),
    )
    assert cs.judge([partial], policy, share=0.5).decision_in_seconds is None
    bad = rollouts.steady_requests(80, errors=3000.0)
    gone = cs.judge([bad], policy, share=0.05)
    assert (gone.decision, gone.decision_in_seconds) == ("rollback", None)
    shadow = cs.judge([bad], policy.replace(rollback=False), share=0.05)
    assert (shadow.decision, shadow.decision_in_seconds) == ("hold", None)


def test_not_worse_in_either_direction_is_as_near_as_the_farther():
    log_e = {"not_worse.up": 9.0, "not_worse.down": 1.0, "low_enough": -2.0}
    assert nearest(log_e, list(log_e)) == (1.0, False)
    assert nearest(log_e | {"low_enough": 2.0}, list(log_e)) == (2.0, True)


def test_it_is_written_down_and_told():
    policy, pair = (
        requests_only(min_duration="30m"),
        rollouts.requests(np.random.default_rng(3), 60, share=0.5, per_tick=9_000),
    )
    verdict = cs.judge([pair], policy, share=0.5)
    assert verdict.decision_in_seconds == (900.0, 900.0)
    assert "promotion expected in 15m" in text.verdict_lines(verdict, width=160)
    assert str(verdict.explain()).count("promotion expected in 15m") == 1
    assert cs.Verdict.from_json(verdict.to_json()) == verdict


def test_waits_are_about_right():
    """Of the waits told on healthy rollouts, more than 4 of 5 hold the truth, and the middle is."""
    inside, ratios = [], []
    for seed in range(12):
        rng = np.random.default_rng([20, seed])
        pair = rollouts.requests(rng, 800, share=0.5, error_rate=0.01)
        monitor, told = cs.Monitor(requests_only(), share=0.5), []
        for start in range(0, 800, 5):
            verdict = monitor.observe([pair.rows(start, start + 5)])
            if verdict.decision != "hold":
                break
            told.append((verdict.at, verdict.decision_in_seconds))
        assert verdict.decision == "promote"
        for at, span in told:
            if span is not None:
                left, (low, high) = verdict.at - at, span
                inside.append(low - 75.0 < left <= high + 75.0)
                ratios.append(math.sqrt(low * high) / left)
    assert len(inside) >= 60
    assert np.mean(inside) > 0.8
    assert 0.5 < np.median(ratios) < 2.0
