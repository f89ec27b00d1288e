"""Where a side's quantiles and its whole distribution lie, at any number of looks: for the report.

They describe and decide nothing. For a regression of the tail alone they need many times the
requests of the tests that decide.

References
----------
Howard & Ramdas (2022), Sequential estimation of quantiles, Bernoulli 28.
Lindon, Sanden & Shirikian (2022), Rapid regression detection in software deployments, KDD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from canarystats.errors import InputError
from canarystats.evidence import Interval
from canarystats.kernels.quantile_bounds import band_width, quantile_bracket
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


class Band(NamedTuple):
    """A side's empirical distribution function, and where the true one lies.

    Parameters
    ----------
    values
        Shape (m,), increasing: what was observed, in the metric's unit.
    share
        Shape (m,): the part of the observations at or below each value.
    low, high
        Shape (m,): between which the true part lies, from each value up to the next one.
    """

    values: FloatArray
    share: FloatArray
    low: FloatArray
    high: FloatArray


def distribution_bands(pair: Pair, *, level: float = 0.95) -> tuple[Band, Band]:
    """Give the bands of both sides' distributions, together of a coverage, at every look.

    Assumes that each side's observations are independent and alike; bursts and a day that comes
    and goes make the bands too narrow.

    Parameters
    ----------
    pair
        Raw samples.
    level
        The chance that both bands hold everywhere and at every look, in (0, 1).

    Returns
    -------
    tuple of Band
        The canary's and the baseline's; arrays of length 0 where a side is missing or empty.

    Raises
    ------
    InputError
        If the pair holds no raw samples or the level is not in (0, 1).
    """
    _require(pair, level, "level")
    each = 1.0 - (1.0 - level) / 2.0
    canary, baseline = (_band(_values(side), each) for side in (pair.canary, pair.baseline))
    return canary, baseline


def quantile_intervals(
    pair: Pair, q: float = 0.99, *, level: float = 0.95
) -> tuple[Interval, Interval]:
    """Give an interval of a quantile for each side, each of a coverage at every look.

    Between two observations of the side, by a beta-binomial mixture over how many may lie above
    the quantile. Assumes that observations are independent and alike.

    Parameters
    ----------
    pair
        Raw samples.
    q
        In (0, 1).
    level
        Of each interval, in (0, 1).

    Returns
    -------
    tuple of Interval
        The canary's and the baseline's; an end is None where nothing bounds it.

    Raises
    ------
    InputError
        If the pair holds no raw samples, or q or the level is not in (0, 1).
    """
    _require(pair, q, "q")
    _require(pair, level, "level")
    canary, baseline = (_interval(_values(side), q, level) for side in (pair.canary, pair.baseline))
    return canary, baseline


def _require(pair: Pair, value: float, name: str) -> None:
    if pair.kind is not Kind.SAMPLES:
        msg = f"metric {pair.name!r} is given as {pair.kind}; it must be samples"
        raise InputError(msg)
    if not 0.0 < value < 1.0:
        msg = f"{name} is {value!r}; it must lie between 0 and 1"
        raise InputError(msg)


def _values(side: FloatArray | None) -> FloatArray:
    """A side's observations, finite and in order."""
    values = np.empty(0) if side is None else side.ravel()
    return np.sort(values[np.isfinite(values)])


def _band(values: FloatArray, level: float) -> Band:
    distinct, many = np.unique(values, return_counts=True)
    share = np.cumsum(many) / max(len(values), 1)
    half = float(band_width(len(values), level))
    return Band(distinct, share, np.maximum(share - half, 0.0), np.minimum(share + half, 1.0))


def _interval(values: FloatArray, q: float, level: float) -> Interval:
    distinct, many = np.unique(values, return_counts=True)
    above = (len(values) - np.cumsum(many)).astype(np.float64)
    total = np.array([float(len(values))])
    low, high = (float(e[0]) for e in quantile_bracket(distinct, above[None], total, q, level))
    return Interval(
        low=low if np.isfinite(low) else None, high=high if np.isfinite(high) else None, level=level
    )
