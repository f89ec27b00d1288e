"""How each kind of metric is drawn on its axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.errors import InputError
from canarystats.report import words
from canarystats.report.axes import (
    ALARM,
    BASELINE,
    CANARY,
    INK,
    MUTED,
    limit_line,
    line,
    log_axis,
    name_ends,
    value_axis,
)
from canarystats.report.rows import limit as limit_words
from canarystats.report.rows import rule_of
from canarystats.sequential.bands import distribution_bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from canarystats.sequential.bands import Band
    from canarystats.verdict import Reading
    from canarystats.windows import FloatArray, Pair

SMOOTHED_SECONDS = 300.0  # the window over which the eight rules read rates
MOST_POINTS = 2000


def draw_gauge(ax: Axes, pair: Pair, x: FloatArray, readings: Sequence[Reading]) -> None:
    """Pods thin, their mean thick, limits dashed."""
    unit = words.unit_of(pair.name)
    ends = []
    for side, colour, label in _sides(pair):
        for column in side.T:
            line(ax, x, column, colour, 0.7, 0.45)
        seen = ~np.isnan(side)
        mean = np.full(len(side), np.nan)
        np.divide(np.nansum(side, axis=1), seen.sum(axis=1), out=mean, where=seen.any(axis=1))
        line(ax, x, mean, colour, 2.2, 1.0)
        ends.append((_last(mean), label, colour))
    if pair.limit is not None:
        share = next((r.threshold for r in readings if rule_of(r) == "memory"), None)
        for value in np.unique(pair.limit[pair.limit > 0])[:3].tolist():
            ends.append(limit_line(ax, value, f"limit {words.quantity(value, unit)}", INK))
            if share:
                text = f"{words.percent(share)} of it"
                ends.append(limit_line(ax, value * share, text, ALARM))
    value_axis(ax, unit)
    name_ends(ax, ends)


def draw_counts(ax: Axes, pair: Pair, x: FloatArray, readings: Sequence[Reading]) -> None:
    """The rate of each tick thin, of the trailing five minutes thick, limits dashed."""
    ends = []
    for side, colour, label in _sides(pair):
        rate = _over(side[:, 0], side[:, 1])
        line(ax, x, rate, colour, 0.7, 0.5)
        smooth = _pooled(side, pair.times)
        line(ax, x, smooth, colour, 2.2, 1.0)
        ends.append((_last(smooth), label, colour))
    highest = max((y for y in ax.dataLim.intervaly if math.isfinite(y)), default=0.0)
    for reading in readings:
        value = _rate_limit(reading)
        # A limit far above the data would flatten what there is to see.
        if value is not None and value <= 4 * highest:
            text = f"{words.plain(reading.trigger)} {words.percent(value)}"
            ends.append(limit_line(ax, value, text, ALARM))
    ax.set_ylim(bottom=0)
    value_axis(ax, "ratio")
    name_ends(ax, ends)


def _rate_limit(reading: Reading) -> float | None:
    """The error rate at which a rule's condition becomes true."""
    rule, threshold = rule_of(reading), reading.threshold
    if threshold is None or rule not in {"error_rate", "success_rate"}:
        return None
    if rule == "success_rate":
        return 1.0 - threshold
    if threshold < 1:
        return threshold
    return threshold * reading.reference if reading.reference else None


def _pooled(side: FloatArray, times: FloatArray | None) -> FloatArray:
    """The rate of the trailing five minutes at each tick, NaN where the tick is missing."""
    clock = np.arange(len(side), dtype=np.float64) if times is None else times
    back = 20.0 if times is None else SMOOTHED_SECONDS
    first = np.searchsorted(clock, clock - back, side="right")
    sums = np.vstack([np.zeros(2), np.cumsum(np.nan_to_num(side), axis=0)])
    within = sums[1:] - sums[first]
    rate = _over(within[:, 0], within[:, 1])
    rate[np.isnan(side[:, 0])] = np.nan
    return rate


def _over(events: FloatArray, exposure: FloatArray) -> FloatArray:
    out = np.full(len(events), np.nan)
    np.divide(events, exposure, out=out, where=exposure > 0)
    return out


def draw_histogram(ax: Axes, pair: Pair, x: FloatArray, readings: Sequence[Reading]) -> None:
    """The bucket that holds the median and the 99th percentile of each tick, as a band."""
    bounds = pair.upper_bounds
    if bounds is None:
        msg = f"metric {pair.name!r} is a histogram without upper_bounds"
        raise InputError(msg)
    finite = bounds[np.isfinite(bounds)]
    logarithmic = bool(finite[0] > 0)
    ceiling = float(finite[-1] * 2 if finite[-1] > 0 else finite[-1] + 1)
    floor = float(finite[0] / 2 if logarithmic else finite[0] - abs(finite[0]) - 1)
    edges = np.concatenate([[floor], finite, [ceiling]])
    if logarithmic:
        log_axis(ax)
    ends = []
    for side, colour, label in _sides(pair):
        for q, alpha in ((0.5, 0.22), (0.99, 0.5)):
            low, high = _bracket(side, q, edges)
            middle = np.sqrt(low * high) if logarithmic else (low + high) / 2
            ax.fill_between(*_steps(x, low, high), color=colour, alpha=alpha, linewidth=0)
            ends.append((_last(middle), f"{label} p{100 * q:.0f}", colour))
    for reading in readings:
        if rule_of(reading) == "latency_p99" and reading.reference:
            value = (reading.threshold or 1.0) * reading.reference
            text = f"limit {words.quantity(value, words.unit_of(pair.name))}"
            ends.append(limit_line(ax, value, text, ALARM))
    value_axis(ax, words.unit_of(pair.name))
    name_ends(ax, ends)


def _bracket(side: FloatArray, q: float, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The edges of the bucket that holds the q-quantile of each tick, NaN where it has none."""
    counts = np.nan_to_num(side)
    total = counts.sum(axis=1)
    index = (np.cumsum(counts, axis=1) < q * total[:, None]).sum(axis=1)
    index = np.minimum(index, side.shape[1] - 1)
    empty = (total <= 0) | np.isnan(side).any(axis=1)
    return np.where(empty, np.nan, edges[index]), np.where(empty, np.nan, edges[index + 1])


def _steps(
    x: FloatArray, low: FloatArray, high: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Each tick as a flat piece as wide as a tick, so that one tick alone is seen."""
    half = float(np.median(np.diff(x))) / 2 if len(x) > 1 else 0.5
    wide = np.stack([x - half, x + half, x + half], axis=1).ravel()
    gap = np.full(len(x), np.nan)
    touching = np.append(np.diff(x) <= 3 * half, False)
    closing = [np.where(touching, side, gap) for side in (low, high)]
    return (
        wide,
        np.stack([low, low, closing[0]], axis=1).ravel(),
        np.stack([high, high, closing[1]], axis=1).ravel(),
    )


def draw_events(ax: Axes, pair: Pair, x: FloatArray, readings: Sequence[Reading]) -> None:
    """How many happened in each tick."""
    from matplotlib.ticker import MaxNLocator

    counts = np.nansum(pair.canary, axis=1)
    happened = counts > 0
    ax.vlines(x[happened], 0, counts[happened], color=CANARY, linewidth=1.6)
    ax.plot(x[happened], counts[happened], "o", color=CANARY, markersize=4)
    ax.set_ylim(0, max(1.0, float(counts.max())) * 1.15)
    pad = float(x[-1] - x[0]) * 0.02 or 0.5
    ax.set_xlim(x[0] - pad, x[-1] + pad)
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    rule = next((limit_words(r) for r in readings), "")
    total = words.number(float(counts.sum()))
    ax.set_ylabel(f"{total} in all{', fires at ' + rule if rule else ''}", color=MUTED, fontsize=9)


def draw_samples(ax: Axes, pair: Pair) -> None:
    """The share of samples below each value, within the band that holds it at every look."""
    from matplotlib.ticker import FuncFormatter

    unit = words.unit_of(pair.name)
    ax.set_xlabel(
        f"{words.plain(pair.name)}, share of samples below", color=MUTED, parse_math=False
    )
    smallest, largest = math.inf, 0.0
    bands = dict(zip(("canary", "baseline"), distribution_bands(pair), strict=True))
    for side, colour, label in _sides(pair):
        values = np.sort(side[:, 0])
        keep = np.unique(np.linspace(0, len(values) - 1, MOST_POINTS).astype(int))
        share = (keep + 1) / len(values) if len(values) else np.zeros(0)
        drawn, share = values[keep][np.isfinite(values[keep])], share[np.isfinite(values[keep])]
        if not len(drawn):
            continue
        smallest, largest = min(smallest, float(drawn[0])), max(largest, float(drawn[-1]))
        ax.step(drawn, share, where="post", color=colour, linewidth=1.8)
        _shade(ax, bands[label], colour)
        at = int(np.searchsorted(share, 0.6 if label == "canary" else 0.4))
        at = min(at, len(drawn) - 1)
        offset, align = ((8, -4), "left") if label == "canary" else ((-8, 4), "right")
        ax.annotate(
            f"{label}, n {words.number(len(values))}", (drawn[at], share[at]), xytext=offset,
            textcoords="offset points", color=colour, ha=align, fontsize=9,
        )  # fmt: skip
    if smallest > 0 and largest > 30 * smallest:
        ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.quantity(value, unit)))
    ax.set_ylim(0, 1.02)
    value_axis(ax, "ratio")


def _shade(ax: Axes, band: Band, colour: str) -> None:
    keep = np.unique(np.linspace(0, len(band.values) - 1, MOST_POINTS).astype(int))
    x, low, high = (column[keep] for column in (band.values, band.low, band.high))
    ax.fill_between(x, low, high, step="post", color=colour, alpha=0.15, linewidth=0)


def _sides(pair: Pair) -> list[tuple[FloatArray, str, str]]:
    """Baseline first, so that the canary lies on top."""
    sides = [] if pair.baseline is None else [(pair.baseline, BASELINE, "baseline")]
    return [*sides, (pair.canary, CANARY, "canary")]


def _last(values: FloatArray) -> float:
    seen = values[np.isfinite(values)]
    return float(seen[-1]) if len(seen) else math.nan
