"""What is expected of a series, and how far from it ordinary values lie.

A reference gives each tick of the series a middle, and calibration values: how far values that are
known to be ordinary lay from a middle of the same kind. Three kinds:

- the *record* of an ordinary time, at any ticks: the middle is its median, or with a period the
  pattern of `seasonal`;
- *pods* of the baseline at the same ticks, three or more: the middle is their median at each tick,
  and each pod's own calibration is its distance from the median of the others. What all pods share,
  such as a daily cycle or an incident, drops out;
- *differences*, canary less baseline, of an ordinary time.

The band is as many robust standard deviations wide as asked for, and wider where the reference is
worth few independent values: Student's quantile of the same probability for a scale from so few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, stdtrit

from canarystats import arrays
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.kernels.robust import median_and_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

FEWEST_PODS = 3  # fewer have no middle that one of them could be far from
MEDIAN_VARIANCE = 1.5708  # pi / 2, of a median of normal values beside that of their mean


def bounded(rows: FloatArray) -> FloatArray:
    """The rows, with what would overflow as large as it may be."""
    return np.clip(arrays.squarable(rows), -arrays.LARGEST, arrays.LARGEST)


@dataclass(frozen=True, slots=True)
class Expected:
    """A middle for each tick of K series, and what lies around such middles ordinarily.

    Parameters
    ----------
    middle
        Shape (K, n), in the unit of the values; NaN where it is unknown.
    residual
        Shape (K, n): values less their middle; NaN where either is missing.
    calibration
        Shape (K, P, m): the same of ordinary values in time, P series of them; NaN is padding.
    """

    middle: FloatArray
    residual: FloatArray
    calibration: FloatArray


@dataclass(frozen=True, slots=True)
class Width:
    """How far ordinary values lie from the middle, every field of shape (K,).

    Parameters
    ----------
    scale
        Robust standard deviation, in the unit of the values; NaN without calibration values.
    time
        Autocorrelation time of the calibration values, in ticks.
    effective
        How many independent values they are worth.
    """

    scale: FloatArray
    time: FloatArray
    effective: FloatArray


def from_record(values: FloatArray, record: FloatArray) -> Expected:
    """Expect the median of a record; values (K, n), record (K, m)."""
    middle = median_and_width(record)[0][:, None]
    return Expected(
        np.broadcast_to(middle, values.shape), values - middle, (record - middle)[:, None]
    )


def from_pods(values: FloatArray, pods: FloatArray) -> Expected:
    """Expect the median of other pods at the same tick; values (K, n), pods (P, n)."""
    middle = np.broadcast_to(_middle(pods), values.shape)
    others = np.stack([row - _middle(np.delete(pods, i, axis=0)) for i, row in enumerate(pods)])
    calibration = np.broadcast_to(others, (len(values), *others.shape))
    return Expected(middle, values - middle, calibration)


def from_differences(
    values: FloatArray, baseline: FloatArray, then: FloatArray, baseline_then: FloatArray
) -> Expected:
    """Expect differences as then: values (K, n), ``then`` (Q, m), baselines (P, n) and (P, m)."""
    beside = _middle(baseline)
    ordinary = then - _middle(baseline_then)
    level = median_and_width(ordinary.reshape(1, -1))[0]
    middle = np.broadcast_to(beside + level, values.shape)
    calibration = np.broadcast_to(ordinary - level, (len(values), *ordinary.shape))
    return Expected(middle, values - middle, calibration)


def _middle(pods: FloatArray) -> FloatArray:
    """The median over pods at each tick, shape (n,); NaN where none has a value."""
    return median_and_width(np.ascontiguousarray(pods.T))[0]


def width(calibration: FloatArray) -> Width:
    """Scale of calibration values and what they are worth, from shape (K, P, m).

    Notes
    -----
    Assumes that each series is stationary. Pods that differ lastingly count for little more than
    their number: the effective number is divided by the design effect of their medians.
    """
    series, pods, ticks = calibration.shape
    flat = calibration.reshape(series, pods * ticks)
    scale = median_and_width(flat)[1]
    rows = calibration.reshape(series * pods, ticks)
    count = (~np.isnan(rows)).sum(axis=1).astype(np.float64)
    time = np.maximum(autocorrelation_time(rows, rows), 1.0)
    worth = np.where(count > 0, count / time, 0.0).reshape(series, pods)
    total = worth.sum(axis=1)
    effective = total / _design_effect(rows.reshape(series, pods, ticks), worth)
    counted = count.reshape(series, pods).sum(axis=1)
    mean_time = np.where(total > 0, counted / np.where(total > 0, total, 1.0), 1.0)
    return Width(scale, mean_time, effective)


def _design_effect(calibration: FloatArray, worth: FloatArray) -> FloatArray:
    """By how much lasting differences between pods lessen what their values are worth."""
    series, pods, ticks = calibration.shape
    if pods < FEWEST_PODS:
        return np.ones(series)
    medians, widths = median_and_width(calibration.reshape(series * pods, ticks))
    within = np.nanmean(_known(widths).reshape(series, pods) ** 2, axis=1)
    each = worth.mean(axis=1)
    between = np.nanvar(_known(medians).reshape(series, pods), axis=1, ddof=1)
    between = np.maximum(between - MEDIAN_VARIANCE * within / np.maximum(each, 1), 0.0)
    total = between + within
    share = np.where(total > 0, between / np.where(total > 0, total, 1.0), 0.0)
    effect: FloatArray = 1 + np.maximum(each - 1, 0.0) * share
    return effect


def _known(rows: FloatArray) -> FloatArray:
    """The rows, an unknown as 0."""
    return np.where(np.isnan(rows), 0.0, rows)


def allowed(sigmas: float, effective: FloatArray) -> FloatArray:
    """How many estimated standard deviations are as rare as ``sigmas`` known ones, shape (K,)."""
    # the width is a less certain scale than a standard deviation, and the larger of two: too large
    # on average; simulated, the one makes good the other
    degrees = np.maximum(effective - 1, 1e-3)
    tail = ndtr(-sigmas)
    reach = -stdtrit(degrees, tail) * np.sqrt(1 + MEDIAN_VARIANCE / np.maximum(effective, 1))
    return np.where(np.isfinite(reach), np.maximum(reach, sigmas), np.inf)
