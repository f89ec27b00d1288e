"""Run leaky and clean programs side by side and record their resident memory as a scrape would.

``python -m benchmarks.leaks.record`` runs 112 pairs of processes, 56 of them with a canary that
leaks, on any Linux in about twelve minutes, and writes ``benchmarks/leaks/data``. Half a second
stands for one scrape every fifteen. The label of a series is the program that made it.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from benchmarks.leaks.program import CLEAN, LEAKY, LOADS

HERE = Path(__file__).parent
SCRAPE_SECONDS = 0.5
SCRAPES = 300
# the program of the baseline, for a canary that leaks: the same one before the fault
REPAIRED = {
    "keep_objects": "keep_nothing",
    "cache_without_end": "ring_buffer",
    "buffer_without_flush": "keep_nothing",
    "native_without_free": "native_with_free",
    "pool_loses_connections": "pool_to_the_peak",
    "cycles_without_collector": "cycles_with_collector",
    "listeners_pile_up": "keep_nothing",
}
RATES = (15_000, 40_000, 120_000, 300_000)  # bytes a second of real time


@dataclass(frozen=True)
class Arm:
    """One process to run."""

    name: str
    arm: str
    kind: str
    load: str
    seed: int
    rate: int
    leaky: bool


def plan(seed: int) -> list[Arm]:
    """Every process, the two arms of a pair next to each other; seeds and rates follow ``seed``."""
    leaky = [(kind, load, i) for i, (kind, load) in enumerate(product(LEAKY, LOADS * 2))]
    clean = [(kind, load, i) for i, (kind, load) in enumerate(product(CLEAN, LOADS))]
    clean += [
        (kind, load, 36 + i) for i, (kind, load) in enumerate(product(list(CLEAN)[1:6], LOADS))
    ]
    arms = []
    for leaks, rows in ((True, leaky), (False, clean)):
        for kind, load, i in rows:
            rate = RATES[(i + i // 4 + i // 16 + seed) % len(RATES)]
            name = f"{'leaky' if leaks else 'clean'}-{i:02d}-{kind}-{load}"
            other = REPAIRED.get(kind, kind)
            arms.append(Arm(name, "canary", kind, load, seed + 2 * i, rate, leaks))
            arms.append(Arm(name, "baseline", other, load, seed + 2 * i + 1, rate, leaky=False))
    return arms


def resident_bytes(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of a process; NaN once it is gone."""
    try:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return float("nan")
    return float(pages * resource.getpagesize()) if pages else float("nan")


def run(arms: list[Arm]) -> np.ndarray:
    """Resident bytes of each arm at each scrape, shape (arms, SCRAPES)."""
    length = SCRAPES * SCRAPE_SECONDS
    program = str(HERE / "program.py")
    processes = []
    for arm in arms:
        words = [arm.kind, arm.load, str(length + 20), str(arm.seed), str(arm.rate)]
        processes.append(subprocess.Popen([sys.executable, "-S", program, *words]))
        time.sleep(0.05)
    rows = np.full((len(arms), SCRAPES), np.nan)
    start = time.monotonic()
    try:
        for scrape in range(SCRAPES):
            time.sleep(max(start + scrape * SCRAPE_SECONDS - time.monotonic(), 0))
            rows[:, scrape] = [resident_bytes(process) for process in processes]
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    return rows


def main() -> None:
    """Run all and write the data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parallel", type=int, default=56, help="processes at a time")
    parser.add_argument("--seed", type=int, default=1001, help="the first; also shifts the rates")
    parser.add_argument("--out", type=Path, default=HERE / "data")
    parser.add_argument("--name", default="held_out", help="of the files")
    asked = parser.parse_args()
    arms = plan(asked.seed)
    parts = []
    for first in range(0, len(arms), asked.parallel):
        parts.append(run(arms[first : first + asked.parallel]))
        print(f"{first + len(parts[-1])} of {len(arms)}", flush=True)
    asked.out.mkdir(exist_ok=True)
    pages = np.concatenate(parts) / resource.getpagesize()
    np.savez_compressed(
        asked.out / f"{asked.name}.npz",
        resident_pages=np.where(np.isnan(pages), -1, pages).astype(np.int32),
        page_bytes=resource.getpagesize(),
    )
    with (asked.out / f"{asked.name}.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "arm", "program", "load", "seed", "bytes_a_second", "leaky"])
        for arm in arms:
            row = [arm.name, arm.arm, arm.kind, arm.load, arm.seed, arm.rate, int(arm.leaky)]
            writer.writerow(row)


if __name__ == "__main__":
    main()
