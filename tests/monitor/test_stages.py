"""A rollout judged stage by stage: what each stage may do, compare and spend."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import canarystats as cs
from tests import rollouts, strategies

SHADOW = {"name": "shadow", "share": 0, "rollback": False}
FIVE = {"name": "canary-5", "share": 0.05}
HALF = {"name": "canary-50", "share": 0.5}
FULL = {"name": "full", "share": 1, "compare": False}
TICKS = 120


def ladder(*metrics, stages=(SHADOW, FIVE, HALF, FULL)):
    return rollouts.eight_triggers(*metrics).replace(stages=list(stages))


def failing(n=TICKS):
    return rollouts.steady_requests(n, errors=1500.0)


def alone(pair):
    """The canary's side only."""
    return cs.Pair.counts(
        pair.name, canary=(pair.canary[:, 0], pair.canary[:, 1]), times=pair.times
    )


def test_a_verdict_names_its_stage_its_share_and_its_approval():
    policy = ladder("requests", stages=[SHADOW, FIVE | {"approval": "required"}])
    verdict = cs.judge([rollouts.steady_requests(TICKS)], policy.at_stage("canary-5"))
    assert verdict.decision == "promote"
    assert (verdict.stage, verdict.share, verdict.approval) == ("canary-5", 0.05, "required")
    assert cs.Verdict.from_json(verdict.to_json()) == verdict


def test_a_share_that_is_given_wins():
    policy = ladder("requests").at_stage("canary-50")
    twentieth = rollouts.steady_requests(TICKS)  # 5 % of the traffic
    assert cs.judge([twentieth], policy, share=0.05).decision == "promote"
    starved = cs.judge([twentieth], policy)
    assert starved.share == 0.5
    assert {firing.trigger for firing in starved.firings} == {"throughput"}


def test_replay_takes_the_share_of_the_stage_too():
    policy = ladder("requests").at_stage("canary-5")
    verdicts = list(cs.replay([rollouts.steady_requests(4)], policy))
    assert {verdict.share for verdict in verdicts} == {0.05}
    assert {verdict.stage for verdict in verdicts} == {"canary-5"}


def test_shadow_tells_what_would_roll_back_and_never_does():
    policy = ladder("requests")
    verdict = cs.judge([failing()], policy.at_stage("shadow"))
    acting = cs.judge([failing()], policy.at_stage("canary-5"))
    assert acting.decision == "rollback"
    assert verdict.decision == "hold"
    assert verdict.reason.startswith("Would roll back: error rate 30% against 1% on the")
    assert {f.action for f in verdict.firings} == {"report"}
    assert {(f.trigger, f.at) for f in verdict.firings} == {
        (f.trigger, f.at) for f in acting.firings if f.trigger != "throughput"
    }
    assert verdict.score == 0
    assert verdict.decided_at is None
    assert verdict.next_look == verdict.at + 15


def test_what_shadow_would_have_rolled_back_stays_told():
    policy = ladder("requests").at_stage("shadow")
    monitor = cs.Monitor(policy)
    monitor.observe([failing(60)])
    later = rollouts.steady_requests(600, times=rollouts.clock(660)[60:])
    verdict = monitor.observe([later])
    assert verdict.decision == "hold"
    assert verdict.reason.startswith("Would roll back: ")


@pytest.mark.parametrize("name", ["byzantine_events", "integrity_violations", "breaker_trips"])
def test_shadow_only_reports_events(name):
    pair = rollouts.events(name, 60, {30: 11})
    policy = ladder(name)
    assert cs.judge([pair], policy.at_stage("shadow")).decision == "hold"
    assert cs.judge([pair], policy.at_stage("canary-5")).decision == "rollback"
    assert cs.judge([pair], policy.at_stage("full")).decision == "rollback"


def test_shadow_does_not_roll_back_on_missing_data_or_harm():
    policy = (
        ladder("requests").replace(on_no_data="rollback").with_metric("requests", critical=True)
    )
    silent = rollouts.steady_requests(60, errors=np.nan, out_of=np.nan)
    for pair in (silent, failing()):
        assert cs.judge([pair], policy.at_stage("canary-5")).decision == "rollback"
        verdict = cs.judge([pair], policy.at_stage("shadow"))
        assert verdict.decision == "hold"
        assert verdict.reason.startswith("Would roll back: ")


def test_duplicated_traffic_has_no_designed_share_unless_one_is_given():
    policy = ladder("requests").at_stage("shadow")
    halved = rollouts.steady_requests(
        TICKS, errors=200.0, out_of=20_000.0, baseline_errors=400.0, baseline_out_of=40_000.0
    )
    verdict = cs.judge([halved], policy)
    assert verdict.share is None
    assert "throughput" not in {reading.trigger for reading in verdict.readings}
    assert (verdict.decision, verdict.score) == ("promote", 100)
    mirrored = cs.judge([halved], policy, share=0.5)
    assert mirrored.decision == "hold"
    assert mirrored.reason.startswith("Would roll back: the canary carries 50%")


def test_at_all_of_the_traffic_a_healthy_canary_is_promoted_without_a_baseline():
    policy = ladder("requests").at_stage("full")
    verdict = cs.judge([alone(rollouts.steady_requests(TICKS))], policy)
    assert verdict.decision == "promote"
    assert {r.trigger for r in verdict.readings} == {"error_rate_absolute", "success_rate"}
    assert verdict.score == 100
    assert verdict.share is None


def test_at_all_of_the_traffic_the_absolute_rules_roll_back():
    policy = ladder("requests").at_stage("full")
    verdict = cs.judge([alone(failing())], policy)
    assert verdict.decision == "rollback"
    assert {f.trigger for f in verdict.firings} == {"error_rate_absolute", "success_rate"}


def test_at_all_of_the_traffic_a_remaining_baseline_is_not_compared_with():
    policy = ladder("requests").at_stage("full")
    worse = rollouts.steady_requests(TICKS, errors=125.0)  # 2.5 % against 1 %, below every level
    assert cs.judge([worse], policy).decision == "promote"
    kept = ladder("requests", stages=[FIVE, FULL | {"compare": True}]).at_stage("full")
    assert cs.judge([worse], kept).decision == "rollback"


@pytest.mark.parametrize("kind", ["histogram", "samples"])
def test_latency_without_a_baseline_needs_only_to_be_there(kind):
    policy = ladder("latency_seconds").at_stage("full")
    rng = np.random.default_rng(3)
    if kind == "histogram":
        both = rollouts.latency(rng, TICKS)
        pair = cs.Pair.histogram(
            "latency_seconds",
            upper_bounds=both.upper_bounds,
            canary=both.canary,
            times=both.times,
        )
    else:
        slower, other = rng.lognormal(-2, 1, 2000), rng.lognormal(-3, 1, 2000)
        pair = cs.Pair.samples("latency_seconds", canary=slower, baseline=other)
        policy = policy.replace(min_duration="0s")
    verdict = cs.judge([pair], policy)
    assert verdict.decision == "promote", verdict.reasons
    assert not verdict.readings
    silent = cs.judge([], policy)
    assert silent.decision == "hold"


def test_a_stage_begins_anew_and_its_state_is_its_own():
    policy = ladder("requests")
    five = cs.Monitor(policy.at_stage("canary-5"), rollout="r")
    first = five.observe([rollouts.steady_requests(20)])
    saved = five.to_json()
    again = cs.Monitor.from_json(saved, policy.at_stage("canary-5"))
    assert again.share == 0.05
    assert again.to_json() == saved
    with pytest.raises(cs.InputError, match="saved under a policy of digest"):
        cs.Monitor.from_json(saved, policy.at_stage("canary-50"))
    second = cs.Monitor(policy.at_stage("canary-50"), rollout="r").observe(
        [rollouts.steady_requests(20)], share=0.05
    )
    assert first.decision_id != second.decision_id


IDENTITY = {"policy_digest", "decision_id", "stage"}


@settings(max_examples=40, deadline=None)
@given(rollouts_=strategies.rollouts(), pieces=st.integers(1, 6))
def test_every_bare_stage_decides_as_the_policy_with_its_part_of_the_budget(rollouts_, pieces):
    base = strategies.policy()
    stages = [{"name": f"step-{i}", "share": 0.05} for i in range(pieces)]
    budget = base.error_budget
    split = base.replace(
        error_budget={
            "false_rollback": budget.false_rollback * (1 / pieces),
            "split": budget.split * (1 / pieces),
            "false_promote": budget.false_promote,
        }
    )
    here = base.replace(stages=stages).at_stage("step-0")
    seen, expected = cs.judge(rollouts_, here), cs.judge(rollouts_, split, share=0.05)
    assert seen.model_dump(exclude=IDENTITY) == expected.model_dump(exclude=IDENTITY)


@settings(max_examples=40, deadline=None)
@given(rollouts_=strategies.rollouts())
def test_without_rollback_rights_nothing_rolls_back_and_nothing_is_promoted_instead(rollouts_):
    base = strategies.policy()
    acting = cs.judge(rollouts_, base, share=0.05)
    telling = cs.judge(rollouts_, base.replace(rollback=False), share=0.05)
    expected = {"rollback": "hold"}.get(acting.decision, acting.decision)
    assert telling.decision == expected
    assert telling.score == acting.score
    assert [(f.trigger, f.at, f.reason) for f in telling.firings] == [
        (f.trigger, f.at, f.reason) for f in acting.firings
    ]
    assert all(f.action != "rollback" for f in telling.firings)


@pytest.mark.parametrize(("errors", "decision"), [(25.0, "promote"), (200.0, "hold")])
def test_all_of_the_traffic_is_promoted_only_once_its_target_is_shown(errors, decision):
    policy = cs.load_policy("ladder-playbook").at_stage("full").replace(min_duration="10m")
    policy = policy.without(*(m.name for m in policy.metrics if m.name != "requests"))
    busy = rollouts.steady_requests(TICKS, errors=errors / 10, out_of=5000.0)  # 0.05 or 0.4 %
    verdict = cs.judge([alone(busy)], policy)
    assert verdict.decision == decision, verdict.reasons
    assert decision == "promote" or "meets its target" in verdict.reason


def rolled_back(rng, policy, n):
    """Whether a healthy canary is rolled back anywhere on its way through the ladder."""
    for stage in policy.stages:
        pair = rollouts.requests(rng, n, share=stage.share, error_rate=0.02, per_tick=600)
        if cs.judge([pair], policy.at_stage(stage.name)).decision == "rollback":
            return True
    return False


@pytest.mark.parametrize(
    ("rollouts_", "budget"),
    [(25, 0.2), pytest.param(600, 0.1, marks=pytest.mark.calibration)],
)
def test_the_whole_ladder_rolls_healthy_canaries_back_no_more_often_than_promised(
    rollouts_, budget
):
    steps = [{"name": f"canary-{s}", "share": s / 100} for s in (5, 25, 50)]
    policy = ladder("requests", stages=steps).replace(error_budget={"false_rollback": budget})
    rng = np.random.default_rng(20)
    wrong = sum(rolled_back(rng, policy, 60) for _ in range(rollouts_))
    assert wrong <= stats.binom.ppf(0.999, rollouts_, budget)
