"""Watch a real canary: two services, a Prometheus, real load, and ``canarystats watch``.

Exits with the decision's code: 0 promote, 10 hold, 20 rollback (2 usage, 1 a
part failed, 130 interrupted).
"""

from __future__ import annotations

import argparse
import json
import queue
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scene import HERE, LOOPBACK, Child, Scene, SceneError, ask, post, wait_until

from canarystats.policy import format_duration, parse_duration

SPARE_SECONDS = 30.0  # what starting and stopping may take beside the watching
EXIT_CODES = {"promote": 0, "hold": 10, "rollback": 20}
NOT_EXPORTED = ("byzantine_events", "integrity_violations", "breaker_trips")
SIDES = ("canary", "baseline")


@dataclass
class Watched:
    """What the watch said, and when the fault was made.

    Parameters
    ----------
    verdicts
        Every verdict with the Unix seconds at which it was read.
    fault_at
        Unix seconds since which the canary fails, None for no fault.
    exit_code
        The watch's.
    """

    verdicts: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    fault_at: float | None = None
    exit_code: int | None = None

    @property
    def rolled_back_at(self) -> float | None:
        """Unix seconds at which the first rollback was read."""
        return next((at for at, v in self.verdicts if v["decision"] == "rollback"), None)

    @property
    def fault_to_verdict(self) -> float | None:
        """Seconds from the fault to the rollback."""
        if self.fault_at is None or self.rolled_back_at is None:
            return None
        return self.rolled_back_at - self.fault_at


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fault", choices=("none", "errors"), required=True)
    parser.add_argument("--fail-ratio", type=float, default=0.3, help="of the faulty canary")
    parser.add_argument(
        "--fault-after", type=_duration, default=10.0, help="first verdict to fault"
    )
    parser.add_argument(
        "--duration", type=_duration, default=60.0, help="longest watch, 10m at most"
    )
    parser.add_argument("--interval", type=_duration, default=1.0)
    parser.add_argument(
        "--rps", type=float, default=200.0, help="requests per second, 1000 at most"
    )
    parser.add_argument("--share", type=float, default=0.05, help="the canary's traffic share")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="write what happened to this file as JSON")
    options = parser.parse_args()
    for name, limit in (("rps", 1000), ("duration", 600), ("fail_ratio", 1), ("share", 1)):
        value = getattr(options, name)
        if not 0 < value <= limit:
            parser.error(f"--{name.replace('_', '-')}: {value:g} is not above 0 and up to {limit}")
    return options


def _duration(text: str) -> float:
    try:
        seconds: float = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return seconds


def start_watch(scene: Scene, prometheus: int, options: argparse.Namespace) -> Child:
    """Start ``canarystats watch`` beside the traffic."""
    left_out = [text for name in NOT_EXPORTED for text in ("--without", name)]
    return scene.start(
        "watch",
        *(sys.executable, "-m", "canarystats", "watch"),
        *("--prometheus", f"http://{LOOPBACK}:{prometheus}"),
        *("--policy", str(HERE / "policy.yaml"), *left_out),
        *("--share", str(options.share)),
        *("--interval", format_duration(options.interval)),
        *("--for", format_duration(options.duration)),
        *("--rollout", f"live-{options.fault}"),
        *("--format", "json"),
    )


def follow(watch: Child, canary: int, options: argparse.Namespace) -> Watched:
    """Read verdicts until the watch ends; make the canary faulty on the way."""
    watched = Watched()
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(watch, lines), daemon=True).start()
    deadline = time.time() + options.duration + SPARE_SECONDS
    fault_due: float | None = None
    while time.time() < deadline:
        if fault_due and time.time() >= fault_due and watched.fault_at is None:
            watched.fault_at = post(canary, f"/fault?ratio={options.fail_ratio}")["at"]
            say("fault", f"{clock(watched.fault_at)} canary fails {options.fail_ratio:.0%}")
        try:
            line = lines.get(timeout=0.05)
        except queue.Empty:
            continue
        if line is None:
            watched.exit_code = watch.process.wait(SPARE_SECONDS)
            return watched
        note(watched, json.loads(line))
        if options.fault == "errors" and fault_due is None:
            fault_due = watched.verdicts[0][0] + options.fault_after
    raise SceneError(f"the watch did not end in time\n{watch.last_words()}")


def _read(watch: Child, lines: queue.Queue[str | None]) -> None:
    for line in watch.lines:
        lines.put(line)
    lines.put(None)


def note(watched: Watched, verdict: dict[str, Any]) -> None:
    """Keep a verdict, and say it where the decision is a new one."""
    now = time.time()
    before = watched.verdicts[-1][1]["decision"] if watched.verdicts else None
    watched.verdicts.append((now, verdict))
    if verdict["decision"] != before:
        say(verdict["decision"], f"{clock(now)} {verdict['reason']}")


def count_traffic(load: Child, prometheus: int) -> dict[str, Any]:
    """Stop the load, and compare what it sent with what Prometheus counted."""
    load.process.terminate()
    summary: dict[str, Any] = json.loads(load.next_line())
    sent = {
        f"{status}/{side}": float(n)
        for side in SIDES
        for status, n in summary["answered"][side].items()
    }
    query = "sum by (status, version) (http_requests_total) > 0"
    wait_until(lambda: ask(prometheus, query) == sent, f"Prometheus counts {sent}", 5.0)
    return summary


def tell(watched: Watched, traffic: dict[str, Any]) -> dict[str, Any]:
    """Say how it went, and return the same as plain data."""
    last = watched.verdicts[-1][1]
    sent = {side: sum(traffic["answered"][side].values()) for side in SIDES}
    failed = {side: traffic["answered"][side].get("500", 0) for side in SIDES}
    share = sent["canary"] / max(1, sum(sent.values()))
    for side in SIDES:
        lost = traffic["failed"][side]
        more = f", {lost} without a reply" if lost else ""
        say("traffic", f"{side}: {sent[side]} sent and counted, {failed[side]} failed{more}")
    say("", f"{share:.1%} to the canary, {traffic['requests_per_second']} requests/s reached")
    if watched.fault_to_verdict is not None:
        say("", f"fault to verdict: {watched.fault_to_verdict:.1f} s")
    say("decision", f"{last['decision']} after {len(watched.verdicts)} verdicts: {last['reason']}")
    return {
        "decision": last["decision"],
        "exit_code": watched.exit_code,
        "verdicts": len(watched.verdicts),
        "rollbacks": sum(v["decision"] == "rollback" for _, v in watched.verdicts),
        "fault_at": watched.fault_at,
        "rolled_back_at": watched.rolled_back_at,
        "fault_to_verdict_seconds": watched.fault_to_verdict,
        "traffic": traffic,
        "last": last,
    }


def say(what: str, text: str) -> None:
    """One line for the reader."""
    print(f"{what:<10}{text}", flush=True)


def clock(at: float) -> str:
    """Unix seconds as a time of day, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S.%f")[:-3]


def run(options: argparse.Namespace) -> int:
    """Set the scene, watch it, say how it went; returns the decision's code."""
    with Scene(lifetime=options.duration + 3 * SPARE_SECONDS) as scene:
        # Both sides fail one request in 500: a service without any error is nobody's.
        ports = [
            scene.start_service(side, fail_ratio=0.002, seed=options.seed + i)
            for i, side in enumerate(SIDES)
        ]
        prometheus = scene.start_prometheus(*ports)
        seconds = options.duration + SPARE_SECONDS
        load = scene.start_load(
            *ports,
            share=options.share,
            rps=options.rps,
            duration=seconds,
            count=int(1.5 * options.rps * seconds),
            seed=options.seed,
        )
        wait_until(
            lambda: len(ask(prometheus, "rate(http_requests_total[5s]) > 0")) >= len(SIDES),
            "Prometheus sees traffic on both copies",
        )
        say("started", f"canary and baseline on {LOOPBACK} ports {ports[0]} and {ports[1]}")
        say("", f"Prometheus on port {prometheus}, load of {options.rps:g} requests/s")
        watch = start_watch(scene, prometheus, options)
        watched = follow(watch, ports[0], options)
        if watched.exit_code not in EXIT_CODES.values() or not watched.verdicts:
            raise SceneError(f"the watch ended with {watched.exit_code}\n{watch.last_words()}")
        report = tell(watched, count_traffic(load, prometheus))
    if options.report:
        options.report.write_text(json.dumps(report, indent=2))
    if EXIT_CODES[report["decision"]] != watched.exit_code:
        raise SceneError(f"{report['decision']}, but the watch ended with {watched.exit_code}")
    return EXIT_CODES[report["decision"]]


def main() -> int:
    """Run the example."""
    options = parse_options()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return run(options)
    except SceneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; every process is ended", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
