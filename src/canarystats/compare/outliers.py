"""Single wild values: kept, or removed and said so."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from canarystats.compare import sides
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def outliers(
    pair: Pair, *, strategy: Literal["keep", "remove"] = "keep", factor: float = 3.0
) -> Pair:
    """Keep or remove values far outside the quartiles of their own side.

    Parameters
    ----------
    pair
        Samples or a gauge.
    strategy
        ``keep`` gives the pair back as it is: an outlier is usually the harm one looks for.
        ``remove`` drops samples, and makes a gauge's reading a missed one; it never becomes a zero.
    factor
        How many interquartile ranges beyond a quartile a value may lie, positive.

    Returns
    -------
    Pair
        With a note of what was removed, which every comparison repeats in ``seen``.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    A value goes where it lies above both the upper fence, Q3 + factor * IQR, and the 99th
    percentile, or below both Q1 - factor * IQR and the 1st percentile; percentiles interpolate
    between order statistics (Hyndman and Fan's seventh), over all pods of a side. So at most
    about 1 % go at each end, and of fewer than a hundred values one.
    Removing looks at the data and changes the error rates of what follows.

    References
    ----------
    Tukey (1977), Exploratory Data Analysis, section 2C. Hyndman & Fan (1996), The American
    Statistician 50:361-365.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.samples("s", canary=[1.0, 2, 3, 4, 900], baseline=[1.0, 2, 3, 4, 5])
    >>> outliers(pair, strategy="remove").notes
    ('canary: 1 of 5 values removed as outliers (factor 3)',)
    """
    sides.require_kind(pair, "outliers", Kind.SAMPLES, Kind.GAUGE)
    sides.require_setting("strategy", strategy, ("keep", "remove"))
    sides.require_between("factor", factor, 0, math.inf)
    if strategy == "keep":
        return pair
    canary, told = _removed("canary", pair.canary, pair.kind, factor)
    baseline = pair.baseline
    if baseline is not None:
        baseline, more = _removed("baseline", baseline, pair.kind, factor)
        told += more
    return replace(pair, canary=canary, baseline=baseline, notes=pair.notes + told)


def _removed(
    label: str, side: FloatArray, kind: Kind, factor: float
) -> tuple[FloatArray, tuple[str, ...]]:
    away = _away(side, factor)
    if not away.any():
        return side, ()
    held = int((~np.isnan(side)).sum())
    note = f"{label}: {int(away.sum())} of {held} values removed as outliers (factor {factor:g})"
    table: FloatArray = side[~away[:, 0]] if kind is Kind.SAMPLES else np.where(away, np.nan, side)
    table.setflags(write=False)
    return table, (note,)


def _away(side: FloatArray, factor: float) -> NDArray[np.bool_]:
    held = side[~np.isnan(side)]
    if not held.size:
        return np.zeros(side.shape, dtype=bool)
    with np.errstate(invalid="ignore"):  # infinite fences are open
        first, low, high, last = np.percentile(held, [1, 25, 75, 99])
        reach = factor * (high - low)
        top = np.nan_to_num(max(last, high + reach), nan=np.inf, posinf=np.inf)
        bottom = np.nan_to_num(min(first, low - reach), nan=-np.inf, neginf=-np.inf)
    away: NDArray[np.bool_] = (side > top) | (side < bottom)
    return away
