"""What a rule reads and why it fires, in one plain sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.policy import format_duration
from canarystats.verdict import Way

if TYPE_CHECKING:
    from canarystats.policy import Trigger

READS = {
    "error_rate": "error rate {observed:.2%} against {reference:.2%} on the baseline",
    "error_rate_absolute": "error rate {observed:.2%}",
    "success_rate": "success rate {observed:.2%}",
    "latency_p99": "p99 {seen} against {against} on the baseline",
    "throughput": "throughput per traffic share at {observed:.0%} of the baseline's",
    "byzantine": "{observed:.0f} Byzantine events on the canary in {window}",
    "data_integrity": "{observed:.0f} integrity violations on the canary in {window}",
    "memory": "a pod uses {observed:.1%} of its memory limit",
    "breaker_storm": "{observed:.0f} circuit-breaker trips in {window}",
    "level_above": "{metric} {seen} on {pods}",
    "level_below": "{metric} {seen} on {pods}",
    "ratio_above": "{metric} {seen} against {against} on the baseline",
    "ratio_below": "{metric} {seen} against {against} on the baseline",
    "share_above": "{metric} at {observed:.2%}",
    "share_below": "{metric} at {observed:.2%}",
    "quantile_above": "p{percentile} of {metric} {seen}",
    "count_above": "{metric}: {observed:.0f} in {window}",
    "count_below": "{metric}: {observed:.0f} in {window}",
    "stalled": "{metric}: {observed:.0f} in {window}",
    "per_second_above": "{metric}: {many} a second over {window}",
    "per_second_below": "{metric}: {many} a second over {window}",
}
LIMITS = {
    "error_rate": "more than {threshold:g} times it",
    "error_rate_absolute": "above {threshold:%}",
    "success_rate": "below {threshold:%}",
    "latency_p99": "more than {threshold:g} times it",
    "throughput": "below {threshold:%} of it",
    "byzantine": "more than {threshold:g}",
    "data_integrity": "more than {threshold:g}",
    "memory": "above {threshold:%}",
    "breaker_storm": "more than {threshold:g}",
    "level_above": "above {limit}",
    "level_below": "below {limit}",
    "ratio_above": "above {threshold:%} of it",
    "ratio_below": "below {threshold:%} of it",
    "share_above": "above {threshold:%}",
    "share_below": "below {threshold:%}",
    "quantile_above": "above {limit}",
    "count_above": "more than {threshold:g}",
    "count_below": "fewer than {threshold:g}",
    "stalled": "fewer than {threshold:g}",
    "per_second_above": "above {threshold_many} a second",
    "per_second_below": "below {threshold_many} a second",
}
BYTES_A_MIB = 1024.0**2
BESIDE = {
    "error_rate_absolute": "at an error rate of {observed:.2%}",
    "success_rate": "at a success rate of {observed:.2%}",
    "byzantine": "at {observed:.0f} Byzantine events",
    "data_integrity": "at {observed:.0f} integrity violations",
    "memory": "at {observed:.1%} of its memory limit",
    "breaker_storm": "at {observed:.0f} circuit-breaker trips",
    "share_above": "at {observed:.2%}",
    "share_below": "at {observed:.2%}",
    "count_above": "at {observed:.0f}",
    "count_below": "at {observed:.0f}",
    "stalled": "at {observed:.0f}",
    "per_second_above": "at {many} a second",
    "per_second_below": "at {many} a second",
}


def beside_it(condition: str, observed: float | None, unit: str) -> str:
    """Where the baseline is by the same rule, as the end of a clause."""
    if observed is None:
        return "unread"
    return BESIDE.get(condition, "at {seen}").format(
        observed=observed, seen=_quantity(observed, unit), many=_many(observed)
    )


def phrase(
    condition: str, trigger: Trigger, unit: str, observed: float | None, reference: float | None
) -> str:
    """What the rule reads, as a clause; ``unit`` is the metric's."""
    if observed is None:
        return f"{trigger.name.replace('_', ' ')} cannot be read"
    against = 0.0 if reference is None else reference
    return READS[condition].format(
        observed=observed,
        reference=against,
        seen=_quantity(observed, unit),
        against=_quantity(against, unit),
        window=format_duration(trigger.window),
        metric=trigger.metric,
        pods="the worst pod" if trigger.pods == "worst" else "the mean of the pods",
        percentile=f"{100.0 * (trigger.quantile or 0.0):.6g}",
        many=_many(observed),
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
    threshold = _threshold(condition, trigger)
    limit = LIMITS[condition].format(
        threshold=_Percent(threshold),
        limit=_quantity(threshold, unit),
        threshold_many=_many(threshold),
    )
    if way is Way.DECISIVE:
        return f"{start}: shown to be {limit}"
    if way is Way.IMMEDIATE:
        return f"{start}: {limit}"
    held = f"for {format_duration(round(held_seconds))}"
    if trigger.mode == "m_of_n":
        held = f"at {trigger.m} of the last {trigger.n} looks"
    bare = ", without evidence behind it" if way is Way.LITERAL else ""
    return f"{start}: {limit} {held}{bare}"


class _Percent(float):
    """A number whose percentages are written without needless zeros."""

    def __format__(self, spec: str) -> str:
        return f"{100 * self:.4g}%" if spec.endswith("%") else super().__format__(spec)


def _threshold(condition: str, trigger: Trigger) -> float:
    if condition == "error_rate_absolute" and trigger.absolute is not None:
        return trigger.absolute.threshold
    return trigger.threshold


def _many(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _quantity(value: float, unit: str) -> str:
    if unit == "ratio":
        return f"{_Percent(value):%}"
    if unit == "bytes" and abs(value) >= BYTES_A_MIB:
        return f"{value / BYTES_A_MIB:,.0f} MiB"
    if unit != "seconds":
        return f"{value:.4g}" if unit == "1" else f"{value:.4g} {unit}"
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
