"""Recorded telemetry of a real shop through a real Prometheus and the real command line.

A part of benchmarks/quality/nezha_faults.py, whose page docs/nezha.md covers the whole day.
"""

import pytest

from tests.e2e import nezha, nezha_windows
from tests.sources.prometheus_server import open_metrics, real_prometheus

# One of each kind and way to be seen: CPU, latency, both, the shop's errors, and none of them.
FAULTS = (0, 1, 2, 5, 6, 22)
PODS = ("cartservice", "checkoutservice", "frontend")


@pytest.fixture(scope="module")
def pods():
    """Pods of the windows without a fault."""
    return [pod for pod in nezha.pods() if nezha.service(pod) in PODS]


@pytest.fixture(scope="module")
def told(pods):
    """What the data set tells of every pod that is judged here."""
    return nezha.telemetry({*pods, nezha.ADSERVICE})


@pytest.fixture(scope="module")
def prometheus(told, tmp_path_factory):
    """A real Prometheus that holds the whole day."""
    directory = tmp_path_factory.mktemp("nezha") / "prometheus"
    with real_prometheus(open_metrics(told.series()), directory) as url:
        yield url


@pytest.fixture(scope="module")
def fault_verdicts(prometheus, told):
    """Window and verdict of each of these faults."""
    chosen = [nezha.faults()[i] for i in FAULTS]
    windows = [nezha_windows.around(fault) for fault in chosen]
    verdicts = [nezha_windows.judge(prometheus, told, window) for window in windows]
    return list(zip(chosen, windows, verdicts, strict=True))


def test_faults_that_move_their_pod_plainly_are_not_promoted(told, fault_verdicts):
    plain = [
        verdict.decision
        for _, window, verdict in fault_verdicts
        if nezha_windows.moved_plainly(told, window)
    ]
    assert len(plain) == 5
    assert "promote" not in plain


def test_returned_errors_of_a_pod_roll_back_by_the_requests_they_break(fault_verdicts):
    returned = {
        nezha.service(fault.pod): verdict
        for fault, _, verdict in fault_verdicts
        if fault.kind == "return"
    }
    assert set(returned) == {"frontend", "adservice"}
    for verdict in returned.values():
        assert verdict.decision == "rollback"
        assert {firing.metric for firing in verdict.firings} == {"requests"}
        assert "error_rate" in {firing.trigger for firing in verdict.firings}


def test_what_a_plain_fault_is_held_for_is_its_own_metric(told, fault_verdicts):
    for fault, window, verdict in fault_verdicts:
        if verdict.decision == "hold":
            reasons = " ".join(verdict.reasons)
            for metric in nezha_windows.moved_plainly(told, window):
                assert f"{metric} not worse" in reasons, (fault, verdict.reasons)


def test_long_windows_without_a_fault_are_promoted(prometheus, told, pods):
    windows = nezha_windows.quiet(pods, minutes=50, every_minutes=200)
    decisions = [nezha_windows.judge(prometheus, told, window).decision for window in windows]
    # All of them are; over the whole day 80 of 80 windows of 30 and 50 minutes.
    assert len(decisions) == 6
    assert "rollback" not in decisions
    assert decisions.count("promote") >= 5


def test_short_windows_without_a_fault_are_not_rolled_back(prometheus, told, pods):
    windows = nezha_windows.quiet(pods, minutes=6, every_minutes=240)
    decisions = [nezha_windows.judge(prometheus, told, window).decision for window in windows]
    assert len(decisions) == 6
    assert "rollback" not in decisions


def test_any_number_of_looks_promotes_no_plain_fault_either(
    prometheus, told, fault_verdicts, tmp_path
):
    policy = nezha_windows.many_looks(tmp_path)
    for _, window, once in fault_verdicts[:2]:
        verdict = nezha_windows.judge(prometheus, told, window, policy)
        assert verdict.decision == once.decision
        assert verdict.policy_digest != once.policy_digest


def test_readings_that_nothing_confirms_are_missed_scrapes(told):
    left = {
        nezha_windows.METRICS[metric]: count
        for (metric, pod), count in told.left_out.items()
        if pod == nezha.ADSERVICE
    }
    assert left == {
        "cpu_ratio": 157,
        "memory_ratio": 1209,
        "server_latency_p99_seconds": 1209,
        "client_latency_p99_seconds": 1209,
    }
    assert told.left_out[nezha.REQUESTS, nezha.FRONTEND] == 6
    assert set(nezha_windows.lacking(told, nezha.ADSERVICE)) == set(left) - {"cpu_ratio"}
    assert len(told.points[nezha.CPU, nezha.ADSERVICE]) == 1209 - 157
