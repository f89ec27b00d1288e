"""`canarystats watch` in a process of its own, beside a real Prometheus or none."""

import json
import re
import time
import urllib.request

import pytest

from tests.e2e.command_line import refuses, run
from tests.sources.fake_prometheus import Answer, Fake, serving
from tests.sources.prometheus_server import real_prometheus

# The server scrapes itself as two jobs, and one is the canary of the other.
SCRAPES = """\
scrape_configs:
  - job_name: canary
    scrape_interval: 1s
    static_configs: [{targets: ['127.0.0.1:%d']}]
  - job_name: baseline
    scrape_interval: 1s
    static_configs: [{targets: ['127.0.0.1:%d']}]
"""
POLICY = """\
name: itself
interval: 15s
arms: {canary: 'job="canary"', baseline: 'job="baseline"'}
metrics:
  - name: scrapes
    kind: counts
    query:
      events: prometheus_http_requests_total{code="500",$arm}
      exposure: prometheus_http_requests_total{$arm}
  - name: memory_bytes
    kind: gauge
    unit: bytes
    compare: false
    query: {value: 'process_resident_memory_bytes{$arm}'}
triggers:
  - {name: error_rate, metric: scrapes}
"""
SCRAPED_WITHIN_SECONDS = 20.0


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A real Prometheus that has been scraping itself."""
    directory = tmp_path_factory.mktemp("watched") / "prometheus"
    with real_prometheus("", directory, scrape_config=SCRAPES) as url:
        deadline = time.monotonic() + SCRAPED_WITHIN_SECONDS
        while _scraped(url) < 2:
            assert time.monotonic() < deadline, "prometheus does not scrape itself"
            time.sleep(0.1)
        yield url


def _scraped(url):
    query = "count(count_over_time(up[10s])>=2)"
    with urllib.request.urlopen(
        f"{url}/api/v1/query?query={urllib.request.quote(query)}", timeout=5
    ) as answer:
        found = json.load(answer)["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


@pytest.fixture
def policy(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def test_a_watch_goes_on_from_its_state(prometheus, policy, tmp_path):
    state = tmp_path / "state.json"
    command = [
        *("watch", "--prometheus", prometheus, "--policy", policy, "--interval", "1s"),
        *("--for", "4s", "--state", state, "--rollout", "itself", "--format", "json"),
    ]
    lines = []
    for _ in range(2):
        done = run(*command)
        assert done.returncode == 10, done.stderr
        assert done.stderr == ""
        lines.append([json.loads(line) for line in done.stdout.splitlines()])
    first, second = lines

    assert len(first) >= 2
    assert len(second) >= 2
    ticks = [verdict["ticks"] for verdict in (*first, *second)]
    assert ticks == sorted(set(ticks)), "a look that brought nothing new"
    # Ticks between the two runs, and before the first look of the second, are made up.
    assert second[0]["ticks"] > first[-1]["ticks"]
    assert second[0]["started"] == first[0]["started"]
    assert second[-1]["ticks"] == second[-1]["at"] - second[-1]["started"] + 1
    scrapes = [e for e in second[-1]["evidence"] if e["metric"] == "scrapes"]
    assert any(e["n_canary"] > 0 for e in scrapes), "no data came from the server"
    assert {v["decision"] for v in (*first, *second)} == {"hold"}


def test_text_is_a_line_a_look_on_standard_error_and_the_verdict_at_the_end(prometheus, policy):
    done = run(
        *("watch", "--prometheus", prometheus, "--policy", policy),
        *("--interval", "1s", "--for", "3s"),
    )
    assert done.returncode == 10, done.stderr
    looks = done.stderr.splitlines()
    assert len(looks) >= 2
    assert all(re.search(r"\bhold\b", line, re.IGNORECASE) for line in looks), looks
    assert done.stdout.startswith("HOLD")
    assert "scrapes" in done.stdout


def test_the_state_of_another_rollout_is_refused(prometheus, policy, tmp_path):
    state = tmp_path / "state.json"
    common = [
        *("watch", "--prometheus", prometheus, "--policy", policy, "--state", state),
        *("--interval", "1s", "--for", "2s"),
    ]
    assert run(*common, "--rollout", "one").returncode == 10
    assert refuses(run(*common, "--rollout", "two"), 2, "state.json", "'one'", "'two'")


def test_judge_reads_the_same_server(prometheus, policy):
    done = run(
        *("judge", "--prometheus", prometheus, "--policy", policy, "--start", "-30s"),
        *("--format", "json"),
    )
    assert (done.returncode, done.stderr) == (10, "")
    verdict = json.loads(done.stdout)
    assert verdict["ticks"] == 2
    assert any("server: prometheus 2" in note for e in verdict["evidence"] for note in e["seen"])


def test_the_past_is_read_from_the_same_server(policy, tmp_path):
    begin, ticks = 1_700_000_100, 60
    counters = {}
    for arm, first in (("canary", 40), ("baseline", 0)):
        for name, speed in (('{code="500",', 0.1), ("{", 10)):
            series = f'prometheus_http_requests_total{name}job="{arm}"' + "}"
            values = {begin + 15.0 * i: speed * i for i in range(first, ticks)}
            labels = {"__name__": "prometheus_http_requests_total", "code": "500", "pod": arm}
            counters[series] = [(labels, values)]
    with serving(Fake(data=counters)) as fake:
        done = run(
            *("judge", "--prometheus", fake.url, "--policy", policy, "--scrape-interval", "15s"),
            *("--start", begin + 45 * 15, "--end", begin + 59 * 15, "--history", "10m"),
            *("--format", "json", "--without", "memory_bytes"),
        )
    assert done.returncode == 10, done.stderr
    seen = {note for e in json.loads(done.stdout)["evidence"] for note in e["seen"]}
    assert "history: 40 ticks of the old version alone" in seen


def test_a_server_that_stays_away_is_held_for_and_then_told(policy):
    began = time.monotonic()
    done = run(
        *("watch", "--prometheus", "http://127.0.0.1:1", "--policy", policy),
        *("--interval", "1s", "--for", "3s", "--format", "json"),
    )
    assert done.returncode == 4
    assert done.stdout == ""
    holding, *_, last = done.stderr.splitlines()
    assert holding.startswith("canarystats: holding, the source failed: http://127.0.0.1:1")
    assert last.startswith("canarystats: the source failed (unreachable)")
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 20


def test_a_server_that_refuses_ends_the_watch_at_once(policy):
    with serving(Fake(always=lambda _: Answer(401, b"who are you?"))) as fake:
        done = run(
            *("watch", "--prometheus", fake.url, "--policy", policy),
            *("--interval", "1s", "--for", "30s"),
            seconds=25,
        )
    assert refuses(done, 4, "unauthorized")


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--interval", "1 sec"), ("interval", "write 1s")),
        (("--for", "ever"), ("--for", "'ever'")),
        (("--share", "5"), ("share is 5",)),
        (("--policy", "nine-triggers"), ("'nine-triggers'",)),
    ],
)
def test_a_watch_that_cannot_begin_is_refused(policy, options, names):
    done = run("watch", "--prometheus", "http://127.0.0.1:1", "--policy", policy, *options)
    assert refuses(done, 2, *names)


def test_a_watch_needs_a_server():
    assert refuses(run("watch"), 2, "--prometheus")


def test_a_state_that_cannot_be_written_is_told(prometheus, policy, tmp_path):
    done = run(
        *("watch", "--prometheus", prometheus, "--policy", policy, "--interval", "1s"),
        *("--for", "2s", "--format", "json", "--state", tmp_path / "nowhere" / "state.json"),
    )
    assert done.returncode in {2, 4}, done.stderr
    assert "Traceback" not in done.stderr
    assert "state.json" in done.stderr
