"""The processes of the live example: started on loopback, told apart, and always ended.

Every process runs under ``timeout`` in a session of its own, so it ends within its lifetime even
where this one is killed without a chance to clean up.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
START_SECONDS = 20.0
STOP_SECONDS = 5.0
CALL_SECONDS = 5.0

PROMETHEUS_CONFIG = """\
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: service
    static_configs:
      - targets: ["{host}:{canary}"]
        labels: {{version: canary}}
      - targets: ["{host}:{baseline}"]
        labels: {{version: baseline}}
"""


class SceneError(Exception):
    """A part of the scene did not do what it must; the message names it."""


@dataclass
class Child:
    """One process of the scene, its stdout as a stream of lines and its stderr as a file."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def lines(self) -> IO[str]:
        """What it prints."""
        if self.process.stdout is None:
            raise SceneError(f"{self.name} has no stdout")
        return self.process.stdout

    def next_line(self) -> str:
        """The next line it prints; it has `START_SECONDS` for that."""
        if select.select([self.lines], [], [], START_SECONDS)[0]:
            line = self.lines.readline()
            if line:
                return line
        raise SceneError(f"{self.name} said nothing\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its stderr."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """Ask it to end, then make it end.

        The whole group is asked: ``timeout`` that is asked alone just as it forks ends without
        having told its child.
        """
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(STOP_SECONDS)
        self.lines.close()


class Scene:
    """Two copies of a service, a Prometheus that scrapes them, and load; a context manager.

    Parameters
    ----------
    lifetime
        Seconds after which every process ends, whatever happens.
    """

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.directory = Path(tempfile.mkdtemp(prefix="canarystats-live-"))
        self.children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
        for child in reversed(self.children):
            child.stop()
        for path in sorted(self.directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.directory.rmdir()

    def start(self, name: str, *command: str) -> Child:
        """Start one process."""
        log = self.directory / f"{name}.log"
        with log.open("wb") as stderr, interrupts_wait():
            process = subprocess.Popen(
                ["timeout", f"--kill-after={STOP_SECONDS}", str(self.lifetime), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
            child = Child(name, process, log)
            self.children.append(child)
        return child

    def start_service(self, version: str, *, fail_ratio: float, seed: int) -> int:
        """Start one copy of the service; returns its port."""
        arguments = {"version": version, "fail-ratio": fail_ratio, "seed": seed}
        child = self.start(version, *_python("service.py", arguments))
        return int(json.loads(child.next_line())["port"])

    def start_load(self, canary: int, baseline: int, **arguments: float) -> Child:
        """Start the load on both ports."""
        ports = {"canary-port": canary, "baseline-port": baseline}
        return self.start("load", *_python("load.py", ports | arguments))

    def start_prometheus(self, canary: int, baseline: int) -> int:
        """Start a Prometheus that scrapes both ports every second; returns its port."""
        config = self.directory / "prometheus.yml"
        config.write_text(PROMETHEUS_CONFIG.format(host=LOOPBACK, canary=canary, baseline=baseline))
        port = _free_port()
        child = self.start(
            "prometheus",
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--log.level=warn",
        )

        def both_are_scraped() -> bool:
            if child.process.poll() is not None:
                raise SceneError(f"prometheus ended\n{child.last_words()}")
            with contextlib.suppress(OSError, HTTPException):
                return ask(port, "count(up == 1)") == {"": 2.0}
            return False

        wait_until(both_are_scraped, "Prometheus scrapes both copies")
        return port


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Hold an interrupt back while a process is started, or nobody would know to end it."""
    held: list[int] = []
    before = {n: signal.signal(n, lambda n, _: held.append(n)) for n in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if held:
        raise KeyboardInterrupt


def _python(script: str, arguments: dict[str, Any]) -> list[str]:
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    return [sys.executable, str(HERE / script), *options]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def post(port: int, path: str, body: str = "") -> Any:
    """POST to a port on loopback and read the JSON of the reply."""
    connection = HTTPConnection(LOOPBACK, port, timeout=CALL_SECONDS)
    try:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", path, body, headers)
        reply = connection.getresponse()
        text = reply.read()
    finally:
        connection.close()
    if reply.status != 200:
        raise SceneError(f"POST {path} on port {port}: {reply.status} {text[:200]!r}")
    return json.loads(text)


def ask(port: int, query: str) -> dict[str, float]:
    """The present answer of Prometheus, by the values of its labels joined with a slash."""
    try:
        data = post(port, "/api/v1/query", urlencode({"query": query}))["data"]
    except SceneError:
        return {}  # not ready yet: it answers 503 while it loads
    return {
        "/".join(v for k, v in sorted(series["metric"].items())): float(series["value"][1])
        for series in data["result"]
    }


def wait_until(true: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Ask again until it is true.

    Raises
    ------
    SceneError
        If it is not true in time.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise SceneError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.2)
