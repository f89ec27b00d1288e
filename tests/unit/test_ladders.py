"""The ladders that ship: what each source says, stage by stage."""

from __future__ import annotations

import pytest

import canarystats as cs
from canarystats.rules import RULES

LADDERS = ("ladder-seed", "ladder-playbook", "ladder-progressive", "ladder-runbook")
DAY = 86400.0
SHARES = {
    "ladder-seed": [0, 0.05, 0.25, 0.5, 0.75, 0.9, 1],
    "ladder-playbook": [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1],
    "ladder-progressive": [0, 1, 1, 0.01, 0.05, 0.25, 0.5, 1],
    "ladder-runbook": [0.05, 0.25, 0.5, 0.75, 1],
}
SHORTEST = {
    "ladder-seed": [7 * DAY, *[14 * DAY] * 5, DAY],
    "ladder-playbook": [3 * DAY, 2 * DAY, 4 * DAY, 3 * DAY, 5 * DAY, 3 * DAY, 7200],
    "ladder-progressive": [3 * DAY, 2 * DAY, 7 * DAY, 2 * DAY, 4 * DAY, 7 * DAY, 3 * DAY, DAY],
    "ladder-runbook": [300, 600, 900, 900, 600],
}
# share: error increase, p99 increase, least success, chance of a wrong promotion, samples
PLAYBOOK = {
    0.01: (0.5, 1.0, 0.95, 0.05, 1000),
    0.05: (0.25, 0.5, 0.97, 0.05, 1000),
    0.1: (0.15, 0.25, 0.98, 0.05, 1000),
    0.25: (0.1, 0.15, 0.99, 0.01, 1000),
    0.5: (0.05, 0.1, 0.995, 0.01, 10000),
}


def stages_of(name):
    policy = cs.load_policy(name)
    return [(stage, policy.at_stage(stage.name)) for stage in policy.stages]


def each_stage():
    return [
        pytest.param(name, stage.name, id=f"{name}-{stage.name}")
        for name in LADDERS
        for stage in cs.load_policy(name).stages
    ]


def test_the_ladders_are_presets():
    assert set(LADDERS) <= set(cs.preset_names())


@pytest.mark.parametrize("name", LADDERS)
def test_a_ladder_has_the_steps_of_its_source(name):
    found = stages_of(name)
    assert [here.share for _, here in found] == SHARES[name]
    assert [here.min_duration for _, here in found] == SHORTEST[name]
    assert all(stage.description for stage, _ in found)


@pytest.mark.parametrize("name", LADDERS)
def test_only_the_small_stages_promote_by_themselves(name):
    for _, here in stages_of(name):
        small = 0 < here.share <= 0.05
        assert here.approval == ("automatic" if small else "required")


@pytest.mark.parametrize("name", LADDERS)
def test_only_shadow_has_no_rollback_rights(name):
    assert [here.share for _, here in stages_of(name) if not here.rollback] == SHARES[name][:1] * (
        SHARES[name][0] == 0
    )


@pytest.mark.parametrize("name", LADDERS)
def test_the_whole_ladder_keeps_the_promise(name):
    acting = [here for _, here in stages_of(name) if here.rollback]
    spent = [here.error_budget.false_rollback for here in acting]
    assert sum(spent) == pytest.approx(0.01)
    assert spent == pytest.approx([0.01 / len(acting)] * len(acting))


@pytest.mark.parametrize(("name", "stage"), each_stage())
def test_every_stage_keeps_the_eight_triggers_with_their_numbers(name, stage):
    here = cs.load_policy(name).at_stage(stage)
    assert here.triggers == cs.load_policy("eight-triggers").triggers
    assert {trigger.name for trigger in here.triggers} == set(RULES)


@pytest.mark.parametrize(("name", "stage"), each_stage())
def test_comparisons_are_made_where_a_baseline_is_left(name, stage):
    here = cs.load_policy(name).at_stage(stage)
    compared = {metric.name for metric in here.metrics if metric.compare}
    assert compared == (set() if here.share == 1 else {"requests", "latency_seconds"})


def test_the_playbook_has_its_table():
    for _, here in stages_of("ladder-playbook"):
        if here.share not in PLAYBOOK:
            continue
        errors, latency, success, chance, samples = PLAYBOOK[here.share]
        assert here.metric("requests").non_inferiority == errors
        assert here.metric("latency_seconds").non_inferiority == latency
        assert here.metric("requests").target.at_most == pytest.approx(1 - success)
        assert here.error_budget.false_promote == chance
        assert here.min_samples == samples
    full = cs.load_policy("ladder-playbook").at_stage("full")
    assert full.metric("requests").target.at_most == 0.001


def test_the_runbook_has_its_table():
    found = [
        (here.metric("requests").target.at_most, here.metric("latency_seconds").target.at_most)
        for _, here in stages_of("ladder-runbook")
    ]
    assert found == [(0.01, 0.5)] * 2 + [(0.02, 0.6)] * 3


def test_the_runbook_asks_for_the_samples_of_its_table():
    samples = [here.min_samples for _, here in stages_of("ladder-runbook")]
    assert samples == [1000, 5000, 10000, 10000, 10000]


@pytest.mark.parametrize("name", LADDERS)
def test_a_policy_of_ones_own_extends_a_ladder(tmp_path, name):
    path = tmp_path / "own.yaml"
    path.write_text(
        f"extends: {name}\nname: payments\n"
        "metrics: [{name: queue, kind: gauge, query: {value: 'queue{$arm}'}}]\n"
        "stages: [{name: canary-5, min_samples: 7}]\n"
    )
    policy = cs.load_policy(path)
    assert [s.name for s in policy.stages] == [s.name for s in cs.load_policy(name).stages]
    assert policy.at_stage("canary-5").min_samples == 7
    assert policy.at_stage("canary-25").metric("queue").compare
    assert not policy.at_stage("full").metric("queue").compare
