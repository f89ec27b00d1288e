"""Make the recordings that ship with canarystats from the Nezha data set.

Run it from the repository's root: ``python benchmarks/recordings/build_online_shop.py [DATA]``,
where DATA is the data set's directory (``../shared/data/nezha`` unless given). How each number
comes to be is told in src/canarystats/recordings/SOURCE.txt.
"""

from __future__ import annotations

import csv
import gzip
import math
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from canarystats.sources.files import write_recording
from canarystats.windows import Pair

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT / "src" / "canarystats" / "recordings"
DATA = ROOT.parent / "shared" / "data" / "nezha"
DAY = "2022-08-22"
ADSERVICE = "adservice-5f6585d649-fnmft_metric"
FRONTEND = "frontend-579b9bff58-t2dbm_metric"
SHOP = "front_service"
WINDOW_SECONDS = 15  # PodWorkload(Ops) is a rate over so much time
INTEGRAL_WITHIN = 1e-6
AGREE_WITHIN = 1e-3  # the usage and rate columns of an undamaged row agree this well
CPU_PER_PERCENT = 0.3  # CpuUsage(m) per CpuUsageRate(%) of the adservice pod
MEMORY_MI_PER_PERCENT = 1.28  # MemoryUsage(Mi) per MemoryUsageRate(%) of the frontend pod

Row = dict[str, str]
Rows = dict[str, Row]


@dataclass(frozen=True)
class Stretch:
    """Which minutes of the day make which side of a recording."""

    name: str
    description: str
    canary: str
    baseline: str
    ticks: int


STRETCHES = (
    Stretch(
        "online-shop-adservice",
        "An online shop while its ad service is made to return errors from 07:44:20 UTC on: about "
        "one request in ten fails for three minutes.",
        canary="07:37",
        baseline="08:20",
        ticks=16,
    ),
    Stretch(
        "online-shop-quiet",
        "The same online shop in two stretches without a fault.",
        canary="09:10",
        baseline="08:20",
        ticks=50,
    ),
)


def read(data: Path, name: str) -> Rows:
    """The rows of one file of the data set by minute, such as ``07:45``."""
    with gzip.open(data / DAY / "metric" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        # TimeStamp is damaged in the adservice file; Time never is.
        return {row["Time"][11:16]: row for row in csv.DictReader(file)}


def build(data: Path, stretch: Stretch) -> tuple[Pair, ...]:
    """The metrics of one recording."""
    files = {name: read(data, name) for name in (ADSERVICE, FRONTEND, SHOP)}
    start = datetime.fromisoformat(f"{DAY}T{stretch.canary}:00+00:00")
    times = [(start + timedelta(minutes=i)).timestamp() for i in range(stretch.ticks)]
    sides = [
        np.array([tick(files, minute) for minute in minutes(first, stretch.ticks)])
        for first in (stretch.canary, stretch.baseline)
    ]
    (events, exposure, latency, cpu, memory), twin = sides[0].T, sides[1].T
    return (
        Pair.counts(
            "requests", canary=(events, exposure), baseline=(twin[0], twin[1]), times=times
        ),
        Pair.gauge("latency_p99_seconds", canary=latency, baseline=twin[2], times=times),
        Pair.gauge("cpu_ratio", canary=cpu, baseline=twin[3], times=times),
        Pair.gauge("memory_ratio", canary=memory, baseline=twin[4], times=times, limit=1.0),
    )


def minutes(first: str, n: int) -> list[str]:
    """``n`` minutes of the day from ``first`` on."""
    start = datetime.fromisoformat(f"{DAY}T{first}:00").replace(tzinfo=UTC)
    return [(start + timedelta(minutes=i)).strftime("%H:%M") for i in range(n)]


def tick(files: dict[str, Rows], minute: str) -> list[float]:
    """Errors, requests, p99 latency, CPU and memory of one minute; NaN is a missed scrape."""
    adservice, frontend, shop = (files[name].get(minute) for name in (ADSERVICE, FRONTEND, SHOP))
    errors, requests = counted(frontend, shop) if frontend and shop else (math.nan, math.nan)
    return [
        errors,
        requests,
        latency(frontend, shop) if frontend and shop else math.nan,
        share(adservice, "CpuUsage(m)", "CpuUsageRate(%)", CPU_PER_PERCENT),
        share(frontend, "MemoryUsage(Mi)", "MemoryUsageRate(%)", MEMORY_MI_PER_PERCENT),
    ]


def counted(frontend: Row, shop: Row) -> tuple[float, float]:
    """Errors and requests behind a rate and a percentage; NaN where they are not whole."""
    requests = whole(float(frontend["PodWorkload(Ops)"]) * WINDOW_SECONDS)
    errors = whole(requests * (1 - float(shop["SuccessRate(%)"]) / 100))
    return (errors, requests) if errors == errors else (math.nan, math.nan)


def whole(value: float) -> float:
    """The whole number that a value is, NaN where it is none."""
    near = math.nan if math.isnan(value) else float(round(value))
    return near if abs(value - near) <= INTEGRAL_WITHIN else math.nan


def latency(frontend: Row, shop: Row) -> float:
    """The p99 that two files of the data set both tell, NaN where they differ."""
    seconds = float(shop["LatencyP99(s)"])
    return seconds if seconds == float(frontend["PodServerLatencyP99(s)"]) else math.nan


def share(row: Row | None, usage: str, percent: str, per_percent: float) -> float:
    """A share of the limit whose digits another column confirms, NaN where it does not."""
    if row is None:
        return math.nan
    told = float(row[percent])
    agree = abs(float(row[usage]) - told * per_percent) <= AGREE_WITHIN * told * per_percent
    return told / 100 if agree else math.nan


def main(data: Path) -> None:
    """Write every recording and say how much of it is missing."""
    for stretch in STRETCHES:
        pairs = build(data, stretch)
        write_recording(
            RECORDINGS / stretch.name,
            pairs,
            name=stretch.name,
            description=stretch.description,
            share=0.5,
            interval_seconds=60.0,
            policy="policy.yaml",
            source="Nezha (IntelligentDDS, commit d814010), 2022-08-22; see SOURCE.txt",
            license="MIT",
        )
        for pair in pairs:
            missed = [int(np.isnan(side[:, 0]).sum()) for side in (pair.canary, pair.baseline)]
            print(f"{stretch.name} {pair.name}: {missed} of {pair.n_ticks} missed")
    quiet = RECORDINGS / STRETCHES[1].name
    shutil.copyfile(RECORDINGS / STRETCHES[0].name / "policy.yaml", quiet / "policy.yaml")
    shutil.copyfile(data / "LICENSE", RECORDINGS / "LICENSE")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
