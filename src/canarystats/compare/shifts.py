"""How far the canary's values lie above the baseline's, in the metric's own unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtrit

from canarystats.compare import sides
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.kernels.differences import difference, median_difference
from canarystats.kernels.ranks import EXACT_PRODUCT, null_tail
from canarystats.windows import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.windows import Pair

    FloatArray = NDArray[np.float64]


def shift(pair: Pair, *, level: float = 0.05) -> Evidence:
    """Estimate the shift between baseline and canary by the median of all differences.

    Parameters
    ----------
    pair
        Samples or a gauge (one value a tick, the mean of its pods).
    level
        One minus the coverage of the interval, in (0, 0.5).

    Returns
    -------
    Evidence
        ``effect`` is the Hodges-Lehmann estimate, canary minus baseline; its interval has order
        statistics of the differences for ends, and none where there are too few values. There is
        no p-value. Status is INSUFFICIENT without an interval, NOT_EVALUABLE where both sides hold
        the same infinity.

    Raises
    ------
    InputError
        If the pair is of another kind or the level is out of range.

    Notes
    -----
    Assumes that canary and baseline have one shape. The interval inverts the Mann-Whitney test:
    counted exactly up to 900 pairs of values, by the normal approximation beyond; of a gauge, with
    the autocorrelation time and Student's distribution as in `mann_whitney`. Ties widen it.

    References
    ----------
    Hodges & Lehmann (1963), Annals of Mathematical Statistics 34:598-611.

    Examples
    --------
    >>> from canarystats.windows import Pair
    >>> pair = Pair.samples("memory_bytes", canary=[5.0, 6.0, 9.0], baseline=[2.0, 3.0])
    >>> shift(pair).effect
    3.5
    """
    sides.require_kind(pair, "shift", Kind.SAMPLES, Kind.GAUGE)
    sides.require_between("level", level, 0, 0.5)
    columns = sides.ordinary_values(pair)
    canary, baseline = (column[~np.isnan(column)] for column in columns)
    n, m = canary.size, baseline.size
    time = 1.0
    if pair.kind is Kind.GAUGE and n and m:
        time = float(autocorrelation_time(columns[0][None], columns[1][None])[0])
    evidence = Evidence(
        metric=pair.name,
        method="shift",
        question=Question.DIFFERENCE,
        status=sides.absent(n, m) or Status.OK,
        n_canary=n,
        n_baseline=m,
        n_effective=max(min(n, m) / time, 1.0) if pair.kind is Kind.GAUGE and n and m else None,
        observed=sides.finite(np.median(canary)) if n else None,
        reference=sides.finite(np.median(baseline)) if m else None,
        effect_scale="difference",
        assumptions=("canary and baseline have one shape", "one look at a window fixed beforehand"),
        seen=sides.seen(pair, *columns),
    )
    if evidence.status is not Status.OK:
        return evidence
    return evidence.model_copy(update=_estimate(canary, baseline, pair.kind, time, level))


def _estimate(
    canary: FloatArray, baseline: FloatArray, kind: Kind, time: float, level: float
) -> dict[str, object]:
    for infinity in (math.inf, -math.inf):
        if (canary == infinity).any() and (baseline == infinity).any():
            detail = "both sides hold the same infinity, whose difference is undefined"
            return {"status": Status.NOT_EVALUABLE, "detail": detail}
    found: dict[str, object] = {"effect": sides.finite(median_difference(canary, baseline))}
    outside = _outside(
        canary.size, baseline.size, level / 2, None if kind is Kind.SAMPLES else time
    )
    if outside < 1:
        detail = f"too few values for an interval of coverage {1 - level:g}"
        return found | {"status": Status.INSUFFICIENT, "detail": detail}
    low = difference(canary, baseline, outside - 1)
    high = difference(canary, baseline, canary.size * baseline.size - outside)
    return found | {"interval": sides.interval(low, high, level / 2)}


def _outside(n: int, m: int, tail: float, time: float | None) -> int:
    """How many differences, counted from the smallest, reach up to the interval's low end."""
    if time is None and n * m <= EXACT_PRODUCT:
        return int((null_tail(min(n, m), max(n, m)) <= tail).sum())
    sd = math.sqrt(n * m * (n + m + 1) / 12 * (time or 1.0))
    degrees = max((n + m) / (time or 1.0) - 2, 1.0)
    critical = -ndtri(tail) if time is None else stdtrit(degrees, 1 - tail)
    return math.floor(n * m / 2 + 0.5 - float(critical) * sd)
