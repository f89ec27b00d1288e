"""What a metric's config asks of its judgement, read leniently or strictly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from canarystats.errors import InputError

if TYPE_CHECKING:
    from canarystats.compat.kayenta.request import MetricConfig

Direction = Literal["increase", "decrease", "either"]
Measure = Literal["meanRatio", "cles"]
WORDS: dict[str, tuple[str, ...]] = {
    "direction": ("either", "increase", "decrease"),
    "nanStrategy": ("remove", "replace"),
    "outliers.strategy": ("keep", "remove"),
    "effectSize.measure": ("meanRatio", "cles"),
}
FLAGS = ("critical", "mustHaveData", "muted")
LIMITS = ("allowedIncrease", "allowedDecrease", "criticalIncrease", "criticalDecrease")
KNOWN = {
    "": {"direction", "nanStrategy", "outliers", "effectSize", *FLAGS},
    "outliers.": {"strategy", "outlierFactor"},
    "effectSize.": {"measure", *LIMITS},
}
NO_CHANGE = {"meanRatio": 1.0, "cles": 0.5}
RANGES = {"meanRatio": (0.0, 1.0, math.inf), "cles": (0.0, 0.5, 1.0)}
OUTLIER_FACTOR = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Effects from which on a change counts, and from which on it is critical."""

    allowed_increase: float
    allowed_decrease: float
    critical_increase: float
    critical_decrease: float


@dataclass(frozen=True, slots=True)
class Settings:
    """How one metric is judged; the words are Kayenta's.

    Parameters
    ----------
    direction
        The change that hurts.
    gaps_are_zeros
        Whether a missing value is a zero (``nanStrategy: replace``).
    outlier_factor
        How many interquartile ranges beyond the quartiles a value is dropped; None keeps all.
    measure, limits
        The scale of the effect, and where a change begins to count on it.
    critical, must_have_data, muted
        What a failure, or no data, means.
    """

    direction: Direction
    gaps_are_zeros: bool
    outlier_factor: float | None
    measure: Measure
    limits: Limits
    critical: bool
    must_have_data: bool
    muted: bool


def read_settings(metric: MetricConfig, *, strict: bool) -> Settings:
    """The settings of a metric.

    Parameters
    ----------
    metric
        Its part of the canary config.
    strict
        Refuse unknown words and impossible numbers. Kayenta takes its default for such a word.

    Raises
    ------
    InputError
        If a number or a flag is none, and where strict; the message begins with the path.
    """
    reader = _Reader(metric.canary, metric.path, strict)
    if strict:
        reader.refuse_unknown()
    measure: Measure = "cles" if reader.word("effectSize.measure") == "cles" else "meanRatio"
    factor = reader.number("outliers.outlierFactor", OUTLIER_FACTOR, (-math.inf, math.inf))
    if factor <= 0:
        raise reader.refusal("outliers.outlierFactor", factor, "more than 0")
    limits = [reader.limit(name, measure) for name in LIMITS]
    return Settings(
        direction=_direction(reader.word("direction")),
        gaps_are_zeros=reader.word("nanStrategy") == "replace",
        outlier_factor=factor if reader.word("outliers.strategy") == "remove" else None,
        measure=measure,
        limits=Limits(*limits),
        critical=reader.flag("critical"),
        must_have_data=reader.flag("mustHaveData"),
        muted=reader.flag("muted"),
    )


def _direction(word: str) -> Direction:
    if word == "increase":
        return "increase"
    return "decrease" if word == "decrease" else "either"


@dataclass(frozen=True, slots=True)
class _Reader:
    told: Mapping[str, Any]
    path: str
    strict: bool

    def refuse_unknown(self) -> None:
        for prefix, known in KNOWN.items():
            for key in self._object(prefix.removesuffix(".")):
                if key not in known:
                    allowed = ", ".join(sorted(known))
                    raise InputError(f"{self.path}.{prefix}{key} is unknown; there are {allowed}")

    def word(self, name: str) -> str:
        allowed = WORDS[name]
        said = self._get(name)
        if said is None:
            return allowed[0]
        if said in allowed:
            return str(said)
        if self.strict:
            raise self.refusal(name, said, f"one of {', '.join(map(repr, allowed))}")
        return allowed[0]

    def number(self, name: str, default: float, within: tuple[float, float]) -> float:
        said = self._get(name)
        if said is None:
            return default
        if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
            raise self.refusal(name, said, "a finite number")
        low, high = within
        if self.strict and not low <= said <= high:
            between = f"at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
            raise self.refusal(name, said, between)
        return float(said)

    def limit(self, name: str, measure: Measure) -> float:
        low, middle, high = RANGES[measure]
        within = (middle, high) if name.endswith("Increase") else (low, middle)
        return self.number(f"effectSize.{name}", NO_CHANGE[measure], within)

    def flag(self, name: str) -> bool:
        said = self._get(name)
        if said is not None and not isinstance(said, bool):
            raise self.refusal(name, said, "true or false")
        return bool(said)

    def _get(self, name: str) -> Any:
        section, _, key = name.rpartition(".")
        return self._object(section).get(key)

    def _object(self, section: str) -> Mapping[str, Any]:
        found = self.told.get(section, {}) if section else self.told
        if not isinstance(found, Mapping):
            raise self.refusal(section, found, "an object")
        return found

    def refusal(self, name: str, said: object, must_be: str) -> InputError:
        """What to raise where a setting is not what it must be."""
        return InputError(f"{self.path}.{name} is {said!r}; it must be {must_be}")
