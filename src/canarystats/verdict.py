"""A verdict: promote, hold or rollback, with everything that led to it."""

from __future__ import annotations

from enum import StrEnum
from html import escape
from typing import TYPE_CHECKING, Any, ClassVar

from canarystats.evidence import Document, Evidence, Interval, Record

if TYPE_CHECKING:
    from canarystats.report.explanation import Explanation

SCHEMA = "canarystats/verdict/1"


class Decision(StrEnum):
    """What to do with the canary."""

    PROMOTE = "promote"
    HOLD = "hold"
    ROLLBACK = "rollback"


class Way(StrEnum):
    """How a trigger fired."""

    SUSTAINED = "sustained"  # the literal condition held for its whole duration, with evidence
    DECISIVE = "decisive"  # evidence of harm beyond the threshold; no hold is waited for
    IMMEDIATE = "immediate"  # the rule has no duration
    LITERAL = "literal"  # the literal condition alone: the policy asks for no evidence


class Condition(StrEnum):
    """Where a trigger stands at the last tick."""

    CLEAR = "clear"
    WARNING = "warning"  # a lower tier is passed; it is told and lowers the score
    PENDING = "pending"  # the condition is true, its duration or evidence is not complete
    FIRED = "fired"
    SUPPRESSED = "suppressed"  # a window of the policy looks away from it
    NO_DATA = "no_data"
    NOT_EVALUABLE = "not_evaluable"


class Reading(Record):
    """What a trigger saw at the last tick.

    Parameters
    ----------
    trigger, metric
        Which trigger, on which metric.
    rule
        The condition it evaluates, such as ``error_rate`` or ``level_above``.
    unit
        The metric's unit.
    condition
        Where it stands.
    observed, reference
        The canary's figure and what it is compared with.
    threshold
        The number of the rule.
    held_seconds, for_seconds
        How long the literal condition has held in the data's time, and how long it must.
    severity
        How far towards its threshold: 0 clear, 1 at the threshold.
    suppressed_ticks
        Ticks at which a window of the policy suppressed it.
    detail
        One clause for a reader.
    """

    trigger: str
    metric: str
    condition: Condition
    observed: float | None = None
    reference: float | None = None
    threshold: float | None = None
    held_seconds: float = 0.0
    for_seconds: float = 0.0
    severity: float = 0.0
    suppressed_ticks: int = 0
    detail: str = ""
    rule: str = ""
    unit: str = ""

    def __repr__(self) -> str:
        said = f": {self.detail}" if self.detail else ""
        return f"Reading {self.trigger} ({self.condition.replace('_', ' ')}){said}."

    __str__ = __repr__


class Firing(Record):
    """A rule that fired, and why.

    Parameters
    ----------
    trigger
        Such as ``error_rate``; ``harm`` where a critical metric's own test rejected.
    rule
        The condition it evaluates; empty where no trigger is behind it.
    metric
        The metric it read.
    way
        How it fired.
    action
        What the policy makes of it: ``rollback``, ``hold`` or ``report``.
    at
        Unix seconds of the tick it fired on; None where the data has no times.
    onset, onset_interval
        Unix seconds of the first tick of the trouble, as far as it can be told, and where else it
        may lie: by change point where errors, slow requests or a gauge are compared, elsewhere
        since when the evidence has only grown or the condition has held, without an interval.
    observed, reference, threshold
        The canary's figure, what it is compared with, and the number of the rule.
    held_seconds
        How long the literal condition had held.
    reason
        One plain sentence.
    """

    trigger: str
    metric: str
    way: Way
    action: str
    at: float | None
    onset: float | None = None
    onset_interval: Interval | None = None
    observed: float | None = None
    reference: float | None = None
    threshold: float | None = None
    held_seconds: float = 0.0
    reason: str
    rule: str = ""

    def __repr__(self) -> str:
        return f"Firing {self.trigger} ({self.way}): {self.reason}."

    __str__ = __repr__


class Verdict(Document):
    """Promote, hold or rollback, with the evidence.

    Parameters
    ----------
    decision
        What to do.
    score
        0 to 100; how healthy the canary looks. It ranks severity and never overrules a veto.
    grade
        ``pass``, ``marginal`` or ``fail``: the band of the policy the score falls in. It decides
        nothing.
    reason
        One plain sentence.
    reasons
        Every reason, the weightiest first.
    approval
        ``automatic``, or ``required`` where a person confirms a promotion.
    firings
        Rules that fired, the earliest first; once a rollback, always in the list.
    readings
        Where each trigger stood at the last tick.
    evidence
        What each method found on each metric.
    started, at
        Unix seconds of the first and the last tick judged.
    ticks, suppressed_ticks
        How many ticks were judged, and at how many of them a window of the policy looked away.
    decided_at
        Unix seconds of the tick that caused a rollback; None for other decisions.
    next_look
        Unix seconds at which the next tick is due; None once rolled back.
    decision_in_seconds
        Of a hold: from and to how many seconds from ``at`` a promotion is to be expected if all
        goes on as so far; None where that cannot be told, or the decision is made.
    onset, onset_interval
        Unix seconds of the first tick of the trouble behind a rollback, and where else it may lie.
    share
        The canary's designed traffic share at the last tick.
    stage
        The step of the rollout that was judged, where the policy is at one.
    rollout
        The caller's name for the rollout.
    decision_id
        The same for every replica that reaches this decision on the same data.
    policy, policy_digest, input_digest, library_version, schema_version
        What it takes to recompute the verdict from stored windows.
    """

    called: ClassVar[str] = "verdict"
    schema_version: str = SCHEMA
    decision: Decision
    score: float
    grade: str = "pass"
    reason: str
    reasons: tuple[str, ...] = ()
    approval: str = "required"
    firings: tuple[Firing, ...] = ()
    readings: tuple[Reading, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    started: float | None = None
    at: float | None = None
    ticks: int = 0
    suppressed_ticks: int = 0
    decided_at: float | None = None
    next_look: float | None = None
    decision_in_seconds: tuple[float, float] | None = None
    onset: float | None = None
    onset_interval: Interval | None = None
    share: float | None = None
    stage: str = ""
    rollout: str = ""
    decision_id: str
    policy: str
    policy_digest: str
    input_digest: str
    library_version: str

    def explain(self, *, level: float = 0.05) -> Explanation:
        """Why the verdict is what it is: text, Markdown or a table.

        Parameters
        ----------
        level
            Of the metrics that the evidence is said to point at, the part expected to be healthy
            at most, in (0, 1). It names metrics and decides nothing.

        Raises
        ------
        InputError
            If the level is not in (0, 1).
        """
        from canarystats.report.explanation import explain

        return explain(self, level=level)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema of `to_json`."""
        return cls.model_json_schema(mode="serialization")

    def __repr__(self) -> str:
        return f"Verdict {self.decision.upper()} (score {self.score:.0f}): {self.reason}"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(r.trigger)}</td><td>{escape(r.condition)}</td>"
            f"<td>{_number(r.observed)}</td><td>{_number(r.reference)}</td>"
            f"<td>{escape(r.detail)}</td></tr>"
            for r in self.readings
        )
        head = "<tr><th>trigger</th><th>now</th><th>canary</th><th>against</th><th></th></tr>"
        title = f"<b>{self.decision.upper()}</b> (score {self.score:.0f}): {escape(self.reason)}"
        return f"<div>{title}</div><table>{head}{rows}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
