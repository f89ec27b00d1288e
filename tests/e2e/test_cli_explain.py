"""What the commands say of saved verdicts."""

import json

import pytest

from canarystats.sources.files import write_recording
from tests import rollouts
from tests.e2e.command_line import call, refuses, run
from tests.report import verdicts


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "hold.json").write_text(verdicts.hold().to_json())
    (folder / "rollback.json").write_text(verdicts.rollback().to_json(indent=2))
    (folder / "broken.json").write_text("{}")
    return folder


def test_a_saved_verdict_is_explained_in_every_form(saved):
    text = run("explain", saved / "rollback.json")
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout == f"{verdicts.rollback().explain()}\n"

    told = call("explain", saved / "rollback.json", "--format", "markdown")
    assert told.stdout == f"{verdicts.rollback().explain().markdown()}\n"
    told = call("explain", saved / "rollback.json", "-f", "json")
    assert json.loads(told.stdout)["pointed_at"] == ["requests"]


def test_two_saved_verdicts_are_compared(saved):
    done = call("diff", saved / "hold.json", saved / "rollback.json")
    assert done.returncode == 0
    assert done.stdout.startswith("HOLD → ROLLBACK")

    done = call("diff", saved / "hold.json", saved / "hold.json", "-f", "json")
    assert json.loads(done.stdout)["same"] is True


def test_what_cannot_be_read_is_named(saved):
    assert refuses(call("explain", saved / "broken.json"), 2, "broken.json", "decision")
    assert refuses(call("explain", saved / "none.json"), 4, "none.json", "No such file")
    assert refuses(call("diff", saved / "hold.json", saved / "broken.json"), 2, "broken.json")


def test_a_judgement_can_be_printed_as_its_explanation(tmp_path):
    pair = rollouts.steady_requests(120, errors=1500.0)
    (tmp_path / "policy.json").write_text(
        rollouts.eight_triggers("requests").model_dump_json(by_alias=True)
    )
    write_recording(
        tmp_path / "r",
        [pair],
        name="r",
        share=0.05,
        interval_seconds=15.0,
        policy="../policy.json",
    )
    done = call("judge", tmp_path / "r", "--explain")

    assert done.returncode == 20
    assert done.stdout.splitlines()[4].startswith("what would change it: nothing")
    assert refuses(call("judge", tmp_path / "r", "--explain", "-f", "json"), 2, "--explain")
