"""`canarystats watch --stage` beside a real Prometheus, whose own requests are the rollout.

What it answers at one path is the canary and at another the baseline; a bad query fails.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.error
import urllib.request

import pytest

from tests.e2e.command_line import refuses, run
from tests.sources.prometheus_server import real_prometheus

SCRAPES = """\
scrape_configs:
  - job_name: itself
    scrape_interval: 1s
    static_configs: [{targets: ['127.0.0.1:%d']}]
"""
POLICY = """\
name: paths
interval: 1s
arms: {canary: 'handler="/api/v1/series"', baseline: 'handler="/api/v1/labels"'}
check_split: false
metrics:
  - name: requests
    kind: counts
    critical: true
    query:
      events: prometheus_http_requests_total{code="400",$arm}
      exposure: prometheus_http_requests_total{$arm}
triggers:
  - {name: error_rate}
stages:
  - {name: shadow, share: 0, rollback: false}
  - {name: canary-5, share: 0.05}
  - {name: canary-25, share: 0.25}
"""
GOOD, BAD = "/api/v1/labels", "/api/v1/series"  # without a selector the second is a bad request
LONGEST_SECONDS = 20


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A real Prometheus that scrapes itself and is asked all the time, at one path wrongly."""
    directory = tmp_path_factory.mktemp("stages") / "prometheus"
    with real_prometheus("", directory, scrape_config=SCRAPES) as url:
        over = threading.Event()
        asking = threading.Thread(target=_ask_until, args=(url, over))
        asking.start()
        try:
            yield url
        finally:
            over.set()
            asking.join()


def _ask_until(url, over):
    while not over.wait(0.02):
        for path in (GOOD, GOOD, BAD):
            with (
                contextlib.suppress(urllib.error.HTTPError),
                urllib.request.urlopen(url + path, timeout=5) as answer,
            ):
                answer.read()


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def watch(prometheus, policy, *more, seconds=LONGEST_SECONDS):
    return run(
        *("watch", "--prometheus", prometheus, "--policy", policy, "--for", f"{seconds}s"),
        *("--rollout", "paths-7", *more),
        seconds=60,
    )


def test_a_stage_is_watched_with_its_share_and_rolls_back(prometheus, policy):
    done = watch(prometheus, policy, "--stage", "canary-5", "--format", "json")
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 20, done.stdout[-2000:] + done.stderr
    assert {(v["stage"], v["share"]) for v in verdicts} == {("canary-5", 0.05)}
    assert [v["decision"] for v in verdicts] == ["hold"] * (len(verdicts) - 1) + ["rollback"]
    assert {firing["metric"] for firing in verdicts[-1]["firings"]} == {"requests"}


def test_in_shadow_the_same_only_would_roll_back(prometheus, policy):
    done = watch(prometheus, policy, "--stage", "shadow", seconds=8)

    assert done.returncode == 10, done.stdout + done.stderr
    looks = done.stderr.splitlines()
    assert len(looks) >= 3
    assert all("paths-7  shadow" in line for line in looks)
    headline, reason, *_ = done.stdout.splitlines()
    assert "paths-7  shadow" in headline
    assert reason.startswith("Would roll back: ")


def test_the_state_of_another_stage_is_refused(prometheus, policy, tmp_path):
    kept = ("--state", tmp_path / "state.json")
    assert watch(prometheus, policy, "--stage", "shadow", *kept, seconds=2).returncode == 10
    other = watch(prometheus, policy, "--stage", "canary-25", *kept)
    assert refuses(other, 2, "state.json", "'paths' at its stage 'canary-25'")


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        ((), ("--stage", "shadow, canary-5, canary-25")),
        (("--stage", "canary-6"), ("'canary-6'", "shadow, canary-5, canary-25")),
    ],
)
def test_a_ladder_is_watched_at_one_of_its_stages(policy, stage, names):
    assert refuses(watch("http://127.0.0.1:1", policy, *stage), 2, *names)
