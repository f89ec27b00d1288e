"""Series on the grid of ticks: which points are there, and which are fresh.

Prometheus repeats a sample for five minutes where nothing newer came. Such a repeat is not data:
a point is *fresh* at a tick only if its sample was taken within that tick.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from canarystats.arrays import MILLISECONDS_FROM
from canarystats.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Labels = dict[str, str]
TARGET = ("job", "instance")  # the two labels that name what Prometheus scraped

MOST_TICKS = 1_000_000  # half a year at 15 s; more is a slip, and would fill the memory


class Bucket(NamedTuple):
    """One populated bucket of a native histogram."""

    lower: float
    upper: float
    observed: float


@dataclass(frozen=True, slots=True)
class Grid:
    """Evenly spaced times, in whole milliseconds so that they are exact.

    Parameters
    ----------
    first_ms
        The first time.
    step_ms
        The distance between two.
    size
        How many there are.
    """

    first_ms: int
    step_ms: int
    size: int

    @classmethod
    def of_ticks(cls, start: float, end: float, interval_seconds: float) -> Grid:
        """Every tick in ``(start, end]``, led by the one before, which is the starting value.

        Raises
        ------
        InputError
            If a time is not in Unix seconds, or the end comes before the start.
        """
        for name, value in (("start", start), ("end", end)):
            if not math.isfinite(value) or abs(value) > MILLISECONDS_FROM:
                msg = f"{name} is {value!r}; it must be Unix seconds (not milliseconds)"
                raise InputError(msg)
        if end < start:
            msg = f"end {end!r} comes before start {start!r}"
            raise InputError(msg)
        step_ms = round(interval_seconds * 1000)
        if step_ms < 1 or abs(step_ms - interval_seconds * 1000) > 1e-6:
            msg = f"interval is {interval_seconds!r} s; it must be a whole number of milliseconds"
            raise InputError(msg)
        before = math.floor(round(start * 1e6) / 1000) // step_ms
        last = math.floor(round(end * 1e6) / 1000) // step_ms
        if last - before > MOST_TICKS:
            msg = (
                f"start {start!r} to end {end!r} holds {last - before} ticks, more than "
                f"{MOST_TICKS}; read a shorter time or a longer interval"
            )
            raise InputError(msg)
        return cls(before * step_ms, step_ms, last - before + 1)

    @property
    def times(self) -> FloatArray:
        """Unix seconds."""
        return (self.first_ms + self.step_ms * np.arange(self.size)) / 1000

    def earlier(self, seconds: float) -> Grid:
        """The same grid moved into the past."""
        return Grid(self.first_ms - round(seconds * 1000), self.step_ms, self.size)

    def chunks(self, points: int) -> list[Grid]:
        """The same times in pieces of at most ``points``."""
        return [
            Grid(self.first_ms + i * self.step_ms, self.step_ms, min(points, self.size - i))
            for i in range(0, self.size, points)
        ]

    def index(self, seconds: float) -> int | None:
        """Where a time stands on the grid, or None where it stands beside it."""
        if not math.isfinite(seconds):
            return None
        place, rest = divmod(round(seconds * 1000) - self.first_ms, self.step_ms)
        return place if rest == 0 and 0 <= place < self.size else None


@dataclass(frozen=True, slots=True)
class Series:
    """One series as a range query answers it.

    Parameters
    ----------
    labels
        Its labels, the metric's name among them.
    values
        Shape (n,), NaN where there is no point.
    present
        Shape (n,), whether there is a point (whose value may be NaN).
    histograms
        Populated buckets by place on the grid, for a native histogram.
    """

    labels: Labels
    values: FloatArray
    present: BoolArray
    histograms: dict[int, tuple[Bucket, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """The answer to one query on one side, one column a series.

    Parameters
    ----------
    query
        What was asked.
    grid
        The times, the first of which only serves as the starting value.
    series
        Sorted by their labels.
    fresh
        Shape (n, series), whether the sample was taken within the tick.
    raw
        Whether the query is a plain selector, so that a column is what a target exported.
    notes
        What the server remarked.
    """

    query: str
    grid: Grid
    series: Sequence[Series]
    fresh: BoolArray
    raw: bool
    notes: tuple[str, ...] = ()

    @property
    def values(self) -> FloatArray:
        """Shape (n, series), NaN where there is no point."""
        blank = np.full((self.grid.size, 0), np.nan)
        return np.stack([s.values for s in self.series], axis=1) if self.series else blank

    @property
    def present(self) -> BoolArray:
        """Shape (n, series), whether there is a point, fresh or repeated."""
        blank = np.zeros((self.grid.size, 0), dtype=np.bool_)
        return np.stack([s.present for s in self.series], axis=1) if self.series else blank

    @property
    def stale(self) -> BoolArray:
        """Shape (n, series), where an old sample is only repeated."""
        return self.present & ~self.fresh

    def gap_notes(self) -> list[str]:
        """Where fresh samples are missing: in the middle, at the end, at the start."""
        if not self.series:
            return []
        times, after = self.grid.times, np.logical_or.accumulate(self.fresh[::-1])[::-1]
        before = np.logical_or.accumulate(self.fresh)
        before[0] |= self.present[0]
        before = np.logical_or.accumulate(before)
        notes = []
        missed = np.flatnonzero((~self.fresh & before & after)[1:].any(axis=1)) + 1
        if missed.size:
            notes.append(
                f"missed_scrape: {self.query}: {missed.size} ticks, first at "
                f"{times[missed[0]]:.10g}; what was counted stands in the tick that follows"
            )
        tail = int((~after[1:].any(axis=1)).sum())
        if tail:
            notes.append(
                f"stale_tail: {self.query}: no fresh sample after {times[-1 - tail]:.10g}; "
                f"the last {tail} ticks are missing"
            )
        ended = int((~after[-1 - tail]).sum())
        if ended:
            notes.append(f"ended: {self.query}: {ended} of {len(self.series)} series ended early")
        head = int((~before[1:].any(axis=1)).sum())
        if 0 < head < self.grid.size - 1:
            notes.append(f"starts_late: {self.query}: no sample before {times[1 + head]:.10g}")
        return notes

    @property
    def targets(self) -> list[Labels]:
        """What each series was scraped from; empty where its labels do not say."""
        return [target_of(s.labels) for s in self.series]


def target_of(labels: Labels) -> Labels:
    """The labels that name what was scraped, or nothing unless all of them are there."""
    if all(name in labels for name in TARGET):
        return {name: labels[name] for name in TARGET}
    return {}


def without_name(labels: Labels) -> frozenset[tuple[str, str]]:
    """A series' identity as functions leave it: all labels but the metric's name."""
    return frozenset((key, value) for key, value in labels.items() if key != "__name__")


def freshness(series: Sequence[Series], stamps: Sequence[Series], grid: Grid) -> BoolArray:
    """Where each series' sample was taken within ``(t - step, t]``.

    Parameters
    ----------
    series
        What ``expr`` answered.
    stamps
        What ``timestamp(expr)`` answered on the same grid; a single one without labels stands for
        all series.
    grid
        The times.
    """
    by_labels = {without_name(stamp.labels): stamp.values for stamp in stamps}
    shared = by_labels.get(frozenset())
    nothing = np.full(grid.size, np.nan)
    oldest = grid.times - grid.step_ms / 1000
    fresh = np.zeros((grid.size, len(series)), dtype=np.bool_)
    for column, one in enumerate(series):
        taken = by_labels.get(without_name(one.labels), shared)
        taken = nothing if taken is None else taken
        # half a millisecond: times are sent in milliseconds and come back as binary fractions
        fresh[:, column] = one.present & (taken > oldest + 0.0005)
    return fresh
