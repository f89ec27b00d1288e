"""What a validation reads: metrics from Prometheus, and files of settings and of what happened."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.policy import Arms, Metric, Policy
from canarystats.sources.files import read_recording
from canarystats.validate import DURATIONS, Change, Incident, Settings
from canarystats.validate.baselines import COMPARED
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.sources.prometheus import Prometheus
    from canarystats.validate import Check

R = TypeVar("R", bound=BaseModel)

WEEK = 7 * 86_400.0
# what a store still has after so long, and few enough points to read
INTERVALS = {"day-1": 60.0, "week-1": 300.0, "month-1": 300.0, "quarter": 3600.0}


def read_window(
    server: Prometheus,
    checks: Sequence[Check],
    *,
    settings: Settings,
    start: float,
    end: float,
    interval_seconds: float,
    matchers: str = "",
    baseline_offset_seconds: float | None = None,
) -> list[Pair]:
    """Read what checks need from Prometheus.

    Parameters
    ----------
    server
        Where to read.
    checks
        What is to be answered.
    settings
        The metrics and their queries.
    start, end
        Unix seconds.
    interval_seconds
        Time between ticks, at least the scrape interval.
    matchers
        What ``$arm`` stands for.
    baseline_offset_seconds
        How long before lies what `compare` metrics are held against; None for the whole weeks that
        the window fits into, so that the weekdays agree.

    Returns
    -------
    list of Pair
        One a metric that has a query; a histogram without observations is left out.

    Raises
    ------
    InputError
        If a query or a time cannot be right.
    SourceError
        If the server cannot be asked.
    """
    metrics = settings.read_by(checks)
    if not metrics:
        return []
    policy = Policy(
        interval=f"{interval_seconds:g}s",
        arms=Arms(canary=matchers, baseline=matchers),
        metrics=metrics,
    )
    if baseline_offset_seconds is None:
        baseline_offset_seconds = math.ceil((end - start) / WEEK) * WEEK
    return server.read(
        policy, start=start, end=end, baseline_offset_seconds=baseline_offset_seconds
    )


def not_compared_with_before(policy: Policy) -> list[str]:
    """The metrics of a policy that cannot be held against the time before a rollout."""
    return [metric.name for metric in policy.metrics if not _has_a_baseline(metric)]


def _has_a_baseline(metric: Metric) -> bool:
    return metric.compare and bool(metric.query.asked) and bool(set(metric.kinds) & COMPARED)


def read_after_rollback(
    server: Prometheus,
    policy: Policy,
    *,
    after: float,
    end: float,
    offset_seconds: float,
    matchers: str = "",
) -> list[Pair]:
    """Read what runs after a rollback, and as its baseline the same so long before.

    Parameters
    ----------
    server
        Where to read.
    policy
        Whose metrics are read, but for those of `not_compared_with_before`.
    after, end
        Unix seconds: when the rollback was complete, and the last moment.
    offset_seconds
        How long before lies what was good.
    matchers
        What ``$arm`` stands for, then and now; the policy's baseline where empty, for that is what
        runs again. A metric with matchers of its own keeps its own baseline's.

    Raises
    ------
    InputError
        If no metric has a baseline, or a query or a time cannot be right.
    SourceError
        If the server cannot be asked.
    """
    metrics = tuple(_of_what_runs_again(m) for m in policy.metrics if _has_a_baseline(m))
    if not metrics:
        msg = f"no metric of the policy {policy.name!r} has a query and is compared with a baseline"
        raise InputError(msg)
    arm = matchers or policy.arms.baseline
    asked = policy.model_copy(update={"metrics": metrics})
    return server.read(
        asked,
        start=after - policy.interval,  # a row may begin exactly then
        end=end,
        baseline_offset_seconds=offset_seconds,
        canary=arm,
        baseline=arm,
    )


def _of_what_runs_again(metric: Metric) -> Metric:
    own = metric.query.arms
    if own is None:
        return metric
    arms = Arms(canary=own.baseline, baseline=own.baseline)
    return metric.model_copy(update={"query": metric.query.model_copy(update={"arms": arms})})


def read_recorded(path: str | Path, settings: Settings) -> list[Pair]:
    """Read a recording whose metrics are of the kinds that the settings say.

    A table does not tell a gauge without twin and limit from events; the metric's kind does.

    Raises
    ------
    InputError, SourceError, MissingExtraError
        As of `files.read_recording`.
    """
    gauges = {metric.name for metric in settings.metrics if metric.kinds == (Kind.GAUGE,)}
    return [
        Pair.gauge(pair.name, canary=pair.canary, times=pair.times, notes=pair.notes)
        if pair.kind is Kind.EVENTS and pair.name in gauges
        else pair
        for pair in read_recording(path).pairs
    ]


def interval_of(window: str) -> float:
    """Seconds between ticks that a window is read at."""
    return INTERVALS.get(window, 300.0)


def length_of(window: str) -> float | None:
    """Seconds in a window; None where it has no length of its own."""
    return DURATIONS.get(window)


def read_settings(path: str | Path) -> Settings:
    """Read which checks are asked, and how, from a YAML or JSON file.

    Raises
    ------
    PolicyError
        If a part does not say what it must.
    InputError
        If the file holds something else.
    SourceError
        If there is no such file.
    """
    data = _load(path)
    if not isinstance(data, dict):
        msg = f"{path} must be a table of checks and metrics, not {type(data).__name__}"
        raise InputError(msg)
    return Settings.parse(data)


def read_incidents(path: str | Path) -> list[Incident]:
    """Read incidents from a YAML or JSON list; errors as of `read_settings`."""
    return _records(path, Incident, ("started", "detected", "resolved"))


def read_changes(path: str | Path) -> list[Change]:
    """Read changes from a YAML or JSON list; errors as of `read_settings`."""
    return _records(path, Change, ("at",))


def _records(path: str | Path, model: type[R], times: tuple[str, ...]) -> list[R]:
    rows = _load(path)
    if not isinstance(rows, list):
        msg = f"{path} must be a list, one entry a {model.__name__.lower()}"
        raise InputError(msg)
    found = []
    for i, row in enumerate(rows):
        where = f"{path}: [{i}]"
        if not isinstance(row, dict):
            msg = f"{where} must be a table, not {type(row).__name__}"
            raise InputError(msg)
        dated = {
            key: _seconds(value, f"{where}.{key}") if key in times else value
            for key, value in row.items()
        }
        try:
            found.append(model.model_validate(dated))
        except ValidationError as error:
            first = error.errors()[0]
            spot = ".".join([where, *map(str, first["loc"])])
            msg = f"{spot}: {first['msg'].removeprefix('Value error, ')}"
            raise InputError(msg) from error
    return found


def _seconds(value: Any, field: str) -> Any:
    """Unix seconds of what YAML reads as a time; a number and nothing stay what they are."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            msg = f"{field} is {value!r}; write Unix seconds or 2026-01-31T12:00:00Z"
            raise InputError(msg) from error
    if isinstance(value, datetime):
        if value.tzinfo is None:
            msg = f"{field} is {value}, without an offset; write 2026-01-31T12:00:00Z"
            raise InputError(msg)
        return value.timestamp()
    return value


def _load(path: str | Path) -> Any:
    try:
        return yaml.safe_load(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise SourceError(SourceErrorKind.NOT_FOUND, f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read: {error}"
        raise SourceError(SourceErrorKind.MALFORMED, msg) from error
    except yaml.YAMLError as error:
        msg = f"{path} is not valid YAML: {' '.join(str(error).split())}"
        raise InputError(msg) from error
