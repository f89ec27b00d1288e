"""What a judge says of one metric, before it becomes JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Label = Literal["Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The class of one metric, why, and the figures behind it.

    Parameters
    ----------
    label
        Kayenta's class.
    reason
        One sentence; None where there is nothing to say.
    critical
        Whether it fails the whole canary.
    figures
        What stands under ``resultMetadata``: ``ratio``, ``lower``, ``upper``, ``estimate``,
        ``pValue``, ``effect`` and whatever else the mode tells.
    """

    label: Label
    reason: str | None = None
    critical: bool = False
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A finding as the score sees it."""

    label: Label
    groups: tuple[str, ...]
    critical: bool
    muted: bool
    reason: str | None


def figures(**told: Any) -> dict[str, Any]:
    """The figures every result has, unknown ones None."""
    names = ("ratio", "lower", "upper", "estimate", "pValue", "effect", "effectMeasure")
    return dict.fromkeys(names) | told


def finite(value: float | None) -> float | None:
    """The number, or None where JSON has none for it."""
    return None if value is None or not math.isfinite(value) else float(value)


def mean(values: FloatArray) -> float:
    """The mean, corrected once by the mean of what is left; NaN without values.

    Kayenta computes it so, and limits are met or missed in the last digit.
    """
    if not values.size:
        return math.nan
    first = float(np.cumsum(values)[-1]) / values.size
    return first + float(np.cumsum(values - first)[-1]) / values.size


def mean_ratio(experiment: FloatArray, control: FloatArray) -> float:
    """The ratio of the means; NaN where one of them is 0."""
    above, below = mean(experiment), mean(control)
    return above / below if above and below else math.nan


def statistics(values: FloatArray) -> dict[str, float | None]:
    """The five numbers Kayenta shows of a side; zeros without values."""
    if not values.size:
        return {"count": 0, "mean": 0.0, "min": 0.0, "max": 0.0, "std": 0.0}
    std = 0.0 if values.size == 1 else float(np.std(values, ddof=1))
    return {
        "count": int(values.size),
        "mean": finite(mean(values)),
        "min": finite(float(values.min())),
        "max": finite(float(values.max())),
        "std": finite(std),
    }
