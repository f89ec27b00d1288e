"""The eight triggers over many rollouts at once: the first tick at which one would roll back.

The judge follows one rollout at a time. Here the same designs, levels and literal conditions are
followed for all rows together; `rollouts.py` holds a sample of the rows against the judge itself.
Events are left out: a healthy canary has none, and no evidence speaks of them.
"""

from __future__ import annotations

import numpy as np
from benchmarks.calibration.methods import stacked
from benchmarks.calibration.rivals import trailing

from canarystats.folds.counts import CountsFold
from canarystats.folds.gauge import GaugeFold
from canarystats.folds.histogram import HistogramFold
from canarystats.folds.setting import Setting
from canarystats.kernels.buckets import interpolated_quantile

INTERVAL = 15.0
HELD = {  # intervals each literal condition must hold
    "error_rate": 20,
    "error_rate_absolute": 20,
    "success_rate": 12,
    "latency_p99": 20,
    "throughput": 40,
    "memory": 20,
}
CLAIMS = {
    "error_rate": ("error_rate.worse", "error_rate.beyond"),
    "error_rate_absolute": ("error_rate.absolute", None),
    "success_rate": ("success_rate.below", None),
    "throughput": ("throughput.worse", "throughput.beyond"),
    "latency_p99": ("latency_p99.worse", "latency_p99.beyond"),
}


def folds_of(policy, upper_bounds):
    """The fold of every metric that is compared, by name."""
    made = {"requests": CountsFold, "cpu_cores": GaugeFold}
    found = {
        metric.name: made[metric.name](Setting(policy, metric))
        for metric in policy.metrics
        if metric.name in made
    }
    latency = Setting(policy, policy.metric("latency_seconds"))
    return found | {"latency_seconds": HistogramFold(latency, upper_bounds)}


def begun(fold, pairs):
    """The design's state of one row a pair of history (or None)."""
    part = {"requests": "counts", "latency_seconds": "histogram", "cpu_cores": "gauge"}
    return stacked([getattr(fold.begin(p), part[fold.setting.metric.name]) for p in pairs])


def reached(fold, state, drawn, share):
    """Whether each claim that may act is beyond its level at each tick, shape (rows, ticks)."""
    name, levels = fold.setting.metric.name, fold.levels
    rows, ticks = drawn.canary.shape[:2]
    found = {claim: np.zeros((rows, ticks), dtype=bool) for claim in levels}
    for t in range(ticks):
        at, sides = INTERVAL * t, (drawn.canary[:, t], drawn.baseline[:, t])
        if name == "requests":
            state = fold.design.step(state, *sides, share, at)
        else:
            state = fold.design.step(state, *sides, at)
        log_e = fold.design.log_e(state)
        for claim, level in levels.items():
            said = {"harm": "worse"}.get(claim, claim.removeprefix("latency_p99."))
            found[claim][:, t] = log_e[said if said in log_e else claim] >= -np.log(level)
    return found


def literal_conditions(data, memory_share, share, upper_bounds):
    """Whether each condition is true as it is written, shape (rows, ticks)."""
    canary, baseline = (
        trailing(side) for side in (data["requests"].canary, data["requests"].baseline)
    )
    latency = data["latency_seconds"]
    tails = []
    for side in (latency.canary, latency.baseline):
        total = trailing(side)
        flat = interpolated_quantile(upper_bounds, total.reshape(-1, total.shape[2]), 0.99)
        tails.append(flat.reshape(total.shape[:2]))
    events, exposure, others, exposed = (s[:, :, i] for s in (canary, baseline) for i in (0, 1))
    near = 1e-12  # a rate at its threshold is not beyond it
    return {
        "error_rate": events * exposed > 1.5 * others * exposure * (1 + near),
        "error_rate_absolute": events > 0.03 * exposure * (1 + near),
        "success_rate": exposure - events < 0.95 * exposure * (1 - near),
        "throughput": exposure < 0.8 * exposed * share / (1 - share) * (1 - near),
        "latency_p99": tails[0] > 2 * tails[1] * (1 + near),
        "memory": (memory_share > 0.95 * (1 + near)).any(axis=2),
    }


def held(true, intervals):
    """Whether a condition has been true for that long at each tick, shape (rows, ticks)."""
    ticks = np.arange(true.shape[1])
    broken = np.maximum.accumulate(np.where(true, -1, ticks), axis=1)
    return ticks - broken > intervals


def first(fired):
    """The first tick at which any rule fires and its name: shape (rows,); inf and '' if never."""
    names = list(fired)
    every = np.stack([fired[name] for name in names])
    any_ = every.any(axis=0)
    at = np.where(any_.any(axis=1), any_.argmax(axis=1), -1)
    by = [names[every[:, row, t].argmax()] if t >= 0 else "" for row, t in enumerate(at)]
    return np.where(at >= 0, at, np.inf), by


def as_written(conditions):
    """Firings without evidence."""
    return first({name: held(true, HELD[name]) for name, true in conditions.items()})


def with_evidence(conditions, claims):
    """Firings of the gated rules: sustained or decisive, and a critical metric's own test."""
    fired = {"memory": held(conditions["memory"], HELD["memory"])}
    for rule, (worse, beyond) in CLAIMS.items():
        fired[rule] = held(conditions[rule], HELD[rule]) & claims[worse]
        if beyond is not None:
            fired[rule] |= claims[beyond]
    if "harm" in claims:
        fired["harm"] = claims["harm"]
    return first(fired)
