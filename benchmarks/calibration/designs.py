"""The A/A and A/B designs of one look: two windows drawn alike, the canary's then changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from canarystats.compare import mann_whitney, paired, rate_ratio
from canarystats.windows import Pair

BURN_IN = 200
PERIOD = 240  # ticks of the shared day


@dataclass(frozen=True)
class Design:
    """How windows are drawn, which comparison reads them, and what Kayenta said of them."""

    name: str
    draw: Callable[[np.random.Generator, int, int, float], list[Pair]]
    compare: Callable[..., list]
    method: str
    kayenta_level: dict[int, float]  # percent at its nominal 2 %
    kayenta_power: dict[int, tuple[float, float, float, float]]


def ar1(rng, rows, n, phi):
    """Stationary, mean 0, variance 1."""
    noise = rng.normal(size=(rows, n + BURN_IN)) * np.sqrt(1 - phi**2)
    return lfilter([1], [1, -phi], noise, axis=1)[:, BURN_IN:]


def lognormal(rng, rows, n, factor):
    x, y = np.exp(0.5 * rng.normal(size=(2, rows, n))) * 100
    return [Pair.samples("g", canary=a, baseline=b) for a, b in zip(x * factor, y, strict=True)]


def normal(rng, rows, n, factor):
    x, y = rng.normal(size=(2, rows, n)) * 10
    return [
        Pair.samples("g", canary=a, baseline=b)
        for a, b in zip(x + 100 * factor, y + 100, strict=True)
    ]


def gauges(canary, baseline):
    return [Pair.gauge("g", canary=a, baseline=b) for a, b in zip(canary, baseline, strict=True)]


def autoregressive(phi):
    def draw(rng, rows, n, factor):
        x, y = (20 * ar1(rng, rows, n, phi) for _ in range(2))
        return gauges(x + 100 * factor, y + 100)

    return draw


def diurnal(phi):
    def draw(rng, rows, n, factor):
        phase = rng.random((rows, 1)) * 2 * np.pi
        pattern = 100 * (1 + 0.4 * np.sin(2 * np.pi * np.arange(n) / PERIOD + phase))
        x, y = (pattern * (1 + 0.1 * ar1(rng, rows, n, phi)) for _ in range(2))
        return gauges(x * factor, y)

    return draw


def poisson(rate):
    def draw(rng, rows, n, factor):
        return counts(rng, rows, n, rate * factor, rate)

    return draw


def counts(rng, rows, n, ours, theirs):
    x, y = rng.poisson(ours, (rows, n)), rng.poisson(theirs, (rows, n))
    minutes = np.ones(n)
    return [
        Pair.counts("errors", canary=(a, minutes), baseline=(b, minutes))
        for a, b in zip(x, y, strict=True)
    ]


def by_ranks(pairs, level):
    return mann_whitney(pairs, level=level)


def by_pairs(pairs, level):
    return paired(pairs, level=level)


def by_rates(pairs, level):
    return [rate_ratio(pair, alternative="two-sided", level=level) for pair in pairs]


def by_scores(pairs, level):
    return [
        rate_ratio(pair, alternative="two-sided", level=level, method="score") for pair in pairs
    ]


_RANKS, _PAIRS = "`mann_whitney`", "`paired`"
_GAUGE_RANKS = "`mann_whitney` of a gauge"
_AR5 = ({60: 7.0, 240: 6.7}, {60: (40.0, 97.9, 100, 100), 240: (91.4, 100, 100, 100)})
_AR8 = ({60: 30.8, 240: 29.7}, {60: (50.4, 90.9, 100, 100), 240: (78.9, 100, 100, 100)})
_SINE = ({60: 0.0, 240: 0.0}, {60: (46.4, 100, 100, 100), 240: (74.2, 100, 100, 100)})
_SINE_AR = ({60: 12.6, 240: 0.15}, {60: (50.9, 98.0, 100, 100), 240: (60.8, 100, 100, 100)})
_P005 = ({60: 0.0, 240: 0.0}, {60: (0, 0, 0, 0), 240: (0, 0, 0, 0.3)})
_P03 = ({60: 0.35, 240: 0.5}, {60: (0.5, 1.7, 5.9, 33.1), 240: (0.9, 6.2, 38.4, 85.5)})
_P2 = ({60: 0.0, 240: 1.45}, {60: (0.1, 0.8, 24.4, 98.9), 240: (15.0, 38.8, 82.0, 100)})
_LOGNORMAL = ({60: 0.35, 240: 0.1}, {60: (2.1, 23.3, 89.6, 100), 240: (14.7, 95.0, 100, 100)})
_NORMAL = ({60: 0.4, 240: 0.25}, {60: (96.6, 100, 100, 100), 240: (100, 100, 100, 100)})

DESIGNS = (
    Design("iid lognormal, sigma 0.5", lognormal, by_ranks, _RANKS, *_LOGNORMAL),
    Design("iid normal, cv 10 %", normal, by_ranks, _RANKS, *_NORMAL),
    Design("AR(1) 0.5, cv 20 %", autoregressive(0.5), by_ranks, _GAUGE_RANKS, *_AR5),
    Design("AR(1) 0.5, cv 20 %", autoregressive(0.5), by_pairs, _PAIRS, *_AR5),
    Design("AR(1) 0.8, cv 20 %", autoregressive(0.8), by_ranks, _GAUGE_RANKS, *_AR8),
    Design("AR(1) 0.8, cv 20 %", autoregressive(0.8), by_pairs, _PAIRS, *_AR8),
    Design("shared sine, own iid noise 10 %", diurnal(0.0), by_pairs, _PAIRS, *_SINE),
    Design("shared sine, own AR(1) 0.8 noise", diurnal(0.8), by_pairs, _PAIRS, *_SINE_AR),
    Design("Poisson 0.05 a minute", poisson(0.05), by_rates, "`rate_ratio`, exact", *_P005),
    Design("Poisson 0.05 a minute", poisson(0.05), by_scores, "`rate_ratio`, score", *_P005),
    Design("Poisson 0.3 a minute", poisson(0.3), by_rates, "`rate_ratio`, exact", *_P03),
    Design("Poisson 0.3 a minute", poisson(0.3), by_scores, "`rate_ratio`, score", *_P03),
    Design("Poisson 2 a minute", poisson(2.0), by_rates, "`rate_ratio`, exact", *_P2),
    Design("Poisson 2 a minute", poisson(2.0), by_scores, "`rate_ratio`, score", *_P2),
)

# control rate -> experiment rate a minute; Kayenta's percentages at 60 and 240 minutes
RARE_ERRORS = {
    (0.0, 0.3): (0.05, 0.0),
    (0.0, 0.6): (29.9, 92.5),
    (0.02, 0.2): (6.5, 84.9),
    (0.02, 0.4): (53.9, 87.1),
    (0.02, 0.7): (42.9, 50.2),
    (0.02, 1.0): (59.5, 98.7),
    (0.05, 0.5): (77.3, 87.8),
}
