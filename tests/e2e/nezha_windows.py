"""Windows of the Nezha day, and the command line's verdict on them.

The shop ran once, so there is no canary beside a baseline: a canary is a stretch of time, its
baseline the same pod some minutes before. One rule places both around every fault, by the clock
alone. Rows are read 20 s into each minute; faults last three to five minutes and come about every
eight. The canary is the six rows from 20 to 80 s after the injection on, because fewer than six
gauge values a side can never reach the 5 % that promotion takes. The baseline is the last six rows
before the injection; the first of them may still hold the end of the fault before.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from canarystats.verdict import Verdict
from tests.e2e import nezha

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.nezha import Fault, Telemetry

POLICY = Path(__file__).with_name("shop-policy.yaml")
SHORT_MINUTES = 6
PLAIN_FACTOR = 2.0
QUIET_FROM = "16:00"  # the policy's margins were read off the quiet hours before
EXIT_CODES = {0: "promote", 10: "hold", 20: "rollback"}
METRICS = {
    nezha.CPU: "cpu_ratio",
    nezha.MEMORY: "memory_ratio",
    nezha.SERVER: "server_latency_p99_seconds",
    nezha.CLIENT: "client_latency_p99_seconds",
}


@dataclass(frozen=True)
class Window:
    """Ticks in ``(start, start + minutes]`` against those ``offset_minutes`` before."""

    pod: str
    start: float
    minutes: int
    offset_minutes: int

    @property
    def end(self) -> float:
        """Unix seconds."""
        return self.start + 60 * self.minutes

    def __str__(self) -> str:
        first, last = (datetime.fromtimestamp(t, UTC) for t in (self.start, self.end))
        return f"{nezha.service(self.pod)} {first:%H:%M}-{last:%H:%M}"


def around(fault: Fault) -> Window:
    """The window of a fault."""
    return Window(fault.pod, fault.at + 60, SHORT_MINUTES, SHORT_MINUTES + 1)


def quiet(pods: list[str], *, minutes: int, every_minutes: int) -> list[Window]:
    """Fault-free windows at fixed times of every pod; short ones lie as a fault's would."""
    offset = minutes + 1 if minutes == SHORT_MINUTES else minutes
    day = datetime.fromisoformat("2022-08-22T00:00:00+00:00").timestamp()
    hours, rest = QUIET_FROM.split(":")
    first = day + 3600 * int(hours) + 60 * int(rest) + 60 * offset
    last = day + 86400 - 60 * (minutes + 1)
    starts = range(int(first), int(last), 60 * every_minutes)
    return [Window(pod, float(start), minutes, offset) for start in starts for pod in pods]


def moved_plainly(told: Telemetry, window: Window) -> dict[str, float]:
    """By metric, how many times its median grew, where CPU or a latency at least doubled."""
    found = {}
    for metric in (nezha.CPU, nezha.SERVER, nezha.CLIENT):
        first = window.start // 60 * 60
        span, offset = 60 * window.minutes, 60 * window.offset_minutes
        canary = told.values(metric, window.pod, first, first + span)
        baseline = told.values(metric, window.pod, first - offset, first - offset + span)
        if canary and baseline:
            times = statistics.median(canary) / statistics.median(baseline)
            if times >= PLAIN_FACTOR:
                found[METRICS[metric]] = times
    return found


def lacking(told: Telemetry, pod: str) -> list[str]:
    """Metrics of a pod without a single reading to be trusted."""
    return [METRICS[m] for m, of in told.points if of == pod and not told.points[m, of]]


def judge(url: str, told: Telemetry, window: Window, policy: Path = POLICY) -> Verdict:
    """What `canarystats judge` says of a window."""
    pod = f'pod="{window.pod}"'
    command = [
        *(sys.executable, "-m", "canarystats", "judge", "--format", "json"),
        *("--prometheus", url, "--policy", str(policy), "--scrape-interval", "60s"),
        *("--canary", pod, "--baseline", pod, "--rollout", str(window)),
        *("--start", f"{window.start:.0f}", "--end", f"{window.end:.0f}"),
        *("--baseline-offset", f"{window.offset_minutes}m"),
        *_without(lacking(told, window.pod)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in EXIT_CODES, f"exit code {done.returncode}: {done.stderr}"
    assert not done.stderr, done.stderr
    verdict = Verdict.from_json(done.stdout)
    assert EXIT_CODES[done.returncode] == verdict.decision
    return verdict


def many_looks(directory: Path) -> Path:
    """The same policy with any number of looks."""
    path = directory / "many-looks.yaml"
    path.write_text(f"extends: {os.path.relpath(POLICY, directory)}\nlooks: many\n")
    return path


def _without(metrics: list[str]) -> Iterator[str]:
    for metric in metrics:
        yield from ("--without", metric)
