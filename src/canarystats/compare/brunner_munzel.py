"""Brunner-Munzel: ranks where the spreads may differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from canarystats.compare import sides
from canarystats.compare.stacks import stacked, stacks
from canarystats.evidence import Evidence, Status
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.kernels.exceedance import probability_interval
from canarystats.kernels.ranks import rank_sums, smallest_p_value
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    FloatArray = NDArray[np.float64]

Distribution = Literal["t", "normal"]
LEAST_VALUES = 10.0  # independent values a side under which the approximation is not trusted
INDEPENDENT = ("the observations are independent", "one look at a window fixed beforehand")
STATIONARY = (
    "each side is stationary within the window",
    "the two sides vary independently and with the same autocorrelation",
    "one look at a window fixed beforehand",
)


@dataclass(frozen=True, slots=True)
class _Asked:
    alternative: sides.Alternative
    level: float
    margin: float
    harmful: sides.Harmful
    distribution: Distribution


@dataclass(frozen=True, slots=True)
class _Ranked:
    n: FloatArray
    m: FloatArray
    effect: FloatArray
    effective: FloatArray  # (2, K)
    p: FloatArray
    low: FloatArray
    high: FloatArray
    constant: NDArray[np.bool_]
    medians: FloatArray  # (2, K)


@overload
def brunner_munzel(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    distribution: Distribution = "t",
) -> Evidence: ...


@overload
def brunner_munzel(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    distribution: Distribution = "t",
) -> list[Evidence]: ...


def brunner_munzel(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
    distribution: Distribution = "t",
) -> Evidence | list[Evidence]:
    """Test by ranks whether canary values tend to be larger, whatever the two spreads are.

    Parameters
    ----------
    pair
        Samples or a gauge, or a sequence of them, taken in batches.
    alternative
        ``greater`` asks whether the canary tends to be larger, ``less`` whether smaller.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    margin
        A probability beyond one half that never counts, in (-0.5, 0.5): ``greater`` tests against
        ``0.5 + margin``, ``less`` against ``0.5 - margin``. A negative one, with one side only,
        asks for non-inferiority.
    harmful
        The direction that hurts; it names the question and changes no number.
    distribution
        ``t`` with Satterthwaite's degrees of freedom, or ``normal``.

    Returns
    -------
    Evidence
        ``effect`` is the probability that a canary value exceeds a baseline value, ties counting
        one half, with the interval that inverts the test. Under complete separation the variance
        is unknown: the p-value is then that of the exact rank test and the interval a score-type
        one. Status is INSUFFICIENT under ten (effective) values a side, where the test errs too
        often; DEGENERATE where every value is the same.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Hypothesis: the probability is one half (or the margin's). Unlike `mann_whitney` it does not
    reject for different spreads alone. Samples must be independent; a gauge's variance is
    inflated by its autocorrelation time, as there.

    References
    ----------
    Brunner & Munzel (2000), Biometrical Journal 42:17-25.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> calm, wild = [9.9, 10.0, 10.1] * 8, [1.0, 4.0, 7.0, 10.0, 13.0, 16.0, 19.0] * 4
    >>> found = brunner_munzel(Pair.samples("cpu_cores", canary=wild, baseline=calm))
    >>> found.effect
    0.5
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_setting("distribution", distribution, ("t", "normal"))
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("margin", margin, -0.5, 0.5)
    sides.require_one_sided(margin, alternative)
    asked = _Asked(alternative, level, margin, harmful, distribution)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "brunner_munzel", Kind.SAMPLES, Kind.GAUGE)
    found = [e for stack in stacks(pairs) for e in _evidence(stack, asked)]
    return found[0] if isinstance(pair, Pair) else found


def _evidence(pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    columns = [sides.ordinary_values(pair) for pair in pairs]
    gauge = np.array([pair.kind is Kind.GAUGE for pair in pairs])
    ranked = _rank(stacked([c[0] for c in columns]), stacked([c[1] for c in columns]), gauge, asked)
    return [
        _found(pair, column, ranked, i, asked)
        for i, (pair, column) in enumerate(zip(pairs, columns, strict=True))
    ]


def _rank(
    canary: FloatArray, baseline: FloatArray, gauge: NDArray[np.bool_], asked: _Asked
) -> _Ranked:
    sums = rank_sums(canary, baseline)
    time = np.ones(len(canary))
    if gauge.any():
        ticks = min(canary.shape[1], baseline.shape[1])
        time[gauge] = autocorrelation_time(canary[gauge, :ticks], baseline[gauge, :ticks])
    effective = np.maximum(np.stack([sums.n, sums.m]) / time, 1)
    parts = sums.placement_variances * time
    error = np.sqrt(parts.sum(axis=0))
    degrees = _degrees(parts, effective)
    theta = np.where(sums.n * sums.m > 0, sums.probability, 0.5)
    # one value a side, or complete separation, says nothing of the variance
    known = (error > 0) & (np.minimum(sums.n, sums.m) > 1)
    least = smallest_p_value(*effective)

    def tail(sign: int) -> FloatArray:
        beyond = sign * (theta - 0.5) - asked.margin
        t = np.divide(beyond, error, out=np.zeros(len(error)), where=known)
        free = ndtr(-t) if asked.distribution == "normal" else stdtr(degrees, -t)
        return np.where(known, free, np.where(beyond > 0, least, 1.0))

    if asked.alternative == "two-sided":
        p = np.minimum(2 * np.minimum(tail(1), tail(-1)), 1)
    else:
        p = tail(1) if asked.alternative == "greater" else tail(-1)
    beyond = sides.tail(asked.alternative, asked.level)
    normal = asked.distribution == "normal"
    student: FloatArray = np.asarray(stdtrit(degrees, 1 - beyond), dtype=np.float64)
    critical = np.full(len(error), -float(ndtri(beyond))) if normal else student
    spare = probability_interval(
        theta,
        np.zeros(len(error)),
        effective[0],
        effective[1],
        student,
    )
    low = np.where(known, np.maximum(theta - critical * error, 0), spare[0])
    high = np.where(known, np.minimum(theta + critical * error, 1), spare[1])
    medians = np.stack([sides.medians(canary), sides.medians(baseline)])
    constant = sums.null_variance <= 0
    return _Ranked(sums.n, sums.m, theta, effective, p, low, high, constant, medians)


def _degrees(parts: FloatArray, effective: FloatArray) -> FloatArray:
    total = parts.sum(axis=0)
    shares = (parts**2 / np.maximum(effective - 1, 1e-9)).sum(axis=0)
    pooled = np.maximum(effective.sum(axis=0) - 2, 1)
    found = np.divide(total**2, shares, out=pooled.copy(), where=shares > 0)
    degrees: FloatArray = np.maximum(found, np.minimum(pooled, 1))
    return degrees


def _found(
    pair: Pair,
    columns: tuple[FloatArray, FloatArray],
    ranked: _Ranked,
    i: int,
    asked: _Asked,
) -> Evidence:
    n, m = int(ranked.n[i]), int(ranked.m[i])
    gauge = pair.kind is Kind.GAUGE
    status, detail = _status(ranked, i)
    evidence = Evidence(
        metric=pair.name,
        method="brunner_munzel",
        question=sides.question(asked.alternative, asked.harmful),
        status=status,
        n_canary=n,
        n_baseline=m,
        observed=sides.finite(ranked.medians[0, i]),
        reference=sides.finite(ranked.medians[1, i]),
        effect_scale="probability",
        level=asked.level,
        margin=asked.margin or None,
        assumptions=STATIONARY if gauge else INDEPENDENT,
        seen=sides.seen(pair, *columns),
        detail=detail,
    )
    if not (n and m):
        return evidence
    beyond = sides.tail(asked.alternative, asked.level)
    return evidence.model_copy(
        update={
            "n_effective": float(ranked.effective[:, i].min()) if gauge else None,
            "effect": float(ranked.effect[i]),
            "interval": sides.interval(ranked.low[i], ranked.high[i], beyond),
            "p_value": 1.0 if status is Status.DEGENERATE else float(ranked.p[i]),
        }
    )


def _status(ranked: _Ranked, i: int) -> tuple[Status, str]:
    nothing = sides.absent(float(ranked.n[i]), float(ranked.m[i]))
    if nothing is not None:
        return nothing, ""
    if ranked.constant[i]:
        return Status.DEGENERATE, "every value is the same"
    worth = float(ranked.effective[:, i].min())
    if worth < LEAST_VALUES:
        return Status.INSUFFICIENT, (
            f"{worth:.3g} independent values on a side; it takes {LEAST_VALUES:.0f}"
        )
    return Status.OK, ""
