"""The Nezha data set: a day of an online shop with labelled faults, as samples for a Prometheus.

A reading that cannot be trusted is a missed scrape: NaN, a CPU share that the pod's other CPU
column does not confirm (digits of the adservice file were altered before it was published), a
latency of the adservice (nothing confirms it), a CPU share of exactly zero (no pod answers
requests with none), a minute whose requests or errors are not whole numbers. PodSuccessRate is
zero in every row and never used.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.needs import SHARED, need

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = SHARED / "data" / "nezha" / "2022-08-22"
FRONTEND, ADSERVICE = "frontend-579b9bff58-t2dbm", "adservice-5f6585d649-fnmft"
WORKLOAD_SECONDS = 15  # PodWorkload(Ops) is a rate over so much time
INTEGRAL_WITHIN = 1e-6
AGREE_WITHIN = 1e-3  # how well the two columns of an undamaged reading agree
CPU, MEMORY = "pod_cpu_ratio", "pod_memory_ratio"
SERVER, CLIENT = "pod_server_latency_p99_seconds", "pod_client_latency_p99_seconds"
LATENCIES = {SERVER: "PodServerLatencyP99(s)", CLIENT: "PodClientLatencyP99(s)"}
REQUESTS, ERRORS = "shop_requests_total", "shop_requests_failed_total"

Row = dict[str, str]
Key = tuple[str, str]
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Fault:
    """One injection: into which pod, of what kind, at which Unix second."""

    pod: str
    kind: str
    at: float


@dataclass
class Telemetry:
    """Samples by (metric, pod), and how many readings of each were left out."""

    points: dict[Key, Points] = field(default_factory=dict)
    left_out: dict[Key, int] = field(default_factory=dict)

    def add(self, metric: str, pod: str, at: float, value: float) -> None:
        """One reading; NaN counts as left out."""
        points = self.points.setdefault((metric, pod), [])
        self.left_out.setdefault((metric, pod), 0)
        if math.isnan(value):
            self.left_out[metric, pod] += 1
        else:
            points.append((at, value))

    def values(self, metric: str, pod: str, after: float, until: float) -> list[float]:
        """The values of samples in ``(after, until]``."""
        return [value for at, value in self.points[metric, pod] if after < at <= until]

    def series(self) -> dict[str, Points]:
        """Every series by its name and labels; requests and errors become running totals."""
        return {
            f'{metric}{{job="shop",service="{service(pod)}",pod="{pod}"}}': (
                _running(points) if metric in {REQUESTS, ERRORS} else points
            )
            for (metric, pod), points in self.points.items()
            if points
        }


def service(pod: str) -> str:
    """The service a pod belongs to."""
    return pod.split("-", maxsplit=1)[0]


def faults() -> list[Fault]:
    """Every fault that the data set lists, in order."""
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
    """What the files tell of these pods and of the shop's front door."""
    told = Telemetry()
    for pod in wanted:
        rows = _rows(f"{pod}_metric")
        for metric, usage, share in (
            (CPU, "CpuUsage(m)", "CpuUsageRate(%)"),
            (MEMORY, "MemoryUsage(Mi)", "MemoryUsageRate(%)"),
        ):
            per_percent = _per_percent(rows, usage, share)
            for row in rows:
                value = _confirmed(float(row[usage]), float(row[share]), per_percent)
                # Of the adservice's memory the altered digits are the usual ones.
                trusted = value and (metric, pod) != (MEMORY, ADSERVICE)
                told.add(metric, pod, _seconds(row), value if trusted else math.nan)
        for metric, column in LATENCIES.items():
            for row in rows:
                value = math.nan if pod == ADSERVICE else float(row[column])
                told.add(metric, pod, _seconds(row), value)
    _add_front_door(told)
    return told


def _add_front_door(told: Telemetry) -> None:
    shop = {row["Time"][:16]: row for row in _rows("front_service")}
    for row in _rows(f"{FRONTEND}_metric"):
        beside = shop.get(row["Time"][:16])
        requests = _whole(float(row["PodWorkload(Ops)"]) * WORKLOAD_SECONDS)
        rate = math.nan if beside is None else float(beside["SuccessRate(%)"])
        errors = _whole(requests * (1 - rate / 100))
        told.add(REQUESTS, FRONTEND, _seconds(row), requests + 0 * errors)
        told.add(ERRORS, FRONTEND, _seconds(row), errors)


def _rows(name: str) -> list[Row]:
    with gzip.open(DAY / "metric" / f"{name}.csv.gz", "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _seconds(row: Row) -> float:
    # TimeStamp is damaged in the adservice file; Time never is.
    return datetime.fromisoformat(row["Time"][:23]).replace(tzinfo=UTC).timestamp()


def _per_percent(rows: list[Row], usage: str, share: str) -> float:
    return statistics.median(
        float(row[usage]) / float(row[share]) for row in rows if float(row[share])
    )


def _confirmed(usage: float, percent: float, per_percent: float) -> float:
    told = percent * per_percent
    return percent / 100 if abs(usage - told) <= AGREE_WITHIN * told else math.nan


def _whole(value: float) -> float:
    near = math.nan if math.isnan(value) else float(round(value))
    return near if abs(value - near) <= INTEGRAL_WITHIN else math.nan


def _running(points: Points) -> Points:
    total, sums = 0.0, []
    for at, value in points:
        total += value
        sums.append((at, total))
    return sums
