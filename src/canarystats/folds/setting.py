"""What a fold needs to know of the policy: its metric, its rules, and what they may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from canarystats.folds.rule import Rule
from canarystats.policy import Metric, Policy
from canarystats.rules import ABSOLUTE, NEED_BASELINE
from canarystats.sequential.budget import levels
from canarystats.suppression import only_about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarystats.policy import Suppression, Trigger
    from canarystats.windows import Pair

LARGEST = 700.0  # logarithm of an e-value that is written as a number


class Segments(NamedTuple):
    """One row of one metric by segment of the traffic.

    Parameters
    ----------
    names
        The segments, S of them.
    canary, baseline
        Shape (S, columns); a row of NaN was not read, or has no such side.
    """

    names: tuple[str, ...]
    canary: NDArray[np.float64]
    baseline: NDArray[np.float64]


class Tick(NamedTuple):
    """One row of one metric.

    Parameters
    ----------
    at
        Unix seconds.
    canary
        Shape (columns,); NaN where the scrape was missed.
    baseline
        The same, or None where the metric has no twin.
    limit
        Limits of the canary's pods, or None.
    share
        The canary's designed share of the traffic, or None.
    comparing
        Whether the warm-up has passed, so that comparisons gather evidence.
    baked
        The part of the bake window that has passed with this tick; 0 where none is planned.
    tested
        The state of the metric's tests after this tick, where they were stepped side by side with
        those of other metrics; None where they are still to be stepped.
    by_segment
        The row by segment, where the metric comes so.
    weighed
        The log e-values of that state, worked out side by side too.
    """

    at: float
    canary: NDArray[np.float64]
    baseline: NDArray[np.float64] | None
    limit: NDArray[np.float64] | None
    share: float | None
    comparing: bool
    baked: float = 0.0
    tested: Any = None
    by_segment: Segments | None = None
    weighed: dict[str, float] | None = None


class Proof(NamedTuple):
    """Something promotion needs to be shown.

    Parameters
    ----------
    about
        What, in words.
    shown
        Whether it is.
    detail
        How far it has come.
    gathered, needed
        The log e-value so far, and the one that shows it; None where it has none.
    from_start
        Whether it gathers evidence during the warm-up too.
    """

    about: str
    shown: bool
    detail: str
    gathered: float | None = None
    needed: float | None = None
    from_start: bool = False

    @classmethod
    def by_evidence(
        cls, about: str, log_e: float, level: float, detail: str, *, from_start: bool = False
    ) -> Proof:
        """What an e-value shows at a level."""
        return cls(about, reached(log_e, level), detail, log_e, -math.log(level), from_start)


@dataclass(frozen=True, slots=True)
class Setting:
    """A metric of a policy, with the rules that read it."""

    policy: Policy
    metric: Metric

    @property
    def triggers(self) -> list[Trigger]:
        """The triggers that read the metric and can be judged; on a dry run they only report."""
        read = [t for t in self.policy.triggers if t.metric == self.metric.name]
        read = [t for t in read if self.compares(t) or t.absolute is not None]
        if self.metric.dry_run:
            return [t.model_copy(update={"action": "report"}) for t in read]
        return read

    @property
    def acting(self) -> list[Trigger]:
        """Those that do more than report, dry run or not: what promotion asks follows from them."""
        told = {t.name for t in self.policy.triggers if t.action == "report"}
        return [t for t in self.triggers if t.name not in told]

    def compares(self, trigger: Trigger) -> bool:
        """Whether the metric has the baseline that the trigger's own condition may need."""
        return self.metric.compare or trigger.rule not in NEED_BASELINE

    def rules(self) -> dict[str, Rule]:
        """Every condition of those triggers, by name."""
        found: dict[str, Rule] = {}
        interval, unit = self.policy.interval, self.metric.unit
        spares = self.policy.unhealthy_baseline == "hold"
        for trigger in self.triggers:
            quiet = tuple(w for w in self.policy.suppressions if trigger.name in w.triggers)
            conditions: list[str] = [trigger.rule] if self.compares(trigger) else []
            if trigger.absolute is not None:
                conditions.append(f"{trigger.rule}{ABSOLUTE}")
            for condition in conditions:
                rule = Rule(condition, trigger, interval, unit, spares=spares, suppressions=quiet)
                found[rule.name] = rule
        return found

    def trigger(self, rule: str) -> Trigger | None:
        """The first trigger of that rule, if one reads the metric."""
        return next((t for t in self.triggers if t.rule == rule), None)

    def acts(self, rule: str) -> bool:
        """Whether a trigger of that rule reads the metric and does more than report."""
        return any(trigger.rule == rule for trigger in self.acting)

    def watched(self, pair: Pair) -> Pair:
        """A gauge without what it was at ticks at which the metric gathers no evidence."""
        if pair.times is None or not self.suppressions:
            return pair
        quiet = np.array([self.quiet_at(at) is not None for at in pair.times.tolist()])[:, None]
        baseline = None if pair.baseline is None else np.where(quiet, np.nan, pair.baseline)
        return replace(pair, canary=np.where(quiet, np.nan, pair.canary), baseline=baseline)

    def quiet_at(self, at: float) -> Suppression | None:
        """The window in which the metric gathers no evidence at a tick."""
        for window in self.policy.suppressions:
            if self.metric.name in window.metrics and window.covers(at, self.policy.interval):
                return window
        return None

    @property
    def suppressions(self) -> tuple[Suppression, ...]:
        """The windows that are about the metric or about a trigger that reads it."""
        triggers = {trigger.name for trigger in self.triggers}
        return only_about(self.policy.suppressions, triggers, {self.metric.name})

    def levels(self) -> dict[str, float]:
        """The level of each claim on the metric."""
        return {
            claim.name: level
            for claim, level in levels(self.policy).items()
            if claim.metric == self.metric.name
        }

    @property
    def margin(self) -> float:
        """The relative difference that never counts."""
        return self.policy.margin if self.metric.margin is None else self.metric.margin

    def allowed(self, rules: Sequence[str], fallback: float) -> float:
        """The relative difference within which promotion must show the canary."""
        if self.metric.non_inferiority is not None:
            return self.metric.non_inferiority
        told = [abs(t.threshold - 1.0) for t in self.acting if t.rule in rules]
        return min((relative for relative in told if relative), default=fallback)

    @property
    def proof_level(self) -> float:
        """The chance that a canary worse than allowed is shown not worse."""
        return self.policy.error_budget.false_promote


def so_far(log_e: float, level: float) -> str:
    """How far an e-value has come, in words."""
    return f"e-value {math.exp(min(log_e, LARGEST)):.3g}, needs {1.0 / level:.3g}"


def reached(log_e: float, level: float | None) -> bool:
    """Whether an e-value decides at a level."""
    return level is not None and log_e >= -math.log(level)
