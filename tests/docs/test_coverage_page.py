"""docs/coverage.md names tests that exist, and leaves out no trigger, rule, target or fault."""

from __future__ import annotations

import ast
import re

import pytest
from benchmarks.systems.scenes import SCENES

from canarystats import load_policy
from canarystats.rules import OWN_RULES, RULES
from tests.docs.documents import ROOT, table_rows

PAGE = ROOT / "docs" / "coverage.md"
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAME = re.compile(r"`(\w+)`")
SYSTEMS = [scene.preset for scene in SCENES]
SCENE_OF = {scene.preset: scene for scene in SCENES}


def rows(heading):
    return table_rows(PAGE, heading)


def functions(path):
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_it_names_exists():
    named = TEST.findall(PAGE.read_text("utf-8"))
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if name not in functions(path)]
    assert not missing


def test_it_has_every_trigger_and_every_own_rule():
    triggers = {NAME.search(row[0])[1] for row in rows("## The eight triggers")}
    assert triggers == set(RULES) | {"error_rate_absolute"}
    assert {NAME.search(row[0])[1] for row in rows("## Rules of your own")} == set(OWN_RULES)


def test_it_says_which_systems_use_a_rule():
    used = {rule: set() for rule in OWN_RULES}
    for system in SYSTEMS:
        for trigger in load_policy(system).triggers:
            if trigger.rule in used:
                used[trigger.rule].add(trigger.name)
    told = {
        NAME.search(row[0])[1]: set(NAME.findall(row[2])) for row in rows("## Rules of your own")
    }
    assert told == used


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_is_there_with_every_trigger_target_and_fault(system):
    policy, found = load_policy(system), rows(f"## {system}")
    acting = {
        name
        for row in found
        if row[1] != "target" and not row[2].startswith("no: ")
        for name in NAME.findall(row[2])
    }
    reported = {metric.name for metric in policy.metrics if metric.dry_run}
    assert acting - reported == {trigger.name for trigger in policy.triggers}
    aims = {name for row in found if row[1] == "target" for name in NAME.findall(row[2])}
    assert aims == {
        metric.name
        for stage in policy.stages
        for metric in policy.at_stage(stage.name).metrics
        if metric.target is not None
    }
    faults = {fault.name for fault in SCENE_OF[system].faults}
    assert {row[3] for row in found} - {"none"} == faults


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_ticked_as_injected_is_what_the_fault_is_found_by(system):
    found_by = {fault.name: set(fault.found_by) for fault in SCENE_OF[system].faults}
    for row in rows(f"## {system}"):
        if row[3] != "none":
            assert set(NAME.findall(row[2])) <= found_by[row[3]]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_not_covered_says_why(system):
    for row in rows(f"## {system}"):
        assert row[4] != "none" or re.match(r"no: \w+", row[2]), row
