"""Stochastic order: whether the canary is slower at some point of the whole distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from canarystats.compare import buckets, sides
from canarystats.compare.stacks import of_each_kind, stacked, stacks
from canarystats.evidence import Evidence, Status
from canarystats.kernels.order import excess_of_buckets, excess_of_samples, furthest
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

INDEPENDENT = ("the observations are independent", "one look at a window fixed beforehand")


@dataclass(frozen=True, slots=True)
class _Asked:
    alternative: sides.Alternative
    level: float
    margin: float
    harmful: sides.Harmful


@overload
def stochastic_order(
    pair: Pair,
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence: ...


@overload
def stochastic_order(
    pair: Sequence[Pair],
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> list[Evidence]: ...


def stochastic_order(
    pair: Pair | Sequence[Pair],
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence | list[Evidence]:
    """Test whether the canary has more above some point than the baseline has.

    Parameters
    ----------
    pair
        A histogram (ticks added up, compared at its bounds) or samples, or a sequence of them,
        tested in batches.
    alternative
        ``greater``: H0 is that the canary's share above every point is at most the baseline's (plus
        ``margin``), so that it is nowhere slower; ``less`` likewise downwards.
    level
        The p-value at which the evidence decides, in (0, 0.5).
    margin
        A difference of shares that never counts, in [0, 1).
    harmful
        The direction that hurts; it names the question and changes no number.

    Returns
    -------
    Evidence
        ``effect`` is the largest excess of the canary's share above a point (two-sided: the largest
        of either sign, signed), with the point in ``detail``; the interval is that of the
        Dvoretzky- Kiefer-Wolfowitz-Massart bands of both sides. ``effect_scale`` is ``share``.

    Raises
    ------
    InputError
        If the pair is of another kind or a setting is out of range.

    Notes
    -----
    Smirnov's one-sided statistic with the bound exp(-2 D² nm / (n + m)), which is conservative on
    buckets and with ties. With a margin D counts from it. Observations must be independent. It sees
    any difference somewhere, and so a shift later than `mann_whitney` does.

    References
    ----------
    Smirnov (1939), Bulletin of Moscow University 2:3-16. Massart (1990), Annals of Probability
    18:1269-1283.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> bounds, slow, fast = [0.1, 0.5, float("inf")], [[800, 60, 140]], [[900, 90, 10]]
    >>> pair = Pair.histogram("latency_s", upper_bounds=bounds, canary=slow, baseline=fast)
    >>> stochastic_order(pair).detail
    'largest above 0.5'
    """
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    if not 0 <= margin < 1:
        sides.require_between("margin", margin, 0, 1)
    asked = _Asked(alternative, level, margin, harmful)
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "stochastic_order", Kind.HISTOGRAM, Kind.SAMPLES)

    def answer(kind: Kind, alike: list[Pair]) -> list[Evidence]:
        read = _of_samples if kind is Kind.SAMPLES else _of_buckets
        return [one for stack in stacks(alike) for one in _orders(stack, read(stack), asked)]

    found = of_each_kind(pairs, answer)
    return found[0] if isinstance(pair, Pair) else found


class _Excess(NamedTuple):
    points: FloatArray
    excess: FloatArray  # the canary's share above each point less the baseline's
    sizes: list[tuple[float, float]]
    columns: list[tuple[FloatArray, FloatArray]]


def _of_samples(pairs: list[Pair]) -> _Excess:
    columns = [sides.ordinary_values(pair) for pair in pairs]
    points, excess = excess_of_samples(*(stacked([both[i] for both in columns]) for i in (0, 1)))
    return _Excess(points, excess, [(float(len(a)), float(len(b))) for a, b in columns], columns)


def _of_buckets(pairs: list[Pair]) -> _Excess:
    totals = [buckets.together(pair) for pair in pairs]
    ours, theirs = (
        stacked(side, 0.0)
        for side in ([each.canary for each in totals], [each.baseline for each in totals])
    )
    sizes = [np.cumsum(side, axis=1)[:, -1].tolist() for side in (ours, theirs)]
    return _Excess(
        stacked([each.bounds for each in totals], np.inf),
        excess_of_buckets(ours, theirs),
        list(zip(*sizes, strict=True)),
        [each.columns for each in totals],
    )


def _orders(pairs: list[Pair], held: _Excess, asked: _Asked) -> list[Evidence]:
    signs = {"greater": (1,), "less": (-1,)}.get(asked.alternative, (1, -1))
    tops: list[list[tuple[float, int, int]]] = [[] for _ in pairs]
    if held.excess.shape[1]:
        for sign in signs:
            heights, places = furthest(held.excess, sign)
            for top, height, place in zip(tops, heights.tolist(), places.tolist(), strict=True):
                top.append((height, place, sign))
    return [
        Evidence(
            metric=pair.name,
            method="stochastic_order",
            question=sides.question(asked.alternative, asked.harmful),
            n_canary=int(sizes[0]),
            n_baseline=int(sizes[1]),
            effect_scale="share",
            level=asked.level,
            margin=asked.margin or None,
            assumptions=INDEPENDENT,
            seen=sides.seen(pair, *columns),
            **_answer(top, points, sizes, asked),
        )
        for pair, top, points, sizes, columns in zip(
            pairs, tops, held.points, held.sizes, held.columns, strict=True
        )
    ]


def _answer(
    tops: list[tuple[float, int, int]],
    points: FloatArray,
    sizes: tuple[float, float],
    asked: _Asked,
) -> dict[str, Any]:
    nothing = sides.absent(*sizes)
    if nothing is not None:
        return {"status": nothing}
    top, at, sign = max(tops)
    worth = sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    p = min(1.0, len(tops) * math.exp(-2 * max(top - asked.margin, 0.0) ** 2 * worth))
    beyond = sides.tail(asked.alternative, asked.level)
    reach = sum(math.sqrt(math.log(2 / beyond) / (2 * size)) for size in sizes)
    found: dict[str, Any] = {
        "effect": sign * top,
        "interval": sides.interval(max(sign * top - reach, -1), min(sign * top + reach, 1), beyond),
        "p_value": p,
        "detail": f"largest above {points[at]:.4g}",
    }
    if len(tops) * math.exp(-2 * (1 - asked.margin) ** 2 * worth) > asked.level:
        detail = f"{sizes[0]:g} and {sizes[1]:g} observations cannot reach a level of "
        detail += f"{asked.level:g}"
        return found | {"status": Status.INSUFFICIENT, "detail": detail}
    return found
