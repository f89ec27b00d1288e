"""Tail quantiles against a constant, from raw samples or from buckets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from canarystats.compare import sides, tails
from canarystats.compare.observed import (
    of_buckets,
    of_samples,
    quantile_bounds,
    shown_quantiles,
)
from canarystats.compare.stacks import of_each_kind, stacks
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.binomial import upper_tail
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from canarystats.kernels.quantiles import Observations

    FloatArray = NDArray[np.float64]

INDEPENDENT = ("the observations are independent", "one look at a window fixed beforehand")


@dataclass(frozen=True, slots=True)
class _Asked:
    q: float
    threshold: float
    alternative: sides.Alternative
    level: float


@overload
def quantile_level(
    pair: Pair,
    *,
    threshold: float,
    q: float = 0.99,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> Evidence: ...


@overload
def quantile_level(
    pair: Sequence[Pair],
    *,
    threshold: float,
    q: float = 0.99,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> list[Evidence]: ...


def quantile_level(
    pair: Pair | Sequence[Pair],
    *,
    threshold: float,
    q: float = 0.99,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
) -> Evidence | list[Evidence]:
    """Test the canary's quantile against a constant without assuming a shape.

    Parameters
    ----------
    pair
        Samples, or a histogram whose ticks are added up, or a sequence of them; the baseline is not
        read.
    threshold
        The quantile under the hypothesis, in the metric's unit, positive.
    q
        Which quantile, in (0, 1).
    alternative
        ``greater``: H0 is that the quantile is at most the threshold; ``less``: at least.
    level
        The p-value at which the evidence decides, in (0, 0.5).

    Returns
    -------
    Evidence
        ``observed`` is the quantile, an observation of raw samples, Prometheus' interpolation of a
        histogram; ``effect`` is its ratio to the threshold, and the interval that of the order
        statistics that bound it, which never ends inside a bucket. Status is INSUFFICIENT where so
        few observations could never reach the level.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    An exact binomial test of how many observations lie beyond the threshold; those in the bucket
    that holds it count for the hypothesis. Observations must be independent; requests that are slow
    together break it.

    References
    ----------
    David & Nagaraja (2003), Order Statistics, section 7.1.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> bounds, slow = [0.1, 0.5, float("inf")], [[900, 60, 40]]
    >>> pair = Pair.histogram("latency_seconds", upper_bounds=bounds, canary=slow)
    >>> quantile_level(pair, threshold=0.5).decides
    True
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_between("level", level, 0, 0.5)
    sides.require_between("q", q, 0, 1)
    sides.require_between("threshold", threshold, 0, np.inf)
    asked = _Asked(q, threshold, alternative, level)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "quantile_level", Kind.SAMPLES, Kind.HISTOGRAM)

    def answer(kind: Kind, alike: list[Pair]) -> list[Evidence]:
        read = _samples if kind is Kind.SAMPLES else _buckets
        return [one for stack in stacks(alike) for one in _levels(stack, read(stack), asked)]

    found = of_each_kind(pairs, answer)
    return found[0] if isinstance(pair, Pair) else found


def _samples(pairs: list[Pair]) -> Observations:
    return of_samples([pair.canary[:, 0] for pair in pairs])


def _buckets(pairs: list[Pair]) -> Observations:
    bounds = [pair.upper_bounds for pair in pairs if pair.upper_bounds is not None]
    read = [pair.canary[~_missing(pair)] for pair in pairs]
    return of_buckets(bounds, [table.sum(axis=0) for table in read])


def _missing(pair: Pair) -> NDArray[np.bool_]:
    return np.asarray(np.isnan(pair.canary).any(axis=1))


def _levels(pairs: list[Pair], held: Observations, asked: _Asked) -> list[Evidence]:
    some = held.total > 0
    tested = iter(_tested(held.rows(some), asked) if some.any() else [])
    quantiles = shown_quantiles(pairs, held, asked.q)
    return [
        Evidence(
            metric=pair.name,
            method="quantile_level",
            question=Question.LEVEL,
            n_canary=int(total),
            observed=quantile,
            reference=asked.threshold,
            effect=None if quantile is None else quantile / asked.threshold,
            level=asked.level,
            assumptions=INDEPENDENT,
            seen=_seen(pair),
            **(next(tested) if total else {"status": Status.NO_DATA}),
        )
        for pair, total, quantile in zip(pairs, held.total.tolist(), quantiles, strict=True)
    ]


def _tested(held: Observations, asked: _Asked) -> list[dict[str, Any]]:
    """p-values and intervals of the rows that have observations."""
    n, q = held.total, asked.q
    line = np.full((len(n), 1), asked.threshold)
    above = held.surely_above(line)[:, 0]
    below = held.mirrored().surely_above(-line)[:, 0]
    p = tails.chosen(upper_tail(above, n, 1 - q), upper_tail(below, n, q), asked.alternative)
    extremes = upper_tail(n, n, 1 - q), upper_tail(n, n, q)
    if asked.alternative == "two-sided":
        least = 2 * np.minimum(*extremes)
    else:
        least = extremes[asked.alternative == "less"]
    beyond = sides.tail(asked.alternative, asked.level)
    low, high = (end / asked.threshold for end in quantile_bounds(held, q, beyond))
    return [
        {"p_value": value, "interval": sides.interval(start, end, beyond)}
        | ({} if possible <= asked.level else _too_few(total, asked))
        for value, start, end, possible, total in zip(
            *(array.tolist() for array in (p, low, high, least, n)), strict=True
        )
    ]


def _too_few(n: float, asked: _Asked) -> dict[str, Any]:
    detail = f"{n:g} observations cannot reach a level of {asked.level:g} at q = {asked.q:g}"
    return {"status": Status.INSUFFICIENT, "detail": detail}


def _seen(pair: Pair) -> tuple[str, ...]:
    found = list(pair.notes)
    missing = int(_missing(pair).sum())
    infinite = int(np.isinf(pair.canary).sum())
    if missing:
        found.append(f"canary: {missing} of {pair.n_ticks} ticks missing")
    if infinite:
        found.append(f"canary: {infinite} of {pair.n_ticks} values infinite")
    return tuple(found)
