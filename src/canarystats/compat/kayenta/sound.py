"""One metric judged by canarystats' own statistics under Kayenta's config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from canarystats.compare import spread
from canarystats.compat.kayenta.comparison import LEVEL, compare
from canarystats.compat.kayenta.finding import Finding, figures, mean_ratio
from canarystats.evidence import Status
from canarystats.kernels.ranks import smallest_p_value

if TYPE_CHECKING:
    from canarystats.compat.kayenta.comparison import Comparison
    from canarystats.compat.kayenta.finding import Label
    from canarystats.compat.kayenta.settings import Settings
    from canarystats.compat.kayenta.window import Window
    from canarystats.evidence import Evidence

SPREAD_LEVEL = 0.005


def classify(name: str, window: Window, settings: Settings) -> Finding:
    """The class of a metric, and why.

    Parameters
    ----------
    name
        The metric's name.
    window
        Both sides.
    settings
        The metric's, strictly read.

    Returns
    -------
    Finding
        High or Low where a change the way that hurts is shown at 2 % (two-sided where either way
        hurts) and its effect reaches the limit, or where the spread alone grew (at 0.5 %). Nodata
        where a side is empty or both are too short to decide; a metric that is not critical fails
        then (NodataFailMetric) if one side has data, or if it must have data. Pass otherwise, the
        reason telling identical, shown not worse, within the limit and not significant apart.

    Notes
    -----
    Ranks are compared by Mann-Whitney's test: of series of 20 values a side or more with their
    autocorrelation, of shorter ones and of constants as if independent. A series too dependent for
    that is compared step against step, where what moves both sides drops out (`paired`). Small
    whole numbers whose scatter is that of independent events are compared by their rates, exactly.
    The effect of ``meanRatio`` is the ratio of rates or of steps, or one plus the median shift
    relative to the baseline's median; of ``cles`` the probability that a canary value exceeds a
    baseline value.

    One look at a window fixed beforehand: looking again and again breaks the level. So do windows
    of few autocorrelation times: alike sides of AR(1) 0.8 were told apart in 5 % at 20 values a
    side and in 2 to 3 % from 60 on (500 windows each, either direction, the spread included).
    """
    experiment, control = window.present
    if not (experiment.size and control.size):
        return _absent(name, window, settings)
    told = figures(ratio=mean_ratio(experiment, control), notes=list(window.notes))
    short = _too_short(experiment.size, control.size, settings)
    if short:
        return _undecided(name, short, settings, told)
    if experiment.size == control.size and np.array_equal(np.sort(experiment), np.sort(control)):
        return Finding("Pass", "identical: both sides hold the same values", figures=told)
    compared = compare(name, window, settings)
    if compared.evidence.status is Status.INSUFFICIENT:
        return _undecided(name, compared.evidence.detail, settings, told)
    if compared.evidence.status is Status.DEGENERATE:
        return Finding("Pass", "identical: every value is the same", figures=told)
    told |= _figures(compared, settings)
    return _changed(name, window, compared, settings, told) or _passed(compared, told)


def _absent(name: str, window: Window, settings: Settings) -> Finding:
    experiment, control = window.present
    one_side = bool(experiment.size or control.size)
    empty = "the baseline" if experiment.size else "the canary"
    reason = f"Missing data for {name}: {empty if one_side else 'neither side'} has "
    reason += "no value" if one_side else "a value"
    fails = (one_side or settings.must_have_data) and not settings.critical
    label: Label = "NodataFailMetric" if fails else "Nodata"
    return Finding(label, reason, settings.critical, figures(notes=list(window.notes)))


def _too_short(n: int, m: int, settings: Settings) -> str:
    least = float(smallest_p_value(np.array([float(n)]), np.array([float(m)]))[0])
    if (2 if settings.direction == "either" else 1) * least <= LEVEL:
        return ""
    return f"{n} canary and {m} baseline values cannot reach a level of {LEVEL:g}"


def _undecided(name: str, why: str, settings: Settings, told: dict[str, Any]) -> Finding:
    fails = settings.must_have_data and not settings.critical
    label: Label = "NodataFailMetric" if fails else "Nodata"
    reason = f"{name}: not enough data to decide: {why}"
    return Finding(label, reason, settings.critical, told)


def _figures(compared: Comparison, settings: Settings) -> dict[str, Any]:
    interval, evidence = compared.interval, compared.evidence
    return {
        "lower": interval.low if interval else None,
        "upper": interval.high if interval else None,
        "estimate": compared.estimate,
        "estimateScale": compared.scale,
        "pValue": evidence.p_value,
        "effect": compared.effect,
        "effectMeasure": settings.measure,
        "method": evidence.method,
        "level": LEVEL,
        "nEffective": evidence.n_effective,
    }


def _changed(
    name: str, window: Window, compared: Comparison, settings: Settings, told: dict[str, Any]
) -> Finding | None:
    limits = settings.limits
    if compared.evidence.decides:
        if compared.increase:
            counts, fails = (
                compared.effect is None or compared.effect >= limit
                for limit in (limits.allowed_increase, limits.critical_increase)
            )
        else:
            counts, fails = (
                compared.effect is None or compared.effect <= limit
                for limit in (limits.allowed_decrease, limits.critical_decrease)
            )
        if counts:
            label: Label = "High" if compared.increase else "Low"
            why = f"p={compared.evidence.p_value:.2g}{_effect(compared)}"
            return _failed(name, label, why, told, critical=settings.critical and fails)
        return None
    if compared.evidence.method != "mann_whitney" or not compared.same_level:
        return None
    return _scattered(name, window, settings, told)


def _effect(compared: Comparison) -> str:
    return "" if compared.effect is None else f", effect {compared.effect:.3g}"


def _scattered(
    name: str, window: Window, settings: Settings, told: dict[str, Any]
) -> Finding | None:
    found = spread(window.pair(name), alternative="greater", level=SPREAD_LEVEL)
    told["spread"] = {"effect": found.effect, "pValue": found.p_value, "level": SPREAD_LEVEL}
    if not found.decides:
        return None
    counts, fails = (
        found.effect is None or found.effect >= limit for limit in _spread_limits(settings)
    )
    if not counts:
        return None
    label: Label = "Low" if settings.direction == "decrease" else "High"
    return _failed(name, label, _wider(found), told, critical=settings.critical and fails)


def _spread_limits(settings: Settings) -> tuple[float, float]:
    """The spread may grow by the factor that the level may change by."""
    limits = settings.limits
    if settings.measure == "cles":
        return 1.0, 1.0
    if settings.direction != "decrease":
        return limits.allowed_increase, limits.critical_increase
    return 1 / max(limits.allowed_decrease, 1e-9), 1 / max(limits.critical_decrease, 1e-9)


def _wider(found: Evidence) -> str:
    times = "" if found.effect is None else f", {found.effect:.3g} times as wide"
    return f"the spread alone grew, p={found.p_value:.2g}{times}"


def _failed(name: str, label: Label, why: str, told: dict[str, Any], *, critical: bool) -> Finding:
    reason = f"{name} was classified as {label}"
    if critical:
        reason = f"The metric {name} was classified as {label} (Critical)"
    return Finding(label, f"{reason}: {why}", critical, told)


def _passed(compared: Comparison, told: dict[str, Any]) -> Finding:
    if compared.not_worse:
        reason = "shown not worse: the interval excludes harm beyond what is allowed"
    elif compared.evidence.decides:
        reason = f"within the limit: different{_effect(compared)}"
    else:
        reason = f"not significant, p={compared.evidence.p_value:.2g}: harm is neither shown nor"
        reason += " excluded"
    return Finding("Pass", reason, figures=told)
