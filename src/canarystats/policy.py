"""A policy says what is watched and how strictly; it is plain data, never code.

Every number of the eight triggers has its default in `RULES`, taken from the table in
docs/triggers.md; a policy writes down only what it changes.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal, NoReturn, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from canarystats.errors import InputError, PolicyError
from canarystats.windows import Kind

SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def parse_duration(text: object) -> float:
    """Seconds in a duration such as ``30s``, ``5m`` or ``1h30m``; ``0`` needs no unit."""
    if text in (0, "0"):
        return 0.0
    if isinstance(text, str) and _DURATION.fullmatch(text):
        return sum(float(number) * SECONDS[unit] for number, unit in _PART.findall(text))
    msg = f"{text!r} is not a duration; write {_duration_hint(text)}"
    raise ValueError(msg)


def _duration_hint(text: object) -> str:
    if isinstance(text, int | float) and not isinstance(text, bool) and text > 0:
        return format_duration(float(text))
    words = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z])[a-zA-Z]*\s*", str(text))
    if words and words[2].lower() in SECONDS:
        return words[1] + words[2].lower()
    return "30s, 5m or 1h30m"


def format_duration(seconds: float) -> str:
    """The shortest duration text that parses back to ``seconds``."""
    parts = []
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count:.0f}{unit}")
    if seconds or not parts:
        parts.append(f"{seconds:.10g}s")
    return "".join(parts)


Duration = Annotated[
    float, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)
]
Fraction = Annotated[float, Field(gt=0, lt=1)]
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


class Section(BaseModel):
    """A part of a policy: frozen, every key known, every default checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Query(Section):
    """How a source asks for a metric; ``$arm`` stands for the label matchers of one side.

    Parameters
    ----------
    value
        Gauge: the series to read, one per pod.
    limit
        Gauge: the series of its limits.
    events, exposure
        Counts: the counters of what happened and of what it happened out of. Events: the counter.
    buckets
        Histogram: the bucket counter, classic or native.
    """

    value: str | None = None
    limit: str | None = None
    events: str | None = None
    exposure: str | None = None
    buckets: str | None = None


class Metric(Section):
    """One thing that is watched.

    Parameters
    ----------
    name, kind, unit
        What it is; the unit in Prometheus base units (``seconds``, ``bytes``, ``ratio``, ...).
    harmful
        The direction that hurts.
    critical
        Whether its own test may roll back.
    required
        Whether promotion needs it to be shown not worse.
    margin
        The relative difference that never counts; the policy's margin where None.
    non_inferiority
        The relative difference within which promotion must show it; the threshold of the metric's
        trigger where None, or the margin where there is no trigger.
    absolute_margin
        A rate or value so small that the canary is good enough below it, in the metric's unit.
    compare
        Whether the canary is compared with its baseline; false for what only its limit or zero
        judges.
    batch
        Ticks that make one observation of a gauge: as many as it takes to forget the past.
    dry_run
        Reported, never decides.
    query
        How a source asks for it.
    """

    name: str = Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")
    kind: Kind | tuple[Kind, ...]
    unit: str = "1"
    harmful: Literal["increase", "decrease", "either"] = "increase"
    critical: bool = False
    required: bool = True
    margin: Annotated[float, Field(ge=0, lt=10)] | None = None
    non_inferiority: Annotated[float, Field(gt=0, lt=100)] | None = None
    absolute_margin: Annotated[float, Field(ge=0)] | None = None
    compare: bool = True
    batch: Annotated[int, Field(ge=1)] = 40
    dry_run: bool = False
    query: Query = Query()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of data the metric may come as."""
        return self.kind if isinstance(self.kind, tuple) else (self.kind,)


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
        if isinstance(data, dict) and data.get("name") in RULES:
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


class ErrorBudget(Section):
    """How often a healthy canary may be treated wrongly.

    Parameters
    ----------
    false_rollback
        Chance that a healthy rollout is ever rolled back by a statistical rule.
    critical_share
        The part of it that critical metrics share; the others share the rest.
    false_promote
        Chance, per metric, that a canary worse than its margin is shown not worse.
    split
        Chance that a correct traffic split is ever called wrong.
    """

    false_rollback: Fraction = 0.01
    critical_share: Fraction = 0.8
    false_promote: Fraction = 0.05
    split: Fraction = 0.001


class Arms(Section):
    """The label matchers that select each side in a query."""

    canary: str = 'version="canary"'
    baseline: str = 'version="baseline"'


class Policy(Section):
    """What is watched and how strictly.

    Parameters
    ----------
    name, description
        For readers.
    interval
        Time between ticks.
    warm_up
        Time from the first tick during which comparisons gather no evidence.
    min_duration, min_samples
        What must have passed, in time and in canary requests or observations, before promotion.
    looks
        ``many``: evidence holds at any number of looks; ``one``: one look at whole windows.
    on_no_data
        What a required metric without data means: ``hold``, ``pass`` or ``rollback``.
    partial_data
        What a partial answer of a source means: ``hold`` or ``accept``.
    margin
        The relative difference that never counts, where a metric names none.
    check_split, split_tolerance
        Whether promotion needs the traffic to be divided as designed, and how far the canary's
        share may be from it, relatively.
    approval
        Whether a person confirms promotion.
    pass_score, marginal_score
        The score's bands, as Kayenta has them.
    error_budget, arms, metrics, triggers
        See their classes.
    """

    name: str = "policy"
    description: str = ""
    interval: Duration = 15.0
    warm_up: Duration = 0.0
    min_duration: Duration = 600.0
    min_samples: Annotated[int, Field(ge=0)] = 1000
    looks: Literal["many", "one"] = "many"
    on_no_data: Literal["hold", "pass", "rollback"] = "hold"
    partial_data: Literal["hold", "accept"] = "hold"
    margin: Annotated[float, Field(ge=0, lt=10)] = 0.05
    check_split: bool = True
    split_tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.05
    approval: Literal["automatic", "required"] = "automatic"
    pass_score: Annotated[float, Field(ge=0, le=100)] = 95.0
    marginal_score: Annotated[float, Field(ge=0, le=100)] = 75.0
    error_budget: ErrorBudget = ErrorBudget()
    arms: Arms = Arms()
    metrics: tuple[Metric, ...] = Field(min_length=1)
    triggers: tuple[Trigger, ...] = ()

    @field_validator("interval")
    @classmethod
    def _interval_is_positive(cls, value: float) -> float:
        if value <= 0:
            raise PolicyError("", "interval must be longer than 0s")
        return value

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Self:
        _refuse_twice("metrics", [metric.name for metric in self.metrics])
        _refuse_twice("triggers", [trigger.name for trigger in self.triggers])
        known = {metric.name: metric for metric in self.metrics}
        for i, trigger in enumerate(self.triggers):
            metric = known.get(trigger.metric)
            if metric is None:
                raise PolicyError(
                    f"triggers[{i}].metric",
                    f"{trigger.metric!r} is not one of the metrics: {', '.join(known)}",
                )
            if not set(metric.kinds) <= set(KINDS_READ[trigger.name]):
                raise PolicyError(
                    f"triggers[{i}].metric",
                    f"{trigger.name} reads {' or '.join(KINDS_READ[trigger.name])}, and "
                    f"{metric.name!r} is {' or '.join(metric.kinds)}",
                )
        if self.marginal_score > self.pass_score:
            raise PolicyError("marginal_score", "marginal_score must not exceed pass_score")
        return self

    @classmethod
    def parse(cls, data: object) -> Self:
        """Build a policy from plain data.

        Raises
        ------
        PolicyError
            If the data is not a policy; the message begins with the path of the first fault.
        """
        if not isinstance(data, dict):
            raise PolicyError("", f"a policy is a table of keys, not {type(data).__name__}")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            _raise_first(error)

    def metric(self, name: str) -> Metric:
        """The metric of that name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        msg = f"the policy {self.name!r} has no metric {name!r}; it has {self._names()}"
        raise InputError(msg)

    def without(self, *names: str) -> Self:
        """The same policy without these metrics, and without the triggers that read them."""
        for name in names:
            self.metric(name)
        return self.replace(
            metrics=tuple(m for m in self.metrics if m.name not in names),
            triggers=tuple(t for t in self.triggers if t.metric not in names),
        )

    def with_metric(self, name: str, **changes: Any) -> Self:
        """The same policy with fields of one metric changed."""
        self.metric(name)
        return self.replace(
            metrics=tuple(_changed(m, changes) if m.name == name else m for m in self.metrics)
        )

    def with_trigger(self, name: str, **changes: Any) -> Self:
        """The same policy with fields of one trigger changed (``for_`` for its duration)."""
        if name not in {trigger.name for trigger in self.triggers}:
            have = ", ".join(trigger.name for trigger in self.triggers)
            msg = f"the policy {self.name!r} has no trigger {name!r}; it has {have}"
            raise InputError(msg)
        changes = {("for" if key == "for_" else key): value for key, value in changes.items()}
        return self.replace(
            triggers=tuple(_changed(t, changes) if t.name == name else t for t in self.triggers)
        )

    def replace(self, **changes: Any) -> Self:
        """The same policy with top-level fields changed, checked anew."""
        data = self.model_dump(by_alias=True) | changes
        return self.parse({k: _plain(v) for k, v in data.items()})

    @property
    def digest(self) -> str:
        """A fingerprint of everything the policy says, 16 hexadecimal digits."""
        text = self.model_dump_json(by_alias=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _names(self) -> str:
        return ", ".join(metric.name for metric in self.metrics)

    def __repr__(self) -> str:
        return (
            f"Policy {self.name!r}: {len(self.metrics)} metrics ({self._names()}), "
            f"{len(self.triggers)} triggers, a tick every {format_duration(self.interval)}."
        )

    __str__ = __repr__


def _changed(section: Section, changes: dict[str, Any]) -> dict[str, Any]:
    return section.model_dump(by_alias=True) | {k: _plain(v) for k, v in changes.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _refuse_twice(path: str, names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise PolicyError(f"{path}[{i}].name", f"{name!r} is there twice")


def _raise_first(error: ValidationError) -> NoReturn:
    first = error.errors(include_url=False)[0]
    path = ""
    for part in first["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, PolicyError):
        inner = ".".join(p for p in (path, cause.path) if p) if path else cause.path
        message = str(cause)[len(cause.path) + 2 :] if cause.path else str(cause)
        raise PolicyError(inner, message) from error
    if first["type"] == "extra_forbidden":
        raise PolicyError(path, "there is no such key") from error
    if first["type"] == "missing":
        raise PolicyError(path, "is missing") from error
    message = (
        str(cause) if cause else f"{first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}"
    )
    raise PolicyError(path, message) from error
