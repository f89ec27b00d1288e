"""How long a regression goes unnoticed, beside the least that information allows.

The limit is ln(1 / alpha) / KL ticks, where KL is what one tick tells: the relative entropy of
the harmed canary to the edge of the hypothesis; alpha is 5 %, and for one column the level of a
claim. A regression that begins in mid-rollout is held against ln(5000) / KL, the least delay of a
detector that errs once in 5000 ticks.

Run ``python -m benchmarks.calibration.delays --keep``. It writes results/delays.json; without
``--keep`` it only prints.
"""

from __future__ import annotations

import argparse
import math
import time
import zlib
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np
from benchmarks.calibration import results
from benchmarks.calibration.draws import EDGES, Change, ar, bucket_shares, counts, gauge, histogram
from benchmarks.calibration.methods import evidence_paths, first_reached
from benchmarks.calibration.scenarios import HISTORY, SEED

REPLICATIONS = 1000
LEVEL = 0.05
CLAIM = 1 / 800  # the level of a claim of the preset with eight triggers
ARL = 5000.0
ONSET = 300
TUNED_LIMIT = 40.0  # ticks the limit is brought to by the size of the traffic
LONGEST = 4000  # ticks
ROWS = 250


@dataclass(frozen=True)
class Case:
    """A regression: how it is drawn, and how much a tick tells of it."""

    kind: str
    name: str
    draw: object
    change: Change
    information: float  # a tick

    @property
    def limit(self) -> float:
        odds = ARL if self.change.onset else 1 / LEVEL
        return math.log(odds) / self.information

    @property
    def ticks(self) -> int:
        return self.change.onset + min(max(200, math.ceil(12 * self.limit)), LONGEST)


def entropy(share, null):
    """The relative entropy of two binomial shares, an event."""
    other = (1 - share) * np.log((1 - share) / (1 - null))
    return share * np.log(share / null) + other


def of_ratio(share, ratio):
    """What one tick tells of a ratio of rates, an event of the baseline's rate in all."""
    total = share * ratio + 1 - share
    return total * entropy(share * ratio / total, share)


def rate_cases():
    for share in (0.5, 0.1, 0.05, 0.01):
        for ratio in (1.25, 1.5, 2.0, 3.0, 5.0, 10.0):
            errors = math.log(1 / LEVEL) / of_ratio(share, ratio) / TUNED_LIMIT
            yield rate_case(share, ratio, errors)
    for share, ratio in ((0.5, 1.5), (0.5, 5.0), (0.1, 1.5), (0.1, 2.0), (0.1, 5.0)):
        yield rate_case(share, ratio, 2.0)
    for share, ratio in ((0.5, 1.5), (0.1, 2.0), (0.05, 3.0), (0.1, 5.0)):
        yield rate_case(share, ratio, 2.0, onset=ONSET)


def rate_case(share, ratio, errors, onset=0):
    draw = counts(share, errors=errors, requests=max(1500.0, 50 * errors))
    when = f", from tick {onset}" if onset else ""
    name = f"share {share:g}, ratio {ratio:g}, {errors:.3g} errors a tick{when}"
    change = Change(ratio=ratio, onset=onset)
    return Case("counts", name, draw, change, errors * of_ratio(share, ratio))


def slow_share(edges, **harm):
    """The share of requests slower than each edge."""
    return 1.0 - np.cumsum(bucket_shares(edges, **harm))[:-1]


def latency_cases():
    for share in (0.5, 0.05):
        for name, harm in (
            ("2 % of requests x3", {"tail": 0.02}),
            ("5 % of requests x3", {"tail": 0.05}),
            ("all x1.1", {"scale": 1.1}),
            ("all x1.25", {"scale": 1.25}),
        ):
            plain, slow = slow_share(EDGES), slow_share(EDGES, **harm)
            told = plain * of_ratio(share, slow / plain)
            best = int(np.argmax(told))
            requests = math.log(1 / LEVEL) / told[best] / TUNED_LIMIT
            for edges, about in ((EDGES, "six edges"), (EDGES[best : best + 1], "the right edge")):
                for onset in (0, ONSET) if share == 0.5 else (0,):
                    when = f", from tick {onset}" if onset else ""
                    draw = histogram(share, requests=requests, edges=edges)
                    title = f"share {share:g}, {name}, {about}{when}"
                    change = Change(**harm, onset=onset)
                    yield Case("histogram", title, draw, change, requests * told[best])


def gauge_cases():
    for phi in (0.0, 0.6, 0.9):
        for shift in (0.25, 0.5, 1.0, 2.0):
            for onset in (0, ONSET) if shift >= 0.5 and phi < 0.9 else (0,):
                told = shift**2 * (1 - phi) / (4 * (1 + phi))
                when = f", from tick {onset}" if onset else ""
                title = f"AR({phi:g}), +{shift:g} sigma{when}"
                yield Case("gauge", title, gauge(ar(phi)), Change(shift=shift, onset=onset), told)


def traffic_cases():
    for kind in ("split", "throughput"):
        for share, traffic in ((0.05, 0.9), (0.05, 0.6), (0.5, 0.98)):
            told = 1500.0 * float(of_ratio(share, traffic))
            draw = counts(share)
            title = f"share {share:g}, {traffic:g} of the canary's requests"
            yield Case(kind, title, draw, Change(traffic=traffic), told)


def cases():
    yield from rate_cases()
    yield from latency_cases()
    yield from gauge_cases()
    yield from traffic_cases()


def measured(task):
    """One row of the table."""
    case, replications = task
    start, first = time.process_time(), []
    for part, begun in enumerate(range(0, replications, ROWS)):
        rng = np.random.default_rng([SEED, zlib.crc32(case.name.encode()), part])
        rows = min(ROWS, replications - begun)
        drawn = case.draw(rng, rows, case.ticks, HISTORY, case.change)
        first.append(first_reached(evidence_paths(case.kind, drawn), (LEVEL, CLAIM)))
    first, claim = np.concatenate(first, axis=1)
    onset = case.change.onset
    early = first <= onset
    delay = np.sort((first - onset)[~early])
    found = np.isfinite(delay)
    return {
        "kind": case.kind,
        "about": case.name,
        "onset": onset,
        "runs": replications,
        "ticks": case.ticks,
        "limit": round(case.limit, 2),
        "found": round(float(found.mean()), 4),
        "early": int(early.sum()),
        # What was not found by the end counts as found there: a lower bound of the mean.
        "mean": round(float(np.minimum(delay, case.ticks - onset).mean()), 1),
        "mean_of_claim": None if onset else _beside_limit(claim, case),
        "median": _quantile(delay, 0.5),
        "p90": _quantile(delay, 0.9),
        "cpu_seconds": round(time.process_time() - start, 1),
    }


def _beside_limit(first, case):
    """The mean delay of a claim, as a multiple of the least there can be at its level."""
    limit = math.log(1 / CLAIM) / case.information
    return round(float(np.minimum(first, case.ticks).mean() / limit), 3)


def _quantile(ordered, q):
    value = ordered[math.ceil(q * len(ordered)) - 1]
    return float(value) if np.isfinite(value) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replications", type=int, default=REPLICATIONS)
    parser.add_argument("--only", nargs="*", default=[], help="kinds")
    parser.add_argument("--keep", action="store_true", help="write the figures for the docs")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    chosen = [case for case in cases() if not asked.only or case.kind in asked.only]
    rows = []
    with get_context("spawn").Pool(asked.processes) as pool:
        for row in pool.imap(at, [(i, asked.only, asked.replications) for i in range(len(chosen))]):
            print(row, flush=True)
            rows.append(row)
    if asked.keep:
        found = {"seed": SEED, "history": HISTORY, "level": LEVEL, "arl": ARL}
        results.write("delays", found | {"rows": merged(rows)})


def merged(rows):
    """The rows kept, with these in place of earlier ones of the same case."""
    known = {case_of(row): row for row in [*results.read("delays", {"rows": []})["rows"], *rows]}
    order = [(case.kind, case.name, case.change.onset) for case in cases()]
    return [known[case] for case in order if case in known]


def case_of(row):
    return row["kind"], row["about"], row["onset"]


def at(task):
    """The same by the place of a case in the list: what draws it cannot be sent to a process."""
    place, only, replications = task
    chosen = [case for case in cases() if not only or case.kind in only]
    return measured((chosen[place], replications))


if __name__ == "__main__":
    main()
