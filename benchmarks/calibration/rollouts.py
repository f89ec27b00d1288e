"""Complete rollouts under all eight triggers, through the judge.

Every rollout is judged as a looker at every tick would have: a rollback latches, so one verdict
over the whole of it tells whether there ever was one. The same data are also read literally, as
the rules are written, without evidence.

Run ``python -m benchmarks.calibration.rollouts --keep``. It writes results/rollouts.json; without
``--keep``
it only prints.
"""

from __future__ import annotations

import argparse
import time
import zlib
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.draws import HEALTHY, LEVEL, Change, ar, counts, gauge, histogram
from benchmarks.calibration.rivals import first_held, trailing
from benchmarks.calibration.scenarios import HISTORY, SEED, TICKS

import canarystats as cs
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.metric import Metric

SHARE = 0.05
INTERVAL = 15.0
START = 1.7e9
MEDIAN_SECONDS = 0.1
EDGES = 2.0 ** (np.arange(-4, 11) / 2)  # times the median
GIB = 2.0**30
EVENTS = ("byzantine_events", "integrity_violations", "breaker_trips")
AT_ONCE = 4
OF_HEALTHY, OF_REGRESSIONS = 48, 48  # rollouts a cell
ONSET = 100


@dataclass(frozen=True)
class Cell:
    """A service, and what happens to its canary."""

    name: str
    per_second: float = 100.0
    error_rate: float = 0.01
    fano: float = 1.0
    change: Change = HEALTHY
    leak: float = 0.0  # share of the memory limit, a tick
    ticks: int = TICKS


def healthy_cells():
    for per_second in (100.0, 1000.0):
        for error_rate in (0.001, 0.01):
            for fano in (1.0, 2.0, 5.0):
                name = f"{per_second:g} req/s, {error_rate:.1%} errors, Fano {fano:g}"
                yield Cell(name, per_second, error_rate, fano)


def regression_cells():
    late = {"onset": ONSET}
    for cell in (
        Cell("outage", change=Change(ratio=1e9, **late)),
        Cell("3x errors", change=Change(ratio=3.0, **late)),
        Cell("2x latency", change=Change(scale=2.0, **late)),
        Cell("3x latency", change=Change(scale=3.0, **late)),
        Cell("throughput -40 %", change=Change(traffic=0.6, **late)),
        Cell("gauge +1 sigma", change=Change(shift=1.0, **late)),
        Cell("memory leak", leak=0.002),
    ):
        yield replace(cell, ticks=500)


def policy():
    """The preset, and one critical gauge that is compared."""
    preset = cs.load_policy("eight-triggers")
    cpu = Metric(name="cpu_cores", kind="gauge", unit="1", harmful="increase", critical=True)
    return preset.replace(metrics=(*preset.metrics, cpu))


def drawn(cell, rng, rows):
    """The metrics of some rollouts, each shape (rows, ticks, columns) a side, by name."""
    requests = cell.per_second * INTERVAL
    flow = {"requests": requests, "diurnal": 0.5, "fano": cell.fano}
    made = {
        "requests": counts(
            SHARE, errors=requests * cell.error_rate, request_fano=cell.fano, **flow
        ),
        "latency_seconds": histogram(SHARE, edges=EDGES, **flow),
        "cpu_cores": gauge(ar(0.9), diurnal=1.0),
        "memory_bytes": gauge(ar(0.95), pods=2),
    }
    return {name: draw(rng, rows, cell.ticks, HISTORY, cell.change) for name, draw in made.items()}


def pairs_of(cell, data, row, rng):
    """The pairs of one rollout, and those of its history."""
    found, before = [], []
    for pairs, ticks, sides in (
        (found, cell.ticks, lambda d: (d.canary[row], d.baseline[row])),
        (before, HISTORY, lambda d: (d.history[0][row], d.history[1][row])),
    ):
        first = START if pairs is found else START - INTERVAL * HISTORY
        times = first + INTERVAL * np.arange(ticks)
        errors = [(s[:, 0], s[:, 1]) for s in sides(data["requests"])]
        pairs.append(cs.Pair.counts("requests", canary=errors[0], baseline=errors[1], times=times))
        slow = sides(data["latency_seconds"])
        bounds = MEDIAN_SECONDS * np.append(EDGES, np.inf)
        pairs.append(
            cs.Pair.histogram(
                "latency_seconds",
                upper_bounds=bounds,
                canary=slow[0],
                baseline=slow[1],
                times=times,
            )
        )
        cores = sides(data["cpu_cores"])
        pairs.append(cs.Pair.gauge("cpu_cores", canary=cores[0], baseline=cores[1], times=times))
    share_of_limit = 0.005 * data["memory_bytes"].canary[row] / LEVEL * 100
    used = share_of_limit + cell.leak * np.arange(cell.ticks)[:, None]
    other = 0.005 * data["memory_bytes"].baseline[row]
    times = START + INTERVAL * np.arange(cell.ticks)
    found.append(
        cs.Pair.gauge(
            "memory_bytes", canary=GIB * used, baseline=GIB * other, limit=GIB, times=times
        )
    )
    for name in EVENTS:
        happened = rng.poisson(0.01 if name == "breaker_trips" else 0.0, cell.ticks)
        found.append(cs.Pair.events(name, canary=happened.astype(float), times=times))
    return found, before


def literally(pairs):
    """The first tick at which a rule fires as it is written; infinite where none does."""
    requests, latency, _, memory = pairs[:4]
    canary, baseline = (trailing(side[None])[0] for side in (requests.canary, requests.baseline))
    rate = canary[:, 0] * baseline[:, 1] > 1.5 * baseline[:, 0] * canary[:, 1]
    absolute = canary[:, 0] > 0.03 * canary[:, 1]
    success = canary[:, 0] > 0.05 * canary[:, 1]
    low = canary[:, 1] < 0.8 * baseline[:, 1] * SHARE / (1 - SHARE)
    sides = (trailing(side[None])[0] for side in (latency.canary, latency.baseline))
    ours, theirs = (interpolated_quantile(latency.upper_bounds, side, 0.99) for side in sides)
    full = (memory.canary > 0.95 * memory.limit).any(axis=1)
    held = ((rate, 20), (absolute, 20), (success, 12), (low, 40), (ours > 2 * theirs, 20))
    first = [first_held(true[None], ticks)[0] for true, ticks in (*held, (full, 20))]
    return float(min(first)) if min(first) < len(rate) else np.inf


def judged(task):
    """What became of some rollouts of a cell: one dictionary each."""
    cell, part = task
    rng = np.random.default_rng([SEED, zlib.crc32(cell.name.encode()), part])
    data, found = drawn(cell, rng, AT_ONCE), []
    for row in range(AT_ONCE):
        pairs, history = pairs_of(cell, data, row, rng)
        outcome = {"cell": cell.name, "literal": literally(pairs)}
        for key, past in (("with_history", history), ("without_history", ())):
            verdict = cs.judge(pairs, policy(), share=SHARE, history=past)
            outcome[key] = verdict.decision.value
            outcome[key + "_at"] = _ticks(verdict.decided_at)
            causes = [f.trigger for f in verdict.firings if f.action == "rollback"]
            outcome[key + "_by"] = causes[0] if causes else ""
        found.append(outcome)
    return found


def _ticks(decided_at):
    return np.inf if decided_at is None else round((decided_at - START) / INTERVAL)


def tallied(cell, outcomes, *, healthy):
    """One row of the table."""
    row = {"cell": cell.name, "rollouts": len(outcomes), "ticks": cell.ticks}
    for key in ("with_history", "without_history"):
        decisions = [outcome[key] for outcome in outcomes]
        row[key] = {decision.value: decisions.count(decision.value) for decision in cs.Decision}
        by = [outcome[key + "_by"] for outcome in outcomes if outcome[key + "_by"]]
        row[key]["by"] = {name: by.count(name) for name in sorted(set(by))}
        if not healthy:
            row[key] |= _delays([outcome[key + "_at"] for outcome in outcomes], cell)
    first = [outcome["literal"] for outcome in outcomes]
    row["literal"] = {"rollback": int(np.isfinite(first).sum())}
    if not healthy:
        row["literal"] |= _delays(first, cell)
    return row


def _delays(at, cell):
    """Ticks of data of the regression that it took, among rollbacks after its onset."""
    onset = 0 if cell.leak else cell.change.onset
    delays = np.array([tick - onset + 1 for tick in at if np.isfinite(tick) and tick >= onset])
    if not delays.size:
        return {"found": 0}
    return {
        "found": int(delays.size),
        "early": int(sum(np.isfinite(tick) and tick < onset for tick in at)),
        "mean": round(float(delays.mean()), 1),
        "median": float(np.median(delays)),
        "p90": float(np.quantile(delays, 0.9)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=OF_HEALTHY, help="a cell")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    parts = -(-asked.rollouts // AT_ONCE)
    tables, start = {}, time.time()
    with get_context("spawn").Pool(asked.processes) as pool:
        for table, cells in (("healthy", healthy_cells()), ("regressions", regression_cells())):
            tables[table] = []
            for cell in cells:
                tasks = [(cell, part) for part in range(parts)]
                found = pool.imap(judged, tasks)
                outcomes = [outcome for some in found for outcome in some]
                row = tallied(cell, outcomes, healthy=table == "healthy")
                print(row, f"{time.time() - start:.0f} s", flush=True)
                tables[table].append(row)
    for key in ("with_history", "without_history", "literal"):
        hits = sum(row[key]["rollback"] for row in tables["healthy"])
        runs = sum(row["rollouts"] for row in tables["healthy"])
        print(f"{key}: {hits} of {runs} healthy, at most {100 * upper(hits, runs):.2f} %")
    if asked.keep:
        results.write("rollouts", {"seed": SEED, "history": HISTORY, **tables})


if __name__ == "__main__":
    main()
