"""The only place where firings, evidence and policy meet: from what is known to one verdict.

- *rollback*: a trigger with that action fired, or a critical metric's own test showed harm.
- *promote*: every required metric is there and shown not worse, the split is as designed, the
  minimum time and samples have passed, nothing is firing or about to.
- *hold*: anything else, with its reasons in order of weight. A policy without rollback rights
  (shadow) holds where it would roll back, and says so.

"No alarm" is not "proven good", and a fault of the monitoring is neither.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from canarystats.evidence import Evidence, Question
from canarystats.holding import reasons_to_hold, wait
from canarystats.policy import format_duration
from canarystats.rules import ABSOLUTE, SIGNALS
from canarystats.verdict import Condition, Decision, Firing, Reading, Verdict
from canarystats.views import acting, split_is_off
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from canarystats.policy import Policy
    from canarystats.views import Course, MetricView

# Questions that compare nothing, or that ask for the split itself.
UNTOUCHED_BY_SPLIT = {Question.SPLIT, Question.LEVEL}
SUSPECT = "the traffic is not divided as designed: this comparison is suspect"
READ = {
    Condition.CLEAR,
    Condition.WARNING,
    Condition.PENDING,
    Condition.FIRED,
    Condition.SUPPRESSED,
}


def decide(policy: Policy, views: Sequence[MetricView], course: Course) -> Verdict:
    """One verdict from everything that is known."""
    causes = [firing for firing in course.firings if firing.action == "rollback"]
    if causes and policy.rollback:
        decision, reasons = Decision.ROLLBACK, tuple(firing.reason for firing in causes)
    else:
        would = tuple(f"would roll back: {firing.reason}" for firing in causes)
        reasons = would + reasons_to_hold(policy, views, course)
        decision = Decision.HOLD if reasons else Decision.PROMOTE
    if decision is Decision.PROMOTE:
        reasons = (_why_promote(views, course),)
    names = {metric.name for metric in policy.metrics}
    names |= {reading.trigger for view in views for reading in view.readings}
    rolled_back = decision is Decision.ROLLBACK
    waits = decision is Decision.HOLD and not causes
    score = 0.0 if causes else _score(policy, views)
    began = course.rollout or course.started
    key = f"{began}|{course.policy_digest}|{decision}"
    return Verdict(
        decision=decision,
        score=score,
        grade=_grade(policy, score),
        reason=_sentence(reasons[0], names),
        reasons=tuple(_sentence(reason, names) for reason in reasons),
        approval=policy.approval,
        firings=tuple(_as_allowed(firing, policy) for firing in course.firings),
        readings=tuple(_as_fired(reading, causes) for view in views for reading in view.readings),
        evidence=_evidence(views),
        started=course.started,
        at=course.at,
        ticks=course.ticks,
        suppressed_ticks=course.suppressed,
        decided_at=causes[0].at if rolled_back else None,
        next_look=None if rolled_back or course.at is None else course.at + policy.interval,
        decision_in_seconds=wait(policy, views, course) if waits else None,
        onset=causes[0].onset if causes else None,
        onset_interval=causes[0].onset_interval if causes else None,
        share=course.share,
        stage=policy.stage,
        rollout=course.rollout,
        decision_id=hashlib.sha256(key.encode()).hexdigest()[:16],
        policy=policy.name,
        policy_digest=course.policy_digest,
        input_digest=course.input_digest,
        library_version=course.library_version,
    )


def _as_allowed(firing: Firing, policy: Policy) -> Firing:
    """The firing with what it may do: without rollback rights it only reports."""
    if policy.rollback or firing.action != "rollback":
        return firing
    return firing.model_copy(update={"action": "report"})


def _evidence(views: Sequence[MetricView]) -> tuple[Evidence, ...]:
    """Everything found; comparisons say so where the traffic is not divided as designed."""
    found = tuple(evidence for view in views for evidence in view.evidence)
    if not split_is_off(views):
        return found
    return tuple(
        evidence
        if evidence.question in UNTOUCHED_BY_SPLIT
        else evidence.model_copy(update={"seen": (*evidence.seen, SUSPECT)})
        for evidence in found
    )


def _grade(policy: Policy, score: float) -> str:
    if score >= policy.pass_score:
        return "pass"
    return "marginal" if score >= policy.marginal_score else "fail"


def _as_fired(reading: Reading, causes: Sequence[Firing]) -> Reading:
    """The reading of a rule that rolled the canary back keeps the figures it fired on."""
    for firing in causes:
        if firing.trigger == reading.trigger:
            return reading.model_copy(
                update={
                    "condition": Condition.FIRED,
                    "observed": firing.observed,
                    "reference": firing.reference,
                    "held_seconds": firing.held_seconds,
                    "severity": 1.0,
                    "detail": firing.reason,
                }
            )
    return reading


def _why_promote(views: Sequence[MetricView], course: Course) -> str:
    there = [view for view in views if not view.trouble]
    proven = [v.metric.name for v in there if v.proofs and all(p.shown for p in v.proofs)]
    told = {firing.metric for firing in course.firings if firing.action == "report"}
    told |= {
        reading.metric
        for view in there
        for reading in view.readings
        if reading.condition is Condition.PENDING
    }
    quiet = [v.metric.name for v in there if not v.proofs]
    watched = [name for name in quiet if name not in told]
    unheard = [name for name in quiet if name in told]
    open_ = [v.metric.name for v in views if v.trouble or any(not p.shown for p in v.proofs)]
    aimed = {v.metric.name for v in views if v.metric.target is not None and not v.metric.compare}
    aimed |= {v.metric.name for v in views if v.metric.target and v.metric.kinds == (Kind.EVENTS,)}
    parts = []
    for names, what in (
        ([name for name in proven if name not in aimed], "shown not worse than the baseline"),
        ([name for name in proven if name in aimed], "shown to meet the target"),
    ):
        parts += [f"{_listed(names)} {what}"] if names else []
    parts += [f"{_listed(watched)} clear"] if watched else []
    parts += [f"{_listed(unheard)} in trouble and only reported"] if unheard else []
    if course.started is not None and course.at is not None:
        parts.append(f"over {format_duration(round(course.at - course.started))}")
    if open_:
        parts.append(f"nothing required of {_listed(open_)}")
    return ", ".join(parts) + "".join(view.moved for view in there)


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sentence(text: str, names: Container[str]) -> str:
    """A clause as a sentence; the name of a metric or of a rule keeps its small letter."""
    word = re.split(r"[^A-Za-z0-9_]", text, maxsplit=1)[0]
    first = text[:1] if word in names else text[:1].upper()
    return first + text[1:].rstrip(".") + "." if text else text


def _score(policy: Policy, views: Sequence[MetricView]) -> float:
    """0 to 100: the mean over signals of how far each is from its threshold.

    Conditions that read one number twice (error rate and success rate) are one signal, at the
    worse of the two. A warning tier costs up to half of a signal; a true condition, or one that
    cannot be read, half; a rule that fired all of it. What only reports does not count.
    """
    worst: dict[str, float] = {}
    for view in views:
        for reading in acting(policy, view):
            rule = reading.rule.removesuffix(ABSOLUTE)
            blind = reading.condition not in READ
            if not blind or view.metric.required:
                loss = 0.5 if blind else 0.5 * reading.severity
                loss = 1.0 if reading.condition is Condition.FIRED else loss
                signal = f"{reading.metric} {SIGNALS.get(rule, rule)}"
                worst[signal] = max(worst.get(signal, 0.0), loss)
    if not worst:
        return 100.0
    return round(100.0 * (1.0 - sum(worst.values()) / len(worst)), 1)
