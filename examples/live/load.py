"""A load generator: requests arrive at random, each goes to the canary with the given chance.

Every worker keeps one connection to each side open and sends at exponential gaps, so together
they are a Poisson stream. It ends after ``--duration`` seconds, after ``--count`` requests, or on
SIGINT or SIGTERM; then one line of JSON on stdout says what was really sent and answered.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

LOOPBACK = "127.0.0.1"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
TIMEOUT_SECONDS = 5.0
CANARY, BASELINE = "canary", "baseline"


@dataclass
class Tally:
    """What the workers did, together."""

    limit: int
    started: int = 0
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def may_start(self) -> bool:
        """Take one request out of the limit, if there is one left."""
        with self.lock:
            if self.started >= self.limit:
                return False
            self.started += 1
            return True

    def answer(self, side: str, status: int, seconds: float) -> None:
        """Note one reply."""
        with self.lock:
            self.answered[side, status] += 1
            self.seconds.append(seconds)

    def fail(self, side: str) -> None:
        """Note one request that got no reply of the side it was meant for."""
        with self.lock:
            self.failed[side] += 1

    def summary(self, elapsed: float) -> dict[str, object]:
        """Plain data for the last line."""
        total = sum(self.answered.values())
        ordered = sorted(self.seconds)
        return {
            "elapsed_seconds": round(elapsed, 3),
            "requests_per_second": round(total / elapsed, 1),
            "answered": {
                side: {str(s): n for (at, s), n in sorted(self.answered.items()) if at == side}
                for side in (CANARY, BASELINE)
            },
            "failed": {side: self.failed[side] for side in (CANARY, BASELINE)},
            "latency_seconds": {
                f"p{q}": round(ordered[len(ordered) * q // 100], 5) for q in (50, 99) if ordered
            },
        }


class Client:
    """One kept-alive connection to one side."""

    def __init__(self, side: str, port: int) -> None:
        self.side = side
        self.connection = HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_SECONDS)

    def send(self, tally: Tally) -> None:
        """Send one request, read the whole reply, note what came of it."""
        begun = time.perf_counter()
        try:
            self.connection.request("GET", "/")
            reply = self.connection.getresponse()
            reply.read()
        except (HTTPException, OSError):
            self.connection.close()
            tally.fail(self.side)
            return
        if reply.headers["X-Version"] == self.side:
            tally.answer(self.side, reply.status, time.perf_counter() - begun)
        else:
            tally.fail(self.side)


def send_until(
    stop: threading.Event, tally: Tally, ports: dict[str, int], rate: float, share: float, seed: int
) -> None:
    """One worker: requests at random times until told to stop."""
    chance = random.Random(seed)
    clients = {side: Client(side, port) for side, port in ports.items()}
    due = time.monotonic()
    while True:
        due += chance.expovariate(rate)
        if stop.wait(max(0.0, due - time.monotonic())) or not tally.may_start():
            break
        clients[CANARY if chance.random() < share else BASELINE].send(tally)
    for client in clients.values():
        client.connection.close()


def main() -> int:
    """Send, then say what was sent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--canary-port", type=int, required=True)
    parser.add_argument("--baseline-port", type=int, required=True)
    parser.add_argument("--share", type=float, default=0.05, help="the canary's, from 0 to 1")
    parser.add_argument("--rps", type=float, default=200.0, help="requests per second, in total")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds")
    parser.add_argument("--count", type=int, default=100_000, help="at most so many requests")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    # Waited for, not handled: a handler that sets an event can deadlock with the wait for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    stop = threading.Event()
    ports = {CANARY: options.canary_port, BASELINE: options.baseline_port}
    tally = Tally(options.count)
    rate = options.rps / options.workers
    workers = [
        threading.Thread(
            target=send_until,
            args=(stop, tally, ports, rate, options.share, options.seed * 1000 + i),
        )
        for i in range(options.workers)
    ]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    while time.monotonic() < begun + options.duration and any(w.is_alive() for w in workers):
        if signal.sigtimedwait(STOP_SIGNALS, 0.1):
            break
    stop.set()
    for worker in workers:
        worker.join()
    print(json.dumps(tally.summary(time.monotonic() - begun)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
