"""CPU microseconds a metric and tick at any number of looks, and bytes of state.

Run ``python benchmarks/speed/sequential.py [--rivals PYTHON]``. One thread. ``PYTHON`` is an
interpreter of an environment with ville and savvi; without it they are left out. Every figure is
the least of several runs of one process each has to itself; the ratios are of figures of one run.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, mannwhitneyu

from canarystats.evidence import Question
from canarystats.sequential.counts import Counts, Test
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.histogram import Histogram
from canarystats.state import pack

TICKS, REPEATS = 300, 5
FLEET = 50  # metrics of each kind
SHARE = 0.1
EDGES = 0.1 * 2.0 ** (np.arange(-4, 8) / 2)
AIM_MILLIS, AIM_BYTES = 3.0, 4096
RESULTS = Path(__file__).resolve().parents[1] / "calibration" / "results" / "speed.json"


def counts_design():
    return Counts(
        "errors",
        [
            Test("worse", Question.WORSE, "arms", 1.0, True),
            Test("beyond", Question.BEYOND, "arms", 1.5, True),
            Test("not_worse", Question.NOT_WORSE, "arms", 1.5, False),
        ],
        dated=True,
    )


def histogram_design():
    return Histogram("latency", np.append(EDGES, np.inf), dated=True)


def gauge_design():
    return Gauge("cores", harmful="increase", margin=0.05, allowed=0.05, batch=40)


def follow_counts(size):
    rng, design = np.random.default_rng(0), counts_design()
    canary, baseline = (
        np.stack([rng.poisson(2 * part, (TICKS, size)), rng.poisson(1500 * part, (TICKS, size))], 2)
        for part in (SHARE, 1 - SHARE)
    )
    sides = canary.astype(float), baseline.astype(float)
    return design, sides, lambda state, x, y, at: design.step(state, x, y, SHARE, at)


def follow_histogram(size):
    rng, design = np.random.default_rng(1), histogram_design()
    shares = rng.dirichlet(np.ones(len(EDGES) + 1))
    sides = [
        rng.poisson(1500 * part * shares, (TICKS, size, len(shares))).astype(float)
        for part in (SHARE, 1 - SHARE)
    ]
    return design, sides, design.step


def follow_gauge(size):
    rng, design = np.random.default_rng(2), gauge_design()
    sides = 100 + 10 * rng.standard_normal((2, TICKS, size, 1))
    return design, sides, design.step


KINDS = {"counts": follow_counts, "histogram": follow_histogram, "gauge": follow_gauge}


def stepped(followed, size):
    """CPU microseconds a tick of all rows, log e-values included; and the last state."""
    design, (canary, baseline), step = followed
    state = design.begin(size)
    start = time.process_time()
    for t in range(TICKS):
        state = step(state, canary[t], baseline[t], 15.0 * t)
        design.log_e(state)
    return (time.process_time() - start) / TICKS * 1e6, state


def bytes_of(state):
    return len(json.dumps(pack(state)).encode())


def scipy_binomial():
    """An exact test of all errors so far, at every tick."""
    rng = np.random.default_rng(3)
    seen = np.cumsum(rng.poisson([0.2, 1.8], (TICKS, 2)), axis=0)
    start = time.process_time()
    for ours, theirs in seen[10:].tolist():
        binomtest(ours, ours + theirs, SHARE, alternative="greater")
    return (time.process_time() - start) / (TICKS - 10) * 1e6


def scipy_ranks():
    """A Mann-Whitney test of all values so far, at every tick."""
    x, y = np.random.default_rng(4).normal(size=(2, TICKS))
    start = time.process_time()
    for t in range(20, TICKS):
        mannwhitneyu(x[:t], y[:t], alternative="greater")
    return (time.process_time() - start) / (TICKS - 20) * 1e6


def of_rivals(python):
    if not python:
        return {}
    script = Path(__file__).with_name("sequential_rivals.py")
    done = subprocess.run([python, script, str(TICKS)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measured(python):
    """The least of the repeats of everything, interleaved: microseconds by name; state bytes."""
    least, size_of = {}, {}

    def keep(name, micros):
        least[name] = min(least.get(name, np.inf), micros)

    for _ in range(REPEATS):
        whole = 0.0
        for kind, follow in KINDS.items():
            micros, state = stepped(follow(1), 1)
            keep(f"{kind}, singly", micros)
            size_of[f"{kind}, singly"] = bytes_of(state)
            micros, state = stepped(follow(FLEET), FLEET)
            keep(f"{kind}, {FLEET} at once", micros / FLEET)
            size_of[f"{kind}, {FLEET} at once"] = round(bytes_of(state) / FLEET)
            whole += micros
        keep("all 150", whole)
        keep("scipy binomtest", scipy_binomial())
        keep("scipy mannwhitneyu", scipy_ranks())
        for name, micros in of_rivals(python).items():
            keep(name, micros)
    return least, size_of


OURS = {
    "scipy binomtest": "counts, singly",
    "savvi Multinomial, e-value": "counts, singly",
    "savvi Multinomial, interval": "counts, singly",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rivals", default="", help="a Python with ville and savvi")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked = parser.parse_args()
    least, size_of = measured(asked.rivals)
    whole = least.pop("all 150")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    print(f"150 metrics, 50 of each kind: {whole / 1e3:.2f} ms a tick (aim {AIM_MILLIS:g})")
    rows = []
    for name, micros in least.items():
        kind = name.split(",")[0]
        ours = f"{kind}, singly" if kind in KINDS else OURS.get(name, "gauge, singly")
        row = {"what": name, "micros": round(micros, 1), "ours": ours}
        row |= {"ratio": round(micros / least[ours], 2), "bytes": size_of.get(name)}
        rows.append(row)
        print(f"{name:30s} {micros:10.1f} us = {row['ratio']:8.2f} x {ours}", row["bytes"] or "")
    if asked.keep:
        RESULTS.parent.mkdir(exist_ok=True)
        found = {"millis_for_150": round(whole / 1e3, 2), "rows": rows}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
