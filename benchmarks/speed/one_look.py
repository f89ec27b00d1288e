"""CPU microseconds a metric for test, effect and shift interval, beside sorting and Kayenta.

Run ``python benchmarks/speed/one_look.py``. One thread. ``sort`` sorts both sides of the same
data and nothing else: no method by ranks can be faster. ``scipy`` is ``mannwhitneyu(axis=1)`` of
the whole batch: the test alone, without effect, interval or shift. Kayenta's figures are medians
of its warm judge on lognormal values, measured once on another machine.
"""

from __future__ import annotations

import platform
import time
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import scipy
import statsmodels
from scipy.stats import mannwhitneyu
from statsmodels.stats.nonparametric import rank_compare_2indep

from canarystats.compare import mann_whitney, shift
from canarystats.kernels.ranks import rank_sums, upper_p_value
from canarystats.kernels.selection import select_differences
from canarystats.windows import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

KAYENTA = {60: 1133.0, 240: 4511.0, 1440: 29070.0, 10_000: 264607.0}
AIM = {60: 40, 240: 40, 1440: 40, 10_000: 25}
BATCH = 150
REPEATS = 5


def both(pairs):
    return mann_whitney(pairs), shift(pairs)


def kernels(canary, baseline):
    points = canary.shape[1]
    pairs = points * points
    reach = int(1.96 * np.sqrt(pairs * (2 * points + 1) / 12))
    ranks = np.tile([pairs // 2 - reach, (pairs - 1) // 2, pairs // 2 + reach], (len(canary), 1))
    sums = rank_sums(canary, baseline)
    return (
        upper_p_value(sums, exact=False),
        sums.probability,
        select_differences(canary, baseline, ranks),
    )


def statsmodels_loop(canary, baseline):
    return [rank_compare_2indep(x, y).conf_int() for x, y in zip(canary, baseline, strict=True)]


def contestants(points: int, count: int) -> dict[str, tuple[Callable[[], object], int]]:
    canary, baseline = np.random.default_rng(points).lognormal(size=(2, count, points))
    pairs = [
        Pair.samples("latency_seconds", canary=x, baseline=y)
        for x, y in zip(canary, baseline, strict=True)
    ]
    few = min(count, 10)
    return {
        "sort": (lambda: (np.sort(canary, axis=1), np.sort(baseline, axis=1)), count),
        "kernels": (lambda: kernels(canary, baseline), count),
        "batch": (lambda: both(pairs), count),
        "single": (lambda: [both(pair) for pair in pairs[:few]], few),
        "scipy": (lambda: mannwhitneyu(canary, baseline, axis=1, method="asymptotic"), count),
        "statsmodels": (lambda: statsmodels_loop(canary[:few], baseline[:few]), few),
    }


def least_microseconds(runs: dict[str, tuple[Callable[[], object], int]]) -> dict[str, float]:
    """The least of the repeats, which is the one least disturbed; runs are interleaved."""
    least = dict.fromkeys(runs, np.inf)
    for _ in range(REPEATS):
        for name, (run, count) in runs.items():
            start = time.process_time()
            run()
            least[name] = min(least[name], (time.process_time() - start) / count * 1e6)
    return least


def peak_megabytes(points: int) -> float:
    """Most memory held while one metric is compared."""
    canary, baseline = np.random.default_rng(0).lognormal(size=(2, points))
    pair = Pair.samples("latency_seconds", canary=canary, baseline=baseline)
    tracemalloc.start()
    both(pair)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def main() -> None:
    print(
        f"numpy {np.__version__}, scipy {scipy.__version__}, "
        f"statsmodels {statsmodels.__version__}; "
        f"{platform.machine()}; CPU microseconds a metric, batch of {BATCH}"
    )
    for points, kayenta in KAYENTA.items():
        least = least_microseconds(contestants(points, BATCH if points < 10_000 else 20))
        print(f"{points} points a side, peak memory {peak_megabytes(points):.1f} MB")
        for name, micros in least.items():
            print(
                f"  {name:12s} {micros:10.1f} us = {micros / least['sort']:7.1f} sorts, "
                f"{kayenta / micros:7.1f} times faster than Kayenta"
                + (f" (aim {AIM[points]})" if name == "batch" else "")
            )


if __name__ == "__main__":
    main()
