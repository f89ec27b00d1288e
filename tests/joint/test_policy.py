"""Joint policies as data: what loads, and what is refused with its path."""

from __future__ import annotations

import pytest

import canarystats as cs
from canarystats.joint import JointPolicy, JointVerdict, judge_systems
from canarystats.presets import joint_preset_names

CHAIN = [{"name": "a"}, {"name": "b", "depends_on": "a"}]


def test_the_preset_loads_and_orders_the_systems_as_they_depend_on_each_other():
    policy = cs.load_joint_policy("dwcp-systems")
    order = policy.order
    chain = ["dwcp-manager", "compression-selector", "probft", "bullshark"]

    assert [name for name in order if name in chain] == chain
    assert len(order) == 6
    assert policy.upstream("bullshark") == set(chain[:3])
    assert joint_preset_names() == ("dwcp-systems",)


def test_a_joint_preset_is_no_policy_of_one_system():
    assert "dwcp-systems" not in cs.preset_names()
    with pytest.raises(cs.PolicyError, match="neither a preset"):
        cs.load_policy("dwcp-systems")


@pytest.mark.parametrize(
    ("data", "path", "says"),
    [
        ([], "", "table of keys"),
        ({}, "systems", "is missing"),
        ({"systems": []}, "systems", "at least 1"),
        ({"systems": [{"name": "a"}, {"name": "a"}]}, "systems[1].name", "there twice"),
        ({"systems": [{"name": "a b"}]}, "systems[0].name", "pattern"),
        ({"systems": [{"name": "a", "share": 5}]}, "systems[0].share", "write 0.05"),
        ({"systems": [{"name": "a", "depends_on": "x"}]}, "systems[0].depends_on", "'x'"),
        ({"systems": [{"name": "a", "depends_on": "a"}]}, "systems", "ring"),
        (
            {"systems": [{"name": "a", "depends_on": "b"}, {"name": "b", "depends_on": "a"}]},
            "systems",
            "ring",
        ),
        (
            {"systems": CHAIN, "rules": [{"name": "r", "when": {}}]},
            "rules[0].when",
            "either fired: or degraded:",
        ),
        (
            {"systems": CHAIN, "rules": [{"name": "r", "when": {"fired": "x", "degraded": 1}}]},
            "rules[0].when",
            "either",
        ),
        (
            {"systems": CHAIN, "rules": [{"name": "r", "when": {"degraded": 3}}]},
            "rules[0].when.degraded",
            "3 of 2",
        ),
        (
            {"systems": CHAIN, "rules": [{"name": "r", "when": {"degraded": 1}, "then": "c"}]},
            "rules[0].then",
            "'c'",
        ),
        (
            {"systems": CHAIN, "rules": [{"name": "r", "when": {"degraded": 1}, "action": "x"}]},
            "rules[0].action",
            "rollback",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(data, path, says):
    with pytest.raises(cs.PolicyError, match=says.replace(".", "\\.")) as caught:
        JointPolicy.parse(data)
    assert caught.value.path == path


def test_a_file_is_read_and_a_missing_one_named(tmp_path):
    file = tmp_path / "two.yaml"
    file.write_text("systems: [{name: a}, {name: b, depends_on: a}]")
    assert cs.load_joint_policy(file).order == ("a", "b")
    with pytest.raises(cs.SourceError, match="none"):
        cs.load_joint_policy(tmp_path / "none.yaml")


def test_the_digest_follows_what_the_policy_says_not_its_order():
    first = JointPolicy.parse({"systems": CHAIN})
    turned = JointPolicy.parse({"systems": CHAIN[::-1]})
    other = JointPolicy.parse({"systems": [{"name": "a"}, {"name": "b"}]})
    assert first.digest == turned.digest != other.digest


def test_a_joint_verdict_is_read_back_and_anything_else_refused():
    joint = judge_systems(JointPolicy.parse({"systems": CHAIN}), {})
    assert JointVerdict.from_json(joint.to_json()) == joint
    with pytest.raises(cs.InputError, match="decision: Field required"):
        JointVerdict.from_json("{}")
    with pytest.raises(cs.InputError, match="canarystats/joint/9"):
        JointVerdict.from_json(joint.to_json().replace("joint/1", "joint/9"))
