"""The questions that a policy puts to a metric of counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from canarystats.evidence import Question
from canarystats.sequential.counts import Test

if TYPE_CHECKING:
    from canarystats.folds.setting import Setting
    from canarystats.policy import Trigger

TARGET = "target"


def tests(setting: Setting) -> list[Test]:
    """The questions a policy puts to a metric of counts."""
    metric, found = setting.metric, list[Test]()
    directions = {"increase": (True,), "decrease": (False,), "either": (True, False)}
    if metric.compare:
        allowed = setting.allowed(("error_rate",), setting.margin or 0.05)
        for up in directions[metric.harmful]:
            way = "" if metric.harmful != "either" else ".up" if up else ".down"
            ratio = 1.0 + allowed if up else 1.0 / (1.0 + allowed)
            found.append(Test(f"not_worse{way}", Question.NOT_WORSE, "arms", ratio, not up))
            if metric.critical:
                edge = 1.0 + setting.margin if up else 1.0 / (1.0 + setting.margin)
                found.append(Test(f"harm{way}", Question.WORSE, "arms", edge, up))
        if metric.absolute_margin and metric.harmful == "increase":
            found.append(
                Test("low_enough", Question.NOT_WORSE, "canary", metric.absolute_margin, False)
            )
    if (target := metric.target) is not None:
        rising = target.at_least is not None
        found.append(Test(TARGET, Question.NOT_WORSE, "canary", min(target.edge, 1.0), rising))
    for trigger in setting.triggers:
        if setting.compares(trigger):
            found += _tests_of_trigger(trigger, proves=trigger in setting.acting)
        if trigger.absolute is not None:
            level = trigger.absolute.threshold
            claim = f"{trigger.name}.absolute"
            found.append(Test(claim, Question.LEVEL, "canary", level, True))
    if setting.policy.check_split and setting.acts("throughput"):
        wide = 1.0 + setting.policy.split_tolerance
        found.append(Test("split.high", Question.SPLIT, "traffic", wide, True))
        found.append(Test("split.low", Question.SPLIT, "traffic", 1.0 / wide, False))
    return found


def compares(test: Test) -> bool:
    """Whether a test compares the two sides, and not the split or a constant."""
    return test.side != "canary" and test.question is not Question.SPLIT


def _tests_of_trigger(trigger: Trigger, *, proves: bool) -> list[Test]:
    name, threshold = trigger.name, trigger.threshold
    if trigger.rule == "error_rate":
        return [
            Test(f"{name}.worse", Question.WORSE, "arms", 1.0, True),
            Test(f"{name}.beyond", Question.BEYOND, "arms", threshold, True),
        ]
    if trigger.rule == "throughput":
        found = [
            Test(f"{name}.worse", Question.WORSE, "traffic", 1.0, False),
            Test(f"{name}.beyond", Question.BEYOND, "traffic", threshold, False),
        ]
        if proves:
            found.append(Test(f"{name}.not_worse", Question.NOT_WORSE, "traffic", threshold, True))
        return found
    if trigger.rule == "share_below":
        return [Test(f"{name}.below", Question.LEVEL, "canary", threshold, False)]
    if trigger.rule == "share_above":
        return [Test(f"{name}.above", Question.LEVEL, "canary", threshold, True)]
    return [Test(f"{name}.below", Question.LEVEL, "canary", 1.0 - threshold, True)]


def nearest(log_e: dict[str, float], claims: list[str]) -> tuple[float, bool]:
    """The log e-value of the nearest of some claims, and whether it reads the canary alone.

    Not worse in either direction is one claim, as near as the farther of the two.
    """
    compared = [log_e[claim] for claim in claims if claim.startswith("not_worse")]
    routes = [(min(compared), False)] if compared else []
    alone = {"low_enough", TARGET}
    others = (claim for claim in claims if not claim.startswith("not_worse"))
    return max(routes + [(log_e[claim], claim in alone) for claim in others])


def mean_of(log_values: list[float]) -> float:
    """The logarithm of the mean of e-values, from their logarithms."""
    top = max(log_values)
    return top + math.log(sum(math.exp(v - top) for v in log_values) / len(log_values))
