"""What a system's exporters would show of drawn telemetry: counters that run on, gauges by pod."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from canarystats.policy import Policy
from canarystats.windows import Kind

if TYPE_CHECKING:
    from canarystats.policy import Metric
    from canarystats.windows import Pair

# Counters whose exposure is the sum of what went wrong and of the rest, or that need a label.
FAILED, REST = "failed", "rest"
SUMS = {
    "health_checks": {
        FAILED: ("dwcp_health_check_total", 'status="failure"'),
        REST: ("dwcp_health_check_total", 'status="success"'),
    },
    "integration_calls": {
        FAILED: ("dwcp_integration_calls_total", 'status="failure"'),
        REST: ("dwcp_integration_calls_total", 'status="success"'),
    },
    "bullshark": {
        FAILED: ("bullshark_transactions_rejected", 'reason="full"'),
        REST: ("bullshark_transactions_processed_total", 'lane="0"'),
    },
}
LIMITS = "container_spec_memory_limit_bytes"


@dataclass
class Exposition:
    """Series of one system over time, as `promtool` reads them."""

    policy: Policy
    points: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)

    def show(self, pairs: dict[str, Pair], left_out: set[str], interval: float) -> None:
        """Write down a window; metrics left out are seen through others."""
        for name, pair in pairs.items():
            if name in left_out:
                continue
            metric = self.policy.metric(name)
            for arm, side in (("canary", pair.canary), ("baseline", pair.baseline)):
                if side is not None:
                    matchers = self._matchers(metric, arm)
                    WRITERS[pair.kind](self, metric, pair, matchers, side, interval)

    def count(self, series: str, pair: Pair, steps: np.ndarray, interval: float) -> None:
        """A counter that grows by these steps, and goes on from where it was."""
        assert pair.times is not None
        held = self.points.setdefault(series, [])
        total = self.totals.get(series, 0.0)
        held.append((float(pair.times[0]) - interval, total))
        running = total + np.cumsum(steps)
        held += zip(pair.times.tolist(), running.tolist(), strict=True)
        self.totals[series] = float(running[-1])

    def _matchers(self, metric: Metric, arm: str) -> str:
        arms = metric.query.arms or self.policy.arms
        label, _, value = getattr(arms, arm).partition("=")
        return f"{label.rstrip('~')}={value.lstrip('~').replace('.*', '0')}"


def _counts(told, metric, pair, matchers, side, interval) -> None:
    key = metric.name if metric.name in SUMS else told.policy.name
    if key in SUMS and (metric.name in SUMS or metric.name == "requests"):
        parts = {FAILED: side[:, 0], REST: side[:, 1] - side[:, 0]}
        for part, (name, label) in SUMS[key].items():
            told.count(f"{name}{{{matchers},{label}}}", pair, parts[part], interval)
        return
    for query, column in ((metric.query.events, 0), (metric.query.exposure, 1)):
        told.count(f"{_names(query)[0]}{{{matchers}}}", pair, side[:, column], interval)


def _events(told, metric, pair, matchers, side, interval) -> None:
    for i, name in enumerate(_names(metric.query.events)):
        steps = side.sum(axis=1) * (i == 0)
        told.count(f"{name}{{{matchers}}}", pair, steps, interval)


def _histogram(told, metric, pair, matchers, side, interval) -> None:
    for bound, steps in zip(pair.upper_bounds, np.cumsum(side, axis=1).T, strict=True):
        le = "+Inf" if np.isinf(bound) else f"{bound:g}"
        series = f'{_names(metric.query.buckets)[0]}{{{matchers},le="{le}"}}'
        told.count(series, pair, steps, interval)


def _gauge(told, metric, pair, matchers, side, interval) -> None:
    for pod, values in enumerate(side.T):
        labels = matchers.replace('-0"', f'-{pod}"')
        if labels == matchers:
            labels = f'{matchers},instance="{pod}"'
        name = _names(metric.query.value)[0]
        rows = zip(pair.times.tolist(), values.tolist(), strict=True)
        told.points.setdefault(f"{name}{{{labels}}}", []).extend(rows)
        if metric.query.limit and pair.limit is not None:
            limits = [(at, float(np.max(pair.limit))) for at in pair.times.tolist()]
            told.points.setdefault(f"{LIMITS}{{{labels}}}", []).extend(limits)


def _names(query: str) -> list[str]:
    listed = re.search(r'__name__=~"([^"]+)"', query)
    return listed[1].split("|") if listed else [query.split("{", maxsplit=1)[0]]


WRITERS = {
    Kind.COUNTS: _counts,
    Kind.EVENTS: _events,
    Kind.HISTOGRAM: _histogram,
    Kind.GAUGE: _gauge,
}
