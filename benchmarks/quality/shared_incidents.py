"""Incidents of both arms, hit unequally, and faults of the canary alone: what is blamed, and when.

``python -m benchmarks.quality.shared_incidents`` writes a table of docs/verdict.md (minutes on one
core). Every rollout is judged tick by tick under `eight-triggers` with and without the policy's
`shared_incident`, on the same data.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmarks.marked import rewrite, table

import canarystats as cs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "verdict.md"
SEED, ROLLOUTS = 20_261_125, 40
BEFORE, AFTER = 60, 60  # ticks
TICK = 15.0
HEADER = (
    "what happens",
    "requests a tick",
    "canary's share",
    "rolled back",
    "median tick",
    "without: rolled back",
    "median tick",
    "held as shared",
)
AR, SD = 0.9, 0.3  # of log rates that wander


class Row(NamedTuple):
    """What happens after a healthy quarter of an hour: rates so many times as high."""

    about: str
    canary: float = 1.0
    baseline: float = 1.0
    skew: int = 0  # ticks by which the baseline comes later
    requests: float = 20_000.0  # a tick, both sides
    share: float = 0.05
    rate: float = 0.005
    wander: bool = False


ROWS = (
    Row("both at once, 6 and 3 times", 6, 3),
    Row("the same at half of the traffic", 6, 3, share=0.5),
    Row("the same with 1500 requests", 6, 3, requests=1500),
    Row("both at once, 10 and 4 times", 10, 4),
    Row("the same, the baseline a tick later", 10, 4, 1),
    Row("the baseline 8 ticks later, 6 and 3 times", 6, 3, 8),
    Row("both at once, 30 and 3 times", 30, 3),
    Row("every canary request fails, the baseline 3 times", 200, 3),
    Row("the canary alone, 2 times", 2),
    Row("the canary alone, 3 times", 3),
    Row("the canary alone, 3 times, 1500 requests", 3, requests=1500),
    Row("the canary alone, 10 times", 10),
    Row("the canary alone, every request fails", 200),
    Row("the canary alone, 3 times; both rates wander", 3, wander=True),
    Row("nothing", 1),
    Row("nothing; both rates wander", 1, wander=True),
)


def drawn(rng: np.random.Generator, row: Row) -> cs.Pair:
    """One rollout of a row."""
    n = BEFORE + AFTER
    at, sides = np.arange(n), []
    for part, times, start in (
        (row.share, row.canary, BEFORE),
        (1 - row.share, row.baseline, BEFORE + row.skew),
    ):
        requests = rng.poisson(row.requests * part, n)
        rate = row.rate * np.where(at >= start, times, 1.0)
        if row.wander:
            noise, state = rng.standard_normal(n), 0.0
            for i in range(n):
                state = AR * state + np.sqrt(1 - AR**2) * noise[i]
                rate[i] *= np.exp(SD * state - SD**2 / 2)
        sides.append((rng.binomial(requests, np.minimum(rate, 1.0)), requests))
    return cs.Pair.counts("requests", canary=sides[0], baseline=sides[1], times=1.7e9 + TICK * at)


def measured(row: Row) -> list[str]:
    """The cells of one row."""
    names = [m.name for m in cs.load_policy("eight-triggers").metrics if m.name != "requests"]
    policy = cs.load_policy("eight-triggers").without(*names)
    policy = policy.with_trigger("error_rate", absolute=None)
    policy = policy.with_trigger("success_rate", action="report")
    rng = np.random.default_rng([SEED, *row.about.encode()])
    found = {"with": [], "without": []}
    held = 0
    for _ in range(ROLLOUTS):
        pair = drawn(rng, row)
        for key, judged in (("with", policy), ("without", policy.replace(shared_incident="0s"))):
            verdict = cs.judge([pair], judged, share=row.share)
            at = verdict.decided_at
            found[key].append(np.inf if at is None else round((at - 1.7e9) / TICK) - BEFORE + 1)
            if key == "with":
                held += any(f.action == "hold" for f in verdict.firings)
    cells = [f"{row.requests:,.0f}".replace(",", " "), f"{row.share:.0%}"]
    for key in ("with", "without"):
        ticks = np.array(found[key])
        blamed = np.isfinite(ticks)
        median = f"{np.median(ticks[blamed]):.0f}" if blamed.any() else "-"
        cells += [f"{blamed.mean():.0%}", median]
    return [row.about, *cells, f"{held / ROLLOUTS:.0%}"]


def incidents() -> str:
    """The table, printed row by row as it is measured."""
    found = []
    for one in ROWS:
        found.append(measured(one))
        print(*found[-1], sep=" | ", flush=True)
    return table(HEADER, found)


if __name__ == "__main__":
    rewrite(PAGE, {"shared": incidents})
