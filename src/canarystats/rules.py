"""The eight rules and their numbers: a trigger of a policy says only what differs from `RULES`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from canarystats.durations import Duration
from canarystats.errors import PolicyError
from canarystats.section import Fraction, Section
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
Action = Literal["rollback", "hold", "report"]
Gate = Literal["required", "advisory", "none"]


class Absolute(Section):
    """The second, named condition of `error_rate`: a level no baseline excuses."""

    threshold: Fraction = 0.03
    for_: Duration = Field(default=300.0, alias="for")


class Trigger(Section):
    """One of the eight rules; what is left out has the default of `RULES`.

    Parameters
    ----------
    name
        Which rule.
    metric
        The metric it reads.
    threshold
        The number of its condition: a ratio to the baseline (``error_rate``, ``latency_p99``,
        ``throughput``), a fraction (``success_rate``, ``memory``) or a count.
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
        Tiers below the threshold that lower the score.
    """

    name: TriggerName
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

    @model_validator(mode="before")
    @classmethod
    def _fill_from_rules(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("name"), str) and data["name"] in RULES:
            given = {("for" if key == "for_" else key): value for key, value in data.items()}
            return RULES[data["name"]] | given
        return data

    @model_validator(mode="after")
    def _numbers_fit_the_rule(self) -> Self:
        wrong = _threshold_problem(self.name, self.threshold)
        if wrong:
            raise PolicyError("threshold", wrong)
        if self.mode == "m_of_n" and self.m > self.n:
            raise PolicyError("m", f"m is {self.m} of n = {self.n}; m must not exceed n")
        if self.evidence != "none" and RULES[self.name]["evidence"] == "none":
            raise PolicyError("evidence", f"{self.name} counts and tests nothing; write none")
        if self.absolute is not None and self.name != "error_rate":
            raise PolicyError("absolute", "only error_rate has a second, absolute condition")
        return self


def _threshold_problem(name: str, threshold: float) -> str:
    """Why a threshold cannot be right, or nothing."""
    if not (threshold >= 0 and threshold < float("inf")):
        return f"{threshold} is not a finite number of at least 0"
    if name in {"success_rate", "memory", "throughput"} and threshold > 1:
        advice = f" (a percentage? write {threshold / 100:g})" if 1 < threshold <= 100 else ""
        return f"{threshold:g} is not a fraction between 0 and 1{advice}"
    if name in {"error_rate", "latency_p99"} and threshold < 1:
        return f"{threshold:g} is not a ratio to the baseline; 1.5 means 50 % above it"
    return ""


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
# What these compare needs a baseline; what else a trigger asks does not.
NEED_BASELINE = frozenset({"error_rate", "latency_p99", "throughput"})
KINDS_READ: dict[str, tuple[Kind, ...]] = {
    "error_rate": (Kind.COUNTS,),
    "latency_p99": (Kind.HISTOGRAM, Kind.SAMPLES),
    "success_rate": (Kind.COUNTS,),
    "throughput": (Kind.COUNTS,),
    "byzantine": (Kind.EVENTS,),
    "data_integrity": (Kind.EVENTS,),
    "memory": (Kind.GAUGE,),
    "breaker_storm": (Kind.EVENTS,),
}
