"""Observations of many pairs in order, counted: one side of a pair a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats.compare import sides
from canarystats.compare.stacks import stacked
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.kernels.quantiles import Observations, bound_ranks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


def of_samples(columns: list[FloatArray]) -> Observations:
    """Samples of any numbers as rows."""
    ordered = np.sort(stacked(columns, np.inf), axis=1)
    sizes = np.array([len(column) for column in columns], dtype=np.float64)
    upto = np.minimum(np.arange(1.0, ordered.shape[1] + 1), sizes[:, None])
    return Observations(ordered, ordered, upto)


def of_buckets(bounds: list[FloatArray], counts: list[FloatArray]) -> Observations:
    """Bucket counts as rows, each with its own upper bounds."""
    upper = stacked(bounds, np.inf)
    first = np.where(upper[:, :1] > 0, 0.0, -np.inf)
    lower = np.concatenate([first, upper[:, :-1]], axis=1)
    return Observations(lower, upper, np.cumsum(stacked(counts, 0.0), axis=1), open_below=True)


def shown_quantiles(pairs: list[Pair], held: Observations, q: float) -> list[float | None]:
    """An observation of raw samples, Prometheus' interpolation of a histogram."""
    if not held.cumulative.shape[1]:
        return [None] * len(pairs)
    values = held.upper[np.arange(len(pairs)), held.group(q * held.total)]
    shown = np.where(held.total > 0, values, np.nan)
    for i, pair in enumerate(pairs):
        if pair.upper_bounds is not None:
            counts = np.diff(held.cumulative[i, : len(pair.upper_bounds)], prepend=0.0)
            shown[i] = interpolated_quantile(pair.upper_bounds, counts[None], q)[0]
    return [sides.finite(value) for value in shown.tolist()]


def quantile_bounds(held: Observations, q: float, tail: float) -> tuple[FloatArray, FloatArray]:
    """Order-statistic bounds of each row's quantile; infinite where there is none."""
    rows = np.arange(len(held.cumulative))
    low, high = bound_ranks(held.total, q, tail)
    reached = np.clip(np.stack([low, high]), 1, held.total).astype(np.float64)
    return (
        np.where(low > 0, held.lower[rows, held.group(reached[0])], -np.inf),
        np.where(high <= held.total, held.upper[rows, held.group(reached[1])], np.inf),
    )
