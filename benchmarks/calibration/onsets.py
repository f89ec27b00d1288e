"""How near the onset of a regression is dated, at the tick that decides about it.

Rollouts with a single step after 40 or 160 healthy ticks, decided at the level of a claim of the
preset with eight triggers. Beside the date stands the tick since which the
evidence has only grown, which the firings of other rules carry.

Run ``python -m benchmarks.calibration.onsets --keep``. It writes results/onsets.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import math
import zlib
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.delays import CLAIM
from benchmarks.calibration.draws import Change, ar, counts, gauge, histogram
from benchmarks.calibration.methods import INTERVAL, each_begun
from benchmarks.calibration.scenarios import HISTORY, SEED

from canarystats.evidence import Question
from canarystats.sequential import onset, slow_onset
from canarystats.sequential.counts import Counts, Test
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.histogram import Histogram

ROLLOUTS = 100  # half of them with each onset
ONSETS, LONGEST = (40, 160), 800  # ticks
EDGES = 2.0 ** (np.arange(-4, 11) / 2)  # times the median
WORSE = "worse"


@dataclass(frozen=True)
class Case:
    """A service, and what happens to its canary."""

    kind: str
    about: str
    draw: object
    change: dict[str, float]
    history: bool = True


def errors(canary, baseline, rate, ratio, fano=1.0):
    total = canary + baseline
    draw = counts(canary / total, requests=total, errors=total * rate, fano=fano)
    told = f"{canary} / {baseline} requests, {rate:.1%} errors x{ratio:g}"
    clumps = f" in clumps of {fano:g}" if fano > 1 else ""
    return Case("counts", told + clumps, draw, {"ratio": ratio})


def latency(canary, baseline, told, fano=1.0, **harm):
    total = canary + baseline
    draw = histogram(canary / total, requests=total, edges=EDGES, fano=fano)
    clumps = f" in clumps of {fano:g}" if fano > 1 else ""
    return Case("histogram", f"{canary} / {baseline} requests, {told}{clumps}", draw, harm)


def cases():
    yield errors(75, 1425, 0.01, 2)
    yield errors(75, 1425, 0.01, 3)
    yield errors(75, 1425, 0.01, 10)
    yield errors(75, 1425, 0.001, 10)
    yield errors(750, 14250, 0.01, 1.7)
    yield errors(750, 750, 0.002, 2)
    yield errors(75, 1425, 0.01, 3, fano=5.0)
    yield latency(75, 1425, "all x1.25", scale=1.25)
    yield latency(75, 1425, "all x2", scale=2.0)
    yield latency(75, 1425, "5 % of them x3", tail=0.05)
    yield latency(750, 14250, "all x1.1", scale=1.1)
    yield latency(750, 14250, "2 % of them x3", tail=0.02)
    yield latency(750, 14250, "2 % of them x3", fano=5.0, tail=0.02)
    yield latency(750, 750, "5 % of them x3", tail=0.05)
    for phi, shift in ((0.0, 1.0), (0.6, 1.0), (0.6, 2.0)):
        yield Case("gauge", f"AR({phi:g}), +{shift:g} sigma", gauge(ar(phi)), {"shift": shift})
    for case in (
        errors(75, 1425, 0.01, 3),
        latency(75, 1425, "5 % of them x3", tail=0.05),
        Case("gauge", "AR(0.6), +2 sigma", gauge(ar(0.6)), {"shift": 2.0}),
    ):
        yield replace(case, about=f"{case.about}, without history", history=False)


def design_of(kind):
    """The design that decides, and what dates a row of its state."""
    if kind == "counts":
        made = Counts("requests", [Test(WORSE, Question.WORSE, "arms", 1.0, True)], dated=True)
        return made, lambda state, row: onset.began(state.began, row)
    if kind == "histogram":
        made = Histogram("latency", np.append(EDGES, np.inf), dated=True)
        return made, lambda state, row: slow_onset.began(state.began, WORSE, row)
    made = Gauge("gauge", harmful="increase", margin=0.0, allowed=0.05, batch=40)
    return made, made.began


def step(kind, design, state, canary, baseline, share, at):
    if kind == "counts":
        return design.step(state, canary, baseline, share, at)
    return design.step(state, canary, baseline, at)


def followed(case, rows, change):
    """Of each rollout: ticks to the decision, and both dates, in ticks from the onset."""
    told = f"{case.about}, {change.onset}"
    rng = np.random.default_rng([SEED, zlib.crc32(told.encode())])
    before = HISTORY if case.history else 0
    drawn = case.draw(rng, rows, change.onset + LONGEST, before, change)
    design, date = design_of(case.kind)
    history = drawn.history
    alike = case.kind == "gauge"
    state = design.begin(rows, history) if alike else each_begun(design, rows, history)
    share = [None] * drawn.canary.shape[1] if drawn.share is None else drawn.share
    open_rows, found = set(range(rows)), []
    for t in range(drawn.canary.shape[1]):
        sides = drawn.canary[:, t], drawn.baseline[:, t]
        state = step(case.kind, design, state, *sides, share[t], float(t))
        log_e = design.log_e(state)[WORSE]
        for row in sorted(r for r in open_rows if log_e[r] >= math.log(1 / CLAIM)):
            open_rows.discard(row)
            if t >= change.onset:
                grown = None if alike else design.onset(state, WORSE, row)
                found.append((t, grown, date(state, row)))
        if not open_rows:
            break
    return [
        (
            t - change.onset + 1,
            None if grown is None else grown - change.onset,
            None if began is None else tuple(tick - change.onset for tick in began),
        )
        for t, grown, began in found
    ]


def measured(case, rollouts):
    """One row of the table."""
    found = []
    for at in ONSETS:
        found += followed(case, rollouts // len(ONSETS), Change(**case.change, onset=at))
    row = {"kind": case.kind, "about": case.about, "rollouts": rollouts, "decided": len(found)}
    row["ticks"] = float(np.median([ticks for ticks, _, _ in found]))
    grown = [grown for _, grown, _ in found if grown is not None]
    row["grown"] = _off(grown) if grown else None
    dates = [began for _, _, began in found if began is not None]
    row["dated"] = _off([at for at, _, _ in dates]) | {"of": len(dates)}
    row["covers"] = float(np.mean([low <= 0 <= high for _, low, high in dates]))
    row["width"] = float(np.median([high - low for _, low, high in dates]))
    print(row, flush=True)
    return row


def _off(dates):
    off = np.abs(dates)
    return {"mean": round(float(off.mean()), 1), "median": float(np.median(off))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="a row")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked = parser.parse_args()
    rows = [measured(case, asked.rollouts) for case in cases()]
    if asked.keep:
        kept = {"seed": SEED, "level": CLAIM, "interval": INTERVAL, "rows": rows}
        results.write("onsets", kept)


if __name__ == "__main__":
    main()
