"""Time-stamped gauges, tick against tick: what moves both sides drops out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from scipy.special import stdtr, stdtrit

from canarystats.compare import sides
from canarystats.compare.alignment import (
    SCALES,
    Aligned,
    LongRunVariance,
    Scale,
    align,
    differences,
)
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Status
from canarystats.kernels.long_run import LongRun, long_run
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

LEAST_EFFECTIVE = 3.0  # independent differences under which the answer is withheld
KNOWN = 1e9  # degrees of freedom of a long-run variance that is given as a bare number
ASSUMES = (
    "the differences at equal times are stationary within the window",
    "their mean is near normal",
    "one look at a window fixed beforehand",
)


@dataclass(frozen=True, slots=True)
class _Asked:
    alternative: sides.Alternative
    level: float
    margin: float
    absolute: bool
    harmful: sides.Harmful
    scale: Scale
    known: LongRunVariance | None


@overload
def paired(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    absolute: bool = False,
    harmful: sides.Harmful = "increase",
    scale: Scale = "auto",
    long_run_variance: LongRunVariance | float | None = None,
) -> Evidence: ...


@overload
def paired(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    absolute: bool = False,
    harmful: sides.Harmful = "increase",
    scale: Scale = "auto",
    long_run_variance: LongRunVariance | float | None = None,
) -> list[Evidence]: ...


def paired(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    absolute: bool = False,
    harmful: sides.Harmful = "increase",
    scale: Scale = "auto",
    long_run_variance: LongRunVariance | float | None = None,
) -> Evidence | list[Evidence]:
    """Test the mean difference between canary and baseline at equal times.

    Parameters
    ----------
    pair
        A gauge (the mean of its pods at each tick), or a sequence of them, taken as one batch. A
        tick missing on either side is left out.
    alternative
        ``greater`` asks whether the canary is larger, ``less`` whether it is smaller.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    margin
        A difference that never counts, relative to the baseline: ``greater`` tests the canary
        against ``1 + margin`` times the baseline, ``less`` against ``1 - margin`` times. A
        negative one, with one side only, asks for non-inferiority.
    absolute
        Whether the margin is in the metric's unit instead; it takes differences.
    harmful
        The direction that hurts; it names the question and changes no number.
    scale
        ``difference`` takes the canary minus the baseline, ``ratio`` the difference of
        logarithms, which a pattern that multiplies both sides leaves alone. ``auto`` takes ratios
        where every value is positive.
    long_run_variance
        From history, by `long_run_variance`; a bare number is taken as known exactly and needs a
        ``scale`` other than ``auto``. None estimates it from the window.

    Returns
    -------
    Evidence
        ``effect`` is the mean difference, or the geometric mean of the ratios; ``observed`` and
        ``reference`` are the means (geometric for ratios) over the ticks both sides have;
        ``n_effective`` is what those ticks are worth. Status is INSUFFICIENT under three
        effective ticks, DEGENERATE where every difference is the same and no history says what
        noise is, NOT_EVALUABLE with infinities or ratios of values that are not positive.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Hypothesis: the mean of the differences is 0, or no more than the margin. A load pattern that
    both sides share drops out. The variance of the mean is inflated by the autocorrelation time
    of the differences, and Student's distribution carries how uncertain that time is. Simulated
    error rates stand in ``docs/calibration-one-look.md``: slow dependence behind fast noise and
    windows under six autocorrelation times break it.

    References
    ----------
    Satterthwaite (1946), Biometrics Bulletin 2:110-114.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> load = [40.0, 55.0, 80.0, 120.0, 90.0, 60.0, 45.0, 50.0]
    >>> noise = [1.11, 1.08, 1.12, 1.10, 1.07, 1.13, 1.09, 1.10]
    >>> canary = [a * b for a, b in zip(load, noise)]
    >>> round(paired(Pair.gauge("cpu_cores", canary=canary, baseline=load)).effect, 2)
    1.1
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_setting("scale", scale, SCALES)
    sides.require_between("level", level, 0, 0.5)
    _require_margin(margin, alternative, absolute=absolute, scale=scale)
    known = _known(long_run_variance, scale)
    if absolute and known is not None and known.scale == "ratio":
        msg = "absolute is set; long_run_variance must be on the scale of differences"
        raise InputError(msg)
    asked = _Asked(alternative, level, margin, absolute, harmful, scale, known)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "paired", Kind.GAUGE)
    found = _evidence(pairs, asked) if pairs else []
    return found[0] if isinstance(pair, Pair) else found


def _require_margin(margin: float, alternative: str, *, absolute: bool, scale: str) -> None:
    if absolute:
        sides.require_between("margin", margin, -math.inf, math.inf)
    else:
        sides.require_between("margin", margin, -1, math.inf)
    sides.require_one_sided(margin, alternative)
    if not absolute and margin >= 1 and alternative != "greater":
        msg = f"margin is {margin}; below the baseline it must be less than 1"
        raise InputError(msg)
    if absolute and scale == "ratio":
        msg = "absolute is set; scale must be 'difference' or 'auto'"
        raise InputError(msg)


def _known(given: LongRunVariance | float | None, scale: Scale) -> LongRunVariance | None:
    if given is None:
        return None
    if not isinstance(given, LongRunVariance):
        if scale == "auto":
            msg = "scale is 'auto'; beside a bare long_run_variance it must be named"
            raise InputError(msg)
        given = LongRunVariance(float(given), KNOWN, scale)
    elif scale not in {"auto", given.scale}:
        msg = f"long_run_variance is of scale {given.scale!r}; scale is {scale!r}"
        raise InputError(msg)
    sides.require_between("long_run_variance", given.value, 0, math.inf)
    return given


def _evidence(pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    scale = asked.scale if asked.known is None else asked.known.scale
    if asked.absolute:
        scale = "difference"
    aligned = [align(pair, scale) for pair in pairs]
    plain = _mean(aligned, asked, 0.0)
    above = _mean(aligned, asked, asked.margin) if asked.margin else plain
    below = _mean(aligned, asked, -asked.margin) if asked.margin else plain
    greater, less = _tail(above, 1), _tail(below, -1)
    if asked.alternative == "two-sided":
        p = np.minimum(2 * np.minimum(greater, less), 1)
    else:
        p = greater if asked.alternative == "greater" else less
    half = stdtrit(plain.degrees, 1 - sides.tail(asked.alternative, asked.level)) * _error(plain)
    return [
        _found(pair, one, plain, (float(p[i]), float(half[i])), i, asked)
        for i, (pair, one) in enumerate(zip(pairs, aligned, strict=True))
    ]


def _mean(aligned: list[Aligned], asked: _Asked, margin: float) -> LongRun:
    table = np.full((len(aligned), max(len(one.canary) for one in aligned)), np.nan)
    for row, one in zip(table, aligned, strict=True):
        row[: len(one.canary)] = differences(one, margin, absolute=asked.absolute)
    found = long_run(table)
    if asked.known is None:
        return found
    size = np.full(len(table), asked.known.value)
    if asked.known.scale != "ratio" and not asked.absolute:
        size = size * (1 + abs(margin)) ** 2  # the margin multiplies the baseline's noise too
    time = np.clip(
        size / np.where(found.variance > 0, found.variance, size), 1, np.maximum(found.n, 1)
    )
    degrees = np.full(len(table), asked.known.degrees)
    return LongRun(found.n, found.mean, found.variance, size, time, degrees)


def _error(mean: LongRun) -> FloatArray:
    error: FloatArray = np.sqrt(mean.long_run_variance / np.maximum(mean.n, 1))
    return error


def _tail(mean: LongRun, sign: int) -> FloatArray:
    error = _error(mean)
    # without variance there is nothing to wonder at: a p-value of 1
    t = np.divide(sign * mean.mean, error, out=np.full(len(error), -np.inf), where=error > 0)
    tail: FloatArray = stdtr(mean.degrees, -t)
    return tail


def _found(
    pair: Pair, one: Aligned, mean: LongRun, numbers: tuple[float, float], i: int, asked: _Asked
) -> Evidence:
    n = int(mean.n[i])
    status, detail = _status(one, mean, i, asked)
    shown: dict[str, Any] = {}
    if n and one.usable:
        shown = _effect(one, float(mean.mean[i]), numbers[1], asked)
        shown["n_effective"] = float(max(n / mean.time[i], 1))
        shown["p_value"] = 1.0 if status is Status.DEGENERATE else numbers[0]
    if status is Status.DEGENERATE:
        shown["interval"] = None
    return Evidence(
        metric=pair.name,
        method="paired",
        question=sides.question(asked.alternative, asked.harmful),
        status=status,
        n_canary=one.n[0],
        n_baseline=one.n[1],
        effect_scale="ratio" if one.ratio else "difference",
        level=asked.level,
        margin=asked.margin or None,
        assumptions=ASSUMES,
        seen=one.seen,
        detail=detail,
        **shown,
    )


def _effect(one: Aligned, mean: float, half: float, asked: _Asked) -> dict[str, Any]:
    beyond = sides.tail(asked.alternative, asked.level)
    means = [side[one.both] for side in (one.canary, one.baseline)]
    if one.ratio:
        observed, reference = (float(np.exp(np.log(side).mean())) for side in means)
        with np.errstate(over="ignore"):
            effect, low, high = (float(np.exp(v)) for v in (mean, mean - half, mean + half))
    else:
        observed, reference = (float(side.mean()) for side in means)
        effect, low, high = mean, mean - half, mean + half
    return {
        "observed": sides.finite(observed),
        "reference": sides.finite(reference),
        "effect": sides.finite(effect),
        "interval": sides.interval(low, high, beyond),
    }


def _status(one: Aligned, mean: LongRun, i: int, asked: _Asked) -> tuple[Status, str]:
    nothing = sides.absent(*one.n)
    if nothing is not None:
        return nothing, ""
    if not one.usable:
        return Status.NOT_EVALUABLE, (
            "a ratio takes positive, finite values"
            if one.ratio
            else "infinite values have no differences; ranks compare them"
        )
    n = float(mean.n[i])
    if not n:
        return Status.INSUFFICIENT, "both sides were read, but never at the same tick"
    if asked.known is None and mean.variance[i] <= one.rounding and n > 1:
        return Status.DEGENERATE, "every difference is the same"
    worth = max(n / float(mean.time[i]), 1)
    if asked.known is None and worth < LEAST_EFFECTIVE:
        return Status.INSUFFICIENT, (
            f"{n:.0f} ticks are worth {worth:.1f} independent differences; "
            f"it takes {LEAST_EFFECTIVE:.0f}"
        )
    return Status.OK, ""
