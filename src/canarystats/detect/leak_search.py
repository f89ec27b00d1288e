"""The search of many stretches at once: warm-up trimmed, blocks, growth, and what it is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from canarystats.detect.leak_findings import SECONDS_PER_HOUR, Leak, Shape
from canarystats.evidence import Evidence, Interval, Question, Status
from canarystats.kernels.block_values import block_means, block_minima
from canarystats.kernels.limit_time import limit_time
from canarystats.kernels.theil_sen import sen_slope
from canarystats.kernels.trend import Growth, growth, slope_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from canarystats.detect.stretches import Asked, Stretch

    FloatArray = NDArray[np.float64]

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


def search(lives: list[Stretch], asked: Asked) -> list[Leak]:
    """One answer a stretch, in their order."""
    found: list[Leak | None] = [None] * len(lives)
    searched = []
    for i, life in enumerate(lives):
        status = _status(life)
        if status is None:
            searched.append(i)
        else:
            found[i] = silent(life, *status, asked)
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


def _status(life: Stretch) -> tuple[Status, str] | None:
    m = len(life.times)
    if not m:
        return Status.NO_DATA, "not one sample"
    if m < BLOCKS:
        return Status.INSUFFICIENT, f"{m} samples between restarts; it takes {BLOCKS}"
    tested = _tested(life.arms)
    if tested.min() == tested.max():
        return Status.DEGENERATE, "every sample is the same"
    return None


def _alike(lives: list[tuple[int, Stretch]]) -> list[list[int]]:
    """Indices of lives that can be searched as one array."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, life in lives:
        groups.setdefault(life.arms.shape, []).append(i)
    return list(groups.values())


def _tested(arms: FloatArray) -> FloatArray:
    """The series itself, or canary less baseline; arms on the last axis but one."""
    return arms[..., 0, :] - arms[..., 1, :] if arms.shape[-2] == 2 else arms[..., 0, :]


def _warm_up(lives: list[Stretch]) -> NDArray[np.intp]:
    """Samples up to the last jump among the first blocks."""
    tested = _tested(np.stack([life.arms for life in lives]))
    differences = np.diff(block_means(tested, BLOCKS), axis=1)
    about = np.abs(differences - np.median(differences, axis=1, keepdims=True))
    deviation = 1.4826 * np.median(about, axis=1, keepdims=True)
    largest = np.abs(tested).max(axis=1, keepdims=True)
    jumps = about[:, :STARTING] > np.maximum(JUMP * deviation, 1e-9 * largest)
    last = np.where(jumps.any(axis=1), STARTING - np.argmax(jumps[:, ::-1], axis=1), 0)
    n = tested.shape[1]
    # a jump within a block shows in two differences: the block after it is whole
    return np.where(n * (BLOCKS - last) >= BLOCKS * BLOCKS, last * n // BLOCKS, 0)


def _trim(life: Stretch, cut: int) -> Stretch:
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


def _answers(lives: list[Stretch], asked: Asked) -> list[Leak]:
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
        own = told
        if arms.shape[1] == 2 and any(lives[i].limit is not None for i in rows):
            own = _own_growth(told, blocks.arms[rows], clock, asked.level)
        for k, i in enumerate(rows):
            canary = (own, float(blocks.above[i]))
            answer = _answer(lives[i], (tested[k], clock[k]), told, canary, k, asked)
            answers[i] = answer.model_copy(update={"envelope": True}) if way else answer
    return [answer for answer in answers if answer is not None]


def _own_growth(told: Growth, arms: FloatArray, clock: FloatArray, level: float) -> Growth:
    """Growth of the canary itself, told by what it grows beside its baseline.

    Where the baseline is not shown to grow, the canary's memory is the baseline's usual level, give
    or take its swing, and what grows beside it. Where both grow, the canary is taken alone.
    """
    alone = growth(arms[:, 0], clock)
    baseline = arms[:, 1]
    both = growth(baseline, clock).p_value <= level
    usual, swing = baseline.mean(axis=1), baseline.std(axis=1)
    return replace(
        alone,
        slope=np.where(both, alone.slope, told.slope),
        error=np.where(both, alone.error, told.error),
        level=np.where(both, alone.level, told.level + usual),
        level_error=np.where(both, alone.level_error, np.hypot(told.level_error, swing)),
        covariance=np.where(both, alone.covariance, told.covariance),
    )


def _answer(
    life: Stretch,
    blocks: tuple[FloatArray, FloatArray],
    told: Growth,
    canary: tuple[Growth, float],
    k: int,
    asked: Asked,
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


def _interval(low: float, high: float, asked: Asked) -> Interval | None:
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
    life: Stretch,
    canary: tuple[Growth, float],
    k: int,
    clock: FloatArray,
    freedom: int,
    asked: Asked,
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


def silent(life: Stretch, status: Status, why: str, asked: Asked) -> Leak:
    """The answer where nothing can be told, and why."""
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
