"""The Nezha data set: a day of an online shop with labelled faults, written for a Prometheus.

The shop ran once, so there is no canary beside a baseline: the canary of a `Window` is a stretch of
time, its baseline the same pod as long before. One rule places both around every fault (`after`),
fixed by the clock alone: rows are read about 20 s into each minute, faults last three to five
minutes and come about every eight. The canary is the six rows from 20 to 80 s after the injection
on, six because fewer gauge values cannot reach any level; the baseline is the last six before the
injection, whose first may still hold the end of the fault before.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.needs import SHARED, need

from canarystats.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAY = SHARED / "data" / "nezha" / "2022-08-22"
POLICY = Path(__file__).with_name("shop-policy.yaml")
FRONTEND, ADSERVICE = "frontend-579b9bff58-t2dbm", "adservice-5f6585d649-fnmft"
FAULT_MINUTES = 6
PLAIN_FACTOR = 2.0
WORKLOAD_SECONDS = 15  # PodWorkload(Ops) is a rate over so much time
INTEGRAL_WITHIN = 1e-6
AGREE_WITHIN = 1e-3  # how well the two columns of an undamaged reading agree
CPU, SERVER, CLIENT, MEMORY = (
    "cpu_ratio",
    "server_latency_p99_seconds",
    "client_latency_p99_seconds",
    "memory_ratio",
)
EXIT_CODES = {0: "promote", 10: "hold", 20: "rollback"}

Row = dict[str, str]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Fault:
    """One injection."""

    pod: str
    kind: str
    at: float

    @property
    def service(self) -> str:
        return self.pod.split("-")[0]


@dataclass(frozen=True)
class Window:
    """Rows in ``(start, start + minutes]`` against those of the same pod as long before."""

    pod: str
    start: float
    minutes: int
    offset_minutes: int

    @property
    def service(self) -> str:
        return self.pod.split("-")[0]


@dataclass
class Telemetry:
    """Samples by metric and pod, and how many readings of each were left out."""

    points: dict[tuple[str, str], Points] = field(default_factory=dict)
    left_out: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, metric: str, pod: str, at: float, value: float) -> None:
        key = metric, pod
        self.points.setdefault(key, [])
        self.left_out.setdefault(key, 0)
        if math.isnan(value):
            self.left_out[key] += 1
        else:
            self.points[key].append((at, value))

    def lacking(self, pod: str) -> list[str]:
        """Metrics of a pod of which most readings had to be left out."""
        return sorted(
            metric
            for (metric, of), points in self.points.items()
            if of == pod and len(points) < self.left_out[metric, of]
        )

    def values(self, metric: str, pod: str, after: float, until: float) -> list[float]:
        points = self.points[metric, pod]
        return [value for at, value in points if after < at <= until]


def after(fault: Fault) -> Window:
    """The window of a fault, the same rule for all."""
    return Window(fault.pod, fault.at + 60, FAULT_MINUTES, FAULT_MINUTES + 1)


def faults() -> list[Fault]:
    """Every listed fault of the day, in order."""
    need(DAY.exists(), "the Nezha data set in ../shared/data/nezha")
    with gzip.open(DAY / "2022-08-22-fault_list.json.gz", "rt", encoding="utf-8") as file:
        hours = json.load(file)
    return [
        Fault(one["inject_pod"], one["inject_type"], float(one["inject_timestamp"]))
        for hour in hours.values()
        for one in hour
    ]


def pods() -> list[str]:
    """Every pod of the day."""
    need(DAY.exists(), "the Nezha data set in ../shared/data/nezha")
    return sorted(p.name.split("_")[0] for p in (DAY / "metric").glob("*_metric.csv.gz"))


def telemetry(wanted: Iterable[str]) -> Telemetry:
    """What the day's files tell of these pods and of the shop's front door."""
    told = Telemetry()
    for pod in wanted:
        rows = _rows(f"{pod}_metric")
        per_percent = {
            usage: statistics.median(_ratio(row, usage, share) for row in rows)
            for usage, share in (("CpuUsage(m)", "CpuUsageRate(%)"),)
        }
        memory = 3.0 if pod == ADSERVICE else _per_percent(rows, "MemoryUsage(Mi)")
        for row in rows:
            at = _seconds(row)
            cpu = _share(row, "CpuUsage(m)", "CpuUsageRate(%)", per_percent["CpuUsage(m)"])
            told.add(CPU, pod, at, cpu or math.nan)  # a pod that answers uses some
            told.add(MEMORY, pod, at, _share(row, "MemoryUsage(Mi)", "MemoryUsageRate(%)", memory))
            for metric, column in ((SERVER, "Server"), (CLIENT, "Client")):
                # Digits of the adservice file were altered, and nothing confirms its latencies.
                seconds = math.nan if pod == ADSERVICE else float(row[f"Pod{column}LatencyP99(s)"])
                told.add(metric, pod, at, seconds)
    return told
