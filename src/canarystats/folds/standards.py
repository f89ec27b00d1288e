"""What a gauge is held against besides its twin: a number, a ratio to it, its limit, its past.

A rule with evidence asks whether the mean of the canary's pods lies beyond its threshold; a target
asks whether it is shown to be met within its tolerance. Both are the tests of `sequential.gauge`,
with the other side a number, or the baseline times one.

A past mean is known only so well. A target against it is held against the bound of that mean on
the strict side, at half of the level, and tested at the other half.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.special import ndtri

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.folds.setting import Proof, reached, so_far
from canarystats.rules import BOTH_SIDES, LEVELS
from canarystats.sequential.gauge import Gauge
from canarystats.sequential.gauge_state import GaugeState, start

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.folds.setting import Setting, Tick
    from canarystats.sequential.noise import Noise

    FloatArray = NDArray[np.float64]

TARGET = "target"


class Standard(NamedTuple):
    """One thing a gauge is held against.

    ``aim`` is what the policy says, ``edge`` where the null ends: a value, or a ratio where ``of``
    is the baseline or the history.
    """

    claim: str
    question: Question
    of: Literal["constant", "baseline", "limit", "history"]
    aim: float
    edge: float
    level: float | None
    design: Gauge

    @property
    def asks(self) -> Literal["worse", "not_worse"]:
        """Which of the design's questions."""
        return "not_worse" if self.question is Question.NOT_WORSE else "worse"


@dataclass(frozen=True, slots=True, eq=False)
class StandardState:
    """What the test has seen, and the value it is held against; None for ratios and no history."""

    gauge: GaugeState
    edge: float | None
    aim: float | None


def standards(setting: Setting) -> tuple[Standard, ...]:
    """What the policy holds a gauge, or a rate, against."""
    found, levels = [], setting.levels()
    for trigger in setting.triggers:
        gauge = trigger.rule in (*LEVELS, *BOTH_SIDES) and setting.compares(trigger)
        if not gauge or trigger.evidence == "none":
            continue
        above = trigger.rule.endswith("_above")
        claim = f"{trigger.name}.{'above' if above else 'below'}"
        of: Literal["baseline", "constant"] = (
            "baseline" if trigger.rule in BOTH_SIDES else "constant"
        )
        edge = trigger.threshold
        design = _design(setting, high_hurts=above, times=edge if of == "baseline" else None)
        question = Question.BEYOND if of == "baseline" else Question.LEVEL
        found.append(Standard(claim, question, of, edge, edge, levels.get(claim), design))
    target = setting.metric.target
    if target is None or target.trend is not None:
        return tuple(found)
    if target.needs_baseline and not setting.metric.compare:
        return tuple(found)
    edge, high_hurts = target.edge, target.at_most is not None
    design = _design(
        setting, high_hurts=high_hurts, times=edge if target.of == "baseline" else None
    )
    level = setting.proof_level / (2.0 if target.of == "history" else 1.0)
    question = Question.NOT_WORSE
    return (*found, Standard(TARGET, question, target.of, target.aim, edge, level, design))


def _design(setting: Setting, *, high_hurts: bool, times: float | None) -> Gauge:
    return Gauge(
        setting.metric.name,
        harmful="increase" if high_hurts else "decrease",
        margin=0.0,
        allowed=0.0,
        batch=setting.metric.batch,
        times=times,
    )


def begin(
    standard: Standard, history: tuple[FloatArray, FloatArray | None] | None = None
) -> StandardState:
    """The state before the first tick; ``history`` as in `Gauge.begin`."""
    if standard.of == "limit":
        history = None
    if standard.of == "baseline":
        gauge = standard.design.begin(history=history)
        return StandardState(gauge, None, None)
    gauge = standard.design.begin(history=None if history is None else (history[0], None))
    if standard.of != "history":
        return StandardState(gauge, standard.edge, standard.aim)
    known = None if history is None else _past_mean(history[0], gauge.noise)
    if known is None or standard.level is None:
        return StandardState(start(gauge.noise), None, None)
    mean, error = known
    strict = 1.0 if standard.design.harmful == "decrease" else -1.0
    bound = mean - strict * float(ndtri(standard.level)) * error
    return StandardState(gauge, standard.edge * bound, standard.aim * mean)


def _past_mean(past: FloatArray, learned: Noise) -> tuple[float, float] | None:
    """The mean over the history and its standard error; None where the history says too little."""
    there = np.isfinite(past)
    ticks = there.any(axis=2)
    count = int(ticks.sum())
    if not count or not learned.variance[0] > 0:
        return None
    per_tick = np.where(there, past, 0.0).sum(axis=2) / np.maximum(there.sum(axis=2), 1)
    variance = float(learned.variance[0] * learned.safety[0])
    return float(per_tick[ticks].mean()), math.sqrt(variance / count)


def step(standard: Standard, state: StandardState, tick: Tick) -> StandardState:
    """One tick on which the canary has data."""
    if standard.question is not Question.LEVEL and not tick.comparing:
        return state
    canary, other = tick.canary, tick.baseline
    if standard.of == "limit":
        canary = share_of_limit(canary, tick.limit)
    if standard.of != "baseline":
        other = None if state.edge is None else np.array([state.edge])
    if other is None:
        return state
    gauge = standard.design.step(state.gauge, canary[None], other[None], tick.at)
    return replace(state, gauge=gauge)


def share_of_limit(pods: FloatArray, limits: FloatArray | None) -> FloatArray:
    """Each pod's use as a part of its limit, NaN where it has none."""
    if limits is None:
        return np.full_like(pods, np.nan)
    limited = np.isfinite(limits) & (limits > 0)
    return np.where(limited, pods / np.where(limited, limits, 1.0), np.nan)


def log_e(standard: Standard, state: StandardState) -> float:
    """The log e-value of the claim."""
    return float(standard.design.log_e(state.gauge)[standard.asks][0])


def shown(standard: Standard, state: StandardState) -> bool:
    """Whether the claim is shown at its level."""
    return reached(log_e(standard, state), standard.level)


def proof(standard: Standard, state: StandardState, name: str) -> Proof:
    """What promotion needs to be shown of a target."""
    about = f"{name} meets its target"
    if state.edge is None and standard.of == "history":
        return Proof(about, shown=False, detail="no history to hold it against")
    value, level = log_e(standard, state), standard.level or 1.0
    detail = f"{standard.design.gathered(state.gauge)}, "
    detail += so_far(value, level)
    return Proof.by_evidence(about, value, level, detail)


def evidence(standard: Standard, state: StandardState) -> Evidence:
    """What has been found, on the metric's own scale."""
    level = dict[str, float]()
    if standard.level is not None:
        level[standard.asks] = standard.level
    worse, not_worse = standard.design.evidence(state.gauge, level)
    found = worse if standard.asks == "worse" else not_worse
    margin = abs(standard.edge / standard.aim - 1.0) if standard.aim else None
    update: dict[str, object] = {
        "claim": standard.claim,
        "question": standard.question,
        "margin": margin,
    }
    if standard.of != "baseline":
        update["n_baseline"] = 0
    if standard.of == "history" and state.edge is None:
        update |= {"status": Status.NOT_EVALUABLE, "detail": "no history to hold it against"}
    aim, edge = _in_the_unit(standard, state, found.reference)
    if found.observed is not None and aim is not None and edge is not None:
        update |= {"reference": aim, "effect": found.observed - aim}
        if found.interval is not None:
            update["interval"] = _moved(found.interval, edge - aim)
    return found.model_copy(update=update)


def _in_the_unit(
    standard: Standard, state: StandardState, against: float | None
) -> tuple[float | None, float | None]:
    """The aim and the edge as values of the metric."""
    if standard.of != "baseline":
        return state.aim, state.edge
    if against is None or not standard.edge:
        return None, None
    return against / standard.edge * standard.aim, against


def _moved(interval: Interval, by: float) -> Interval:
    low, high = (None if end is None else end + by for end in (interval.low, interval.high))
    return Interval(low=low, high=high, level=interval.level)
