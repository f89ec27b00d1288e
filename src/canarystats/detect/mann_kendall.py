"""Mann-Kendall's test of a monotone trend, in the variants that answer autocorrelation.

None of them tells a leak: each calls a warm-up curve or a step a trend, and each is too eager in
one kind of noise or another (``docs/leaks.md``). They are here by name, beside `leak`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from scipy.special import ndtr

from canarystats import arrays
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels import mann_kendall as kernel
from canarystats.kernels.theil_sen import sen_slope

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Variant = Literal["original", "hamed_rao", "yue_wang", "prewhitened", "prewhitened_without_trend"]
FEWEST = 10
ASSUMES = {
    "original": "independent samples about a monotone trend",
    "hamed_rao": "ranks whose significant autocorrelations are the true ones",
    "yue_wang": "autocorrelations that the sample estimates well at all lags",
    "prewhitened": "noise of first order, a trend too small to feign autocorrelation",
    "prewhitened_without_trend": "noise of first order about a straight line",
}


def mann_kendall(
    values: ArrayLike, variant: Variant, *, level: float = 0.01, name: str = "series"
) -> Evidence:
    """Test whether a series has a monotone trend, two-sided.

    Parameters
    ----------
    values
        Shape (n,), any unit, evenly spaced; samples that are not finite are left out.
    variant
        ``original`` takes samples as independent; ``hamed_rao`` and ``yue_wang`` widen the
        variance of the score by the autocorrelations of the detrended ranks or values;
        ``prewhitened`` takes the first autocorrelation out of the values, with its trend left in
        them or set aside (``prewhitened_without_trend``).
    level
        The p-value at which the evidence decides, in (0, 1).
    name
        How evidence names the series.

    Returns
    -------
    Evidence
        ``effect`` is Sen's slope per sample, its interval (coverage 1 - level) by the variance of
        the variant. Status is NO_DATA, INSUFFICIENT under 10 samples, or DEGENERATE.

    Raises
    ------
    InputError
        If an argument cannot be right.

    References
    ----------
    In `kernels.mann_kendall`.
    """
    series = arrays.squarable(arrays.numbers(values, "values"))
    if series.ndim != 1:
        msg = f"values has shape {series.shape}; it must be (n,)"
        raise InputError(msg)
    if variant not in get_args(Variant):
        msg = f"variant is {variant!r}; it must be one of {', '.join(get_args(Variant))}"
        raise InputError(msg)
    if not 0 < level < 1:
        msg = f"level is {level}; it must be between 0 and 1"
        raise InputError(msg)
    series = series[np.isfinite(series)]
    n = len(series)
    if n < FEWEST or series.min() == series.max():
        return Evidence(
            metric=name,
            method="mann_kendall",
            question=Question.LEVEL,
            status=Status.NO_DATA
            if not n
            else (Status.INSUFFICIENT if n < FEWEST else Status.DEGENERATE),
            n_canary=n,
            level=level,
            detail=variant,
        )
    ticks = np.arange(1.0, n + 1)
    slope = sen_slope(series, ticks).slope
    tested, inflation = series, 1.0
    if variant == "hamed_rao":
        inflation = kernel.hamed_rao_inflation(series - slope * ticks)
    elif variant == "yue_wang":
        inflation = kernel.yue_wang_inflation(series - slope * ticks)
    elif variant == "prewhitened":
        tested = kernel.prewhitened(series)
    elif variant == "prewhitened_without_trend":
        tested = kernel.prewhitened_without_trend(series, slope)
    # negative autocorrelations can take more than all of the variance away
    variance = max(kernel.score_variance(tested) * inflation, 0.0)
    z = kernel.normal_score(kernel.score(tested), variance)
    ends = sen_slope(series, ticks, 1 - level, max(inflation, 0.0))
    return Evidence(
        metric=name,
        method="mann_kendall",
        question=Question.LEVEL,
        n_canary=n,
        n_effective=n / inflation if inflation > 0 else None,
        effect=slope,
        effect_scale="slope",
        interval=Interval(
            low=ends.low if np.isfinite(ends.low) else None,
            high=ends.high if np.isfinite(ends.high) else None,
            level=1 - level,
        ),
        p_value=float(2 * ndtr(-abs(z))),
        level=level,
        assumptions=(ASSUMES[variant],),
        detail=f"{variant}, z = {z:.4g}",
    )
