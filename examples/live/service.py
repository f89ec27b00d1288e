"""A small HTTP service to watch: a few milliseconds of work, metrics, and a fault on request.

Run one copy as the canary and one as the baseline. The first line on stdout says which port it
listens on. It ends on SIGINT or SIGTERM, and by itself after ``--lifetime`` seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

LOOPBACK = "127.0.0.1"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
PAYLOAD = bytes(range(256)) * 256
MEDIAN_WAIT_SECONDS = 0.004
WAIT_SPREAD = 0.5  # of the logarithm: the 99th percentile waits about three medians
# fmt: off
BUCKETS_SECONDS = (
    0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05,
    0.075, 0.1, 0.25, 0.5, 1.0, 2.5,
)
# fmt: on

# The label that tells canary from baseline is not set here: the scrape configuration gives it to
# every series of a target, those of the process itself included.
REQUESTS = Counter("http_requests", "Requests answered.", ["status"])
DURATION = Histogram(
    "http_request_duration_seconds", "Time to answer a request.", buckets=BUCKETS_SECONDS
)
MEMORY_LIMIT = Gauge("memory_limit_bytes", "Memory this copy is meant to stay within.")


class Service(ThreadingHTTPServer):
    """The server and what its requests share.

    Parameters
    ----------
    port
        Port on loopback; 0 takes a free one.
    version
        ``canary`` or ``baseline``, returned with each reply.
    fail_ratio
        The fraction of requests answered with status 500.
    seed
        Seed of waits and failures.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, version: str, fail_ratio: float, seed: int) -> None:
        super().__init__((LOOPBACK, port), Handler)
        self.version = version
        self.fail_ratio = fail_ratio
        self.random = random.Random(seed)

    def work(self) -> int:
        """Answer one request: hash something, wait as for a database, return the status."""
        begun = time.perf_counter()
        hashlib.sha256(PAYLOAD).hexdigest()
        time.sleep(MEDIAN_WAIT_SECONDS * self.random.lognormvariate(0.0, WAIT_SPREAD))
        status = 500 if self.random.random() < self.fail_ratio else 200
        DURATION.observe(time.perf_counter() - begun)
        REQUESTS.labels(str(status)).inc()
        return status


class Handler(BaseHTTPRequestHandler):
    """Routes: ``GET /`` works, ``GET /metrics`` is scraped, ``POST /fault?ratio=`` breaks it."""

    server: Service
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave in one packet

    def do_GET(self) -> None:
        """Answer a request for work, or for the metrics."""
        path = urlsplit(self.path).path
        if path == "/":
            self._reply(self.server.work(), b"done\n")
        elif path == "/metrics":
            self._reply(200, generate_latest(), CONTENT_TYPE_LATEST)
        else:
            self._reply(404, b"no such page\n")

    def do_POST(self) -> None:
        """Change the fraction of requests that fail; the reply says since when."""
        url = urlsplit(self.path)
        try:
            ratio = float(parse_qs(url.query)["ratio"][0])
        except (KeyError, ValueError):
            ratio = -1.0
        if url.path != "/fault" or not 0 <= ratio <= 1:
            self._reply(400, b"write POST /fault?ratio=R with R from 0 to 1\n")
            return
        self.server.fail_ratio = ratio
        reply = {"version": self.server.version, "fail_ratio": ratio, "at": time.time()}
        self._reply(200, json.dumps(reply).encode())

    def _reply(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Version", self.server.version)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the metrics tell what happened."""


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--version", choices=("canary", "baseline"), required=True)
    parser.add_argument("--fail-ratio", type=float, default=0.0, help="from 0 to 1")
    parser.add_argument("--memory-limit-bytes", type=float, default=256 * 2**20)
    parser.add_argument("--lifetime", type=float, default=600.0, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    MEMORY_LIMIT.set(options.memory_limit_bytes)
    for status in ("200", "500"):
        REQUESTS.labels(status)  # a counter that starts at zero shows its first error
    # Waited for, not handled: a handler that sets an event can deadlock with the wait for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    with Service(options.port, options.version, options.fail_ratio, options.seed) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        print(json.dumps({"version": options.version, "port": service.server_port}), flush=True)
        signal.sigtimedwait(STOP_SIGNALS, options.lifetime)
        service.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
