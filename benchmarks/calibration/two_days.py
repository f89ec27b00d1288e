"""The level of rollouts that last for two days, looked at after each of 11,520 ticks.

A promise for any number of looks must not wear off: some of the scenarios of `many_looks`, eleven
times as long. Run ``python -m benchmarks.calibration.two_days --keep``. It writes
results/two_days.json; without ``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import get_context

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.many_looks import LEVELS
from benchmarks.calibration.methods import evidence_paths, first_reached
from benchmarks.calibration.scenarios import HISTORY, SCENARIOS, SEED, TICKS, chunks

LASTING = 11_520
AT_ONCE = 100  # rollouts, so that their data fit the memory
IDS = (
    "N8-10",
    "N9-fano2",
    "N10-wander03",
    "N8-split10",
    "N8-throughput05",
    "N8-latency05",
    "N2-ar06",
    "N2-ar09",
    "N6-day1",
    "N14-rounded",
)
RUNS = 400


def firsts(name, runs, *, with_history):
    """The tick of the first rejection of each rollout at each level, shape (levels, runs)."""
    history = HISTORY if with_history else 0
    found = [
        first_reached(
            evidence_paths(SCENARIOS[name].kind, drawn, with_history=with_history), LEVELS
        )
        for drawn in chunks(name, runs, ticks=LASTING, history=history, rows=AT_ONCE)
    ]
    return np.concatenate(found, axis=1)


def measured(task):
    """One row: how many are ever rejected, and how many of these within the first ticks."""
    name, runs = task
    start, scenario = time.process_time(), SCENARIOS[name]
    row = {"id": name, "kind": scenario.kind, "about": scenario.about, "runs": runs}
    for key, with_history in (("with_history", True), ("without_history", False)):
        at = firsts(name, runs, with_history=with_history)
        row[key] = np.isfinite(at).sum(axis=1).tolist()
        row[key + "_early"] = (at <= TICKS).sum(axis=1).tolist()
    return row | {"cpu_seconds": round(time.process_time() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=RUNS)
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--processes", type=int, default=2)
    asked, rows = parser.parse_args(), []
    with get_context("spawn").Pool(asked.processes) as pool:
        for row in pool.imap(measured, [(name, asked.replications) for name in IDS]):
            rows.append(row)
            bounds = [100 * upper(hits, row["runs"]) for hits in row["with_history"]]
            print(row, [f"{bound:.2f} %" for bound in bounds], flush=True)
    if asked.keep:
        settings = {"seed": SEED, "ticks": LASTING, "early": TICKS, "levels": LEVELS}
        results.write("two_days", settings | {"rows": rows})


if __name__ == "__main__":
    main()
