"""Microseconds per pair of the Mann-Whitney comparison beside scipy's, in one process.

Run ``python benchmarks/speed/mann_whitney.py``. The answers are compared before any timing; runs
are interleaved and the least of the repeats counts. ``kernel`` gives p-values as scipy does;
``evidence`` adds the effect, its interval, medians and one record a pair. A ratio above 1 says how
many times faster the column is than scipy's one call over all rows; below 1 it is slower.
"""

from __future__ import annotations

import platform
import time
from typing import TYPE_CHECKING

import numpy as np
import scipy
from scipy.stats import mannwhitneyu

from canarystats.compare import mann_whitney
from canarystats.kernels.ranks import rank_sums, upper_p_value
from canarystats.windows import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

POINTS = (60, 240, 1440)
PAIRS = (1, 1000)
BUDGET_SECONDS = 1.0  # for each row and each contestant


def kernel(canary, baseline):
    return upper_p_value(rank_sums(canary, baseline), exact=False)


def whole(canary, baseline):
    return mannwhitneyu(canary, baseline, alternative="greater", axis=1, method="asymptotic").pvalue


def loop(canary, baseline):
    rows = zip(canary, baseline, strict=True)
    return [mannwhitneyu(x, y, alternative="greater", method="asymptotic").pvalue for x, y in rows]


def contestants(canary, baseline) -> dict[str, Callable[[], object]]:
    pairs = [
        Pair.samples("latency_seconds", canary=x, baseline=y)
        for x, y in zip(canary, baseline, strict=True)
    ]
    gauges = [
        Pair.gauge("cpu_cores", canary=x, baseline=y) for x, y in zip(canary, baseline, strict=True)
    ]
    np.testing.assert_allclose(kernel(canary, baseline), whole(canary, baseline), rtol=1e-10)
    found = [e.p_value for e in mann_whitney(pairs[:5], alternative="greater")]
    np.testing.assert_allclose(found, loop(canary[:5], baseline[:5]), rtol=1e-10)
    return {
        "scipy loop": lambda: loop(canary, baseline),
        "scipy axis=1": lambda: whole(canary, baseline),
        "kernel": lambda: kernel(canary, baseline),
        "evidence": lambda: mann_whitney(pairs, alternative="greater"),
        "gauge": lambda: mann_whitney(gauges, alternative="greater"),
    }


def least_seconds(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    least, spent = dict.fromkeys(runs, np.inf), 0.0
    while spent < BUDGET_SECONDS * len(runs):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
            least[name] = min(least[name], seconds)
            spent += seconds
    return least


def main() -> None:
    rng = np.random.default_rng(0)
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}; us per pair")
    print("(in brackets: times faster than scipy axis=1; below 1 is slower)")
    for points in POINTS:
        for count in PAIRS:
            canary, baseline = rng.lognormal(size=(2, count, points))
            least = least_seconds(contestants(canary, baseline))
            reference = least["scipy axis=1"]
            cells = [
                f"{name} {seconds / count * 1e6:8.1f} ({reference / seconds:5.2f})"
                for name, seconds in least.items()
            ]
            print(f"{points:5d} points, {count:5d} pairs: " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
