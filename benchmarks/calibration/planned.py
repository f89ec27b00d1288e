"""A bake window of an hour with six planned looks: how often a look errs, and what it finds.

The same data are followed by the tests for any number of looks, looked at after every tick. Every
claim is tested at the very edge of its hypothesis, with a history of eight hours.

Run ``python -m benchmarks.calibration.planned --keep``. It writes results/planned.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.bounds import upper
from benchmarks.calibration.draws import HEALTHY, Change
from benchmarks.calibration.methods import evidence_paths, first_reached, method_of
from benchmarks.calibration.scenarios import SCENARIOS, chunks

from canarystats.sequential.planned import PlannedLooks, counted_z

TICKS, LOOKS, REPLICATIONS, ROWS = 240, 6, 2000, 500
LEVELS = (0.05, 0.01)
FAMILIES = ("power", "pocock", "obrien_fleming")
EDGE_OF_WORSE = 0  # the first that is asked at the quantile


@dataclass(frozen=True)
class Case:
    """A scenario and what goes wrong in it."""

    name: str
    about: str
    change: Change = HEALTHY


HEALTH = (
    *(Case(name, SCENARIOS[name].about) for name in ("N8-50", "N8-10", "N12-sparse", "N11-ramp")),
    *(Case(name, SCENARIOS[name].about) for name in ("N9-fano2", "N9-fano5", "N10-wander03")),
    *(Case(name, SCENARIOS[name].about) for name in ("N8-latency05", "N9-latency2")),
    *(Case(name, SCENARIOS[name].about) for name in ("N1-iid", "N2-ar06", "N2-ar09", "N5-t3")),
)
HARM = (
    Case("N8-10", "errors x1.3, share 0.1", Change(ratio=1.3)),
    Case("N8-10", "errors x1.5, share 0.1", Change(ratio=1.5)),
    Case("N8-10", "errors x2, share 0.1", Change(ratio=2.0)),
    Case("N8-10", "errors x5, share 0.1", Change(ratio=5.0)),
    Case("N8-10", "errors x2 from tick 120, share 0.1", Change(ratio=2.0, onset=120)),
    Case("N8-latency05", "0.5 % of requests x3, share 0.05", Change(tail=0.005)),
    Case("N8-latency05", "2 % of requests x3, share 0.05", Change(tail=0.02)),
    Case("N2-ar06", "AR(0.6), +0.4 sigma", Change(shift=0.4)),
    Case("N2-ar06", "AR(0.6), +0.6 sigma", Change(shift=0.6)),
    Case("N2-ar06", "AR(0.6), +1 sigma", Change(shift=1.0)),
    Case("N2-ar06", "AR(0.6), +1 sigma from tick 120", Change(shift=1.0, onset=120)),
)


def looks_of(kind, drawn, history=True):
    """The z value and the information of every rollout at each planned look."""
    method = method_of(kind, drawn)
    rows = len(drawn.canary)
    state = method.begin(rows, drawn.history if history else None)
    tally = PlannedLooks([0.05] * rows, looks=LOOKS)
    counted = tally.begin()
    for t in range(TICKS):
        canary, baseline = drawn.canary[:, t], drawn.baseline[:, t]
        share = np.full(rows, np.nan if drawn.share is None else drawn.share[t])
        fano = np.ones(rows)
        if kind == "counts":
            brought, null = method.design.asked(canary, baseline, share)
            counted = tally.counted(counted, (brought[0][:, 0], brought[1][:, 0]), null[:, 0])
            fano = method.design.discounts(state, (canary[:, 1], baseline[:, 1]))[:, 0]
        elif kind == "histogram":
            asked = method.design.asked_at_the_quantile(state, canary, baseline)
            at = EDGE_OF_WORSE
            brought = asked.counts[0][:, at], asked.counts[1][:, at]
            counted, fano = tally.counted(counted, brought, asked.share[:, at]), asked.fano[:, at]
        state = method.step(state, canary, baseline, share, 15.0 * (t + 1))
        if (t + 1) % (TICKS // LOOKS) == 0:
            if kind == "gauge":
                z, information = (column[:, 0] for column in method.design.z(state))
            else:
                z, information = counted_z(counted.tally, np.ones(rows, dtype=bool), fano)
            yield z, information


def decided(found, level, spend):
    """The look at which each rollout is rejected, counted from 1; 0 for never."""
    design = PlannedLooks([level] * len(found[0][0]), looks=LOOKS, spend=spend)
    state = design.begin()
    for number, (z, information) in enumerate(found, 1):
        state = design.looked(state, number, z, information)
    return state.crossed_at


def measured(case, runs, rows=ROWS):
    """How many rollouts each way rejects, and after how many ticks in the mean."""
    kind = SCENARIOS[case.name].kind
    names = [*FAMILIES, "many"]
    ends = {name: [[] for _ in LEVELS] for name in names}
    for drawn in chunks(case.name, runs, TICKS, change=case.change, rows=rows):
        found = list(looks_of(kind, drawn))
        many = first_reached(evidence_paths(kind, drawn), LEVELS)
        for i, level in enumerate(LEVELS):
            for spend in FAMILIES:
                at = decided(found, level, spend) * (TICKS // LOOKS)
                ends[spend][i].append(np.where(at > 0, at, np.inf))
            ends["many"][i].append(many[i])
    return {
        name: [
            {
                "found": int(np.isfinite(at).sum()),
                "ticks": float(np.minimum(at, TICKS).mean()),
            }
            for at in map(np.concatenate, each)
        ]
        for name, each in ends.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    asked, start, rows = parser.parse_args(), time.time(), []
    sizes = ("health", HEALTH, asked.replications), ("harm", HARM, asked.replications // 4)
    for what, cases, runs in sizes:
        for case in cases:
            found = measured(case, runs)
            row = {"what": what, "id": case.name, "about": case.about, "runs": runs}
            rows.append(row | {"ways": found})
            shown = {
                name: [(each["found"], round(each["ticks"])) for each in levels]
                for name, levels in found.items()
            }
            bound = round(100 * upper(shown["power"][0][0], runs), 2)
            print(case.name, case.about, shown, bound, f"{time.time() - start:.0f} s", flush=True)
    if asked.keep:
        results.write("planned", {"levels": LEVELS, "looks": LOOKS, "ticks": TICKS, "rows": rows})


if __name__ == "__main__":
    main()
