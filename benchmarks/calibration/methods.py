"""The sequential designs, followed tick by tick on the data of many rollouts at once.

Every claim is tested at the very edge of its hypothesis: margin 0, ratio 1.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

import numpy as np

from canarystats.evidence import Question
from canarystats.sequential import dispersion
from canarystats.sequential.counts import Counts, Test
from canarystats.sequential.dispersion import Seen
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.histogram import Histogram
from canarystats.sequential.split import Split

INTERVAL = 15.0
EXPOSURE = 1


class CountsMethod:
    """Errors out of requests, or, ``lower``, the requests themselves against their design."""

    def __init__(self, *, lower=False):
        test = ("traffic", 1.0, False) if lower else ("arms", 1.0, True)
        self.design = Counts("requests", [Test("worse", Question.WORSE, *test)])

    def begin(self, rows, history):
        return each_begun(self.design, rows, history)

    def step(self, state, canary, baseline, share, at):
        return self.design.step(state, canary, baseline, share, at)

    def log_e(self, state):
        return self.design.log_e(state)["worse"]


class SplitMethod:
    """The sample-ratio test."""

    def __init__(self):
        self.design = Split("requests")

    def begin(self, rows, history):
        state = self.design.begin(rows)
        if history is None:
            return state
        each = [dispersion.begin(1, 1, [_residual(*sides)]) for sides in zip(*history, strict=True)]
        return replace(state, dispersion=stacked(each))

    def step(self, state, canary, baseline, share, at):
        return self.design.step(state, canary[:, EXPOSURE], baseline[:, EXPOSURE], share, at)

    def log_e(self, state):
        return self.design.log_e(state)


class HistogramMethod:
    """Whether more of the canary's requests are slow."""

    def __init__(self, edges):
        self.design = Histogram("latency", np.append(edges, np.inf), margin=0.0)

    def begin(self, rows, history):
        return each_begun(self.design, rows, history)

    def step(self, state, canary, baseline, _share, at):
        return self.design.step(state, canary, baseline, at)

    def log_e(self, state):
        return self.design.log_e(state)["worse"]


class GaugeMethod(HistogramMethod):
    """Whether the canary's gauge lies higher."""

    def __init__(self):
        self.design = Gauge("gauge", harmful="increase", margin=0.0, allowed=0.05, batch=40)

    def begin(self, rows, history):
        return self.design.begin(rows, history)


def method_of(kind, drawn):
    if kind == "histogram":
        return HistogramMethod(drawn.edges)
    if kind in {"counts", "throughput"}:
        return CountsMethod(lower=kind == "throughput")
    return SplitMethod() if kind == "split" else GaugeMethod()


def evidence_paths(kind, drawn, *, with_history=True):
    """The log e-value after every tick, shape (rows, ticks)."""
    return paths_of(method_of(kind, drawn), drawn, with_history=with_history)


def paths_of(method, drawn, *, with_history):
    """The same by a given method."""
    rows, ticks = drawn.canary.shape[:2]
    state = method.begin(rows, drawn.history if with_history else None)
    share = np.full(ticks, np.nan) if drawn.share is None else drawn.share
    # One tick after the other in memory.
    canary, baseline = (
        np.ascontiguousarray(np.moveaxis(side, 1, 0)) for side in (drawn.canary, drawn.baseline)
    )
    found = np.empty((rows, ticks))
    for t in range(ticks):
        state = method.step(state, canary[t], baseline[t], share[t], INTERVAL * (t + 1))
        found[:, t] = method.log_e(state)
    return found


def each_begun(design, rows, history):
    """The state of many rows, each of which learns from a history of its own."""
    if history is None:
        return design.begin(rows)
    return stacked([design.begin(1, sides) for sides in zip(*history, strict=True)])


def stacked(states):
    """One state of many rows from many of one row."""
    first = states[0]
    if is_dataclass(first):
        parts = {f.name: stacked([getattr(s, f.name) for s in states]) for f in fields(first)}
        return type(first)(**parts)
    return np.concatenate(states) if isinstance(first, np.ndarray) else first


def _residual(one, other):
    """Requests beyond an even split of two sides of one version, as the sample-ratio test sees."""
    requests, total = one[:, EXPOSURE], one[:, EXPOSURE] + other[:, EXPOSURE]
    share = requests.sum() / total.sum()
    parts = requests - share * total, total, share * (1 - share) * total
    return Seen(*(part[:, None] for part in parts))


def first_reached(paths, levels):
    """The tick, counted from 1, at which each level's bound is reached; inf where never."""
    first = np.full((len(levels), len(paths)), np.inf)
    for row, level in zip(first, levels, strict=True):
        over = paths >= -np.log(level)
        row[:] = np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)
    return first
