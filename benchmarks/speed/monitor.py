"""CPU milliseconds a tick of a whole monitor, and the bytes it is saved in.

Run ``python benchmarks/speed/monitor.py``. One thread; the least of several runs counts. *observe*
is one tick with its verdict, *judge* a tick of a recorded window with one verdict at its end. The
preset has six metrics and eight triggers; the fleet has 50 metrics each of counts, gauges and
histograms that are only compared.
"""

from __future__ import annotations

import json
import platform
import time

import numpy as np

import canarystats as cs

REPEATS, TICKS, SHARE = 5, 60, 0.05
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, np.inf]
FLEET = 50
START = 1_700_000_000.0


def pair(name, kind, rng, times):
    """One metric of a healthy rollout at 100 requests a second."""
    ticks = len(times)
    if kind == "events":
        return cs.Pair.events(name, canary=np.zeros(ticks), times=times)
    if kind == "gauge":
        sides = 100 + 5 * rng.standard_normal((2, ticks, 2))
        return cs.Pair.gauge(name, canary=sides[0], baseline=sides[1], times=times, limit=200.0)
    requests = [rng.poisson(1500 * part, ticks) for part in (SHARE, 1 - SHARE)]
    if kind == "counts":
        sides = [(rng.binomial(total, 0.01), total) for total in requests]
        return cs.Pair.counts(name, canary=sides[0], baseline=sides[1], times=times)
    shares = rng.dirichlet(np.full(len(BOUNDS), 5.0))
    sides = [rng.multinomial(total, shares) for total in requests]
    return cs.Pair.histogram(
        name, upper_bounds=BOUNDS, canary=sides[0], baseline=sides[1], times=times
    )


def fleet():
    """A policy of 150 metrics that are only compared."""
    return cs.Policy.parse(
        {
            "name": "fleet",
            "metrics": [
                {"name": f"{kind}_{i}", "kind": kind}
                for kind in ("counts", "gauge", "histogram")
                for i in range(FLEET)
            ],
        }
    )


def measured(policy):
    """Least milliseconds a tick of observe and judge, and the saved text."""
    rng, times = np.random.default_rng(0), START + policy.interval * np.arange(TICKS)
    pairs = [pair(m.name, m.kinds[0], rng, times) for m in policy.metrics]
    ticks = [[p.rows(i, i + 1) for p in pairs] for i in range(TICKS)]
    observe = judge = np.inf
    for _ in range(REPEATS):
        monitor = cs.Monitor(policy, share=SHARE)
        monitor.observe(ticks[0])
        start = time.process_time()
        for tick in ticks[1:]:
            monitor.observe(tick)
        observe = min(observe, (time.process_time() - start) / (TICKS - 1) * 1e3)
        start = time.process_time()
        cs.judge(pairs, policy, share=SHARE)
        judge = min(judge, (time.process_time() - start) / TICKS * 1e3)
    return observe, judge, monitor.to_json()


def main() -> None:
    print(f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}")
    for policy in (cs.load_policy("eight-triggers"), fleet()):
        observe, judge, text = measured(policy)
        saved = json.loads(text)["metrics"].values()
        sizes = {entry["kind"]: len(json.dumps(entry)) for entry in saved}
        each = ", ".join(f"{kind} {size}" for kind, size in sizes.items())
        print(f"{policy.name}: {len(policy.metrics)} metrics")
        print(f"  observe {observe:.2f} ms, judge {judge:.2f} ms a tick")
        print(f"  saved in {len(text) / len(policy.metrics):.0f} bytes a metric ({each})")


if __name__ == "__main__":
    main()
