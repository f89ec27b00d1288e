"""One reader for each kind of metric: from tables of both sides to a pair with its notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from canarystats.sources.buckets import bucket_rows, histograms, shared_bounds
from canarystats.sources.counts import count_rows, event_rows, silence_is_zero
from canarystats.sources.gauges import gauge_columns, limit_columns
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable

    from canarystats.policy import Metric
    from canarystats.sources.series import FloatArray, Table
    from canarystats.sources.sides import Side

NEEDED = {
    Kind.COUNTS: ("events", "exposure"),
    Kind.EVENTS: ("events",),
    Kind.HISTOGRAM: ("buckets",),
    Kind.GAUGE: ("value",),
}


def _told(side: Side, notes: Iterable[str]) -> list[str]:
    """The notes with the side they are about, which is said after their first word."""
    return [note.replace(": ", f": {side.name}: ", 1) for note in notes]


def _table_notes(side: Side, tables: Iterable[Table]) -> list[str]:
    notes: list[str] = []
    for table in tables:
        notes += table.notes
        if not table.series:
            notes += _told(side, [f"no_series: {table.query}"])
        notes += _told(side, table.gap_notes())
    return notes


def _scale_notes(scale: float) -> list[str]:
    return [] if scale == 1.0 else [f"scale: what the server holds, times {scale:g}"]


def _once(notes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))


def _read_counts(metric: Metric, sides: tuple[Side, ...], remarks: list[str]) -> Pair:
    asked = str(metric.query.events), str(metric.query.exposure)
    tables = [[side.table(query) for query in asked] for side in sides]
    notes, rows = list(remarks), []
    for side, own in zip(sides, tables, strict=True):
        elsewhere = any(table[0].series for table in tables)
        quiet, why = silence_is_zero(asked[0], own[0], own[1], seen_elsewhere=elsewhere)
        counted, more = count_rows(own[0], own[1], side, silence_is_zero=quiet)
        silent = quiet and not own[0].series
        notes += _table_notes(side, own[1:] if silent else own)
        notes += _told(side, [why] if why and own[1].series else []) + _told(side, more)
        rows.append(counted)
    return Pair.counts(
        metric.name,
        canary=(rows[0][:, 0], rows[0][:, 1]),
        baseline=(rows[1][:, 0], rows[1][:, 1]) if len(rows) > 1 else None,
        times=sides[0].grid.times[1:],
        notes=_once(notes),
    )


def _read_events(metric: Metric, sides: tuple[Side, ...], remarks: list[str]) -> Pair:
    notes, rows = list(remarks), []
    for side in _there(sides, str(metric.query.events)):
        table = side.table(str(metric.query.events))
        counted, more = event_rows(table, side)
        notes += [*_table_notes(side, [table]), *_told(side, more)]
        rows.append(counted)
    return Pair.events(
        metric.name,
        canary=rows[0],
        baseline=rows[1] if len(rows) > 1 else None,
        times=sides[0].grid.times[1:],
        notes=_once(notes),
    )


def _there(sides: tuple[Side, ...], query: str) -> tuple[Side, ...]:
    """The canary, and the baseline if it has series: of what needs no twin it may have none."""
    return tuple(side for side in sides if side is sides[0] or side.table(query).series)


def read_histogram(
    metric: Metric, sides: tuple[Side, ...], remarks: list[str], frozen: FloatArray | None
) -> Pair | None:
    """A histogram on the bounds all its parts share, or on frozen ones; None if there are none."""
    query = str(metric.query.buckets)
    field = f"metrics.{metric.name}.query.buckets"
    tables = [side.table(query) for side in sides]
    scale = metric.query.scale
    found = [[one.scaled(scale) for one in histograms(table, field)] for table in tables]
    bounds, merged = shared_bounds([one for own in found for one in own], field, frozen)
    if len(bounds) < 2:
        return None
    notes, rows = [*remarks, *_scale_notes(scale), *merged], []
    for side, table, own in zip(sides, tables, found, strict=True):
        counted, more = bucket_rows(own, bounds, side.grid.size - 1, side, query=table.query)
        notes += _table_notes(side, [table]) + _told(side, more)
        rows.append(counted)
    times = sides[0].grid.times[1:]
    baseline = rows[1] if len(rows) > 1 else None
    for array in (bounds, times, *rows):
        array.setflags(write=False)
    # not Pair.histogram: it guesses whether buckets are cumulative, and here that is known
    return Pair(metric.name, Kind.HISTOGRAM, times, rows[0], baseline, bounds, notes=_once(notes))


def _read_gauge(metric: Metric, sides: tuple[Side, ...], remarks: list[str]) -> Pair:
    if not metric.compare:
        sides = _there(sides, str(metric.query.value))
    tables = [side.table(str(metric.query.value)) for side in sides]
    scale, limit = metric.query.scale, None
    notes = [*remarks, *_scale_notes(scale)]
    for side, table in zip(sides, tables, strict=True):
        notes += _table_notes(side, [table])
    if metric.query.limit:
        limits = sides[0].settings(metric.query.limit)
        limit, more = limit_columns(tables[0], limits)
        notes += [*limits.notes, *_told(sides[0], more)]
        if not limits.series:
            notes += _told(sides[0], [f"no_series: {limits.query}"])
    return Pair.gauge(
        metric.name,
        canary=scale * gauge_columns(tables[0]),
        baseline=scale * gauge_columns(tables[1]) if len(tables) > 1 else None,
        times=sides[0].grid.times[1:],
        limit=None if limit is None else scale * limit,
        notes=_once(notes),
    )


READERS = {
    Kind.COUNTS: _read_counts,
    Kind.EVENTS: _read_events,
    Kind.GAUGE: _read_gauge,
}
