"""``canarystats validate`` over recordings and over a real Prometheus."""

from __future__ import annotations

import json

import numpy as np
import pytest

from canarystats.sources.files import write_recording
from canarystats.validate import ValidationReport
from canarystats.windows import Kind, Pair
from tests.e2e.command_line import call, refuses
from tests.sources.prometheus_server import open_metrics, real_prometheus
from tests.validate import weeks
from tests.validate.test_run import healthy_week

END = weeks.T0 + 2 * 3600


def as_a_table_has_it(pair):
    """A gauge without twin and limit, which no table can tell from events."""
    if pair.kind is not Kind.GAUGE or pair.limit is not None:
        return pair
    return Pair.events(pair.name, canary=pair.canary, times=pair.times)


@pytest.fixture
def recorded(tmp_path):
    pairs = [as_a_table_has_it(pair) for pair in healthy_week()]
    write_recording(tmp_path / "week", pairs)
    (tmp_path / "none.yaml").write_text("[]")
    return tmp_path


def test_a_healthy_week_leaves_with_0(recorded):
    done = call(
        "validate", "week-1", "--recording", "week", "--incidents", "none.yaml", cwd=recorded
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ValidationReport week-1: 8 met.")


def test_what_is_missing_leaves_with_10(recorded):
    done = call("validate", "week-1", "--recording", "week", cwd=recorded)
    assert done.returncode == 10
    assert "no list of incidents was given" in done.stdout
    without = call(
        "validate", "week-1", "--recording", "week", "--without", "critical-incidents", cwd=recorded
    )
    assert without.returncode == 0


def test_a_miss_leaves_with_20_and_json_holds_it(recorded):
    (recorded / "bad.yaml").write_text(
        "- {started: 2023-11-14T10:00:00Z, detected: 1699956060, critical: true}\n"
    )
    done = call(
        "validate",
        "week-1",
        "--recording",
        "week",
        "--incidents",
        "bad.yaml",
        "--format",
        "json",
        cwd=recorded,
    )
    assert done.returncode == 20
    report = ValidationReport.from_json(done.stdout)
    assert report["critical-incidents"].answer == "missed"
    assert json.loads(done.stdout)["window"] == "week-1"


def test_a_file_changes_a_number(recorded):
    (recorded / "mine.yaml").write_text("checks: [{id: week-1.error-rate, at_most: 0.00001}]")
    done = call(
        "validate",
        "week-1",
        "--recording",
        "week",
        "--incidents",
        "none.yaml",
        "--checks",
        "mine.yaml",
        cwd=recorded,
    )
    assert done.returncode == 20
    assert "≤ 0.001 %" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("week-2", "--recording", "week"), "window is 'week-2'"),
        (("week-1",), "give either --recording"),
        (("week-1", "--recording", "week", "--without", "speed"), "no check 'speed'"),
        (("week-1", "--recording", "week", "--incidents", "odd.yaml"), "[0].started"),
        (("week-1", "--recording", "week", "--changes", "list.yaml"), "must be a list"),
        (("week-1", "--recording", "week", "--checks", "odd.yaml"), "must be a table"),
        (("week-1", "--recording", "week", "--checks", "wrong.yaml"), "checks[0]"),
        (("week-1", "--recording", "week", "--checks", "key.yaml"), "check: is no key"),
    ],
)
def test_bad_input_is_a_message(recorded, arguments, said):
    (recorded / "odd.yaml").write_text("[{started: noon}]")
    (recorded / "list.yaml").write_text("{at: 5}")
    (recorded / "wrong.yaml").write_text("checks: [{id: week-1.error-rate, at_most: much}]")
    (recorded / "key.yaml").write_text("check: []")
    assert refuses(call("validate", *arguments, cwd=recorded), 2, said)


def test_a_missing_file_is_a_failed_source(recorded):
    done = call("validate", "week-1", "--recording", "week", "--incidents", "no.yaml", cwd=recorded)
    assert refuses(done, 4, "no.yaml")


def every_minute(values):
    return [(weeks.T0 + 60 * i, float(v)) for i, v in enumerate(values)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Two hours of a service with two pods, one of which restarts, under the plan's names."""
    rng = np.random.default_rng(1)
    n = 121
    job = 'job="dwcp",instance="a:80"'
    total, errors = rng.poisson(6000, n).cumsum(), rng.poisson(1, n).cumsum()
    series = {
        f'http_requests_total{{status="200",version="canary",{job}}}': every_minute(total),
        f'http_requests_total{{status="500",version="canary",{job}}}': every_minute(errors),
        f'dwcp_health_check_total{{status="success",{job}}}': every_minute(np.arange(n) * 4),
        f"dwcp_circuit_breaker_trips_total{{{job}}}": every_minute((np.arange(n) > 60) * 12),
        f"up{{{job}}}": every_minute(np.ones(n)),
        f'dwcp_recovery_attempts_total{{success="true",{job}}}': every_minute(np.arange(n)),
    }
    for le, share in {"0.1": 0.9, "0.5": 0.995, "1": 1.0, "+Inf": 1.0}.items():
        name = f'http_request_duration_seconds_bucket{{le="{le}",{job}}}'
        series[name] = every_minute(np.floor(total * share))
    kube = 'job="kube",instance="k:80"'
    for pod, leak in (("dwcp-0", 0.0), ("dwcp-1", 1e6)):
        labels = f'pod="{pod}",container="app",{kube}'
        grown = 3e8 + leak * np.arange(n) + rng.normal(0, 2e6, n)
        series[f"container_memory_working_set_bytes{{{labels}}}"] = every_minute(grown)
        series[f"container_spec_memory_limit_bytes{{{labels}}}"] = every_minute([1e9] * n)
        series[f'kube_pod_status_ready{{condition="true",{labels}}}'] = every_minute(np.ones(n))
        counted = (np.arange(n) > 90) * (leak > 0)
        series[f"kube_pod_container_status_restarts_total{{{labels}}}"] = every_minute(counted)
    text = open_metrics(series)
    with real_prometheus(text, tmp_path_factory.mktemp("validate")) as url:
        yield url


def test_a_real_prometheus_is_validated_under_the_names_of_the_plan(server):
    done = call(
        "validate",
        "day-1",
        "--prometheus",
        server,
        "--start",
        weeks.T0,
        "--end",
        END,
        "--scrape-interval",
        "1m",
        "--format",
        "json",
    )
    assert done.returncode == 20, done.stderr
    report = ValidationReport.from_json(done.stdout)
    answers = {f.check.partition(".")[2]: f.answer.value for f in report.findings}
    assert answers == {
        "traffic": "met",
        "critical-errors": "no_data",  # nobody exports it
        "health": "undecided",  # 480 checks without a failure do not show 99.9 %
        "error-rate": "met",
        "latency-p99": "met",
        "memory-leak": "missed",
        "breakers": "missed",
        "recovery": "met",
        "pods-ready": "met",
        "pod-restarts": "missed",
        "monitoring": "met",
    }
    leaks = report["memory-leak"]
    assert leaks.leak.pod == 1
    assert leaks.leak.slope_per_hour == pytest.approx(60e6, rel=0.1)
    left = (1e9 - 3e8 - 120e6) / 60e6 * 3600
    assert leaks.leak.time_to_limit_seconds == pytest.approx(left, rel=0.1)
    assert report["pod-restarts"].evidence.observed == pytest.approx(12)  # one in two hours
    assert report["error-rate"].evidence.n_canary == pytest.approx(120 * 6001, rel=0.01)


def test_where_nothing_is_scraped_nothing_is_met(server):
    done = call(
        "validate",
        "month-1",
        "--prometheus",
        server,
        "--start",
        weeks.T0 - 90 * 86_400,
        "--end",
        weeks.T0 - 60 * 86_400,
        "--scrape-interval",
        "1m",
        "--format",
        "json",
    )
    assert done.returncode == 10, done.stderr
    report = ValidationReport.from_json(done.stdout)
    assert {finding.answer.value for finding in report.findings} == {"no_data"}


def test_a_server_that_is_not_there_leaves_with_4():
    done = call("validate", "day-1", "--prometheus", "http://127.0.0.1:9", "--timeout", "1")
    assert refuses(done, 4, "the source failed")
