"""One rule followed tick by tick: its hold timer, its last look, and how it fires."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from canarystats.evidence import Interval
from canarystats.rules import OWN_RULES
from canarystats.triggers import beside as twin
from canarystats.triggers import hold as timer
from canarystats.triggers.beside import Beside
from canarystats.triggers.gate import way_to_fire
from canarystats.triggers.hold import Hold
from canarystats.triggers.literal import Look
from canarystats.triggers.reasons import beside_it, limit_of, phrase, sentence
from canarystats.verdict import Condition, Firing, Reading, Way

if TYPE_CHECKING:
    from collections.abc import Callable

    from canarystats.folds.together import Together
    from canarystats.policy import Suppression, Trigger
    from canarystats.sequential.onset import Began
    from canarystats.triggers.trailing import Trailing

ONSET_LEVEL = 0.95
COMPARED = {
    "error_rate",
    "error_rate_absolute",
    "latency_p99",
    "success_rate",
    "throughput",
    "ratio_above",
    "ratio_below",
    "share_above",
    "share_below",
    "quantile_above",
}


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
    suppressed, silenced_by
        Ticks with data at which a window of the policy suppressed it, and which window does at the
        last tick.
    beside
        Where the same rule stands on the baseline, for rules that read one side alone.
    """

    hold: Hold = field(default_factory=Hold)
    true: bool | None = None
    observed: float | None = None
    reference: float | None = None
    detail: str = ""
    tier: int = 0
    way: str | None = None
    evaluated: int = 0
    suppressed: int = 0
    silenced_by: str = ""
    beside: Beside = field(default_factory=Beside)


def interval_of(dated: Began | None) -> Interval | None:
    """Where an onset may lie, in Unix seconds."""
    if dated is None:
        return None
    return Interval(low=dated.earliest, high=dated.latest, level=ONSET_LEVEL)


class Rule:
    """A design: one condition of one trigger.

    ``condition`` is what is evaluated, ``name`` what verdicts call it.
    """

    def __init__(
        self,
        condition: str,
        trigger: Trigger,
        interval: float,
        unit: str,
        *,
        spares: bool = True,
        suppressions: tuple[Suppression, ...] = (),
    ) -> None:
        self.suppressions = suppressions
        self.spares = spares and condition in twin.MAY_BE_SHARED
        self.condition = condition
        self.name = trigger.name + condition.removeprefix(trigger.rule)
        self.interval = interval
        self.unit = unit
        self.threshold = trigger.threshold
        self.trigger = trigger
        if condition == "error_rate_absolute" and trigger.absolute is not None:
            self.threshold = trigger.absolute.threshold
            self.trigger = trigger.model_copy(update={"for_": trigger.absolute.for_, "warn": ()})

    @property
    def stands_against_promotion(self) -> bool:
        """Whether promotion needs the rule to have been evaluated at least once."""
        if self.trigger.action == "report":
            return False
        return self.trigger.rule in OWN_RULES or self.trigger.rule == "memory"

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
        beside: Callable[[float], Look] | None = None,
        outdone: Callable[[], bool] = lambda: False,
    ) -> RuleState:
        """One tick; ``look`` evaluates the literal condition at a threshold.

        ``beside`` evaluates it on the baseline, where a baseline is there to read; ``outdone``
        tells whether the canary is shown to be worse than it. `way_to_fire` has the others.
        """
        silence = self.silence(at)
        if silence is not None:
            return self._paused(state, at, str(silence))
        seen = look(self.threshold)
        held = timer.step(state.hold, at, seen.true, self.trigger, self.interval)
        tier = 0
        if seen.true is not None:
            tier = sum(bool(look(warning).true) for warning in self.trigger.warn)
        holds = seen.true is not None and timer.complete(held, self.trigger)
        way = way_to_fire(
            self.trigger.evidence, held=holds, worse=worse, beyond=beyond, plainly=self.plainly
        )
        there = Look(None)
        if beside is not None and self.condition in twin.READ_ON_BOTH:
            there = beside(self.threshold)
        return RuleState(
            hold=held,
            true=seen.true,
            observed=seen.observed,
            reference=seen.reference,
            detail=seen.detail,
            tier=tier,
            way=way,
            evaluated=state.evaluated + (seen.true is not None),
            suppressed=state.suppressed,
            beside=twin.step(state.beside, at, there, self.trigger, self.interval, outdone),
        )

    def unread(self, state: RuleState, at: float) -> RuleState:
        """A tick without data; it is not counted among those that were suppressed."""
        return replace(self.step(state, at, lambda _: Look(None)), suppressed=state.suppressed)

    def silence(self, at: float) -> Suppression | None:
        """The window of the policy that suppresses the rule at a tick."""
        covering = (w for w in self.suppressions if w.covers(at, self.interval))
        return next(covering, None)

    def kept(self, window: Trailing) -> Trailing:
        """The ticks of a window that count for the rule."""
        if not self.suppressions:
            return window
        return window.where([self.silence(at) is None for at in window.times.tolist()])

    def _paused(self, state: RuleState, at: float, by: str) -> RuleState:
        beside = replace(state.beside, hold=timer.pause(state.beside.hold, at))
        return replace(
            state,
            hold=timer.pause(state.hold, at),
            way=None,
            suppressed=state.suppressed + 1,
            silenced_by=by,
            beside=beside,
        )

    def shares_its_trouble(self, state: RuleState) -> bool:
        """Whether the rule does not blame the canary for what the baseline has too."""
        return self.spares and state.beside.shared

    def beside_alone(self, state: RuleState) -> str:
        """What the baseline alone does not fulfil of the rule, or nothing."""
        there = state.beside
        bad = there.true and timer.complete(there.hold, self.trigger)
        if not bad or state.true or self.trigger.action == "report":
            return ""
        return beside_it(self.condition, there.observed, self.unit)

    def firing(
        self,
        state: RuleState,
        at: float | None,
        onset: float | None,
        dated: Began | None = None,
        together: Together | None = None,
    ) -> Firing | None:
        """The rule having fired, if it has.

        ``onset`` is since when its evidence has only grown, ``dated`` its onset by change point,
        where that is known; without, a sustained firing began with its condition. ``together`` is
        whether both arms changed at once.
        """
        if state.way is None:
            return None
        way = Way(state.way)
        held = state.hold.held_seconds
        began = state.hold.since if state.hold.since is not None else at
        at_once, changed = (False, "") if together is None else together
        spared = self.shares_its_trouble(state) or at_once
        reason = sentence(
            self.condition, self.trigger, way, self.unit, state.observed, state.reference, held
        )
        # The last ticks may prove what the figure of a whole window does not show yet.
        lately = " lately" if way is Way.DECISIVE and not state.true else ""
        return Firing(
            trigger=self.name,
            rule=self.condition,
            metric=self.trigger.metric,
            way=way,
            action="hold" if spared and self.trigger.action == "rollback" else self.trigger.action,
            at=at,
            onset=dated.at if dated else onset if way is Way.DECISIVE else began,
            onset_interval=interval_of(dated),
            observed=state.observed,
            reference=state.reference,
            threshold=self.threshold,
            held_seconds=held,
            reason=reason + lately + self._of_both(state) + changed,
        )

    def _of_both(self, state: RuleState) -> str:
        """What a reason says of the baseline, where it is in the same trouble."""
        there = state.beside
        if there.true is None or not (there.true or there.shared):
            return ""
        said = beside_it(self.condition, there.observed, self.unit)
        if self.shares_its_trouble(state):
            verb = "is" if there.true else "was"
            return f"; both arms: the baseline {verb} {said} too; a shared incident"
        if self.condition in twin.MAY_BE_SHARED and there.worse:
            return f"; the baseline is {said} too, and the canary is shown to be worse"
        return f"; the baseline is {said} too"

    def reading(self, state: RuleState) -> Reading:
        """What the rule sees at the last tick."""
        tiers = len(self.trigger.warn) + 1
        condition = self._condition(state)
        severity = {Condition.PENDING: 1.0, Condition.FIRED: 1.0}.get(condition, state.tier / tiers)
        detail = state.detail or phrase(
            self.condition, self.trigger, self.unit, state.observed, state.reference
        )
        if condition is Condition.PENDING:
            detail += f": {limit_of(self.condition, self.trigger, self.unit)}"
        if state.hold.paused_seconds:
            why = "without data or suppressed" if state.suppressed else "without data"
            detail += f"; {state.hold.paused_seconds:.0f} s {why} do not count"
        if state.silenced_by:
            detail = f"suppressed by {state.silenced_by}"
        return Reading(
            trigger=self.name,
            rule=self.condition,
            unit=self.unit,
            metric=self.trigger.metric,
            condition=condition,
            observed=state.observed,
            reference=state.reference,
            threshold=self.threshold,
            held_seconds=state.hold.held_seconds,
            for_seconds=self.trigger.for_,
            severity=severity,
            suppressed_ticks=state.suppressed,
            detail=detail,
        )

    def _condition(self, state: RuleState) -> Condition:
        if state.silenced_by:
            return Condition.SUPPRESSED
        if state.way is not None:
            return Condition.FIRED
        if state.true is None:
            return Condition.NOT_EVALUABLE if state.detail else Condition.NO_DATA
        if state.true:
            return Condition.PENDING
        return Condition.WARNING if state.tier else Condition.CLEAR
