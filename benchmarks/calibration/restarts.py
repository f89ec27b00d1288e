"""E-CUSUM beside each kind of metric: `sequential.restart` over `sequential.increments`.

*Run lengths*: how long a healthy metric is watched before a false alarm; at least 5000 ticks in the
mean are promised. The mean is the ticks watched over the alarms seen, because most rollouts see
none. *Since when*: metrics that become worse at tick 300, and beside e-CUSUM the e-process of the
budget, which averages over the onset: after how many ticks each speaks, and how far its onset is
off then. Every rollout has an A/A history.

Run ``python -m benchmarks.calibration.restarts --keep``. It writes results/restarts.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import time
import zlib

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.delays import ARL, CLAIM, LEVEL, ONSET
from benchmarks.calibration.draws import HEALTHY, Change, ar, counts, gauge, histogram, iid
from benchmarks.calibration.methods import first_reached, method_of
from benchmarks.calibration.scenarios import HISTORY, SCENARIOS, SEED

from canarystats.sequential import binomial, gauge_onset, increments
from canarystats.sequential.edges import SLOTS
from canarystats.sequential.restart import Restart

IDS = (
    "N8-10",
    "N9-fano2",
    "N9-fano5",
    "N10-wander03",
    "N8-latency05",
    "N9-latency5",
    "N10-latency",
    "N1-iid",
    "N2-ar06",
    "N2-ar095",
    "N5-t3",
)
ROLLOUTS, TICKS, AT_ONCE = 400, 5000, 50


HARMED = (
    ("counts", "errors x2, share 0.1, 2 errors a tick", counts(0.1), {"ratio": 2.0}),
    ("counts", "errors x3, share 0.1, 2 errors a tick", counts(0.1), {"ratio": 3.0}),
    ("histogram", "1 % of requests x3, share 0.1", histogram(0.1), {"tail": 0.01}),
    ("histogram", "all requests x1.1, share 0.1", histogram(0.1), {"scale": 1.1}),
    ("gauge", "independent gauge +0.5 sigma", gauge(iid), {"shift": 0.5}),
    ("gauge", "independent gauge +1 sigma", gauge(iid), {"shift": 1.0}),
    ("gauge", "AR(0.6) gauge +1 sigma", gauge(ar(0.6)), {"shift": 1.0}),
)
LEVELS = (LEVEL, CLAIM)


def gains(kind, design, state, canary, baseline, share):
    """The tick's log increments of every rollout."""
    if kind == "counts":
        return increments.of_counts(design, state, "worse", canary, baseline, share)
    read = increments.of_histogram if kind == "histogram" else increments.of_gauge
    return read(design, state, canary, baseline)


def watched(kind, drawn, run_length=ARL):
    """Of each rollout: the tick, counted from 1, of the first alarm, inf where never; its onset.

    And the log e-value of the design after every tick, with the onset it would tell.
    """
    method = method_of(kind, drawn)
    rows, ticks = drawn.canary.shape[:2]
    state, detector, held = method.begin(rows, drawn.history), None, None
    first, onset = np.full(rows, np.inf), np.full(rows, np.nan)
    paths, since = np.empty((2, rows, ticks))
    share = np.full(ticks, np.nan) if drawn.share is None else drawn.share
    for t in range(ticks):
        sides = drawn.canary[:, t], drawn.baseline[:, t]
        gain = gains(kind, method.design, state, *sides, share[t])
        if detector is None:
            detector = Restart(kind, gain.shape[1], average_run_length=run_length)
            held = detector.begin(rows)
        held = detector.step(held, gain, float(t))
        fresh = np.isinf(first) & ~np.isnan(held.alarmed)
        first[fresh], onset[fresh] = t + 1.0, detector.onset(held)[fresh]
        state = method.step(state, *sides, share[t], float(t))
        paths[:, t] = method.log_e(state)
        since[:, t] = onsets(kind, state)
    return first, onset, paths, since


def onsets(kind, state):
    """Since when the evidence of every rollout has only grown; of a gauge, since when it is off."""
    if kind == "counts":
        return state.tests.rising_since[:, 0]
    if kind == "gauge":
        dates = [gauge_onset.began(state.began, row) for row in range(len(state.began))]
        return np.array([np.nan if date is None else date.at for date in dates])
    loudest = binomial.log_e_values(state.tests)[:, :SLOTS].argmax(axis=1)
    return state.tests.rising_since[np.arange(len(loudest)), loudest]


def told(alarmed, onset):
    """Median delay, share found and median error of the onset, of those that spoke in time."""
    spoke = np.isfinite(alarmed) & (alarmed > ONSET)
    return {
        "delay": float(np.median(alarmed[alarmed > ONSET]) - ONSET),
        "early": float((alarmed <= ONSET).mean()),
        "off": float(np.nanmedian(np.abs(onset[spoke] - ONSET))),
    }


def since_when(kind, about, draw, harm, runs, ticks=900):
    """A regression that begins in mid-rollout: who speaks when, and what onset it tells."""
    rng = np.random.default_rng([SEED, 7, zlib.crc32(about.encode())])
    drawn = draw(rng, runs, ticks, HISTORY, Change(onset=ONSET, **harm))
    first, onset, paths, since = watched(kind, drawn)
    ways = {}
    for level, reached in zip(LEVELS, first_reached(paths, LEVELS), strict=True):
        at = np.minimum(reached - 1, ticks - 1).astype(int)
        ways[f"e-process at {level:.3g}"] = told(reached, since[np.arange(runs), at])
    row = {"about": about, "ways": ways | {"e-CUSUM": told(first, onset)}}
    print(row, flush=True)
    return row


def measured(name, rollouts):
    """One row of the table."""
    scenario, began, first = SCENARIOS[name], time.process_time(), []
    for part in range(rollouts // AT_ONCE):
        rng = np.random.default_rng([SEED, 9, zlib.crc32(name.encode()), part])
        drawn = scenario.draw(rng, AT_ONCE, TICKS, HISTORY, HEALTHY)
        first.append(watched(scenario.kind, drawn)[0])
    first = np.concatenate(first)
    alarms, ticks = int(np.isfinite(first).sum()), float(np.minimum(first, TICKS).sum())
    row = {"id": name, "about": scenario.about, "rollouts": len(first), "alarms": alarms}
    row |= {"watched": ticks, "cpu_seconds": round(time.process_time() - began, 1)}
    print(row, f"mean run length {ticks / max(alarms, 1):.0f}", flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="a row")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked = parser.parse_args()
    since = [since_when(*one, asked.rollouts) for one in HARMED]
    rows = [measured(name, asked.rollouts) for name in IDS]
    if asked.keep:
        settings = {"seed": SEED, "run_length": ARL, "ticks": TICKS, "runs": asked.rollouts}
        results.write("restarts", settings | {"since": since, "rows": rows})


if __name__ == "__main__":
    main()
