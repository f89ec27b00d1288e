"""CPU seconds and peak memory of the sidecar's path, each in a process of its own.

Run ``python benchmarks/footprint.py``. Every row is a fresh Python process, run several times; the
least CPU time (user and system) and the least peak memory count. The last row judges ten minutes of
three metrics on two sides from a real Prometheus on loopback and is left out where Debian's
`prometheus` is not installed. Below the table stand the heavy packages that a judgement did not
load, and those it did.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT / "src" / "canarystats" / "recordings" / "online-shop-adservice"
REPEATS = 5
DECISIONS = {0, 10, 20}
HEAVY = (
    "pandas",
    "statsmodels",
    "ruptures",
    "matplotlib",
    "pyarrow",
    "jinja2",
    "scipy.stats",
    "rich",
    "typer",
)
FIRST, TICKS, STEP_SECONDS = 1_700_000_010, 40, 15
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

# A process begins with the peak of the one that started it, so a bare interpreter starts it.
LAUNCH = """
import os, sys
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_DUP2, 2, 1)])
_, status, used = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Cost(NamedTuple):
    cpu_seconds: float
    peak_mib: float


def cost(arguments: Sequence[str]) -> Cost:
    """The least of several runs of one Python command."""
    runs = [_run(arguments) for _ in range(REPEATS)]
    return Cost(min(run.cpu_seconds for run in runs), min(run.peak_mib for run in runs))


def _run(arguments: Sequence[str]) -> Cost:
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            [sys.executable, "-S", "-E", "-c", LAUNCH, sys.executable, *arguments],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            check=True,
        )
        status, cpu_seconds, peak_kib = done.stdout.split()[-3:]
        if int(status) not in DECISIONS:
            said.seek(0)
            raise SystemExit(f"{arguments} left with {status}: {said.read()}")
    return Cost(float(cpu_seconds), float(peak_kib) / 1024)


def loaded(arguments: Sequence[str]) -> set[str]:
    """Which heavy packages a canarystats command loads."""
    code = (
        "import sys; from canarystats.cli import run; run(sys.argv[1:]);"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.splitlines()[-1].split()) if done.stderr.strip() else set()


@contextmanager
def served() -> Iterator[str | None]:
    """The URL of a Prometheus that holds a small rollout, or None where there is none installed."""
    if not (shutil.which("prometheus") and shutil.which("promtool")):
        yield None
        return
    sys.path.insert(0, str(ROOT))
    from tests.sources.prometheus_server import open_metrics, real_prometheus

    with (
        tempfile.TemporaryDirectory() as folder,
        real_prometheus(open_metrics(_rollout()), Path(folder)) as url,
    ):
        yield url


def _rollout() -> dict[str, list[tuple[float, float]]]:
    times = [FIRST + STEP_SECONDS * i for i in range(TICKS + 1)]
    series: dict[str, list[tuple[float, float]]] = {}
    for arm, requests in (("canary", 75), ("baseline", 1425)):
        labels = f'version="{arm}",job="shop",instance="{arm}:80"'
        for status, share in (("200", 0.998), ("500", 0.002)):
            name = f'http_requests_total{{status="{status}",{labels}}}'
            series[name] = [(t, round(requests * share * i)) for i, t in enumerate(times)]
        for rank, bound in enumerate((*map(str, BOUNDS), "+Inf"), 1):
            name = f'http_request_duration_seconds_bucket{{le="{bound}",{labels}}}'
            below = requests * rank / (len(BOUNDS) + 1)
            series[name] = [(t, round(below * i)) for i, t in enumerate(times)]
        for metric, value in (("working_set_bytes", 2e8), ("limit_bytes", 5e8)):
            series[f"{metric}{{{labels}}}"] = [(t, value) for t in times]
    return series


POLICY = """
extends: eight-triggers
metrics:
  - name: memory_bytes
    query: {value: 'working_set_bytes{$arm}', limit: 'limit_bytes{$arm}'}
"""


def from_server(url: str, policy: Path) -> list[str]:
    policy.write_text(POLICY)
    end = FIRST + STEP_SECONDS * TICKS
    absent = ("byzantine_events", "integrity_violations", "breaker_trips")
    return [
        *("judge", "--prometheus", url, "--policy", str(policy), "--share", "0.05"),
        *("--start", str(FIRST), "--end", str(end), "--scrape-interval", "15s"),
        *(word for name in absent for word in ("--without", name)),
    ]


def main() -> None:
    judged = ["judge", str(RECORDING)]
    command = ["-m", "canarystats"]
    rows = {
        "python -c pass": ["-c", "pass"],
        "import numpy": ["-c", "import numpy"],
        "import canarystats": ["-c", "import canarystats"],
        "judge RECORDING": [*command, *judged],
        "judge RECORDING --format json": [*command, *judged, "--format", "json"],
    }
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    print(f"{'process':<34}{'CPU seconds':>12}{'peak MiB':>10}")
    with served() as url, tempfile.TemporaryDirectory() as folder:
        if url is not None:
            judged = from_server(url, Path(folder) / "policy.yaml")
            rows["judge --prometheus --format json"] = [*command, *judged, "--format", "json"]
        for name, arguments in rows.items():
            found = cost(arguments)
            print(f"{name:<34}{found.cpu_seconds:>12.2f}{found.peak_mib:>10.0f}")
        for shown in ("json", "text"):
            used = loaded([*judged, "--format", shown])
            absent = ", ".join(name for name in HEAVY if name not in used)
            present = ", ".join(name for name in HEAVY if name in used) or "none"
            print(f"--format {shown}: not loaded: {absent}; loaded: {present}")


if __name__ == "__main__":
    main()
