"""Whether memory leaks: it grows without end, and reaches its limit at a time that can be told.

Each pod is cut at its restarts, since a new process starts from nothing, and the longest stretch
is searched. A jump at its start is trimmed as warm-up. Blocks of samples become one value each:
their means, or their minima where garbage collection makes the series a sawtooth. Beside a baseline
it is canary less baseline, at the same ticks, that is searched: a daily cycle or a warm-up that
both share drops out. `kernels.trend` then asks whether a slope remains beside every step and every
saturation that could tell the series as well, in noise with memory.

Hypothesis: growth by at most the floor, about which the block values are a level, a step or a
saturation with a time constant of up to 0.3 of the stretch, in noise of first order. What breaks
it: a cache that fills over much of the stretch or longer looks like a leak until it is full, and a
step of less than two noise deviations is told as one now and then (``docs/leaks.md`` has the
rates); a cycle of which less than one period is seen is growth while it rises (give the baseline).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from canarystats import arrays
from canarystats.detect.leak_findings import SECONDS_PER_HOUR, Leak, Shape
from canarystats.detect.lifetimes import longest, restarts
from canarystats.errors import InputError
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels.block_values import block_means, block_minima
from canarystats.kernels.limit_time import limit_time
from canarystats.kernels.theil_sen import sen_slope
from canarystats.kernels.trend import Growth, growth, slope_error
from canarystats.windows import Kind, Pair

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

FLOOR_PER_HOUR = 100e6 / (7 * 24)  # 100 MB over seven days, in bytes
BLOCKS = 24  # and the fewest samples
TEETH_BLOCKS = (24, 12)  # minima need blocks that hold whole teeth
STEADIER = 0.33  # share of the means' slope error at which minima stand for the series instead
STARTING = 5  # first blocks, in which a jump is a start
JUMP = 8.0  # robust deviations of the block differences
ASSUMES = (
    "a level, a step or a saturation, and a slope, in noise of first order",
    "one process from the first sample searched to the last",
)
SHAPES = tuple(Shape)


@dataclass(frozen=True, slots=True)
class _Asked:
    clock: FloatArray  # seconds, or ticks
    timed: bool
    tick: float  # length of a tick
    level: float
    floor: float  # per unit of the clock
    coverage: float
    warm_up: float
    name: str


@dataclass(frozen=True, slots=True)
class _Life:
    """The stretch of one pod that is searched."""

    arms: FloatArray  # (1 or 2, m): the pod, and its baseline
    times: FloatArray
    pod: int
    limit: float | None
    now: float | None  # the last value, where the stretch ends before the series does
    restarts: int
    seen: tuple[str, ...]
    trimmed: int = 0


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
        Growth that is none, at least 0, in the unit of the values; 100 MB over 7 days.
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
    asked = _Asked(
        clock=ticks,
        timed=timed,
        tick=float(np.median(np.diff(ticks))) if len(ticks) > 1 else 1.0,
        level=level / max(shared, 1),
        floor=floor_per_hour / SECONDS_PER_HOUR if timed else 0.0,
        coverage=interval_level,
        warm_up=warm_up_seconds if timed else 0.0,
        name=label,
    )
    lives = [_life(pods, beside, limits, starts, pod, asked=asked) for pod in range(len(pods))]
    found = _search(lives, asked)
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
        pods = given.canary.T
        beside = None if given.baseline is None else [given.baseline.T] * len(pods)
        own = given.limit[-1] if limit is None and given.limit is not None else limit
        return pods, beside, given.times, _limits(own, len(pods)), given.name
    values = arrays.numbers(given, "values")
    if values.ndim not in {1, 2}:
        msg = f"values has shape {values.shape}; it must be (n,) or (K, n)"
        raise InputError(msg)
    rows = np.atleast_2d(values)
    others = None
    if baseline is not None:
        other = arrays.numbers(baseline, "baseline")
        if other.shape not in {values.shape, rows.shape[1:]}:
            msg = f"baseline has shape {other.shape}, values {values.shape}; they must agree"
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


def _life(
    pods: FloatArray,
    beside: list[FloatArray] | None,
    limits: FloatArray,
    starts: FloatArray | None,
    pod: int,
    *,
    asked: _Asked,
) -> _Life:
    """The longest stretch of a pod without restart, its baseline at the same ticks."""
    values = pods[pod]
    seen = [
        f"{what}: {count}"
        for what, count in (
            ("missing", int(np.isnan(values).sum())),
            ("infinite", int(np.isinf(values).sum())),
        )
        if count
    ]
    own = restarts(values, None if starts is None else starts[pod])
    others = [] if beside is None else [(row, restarts(row, None)) for row in beside[pod]]
    cuts = np.union1d(own, others[0][1]) if len(others) == 1 else own
    start, stop = longest(cuts, np.isfinite(values))
    if asked.warm_up and start < stop:
        start += int(np.sum(asked.clock[start:stop] < asked.clock[start] + asked.warm_up))
    part = slice(start, stop)
    kept = [row[part] for row, cut in others if not ((cut > start) & (cut < stop)).any()]
    mean = _mean_of_present(kept)
    arms = values[part][None]
    if mean is not None and np.isfinite(mean).any():
        arms = np.stack([arms[0], mean])
    elif beside is not None:
        seen.append("baseline: restarted" if others and not kept else "baseline: no data")
    both = np.isfinite(arms).all(axis=0)
    last = values[np.isfinite(values)][-1:]
    return _Life(
        arms=np.ascontiguousarray(arms[:, both]),
        times=asked.clock[part][both],
        pod=pod,
        limit=None if np.isnan(limits[pod]) else float(limits[pod]),
        now=float(last[0]) if len(last) and stop < len(values) else None,
        restarts=len(own),
        seen=tuple(seen),
    )


def _mean_of_present(rows: list[FloatArray]) -> FloatArray | None:
    if not rows:
        return None
    stack = np.stack(rows)
    there = np.isfinite(stack)
    count = there.sum(axis=0)
    total = np.where(there, stack, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _search(lives: list[_Life], asked: _Asked) -> list[Leak]:
    found: list[Leak | None] = [None] * len(lives)
    searched = []
    for i, life in enumerate(lives):
        status = _status(life)
        if status is None:
            searched.append(i)
        else:
            found[i] = _silent(life, *status, asked)
    trimmed = dict.fromkeys(searched, 0)
    for rows in _alike([(i, lives[i]) for i in searched]):
        for i, cut in zip(rows, _warm_up([lives[i] for i in rows]), strict=True):
            trimmed[i] = cut
    stretches = [(i, _trim(lives[i], cut)) for i, cut in trimmed.items()]
    kept = dict(stretches)
    for rows in _alike(stretches):
        for i, answer in zip(rows, _answers([kept[i] for i in rows], asked), strict=True):
            found[i] = answer
    return [answer for answer in found if answer is not None]


def _status(life: _Life) -> tuple[Status, str] | None:
    m = len(life.times)
    if not m:
        return Status.NO_DATA, "not one sample"
    if m < BLOCKS:
        return Status.INSUFFICIENT, f"{m} samples between restarts; it takes {BLOCKS}"
    tested = _tested(life.arms)
    if tested.min() == tested.max():
        return Status.DEGENERATE, "every sample is the same"
    return None


def _alike(lives: list[tuple[int, _Life]]) -> list[list[int]]:
    """Indices of lives that can be searched as one array."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, life in lives:
        groups.setdefault(life.arms.shape, []).append(i)
    return list(groups.values())


def _tested(arms: FloatArray) -> FloatArray:
    """The series itself, or canary less baseline; arms on the last axis but one."""
    return arms[..., 0, :] - arms[..., 1, :] if arms.shape[-2] == 2 else arms[..., 0, :]


def _warm_up(lives: list[_Life]) -> NDArray[np.intp]:
    """Samples up to the last jump among the first blocks."""
    tested = _tested(np.stack([life.arms for life in lives]))
    differences = np.diff(block_means(tested, BLOCKS), axis=1)
    about = np.abs(differences - np.median(differences, axis=1, keepdims=True))
    deviation = 1.4826 * np.median(about, axis=1, keepdims=True)
    jumps = about[:, :STARTING] > np.maximum(JUMP * deviation, 1e-9 * np.abs(tested).max())
    last = np.where(jumps.any(axis=1), STARTING - np.argmax(jumps[:, ::-1], axis=1), 0)
    n = tested.shape[1]
    # a jump within a block shows in two differences: the block after it is whole
    return np.where(n * (BLOCKS - last) >= BLOCKS * BLOCKS, last * n // BLOCKS, 0)


def _trim(life: _Life, cut: int) -> _Life:
    return replace(life, arms=life.arms[:, cut:], times=life.times[cut:], trimmed=int(cut))


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Block values of the arms (K, arms, M), their times (K, M), what the means add to them."""

    arms: FloatArray
    times: FloatArray
    above: FloatArray


def _blocks(arms: FloatArray, times: FloatArray) -> tuple[list[_Blocks], NDArray[np.intp]]:
    """The series by means, by minima of short and of long blocks; and which is steadiest."""
    means = block_means(arms, BLOCKS)
    found = [_Blocks(means, block_means(times, BLOCKS), np.zeros(len(arms)))]
    errors = [STEADIER * slope_error(_tested(means), found[0].times)]
    for blocks in TEETH_BLOCKS:
        least = block_minima(arms, times[:, None], blocks)
        above = arms[:, 0].mean(axis=1) - least[:, 0].mean(axis=1)
        found.append(_Blocks(least, block_means(times, blocks), above))
        errors.append(slope_error(_tested(least), found[-1].times))
    return found, np.argmin(np.stack(errors), axis=0)


def _answers(lives: list[_Life], asked: _Asked) -> list[Leak]:
    arms = np.stack([life.arms for life in lives])
    times = np.stack([life.times for life in lives])
    ways, chosen = _blocks(arms, times)
    answers: list[Leak | None] = [None] * len(lives)
    for way, blocks in enumerate(ways):
        rows = np.flatnonzero(chosen == way)
        if not len(rows):
            continue
        tested, clock = _tested(blocks.arms)[rows], blocks.times[rows]
        told = growth(tested, clock, asked.floor)
        alone = told
        if arms.shape[1] == 2 and any(lives[i].limit is not None for i in rows):
            alone = growth(blocks.arms[rows, 0], clock)
        for k, i in enumerate(rows):
            canary = (alone, float(blocks.above[i]))
            answer = _answer(lives[i], (tested[k], clock[k]), told, canary, k, asked)
            answers[i] = answer.model_copy(update={"envelope": True}) if way else answer
    return [answer for answer in answers if answer is not None]


def _answer(
    life: _Life,
    blocks: tuple[FloatArray, FloatArray],
    told: Growth,
    canary: tuple[Growth, float],
    k: int,
    asked: _Asked,
) -> Leak:
    p = float(told.p_value[k])
    leaking = p <= asked.level
    hour = SECONDS_PER_HOUR if asked.timed else None
    slope, error = float(told.slope[k]), float(told.error[k])
    freedom = len(blocks[0]) - 3
    reach = float(stdtrit(freedom, (1 + asked.coverage) / 2)) * error
    interval = _interval(slope - reach, slope + reach, asked)
    sen = sen_slope(*blocks, asked.coverage, _inflation(*blocks))
    until, until_interval = _until_limit(life, canary, k, blocks[1], freedom, asked)
    shape = Shape.LINEAR if leaking else SHAPES[int(told.shape[k])]
    return Leak(
        leaking=leaking,
        shape=shape,
        slope_per_hour=slope * hour if hour else None,
        slope_interval=interval,
        slope_per_tick=slope * asked.tick,
        sen_slope_per_hour=sen.slope * hour if hour else None,
        sen_interval=_interval(sen.low, sen.high, asked),
        halves=_halves(*blocks, asked.tick),
        time_to_limit_seconds=until if leaking else None,
        time_to_limit_interval=until_interval,
        start=float(life.times[0]),
        end=float(life.times[-1]),
        restarts=life.restarts,
        n_trimmed=life.trimmed,
        pod=life.pod,
        evidence=Evidence(
            metric=asked.name,
            method="leak",
            question=Question.WORSE if len(life.arms) == 2 else Question.LEVEL,
            n_canary=life.arms.shape[1],
            n_baseline=life.arms.shape[1] if len(life.arms) == 2 else 0,
            effect=slope * (hour or asked.tick),
            effect_scale="growth an hour" if hour else "growth a tick",
            interval=interval,
            p_value=p,
            level=asked.level,
            margin=asked.floor * (hour or 1.0),
            assumptions=ASSUMES,
            seen=life.seen,
            detail=f"{shape} over {life.arms.shape[1]} samples",
        ),
    )


def _interval(low: float, high: float, asked: _Asked) -> Interval | None:
    if not asked.timed:
        return None
    ends = [end * SECONDS_PER_HOUR if np.isfinite(end) else None for end in (low, high)]
    return Interval(low=ends[0], high=ends[1], level=asked.coverage)


def _line(values: FloatArray, times: FloatArray) -> float:
    """Slope by least squares."""
    clock = times - times.mean()
    return float(clock @ values / (clock @ clock))


def _halves(values: FloatArray, times: FloatArray, tick: float) -> tuple[float, float]:
    m = len(values) // 2
    return _line(values[:m], times[:m]) * tick, _line(values[m:], times[m:]) * tick


def _inflation(values: FloatArray, times: FloatArray) -> float:
    """Variance of Kendall's score over that of independent values, for noise of first order."""
    clock = times - times.mean()
    left = values - values.mean() - _line(values, times) * clock
    power = float(left @ left)
    if power == 0:
        return 1.0
    n = len(left)
    # the line and its level took (2 + 4 phi) / n from the estimate
    phi = (float(left[1:] @ left[:-1]) / power * n + 2) / (n - 4)
    phi = min(max(phi, 0.0), 0.95)
    return (1 + phi) / (1 - phi)


def _until_limit(
    life: _Life,
    canary: tuple[Growth, float],
    k: int,
    clock: FloatArray,
    freedom: int,
    asked: _Asked,
) -> tuple[float | None, Interval | None]:
    if life.limit is None or not asked.timed:
        return None, None
    told, above = canary
    slope = float(told.slope[k])
    gone = float(life.times[-1] - clock[-1])  # from the last block's middle to the last sample
    level = float(told.level[k]) + above
    if life.now is not None:
        level, gone = life.now, 0.0
    time = limit_time(
        life.limit - level,
        slope,
        float(told.error[k]),
        float(told.level_error[k]),
        float(told.covariance[k]),
        freedom=freedom,
        coverage=asked.coverage,
    )
    point, low, high = (
        None if end is None else max(end - gone, 0.0) for end in (time.point, time.low, time.high)
    )
    if low is None:
        return point, None
    return point, Interval(low=low, high=high, level=asked.coverage)


def _silent(life: _Life, status: Status, why: str, asked: _Asked) -> Leak:
    return Leak(
        leaking=False,
        shape=Shape.FLAT if status is Status.DEGENERATE else None,
        restarts=life.restarts,
        pod=life.pod,
        evidence=Evidence(
            metric=asked.name,
            method="leak",
            question=Question.WORSE if len(life.arms) == 2 else Question.LEVEL,
            status=status,
            n_canary=life.arms.shape[1],
            level=asked.level,
            margin=asked.floor * SECONDS_PER_HOUR if asked.timed else 0.0,
            seen=life.seen,
            detail=why,
        ),
    )


def _worst(found: list[Leak], level: float, asked: _Asked) -> Leak:
    """The most suspicious pod speaks for all, its p-value corrected for their number."""
    if not found:
        nothing = _Life(np.empty((1, 0)), np.empty(0), 0, None, None, 0, ())
        return _silent(nothing, Status.NO_DATA, "not one pod", asked)
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
