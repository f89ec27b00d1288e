"""Things that must not happen, tick by tick."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from canarystats.evidence import Evidence, Question, Status
from canarystats.folds.fold import TickFold
from canarystats.folds.pace import Pace, PaceState
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.rules import FALLING
from canarystats.triggers import beside, literal, trailing
from canarystats.triggers.trailing import Trailing
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canarystats.folds.setting import Proof, Setting, Tick
    from canarystats.policy import Trigger
    from canarystats.windows import Pair


COLUMNS = ("canary", "baseline", "longest_seconds", "shortest_seconds", "baseline_seconds")
MISSED_FROM = 1.5  # intervals between two ticks with data from which one was missed between


@dataclass(frozen=True, slots=True, eq=False)
class EventsFoldState:
    """Everything remembered of a metric of events."""

    total: float
    rules: dict[str, RuleState]
    windows: dict[str, Trailing]
    presence: Presence = field(default_factory=Presence)
    pace: PaceState = field(default_factory=PaceState)


class EventsFold(TickFold[EventsFoldState]):
    """A design: one metric of events under a policy."""

    kind = Kind.EVENTS
    state_type = EventsFoldState

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.pace = Pace(setting)

    def begin(self, history: Pair | None = None) -> EventsFoldState:
        """The state before the first tick."""
        rules = self.no_rules()
        windows = {name: trailing.begin(len(COLUMNS)) for name in rules}
        return EventsFoldState(0.0, rules, windows, pace=self.pace.begin(history))

    def step(self, state: EventsFoldState, tick: Tick) -> EventsFoldState:
        """One tick."""
        counts = [count for count in tick.canary.tolist() if not math.isnan(count)]
        present = bool(counts)
        quiet = self.setting.quiet_at(tick.at) is not None
        presence = state.presence.tick(tick.at, canary=present, baseline=False, quiet=quiet)
        if not present:
            rules = self.unread(state.rules, tick.at)
            return replace(state, rules=rules, presence=presence)
        count = math.fsum(counts)
        windows, rules = dict(state.windows), dict(state.rules)
        seconds = self._time_of(tick.at, state.presence.canary_last)
        other = _counted(tick.baseline)
        beside_it = self.setting.policy.interval if other is not None else 0.0
        row = np.array([count, other or 0.0, *seconds, beside_it])
        for name, rule in self.rules.items():
            windows[name] = trailing.push(windows[name], tick.at, row, rule.trigger.window)
            canary, baseline, longest, shortest, covered = rule.kept(windows[name]).total.tolist()
            there = _look(rule.trigger, baseline, longest, covered)
            few = rule.condition in FALLING
            outdone = beside.less_than_its_share if few else beside.more_than_its_share
            rules[name] = rule.step(
                rules[name],
                tick.at,
                _look(rule.trigger, canary, longest, shortest),
                beside=None if tick.baseline is None else there,
                outdone=partial(outdone, canary, baseline, tick.share),
            )
        pace = state.pace if quiet else self.pace.step(state.pace, count, seconds[0], tick)
        total = state.total if quiet else state.total + count
        return EventsFoldState(total, rules, windows, presence, pace)

    def _time_of(self, at: float, before: float | None) -> tuple[float, float]:
        """Seconds that a tick's count may speak for, at most and at least.

        After a missed scrape a count is of all the time since the last one, or of its own tick
        alone: that depends on the source, and neither reading may turn a gap against the canary.
        """
        interval = self.setting.policy.interval
        if before is None:
            return interval, interval
        since = at - before
        return since, since if since < MISSED_FROM * interval else interval

    def onset(self, state: EventsFoldState, rule: str) -> float | None:  # noqa: ARG002
        """None: events are counted, not tested."""
        return None

    def trouble(self, state: EventsFoldState, at: float, patience_seconds: float) -> str:
        """Why the metric counts as without data at ``at``, or nothing; events have no twin."""
        return state.presence.trouble(at, patience_seconds, needs_baseline=False)

    def harm(self, state: EventsFoldState) -> tuple[bool, float | None]:  # noqa: ARG002
        """Events have no test of their own: a rule reads them or nobody does."""
        return False, None

    def evidence(self, state: EventsFoldState) -> list[Evidence]:
        """How many happened."""
        present = state.presence.canary > 0
        return [
            Evidence(
                metric=self.setting.metric.name,
                method="count",
                question=Question.LEVEL,
                status=Status.OK if present else Status.NO_DATA,
                n_canary=state.presence.canary,
                observed=state.total if present else None,
                detail=f"{state.total:g} in {state.presence.canary} ticks" if present else "",
                seen=state.presence.seen(has_baseline=False),
            ),
            *self.pace.evidence(state.pace),
        ]

    def proofs(self, state: EventsFoldState) -> list[Proof]:
        """Silence is no proof, but it is all there can be: presence is checked elsewhere."""
        return [*self.pace.proofs(state.pace), *self.unread_proofs(state)]


def _counted(side: NDArray[np.float64] | None) -> float | None:
    """What a side counted at a tick, None where it was missed."""
    there = [] if side is None else side[~np.isnan(side)].tolist()
    return math.fsum(there) if there else None


def _look(
    trigger: Trigger, total: float, longest: float, shortest: float
) -> Callable[[float], literal.Look]:
    """What a rule sees of so many events in its window, at any threshold."""
    span = trigger.window
    if trigger.rule == "per_second_above":
        return partial(literal.per_second_above, total, max(longest, span))
    if trigger.rule == "per_second_below":
        return partial(literal.per_second_below, total, shortest, span)
    if trigger.rule in {"count_below", "stalled"}:
        return partial(literal.count_below, total, shortest, span)
    return partial(literal.events, total)
