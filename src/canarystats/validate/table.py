"""Every check of the four windows: what it reads, its number, and where that comes from.

Sources are abbreviated as in the plan that the checks come from: PV is its page on validation after
a rollout, PM that on monitoring, S its summary. ``own`` marks what the plan gives no number for.
"""

from __future__ import annotations

from typing import Any

from canarystats.errors import InputError
from canarystats.validate.checks import Check

DURATIONS = {
    "day-1": 86_400.0,
    "week-1": 7 * 86_400.0,
    "month-1": 30 * 86_400.0,
    "quarter": 90 * 86_400.0,
}
_DAY_1, _WEEK_1, _MONTH_1, _QUARTER = DURATIONS
_EVERY = tuple(DURATIONS)
_rows: list[Check] = []


def _check(name: str, windows: tuple[str, ...], title: str, reads: str, **fields: Any) -> None:
    for window in windows:
        row = {"id": f"{window}.{name}", "title": title, "reads": reads, **fields}
        _rows.append(Check.model_validate(row))


_check(
    "traffic",
    (_DAY_1,),
    "All traffic is on the new version",
    "old_version_requests",
    method="share",
    at_most=0,
    source="PV",
)
_check(
    "uptime",
    (_MONTH_1, _QUARTER),
    "The service is up",
    "up",
    method="availability",
    at_least=0.999,
    source="PV, S, PM",
)
_check(
    "error-budget",
    (_MONTH_1,),
    "The month's error budget lasts",
    "requests",
    method="budget",
    at_least=0.999,
    period="30d",
    source="PM (43.2 min)",
)
_check(
    "error-budget",
    (_QUARTER,),
    "The quarter's error budget lasts",
    "requests",
    method="budget",
    at_least=0.999,
    period="90d",
    source="PV",
)
_check(
    "critical-errors",
    (_DAY_1,),
    "No critical error",
    "critical_errors",
    method="count",
    at_most=0,
    unit="a day",
    source="PV",
)
_check(
    "health",
    (_DAY_1,),
    "Every health check succeeds",
    "health_checks",
    method="share",
    at_most=0,
    tolerance=0.001,
    source="PV (100 %); tolerance: S's 99.9 %",
)
_check(
    "error-rate",
    (_DAY_1, _MONTH_1),
    "The error rate is low",
    "requests",
    method="share",
    at_most=0.001,
    source="PV",
)
_check(
    "error-rate",
    (_WEEK_1,),
    "The error rate is low",
    "requests",
    method="share",
    at_most=0.001,
    source="PV (excellent; it calls 1 % good)",
)
_check(
    "error-trend",
    (_WEEK_1, _QUARTER),
    "The error rate does not rise",
    "requests",
    method="trend",
    at_most=0,
    tolerance=0.001,
    source="PV (0.1 points from first to last day)",
)
_check(
    "latency-p99",
    _EVERY,
    "p99 latency is under 500 ms",
    "latency_seconds",
    method="quantile",
    at_most=0.5,
    unit="seconds",
    source="PV",
)
_check(
    "latency-p95",
    (_MONTH_1,),
    "95 % of requests take under 500 ms",
    "latency_seconds",
    method="quantile",
    q=0.95,
    at_most=0.5,
    unit="seconds",
    source="PM",
)
_check(
    "cpu-drift",
    (_WEEK_1,),
    "CPU does not drift upwards",
    "cpu_cores",
    method="trend",
    at_most=0,
    tolerance=0.1,
    relative=True,
    unit="cores",
    source="own",
)
_check(
    "memory-leak",
    _EVERY,
    "No pod's memory leaks",
    "memory_bytes",
    method="leak",
    at_most=100e6 / (7 * 24),
    unit="bytes an hour",
    source="PV (100 MB in 7 days, here for each pod)",
)
_check(
    "breakers",
    (_DAY_1,),
    "No storm of circuit-breaker trips",
    "breaker_trips",
    method="storm",
    at_most=10,
    unit="in 5m",
    source="S (trigger 8)",
)
_check(
    "recovery",
    (_DAY_1, _WEEK_1),
    "Every recovery succeeds",
    "recoveries",
    method="share",
    at_most=0,
    source="PV",
)
_check(
    "pods-ready",
    (_DAY_1,),
    "Every pod is ready",
    "pods_ready",
    method="availability",
    at_least=1,
    tolerance=0.001,
    pods="all",
    source="PV (its script); tolerance: own",
)
_check(
    "pod-restarts",
    (_DAY_1,),
    "No pod restarts",
    "pod_restarts",
    method="count",
    at_most=0,
    unit="a day",
    advisory=True,
    source="PV (its script, which only warns)",
)
_check(
    "pod-restarts",
    (_WEEK_1,),
    "Pods restart at most once a day",
    "pod_restarts",
    method="count",
    at_most=1,
    unit="a day",
    source="PV",
)
_check(
    "monitoring",
    (_DAY_1,),
    "Prometheus reaches the service",
    "up",
    method="availability",
    at_least=0.999,
    source="PV (no number)",
)
_check(
    "critical-incidents",
    (_WEEK_1,),
    "No critical incident",
    "incidents",
    method="critical",
    at_most=0,
    unit="1",
    source="PV",
)
_check(
    "bullshark-throughput",
    (_MONTH_1,),
    "Bullshark carries 300K transactions a second",
    "bullshark_transactions",
    method="level",
    at_least=300_000,
    unit="tx/s",
    source="PV, PM, S",
)
_check(
    "throughput",
    (_MONTH_1,),
    "The service carries 10K requests a second",
    "requests_per_second",
    method="level",
    at_least=10_000,
    unit="req/s",
    source="PM",
)
_check(
    "consensus-success",
    (_MONTH_1,),
    "Consensus rounds succeed",
    "consensus_rounds",
    method="share",
    at_most=0.005,
    source="PM (99.5 %)",
)
_check(
    "compression-accuracy",
    (_MONTH_1,),
    "Compression selects accurately",
    "compression_accuracy",
    method="level",
    at_least=0.9965,
    tolerance=0.0015,
    source="PV; tolerance: down to S's 99.5 %",
)
_check(
    "allocation-improvement",
    (_MONTH_1,),
    "MADDPG allocates better than before",
    "allocation_quality",
    method="improvement",
    at_least=0.284,
    tolerance=0.02,
    source="PV, S; tolerance: own",
)
_check(
    "cost",
    (_MONTH_1, _QUARTER),
    "It costs less than before",
    "cost",
    method="improvement",
    at_most=-0.15,
    tolerance=0.01,
    source="PV; tolerance: own",
)
_check(
    "capacity",
    (_QUARTER,),
    "CPU lasts another quarter",
    "cpu_cores",
    method="capacity",
    at_least=90 * 86_400,
    unit="seconds",
    source="own (PV names it only)",
)
_check(
    "mttd",
    (_MONTH_1,),
    "Incidents are detected in time",
    "incidents",
    method="detection",
    at_most=300,
    unit="seconds",
    source="PV",
)
_check(
    "mttr",
    (_MONTH_1,),
    "Incidents are repaired in time",
    "incidents",
    method="repair",
    at_most=1800,
    unit="seconds",
    source="PV",
)
_check(
    "change-failure-rate",
    (_MONTH_1,),
    "Changes seldom fail",
    "changes",
    method="failed_changes",
    at_most=0.05,
    source="PV",
)
_check(
    "deploy-frequency",
    (_MONTH_1,),
    "A change goes out every week",
    "changes",
    method="cadence",
    at_most=7 * 86_400,
    tolerance=86_400,
    unit="seconds",
    advisory=True,
    source="PV (weekly); tolerance: own",
)
_check(
    "audit-log",
    (_MONTH_1,),
    "The audit log is complete",
    "audit_entries",
    method="share",
    at_most=0,
    source="PV",
)
_check(
    "byzantine-attacks",
    (_MONTH_1,),
    "No Byzantine attack succeeds",
    "byzantine_successes",
    method="count",
    at_most=0,
    unit="a day",
    source="PV (successful, not detected)",
)

CHECKS: tuple[Check, ...] = tuple(
    sorted(_rows, key=lambda check: _EVERY.index(check.id.partition(".")[0]))
)


def checks_of(window: str) -> tuple[Check, ...]:
    """The checks of one window, in their order.

    Raises
    ------
    InputError
        If there is no such window.
    """
    if window not in DURATIONS:
        msg = f"window is {window!r}; it must be one of {', '.join(DURATIONS)}"
        raise InputError(msg)
    return tuple(check for check in CHECKS if check.id.partition(".")[0] == window)
