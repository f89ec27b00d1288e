"""How often each method ever rejects a healthy canary, looked at after every tick.

Run ``python -m benchmarks.calibration.many_looks --keep``. It writes results/many_looks.json, from
which `benchmarks.calibration.page` writes docs/calibration-many-looks.md; without ``--keep`` it
only prints.
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import get_context

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.methods import evidence_paths, first_reached
from benchmarks.calibration.rivals import RIVALS
from benchmarks.calibration.scenarios import HISTORY, SCENARIOS, SEED, TICKS, chunks

WITH_HISTORY, WITHOUT, OF_RIVALS = 5000, 2000, 500  # replications
LEVELS = (0.05, 0.01)


def ever(name, replications, *, with_history):
    """How many of the replications ever reject, a number a level."""
    kind, hits = SCENARIOS[name].kind, np.zeros(len(LEVELS), dtype=int)
    for drawn in chunks(name, replications, history=HISTORY if with_history else 0):
        paths = evidence_paths(kind, drawn, with_history=with_history)
        hits += np.isfinite(first_reached(paths, LEVELS)).sum(axis=1)
    return hits.tolist()


def of_rivals(name, replications):
    """The same of every rival that reads such data."""
    kind, hits = SCENARIOS[name].kind, {}
    for drawn in chunks(name, replications, history=0):
        for rival, rejects in RIVALS.items():
            found = rejects(kind, drawn, LEVELS)
            if found is not None:
                hits[rival] = hits.get(rival, 0) + found.sum(axis=1)
    return {rival: found.tolist() for rival, found in hits.items()}


def measured(task):
    """One row of the table."""
    name, replications, without = task
    start = time.process_time()
    rivals = min(replications // 2, OF_RIVALS)
    return {
        "id": name,
        "kind": SCENARIOS[name].kind,
        "about": SCENARIOS[name].about,
        "runs": replications,
        "with_history": ever(name, replications, with_history=True),
        "runs_without": without,
        "without_history": ever(name, without, with_history=False),
        "rival_runs": rivals,
        "rivals": of_rivals(name, rivals),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def line(row) -> str:
    """A row as a line of text."""
    cells = [f"{row['id']:20s}"]
    for key, count in (("with_history", "runs"), ("without_history", "runs_without")):
        runs = row[count]
        cells += [f"{100 * h / runs:6.2f} (< {100 * upper(h, runs):5.2f})" for h in row[key]]
    cells += [f"{k} {100 * v[0] / row['rival_runs']:.0f}" for k, v in row["rivals"].items()]
    return "  ".join(cells) + f"  {row['cpu_seconds']} s"


def merged(rows):
    """These rows and those kept before of other scenarios, in the order of the scenarios."""
    known = {row["id"]: row for row in [*results.read("many_looks", {"rows": []})["rows"], *rows]}
    return [known[name] for name in SCENARIOS if name in known]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=WITH_HISTORY)
    parser.add_argument("--without", type=int, default=WITHOUT, help="replications")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--only", nargs="*", default=[], help="kinds or ids")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    names = [
        name
        for name, scenario in SCENARIOS.items()
        if not asked.only or name in asked.only or scenario.kind in asked.only
    ]
    tasks = [(name, asked.replications, asked.without) for name in names]
    settings = {"seed": SEED, "ticks": TICKS, "history": HISTORY, "levels": LEVELS}
    with get_context("spawn").Pool(asked.processes) as pool:
        for row in pool.imap(measured, tasks):
            print(line(row), flush=True)
            if asked.keep:
                results.write("many_looks", settings | {"rows": merged([row])})


if __name__ == "__main__":
    main()
