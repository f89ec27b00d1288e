"""How near `decision_in_seconds` comes to the wait there was, on healthy rollouts.

Run ``python -m benchmarks.calibration.waits``; with ``--keep`` it writes the table into
docs/verdict.md.
"""

from __future__ import annotations

import argparse
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
from benchmarks.marked import rewrite, table

import canarystats as cs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
TICK, LOOK = 15.0, 5
ROLLOUTS, MOST, SEED = 25, 1500, 20
ANSWERED_WITHIN = LOOK * TICK  # a promotion is seen at a look, not at its tick
BOUNDS = (*(0.005 * 2.0 ** (np.arange(22) / 2)).tolist(), np.inf)
SITUATIONS = (
    ("requests", 0.05, 1500, 0.01),
    ("requests", 0.5, 1500, 0.01),
    ("requests", 0.25, 1500, 0.002),
    ("latency_seconds", 0.05, 300, None),
    ("latency_seconds", 0.5, 300, None),
)
HEAD = (
    "metric, canary share, requests a tick",
    "rollouts",
    "median ticks to promotion",
    "looks with a wait told",
    "ratio: 10 %, median, 90 %",
    "the ends hold the truth",
    "later than both",
    "median of high over low",
)


def healthy(rng, metric, share, requests, errors):
    """A healthy rollout of one metric: errors out of requests, or lognormal latencies."""
    times = 1.7e9 + TICK * np.arange(MOST)
    served = [rng.poisson(requests * part, MOST) for part in (share, 1.0 - share)]
    if errors is not None:
        sides = [(rng.binomial(n, errors), n) for n in served]
        return cs.Pair.counts(metric, canary=sides[0], baseline=sides[1], times=times)
    edges = np.cumsum(np.histogram(rng.lognormal(math.log(0.04), 0.8, 10**6), (0.0, *BOUNDS))[0])
    shares = np.diff(edges / edges[-1], prepend=0.0)
    canary, baseline = (rng.multinomial(n, shares) for n in served)
    return cs.Pair.histogram(
        metric, upper_bounds=BOUNDS, canary=canary, baseline=baseline, times=times
    )


def followed(pair, share):
    """The looks before a promotion: when each was, and the wait it told; and when it came."""
    whole = cs.load_policy("eight-triggers").replace(min_duration=0, min_samples=0, warm_up=0)
    policy = whole.without(*(m.name for m in whole.metrics if m.name != pair.name))
    monitor, looks = cs.Monitor(policy, share=share), []
    for start, stop in pairwise(range(0, MOST + 1, LOOK)):
        verdict = monitor.observe([pair.rows(start, stop)])
        if verdict.decision != "hold":
            break
        looks.append((verdict.at, verdict.decision_in_seconds))
    promoted = verdict.decision == "promote"
    return looks, verdict.at if promoted else None


def measured(number, situation) -> list[str]:
    """One row of the table."""
    metric, share, requests, errors = situation
    ticks, ratios, inside, later, widths, looks = [], [], [], [], [], 0
    for rollout in range(ROLLOUTS):
        rng = np.random.default_rng([SEED, number, rollout])
        found, promoted = followed(healthy(rng, *situation), share)
        if promoted is None:
            continue
        ticks.append((promoted - 1.7e9) / TICK + 1)
        looks += len(found)
        for at, span in found:
            if span is not None:
                (low, high), left = span, promoted - at
                ratios.append(math.sqrt(low * high) / left)
                inside.append(low - ANSWERED_WITHIN < left <= high + ANSWERED_WITHIN)
                later.append(left > high + ANSWERED_WITHIN)
                widths.append(high / low)
    of = "latency" if errors is None else f"{metric} at {100 * errors:.1f} % errors"
    return [
        f"{of}, {100 * share:.0f} %, {requests}",
        f"{len(ticks)} of {ROLLOUTS}",
        f"{np.median(ticks):.0f}",
        f"{100 * len(ratios) / looks:.0f} %",
        ", ".join(f"{ratio:.2g}" for ratio in np.quantile(ratios, [0.1, 0.5, 0.9])),
        f"{100 * np.mean(inside):.0f} %",
        f"{100 * np.mean(later):.0f} %",
        f"{np.median(widths):.0f}",
    ]


def waits() -> str:
    """The table."""
    return table(HEAD, [measured(number, one) for number, one in enumerate(SITUATIONS)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write the table into docs/verdict.md")
    if parser.parse_args().keep:
        rewrite(PAGE, {"waits": waits})
    else:
        print(waits())
