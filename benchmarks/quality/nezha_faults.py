"""Every listed fault of a real day, and fixed windows without one, through the command line.

Backfills the day into a real Prometheus, runs `canarystats judge` on every window under the policy
of one look and again with any number of looks, and prints docs/nezha.md. Run it from the
repository's root: ``python -m benchmarks.quality.nezha_faults > docs/nezha.md`` (minutes).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e import nezha, nezha_windows
from tests.sources.prometheus_server import open_metrics, real_prometheus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.nezha import Telemetry
    from tests.e2e.nezha_windows import Window

    from canarystats.verdict import Verdict

QUIET = {
    "6 minutes, every hour": (6, 60),
    "30 minutes, every two hours": (30, 120),
    "50 minutes, every 100 minutes": (50, 100),
}
LOOKS = ("one look", "many looks")
WORKERS = 2
LONGEST_REASON = 150

HEAD = """\
# A real day with faults, through a real Prometheus

Made by `python -m benchmarks.quality.nezha_faults > docs/nezha.md`; `tests/e2e/test_nezha.py` holds
a part of it in every run. The telemetry is the data set Nezha (IntelligentDDS, MIT): an online shop
of ten watched pods on 2022-08-22, one row a minute, with {faults} faults injected on purpose. It is
backfilled into a Prometheus {version}, and every window is judged by `canarystats judge
--prometheus ... --baseline-offset ...` in a process of its own, under
`tests/e2e/shop-policy.yaml`.

**The rule of the windows**, one for all faults and set by the clock alone: the canary is the six
rows from 20 to 80 s after the injection on, the baseline the last six before it. Faults come about
every eight minutes and last three to five, so a baseline may begin with the end of the fault
before, and a canary may end after its own. Six, because fewer gauge values a side can never reach
the 5 % that promotion takes; **a gauge cannot roll back on six**, whatever it shows (p is 0.031 at
best, against a level of 0.00125). So here *rollback* comes from counted requests, and a fault that
gauges alone show is *held*. Injection times are the list's `inject_timestamp`; for 07:09:43 its
`inject_time` says a minute later, when the CPU had already moved.

The second column of verdicts is the same policy with `looks: many`, the default: without history a
gauge is judged by batches (of the CPU, of five minutes) and takes six of them or more, so nothing
under half an hour can be promoted.

**Windows without a fault** lie at fixed times between 16:00 and 24:00; the policy's margins were
read off the hours from 08:10 to 16:00. The short ones are placed as a fault's would be.

**Moved plainly**: the median of the pod's CPU share, server p99 or client p99 in the canary is at
least twice that of the baseline. It is told from the data, before anything is judged.
"""

LEFT_OUT = """\
Readings that are missing or cannot be trusted are missed scrapes, never zeros; which, is told in
`tests/e2e/nezha.py`. Each pod has 1209 rows. The adservice is judged by its CPU and the shop's
requests alone (`--without`).
"""


def main() -> None:
    """Judge everything and print the page."""
    began = time.monotonic()
    told = nezha.telemetry(nezha.pods())
    faults = nezha.faults()
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        policies = [nezha_windows.POLICY, nezha_windows.many_looks(home)]
        with real_prometheus(open_metrics(told.series()), home / "prometheus") as url:
            windows = [nezha_windows.around(fault) for fault in faults]
            found = [judged(url, told, windows, policy) for policy in policies]
            version = _version(found[0])
            print(HEAD.format(faults=len(faults), version=version))
            _print_left_out(told)
            _print_faults(told, faults, windows, found)
            _print_quiet(url, told, policies)
    print(f"made in {time.monotonic() - began:.0f} s", file=sys.stderr)


def judged(url: str, told: Telemetry, windows: Sequence[Window], policy: Path) -> list[Verdict]:
    """The verdict on every window."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda w: nezha_windows.judge(url, told, w, policy), windows))


def _version(verdicts: list[Verdict]) -> str:
    notes = {note for v in verdicts for e in v.evidence for note in e.seen}
    servers = {n.removeprefix("server: prometheus ") for n in notes if n.startswith("server: ")}
    return ", ".join(sorted(servers))


def _print_left_out(told: Telemetry) -> None:
    print("## What was left out of the telemetry\n")
    print(LEFT_OUT)
    print("| pod | " + " | ".join(nezha_windows.METRICS.values()) + " |")
    print("|---|" + "---:|" * len(nezha_windows.METRICS))
    for pod in nezha.pods():
        left = " | ".join(str(told.left_out[metric, pod]) for metric in nezha_windows.METRICS)
        print(f"| {nezha.service(pod)} | {left} |")
    requests = told.left_out[nezha.REQUESTS, nezha.FRONTEND]
    print(f"\nThe shop's requests and errors lack {requests} minutes of the day.\n")


def _print_faults(
    told: Telemetry,
    faults: Sequence[nezha.Fault],
    windows: Sequence[Window],
    found: Sequence[list[Verdict]],
) -> None:
    moved = [nezha_windows.moved_plainly(told, window) for window in windows]
    print("## Faults\n")
    for name, verdicts in zip(LOOKS, found, strict=True):
        print(f"Of all {len(faults)}, {name}: {_counts(verdicts)}.")
        plain = [v for v, m in zip(verdicts, moved, strict=True) if m]
        print(f"Of the {len(plain)} that moved plainly: {_counts(plain)}.\n")
    print("| injected | pod | fault | moved plainly | one look | many looks | reason (one look) |")
    print("|---|---|---|---|---|---|---|")
    for i, (fault, grown) in enumerate(zip(faults, moved, strict=True)):
        at = datetime.fromtimestamp(fault.at, UTC)
        grew = ", ".join(f"{m.split('_')[0]} {x:.1f}x" for m, x in grown.items()) or "no"
        print(
            f"| {at:%H:%M:%S} | {nezha.service(fault.pod)} | {fault.kind} | {grew} "
            f"| {found[0][i].decision} | {found[1][i].decision} | {_short(found[0][i].reason)} |"
        )
    print()


def _print_quiet(url: str, told: Telemetry, policies: Sequence[Path]) -> None:
    print("## Windows without a fault\n")
    print("| canary | windows | one look | many looks |")
    print("|---|---:|---|---|")
    rolled_back, held = list[str](), list[str]()
    for name, (minutes, every) in QUIET.items():
        windows = nezha_windows.quiet(nezha.pods(), minutes=minutes, every_minutes=every)
        both = [judged(url, told, windows, policy) for policy in policies]
        print(f"| {name} | {len(windows)} | {_counts(both[0])} | {_counts(both[1])} |")
        for looks, verdicts in zip(LOOKS, both, strict=True):
            rolled_back += [
                f"- {window} ({looks}): {_short(verdict.reason)}"
                for window, verdict in zip(windows, verdicts, strict=True)
                if verdict.decision == "rollback"
            ]
            reasons = Counter(_about(v.reason) for v in verdicts if v.decision == "hold")
            held += [f"- {n} x {name} ({looks}): {why}" for why, n in reasons.most_common()]
    print("\nRolled back:", "\n\n" + "\n".join(rolled_back) if rolled_back else "none.")
    print("\nWhat the held ones were held for first:\n")
    print("\n".join(held))


def _counts(verdicts: Sequence[Verdict]) -> str:
    counted = Counter(str(verdict.decision) for verdict in verdicts)
    return ", ".join(f"{counted[d]} {d}" for d in ("promote", "hold", "rollback"))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


def _about(reason: str) -> str:
    return reason.split(" (", maxsplit=1)[0].rstrip(".")


if __name__ == "__main__":
    main()
