"""What the commands print, where, and the code they leave with."""

import json

import pytest
import yaml

import canarystats as cs
from canarystats.sources.files import write_recording
from canarystats.version import __version__
from tests import rollouts
from tests.e2e.command_line import refuses, run

TICKS = 120


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """By decision, a rollout with steady counts that deserves it, as a directory."""
    folder = tmp_path_factory.mktemp("recordings")
    policy = rollouts.eight_triggers("requests")
    (folder / "policy.json").write_text(policy.model_dump_json(by_alias=True))
    errors = {"promote": (50.0, TICKS), "hold": (50.0, 4), "rollback": (1500.0, TICKS)}
    for name, (canary_errors, ticks) in errors.items():
        pair = rollouts.steady_requests(ticks, errors=canary_errors)
        write_recording(
            folder / name,
            [pair],
            name=name,
            share=0.05,
            interval_seconds=15.0,
            policy="../policy.json",
        )
    return folder


@pytest.mark.parametrize(("decision", "code"), [("promote", 0), ("hold", 10), ("rollback", 20)])
def test_the_exit_code_is_the_decision_and_json_stands_alone(recordings, decision, code):
    done = run("judge", recordings / decision, "--format", "json")

    assert done.returncode == code
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    verdict = cs.Verdict.from_json(done.stdout)
    assert verdict.decision == decision
    assert (verdict.policy, verdict.share, verdict.rollout) == ("eight-triggers", 0.05, decision)


def test_text_is_a_table_that_begins_with_the_decision_and_its_reason(recordings):
    done = run("judge", recordings / "rollback", "--format", "text")

    assert done.returncode == 20
    first, reason, *table = done.stdout.splitlines()
    assert first.startswith("ROLLBACK")
    assert reason.startswith("Error rate 30% against 1% on the baseline")
    assert any(line.startswith("error_rate ") and "FIRED" in line for line in table)
    assert max(map(len, done.stdout.splitlines())) <= 140
    assert "\x1b" not in done.stdout, "colours outside a terminal"


def test_a_report_is_written_and_said_on_standard_error_alone(recordings, tmp_path):
    done = run(
        "judge", recordings / "rollback", "-f", "json", "--report", "seen.html", cwd=tmp_path
    )

    assert done.returncode == 20
    json.loads(done.stdout)
    assert done.stderr == f"report: {tmp_path / 'seen.html'}\n"
    page = (tmp_path / "seen.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "ROLLBACK" in page.upper()


def test_a_report_that_cannot_be_written_is_told_after_the_verdict(recordings, tmp_path):
    path = tmp_path / "nowhere" / "seen.html"
    done = run("judge", recordings / "promote", "-f", "json", "--report", path)

    assert done.returncode == 4
    assert json.loads(done.stdout)["decision"] == "promote"
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_options_override_what_the_recording_says(recordings, tmp_path):
    lenient = tmp_path / "lenient.yaml"
    data = yaml.safe_load((recordings / "policy.json").read_text())
    data |= {"name": "lenient", "min_duration": "2h"}
    lenient.write_text(yaml.safe_dump(data))
    done = run("judge", recordings / "promote", "-p", lenient, "--rollout", "mine", "-f", "json")

    assert done.returncode == 10
    verdict = cs.Verdict.from_json(done.stdout)
    assert (verdict.policy, verdict.rollout) == ("lenient", "mine")
    assert "of the minimum 2h have passed" in verdict.reason


def test_the_past_of_a_recording_is_another_recording(recordings, tmp_path):
    times = rollouts.clock(30, start=rollouts.START - 30 * rollouts.TICK)
    write_recording(tmp_path / "past.csv", [rollouts.steady_requests(30, times=times)])
    done = run("judge", recordings / "promote", "--history", tmp_path / "past.csv", "-f", "json")
    assert (done.returncode, done.stderr) == (0, "")
    verdict = cs.Verdict.from_json(done.stdout)
    assert all("history: 30 ticks of both sides" in e.seen for e in verdict.evidence)

    done = run("judge", recordings / "promote", "--history", recordings / "hold")
    assert refuses(done, 2, "metric 'requests': its history reaches to")
    done = run("judge", recordings / "promote", "--history", "4h")
    assert refuses(done, 4, "not_found", "4h")


def test_policy_check_says_it_in_a_line():
    done = run("policy", "check", "eight-triggers")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{cs.load_policy('eight-triggers')!r}\n"


def test_policy_show_as_json_reads_back_to_the_same_policy(tmp_path):
    done = run("policy", "show", "eight-triggers", "--without", "memory_bytes", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / "shown.json"
    path.write_text(done.stdout)
    assert cs.load_policy(path) == cs.load_policy("eight-triggers").without("memory_bytes")


def test_policy_show_lists_every_metric_and_trigger():
    done = run("policy", "show")
    policy = cs.load_policy("eight-triggers")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (*policy.metrics, *policy.triggers):
        assert part.name in done.stdout
    assert policy.digest in done.stdout


def test_policy_list_names_the_presets():
    done = run("policy", "list")
    assert (done.returncode, done.stderr) == (0, "")
    assert tuple(line.split()[0] for line in done.stdout.splitlines()) == cs.preset_names()
    assert "eight-triggers" in cs.preset_names()


def test_the_demo_ends_on_a_verdict_and_the_path_of_its_report(tmp_path):
    done = run("demo", cwd=tmp_path)

    assert done.returncode == 0
    assert done.stdout.startswith("ROLLBACK")
    assert "error_rate" in done.stdout
    assert done.stderr.splitlines()[-1] == f"report: {tmp_path / 'canarystats-report.html'}"
    assert (tmp_path / "canarystats-report.html").stat().st_size > 10_000


def test_the_quiet_demo_is_not_rolled_back_and_speaks_json(tmp_path):
    done = run("demo", "online-shop-quiet", "-f", "json", "--report", tmp_path / "r.html")
    assert done.returncode == 0
    assert json.loads(done.stdout)["decision"] == "promote"


def test_an_unknown_demo_names_those_there_are():
    assert refuses(run("demo", "nope"), 2, "'nope'", "online-shop-quiet", "online-shop-adservice")


def test_the_version():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"canarystats {__version__}\n", "")


@pytest.mark.parametrize(
    ("command", "mentions"),
    [
        ((), ("judge", "watch", "demo", "policy", "--version", "0 promote, 10 hold, 20 rollback")),
        (
            ("judge",),
            (
                *("--policy", "--share", "--without", "--prometheus", "--start", "--end"),
                *("--baseline-offset", "--canary", "--baseline", "--rollout", "--format"),
                *("--report", "--bearer", "--basic", "--tenant", "--header", "--ca-file"),
                *("--timeout", "--scrape-interval", "Examples:"),
            ),
        ),
        (("watch",), ("--prometheus", "--interval", "--for", "--state", "--share", "--policy")),
        (("demo",), ("--report", "--format")),
        (("policy",), ("check", "show", "list")),
        (("policy", "check"), ("POLICY",)),
        (("policy", "show"), ("--without", "--format")),
    ],
)
def test_help_mentions_every_option(command, mentions):
    done = run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    for word in mentions:
        assert word in done.stdout
