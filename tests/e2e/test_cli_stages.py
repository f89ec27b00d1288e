"""A stage on the command line: judged, shown, and asked for where it is needed."""

from __future__ import annotations

import json

import pytest

import canarystats as cs
from canarystats.sources.files import write_recording
from tests import rollouts
from tests.e2e.command_line import call, refuses

OTHERS = ("latency_seconds", "memory_bytes", *rollouts.EVENTS)
WITHOUT = [word for name in OTHERS for word in ("--without", name)]


@pytest.fixture
def recording(tmp_path):
    pair = rollouts.steady_requests(120, errors=1500.0)
    write_recording(tmp_path / "bad", [pair], name="bad", interval_seconds=15.0)
    return tmp_path / "bad"


def test_a_stage_judges_with_its_own_share_and_rights(recording):
    command = ["judge", recording, "--policy", "ladder-seed", *WITHOUT, "--format", "json"]
    five = call(*command, "--stage", "canary-5")
    verdict = cs.Verdict.from_json(five.stdout)
    assert five.returncode == 20
    assert (verdict.stage, verdict.share, verdict.approval) == ("canary-5", 0.05, "automatic")
    shadow = call(*command, "--stage", "shadow")
    assert shadow.returncode == 10
    assert json.loads(shadow.stdout)["reason"].startswith("Would roll back: ")


def test_the_headline_names_the_stage(recording):
    done = call("judge", recording, "--policy", "ladder-seed", *WITHOUT, "--stage", "canary-5")
    assert "bad  canary-5" in done.stdout.splitlines()[0]


def test_a_ladder_asks_for_a_stage(recording):
    done = call("judge", recording, "--policy", "ladder-seed", *WITHOUT)
    assert refuses(done, 2, "--stage", "shadow, canary-5, canary-25", "full")


@pytest.mark.parametrize("command", [("policy", "show", "ladder-seed"), ("judge", ".")])
def test_an_unknown_stage_is_refused_with_the_list(recording, command):
    given = () if command[0] == "policy" else ("--policy", "ladder-seed")
    done = call(*command, *given, "--stage", "canary-6", cwd=recording)
    assert refuses(done, 2, "'canary-6'", "shadow, canary-5, canary-25")


def test_a_policy_shows_its_ladder_as_a_table():
    page = call("policy", "show", "ladder-playbook").stdout
    line = next(line for line in page.splitlines() if line.startswith("canary-25 "))
    for word in ("25 %", "5d", "a person", "0.167 %"):
        assert word in line
    assert "no rights" in next(ln for ln in page.splitlines() if ln.startswith("shadow "))


def test_a_stage_is_shown_with_what_promotes_and_what_rolls_back():
    page = call("policy", "show", "ladder-playbook", "--stage", "canary-5").stdout
    assert page.startswith("ladder-playbook, stage canary-5  ")
    for sentence in (
        "5 % of the traffic; compared with the baseline; may roll back",
        "promotes, by itself, once",
        "- requests is shown at most 25 % above the baseline, or below 0.1 %",
        "- latency_seconds is shown at most 50 % above the baseline",
        "- requests is shown at most 3 %, give or take 5 % of that",
        "- 4d and 1k canary samples have passed",
        "rolls back when one of",
        "- success_rate < 95 % for 3m with evidence",
        "false rollback 0.167 % at this stage",
    ):
        assert sentence in page
    shadow = call("policy", "show", "ladder-playbook", "--stage", "shadow").stdout
    assert "would roll back when one of" in shadow
    full = call("policy", "show", "ladder-playbook", "--stage", "full").stdout
    assert "no baseline, nothing is compared" in full
    assert "latency_p99 >" not in full
    assert "- requests is shown at most 0.1 %" in full
    runbook = call("policy", "show", "ladder-runbook", "--stage", "canary-5").stdout
    assert "- p99 of latency_seconds is shown at most 500 ms" in runbook


def test_a_stage_as_json_is_a_policy():
    shown = call("policy", "show", "ladder-seed", "--stage", "canary-50", "--format", "json")
    assert cs.Policy.parse(json.loads(shown.stdout)) == cs.load_policy("ladder-seed").at_stage(
        "canary-50"
    )
