"""Presets and policy files: YAML, JSON, TOML, and policies that extend others."""

from __future__ import annotations

import json

import numpy as np
import pytest

import canarystats as cs

YAML = """
name: mine
metrics:
  - {name: memory_bytes, kind: gauge}
triggers:
  - {name: memory, for: 3m}
"""
TOML = """
name = "mine"
[[metrics]]
name = "memory_bytes"
kind = "gauge"
[[triggers]]
name = "memory"
for = "3m"
"""


def write(folder, name, text):
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_the_preset_says_what_the_rules_say():
    policy = cs.load_policy("eight-triggers")
    numbers = {t.name: (t.threshold, t.for_, t.metric, t.evidence) for t in policy.triggers}
    assert numbers == {
        "error_rate": (1.5, 300, "requests", "required"),
        "latency_p99": (2.0, 300, "latency_seconds", "required"),
        "success_rate": (0.95, 180, "requests", "required"),
        "throughput": (0.8, 600, "requests", "required"),
        "byzantine": (0, 0, "byzantine_events", "none"),
        "data_integrity": (0, 0, "integrity_violations", "none"),
        "memory": (0.95, 300, "memory_bytes", "none"),
        "breaker_storm": (10, 0, "breaker_trips", "none"),
    }
    error_rate = policy.triggers[0]
    assert (error_rate.absolute.threshold, error_rate.absolute.for_) == (0.03, 300)
    assert {t.action for t in policy.triggers} == {"rollback"}
    assert (policy.interval, policy.looks, policy.on_no_data) == (15, "many", "hold")
    assert (policy.pass_score, policy.marginal_score) == (95, 75)
    assert policy.error_budget.false_rollback == 0.01


def test_every_preset_loads():
    assert "eight-triggers" in cs.preset_names()
    for name in cs.preset_names():
        assert cs.load_policy(name).metrics


def test_yaml_json_and_toml_say_the_same(tmp_path):
    data = {
        "name": "mine",
        "metrics": [{"name": "memory_bytes", "kind": "gauge"}],
        "triggers": [{"name": "memory", "for": "3m"}],
    }
    paths = [
        write(tmp_path, "a.yaml", YAML),
        write(tmp_path, "a.yml", YAML),
        write(tmp_path, "a.json", json.dumps(data)),
        write(tmp_path, "a.toml", TOML),
    ]
    digests = {cs.load_policy(path).digest for path in paths}
    digests |= {cs.load_policy(str(path)).digest for path in paths}
    assert digests == {cs.Policy.parse(data).digest}


def test_a_policy_that_extends_names_only_what_differs(tmp_path):
    path = write(
        tmp_path,
        "p.yaml",
        "extends: eight-triggers\n"
        "name: ours\n"
        "triggers: [{name: error_rate, threshold: 2.0}]\n"
        "metrics: [{name: requests, critical: true}, {name: queue, kind: gauge}]\n"
        "error_budget: {false_promote: 0.1}\n",
    )
    policy, preset = cs.load_policy(path), cs.load_policy("eight-triggers")
    assert policy.name == "ours"
    assert policy.triggers[0].threshold == 2.0
    assert policy.triggers[1:] == preset.triggers[1:]
    assert policy.metric("requests").critical
    assert policy.metric("requests").absolute_margin == 0.001
    assert policy.metrics[-1].name == "queue"
    assert policy.error_budget.false_promote == 0.1
    assert policy.error_budget.false_rollback == 0.01


def test_extending_goes_on_and_looks_beside_the_file(tmp_path):
    (tmp_path / "team").mkdir()
    write(tmp_path, "team/base.yaml", "extends: eight-triggers\nwarm_up: 2m\ninterval: 30s\n")
    write(tmp_path, "team/service.toml", 'extends = "base.yaml"\nwarm_up = "1m"\n')
    path = write(tmp_path, "mine.json", '{"extends": "team/service.toml", "name": "mine"}')
    policy = cs.load_policy(path)
    assert (policy.name, policy.warm_up, policy.interval) == ("mine", 60, 30)
    assert len(policy.triggers) == 8


def test_policies_that_extend_each_other_in_a_ring_are_refused(tmp_path):
    write(tmp_path, "a.yaml", "extends: b.yaml\n")
    write(tmp_path, "b.yaml", "extends: a.yaml\n")
    own = write(tmp_path, "c.yaml", "extends: c.yaml\n")
    for path in (tmp_path / "a.yaml", own):
        with pytest.raises(cs.PolicyError, match=r"^extends: .*in a ring"):
            cs.load_policy(path)


def test_parts_of_parts_are_kept_too(tmp_path):
    write(
        tmp_path,
        "a.yaml",
        "extends: eight-triggers\n"
        "triggers: [{name: error_rate, absolute: {threshold: 0.07}}]\n"
        "metrics: [{name: requests, query: {events: 'errors_total{$arm}'}}]\n",
    )
    path = write(
        tmp_path,
        "b.yaml",
        "extends: a.yaml\ntriggers: [{name: error_rate, absolute: {for: 1m}}]\n",
    )
    policy = cs.load_policy(path)
    absolute, query = policy.triggers[0].absolute, policy.metric("requests").query
    assert (absolute.threshold, absolute.for_) == (0.07, 60)
    assert query.events == "errors_total{$arm}"
    assert query.exposure == cs.load_policy("eight-triggers").metric("requests").query.exposure


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("triggers: [{name: memory, for: 5 mins}]", "triggers[0].for"),
        ("triggers: [{name: memory}, {name: throughput, threshold: 80}]", "triggers[1].threshold"),
        ("triggers: [{name: memory, absolute: {for: 1m}}]", "triggers[0].absolute"),
        ("metrics: [{name: requests, kind: gauge}]", "triggers[error_rate].metric"),
        ("metrics: [{name: queue, kind: gage}]", "metrics[0].kind"),
        ("triggers: [{name: memory}, {name: memory, for: 1m}]", "triggers[1].name"),
        (
            "stages: [{name: b, share: 1, metrics: [{name: requests, batch: 0}]}]",
            "stages[0].metrics[0].batch",
        ),
        ("metrics: {name: queue}", "metrics"),
    ],
)
def test_a_fault_is_told_by_its_place_in_the_file_that_extends(tmp_path, text, path):
    file = write(tmp_path, "p.yaml", f"extends: eight-triggers\n{text}\n")
    with pytest.raises(cs.PolicyError) as refused:
        cs.load_policy(file)
    assert refused.value.path == path
    assert str(refused.value).startswith(f"{path}: ")


def test_what_is_inherited_is_told_by_name(tmp_path):
    parent = (
        "extends: eight-triggers\nstages: [{name: a, share: 0.1, triggers: [{name: memory}]}]\n"
    )
    write(tmp_path, "parent.yaml", parent)
    own = "extends: parent.yaml\nmetrics: [{name: memory_bytes, kind: counts}]\n"
    with pytest.raises(cs.PolicyError) as refused:
        cs.load_policy(write(tmp_path, "own.yaml", own))
    assert refused.value.path == "triggers[memory].metric"
    own = "extends: parent.yaml\nstages: [{name: a, triggers: [{name: memory, threshold: 95}]}]\n"
    with pytest.raises(cs.PolicyError) as refused:
        cs.load_policy(write(tmp_path, "own.yaml", own))
    assert refused.value.path == "stages[0].triggers[0].threshold"


def test_stages_are_matched_by_name_too(tmp_path):
    parent = (
        "extends: eight-triggers\nstages:\n"
        "  - {name: a, share: 0.1, metrics: [{name: requests, margin: 0.1}]}\n"
        "  - {name: b, share: 1}\n"
    )
    write(tmp_path, "parent.yaml", parent)
    own = (
        "extends: parent.yaml\nstages:\n"
        "  - {name: a, metrics: [{name: requests, non_inferiority: 0.3}]}\n"
    )
    policy = cs.load_policy(write(tmp_path, "own.yaml", own))
    assert [(stage.name, stage.share) for stage in policy.stages] == [("a", 0.1), ("b", 1)]
    requests = policy.at_stage("a").metric("requests")
    assert (requests.margin, requests.non_inferiority) == (0.1, 0.3)


@pytest.mark.parametrize(
    "parent",
    ["metrics: [{name: memory_bytes, kind: gauge}]\ntriggers: [memory]\n", "metrics:\n"],
)
def test_a_parent_that_is_no_policy_is_refused(tmp_path, parent):
    write(tmp_path, "a.yaml", parent)
    path = write(tmp_path, "b.yaml", "extends: a.yaml\ntriggers: [{name: memory}]\n")
    with pytest.raises(cs.PolicyError):
        cs.load_policy(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: 5", "^extends: 5 is not the name of a preset or a file"),
        ("extends: nine-triggers", "'.*nine-triggers' is neither a preset"),
        ("extends: eight-triggers\ncolour: red", "^colour: there is no such key"),
        ("extends: eight-triggers\ntriggers: [error_rate]", r"^triggers\[0\]: must be a table"),
        (
            "extends: eight-triggers\ntriggers: [{name: error_rate, for: 5 mins}]",
            r"^triggers\[0\].for: '5 mins' is not a duration; write 5m",
        ),
        ("- a\n- b", "must be a table of keys, not list"),
        ("", "must be a table of keys, not NoneType"),
        ("a: [", "is not valid YAML: "),
        ("a: !!python/object:os.system x", "is not valid YAML: "),
    ],
)
def test_a_file_that_is_no_policy_is_told_why(tmp_path, text, message):
    with pytest.raises(cs.PolicyError, match=message) as refused:
        cs.load_policy(write(tmp_path, "p.yaml", text))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("name", "text"), [("p.json", "{"), ("p.toml", "= 5")])
def test_broken_json_and_toml_are_told_as_such(tmp_path, name, text):
    kind = name[2:].upper()
    with pytest.raises(cs.PolicyError, match=f"is not valid {kind}: "):
        cs.load_policy(write(tmp_path, name, text))


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(cs.PolicyError, match=r"neither a preset \(.*eight-triggers.*\) nor"):
        cs.load_policy("eight-trigers")


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(cs.PolicyError, match=r"must end in one of .yaml"):
        cs.load_policy(write(tmp_path, "p.txt", YAML))


def test_a_missing_or_unreadable_file_is_the_outside_failing(tmp_path):
    with pytest.raises(cs.SourceError, match="there is no policy file"):
        cs.load_policy(tmp_path / "none.yaml")
    (tmp_path / "p.yaml").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(cs.SourceError, match="cannot be read"):
        cs.load_policy(tmp_path / "p.yaml")


def test_five_trips_in_an_hour_hold_the_manager():
    policy = cs.load_policy("dwcp-manager").at_stage("canary-5").replace(interval="60s")
    trips = np.zeros(60)
    trips[[5, 20, 35, 50]] = 1
    reasons = {}
    for name, happened in (("four", trips), ("five", np.maximum(trips, np.arange(60) == 55))):
        pair = cs.Pair.events("breaker_trips", canary=happened, times=1.7e9 + 60 * np.arange(60))
        verdict = cs.judge([pair], policy)
        assert verdict.decision == "hold"
        reasons[name] = [reason for reason in verdict.reasons if "breaker_trips: " in reason]
    assert not reasons["four"]
    assert reasons["five"] == ["breaker_trips: 5 in 1h: more than 4."]


def test_fallbacks_roll_the_selector_back():
    """One fallback in twenty is a success rate of 95 %: both rules read it, and both fire."""
    policy = cs.load_policy("compression-selector").at_stage("canary-50").replace(interval="60s")
    canary, baseline = np.full(30, 60_000.0), np.full(30, 60_000.0)
    pair = cs.Pair.counts(
        "requests",
        canary=(0.06 * canary, canary),
        baseline=(0.045 * baseline, baseline),
        times=1.7e9 + 60 * np.arange(30),
    )
    verdict = cs.judge([pair], policy)
    assert verdict.decision == "rollback"
    acted = {firing.trigger for firing in verdict.firings if firing.action == "rollback"}
    assert acted >= {"fallbacks", "success_rate"}
