"""Bad input, from the command line: a clear message, exit code 2 or 4, no traceback, no guess.

Most run in this process, where what would be a traceback is raised; one of each exit code and one
of each family runs in a process of its own.
"""

import pytest

from tests.e2e.command_line import call, refuses, run
from tests.sources.fake_prometheus import Answer, Fake, failed, good, serving

COUNTS = (
    "time,requests.canary_events,requests.canary_exposure,"
    "requests.baseline_events,requests.baseline_exposure\n"
)
BOUNDS = ("0.1", "0.5", "1", "inf")
BUCKETS = ",".join(
    ["time", *(f"latency_seconds.{side}_le_{b}" for side in ("canary", "baseline") for b in BOUNDS)]
)
GAUGE = "time,foo.canary,foo.baseline\n15,1,1\n"
HTML = (("Content-Type", "text/html"),)


def counts(*rows):
    return COUNTS + "".join(f"{row}\n" for row in rows)


FILES = {
    "empty file": ("", ("window.csv", "is empty")),
    "header only": (COUNTS, ("window.csv", "header and no rows")),
    "wrong columns": (
        "time,requests.errors,requests.total\n15,1,10\n",
        ("window.csv", "'requests'", "time, errors, total", "canary_events"),
    ),
    "no metric in the columns": ("time,errors\n15,1\n", ("window.csv", "'errors'", "<metric>")),
    "times out of order": (
        counts("15,0,10,0,10", "45,0,10,0,10", "30,0,10,0,10"),
        ("window.csv", "line 4", "'time'", "30.0 does not come after 45.0"),
    ),
    "a time twice": (counts("15,0,10,0,10", "15,0,10,0,10"), ("line 3", "15.0 is there twice")),
    "negative counts": (
        counts("15,0,10,0,10", "30,-1,10,0,10"),
        ("window.csv", "line 3", "'canary_events'", "-1.0", "never negative"),
    ),
    "words for numbers": (counts("15,none,10,0,10"), ("line 2", "'requests.canary_events'")),
    "a row too short": (counts("15,0,10"), ("window.csv", "line 2")),
    "cumulative buckets": (
        BUCKETS + "\n15,40,90,110,120,700,1700,2100,2300\n30,45,95,120,130,700,1800,2100,2400\n",
        ("'latency_seconds'", "cumulative buckets", "np.diff"),
    ),
    "a metric the policy lacks": (GAUGE, ("foo", "--without")),
}


@pytest.mark.parametrize("fault", FILES)
def test_a_wrong_file_is_refused(tmp_path, fault):
    text, names = FILES[fault]
    (tmp_path / "window.csv").write_text(text)
    assert refuses(call("judge", "window.csv", cwd=tmp_path), 2, *names)


@pytest.mark.parametrize(
    ("name", "data"), [("picture.csv", b"\x89PNG\r\n\x1a\n\x00\xff"), ("window.txt", b"15,1\n")]
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    assert refuses(call("judge", name, cwd=tmp_path), 2, name)


def test_a_file_that_is_not_there_is_a_failed_source(tmp_path):
    assert refuses(run("judge", "window.csv", cwd=tmp_path), 4, "not_found", "window.csv")


def test_a_directory_without_a_rollout_is_refused(tmp_path):
    assert refuses(call("judge", tmp_path), 2, "rollout.yaml")


@pytest.fixture
def window(tmp_path):
    rows = (f"{15 * i},0,10,1,190" for i in range(1, 41))
    (tmp_path / "window.csv").write_text(counts(*rows))
    return tmp_path


def test_exchanged_sides_are_told_by_their_share(window):
    rows = (f"{15 * i},1,190,0,10" for i in range(1, 41))
    (window / "window.csv").write_text(counts(*rows))
    done = run("judge", "window.csv", "--share", "0.05", cwd=window)
    assert refuses(done, 2, "'requests'", "95%", "5%", "canary and baseline exchanged?")


OPTIONS = {
    "unknown preset": (("--policy", "nine-triggers"), ("'nine-triggers'", "eight-triggers")),
    "unknown --without": (("--without", "memori"), ("'memori'", "memory_bytes")),
    "share in percent": (("--share", "5"), ("share is 5", "write 0.05")),
    "share of nothing": (("--share", "0"), ("share is 0", "between 0 and 1")),
    "share in words": (("--share", "some"), ("--share",)),
    "share that is no number": (("--share", "nan"), ("share is nan",)),
    "unknown format": (("--format", "xml"), ("--format", "xml")),
    "unknown option": (("--nope",), ("--nope",)),
    "both sources": (("--prometheus", "http://127.0.0.1:1"), ("recorded rollout", "--prometheus")),
}


@pytest.mark.parametrize("fault", OPTIONS)
def test_a_wrong_option_is_refused(window, fault):
    options, names = OPTIONS[fault]
    assert refuses(call("judge", "window.csv", *options, cwd=window), 2, *names)


def test_no_source_at_all_is_refused():
    assert refuses(run("judge"), 2, "recorded rollout", "--prometheus")


POLICIES = {
    "broken YAML": ("name: [x\n", ("policy.yaml is not valid YAML", "line 1")),
    "a list": ("- name: x\n", ("policy.yaml", "table of keys", "list")),
    "a duration in words": (
        "extends: eight-triggers\ntriggers:\n  - {name: latency_p99, for: 5 mins}\n",
        ("triggers[0].for", "'5 mins' is not a duration; write 5m"),
    ),
    "an unknown key": ("extends: eight-triggers\nintervall: 15s\n", ("intervall", "no such key")),
    "a percentage": (
        "extends: eight-triggers\ntriggers:\n  - {name: success_rate, threshold: 95}\n",
        ("triggers[0].threshold", "write 0.95"),
    ),
    "extends nothing": ("extends: nine-triggers\n", ("'nine-triggers'", "eight-triggers")),
    "no metrics": ("name: x\n", ("metrics", "is missing")),
}


@pytest.mark.parametrize("fault", POLICIES)
def test_a_wrong_policy_is_refused_by_its_path(tmp_path, fault):
    text, names = POLICIES[fault]
    (tmp_path / "policy.yaml").write_text(text)
    assert refuses(call("policy", "check", "policy.yaml", cwd=tmp_path), 2, *names)


def test_judge_refuses_a_wrong_policy_as_well(window):
    (window / "policy.yaml").write_text(POLICIES["a duration in words"][0])
    done = run("judge", "window.csv", "-p", "policy.yaml", cwd=window)
    assert refuses(done, 2, *POLICIES["a duration in words"][1])


SERVERS = {
    "HTML": (Answer(200, b"<html><body>Sign in</body></html>", HTML), "malformed"),
    "truncated JSON": (Answer(200, b'{"status":"success","data":{"resultTy'), "malformed"),
    "wrong shape": (good({"resultType": "vector", "result": []}), "malformed"),
    "JSON that is no answer": (Answer(200, b"[1, 2, 3]"), "malformed"),
    "an empty body": (Answer(200), "malformed"),
    "500": (Answer(500, b"Internal Server Error", HTML), None),
    "401": (Answer(401, b"Unauthorized", HTML), "unauthorized"),
    "404": (Answer(404, b"404 page not found", HTML), "not_found"),
    "a refused query": (failed(400, "bad_data", "parse error: unexpected end"), "rejected"),
}


def test_a_process_of_its_own_leaves_garbage_with_code_4_and_nothing_on_standard_output():
    with serving(Fake(always=lambda _: SERVERS["truncated JSON"][0])) as fake:
        done = run("judge", "--prometheus", fake.url, "--start", "-10m", "-f", "json")
    assert refuses(done, 4, "malformed")


@pytest.mark.parametrize("fault", SERVERS)
def test_a_server_that_talks_garbage_is_a_failed_source(fault):
    answer, kind = SERVERS[fault]
    with serving(Fake(always=lambda _: answer)) as fake:
        done = call("judge", "--prometheus", fake.url, "--start", "-10m", "-f", "json")
        assert refuses(done, 4, "the source failed", kind or "", fake.url)


def test_an_unreachable_server_is_a_failed_source():
    done = run("judge", "--prometheus", "http://127.0.0.1:1")
    assert refuses(done, 4, "unreachable", "http://127.0.0.1:1")


ASKED = {
    "a start in words": (("--start", "yesterday"), ("--start", "'yesterday'", "now or -1h")),
    "a start without an offset": (("--start", "2026-01-31T12:00:00"), ("--start", "12:00:00Z")),
    "the end before the start": (("--start", "-1h", "--end", "-2h"), ("-1h", "-2h", "before")),
    "an offset in words": (("--baseline-offset", "1 day"), ("--baseline-offset", "write 1d")),
    "a history in words": (("--history", "4 hours"), ("--history", "4 hours")),
    "no URL": (("--prometheus", "prometheus"), ("'prometheus'", "http")),
    "one side twice": (
        ("--canary", 'pod="a"', "--baseline", 'pod="a"'),
        ("same series", 'pod="a"', "baseline"),
    ),
    "credentials without a colon": (("--basic", "me"), ("--basic", "user:password")),
    "a header without a colon": (("--header", "me"), ("--header", "'me'")),
}


@pytest.mark.parametrize("fault", ASKED)
def test_a_question_that_cannot_be_asked_is_refused_before_asking(fault):
    options, names = ASKED[fault]
    with serving(Fake()) as fake:
        done = call("judge", "--prometheus", fake.url, *options)
        assert refuses(done, 2, *names)
        assert not fake.asked


MEANINGLESS = {
    "a timeout without end": ("--timeout", "inf"),
    "a scrape interval of nothing": ("--scrape-interval", "0s"),
    "a policy without a name": ("--policy", ""),
}


@pytest.mark.parametrize("fault", MEANINGLESS)
def test_a_setting_that_means_nothing_is_refused(fault):
    option, value = MEANINGLESS[fault]
    done = run("judge", "--prometheus", "http://127.0.0.1:1", option, value)
    assert refuses(done, 2, option.strip("-").split("-")[0])
