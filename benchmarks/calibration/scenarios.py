"""The scenarios N1 to N17 by id: healthy telemetry of many shapes.

An id is permanent: what it draws never changes, a different design gets another id. Its random
numbers depend on the id, the seed and the chunk alone, so a scenario gives the same data whatever
else runs beside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from benchmarks.calibration import draws, processes
from benchmarks.calibration.draws import (
    HEALTHY,
    Change,
    Drawn,
    ar,
    counts,
    gauge,
    histogram,
    lost_at_random,
    lost_under_load,
)

SEED = 404
TICKS = 1000
HISTORY = 1920  # eight hours


@dataclass(frozen=True)
class Scenario:
    """One row of the tables."""

    id: str
    kind: str
    about: str
    draw: Callable[[np.random.Generator, int, int, int, Change], Drawn]


def scenario(name, rng, replications, ticks=TICKS, history=HISTORY, change=HEALTHY) -> Drawn:
    """Draw one scenario by its id."""
    return SCENARIOS[name].draw(rng, replications, ticks, history, change)


def chunks(
    name, replications, ticks=TICKS, history=HISTORY, change=HEALTHY, rows=500, seed=SEED
) -> Iterator[Drawn]:
    """The same in portions that fit the memory."""
    for part, start in enumerate(range(0, replications, rows)):
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), part])
        yield scenario(name, rng, min(rows, replications - start), ticks, history, change)


RAMP = (0.01, 0.05, 0.1, 0.25, 0.5)
AR6 = ar(0.6)


def _gauges():
    yield "N1-iid", "gauge", "independent normal values", gauge(draws.iid)
    for phi in (0.3, 0.5, 0.6, 0.8, 0.9, 0.95):
        name = f"N2-ar{phi:g}".replace("0.", "0")
        yield name, "gauge", f"AR(1) {phi:g}", gauge(ar(phi))
    yield "N3-ma8", "gauge", "mean of the last 8 values: rate[2m] at 15 s", gauge(draws.averaged)
    yield "N4-ar2", "gauge", "AR(2) 0.5, 0.35", gauge(ar(0.5, 0.35))
    heavy, skewed = processes.heavy, processes.skewed
    yield "N5-t3", "gauge", "AR(1) 0.6 with t(3) noise", gauge(ar(0.6, innovations=heavy))
    yield "N5-lognormal", "gauge", "AR(1) 0.6, lognormal noise", gauge(ar(0.6, innovations=skewed))
    for size in (1, 3):
        about = f"AR(1) 0.6 and a shared day of {size} sigma"
        yield f"N6-day{size}", "gauge", about, gauge(AR6, diurnal=size)
    for effect in (0.1, 0.2, 0.4):
        for pods in (1, 3, 10):
            name = f"N7-pod{effect:g}-x{pods}".replace("0.", "0")
            about = f"AR(1) 0.6, lasting pod effects of {effect:g} sigma, {pods} a side"
            yield name, "gauge", about, gauge(AR6, pods=pods, pod_effect=effect)
        name, about = f"N7-pod{effect:g}-old".replace("0.", "0"), "1 a side; history of 10 old pods"
        yield name, "gauge", about, gauge(AR6, pod_effect=effect, old_pods=10)
    yield "N13-random", "gauge", "AR(1) 0.6, 10 % of scrapes lost", gauge(AR6, after=lost_at_random)
    about = "AR(1) 0.6, scrapes lost the more the higher a side stands"
    yield "N13-load", "gauge", about, gauge(AR6, after=lost_under_load)
    yield (
        "N14-rounded",
        "gauge",
        "AR(1) 0.6 rounded to whole sigmas",
        gauge(AR6, after=draws.rounded(10)),
    )
    yield "N14-constant", "gauge", "constant and equal", gauge(draws.constant)
    yield "N14-seldom", "gauge", "zero but for one tick in fifty", gauge(draws.seldom)
    about = "AR(1) 0.6, a cold start of 10 minutes, within the warm-up"
    yield "N15-warm-up", "gauge", about, gauge(AR6, after=draws.cold(draws.WARM_UP))
    about = "the same without a warm-up"
    yield "N15-cold", "gauge", about, gauge(AR6, after=draws.cold(0))


def _counts():
    for share in (0.5, 0.1, 0.01):
        name = f"N8-{share * 100:02.0f}"
        yield name, "counts", f"Poisson, share {share:g}", counts(share)
    yield "N6-counts", "counts", "Poisson under a shared day of 50 %", counts(diurnal=0.5)
    for fano in (2, 5, 20):
        yield f"N9-fano{fano}", "counts", f"clumps, Fano {fano}", counts(fano=fano)
    for sd in (0.3, 0.6):
        name = f"N10-wander{sd:g}".replace("0.", "0")
        yield name, "counts", f"each side's log rate an AR(0.9), sd {sd:g}", counts(wander=sd)
    yield "N11-ramp", "counts", "ramp 1-5-10-25-50 %", counts(RAMP)
    yield "N12-sparse", "counts", "one error in 100 ticks", counts(errors=0.01)
    yield "N13-counts", "counts", "10 % of scrapes lost", counts(after=lost_at_random)
    about = "scrapes lost the more requests a side has"
    yield "N13-counts-load", "counts", about, counts(diurnal=0.5, after=lost_under_load)
    yield (
        "N16-resets",
        "counts",
        "a restart in 200 ticks cuts the tick's counts",
        counts(after=draws.reset),
    )


def _histograms():
    for share in (0.5, 0.05):
        name = f"N8-latency{share * 100:02.0f}"
        yield name, "histogram", f"lognormal, share {share:g}", histogram(share)
    about = "Prometheus' default buckets, share 0.05"
    yield "N8-latency-default", "histogram", about, histogram(0.05, edges=draws.PROMETHEUS_EDGES)
    yield "N6-latency", "histogram", "a shared day of 50 %", histogram(diurnal=0.5)
    for fano in (2, 5):
        name = f"N9-latency{fano}"
        yield name, "histogram", f"slow requests in clumps, Fano {fano}", histogram(fano=fano)
    about = "each side's slow share an AR(0.9) in logs, sd 0.3"
    yield "N10-latency", "histogram", about, histogram(wander=0.3)
    yield "N11-latency", "histogram", "ramp 1-5-10-25-50 %", histogram(RAMP)
    about = "10 % of scrapes lost"
    yield "N13-latency", "histogram", about, histogram(after=lost_at_random)


def _splits():
    for share in (0.5, 0.1, 0.01):
        name = f"N8-split{share * 100:02.0f}"
        yield name, "split", f"independent requests, share {share:g}", counts(share)
    for fano in (2, 5):
        name = f"N9-split{fano}"
        yield name, "split", f"requests in clumps, Fano {fano}", counts(request_fano=fano)
    yield "N11-split", "split", "ramp 1-5-10-25-50 %", counts(RAMP)
    yield "N13-split", "split", "10 % of scrapes lost", counts(after=lost_at_random)


def _throughputs():
    for share in (0.5, 0.05):
        name = f"N8-throughput{share * 100:02.0f}"
        yield name, "throughput", f"independent requests, share {share:g}", counts(share)
    for fano in (2, 5):
        name = f"N9-throughput{fano}"
        yield name, "throughput", f"requests in clumps, Fano {fano}", counts(request_fano=fano)
    yield "N11-throughput", "throughput", "ramp 1-5-10-25-50 %", counts(RAMP)


SCENARIOS = {
    row[0]: Scenario(*row)
    for row in chain(_gauges(), _counts(), _histograms(), _splits(), _throughputs())
}
