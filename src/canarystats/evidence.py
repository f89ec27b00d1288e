"""Evidence is what one method found about one metric, whether or not it decides anything."""

from __future__ import annotations

import math
from enum import StrEnum
from html import escape
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from canarystats.errors import InputError

LARGEST_E_VALUE = 1e300  # an e-value is shown, never computed with; the log carries the truth


class Status(StrEnum):
    """Whether the method could speak, and if not, why."""

    OK = "ok"
    INSUFFICIENT = "insufficient"  # there is data, and not enough of it
    NO_DATA = "no_data"  # no series, or nothing but missed scrapes
    ONE_SIDE_ONLY = "one_side_only"  # the canary or the baseline has no data
    NO_EVENTS = "no_events"  # exposure on both sides and not one event: nothing to compare
    DEGENERATE = "degenerate"  # no variance: every value is the same
    NOT_EVALUABLE = "not_evaluable"  # a setting it needs is missing, such as a limit


class Question(StrEnum):
    """What the method was asked."""

    DIFFERENCE = "difference"  # do canary and baseline differ?
    WORSE = "worse"  # is the canary worse than the baseline (by more than the margin)?
    BEYOND = "beyond"  # is it worse by more than the trigger's threshold?
    NOT_WORSE = "not_worse"  # is it shown to be no worse than the margin allows?
    SPLIT = "split"  # is the traffic divided as designed?
    LEVEL = "level"  # where does the canary stand against a constant?


class Record(BaseModel):
    """A frozen record at rest."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="null")

    def _repr_html_(self) -> str:
        shown = self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        cells = "".join(
            f"<tr><th style='text-align:left'>{escape(key)}</th><td>{escape(str(value))}</td></tr>"
            for key, value in shown.items()
        )
        return f"<table><caption>{escape(repr(self))}</caption>{cells}</table>"


class Document(Record):
    """A record that is kept as JSON and read again, years later; it says which schema it has."""

    called: ClassVar[str] = "document"
    schema_version: str

    def to_json(self, *, indent: int | None = None) -> str:
        """The record as JSON, without NaN or infinity."""
        return self.model_dump_json(indent=indent)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read one back.

        Raises
        ------
        InputError
            If the text is no such record of this schema.
        """
        try:
            found = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or cls.called
            msg = f"{where}: {first['msg']}"
            raise InputError(msg) from error
        known = cls.model_fields["schema_version"].default
        if found.schema_version != known:
            msg = f"schema_version is {found.schema_version!r}; this library reads {known!r}"
            raise InputError(msg)
        return found


class Interval(Record):
    """An interval of an effect; an open side is None.

    Parameters
    ----------
    low, high
        The ends, on the effect's scale.
    level
        Coverage, in (0, 1).
    """

    low: float | None
    high: float | None
    level: float

    def __str__(self) -> str:
        low = "−∞" if self.low is None else f"{self.low:.3g}"
        high = "∞" if self.high is None else f"{self.high:.3g}"
        return f"[{low}, {high}]"


class Evidence(Record):
    """What one method found about one metric.

    Parameters
    ----------
    metric
        The metric's name.
    method
        The method's name, as its module is called.
    question
        What was asked.
    claim
        Which of the policy's claims it speaks to, such as ``error_rate.beyond``; may be empty.
    status
        Whether the method could answer.
    n_canary, n_baseline
        How much each side holds: observations, requests or ticks, as the method counts.
    n_effective
        The independent observations they are worth, None where the method needs no such number.
    observed, reference
        The canary's figure and what it is compared with, in the metric's unit.
    effect, effect_scale
        How large the difference is, and on which scale: ``ratio``, ``difference``, ``per_hour``
        (a difference of slopes), ``probability`` (that a canary value exceeds a baseline value) or
        ``share``.
    interval
        Where the effect may lie.
    p_value
        One-look methods: the p-value.
    log_e_value
        Methods for any number of looks: the natural logarithm of the e-value.
    level
        The share of the error budget it is held against: evidence decides when the p-value is at
        most this, or the e-value at least its inverse.
    margin
        What was allowed before a difference counts, on the effect's scale.
    assumptions
        What must hold for the figures to mean what they say.
    seen
        What was missing, infinite, stale or partial in the data.
    detail
        One sentence for a reader, empty where the numbers say all.
    """

    metric: str
    method: str
    question: Question
    claim: str = ""
    status: Status = Status.OK
    n_canary: int = 0
    n_baseline: int = 0
    n_effective: float | None = None
    observed: float | None = None
    reference: float | None = None
    effect: float | None = None
    effect_scale: str = "ratio"
    interval: Interval | None = None
    p_value: float | None = None
    log_e_value: float | None = None
    level: float | None = None
    margin: float | None = None
    assumptions: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    detail: str = ""

    @property
    def e_value(self) -> float | None:
        """The e-value, capped at 1e300."""
        if self.log_e_value is None:
            return None
        return math.exp(min(self.log_e_value, math.log(LARGEST_E_VALUE)))

    @property
    def decides(self) -> bool:
        """Whether the evidence reaches its level: the answer to the question is yes."""
        if self.status is not Status.OK or self.level is None:
            return False
        if self.log_e_value is not None:
            return self.log_e_value >= -math.log(self.level)
        return self.p_value is not None and self.p_value <= self.level

    def __repr__(self) -> str:
        return f"Evidence {self.sentence()}"

    __str__ = __repr__

    def sentence(self) -> str:
        """The finding in one plain sentence."""
        start = f"{self.metric}: {_QUESTIONS[self.question]} ({self.method})"
        if self.status is not Status.OK:
            return f"{start}: {self.status.replace('_', ' ')}{_because(self.detail)}."
        parts = []
        if self.observed is not None and self.reference is not None:
            parts.append(f"{self.observed:.4g} against {self.reference:.4g}")
        if self.effect is not None:
            within = f" {self.interval}" if self.interval else ""
            parts.append(f"{self.effect_scale} {self.effect:.3g}{within}")
        if self.p_value is not None:
            parts.append(f"p={self.p_value:.2g}")
        if self.e_value is not None:
            parts.append(f"e={self.e_value:.2g}")
        answer = "" if self.level is None else ("yes, " if self.decides else "not shown, ")
        return f"{start}: {answer}{', '.join(parts)}{_because(self.detail)}."


_QUESTIONS = {
    Question.DIFFERENCE: "different?",
    Question.WORSE: "worse?",
    Question.BEYOND: "worse beyond the threshold?",
    Question.NOT_WORSE: "shown not worse?",
    Question.SPLIT: "traffic split off?",
    Question.LEVEL: "beyond the constant?",
}


def _because(detail: str) -> str:
    return f" ({detail})" if detail else ""
