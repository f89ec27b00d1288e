"""Anomalies: false alarms, recall from few samples, validity of p-values; writes the docs page.

Run it from the repository's root: ``python -m benchmarks.quality.anomalies``. It rewrites the
tables of docs/anomalies.md. river runs under the Python named by ``RIVER_PYTHON`` (made with
``benchmarks/quality/requirements/river.txt``); without it there are no rows of it. Seeds are fixed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from benchmarks.quality import anomaly_peers, nab
from tests.detect.processes import ar1
from tests.needs import SHARED

import canarystats as cs
from canarystats.detect.bands import from_record, width
from canarystats.detect.novelty import novelty_scores
from canarystats.kernels.novelty import is_record

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "anomalies.md"
SERIES = 1000
FRESH = 5
PERIOD = 24
SIZES = (20, 60, 300)
MEMORY = 300


def season(n):
    """Three sigmas high."""
    return 3 * np.sin(2 * np.pi * np.arange(n) / PERIOD)


RECORDS = {
    "AN-01": ("independent", lambda rng, k, n: rng.normal(size=(k, n))),
    "AN-02": ("AR(0.6)", lambda rng, k, n: ar1(rng, k, n, 0.6)),
    "AN-03": ("AR(0.9)", lambda rng, k, n: ar1(rng, k, n, 0.9)),
    "AN-04": ("Student t, 3 degrees", lambda rng, k, n: rng.standard_t(3, (k, n))),
    "AN-05": ("lognormal, sigma 0.6", lambda rng, k, n: rng.lognormal(0, 0.6, (k, n))),
    "AN-06": ("counts, mean 2 (ties)", lambda rng, k, n: rng.poisson(2.0, (k, n)) * 1.0),
    "AN-07": ("season, no period given", lambda rng, k, n: rng.normal(size=(k, n)) + season(n)),
    "AN-08": (
        "random walk",
        lambda rng, k, n: np.cumsum(rng.normal(size=(k, n)), axis=1),
    ),
}
SHIFTED = {
    "AN-21": ("independent", RECORDS["AN-01"][1]),
    "AN-22": ("AR(0.6)", RECORDS["AN-02"][1]),
    "AN-23": ("lognormal, sigma 0.6", RECORDS["AN-05"][1]),
}


def drawn(identifier, draw, size, fresh=FRESH, rows=SERIES):
    """A record and the values that follow it at once, (rows, size) and (rows, fresh)."""
    rng = np.random.default_rng([int(identifier[3:]), size])
    series = draw(rng, rows, size + fresh)
    return series[:, :size], series[:, size:]


def alone(found):
    """p-values of single ticks, counted as one test each."""
    return np.array([p for one in found for p in one.p_values if p is not None])


def plain_rule(record, fresh, sigmas=3.0):
    """Two of five beyond three robust deviations, whatever the record is worth."""
    expected = from_record(fresh, record)
    far = np.abs(expected.residual) > sigmas * width(expected.calibration).scale[:, None]
    return far.sum(axis=1) >= 2


def quiet():
    """Where nothing is wrong: rule, plain rule, and single ticks at 0.05 and 0.01."""
    lines = [
        "| id | noise | " + " | ".join(f"record of {size}" for size in SIZES) + " |",
        "|---" * (len(SIZES) + 2) + "|",
    ]
    for identifier, (name, draw) in RECORDS.items():
        cells = []
        for size in SIZES:
            record, fresh = drawn(identifier, draw, size)
            found = cs.detect.anomalies(fresh, record)
            rule = np.mean([one.anomalous for one in found])
            ticks = alone(found)
            cells.append(
                f"{rule:.3f}, {plain_rule(record, fresh).mean():.3f}; "
                f"{(ticks <= 0.05).mean():.3f}, {(ticks <= 0.01).mean():.3f}"
            )
        lines.append(f"| {identifier} | {name} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def pairs():
    """References other than a record: rule, and the evidence at 0.05, without and with 4 sigma."""
    lines = [
        "| id | reference | rule, nothing wrong | p at most 0.05 | rule, 4 sigma in the last 5 |",
        "|---|---|---|---|---|",
    ]
    rng = np.random.default_rng(31)
    for identifier, (name, ask) in REFERENCES.items():
        quiet_found = [ask(rng, 0.0) for _ in range(300)]
        odd_found = [ask(rng, 4.0) for _ in range(300)]
        rule = np.mean([one.anomalous for one in quiet_found])
        proven = np.mean([one.evidence.p_value <= 0.05 for one in quiet_found])
        told = np.mean([one.anomalous for one in odd_found])
        lines.append(f"| {identifier} | {name} | {rule:.3f} | {proven:.3f} | {told:.2f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def beside(rng, shift, *, pods=5, lasting=0.0, coefficient=0.0, history=0):
    """A canary beside its pods, all under one wandering load, 5 sigma a step."""
    n = 60 + history
    load = np.cumsum(rng.normal(0, 5, n))[:, None]
    sides = ar1(rng, pods + 1, n, coefficient).T + load
    sides = sides + lasting * rng.normal(size=pods + 1)
    sides[-5:, 0] += shift
    pair = cs.Pair.gauge("queue", canary=sides[history:, :1], baseline=sides[history:, 1:])
    if not history:
        return cs.detect.anomalies(pair)
    before = cs.Pair.gauge("queue", canary=sides[:history, :1], baseline=sides[:history, 1:])
    return cs.detect.anomalies(pair, history=before)


def seasonal(rng, shift, *, periods, coefficient=0.0):
    """Five ticks after whole periods of a season of three sigmas."""
    n = PERIOD * periods + FRESH
    series = ar1(rng, 1, n, coefficient)[0] + season(n)
    series[-FRESH:] += shift
    return cs.detect.anomalies(series[-FRESH:], series[:-FRESH], period=PERIOD)


REFERENCES = {
    "AN-31": ("5 pods, shared load", beside),
    "AN-32": ("5 pods, AR(0.9)", lambda rng, shift: beside(rng, shift, coefficient=0.9)),
    "AN-33": (
        "5 pods that always differed, by 3 sigma",
        lambda rng, shift: beside(rng, shift, lasting=3.0),
    ),
    "AN-34": (
        "one pod, history of 240 differences",
        lambda rng, shift: beside(rng, shift, pods=1, history=240),
    ),
    "AN-35": ("one pod, no history", lambda rng, shift: beside(rng, shift, pods=1)),
    "AN-36": ("2 periods, medians", lambda rng, shift: seasonal(rng, shift, periods=2)),
    "AN-37": ("4 periods, STL", lambda rng, shift: seasonal(rng, shift, periods=4)),
    "AN-38": (
        "4 periods, STL, AR(0.6)",
        lambda rng, shift: seasonal(rng, shift, periods=4, coefficient=0.6),
    ),
}


def recall():
    """Shifts in fresh samples: rule, evidence at 0.05."""
    sizes = (2, 3, 4, 6)
    lines = [
        "| id | noise | samples | record | " + " | ".join(f"{size} sigma" for size in sizes) + " |",
        "|---" * (len(sizes) + 4) + "|",
    ]
    for identifier, (name, draw) in SHIFTED.items():
        for fresh in (3, 5):
            for size in (60, 589):
                cells = []
                record, values = drawn(identifier, draw, size, fresh, 400)
                sigma = draw(np.random.default_rng(1), 1, 100_000).std()
                for shift in sizes:
                    found = cs.detect.anomalies(values + shift * sigma, record, harmful="increase")
                    rule = np.mean([one.anomalous for one in found])
                    proven = np.mean([one.evidence.decides for one in found])
                    cells.append(f"{rule:.2f}, {proven:.2f}")
                lines.append(
                    f"| {identifier} | {name} | {fresh} | {size} | " + " | ".join(cells) + " |"
                )
                print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def joint():
    """Four metrics correlated at 0.9: false alarms, and a break of their correlation."""
    lines = [
        "| id | what happens in the last 5 of 60 ticks | joint rule | any single rule |",
        "|---|---|---|---|",
    ]
    cases = {
        "AN-41": ("nothing", (0, 0, 0, 0)),
        "AN-42": ("two metrics part, by 2 sigma up and down", (2, -2, 0, 0)),
        "AN-43": ("all rise together, by 3 sigma", (3, 3, 3, 3)),
        "AN-44": ("one rises by 6 sigma", (6, 0, 0, 0)),
    }
    for identifier, (name, shift) in cases.items():
        rng = np.random.default_rng(int(identifier[3:]))
        told = []
        for _ in range(200):
            given = correlated(rng, np.array(shift))
            together = cs.detect.joint_anomalies(given).anomalous
            single = any(cs.detect.anomalies(pair).anomalous for pair in given)
            told.append((together, single))
        together, single = np.mean(told, axis=0)
        lines.append(f"| {identifier} | {name} | {together:.2f} | {single:.2f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def correlated(rng, shift, pods=5, n=60):
    """Pairs of gauges whose metrics move together."""
    metrics = len(shift)
    root = np.linalg.cholesky(np.full((metrics, metrics), 0.9) + 0.1 * np.eye(metrics))
    sides = rng.normal(size=(pods + 1, n, metrics)) @ root.T
    sides[0, -5:] += shift
    return [
        cs.Pair.gauge(f"m{i}", canary=sides[0, :, i], baseline=sides[1:, :, i].T)
        for i in range(metrics)
    ]


def novel():
    """Novelties in a thousand ticks where nothing is wrong, by threshold."""
    thresholds = (7, 8, 9, 10)
    lines = [
        "| id | noise | " + " | ".join(f"threshold {t}" for t in thresholds) + " |",
        "|---" * (len(thresholds) + 2) + "|",
    ]
    draws = {f"AN-5{i}": RECORDS[f"AN-0{i}"] for i in range(1, 9)}
    for identifier, (name, draw) in draws.items():
        rng = np.random.default_rng(int(identifier[3:]))
        scores = novelty_scores(draw(rng, 100, 4000))[:, MEMORY:]
        rates = [f"{1000 * (scores >= t).mean():.2f}" for t in thresholds]
        lines.append(f"| {identifier} | {name} | " + " | ".join(rates) + " |")
    return "\n".join(lines)


def numenta():
    """NAB's scores on the files at hand."""
    corpus = nab.files(SHARED / "data" / "nab")
    windows = sum(len(file.windows) for file in corpus)
    lines = [
        f"| id | detector, {len(corpus)} files, {windows} windows | standard | low FP | low FN |",
        "|---|---|---|---|---|",
    ]

    def line(identifier, name, scores):
        shown = " | ".join(f"{scores[profile]:.1f}" for profile in nab.PROFILES)
        lines.append(f"| {identifier} | {name} | {shown} |")
        print(lines[-1], file=sys.stderr, flush=True)

    def scored(scores):
        return {profile: score for profile, (score, _) in nab.results(corpus, scores).items()}

    ours = [novelty_scores(file.values[None])[0] for file in corpus]
    line("AN-61", "canarystats", scored(ours))
    fixed = [np.where(score >= 9.0, 1.0, 0.0) for score in ours]
    line("AN-62", "canarystats, its default threshold of 9", scored(fixed))
    unfiltered = [novelty_scores(file.values[None], memory=1)[0] for file in corpus]
    line("AN-63", "canarystats, memory of 1 tick", scored(unfiltered))
    for i, (name, found) in enumerate(nab.published(corpus).items()):
        line(f"AN-{64 + i}", f"{name}, published", found)
    for i, peer in enumerate(anomaly_peers.PEERS if "RIVER_PYTHON" in os.environ else ()):
        told = asked(peer, [file.values.tolist() for file in corpus])
        line(f"AN-{71 + 2 * i}", peer, scored(told))
        kept = [np.where(is_record(score[None], MEMORY)[0], score, 0.0) for score in told]
        line(f"AN-{72 + 2 * i}", f"{peer}, with our memory of {MEMORY}", scored(kept))
    line("AN-79", "nothing at all", scored([np.zeros(len(file.values)) for file in corpus]))
    return "\n".join(lines)


def asked(peer, rows):
    """A peer's scores, from a process of its own."""
    script = ROOT / "benchmarks" / "quality" / "anomaly_peers.py"
    done = subprocess.run(
        [os.environ["RIVER_PYTHON"], str(script), peer],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return [np.nan_to_num(np.array(row)) for row in json.loads(done.stdout.splitlines()[-1])]


def speed():
    """The least CPU milliseconds a series, 16 in a batch."""
    rng = np.random.default_rng(9)
    lines = ["| what | n=60 | n=500 | n=2000 | n=10 000 |", "|---|---|---|---|---|"]
    calls = {
        "anomalies beside a record as long": cs.detect.anomalies,
        "novelties": lambda rows, _: cs.detect.novelties(rows),
    }
    for name, call in calls.items():
        times = []
        for n in (60, 500, 2000, 10_000):
            rows, other = rng.normal(size=(2, 16, n))
            least = np.inf
            for _ in range(7):
                began = time.process_time()
                call(rows, other)
                least = min(least, time.process_time() - began)
            times.append(f"{1000 * least / 16:.2f}")
        lines.append(f"| {name} | " + " | ".join(times) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main():
    """Measure, and put the tables where the page marks their places."""
    tables = {
        "quiet": quiet,
        "pairs": pairs,
        "recall": recall,
        "joint": joint,
        "novel": novel,
        "numenta": numenta,
        "speed": speed,
    }
    for name in sys.argv[1:] or tables:
        content = tables[name]()
        page = PAGE.read_text("utf-8")
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, rest = page.split(begin)
        PAGE.write_text(f"{head}{begin}\n\n{content}\n\n{end}{rest.split(end)[1]}", "utf-8")


if __name__ == "__main__":
    main()
