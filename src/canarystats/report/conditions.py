"""What a policy asks for before it promotes, and what it rolls back on, in plain sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.folds.setting import Setting
from canarystats.report import words
from canarystats.report.rows import threshold
from canarystats.rules import NEED_BASELINE
from canarystats.windows import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.folds.rule import Rule
    from canarystats.metric import Target
    from canarystats.policy import Metric, Policy, Trigger

SIDES = {"increase": "above", "decrease": "below", "either": "off"}
DECISIVE = {"error_rate", "latency_p99", "throughput"}
BY = {"automatic": "by itself", "required": "when a person approves"}


def place(policy: Policy) -> str:
    """Where in the rollout the policy stands, and what it may do there."""
    compares = any(metric.compare for metric in policy.metrics)
    if policy.share is None:
        share = "a share of the traffic that the caller names"
    elif policy.share == 0:
        share = "shadow: duplicated traffic"
    else:
        part = "all" if policy.share == 1 else words.percent(policy.share)
        share = f"{part} of the traffic"
    baseline = "compared with the baseline" if compares else "no baseline, nothing is compared"
    rights = "may roll back" if policy.rollback else "may not roll back, only tell what would"
    return f"{share}; {baseline}; {rights}"


def promotion(policy: Policy) -> list[str]:
    """What must be true for a promotion, one clause each, the proofs first."""
    budget = policy.error_budget
    required = [metric for metric in policy.metrics if metric.required and not metric.dry_run]
    found = [_proof(policy, metric) for metric in required if metric.compare]
    found += [_target(metric) for metric in required if metric.target is not None]
    if found:
        found.append(
            f"each of these with a chance of error of {words.percent(budget.false_promote)}"
        )
    found += _traffic(policy, required)
    least = words.number(policy.min_samples)
    found.append(f"{words.duration(policy.min_duration)} and {least} canary samples have passed")
    if policy.on_no_data != "pass":
        found.append("every required metric has data")
    for metric in policy.metrics:
        rules = Setting(policy, metric).rules().values()
        found += [_not_beyond(rule) for rule in rules if rule.trigger.action == "hold"]
    found.append("no other trigger fires or is beyond its threshold")
    return found


def _not_beyond(rule: Rule) -> str:
    return f"{rule.name} is not {_limit(rule)} over {words.duration(rule.trigger.window)}"


def _target(metric: Metric) -> str:
    target = metric.target
    if target is None:
        return ""
    side = "at most" if target.at_least is None else "at least"
    share = Kind.COUNTS in metric.kinds or metric.unit == "ratio"
    ratio = target.of != "constant" or share
    aim = words.percent(target.aim) if ratio else words.quantity(target.aim, metric.unit)
    of = "" if target.of == "constant" else f" of its {target.of}"
    which = "" if target.quantile is None else f"p{100 * target.quantile:g} of "
    near = words.percent(target.tolerance)
    if target.trend is not None:
        return _trend(metric, target, side)
    return f"{which}{metric.name} is shown {side} {aim}{of}, give or take {near} of that"


def _trend(metric: Metric, target: Target, side: str) -> str:
    """What a target asks of a slope."""
    about = metric.name + (" less the baseline's" if target.trend == "difference" else "")

    def amount(value: float) -> str:
        return words.percent(value) if target.of == "limit" else words.quantity(value, metric.unit)

    of = " of its limit" if target.of == "limit" else ""
    near = amount(abs(target.edge - target.aim))
    return f"{about} is shown to change by {side} {amount(target.aim)}{of} an hour, within {near}"


def _proof(policy: Policy, metric: Metric) -> str:
    setting = Setting(policy, metric)
    if Kind.COUNTS in metric.kinds:
        allowed = setting.allowed(("error_rate",), setting.margin or 0.05)
    elif Kind.GAUGE in metric.kinds:
        given = metric.non_inferiority
        allowed = setting.margin if given is None else given
    else:
        allowed = setting.allowed(("latency_p99",), setting.margin or 0.05)
    within = f"{words.percent(allowed)} {SIDES[metric.harmful]} the baseline"
    text = f"{metric.name} is shown at most {within}"
    if Kind.COUNTS in metric.kinds and metric.absolute_margin and metric.harmful == "increase":
        text += f", or below {words.percent(metric.absolute_margin)}"
    return text


def _traffic(policy: Policy, required: Sequence[Metric]) -> list[str]:
    """What must be true of the amount of traffic, where its division is designed."""
    acting = (t for t in policy.triggers if t.action != "report")
    rule = next((t for t in acting if t.rule == "throughput"), None)
    metric = next((m for m in required if rule is not None and m.name == rule.metric), None)
    if rule is None or metric is None or not metric.compare or policy.designed_share is None:
        return []
    found = [
        f"throughput is shown at least {words.percent(rule.threshold)} of its share of the traffic"
    ]
    if policy.check_split:
        near = words.percent(policy.split_tolerance)
        part = words.percent(policy.designed_share)
        found.append(f"the canary carries its {part} of the traffic, within {near} of that")
    return found


def rollback(policy: Policy) -> list[str]:
    """What rolls the canary back, one clause each."""
    found = []
    for metric in policy.metrics:
        setting = Setting(policy, metric)
        acting = [rule for rule in setting.rules().values() if rule.trigger.action == "rollback"]
        found += [
            _rule(rule)
            for rule in acting
            if rule.condition != rule.trigger.rule or judged(policy, rule.trigger)
        ]
        if metric.critical and metric.compare and not metric.dry_run:
            edge = f"more than {words.percent(setting.margin)} {SIDES[metric.harmful]} the baseline"
            found.append(f"{metric.name} is shown {edge}")
    if policy.on_no_data == "rollback":
        found.append("a required metric has no data")
    return found


def judged(policy: Policy, trigger: Trigger) -> bool:
    """Whether there is what the trigger's own condition compares with, and traffic divided."""
    if trigger.rule == "throughput" and policy.undivided:
        return False
    return trigger.rule not in NEED_BASELINE or policy.metric(trigger.metric).compare


def _rule(rule: Rule) -> str:
    trigger = rule.trigger
    text = f"{rule.name} {_limit(rule)}"
    if not trigger.for_:
        return f"{text} in {words.duration(trigger.window)}, at once"
    text += f" for {words.duration(trigger.for_)}"
    if trigger.mode == "m_of_n":
        text += f" (at {trigger.m} of {trigger.n} looks)"
    if trigger.evidence == "none":
        return text
    if trigger.evidence == "advisory":
        return f"{text}, with evidence or without"
    sooner = ", or sooner once it is shown beyond that" if rule.condition in DECISIVE else ""
    return f"{text} with evidence{sooner}"


def _limit(rule: Rule) -> str:
    against = " the baseline's" if rule.condition in NEED_BASELINE else ""
    return f"{threshold(rule.condition, rule.threshold, rule.unit)}{against}"


def who_promotes(policy: Policy) -> str:
    """Whether the promotion waits for a person."""
    return BY[policy.approval]
