"""What Kayenta sends to a remote judge: a canary config, score thresholds, pairs of metric sets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from canarystats.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

SPOKEN = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
NUMBER = "it must be a number, null, 'NaN', 'Infinity' or '-Infinity'"


class _Part(BaseModel):
    """A part of the request; what a judge has no use for, such as queries, is left aside."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class MetricConfig(_Part):
    """A metric of the canary config; its settings stay as they came until a mode reads them.

    Parameters
    ----------
    name
        What the metric-set pairs call it.
    groups
        The groups it counts in.
    analysis_configurations
        By analysis; the one called ``canary`` is read.
    """

    name: str
    groups: tuple[str, ...] = ()
    analysis_configurations: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def canary(self) -> Mapping[str, Any]:
        """The settings of the canary analysis, without those that are null."""
        found = self.analysis_configurations.get("canary")
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise InputError(f"{self.path} is {found!r}; it must be an object")
        return {key: value for key, value in found.items() if value is not None}

    @property
    def path(self) -> str:
        """Where its settings stand, for messages."""
        return f"canaryConfig.metrics[{self.name!r}].analysisConfigurations.canary"


class Classifier(_Part):
    """How much each group weighs, in percent."""

    group_weights: Mapping[str, float] = Field(default_factory=dict)


class CanaryConfig(_Part):
    """The metrics and their weights."""

    metrics: tuple[MetricConfig, ...]
    classifier: Classifier = Classifier()

    def metric(self, name: str, path: str) -> MetricConfig:
        """The metric of that name.

        Raises
        ------
        InputError
            If there is none.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        known = ", ".join(repr(metric.name) for metric in self.metrics) or "none"
        raise InputError(f"{path}.name is {name!r}; canaryConfig.metrics has {known}")


class ScoreThresholds(_Part):
    """From which score on a canary passes, or is marginal."""

    pass_: float = Field(alias="pass", allow_inf_nan=False)
    marginal: float = Field(allow_inf_nan=False)


class Values(_Part):
    """The two sides as they came: numbers, null, and what JSON has no number for."""

    control: list[Any]
    experiment: list[Any]


class MetricSetPair(_Part):
    """One metric of canary and baseline, for one set of tags."""

    name: str
    id: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)
    values: Values


class Request(_Part):
    """The whole request."""

    canary_config: CanaryConfig
    score_thresholds: ScoreThresholds
    metric_set_pair_list: tuple[MetricSetPair, ...]


def read_request(request: Mapping[str, Any]) -> Request:
    """The request's parts.

    Raises
    ------
    InputError
        If one is missing or of another type; the message begins with its path.
    """
    try:
        return Request.model_validate(request)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        said = first["msg"].lower()
        where = _path(first["loc"])
        if first["type"] == "missing":
            raise InputError(f"{where} is missing") from error
        raise InputError(f"{where or 'the request'} is {first['input']!r}: {said}") from error


def _path(parts: tuple[int | str, ...]) -> str:
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def numbers(values: list[Any], path: str) -> FloatArray:
    """The values of one side, shape (n,); null and ``"NaN"`` are NaN.

    Raises
    ------
    InputError
        If one is not a number; the message begins with its path.
    """
    return np.array([_number(value, path, i) for i, value in enumerate(values)], dtype=np.float64)


def _number(value: object, path: str, i: int) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str) and value in SPOKEN:
        return SPOKEN[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{path}[{i}] is {value!r}; {NUMBER}")
    try:
        return float(value)
    except OverflowError as error:
        raise InputError(f"{path}[{i}] is beyond every double; {NUMBER}") from error
