"""The target of a metric of events: none at all, at most so many a second, or at least so many.

*At most* counts: events are few, so given the time they are binomial among moments so short that
none holds two, up to the Fano factor that clumps of them make. *At least* averages: events are
many, and their rate is held against the target as a gauge is, by batches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.folds import standards
from canarystats.folds.setting import Proof, so_far
from canarystats.folds.standards import StandardState
from canarystats.sequential.counts import Counts, CountsState, Test

if TYPE_CHECKING:
    from canarystats.folds.setting import Setting, Tick
    from canarystats.windows import Pair

TARGET = standards.TARGET
INTERVAL_LEVEL = 0.95
PER_MOMENT = 1e-3  # events that a moment holds at the target's edge; short enough to be one or none


@dataclass(frozen=True, slots=True, eq=False)
class PaceState:
    """What has been seen: all of it, and what the test that applies remembers."""

    events: float = 0.0
    seconds: float = 0.0
    counts: CountsState | None = None
    rate: StandardState | None = None


class Pace:
    """A design: the target of one metric of events."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.target = setting.metric.target
        held = standards.standards(setting)
        self._rate = held[-1] if held and self.target and self.target.at_least else None
        self._counts: Counts | None = None
        self._moment = 1.0
        if self.target is not None and self.target.at_most:
            test = Test(TARGET, Question.NOT_WORSE, "canary", PER_MOMENT, rising=False)
            self._counts = Counts(setting.metric.name, [test], clumps=setting.metric.clumps)
            self._moment = PER_MOMENT / self.target.edge

    def begin(self, history: Pair | None = None) -> PaceState:
        """The state before the first tick."""
        if self._counts is not None:
            return PaceState(counts=self._counts.begin())
        if self._rate is None:
            return PaceState()
        past = None
        if history is not None:
            there = np.isfinite(history.canary)
            total = np.where(there, history.canary, 0.0).sum(axis=1)
            rates = np.where(there.any(axis=1), total, np.nan) / self.setting.policy.interval
            past = rates[None, :, None], None
        return PaceState(rate=standards.begin(self._rate, past))

    def step(self, state: PaceState, count: float, seconds: float, tick: Tick) -> PaceState:
        """One tick with so many events, which took so many seconds."""
        seen = replace(state, events=state.events + count, seconds=state.seconds + seconds)
        if self._counts is not None and state.counts is not None:
            moments = max(seconds / self._moment, count)
            row = np.array([[count, moments]])
            return replace(seen, counts=self._counts.step(state.counts, row, None, None, tick.at))
        if self._rate is not None and state.rate is not None:
            rate = tick._replace(canary=np.array([count / seconds]))
            return replace(seen, rate=standards.step(self._rate, state.rate, rate))
        return seen

    def evidence(self, state: PaceState) -> list[Evidence]:
        """What has been found, in events a second."""
        if self._rate is not None and state.rate is not None:
            return [standards.evidence(self._rate, state.rate)]
        if self.target is None:
            return []
        if self._counts is None or state.counts is None:
            return [self._none(state)]
        (found,) = self._counts.evidence(state.counts, {TARGET: self.setting.proof_level})
        if found.status is not Status.OK or not state.seconds:
            return [found]
        aim, ends = self.target.aim, found.interval
        observed = state.events / state.seconds
        low, high = (None, None) if ends is None else (ends.low, ends.high)
        interval = Interval(
            low=None if low is None else low / self._moment - aim,
            high=None if high is None else high / self._moment - aim,
            level=INTERVAL_LEVEL,
        )
        update = {
            "observed": observed,
            "reference": aim,
            "effect": observed - aim,
            "effect_scale": "difference",
            "interval": interval,
            "n_canary": round(state.events),
            "margin": self.target.tolerance,
            "detail": f"{state.events:g} in {state.seconds:g} s",
        }
        return [found.model_copy(update=update)]

    def _none(self, state: PaceState) -> Evidence:
        """How rare events may be of which none was seen.

        While there are none, ``exp(rate x seconds)`` is an e-process against every rate.
        """
        common: dict[str, Any] = {
            "metric": self.setting.metric.name,
            "method": "count",
            "question": Question.NOT_WORSE,
            "claim": TARGET,
            "reference": 0.0,
        }
        if not state.seconds:
            return Evidence(**common, status=Status.NO_DATA)
        rate = state.events / state.seconds
        high = None if state.events else -math.log(1.0 - INTERVAL_LEVEL) / state.seconds
        return Evidence(
            **common,
            n_canary=round(state.events),
            observed=rate,
            effect=rate,
            effect_scale="difference",
            interval=Interval(low=0.0, high=high, level=INTERVAL_LEVEL),
            detail=f"{state.events:g} in {state.seconds:g} s",
        )

    def proofs(self, state: PaceState) -> list[Proof]:
        """What promotion needs to be shown of the target."""
        if self.target is None:
            return []
        name = self.setting.metric.name
        if self._rate is not None and state.rate is not None:
            return [standards.proof(self._rate, state.rate, name)]
        about = f"{name} meets its target"
        if self._counts is None or state.counts is None:
            seen = f"{state.events:g} in {state.seconds:g} s, and the target is none"
            return [Proof(about, shown=state.seconds > 0 and not state.events, detail=seen)]
        value, level = float(self._counts.log_e(state.counts)[TARGET][0]), self.setting.proof_level
        detail = so_far(value, level)
        return [Proof.by_evidence(about, value, level, detail, from_start=True)]
