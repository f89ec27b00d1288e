"""One rule followed tick by tick: its hold timer, its last look, and how it fires."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from canarystats.triggers import hold as timer
from canarystats.triggers.gate import way_to_fire
from canarystats.triggers.hold import Hold
from canarystats.triggers.reasons import phrase, sentence
from canarystats.verdict import Condition, Firing, Reading, Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarystats.policy import Trigger
    from canarystats.triggers.literal import Look

COMPARED = {"error_rate", "error_rate_absolute", "latency_p99", "success_rate", "throughput"}


@dataclass(frozen=True, slots=True)
class RuleState:
    """Where a rule stands.

    Parameters
    ----------
    hold
        Its timer.
    true, observed, reference, detail
        Its last look.
    tier
        How many of its warning tiers are passed.
    way
        How it fires at the last tick; None while it does not.
    evaluated
        How many looks could be evaluated.
    """

    hold: Hold = field(default_factory=Hold)
    true: bool | None = None
    observed: float | None = None
    reference: float | None = None
    detail: str = ""
    tier: int = 0
    way: str | None = None
    evaluated: int = 0


class Rule:
    """A design: one condition of one trigger."""

    def __init__(self, condition: str, trigger: Trigger, interval: float, unit: str) -> None:
        self.condition = condition
        self.interval = interval
        self.unit = unit
        self.threshold = trigger.threshold
        self.trigger = trigger
        if condition == "error_rate_absolute" and trigger.absolute is not None:
            self.threshold = trigger.absolute.threshold
            self.trigger = trigger.model_copy(update={"for_": trigger.absolute.for_, "warn": ()})

    @property
    def plainly(self) -> Way:
        """How the rule fires where no evidence is asked for."""
        if self.condition in COMPARED:
            return Way.LITERAL
        return Way.SUSTAINED if self.trigger.for_ else Way.IMMEDIATE

    def step(
        self,
        state: RuleState,
        at: float,
        look: Callable[[float], Look],
        *,
        worse: bool = False,
        beyond: bool = False,
    ) -> RuleState:
        """One tick; ``look`` evaluates the literal condition at a threshold."""
        seen = look(self.threshold)
        held = timer.step(state.hold, at, seen.true, self.trigger, self.interval)
        tier = 0
        if seen.true is not None:
            tier = sum(bool(look(warning).true) for warning in self.trigger.warn)
        holds = seen.true is not None and timer.complete(held, self.trigger)
        way = way_to_fire(
            self.trigger.evidence, held=holds, worse=worse, beyond=beyond, plainly=self.plainly
        )
        return RuleState(
            hold=held,
            true=seen.true,
            observed=seen.observed,
            reference=seen.reference,
            detail=seen.detail,
            tier=tier,
            way=way,
            evaluated=state.evaluated + (seen.true is not None),
        )

    def firing(self, state: RuleState, at: float | None, onset: float | None) -> Firing | None:
        """The rule having fired, if it has."""
        if state.way is None:
            return None
        way = Way(state.way)
        held = state.hold.held_seconds
        began = state.hold.since if state.hold.since is not None else at
        return Firing(
            trigger=self.condition,
            metric=self.trigger.metric,
            way=way,
            action=self.trigger.action,
            at=at,
            onset=onset if way is Way.DECISIVE else began,
            observed=state.observed,
            reference=state.reference,
            threshold=self.threshold,
            held_seconds=held,
            reason=sentence(
                self.condition,
                self.trigger,
                way,
                self.unit,
                state.observed,
                state.reference,
                held,
            ),
        )

    def reading(self, state: RuleState) -> Reading:
        """What the rule sees at the last tick."""
        tiers = len(self.trigger.warn) + 1
        condition = self._condition(state)
        severity = {Condition.PENDING: 1.0, Condition.FIRED: 1.0}.get(condition, state.tier / tiers)
        detail = state.detail or phrase(
            self.condition, self.trigger, self.unit, state.observed, state.reference
        )
        if state.hold.paused_seconds:
            detail += f"; {state.hold.paused_seconds:.0f} s without data do not count"
        return Reading(
            trigger=self.condition,
            metric=self.trigger.metric,
            condition=condition,
            observed=state.observed,
            reference=state.reference,
            threshold=self.threshold,
            held_seconds=state.hold.held_seconds,
            for_seconds=self.trigger.for_,
            severity=severity,
            detail=detail,
        )

    def _condition(self, state: RuleState) -> Condition:
        if state.way is not None:
            return Condition.FIRED
        if state.true is None:
            return Condition.NOT_EVALUABLE if state.detail else Condition.NO_DATA
        if state.true:
            return Condition.PENDING
        return Condition.WARNING if state.tier else Condition.CLEAR
