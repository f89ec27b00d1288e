"""What callers hand in, checked, copied and frozen; every error names the field it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

FEWEST_TO_TELL = 5  # counts in the last bucket before growth looks like accumulation
LARGEST = 1e150  # beyond it squares overflow
MILLISECONDS_FROM = 1e11  # as seconds this is the year 5138: such times are milliseconds
TOTALS_FROM = 30  # ticks without one step back, on every side, before counts look like totals


def numbers(values: ArrayLike, field: str) -> FloatArray:
    """An array of floats, NaN where a mask hides them, or an error that names the field."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.where(np.ma.getmaskarray(values), np.nan, values.data)
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"{field} is not an array of numbers: {error}"
        raise InputError(msg) from error
    return array


def rows(values: ArrayLike, field: str) -> FloatArray:
    """Series of shape (K, n) out of one of shape (n,) or K of them."""
    series = numbers(values, field)
    if series.ndim not in {1, 2}:
        msg = f"{field} has shape {series.shape}; it must be (n,) or (K, n)"
        raise InputError(msg)
    return np.atleast_2d(series)


def squarable(array: FloatArray) -> FloatArray:
    """Numbers whose squares neither overflow nor vanish: beyond them infinity, below them 0."""
    size = np.abs(array)
    array = np.where(size < 1 / LARGEST, 0.0, array)
    return np.where(size > LARGEST, np.copysign(np.inf, array), array)


def frozen(array: FloatArray) -> FloatArray:
    """The array, contiguous and read-only."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def table(values: ArrayLike, field: str) -> FloatArray:
    """A read-only array of shape (n, columns)."""
    array = numbers(values, field)
    if array.ndim == 0:
        array = array[None]
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        msg = f"{field} has shape {array.shape}; it must be (n,) or (n, columns)"
        raise InputError(msg)
    return frozen(array)


def require_same_rows(left: FloatArray, right: FloatArray, field: str) -> None:
    """Refuse two sides of different length."""
    if len(left) != len(right):
        msg = f"{field}canary has {len(left)} ticks, baseline has {len(right)}; they must agree"
        raise InputError(msg)


def clock(values: ArrayLike | None, n: int, field: str) -> FloatArray | None:
    """Unix seconds, shape (n,), strictly increasing; None stays None.

    Dates and times that know their time zone are taken too.
    """
    if values is None:
        return None
    times = numbers(_as_seconds(values, field), field + "times")
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
    return frozen(times)


def _as_seconds(values: ArrayLike, field: str) -> ArrayLike:
    """Unix seconds of dates and times with a zone; anything else as it is."""
    try:
        array = np.asarray(values)
    except ValueError:  # a ragged list, which is refused as such
        return values
    dated = array.dtype.kind == "M"
    if array.dtype == object and array.size:
        dated = all(hasattr(moment, "timestamp") for moment in array.flat)
    if not dated:
        return values
    if array.dtype.kind == "M" or any(moment.tzinfo is None for moment in array.flat):
        msg = f"{field}times have no time zone; give Unix seconds, or tz_localize them first"
        raise InputError(msg)
    return [moment.timestamp() for moment in array.flat]


def refuse_impossible_counts(array: FloatArray, field: str) -> None:
    """Refuse negative and infinite counts; NaN is a missed scrape."""
    with np.errstate(invalid="ignore"):
        bad = np.argwhere((array < 0) | np.isinf(array))
    if bad.size:
        row, column = (int(i) for i in bad[0])
        msg = (
            f"{field}[{row}, {column}] is {float(array[row, column])}; counts are finite and never "
            "negative (give increments per tick, with counter resets taken out)"
        )
        raise InputError(msg)


def counts(side: tuple[ArrayLike, ArrayLike], field: str) -> FloatArray:
    """A side of (events, exposure) as a table of shape (n, 2)."""
    if not isinstance(side, tuple | list) or len(side) != 2:
        msg = f"{field} must be a pair (events, exposure)"
        raise InputError(msg)
    events = np.atleast_1d(numbers(side[0], field + ".events"))
    exposure = np.atleast_1d(numbers(side[1], field + ".exposure"))
    if events.ndim != 1 or events.shape != exposure.shape:
        msg = (
            f"{field}: events has shape {events.shape}, exposure {exposure.shape}; "
            "both must be (n,), one row a tick"
        )
        raise InputError(msg)
    for label, column in (("events", events), ("exposure", exposure)):
        refuse_impossible_counts(column[:, None], f"{field}.{label}")
    table = np.stack([events, exposure], axis=1)
    table[np.isnan(table).any(axis=1)] = np.nan
    without = np.flatnonzero((table[:, 1] == 0) & (table[:, 0] > 0))
    if without.size:
        i = int(without[0])
        msg = f"{field}.events[{i}] is {float(table[i, 0])} where the exposure is 0"
        raise InputError(msg)
    return frozen(table)


def upper_bounds(values: ArrayLike, field: str) -> FloatArray:
    """Bucket bounds, shape (k,), increasing up to infinity."""
    bounds = numbers(values, field + "upper_bounds")
    if bounds.ndim != 1 or len(bounds) < 2 or np.isnan(bounds).any():
        msg = f"{field}upper_bounds must be a list of at least two bounds"
        raise InputError(msg)
    if (np.diff(bounds) <= 0).any() or not np.isposinf(bounds[-1]):
        msg = f"{field}upper_bounds must increase and end on infinity, got {bounds.tolist()}"
        raise InputError(msg)
    return frozen(bounds)


def buckets(values: ArrayLike, k: int, field: str) -> FloatArray:
    """Bucket counts, shape (n, k)."""
    array = numbers(values, field)
    if array.ndim == 1 and k == array.size:
        array = array[None, :]
    if array.ndim != 2 or array.shape[1] != k:
        msg = f"{field} has shape {array.shape}; it must be (n, {k}), one column a bucket"
        raise InputError(msg)
    refuse_impossible_counts(array, field)
    array[np.isnan(array).any(axis=1)] = np.nan
    return frozen(array)


def refuse_totals(left: FloatArray, right: FloatArray | None, field: str) -> None:
    """Refuse counts that only ever grow, on both sides: running totals in place of increments."""
    if right is None:
        return
    for side in (left, right):
        read = side[~np.isnan(side).any(axis=1)]
        if len(read) < TOTALS_FROM:
            return
        steps = np.diff(read, axis=0)
        if (steps < 0).any() or (steps.sum(axis=1) <= 0).any():
            return
    msg = (
        f"{field}both sides grow at every tick, so these look like running totals of a counter; "
        "give what happened within each tick: np.diff(totals)"
    )
    raise InputError(msg)


def refuse_cumulative(left: FloatArray, right: FloatArray | None, field: str) -> None:
    """Refuse bucket counts that look cumulative on every side."""
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
    if totals[-1] < FEWEST_TO_TELL:
        return False
    return bool((np.diff(side, axis=1) >= 0).all()) and len(np.unique(totals[totals > 0])) >= 3


def limits(values: ArrayLike, shape: tuple[int, ...], field: str) -> FloatArray:
    """Limits of a gauge, shape (1, pods) or (n, pods)."""
    limit = numbers(values, field + "limit")
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
    return frozen(wide.copy())
