"""The rules a trigger may follow, and their numbers: a trigger says only what differs from them.

`RULES` holds the eight, which a trigger has by its name; `OWN_RULES` those that a trigger of any
name takes by its ``rule``.
"""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from canarystats.durations import Duration
from canarystats.errors import PolicyError
from canarystats.section import LARGEST_RATIO, Fraction, Section
from canarystats.windows import Kind

TriggerName = Literal[
    "error_rate",
    "latency_p99",
    "success_rate",
    "throughput",
    "byzantine",
    "data_integrity",
    "memory",
    "breaker_storm",
]
OwnRuleName = Literal[
    "level_above",
    "level_below",
    "ratio_above",
    "ratio_below",
    "share_above",
    "share_below",
    "quantile_above",
    "count_above",
    "count_below",
    "stalled",
    "per_second_above",
    "per_second_below",
]
RuleName = Literal[TriggerName, OwnRuleName]
Action = Literal["rollback", "hold", "report"]
Gate = Literal["required", "advisory", "none"]
Pods = Literal["worst", "mean"]


class Absolute(Section):
    """The second, named condition of `error_rate`: a level no baseline excuses."""

    threshold: Fraction = 0.03
    for_: Duration = Field(default=300.0, alias="for")


class Trigger(Section):
    """A rule on a metric; what is left out has the default of `RULES` or `OWN_RULES`.

    Parameters
    ----------
    name
        What verdicts call it. One of the eight, which is then its rule, or a name of its own.
    rule
        Which rule; the name where it is left out.
    metric
        The metric it reads.
    threshold
        The number of its condition: a ratio to the baseline (``error_rate``, ``latency_p99``,
        ``throughput``, ``ratio_above``, ``ratio_below``), a fraction (``success_rate``,
        ``memory``, ``share_above``, ``share_below``), a count within the window, a number a
        second, or a value in the metric's unit.
    for_ (``for``)
        How long the condition must hold, in the data's time.
    window
        How much data one evaluation of the literal condition reads.
    mode, m, n
        ``every``: true at every evaluation for the whole duration; ``m_of_n``: true at ``m`` of
        the last ``n`` evaluations.
    evidence
        Whether evidence must support the literal condition: ``required``; ``advisory`` fires
        without and says so; ``none`` does not look.
    action
        What a firing does.
    absolute
        ``error_rate`` only: the second condition, or null for none.
    warn
        Tiers short of the threshold that lower the score.
    quantile
        ``quantile_above`` only: which quantile, between 0 and 1.
    pods
        ``level_above`` and ``level_below`` only: whether the ``worst`` pod is read, or the
        ``mean`` of them all.
    """

    name: str = Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    rule: RuleName
    metric: str
    threshold: float
    for_: Duration = Field(alias="for")
    window: Duration
    mode: Literal["every", "m_of_n"] = "every"
    m: Annotated[int, Field(ge=1)] = 3
    n: Annotated[int, Field(ge=1)] = 4
    evidence: Gate = "required"
    action: Action = "rollback"
    absolute: Absolute | None = None
    warn: tuple[float, ...] = ()
    quantile: Fraction | None = None
    pods: Pods = "worst"

    @model_validator(mode="before")
    @classmethod
    def _fill_from_rules(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("name"), str):
            return data
        given = {("for" if key == "for_" else key): value for key, value in data.items()}
        name = given["name"]
        if "rule" not in given and name not in RULES:
            near = difflib.get_close_matches(name, RULES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise PolicyError(
                "name",
                f"{name!r} is none of the eight, so it needs a rule ({', '.join(OWN_RULES)}, or "
                f"one of the eight){meant}",
            )
        rule = given.setdefault("rule", name)
        if rule in RULES:
            known = RULES[rule] if name == rule else RULES[rule] | {"metric": None}
        else:
            known = OWN_RULES.get(rule, {}) if isinstance(rule, str) else {}
        return {key: value for key, value in known.items() if value is not None} | given

    @model_validator(mode="after")
    def _numbers_fit_the_rule(self) -> Self:
        if self.name != self.rule and (self.name in RULES or self.name in NOT_FREE):
            raise PolicyError("name", f"{self.name!r} means something else; name it otherwise")
        wrong = _threshold_problem(self.rule, self.threshold)
        if wrong:
            raise PolicyError("threshold", wrong)
        if self.mode == "m_of_n" and self.m > self.n:
            raise PolicyError("m", f"m is {self.m} of n = {self.n}; m must not exceed n")
        if self.evidence != "none":
            self._has_evidence()
        if self.absolute is not None and self.rule != "error_rate":
            raise PolicyError("absolute", "only error_rate has a second, absolute condition")
        if (self.quantile is None) != (self.rule != "quantile_above"):
            raise PolicyError(
                "quantile",
                "quantile_above needs one, such as 0.99"
                if self.quantile is None
                else f"{self.rule} reads no quantile; only quantile_above does",
            )
        if self.pods != "worst" and self.rule not in LEVELS:
            raise PolicyError("pods", f"only {' and '.join(LEVELS)} choose among pods")
        self._tiers_come_first()
        return self

    def _has_evidence(self) -> None:
        if self.rule in UNTESTED:
            raise PolicyError("evidence", f"{self.rule} counts and tests nothing; write none")
        if self.rule in LEVELS and self.pods != "mean":
            raise PolicyError(
                "evidence", "evidence speaks of the mean of the pods; write pods: mean"
            )

    def _tiers_come_first(self) -> None:
        if self.rule in RULES:
            return
        for tier in self.warn:
            short = tier > self.threshold if self.rule in FALLING else tier < self.threshold
            if not short:
                raise PolicyError(
                    "warn", f"{tier:g} is no warning before the threshold {self.threshold:g}"
                )


def unfit(trigger: Trigger, unit: str) -> str:
    """Why the threshold cannot be right for a metric of this unit, or nothing."""
    if trigger.rule in LEVELS and unit == "ratio" and not -1 <= trigger.threshold <= 1:
        advice = _advice(trigger.threshold, 100.0)
        return f"{trigger.threshold:g} is not a fraction, and the metric's unit is ratio{advice}"
    return ""


def _threshold_problem(rule: str, threshold: float) -> str:
    """Why a threshold cannot be right, or nothing."""
    lowest = -float("inf") if rule in LEVELS else 0.0
    if not (threshold >= lowest and abs(threshold) < float("inf")):
        return f"{threshold} is not a finite number{'' if rule in LEVELS else ' of at least 0'}"
    if rule in FRACTIONS and threshold > 1:
        return f"{threshold:g} is not a fraction between 0 and 1{_advice(threshold, 100.0)}"
    if rule in {"error_rate", "latency_p99"} and threshold < 1:
        return f"{threshold:g} is not a ratio to the baseline; 1.5 means 50 % above it"
    if rule in BOTH_SIDES and not 0 < threshold < LARGEST_RATIO:
        advice = _advice(threshold, 1000.0)
        return f"{threshold:g} is not a ratio to the baseline; 0.9 means 10 % below it{advice}"
    if rule in NEVER_AT_ZERO and not threshold:
        return f"{rule} against 0 means nothing; it must be above 0"
    return ""


def _advice(threshold: float, up_to: float) -> str:
    return f" (a percentage? write {threshold / 100:g})" if 1 < threshold <= up_to else ""


ABSOLUTE = "_absolute"  # what the name of a second condition ends in
NOT_FREE = {"harm", "no_data"}  # what verdicts call firings that no trigger is behind
LEVELS = ("level_above", "level_below")
NEVER_AT_ZERO = {"quantile_above", "count_below", "stalled", "per_second_below"}
FRACTIONS = {"success_rate", "memory", "throughput", "share_above", "share_below"}
FALLING = {
    "success_rate",
    "throughput",
    "level_below",
    "ratio_below",
    "share_below",
    "count_below",
    "stalled",
    "per_second_below",
}
_COMPARED: dict[str, Any] = {"window": "5m", "evidence": "required"}
_LITERAL: dict[str, Any] = {"window": "5m", "evidence": "none"}
RULES: dict[str, dict[str, Any]] = {
    "error_rate": _COMPARED
    | {"metric": "requests", "threshold": 1.5, "for": "5m", "absolute": {}, "warn": (1.25,)},
    "latency_p99": _COMPARED
    | {"metric": "latency_seconds", "threshold": 2.0, "for": "5m", "warn": (1.5,)},
    "success_rate": _COMPARED
    | {"metric": "requests", "threshold": 0.95, "for": "3m", "warn": (0.975,)},
    "throughput": _COMPARED
    | {"metric": "requests", "threshold": 0.8, "for": "10m", "warn": (0.9,)},
    "byzantine": _LITERAL | {"metric": "byzantine_events", "threshold": 0, "for": "0s"},
    "data_integrity": _LITERAL | {"metric": "integrity_violations", "threshold": 0, "for": "0s"},
    "memory": _LITERAL
    | {"metric": "memory_bytes", "threshold": 0.95, "for": "5m", "warn": (0.8, 0.9)},
    "breaker_storm": _LITERAL
    | {"metric": "breaker_trips", "threshold": 10, "for": "0s", "warn": (5,)},
}
OWN_RULES: dict[str, dict[str, Any]] = {
    "level_above": _LITERAL | {"for": "5m"},
    "level_below": _LITERAL | {"for": "5m"},
    "ratio_above": _COMPARED | {"for": "5m"},
    "ratio_below": _COMPARED | {"for": "5m"},
    "share_above": _COMPARED | {"for": "5m"},
    "share_below": _COMPARED | {"for": "5m"},
    "quantile_above": _LITERAL | {"for": "5m"},
    "count_above": _LITERAL | {"for": "0s"},
    "count_below": _LITERAL | {"for": "0s"},
    "stalled": _LITERAL | {"threshold": 1, "for": "0s", "window": "1m"},
    "per_second_above": _LITERAL | {"for": "5m"},
    "per_second_below": _LITERAL | {"for": "5m"},
}
_COUNTS, _GAUGE, _EVENTS = (Kind.COUNTS,), (Kind.GAUGE,), (Kind.EVENTS,)
KINDS_READ: dict[str, tuple[Kind, ...]] = {
    "error_rate": _COUNTS,
    "latency_p99": (Kind.HISTOGRAM, Kind.SAMPLES),
    "success_rate": _COUNTS,
    "throughput": _COUNTS,
    "byzantine": _EVENTS,
    "data_integrity": _EVENTS,
    "memory": _GAUGE,
    "breaker_storm": _EVENTS,
    "level_above": _GAUGE,
    "level_below": _GAUGE,
    "ratio_above": _GAUGE,
    "ratio_below": _GAUGE,
    "share_above": _COUNTS,
    "share_below": _COUNTS,
    "quantile_above": (Kind.HISTOGRAM,),
    "count_above": _EVENTS,
    "count_below": _EVENTS,
    "stalled": _EVENTS,
    "per_second_above": _EVENTS,
    "per_second_below": _EVENTS,
}
SIGNALS = {
    "error_rate": "errors",
    "success_rate": "errors",
    "share_above": "errors",
    "share_below": "errors",
    "latency_p99": "latency",
    "quantile_above": "latency",
    "level_above": "level",
    "level_below": "level",
    "ratio_above": "level",
    "ratio_below": "level",
    "memory": "level",
    **dict.fromkeys(
        (rule for rule, kinds in KINDS_READ.items() if kinds == _EVENTS),
        "events",
    ),
}
UNTESTED = {
    "memory",
    *(rule for rule, kinds in KINDS_READ.items() if kinds == _EVENTS),
}
ONCE_A_METRIC = ("latency_p99", "throughput")  # they have the metric's only test of that kind
BOTH_SIDES = ("ratio_above", "ratio_below")
# What these compare needs a baseline; what else a trigger asks does not.
NEED_BASELINE = frozenset({"error_rate", "latency_p99", "throughput", *BOTH_SIDES})


def require_own_conditions(triggers: tuple[Trigger, ...]) -> None:
    """Refuse conditions without a name of their own, and rules that read a metric twice.

    Raises
    ------
    PolicyError
        With the path of the first fault; some rules can read a metric only once.
    """
    absolute = {t.name + ABSOLUTE for t in triggers if t.absolute is not None}
    read: set[tuple[str, str]] = set()
    for i, trigger in enumerate(triggers):
        if trigger.name in absolute:
            raise PolicyError(
                f"triggers[{i}].name", f"{trigger.name!r} is the absolute condition of another"
            )
        if trigger.rule in ONCE_A_METRIC and (trigger.rule, trigger.metric) in read:
            raise PolicyError(
                f"triggers[{i}].rule", f"{trigger.rule} reads {trigger.metric!r} already"
            )
        read.add((trigger.rule, trigger.metric))
