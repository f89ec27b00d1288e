"""Increments of counters per series and tick, from values that only ever grow or restart.

The increment at a tick is what was counted since the series' previous fresh sample: one tick's
worth ordinarily, more after a missed scrape. A decrease is a restart, so that the new value is
what was counted since. Nothing is extrapolated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, Protocol

import numpy as np

from canarystats.errors import SourceError, SourceErrorKind
from canarystats.sources.series import target_of

if TYPE_CHECKING:
    from canarystats.sources.series import BoolArray, FloatArray, Labels, Table


class Scraped(Protocol):
    """Says when a target's scrapes arrived."""

    def scraped(self, target: Labels) -> BoolArray:
        """Shape (n,), whether a scrape of the target (of any, where empty) is fresh there."""
        ...


def increments(table: Table, scrapes: Scraped) -> tuple[FloatArray, list[str]]:
    """What each series counted within each tick.

    Parameters
    ----------
    table
        Counters, shape (n + 1, series); the first row is only the starting value.
    scrapes
        When each target was scraped, which tells a series that is born at its first event from a
        target that is seen for the first time.

    Returns
    -------
    tuple
        Increments, shape (n, series), NaN where there is none; and notes about resets and about
        first values that could not be counted.

    Raises
    ------
    SourceError
        Kind ``malformed``: a counter is negative or infinite.
    """
    values = table.values
    refuse_impossible(values, table)
    grown = np.full((table.grid.size - 1, len(table.series)), np.nan)
    resets: list[int] = []
    starts: list[int] = []
    for column, one in enumerate(table.series):
        target = target_of(one.labels)
        places = np.flatnonzero(usable(values[:, column], table.fresh[:, column]))
        if not places.size:
            continue
        seen = values[places, column]
        fell = np.diff(seen) < 0
        anew = fell | reborn_after(places, one.present, scrapes, target)[1:]
        step = np.where(anew, seen[1:], np.diff(seen))
        if not table.raw:
            step[fell] = np.nan  # of a sum or a join, a decrease does not say what was counted
        grown[places[1:] - 1, column] = step
        resets += places[1:][fell].tolist()
        if places[0] > 0 and not count_from_birth(
            grown[:, column], int(places[0]), float(seen[0]), scrapes.scraped(target)
        ):
            starts.append(int(places[0]))
    return grown, _notes(table, resets, starts)


def count_from_birth(
    grown: FloatArray, first: int, value: float | FloatArray, scraped: BoolArray
) -> bool:
    """Count a series from zero that its target, scraped before, did not have yet.

    Parameters
    ----------
    grown
        Increments to fill, shape (n, ...): the first value at its tick, zero where the target was
        scraped before that.
    first
        The place of its first sample among the n + 1 times.
    value
        Its first value.
    scraped
        When the target was scraped, shape (n + 1,).

    Returns
    -------
    bool
        False, and nothing filled, where the target was not seen before.
    """
    watched = scraped[:first]
    if not watched.any():
        return False
    grown[: first - 1][watched[1:]] = 0.0
    grown[first - 1] = value
    return True


def usable(values: FloatArray, fresh: BoolArray) -> BoolArray:
    """Where a counter can be read; its starting value may be old, for that is when it was seen."""
    known = fresh & ~np.isnan(values)
    known[0] = not np.isnan(values[0])
    return known


def reborn_after(
    places: np.ndarray[tuple[int, ...], np.dtype[np.intp]],
    present: BoolArray,
    scrapes: Scraped,
    target: Labels,
) -> BoolArray:
    """Where a series comes back after its target was scraped without it, so that it began anew.

    Without the labels of a target nothing is known of its scrapes, and a gap is only a gap.
    """
    reborn = np.zeros(len(places), dtype=np.bool_)
    spans = np.flatnonzero(np.diff(places) > 1) + 1
    if spans.size and target:
        without = scrapes.scraped(target) & ~present
        for i in spans:
            reborn[i] = without[places[i - 1] + 1 : places[i]].any()
    return reborn


def refuse_impossible(values: FloatArray, table: Table) -> None:
    """Refuse values that no counter has.

    Raises
    ------
    SourceError
        Kind ``malformed``: a value is negative or infinite.
    """
    with np.errstate(invalid="ignore"):
        bad = np.argwhere((values < 0) | np.isinf(values))
    if bad.size:
        row, column = (int(i) for i in bad[0])
        _malformed(
            f"{table.query}: the series {table.series[column].labels} is "
            f"{values[row, column]} at {table.grid.times[row]:.10g}; a counter is finite and "
            "never negative"
        )


def _notes(table: Table, resets: list[int], starts: list[int]) -> list[str]:
    notes = []
    times = table.grid.times
    if resets:
        what = "counter_reset" if table.raw else "aggregate_fell"
        left = "" if table.raw else ", and what was counted there is unknown"
        notes.append(
            f"{what}: {table.query}: {len(resets)} times, first at {times[min(resets)]:.10g}{left}"
        )
    if starts:
        notes.append(
            f"new_target: {table.query}: {len(starts)} series began with a target not seen "
            f"before, first at {times[min(starts)]:.10g}; a first value is only a start"
        )
    return notes


def _malformed(message: str) -> NoReturn:
    raise SourceError(SourceErrorKind.MALFORMED, message)
