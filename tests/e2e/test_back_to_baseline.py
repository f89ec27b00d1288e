"""`canarystats validate back-to-baseline`, from a real Prometheus to the exit code."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from canarystats.sources.files import write_recording
from canarystats.validate import ValidationReport
from canarystats.windows import Pair
from tests.e2e.command_line import call, refuses
from tests.sources.prometheus_server import open_metrics, real_prometheus

BEGIN = 1_700_000_100
BEFORE, AFTER, END = BEGIN + 3600, BEGIN + 4800, BEGIN + 8400
TICKS = (END - BEGIN) // 15
POLICY = {
    "name": "shop",
    "arms": {"canary": 'version="v2"', "baseline": 'version="v1"'},
    "metrics": [
        {
            "name": "requests",
            "kind": "counts",
            "query": {"events": 'req_total{code="500",$arm}', "exposure": "req_total{$arm}"},
        },
        {
            "name": "latency_seconds",
            "kind": "histogram",
            "unit": "seconds",
            "query": {"buckets": "lat_bucket{$arm}"},
        },
        {"name": "integrity", "kind": "events", "query": {"events": "integrity_total{$arm}"}},
    ],
}


def running(steps):
    totals = np.concatenate([[0], np.cumsum(steps)])
    return [(BEGIN + 15 * i - 1, float(v)) for i, v in enumerate(totals)]


def telemetry(rng, version, errors, slow, traffic=1000):
    """Counters of one version: the error rate and share of slow requests before, during, after."""
    times = BEGIN + 15 * np.arange(1, TICKS + 1)
    stretch = np.searchsorted([BEFORE, AFTER], times)
    n = rng.poisson(traffic, TICKS)
    failed = rng.binomial(n, np.array(errors)[stretch])
    late = rng.binomial(n, np.array(slow)[stretch])
    labels = f'version="{version}",job="shop",instance="{version}:80"'
    made = {
        f'req_total{{code="500",{labels}}}': running(failed),
        f'req_total{{code="200",{labels}}}': running(n - failed),
    }
    for le, steps in (("0.1", n - late), ("1", n), ("+Inf", n)):
        made[f'lat_bucket{{le="{le}",{labels}}}'] = running(steps)
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    rng = np.random.default_rng(1)
    series = telemetry(rng, "v1", (0.02, 0.02, 0.02), (0.01, 0.01, 0.01))
    series |= telemetry(rng, "stuck", (0.02, 0.08, 0.04), (0.01, 0.03, 0.01))
    series |= telemetry(rng, "quiet", (0.02, 0.02, 0.02), (0.01, 0.01, 0.01), traffic=3)
    text = open_metrics(series)
    with real_prometheus(text, tmp_path_factory.mktemp("back") / "prometheus") as url:
        yield url


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(POLICY))
    return path


def asked(server, policy, *more):
    return call(
        *("validate", "back-to-baseline", "--prometheus", server, "--policy", policy),
        *("--after", AFTER, "--end", END, "--scrape-interval", "15s", *more),
    )


@pytest.mark.parametrize("then", [("--before", BEFORE), ("--baseline-offset", "80m")])
def test_what_is_back_leaves_with_0_and_a_table(server, policy, then):
    done = asked(server, policy, *then)
    assert done.returncode == 0, done.stdout + done.stderr
    head, _, columns, *rows = done.stdout.splitlines()
    assert head == "ValidationReport rollback: 2 met."
    assert columns.split() == ["answer", "check", "target", "what", "was", "seen"]
    assert rows[0].startswith("met     rollback.requests         within 10 % either way")
    assert done.stderr == "canarystats: without a baseline, so not tested: integrity\n"


def test_what_is_not_back_leaves_with_20(server, policy):
    done = asked(server, policy, "--before", BEFORE, "--matchers", 'version="stuck"', "-f", "json")
    assert done.returncode == 20
    report = ValidationReport.from_json(done.stdout)
    assert {f.check: f.answer.value for f in report.findings} == {
        "rollback.requests": "missed",
        "rollback.latency_seconds": "met",
    }
    held = report["requests"].evidence
    assert held.interval.low < 2.0 < held.interval.high  # 4 % against 2 %
    assert report.start == AFTER


def test_only_fresh_rows_count_and_the_baseline_ends_where_the_rollout_began(server, policy):
    done = asked(server, policy, "--before", BEFORE, "-f", "json", "--matchers", 'version="stuck"')
    fresh = json.loads(done.stdout)["findings"][0]["evidence"]
    assert fresh["observed"] == pytest.approx(0.04, rel=0.1)
    assert fresh["reference"] == pytest.approx(0.02, rel=0.1)
    assert "240 fresh ticks" in json.loads(done.stdout)["findings"][0]["reason"]
    later = asked(server, policy, "--before", BEFORE, "--settle", "10m", "-f", "json")
    assert "200 fresh ticks" in json.loads(later.stdout)["findings"][0]["reason"]


@pytest.mark.parametrize(("version", "says"), [("quiet", "undecided"), ("gone", "no data")])
def test_too_little_or_nothing_leaves_with_10(server, policy, version, says):
    done = asked(server, policy, "--before", BEFORE, "--matchers", f'version="{version}"')
    assert done.returncode == 10
    assert says in done.stdout


def test_a_recording_is_held_against_its_own_baseline(tmp_path):
    rng = np.random.default_rng(2)
    n = np.full(240, 1000)
    times = AFTER + 15.0 * np.arange(240)
    pairs = [
        Pair.counts("requests", canary=(e, n), baseline=(rng.poisson(20, 240), n), times=times)
        for e in (rng.poisson(20, 240), rng.poisson(60, 240))
    ]
    for name, pair, code in (("back", pairs[0], 0), ("worse", pairs[1], 20)):
        write_recording(tmp_path / name, [pair])
        recorded = ("--recording", tmp_path / name)
        done = call("validate", "back-to-baseline", *recorded, "--after", AFTER)
        assert done.returncode == code, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), ("--before MOMENT", "--baseline-offset")),
        (("--before", BEFORE, "--baseline-offset", "1w"), ("either --before",)),
        (("--before", AFTER + 15), ("--before is not before --after",)),
        (("--before", "yesterday"), ("--before: 'yesterday' is not a time",)),
        (("--before", BEFORE, "--margin", "10"), ("margin is 10.0", "between 0 and 1")),
        (("--before", BEFORE, "--end", AFTER), ("--after is not before --end",)),
        (("--before", BEFORE, "--without", "memory"), ("no metric 'memory'",)),
        (("--baseline-offset", "59m"), ("--baseline-offset 59m reaches into the fresh time, 1h",)),
    ],
)
def test_what_cannot_be_asked_is_refused(server, policy, arguments, names):
    done = asked(server, policy, *arguments)
    assert refuses(done, 2, *names)


def test_a_server_that_is_not_there_leaves_with_4(policy):
    done = asked("http://127.0.0.1:1", policy, "--before", BEFORE)
    assert refuses(done, 4, "unreachable", "127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("validate", "back-to-baseline"), ("--after",)),
        (("validate", "back-to-baseline", "--after", "-1h"), ("--recording PATH or --prometheus",)),
        (("validate", "--recording", "x", "day-1"), ("--recording comes before", "week-1")),
        (("validate", "year-1", "--recording", "x"), ("'year-1'", "day-1, week-1")),
    ],
)
def test_commands_that_say_too_little_are_refused(arguments, names):
    assert refuses(call(*arguments), 2, *names)
