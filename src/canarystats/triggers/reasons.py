"""What a rule reads and why it fires, in one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.policy import format_duration
from canarystats.triggers import figures
from canarystats.verdict import Way

if TYPE_CHECKING:
    from canarystats.policy import Trigger

READS = {
    "error_rate": "error rate {share} against {reference_share} on the baseline",
    "error_rate_absolute": "error rate {share}",
    "success_rate": "success rate {share}",
    "latency_p99": "p99 {seen} against {against} on the baseline",
    "throughput": "the canary carries {share} of its designed traffic",
    "byzantine": "{byzantine_events} on the canary in {window}",
    "data_integrity": "{integrity_violations} on the canary in {window}",
    "memory": "a pod uses {share} of its memory limit",
    "breaker_storm": "{circuit_breaker_trips} in {window}",
    "level_above": "{metric} {seen} on {pods}",
    "level_below": "{metric} {seen} on {pods}",
    "ratio_above": "{metric} {seen} against {against} on the baseline",
    "ratio_below": "{metric} {seen} against {against} on the baseline",
    "share_above": "{metric} at {share}",
    "share_below": "{metric} at {share}",
    "quantile_above": "p{percentile} of {metric} {seen}",
    "count_above": "{metric}: {count} in {window}",
    "count_below": "{metric}: {count} in {window}",
    "stalled": "{metric}: {count} in {window}",
    "per_second_above": "{metric}: {many} a second over {window}",
    "per_second_below": "{metric}: {many} a second over {window}",
}
MORE, FEWER = "more than {threshold}", "fewer than {threshold}"
LIMITS = {
    "error_rate": "more than {threshold} times it",
    "error_rate_absolute": "above {share}",
    "success_rate": "below {share}",
    "latency_p99": "more than {threshold} times it",
    "throughput": "below {share} of it",
    "byzantine": MORE,
    "data_integrity": MORE,
    "memory": "above {share}",
    "breaker_storm": MORE,
    "level_above": "above {limit}",
    "level_below": "below {limit}",
    "ratio_above": "above {share} of it",
    "ratio_below": "below {share} of it",
    "share_above": "above {share}",
    "share_below": "below {share}",
    "quantile_above": "above {limit}",
    "count_above": MORE,
    "count_below": FEWER,
    "stalled": FEWER,
    "per_second_above": "above {threshold} a second",
    "per_second_below": "below {threshold} a second",
}
BESIDE = {
    "error_rate_absolute": "at an error rate of {share}",
    "success_rate": "at a success rate of {share}",
    "byzantine": "at {byzantine_events}",
    "data_integrity": "at {integrity_violations}",
    "memory": "at {share} of its memory limit",
    "breaker_storm": "at {circuit_breaker_trips}",
    "share_above": "at {share}",
    "share_below": "at {share}",
    "count_above": "at {count}",
    "count_below": "at {count}",
    "stalled": "at {count}",
    "per_second_above": "at {many} a second",
    "per_second_below": "at {many} a second",
}


def beside_it(condition: str, observed: float | None, unit: str) -> str:
    """Where the baseline is by the same rule, as the end of a clause."""
    if observed is None:
        return "unread"
    return BESIDE.get(condition, "at {seen}").format(**_figures(observed, None, unit))


def phrase(
    condition: str, trigger: Trigger, unit: str, observed: float | None, reference: float | None
) -> str:
    """What the rule reads, as a clause; ``unit`` is the metric's."""
    if observed is None:
        return f"{trigger.name.replace('_', ' ')} cannot be read"
    against = 0.0 if reference is None else reference
    return READS[condition].format(
        **_figures(observed, threshold_of(condition, trigger), unit),
        reference_share=figures.percent(against),
        against=figures.quantity(against, unit),
        window=format_duration(trigger.window),
        metric=trigger.metric,
        pods="the worst pod" if trigger.pods == "worst" else "the mean of the pods",
        percentile=f"{100.0 * (trigger.quantile or 0.0):.6g}",
    )


def _figures(observed: float, threshold: float | None, unit: str) -> dict[str, str]:
    """What is seen in every way a reason may write it; never as the threshold it is not at."""

    def write(value: float, digits: int) -> str:
        return figures.quantity(value, unit, digits)

    return {
        "share": figures.beside(figures.percent, observed, threshold),
        "seen": figures.beside(write, observed, threshold),
        "many": figures.beside(figures.number, observed, threshold),
        "count": f"{observed:,.0f}",
        "byzantine_events": figures.counted(observed, "Byzantine event"),
        "integrity_violations": figures.counted(observed, "integrity violation"),
        "circuit_breaker_trips": figures.counted(observed, "circuit-breaker trip"),
    }


def limit_of(condition: str, trigger: Trigger, unit: str) -> str:
    """What the rule does not allow: ``above 95%``, ``more than 10``."""
    threshold = threshold_of(condition, trigger)
    if LIMITS[condition] == MORE and not threshold:
        return "none is allowed"
    return LIMITS[condition].format(
        threshold=figures.number(threshold),
        share=figures.percent(threshold),
        limit=figures.quantity(threshold, unit),
    )


def sentence(
    condition: str,
    trigger: Trigger,
    way: Way,
    unit: str,
    observed: float | None,
    reference: float | None,
    held_seconds: float,
) -> str:
    """Why the rule fired."""
    start = phrase(condition, trigger, unit, observed, reference)
    limit = limit_of(condition, trigger, unit)
    if way is Way.DECISIVE:
        return f"{start}: shown to be {limit}"
    if way is Way.IMMEDIATE:
        return f"{start}: {limit}"
    held = f"for {format_duration(round(held_seconds))}"
    if trigger.mode == "m_of_n":
        held = f"at {trigger.m} of the last {trigger.n} looks"
    bare = ", without evidence behind it" if way is Way.LITERAL else ""
    return f"{start}: {limit} {held}{bare}"


def threshold_of(condition: str, trigger: Trigger) -> float:
    """The number of one condition of a trigger."""
    if condition == "error_rate_absolute" and trigger.absolute is not None:
        return trigger.absolute.threshold
    return trigger.threshold
