"""Latency histograms of both sides on the bounds they share, as plain counts per tick.

A histogram at one tick is its cumulative count at every bound where that count is exact. Two
histograms are therefore comparable exactly on the bounds both have, whatever lies between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from canarystats.errors import InputError, SourceError, SourceErrorKind
from canarystats.sources.increments import (
    count_from_birth,
    reborn_after,
    refuse_impossible,
    usable,
)
from canarystats.sources.series import BoolArray, FloatArray, Labels, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from canarystats.sources.increments import Scraped
    from canarystats.sources.series import Series, Table

_FLOAT_NOISE = 1e-9  # relative to the total; sums of halves of counts stay far below


@dataclass(frozen=True, slots=True)
class Histogram:
    """One exported histogram, classic or native.

    Parameters
    ----------
    labels
        Its labels, ``le`` left out.
    bounds
        Its upper bounds at any tick, the last one infinite.
    spans
        Intervals, shape (m, 2), inside which its cumulative counts are not known.
    totals
        Cumulative counts since its start, shape (n + 1, bounds), NaN where there is no point.
    fresh, present
        Shape (n + 1,).
    raw
        Whether it is what a target exported, and not a sum.
    """

    labels: Labels
    bounds: FloatArray
    spans: FloatArray
    totals: FloatArray
    fresh: BoolArray
    present: BoolArray
    raw: bool

    def on(self, bounds: FloatArray) -> FloatArray:
        """Cumulative counts at bounds outside its spans, where they are flat between its own."""
        below = np.zeros((len(self.totals), 1)) + 0 * self.totals[:, :1]
        padded = np.hstack([below, self.totals])
        return padded[:, np.searchsorted(self.bounds, bounds, side="right")]

    def knows(self, bounds: FloatArray) -> BoolArray:
        """Which bounds stand outside its spans."""
        inside = np.zeros(len(bounds), dtype=np.bool_)
        for lower, upper in self.spans:
            inside |= (bounds > lower) & (bounds < upper)
        return ~inside

    def scaled(self, scale: float) -> Histogram:
        """The same with every bound multiplied, as a person would write the product."""
        if scale == 1.0:
            return self
        times = np.vectorize(lambda bound: float(f"{bound * scale:.12g}"), otypes=[np.float64])
        spans = times(self.spans) if self.spans.size else self.spans
        return replace(self, bounds=times(self.bounds), spans=spans)


def histograms(table: Table, field: str) -> list[Histogram]:
    """Put the series of one side together to histograms.

    Raises
    ------
    InputError
        If the series are no histograms, or both classic and native.
    SourceError
        Kind ``malformed``: a histogram has no ``+Inf`` bucket or a bound that is no number.
    """
    native = [bool(one.histograms) for one in table.series]
    if any(native):
        if not all(native):
            msg = f"{field}: {table.query} answers native histograms and other series; ask for one"
            raise InputError(msg)
        return [_native(one, table, column) for column, one in enumerate(table.series)]
    refuse_impossible(table.values, table)
    groups: dict[frozenset[tuple[str, str]], dict[float, int]] = {}
    for column, one in enumerate(table.series):
        if "le" not in one.labels:
            msg = (
                f"{field}: {table.query} answers {one.labels}, which has no label le; give the "
                "bucket counter, such as http_request_duration_seconds_bucket"
            )
            raise InputError(msg)
        key = frozenset((k, v) for k, v in one.labels.items() if k != "le")
        bound = _bound(one.labels["le"], table)
        if bound in groups.setdefault(key, {}):
            _malformed(f"{table.query}: {one.labels} has the bound {bound} twice")
        groups[key][bound] = column
    return [_classic(dict(key), columns, table) for key, columns in groups.items()]


def _bound(text: str, table: Table) -> float:
    try:
        bound = float(text)
    except ValueError:
        bound = np.nan
    if np.isnan(bound):
        _malformed(f"{table.query}: le={text!r} is not a number")
    return bound


def _classic(labels: Labels, columns: dict[float, int], table: Table) -> Histogram:
    bounds = sorted(columns)
    if not np.isposinf(bounds[-1]):
        _malformed(f"{table.query}: the histogram {labels} has no +Inf bucket")
    order = [columns[bound] for bound in bounds]
    return Histogram(
        labels,
        np.array(bounds),
        np.stack([[-np.inf, *bounds[:-1]], bounds], axis=1),
        table.values[:, order],
        np.asarray(table.fresh[:, order].all(axis=1)),
        np.asarray(table.present[:, order].all(axis=1)),
        table.raw,
    )


def _native(one: Series, table: Table, column: int) -> Histogram:
    """Cumulative counts at every upper bound of a populated bucket.

    The resolution of a native histogram may change on the way, so that a bound comes to lie inside
    a coarser bucket: its spans then say that it is not known.
    """
    populated = {
        (bucket.lower, bucket.upper)
        for snapshot in one.histograms.values()
        for bucket in snapshot
        if bucket.observed > 0
    }
    spans = np.array(sorted(populated)).reshape(-1, 2)
    edges = np.unique(np.append(spans[:, 1], np.inf))
    totals = np.full((table.grid.size, len(edges)), np.nan)
    for place, snapshot in one.histograms.items():
        counts = np.zeros(len(edges))
        for bucket in snapshot:
            counts[np.searchsorted(edges, bucket.upper)] += bucket.observed
        totals[place] = np.cumsum(counts)
    labels, present = dict(one.labels), one.present
    return Histogram(labels, edges, spans, totals, table.fresh[:, column], present, table.raw)


def shared_bounds(
    every: Sequence[Histogram], field: str, frozen: FloatArray | None = None
) -> tuple[FloatArray, list[str]]:
    """The bounds that all histograms have, and a note where some had to go.

    Parameters
    ----------
    every
        The histograms of both sides. Where none has observed anything, only ``+Inf`` is known.
    field
        The query's place in the policy, for messages.
    frozen
        Bounds to keep, such as those of an earlier window.

    Raises
    ------
    InputError
        If only ``+Inf`` is left of several bounds, or a frozen one is not known of a histogram.
    """
    seen = np.unique(np.concatenate([[np.inf], *(h.bounds for h in every)]))
    union = seen if frozen is None else frozen
    shared = np.all([np.ones(len(union), dtype=np.bool_), *(h.knows(union) for h in every)], axis=0)
    wanting = shared.sum() < 2 and len(union) > 1
    if wanting or (frozen is not None and not shared.all()):
        different = list(dict.fromkeys(str(h.bounds.tolist()) for h in every))
        what = "no bound besides +Inf" if frozen is None else f"not the bounds {frozen.tolist()}"
        msg = (
            f"{field}: histograms share {what}, so they cannot be compared: "
            f"{' and '.join(different[:3])}"
        )
        raise InputError(msg)
    kept = union[shared]
    gone = [f"{bound:g}" for bound in seen[~np.isin(seen, kept)]]
    if not gone:
        return kept, []
    shown = ", ".join(gone[:8] + ["..."] * (len(gone) > 8))
    return kept, [f"merged_buckets: bounds that were merged away: {shown}"]


def bucket_rows(
    side: Sequence[Histogram], bounds: FloatArray, n: int, scrapes: Scraped, *, query: str
) -> tuple[FloatArray, list[str]]:
    """Observations that fell into each bucket within each tick, summed over histograms.

    Parameters
    ----------
    side
        The histograms of one side.
    bounds
        Bounds that all of them have, shape (k,).
    n
        The number of ticks.
    scrapes
        When each target was scraped.
    query
        What was asked, for messages.

    Returns
    -------
    tuple
        Shape (n, k), NaN where nothing is known; and notes.

    Raises
    ------
    SourceError
        Kind ``malformed``: cumulative counts decrease from bound to bound.
    """
    rows = np.zeros((n, len(bounds)))
    known = np.zeros(n, dtype=np.bool_)
    resets = starts = 0
    for histogram in side:
        grown, fell, began = _grown(histogram, bounds, scrapes)
        there = ~np.isnan(grown[:, -1])
        rows[there] += grown[there]
        known |= there
        resets, starts = resets + fell, starts + began
    plain = np.diff(rows, axis=1, prepend=0.0)
    if (plain < -_FLOAT_NOISE * np.maximum(rows[:, -1:], 1.0)).any():
        _malformed(f"{query}: cumulative buckets decrease from bound to bound")
    plain = np.maximum(plain, 0.0)
    plain[~known] = np.nan
    notes = []
    if resets:
        notes.append(f"counter_reset: {query}: {resets} times")
    if starts:
        notes.append(
            f"new_target: {query}: {starts} histograms began with a target not seen before; a "
            "first value is only a start"
        )
    return plain, notes


def _grown(
    histogram: Histogram, bounds: FloatArray, scrapes: Scraped
) -> tuple[FloatArray, int, int]:
    """Cumulative increments, shape (n, k); how often it restarted; whether it only began."""
    totals = histogram.on(bounds)
    grown = np.full((len(totals) - 1, len(bounds)), np.nan)
    places = np.flatnonzero(usable(totals.sum(axis=1), histogram.fresh))
    if not places.size:
        return grown, 0, 0
    target = target_of(histogram.labels)
    seen = totals[places]
    step = np.diff(seen, axis=0)
    # one process holds all buckets, so one that falls means that all began anew
    fell = (step < -_FLOAT_NOISE * np.maximum(seen[1:, -1:], 1.0)).any(axis=1)
    anew = fell | reborn_after(places, histogram.present, scrapes, target)[1:]
    step[anew] = seen[1:][anew]
    if not histogram.raw:
        step[fell] = np.nan
    grown[places[1:] - 1] = step
    began = places[0] > 0 and not count_from_birth(
        grown, int(places[0]), seen[0], scrapes.scraped(target)
    )
    return grown, int(fell.sum()), int(began)


def _malformed(message: str) -> NoReturn:
    raise SourceError(SourceErrorKind.MALFORMED, message)
