"""The sequential designs, followed tick by tick on the data of many rollouts at once.

Every claim is tested at the very edge of its hypothesis: margin 0, ratio 1.
"""

from __future__ import annotations

import math

import numpy as np

from canarystats.evidence import Question
from canarystats.sequential.counts import Counts, Test
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.histogram import Histogram

INTERVAL = 15.0
SPLIT = ("split.high", "split.low")


def design_of(kind, drawn):
    """A design that asks the one question of the table, and the claims that answer it."""
    if kind == "counts":
        return Counts("errors", [Test("worse", Question.WORSE, "arms", 1.0, True)]), ("worse",)
    if kind == "split":
        tests = [
            Test(claim, Question.SPLIT, "traffic", 1.0, claim == "split.high") for claim in SPLIT
        ]
        return Counts("requests", tests), SPLIT
    if kind == "histogram":
        bounds = np.concatenate([drawn.edges, [np.inf]])
        return Histogram("latency", bounds, margin=0.0), ("worse",)
    gauge = Gauge("gauge", harmful="increase", margin=0.0, allowed=0.05, batch=40)
    return gauge, ("worse",)


def evidence_paths(kind, drawn, *, with_history=True):
    """The log e-value after every tick, shape (rows, ticks).

    Where two claims answer the question, each has half the level.
    """
    design, claims = design_of(kind, drawn)
    rows, ticks = drawn.canary.shape[:2]
    state = design.begin(rows, history=drawn.history if with_history else None)
    found = np.empty((rows, ticks))
    # One tick after the other in memory.
    canary, baseline = (np.ascontiguousarray(np.moveaxis(s, 1, 0)) for s in _sides(drawn))
    for t in range(ticks):
        at = INTERVAL * (t + 1)
        if kind in {"counts", "split"}:
            state = design.step(state, canary[t], baseline[t], drawn.share[t], at)
        else:
            state = design.step(state, canary[t], baseline[t], at)
        log_e = design.log_e(state)
        found[:, t] = np.max([log_e[claim] for claim in claims], axis=0)
    return found - math.log(len(claims))


def _sides(drawn):
    return drawn.canary, drawn.baseline


def first_reached(paths, levels):
    """The tick, counted from 1, at which each level's bound is reached; inf where never."""
    first = np.full((len(levels), len(paths)), np.inf)
    for row, level in zip(first, levels, strict=True):
        over = paths >= -math.log(level)
        row[:] = np.where(over.any(axis=1), over.argmax(axis=1) + 1.0, np.inf)
    return first
