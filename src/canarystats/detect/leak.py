"""Whether memory leaks: it grows without end, and reaches its limit at a time that can be told.

Each pod is cut at its restarts, since a new process starts from nothing, and the longest stretch
is searched. A jump at its start is trimmed as warm-up. Blocks of samples become one value each:
their means, or their minima where garbage collection makes the series a sawtooth. Beside a baseline
it is canary less baseline, at the same ticks, that is searched: a daily cycle or a warm-up that
both share drops out. `kernels.trend` then asks whether a slope remains beside every step and every
saturation that could tell the series as well, in noise with memory.

Hypothesis: no growth; the block values are a level, a step or a
saturation with a time constant of up to 0.3 of the stretch, in noise of first order. What breaks
it: a cache that fills over much of the stretch or longer looks like a leak until it is full, and a
step of less than two noise deviations is told as one now and then (``docs/leaks.md`` has the
rates); a cycle of which less than one period is seen is growth while it rises (give the baseline).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from canarystats import arrays
from canarystats.detect.leak_findings import SECONDS_PER_HOUR, Leak
from canarystats.detect.leak_search import search, silent
from canarystats.detect.stretches import Asked, Stretch, stretch
from canarystats.errors import InputError
from canarystats.evidence import Status
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

FLOOR_PER_HOUR = 100e6 / (7 * 24)  # 100 MB over seven days, in bytes


def leak(  # noqa: PLR0913 - one keyword a setting, all optional
    pair_or_values: Pair | ArrayLike,
    baseline: ArrayLike | None = None,
    times: ArrayLike | None = None,
    limit: ArrayLike | None = None,
    *,
    level: float = 0.01,
    floor_per_hour: float = FLOOR_PER_HOUR,
    interval_level: float = 0.9,
    warm_up_seconds: float = 0.0,
    started: ArrayLike | None = None,
    name: str = "memory",
) -> Leak | list[Leak]:
    """Tell whether memory grows without end, how fast, and when the limit is reached.

    Parameters
    ----------
    pair_or_values
        A gauge `Pair`, one column a pod; or one series of shape (n,), or K of them, (K, n). Bytes,
        or another unit that ``floor_per_hour`` shares. NaN is a missed sample.
    baseline
        With values: series at the same ticks, of the same shape, or (n,) for all.
    times
        Unix seconds of the ticks, shape (n,), strictly increasing; a pair brings its own. Without
        them slopes are per tick, and neither the floor nor the time to the limit applies.
    limit
        Largest value there may be, a number or one a series; a pair may bring its own. 0 means
        unlimited.
    level
        Largest p-value of a leak, in (0, 1), shared by the pods of a pair and not by the rows of
        an array.
    floor_per_hour
        Estimated growth up to which nothing leaks, at least 0, in the unit of the values; 100 MB
        over 7 days.
    interval_level
        Coverage of the intervals, in (0, 1).
    warm_up_seconds
        What is left out after each start; a jump within the first fifth is left out anyway.
    started
        Unix seconds at which the process of each value began (``process_start_time_seconds``), of
        the shape of the values; where it rises, the pod restarted. None infers restarts from falls
        by half.
    name
        How evidence names a series of values.

    Returns
    -------
    Leak
        One for a pair or a series of shape (n,), a list of K for (K, n). Status is NO_DATA,
        INSUFFICIENT under 24 samples between restarts, or DEGENERATE where nothing varies.

    Raises
    ------
    InputError
        If an argument cannot be right.

    References
    ----------
    Cotroneo, Natella, Pietrantuono & Russo (2014), ACM JETC 10(1) (software ageing); Machida et al.
    (2013), ISSREW (trend tests alone are unreliable); Lou et al. (2022), OSDI (RESIN).

    Examples
    --------
    >>> import numpy as np
    >>> import canarystats as cs
    >>> seconds = np.arange(720) * 60.0
    >>> noise = np.random.default_rng(1).normal(0, 2e6, 720)
    >>> cs.detect.leak(3e8 + 500 * seconds + noise, times=seconds).leaking
    True
    """
    pods, beside, clock, limits, label = _taken(pair_or_values, baseline, times, limit, name)
    _require(level, floor_per_hour, interval_level, warm_up_seconds)
    starts = _started(started, pair_or_values, pods.shape)
    timed = clock is not None
    ticks = np.arange(pods.shape[1], dtype=np.float64) if clock is None else clock
    shared = len(pods) if isinstance(pair_or_values, Pair) else 1
    asked = Asked(
        clock=ticks,
        timed=timed,
        tick=float(np.median(np.diff(ticks))) if len(ticks) > 1 else 1.0,
        level=level / max(shared, 1),
        floor=floor_per_hour / SECONDS_PER_HOUR if timed else 0.0,
        coverage=interval_level,
        warm_up=warm_up_seconds if timed else 0.0,
        name=label,
    )
    lives = [stretch(pods, beside, limits, starts, pod, asked=asked) for pod in range(len(pods))]
    found = search(lives, asked)
    if isinstance(pair_or_values, Pair):
        return _worst(found, level, asked)
    return found[0] if np.ndim(pair_or_values) == 1 else found


def _taken(
    given: Pair | ArrayLike,
    baseline: ArrayLike | None,
    times: ArrayLike | None,
    limit: ArrayLike | None,
    name: str,
) -> tuple[FloatArray, list[FloatArray] | None, FloatArray | None, FloatArray, str]:
    """Pods (K, n), baseline pods beside each, clock, limits (K,), name."""
    if isinstance(given, Pair):
        if given.kind is not Kind.GAUGE:
            msg = f"metric {given.name!r}: kind is {given.kind}; a leak is searched in a gauge"
            raise InputError(msg)
        if baseline is not None or times is not None:
            msg = f"metric {given.name!r}: a pair brings its own baseline and times"
            raise InputError(msg)
        pods = arrays.squarable(given.canary.T)
        beside = None
        if given.baseline is not None:
            beside = [arrays.squarable(given.baseline.T)] * len(pods)
        own = given.limit[-1] if limit is None and given.limit is not None else limit
        return pods, beside, given.times, _limits(own, len(pods)), given.name
    rows = arrays.squarable(arrays.rows(given, "values"))
    others = None
    if baseline is not None:
        other = arrays.squarable(arrays.numbers(baseline, "baseline"))
        if other.shape not in {np.shape(given), rows.shape[1:]}:
            msg = f"baseline has shape {other.shape}, values {np.shape(given)}; they must agree"
            raise InputError(msg)
        others = [row[None] for row in np.broadcast_to(other, rows.shape)]
    clock = arrays.clock(times, rows.shape[1], "")
    return rows, others, clock, _limits(limit, len(rows)), name


def _limits(limit: ArrayLike | None, rows: int) -> FloatArray:
    """Limits, NaN where there is none."""
    if limit is None:
        return np.full(rows, np.nan)
    limits = arrays.numbers(limit, "limit")
    if limits.ndim > 1 or (limits.ndim == 1 and limits.shape != (rows,)):
        msg = f"limit has shape {limits.shape}; it must be a number or ({rows},)"
        raise InputError(msg)
    if (limits < 0).any():
        msg = f"limit is {float(limits.min())}; it must not be negative"
        raise InputError(msg)
    unlimited = (limits == 0) | ~np.isfinite(limits)
    return np.broadcast_to(np.where(unlimited, np.nan, limits), (rows,))


def _started(
    started: ArrayLike | None, given: Pair | ArrayLike, shape: tuple[int, ...]
) -> FloatArray | None:
    if started is None:
        return None
    times = np.atleast_1d(arrays.numbers(started, "started"))
    if isinstance(given, Pair):
        times = times.T
    times = np.atleast_2d(times)
    if times.shape != shape:
        msg = f"started has another shape than the values ({np.shape(started)}); they must agree"
        raise InputError(msg)
    return times


def _require(level: float, floor: float, coverage: float, warm_up: float) -> None:
    for field, share in (("level", level), ("interval_level", coverage)):
        if not 0 < share < 1:
            msg = f"{field} is {share}; it must be between 0 and 1"
            raise InputError(msg)
    for field, number in (("floor_per_hour", floor), ("warm_up_seconds", warm_up)):
        if not 0 <= number < np.inf:
            msg = f"{field} is {number}; it must be finite and not negative"
            raise InputError(msg)


def _worst(found: list[Leak], level: float, asked: Asked) -> Leak:
    """The most suspicious pod speaks for all, its p-value corrected for their number."""
    if not found:
        nothing = Stretch(np.empty((1, 0)), np.empty(0), 0, None, None, 0, ())
        return silent(nothing, Status.NO_DATA, "not one pod", asked)
    if len(found) == 1:
        return found[0]

    def suspicion(one: Leak) -> tuple[bool, float, float]:
        p = one.evidence.p_value
        return (p is None, 1.0 if p is None else p, -(one.slope_per_tick or 0.0))

    worst = min(found, key=suspicion)
    p = worst.evidence.p_value
    evidence = worst.evidence.model_copy(
        update={
            "level": level,
            "p_value": None if p is None else min(1.0, p * len(found)),
            "detail": f"pod {worst.pod} of {len(found)}; {worst.evidence.detail}",
        }
    )
    return worst.model_copy(update={"pods": tuple(found), "evidence": evidence})
