"""What each part of the test of counts costs in delay.

Poisson errors, a canary at a tenth of the traffic, brought to a limit of 40 ticks. The likelihood
ratio of the true effect knows everything; the parts that do not are added one by one.

Run ``python -m benchmarks.calibration.prices --keep``. It writes results/prices.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import math

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.delays import LEVEL, TUNED_LIMIT, of_ratio
from benchmarks.calibration.draws import Change, counts
from benchmarks.calibration.methods import CountsMethod, first_reached
from benchmarks.calibration.scenarios import HISTORY, SEED

from canarystats.kernels import detectors, mixture

REPLICATIONS, SHARE, RATIOS, TICKS = 1000, 0.1, (1.5, 2.0, 5.0), 720
LONG = 20_000  # ticks of history, three and a half days
LEVELS = (LEVEL, 1 / 800)  # alone, and what a claim of the preset with eight triggers has


def likelihoods(drawn, odds):
    """Log likelihood ratios of every tick, one for each multiple of the odds."""
    events, others = drawn.canary[:, :, 0], drawn.baseline[:, :, 0]
    exposure = drawn.canary[:, :, 1] + drawn.baseline[:, :, 1]
    share = drawn.canary[:, :, 1] / exposure
    gain = detectors.odds_gain(events.ravel(), others.ravel(), share.ravel(), np.log(odds))
    return gain.reshape(*events.shape, -1)


def followed(drawn, history, fano=None):
    """Log e-values after every tick; ``fano`` overrules what is learned."""
    method, rows = CountsMethod(), len(drawn.canary)
    state = method.begin(rows, history)
    if fano is not None:
        method.design.discounts = lambda *_: np.full((rows, 1), fano)
    paths = np.empty((rows, drawn.canary.shape[1]))
    for t in range(drawn.canary.shape[1]):
        sides = drawn.canary[:, t], drawn.baseline[:, t]
        state = method.step(state, *sides, SHARE, float(t))
        paths[:, t] = method.log_e(state)
    return paths


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
            "and the onset": followed(drawn, None, fano=1.0),
            "and the noise, from 3.5 days": followed(drawn, long),
            "and the noise, from 8 hours": followed(drawn, drawn.history),
            "and the noise, from nothing": followed(drawn, None),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked, rows = parser.parse_args(), []
    for row in prices(asked.replications):
        rows.append(row)
        print(row, flush=True)
    if asked.keep:
        results.write("prices", {"runs": asked.replications, "prices": rows})


if __name__ == "__main__":
    main()
