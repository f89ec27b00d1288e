"""What K gauges side by side remember between ticks."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from canarystats.kernels import drift
from canarystats.sequential import gauge_onset, late_shift, pod_effects
from canarystats.sequential.late_shift import Stretches
from canarystats.sequential.noise import Noise

FloatArray = NDArray[np.float64]
ALONE = "nothing shows how far single pods differ lastingly"
WORSE, NOT_WORSE, PLAIN = slice(0, 2), slice(2, 4), 4  # columns of width five


@dataclass(frozen=True, slots=True, eq=False)
class GaugeState:
    """K gauges side by side, one a row.

    Columns of width five: worse upwards, worse downwards, not worse upwards, not worse downwards,
    plain difference; of width two: the first two of those.

    Parameters
    ----------
    noise
        What the history taught.
    ticks
        Ticks with both sides, shape (K,).
    level
        Sums of the canary's and the baseline's values, shape (K, 2).
    total
        Sums of the differences beyond their margins, shape (K, 5).
    spent
        Ticks, each counted as often as its pods are fewer than the history's, shape (K,).
    last, changes
        The last difference, and the sum of `Noise.bounded` changes since the first, shape (K,).
    mass, log_scale
        See `kernels.drift`, shapes (K, 2, grid) and (K, 2).
    batch, in_batch
        Sums of the running batch, shape (K, 5), and its ticks so far, shape (K,).
    batches, mean, squares
        The finished batches: how many, their mean and sum of squares about it.
    pods
        Sum over both sides of one over the pods averaged at the last tick, shape (K,).
    apart
        What the baseline's pods have shown of their lasting differences; see `pod_effects`.
    stretches
        What stretches of the batches have shown: see `late_shift`.
    began
        How a lasting shift is dated: see `gauge_onset`, shape (K, directions, shifts, 6).
    """

    noise: Noise
    ticks: FloatArray
    level: FloatArray
    total: FloatArray
    spent: FloatArray
    last: FloatArray
    changes: FloatArray
    mass: FloatArray
    log_scale: FloatArray
    batch: FloatArray
    in_batch: FloatArray
    batches: FloatArray
    mean: FloatArray
    squares: FloatArray
    pods: FloatArray
    apart: FloatArray
    stretches: Stretches
    began: FloatArray


def start(learned: Noise, directions: int = 1) -> GaugeState:
    """The state before the first tick of a gauge with so many harmful directions."""
    size = len(learned.ticks)
    one, two, five = np.zeros(size), np.zeros((size, 2)), np.zeros((size, 5))
    return GaugeState(
        noise=learned,
        ticks=one,
        level=two,
        total=five,
        spent=one,
        last=np.full(size, np.nan),
        changes=one,
        mass=drift.start(size, 2),
        log_scale=two,
        batch=five,
        in_batch=one,
        batches=one,
        mean=five,
        squares=five,
        pods=2.0 * np.ones(size),
        apart=pod_effects.begin(size),
        stretches=late_shift.begin(size),
        began=gauge_onset.begin(size, directions),
    )


def only_where(seen: NDArray[np.bool_], after: GaugeState, before: GaugeState) -> GaugeState:
    """The rows of ``after`` where ``seen``, shape (K,), and of ``before`` elsewhere."""
    rows: dict[str, Any] = {"stretches": stretches_where(seen, after, before)}
    for field in fields(GaugeState)[1:]:
        if field.name not in rows:
            rows[field.name] = where(seen, getattr(after, field.name), getattr(before, field.name))
    return replace(before, **rows)


def stretches_where(chosen: NDArray[np.bool_], after: GaugeState, before: GaugeState) -> Stretches:
    """The stretches of ``after`` where ``chosen``, shape (K,), and of ``before`` elsewhere."""
    new, old = after.stretches, before.stretches
    if new is old:
        return old
    names = [field.name for field in fields(Stretches)]
    return Stretches(*[where(chosen, getattr(new, name), getattr(old, name)) for name in names])


def where(chosen: NDArray[np.bool_], new: FloatArray, old: FloatArray) -> FloatArray:
    """The rows of ``new`` that are ``chosen``, and of ``old`` elsewhere."""
    return np.where(chosen.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def ordinary(state: GaugeState, pods: FloatArray, assumed: float) -> FloatArray:
    """The lasting difference between two sides that no change needs to explain, shape (K,).

    What the history shows of it, or else the pods of the running baseline, or else what is assumed.

    Parameters
    ----------
    state
        Where the tests stand.
    pods
        Sum over both sides of one over the pods averaged, shape (K,).
    assumed
        In parts of the baseline's level so far, where nothing shows it.
    """
    known = state.noise.ordinary(pods)
    shown = pod_effects.ordinary(*_shown_by_pods(state), pods)
    if assumed:
        level = np.abs(state.level[:, 1]) / np.maximum(state.ticks, 1.0)
        shown = np.where(untold(state), assumed * level, shown)
    return np.where(state.noise.pod_freedom > 0, known, np.maximum(known, shown))


def untold(state: GaugeState) -> NDArray[np.bool_]:
    """Where neither a history nor the running baseline shows how far pods differ, shape (K,)."""
    alone: NDArray[np.bool_] = state.noise.pod_freedom == 0
    return alone & ~pod_effects.several(state.apart)


def _shown_by_pods(state: GaugeState) -> tuple[FloatArray, FloatArray]:
    """What the running baseline's pods differ by lastingly, and its degrees of freedom."""
    between, free = pod_effects.between(state.apart)
    trusted, batches = state.noise.trusted, state.batches
    spread = state.squares[:, PLAIN] / np.maximum(batches - 1.0, 1.0)
    # What noise alone leaves of the difference between the sides' averages, and so of a pod's.
    left = np.where(
        trusted,
        state.noise.variance / np.maximum(state.ticks, 1.0) / state.noise.pods,
        spread / np.maximum(batches, 1.0) / state.pods,
    )
    told = trusted | (batches >= 2)
    return np.sqrt(np.fmax(between - left, 0.0)), np.where(told, free, 0.0)


def told_by_pods(state: GaugeState, row: int, assumed: float) -> tuple[str, ...]:
    """What is known of the pods of one row besides its history, in sentences; nothing if unused."""
    if assumed and untold(state)[row]:
        return (
            f"{ALONE}, so two sides are taken to differ by up to {assumed:.3g} of the baseline",
        )
    effect = float(_shown_by_pods(state)[0][row])
    if state.noise.pod_freedom[row] or not effect:
        return ()
    most = float(ordinary(state, state.pods, assumed)[row])
    said = f"pods of the running baseline differ lastingly by {effect:.4g}, so two sides may differ"
    return (f"{said} by {most:.4g} without any change",)
