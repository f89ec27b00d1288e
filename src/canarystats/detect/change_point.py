"""When a series changed its level: many series at once, in noise that services really have.

Values become normal scores, so that tails, spikes and units do not matter; seeded binary
segmentation proposes steps; the noise around them is estimated with its memory; a step stays where
its p-value, over all places of its series, is at most the level. Beside a baseline it is the
difference canary minus baseline that is searched: what both share, such as a daily cycle, drops
out.

Hypothesis: the series is stationary around one level. What breaks it: a season or a bent trend of
the series searched is told as steps where it is long and clear enough (give the baseline, or take
the season out). Steps are told beside a straight trend, and a trend alone as one change, where it
parts best; so is a walk that goes further than noise which remembers a tenth of the window. Such
a change has no place of its own, and its interval is the window. Noise with a slow component of a
few hundred ticks behind a fast one is underrated in series shorter than about five hundred. The
level holds for each series; over many, more are found in error.

References
----------
Kovács, Bühlmann, Li & Munk (2023), Biometrika 110:249-256 (seeded binary segmentation).
Yao (1987), Annals of Statistics 15:1321-1328 (interval of a change's place).
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from canarystats import arrays
from canarystats.detect.exact_search import METHODS, exact_places
from canarystats.detect.findings import ChangePoint, ChangePoints
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels.normal_scores import normal_scores
from canarystats.kernels.step_search import Steps, search, steps_at

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

Method = Literal["seeded", "pelt", "kernel", "rbf", "rank", "e_divisive"]
FEWEST_BESIDE = 10
INTERVAL_LEVEL = 0.95
LAST_SHARE = 0.2
CHANGED = {True: "changed at", False: "the level never settles; parted best at"}
ASSUMES = ("steps in noise that is stationary around them",)


def change_points(  # noqa: PLR0913 - one keyword a setting, all optional
    values: ArrayLike,
    baseline: ArrayLike | None = None,
    times: ArrayLike | None = None,
    *,
    level: float = 0.01,
    min_segment: int = FEWEST_BESIDE,
    min_effect: float = 0.0,
    min_effect_ratio: float = 0.0,
    persistent: bool = False,
    method: Method = "seeded",
    penalty: float | None = None,
    name: str = "series",
) -> ChangePoints | list[ChangePoints]:
    """Find when the level of each series changed.

    Parameters
    ----------
    values
        One series of shape (n,), or K of them, (K, n); any unit. NaN is a missed sample; infinite
        values are ranked.
    baseline
        Series at the same ticks, of the same shape or (n,) for all. If given, ``values - baseline``
        is searched.
    times
        Unix seconds of the ticks, shape (n,), strictly increasing; None counts ticks.
    level
        Largest p-value of a change point, in (0, 1): at most this share of series without any
        change is given one.
    min_segment
        Fewest samples on each side of a change, at least 2.
    min_effect, min_effect_ratio
        Filters on magnitude: least absolute effect, in the unit of the values, and as a share of
        the level before. A percentage means something only where the unit has a true zero.
    persistent
        Filter: drop changes that are gone by the last fifth of the series.
    method
        ``seeded``, or an exact search by the package ruptures over the same scores: ``pelt`` and
        ``kernel`` minimise squared error, ``rbf`` a Gaussian kernel's cost, ``rank`` one of ranks.
        ``e_divisive`` parts the series where the energy statistic is largest. They take far
        longer, and every point of theirs is kept whatever its p-value.
    penalty
        Of those searches, per change; None takes ``2 log n`` times the noise.
    name
        How evidence names the series.

    Returns
    -------
    list
        One `ChangePoints` for a series of shape (n,), a list of K for (K, n). A series with too
        little data, or none, or without variance gives an empty one, whose evidence says so.

    Raises
    ------
    InputError
        If an argument cannot be right.
    """
    series, single = _series(values, baseline)
    n = series.shape[1]
    clock = arrays.clock(times, n, "")
    require_sizes(
        level=level,
        min_segment=min_segment,
        min_effect=min_effect,
        min_effect_ratio=min_effect_ratio,
    )
    if method not in ("seeded", *METHODS):
        msg = f"method is {method!r}; it must be 'seeded' or one of {', '.join(METHODS)}"
        raise InputError(msg)
    if method == "seeded" and penalty is not None:
        msg = "penalty is for the other searches; the seeded search takes level"
        raise InputError(msg)
    ticks = np.arange(n, dtype=np.float64) if clock is None else clock
    found = []
    for row, steps in zip(series, _steps(series, level, min_segment, method, penalty), strict=True):
        points = _describe(row, ticks, steps, level, name)
        kept = [
            point
            for point in points
            if _large(point, min_effect, min_effect_ratio) and (point.persists or not persistent)
        ]
        found.append(ChangePoints(kept, _evidence(row, steps, level, min_segment, name)))
    return found[0] if single else found


def _series(values: ArrayLike, baseline: ArrayLike | None) -> tuple[FloatArray, bool]:
    rows, shape = arrays.rows(values, "values"), np.shape(values)
    if baseline is not None:
        other = arrays.numbers(baseline, "baseline")
        if other.shape not in {shape, rows.shape[1:]}:
            msg = (
                f"baseline has shape {other.shape}, values {shape}; they must agree, or the "
                "baseline be one series of the same length"
            )
            raise InputError(msg)
        with np.errstate(invalid="ignore"):
            rows = rows - other
    return rows, len(shape) == 1


def require_sizes(*, level: float, min_segment: int, **effects: float) -> None:
    """Refuse settings out of range.

    Raises
    ------
    InputError
        If the level is not within (0, 1), the segment shorter than 2, or an effect negative.
    """
    if not 0 < level < 1:
        msg = f"level is {level}; it must be between 0 and 1"
        raise InputError(msg)
    if min_segment < 2:
        msg = f"min_segment is {min_segment}; it must be at least 2"
        raise InputError(msg)
    for field, effect in effects.items():
        if not effect >= 0:
            msg = f"{field} is {effect}; it must not be negative"
            raise InputError(msg)


def _steps(
    series: FloatArray, level: float, shortest: int, method: str, penalty: float | None
) -> list[Steps | None]:
    """Steps of each row among its present values; None where it cannot be searched."""
    present = ~np.isnan(series)
    count = present.sum(axis=1)
    found: list[Steps | None] = [None] * len(series)
    for n in np.unique(count[count >= 2 * shortest]):
        rows = np.flatnonzero(count == n)
        held = series[rows]
        if n < series.shape[1]:
            held = held[present[rows]].reshape(len(rows), n)
        varied = held.min(axis=1) < held.max(axis=1)
        scores = normal_scores(held[varied])
        steps = search(scores, shortest, level)
        if method != "seeded":
            steps = [
                steps_at(row, exact_places(row, method, shortest, penalty, seeded), shortest)
                for row, seeded in zip(scores, steps, strict=True)
            ]
        for row, step in zip(rows[varied], steps, strict=True):
            found[row] = step
    return found


def _describe(
    row: FloatArray, ticks: FloatArray, steps: Steps | None, level: float, name: str
) -> list[ChangePoint]:
    if steps is None or not len(steps.places):
        return []
    where = np.flatnonzero(~np.isnan(row))
    held = row[where]
    ends = np.concatenate([[0], steps.places, [len(held)]])
    medians = [_median(held[a:b]) for a, b in pairwise(ends)]
    reach = steps.reach.astype(np.intp)
    if not steps.settled:  # its way is long, and any tick of it as good a place
        reach = np.full_like(reach, len(held))
    low = np.maximum(steps.places - reach, ends[:-2] + 1)
    high = np.minimum(steps.places + reach, ends[2:] - 1)
    points, final = [], int(len(held) * (1 - LAST_SHARE))
    last_of_all = _median(held[final:])
    for i, place in enumerate(steps.places):
        before, after = medians[i], medians[i + 1]
        effect = None if before is None or after is None else after - before
        last = last_of_all if place <= final else _median(held[place:])
        index = int(where[place])
        point = ChangePoint(
            index=index,
            at=float(ticks[index]),
            interval=Interval(
                low=float(ticks[where[low[i]]]),
                high=float(ticks[where[high[i]]]),
                level=INTERVAL_LEVEL,
            ),
            p_value=float(steps.p_values[i]),
            effect=effect,
            before=before,
            after=after,
            effect_ratio=effect / abs(before) if effect is not None and before else None,
            persists=_nearer(last, before, after),
            evidence=Evidence(
                metric=name,
                method="change_point",
                question=Question.DIFFERENCE,
                n_canary=int(ends[i + 2] - ends[i + 1]),
                n_baseline=int(ends[i + 1] - ends[i]),
                n_effective=len(held) / steps.time,
                observed=after,
                reference=before,
                effect=effect,
                effect_scale="difference",
                p_value=float(steps.p_values[i]),
                level=level,
                assumptions=ASSUMES,
                detail=f"{CHANGED[steps.settled]} {float(ticks[index]):.10g}",
            ),
        )
        points.append(point)
    return points


def _median(values: FloatArray) -> float | None:
    middle = [(len(values) - 1) // 2, len(values) // 2]
    low, high = np.partition(values, middle)[middle].tolist()
    median = (low + high) / 2
    return median if math.isfinite(median) else None


def _nearer(last: float | None, before: float | None, after: float | None) -> bool:
    if last is None or before is None or after is None:
        return after is None and last is None
    return abs(last - after) <= abs(last - before)


def _large(point: ChangePoint, least: float, least_ratio: float) -> bool:
    size = np.inf if point.effect is None else abs(point.effect)
    ratio = np.inf if point.effect_ratio is None else abs(point.effect_ratio)
    return bool(size >= least and ratio >= least_ratio)


def _evidence(
    row: FloatArray, steps: Steps | None, level: float, shortest: int, name: str
) -> Evidence:
    n = int((~np.isnan(row)).sum())
    seen = tuple(
        f"{what}: {count}"
        for what, count in (
            ("missing", int(np.isnan(row).sum())),
            ("infinite", int(np.isinf(row).sum())),
        )
        if count
    )
    if steps is None:
        status, detail = _why_not(n, shortest)
        return Evidence(
            metric=name,
            method="change_point",
            question=Question.DIFFERENCE,
            status=status,
            n_canary=n,
            level=level,
            seen=seen,
            detail=detail,
        )
    return Evidence(
        metric=name,
        method="change_point",
        question=Question.DIFFERENCE,
        n_canary=n,
        n_effective=n / steps.time,
        p_value=steps.smallest_p,
        level=level,
        assumptions=ASSUMES,
        seen=seen,
        detail=f"{len(steps.places)} change points in {n} samples",
    )


def _why_not(n: int, shortest: int) -> tuple[Status, str]:
    if not n:
        return Status.NO_DATA, "not one sample"
    if n < 2 * shortest:
        return Status.INSUFFICIENT, f"{n} samples; it takes {2 * shortest}"
    return Status.DEGENERATE, "every sample is the same"
