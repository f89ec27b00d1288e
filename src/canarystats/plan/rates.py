"""What a stage can tell of a metric of counts: its errors, and the traffic they come out of."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.folds.count_tests import TARGET
from canarystats.folds.counts import CountsFold
from canarystats.kernels.two_proportions import requests_needed
from canarystats.plan import counts, literal, outlook
from canarystats.plan.outlook import Condition, Told
from canarystats.plan.records import Outlook
from canarystats.sequential.counts import Counts, CountsState

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.plan.passage import Passage
    from canarystats.plan.situation import Situation
    from canarystats.policy import Metric

    FloatArray = NDArray[np.float64]

LEVEL, POWER = 0.05, 0.8  # of the one look at two proportions that is shown for comparison
LARGEST_RATE = 0.999
READ_ERRORS = {"error_rate", "error_rate_absolute", "success_rate", "share_above", "share_below"}


def outlooks(situation: Situation, metric: Metric) -> list[tuple[Outlook, FloatArray | None]]:
    """What can be told of errors and, where a trigger reads it, of traffic; each with its proof.

    A proof has shape (chances, rows); None where nothing asks for one.
    """
    fold = CountsFold(situation.setting(metric))
    base = situation.base_rates.get(metric.name)
    found = []
    if situation.setting(metric).trigger("throughput") is not None and metric.compare:
        found.append(_traffic(situation, metric, fold, 0.0 if base is None else base))
    if base is None:
        reason = "its base rate is not known: give base_error_rate or its history"
        return [(Outlook(metric=metric.name, about="errors", reason=reason), None), *found]
    return [_errors(situation, metric, fold, base), *found]


def _errors(
    situation: Situation, metric: Metric, fold: CountsFold, base: float
) -> tuple[Outlook, FloatArray | None]:
    rows = situation.scenarios
    more = 1.0 / rows.effect if metric.harmful == "decrease" else rows.effect
    requests = tuple(side * rows.traffic for side in situation.sides)
    rate = np.minimum(base * more, LARGEST_RATE)
    canary, baseline = (
        np.stack([part * side, side], axis=1)
        for part, side in zip((rate, np.full_like(rate, base)), requests, strict=True)
    )
    possible = (base * more <= 1.0) & (base > 0)
    reached = _reached(situation, fold, (canary, baseline), traffic=False)
    conditions = _conditions(situation, fold, canary, baseline)
    told = {}
    for condition in conditions:
        seconds, ways = outlook.fires(situation, condition, reached)
        told[condition.name] = np.where(possible, seconds, np.inf), np.where(possible, ways, "")
    names = [claim for claim in reached if claim.startswith("not_worse")]
    proof = outlook.proof(situation, reached, [names, ["low_enough"]]) if metric.compare else None
    target = outlook.proof(situation, reached, [[TARGET]])
    if target is not None:
        proof = target if proof is None else np.maximum(proof, target)
    healthy = len(situation.grid)
    chance = {c.name: float(c.true[healthy]) for c in conditions if c.trigger is not None}
    record = outlook.outlook(
        situation,
        metric.name,
        "errors",
        Told(told, proof),
        chance,
        base=base,
        fixed_sample=_fixed_sample(situation, fold, base),
        reason=_reason(situation, base, canary[healthy, 0]),
    )
    return record, proof


def _traffic(
    situation: Situation, metric: Metric, fold: CountsFold, base: float
) -> tuple[Outlook, FloatArray | None]:
    """An effect is by how much less of its share the canary carries."""
    rows = situation.scenarios
    one, other = (side * rows.traffic for side in situation.sides)
    one = one / rows.effect
    canary, baseline = (np.stack([base * side, side], axis=1) for side in (one, other))
    reached = _reached(situation, fold, (canary, baseline), traffic=True)
    conditions = []
    names = [n for n, rule in fold.rules.items() if rule.condition == "throughput"]
    for name in names if not math.isnan(situation.designed) else []:
        trigger = fold.rules[name].trigger
        ticks = max(trigger.window / situation.policy.interval, 1.0)
        odds = situation.designed / (1.0 - situation.designed) * trigger.threshold
        true = 1.0 - literal.chance_above(one * ticks, other * ticks, odds)
        true = np.where(one > 0, true, 0.0)
        conditions.append(Condition(name, trigger, trigger.for_, *fold.claims(name), true))
    told = {c.name: outlook.fires(situation, c, reached) for c in conditions}
    proof = outlook.proof(situation, reached, [[f"{name}.not_worse" for name in names]])
    healthy = len(situation.grid)
    chance = {c.name: float(c.true[healthy]) for c in conditions}
    reason = "" if conditions else "no share of the traffic is designed here"
    record = outlook.outlook(
        situation, metric.name, "traffic", Told(told, proof), chance, reason=reason
    )
    return record, proof


def _levels(fold: CountsFold) -> dict[str, float]:
    """The level of every claim that acts or proves."""
    proving = [t.claim for t in fold.design.tests if t.question == "not_worse"]
    return fold.setting.levels() | dict.fromkeys(proving, fold.setting.proof_level)


def _reached(
    situation: Situation, fold: CountsFold, sides: tuple[FloatArray, FloatArray], *, traffic: bool
) -> dict[str, Passage]:
    """When the claims about traffic, or those about errors, reach their levels."""
    tests = [test for test in fold.design.tests if (test.side == "traffic") is traffic]
    if not tests:
        return {}
    name = fold.setting.metric.name
    design = Counts(name, tests, clumps=fold.setting.metric.clumps)
    learned: CountsState = fold.tests(fold.begin(situation.history.get(name)))
    begun = replace(learned, tests=design.begin().tests)
    share = np.full(len(sides[0]), situation.designed)
    return outlook.passages(counts.paths(design, begun, *sides, share), _levels(fold))


def _conditions(
    situation: Situation, fold: CountsFold, canary: FloatArray, baseline: FloatArray
) -> list[Condition]:
    """Every condition that reads errors, and the metric's own test."""
    found = []
    for name, rule in fold.rules.items():
        if rule.condition not in READ_ERRORS:
            continue
        ticks = max(rule.trigger.window / situation.policy.interval, 1.0)
        errors, others = canary[:, 0] * ticks, baseline[:, 0] * ticks
        if rule.condition == "error_rate":
            odds = rule.threshold * canary[0, 1] / max(baseline[0, 1], 1e-300)
            true = literal.chance_above(errors, others, odds)
            true = np.where(baseline[:, 1] > 0, true, 0.0)
        else:
            most = 1.0 - rule.threshold if rule.condition == "success_rate" else rule.threshold
            true = literal.chance_over(errors, most * canary[:, 1] * ticks)
            true = 1.0 - true if rule.condition == "share_below" else true
        found.append(Condition(name, rule.trigger, rule.trigger.for_, *fold.claims(name), true))
    if fold.setting.metric.critical and fold.setting.metric.compare:
        found.append(Condition("harm", None, 0.0, "harm", None, np.zeros(len(canary))))
    return found


def _fixed_sample(situation: Situation, fold: CountsFold, base: float) -> float | None:
    trigger = fold.setting.trigger("error_rate")
    share = situation.designed
    if trigger is None or math.isnan(share) or not 0.0 < base * trigger.threshold < 1.0:
        return None
    if trigger.threshold == 1.0:
        return None
    found = requests_needed(base, trigger.threshold, share, level=LEVEL, power=POWER)
    return float(found)


def _reason(situation: Situation, base: float, errors: float) -> str:
    if situation.untold:
        return situation.untold
    if not base:
        return "a base rate of zero has no multiple: any error is noticed, no ratio can be proven"
    expected = errors * situation.duration / situation.policy.interval
    if expected < 1.0:
        return f"only {expected:.2g} errors of a healthy canary are expected in the whole stage"
    return ""
