"""The axes that every plot is drawn on: dress, clock, units, gaps, names beside lines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from canarystats.errors import MissingExtraError
from canarystats.report import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from canarystats.windows import FloatArray

CANARY = "#d55e00"
BASELINE = "#0072b2"
INK = "#22272e"
MUTED = "#6b7280"
GRID = "#e3e5e8"
ALARM = "#b3123b"
GOOD = "#00795a"
WARN = "#8f6200"


def blank(ax: Axes | None, height: float = 2.9) -> Axes:
    """A pair of axes in the report's dress, on a figure of its own where None is given."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("Plotting", "matplotlib", "plot") from error
    if ax is None:
        ax = Figure(figsize=(8.6, height), layout="constrained").subplots()
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        ax.spines[side].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelsize=9)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def time_axis(ax: Axes, times: FloatArray | None, n: int) -> FloatArray:
    """Make the x axis a clock in UTC, or a tick number without times; returns where ticks lie."""
    if times is None:
        ax.set_xlabel("tick", color=MUTED)
        return np.arange(n, dtype=np.float64)
    from matplotlib import dates as untyped

    dates = cast("Any", untyped)
    locator = dates.AutoDateLocator(tz="UTC", maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz="UTC"))
    ax.xaxis.get_offset_text().set_color(MUTED)
    ax.set_xlabel("UTC", color=MUTED, fontsize=9)
    return dates_of(times)


def dates_of(times: FloatArray) -> FloatArray:
    """Unix seconds as matplotlib counts days."""
    from matplotlib import dates as untyped

    dates = cast("Any", untyped)
    stamps = np.round(np.asarray(times) * 1e3).astype("datetime64[ms]")
    return np.asarray(dates.date2num(stamps), dtype=np.float64)


def value_axis(ax: Axes, unit: str) -> None:
    """Write the y axis in a unit, with steps that are round in it."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words.quantity(value, unit)))
    low, high = ax.get_ylim()
    if unit == "bytes" and high > low:
        ax.yaxis.set_major_locator(MultipleLocator(2.0 ** round(math.log2((high - low) / 4))))


def _broken(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same line with a break where ticks are absent altogether."""
    steps = np.diff(x)
    if not len(steps):
        return x, y
    after = np.flatnonzero(steps > 1.5 * np.median(steps)) + 1
    return np.insert(x, after, x[after - 1]), np.insert(y, after, np.nan)


def line(ax: Axes, x: FloatArray, y: FloatArray, colour: str, width: float, alpha: float) -> None:
    """A line with gaps where values are missing."""
    x, y = _broken(x, y)
    seen = np.isfinite(y)
    alone = seen & ~np.append(seen[1:], False) & ~np.append(False, seen[:-1])
    ax.plot(x, y, color=colour, linewidth=width, alpha=alpha, solid_capstyle="round")
    # A scrape between two missing ones has no line to be seen by.
    ax.plot(x[alone], y[alone], ".", color=colour, markersize=3, alpha=alpha)


def log_axis(ax: Axes) -> None:
    """Make the y axis logarithmic, its labels at powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(base=10, numticks=6))
    ax.yaxis.set_minor_formatter(NullFormatter())


def limit_line(ax: Axes, value: float, text: str, colour: str) -> tuple[float, str, str]:
    """A dashed line across, and what `name_ends` needs to name it."""
    ax.axhline(value, color=colour, linewidth=1.1, linestyle=(0, (5, 3)))
    return value, text, colour


def name_ends(ax: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names beside the right end of each line, moved apart where they would overlap."""
    scale = ax.transScale + ax.transLimits  # to fractions of the axes, whatever the layout does
    placed = sorted(
        (float(scale.transform((0.0, y))[1]), text, colour)
        for y, text, colour in ends
        if math.isfinite(y)
    )
    step, lowest = 0.105, -1.0
    top = 1.0 - step * (len(placed) - 1)
    for i, (height, text, colour) in enumerate(placed):
        lowest = max(min(max(height, 0.0), top + step * i), lowest + step)
        ax.annotate(
            text, (1.0, lowest), xycoords="axes fraction", xytext=(6, 0), va="center", fontsize=9,
            textcoords="offset points", color=colour, annotation_clip=False, parse_math=False,
        )  # fmt: skip


def shade_missing(ax: Axes, x: FloatArray, missing: NDArray[np.bool_]) -> None:
    """Shade the ticks that are missing or absent."""
    half = float(np.median(np.diff(x))) / 2 if len(x) > 1 else 0.5
    edges = np.diff(np.concatenate([[0], missing.astype(int), [0]]))
    for start, stop in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        ax.axvspan(x[start] - half, x[stop - 1] + half, color=MUTED, alpha=0.16, linewidth=0)
    late = np.flatnonzero(np.diff(x) > 3 * half)
    for i in late:
        ax.axvspan(x[i] + half, x[i + 1] - half, color=MUTED, alpha=0.16, linewidth=0)
    if missing.any() or len(late):
        ax.text(
            0.0, -0.13, "grey: no data", transform=ax.transAxes, color=MUTED, fontsize=8, va="top"
        )


def note(ax: Axes, x: float, text: str, colour: str, align: str) -> None:
    """A word above the axes at a place on the x axis."""
    ax.annotate(
        text, (x, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), va="bottom", ha=align,
        textcoords="offset points", color=colour, fontsize=9, parse_math=False,
    )  # fmt: skip
