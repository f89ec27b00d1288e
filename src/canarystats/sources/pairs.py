"""Metrics from columns of numbers: every number checked, every fault told with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.sources.columns import (
    BUCKET,
    METRIC_NAME,
    SERIES,
    TIME,
    Table,
    by_segment,
    contradiction,
    kind_of,
)
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.sources.columns import Columns, FloatArray

_EXPECTED = (
    "expected one of counts (time, canary_events, canary_exposure, baseline_events, "
    "baseline_exposure), gauge (time, canary, baseline, limit; per pod canary:<pod>; alone "
    "time, canary_value), "
    "histogram (time, canary_le_<bound>, canary_le_inf, baseline_le_<bound>, baseline_le_inf), "
    "events (time, canary) or samples (canary, baseline, no time)"
)


def pair_from_table(name: str, table: Table, notes: Sequence[str] = ()) -> Pair:
    """Build one metric from its table.

    Parameters
    ----------
    name
        The metric's name.
    table
        The columns of one metric, without prefix.
    notes
        What was wrong with the data on its way here.

    Raises
    ------
    InputError
        If the columns fit no kind, or a number cannot be right; the message names the place.
    """
    columns = table.columns
    kind = kind_of(columns)
    if kind is None:
        if both := contradiction(columns):
            msg = f"{table.where}: {both}"
            raise InputError(msg)
        msg = f"{table.where}: columns {', '.join(columns)} fit no kind of metric; {_EXPECTED}"
        raise InputError(msg)
    if TIME in columns:
        _refuse_wrong_times(table)
    parts = by_segment(columns)
    if parts is not None:
        return Pair.by_segment(
            {
                segment: pair_from_table(name, replace(table, columns=part), notes)
                for segment, part in parts.items()
            }
        )
    if kind in {Kind.COUNTS, Kind.HISTOGRAM, Kind.EVENTS}:
        _refuse_impossible_counts(table)
    try:
        return _BUILD[kind](name, table, notes)
    except InputError as error:
        if str(error).startswith(table.where):
            raise
        msg = f"{table.where}: {error}"
        raise InputError(msg) from error


def pairs_from_table(table: Table) -> tuple[Pair, ...]:
    """Build every metric of a table whose columns carry the metric's name as prefix.

    Raises
    ------
    InputError
        If a column carries no prefix, or a metric's columns fit no kind.
    """
    metrics: dict[str, Columns] = {}
    for column, values in table.columns.items():
        if column == TIME:
            continue
        metric, dot, part = column.partition(".")
        if not dot or not METRIC_NAME.fullmatch(metric):
            msg = (
                f"{table.where}: the column {column!r} names no metric; in a table of several "
                "metrics it must be 'time' or '<metric>.<column>', such as requests.canary_events"
            )
            raise InputError(msg)
        metrics.setdefault(metric, {})[part] = values
    if not metrics:
        msg = f"{table.where}: there is no metric in it; expected '<metric>.<column>' columns"
        raise InputError(msg)
    clock = {TIME: table.columns[TIME]} if TIME in table.columns else {}
    return tuple(
        pair_from_table(
            metric,
            replace(table, where=f"{table.where}, metric {metric!r}", columns=clock | columns),
        )
        for metric, columns in metrics.items()
    )


def _refuse_wrong_times(table: Table) -> None:
    times = table.columns[TIME]
    missing = np.flatnonzero(~np.isfinite(times))
    if missing.size:
        msg = f"{table.place(int(missing[0]), TIME)}: there is no time; every row needs one"
        raise InputError(msg)
    late = np.flatnonzero(np.diff(times) <= 0)
    if late.size:
        row = int(late[0]) + 1
        now, before = float(times[row]), float(times[row - 1])
        fault = "is there twice" if now == before else f"does not come after {before!r}"
        msg = f"{table.place(row, TIME)}: {now!r} {fault}; times must increase"
        raise InputError(msg)


def _refuse_impossible_counts(table: Table) -> None:
    for column, values in table.columns.items():
        with np.errstate(invalid="ignore"):
            bad = np.flatnonzero((values < 0) | np.isinf(values))
        if bad.size and column != TIME:
            row = int(bad[0])
            msg = (
                f"{table.place(row, column)}: {float(values[row])!r} is not a count; counts are "
                "finite and never negative (increments per tick, resets taken out)"
            )
            raise InputError(msg)


def _counts(name: str, table: Table, notes: Sequence[str]) -> Pair:
    columns = table.columns
    baseline = None
    if "baseline_events" in columns:
        baseline = (columns["baseline_events"], columns["baseline_exposure"])
    return Pair.counts(
        name,
        canary=(columns["canary_events"], columns["canary_exposure"]),
        baseline=baseline,
        times=columns[TIME],
        notes=notes,
    )


def _histogram(name: str, table: Table, notes: Sequence[str]) -> Pair:
    canary, baseline = _buckets(table, "canary"), _buckets(table, "baseline")
    bounds = sorted(canary)
    if not bounds or bounds[-1] != np.inf or (baseline and sorted(baseline) != bounds):
        msg = (
            f"{table.where}: the bounds are {bounds} on the canary and {sorted(baseline)} on the "
            "baseline; both sides must have the same, and end on canary_le_inf, baseline_le_inf"
        )
        raise InputError(msg)
    return Pair.histogram(
        name,
        upper_bounds=bounds,
        canary=np.column_stack([canary[bound] for bound in bounds]),
        baseline=np.column_stack([baseline[bound] for bound in bounds]) if baseline else None,
        times=table.columns[TIME],
        notes=notes,
    )


def _buckets(table: Table, side: str) -> dict[float, FloatArray]:
    buckets: dict[float, FloatArray] = {}
    for column, values in table.columns.items():
        match = BUCKET.fullmatch(column)
        if not match or match[1] != side:
            continue
        try:
            bound = float(match[2])
        except ValueError:
            bound = np.nan
        if np.isnan(bound) or bound in buckets:
            msg = f"{table.where}: {match[2]!r} in the column {column!r} is not a bound of its own"
            raise InputError(msg)
        buckets[bound] = values
    return buckets


def _gauge(name: str, table: Table, notes: Sequence[str]) -> Pair:
    canary, baseline, limits = (_series(table, side) for side in ("canary", "baseline", "limit"))
    if limits and set(limits) not in ({""}, set(canary)):
        msg = (
            f"{table.where}: the limit columns must be 'limit' alone or one for each of "
            f"{', '.join(f'limit:{pod}' if pod else 'limit' for pod in canary)}"
        )
        raise InputError(msg)
    limit = None
    if limits:
        wide = np.column_stack([limits[pod] if pod in limits else limits[""] for pod in canary])
        constant = all(np.array_equal(row, wide[0], equal_nan=True) for row in wide)
        limit = wide[:1] if constant else wide
    return Pair.gauge(
        name,
        canary=np.column_stack(list(canary.values())),
        baseline=np.column_stack(list(baseline.values())) if baseline else None,
        times=table.columns[TIME],
        limit=limit,
        notes=notes,
    )


def _series(table: Table, side: str) -> dict[str, FloatArray]:
    found = ((SERIES.fullmatch(column), values) for column, values in table.columns.items())
    return {m["pod"] or "": values for m, values in found if m and m["side"] == side}


def _events(name: str, table: Table, notes: Sequence[str]) -> Pair:
    canary, baseline = (list(_series(table, side).values()) for side in ("canary", "baseline"))
    return Pair.events(
        name,
        canary=np.column_stack(canary),
        baseline=np.column_stack(baseline) if baseline else None,
        times=table.columns[TIME],
        notes=notes,
    )


def _samples(name: str, table: Table, notes: Sequence[str]) -> Pair:
    columns = table.columns
    return Pair.samples(name, canary=columns["canary"], baseline=columns["baseline"], notes=notes)


_BUILD = {
    Kind.COUNTS: _counts,
    Kind.HISTOGRAM: _histogram,
    Kind.GAUGE: _gauge,
    Kind.EVENTS: _events,
    Kind.SAMPLES: _samples,
}
