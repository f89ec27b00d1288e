"""A real Prometheus on loopback, over samples that a test wrote down."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

READY_WITHIN_SECONDS = 20.0


def open_metrics(
    series: Mapping[str, Sequence[tuple[float, float]]],
) -> str:
    """Text that `promtool` reads: series such as ``up{job="x"}`` to (Unix seconds, value) pairs."""
    lines = [f"{name} {value} {at:.3f}" for name, points in series.items() for at, value in points]
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def real_prometheus(
    openmetrics_text: str, directory: Path, *, scrape_config: str = "", flags: Sequence[str] = ()
) -> Iterator[str]:
    """Start a Prometheus, wait until it is ready, give its URL, and stop it.

    ``openmetrics_text`` is backfilled where it is not empty; ``scrape_config`` is YAML that follows
    ``global:`` in its configuration, where ``%d`` is its own port. The
    test skips where Debian's prometheus is not installed.
    """
    for program in ("prometheus", "promtool"):
        need(shutil.which(program) is not None, f"{program} (Debian package prometheus)")
    data = directory / "data"
    data.mkdir(parents=True)
    if openmetrics_text:
        _backfill(openmetrics_text, directory / "samples.txt", data)
    config = directory / "prometheus.yml"
    port = _free_port()
    scrapes = scrape_config.replace("%d", str(port))
    config.write_text(f"global:\n  scrape_interval: 15s\n{scrapes}")
    url = f"http://127.0.0.1:{port}"
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=36500d",
        f"--web.listen-address=127.0.0.1:{port}",
        *flags,
    ]
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_ready(url, process, directory / "prometheus.log")
            yield url
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _backfill(text: str, samples: Path, data: Path) -> None:
    samples.write_text(text)
    made = subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(samples), str(data)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, f"promtool refused the samples: {made.stderr[-2000:]}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"prometheus ended: {log.read_text()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"prometheus is not ready: {log.read_text()[-2000:]}")
