"""Several systems at once on the command line."""

import pytest

from canarystats.joint import JointVerdict
from tests.e2e.command_line import call, refuses
from tests.joint.systems import firing, verdict


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "two.yaml").write_text("systems: [{name: a}, {name: b, depends_on: a}]")
    (tmp_path / "good.json").write_text(verdict("promote").to_json())
    (tmp_path / "bad.json").write_text(verdict("hold", firing("error_rate", 60)).to_json())
    return tmp_path


def test_the_exit_code_is_the_joint_decision_and_json_can_be_given_back(folder):
    good = call("joint", "two.yaml", "a=good.json", "b=good.json", cwd=folder)
    assert good.returncode == 0
    assert good.stdout.splitlines()[0] == "JointVerdict PROMOTE"
    assert call("joint", "two.yaml", "b=good.json", cwd=folder).returncode == 10

    bad = call("joint", "two.yaml", "a=bad.json", "b=bad.json", "-f", "json", cwd=folder)
    assert bad.returncode == 20
    assert JointVerdict.from_json(bad.stdout)["b"].blames == "a"
    (folder / "before.json").write_text(bad.stdout)
    again = ("joint", "two.yaml", "a=bad.json", "b=good.json", "--previous", "before.json")
    assert call(*again, cwd=folder).returncode == 20


def test_what_is_wrong_with_the_arguments_is_named(folder):
    assert refuses(call("joint", "two.yaml", "good.json", cwd=folder), 2, "SYSTEM=FILE")
    twice = call("joint", "two.yaml", "a=good.json", "a=bad.json", cwd=folder)
    assert refuses(twice, 2, "'a' is given twice")
    assert refuses(call("joint", "two.yaml", "c=good.json", cwd=folder), 2, "verdict of 'c'")
    assert refuses(call("joint", "two.yaml", "a=none.json", cwd=folder), 4, "none.json")
