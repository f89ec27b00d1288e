"""N17 through `judge` itself: 150 correlated metrics of one healthy rollout, as a user gives them.

The data are those of `fleet`: every metric is critical, and all share one chance of a false
rollback. A rollback is latched, so one call over the whole window tells whether any tick of it
would have rolled back. Triggers there are none: what may roll back is the metrics' own tests.

Run ``python -m benchmarks.calibration.fleet_judged --keep``. It writes results/fleet_judged.json;
without ``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from benchmarks.calibration import fleet, results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.scenarios import SEED

import canarystats as cs

REPLICATIONS, TICKS, HISTORY, INTERVAL = 300, 240, 960, 15.0
BUDGET = 0.05


def policy(sizes=fleet.SIZES):
    """Every metric critical, at a margin of 0: the very edge of the hypothesis."""
    metrics = [
        {"name": f"{kind}_{i}", "kind": kind, "critical": True, "margin": 0.0}
        for kind, size in sizes.items()
        for i in range(size)
    ]
    return cs.Policy.parse({"metrics": metrics, "error_budget": {"false_rollback": BUDGET}})


def pairs_of(kind, drawn, first, ticks):
    """The rollout and the history of every metric of a kind."""
    clock = first + INTERVAL * np.arange(ticks)
    past = first - INTERVAL * np.arange(HISTORY, 0, -1)
    edges = np.append(fleet.EDGES, np.inf)
    for i in range(len(drawn.canary)):
        now = drawn.canary[i, :ticks], drawn.baseline[i, :ticks]
        before = tuple(side[i, -HISTORY:] for side in drawn.history)
        yield tuple(
            _pair(f"{kind}_{i}", kind, sides, times, edges)
            for sides, times in ((now, clock), (before, past))
        )


def _pair(name, kind, sides, times, edges):
    canary, baseline = sides
    if kind == "gauge":
        return cs.Pair.gauge(name, canary=canary, baseline=baseline, times=times)
    if kind == "counts":
        columns = [(side[:, 0], side[:, 1]) for side in sides]
        return cs.Pair.counts(name, canary=columns[0], baseline=columns[1], times=times)
    return cs.Pair.histogram(
        name, upper_bounds=edges, canary=canary, baseline=baseline, times=times
    )


def judged(name, part, sizes=fleet.SIZES, ticks=TICKS):
    """The verdict on one healthy rollout."""
    rng = np.random.default_rng([SEED, 17, list(fleet.DRAWS).index(name), part])
    now, before = [], []
    for kind, size in sizes.items():
        drawn = fleet.BY_KIND[kind](rng, 1, size, fleet.DRAWS[name][1][kind])
        for pair, past in pairs_of(kind, drawn, 1.7e9, ticks):
            now.append(pair)
            before.append(past)
    return cs.judge(now, policy(sizes), share=fleet.SHARE, history=before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--seconds", type=float, default=np.inf, help="stop after so long")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked, rows = parser.parse_args(), []
    for name, (about, _) in fleet.DRAWS.items():
        start, said = time.time(), {"rollback": 0, "hold": 0, "promote": 0}
        for part in range(asked.replications):
            if time.time() - start > asked.seconds / len(fleet.DRAWS):
                break
            said[judged(name, part).decision] += 1
        runs = sum(said.values())
        rows.append({"id": name, "about": about, "runs": runs, "said": said})
        bound = 100 * upper(said["rollback"], runs)
        print(rows[-1], f"bound {bound:.2f} %", f"{time.time() - start:.0f} s", flush=True)
    if asked.keep:
        results.write("fleet_judged", {"budget": BUDGET, "ticks": TICKS, "rows": rows})


if __name__ == "__main__":
    main()
