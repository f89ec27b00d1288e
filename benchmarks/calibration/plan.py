"""Planned times beside simulated ones.

Each case is planned by `canarystats.plan` and then simulated: the designs are stepped tick by tick
over drawn data, the literal conditions are read off trailing windows, and a rule fires as its gate
says. The history of each case is drawn once, and the plan is given the same.

Run ``python -m benchmarks.calibration.plan --keep``. It writes results/plan.json and the table of
docs/plan.md; without ``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import math
import zlib
from pathlib import Path

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.draws import Change, ar, bucket_shares, gauge
from benchmarks.calibration.scenarios import SEED
from benchmarks.marked import rewrite, table

import canarystats as cs
from canarystats.folds.counts import CountsFold
from canarystats.folds.gauge import GaugeFold
from canarystats.folds.histogram import HistogramFold
from canarystats.folds.setting import Setting
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.plan import GaugeNoise
from canarystats.plan.expected import many
from canarystats.plan.latency import stretched
from canarystats.plan.records import lasting

PAGE = Path(__file__).resolve().parents[2] / "docs" / "plan.md"
REPLICATIONS = 1000
HISTORY = 960
INTERVAL = 15.0
BOUNDS = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, np.inf])
RATES = {
    "name": "rates",
    "min_samples": 0,
    "min_duration": "15s",
    "metrics": [{"name": "requests", "kind": "counts", "critical": True}],
    "triggers": [{"name": "error_rate", "metric": "requests"}],
}
LATENCY = {
    "name": "latency",
    "metrics": [{"name": "latency_seconds", "kind": "histogram", "critical": True}],
    "triggers": [{"name": "latency_p99", "metric": "latency_seconds"}],
}
# A margin of its own, so that nothing is assumed of single pods: the tests are planned here.
QUEUE = {"name": "queue", "kind": "gauge", "critical": True, "margin": 0.05}
GAUGE = {"name": "gauge", "metrics": [QUEUE]}
# share, requests a second, errors out of requests, effect, with history
RATE_CASES = [
    (share, traffic, rate, effect, known)
    for share, traffic, rate in (
        (0.05, 500.0, 0.001),
        (0.05, 100.0, 0.01),
        (0.5, 100.0, 0.001),
        (0.01, 1000.0, 0.01),
        (0.1, 20.0, 0.002),
    )
    for effect in (1.5, 2.0, 3.0, 10.0)
    for known in (False, True)
]
HEALTHY_CASES = [(s, t, r, 1.0, known) for s, t, r, e, known in RATE_CASES if e == 2.0]
LATENCY_CASES = [
    (share, traffic, effect)
    for share, traffic in ((0.05, 100.0), (0.5, 5.0), (0.05, 2000.0))
    for effect in (1.1, 1.25, 2.0, 3.0)
]
# AR(1) coefficient, effect, with history
GAUGE_CASES = [
    (phi, effect, known)
    for phi in (0.0, 0.6)
    for effect in (1.0, 1.1, 1.2, 1.5)
    for known in (False, True)
]
LEVEL, SIGMA = 100.0, 10.0  # of a gauge


def simulated(first):
    """Seconds by which half, and four in five, have been reached."""
    ordered = np.sort(first)
    cuts = (ordered[math.ceil(q * len(ordered)) - 1] for q in (0.5, 0.8))
    return [float(INTERVAL * cut) if np.isfinite(cut) else None for cut in cuts]


def first_true(reached):
    return np.where(reached.any(axis=1), reached.argmax(axis=1) + 1.0, np.inf)


def held(true, ticks):
    """Whether a condition has been true at this look and at all of the last ``ticks`` before."""
    run, found = np.zeros(len(true)), np.zeros(true.shape, dtype=bool)
    for t in range(true.shape[1]):
        run = np.where(true[:, t], run + 1, 0)
        found[:, t] = run > ticks
    return found


def trailing(values, ticks):
    total = np.cumsum(values, axis=1)
    total[:, ticks:] = total[:, ticks:] - total[:, :-ticks].copy()
    return total


def paths(design, state, sides, share):
    """The log e-values after every tick, by claim, shape (rows, ticks)."""
    found = {}
    for t in range(sides[0].shape[1]):
        now = sides[0][:, t], sides[1][:, t]
        more = (share,) if share is not None else ()
        state = design.step(state, *now, *more, INTERVAL * t)
        for claim, value in design.log_e(state).items():
            found.setdefault(claim, []).append(value)
    return {claim: np.stack(values, axis=1) for claim, values in found.items()}


def length(times):
    """Ticks to simulate: enough for the slowest of those planned."""
    longest = max((t for t in times if t is not None and t < 1e6), default=6000.0)
    return min(int(1.8 * longest / INTERVAL) + 60, 6000)


def rate_case(share, traffic, rate, effect, known, runs):
    policy = cs.Policy.parse(RATES)
    about = f"{share:g} of {traffic:g} req/s, {100 * rate:g} % errors, {effect:g}x"
    rng = np.random.default_rng([SEED, zlib.crc32(f"{about}{known}".encode())])
    one, other = share * traffic * INTERVAL, (1 - share) * traffic * INTERVAL
    past = []
    if known:
        served = np.full(HISTORY, (one + other) / 2)
        sides = [(rng.poisson(rate * served), served) for _ in range(2)]
        times = -INTERVAL * np.arange(HISTORY, 0, -1)
        past = [cs.Pair.counts("requests", canary=sides[0], baseline=sides[1], times=times)]
    planned = cs.plan(
        policy, traffic=traffic, share=share, base_error_rate=rate, history=past,
        effects=(effect if effect > 1 else 2.0,),
    ).stages[0]  # fmt: skip
    fold = CountsFold(Setting(policy, policy.metrics[0]))
    begun = fold.begin(past[0] if past else None).counts
    said = {d.trigger: d.times for d in planned.outlooks[0].detections}
    said["proof"] = planned.outlooks[0].proof
    wanted = ["proof"] if effect == 1 else ["error_rate", "harm"]
    ticks = length([said[name].p95 for name in wanted])
    drawn = [
        np.stack([rng.poisson(r * n, (runs, ticks)), np.full((runs, ticks), n)], axis=2)
        for n, r in ((one, rate * effect), (other, rate))
    ]
    drawn = [side.astype(float) for side in drawn]
    found = paths(fold.design, many(begun, runs), drawn, share)
    levels = fold.levels | {"not_worse": fold.setting.proof_level}
    shown = {c: found[c] >= -math.log(level) for c, level in levels.items() if c in found}
    window = round(300 / INTERVAL)
    sums = [trailing(side, window) for side in (drawn[0][..., 0], drawn[1][..., 0])]
    literal = sums[0] * other > 1.5 * sums[1] * one
    long = held(literal, window)
    fired = {
        "error_rate": shown["error_rate.beyond"] | (long & shown["error_rate.worse"]),
        "harm": shown["harm"],
        "proof": shown["not_worse"],
    }
    for name in wanted:
        yield row(f"{about}: {name}", known, said[name], simulated(first_true(fired[name])))


def latency_case(share, traffic, effect, runs):
    policy = cs.Policy.parse(LATENCY)
    about = f"{share:g} of {traffic:g} req/s, every request {effect:g}x as long"
    rng = np.random.default_rng([SEED, zlib.crc32(about.encode())])
    one, other = share * traffic * INTERVAL, (1 - share) * traffic * INTERVAL
    plain = bucket_shares(BOUNDS[:-1])
    harmed = stretched(BOUNDS, plain, np.array([effect]))[0]
    seen = rng.poisson((one + other) / 2 * plain, (2, HISTORY, len(plain)))
    past = cs.Pair.histogram(
        "latency_seconds",
        upper_bounds=BOUNDS,
        canary=seen[0],
        baseline=seen[1],
        times=-INTERVAL * np.arange(HISTORY, 0, -1),
    )
    planned = cs.plan(policy, traffic=traffic, share=share, history=[past], effects=(effect,))
    outlook = planned.stages[0].outlooks[0]
    said = {d.trigger: d.times for d in outlook.detections}
    fold = HistogramFold(Setting(policy, policy.metrics[0]), BOUNDS)
    ticks = length([times.p95 for times in said.values()])
    sides = [
        rng.poisson(n * shares, (runs, ticks, len(shares))).astype(float)
        for n, shares in ((one, harmed), (other, plain))
    ]
    found = paths(fold.design, many(fold.begin(past).histogram, runs), sides, None)
    window = round(300 / INTERVAL)
    p99 = [
        interpolated_quantile(
            BOUNDS,
            np.stack([trailing(b, window) for b in np.moveaxis(side, 2, 0)], axis=2).reshape(
                -1, len(plain)
            ),
            0.99,
        ).reshape(runs, ticks)
        for side in sides
    ]
    long = held(p99[0] > 2.0 * p99[1], window)
    level = {claim: -math.log(value) for claim, value in fold.levels.items()}
    fired = {
        "latency_p99": (found["beyond"] >= level["latency_p99.beyond"])
        | (long & (found["worse"] >= level["latency_p99.worse"])),
        "harm": found["worse"] >= level["harm"],
    }
    for name, times in said.items():
        yield row(f"{about}: {name}", True, times, simulated(first_true(fired[name])))


def gauge_case(phi, effect, known, runs):
    policy = cs.Policy.parse(GAUGE)
    about = f"gauge of sigma {SIGMA / LEVEL:.0%}, AR({phi:g}), {effect:g}x"
    rng = np.random.default_rng([SEED, zlib.crc32(f"{about}{known}".encode())])
    noise = GaugeNoise(LEVEL, SIGMA, (1 + phi) / (1 - phi), HISTORY if known else 0)
    effects = (effect if effect > 1 else 2.0,)
    outlook = cs.plan(policy, traffic=1, share=0.5, noise={"queue": noise}, effects=effects)
    outlook = outlook.stages[0].outlooks[0]
    times = outlook.proof if effect == 1 else outlook.detections[0].times
    ticks = length([times.p95])
    shift = Change(shift=(effect - 1) * LEVEL / SIGMA)
    drawn = gauge(ar(phi))(rng, runs, ticks, HISTORY if known else 0, shift)
    fold = GaugeFold(Setting(policy, policy.metrics[0]))
    found = paths(
        fold.design, fold.design.begin(runs, drawn.history), (drawn.canary, drawn.baseline), None
    )
    name = "not_worse" if effect == 1 else "worse"
    level = fold.setting.proof_level if effect == 1 else fold.levels["harm"]
    first = first_true(found[name] >= -math.log(level))
    yield row(f"{about}: {'proof' if effect == 1 else 'harm'}", known, times, simulated(first))


def row(about, known, times, found):
    planned = [times.p50, times.p80]
    print(about, known, planned, found, flush=True)
    return {"about": about, "history": known, "planned": planned, "simulated": found}


def measured(runs, only=()):
    kinds = {
        "rates": (rate_case, RATE_CASES + HEALTHY_CASES),
        "latency": (latency_case, LATENCY_CASES),
        "gauges": (gauge_case, GAUGE_CASES),
    }
    for kind, (case, cases) in kinds.items():
        if not only or kind in only:
            for asked in cases:
                yield from case(*asked, runs)


def off(made):
    """How far each planned time is from the simulated one, None where either is never."""
    return [
        None if p is None or s is None else p / s - 1.0
        for p, s in zip(made["planned"], made["simulated"], strict=True)
    ]


def clock(seconds):
    return "never" if seconds is None else lasting(seconds)


def page(found) -> str:
    rows = []
    for made in found["rows"]:
        cells = [made["about"], "yes" if made["history"] else "no"]
        for planned, drawn, wrong in zip(
            made["planned"], made["simulated"], off(made), strict=True
        ):
            cells += [
                clock(planned),
                clock(drawn),
                "" if wrong is None else f"{100 * wrong:+.0f} %",
            ]
        rows.append(cells)
    head = ["case", "history", "half by", "simulated", "off", "80 % by", "simulated", "off"]
    return table(head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--only", nargs="*", default=[], help="rates, latency, gauges")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked = parser.parse_args()
    rows = list(measured(asked.replications, asked.only))
    wrong = [w for made in rows for w in off(made) if w is not None]
    print(f"{len(wrong)} times, largest error {max(map(abs, wrong)):.0%}")
    print(f"within 20 %: {np.mean(np.abs(wrong) <= 0.2):.0%}")
    if asked.keep:
        fresh = {(made["about"], made["history"]): made for made in rows}
        kept = results.read("plan", {"rows": rows})["rows"]
        rows = [fresh.pop((made["about"], made["history"]), made) for made in kept]
        rows += fresh.values()
        found = {"seed": SEED, "replications": asked.replications, "rows": rows}
        results.write("plan", found)
        rewrite(PAGE, {"plan": lambda: page(found)})


if __name__ == "__main__":
    main()
