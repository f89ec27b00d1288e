"""Complete rollouts under all eight triggers, through the judge.

Every rollout is followed as a looker at every tick would: whether the rules with their evidence
ever roll back, and whether the rules as they are written do. A sample is judged by `cs.judge`
itself, which latches a rollback, and must agree to the tick.

Run ``python -m benchmarks.calibration.rollouts --keep``. It writes results/rollouts.json; without
``--keep`` it only prints.
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
from benchmarks.calibration.rollback import (
    as_written,
    begun,
    folds_of,
    literal_conditions,
    reached,
    with_evidence,
)
from benchmarks.calibration.scenarios import HISTORY, SEED, TICKS

import canarystats as cs
from canarystats.metric import Metric

SHARE = 0.05
INTERVAL = 15.0
START = 1.7e9
MEDIAN_SECONDS = 0.1
EDGES = 2.0 ** (np.arange(-4, 11) / 2)  # times the median
GIB = 2.0**30
EVENTS = ("byzantine_events", "integrity_violations", "breaker_trips")
BOUNDS = MEDIAN_SECONDS * np.append(EDGES, np.inf)
DECISIONS = ("promote", "hold", "rollback")
AT_ONCE = 20
ROLLOUTS, JUDGED = 100, 4  # rollouts a cell, and how many of them also through the judge
HARD = 300  # the fewest that can bound a rate by 1 %
ONSET = 100


@dataclass(frozen=True)
class Cell:
    """A service, and what happens to its canary."""

    name: str
    per_second: float = 100.0
    error_rate: float = 0.01
    fano: float = 1.0
    wander: float = 0.0  # of each side's log rates, an AR(0.9) of that standard deviation
    pods: int = 1  # a side, of the gauge
    memory: float = 0.9  # of the gauge: its AR coefficient
    pod_effect: float = 0.0  # of the gauge, lasting, in sigma
    margin: float | None = None  # of the gauge; None for the policy's default
    change: Change = HEALTHY
    leak: float = 0.0  # share of the memory limit, a tick
    gauge: bool = False  # whether a critical gauge is compared as well
    ticks: int = TICKS


def healthy_cells():
    for per_second in (100.0, 1000.0):
        for error_rate in (0.001, 0.01):
            for fano in (1.0, 2.0, 5.0):
                name = f"{per_second:g} req/s, {error_rate:.1%} errors, Fano {fano:g}"
                yield Cell(name, per_second, error_rate, fano, gauge=True)


def hard_cells():
    """Healthy services of which a single claim errs too often where no history is known."""
    for error_rate in (0.001, 0.01):
        for name, shape in (("Fano 20", {"fano": 20.0}), ("wandering", {"wander": 0.6})):
            told = f"100 req/s, {error_rate:.1%} errors, {name}"
            yield Cell(told, 100.0, error_rate, gauge=True, **shape)


def gauge_cells():
    """Healthy services whose gauge is what a claim by itself errs at without a history."""
    for margin, where in ((None, ""), (0.0, ", no margin")):
        yield Cell(f"AR(0.95) gauge{where}", gauge=True, memory=0.95, margin=margin)
        for effect in (0.2, 0.4):
            told = f"pods {effect:g} sigma apart, 3 a side{where}"
            yield Cell(told, gauge=True, memory=0.6, pods=3, pod_effect=effect, margin=margin)
    yield Cell("pods 0.4 sigma apart, 1 a side", gauge=True, memory=0.6, pod_effect=0.4)


def regression_cells():
    late = {"onset": ONSET}
    for cell in (
        Cell("outage", change=Change(ratio=1e9, **late)),
        Cell("3x errors", change=Change(ratio=3.0, **late)),
        Cell("2x latency", change=Change(scale=2.0, **late)),
        Cell("3x latency", change=Change(scale=3.0, **late)),
        Cell("throughput -40 %", change=Change(traffic=0.6, **late)),
        Cell("gauge +10 %", change=Change(shift=1.0, **late), gauge=True),
        Cell("gauge +10 %, 3 pods a side", change=Change(shift=1.0, **late), gauge=True, pods=3),
        Cell("gauge +25 %", change=Change(shift=2.5, **late), gauge=True),
        Cell("gauge +50 %", change=Change(shift=5.0, **late), gauge=True),
        Cell("memory leak", leak=0.002),
    ):
        yield replace(cell, ticks=500)


TABLES = {
    "healthy": healthy_cells,
    "hard": hard_cells,
    "hard_gauges": gauge_cells,
    "regressions": regression_cells,
}
HARD_ONES = ("hard", "hard_gauges")


def policy(cell):
    """The preset, and where the cell has it one critical gauge that is compared."""
    preset = cs.load_policy("eight-triggers")
    if not cell.gauge:
        return preset
    cpu = Metric(
        name="cpu_cores",
        kind="gauge",
        unit="1",
        harmful="increase",
        critical=True,
        margin=cell.margin,
    )
    return preset.replace(metrics=(*preset.metrics, cpu))


def drawn(cell, rng, rows):
    """The metrics of some rollouts, each shape (rows, ticks, columns) a side, by name."""
    requests = cell.per_second * INTERVAL
    flow = {"requests": requests, "diurnal": 0.5, "fano": cell.fano, "wander": cell.wander}
    made = {
        "requests": counts(
            SHARE, errors=requests * cell.error_rate, request_fano=cell.fano, **flow
        ),
        "latency_seconds": histogram(SHARE, edges=EDGES, **flow),
        "cpu_cores": gauge(
            ar(cell.memory), diurnal=1.0, pods=cell.pods, pod_effect=cell.pod_effect
        ),
        "memory_bytes": gauge(ar(0.95), pods=2),
    }
    return {name: draw(rng, rows, cell.ticks, HISTORY, cell.change) for name, draw in made.items()}


def pairs_of(cell, data, row):
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
        pairs.append(
            cs.Pair.histogram(
                "latency_seconds",
                upper_bounds=BOUNDS,
                canary=slow[0],
                baseline=slow[1],
                times=times,
            )
        )
        if cell.gauge:
            ours, theirs = sides(data["cpu_cores"])
            pairs.append(cs.Pair.gauge("cpu_cores", canary=ours, baseline=theirs, times=times))
    used = used_share(cell, data)[row]
    other = 0.5 * data["memory_bytes"].baseline[row] / LEVEL
    times = START + INTERVAL * np.arange(cell.ticks)
    found.append(
        cs.Pair.gauge(
            "memory_bytes", canary=GIB * used, baseline=GIB * other, limit=GIB, times=times
        )
    )
    found += [cs.Pair.events(name, canary=np.zeros(cell.ticks), times=times) for name in EVENTS]
    return found, before


def followed(cell, data, history):
    """What the rules with evidence say of every row: first ticks and rules; history or none."""
    rows = len(data["requests"].canary)
    claims = {}
    for name, fold in folds_of(policy(cell), BOUNDS).items():
        pairs = [past.get(name) for past in history] if history else [None] * rows
        claims |= reached(fold, begun(fold, pairs), data[name], SHARE)
    conditions = literal_conditions(data, used_share(cell, data), SHARE, BOUNDS)
    return with_evidence(conditions, claims), as_written(conditions)


def used_share(cell, data):
    """The share of its limit that each canary pod uses, shape (rows, ticks, pods)."""
    plain = 0.5 * data["memory_bytes"].canary / LEVEL
    return plain + cell.leak * np.arange(cell.ticks)[:, None]


def measured(task):
    """What became of some rollouts of a cell: a dictionary each."""
    cell, part, judged = task
    rng = np.random.default_rng([SEED, zlib.crc32(cell.name.encode()), part])
    data = drawn(cell, rng, AT_ONCE)
    both = [pairs_of(cell, data, row) for row in range(AT_ONCE)]
    past = [{pair.name: pair for pair in before} for _, before in both]
    (with_past, by), (plain, plain_by) = followed(cell, data, past)
    (without, other), _ = followed(cell, data, None)
    found = []
    for row in range(AT_ONCE):
        outcome = {
            "with_history_at": with_past[row],
            "with_history_by": by[row],
            "without_history_at": without[row],
            "without_history_by": other[row],
            "literal_at": plain[row],
            "literal_by": plain_by[row],
        }
        if row < judged:
            outcome["said"] = said = {}
            for key, history in (("with_history", both[row][1]), ("without_history", ())):
                verdict = cs.judge(both[row][0], policy(cell), share=SHARE, history=history)
                said[key] = verdict.decision.value
                if _ticks(verdict.decided_at) != outcome[key + "_at"]:
                    told = f"{cell.name}, {part}, {row}, {key}: {verdict.reason} {outcome}"
                    raise AssertionError(told)
        found.append(outcome)
    return found


def _ticks(decided_at):
    return np.inf if decided_at is None else round((decided_at - START) / INTERVAL)


def tallied(cell, outcomes, *, healthy):
    """One row of the table."""
    said = [outcome["said"] for outcome in outcomes if "said" in outcome]
    row = {"cell": cell.name, "rollouts": len(outcomes), "ticks": cell.ticks, "judged": len(said)}
    for key in ("with_history", "without_history", "literal"):
        at = [outcome[key + "_at"] for outcome in outcomes]
        by = [outcome[key + "_by"] for outcome in outcomes if outcome[key + "_by"]]
        row[key] = {"rollback": len(by), "by": {name: by.count(name) for name in sorted(set(by))}}
        if key != "literal":
            words = [verdict[key] for verdict in said]
            row[key]["said"] = {word: words.count(word) for word in DECISIONS}
        if not healthy:
            row[key] |= _delays(at, cell)
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
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="a cell")
    parser.add_argument(
        "--judged", type=int, default=JUDGED, help="of a cell, by the judge as well"
    )
    parser.add_argument("--hard", type=int, default=HARD, help="rollouts a cell of the hard ones")
    parser.add_argument("--only", nargs="*", default=list(TABLES), choices=TABLES, help="tables")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    tables, start = results.read("rollouts", {}), time.time()
    tables |= {"seed": SEED, "history": HISTORY}
    with get_context("spawn").Pool(asked.processes) as pool:
        for table in asked.only:
            tables[table] = []
            parts = -(-(asked.hard if table in HARD_ONES else asked.rollouts) // AT_ONCE)
            for cell in TABLES[table]():
                tasks = [(cell, part, 0 if part else asked.judged) for part in range(parts)]
                outcomes = [one for some in pool.imap(measured, tasks) for one in some]
                row = tallied(cell, outcomes, healthy=table != "regressions")
                print(row, f"{time.time() - start:.0f} s", flush=True)
                tables[table].append(row)
                if asked.keep:
                    results.write("rollouts", tables)
    for table in set(asked.only) - {"regressions"}:
        _sum_up(table, tables[table])


def _sum_up(table, rows):
    runs = sum(row["rollouts"] for row in rows)
    for key in ("with_history", "without_history", "literal"):
        hits = sum(row[key]["rollback"] for row in rows)
        print(f"{table}, {key}: {hits} of {runs}, at most {100 * upper(hits, runs):.2f} %")


if __name__ == "__main__":
    main()
