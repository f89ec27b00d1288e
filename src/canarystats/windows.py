"""Windows hold numbers: one metric of the canary beside the same metric of its baseline.

A `Pair` is immutable: arrays are copied and made read-only. One row is one tick. A missed scrape
is NaN and stays NaN; a zero is a measurement. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from canarystats import arrays
from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]


class Kind(StrEnum):
    """What the numbers of a metric are."""

    GAUGE = "gauge"
    SAMPLES = "samples"
    COUNTS = "counts"
    HISTOGRAM = "histogram"
    EVENTS = "events"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pair:
    """One metric of the canary and of its baseline over the same ticks.

    Build one with `gauge`, `samples`, `counts`, `histogram` or `events`; the fields below are
    what those leave behind.

    Parameters
    ----------
    name
        The metric's name, as the policy spells it.
    kind
        What the numbers are.
    times
        Unix seconds, shape (n,), strictly increasing; None for `samples` and for windows that are
        compared but never judged.
    canary, baseline
        Shape (n, columns): pods of a gauge, (events, exposure) of counts, buckets of a histogram,
        one column otherwise; samples have one row per observation. ``baseline`` is None where the
        metric has no twin.
    upper_bounds
        Upper bucket bounds of a histogram, shape (k,), the last one infinite.
    limit
        Limit of a gauge, shape (n, pods) or (1, pods), in the gauge's unit; 0 means unlimited.
    notes
        What was wrong with the data on its way here, such as ``"partial_response: ..."``.
    segments, canary_by, baseline_by
        Where the metric comes by segment of the traffic (`by_segment`): their names, and both
        sides by segment, shape (n, S, columns); ``canary`` and ``baseline`` are then their sums.
    """

    name: str
    kind: Kind
    times: FloatArray | None
    canary: FloatArray
    baseline: FloatArray | None
    upper_bounds: FloatArray | None = None
    limit: FloatArray | None = None
    notes: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    canary_by: FloatArray | None = None
    baseline_by: FloatArray | None = None

    @classmethod
    def gauge(
        cls,
        name: str,
        *,
        canary: ArrayLike,
        baseline: ArrayLike | None = None,
        times: ArrayLike | None = None,
        limit: ArrayLike | None = None,
        notes: Sequence[str] = (),
    ) -> Pair:
        """Values read at each tick, one column a pod.

        Parameters
        ----------
        name
            The metric's name.
        canary, baseline
            Shape (n,) or (n, pods), any unit; NaN is a missed scrape. The two sides may have
            different numbers of pods.
        times
            Unix seconds, or times with a zone, shape (n,), strictly increasing.
        limit
            The canary's limit in the same unit: a number, shape (pods,) or (n, pods).
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If a shape, an order or a number cannot be right.
        """
        field = f"metric {name!r}: "
        left = arrays.table(canary, field + "canary")
        right = None if baseline is None else arrays.table(baseline, field + "baseline")
        clock = arrays.clock(times, len(left), field)
        if right is not None:
            arrays.require_same_rows(left, right, field)
        bounds = None if limit is None else arrays.limits(limit, left.shape, field)
        return cls(name, Kind.GAUGE, clock, left, right, limit=bounds, notes=tuple(notes))

    @classmethod
    def samples(
        cls, name: str, *, canary: ArrayLike, baseline: ArrayLike, notes: Sequence[str] = ()
    ) -> Pair:
        """Raw observations without times, such as single request latencies.

        Parameters
        ----------
        name
            The metric's name.
        canary, baseline
            Shape (n,) and (m,), any unit; NaN is dropped, infinities are ranked.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If a side is not one-dimensional or not numeric.
        """
        sides = []
        for label, values in (("canary", canary), ("baseline", baseline)):
            side = arrays.numbers(values, f"metric {name!r}: {label}")
            if side.ndim != 1:
                msg = f"metric {name!r}: {label} has shape {side.shape}; samples must be flat, (n,)"
                raise InputError(msg)
            sides.append(arrays.frozen(side[~np.isnan(side)][:, None]))
        return cls(name, Kind.SAMPLES, None, sides[0], sides[1], notes=tuple(notes))

    @classmethod
    def counts(
        cls,
        name: str,
        *,
        canary: tuple[ArrayLike, ArrayLike],
        baseline: tuple[ArrayLike, ArrayLike] | None = None,
        times: ArrayLike | None = None,
        notes: Sequence[str] = (),
    ) -> Pair:
        """Events out of an exposure at each tick, such as errors out of requests.

        Parameters
        ----------
        name
            The metric's name.
        canary, baseline
            ``(events, exposure)``, each of shape (n,): what happened *within* each tick, never
            running totals. NaN is a missed scrape.
        times
            Unix seconds, or times with a zone, shape (n,), strictly increasing.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If a count is negative or infinite, counts look like running totals, or a shape or an
            order cannot be right.
        """
        field = f"metric {name!r}: "
        left = arrays.counts(canary, field + "canary")
        right = None if baseline is None else arrays.counts(baseline, field + "baseline")
        clock = arrays.clock(times, len(left), field)
        if right is not None:
            arrays.require_same_rows(left, right, field)
        arrays.refuse_totals(left, right, field)
        return cls(name, Kind.COUNTS, clock, left, right, notes=tuple(notes))

    @classmethod
    def histogram(
        cls,
        name: str,
        *,
        upper_bounds: ArrayLike,
        canary: ArrayLike,
        baseline: ArrayLike | None = None,
        times: ArrayLike | None = None,
        notes: Sequence[str] = (),
    ) -> Pair:
        """Bucket counts at each tick.

        Parameters
        ----------
        name
            The metric's name.
        upper_bounds
            Upper bucket bounds, shape (k,), increasing, the last one infinite, any unit.
        canary, baseline
            Shape (n, k): observations that fell *into* each bucket *within* each tick. Prometheus
            buckets are cumulative in both senses and must be differenced first. NaN is a missed
            scrape.
        times
            Unix seconds, or times with a zone, shape (n,), strictly increasing.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If bounds or counts cannot be right, or counts look cumulative, over buckets or time.
        """
        field = f"metric {name!r}: "
        bounds = arrays.upper_bounds(upper_bounds, field)
        left = arrays.buckets(canary, len(bounds), field + "canary")
        right = (
            None if baseline is None else arrays.buckets(baseline, len(bounds), field + "baseline")
        )
        clock = arrays.clock(times, len(left), field)
        if right is not None:
            arrays.require_same_rows(left, right, field)
        arrays.refuse_cumulative(left, right, field)
        arrays.refuse_totals(left, right, field)
        return cls(
            name, Kind.HISTOGRAM, clock, left, right, upper_bounds=bounds, notes=tuple(notes)
        )

    @classmethod
    def events(
        cls,
        name: str,
        *,
        canary: ArrayLike,
        baseline: ArrayLike | None = None,
        times: ArrayLike | None = None,
        notes: Sequence[str] = (),
    ) -> Pair:
        """Things that must not happen: how many happened on the canary within each tick.

        Parameters
        ----------
        name
            The metric's name.
        canary
            Shape (n,) or (n, series): increments, never running totals; NaN is a missed scrape.
        baseline
            The same on the baseline, any number of series: whether it has the trouble too.
        times
            Unix seconds, or times with a zone, shape (n,), strictly increasing.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If a count is negative or infinite, or a shape or an order cannot be right.
        """
        field = f"metric {name!r}: "
        left = arrays.table(canary, field + "canary")
        arrays.refuse_impossible_counts(left, field + "canary")
        right = None if baseline is None else arrays.table(baseline, field + "baseline")
        if right is not None:
            arrays.refuse_impossible_counts(right, field + "baseline")
            arrays.require_same_rows(left, right, field)
        clock = arrays.clock(times, len(left), field)
        return cls(name, Kind.EVENTS, clock, left, right, notes=tuple(notes))

    @classmethod
    def by_segment(cls, parts: Mapping[str, Pair]) -> Pair:
        """One metric in segments of the traffic, such as internal, beta and premium users.

        The two sides are then compared within each segment, so that a canary that serves another
        mix of users is not taken for a worse one.

        Parameters
        ----------
        parts
            By segment, the same metric on the same clock: counts, or histograms with the same
            buckets. A segment that only the canary serves has no baseline.

        Raises
        ------
        InputError
            If there is no part, or the parts are not of one metric, kind, clock and buckets.
        """
        if not parts:
            msg = "parts is empty; a metric by segment has at least one"
            raise InputError(msg)
        names = tuple(sorted(parts))
        pairs = [parts[name] for name in names]
        first = pairs[0]
        for name, pair in zip(names, pairs, strict=True):
            _require_alike(name, pair, first)
        canary = np.stack([pair.canary for pair in pairs], axis=1)
        nothing = np.full_like(first.canary, np.nan)
        others = [nothing if pair.baseline is None else pair.baseline for pair in pairs]
        baseline = np.stack(others, axis=1)
        twin = any(pair.baseline is not None for pair in pairs)
        notes = dict.fromkeys(note for pair in pairs for note in pair.notes)
        return replace(
            first,
            canary=_sum_of_read(canary),
            baseline=_sum_of_read(baseline) if twin else None,
            notes=tuple(notes),
            segments=names,
            canary_by=arrays.frozen(canary),
            baseline_by=arrays.frozen(baseline),
        )

    @property
    def n_ticks(self) -> int:
        """How many rows the pair holds."""
        return len(self.canary)

    def swapped(self) -> Pair:
        """The same pair with canary and baseline exchanged."""
        if self.baseline is None:
            msg = f"metric {self.name!r}: there is no baseline to swap with"
            raise InputError(msg)
        return replace(
            self,
            canary=self.baseline,
            baseline=self.canary,
            canary_by=self.baseline_by,
            baseline_by=self.canary_by,
        )

    def rows(self, start: int, stop: int) -> Pair:
        """Ticks ``start`` up to but not including ``stop``."""
        part = slice(start, stop)
        limit = self.limit
        return replace(
            self,
            times=None if self.times is None else self.times[part],
            canary=self.canary[part],
            baseline=None if self.baseline is None else self.baseline[part],
            limit=limit if limit is None or len(limit) == 1 else limit[part],
            canary_by=None if self.canary_by is None else self.canary_by[part],
            baseline_by=None if self.baseline_by is None else self.baseline_by[part],
        )

    def __repr__(self) -> str:
        if self.kind is Kind.SAMPLES:
            other = 0 if self.baseline is None else len(self.baseline)
            return f"Pair {self.name!r}: {len(self.canary)} canary and {other} baseline samples."
        missing = int(np.isnan(self.canary).all(axis=1).sum())
        twin = "no baseline" if self.baseline is None else "canary and baseline"
        gaps = f", {missing} missing on the canary" if missing else ""
        by = f" by segment ({', '.join(self.segments)})" if self.segments else ""
        return f"Pair {self.name!r}: {self.kind}{by}, {twin}, {self.n_ticks} ticks{gaps}."


def _require_alike(segment: str, pair: Pair, first: Pair) -> None:
    """Refuse a segment that cannot stand beside the others."""
    where = f"segment {segment!r}: "
    if not isinstance(pair, Pair):
        msg = f"{where}it is {type(pair).__name__}; it must be a Pair"
        raise InputError(msg)
    if pair.kind not in {Kind.COUNTS, Kind.HISTOGRAM}:
        msg = f"{where}it is {pair.kind}; only counts and histograms come by segment"
        raise InputError(msg)
    if pair.segments:
        msg = f"{where}it is by segment already"
        raise InputError(msg)
    for what, same in (
        (f"of metric {first.name!r}", pair.name == first.name),
        (f"{first.kind}", pair.kind is first.kind),
        ("on the clock of the others", _equal(pair.times, first.times)),
        ("as long as the others", len(pair.canary) == len(first.canary)),
        ("in the buckets of the others", _equal(pair.upper_bounds, first.upper_bounds)),
    ):
        if not same:
            msg = f"{where}it is not {what}"
            raise InputError(msg)


def _equal(one: FloatArray | None, other: FloatArray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _sum_of_read(sides: FloatArray) -> FloatArray:
    """Sums over segments, shape (n, columns), of those that were read; NaN where none was."""
    read = np.isfinite(sides.sum(axis=2, keepdims=True))
    total = np.where(read, sides, 0.0).sum(axis=1)
    return arrays.frozen(np.where(read.any(axis=1), total, np.nan))
