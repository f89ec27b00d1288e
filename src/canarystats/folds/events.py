"""Things that must not happen, tick by tick."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from canarystats.evidence import Evidence, Question, Status
from canarystats.folds.fold import TickFold
from canarystats.folds.presence import Presence
from canarystats.folds.rule import RuleState
from canarystats.triggers import beside, literal, trailing
from canarystats.triggers.trailing import Trailing
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.folds.setting import Proof, Setting, Tick
    from canarystats.windows import Pair


SIDES = ("canary", "baseline")


@dataclass(frozen=True, slots=True, eq=False)
class EventsFoldState:
    """Everything remembered of a metric of events."""

    total: float
    rules: dict[str, RuleState]
    windows: dict[str, Trailing]
    presence: Presence = field(default_factory=Presence)


class EventsFold(TickFold[EventsFoldState]):
    """A design: one metric of events under a policy."""

    kind = Kind.EVENTS
    state_type = EventsFoldState

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)

    def begin(self, history: Pair | None = None) -> EventsFoldState:  # noqa: ARG002
        """The state before the first tick."""
        rules = self.no_rules()
        return EventsFoldState(0.0, rules, {name: trailing.begin(len(SIDES)) for name in rules})

    def step(self, state: EventsFoldState, tick: Tick) -> EventsFoldState:
        """One tick."""
        counts = [count for count in tick.canary.tolist() if not math.isnan(count)]
        present = bool(counts)
        presence = state.presence.tick(tick.at, canary=present, baseline=False)
        if not present:
            rules = self.unread(state.rules, tick.at)
            return EventsFoldState(state.total, rules, state.windows, presence)
        count = math.fsum(counts)
        row = np.array([count, _total(tick.baseline)])
        windows, rules = dict(state.windows), dict(state.rules)
        for name, rule in self.rules.items():
            windows[name] = trailing.push(windows[name], tick.at, row, rule.trigger.window)
            canary, baseline = windows[name].total.tolist()
            rules[name] = rule.step(
                rules[name],
                tick.at,
                partial(literal.events, canary),
                beside=None if tick.baseline is None else partial(literal.events, baseline),
                outdone=partial(beside.more_than_its_share, canary, baseline, tick.share),
            )
        return EventsFoldState(state.total + count, rules, windows, presence)

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
            )
        ]

    def proofs(self, state: EventsFoldState) -> list[Proof]:  # noqa: ARG002
        """Silence is no proof, but it is all there can be: presence is checked elsewhere."""
        return []


def _total(side: NDArray[np.float64] | None) -> float:
    return 0.0 if side is None else math.fsum(side[~np.isnan(side)].tolist())
