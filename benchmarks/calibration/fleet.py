"""N17: 150 correlated metrics of one healthy rollout, under one error budget.

Metrics of a kind share a part of their noise, canary with canary and baseline with baseline, so
that any two of them correlate by 0.3 within a side. Every metric is critical, and its level comes
from `sequential.budget`. Beside it stand the ways that know no budget: each metric at 5 % by
itself, and a paired z test of each looked at after every tick.

Run ``python -m benchmarks.calibration.fleet --keep``. It writes results/fleet.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import time
from multiprocessing import get_context

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.draws import LEVEL, QUANTILES, SIGMA, Drawn
from benchmarks.calibration.methods import evidence_paths
from benchmarks.calibration.processes import autoregressive, clumps
from benchmarks.calibration.rivals import FIRST, values
from benchmarks.calibration.scenarios import HISTORY, SEED, TICKS
from scipy.special import ndtri

from canarystats.policy import Policy
from canarystats.sequential.budget import levels

REPLICATIONS, AT_ONCE = 500, 10
LEVELS = (0.05, 0.01)
SIZES = {"counts": 60, "gauge": 60, "histogram": 30}
CORRELATION = 0.3
SHARE, REQUESTS, ERRORS = 0.1, 1500.0, 2.0
TAIL = np.diff([0.0, *QUANTILES[[0, 2, 4]], 1.0])  # p50, p90, p99
EDGES = np.exp(0.6 * ndtri(QUANTILES[[0, 2, 4]]))


def shared_counts(rng, rows, size, ticks, mean, fano):
    """Counts of `size` metrics with a common part; shape (rows * size, ticks)."""
    common = clumps(rng, np.full((rows, 1, ticks), CORRELATION * mean), fano)
    own = clumps(rng, np.full((rows, size, ticks), (1 - CORRELATION) * mean), fano)
    return (common + own).reshape(rows * size, ticks)


def counts(rng, rows, size, fano):
    def side(part, ticks):
        happened = shared_counts(rng, rows, size, ticks, part * ERRORS, fano)
        exposure = rng.poisson(part * REQUESTS, (rows * size, ticks))
        return np.stack([np.minimum(happened, exposure), exposure], 2).astype(float)

    past = tuple(side(0.5 * (1 - SHARE), HISTORY) for _ in range(2))
    now = side(SHARE, TICKS), side(1 - SHARE, TICKS)
    return Drawn(*now, np.full(TICKS, SHARE), past)


def histogram(rng, rows, size, fano):
    def side(part, ticks):
        buckets = [
            shared_counts(rng, rows, size, ticks, part * REQUESTS * mean, fano if slow else 1)
            for slow, mean in enumerate(TAIL)
        ]
        return np.stack(buckets, 2)

    past = tuple(side(0.5 * (1 - SHARE), HISTORY) for _ in range(2))
    return Drawn(side(SHARE, TICKS), side(1 - SHARE, TICKS), np.full(TICKS, SHARE), past, EDGES)


def gauge(rng, rows, size, phi):
    def side(ticks):
        common = autoregressive(rng, rows, ticks, (phi,))[:, None, :]
        own = autoregressive(rng, rows * size, ticks, (phi,)).reshape(rows, size, ticks)
        mixed = np.sqrt(CORRELATION) * common + np.sqrt(1 - CORRELATION) * own
        return LEVEL + SIGMA * mixed.reshape(rows * size, ticks, 1)

    return Drawn(side(TICKS), side(TICKS), history=(side(HISTORY), side(HISTORY)))


DRAWS = {
    "N17-plain": ("Poisson counts, AR(0.6) gauges", {"counts": 1, "histogram": 1, "gauge": 0.6}),
    "N17-rough": (
        "Fano 2 counts and slow requests, AR(0.9) gauges",
        {"counts": 2, "histogram": 2, "gauge": 0.9},
    ),
}
BY_KIND = {"counts": counts, "histogram": histogram, "gauge": gauge}


def metric_levels(alpha):
    """The level of every metric of the fleet, from the budget of a policy that has them."""
    metrics = [
        {"name": f"{kind}_{i}", "kind": kind, "critical": True}
        for kind, size in SIZES.items()
        for i in range(size)
    ]
    budget = {"false_rollback": alpha}
    policy = Policy.model_validate({"metrics": metrics, "triggers": [], "error_budget": budget})
    return {claim.metric: level for claim, level in levels(policy).items()}


def naive(kind, drawn):
    """Whether a paired z test, one-sided at 5 %, ever rejects; shape (rows,)."""
    x, y = values(kind, drawn)
    d, n = x - y, np.arange(1, x.shape[1] + 1)
    mean = np.cumsum(d, axis=1) / n
    spread = np.sqrt(np.maximum(np.cumsum(d**2, axis=1) / n - mean**2, 1e-300))
    return (mean / spread * np.sqrt(n) > -ndtri(0.05))[:, FIRST:].any(axis=1)


def measured(task):
    """How many of the rollouts of a part are ever rejected, by whom."""
    name, part, rows = task
    rng = np.random.default_rng([SEED, list(DRAWS).index(name), part])
    by_budget, by_each = np.zeros((len(LEVELS), rows), dtype=bool), np.zeros(rows, dtype=bool)
    by_z = np.zeros(rows, dtype=bool)
    for kind, size in SIZES.items():
        drawn = BY_KIND[kind](rng, rows, size, DRAWS[name][1][kind])
        top = evidence_paths(kind, drawn).max(axis=1).reshape(rows, size)
        for at, alpha in enumerate(LEVELS):
            share = metric_levels(alpha)
            bounds = -np.log([share[f"{kind}_{i}"] for i in range(size)])
            by_budget[at] |= (top >= bounds).any(axis=1)
        by_each |= (top >= -np.log(0.05)).any(axis=1)
        by_z |= naive(kind, drawn).reshape(rows, size).any(axis=1)
    return by_budget.sum(axis=1), by_each.sum(), by_z.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    rows, start, parts = [], time.time(), -(-asked.replications // AT_ONCE)
    with get_context("spawn").Pool(asked.processes) as pool:
        for name, (about, _) in DRAWS.items():
            found = pool.map(measured, [(name, part, AT_ONCE) for part in range(parts)], 1)
            budget, each, z = (sum(column) for column in zip(*found, strict=True))
            runs = parts * AT_ONCE
            row = {"id": name, "about": about, "runs": runs, "budget": budget.tolist()}
            rows.append(row | {"each": int(each), "naive": int(z)})
            bounds = [round(100 * upper(hits, runs), 2) for hits in budget.tolist()]
            print(rows[-1], bounds, f"{time.time() - start:.0f} s", flush=True)
    if asked.keep:
        results.write("fleet", {"seed": SEED, "levels": LEVELS, "rows": rows})


if __name__ == "__main__":
    main()
