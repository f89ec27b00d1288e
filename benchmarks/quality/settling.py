"""Canaries that begin worse: false rollbacks and delays with a warm-up found by change point.

``python -m benchmarks.quality.settling`` writes a table of docs/policies.md (minutes on one core).
Gauges of `benchmarks.calibration` with eight hours of history; the canary is harmed or cold as a
row says, and compared from the tick on that `sequential.settling` finds within fifteen minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks.calibration.methods import GaugeMethod
from benchmarks.calibration.scenarios import chunks
from benchmarks.marked import rewrite, table

from canarystats.sequential import settling

PAGE = Path(__file__).resolve().parents[2] / "docs" / "policies.md"
ROWS, TICKS, LONGEST = 400, 400, 60
SIGMA, TICK = 10.0, 15.0
AT = np.arange(TICKS)
COLD = SIGMA * np.exp(-AT / 10)
HEADER = (
    "canary",
    "rolled back at 5 %, 1 %: no warm-up",
    "warm-up of 15 min",
    "settle within 15 min",
    "compared from (10 %, median, 90 %)",
    "median tick of the rollback: no warm-up",
    "settle within 15 min",
)
SCENARIOS = (
    ("healthy, AR(0.6)", "N2-ar06", 0 * AT),
    ("healthy, AR(0.9)", "N2-ar09", 0 * AT),
    ("`N15-cold`: 2 sigma, settling in 2.5 min", "N15-cold", 0 * AT),
    ("5 sigma, settling in 2.5 min", "N2-ar06", 5 * COLD),
    ("2 sigma, settling in 5 min", "N2-ar06", 2 * SIGMA * np.exp(-AT / 20)),
    ("3 sigma for 8 min, then none", "N2-ar06", 3 * SIGMA * (AT < 32)),
    ("1 sigma higher, and stays", "N2-ar06", SIGMA + 0 * AT),
    ("3 sigma higher, and stays", "N2-ar06", 3 * SIGMA + 0 * AT),
)


def begins(differences: np.ndarray) -> int:
    """The tick from which a canary is compared."""
    state = settling.Settling()
    for t in range(LONGEST):
        state = settling.step(state, float(differences[t]), TICK * t, LONGEST // settling.BINS)
        if state.done is not None:
            return t + 1
    return LONGEST


def outcome(name, harm, start):
    """The first tick beyond each level (5 % and 1 %) by row, and the ticks compared from."""
    first, starts = [], []
    for drawn in chunks(name, ROWS):
        canary = drawn.canary[:, :TICKS] + harm[:, None]
        baseline = drawn.baseline[:, :TICKS]
        differences = canary[:, :, 0] - baseline[:, :, 0]
        since = np.array([start(row) for row in differences])
        canary = np.where(AT[None, :, None] < since[:, None, None], np.nan, canary)
        method = GaugeMethod()
        state, log_e = method.begin(len(canary), drawn.history), []
        for t in range(TICKS):
            state = method.step(state, canary[:, t], baseline[:, t], None, TICK * t)
            log_e.append(method.log_e(state))
        beyond = np.array(log_e)[:, :, None] >= np.log([20.0, 100.0])
        first.append(np.where(beyond.any(axis=0), beyond.argmax(axis=0), np.inf))
        starts.append(since)
    return np.concatenate(first), np.concatenate(starts)


def cells(about, name, harm):
    """One row."""
    plain, _ = outcome(name, harm, lambda _: 0)
    fixed, _ = outcome(name, harm, lambda _: LONGEST)
    found, starts = outcome(name, harm, begins)
    told = [about]
    told += [
        ", ".join(f"{100 * x:.1f}" for x in np.isfinite(f).mean(axis=0))
        for f in (plain, fixed, found)
    ]
    told += [", ".join(f"{x:.0f}" for x in np.percentile(starts, [10, 50, 90]))]
    stays = harm[-1] > 1
    told += [f"{np.median(f[:, 1]):.0f}" if stays else "" for f in (plain, found)]
    return told


def settled() -> str:
    """The table, printed row by row as it is measured."""
    rows = []
    for scenario in SCENARIOS:
        rows.append(cells(*scenario))
        print(*rows[-1], sep=" | ", flush=True)
    return table(HEADER, rows)


if __name__ == "__main__":
    rewrite(PAGE, {"settling": settled})
