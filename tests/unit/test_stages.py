"""Stages of a policy: what differs at each, what each may spend, and where a fault stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import canarystats as cs
from canarystats.policy import Policy
from canarystats.sequential.budget import levels
from tests.rollouts import eight_triggers

SHADOW = {"name": "shadow", "share": 0, "rollback": False}
FIVE = {"name": "canary-5", "share": 0.05}
HALF = {"name": "canary-50", "share": 0.5}
FULL = {"name": "full", "share": 1, "compare": False}


def ladder(*stages, **changes):
    return eight_triggers().replace(stages=stages or [SHADOW, FIVE, HALF, FULL], **changes)


def plain(policy):
    return policy.model_dump(mode="json", by_alias=True)


def test_a_stage_without_overrides_is_the_policy_with_its_part_of_the_budget():
    policy = ladder()
    here = policy.at_stage("canary-5")
    expected = plain(policy) | {
        "stage": "canary-5",
        "stages": [],
        "share": 0.05,
        "error_budget": plain(policy)["error_budget"]
        | {"false_rollback": pytest.approx(0.01 / 3), "split": pytest.approx(0.001 / 3)},
    }
    assert plain(here) == expected


def test_a_stage_says_only_what_differs():
    differs = FIVE | {
        "description": "the first users",
        "min_duration": "4d",
        "min_samples": 5000,
        "approval": "required",
        "margin": 0.02,
        "false_promote": 0.01,
        "metrics": [{"name": "requests", "non_inferiority": 0.25, "query": {"events": "bad"}}],
        "triggers": [
            {"name": "throughput", "action": "hold"},
            {"name": "error_rate", "for": "2m", "absolute": {"for": "1m"}},
        ],
    }
    policy = ladder(SHADOW, differs, FULL)
    here, before = policy.at_stage("canary-5"), eight_triggers()
    assert (here.description, here.min_duration, here.min_samples) == (
        "the first users",
        4 * 86400,
        5000,
    )
    assert (here.approval, here.margin, here.error_budget.false_promote) == ("required", 0.02, 0.01)
    assert here.metric("requests").non_inferiority == 0.25
    assert here.metric("requests").query.events == "bad"
    assert here.metric("requests").query.exposure == before.metric("requests").query.exposure
    assert here.metrics[1:] == before.metrics[1:]
    by_name = {trigger.name: trigger for trigger in here.triggers}
    assert by_name["throughput"].action == "hold"
    assert by_name["error_rate"].for_ == 120
    assert (by_name["error_rate"].absolute.threshold, by_name["error_rate"].absolute.for_) == (
        0.03,
        60,
    )
    assert by_name["latency_p99"] == before.triggers[1]
    assert policy.at_stage("full").metric("requests").non_inferiority is None


def test_zero_samples_and_no_minimum_are_said_not_unset():
    here = ladder(FIVE | {"min_samples": 0, "min_duration": "0s", "margin": 0}).at_stage("canary-5")
    assert (here.min_samples, here.min_duration, here.margin) == (0, 0, 0)


def test_stages_that_may_roll_back_share_the_budget_evenly():
    policy = ladder()
    parts = {s.name: policy.at_stage(s.name).error_budget.false_rollback for s in policy.stages}
    acting = [parts[name] for name in ("canary-5", "canary-50", "full")]
    assert acting == pytest.approx([0.01 / 3] * 3)
    assert sum(acting) <= 0.01 * (1 + 1e-12)
    assert parts["shadow"] == pytest.approx(0.01 / 3)


def test_a_stage_may_name_its_part_and_the_others_share_the_rest():
    policy = ladder(SHADOW, FIVE | {"budget_share": 0.7}, HALF, FULL)
    parts = [policy.at_stage(s.name).error_budget.false_rollback for s in policy.stages[1:]]
    assert parts == pytest.approx([0.007, 0.0015, 0.0015])


@given(
    rights=st.lists(st.booleans(), min_size=1, max_size=9),
    wanted=st.lists(st.one_of(st.none(), st.floats(0.01, 1)), min_size=9, max_size=9),
)
def test_no_ladder_spends_more_than_the_policy_has(rights, wanted):
    given_ = [w if r else None for r, w in zip(rights, wanted, strict=False)]
    named = sum(w for w in given_ if w)
    scale = 0.9 / named if named > 0.9 else 1.0
    stages = [
        {"name": f"s{i}", "share": 0.1, "rollback": right}
        | ({"budget_share": want * scale} if want else {})
        for i, (right, want) in enumerate(zip(rights, given_, strict=True))
    ]
    policy = Policy.parse({"metrics": [{"name": "a", "kind": "counts"}], "stages": stages})
    acting = [policy.at_stage(s.name) for s in policy.stages if s.rollback]
    spent = sum(p.error_budget.false_rollback for p in acting)
    assert spent <= policy.error_budget.false_rollback * (1 + 1e-9)
    if any(s.rollback and s.budget_share is None for s in policy.stages):
        assert spent == pytest.approx(policy.error_budget.false_rollback)


def test_the_claims_of_a_ladder_add_up_to_the_budget():
    policy = ladder()
    spent = [sum(levels(policy.at_stage(s.name)).values()) for s in policy.stages if s.rollback]
    assert sum(spent) == pytest.approx(policy.error_budget.false_rollback)


def test_without_a_baseline_nothing_is_compared():
    here = ladder().at_stage("full")
    assert not any(metric.compare for metric in here.metrics)
    assert {claim.name for claim in levels(here)} == {"error_rate.absolute", "success_rate.below"}


def test_a_policy_at_a_stage_survives_plain_data_and_goes_no_further():
    here = ladder().at_stage("canary-5")
    assert Policy.parse(plain(here)) == here
    assert here.stage == "canary-5"
    with pytest.raises(cs.InputError, match="is at its stage 'canary-5' already"):
        here.at_stage("full")
    with pytest.raises(
        cs.PolicyError, match=r"^stage: at the stage 'canary-5' there are no further"
    ):
        here.replace(stages=[FULL])


def test_a_ladder_survives_plain_data_and_has_its_own_digest():
    policy = ladder(SHADOW, FIVE | {"min_duration": "90s"}, FULL)
    assert Policy.parse(plain(policy)) == policy
    digests = {policy.digest, eight_triggers().digest}
    digests |= {policy.at_stage(stage.name).digest for stage in policy.stages}
    assert len(digests) == 5


def test_an_unknown_stage_is_refused_with_the_known_ones():
    with pytest.raises(
        cs.InputError, match="has no stage 'canary-6'; it has shadow, canary-5, canary"
    ):
        ladder().at_stage("canary-6")
    with pytest.raises(cs.InputError, match="'eight-triggers' has no stage 'x'; it has no stages"):
        eight_triggers().at_stage("x")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"metrics": [{"name": "requests", "margin": 20}]}, "metrics[0].margin: 20: input should"),
        ({"metrics": [{"name": "reqests", "margin": 0.2}]}, "metrics[0].kind: is missing"),
        (
            {"metrics": [{"name": "memory_bytes"}, {"name": "requests", "colour": 1}]},
            "metrics[1].colour: there is no such key",
        ),
        (
            {"triggers": [{"name": "success_rate", "threshold": 99}]},
            "triggers[0].threshold: 99 is not a fraction between 0 and 1 (a percentage? write",
        ),
        (
            {"triggers": [{"name": "error_rate", "absolute": {"for": "soon"}}]},
            "triggers[0].absolute.for: 'soon' is not a duration",
        ),
        (
            {"metrics": [{"name": "requests", "kind": "gauge"}]},
            "triggers[error_rate].metric: error_rate reads counts, and 'requests' is gauge",
        ),
        ({"metrics": ["requests"]}, "metrics[0]: 'requests': input should be"),
        ({"metrics": [{"margin": 0.1}]}, "metrics[0]: must be a table with a name"),
        (
            {"metrics": [{"name": "requests"}, {"name": "requests"}]},
            "metrics[1].name: 'requests' is there twice",
        ),
        ({"share": 25}, "share: 25 is not a share between 0 and 1 (a percentage? write 0.25)"),
        ({"share": -0.1}, "share: -0.1 is not a share between 0 and 1"),
        ({"share": float("nan")}, "share: nan is not a share between 0 and 1"),
        ({"min_duration": 5}, "min_duration: 5 is not a duration; write 5s"),
        ({"approval": "maybe"}, "approval: 'maybe': input should be"),
        ({"colour": 1}, "colour: there is no such key"),
        ({"name": "canary 5"}, "name: 'canary 5': string should match pattern"),
        ({"name": "shadow"}, "name: 'shadow' is there twice"),
        ({"rollback": False, "budget_share": 0.5}, "budget_share: a stage that may not roll back"),
        ({"budget_share": 0}, "budget_share: 0: input should be greater than 0"),
    ],
)
def test_a_fault_of_a_stage_is_told_when_the_policy_is_loaded(stage, message):
    with pytest.raises(cs.PolicyError) as refused:
        ladder(SHADOW, FIVE, HALF | stage)
    assert str(refused.value).startswith(f"stages[2].{message}")
    assert refused.value.path == f"stages[2].{message}".split(":")[0]


def test_a_share_is_required():
    with pytest.raises(cs.PolicyError, match=r"^stages\[0\].share: is missing"):
        ladder({"name": "canary-5"})


def test_parts_of_the_budget_must_leave_something_and_not_be_more_than_all():
    with pytest.raises(cs.PolicyError, match=r"^stages\[1\].budget_share: the other stages spend"):
        ladder(FIVE | {"budget_share": 1}, HALF)
    with pytest.raises(cs.PolicyError, match=r"^stages: the stages' budget_share add up to 1.2"):
        ladder(FIVE | {"budget_share": 0.6}, HALF | {"budget_share": 0.6})
    tenths = [{"name": f"s{i}", "share": 0.1, "budget_share": 0.1} for i in range(10)]
    assert len(ladder(*tenths).stages) == 10


def test_leaving_a_metric_out_leaves_it_out_of_every_stage():
    five = FIVE | {
        "metrics": [
            {"name": "requests", "margin": 0.1},
            {"name": "memory_bytes", "required": False},
        ],
        "triggers": [{"name": "memory", "threshold": 0.9}, {"name": "error_rate", "threshold": 2}],
    }
    less = ladder(SHADOW, five).without("memory_bytes").at_stage("canary-5")
    assert "memory_bytes" not in {m.name for m in less.metrics}
    assert "memory" not in {t.name for t in less.triggers}
    assert less.triggers[0].threshold == 2


def test_a_changed_metric_changes_at_every_stage_that_does_not_say_otherwise():
    policy = ladder(FIVE | {"metrics": [{"name": "requests", "margin": 0.1}]}, HALF)
    policy = policy.with_metric("requests", margin=0.3)
    margins = [policy.at_stage(stage.name).metric("requests").margin for stage in policy.stages]
    assert margins == [0.1, 0.3]


def test_a_stage_cannot_grant_the_rollback_rights_that_its_policy_lacks():
    assert not ladder(rollback=False).at_stage("canary-5").rollback
    assert ladder().at_stage("canary-5").rollback
    assert not ladder().at_stage("shadow").rollback


@pytest.mark.parametrize(("stage", "share"), [("shadow", None), ("canary-5", 0.05), ("full", None)])
def test_a_stage_says_the_share_where_traffic_is_divided(stage, share):
    policy = ladder().at_stage(stage)
    assert policy.designed_share == share
    assert cs.Monitor(policy).share == share
    assert cs.Monitor(policy, share=0.2).share == 0.2
