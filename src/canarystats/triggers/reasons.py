"""What a rule says when it fires, in one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.policy import format_duration
from canarystats.verdict import Way

if TYPE_CHECKING:
    from canarystats.policy import Trigger

PHRASES = {
    "error_rate": "error rate {observed:.2%} against {reference:.2%} on the baseline",
    "error_rate_absolute": "error rate {observed:.2%}, above {threshold:.3g}",
    "success_rate": "success rate {observed:.2%}, below {threshold:.0%}",
    "latency_p99": "p99 {observed:.4g} against {reference:.4g} on the baseline",
    "throughput": "throughput per traffic share at {observed:.0%} of the baseline's",
    "byzantine": "{observed:.0f} Byzantine events on the canary",
    "data_integrity": "{observed:.0f} integrity violations on the canary",
    "memory": "a pod uses {observed:.1%} of its memory limit",
    "breaker_storm": "{observed:.0f} circuit-breaker trips in {window}",
}
BEYOND = {
    "error_rate": "shown to be more than {threshold:g} times it",
    "latency_p99": "shown to be more than {threshold:g} times it",
    "throughput": "shown to be below {threshold:.0%} of it",
}


def phrase(
    condition: str, trigger: Trigger, observed: float | None, reference: float | None
) -> str:
    """What the rule reads, as a clause."""
    if observed is None:
        return f"{condition.replace('_', ' ')} cannot be read"
    return PHRASES[condition].format(
        observed=observed,
        reference=0.0 if reference is None else reference,
        threshold=_threshold(condition, trigger),
        window=format_duration(trigger.window),
    )


def sentence(
    condition: str,
    trigger: Trigger,
    way: Way,
    observed: float | None,
    reference: float | None,
    held_seconds: float,
) -> str:
    """Why the rule fired."""
    start = phrase(condition, trigger, observed, reference)
    threshold = _threshold(condition, trigger)
    if way is Way.DECISIVE:
        why = BEYOND[condition].format(threshold=threshold)
    elif way is Way.IMMEDIATE:
        why = "at once" if not trigger.threshold else f"more than {threshold:g}"
    else:
        held = format_duration(round(held_seconds))
        held = f"{trigger.m} of {trigger.n} evaluations" if trigger.mode == "m_of_n" else held
        why = f"beyond {threshold:g} for {held}"
        why += ", without evidence behind it" if way is Way.LITERAL else ""
    return f"{start}: {why}"


def _threshold(condition: str, trigger: Trigger) -> float:
    if condition == "error_rate_absolute" and trigger.absolute is not None:
        return trigger.absolute.threshold
    return trigger.threshold
