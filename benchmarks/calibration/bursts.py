"""How often healthy rollouts are rolled back whose errors come in clumps.

Each rollout has 960 ticks of 1500 requests, 5 % of them the canary's, and one error rate. Errors
come in clumps of geometric size; their Fano factor is the column. Run with
`python -m benchmarks.calibration.bursts [runs] [fano ...]`.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

import canarystats as cs

TICKS, CANARY, BASELINE = 960, 75, 1425


def clumps(rng, mean, fano):
    """Compound Poisson counts of the given mean and Fano factor, shape (TICKS,)."""
    size = (fano + 1) / 2
    return np.array([rng.geometric(1 / size, k).sum() for k in rng.poisson(mean / size, TICKS)])


def rollout(rng, rate, fano):
    """One healthy rollout."""
    canary, baseline = rng.poisson(CANARY, TICKS), rng.poisson(BASELINE, TICKS)
    return cs.Pair.counts(
        "requests",
        canary=(np.minimum(clumps(rng, CANARY * rate, fano), canary), canary),
        baseline=(np.minimum(clumps(rng, BASELINE * rate, fano), baseline), baseline),
        times=1.7e9 + 15.0 * np.arange(TICKS),
    )


def main(runs=60, fanos=(1, 2, 5)):
    """Print one row a cell."""
    preset = cs.load_policy("eight-triggers")
    policy = preset.without(*(m.name for m in preset.metrics if m.name != "requests"))
    print("| Fano factor | error rate | promote | hold | rollback |\n|---|---|---|---|---|")
    for fano in fanos:
        for rate in (0.01, 0.001):
            rng = np.random.default_rng([fano, round(1 / rate)])
            found = Counter(
                cs.judge([rollout(rng, rate, fano)], policy, share=0.05).decision
                for _ in range(runs)
            )
            counts = " | ".join(str(found[decision]) for decision in cs.Decision)
            print(f"| {fano} | {rate:g} | {counts} |", flush=True)


if __name__ == "__main__":
    words = sys.argv[1:]
    main(int(words[0]) if words else 60, [int(word) for word in words[1:]] or (1, 2, 5))
