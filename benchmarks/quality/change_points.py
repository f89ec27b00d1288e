"""Change points under the noise that services have, ours beside the peers'; writes the docs page.

Run it from the repository's root: ``python -m benchmarks.quality.change_points``. It rewrites the
tables of docs/change-points.md. Peers run under the Pythons named by ``PEERS_PYTHON`` (ruptures,
skchange, fastcpd, changeforest), ``OTAVA_PYTHON`` (apache-otava) and ``RIVER_PYTHON`` (river);
those that are missing have no column or row. Seeds are fixed; times are CPU times, the least of
several runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from benchmarks.quality import change_point_peers
from benchmarks.quality.tcpd import cover, f1, univariate
from tests.detect.processes import ar1, smoothed, spiked, step
from tests.needs import SHARED

import canarystats as cs

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "change-points.md"
OURS = "canarystats"
VARIANTS = {
    f"{OURS}, min_segment=5": {"min_segment": 5},
    f"{OURS}, method e_divisive": {"method": "e_divisive"},
}
SERIES = {OURS: 400}
PEER_SERIES = 8
NEAR = 20


def slow_and_fast(rng, rows, n):
    """AR(0.95) and white noise of equal variance."""
    return ar1(rng, rows, n, 0.95) + rng.normal(size=(rows, n))


def season(n):
    """Three periods, three sigmas high."""
    return 3 * np.sin(6 * np.pi * np.arange(n) / n)


QUIET = {
    "CP-01": ("independent", lambda rng, k, n: rng.normal(size=(k, n))),
    "CP-02": ("AR(0.6)", lambda rng, k, n: ar1(rng, k, n, 0.6)),
    "CP-03": ("AR(0.9)", lambda rng, k, n: ar1(rng, k, n, 0.9)),
    "CP-04": ("AR(0.95) + white noise", slow_and_fast),
    "CP-05": ("rate over ten scrapes", smoothed),
    "CP-06": ("lognormal, sigma 0.6", lambda rng, k, n: rng.lognormal(0, 0.6, (k, n))),
    "CP-07": ("Student t, 3 degrees", lambda rng, k, n: rng.standard_t(3, (k, n))),
    "CP-08": ("five spikes of 20 sigma", spiked),
    "CP-09": ("random walk", lambda rng, k, n: np.cumsum(rng.normal(size=(k, n)), axis=1)),
    "CP-10": ("season, one arm", lambda rng, k, n: rng.normal(size=(k, n)) + season(n)),
    "CP-11": (
        "ramp of 6 sigma, one arm",
        lambda rng, k, n: rng.normal(size=(k, n)) + 6 * np.arange(n) / n,
    ),
    "CP-12": (
        "season, canary minus baseline",
        lambda rng, k, n: (
            (rng.normal(size=(k, n)) + season(n)) - (rng.normal(size=(k, n)) + season(n))
        ),
    ),
}
STEPPED = {
    "CP-21": ("1 sigma, independent", lambda rng, k, n: rng.normal(size=(k, n)) + step(n)),
    "CP-22": ("2 sigma, AR(0.6)", lambda rng, k, n: ar1(rng, k, n, 0.6) + 2 * step(n)),
    "CP-23": ("2 sigma, AR(0.9)", lambda rng, k, n: ar1(rng, k, n, 0.9) + 2 * step(n)),
    "CP-24": (
        "lognormal, +30 %",
        lambda rng, k, n: rng.lognormal(0, 0.6, (k, n)) * (1 + 0.3 * step(n)),
    ),
    "CP-25": (
        "2 sigma, season, canary minus baseline",
        lambda rng, k, n: rng.normal(size=(k, n)) + 2 * step(n) - rng.normal(size=(k, n)),
    ),
}


def there_and_back(rng, rows, n):
    """AR(0.6), two sigmas higher from 0.3 n to 0.7 n."""
    ticks = np.arange(n)
    return ar1(rng, rows, n, 0.6) + 2 * ((ticks >= 0.3 * n) & (ticks < 0.7 * n))


TIMED = {
    "no change": QUIET["CP-02"][1],
    "a step": STEPPED["CP-21"][1],
    "two steps": there_and_back,
    "five steps": lambda rng, k, n: ar1(rng, k, n, 0.6) + 2 * (np.arange(n) * 6 // n % 2),
    "a ramp": QUIET["CP-11"][1],
    "a season": QUIET["CP-10"][1],
}


def peers():
    """Name and Python of each peer that is here."""
    pythons = {"OTAVA_PYTHON": ["apache-otava"], "RIVER_PYTHON": change_point_peers.WATCHERS}
    pythons["PEERS_PYTHON"] = [p for p in change_point_peers.PEERS if p != "apache-otava"]
    return {
        name: os.environ[variable]
        for variable, names in pythons.items()
        if variable in os.environ
        for name in names
    }


def places(method, batches):
    """What a method finds in each row of each batch."""
    if method == OURS or method in VARIANTS:
        return [
            [
                [point.index for point in points]
                for points in cs.detect.change_points(rows, **VARIANTS.get(method, {}))
            ]
            for rows in batches
        ]
    found = iter(asked(method, [row for rows in batches for row in rows]))
    return [[next(found)[0] for _ in rows] for rows in batches]


def asked(method, rows):
    """A peer's answers, from a process of its own."""
    script = ROOT / "benchmarks" / "quality" / "change_point_peers.py"
    done = subprocess.run(
        [peers()[method], str(script), method],
        input=json.dumps([np.asarray(row).tolist() for row in rows]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def cell(identifier, found, n):
    """Change points a series without any; or the share of steps found, and further points."""
    if identifier in QUIET:
        return f"{np.mean([len(told) for told in found]):.3g}"
    at = int(step(n).argmax())
    hit = np.mean([any(abs(place - at) <= NEAR for place in told) for told in found])
    more = np.mean([sum(abs(place - at) > NEAR for place in told) for told in found])
    return f"{hit:.2f}, {more:.2g}"


def column(scenarios, method):
    """A method's cells, n = 500 / n = 2000."""
    keys = [(identifier, n) for identifier in scenarios for n in (500, 2000)]
    batches = []
    for identifier, n in keys:
        rng = np.random.default_rng([int(identifier[3:]), n])
        batches.append(scenarios[identifier][1](rng, SERIES.get(method, PEER_SERIES), n))
    found = places(method, batches)
    cells = [cell(identifier, told, n) for (identifier, n), told in zip(keys, found, strict=True)]
    print(method, cells, file=sys.stderr, flush=True)
    return [" / ".join(pair) for pair in zip(cells[::2], cells[1::2], strict=True)]


def table(scenarios, methods):
    """One row a scenario, one column a method."""
    columns = [column(scenarios, method) for method in methods]
    lines = ["| id | scenario | " + " | ".join(methods) + " |"]
    lines.append("|---" * (len(methods) + 2) + "|")
    for (identifier, (name, _)), *cells in zip(scenarios.items(), *columns, strict=True):
        lines.append(f"| {identifier} | {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed(methods):
    """Milliseconds a series: AR(0.6) without a change, independent noise with one, and harder."""
    sizes = (500, 2000, 10_000)
    lines = ["| method | data | n=500 | n=2000 | n=10 000 | growth |", "|---|---|---|---|---|---|"]
    for method in methods:
        for data, draw in TIMED.items():
            if method == "ruptures KernelCPD rbf":
                continue  # seconds a series at n = 10 000
            times = [milliseconds(method, draw(np.random.default_rng(n), 16, n)) for n in sizes]
            growth = np.polyfit(np.log(sizes), np.log(times), 1)[0]
            shown = " | ".join(f"{t:.2f}" for t in times)
            lines.append(f"| {method} | {data} | {shown} | {growth:.2f} |")
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def milliseconds(method, rows):
    """The least CPU time a series."""
    if method != OURS:
        return min(took for _, took in asked(method, rows[:4]))
    least = np.inf
    for _ in range(40):
        began = time.process_time()
        cs.detect.change_points(rows)
        least = min(least, time.process_time() - began)
    return 1000 * least / len(rows)


def run_lengths():
    """What the online detector does at the run lengths asked for."""
    lines = ["| noise | history | asked | mean run length | share of it |", "|---|---|---|---|---|"]
    for coefficient, asked_for, history, rows in (
        (0.0, 500, 0, 100),
        (0.6, 500, 0, 200),
        (0.6, 500, 1000, 200),
        (0.6, 2000, 0, 80),
        (0.9, 500, 0, 100),
    ):
        rng = np.random.default_rng([asked_for, history])
        series = ar1(rng, rows, 8 * asked_for + history, coefficient)
        detector = cs.detect.OnlineDetector(average_run_length=asked_for)
        mean = np.mean([until_alarm(detector, row, history) for row in series])
        shown = f"{asked_for} | {mean:.0f} | {mean / asked_for:.2f}"
        lines.append(f"| AR({coefficient:g}) | {history} | {shown} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def until_alarm(detector, row, history):
    """Samples until the first false alarm, at most all."""
    state = detector.start(row[:history] if history else None)
    watched = row[history:]
    for start in range(0, len(watched), 100):
        state, alarms = detector.observe(state, watched[start : start + 100])
        if alarms:
            return alarms[0].detected + 1
    return len(watched)


def watching():
    """False alarms of watchers, and what they see of a step half way, detectors of river beside."""
    n, rows = 2000, 40
    lines = ["| method | AR(0) | AR(0.6) | AR(0.9) | 1 sigma, AR(0) | 2 sigma, AR(0.6) |"]
    lines.append("|---" * 6 + "|")
    for method in (OURS, *(name for name in change_point_peers.WATCHERS if name in peers())):
        cells = []
        for coefficient, size in ((0, 0), (0.6, 0), (0.9, 0), (0, 1), (0.6, 2)):
            rng = np.random.default_rng([n, int(10 * coefficient), size])
            series = ar1(rng, rows, n, coefficient) + size * (np.arange(n) >= n // 2)
            told = alarms(method, series)
            if not size:
                cells.append(f"{sum(map(len, told)) * 10_000 / series.size:.2g}")
                continue
            seen = [[t - n // 2 for t in ticks if n // 2 <= t < n // 2 + 200] for ticks in told]
            delays = [ticks[0] for ticks in seen if ticks]
            late = f", after {np.mean(delays):.0f}" if delays else ""
            cells.append(f"{len(delays) / rows:.2f}{late}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def alarms(method, series):
    """The ticks at which each row raises an alarm."""
    if method != OURS:
        return [told for told, _ in asked(method, series)]
    detector = cs.detect.OnlineDetector()
    return [[a.detected for a in detector.observe(detector.start(), row)[1]] for row in series]


def p_values():
    """How small p-values of quiet series are, and how often the interval holds a step's place."""
    lines = ["| noise | n | p at most 0.1 | 0.05 | 0.01 | step | found | its interval holds it |"]
    lines.append("|---" * 8 + "|")
    for coefficient, n, size in (
        (0, 500, 1), (0, 2000, 1), (0.6, 500, 2), (0.6, 2000, 2), (0.9, 500, 4), (0.9, 2000, 4)
    ):  # fmt: skip
        rng = np.random.default_rng([n, int(10 * coefficient)])
        quiet, stepped = ar1(rng, 1000, n, coefficient), ar1(rng, 1000, n, coefficient)
        smallest = [told.evidence.p_value for told in cs.detect.change_points(quiet)]
        shares = [f"{np.mean(np.array(smallest) <= level):.3f}" for level in (0.1, 0.05, 0.01)]
        told = [x for x in cs.detect.change_points(stepped + size * step(n)) if x]
        place = int(step(n).argmax())
        held = np.mean([any(p.interval.low <= place <= p.interval.high for p in x) for x in told])
        cells = (*shares, f"{size} sigma", f"{len(told) / 1000:.2f}", f"{held:.3f}")
        lines.append(f"| AR({coefficient}) | {n} | " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def informed():
    """How often a step is placed further off than counts, by us and by who knows all but its place.

    The latter takes the likeliest place given the noise, its memory and the step's size.
    """
    lines = ["| id | scenario | n | series | canarystats | who knows the rest |", "|---" * 6 + "|"]
    for identifier, size, memory in (("CP-21", 1, 0.0), ("CP-22", 2, 0.6), ("CP-23", 2, 0.9)):
        name, draw = STEPPED[identifier]
        for n in (500, 2000):
            rows = draw(np.random.default_rng([int(identifier[3:]), n]), SERIES[OURS], n)
            at = int(step(n).argmax())
            found = [
                [abs(place - at) for place in told]
                for (told,) in places(OURS, [[row] for row in rows])
            ]
            ours = np.mean([min(off, default=n) > NEAR for off in found])
            known = np.mean(np.abs(likeliest(rows, size, memory) - at) > NEAR)
            lines.append(
                f"| {identifier} | {name} | {n} | {len(rows)} | {ours:.2%} | {known:.2%} |"
            )
    return "\n".join(lines)


def likeliest(rows, size, memory):
    """The likeliest first value after a step of a known size from a level of 0, in AR(1) noise."""
    innovations = rows[:, 1:] - memory * rows[:, :-1]
    before = np.cumsum(innovations**2, axis=1) - innovations**2
    later = (innovations - (1 - memory) * size) ** 2
    after = later.sum(axis=1, keepdims=True) - np.cumsum(later, axis=1)
    return 1 + np.argmin(before + (innovations - size) ** 2 + after, axis=1)


def turing(methods):
    """F1 and cover on the univariate series at hand."""
    series = univariate(SHARED / "data" / "tcpd")
    lines = [f"| method, {len(series)} series | F1 | cover |", "|---|---|---|"]
    held = [np.flatnonzero(~np.isnan(one.values)) for one in series]
    rows = [one.values[where] for one, where in zip(series, held, strict=True)]
    for method in (*methods, *VARIANTS, "nothing at all"):
        if method == OURS or method in VARIANTS:
            found = [told[0] for told in places(method, [row[None] for row in rows])]
        else:
            found = places(method, [rows])[0] if method in methods else [[]] * len(rows)
        scores = []
        for one, where, told in zip(series, held, found, strict=True):
            at = where[told].tolist() if told else []
            n = len(one.values)
            scores.append((f1(one.annotations, at), cover(one.annotations, at, n)))
        lines.append("| {} | {:.3f} | {:.3f} |".format(method, *np.mean(scores, axis=0)))
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main():
    """Measure, and put the tables where the page marks their places."""
    methods = (OURS, *(name for name in peers() if name not in change_point_peers.WATCHERS))
    tables = {
        "p-values": p_values(),
        "watching": watching(),
        "run-lengths": run_lengths(),
        "turing": turing(methods),
        "informed": informed(),
        "speed": speed(methods),
        "stepped": table(STEPPED, methods),
        "quiet": table(QUIET, methods),
    }
    page = PAGE.read_text("utf-8")
    for name, content in tables.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        head, rest = page.split(begin)
        page = f"{head}{begin}\n\n{content}\n\n{end}{rest.split(end)[1]}"
    PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
