"""When a canary that begins worse has settled: the end of its warm-up, by change point.

The difference of the two sides is averaged over a twentieth of the longest time. Where the bins
kept show a fall towards the baseline they are cut at its likeliest place and the later ones kept,
again and again. It has settled where a third of the longest time shows neither a fall nor a level
above the baseline. A canary that stays worse, and noise that hides whether it does, wait for the
longest time: what is found sooner is only that it is as the baseline.

Assumes bins that are nearly independent; a series with a long memory shows falls that are none and
waits for longer than it must.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BINS, FEWEST = 20, 7  # in the longest time, and kept before it has settled
BESIDE_A_CUT = 2  # bins on each side of a cut, at least
VISIBLE = 2.0  # standard errors


@dataclass(frozen=True, slots=True, eq=False)
class Settling:
    """What is known of a canary's beginning.

    Parameters
    ----------
    bins
        Mean differences of the bins kept, in time, shape (m,).
    total, ticks
        Of the running bin: sum of the differences, and how many.
    done
        Unix seconds of the tick at which it had settled, or the longest time was over.
    early
        Whether it settled before the longest time was over.
    """

    bins: FloatArray = field(default_factory=lambda: np.empty(0))
    total: float = 0.0
    ticks: int = 0
    done: float | None = None
    early: bool = False


def step(
    state: Settling, excess: float, at: float, per_bin: int, *, both_ways: bool = False
) -> Settling:
    """One tick.

    Parameters
    ----------
    state
        From the tick before.
    excess
        How much worse the canary is than the baseline, in any unit; NaN where a side is missing.
    at
        Unix seconds.
    per_bin
        Ticks of a bin.
    both_ways
        Whether a canary below the baseline is as bad as one above.
    """
    if state.done is not None or math.isnan(excess):
        return state
    total, ticks = state.total + excess, state.ticks + 1
    if ticks < per_bin:
        return replace(state, total=total, ticks=ticks)
    bins = _kept(np.append(state.bins, total / ticks), both_ways=both_ways)
    if len(bins) >= FEWEST and not _is_above(bins, both_ways=both_ways):
        return Settling(done=at, early=True)
    return Settling(bins)


def _kept(bins: FloatArray, *, both_ways: bool) -> FloatArray:
    """The bins after the last fall that shows."""
    while len(bins) >= 2 * BESIDE_A_CUT:
        n = len(bins)
        cuts = np.arange(BESIDE_A_CUT, n - BESIDE_A_CUT + 1)
        before = np.cumsum(bins)[cuts - 1]
        fall = before / cuts - (bins.sum() - before) / (n - cuts)
        fall = np.abs(fall) if both_ways else fall
        errors = _noise(bins) * np.sqrt(1.0 / cuts + 1.0 / (n - cuts))
        clearest = int((fall - VISIBLE * errors).argmax())
        if fall[clearest] <= VISIBLE * errors[clearest]:
            break
        bins = bins[cuts[clearest] :]
    return bins


def _is_above(bins: FloatArray, *, both_ways: bool) -> bool:
    level = float(bins.mean())
    level = abs(level) if both_ways else level
    return level > VISIBLE * _noise(bins) / math.sqrt(len(bins))


def _noise(bins: FloatArray) -> float:
    """Standard deviation of a bin, from how far neighbours differ."""
    return math.sqrt(float(np.square(np.diff(bins)).mean()) / 2.0)
