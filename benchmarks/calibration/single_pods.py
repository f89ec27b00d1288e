"""One pod a side: what a gauge's own test does with the default margins, and what these cost.

A lasting difference of two single pods looks like a change, and nothing in one pod a side tells
them apart, so the default policy takes 15 % of the baseline for ordinary while nothing shows how
far pods differ (`pod_difference`). How often a healthy canary is rejected with it and without it;
and how soon one that is higher for good is found.

Run ``python -m benchmarks.calibration.single_pods --keep``. It writes results/single_pods.json;
without ``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.methods import GaugeMethod, first_reached, paths_of
from benchmarks.calibration.scenarios import HISTORY, SCENARIOS, TICKS, chunks

from canarystats.metric import POD_DIFFERENCE
from canarystats.sequential.gauge import Gauge

IDS = [name for name in SCENARIOS if name.startswith("N7") and name.endswith("-x1")]
HARMED, HIGHER = "N2-ar06", (1.1, 1.25, 1.5, 2.0)
MARGIN, LEVEL = 0.05, 0.01
ASSUMED = (0.0, POD_DIFFERENCE)
HEALTHY_RUNS, HARMED_RUNS = 2000, 200


class DefaultGauge(GaugeMethod):
    """Whether the canary's gauge lies higher, as a policy asks."""

    def __init__(self, assumed):
        self.design = Gauge(
            "gauge",
            harmful="increase",
            margin=MARGIN,
            allowed=MARGIN,
            batch=40,
            pod_difference=assumed,
        )


def first_ticks(name, runs, assumed, history, times=1.0):
    """When each rollout is rejected, in ticks; inf where never."""
    found = []
    for drawn in chunks(name, runs, history=history):
        higher = replace(drawn, canary=drawn.canary * times)
        paths = paths_of(DefaultGauge(assumed), higher, with_history=history > 0)
        found.append(first_reached(paths, (LEVEL,))[0])
    return np.concatenate(found)


def healthy(name, runs):
    """How many of the healthy are rejected, a number for each assumption."""
    row = {"id": name, "about": SCENARIOS[name].about, "runs": runs}
    for key, history in (("with_history", HISTORY), ("without_history", 0)):
        row[key] = [
            int(np.isfinite(first_ticks(name, runs, assumed, history)).sum()) for assumed in ASSUMED
        ]
    print(row, [f"{100 * upper(hits, runs):.2f}" for hits in row["with_history"]], flush=True)
    return row


def harmed(times, runs):
    """The median tick of a call and the share called, for each assumption."""
    row = {"times": times, "runs": runs}
    for key, history in (("with_history", HISTORY), ("without_history", 0)):
        row[key] = []
        for assumed in ASSUMED:
            ticks = first_ticks(HARMED, runs, assumed, history, times)
            called = float(np.isfinite(ticks).mean())
            middle = float(np.median(ticks))
            row[key].append({"called": called, "median": middle if middle < np.inf else None})
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=HEALTHY_RUNS)
    parser.add_argument("--harmed", type=int, default=HARMED_RUNS, help="replications")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked = parser.parse_args()
    found = {
        "level": LEVEL,
        "margin": MARGIN,
        "assumed": ASSUMED,
        "ticks": TICKS,
        "healthy": [healthy(name, asked.replications) for name in IDS],
        "harmed": [harmed(times, asked.harmed) for times in HIGHER],
    }
    if asked.keep:
        results.write("single_pods", found)


if __name__ == "__main__":
    main()
