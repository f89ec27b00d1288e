"""What each part of the test of counts costs in delay, and what a restarting detector would add.

*Prices*: Poisson errors, a canary at a tenth of the traffic, brought to a limit of 40 ticks. The
likelihood ratio of the true effect knows everything; the parts that do not are added one by one.

*Since when*: errors and gauges that become worse at tick 300. Beside each other stand the e-process
of the budget, which averages over the onset, and e-CUSUM of `sequential.restart` on the same gains
at a run length of 5000 ticks: after how many ticks each speaks, and how far its onset is off then.

Run ``python -m benchmarks.calibration.prices --keep``. It writes results/prices.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.delays import LEVEL, ONSET, TUNED_LIMIT, of_ratio
from benchmarks.calibration.draws import Change, counts, gauge, iid
from benchmarks.calibration.methods import CountsMethod, GaugeMethod, first_reached
from benchmarks.calibration.scenarios import HISTORY, SEED

from canarystats.kernels import detectors, mixture
from canarystats.sequential import gauge_onset
from canarystats.sequential.restart import Restart

REPLICATIONS, SHARE, RATIOS, TICKS = 1000, 0.1, (1.5, 2.0, 5.0), 720
LONG = 20_000  # ticks of history, three and a half days
LEVELS = (LEVEL, 1 / 800)  # alone, and what a claim of the preset with eight triggers has
STEEP = mixture.ODDS >= 1.1
UPWARDS = np.array([True, False])


def likelihoods(drawn, odds):
    """Log likelihood ratios of every tick, one for each multiple of the odds."""
    events, others = drawn.canary[:, :, 0], drawn.baseline[:, :, 0]
    exposure = drawn.canary[:, :, 1] + drawn.baseline[:, :, 1]
    share = drawn.canary[:, :, 1] / exposure
    gain = detectors.odds_gain(events.ravel(), others.ravel(), share.ravel(), np.log(odds))
    return gain.reshape(*events.shape, -1)


def followed(drawn, history, fano=None):
    """Log e-values after every tick, and the onsets told; ``fano`` overrules what is learned."""
    method, rows = CountsMethod(), len(drawn.canary)
    state = method.begin(rows, history)
    if fano is not None:
        method.design.discounts = lambda *_: np.full((rows, 1), fano)
    paths, since = np.empty((2, rows, drawn.canary.shape[1]))
    for t in range(drawn.canary.shape[1]):
        sides = drawn.canary[:, t], drawn.baseline[:, t]
        state = method.step(state, *sides, SHARE, float(t))
        paths[:, t], since[:, t] = method.log_e(state), state.tests.rising_since[:, 0]
    return paths, since


def prices(runs):
    for ratio in RATIOS:
        errors = math.log(1 / LEVEL) / of_ratio(SHARE, ratio) / TUNED_LIMIT
        draw = counts(SHARE, errors=errors, requests=max(1500.0, 50 * errors))
        rng = np.random.default_rng([SEED, int(10 * ratio)])
        drawn = draw(rng, runs, TICKS, HISTORY, Change(ratio=ratio))
        long = draw(rng, 1, 1, LONG, Change()).history
        long = tuple(np.repeat(side, runs, axis=0) for side in long)
        each = np.cumsum(likelihoods(drawn, mixture.ODDS), axis=1)
        true = np.cumsum(likelihoods(drawn, np.array([ratio])), axis=1)[:, :, 0]
        ways = {
            "the effect, the onset and the noise known": true,
            "the effect unknown: the grid": np.logaddexp.reduce(each + np.log(mixture.PRIOR), 2),
            "and the onset": followed(drawn, None, fano=1.0)[0],
            "and the noise, from 3.5 days": followed(drawn, long)[0],
            "and the noise, from 8 hours": followed(drawn, drawn.history)[0],
            "and the noise, from nothing": followed(drawn, None)[0],
        }
        for way, paths in ways.items():
            each_level = zip(LEVELS, first_reached(paths, LEVELS), strict=True)
            found = {f"{level:g}": beside_limit(first, level) for level, first in each_level}
            yield {"ratio": ratio, "way": way, "levels": found}


def beside_limit(first, level):
    """Mean and median of the ticks to a level, as multiples of the least there can be."""
    limit = TUNED_LIMIT * math.log(level) / math.log(LEVEL)
    ticks = np.minimum(first, TICKS)  # what is not found by then counts as found there
    return {"mean": float(ticks.mean() / limit), "median": float(np.median(ticks) / limit)}


def told(alarmed, onset):
    """Median delay, share found and median error of the onset, of those that spoke in time."""
    spoke = np.isfinite(alarmed) & (alarmed >= ONSET)
    late = np.median(np.where(np.isfinite(alarmed), alarmed, np.inf)[alarmed >= ONSET])
    return {
        "delay": float(late - ONSET),
        "early": float((alarmed < ONSET).mean()),
        "off": float(np.median(np.abs(onset[spoke] - ONSET))),
    }


def alarms(gains, at):
    """When e-CUSUM first alarms, counting from tick ``at``, and the onset it tells then."""
    rows, ticks, grid = gains.shape
    design = Restart("m", grid)
    state, alarmed, onset = design.begin(rows), np.full(rows, np.inf), np.full(rows, np.nan)
    for t in range(ticks):
        state = design.step(state, gains[:, t], float(t))
        fresh = np.isinf(alarmed) & ~np.isnan(state.alarmed)
        alarmed[fresh], onset[fresh] = t + 1.0, design.onset(state)[fresh]
    return told(alarmed, onset + at)


def read(paths, since, level):
    """The same of an e-process at a level."""
    first = first_reached(paths, [level])[0]
    at = np.minimum(first - 1, paths.shape[1] - 1).astype(int)
    return told(first, since[np.arange(len(paths)), at])


def since_when(runs, ticks=900):
    for ratio in (2.0, 3.0):
        draw = counts(SHARE)
        rng = np.random.default_rng([SEED, 7, int(10 * ratio)])
        drawn = draw(rng, runs, ticks, HISTORY, Change(ratio=ratio, onset=ONSET))
        paths, since = followed(drawn, drawn.history)
        row = {"about": f"errors x{ratio:g}, share {SHARE:g}, 2 errors a tick"}
        ways = {f"e-process at {level:.3g}": read(paths, since, level) for level in LEVELS}
        ways["e-CUSUM"] = alarms(likelihoods(drawn, mixture.ODDS[STEEP]), 0)
        yield row | {"ways": ways}
    for shift in (0.5, 1.0):
        rng = np.random.default_rng([SEED, 8, int(10 * shift)])
        drawn = gauge(iid)(rng, runs, ticks, HISTORY, Change(shift=shift, onset=ONSET))
        method = GaugeMethod()
        state = method.begin(runs, drawn.history)
        paths, since = np.empty((2, runs, ticks))
        for t in range(ticks):
            state = method.step(state, drawn.canary[:, t], drawn.baseline[:, t], None, float(t))
            paths[:, t] = method.log_e(state)
            since[:, t] = gauge_onset.onset(state.rises, state.since, UPWARDS)
        away = drawn.canary[:, :, 0] - drawn.baseline[:, :, 0]
        noise = float(np.sqrt(200.0))
        gains = detectors.normal_gain(away.ravel(), noise * np.array([0.25, 0.5, 1.0, 2.0]), noise)
        row = {"about": f"independent gauge +{shift:g} sigma"}
        ways = {f"e-process at {level:.3g}": read(paths, since, level) for level in LEVELS}
        ways["e-CUSUM"] = alarms(gains.reshape(runs, ticks, -1), 0)
        yield row | {"ways": ways}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked, found = parser.parse_args(), {"prices": [], "since": []}
    for row in prices(asked.replications):
        found["prices"].append(row)
        print(row, flush=True)
    for row in since_when(asked.replications // 2):
        found["since"].append(row)
        print(row, flush=True)
    if asked.keep:
        results.write("prices", {"runs": asked.replications} | found)


if __name__ == "__main__":
    main()
