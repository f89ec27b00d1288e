"""From an interval to an answer, the same for every check."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.validate.findings import Answer, Finding

if TYPE_CHECKING:
    from canarystats.validate.checks import Check
    from canarystats.windows import Pair

FEWEST_BLOCKS = 8  # fewer tell nothing of dependence
ENOUGH = 0.9  # the part of the window that must be covered before anything counts as met


def within(check: Check, low: float, high: float) -> Answer:
    """Met where the whole interval is within the bound, missed where all of it is beyond."""
    if check.at_most is None:
        low, high, bound = -high, -low, -check.bound
    else:
        bound = check.bound
    if high <= bound:
        return Answer.MET
    return Answer.MISSED if low > bound else Answer.UNDECIDED


def interval(low: float, high: float, tail: float) -> Interval:
    """An interval record; an infinite end is open."""
    return Interval(
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        level=1 - 2 * tail,
    )


def found(
    check: Check,
    answer: Answer,
    reason: str,
    evidence: Evidence,
    *,
    coverage: float | None = None,
    **more: Any,
) -> Finding:
    """A finding; what covers too little of the window is never met."""
    if answer is Answer.MET and coverage is not None and coverage < ENOUGH:
        answer = Answer.UNDECIDED
        reason = f"{reason}; the data cover {100 * coverage:.3g} % of the window"
    return Finding(
        check=check.id,
        title=check.title,
        answer=answer,
        target=check.said(),
        reason=reason,
        advisory=check.advisory,
        coverage=coverage,
        source=check.source,
        evidence=evidence,
        **more,
    )


def evidence(check: Check, pair: Pair | None, method: str, **figures: Any) -> Evidence:
    """What was measured, against the target."""
    return Evidence(
        metric=check.reads if pair is None else pair.name,
        method=method,
        question=Question.LEVEL,
        reference=check.target,
        seen=() if pair is None else pair.notes,
        **figures,
    )


def silent(
    check: Check, status: Status, reason: str, pair: Pair | None = None, method: str = "validate"
) -> Finding:
    """The finding of a check that cannot speak: no data, or too little of it."""
    missing = status in {Status.NO_DATA, Status.NOT_EVALUABLE}
    answer = Answer.NO_DATA if missing else Answer.UNDECIDED
    said = evidence(check, pair, method, status=status, detail=reason)
    return found(check, answer, reason, said)


def too_few(
    check: Check, reason: str, said: Evidence, blocks: int, coverage: float | None
) -> Finding:
    """The finding where there are too few blocks of time to tell how dependent they are."""
    said = said.model_copy(update={"status": Status.INSUFFICIENT})
    why = f"{reason}; {blocks} blocks tell no dependence, it takes {FEWEST_BLOCKS}"
    return found(check, Answer.UNDECIDED, why, said, coverage=coverage)
