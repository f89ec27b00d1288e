"""The live example: two real services, a real Prometheus, real load and the real watch."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.needs import need

RUN = Path(__file__).resolve().parents[2] / "examples" / "live" / "run.py"
LONGEST_RUN_SECONDS = 120
LONGEST_DELAY_SECONDS = 15.0


@pytest.fixture(autouse=True)
def _processes():
    need(shutil.which("prometheus") is not None, "the prometheus binary")
    need(sys.platform == "linux", "Linux: process groups, timeout(1), process metrics")


def _command(*arguments):
    return [sys.executable, str(RUN), *arguments]


def _run(tmp_path, *arguments):
    report = tmp_path / "report.json"
    done = subprocess.run(
        _command("--report", str(report), *arguments),
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN_SECONDS,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert report.exists(), f"exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done, json.loads(report.read_text())


def test_equal_versions_are_not_rolled_back(tmp_path):
    done, report = _run(tmp_path, "--fault", "none", "--duration", "28s", "--rps", "250")

    assert report["decision"] in {"promote", "hold"}
    assert done.returncode == {"promote": 0, "hold": 10}[report["decision"]]
    assert report["rollbacks"] == 0
    assert report["verdicts"] >= 5
    assert sum(report["traffic"]["failed"].values()) == 0
    assert report["last"]["ticks"] >= 5, "the watch judged no traffic"
    assert any(e["status"] == "ok" and e["n_canary"] for e in report["last"]["evidence"])


def test_a_canary_that_begins_to_fail_is_rolled_back_in_seconds(tmp_path):
    done, report = _run(
        tmp_path, "--fault", "errors", "--fault-after", "8s", "--duration", "45s", "--rps", "250"
    )

    assert report["decision"] == "rollback"
    assert done.returncode == 20
    assert report["fault_at"] < report["rolled_back_at"], "rolled back before the fault"
    assert report["fault_to_verdict_seconds"] < LONGEST_DELAY_SECONDS
    assert f"fault to verdict: {report['fault_to_verdict_seconds']:.1f} s" in done.stdout
    assert {f["metric"] for f in report["last"]["firings"]} == {"requests"}


def _commands_naming(ports):
    """Command lines of running processes that mention one of the ports."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if any(re.search(rf"\b{port}\b", line) for port in ports)]


def _running(group):
    """Whether a process of the group runs still; one that ended and waits to be read does not."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, found = path.read_text().rpartition(")")[2].split()[:3]
            if int(found) == group and state != "Z":
                return True
    return False


def test_a_process_stopped_while_it_starts_leaves_none_behind(monkeypatch):
    monkeypatch.syspath_prepend(RUN.parent)
    from scene import Scene

    chance = random.Random(1)
    left = []
    with Scene(lifetime=20) as scene:
        for i in range(400):
            child = scene.start(f"sleeper-{i}", "sleep", "19")
            time.sleep(chance.uniform(0, 0.003))
            child.stop()
            if _running(child.process.pid):
                left.append(i)
                os.killpg(child.process.pid, signal.SIGKILL)
            scene.children.remove(child)
    assert left == []


@pytest.mark.parametrize("delay_seconds", [0.0, 2.5], ids=["starting", "watching"])
def test_an_interrupted_run_leaves_no_process_behind(delay_seconds):
    process = subprocess.Popen(
        _command("--fault", "none"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        said = process.stdout.readline() + process.stdout.readline()
        ports = [int(port) for port in re.findall(r"ports? (\d+)(?: and (\d+))?", said)[0]]
        ports += [int(port) for port in re.findall(r"Prometheus on port (\d+)", said)]
        time.sleep(delay_seconds)
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)

    assert len(ports) == 3
    assert code == 130
    assert _commands_naming(ports) == []
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=2)
