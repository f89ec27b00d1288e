"""One reader for each kind of metric: from tables of both sides to a pair with its notes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from canarystats.sources.buckets import bucket_rows, histograms, shared_bounds
from canarystats.sources.counts import count_rows, event_rows, silence_is_zero
from canarystats.sources.gauges import gauge_columns, limit_columns
from canarystats.sources.segments import part_of, segment_of, segments_of
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from canarystats.policy import Metric
    from canarystats.sources.series import FloatArray, Table
    from canarystats.sources.sides import Side

NEEDED = {
    Kind.COUNTS: ("events", "exposure"),
    Kind.EVENTS: ("events",),
    Kind.HISTOGRAM: ("buckets",),
    Kind.GAUGE: ("value",),
}


WHOLE = ""  # the name of a metric's only part, where it does not come by segment


def _told(side: Side, notes: Iterable[str], segment: str = WHOLE) -> list[str]:
    """The notes with the side they are about, which is said after their first word."""
    about = f"{side.name}, {segment}" if segment else side.name
    return [note.replace(": ", f": {about}: ", 1) for note in notes]


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


def _segments(
    metric: Metric, sides: tuple[Side, ...], tables: Sequence[Sequence[Table]]
) -> tuple[list[str], list[str]]:
    """The parts that a metric is read in, and notes; only the whole where it has no segments."""
    label = metric.query.segment_by
    if label is None:
        return [WHOLE], []
    answers = [(side.name, own) for side, own in zip(sides, tables, strict=True)]
    names, notes = segments_of(answers, label, f"metrics.{metric.name}.query.segment_by")
    return names or [WHOLE], notes


def _together(parts: dict[str, Pair], notes: Iterable[str]) -> Pair:
    whole = parts[WHOLE] if WHOLE in parts else Pair.by_segment(parts)
    return replace(whole, notes=tuple(dict.fromkeys(notes)))


def _read_counts(metric: Metric, sides: tuple[Side, ...], remarks: list[str]) -> Pair:
    asked = str(metric.query.events), str(metric.query.exposure)
    tables = [[side.table(query) for query in asked] for side in sides]
    names, said = _segments(metric, sides, tables)
    notes = [*remarks, *said]
    rows: dict[str, list[FloatArray]] = {name: [] for name in names}
    for side, own in zip(sides, tables, strict=True):
        elsewhere = any(table[0].series for table in tables)
        quiet, why = silence_is_zero(asked[0], own[0], own[1], seen_elsewhere=elsewhere)
        silent = quiet and not own[0].series
        notes += _table_notes(side, own[1:] if silent else own)
        notes += _told(side, [why] if why and own[1].series else [])
        for name in names:
            events, exposure = (part_of(table, metric.query.segment_by, name) for table in own)
            counted, more = count_rows(events, exposure, side, silence_is_zero=quiet)
            notes += _told(side, more, name)
            rows[name].append(counted)
    parts = {
        name: Pair.counts(
            metric.name,
            canary=(ours[0][:, 0], ours[0][:, 1]),
            baseline=(ours[1][:, 0], ours[1][:, 1]) if len(ours) > 1 else None,
            times=sides[0].grid.times[1:],
        )
        for name, ours in rows.items()
    }
    return _together(parts, notes)


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
    names, said = _segments(metric, sides, [[table] for table in tables])
    notes = [*remarks, *_scale_notes(scale), *merged, *said]
    rows: dict[str, list[FloatArray]] = {name: [] for name in names}
    label = metric.query.segment_by
    for side, table, own in zip(sides, tables, found, strict=True):
        notes += _table_notes(side, [table])
        for name in names:
            part = [h for h in own if not name or segment_of(h.labels, str(label)) == name]
            counted, more = bucket_rows(part, bounds, side.grid.size - 1, side, query=table.query)
            notes += _told(side, more, name)
            rows[name].append(counted)
    times = sides[0].grid.times[1:]
    for array in (bounds, times, *(one for ours in rows.values() for one in ours)):
        array.setflags(write=False)
    # not Pair.histogram: it guesses whether buckets are cumulative, and here that is known
    parts = {
        name: Pair(
            metric.name,
            Kind.HISTOGRAM,
            times,
            ours[0],
            ours[1] if len(ours) > 1 else None,
            bounds,
        )
        for name, ours in rows.items()
    }
    return _together(parts, notes)


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
