"""Stochastic order: whether the canary is slower at some point of the whole distribution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from canarystats.compare import buckets, sides
from canarystats.evidence import Evidence, Status
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


def stochastic_order(
    pair: Pair,
    *,
    alternative: sides.Alternative = "greater",
    level: float = 0.05,
    margin: float = 0.0,
    harmful: sides.Harmful = "increase",
) -> Evidence:
    """Test whether the canary has more above some point than the baseline has.

    Parameters
    ----------
    pair
        A histogram (ticks added up, compared at its bounds) or samples.
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
    sides.require_kind(pair, "stochastic_order", Kind.HISTOGRAM, Kind.SAMPLES)
    sides.require_setting("alternative", alternative, sides.ALTERNATIVES)
    sides.require_setting("harmful", harmful, sides.HARMFUL)
    sides.require_between("level", level, 0, 0.5)
    if not 0 <= margin < 1:
        sides.require_between("margin", margin, 0, 1)
    points, excess, sizes, columns = _excess(pair)
    n, m = sizes
    evidence = Evidence(
        metric=pair.name,
        method="stochastic_order",
        question=sides.question(alternative, harmful),
        status=sides.absent(n, m) or Status.OK,
        n_canary=int(n),
        n_baseline=int(m),
        effect_scale="share",
        level=level,
        margin=margin or None,
        assumptions=("the observations are independent", "one look at a window fixed beforehand"),
        seen=sides.seen(pair, *columns),
    )
    if evidence.status is not Status.OK:
        return evidence
    signs = {"greater": (1,), "less": (-1,)}.get(alternative, (1, -1))
    tops = [(float((sign * excess).max()), int((sign * excess).argmax()), sign) for sign in signs]
    top, at, sign = max(tops)
    worth = n * m / (n + m)
    p = min(1.0, len(signs) * math.exp(-2 * max(top - margin, 0.0) ** 2 * worth))
    beyond = sides.tail(alternative, level)
    reach = sum(math.sqrt(math.log(2 / beyond) / (2 * size)) for size in (n, m))
    found: dict[str, object] = {
        "effect": sign * top,
        "interval": sides.interval(max(sign * top - reach, -1), min(sign * top + reach, 1), beyond),
        "p_value": p,
        "detail": f"largest above {points[at]:.4g}",
    }
    if len(signs) * math.exp(-2 * (1 - margin) ** 2 * worth) > level:
        detail = f"{n:g} and {m:g} observations cannot reach a level of {level:g}"
        found |= {"status": Status.INSUFFICIENT, "detail": detail}
    return evidence.model_copy(update=found)


def _excess(
    pair: Pair,
) -> tuple[FloatArray, FloatArray, tuple[float, float], tuple[FloatArray, FloatArray]]:
    """The points, the canary's share above each less the baseline's, sizes and columns."""
    if pair.kind is Kind.HISTOGRAM:
        totals = buckets.together(pair)
        points = totals.bounds
        below = [np.cumsum(side) for side in (totals.canary, totals.baseline)]
        sizes = (float(below[0][-1]), float(below[1][-1]))
        columns = totals.columns
    else:
        columns = sides.ordinary_values(pair)
        points = np.sort(np.concatenate(columns))
        below = [
            np.searchsorted(np.sort(side), points, side="right").astype(np.float64)
            for side in columns
        ]
        sizes = (float(columns[0].size), float(columns[1].size))
    excess = below[1] / max(sizes[1], 1) - below[0] / max(sizes[0], 1)
    return points, excess, sizes, columns
