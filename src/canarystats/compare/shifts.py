"""How far the canary's values lie above the baseline's, in the metric's own unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from scipy.special import ndtri, stdtrit

from canarystats.compare import sides
from canarystats.compare.stacks import stacked, stacks
from canarystats.evidence import Evidence, Question, Status
from canarystats.kernels.dependence import autocorrelation_time
from canarystats.kernels.ranks import EXACT_PRODUCT, null_tail
from canarystats.kernels.selection import select_differences
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

KEPT_RANKS = 256  # a batch asks the same of every pair of one size
ASSUMES = ("canary and baseline have one shape", "one look at a window fixed beforehand")


@overload
def shift(
    pair: Pair, *, level: float = 0.05, scale: Literal["difference", "ratio"] = "difference"
) -> Evidence: ...


@overload
def shift(
    pair: Sequence[Pair],
    *,
    level: float = 0.05,
    scale: Literal["difference", "ratio"] = "difference",
) -> list[Evidence]: ...


def shift(
    pair: Pair | Sequence[Pair],
    *,
    level: float = 0.05,
    scale: Literal["difference", "ratio"] = "difference",
) -> Evidence | list[Evidence]:
    """Estimate the shift between baseline and canary by the median of all differences.

    Parameters
    ----------
    pair
        Samples or a gauge (one value a tick, the mean of its pods), or a sequence of them, taken in
        batches.
    level
        One minus the coverage of the interval, in (0, 0.5).
    scale
        ``ratio`` shifts the logarithms of positive values and gives the factor.

    Returns
    -------
    Evidence
        ``effect`` is the Hodges-Lehmann estimate, canary minus baseline, or its factor; its
        interval has order statistics of the differences for ends, and none where there are too
        few values. There is no p-value. Status is INSUFFICIENT without an interval, NOT_EVALUABLE
        where both sides hold the same infinity, or where a ratio meets values that are not
        positive and finite.

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
    sides.require_between("level", level, 0, 0.5)
    sides.require_setting("scale", scale, ("difference", "ratio"))
    pairs = [pair] if isinstance(pair, Pair) else list(pair)
    for each in pairs:
        sides.require_kind(each, "shift", Kind.SAMPLES, Kind.GAUGE)
    ratio = scale == "ratio"
    found = [
        _found(reading, level)
        for stack in stacks(pairs)
        for reading in _read(stack, level, ratio=ratio)
    ]
    return found[0] if isinstance(pair, Pair) else found


@dataclass(slots=True)
class _Reading:
    pair: Pair
    columns: tuple[FloatArray, FloatArray]
    canary: FloatArray
    baseline: FloatArray
    time: float
    ratio: bool
    finite: bool  # known of the whole batch
    outside: int = 0  # differences beyond each end of the interval, with the end itself
    ends: tuple[float, float, float] | None = None  # low end, estimate, high end
    medians: tuple[float, float] = (math.nan, math.nan)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.canary.size, self.baseline.size

    @property
    def undefined(self) -> bool:
        """Whether differences, or ratios, of these values have no meaning."""
        if self.ratio:
            return not all(
                (self.finite or sides.all_finite(side)) and bool((side > 0).all())
                for side in (self.canary, self.baseline)
            )
        if self.finite or sides.all_finite(self.canary):
            return False
        return any(
            bool((self.canary == end).any() and (self.baseline == end).any())
            for end in (math.inf, -math.inf)
        )


def _read(pairs: list[Pair], level: float, *, ratio: bool) -> list[_Reading]:
    columns = [sides.ordinary_values(pair) for pair in pairs]
    times = np.ones(len(pairs))
    gauge = [i for i, pair in enumerate(pairs) if pair.kind is Kind.GAUGE]
    if gauge:
        ours, theirs = (stacked([columns[i][side] for i in gauge]) for side in (0, 1))
        times[gauge] = autocorrelation_time(ours, theirs)
    readings, finite = [], sides.whole(columns)
    for pair, (ours, theirs), time in zip(pairs, columns, times.tolist(), strict=True):
        present = (
            (ours, theirs)
            if pair.kind is Kind.SAMPLES
            else (ours[~np.isnan(ours)], theirs[~np.isnan(theirs)])
        )
        readings.append(_Reading(pair, (ours, theirs), *present, time, ratio, finite))
    alike: dict[tuple[int, int], list[_Reading]] = {}
    for reading in readings:
        alike.setdefault(reading.sizes, []).append(reading)
    for group in alike.values():
        _compare(group, level)
    return readings


def _compare(group: list[_Reading], level: float) -> None:
    """Medians, and where differences are defined their order statistics, of pairs of one size."""
    ours, theirs = np.stack([r.canary for r in group]), np.stack([r.baseline for r in group])
    middles = zip(sides.medians(ours).tolist(), sides.medians(theirs).tolist(), strict=True)
    for reading, middle in zip(group, middles, strict=True):
        reading.medians = middle
    defined = np.array([not reading.undefined for reading in group])
    if not (ours.size and theirs.size and defined.any()):
        return
    chosen = [reading for reading, usable in zip(group, defined, strict=True) if usable]
    ours, theirs = ours[defined], theirs[defined]
    if chosen[0].ratio:
        ours, theirs = np.log(ours), np.log(theirs)
    _select(chosen, ours, theirs, level)


def _select(group: list[_Reading], ours: FloatArray, theirs: FloatArray, level: float) -> None:
    """Find the interval's ends and the estimate of pairs of the same sizes."""
    n, m = group[0].sizes
    ranks = np.full((len(group), 3), (n * m - 1) // 2, dtype=np.intp)
    for row, reading in zip(ranks, group, strict=True):
        time = None if reading.pair.kind is Kind.SAMPLES else reading.time
        reading.outside = _outside(n, m, level / 2, time)
        if reading.outside >= 1:
            row[0], row[2] = reading.outside - 1, n * m - reading.outside
    found, following = select_differences(ours, theirs, ranks)
    upper = found[:, 1] if n * m % 2 else following[:, 1]
    with np.errstate(invalid="ignore"):  # infinities of both signs have no mean
        estimates = found[:, 1] / 2 + upper / 2
    for reading, row, estimate in zip(group, found.tolist(), estimates.tolist(), strict=True):
        reading.ends = (row[0], estimate, row[2])


def _found(reading: _Reading, level: float) -> Evidence:
    pair, (n, m) = reading.pair, reading.sizes
    gauge = pair.kind is Kind.GAUGE
    return Evidence(
        metric=pair.name,
        method="shift",
        question=Question.DIFFERENCE,
        n_canary=n,
        n_baseline=m,
        n_effective=max(min(n, m) / reading.time, 1.0) if gauge and n and m else None,
        observed=sides.finite(reading.medians[0]),
        reference=sides.finite(reading.medians[1]),
        effect_scale="ratio" if reading.ratio else "difference",
        assumptions=ASSUMES,
        seen=sides.seen(pair, *reading.columns, finite=reading.finite),
        **_answer(reading, level),
    )


def _answer(reading: _Reading, level: float) -> dict[str, Any]:
    nothing = sides.absent(*reading.sizes)
    if nothing is not None:
        return {"status": nothing}
    if reading.ends is None:
        detail = (
            "a ratio takes positive, finite values"
            if reading.ratio
            else "both sides hold the same infinity, whose difference is undefined"
        )
        return {"status": Status.NOT_EVALUABLE, "detail": detail}
    low, estimate, high = reading.ends
    if reading.ratio:
        low, estimate, high = (float(np.exp(end)) for end in (low, estimate, high))
    found: dict[str, Any] = {"effect": sides.finite(estimate)}
    if reading.outside < 1:
        detail = f"too few values for an interval of coverage {1 - level:g}"
        return found | {"status": Status.INSUFFICIENT, "detail": detail}
    return found | {"interval": sides.interval(low, high, level / 2)}


@lru_cache(maxsize=KEPT_RANKS)
def _outside(n: int, m: int, tail: float, time: float | None) -> int:
    """How many differences, counted from the smallest, reach up to the interval's low end."""
    if time is None and n * m <= EXACT_PRODUCT:
        return int((null_tail(min(n, m), max(n, m)) <= tail).sum())
    sd = math.sqrt(n * m * (n + m + 1) / 12 * (time or 1.0))
    degrees = max((n + m) / (time or 1.0) - 2, 1.0)
    critical = -ndtri(tail) if time is None else stdtrit(degrees, 1 - tail)
    return math.floor(n * m / 2 + 0.5 - float(critical) * sd)
