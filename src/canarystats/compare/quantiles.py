"""Tail quantiles: the canary's against the baseline's, from raw samples or from buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from canarystats.compare import buckets, sides, tails
from canarystats.compare.observed import (
    of_buckets,
    of_samples,
    quantile_bounds,
    shown_quantiles,
)
from canarystats.compare.stacks import of_each_kind, stacks
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.buckets import interpolated_quantile
from canarystats.kernels.quantiles import Observations, excess_p_value
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from canarystats.evidence import Interval

    FloatArray = NDArray[np.float64]


INDEPENDENT = ("the observations are independent", "one look at a window fixed beforehand")


class QuantileBracket(NamedTuple):
    """What bucket counts say about a quantile.

    Parameters
    ----------
    low, high
        Edges of the bucket that holds it, in the unit of the bounds; None is open.
    value
        The value that PromQL's `histogram_quantile` interpolates between them.
    """

    low: float | None
    high: float | None
    value: float | None


def histogram_quantile(upper_bounds: ArrayLike, counts: ArrayLike, q: float) -> QuantileBracket:
    """Find the bucket of a quantile and the value Prometheus would interpolate.

    Parameters
    ----------
    upper_bounds
        Shape (k,), increasing, the last one infinite, any unit.
    counts
        Shape (k,): observations in each bucket, not cumulative.
    q
        In (0, 1).

    Returns
    -------
    QuantileBracket
        The quantile lies between ``low`` and ``high``; all three are None without observations.

    Raises
    ------
    InputError
        If a shape, an order or a number cannot be right.

    Examples
    --------
    >>> histogram_quantile([0.1, 0.5, float("inf")], [90, 8, 2], 0.95).value
    0.35
    """
    bounds, numbers = np.asarray(upper_bounds, np.float64), np.asarray(counts, np.float64)
    if bounds.ndim != 1 or bounds.size < 2 or not np.isposinf(bounds[-1]):
        msg = "upper_bounds must be a list of at least two bounds, the last one infinite"
        raise InputError(msg)
    if not (np.diff(bounds) > 0).all():
        msg = f"upper_bounds must increase, got {bounds.tolist()}"
        raise InputError(msg)
    if numbers.shape != bounds.shape or not (np.isfinite(numbers) & (numbers >= 0)).all():
        msg = f"counts must be {bounds.size} finite numbers of at least 0, one a bucket"
        raise InputError(msg)
    sides.require_between("q", q, 0, 1)
    held = of_buckets([bounds], [numbers])
    if not held.total[0]:
        return QuantileBracket(None, None, None)
    (group,) = held.group(q * held.total)
    value = interpolated_quantile(bounds, numbers[None], q)[0]
    low, high = held.lower[0, group], held.upper[0, group]
    return QuantileBracket(sides.finite(low), sides.finite(high), sides.finite(value))


@dataclass(frozen=True, slots=True)
class _Asked:
    q: float
    null_ratio: float
    alternative: sides.Alternative
    level: float
    harmful: sides.Harmful

    @property
    def question(self) -> Question:
        return sides.question(self.alternative, self.harmful, beyond=self.null_ratio != 1)


@overload
def quantile_ratio(
    pair: Pair,
    *,
    q: float = 0.99,
    null_ratio: float = 1.0,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
) -> Evidence: ...


@overload
def quantile_ratio(
    pair: Sequence[Pair],
    *,
    q: float = 0.99,
    null_ratio: float = 1.0,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
) -> list[Evidence]: ...


def quantile_ratio(
    pair: Pair | Sequence[Pair],
    *,
    q: float = 0.99,
    null_ratio: float = 1.0,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    harmful: sides.Harmful = "increase",
) -> Evidence | list[Evidence]:
    """Test the ratio of the canary's quantile to the baseline's without assuming a shape.

    Parameters
    ----------
    pair
        Samples, or a histogram whose ticks are added up (a tick missing on either side is left out
        of both), or a sequence of them, tested in batches.
    q
        Which quantile, in (0, 1).
    null_ratio
        The ratio under the hypothesis, positive: 1 asks for any harm, a trigger's threshold for
        harm beyond it, and with ``less`` a margin for non-inferiority.
    alternative
        ``greater``: H0 is that the canary's quantile is at most ``null_ratio`` times the
        baseline's; ``less``: at least.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    harmful
        The direction that hurts; it names the question and changes no number.

    Returns
    -------
    Evidence
        ``observed`` and ``reference`` are the quantiles: an observation of raw samples, Prometheus'
        interpolation of a histogram; ``effect`` is their ratio. The interval divides the
        order-statistic bounds of both and never ends inside a bucket. Status is INSUFFICIENT where
        data of this size could never reach the level: for q = 0.99 at 5 % it takes 368 baseline
        observations.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Half the level bounds the baseline's quantile by an order statistic, half tests by an exact
    binomial tail whether the canary exceeds ``null_ratio`` times that bound more often than its own
    quantile allows. Valid for any distributions and any numbers of observations, and conservative:
    the p-value is the least level at which this rejects. Observations must be independent; requests
    that are slow together break it.

    References
    ----------
    David & Nagaraja (2003), Order Statistics, section 7.1.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> slow, fast = [0.1 * i for i in range(1, 501)], [0.01 * i for i in range(1, 501)]
    >>> pair = Pair.samples("latency_seconds", canary=slow, baseline=fast)
    >>> quantile_ratio(pair, q=0.9, null_ratio=2).decides
    True
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("q", q, 0, 1)
    sides.require_between("null_ratio", null_ratio, 0, np.inf)
    asked = _Asked(q, null_ratio, alternative, level, harmful)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "quantile_ratio", Kind.SAMPLES, Kind.HISTOGRAM)

    def answer(kind: Kind, alike: list[Pair]) -> list[Evidence]:
        read = _raw_sides if kind is Kind.SAMPLES else _bucketed_sides
        return [one for stack in stacks(alike) for one in _ratios(stack, read(stack), asked)]

    found = of_each_kind(pairs, answer)
    return found[0] if isinstance(pair, Pair) else found


class _Sides(NamedTuple):
    canary: Observations
    baseline: Observations
    seen: list[tuple[str, ...]]


def _ratios(pairs: list[Pair], held: _Sides, asked: _Asked) -> list[Evidence]:
    totals = np.stack([held.canary.total, held.baseline.total], axis=1)
    some: NDArray[np.bool_] = (totals[:, 0] > 0) & (totals[:, 1] > 0)
    shown = zip(*(shown_quantiles(pairs, side, asked.q) for side in held[:2]), strict=True)
    tested = iter(_tested(held, some, asked) if some.any() else [])
    found = []
    for pair, seen, (n, m), figures in zip(pairs, held.seen, totals.tolist(), shown, strict=True):
        nothing = sides.absent(n, m)
        found.append(
            Evidence(
                metric=pair.name,
                method="quantile_ratio",
                question=asked.question,
                n_canary=int(n),
                n_baseline=int(m),
                observed=figures[0],
                reference=figures[1],
                level=asked.level,
                margin=asked.null_ratio if asked.null_ratio != 1 else None,
                assumptions=INDEPENDENT,
                seen=seen,
                **(
                    {"effect": _effect(*figures), **next(tested)}
                    if nothing is None
                    else {"status": nothing}
                ),
            )
        )
    return found


def _tested(held: _Sides, some: NDArray[np.bool_], asked: _Asked) -> list[dict[str, Any]]:
    """p-values and intervals of the rows that have observations on both sides."""
    canary, baseline = (side.rows(some) for side in held[:2])
    greater = excess_p_value(canary, baseline, asked.q, asked.null_ratio)
    p = greater
    if asked.alternative != "greater":
        turned = canary.mirrored(), baseline.mirrored()
        less = excess_p_value(*turned, 1 - asked.q, asked.null_ratio)
        p = tails.chosen(greater, less, asked.alternative)
    beyond = sides.tail(asked.alternative, asked.level)
    intervals = _ratio_intervals(canary, baseline, asked.q, beyond)
    return [
        {"p_value": value, "interval": interval} | _too_few(n, m, asked)
        for value, interval, n, m in zip(
            p.tolist(), intervals, canary.total.tolist(), baseline.total.tolist(), strict=True
        )
    ]


def _too_few(n: float, m: float, asked: _Asked) -> dict[str, Any]:
    if _least_p_value(n, m, asked.q, asked.alternative) <= asked.level:
        return {}
    detail = (
        f"{n:g} canary and {m:g} baseline observations cannot reach a "
        f"level of {asked.level:g} at q = {asked.q:g}"
    )
    return {"status": Status.INSUFFICIENT, "detail": detail}


def _effect(observed: float | None, reference: float | None) -> float | None:
    if observed is None or reference is None or reference <= 0:
        return None
    return observed / reference


def _raw_sides(pairs: list[Pair]) -> _Sides:
    columns = [sides.ordinary_values(pair) for pair in pairs]
    return _Sides(
        of_samples([both[0] for both in columns]),
        of_samples([both[1] for both in columns]),
        [sides.seen(pair, *both) for pair, both in zip(pairs, columns, strict=True)],
    )


def _bucketed_sides(pairs: list[Pair]) -> _Sides:
    totals = [buckets.together(pair) for pair in pairs]
    bounds = [total.bounds for total in totals]
    return _Sides(
        of_buckets(bounds, [total.canary for total in totals]),
        of_buckets(bounds, [total.baseline for total in totals]),
        [sides.seen(pair, *total.columns) for pair, total in zip(pairs, totals, strict=True)],
    )


def _least_p_value(n: float, m: float, q: float, alternative: str) -> float:
    greater: float = 2 * max(q**m, (1 - q) ** n)
    less: float = 2 * max((1 - q) ** m, q**n)
    if alternative == "two-sided":
        return 2 * min(greater, less)
    return greater if alternative == "greater" else less


def _ratio_intervals(
    canary: Observations, baseline: Observations, q: float, tail: float
) -> list[Interval | None]:
    ours, theirs = quantile_bounds(canary, q, tail / 2), quantile_bounds(baseline, q, tail / 2)
    floor = (theirs[1] > 0) & (theirs[1] < np.inf) & (ours[0] > 0)
    with np.errstate(invalid="ignore", over="ignore"):
        low = np.divide(ours[0], theirs[1], out=np.zeros_like(ours[0]), where=floor)
        high = np.divide(ours[1], theirs[0], out=np.full_like(low, np.inf), where=theirs[0] > 0)
    # values of both signs have no ratio
    signed = np.minimum(canary.lower[:, 0], baseline.lower[:, 0]) < 0
    return [
        None if mixed else sides.interval(start, end, tail)
        for mixed, start, end in zip(signed.tolist(), low.tolist(), high.tolist(), strict=True)
    ]
