"""One metric as Kayenta's judge classifies it, defects included."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compat.kayenta.finding import Finding, figures, mean_ratio
from canarystats.compat.kayenta.inversion import AllTiedError, Shift, invert
from canarystats.compat.kayenta.noise import disturbed, java_gaussian
from canarystats.compat.kayenta.preparation import without_outliers
from canarystats.kernels.ranks import rank_sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from canarystats.compat.kayenta.finding import Label
    from canarystats.compat.kayenta.settings import Settings

    FloatArray = NDArray[np.float64]

TOLERANCE = 0.25  # of the estimated shift, which the nearer end must exceed


def prepared(values: FloatArray, settings: Settings) -> FloatArray:
    """The values that are compared: gaps dropped or made zeros, outliers dropped where asked.

    Parameters
    ----------
    values
        Shape (n,); NaN is missing.
    settings
        The metric's.
    """
    missing = np.isnan(values)
    kept = np.where(missing, 0.0, values) if settings.gaps_are_zeros else values[~missing]
    kept = without_outliers(kept, settings.outlier_factor)
    return kept[~np.isnan(kept)]


def classify(
    name: str,
    experiment: FloatArray,
    control: FloatArray,
    settings: Settings,
    draw: Callable[[], float] | None = None,
) -> Finding:
    """The class Kayenta gives a metric.

    Parameters
    ----------
    name
        The metric's name.
    experiment, control
        Shape (n,) and (m,), as `prepared` leaves them.
    settings
        The metric's, leniently read.
    draw
        Where both sides are constant, Kayenta adds noise from a generator without a seed. This one
        stands in for it; without one, Java's generator begins anew at a fixed seed.
    """
    if not (experiment.size and control.size):
        return _no_data(name, settings)
    same = experiment.size == control.size
    if same and np.array_equal(np.sort(experiment), np.sort(control)):
        reason = "The Canary and Baseline data are identical"
        return Finding("Pass", reason, figures=figures(ratio=1.0))
    if np.unique(np.concatenate([experiment, control])).size == 1:
        return Finding("Pass", figures=figures(ratio=1.0))
    if np.unique(experiment).size == np.unique(control).size == 1:
        draw = draw or java_gaussian()
        experiment, control = disturbed(experiment, draw), disturbed(control, draw)
    try:
        shift = invert(experiment, control)
    except AllTiedError:
        return Finding("Error", "Metric Classification Failed", figures=figures())
    return _compared(name, experiment, control, settings, shift)


def _no_data(name: str, settings: Settings) -> Finding:
    if settings.gaps_are_zeros:
        return Finding("Pass", figures=figures(ratio=1.0))
    fails = settings.must_have_data and not settings.critical
    label: Label = "NodataFailMetric" if fails else "Nodata"
    reason = f"Missing data for {name}"
    return Finding(label, reason, settings.critical, figures(ratio=1.0))


def _compared(
    name: str, experiment: FloatArray, control: FloatArray, settings: Settings, shift: Shift
) -> Finding:
    ratio = mean_ratio(experiment, control)
    effect = ratio
    if settings.measure == "cles":
        effect = float(rank_sums(experiment[None], control[None]).probability[0])
    told = figures(
        ratio=ratio,
        lower=shift.lower,
        upper=shift.upper,
        estimate=shift.estimate,
        effect=effect,
        effectMeasure=settings.measure,
    )
    bound = TOLERANCE * abs(shift.estimate)
    limits = settings.limits
    if settings.direction != "decrease" and shift.lower > bound:
        allowed, critical = limits.allowed_increase, limits.critical_increase
        # an undefined effect is not held against its limits
        counts, fails = (math.isnan(effect) or effect >= limit for limit in (allowed, critical))
        if counts:
            return _changed(name, "High", told, critical=settings.critical and fails)
    if settings.direction != "increase" and shift.upper < -bound:
        allowed, critical = limits.allowed_decrease, limits.critical_decrease
        counts, fails = (math.isnan(effect) or effect <= limit for limit in (allowed, critical))
        if counts:
            return _changed(name, "Low", told, critical=settings.critical and fails)
    return Finding("Pass", figures=told)


def _changed(name: str, label: Label, told: dict[str, object], *, critical: bool) -> Finding:
    reason = f"{name} was classified as {label}"
    if critical:
        reason = f"The metric {name} was classified as {label} (Critical)"
    return Finding(label, reason, critical, told)
