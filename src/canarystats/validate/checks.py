"""A check: one question about the time after a rollout, and the number it is held against."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from canarystats.durations import Duration, format_duration
from canarystats.section import Fraction, Section


class Method(StrEnum):
    """How a check finds its answer."""

    SHARE = "share"  # counts: events out of an exposure
    QUANTILE = "quantile"  # histogram: the share of requests beyond the target
    TREND = "trend"  # counts or gauge: the rise over the window beside its patterns
    LEAK = "leak"  # gauge: each pod
    COUNT = "count"  # events a day
    STORM = "storm"  # events in any five minutes
    LEVEL = "level"  # gauge: its mean over time
    IMPROVEMENT = "improvement"  # gauge: its mean over that of the baseline, less 1
    AVAILABILITY = "availability"  # gauge of 0 and 1: the part of the time it is up
    BUDGET = "budget"  # counts or a gauge of 0 and 1: an error budget
    CAPACITY = "capacity"  # gauge with a limit: the time until the trend reaches it
    DETECTION = "detection"  # incidents: mean time to detect
    REPAIR = "repair"  # incidents: mean time to repair
    CRITICAL = "critical"  # incidents that were critical
    FAILED_CHANGES = "failed_changes"  # changes: the share that failed
    CADENCE = "cadence"  # changes: the longest time without one


class Check(Section):
    """One question about the time after a rollout, and the number it is held against.

    Parameters
    ----------
    id
        Window and name, such as ``week-1.memory-leak``.
    title
        What it asks, for a reader.
    method
        How it is answered.
    reads
        The metric it reads; ``incidents`` or ``changes`` for the lists of these.
    at_most, at_least
        The target; exactly one, in the unit of what is measured.
    tolerance
        How far beyond the target still counts as met, in the same unit; a target that the system
        just reaches is then met with enough data, and never by the toss of a coin.
    relative
        Whether target and tolerance of a trend are relative to the mean.
    unit
        ``share`` (a fraction, shown in percent), ``seconds``, ``bytes``, or any other word.
    q
        Which quantile, for `Method.QUANTILE`.
    period
        The time an error budget is promised over; the window where None.
    pods
        Which pods make a tick good, for `Method.AVAILABILITY`: any of them, or all.
    advisory
        Whether a miss only warns.
    source
        Where the number comes from, as the reference abbreviates its sources.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+\.[a-z0-9-]+$")
    title: str
    method: Method
    reads: str
    at_most: float | None = None
    at_least: float | None = None
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    relative: bool = False
    unit: str = "share"
    q: Fraction = 0.99
    period: Duration | None = None
    pods: Annotated[str, Field(pattern="^(any|all)$")] = "any"
    advisory: bool = False
    source: str = "own"

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.at_most is None) == (self.at_least is None):
            msg = f"check {self.id!r} must have one of at_most and at_least"
            raise ValueError(msg)
        return self

    @property
    def target(self) -> float:
        """The number it is held against."""
        return float(self.at_least if self.at_most is None else self.at_most)  # type: ignore[arg-type]

    @property
    def bound(self) -> float:
        """The target with its tolerance: up to here it is met."""
        if self.at_most is None:
            return self.target - self.tolerance
        return self.target + self.tolerance

    def shown(self, value: float | None) -> str:
        """A figure in the check's unit."""
        if value is None:
            return "–"
        if self.unit == "share" or self.relative:
            return f"{100 * value:.4g} %"
        if self.unit == "seconds":
            return _time(value)
        if self.unit.startswith("bytes"):
            return f"{value / 1e6:.3g} MB{self.unit.removeprefix('bytes')}"
        return f"{value:,.6g}" + ("" if self.unit == "1" else f" {self.unit}")

    def said(self) -> str:
        """The target in words and signs."""
        sign = "≥" if self.at_most is None else "≤"
        beside = f", tolerance {self.shown(self.tolerance)}" if self.tolerance else ""
        return f"{sign} {self.shown(self.target)}{beside}"


def _time(seconds: float) -> str:
    if abs(seconds) < 10:
        return f"{seconds:.3g} s"
    whole = round(seconds) if abs(seconds) < 7200 else 60 * round(seconds / 60)
    if abs(seconds) >= 2 * 86_400:
        return f"{seconds / 86_400:.3g} d"
    return format_duration(float(whole)) if seconds >= 0 else f"-{format_duration(-float(whole))}"
