"""How often each interval of one look holds the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from benchmarks.calibration.designs import ar1, gauges

from canarystats import compare
from canarystats.windows import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

LEVEL = 0.05
BOUNDS = (0.5, 1.0, 2.0, 4.0, np.inf)


def samples(x, y):
    return [Pair.samples("s", canary=a, baseline=b) for a, b in zip(x, y, strict=True)]


def shifted_gumbel(n):
    return lambda rng, rows: samples(rng.gumbel(1, 1, (rows, n)), rng.gumbel(0, 1, (rows, n)))


def unequal_normal(n):
    return lambda rng, rows: samples(rng.normal(0, 3, (rows, n)), rng.normal(0, 1, (rows, n)))


def scaled(family, n):
    def draw(rng, rows):
        return samples(2 * family(rng, (rows, n)), family(rng, (rows, n)))

    return draw


def laplace(rng, size):
    return rng.laplace(size=size)


def gaussian(rng, size):
    return rng.normal(size=size)


def gauge(phi, n, *, logs):
    def draw(rng, rows):
        x, y = (ar1(rng, rows, n, phi) for _ in range(2))
        return gauges(np.exp(0.1 * x) * 1.1, np.exp(0.1 * y)) if logs else gauges(x + 1, y)

    return draw


def rates(n, ours, theirs, *, binomial=False):
    def draw(rng, rows):
        law = (
            (lambda p: rng.binomial(n, p, rows)) if binomial else lambda p: rng.poisson(n * p, rows)
        )
        return [
            Pair.counts("c", canary=([a], [n]), baseline=([b], [n]))
            for a, b in zip(law(ours), law(theirs), strict=True)
        ]

    return draw


def histograms(n):
    def draw(rng, rows):
        edges = np.array([0, *BOUNDS])
        sides = [
            np.stack([np.histogram(rng.exponential(mean, n), edges)[0] for _ in range(rows)])
            for mean in (2.0, 1.0)
        ]
        return [
            Pair.histogram("h", upper_bounds=BOUNDS, canary=[a], baseline=[b])
            for a, b in zip(*sides, strict=True)
        ]

    return draw


def each(function, **settings):
    return lambda pairs: [function(pair, level=LEVEL, **settings) for pair in pairs]


def batch(function, **settings):
    return lambda pairs: function(pairs, level=LEVEL, **settings)


_GUMBEL = 1 / (1 + np.exp(-1.0))  # a difference of Gumbels is logistic
_RATE = {"alternative": "two-sided"}

INTERVALS: tuple[tuple[str, str, Callable, Callable, float], ...] = (
    *(
        row
        for n in (10, 60)
        for row in (
            (
                "`mann_whitney`",
                f"Gumbel shifted by 1, n = {n}",
                shifted_gumbel(n),
                batch(compare.mann_whitney),
                _GUMBEL,
            ),
            (
                "`shift`",
                f"Gumbel shifted by 1, n = {n}",
                shifted_gumbel(n),
                batch(compare.shift),
                1.0,
            ),
            (
                "`brunner_munzel`",
                f"normal, spread 3 : 1, n = {n}",
                unequal_normal(n),
                batch(compare.brunner_munzel),
                0.5,
            ),
            (
                "`spread`",
                f"normal, spread 2 : 1, n = {n}",
                scaled(gaussian, n),
                each(compare.spread),
                2.0,
            ),
            (
                "`spread`",
                f"Laplace, spread 2 : 1, n = {n}",
                scaled(laplace, n),
                each(compare.spread),
                2.0,
            ),
        )
    ),
    *(
        row
        for phi in (0.0, 0.8)
        for n in (60, 240)
        for row in (
            (
                "`mann_whitney` of a gauge",
                f"AR(1) {phi:g}, shift of 1 sd, n = {n}",
                gauge(phi, n, logs=False),
                batch(compare.mann_whitney),
                0.7602499389065233,
            ),
            (
                "`shift` of a gauge",
                f"AR(1) {phi:g}, shift of 1 sd, n = {n}",
                gauge(phi, n, logs=False),
                batch(compare.shift),
                1.0,
            ),
            (
                "`paired`, difference",
                f"AR(1) {phi:g}, shift of 1 sd, n = {n}",
                gauge(phi, n, logs=False),
                batch(compare.paired, scale="difference"),
                1.0,
            ),
            (
                "`paired`, ratio",
                f"logs AR(1) {phi:g}, ratio 1.1, n = {n}",
                gauge(phi, n, logs=True),
                batch(compare.paired),
                1.1,
            ),
        )
    ),
    *(
        row
        for n, a, b in ((200, 0.04, 0.02), (5000, 0.02, 0.01))
        for row in (
            (
                "`rate_ratio`, exact",
                f"Poisson {n * a:g} : {n * b:g} events",
                rates(n, a, b),
                each(compare.rate_ratio, **_RATE),
                a / b,
            ),
            (
                "`rate_ratio`, score",
                f"Poisson {n * a:g} : {n * b:g} events",
                rates(n, a, b),
                each(compare.rate_ratio, method="score", **_RATE),
                a / b,
            ),
            (
                "`rate_difference`, binomial",
                f"{a:g} : {b:g} of {n}",
                rates(n, a, b, binomial=True),
                each(compare.rate_difference),
                a - b,
            ),
            (
                "`rate_difference`, poisson",
                f"Poisson {n * a:g} : {n * b:g} events",
                rates(n, a, b),
                each(compare.rate_difference, model="poisson"),
                a - b,
            ),
            (
                "`rate_level`",
                f"{a:g} of {n}",
                rates(n, a, b, binomial=True),
                each(compare.rate_level, threshold=0.5, **_RATE),
                a,
            ),
        )
    ),
    (
        "`share_above`",
        "exponential 2 : 1 above 1, n = 300",
        histograms(300),
        each(compare.share_above, edge=1.0),
        float(np.exp(-0.5) - np.exp(-1.0)),
    ),
    (
        "`quantile_ratio`",
        "exponential 2 : 1, median, n = 300",
        histograms(300),
        each(compare.quantile_ratio, q=0.5, **_RATE),
        2.0,
    ),
    (
        "`stochastic_order`",
        "exponential 2 : 1, n = 300",
        histograms(300),
        each(compare.stochastic_order),
        float(np.exp(-0.5) - np.exp(-1.0)),
    ),
)


def holds(evidence, truth) -> bool | None:
    """Whether the interval holds the truth; None where there is no interval."""
    interval = evidence.interval
    if interval is None:
        return None
    low = -np.inf if interval.low is None else interval.low
    high = np.inf if interval.high is None else interval.high
    return low - 1e-12 <= truth <= high + 1e-12


def covered(draw, function, truth, rng, rows) -> tuple[float, float]:
    """Percent of the intervals that hold the truth, and percent of looks without an interval."""
    answers = [holds(evidence, truth) for evidence in function(draw(rng, rows))]
    given = [answer for answer in answers if answer is not None]
    return 100 * float(np.mean(given)), 100 * (1 - len(given) / len(answers))
