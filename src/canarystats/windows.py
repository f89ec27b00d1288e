"""Windows hold numbers: one metric of the canary beside the same metric of its baseline.

A `Pair` is immutable: arrays are copied and made read-only. One row is one tick. A missed scrape
is NaN and stays NaN; a zero is a measurement. Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

FEWEST_TO_TELL = 20  # counts in the last bucket, a row, before growth looks like accumulation
MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138: such times are milliseconds


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
    """

    name: str
    kind: Kind
    times: FloatArray | None
    canary: FloatArray
    baseline: FloatArray | None
    upper_bounds: FloatArray | None = None
    limit: FloatArray | None = None
    notes: tuple[str, ...] = ()

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
            Unix seconds, shape (n,), strictly increasing.
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
        left = _table(canary, field + "canary")
        right = None if baseline is None else _table(baseline, field + "baseline")
        clock = _times(times, len(left), field)
        if right is not None:
            _same_rows(left, right, field)
        bounds = None if limit is None else _limit(limit, left.shape, field)
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
            side = _array(values, f"metric {name!r}: {label}")
            if side.ndim != 1:
                msg = f"metric {name!r}: {label} has shape {side.shape}; samples must be flat, (n,)"
                raise InputError(msg)
            sides.append(_frozen(side[~np.isnan(side)][:, None]))
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
            Unix seconds, shape (n,), strictly increasing.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If a count is negative or infinite, or a shape or an order cannot be right.
        """
        field = f"metric {name!r}: "
        left = _counts(canary, field + "canary")
        right = None if baseline is None else _counts(baseline, field + "baseline")
        clock = _times(times, len(left), field)
        if right is not None:
            _same_rows(left, right, field)
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
            Unix seconds, shape (n,), strictly increasing.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If bounds or counts cannot be right, or the buckets look cumulative.
        """
        field = f"metric {name!r}: "
        bounds = _upper_bounds(upper_bounds, field)
        left = _buckets(canary, len(bounds), field + "canary")
        right = None if baseline is None else _buckets(baseline, len(bounds), field + "baseline")
        clock = _times(times, len(left), field)
        if right is not None:
            _same_rows(left, right, field)
        _refuse_cumulative(left, right, field)
        return cls(
            name, Kind.HISTOGRAM, clock, left, right, upper_bounds=bounds, notes=tuple(notes)
        )

    @classmethod
    def events(
        cls,
        name: str,
        *,
        canary: ArrayLike,
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
        times
            Unix seconds, shape (n,), strictly increasing.
        notes
            What was wrong with the data on its way here.

        Raises
        ------
        InputError
            If a count is negative or infinite, or a shape or an order cannot be right.
        """
        field = f"metric {name!r}: "
        left = _table(canary, field + "canary")
        _refuse_impossible_counts(left, field + "canary")
        clock = _times(times, len(left), field)
        return cls(name, Kind.EVENTS, clock, left, None, notes=tuple(notes))

    @property
    def n_ticks(self) -> int:
        """How many rows the pair holds."""
        return len(self.canary)

    def swapped(self) -> Pair:
        """The same pair with canary and baseline exchanged."""
        if self.baseline is None:
            msg = f"metric {self.name!r}: there is no baseline to swap with"
            raise InputError(msg)
        return replace(self, canary=self.baseline, baseline=self.canary)

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
        )

    def __repr__(self) -> str:
        if self.kind is Kind.SAMPLES:
            other = 0 if self.baseline is None else len(self.baseline)
            return f"Pair {self.name!r}: {len(self.canary)} canary and {other} baseline samples."
        missing = int(np.isnan(self.canary).all(axis=1).sum())
        twin = "no baseline" if self.baseline is None else "canary and baseline"
        gaps = f", {missing} missing on the canary" if missing else ""
        return f"Pair {self.name!r}: {self.kind}, {twin}, {self.n_ticks} ticks{gaps}."


def _array(values: ArrayLike, field: str) -> FloatArray:
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{field} is not an array of numbers: {error}"
        raise InputError(msg) from error
    return array


def _frozen(array: FloatArray) -> FloatArray:
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def _table(values: ArrayLike, field: str) -> FloatArray:
    array = _array(values, field)
    if array.ndim == 0:
        array = array[None]
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        msg = f"{field} has shape {array.shape}; it must be (n,) or (n, columns)"
        raise InputError(msg)
    return _frozen(array)


def _same_rows(left: FloatArray, right: FloatArray, field: str) -> None:
    if len(left) != len(right):
        msg = f"{field}canary has {len(left)} ticks, baseline has {len(right)}; they must agree"
        raise InputError(msg)


def _times(values: ArrayLike | None, n: int, field: str) -> FloatArray | None:
    if values is None:
        return None
    times = _array(values, field + "times")
    if times.ndim == 0:
        times = times[None]
    if times.shape != (n,):
        msg = f"{field}times has shape {times.shape}; there are {n} ticks"
        raise InputError(msg)
    if not np.isfinite(times).all():
        msg = f"{field}times[{int(np.argmin(np.isfinite(times)))}] is not a finite number"
        raise InputError(msg)
    late = np.flatnonzero(np.diff(times) <= 0)
    if late.size:
        i = int(late[0]) + 1
        msg = (
            f"{field}times[{i}] = {float(times[i])} does not come after "
            f"times[{i - 1}] = {float(times[i - 1])}; times must increase"
        )
        raise InputError(msg)
    if n and times[-1] > MILLISECONDS_FROM:
        msg = (
            f"{field}times[{n - 1}] = {float(times[-1])}; times are Unix seconds, not milliseconds"
        )
        raise InputError(msg)
    return _frozen(times)


def _refuse_impossible_counts(array: FloatArray, field: str) -> None:
    with np.errstate(invalid="ignore"):
        bad = np.argwhere((array < 0) | np.isinf(array))
    if bad.size:
        row, column = (int(i) for i in bad[0])
        msg = (
            f"{field}[{row}, {column}] is {float(array[row, column])}; counts are finite and never "
            "negative (give increments per tick, with counter resets taken out)"
        )
        raise InputError(msg)


def _counts(side: tuple[ArrayLike, ArrayLike], field: str) -> FloatArray:
    if not isinstance(side, tuple | list) or len(side) != 2:
        msg = f"{field} must be a pair (events, exposure)"
        raise InputError(msg)
    events = np.atleast_1d(_array(side[0], field + ".events"))
    exposure = np.atleast_1d(_array(side[1], field + ".exposure"))
    if events.ndim != 1 or events.shape != exposure.shape:
        msg = (
            f"{field}: events has shape {events.shape}, exposure {exposure.shape}; "
            "both must be (n,), one row a tick"
        )
        raise InputError(msg)
    for label, column in (("events", events), ("exposure", exposure)):
        _refuse_impossible_counts(column[:, None], f"{field}.{label}")
    table = np.stack([events, exposure], axis=1)
    table[np.isnan(table).any(axis=1)] = np.nan
    without = np.flatnonzero((table[:, 1] == 0) & (table[:, 0] > 0))
    if without.size:
        i = int(without[0])
        msg = f"{field}.events[{i}] is {float(table[i, 0])} where the exposure is 0"
        raise InputError(msg)
    return _frozen(table)


def _upper_bounds(values: ArrayLike, field: str) -> FloatArray:
    bounds = _array(values, field + "upper_bounds")
    if bounds.ndim != 1 or len(bounds) < 2 or np.isnan(bounds).any():
        msg = f"{field}upper_bounds must be a list of at least two bounds"
        raise InputError(msg)
    if (np.diff(bounds) <= 0).any() or not np.isposinf(bounds[-1]):
        msg = f"{field}upper_bounds must increase and end on infinity, got {bounds.tolist()}"
        raise InputError(msg)
    return _frozen(bounds)


def _buckets(values: ArrayLike, k: int, field: str) -> FloatArray:
    array = _array(values, field)
    if array.ndim == 1 and k == array.size:
        array = array[None, :]
    if array.ndim != 2 or array.shape[1] != k:
        msg = f"{field} has shape {array.shape}; it must be (n, {k}), one column a bucket"
        raise InputError(msg)
    _refuse_impossible_counts(array, field)
    array[np.isnan(array).any(axis=1)] = np.nan
    return _frozen(array)


def _refuse_cumulative(left: FloatArray, right: FloatArray | None, field: str) -> None:
    sides = [side[~np.isnan(side[:, 0])] for side in (left, right) if side is not None]
    if all(_looks_cumulative(side) for side in sides):
        msg = (
            f"{field}every row grows from bucket to bucket, so these look like cumulative buckets "
            "(Prometheus `le`); give plain ones: np.diff(buckets, axis=1, prepend=0)"
        )
        raise InputError(msg)


def _looks_cumulative(side: FloatArray) -> bool:
    # Plain counts grow from bucket to bucket too when there are few of them, or when a total
    # outage piles everything up in the last bucket; then few of the numbers differ.
    totals = side.sum(axis=0)
    if totals[-1] < FEWEST_TO_TELL * max(len(side), 1):
        return False
    return bool((np.diff(side, axis=1) >= 0).all()) and len(np.unique(totals[totals > 0])) >= 3


def _limit(values: ArrayLike, shape: tuple[int, ...], field: str) -> FloatArray:
    limit = _array(values, field + "limit")
    if limit.ndim < 2:
        limit = np.atleast_2d(limit)
    try:
        wide = np.broadcast_to(limit, (len(limit), shape[1]))
    except ValueError:
        wide = limit
    if wide.shape not in {(1, shape[1]), shape}:
        msg = f"{field}limit has shape {limit.shape}; it must be a number, (pods,) or (n, pods)"
        raise InputError(msg)
    with np.errstate(invalid="ignore"):
        if (wide < 0).any():
            msg = f"{field}limit is negative; 0 means unlimited"
            raise InputError(msg)
    return _frozen(wide.copy())
