"""Why a rollout is held: everything that stands against its promotion, the weightiest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats import waiting
from canarystats.policy import format_duration
from canarystats.triggers.hold import LONGEST_GAP_INTERVALS
from canarystats.verdict import Condition
from canarystats.views import acting, live_views, split_is_off

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.folds.setting import Proof
    from canarystats.policy import Policy
    from canarystats.verdict import Reading
    from canarystats.views import Course, MetricView

FEWEST_TO_TELL = 10  # ticks before the time between them says how the data is spaced


def reasons_to_hold(policy: Policy, views: Sequence[MetricView], course: Course) -> tuple[str, ...]:
    """Everything that stands against promotion, the weightiest first."""
    found = _obstacles(policy, views, course)
    found += [f"not shown yet: {proof.about} ({proof.detail})" for proof in _unproven(views)]
    if not found and all(view.trouble for view in live_views(views)):
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
    if split_is_off(views):
        found.append("the traffic is not divided as designed, so every comparison is suspect")
    live = live_views(views)
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
        for reading in acting(policy, view)
        if reading.condition is Condition.PENDING
    ]


def _unproven(views: Sequence[MetricView]) -> list[Proof]:
    """What promotion still needs to be shown of metrics that have data."""
    required = [view for view in views if view.metric.required and not view.metric.dry_run]
    proofs = [proof for view in required if not view.trouble for proof in view.proofs]
    return [proof for proof in proofs if not proof.shown]


def wait(policy: Policy, views: Sequence[MetricView], course: Course) -> tuple[float, float] | None:
    """How long until a promotion, from and to, where only evidence, time or traffic lacks."""
    if course.alive is None or course.at is None or _obstacles(policy, views, course):
        return None
    if all(view.trouble for view in live_views(views)):
        return None
    samples = _samples(views) if policy.min_samples else None
    return waiting.until_promoted(policy, _unproven(views), samples, course.alive, course.at)


def _samples(views: Sequence[MetricView]) -> int | None:
    """The canary requests of the metric that has most; None where none counts them."""
    live = live_views(views)
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
