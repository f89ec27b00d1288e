"""Gauges of one side, one column a series, and the limit that belongs to each column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from canarystats.sources.series import FloatArray, Labels, Series, Table

# what Prometheus adds about who exported a sample, not about what the sample describes
_EXPORTER = {"__name__", "job", "instance", "endpoint", "service", "metrics_path", "prometheus"}


def gauge_columns(table: Table) -> FloatArray:
    """Values, shape (n, series), NaN where no fresh sample is; one NaN column if there is none."""
    if not table.series:
        return np.full((table.grid.size - 1, 1), np.nan)
    return np.where(table.fresh, table.values, np.nan)[1:]


def limit_columns(table: Table, limits: Table) -> tuple[FloatArray, list[str]]:
    """The limit of each series of ``table``, matched by the labels both have.

    All common labels must agree; where that finds nothing, those that only name the exporter are
    left out, because limits often come from another exporter than usage. A limit is a setting, so
    an older sample of it still counts. An infinite limit is written 0, which means unlimited.

    Parameters
    ----------
    table
        Values, shape (n + 1, series).
    limits
        Limits over the same times.

    Returns
    -------
    tuple
        Shape (n, series), NaN where there is no limit or more than one; and notes.
    """
    width = max(len(table.series), 1)
    columns = np.full((table.grid.size - 1, width), np.nan)
    notes = []
    for column, one in enumerate(table.series):
        matches = _matches(one.labels, limits.series)
        if len(matches) == 1:
            columns[:, column] = matches[0].values[1:]
        else:
            found = "no limit" if not matches else f"{len(matches)} limits"
            notes.append(f"limit: {found} for {one.labels} among {limits.query}")
    columns[np.isposinf(columns)] = 0.0
    return columns, notes


def _matches(labels: Labels, limits: Sequence[Series]) -> list[Series]:
    for left_out in ({"__name__"}, _EXPORTER):
        found = [limit for limit in limits if _agree(labels, limit.labels, left_out)]
        if found:
            return found
    alone = len(limits) == 1 and not set(limits[0].labels) - {"__name__"}
    return list(limits) if alone else []


def _agree(left: Labels, right: Labels, left_out: Collection[str]) -> bool:
    common = [name for name in left if name in right and name not in left_out]
    return bool(common) and all(left[name] == right[name] for name in common)
