"""A policy of planned looks: comparisons are decided in its bake window, at its looks alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.calibration import planned
from benchmarks.calibration.draws import Change
from benchmarks.calibration.methods import evidence_paths, first_reached
from benchmarks.calibration.scenarios import SCENARIOS, chunks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import canarystats as cs
from canarystats.evidence import Question
from tests import strategies
from tests.monitor.test_monitor import whole
from tests.monitor.test_properties import followed
from tests.rollouts import START, TICK, clock, eight_triggers, latency, requests
from tests.sequential.simulated import most_by_chance

FEW = settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
BAKE = {"duration": "30m", "looks": 3}
LOOKS = START + TICK * (np.array([40, 80, 120]) - 1)
POLICY = eight_triggers("requests").with_metric("requests", critical=True)
POLICY = POLICY.replace(looks="planned", bake=BAKE)
COMPARED = {Question.WORSE, Question.BEYOND, Question.NOT_WORSE}


def gauge(rng, n, *, shift=0.0, times=None):
    values = rng.normal(100, 10, (2, n))
    values[0] += shift
    times = clock(n) if times is None else times
    return cs.Pair.gauge("cpu", canary=values[0], baseline=values[1], times=times)


def gauge_policy(**changes):
    metric = {"name": "cpu", "kind": "gauge", "critical": True, "margin": 0.0}
    data = {"metrics": [metric | {"non_inferiority": 0.1}], "min_samples": 0}
    return cs.Policy.parse(data | {"looks": "planned", "bake": BAKE} | changes)


def worse(rng, **changes):
    return requests(rng, 160, per_tick=6000, **({"ratio": 3.0} | changes))


def test_a_regression_is_called_at_a_planned_look_and_not_before():
    pair = worse(np.random.default_rng(0))
    verdict = cs.judge([pair], POLICY, share=0.05)
    assert verdict.decision is cs.Decision.ROLLBACK
    assert verdict.decided_at == LOOKS[0]
    monitor = cs.Monitor(POLICY, share=0.05)
    early = monitor.observe([pair.rows(0, 39)])
    assert early.decision is cs.Decision.HOLD
    assert "before the first look" in " ".join(e.detail for e in early.evidence)
    assert monitor.observe([pair.rows(39, 40)]).decision is cs.Decision.ROLLBACK


def test_a_later_look_finds_what_begins_later():
    pair = worse(np.random.default_rng(1), onset=50)
    assert cs.judge([pair], POLICY, share=0.05).decided_at in LOOKS[1:]


def test_past_the_plan_nothing_more_is_decided_and_it_is_said():
    late = worse(np.random.default_rng(2), onset=121)
    without = POLICY.replace(triggers=())
    monitor = cs.Monitor(without, share=0.05)
    first = monitor.observe([late.rows(0, 120)])
    after = monitor.observe([late.rows(120, 160)])
    assert after.decision is first.decision
    before, now = (
        [e.p_value for e in verdict.evidence if e.question in COMPARED]
        for verdict in (first, after)
    )
    assert now == before
    assert any("nothing more is decided" in e.detail for e in after.evidence)


def test_a_gap_at_the_end_leaves_the_last_look_to_what_was_there():
    pair = worse(np.random.default_rng(3), onset=85, ratio=4.0)
    monitor = cs.Monitor(POLICY, share=0.05)
    assert monitor.observe([pair.rows(0, 118)]).decision is cs.Decision.HOLD
    verdict = monitor.observe([pair.rows(130, 131)])
    assert verdict.decision is cs.Decision.ROLLBACK
    assert verdict.decided_at == START + 130 * TICK


def test_the_window_begins_when_the_warm_up_has_passed():
    pair = worse(np.random.default_rng(0))
    later = POLICY.replace(warm_up="5m")
    assert cs.judge([pair], later, share=0.05).decided_at == LOOKS[0] + 300


def test_a_healthy_canary_is_promoted_and_told_at_which_look():
    rng = np.random.default_rng(4)
    both = eight_triggers("requests", "latency_seconds").replace(looks="planned", bake=BAKE)
    pairs = [requests(rng, 120, per_tick=9000), latency(rng, 120, per_tick=9000)]
    verdict = cs.judge(pairs, both, share=0.05)
    assert verdict.decision is cs.Decision.PROMOTE
    proofs = [e for e in verdict.evidence if e.question is Question.NOT_WORSE]
    shown = [e for e in proofs if e.method == "sequential.group"]
    assert {e.metric for e in shown} == {"requests", "latency_seconds"}
    assert all(e.decides and e.log_e_value is None and "look" in e.detail for e in shown)


def test_rules_against_a_constant_wait_for_no_look():
    outage = worse(np.random.default_rng(5), ratio=80.0)
    policy = eight_triggers("requests").replace(looks="planned", bake=BAKE)
    verdict = cs.judge([outage.rows(0, 20)], policy, share=0.05)
    assert verdict.decision is cs.Decision.ROLLBACK
    assert {firing.trigger for firing in verdict.firings} == {"success_rate"}
    assert verdict.decided_at < LOOKS[0]


@pytest.mark.parametrize(("shift", "decision"), [(0.0, "promote"), (8.0, "rollback")])
@pytest.mark.parametrize("history", [0, 1200])
def test_gauges_are_decided_with_history_and_without(shift, decision, history):
    rng = np.random.default_rng(6)
    past = [gauge(rng, history, times=clock(history, start=START - TICK * history - 60))]
    metric = {"name": "cpu", "kind": "gauge", "critical": True, "margin": 0.0, "batch": 10}
    policy = gauge_policy(metrics=[metric | {"non_inferiority": 0.1}])
    pair = gauge(rng, 120, shift=shift)
    verdict = cs.judge([pair], policy, history=past if history else ())
    assert verdict.decision == decision


@given(data=st.data())
@FEW
def test_ticks_in_batches_restored_or_all_at_once_give_the_same_verdict(data):
    policy = strategies.policy().replace(looks="planned", bake={"duration": "5m", "looks": 4})
    pairs = data.draw(strategies.rollouts())
    moments = data.draw(strategies.cuts(strategies.clock_of(pairs)))
    at_once = cs.judge(pairs, policy, share=0.05, rollout="r")
    assert followed(pairs, moments, policy=policy) == at_once
    assert followed(pairs, moments, policy=policy, restored=True) == at_once


@pytest.mark.parametrize("looks", [6, 20])
def test_the_state_stays_small(looks):
    policy = eight_triggers().replace(looks="planned", bake={"duration": "1h", "looks": looks})
    monitor = cs.Monitor(policy, share=0.05)
    monitor.observe(whole(3, 238))
    saved = json.loads(monitor.to_json())["metrics"]
    assert max(len(json.dumps(entry)) for entry in saved.values()) < 4_000


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"looks": "planned", "bake": None}, "bake"),
        ({"looks": "many", "bake": {"duration": "1h"}}, "bake"),
        ({"looks": "planned", "bake": {"duration": "1m"}}, "bake.duration"),
        ({"looks": "planned", "bake": {"duration": "1h", "looks": 21}}, "bake.looks"),
        ({"looks": "planned", "bake": {"duration": "1h", "spending": "even"}}, "bake.spending"),
        ({"looks": "planned", "bake": {"duration": "1h", "exponent": 0}}, "bake.exponent"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_path(changes, path):
    with pytest.raises(cs.PolicyError) as caught:
        eight_triggers().replace(**changes)
    assert caught.value.path == path


@pytest.mark.parametrize("name", ["N8-10", "N2-ar06"])
def test_the_level_of_planned_looks_is_held(name):
    # The full table is benchmarks/calibration/planned.py.
    kind, runs = SCENARIOS[name].kind, 800
    drawn = next(chunks(name, runs, planned.TICKS, 480, rows=runs))
    found = list(planned.looks_of(kind, drawn))
    for level in (0.05, 0.01):
        hits = int((planned.decided(found, level, "power") > 0).sum())
        assert hits <= most_by_chance(runs, level)
        assert hits >= 0.2 * level * runs  # and the level is used


def test_planned_looks_find_more_in_the_window_than_any_number_of_looks():
    drawn = next(chunks("N8-10", 100, planned.TICKS, 480, Change(ratio=1.5), rows=100))
    at = planned.decided(list(planned.looks_of("counts", drawn)), 0.05, "power")
    paths = evidence_paths("counts", drawn)
    assert (at > 0).sum() > 1.2 * np.isfinite(first_reached(paths, [0.05])).sum()
