"""Mann-Whitney: how often a canary value exceeds a baseline value."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from canarystats.compare import buckets, sides
from canarystats.compare.stacks import of_each_kind, stacked, stacks
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Status
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.kernels.exceedance import probability_interval
from canarystats.kernels.ranks import (
    RankSums,
    bucket_sums,
    dependent_upper_tail,
    mirrored,
    rank_sums,
    smallest_p_value,
    upper_p_value,
)
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    FloatArray = NDArray[np.float64]

LEAST_EFFECTIVE = 3.0  # independent values a side under which a gauge's answer is withheld
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


@overload
def mann_whitney(
    pair: Pair,
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence: ...


@overload
def mann_whitney(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> list[Evidence]: ...


def mann_whitney(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "two-sided",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence | list[Evidence]:
    """Test by ranks whether the canary's values are larger or smaller than the baseline's.

    Parameters
    ----------
    pair
        Samples, a gauge or a histogram (ticks added up, a bucket's observations tied), or a
        sequence of them, which is ranked in batches.
    alternative
        ``greater`` asks whether the canary is larger, ``less`` whether it is smaller.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    margin
        A difference that never counts, relative to the baseline's median: ``greater`` ranks the
        canary against the baseline raised by so much, ``less`` against it lowered by so much. A
        negative one, with one side only, asks for non-inferiority. 0 where the median is infinite.
        Of a histogram it must be 0: where in a bucket its observations lie is not known, so the
        bucket cannot be moved by less than its width; `quantile_ratio`, `share_above` and
        `stochastic_order` take a margin there.
    harmful
        The direction that hurts; it names the question and changes no number.

    Returns
    -------
    Evidence
        ``effect`` is the probability that a canary value exceeds a baseline value, ties counting
        one half, without any margin; ``observed`` and ``reference`` are the medians;
        ``n_effective`` is that of the side with fewer values. Status is INSUFFICIENT where no data
        of this size could reach the level and, of a gauge, under three effective values a side;
        DEGENERATE where every value is the same, unless samples have a margin. The p-value is given
        all the same.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Hypothesis: both sides come from one distribution (with a margin, from one that is shifted by no
    more than it). Different spreads alone may reject. Infinities are ranked.

    Samples must be independent. Up to 900 untied pairs of values are counted exactly, more use the
    normal approximation with tie and continuity corrections.

    A gauge is a series in time: one value a tick, the mean of its pods; ticks missing on a side are
    dropped there. Its variance is inflated by the autocorrelation time of the ranks within the
    sides, with Student's distribution on the effective number of values. Where neither side ever
    changes nothing tells how independent the ticks are: they are taken to be worth one value, and
    no margin makes two constants an answer. Simulated error rates at a
    nominal 2 %, two-sided, 8000 windows each, of AR(1) 0 / 0.5 / 0.8 / 0.9: 0.5 / 1.9 / 2.2 / 2.4 %
    with 20 ticks a side, 1.2 / 1.6 / 1.7 / 2.0 % with 60, 1.8 / 2.0 / 2.2 / 2.3 % with 240. It is
    broken by slow dependence behind fast noise: AR(2) 0.5, 0.35 gives 11, 6 and 4 %. A pattern that
    both sides share in time counts as noise, which costs power and not error.

    References
    ----------
    Mann & Whitney (1947), Annals of Mathematical Statistics 18:50-60.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.samples("latency_seconds", canary=[0.8, 0.9, 0.7], baseline=[0.2, 0.3, 0.1])
    >>> mann_whitney(pair, alternative="greater").p_value
    0.05
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("margin", margin, -math.inf, math.inf)
    sides.require_one_sided(margin, alternative)
    asked = _Asked(alternative, level, margin, harmful)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "mann_whitney", Kind.SAMPLES, Kind.GAUGE, Kind.HISTOGRAM)

    def answer(kind: Kind, alike: list[Pair]) -> list[Evidence]:
        ask = _bucketed if kind is Kind.HISTOGRAM else _evidence
        return [one for stack in stacks(alike) for one in ask(stack, asked)]

    found = of_each_kind(pairs, answer)
    return found[0] if isinstance(pair, Pair) else found


@dataclass(frozen=True, slots=True)
class _Ranked:
    n: FloatArray
    m: FloatArray
    effect: FloatArray
    constant: NDArray[np.bool_]
    p: FloatArray
    least_p: FloatArray
    effective: FloatArray  # (2, K) independent values on each side
    medians: FloatArray  # (2, K)
    low: FloatArray
    high: FloatArray


def _evidence(pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    columns = [sides.ordinary_values(pair) for pair in pairs]
    gauge = np.full(len(pairs), pairs[0].kind is Kind.GAUGE)
    canary = stacked([column[0] for column in columns])
    baseline = stacked([column[1] for column in columns])
    ranked = _rank(_sorted_out(canary, baseline, gauge, asked), asked)
    finite = sides.whole(columns)
    return [
        _found(pair, column, ranked, i, asked, finite=finite)
        for i, (pair, column) in enumerate(zip(pairs, columns, strict=True))
    ]


def _bucketed(pairs: list[Pair], asked: _Asked) -> list[Evidence]:
    if asked.margin:
        msg = f"margin is {asked.margin}; of a histogram it must be 0: `quantile_ratio` takes one"
        raise InputError(msg)
    totals = [buckets.together(pair) for pair in pairs]
    sums = bucket_sums(
        stacked([each.canary for each in totals], 0.0),
        stacked([each.baseline for each in totals], 0.0),
    )
    medians = np.array(
        [[t.quantile(side, 0.5) for side in (t.canary, t.baseline)] for t in totals]
    ).T
    whole = np.array([each.whole for each in totals])
    gauge = np.zeros(len(pairs), dtype=bool)
    ranked = _rank(_Ranks(sums, sums, sums, medians, np.ones(len(pairs)), ~whole, gauge), asked)
    return [
        _found(pair, each.columns, ranked, i, asked)
        for i, (pair, each) in enumerate(zip(pairs, totals, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class _Ranks:
    sums: RankSums
    raised: RankSums  # against the baseline moved up by the margin
    lowered: RankSums
    medians: FloatArray
    time: FloatArray
    approximate: NDArray[np.bool_]
    gauge: NDArray[np.bool_]


def _sorted_out(
    canary: FloatArray, baseline: FloatArray, gauge: NDArray[np.bool_], asked: _Asked
) -> _Ranks:
    sums = rank_sums(canary, baseline)
    medians = np.stack([sides.medians(canary), sides.medians(baseline)])
    time = np.ones(len(canary))
    if gauge.any():
        ticks = min(canary.shape[1], baseline.shape[1])  # beyond it a gauge has padding only
        time[gauge] = autocorrelation_time(canary[gauge, :ticks], baseline[gauge, :ticks])
    if not asked.margin:
        return _Ranks(sums, sums, sums, medians, time, gauge, gauge)
    allowed = np.abs(asked.margin * medians[1])
    allowed = np.copysign(np.where(np.isfinite(allowed), allowed, 0.0), asked.margin)[:, None]
    raised = sums if asked.alternative == "less" else rank_sums(canary, baseline + allowed)
    lowered = sums if asked.alternative == "greater" else rank_sums(canary, baseline - allowed)
    return _Ranks(sums, raised, lowered, medians, time, gauge, gauge)


def _rank(ranks: _Ranks, asked: _Asked) -> _Ranked:
    sums, time, gauge = ranks.sums, ranks.time, ranks.gauge
    effective = np.maximum(np.stack([sums.n, sums.m]) / time, 1)
    degrees = np.maximum(effective.sum(axis=0) - 2, 1)

    def upper(these: RankSums) -> FloatArray:
        free = upper_p_value(these, exact=~ranks.approximate)
        if not gauge.any():
            return free
        return np.where(gauge, dependent_upper_tail(these, time, degrees), free)

    least = smallest_p_value(sums.n, sums.m)
    if gauge.any():
        separated = replace(sums, u=sums.n * sums.m)
        least = np.where(gauge, dependent_upper_tail(separated, time, degrees), least)
    if asked.alternative == "two-sided":
        p = np.minimum(2 * np.minimum(upper(ranks.raised), upper(mirrored(ranks.lowered))), 1)
        least = 2 * least
    elif asked.alternative == "greater":
        p = upper(ranks.raised)
    else:
        p = upper(mirrored(ranks.lowered))
    critical = stdtrit(degrees, 1 - sides.tail(asked.alternative, asked.level))
    here = np.where(sums.n * sums.m > 0, sums.probability, 0.5)
    low, high = probability_interval(
        here, sums.placement_variance * time, effective[0], effective[1], critical
    )
    # with a margin, values that are all the same lie wholly below the moved ones: an answer by
    # permutation where they are independent, but a gauge that never moves shows no independence
    moved = np.maximum(ranks.raised.null_variance, ranks.lowered.null_variance)
    constant = (sums.null_variance <= 0) & (gauge | (moved <= 0))
    return _Ranked(sums.n, sums.m, here, constant, p, least, effective, ranks.medians, low, high)


def _found(
    pair: Pair,
    columns: tuple[FloatArray, FloatArray],
    ranked: _Ranked,
    i: int,
    asked: _Asked,
    *,
    finite: bool = False,
) -> Evidence:
    n, m = int(ranked.n[i]), int(ranked.m[i])
    status, detail = _status(pair, columns, ranked, i, asked)
    gauge = pair.kind is Kind.GAUGE
    found: dict[str, Any] = {}
    if n and m:
        beyond = sides.tail(asked.alternative, asked.level)
        found = {
            "n_effective": float(ranked.effective[:, i].min()) if gauge else None,
            "effect": float(ranked.effect[i]),
            "interval": sides.interval(ranked.low[i], ranked.high[i], beyond),
            "p_value": 1.0 if status is Status.DEGENERATE else float(ranked.p[i]),
        }
    return Evidence(
        metric=pair.name,
        method="mann_whitney",
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
        seen=sides.seen(pair, *columns, finite=finite),
        detail=detail,
        **found,
    )


def _status(
    pair: Pair, columns: tuple[FloatArray, FloatArray], ranked: _Ranked, i: int, asked: _Asked
) -> tuple[Status, str]:
    n, m = float(ranked.n[i]), float(ranked.m[i])
    nothing = sides.absent(n, m)
    if nothing is not None:
        return nothing, ""
    if ranked.constant[i]:
        never = ": nothing tells how independent the ticks are" if pair.kind is Kind.GAUGE else ""
        return Status.DEGENERATE, f"every value is the same{never}"
    worth = float(ranked.effective[:, i].min())
    if pair.kind is Kind.GAUGE and worth < LEAST_EFFECTIVE:
        if all(np.nanmin(column) == np.nanmax(column) for column in columns):
            return Status.INSUFFICIENT, (
                "neither side ever changes, so nothing tells how independent the ticks are"
            )
        return Status.INSUFFICIENT, (
            f"{min(n, m):.0f} ticks are worth {worth:.1f} independent values; "
            f"it takes {LEAST_EFFECTIVE:.0f}"
        )
    if ranked.least_p[i] > asked.level:
        return Status.INSUFFICIENT, (
            f"{n:.0f} canary and {m:.0f} baseline values cannot reach a level of {asked.level:g}"
        )
    return Status.OK, _margin_in_words(asked) if asked.margin else ""


def _margin_in_words(asked: _Asked) -> str:
    if asked.alternative == "two-sided":
        return f"beyond {asked.margin:.3g} of the baseline's median either way"
    raised = (asked.alternative == "greater") == (asked.margin > 0)
    word = "raised" if raised else "lowered"
    return f"against the baseline {word} by {abs(asked.margin):.3g} of its median"
