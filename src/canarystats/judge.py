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
from dataclasses import dataclass
from typing import TYPE_CHECKING

from canarystats import waiting
from canarystats.evidence import Evidence, Question
from canarystats.folds.setting import Proof
from canarystats.policy import Metric, format_duration
from canarystats.rules import ABSOLUTE, SIGNALS
from canarystats.triggers.hold import LONGEST_GAP_INTERVALS
from canarystats.verdict import Condition, Decision, Firing, Reading, Verdict
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from canarystats.policy import Policy

FEWEST_TO_TELL = 10  # ticks before the time between them says how the data is spaced
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


@dataclass(frozen=True, slots=True)
class MetricView:
    """What the judge is told about one metric.

    Parameters
    ----------
    metric
        Its place in the policy.
    evidence, readings, proofs
        What was found, what its rules see, what promotion needs of it.
    trouble
        Why it counts as without data, empty where it does not.
    partial
        What was partial in the source's answer, empty where nothing was.
    split_is_off
        Whether it shows the traffic not to be divided as designed.
    beside
        What the baseline alone does not fulfil of its rules.
    moved
        That the baseline alone got worse lately, as the end of a sentence.
    silenced
        What a window of the policy looks away from at the last tick.
    samples
        Canary requests or observations so far; None where it counts none.
    """

    metric: Metric
    evidence: tuple[Evidence, ...] = ()
    readings: tuple[Reading, ...] = ()
    proofs: tuple[Proof, ...] = ()
    trouble: str = ""
    partial: str = ""
    split_is_off: bool = False
    beside: tuple[str, ...] = ()
    moved: str = ""
    silenced: tuple[str, ...] = ()
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """How the rollout has gone so far.

    Parameters
    ----------
    rollout
        The caller's name for it.
    started, at
        Unix seconds of its first and its last tick; None where the data has no times.
    alive
        Unix seconds of the first tick with data on the canary of a metric that may decide.
    ticks, suppressed
        Ticks so far, and those at which a window of the policy looked away.
    share
        The canary's designed share of the traffic at the last tick.
    firings
        Every rule that has fired, the earliest first.
    firing_now
        The rules that fire at the last tick.
    policy_digest, input_digest, library_version
        What it takes to recompute the verdict.
    """

    rollout: str
    started: float | None
    alive: float | None
    at: float | None
    ticks: int
    suppressed: int
    share: float | None
    firings: tuple[Firing, ...]
    firing_now: tuple[Firing, ...]
    policy_digest: str
    input_digest: str
    library_version: str


def decide(policy: Policy, views: Sequence[MetricView], course: Course) -> Verdict:
    """One verdict from everything that is known."""
    causes = [firing for firing in course.firings if firing.action == "rollback"]
    if causes and policy.rollback:
        decision, reasons = Decision.ROLLBACK, tuple(firing.reason for firing in causes)
    else:
        would = tuple(f"would roll back: {firing.reason}" for firing in causes)
        reasons = would + _reasons_to_hold(policy, views, course)
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
        decision_in_seconds=_wait(policy, views, course) if waits else None,
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


def _live(views: Sequence[MetricView]) -> list[MetricView]:
    """The metrics that may decide."""
    return [view for view in views if not view.metric.dry_run]


def _split_is_off(views: Sequence[MetricView]) -> bool:
    return any(view.split_is_off for view in _live(views))


def _evidence(views: Sequence[MetricView]) -> tuple[Evidence, ...]:
    """Everything found; comparisons say so where the traffic is not divided as designed."""
    found = tuple(evidence for view in views for evidence in view.evidence)
    if not _split_is_off(views):
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


def _reasons_to_hold(
    policy: Policy, views: Sequence[MetricView], course: Course
) -> tuple[str, ...]:
    """Everything that stands against promotion, the weightiest first."""
    found = _obstacles(policy, views, course)
    found += [f"not shown yet: {proof.about} ({proof.detail})" for proof in _unproven(views)]
    if not found and all(view.trouble for view in _live(views)):
        found.append("no metric has data")
    found += _too_early(policy, views, course)
    return tuple(found + _too_far_apart(policy, course) if found else found)


def _obstacles(policy: Policy, views: Sequence[MetricView], course: Course) -> list[str]:
    """What stands against promotion besides too little evidence, time or traffic."""
    found = [firing.reason for firing in course.firing_now if firing.action == "hold"]
    required = [view for view in views if view.metric.required and not view.metric.dry_run]
    if policy.on_no_data != "pass":
        found += [f"{view.metric.name}: {view.trouble}" for view in required if view.trouble]
    if policy.partial_data == "hold":
        found += [f"{view.metric.name}: {view.partial}" for view in required if view.partial]
    if _split_is_off(views):
        found.append("the traffic is not divided as designed, so every comparison is suspect")
    live = _live(views)
    if not live:
        found.append("every metric is on a dry run, so nothing decides")
    found += [said for view in live for said in view.silenced]
    found += [
        f"{view.metric.name}: the baseline is {said}: it is unhealthy, so being no worse than it "
        "proves nothing"
        for view in live
        for said in view.beside
    ]
    return found + [
        f"{reading.detail}{_held(reading)}"
        for view in views
        for reading in _acting(policy, view)
        if reading.condition is Condition.PENDING
    ]


def _acting(policy: Policy, view: MetricView) -> list[Reading]:
    """The readings of the rules that may decide: on no dry run, and not only reported."""
    told = {trigger.name for trigger in policy.triggers if trigger.action == "report"}
    told |= {t.name + ABSOLUTE for t in policy.triggers if t.name in told and t.absolute}
    readings = () if view.metric.dry_run else view.readings
    return [reading for reading in readings if reading.trigger not in told]


def _unproven(views: Sequence[MetricView]) -> list[Proof]:
    """What promotion still needs to be shown of metrics that have data."""
    required = [view for view in views if view.metric.required and not view.metric.dry_run]
    proofs = [proof for view in required if not view.trouble for proof in view.proofs]
    return [proof for proof in proofs if not proof.shown]


def _wait(
    policy: Policy, views: Sequence[MetricView], course: Course
) -> tuple[float, float] | None:
    """How long until a promotion, from and to, where only evidence, time or traffic lacks."""
    if course.alive is None or course.at is None or _obstacles(policy, views, course):
        return None
    if all(view.trouble for view in _live(views)):
        return None
    samples = _samples(views) if policy.min_samples else None
    return waiting.until_promoted(policy, _unproven(views), samples, course.alive, course.at)


def _samples(views: Sequence[MetricView]) -> int | None:
    """The canary requests of the metric that has most; None where none counts them."""
    live = _live(views)
    return max((view.samples for view in live if view.samples is not None), default=None)


def _too_early(policy: Policy, views: Sequence[MetricView], course: Course) -> list[str]:
    found = []
    if policy.min_duration:
        seen = 0.0
        if course.alive is not None and course.at is not None:
            seen = waiting.watched(policy, course.alive, course.at)
        if course.at is None:
            found.append("the data has no times, so the minimum duration cannot be checked")
        elif seen < policy.min_duration:
            need = format_duration(policy.min_duration)
            found.append(f"{format_duration(round(seen))} of the minimum {need} have passed")
    samples = _samples(views)
    if samples is not None and samples < policy.min_samples:
        found.append(f"{samples} of the minimum {policy.min_samples} canary samples")
    return found


def _too_far_apart(policy: Policy, course: Course) -> list[str]:
    """That durations are not counted over ticks as wide as these; it holds nothing by itself."""
    if course.started is None or course.at is None or course.ticks < FEWEST_TO_TELL:
        return []
    apart = (course.at - course.started) / (course.ticks - 1)
    if apart <= LONGEST_GAP_INTERVALS * policy.interval:
        return []
    mean, interval = (format_duration(max(round(s), 1)) for s in (apart, policy.interval))
    wide = f"ticks lie {mean} apart on average and the policy says interval: {interval}"
    return [f"{wide}, so time between them does not count towards the duration of a rule"]


def _held(reading: Reading) -> str:
    if not reading.for_seconds:
        return ""
    held, full = (format_duration(round(s)) for s in (reading.held_seconds, reading.for_seconds))
    if reading.held_seconds < reading.for_seconds:
        return f" (held {held} of {full})"
    return f" (held {held}, and waits for evidence)"


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
        for reading in _acting(policy, view):
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
